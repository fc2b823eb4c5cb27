"""Tests of rosters as spreadsheets write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.commands.roster import read_roster


@pytest.mark.parametrize(
    ("data", "settings"),
    [
        (b"\xef\xbb\xbfuser;owner\r\nalice;Alice B.\r\n", {"alice": {"owner": "Alice B."}}),
        ("user,owner\nalice,Jose\u0301\n".encode(), {"alice": {"owner": "Jos\u00e9"}}),
        (
            "user,owner\nken,\ufa19\u8c37\nravi,\u0958\u092e\u0932\n".encode(),
            {"ken": {"owner": "\ufa19\u8c37"}, "ravi": {"owner": "\u0958\u092e\u0932"}},
        ),
        (b"user,owner,,\nalice,Alice,,\n", {"alice": {"owner": "Alice"}}),
        ("user\towner\r\nalice\tAlice, B\r\n".replace(", ", " ").encode("utf-16"), {"alice": {"owner": "Alice B"}}),
        (b" User ,OWNER\nalice,Alice\n", {"alice": {"owner": "Alice"}}),
        (b"user,owner,purpose\nalice\nben,Ben\n", {"alice": {}, "ben": {"owner": "Ben"}}),
        (b"# don't \"edit\n\nuser,owner\n  # ben,Ben\nalice,Alice\n", {"alice": {"owner": "Alice"}}),
        (b"user,,owner\nalice,,Alice,,\n", {"alice": {"owner": "Alice"}}),
        (b"\xef\xbb\xbfsep=;\r\nuser;owner\r\nalice;Alice B.\r\n", {"alice": {"owner": "Alice B."}}),
        (b"# class\nSEP=,\nuser,owner\nalice,Alice\n", {"alice": {"owner": "Alice"}}),
        (b"sep=|\nuser|owner\nalice|Alice\n", {"alice": {"owner": "Alice"}}),
        (b"sep=\t\nuser\towner\nalice\tAlice\n", {"alice": {"owner": "Alice"}}),
        (b'"sep=;",,\nuser;owner\nalice;Alice\n', {"alice": {"owner": "Alice"}}),
        ("sep=;\r\nuser;owner\r\nalice;Alice\r\n".encode("utf-16"), {"alice": {"owner": "Alice"}}),
        (b"user\rowner-less\r", {"owner-less": {}}),
        (
            "user;owner\nalice;\u0639\u0644\u064a\nken;\u5065\n".encode(),
            {"alice": {"owner": "علي"}, "ken": {"owner": "健"}},
        ),
    ],
)
def test_what_spreadsheets_write(tmp_path: Path, data: bytes, settings: dict[str, dict[str, str]]) -> None:
    path = tmp_path / "class.csv"
    path.write_bytes(data)
    roster = read_roster(path)
    assert (roster.problems, roster.settings) == ([], settings)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("user,owner\nanna,Zo\u00eb\n".encode("latin-1"), ["save it as CSV UTF-8"]),
        (b"user,owner\nben,O'Brien\nanna,Anna\nzoe,D'Arc\n", ['line 2: owner="O\'Brien"', 'line 4: owner="D\'Arc"']),
        (
            b"user,owner\nben,O'Brien; B & Co\n",
            ["""line 2: owner="O'Brien; B & Co": "'", ';', '&' are not allowed"""],
        ),
        (
            b"user,organization\na,King's\nb,Queens\nc,King's\nd,King's\n",
            ["""lines 2, 4, 5: organization="King's": "'" is not allowed"""],
        ),
        (
            "".join(["user,purpose\n", *(f"ws-{n},R&D\n" for n in range(1, 41))]).encode(),
            ["lines 2, 3, 4, 5, 6 and 35 more: purpose='R&D': '&' is not allowed"],
        ),
        (
            "user,owner\na,\u0928\u092e\u0938\u094d\u0924\u0947\n".encode(),
            ["U+094D (devanagari sign virama), U+0947"],
        ),
        ("user,owner\na,\u0639\u064e\u0644\u064a\n".encode(), ["U+064E (arabic fatha) is not allowed in a tag"]),
        (
            b"user,owner\nAnna,A\nAnna,B\n",
            [
                "lines 2, 3: ",
            ],
        ),
        (b"sep=\nuser,owner\n", ["header with the column user"]),
        (b"user,owner\nanna,Smith, Anna\n", ["line 2: too many values, 'Anna'"]),
        (b"user,,owner\nanna,x,y\n", ["line 2: a value in a column without a name, 'x'"]),
        (b"# only\n", ["line 1: the first line must be a header"]),
    ],
)
def test_what_is_refused(tmp_path: Path, data: bytes, says: list[str]) -> None:
    path = tmp_path / "class.csv"
    path.write_bytes(data)
    problems = read_roster(path).problems
    assert len(problems) == len(says)
    for problem, part in zip(problems, says, strict=True):
        assert part in problem
