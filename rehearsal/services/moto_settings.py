"""Settings of moto that it reads from the environment when it is imported: import this module before any of moto's."""

import os

os.environ.update(
    {
        # Names that do not exist are errors, as on AWS.
        "MOTO_ENABLE_AMI_VALIDATION": "true",
        "MOTO_ENABLE_KEYPAIR_VALIDATION": "true",
        "MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION": "true",
        # rehearsal/services/ec2/amis.py brings the images.
        "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
        # A page in a browser has no business with the API.
        "MOTO_DISABLE_GLOBAL_CORS": "true",
    }
)
