"""Text of machines, ssh and rsync that becomes a line of ours."""

from __future__ import annotations

import json

from ansible_collections.probcomp.stack.plugins.module_utils.common.names import shown
from ansible_collections.probcomp.stack.plugins.module_utils.logs.fetch import skipped_there
from ansible_collections.probcomp.stack.plugins.module_utils.machine.accounts import last_words
from ansible_collections.probcomp.stack.plugins.module_utils.output import results, text
from ansible_collections.probcomp.stack.plugins.module_utils.progress import status_line
from ansible_collections.probcomp.stack.plugins.module_utils.ssh import client, rsync
from hypothesis import example, given
from hypothesis import strategies as st

from tests.fuzz.values import ANY_TEXT, JSON, TEXT, assert_line

MACHINE = client.Machine("ws-1", "192.0.2.1", 22, "admin", "ssh.ws-1", "/pin")
SAID = (
    st.lists(
        st.sampled_from(["rsync error: ", "rsync: connection unexpectedly closed", "Host key verification failed"])
        | TEXT,
        max_size=6,
    ).map("\n".join)
    | ANY_TEXT
)
LISTINGS = st.lists(
    st.builds(
        "{}{}{}".format,
        st.sampled_from(['skipping non-regular file "', "", "../", "/etc/"]),
        TEXT,
        st.sampled_from(['"', " is over max-size", ""]),
    ),
    max_size=6,
).map("\n".join)


@given(ANY_TEXT, st.integers(10, 600))
@example("a\u202eb", 20)
def test_one_line(raw: str, limit: int) -> None:
    line = text.one_line(raw, limit)
    assert_line(line, limit + len("..."))
    assert text.one_line(line, limit + 3) == line, "what is clean stays as it is"
    for one in text.printable_lines(raw):
        assert_line(one, 8 * len(raw))


@given(ANY_TEXT | JSON, st.integers(1, 200))
def test_shown(value: object, limit: int) -> None:
    assert_line(shown(value, limit), 10 * limit + 20)


@given(ANY_TEXT)
@example("+  +")
def test_file_names(name: str) -> None:
    line = results.file_name(name)
    assert_line(line, 820)
    is_plain = not set(line) & set(",;:()'\"") and line == name[:80].rstrip() + "..." * (len(name) > 80)
    assert is_plain or line[0] in "'\""


@given(SAID)
def test_what_ssh_and_rsync_say(said: str) -> None:
    assert_line(rsync.reason(said), 203)
    assert_line(client.why_no_connection(MACHINE, said), 400)


@given(LISTINGS)
def test_listings_of_rsync(printed: str) -> None:
    lines = skipped_there(printed)
    assert len(lines) <= len(printed.splitlines())
    for line in lines:
        assert_line(line, 1300)
        assert line[0] in "'\"" and line.endswith((": not a plain file", ": larger than one file may be"))


@given(ANY_TEXT, st.integers(1, 6), st.integers(1, 500))
def test_last_words_of_programs(said: str, lines: int, limit: int) -> None:
    assert_line(last_words(said, lines, limit), limit + len("..."))


REPORTS = st.fixed_dictionaries(
    {},
    optional={
        "what": st.sampled_from(["stacks"]) | JSON,
        "done": JSON,
        "state": JSON,
        "total": st.integers(-1, 50) | JSON,
        "ready": st.integers(-1, 50) | JSON,
        "failed": JSON,
        "late": st.lists(st.sampled_from(["ws-1", "ws-2"]) | TEXT, max_size=4) | JSON,
    },
)


@given(REPORTS | JSON | st.binary(max_size=40), st.integers(20, 120))
def test_progress(report: object, width: int) -> None:
    parsed = status_line.parse_report(report if isinstance(report, bytes) else _json(report))
    if parsed is not None:
        assert_line(status_line.status_line(parsed, 95, width), width)


def _json(value: object) -> bytes:
    try:
        return json.dumps(value).encode()
    except (RecursionError, ValueError):
        return b"[" * 100_000
