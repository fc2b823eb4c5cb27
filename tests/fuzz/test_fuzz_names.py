"""What people type: names, zones, ranges, settings, destinations, -l and rosters."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

from ansible_collections.probcomp.stack.plugins.module_utils.commands import command_line, extra_vars
from ansible_collections.probcomp.stack.plugins.module_utils.commands.roster import ROSTER_COLUMNS, read_roster
from ansible_collections.probcomp.stack.plugins.module_utils.common import names
from ansible_collections.probcomp.stack.plugins.module_utils.logs.destination import destination_problem
from hypothesis import example, given
from hypothesis import strategies as st

from tests.fuzz.values import ANY_TEXT, JSON, TEXT, assert_line
from tests.support import ROOT

STACK = re.compile(r"[a-zA-Z][-a-zA-Z0-9]{0,127}")
"""CloudFormation's rule for the name of a stack."""
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
NEAR_NAMES = st.text("abz019-", max_size=40)
ENDS = st.sampled_from(["", "\n", " ", ".", "/instance", "\u0301", "\u200b"])
NAMES = st.builds(lambda name, end: name + end, NEAR_NAMES, ENDS) | ANY_TEXT | st.sampled_from(sorted(names.RESERVED))
ZONES = st.builds(".".join, st.lists(NEAR_NAMES | TEXT, max_size=5)) | ANY_TEXT


@given(NAMES | JSON)
@example("a\n")
def test_user_names(name: Any) -> None:
    try:
        names.check_user_name(name)
    except names.InvalidName as error:
        assert_line(str(error), 900)
        if suggested := re.search(r"did you mean (.*)\?", str(error)):
            names.check_user_name(suggested[1])
        return
    assert names.USER_NAME.fullmatch(name) and name.isascii() and len(name) <= names.MAXIMUM_LENGTH
    assert LABEL.fullmatch(name) and name not in names.RESERVED and "--" not in name
    assert STACK.fullmatch(names.stack_name(name)) and STACK.fullmatch(names.network_stack_name(name))
    assert names.user_of_stack_name(names.stack_name(name)) == name
    assert names.user_of_instance_tag(names.instance_tag(name)) == name
    assert names.network_of_stack_name(names.network_stack_name(name)) == name
    assert Path("folder", name).name == name


@given(
    st.builds(lambda begin, rest: begin + rest, st.sampled_from(["probcomp-stack-", "probcomp-network-", ""]), NAMES)
)
def test_names_of_strangers_stacks_and_machines(name: str) -> None:
    for user, back in (
        (names.user_of_stack_name(name), names.stack_name),
        (names.network_of_stack_name(name), names.network_stack_name),
        (names.user_of_instance_tag(name), names.instance_tag),
    ):
        if user is not None:
            assert back(user) == name and (names.USER_NAME.fullmatch(user) or user == names.IMAGE_MACHINE)
    assert sorted([name, "ws-10", "ws-9"], key=names.by_number)


@given(ZONES | JSON, NEAR_NAMES)
@example("1.2.3.example", "a")
def test_zones(zone: Any, user: str) -> None:
    try:
        names.check_zone(zone)
    except names.InvalidZone as error:
        assert_line(str(error), 1300)
        if suggested := re.search(r"did you mean (.*)\?$", str(error)):
            names.check_zone(suggested[1])
        return
    if names.USER_NAME.fullmatch(user):
        host = names.host_name(user, zone)
        assert len(host) <= names.LONGEST_HOST_NAME
        assert all(LABEL.fullmatch(label) for label in names.ssh_name(user, zone).split("."))


NUMBERS = st.integers(-5, 200).flatmap(
    lambda number: st.sampled_from([number, str(number), f"0{number}", f"{number}\n"])
)


@given(NAMES | JSON, NUMBERS | JSON, NUMBERS | JSON)
@example("ws", 1, 10**5000)
def test_fleets(base: Any, low: Any, high: Any) -> None:
    try:
        users = names.fleet_users(base, low, high)
    except names.InvalidName as error:
        assert_line(str(error), 900)
        return
    assert 1 <= len(users) <= names.MACHINES_PER_NETWORK and users == sorted(set(users), key=names.by_number)
    for user in users:
        names.check_user_name(user)


@given(
    st.sampled_from([*extra_vars.SETTINGS, "zone"]), NAMES | JSON | st.sampled_from(["t3.medium", "8", "2030-12-31"])
)
@example("owner", "\u2028")
@example("volume_size", 10**5000)
def test_settings(name: str, value: Any) -> None:
    problem = extra_vars.setting_problem(name, value)
    if problem is not None:
        assert_line(problem, 1500)
    elif name in ("owner", "purpose", "note", "organization"):
        assert len(value) <= 256 and value.splitlines() in ([], [value])
    elif name == "instance":
        assert re.fullmatch(r"[a-z0-9.-]+", value) and value.isascii()


@given(ANY_TEXT)
def test_names_of_settings(name: str) -> None:
    assert_line(extra_vars.unknown_variable([name], ROOT, tuple) or "", 900)


@given(st.from_regex(r"[a-z@.\[\]:~/-]{0,20}:[a-z/.~ -]{0,20}") | NAMES | JSON)
def test_where_logs_are_shared(value: Any) -> None:
    if destination_problem(value) is None:
        host, _, path = value.rpartition(":")
        assert not value.startswith("-") and not path.startswith("-") and "::" not in value.replace("[::", "[")
        assert re.fullmatch(r"[A-Za-z0-9._/+@=~-]+", path) and ".." not in path.split("/")
        assert re.fullmatch(r"[A-Za-z0-9._@\[\]:-]+", host)


@given(st.lists(NAMES | st.sampled_from(["ws-1", "!ws-2", "&ws", "ws[1:3]", "~w", "@f"]), max_size=4).map(",".join))
def test_limits(limit: str) -> None:
    line = command_line.unknown_names(limit, ["ws-1", "ws-2"], ["ws"])
    assert_line(line or "", 100 + 20 * len(limit))


CELLS = st.sampled_from(["user", "owner", "purpose", "instance", "alice", "bob", "t3.medium", '"', "'"]) | TEXT
ROWS = st.lists(st.lists(CELLS, max_size=5).map(",".join), max_size=6)
ROSTERS = st.one_of(
    ROWS.map("\n".join),
    ROWS.map(lambda rows: "\r\n".join(["user,owner,instance", *rows])),
    st.sampled_from(["user\n" + "x" * 200_000, "," * 5000, '"' + "\n" * 1000]),
).map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=60)


@given(ROSTERS)
def test_rosters(data: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        roster = read_roster(Path(file.name))
    assert roster.settings or roster.problems
    for problem in roster.problems:
        assert_line(problem, 1000)
    for user, settings in roster.settings.items():
        names.check_user_name(user)
        assert set(settings) <= set(ROSTER_COLUMNS)
