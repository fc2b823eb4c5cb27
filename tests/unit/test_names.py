"""Promise 7 and the bad-input table: which names are taken, and what is said about the others."""

from __future__ import annotations

import probcomp_names as names
import pytest


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
        ("аlice", "is not valid"),  # noqa: RUF001 - the first letter is Cyrillic
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
