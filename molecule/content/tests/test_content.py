"""The course's files in the user's home: owned by her, her changes kept."""

from __future__ import annotations

from tests.support.scenario import Machine


def test_what_the_user_changed_is_kept_and_what_she_deleted_is_back(machine: Machine) -> None:
    assert machine.as_jupyter("cat notebook/satellites.csv") == "mine"
    assert '"nbformat"' in machine.as_jupyter("cat notebook/welcome.ipynb")


def test_the_files_are_the_users(machine: Machine) -> None:
    owners = machine.root.check_output("find /home/jupyter/notebook /home/jupyter/gen -printf '%u\\n' | sort -u")
    assert owners == "jupyter"
    machine.as_jupyter("touch notebook/new-work && rm notebook/new-work")


def test_nothing_of_the_archive_is_left_lying(machine: Machine) -> None:
    # Files arrive under hidden names, in the home and beside their places; the account itself has some hidden files
    # too.
    hidden = machine.root.check_output("find /home/jupyter -mindepth 1 -name '.*' -printf '%P\\n'").split()
    own = machine.root.check_output("ls -A /etc/skel").split()
    assert sorted(hidden) == sorted(own)
    assert machine.root.check_output("find /tmp -name 'probcomp-content-*'") == ""
