"""Read the memory that a machine's container uses."""

from pathlib import Path


def memory_bytes(process_id: int) -> int:
    """Return the memory of this process's container in bytes, or 0 if it has ended.

    Pages of files are left out, because the kernel frees them when it needs memory.
    """
    try:
        groups = Path(f"/proc/{process_id}/cgroup").read_text().splitlines()
        for line in groups:
            _, controllers, path = line.split(":", 2)
            if controllers == "memory":
                # The container's top control group counts, because systemd inside may have moved its processes further
                # down.
                return _own_pages(Path("/sys/fs/cgroup/memory") / _container_part(path), "total_rss")
        _, _, path = groups[0].split(":", 2)
        return _own_pages(Path("/sys/fs/cgroup") / _container_part(path), "anon")
    except (OSError, ValueError, IndexError, KeyError):
        return 0


def _container_part(path: str) -> str:
    """Return a control group's path up to the group that the engine made."""
    parts = path.strip("/").split("/")
    engine = next((n for n, part in enumerate(parts) if part.startswith("docker-")), None)
    if engine is None:
        engine = parts.index("docker") + 1 if "docker" in parts else len(parts) - 1
    return "/".join(parts[: engine + 1])


def _own_pages(group: Path, counter: str) -> int:
    counters = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    return int(counters[counter])
