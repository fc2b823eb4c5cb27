"""The names of users, zones, stacks and tags: their rules, how one follows from another, the answers to wrong ones.

Used by the plugins on the controller and by our modules; standard library only. It decides nothing about what exists:
that is preflight's part.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

MAXIMUM_LENGTH = 32
"""Longest user name: it is a DNS label, a tag, a file name and part of a stack name; 32 keeps all of them legal."""

USER_NAME = re.compile(r"\A[a-z](?:[a-z0-9]|-(?!-)){0,30}[a-z0-9]\Z|\A[a-z]\Z")
"""What a user name, the base of a fleet and the name of a network look like. Use with fullmatch."""

IMAGE_MACHINE = "ami-bake"
"""Name of the machine that ami_bake.yml makes an image of; nobody's, and so never a user's."""

RESERVED = frozenset({"all", "ungrouped", "users", "fleet", "localhost", "ssh", "www", "network", IMAGE_MACHINE})
"""Names with a meaning of their own: Ansible's groups, ours, labels below a user's domain, the networks' Name tags."""

MACHINES_PER_NETWORK = 100
"""Rules and target groups per load balancer (AWS default quotas), so machines per network."""

LONGEST_HOST_NAME = 128
"""Characters of a host name in a listener rule (Elastic Load Balancing's HostHeaderConditionConfig); DNS takes 253."""

LONGEST_ZONE = LONGEST_HOST_NAME - MAXIMUM_LENGTH - len(".stack.")
"""Characters of a zone below which the longest user name still makes a host name."""

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
"""A part of a host name (RFC 1123), in lower case. Use with fullmatch."""

_RULE = (
    "use lower-case letters, digits and single dashes, begin with a letter, end with a letter or digit, "
    f"at most {MAXIMUM_LENGTH} characters"
)
_INSTANCE_TAG_END = "/instance"
_WHOLE_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


class InvalidName(ValueError):
    """A name or range that is refused; str() is one line for the user."""


class InvalidZone(InvalidName):
    """A zone that is refused; str() is one line, of `what` is wrong and what to do (`fix`)."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(f"{what}: {fix}")
        self.what = what
        self.fix = fix


def shown(value: object, limit: int = 60) -> str:
    """Return `value` as it may be printed: on one line, escaped, quoted if text, at most `limit` characters of it."""
    text = value if isinstance(value, str) else str(value)
    # A plain copy: Ansible's strings are of subclasses of its own, whose representation is not ours to rely on.
    plain = "".join(text[: limit + 1])
    short = plain if len(plain) <= limit else plain[:limit] + "..."
    return repr(short) if isinstance(value, str) else short.encode("unicode_escape").decode("ascii")


def check_user_name(name: object, what: str = "user name") -> None:
    """Raise InvalidName unless `name` may be a user's; `what` says in the message what the name is for."""
    if not isinstance(name, str):
        raise InvalidName(f"{what} {shown(name)} is not text: {what}s must be text: quote it")
    if name in RESERVED:
        raise InvalidName(f"{what} {shown(name)} is reserved: take another")
    if name.lower().startswith("xn--"):
        raise InvalidName(f"{what} {shown(name)} is reserved: names that begin with xn-- mean other letters in DNS")
    if USER_NAME.fullmatch(name):
        return
    if len(name) > MAXIMUM_LENGTH:
        raise InvalidName(f"{what} {shown(name)} is too long by {_characters(len(name) - MAXIMUM_LENGTH)}: {_RULE}")
    raise InvalidName(f"{what} {shown(name)} is not valid: {_RULE}{_suggestion(name)}")


def fleet_users(base: object, low: object, high: object, maximum: int = MACHINES_PER_NETWORK) -> list[str]:
    """Return the names `base`-`low` to `base`-`high`, in order.

    `low` and `high` come as text (from -e) or as numbers. Raises InvalidName for a base that breaks the rule of user
    names, a range that is none or has more than `maximum` members, and names that would be too long.
    """
    check_user_name(base, "base")
    wanted = f"low and high must be whole numbers without leading zeros, 1 <= low <= high, at most {maximum} machines"
    given = f"low={shown(low)} high={shown(high)}"
    first, last = _whole_number(low), _whole_number(high)
    if first is None or last is None:
        raise InvalidName(f"{given}: {wanted}")
    count = max(0, last - first + 1)
    if not 1 <= count <= maximum:
        raise InvalidName(f"{given} means {count} machines: {wanted}")
    longest = f"{base}-{last}"
    if len(longest) > MAXIMUM_LENGTH:
        excess = _characters(len(longest) - MAXIMUM_LENGTH)
        raise InvalidName(f"base {shown(base)}: the longest name, {longest}, is too long by {excess}: {_RULE}")
    return [f"{base}-{number}" for number in range(first, last + 1)]


