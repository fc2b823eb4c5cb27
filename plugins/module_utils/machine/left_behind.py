"""Find what an intruder may have left in a user's Jupyter.

A new password does not end it. Runs on the machine and changes nothing. Python 3.10 and its standard library only.
"""

from __future__ import annotations

import fnmatch
import functools
import itertools
import os
import pwd
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from .accounts import MachineError, run_as
from .jupyter_service import CONFIG, HOME_SECONDS, read_config

KEYS = (".ssh/authorized_keys", ".ssh/authorized_keys2", ".ssh/rc", ".config/systemd/user/*", ".config/autostart/*")
"""Patterns of keys and timers in a home, looked for first and counted apart."""
IN_HOME = (
    *(".jupyter/*.py", ".jupyter/*.json", ".jupyter/*_config.d/*", ".jupyter/custom/*.js"),
    *(".ipython/profile_*/*.py", ".ipython/profile_*/startup/*", ".ipython/extensions/*"),
    *(f".local/share/jupyter/{kind}/*" for kind in ("kernels", "labextensions", "nbextensions")),
    *(f".local/etc/jupyter/{kind}" for kind in ("*.py", "*.json", "*_config.d/*")),
    *(f".local/lib/python*/site-packages/{kind}" for kind in ("*.pth", "sitecustomize.py", "usercustomize.py")),
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
"""Number of files listed of each kind.

Kinds are keys, others in the home, and those in the environment.
"""
_MOST_IN_A_FOLDER = 100_000
_SEARCH_SECONDS = 20
"""Seconds after which a search stops by itself.

After HOME_SECONDS it is ended, and has no result.
"""
_AGAIN_SECONDS = 10
"""Seconds for a second search, which compares nothing."""
_OUR_SETTINGS = {"IdentityProvider": {"hashed_password"}}
IsKnown = Callable[[str], bool]


class Search:
    """One search as the user, bounded in the entries of each folder and in seconds."""

    def __init__(self) -> None:
        self.unread: list[str] = []
        """Folders that cannot be read, or not to their end."""
        self.is_late = False
        self._until = time.monotonic() + _SEARCH_SECONDS

    def keys(self, home: Path) -> Iterator[str]:
        """Give keys and timers in a home."""
        return self._all(home, KEYS)

    def in_home(self, home: Path) -> Iterator[str]:
        """Give other such files in a home."""
        usual = {f"{home}/{CONFIG}"} if _has_only_the_hash(home / CONFIG) else set()
        for path in self._all(home, IN_HOME):
            name = path.removeprefix(f"{home}/")
            if path not in usual and not (name.startswith(".ipython/") and name.endswith("/startup/README")):
                yield path

    def in_environment(self, path: Path) -> Iterator[str]:
        """Give files in Jupyter's environment that the role's packages did not put there."""
        ours = {f"{path}/{name}" for name in OURS}
        return (found for found in self._all(path, IN_ENVIRONMENT) if found not in ours)

    def _all(self, folder: Path, patterns: Iterable[str]) -> Iterator[str]:
        for pattern in patterns:
            for name in self._matches(folder, pattern):
                yield f"{folder}/{name}"

    def _matches(self, folder: Path, pattern: str) -> Iterator[str]:
        """Give the paths below `folder` that match."""
        first, _, rest = pattern.partition("/")
        for name in self._names(folder, first):
            yield from ((f"{name}/{below}" for below in self._matches(folder / name, rest)) if rest else (name,))

    def _names(self, folder: Path, pattern: str) -> list[str]:
        """Return the names in `folder` that match."""
        self.is_late = self.is_late or time.monotonic() > self._until
        if self.is_late:
            return []
        try:
            if "*" not in pattern:
                # However full the folder is, the one file is found.
                (folder / pattern).lstat()
                return [pattern]
            with os.scandir(folder) as entries:
                names = [entry.name for entry in itertools.islice(entries, _MOST_IN_A_FOLDER)]
                is_cut = next(entries, None) is not None
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError:
            names, is_cut = [], True
        if is_cut and str(folder) not in self.unread:
            self.unread.append(str(folder))
        return [name for name in sorted(names) if fnmatch.fnmatchcase(name, pattern) and name != "__pycache__"]


def find(account: pwd.struct_passwd, environment: str, is_known: IsKnown) -> list[str]:
    """Return the paths of what may be an intruder's, or may be the user's own.

    What `is_known` is left out. What cannot be looked at is named as such, and lines before the paths say what is not
    in the list.
    """
    home, venv = Path(account.pw_dir), Path(environment)
    lines, keys = _named(account, is_known, {f"keys and timers in {home}": lambda search: search.keys(home)})
    others: dict[str, Callable[[Search], Iterator[str]]] = {
        f"settings and programs in {home}": lambda search: search.in_home(home),
        f"settings and programs in {venv}": lambda search: search.in_environment(venv),
    }
    more_lines, files = _named(account, is_known, others)
    roots = (f"/var/spool/cron/crontabs/{account.pw_name}", f"/var/lib/systemd/linger/{account.pw_name}")
    return [*lines, *more_lines, *(path for path in roots if Path(path).exists()), *keys, *files]


def _named(
    account: pwd.struct_passwd, is_known: IsKnown, parts: dict[str, Callable[[Search], Iterator[str]]]
) -> tuple[list[str], list[str]]:
    """Return lines and paths of `parts`, by what each looks for.

    Where `is_known` does not end in time, all paths are returned, for what hangs must not hide them.
    """
    what = f"looking for {' and '.join(parts)}"

    def work(is_left_out: IsKnown) -> tuple[list[str], list[str]]:
        search = Search()
        lines: list[str] = []
        paths: list[str] = []
        for name, part in parts.items():
            found = (path for path in part(search) if not is_left_out(path))
            paths += itertools.islice(found, MOST)
            if next(found, None) is not None:
                lines.append(f"more than {MOST} {name}: only some are listed")
        if search.is_late:
            lines.append(f"{what} took longer than {_SEARCH_SECONDS} s: not all of it was looked at")
        return lines, [*search.unread[:MOST], *paths]

    lines: list[str] = []
    for is_left_out, seconds in ((is_known, HOME_SECONDS), (lambda _: False, _AGAIN_SECONDS)):
        try:
            more, paths = run_as(account, functools.partial(work, is_left_out), seconds, what)
        except MachineError as error:
            lines.append(str(error))
        else:
            return [*lines, *more], paths
    return lines[:1], []


def _has_only_the_hash(path: Path) -> bool:
    try:
        config = read_config(path)
    except OSError:
        return False
    return config is not None and all(
        isinstance(value, dict) and value.keys() <= _OUR_SETTINGS.get(section, set())
        for section, value in config.items()
    )
