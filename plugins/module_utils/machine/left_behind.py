"""Find what an intruder may have left in a user's Jupyter.

A new password does not end it. Runs on the machine and changes nothing. Python 3.10 and its standard library only.
"""

from __future__ import annotations

import fnmatch
import itertools
import os
import pwd
from collections.abc import Callable, Iterator
from pathlib import Path

from .accounts import MachineError, run_as
from .jupyter_service import CONFIG, HOME_SECONDS, read_config

IN_HOME = (
    *(".jupyter/*.py", ".jupyter/*.json", ".jupyter/*_config.d/*", ".jupyter/custom/*.js"),
    *(".ipython/profile_*/*.py", ".ipython/profile_*/startup/*", ".ipython/extensions/*"),
    *(f".local/share/jupyter/{kind}/*" for kind in ("kernels", "labextensions", "nbextensions")),
    *(f".local/etc/jupyter/{kind}" for kind in ("*.py", "*.json", "*_config.d/*")),
    *(f".local/lib/python*/site-packages/{kind}" for kind in ("*.pth", "sitecustomize.py", "usercustomize.py")),
    *(".ssh/authorized_keys", ".ssh/authorized_keys2", ".ssh/rc", ".config/systemd/user/*", ".config/autostart/*"),
)
"""Patterns of files that run, or let somebody in, after the password is another."""
IN_ENVIRONMENT = (
    *(f"etc/jupyter/{kind}" for kind in ("*.py", "*.json", "*_config.d/*")),
    *(f"share/jupyter/{kind}" for kind in ("kernels/*", "nbextensions/*", "labextensions/*", "labextensions/@*/*")),
    *(f"lib/python*/site-packages/{kind}" for kind in ("*.pth", "sitecustomize.py", "usercustomize.py")),
)
"""Such patterns in Jupyter's virtual environment."""
OURS = frozenset(
    {
        "etc/jupyter/jupyter_notebook_config.d/jupyterlab.json",
        *(
            f"etc/jupyter/jupyter_server_config.d/{name}.json"
            for name in (
                "jupyter-lsp-jupyter-server",
                "jupyter_server_terminals",
                "jupyterlab",
                "notebook",
                "notebook_shim",
            )
        ),
        *("share/jupyter/kernels/python3", "share/jupyter/labextensions/jupyterlab_pygments"),
        *(
            "share/jupyter/labextensions/@jupyter-notebook",
            "share/jupyter/labextensions/@jupyter-notebook/lab-extension",
        ),
    }
)
"""What the role's packages put into the environment."""
MOST = 1000
"""Files that are counted."""
_MOST_IN_A_FOLDER = 10_000
_OUR_SETTINGS = {"IdentityProvider": {"hashed_password"}}


def find(account: pwd.struct_passwd, environment: str, is_known: Callable[[str], bool]) -> list[str]:
    """Return the paths of what may be an intruder's, or may be the user's own.

    What `is_known` is left out. What cannot be looked at is named as such.
    """
    home = Path(account.pw_dir)
    what = f"looking through {home} and {environment}"

    def work() -> list[str]:
        return [path for path in (*in_home(home), *in_environment(Path(environment))) if not is_known(path)]

    try:
        found = run_as(account, work, HOME_SECONDS, what)
    except MachineError as error:
        found = [str(error)]
    roots = (f"/var/spool/cron/crontabs/{account.pw_name}", f"/var/lib/systemd/linger/{account.pw_name}")
    return [*(path for path in roots if Path(path).exists()), *found]


def in_home(home: Path) -> list[str]:
    """Return such files in a home. Runs as the user."""
    found = itertools.islice((name for pattern in IN_HOME for name in _matches(home, pattern)), MOST)
    usual = {str(CONFIG)} if _has_only_the_hash(home / CONFIG) else set()
    return [
        f"{home}/{name}"
        for name in found
        if name not in usual and not (name.startswith(".ipython/") and name.endswith("/startup/README"))
    ]


def in_environment(path: Path) -> list[str]:
    """Return files in Jupyter's environment that may be an intruder's.

    The role's packages did not put them there. Runs as the user.
    """
    found = (name for pattern in IN_ENVIRONMENT for name in _matches(path, pattern) if name not in OURS)
    return [f"{path}/{name}" for name in itertools.islice(found, MOST)]


def _has_only_the_hash(path: Path) -> bool:
    config = read_config(path)
    return config is not None and all(
        isinstance(value, dict) and value.keys() <= _OUR_SETTINGS.get(section, set())
        for section, value in config.items()
    )


def _matches(folder: Path, pattern: str) -> Iterator[str]:
    """Give the paths below `folder` that match, of a bounded number in each folder."""
    first, _, rest = pattern.partition("/")
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in itertools.islice(entries, _MOST_IN_A_FOLDER))
    except OSError:
        return
    for name in names:
        if fnmatch.fnmatchcase(name, first) and name != "__pycache__":
            yield from ((f"{name}/{below}" for below in _matches(folder / name, rest)) if rest else (name,))
