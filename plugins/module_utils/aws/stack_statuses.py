"""Statuses of CloudFormation stacks, and the commands that repair them."""

from __future__ import annotations

from ..common.names import IMAGE_MACHINE

COMPLETE = frozenset(
    {
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
    }
)
"""Statuses of a stack whose resources all exist."""

MADE_ANEW = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_IN_PROGRESS", "REVIEW_IN_PROGRESS", "DELETE_IN_PROGRESS"})
"""Statuses of stacks that are deleted, or waited for, and then created again."""


def delete_command(user: str) -> str:
    """Return the command that deletes the machine of `user` and what remains of it."""
    if user == IMAGE_MACHINE:
        return "ansible-playbook ami_bake.yml -e cancel=yes"
    return f"ansible-playbook stack_delete.yml -e user={user} -e confirm=yes"
