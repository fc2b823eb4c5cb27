"""Describe a running rehearsal: machines, requests, memory."""

import os
import time
from pathlib import Path
from typing import Any

from moto.ec2.models import ec2_backends

from rehearsal.account.strangers import Strangers
from rehearsal.api.accounting import Counts
from rehearsal.lock import LOCK
from rehearsal.machines.containers import Machines
from rehearsal.machines.memory import memory_bytes
from rehearsal.network.sync import NetworkSync
from rehearsal.settings import Settings

_STARTED = time.time()


def describe(
    settings: Settings,
    counts: Counts,
    machines: Machines | None,
    network_sync: NetworkSync | None,
    strangers: Strangers,
) -> dict[str, Any]:
    """Return plain data for `scripts/rehearsal status`.

    Memory is in bytes, of the control groups and of this process. Strangers are counted, and not among the machines.
    """
    others = strangers.instance_ids()
    process_ids = {m.instance_id: m.process_id for m in machines.running()} if machines else {}
    with LOCK:
        rows: list[dict[str, Any]] = [
            {
                "name": next((tag["value"] for tag in instance.get_tags() if tag["key"] == "Name"), ""),
                "id": instance.id,
                "state": instance.state,
                "type": instance.instance_type,
                "address": instance.public_ip or "",
            }
            for backend in list(ec2_backends[settings.account].values())
            for instance in backend.all_instances()
            if instance.id not in others
        ]
    for row in rows:
        process_id = process_ids.get(row["id"], 0)
        row["memory"] = memory_bytes(process_id) if process_id else 0
    own = _own_memory()
    return {
        "run_id": settings.run_id,
        "pid": os.getpid(),
        "seconds": round(time.time() - _STARTED),
        "machines": rows,
        "strangers": strangers.counts(),
        "listening": sorted(f"{address}:{port}" for address, port in network_sync.listening()) if network_sync else [],
        "counts": counts.as_dict(),
        "memory": {
            "server": own["VmRSS"],
            "server_peak": own["VmHWM"],
            "machines": sum(row["memory"] for row in rows),
            "machines_peak": network_sync.memory_peak if network_sync else 0,
        },
    }


def _own_memory() -> dict[str, int]:
    lines = Path("/proc/self/status").read_text().splitlines()
    pairs = (line.split(":", 1) for line in lines if line.startswith(("VmRSS", "VmHWM")))
    return {name: int(value.split()[0]) * 1024 for name, value in pairs}
