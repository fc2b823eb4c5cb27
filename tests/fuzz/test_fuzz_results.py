"""Any results of modules on machines: every machine gets its own line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.probcomp.stack.plugins.action.role_drift import _drifted
from ansible_collections.probcomp.stack.plugins.module_utils.output import host_summary, task_failures
from ansible_collections.probcomp.stack.plugins.module_utils.output.results import NOT_UNDERSTOOD
from ansible_collections.probcomp.stack.plugins.module_utils.output.run_summary import RunSummary
from hypothesis import example, given
from hypothesis import strategies as st

from tests.fuzz.values import JSON, TEXT, answers, assert_line

VERSIONS = st.sampled_from(["1.2-3", "2:1.0~rc1", "0" * 300])
SIMULATED = st.lists(
    st.builds(
        "Inst {} [{}] ({} Debian:13 [amd64])".format, st.sampled_from(["vim", "libc6:amd64"]) | TEXT, VERSIONS, VERSIONS
    )
    | st.just("unknown")
    | TEXT,
    max_size=12,
).map("\n".join)
NAMES = st.lists(TEXT | st.sampled_from(["notebook/a.ipynb", "x" * 500]), max_size=5)
COUNTS = st.integers(-1, 20)
UPGRADE = answers(stdout=SIMULATED)
CONTENT = answers(
    version=st.sampled_from(["0" * 64, ""]),
    changed=st.booleans(),
    counts=answers(new=COUNTS, updated=COUNTS, kept=COUNTS, removed=COUNTS),
    new=NAMES,
    updated=NAMES,
    kept=NAMES,
    removed=NAMES,
)
MESSAGE = answers(msg=TEXT)


def assert_everybody_is_named(summary: Callable[[Mapping[str, Any]], list[str]], answer: object) -> None:
    """Fail unless the machine of that `answer` and an honest one have their lines.

    The honest machine's line is the one that it has alone.
    """
    good: dict[str, Any] = {"stdout": "", "msg": "done", "version": "", "changed": False}
    lines = summary({"anna": answer, "bob": good})
    for line in lines:
        assert_line(line, 600)
    (alone,) = summary({"bob": good})
    named = [line for line in lines if ": " in line]
    assert alone in named or alone.replace("bob", "anna, bob", 1) in named
    assert [line for line in named if line.startswith(("anna: ", "anna, bob: "))], lines
    if not isinstance(answer, Mapping):
        assert f"anna: {NOT_UNDERSTOOD}" in lines


@given(UPGRADE | JSON)
def test_upgrades(answer: object) -> None:
    assert_everybody_is_named(host_summary.upgrades, answer)


@given(CONTENT | JSON)
def test_contents(answer: object) -> None:
    assert_everybody_is_named(host_summary.contents, answer)


@given(MESSAGE | JSON)
def test_messages(answer: object) -> None:
    assert_everybody_is_named(host_summary.messages, answer)


FAILURES = answers(
    msg=TEXT | st.sampled_from(["non-zero return code", "Module failed: x", "'/usr/bin/apt-get x' failed: E: y"]),
    results=st.lists(answers(failed=st.booleans(), msg=TEXT), max_size=3),
    argument_errors=st.lists(TEXT | JSON, max_size=3),
    rc=st.integers(-1, 255),
    stderr=TEXT,
    module_stderr=TEXT,
    stdout=TEXT,
    censored=TEXT,
)


@given(FAILURES, TEXT, st.booleans())
@example({"failed": True, "results": [{"failed": True, "results": []}]}, "task", False)
@example({"msg": "\n"}, "task", False)
def test_failures(result: dict[str, Any], task: str, keep_lines: bool) -> None:
    lines = task_failures.failure_lines(result, task, keep_lines)
    assert lines and any(lines)
    for line in lines:
        assert_line(line, (1 << 20) if keep_lines else 12_000)
    reason = task_failures.unreachable_line(result)
    assert reason
    assert_line(reason, 600)
    summary = RunSummary()
    summary.add_failure("ws-1", lines[0], for_all=False)
    summary.add_failure("ws-2", reason, for_all=False)
    listed = summary.failures(["ws-1", "ws-2"])
    assert_line(listed, 500)
    assert listed.startswith("2 machines failed: ws-1") and "ws-2" in listed
    # Equal reasons stand once, behind the last of those who have it.
    assert listed.endswith(")")


@given(answers(drifted=answers(jupyter=st.lists(TEXT | JSON, max_size=4), content=st.lists(TEXT, max_size=30))))
def test_what_differs_on_a_machine(answer: dict[str, Any]) -> None:
    for role, reasons in _drifted(answer, {"jupyter": {}, "content": {}}).items():
        assert role in ("jupyter", "content") and len(reasons) <= 20
        for reason in reasons:
            assert_line(reason, 600)
