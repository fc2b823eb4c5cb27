"""Set moto's environment variables, which it reads when it is imported.

Import this module before any of moto's.
"""

import os

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