def check_zone(zone: object) -> None:
    """Raise InvalidZone unless `zone` is a domain name below which every user can have a host name.

    One with the trailing dot, in upper case or of a single label is. IP addresses and names that end in a number are
    not, for browsers take the latter for the former.
    """
    if zone is None or zone == "":
        raise InvalidZone("zone is empty, so nobody's address is known", "set it in group_vars/all/local.yml")
    form = "write it like example.org in group_vars/all/local.yml"
    if not isinstance(zone, str):
        raise InvalidZone(f"zone {shown(zone)} is not text", f"{form}, in quotes")
    if not zone.isascii():
        raise InvalidZone(f"zone {shown(zone)} is not ASCII", f"write it in punycode, xn--...{_zone_suggestion(zone)}")
    if not _is_domain_name(zone):
        raise InvalidZone(f"zone {shown(zone)} is no domain name", f"{form}{_zone_suggestion(zone)}")
    if excess := max(0, len(domain_name(zone)) - LONGEST_ZONE):
        what = f"zone {shown(zone)} is too long by {_characters(excess)}"
        reason = f"with a user's name before it a load balancer takes {LONGEST_HOST_NAME}"
        raise InvalidZone(what, f"use one of at most {LONGEST_ZONE}, for {reason}")


def domain_name(name: str) -> str:
    """Return a domain name as it is compared and shown: lower case, without the trailing dot."""
    return name.lower().removesuffix(".")


def absolute_name(name: str) -> str:
    """Return a domain name as Route 53 writes it: lower case, with the trailing dot."""
    return f"{domain_name(name)}."


# These five are also expressions in group_vars; tests/unit/repository/test_derived_names.py holds them equal.
def stack_domain(zone: str) -> str:
    """Return the domain below which users have their host names."""
    return f"stack.{domain_name(zone)}"


def host_name(user: str, zone: str) -> str:
    """Return the name that browsers use for a user's machine."""
    return f"{user}.{stack_domain(zone)}"


def ssh_name(user: str, zone: str) -> str:
    """Return the name that ssh uses for a user's machine, also in its pinned host key."""
    return f"ssh.{host_name(user, zone)}"


def url(user: str, zone: str, https_port: int = 443) -> str:
    """Return the address of a user's Jupyter."""
    return f"https://{host_name(user, zone)}{'' if https_port == 443 else f':{https_port}'}"


def stack_name(user: str) -> str:
    """Return the name of the CloudFormation stack of one user's machine."""
    return f"probcomp-stack-{user}"


def network_stack_name(network: str) -> str:
    """Return the name of the CloudFormation stack of a network."""
    return f"probcomp-network-{network}"


def instance_tag(user: str) -> str:
    """Return the value of the Name tag of a user's instance."""
    return f"{user}{_INSTANCE_TAG_END}"


def user_of_instance_tag(tag: str) -> str | None:
    """Return whose machine a Name tag belongs to, or None when it is not one of ours or names no valid user.

    The machine of ami_bake.yml is its own user, IMAGE_MACHINE.
    """
    user = tag.removesuffix(_INSTANCE_TAG_END)
    if user == tag:
        return None
    if user == IMAGE_MACHINE:
        return user
    try:
        check_user_name(user)
    except InvalidName:
        return None
    return user


def by_number(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts ws-9 before ws-10."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Return up to three of `known` that look like `name`, the likest first."""
    return difflib.get_close_matches(name, sorted(known), n=3)


def _whole_number(value: object) -> int | None:
    # bool is a kind of int in Python, and `low: yes` is not 1.
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return int(value) if _WHOLE_NUMBER.fullmatch(str(value)) else None


def _suggestion(name: str) -> str:
    candidate = re.sub(r"[\s_.-]+", "-", name.strip().lower())
    valid = USER_NAME.fullmatch(candidate) and candidate not in RESERVED
    return f"; did you mean {candidate}?" if valid else ""


def _is_domain_name(name: str) -> bool:
    labels = domain_name(name).split(".")
    return all(_LABEL.fullmatch(label) for label in labels) and not labels[-1].isdecimal()


def _zone_suggestion(zone: str) -> str:
    # Of an address or a certificate's name, the zone in it.
    host = domain_name(zone.strip().rpartition("://")[2].partition("/")[0]).lstrip("*.").removeprefix("stack.")
    try:
        candidate = host.encode("idna").decode("ascii")
    except UnicodeError:
        return ""
    valid = "." in candidate and _is_domain_name(candidate) and len(candidate) <= LONGEST_ZONE
    return f"; did you mean {candidate}?" if valid else ""


def _characters(count: int) -> str:
    return "1 character" if count == 1 else f"{count} characters"
