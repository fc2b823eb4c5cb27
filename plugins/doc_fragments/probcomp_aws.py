"""Join amazon.aws's fragments about the options of all our AWS modules.

A fragment cannot extend others, so their texts are read and put together.
"""

import yaml
from ansible_collections.amazon.aws.plugins.doc_fragments import boto3, common, region

_PARTS = [yaml.safe_load(module.ModuleDocFragment().MODULES) for module in (common, region, boto3)]


class ModuleDocFragment:
    """Fragment with credentials, profile, region and endpoint, as amazon.aws has them."""

    DOCUMENTATION = yaml.safe_dump(
        {
            "options": {name: option for part in _PARTS for name, option in part["options"].items()},
            **{key: [line for part in _PARTS for line in part.get(key, [])] for key in ("notes", "requirements")},
        }
    )
