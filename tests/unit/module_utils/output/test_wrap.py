"""Lines broken at blanks, with commands, table rows and long words kept whole."""

from __future__ import annotations

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.output.table import text_width
from ansible_collections.probcomp.stack.plugins.module_utils.output.wrap import wrapped

NOTE = (
    "t3.medium above its baseline costs more, $0.05 per vCPU and hour, at most $4.00 an hour for 40 machines; "
    "cpu_credits=standard slows it down instead"
)
COMMANDS = (
    "ansible-playbook -l 'ws,!ws-7,!ws-19' stack_start.yml",
    'ansible-playbook create_passwords.yml -e "base=big low=1 high=40"',
    "ansible-playbook stack_delete.yml -e user=alice -e confirm=yes",
    "aws cloudformation continue-update-rollback --region eu-central-1 --stack-name probcomp-stack-alice",
    "aws ec2 deregister-image --region us-east-1 --image-id ami-0123456789abcdef0 --delete-associated-snapshots",
    "aws elbv2 deregister-targets --region us-east-1 --target-group-arn arn:aws:x --targets Id=i-012345 Id=i-6789ab",
)


def test_a_sentence() -> None:
    assert wrapped(NOTE, 80) == [
        "t3.medium above its baseline costs more, $0.05 per vCPU and hour, at most $4.00",
        "    an hour for 40 machines; cpu_credits=standard slows it down instead",
    ]
    assert wrapped(f"  {NOTE}", 80)[1].startswith("      $4.00 an hour")
    wide = wrapped("机 " * 60, 80)
    assert len(wide) == 3 and all(text_width(line) <= 80 for line in wide)


@pytest.mark.parametrize("width", [40, 80, 100, 146, 147, None])
def test_nothing_is_lost(width: int | None) -> None:
    lines = wrapped(NOTE, width)
    assert " ".join(line.strip() for line in lines) == NOTE
    assert all(text_width(line) <= (width or 1000) for line in lines)
    assert (len(lines) == 1) == (width is None or width >= len(NOTE))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_can_be_copied(command: str) -> None:
    lines = wrapped(
        f"FAILED ws-3: a reason that takes most of the line: {command}; and then more words that follow", 80
    )
    assert any(command in line for line in lines)


@pytest.mark.parametrize("text", ["", "short", "x" * 200, "who  state  " + "y " * 80])
def test_what_cannot_be_broken_stays(text: str) -> None:
    assert wrapped(text, 80) == [text]


def test_no_continued_line_looks_like_one_of_ours() -> None:
    for width in (40, 80, 120, 200):
        first, *rest = wrapped(f"FAILED ws-2: {'x' * 220} changed: ws-2 to ws-40 {'y' * 220}", width)
        assert first.startswith("FAILED ws-2:") and rest and all(line.startswith("    ") for line in rest)
