"""Preload plugins in the process that starts Ansible's workers.

Ansible forks a worker for each task and machine. Filters, tests, connection, shell and become plugins are first needed
there, so without this each worker imports them, and parses the documentation of their options, again: about 0.04 s of
processor time.
"""

from __future__ import annotations

import gc
from typing import Any

from ansible.plugins.loader import become_loader, connection_loader, shell_loader
from ansible.template import trust_as_template
from ansible_collections.amazon.aws.plugins.module_utils import modules  # noqa: F401 - workers run our AWS modules

_CONNECTION = "probcomp_ssh"


def preload(templar: Any) -> None:
    """Load the plugins that workers need.

    `templar` evaluates an expression with a filter and a test, which loads all plugins of both kinds.
    """
    for loader, name in ((connection_loader, _CONNECTION), (shell_loader, "sh"), (become_loader, "sudo")):
        loader.get(name, class_only=True)
    templar.template(trust_as_template("{{ 'x' | default('') is string }}"))
    # Without the freeze, a worker's garbage collection copies this process's memory, page by page.
    gc.freeze()
