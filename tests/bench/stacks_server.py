"""The API of a rehearsal without machines and limits: python -m tests.bench.stacks_server HOME.

A rehearsal has public addresses and vCPUs for some hundred machines; this one has them for thousands.
"""

from __future__ import annotations

import ipaddress
import sys
from pathlib import Path

from rehearsal import server
from tests.bench import moto_tags

_SETTINGS: dict[str, object] = {
    "machines": False,
    "requests_per_second": 0.0,
    "seconds_per_resource": 0.0,
    "record_delay": 0.0,
    "vcpu_quota": 10_000,
}

if __name__ == "__main__":
    moto_tags.install()
    server.pick_range = lambda: ipaddress.IPv4Network("127.250.0.0/16")
    sys.exit(server.main(Path(sys.argv[1]), _SETTINGS))
