"""Promise 7 and the bad-input table: valid names, and errors about the others."""

from __future__ import annotations

import re

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.common import names


@pytest.mark.parametrize("name", ["a", "alice", "ws-3", "a1", "x" * 32, "anna-2-b"])
def test_takes_valid_names(name: str) -> None:
    names.check_user_name(name)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Alice", "did you mean alice?"),
        ("alice\n", r"'alice\n' is not valid"),
        ("al ice", "did you mean al-ice?"),
        ("", "'' is not valid"),
        ("../x", "'../x' is not valid"),
        ("a/b", "'a/b' is not valid"),
        ("a.b", "'a.b' is not valid"),
        ("x;rm", "'x;rm' is not valid"),
        ("$(id)", "'$(id)' is not valid"),
        ("{{ 7*7 }}", "'{{ 7*7 }}' is not valid"),
        ("a--b", "single dashes"),
        ("-a", "begin with a letter"),
        ("a-", "end with a letter or digit"),
        ("1a", "begin with a letter"),
        ("аlice", "is not valid"),  # noqa: RUF001 - a Cyrillic first letter
        ("x" * 33, "too long by 1 character:"),
        ("x" * 40, "too long by 8 characters:"),
        ("all", "reserved"),
        ("fleet", "reserved"),
        ("www", "reserved"),
        ("xn--bcher-kva", "reserved"),
        ("XN--A", "reserved"),
        (False, "user names must be text: quote it"),
        (None, "user names must be text: quote it"),
        (7, "user names must be text: quote it"),
        (["a"], "user names must be text: quote it"),
    ],
)
def test_refuses_in_one_line(name: object, says: str) -> None:
    with pytest.raises(names.InvalidName) as caught:
        names.check_user_name(name)
    message = str(caught.value)
    assert says in message
    assert message.isprintable()


def test_never_suggests_what_it_would_refuse() -> None:
    for name in ("ALL", "{{ x }}", "Ü", " ", "A" * 40):
        with pytest.raises(names.InvalidName) as caught:
            names.check_user_name(name)
        assert "did you mean" not in str(caught.value)


def test_shows_a_bounded_part_of_a_huge_value() -> None:
    assert len(names.shown("x" * 100_000)) < 80
    assert len(names.shown([1] * 100_000)) < 80


def test_a_fleet_is_its_base_with_numbers() -> None:
    assert names.fleet_users("ws", "8", "10") == ["ws-8", "ws-9", "ws-10"]
    assert names.fleet_users("ws", 1, 1) == ["ws-1"]
    assert len(names.fleet_users("ws", 1, 100)) == 100


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [
        ("0", "3", "1 <= low <= high"),
        ("01", "3", "without leading zeros"),
        ("1", "x", "whole numbers"),
        ("1", "3\n", "whole numbers"),
        ("1", "٣", "whole numbers"),
        ("5", "3", "means 0 machines"),
        ("1", "101", "means 101 machines"),
        (True, 3, "whole numbers"),
        ("1", "9" * 5000, "whole numbers"),
        (None, None, "whole numbers"),
        (1.0, 2.0, "whole numbers"),
    ],
)
def test_refuses_a_range_that_is_none(low: object, high: object, says: str) -> None:
    with pytest.raises(names.InvalidName, match=says) as caught:
        names.fleet_users("ws", low, high)
    assert str(caught.value).isprintable()


def test_the_longest_name_of_a_fleet_counts() -> None:
    assert names.fleet_users("x" * 30, 1, 9)
    with pytest.raises(names.InvalidName, match="-10, is too long by 1 character:"):
        names.fleet_users("x" * 30, 1, 10)


def test_tags_and_stacks_follow_from_the_name() -> None:
    assert names.stack_name("alice") == "probcomp-stack-alice"
    assert names.network_stack_name("shared") == "probcomp-network-shared"
    assert names.user_of_instance_tag(names.instance_tag("alice")) == "alice"
    assert names.user_of_instance_tag(names.instance_tag(names.IMAGE_MACHINE)) == names.IMAGE_MACHINE


@pytest.mark.parametrize(
    "tag", ["alice", "Alice/instance", "/instance", "a/b/instance", "alice/volume", "", "all/instance"]
)
def test_other_tags_name_nobody(tag: str) -> None:
    assert names.user_of_instance_tag(tag) is None


