"""Measure what commands cost the controller: the program of `make bench`.

See CONTRIBUTING.md; it is not a test. A rehearsal of its own carries MACHINES machines (8 when not set), on the
computer that is also the controller: seconds of different computers or runs do not compare, the ratios do. The
rehearsal is removed at the end, also after Ctrl-C.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench import accounts, bare_loop, processes, report, tasks
from tests.bench.fleet import FleetBench
from tests.bench.measure import Recorder, say
from tests.bench.targets import targets
from tests.support.workshop import OUTPUT, Workshop

_ONCE_AFTER, _NOTHING_AFTER = 2100.0, 3300.0
"""Seconds after which no run is repeated, and after which no row begins.

They keep forty machines on two cores within an hour.
"""
_FEWEST, _MOST = 2, 100


def machines_wanted() -> int:
    """Return the number of machines in the fleet.

    Ends the process when MACHINES is not such a number.
    """
    text = os.environ.get("MACHINES") or "8"
    if not text.isdecimal() or not _FEWEST <= int(text) <= _MOST:
        raise SystemExit(f"bench: MACHINES={text}: give a number from {_FEWEST} to {_MOST}")
    return int(text)


def measure(workshop: Workshop, recorder: Recorder, count: int, folder: Path) -> dict[str, float]:
    """Measure everything.

    Returns the processor time of a further task on one machine, by kind.
    """
    fleet = FleetBench(workshop, recorder, count)
    say(f"bench: a rehearsal of {count} machines; the image that they are made of is baked first")
    fleet.begin()
    fleet.create()
    fleet.live()
    bare_loop.bench(fleet, folder / "loops")
    further = tasks.bench(fleet, folder / "tasks")
    fleet.change()
    fleet.delete()
    fleet.create_with_times_of_aws()
    say("bench: accounts of many machines, without containers")
    accounts.bench(workshop, recorder, folder)
    return further


def main() -> int:
    """Measure, print the table, write reports/bench.json, remove the rehearsal.

    Returns the exit status.
    """
    count = machines_wanted()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    processes.adopt_orphans()
    OUTPUT.mkdir(exist_ok=True)
    load = os.getloadavg()[0]
    table = report.Table()
    recorder = Recorder(table.show, _ONCE_AFTER, _NOTHING_AFTER)
    further: dict[str, float] = {}
    status = 0
    with tempfile.TemporaryDirectory(prefix="probcomp-bench-") as name:
        workshop = Workshop(Path(name) / "bench")
        workshop.transcript("commands").unlink(missing_ok=True)
        try:
            say(f"bench: {count} machines; what commands print goes to {workshop.transcript('commands')}")
            workshop.clone()
            table.begin(count)
            further = measure(workshop, recorder, count, Path(name))
        except KeyboardInterrupt:
            say("bench: interrupted; what it made is being removed")
            status = 130
        except (AssertionError, OSError, subprocess.SubprocessError, ValueError) as error:
            say(f"bench: stopped: {error}")
            status = 1
        finally:
            # A second Ctrl-C must not leave containers behind; child processes started from here ignore it, too.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            down = workshop.shell("scripts/rehearsal down", rehearsed=False)
            if down.status:
                say(down.text)
            shutil.rmtree(workshop.root, ignore_errors=True)
    held = targets(recorder.rows, further, count)
    table.end(held, further, count)
    file = report.write(recorder.rows, held, further, count, recorder.seconds, load)
    print(f"\n{file} has every run; it took {recorder.seconds / 60:.0f} minutes", flush=True)
    return status or int(any(row.problem for row in recorder.rows.values()))


if __name__ == "__main__":
    sys.exit(main())
