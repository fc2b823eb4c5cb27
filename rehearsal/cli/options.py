"""Define the arguments of `scripts/rehearsal`."""

import argparse
import os
from pathlib import Path
from typing import Any

from rehearsal.settings import Settings

UP_OPTIONS = {
    name: getattr(Settings(), name)
    for name in (
        "boot_timeout",
        "clean",
        "console_boot_time",
        "console_delay",
        "container_memory",
        "foreign_stacks",
        "http_port",
        "https_port",
        "image",
        "image_delay",
        "record_delay",
        "region",
        "request_burst",
        "requests_per_second",
        "seconds_per_resource",
        "vcpu_quota",
    )
}
"""Settings that `up` takes, with their defaults."""
_UP_HELP = {
    "clean": "an account with nothing of others in it",
    "foreign_stacks": "so many more stacks of others, e.g. 1000, for lists of many pages",
}

FAULT_OPTIONS: dict[str, dict[str, Any]] = {
    "kind": {"choices": ["api", "resource", "capacity", "machine"], "help": "what fails (api)"},
    "service": {"help": "api: service, e.g. cloudformation"},
    "action": {"help": "api: call, e.g. CreateStack"},
    "match": {"help": "text in the request, the stack's name, or the machine's tags"},
    "code": {"help": "api: error code, e.g. Throttling or ExpiredToken"},
    "message": {"help": "error message, or reason of the failed resource"},
    "status": {"type": int, "help": "api: HTTP status (400)"},
    "drop": {"action": "store_true", "help": "api: cut the connection instead"},
    "after": {"action": "store_true", "help": "api: the call takes effect, only its answer is lost"},
    "logical_id": {"help": "resource: logical id in the template"},
    "effect": {"choices": ["no-boot", "no-console", "no-image"], "help": "machine: what is wrong with it"},
    "times": {"type": int, "help": "hits until it is over (no limit)"},
    "rate": {"type": float, "help": "share of the matching calls that fail (1)"},
    "seed": {"type": int, "help": "makes the hits of a rate repeatable (0)"},
    "skip": {"type": int, "help": "matching calls that pass before the first hit (0)"},
}
"""Fields of a fault that `fault add` takes."""


def _add_settings(up_parser: argparse.ArgumentParser) -> None:
    alone = up_parser.add_mutually_exclusive_group()
    for name, default in UP_OPTIONS.items():
        option = f"--{name.replace('_', '-')}"
        if name == "clean":
            alone.add_argument(option, action="store_const", const=True, help=_UP_HELP[name])
        else:
            where = alone if name == "foreign_stacks" else up_parser
            where.add_argument(option, type=type(default), help=_UP_HELP.get(name, f"default {default or 'none'}"))


def parser() -> argparse.ArgumentParser:
    """Return the argument parser of `scripts/rehearsal`."""
    root = Path(__file__).resolve().parents[2]
    made = argparse.ArgumentParser(prog="rehearsal", description="The cloud without an account, on this computer.")
    home = os.environ.get("REHEARSAL_HOME") or str(root / ".rehearsal")
    made.add_argument("--home", type=Path, default=Path(home), help="folder of all it writes (.rehearsal)")
    commands = made.add_subparsers(dest="command", required=True)
    up_parser = commands.add_parser("up", help="start it; of no effect if it runs")
    _add_settings(up_parser)
    commands.add_parser("down", help="remove every trace of it")
    env = commands.add_parser("env", help='shell commands that point everything at it: eval "$(scripts/rehearsal env)"')
    env.add_argument(
        "--own-settings",
        action="store_true",
        help="take group_vars/all/local.yml and host_vars/ of this checkout, which must fit the rehearsal's account",
    )
    status_parser = commands.add_parser("status", help="machines, requests, memory")
    status_parser.add_argument("--json", action="store_true", help="all of it, for programs")
    package = commands.add_parser("package", help="put a new version of a package into the signed repository")
    package.add_argument("versions", nargs="+", metavar="NAME=VERSION", help="e.g. python-cgpm=0.3.0")
    faults = commands.add_parser("fault", help="break something on purpose").add_subparsers(dest="what", required=True)
    faults.add_parser("list", help="all faults")
    faults.add_parser("clear", help="end all faults and changed quotas")
    quota = faults.add_parser("quota", help="change a service quota")
    quota.add_argument("service")
    quota.add_argument("code")
    quota.add_argument("value", type=float)
    add = faults.add_parser("add", help="let calls, resources or machines fail")
    for name, options in FAULT_OPTIONS.items():
        add.add_argument(f"--{name.replace('_', '-')}", **options)
    return made
