"""What a fake ssh was called with, where only the pinned key may be accepted."""

from __future__ import annotations

import itertools
from pathlib import Path


def pinned_arguments(folder: Path, *more: str) -> list[str]:
    """Return ssh's arguments in `folder`, with alice's pinned key and these options."""
    arguments = (folder / "arguments").read_text().splitlines()
    options = {word for before, word in itertools.pairwise(arguments) if before == "-o"}
    assert {
        "StrictHostKeyChecking=yes",
        "HostKeyAlias=ssh.alice.stack.example.org",
        f'UserKnownHostsFile="{folder / "pin"}"',
        "GlobalKnownHostsFile=/dev/null",
        "UpdateHostKeys=no",
        "BatchMode=yes",
        "ForwardAgent=no",
        "Port=2222",
        "IdentitiesOnly=yes",
        *more,
    } <= options
    return arguments
