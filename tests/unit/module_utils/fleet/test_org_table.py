"""running-stacks.org: our table is kept up to date.

Nothing that people wrote in the file is ever lost.
"""

import itertools
from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.fleet.org_table import escaped, written
from ansible_collections.probcomp.stack.plugins.modules import stack_list

PLACE, DAY = "account 1 region x", "2026-05-12"
HEADS = ("user", "state", "note")
ALICE, BOB = ["alice", "running", "her note"], ["bob", "stopped", ""]


def update(old: str, *rows: list[str], place: str = PLACE, day: str = DAY) -> str:
    """Return the register after a run; check that a second run changes nothing."""
    text = written(old, place, HEADS, list(rows), day).text
    again = written(text, place, HEADS, list(rows), "2026-06-01")
    assert again.text == text and not again.notes, again
    return text


def table(text: str) -> list[list[str]]:
    """Return the cells between the marks."""
    inside = text.partition("# BEGIN stack_list")[2].partition("# END stack_list")[0].splitlines()[1:]
    rows = [line for line in inside if line.startswith("|") and not line.startswith("|-")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_a_new_file_explains_itself_and_a_second_run_changes_nothing() -> None:
    text = update("", ALICE, BOB)
    assert "notes above and below" in text
    assert table(text) == [list(HEADS), ALICE, BOB]
    assert len({len(line) for line in text.splitlines() if line.startswith("|")}) == 1, "not aligned"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_stands_outside_is_kept_to_the_byte(end: str) -> None:
    above = f"* Mine{end}  - [ ] buy coffee  {end}\ttab{end}{end}"
    below = f"{end}* Below{end}| a | table |{end}last line without an end\x0c\u2028x"
    ours = update("", ALICE).partition("# BEGIN")[2].partition(f"# END stack_list: {PLACE}\n")[0]
    middle = f"# BEGIN{ours}# END stack_list: {PLACE}\n".replace("\n", end)
    text = update(above + middle + below, ALICE, BOB)
    assert text.startswith(above) and text.endswith(below)
    assert table(text)[1:] == [ALICE, BOB]
    assert end == "\n" or "\n" not in text.replace("\r\n", "")


def test_a_file_of_somebody_without_our_part_gets_it_at_the_end() -> None:
    text = update("* Only mine", ALICE)
    assert text.startswith("* Only mine\n\n# BEGIN stack_list")
    assert table(text)[1:] == [ALICE]


def test_aligning_the_table_is_no_change() -> None:
    text = update("", ALICE, BOB)
    aligned = text.replace("| alice ", "|   alice    ").replace("|-------", "|-----------")
    assert aligned != text
    assert written(aligned, PLACE, HEADS, [ALICE, BOB], DAY).text == aligned


def test_columns_of_ones_own_stay_with_their_rows() -> None:
    lines = update("", ALICE, BOB).splitlines()
    added = []
    for line in lines:
        if line.startswith("|-"):
            line = line.removesuffix("|") + "+------|"
        elif line.startswith("|"):
            own = {"user": "desk", "alice": "12", "bob": "7b"}[line.split("|")[1].strip()]
            line += f" {own} |"
        added.append(line)
    text = "\n".join(added) + "\n"
    changed = update(text, ["alex", "running", ""], ["alice", "stopped", "her note"], BOB)
    assert table(changed) == [
        ["user", "state", "note", "desk"],
        ["alex", "running", "", ""],
        ["alice", "stopped", "her note", "12"],
        ["bob", "stopped", "", "7b"],
    ]
    assert "Kept" not in changed
    without_alice = update(changed, BOB)
    assert "| 12" in without_alice.partition("* Kept on 2026-05-12")[2], "the desk of a user who left is lost"
    assert table(without_alice) == [["user", "state", "note", "desk"], [*BOB, "7b"]]


def test_an_edit_in_our_part_is_kept_at_the_end_and_said() -> None:
    text = update("", ALICE, BOB) + "\n* Last heading\n"
    edited = text.replace("her note", "her NEW note").replace(
        "# END", "remember the milk\n| zoe | wants one | |\n# END"
    )
    register = written(edited, PLACE, HEADS, [ALICE, BOB], DAY)
    assert table(register.text) == [list(HEADS), ALICE, BOB]
    kept = register.text.partition("* Last heading\n")[2]
    assert f"* Kept on {DAY}" in kept
    for words in ("her NEW note", "remember the milk", "zoe", "| user"):
        assert words in kept
    assert "bob" not in kept, "what nobody changed is not repeated"
    assert register.notes
    assert update(register.text, ALICE, BOB) == register.text


def test_every_line_that_is_added_anywhere_is_still_there_after_a_run() -> None:
    lines = update("* Above\n", ALICE, BOB).splitlines(keepends=True)
    for place in range(len(lines) + 1):
        for new in ("my words\n", "| x | y | z |\n", "* heading\n", "# END of it\n"):
            text = update("".join([*lines[:place], new, *lines[place:]]), ["alice", "stopped", ""], BOB)
            assert new in text, (place, new)


def test_every_line_that_is_taken_away_leaves_the_others() -> None:
    old = update("* Above\nwords\n", ALICE, BOB) + "* Below\nmore words\n"
    lines = old.splitlines(keepends=True)
    for place, line in enumerate(lines):
        text = update("".join([*lines[:place], *lines[place + 1 :]]), ALICE, BOB)
        for other in ("* Above\n", "words\n", "* Below\n", "more words\n"):
            assert other == line or other in text
        assert ALICE in table(text.rpartition("# BEGIN")[0] + text[text.rindex("# BEGIN") :]) or "alice" in text


def test_a_lost_or_doubled_mark_loses_nothing() -> None:
    text = update("", ALICE).replace("her note", "edited by hand")
    without_end = text.replace(f"# END stack_list: {PLACE}\n", "") + "text below\n"
    doubled = text + text
    for broken in (without_end, doubled):
        register = written(broken, PLACE, HEADS, [ALICE], DAY)
        assert "edited by hand" in register.text and register.notes
        assert register.text.count("# BEGIN stack_list") == 1
        assert update(register.text, ALICE) == register.text
    assert "text below" in written(without_end, PLACE, HEADS, [ALICE], DAY).text


def test_accounts_and_regions_have_tables_of_their_own() -> None:
    first = update("", ALICE)
    both = update(first, BOB, place="account 1 region x-2")
    assert both.startswith(first)
    assert table(both)[1:] == [ALICE]
    again = update(both, ["alice", "stopped", ""])
    assert again.endswith(both.partition(f"# END stack_list: {PLACE}\n")[2])


def test_no_value_means_anything_to_org_or_to_a_terminal() -> None:
    assert escaped("a|b") == r"a\vert{}b"
    assert escaped("* x") == r"\ast{} x" and escaped("=now()") == r"\equal{}now()" and escaped("<20>") == r"\lt{}20>"
    assert not escaped(":=vsum(1)").startswith(":=") and "[[" not in escaped("[[elisp:(x)][y]]")
    assert escaped("red \x1b[31m\x07 line\nnext\u202e") == "red line next"
    for signs in itertools.product("|*=<:[", repeat=3):
        text = update("", ["alice", "running", "".join(signs)])
        assert len(table(text)[1]) == 3


def test_a_file_that_cannot_be_read_is_left_and_said(tmp_path: Path) -> None:
    path = tmp_path / "running-stacks.org"
    path.write_bytes(b"caf\xe9")
    kept = stack_list.keep_register(path, PLACE, [["alice"] + [""] * 14], DAY, False)
    assert not kept.changed and "UTF-8" in kept.problem and path.read_bytes() == b"caf\xe9"


def test_writing_keeps_mode_and_link_and_check_mode_writes_nothing(tmp_path: Path) -> None:
    real, link = tmp_path / "real.org", tmp_path / "running-stacks.org"
    real.write_text("mine\n")
    real.chmod(0o664)
    link.symlink_to(real)
    row = ["alice", *[""] * 14]
    would = stack_list.keep_register(link, PLACE, [row], DAY, True)
    assert would.changed and real.read_text() == "mine\n"
    assert stack_list.keep_register(link, PLACE, [row], DAY, False).changed
    assert link.is_symlink() and real.stat().st_mode & 0o777 == 0o664 and "alice" in real.read_text()
    assert not stack_list.keep_register(link, PLACE, [row], DAY, False).changed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["real.org", "running-stacks.org"]
