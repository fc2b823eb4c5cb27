"""Copy the options of core's ssh connection for a plugin that extends it.

They are read from core, so new options are included at once.
"""

import yaml
from ansible.plugins.connection import ssh


class ModuleDocFragment:
    """Fragment with the options that core documents in its plugin only."""

    DOCUMENTATION = yaml.safe_dump({"options": yaml.safe_load(ssh.DOCUMENTATION)["options"]})