def test_nearest_names() -> None:
    assert names.nearest("alcie", ["alice", "bob", "ws-1"]) == ["alice"]
    assert names.nearest("zzz", ["alice"]) == []
    assert names.nearest("payroll", ["carol"]) == names.nearest("clara", ["carol"]) == []
    assert names.nearest("aim", ["ami", "admin"]) == ["ami"] and names.nearest("ws-33", ["ws-3", "ws-7"])[0] == "ws-3"


@pytest.mark.parametrize(
    "zone",
    [
        "example.org",
        "example.org.",
        "Example.ORG.",
        "localhost",
        "a-1.b--c.example",
        "xn--bcher-kva.de",
        "1.2.3.example",
    ],
)
def test_takes_any_way_to_write_a_zone(zone: str) -> None:
    names.check_zone(zone)


@pytest.mark.parametrize(
    ("zone", "says"),
    [
        ("", "zone is empty, so nobody's address is known: set it in group_vars/all/local.yml"),
        (None, "zone is empty"),
        (False, "zone False is not text: "),
        (7, "zone 7 is not text: write it like example.org in group_vars/all/local.yml, in quotes"),
        (["example.org"], "is not text"),
        ("https://Example.org/", "no domain name: write it like example.org in .*; did you mean example.org[?]"),
        ("*.stack.example.org", "did you mean example.org[?]"),
        (".example.org", "zone '.example.org' is no domain name: .*; did you mean example.org[?]"),
        ("example.org/", "did you mean example.org[?]"),
        (" example.org", "zone ' example.org' is no .* did you mean example.org[?]"),
        ("example.org ", "zone 'example.org ' is no .* did you mean example.org[?]"),
        ("example.org\n", r"zone 'example.org\\n' is no .* did you mean example.org[?]"),
        ("example\norg", r"zone 'example\\norg' is no domain name"),
        ("example.org\x1b[31m", "is no domain name"),
        ("example..org", "is no domain name"),
        ("example.org..", "is no domain name"),
        (".", "zone '.' is no domain name"),
        ("example.org:443", "is no domain name"),
        ("anna@example.org", "is no domain name"),
        ("my_lab.example.org", "is no domain name"),
        ("-lab.example.org", "is no domain name"),
        ("{{ 7*7 }}", "is no domain name"),
        ("192.0.2.7", "zone '192.0.2.7' is no domain name"),
        ("2001:db8::1", "is no domain name"),
        ("example.7", "is no domain name"),
        ("bücher.example", "is not ASCII: write it in punycode, xn--...; did you mean xn--bcher-kva.example[?]"),
        ("exаmple.org", "is not ASCII"),  # noqa: RUF001 - a Cyrillic letter
        ("bü cher..example", "is not ASCII: write it in punycode, xn--...$"),
        (f"{'x' * 64}.org", "is no domain name"),
        (f"{'x' * 42}.{'y' * 43}.com", "is too long by 1 character: use one of at most 89, for"),
        (f"{'x' * 60}." * 5, "too long by 215 characters"),
    ],
)
def test_refuses_what_is_no_zone_in_one_line(zone: object, says: str) -> None:
    with pytest.raises(names.InvalidZone) as caught:
        names.check_zone(zone)
    message = str(caught.value)
    assert re.search(says, message), message
    assert message.isprintable() and len(message) < 300
    assert message == f"{caught.value.what}: {caught.value.fix}"


def test_the_longest_user_has_a_name_in_the_longest_zone() -> None:
    zone = f"{'x' * 42}.{'y' * 42}.com"
    names.check_zone(f"{zone}.")
    assert len(names.host_name("u" * names.MAXIMUM_LENGTH, zone)) == names.LONGEST_HOST_NAME


def test_a_suggested_zone_is_one() -> None:
    for zone in ("https://", "://x", "*.", "/stack./", "*.stack.", "ü" * 60 + ".de", "https://192.0.2.7/"):
        with pytest.raises(names.InvalidZone) as caught:
            names.check_zone(zone)
        if "did you mean" in str(caught.value):
            names.check_zone(str(caught.value).rpartition("did you mean ")[2].removesuffix("?"))


def test_names_are_in_the_order_of_their_numbers() -> None:
    assert sorted(["ws-10", "ws-9", "alice", "ws"], key=names.by_number) == ["alice", "ws", "ws-9", "ws-10"]
