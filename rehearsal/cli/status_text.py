"""Format the status of a running rehearsal as text."""

from typing import Any


def status_text(status: dict[str, Any]) -> str:
    """Return the status as a small table."""
    rows = [("NAME", "INSTANCE", "STATE", "TYPE", "ADDRESS", "MEMORY")]
    rows += [
        (row["name"] or "-", row["id"], row["state"], row["type"], row["address"] or "-", _mebibytes(row["memory"]))
        for row in sorted(status["machines"], key=lambda row: (row["name"], row["id"]))
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    if others := {kind: count for kind, count in status.get("strangers", {}).items() if count}:
        lines.append("of others: " + ", ".join(_counted(kind, count) for kind, count in others.items()))
    counts, memory = status["counts"], status["memory"]
    throttled = sum(counts.get("throttled", {}).values())
    lines.append(
        f"requests: {counts['reads']} read, {counts['changes']} changing, {throttled} throttled; "
        f"at most {counts['peak_per_second']} in a second"
    )
    lines.append(
        f"memory: server {_mebibytes(memory['server'])} (peak {_mebibytes(memory['server_peak'])}), "
        f"machines {_mebibytes(memory['machines'])} (peak {_mebibytes(memory['machines_peak'])})"
    )
    return "\n".join(lines)


def _counted(kind: str, count: int) -> str:
    """Return a count with its word; `kind` is a plural with underscores."""
    words = kind.replace("_", " ").replace("vpcs", "VPCs")
    return f"{count} {words.removesuffix('s') if count == 1 else words}"


def _mebibytes(number: int) -> str:
    return f"{number / 2**20:.0f} MiB"
