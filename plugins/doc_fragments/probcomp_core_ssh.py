"""Options of core's ssh connection, for a plugin that extends it; read from core, so new ones are there at once."""

import yaml
from ansible.plugins.connection import ssh


class ModuleDocFragment:
    """Core has the options in the plugin itself, not in a fragment."""

    DOCUMENTATION = yaml.safe_dump({"options": yaml.safe_load(ssh.DOCUMENTATION)["options"]})
