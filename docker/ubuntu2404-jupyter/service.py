"""Write the files that define how Jupyter is started and set up.

They are service.json and page_config.json: what the role jupyter gives a machine. docker/ubuntu2404-jupyter/Dockerfile
runs this while it builds, with the folder that holds the roles' files; it needs jinja2 and PyYAML, which Jupyter
brings. The command is that of the role's unit: the image has no list of arguments of its own.
"""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import jinja2
import yaml

HERE = {"jupyter_account": "jupyter", "jupyter_home": "/home/jupyter", "jupyter_venv": "/opt/jupyter"}
"""Values that the Dockerfile fixes."""
PORT = 8080


def unit(template: str, defaults: dict[str, Any]) -> str:
    """Return the role's unit file, rendered with its defaults.

    Raises jinja2.UndefinedError for a variable that the defaults do not set.
    """
    values = {**defaults, **HERE, "jupyter_port": PORT, "ansible_managed": ""}
    # The settings are those with which Ansible sets up its templates.
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True)  # noqa: S701 - plain text, not HTML
    return environment.from_string(template).render(values)


def service(text: str) -> dict[str, Any]:
    """Return the command and the environment of a unit file.

    Raises ValueError unless there is exactly one command.
    """
    commands: list[list[str]] = []
    environment: dict[str, str] = {}
    for line in text.replace("\\\n", " ").splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "ExecStart":
            # systemd writes a percent sign as two.
            commands.append([word.replace("%%", "%") for word in shlex.split(value)])
        elif name.strip() == "Environment":
            environment.update((word.partition("=")[0], word.partition("=")[2]) for word in shlex.split(value))
    if len(commands) != 1:
        raise ValueError(f"the unit has {len(commands)} commands")
    return {"command": commands[0], "environment": environment}


def page_config(defaults: dict[str, Any]) -> dict[str, Any]:
    """Return JupyterLab's page settings: the extensions that the role switches off.

    JupyterLab reads them for every page.
    """
    return {"disabledExtensions": dict.fromkeys(defaults.get("jupyter_disabled_extensions", []), True)}


def main(folder: Path) -> None:
    """Write service.json and page_config.json."""
    defaults = yaml.safe_load((folder / "jupyter/main.yml").read_text())
    described = service(unit((folder / "jupyter/jupyter.service.j2").read_text(), defaults))
    passwords = yaml.safe_load((folder / "jupyter_password/main.yml").read_text())
    described |= {"minimum_length": passwords["jupyter_password_min_length"], "port": PORT}
    (folder / "service.json").write_text(json.dumps(described, indent=2) + "\n")
    (folder / "page_config.json").write_text(json.dumps(page_config(defaults), indent=2) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
