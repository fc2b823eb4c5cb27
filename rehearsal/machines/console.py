"""Return a machine's serial console: its container's output for GetConsoleOutput."""

import re

CONSOLE_BYTES = 64 * 1024
"""GetConsoleOutput returns no more than the last 64 KiB."""

# The pattern matches colours and cursor movements (CSI), titles (OSC) and other control characters, but keeps line
# ends as a serial line has them.
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-_]|[^\t\n\r\x20-\uffff]")


def readable(output: bytes) -> str:
    """Return the last 64 KiB of a container's log as text.

    Control sequences are left out.
    """
    text = _CONTROL.sub("", output.decode("utf-8", "replace"))
    return text.encode()[-CONSOLE_BYTES:].decode("utf-8", "ignore")


def asked_for_reboot(output: bytes) -> bool:
    """Return whether the machine that just ended announced a reboot.

    Otherwise it powered itself off. An ended container tells only that it ended. The last words of systemd are the
    same in all versions since 215.
    """
    return any(line.strip() == "Rebooting." for line in readable(output).splitlines()[-5:])
