"""Break a machine, or replace its programs, and repair it afterwards."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.workshop import Result, Workshop


@contextmanager
def broken(workshop: Workshop, user: str, breaks: str, mends: str) -> Iterator[None]:
    """Break the machine of `user` by the script `breaks` within the block.

    The script `mends` repairs it.
    """
    workshop.on_machine(user, breaks)
    try:
        yield
    finally:
        workshop.on_machine(user, mends)


@contextmanager
def replaced(workshop: Workshop, user: str, program: str, text: str) -> Iterator[None]:
    """Replace a program on the machine of `user` by a script within the block.

    `program` is an absolute path, `text` the script.
    """
    name = workshop.container(user)
    workshop.on_machine(user, f"cp -a --remove-destination {program} {program}.true; rm {program}")
    try:
        with io.BytesIO() as archive:
            with tarfile.open(fileobj=archive, mode="w") as tar:
                entry = tarfile.TarInfo(program.lstrip("/"))
                entry.size, entry.mode = len(text.encode()), 0o755
                tar.addfile(entry, io.BytesIO(text.encode()))
            subprocess.run(["docker", "cp", "-", f"{name}:/"], input=archive.getvalue(), check=True, timeout=60)
        yield
    finally:
        workshop.on_machine(user, f"mv -f {program}.true {program}")


def raw_control_characters(result: Result) -> set[str]:
    """Return control characters of a command's output that a terminal would obey."""
    return {character for character in result.text if not character.isprintable()} - {"\n"}
