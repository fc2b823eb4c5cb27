"""A machine that is not as it should be: broken from outside, or its programs replaced, and put right afterwards."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.workshop import Result, Workshop


@contextmanager
def broken(workshop: Workshop, user: str, breaks: str, mends: str) -> Iterator[None]:
    """While this lasts, the machine of `user` is as the script `breaks` left it; `mends` puts it right."""
    workshop.on_machine(user, breaks)
    try:
        yield
    finally:
        workshop.on_machine(user, mends)


@contextmanager
def replaced(workshop: Workshop, user: str, program: str, text: str) -> Iterator[None]:
    """While this lasts, `program` (absolute) on the machine of `user` is the script `text`."""
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
    """What a terminal would take for commands in the output of a command."""
    return {character for character in result.text if not character.isprintable()} - {"\n"}
