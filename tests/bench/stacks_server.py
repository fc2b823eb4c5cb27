"""Serve the API of a rehearsal without machines and without rate limits.

`python -m tests.bench.stacks_server HOME` runs it. A rehearsal has public addresses and vCPUs for some hundred
machines; this server has them for thousands.
"""

from __future__ import annotations

import ipaddress
import sys
from pathlib import Path
from typing import Any

from rehearsal import server
from rehearsal.cloudformation import parameters
from tests.bench import moto_tags

_SETTINGS: dict[str, object] = {
    "machines": False,
    "clean": True,
    "requests_per_second": 0.0,
    "seconds_per_resource": 0.0,
    "record_delay": 0.0,
    "vcpu_quota": 10_000,
}


def remember_what_exists() -> None:
    """Cache the lookup of the network, group and key that parameters name.

    All stacks name the same, and nothing is deleted.
    """
    exists = parameters._exists
    found: dict[tuple[str, str], bool] = {}

    def look(cloud: Any, operation: str, argument: str, item: str) -> bool:
        if (operation, item) not in found:
            found[operation, item] = exists(cloud, operation, argument, item)
        return found[operation, item]

    parameters._exists = look


if __name__ == "__main__":
    moto_tags.install()
    remember_what_exists()
    server.pick_range = lambda: ipaddress.IPv4Network("127.250.0.0/16")
    sys.exit(server.main(Path(sys.argv[1]), _SETTINGS))
