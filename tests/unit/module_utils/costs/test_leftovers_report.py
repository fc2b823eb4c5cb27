"""Test the report lines of a deletion: the plan before it, the proof after it."""

from decimal import Decimal

from ansible_collections.probcomp.stack.plugins.module_utils.costs.leftovers_report import plan_lines, proof_lines
from ansible_collections.probcomp.stack.plugins.module_utils.costs.resources import Resource


def test_plan_and_proof_are_for_people() -> None:
    found = [
        Resource("alice", "stack", "probcomp-stack-alice CREATE_COMPLETE"),
        Resource("alice", "instance t3.medium running", "i-1", Decimal("0.05")),
        Resource("alice", "security group", "sg-1"),
        Resource("bob", "snapshot of up to 8 GiB", "snap-1", None),
    ]
    lines = plan_lines("AWS account 1, region x", ["alice", "bob", "cleo"], found)
    assert lines[0] == "AWS account 1, region x"
    assert lines[2] == (
        "alice: stack probcomp-stack-alice CREATE_COMPLETE; instance t3.medium running i-1; "
        "1 more that cost nothing: $1.20 per day"
    )
    assert "bob: snapshot of up to 8 GiB snap-1: $0.00 per day and 1 of unknown price" in lines
    assert lines[-1] == "all together: $1.20 per day and 1 of unknown price" and "cleo: nothing" in lines
    assert proof_lines(["alice"], []) == ["nothing is left of alice"]
    assert "LEFT bob: snapshot of up to 8 GiB snap-1 (price unknown)" in proof_lines(["alice", "bob"], found)
