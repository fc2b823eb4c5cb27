"""The API of a rehearsal without machines and without rates: python -m tests.bench.stacks_server HOME.

A rehearsal has a public address for each of 254 machines; this one has more.
"""

from __future__ import annotations

import ipaddress
import sys
from pathlib import Path

from rehearsal import server

_SETTINGS: dict[str, object] = {
    "machines": False,
    "requests_per_second": 0.0,
    "seconds_per_resource": 0.0,
    "record_delay": 0.0,
}

if __name__ == "__main__":
    server.pick_range = lambda: ipaddress.IPv4Network("127.250.0.0/16")
    sys.exit(server.main(Path(sys.argv[1]), _SETTINGS))
