"""Run ansible-playbook, and accept `-e base=ws low=1 high=40` without quotes.

The last lines of .venv/bin/ansible-playbook, written by scripts/setup, run this script. Words name=value that follow
the value of an -e get an -e each; every other argument reaches Ansible as it was typed. Our own playbooks get our
ansible.cfg from any folder, and a locale in which Ansible starts. The script itself changes nothing.
"""

from __future__ import annotations

import configparser
import contextlib
import functools
import gc
import json
import locale
import os
import re
import sys
from collections.abc import MutableMapping, Sequence
from pathlib import Path

_NAME_AND_VALUE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
# An -e may follow letters of options that take no value, as in -Ce.
_SHORT = re.compile(r"-[CDJKbkv]*e(.*)", re.DOTALL)
_LONG = "--extra-vars"
_INVENTORY = re.compile(r"-[CDJKbkv]*i|--inv")
ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {
    "ANSIBLE_ACTION_PLUGINS": "plugins/action",
    "ANSIBLE_CALLBACK_PLUGINS": "plugins/callback",
    "ANSIBLE_CONNECTION_PLUGINS": "plugins/connection",
    "ANSIBLE_DOC_FRAGMENT_PLUGINS": "plugins/doc_fragments",
    "ANSIBLE_FILTER_PLUGINS": "plugins/filter",
    "ANSIBLE_INVENTORY_PLUGINS": "plugins/inventory",
    "ANSIBLE_LIBRARY": "plugins/modules",
    "ANSIBLE_ROLES_PATH": "roles",
}
"""Folders that our commands need, by the variable that replaces our setting.

The settings are those of our ansible.cfg.
"""
_LOCALES = ("C.UTF-8", "en_US.UTF-8")


def joined(arguments: Sequence[str]) -> list[str]:
    """Return `arguments` with an -e before each bare name=value after an -e's value.

    Each pair becomes JSON, which keeps the value unchanged: for name=value Ansible would split blanks and remove
    quotes.
    """
    done: list[str] = []
    words = iter(arguments)
    follows = False
    is_value = False
    for word in words:
        if word == "--":
            return [*done, word, *words]
        found = _NAME_AND_VALUE.fullmatch(word) if follows else None
        if found:
            done += ["-e", json.dumps({found[1]: found[2]})]
            continue
        done.append(word)
        attached = _attached(word)
        follows = bool(attached) or (is_value and not word.startswith("-"))
        is_value = attached == ""
    return done


def _attached(word: str) -> str | None:
    """Return the text after an -e in the same `word`.

    The text is empty if the value is the next word, and None for other words.
    """
    if short := _SHORT.fullmatch(word):
        return short[1]
    name, equals, value = word.partition("=")
    # argparse accepts any prefix of a long option.
    return equals + value if len(name) > len("--") and _LONG.startswith(name) else None


def obstacle(arguments: Sequence[str], environment: MutableMapping[str, str]) -> str | None:
    """Return why our playbooks cannot run with this environment, or None.

    `environment` gets the path of our ansible.cfg, and our folders. Ansible itself looks for ansible.cfg in the working
    directory alone, and not where everybody may write, as in every folder of Windows under WSL. Other playbooks are
    left to Ansible.
    """
    if "--syntax-check" in arguments or not any(_is_ours(word) for word in arguments):
        return None
    for name, folder in FOLDERS.items():
        if name in environment and not _holds(environment[name], folder):
            # Ours come first, and the others' stay: they may be tools for every project.
            environment[name] = ":".join(filter(None, (str(ROOT / folder), environment[name])))
    foreign = []
    if not _is_our_config(_path(environment.setdefault("ANSIBLE_CONFIG", str(ROOT / "ansible.cfg")))):
        foreign.append("ANSIBLE_CONFIG")
    sources = [_from_anywhere(source) for source in environment.get("ANSIBLE_INVENTORY", "").split(",")]
    if any(sources):
        environment["ANSIBLE_INVENTORY"] = ",".join(sources)
        is_chosen = any(_INVENTORY.match(word) for word in arguments)
        if not is_chosen and not any(_has_our_variables(_path(source)) for source in filter(None, sources)):
            foreign.append("ANSIBLE_INVENTORY")
    if not foreign:
        return None
    return f"this shell has settings of another project: unset {' '.join(foreign)}; nothing was touched"


def _is_ours(word: str) -> bool:
    path = Path(word).absolute()
    return path.suffix == ".yml" and path.is_file() and path.resolve().parent in (ROOT, ROOT / "playbooks")


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:  # There is no such user.
        return Path(text)


def _from_anywhere(source: str) -> str:
    """Return a source of the inventory, with its whole path if it is in our root."""
    ours = ROOT / source
    return str(ours) if source and not _path(source).exists() and ours.exists() else source


def _holds(value: str, folder: str, start: Path = Path()) -> bool:
    """Return whether a list of paths has our folder; relative ones begin at `start`."""
    wanted = (ROOT / folder).resolve()
    return any((start / _path(path)).resolve() == wanted for path in value.split(":") if path)


def _has_our_variables(source: Path) -> bool:
    """Return whether a file or folder of an inventory has our group_vars beside it."""
    return source.exists() and ((source if source.is_dir() else source.parent) / "group_vars/users.yml").exists()


def _is_our_config(path: Path) -> bool:
    """Return whether a file of settings is ours or has our modules.

    `path` is the file, or a folder with ansible.cfg in it.
    """
    path = path / "ansible.cfg" if path.is_dir() else path
    if path.resolve() == ROOT / "ansible.cfg":
        return True
    settings = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        settings.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return False
    return _holds(settings.get("defaults", "library", fallback=""), "plugins/modules", path.parent)


def use_utf8(environment: MutableMapping[str, str]) -> None:
    """Give the process a locale with UTF-8 where it has none.

    Its locale is C or does not exist then, with which Ansible does not start.
    """
    try:
        if locale.setlocale(locale.LC_ALL, "") not in ("C", "POSIX"):
            return
    except locale.Error:
        pass
    for name in _LOCALES:
        try:
            locale.setlocale(locale.LC_ALL, name)
        except locale.Error:
            continue
        environment["LC_ALL"] = name
        return


def share_service_models() -> None:
    """Let all sessions of boto3 in this process share AWS's service models.

    Parsing them is nine tenths of the work of making a client. Ansible's workers, each of which makes its own clients,
    inherit what the inventory has read. Without boto3 nothing is done.
    """
    with contextlib.suppress(ImportError):
        import botocore.session

        botocore.session.create_loader = functools.cache(botocore.session.create_loader)


def main() -> None:
    """Run Ansible's own ansible-playbook with the arguments of this process.

    It ends with the exit status of ansible-playbook.
    """
    use_utf8(os.environ)
    if problem := obstacle(sys.argv[1:], os.environ):
        sys.exit(f"ansible-playbook: {problem}")
    # Imports and templates make many objects that live on; looking for garbage among them took 7 % of a command's time.
    gc.set_threshold(20_000, 20, 50)
    if any(_is_ours(word) for word in sys.argv[1:]):
        share_service_models()
    # The import is here because the tests of `joined` need no Ansible.
    from ansible.cli.playbook import main as ansible_playbook

    ansible_playbook([sys.argv[0], *joined(sys.argv[1:])])
