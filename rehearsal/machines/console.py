"""The serial console of a machine: what its container printed, as GetConsoleOutput tells it."""

import re

CONSOLE_BYTES = 64 * 1024
"""GetConsoleOutput holds no more than the last 64 KiB."""

# Colours and cursor movements (CSI), titles (OSC), and what else is no text. Line ends stay as a serial line has them.
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-_]|[^\t\n\r\x20-\uffff]")


def readable(output: bytes) -> str:
    """The last 64 KiB of a container's log as text without control sequences."""
    text = _CONTROL.sub("", output.decode("utf-8", "replace"))
    return text.encode()[-CONSOLE_BYTES:].decode("utf-8", "ignore")


def asked_for_reboot(output: bytes) -> bool:
    """Whether the machine that just ended said that it reboots; otherwise it powered itself off.

    An ended container tells only that it ended. The last words of systemd are the same in all versions since 215.
    """
    return any(line.strip() == "Rebooting." for line in readable(output).splitlines()[-5:])
