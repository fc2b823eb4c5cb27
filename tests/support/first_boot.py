"""Real first boots of machines.

The image has cloud-init, needrestart and unattended-upgrades; what cloud-init prints is compared.
"""

from __future__ import annotations

import re
import subprocess

from rehearsal.machines import images
from tests.support import ROOT

IMAGE = f"{images.MACHINE_REPOSITORY}:first-boot"
# git keeps the file with LF alone.
REAL_CONSOLE = (ROOT / "tests/support/debian12-console.txt").read_text().replace("\n", "\r\n")
"""Host keys as cloud-init printed them on a real serial line.

The machine was one of Debian 12 in QEMU.
"""
_DIFFERING = (
    (r"^<14>\w{3} [ \d]\d \d\d:\d\d:\d\d ", "<14>TIME "),
    (r"SHA256:[A-Za-z0-9+/]{43} ", "SHA256:FINGERPRINT "),
    (r"^(\S+) AAAA[A-Za-z0-9+/]+={0,2} ", r"\1 KEY "),
    (r"root@\S+", "root@HOST"),
)


def build_image() -> str:
    """Build the container image of a machine with a real first boot.

    Return its tag.
    """
    base = images.ensure("debian12", print)
    command = ["docker", "build", "--quiet", "--build-arg", f"BASE_IMAGE={base}", "--tag", IMAGE]
    subprocess.run([*command, ROOT / "docker/first_boot"], check=True, timeout=900)
    return IMAGE


def keys_form(console: str) -> list[str]:
    """Return a console's lines about host keys, without what differs each time.

    That is times, keys and host name. All other bytes count, and so do the lines' ends.
    """
    begin = re.search(r"^<14>[^\n]* #+\r\n", console, re.MULTILINE)
    assert begin, console
    block = console[begin.start() : console.index("-----END SSH HOST KEY KEYS-----\r\n")].split("\r\n")
    for pattern, word in _DIFFERING:
        block = [re.sub(pattern, word, line) for line in block]
    return block
