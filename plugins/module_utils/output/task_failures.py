"""Format results of failed tasks and unreachable machines as lines.

Pure functions. Everything in a result may come from a machine that its user controls, so all of it is made printable
first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .results import any_text
from .text import one_line, printable_lines

# Core and its ssh connection put this text before the message that matters.
_CORE_PREFIX = re.compile(
    r"\A(?:(?:Task|Module|Action) failed[:.]\s*"
    r"|Data could not be sent to remote host .*? over ssh:\s*"
    r"|Failed to connect to the host via ssh:\s*)+",
    re.DOTALL,
)
# The apt module puts a whole command line before apt's message.
_APT_COMMAND = re.compile(r"\A'/usr/bin/apt-get .*?' failed: (?:E: )?", re.DOTALL)
_MOST_ERRORS = 20
_NO_REASON = re.compile(r"non-zero return code", re.IGNORECASE)
_WRONG_HOST_KEY = re.compile(
    r"host key verification failed|host identification has changed|no .*host key is known", re.I
)
_FAILURE_HINTS = (
    (
        r"could not get lock|frontend lock|failed to lock apt|/lists/lock",
        "something else installs packages there: wait for it, or give it longer "
        "(apt_probcomp_lock_timeout, jupyter_lock_timeout, logs_lock_timeout, machine_image_lock_timeout)",
    ),
    (
        r"No space left on device|enough free space|Disk quota exceeded",
        "that disk is full: make room there (df -h; on the machine by scripts/login), and try again",
    ),
    (r"Held packages were changed", "apt-mark showhold names them on the machine, apt-mark unhold lets them go"),
    (
        r"GPG error|is not signed|NO_PUBKEY|Clearsigned file",
        "is the repository signed, by the key in apt_probcomp_key or apt_probcomp_key_file?",
    ),
    (
        r"Hash Sum mismatch|File has unexpected size",
        "the repository is being changed or is broken: upload its index anew",
    ),
)
_HINTS = (
    (
        r"waiting for privilege escalation prompt",
        "it took the connection and said nothing: if it hangs, stack_stop.yml and then stack_start.yml help",
    ),
    (r"permission denied", "is private_key_file the key of its key pair, or the agent loaded with it?"),
    (r"timed out|no route to host|unreachable", "is it running, and is admin_cidr the network that you are in?"),
    (r"connection refused|connection reset|connection closed", "it may still be starting: try again in a minute"),
    (r"could not resolve hostname|name or service not known", "it has no address: is it running?"),
)


def failure_lines(result: Mapping[str, Any], task: str, keep_lines: bool = False) -> list[str]:
    """Return why a task failed, in at least one line.

    The result is one line, or with `keep_lines` one per line of the message.

    `task` is the task's name, for failures without a message.
    """
    if "censored" in result:
        return [f"{one_line(task)}: failed; its output holds a secret and is not shown"]
    if items := _failed_items(result):
        return failure_lines(items[0], task, keep_lines)
    message = _APT_COMMAND.sub("", _CORE_PREFIX.sub("", any_text(result.get("msg") or "")))
    if details := _details(result, message):
        message = f"{message.rstrip('.: ')}: {details}" if message and not _NO_REASON.search(message) else details
    lines = [line for line in printable_lines(message) if line] if keep_lines else [_hinted(message)]
    return lines if any(lines) else [f"{one_line(task)}: failed without a message; -v shows more"]


def without_name(line: str, host: str) -> str:
    """Return a line without the machine's name at its beginning.

    The name is shown beside it.
    """
    return line.removeprefix(f"{host}: ")


def unreachable_line(result: Mapping[str, Any]) -> str:
    """Return why a machine cannot be reached and how to fix it."""
    if _WRONG_HOST_KEY.search(any_text(result.get("msg"))):
        # ssh prints a page of warnings, most of them about files that do not exist on this computer.
        return "its host key is not the one pinned in known_hosts: unless you know why, do not connect"
    reason = one_line(_CORE_PREFIX.sub("", any_text(result.get("msg") or "")), limit=300) or "no connection"
    hint = next((hint for pattern, hint in _HINTS if re.search(pattern, reason, re.IGNORECASE)), "")
    return f"{reason.rstrip('.: ')}; {hint}" if hint else reason


def _hinted(message: str) -> str:
    """Return the message on one line, with a fix when the message is a known one."""
    hint = next((hint for pattern, hint in _FAILURE_HINTS if re.search(pattern, message, re.IGNORECASE)), "")
    return f"{one_line(message, limit=300)}; {hint}" if hint else one_line(message)


def _failed_items(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    items = result.get("results")
    if not isinstance(items, list):
        return []
    return [item for item in items if isinstance(item, Mapping) and (item.get("failed") or item.get("unreachable"))]


def _details(result: Mapping[str, Any], message: str) -> str:
    """Return details that the message leaves out.

    These are wrong arguments, or the last output of a program that failed.
    """
    errors = result.get("argument_errors")
    if isinstance(errors, list):
        texts = [one_line(any_text(error)) for error in errors[:_MOST_ERRORS]]
        return "; ".join(text for text in texts if text not in message)
    if "rc" in result and (not message or _NO_REASON.search(message)):
        output = any_text(result.get("stderr") or result.get("module_stderr") or result.get("stdout") or "")
        last = [line for line in printable_lines(output) if line]
        status = f"exit status {one_line(any_text(result['rc']), limit=20)}"
        return f"{status}: {one_line(last[-1], limit=300)}" if last else status
    return ""
