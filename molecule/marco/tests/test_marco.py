"""The content's own installer, which runs as the user and once."""

from __future__ import annotations

from tests.support.scenario import Machine


def test_what_it_installs_imports_in_a_kernel(machine: Machine) -> None:
    assert "1.0" in machine.as_jupyter(
        "/opt/jupyter/bin/python -c 'import probcomp_tour; print(probcomp_tour.greeting())'"
    )


def test_it_ran_as_the_user(machine: Machine) -> None:
    owners = machine.root.check_output("find /home/jupyter/.local -printf '%u\\n' | sort -u")
    assert owners == "jupyter"


def test_it_ran_once(machine: Machine) -> None:
    assert not machine.root.file("/home/jupyter/.probcomp-content").exists
