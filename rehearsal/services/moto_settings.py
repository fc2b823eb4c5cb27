"""Set moto's environment variables, and parse each of AWS's models once.

moto reads the variables when it is imported, and asks a new session of botocore for many of its parts; each session
would parse megabytes of JSON anew. Import this module before any of moto's.
"""

import os
import re
from functools import cache
from typing import Any

from botocore.loaders import JSONFileLoader, Loader

os.environ.update(
    {
        # A machine image that does not exist is an error, as on AWS.
        "MOTO_ENABLE_AMI_VALIDATION": "true",
        "MOTO_ENABLE_KEYPAIR_VALIDATION": "true",
        "MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION": "true",
        # rehearsal/services/ec2/amis.py defines the images.
        "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
        # A web page in a browser must not use the API.
        "MOTO_DISABLE_GLOBAL_CORS": "true",
    }
)

_read_model = cache(JSONFileLoader().load_file)
_CHANGED = re.compile("/s3(control)?/")
_exists = cache(JSONFileLoader().exists)


class KeptModels(JSONFileLoader):
    """Read each file of botocore's data once in a process, with two exceptions.

    The clients of S3 and S3 Control take bucket and account out of the paths in their own models, which moto needs as
    they are.
    """

    def exists(self, file_path: str) -> bool:
        """Return whether there is a file, named without its ending.

        Each new client asks for those of all services.
        """
        return _exists(file_path)

    def load_file(self, file_path: str) -> Any:
        """Return the content of a file, named without its ending, or None."""
        return super().load_file(file_path) if _CHANGED.search(file_path) else _read_model(file_path)


Loader.FILE_LOADER_CLASS = KeptModels
