"""Statuses of CloudFormation stacks, and the commands that repair them."""

from __future__ import annotations

from ..common.names import IMAGE_MACHINE, network_of_stack_name, stack_name

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

DELETED_FIRST = frozenset({"CREATE_FAILED", "ROLLBACK_FAILED", "DELETE_FAILED"})
"""Statuses of stacks that a failed creation or deletion left.

Their resources may cost money.
"""

LOOK = "look at its events in the AWS console"
"""What to do about a stack that no known command repairs.

Its status is IMPORT_ROLLBACK_FAILED, or a new one of AWS.
"""


def is_busy(status: str) -> bool:
    """Return whether CloudFormation works on a stack of this status."""
    return status.endswith("_IN_PROGRESS")


def repair(status: str, name: str, region: str) -> str:
    """Return the command that repairs the stack `name`, "" without one.

    There is none where a create repairs it. A stack whose update failed holds a machine in use: it is taken back, not
    deleted.
    """
    if status in DELETED_FIRST:
        network = network_of_stack_name(name)
        if network:
            return f"ansible-playbook network_delete.yml -e network={network} -e confirm=yes"
        return delete_command(name.removeprefix(stack_name("")))
    command = {"UPDATE_FAILED": "rollback-stack", "UPDATE_ROLLBACK_FAILED": "continue-update-rollback"}.get(status)
    return f"aws cloudformation {command} --region {region} --stack-name {name}" if command else ""


def delete_command(user: str) -> str:
    """Return the command that deletes the machine of `user` and what remains of it."""
    if user == IMAGE_MACHINE:
        return "ansible-playbook ami_bake.yml -e cancel=yes"
    return f"ansible-playbook stack_delete.yml -e user={user} -e confirm=yes"
