"""Define and check the names of users, zones, stacks and tags.

The module has their rules, how one name follows from another, and the errors for wrong names. It runs on the
controller, with the standard library only. It does not decide whether a resource exists: that is preflight's part.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

MAXIMUM_LENGTH = 32
"""Maximum length of a user name.

The name is a DNS label, a tag, a file name and part of a stack name; 32 keeps all of them legal.
"""

USER_NAME = re.compile(r"\A[a-z](?:[a-z0-9]|-(?!-)){0,30}[a-z0-9]\Z|\A[a-z]\Z")
"""Pattern of a user name, a fleet's base and a network's name; for fullmatch."""

IMAGE_MACHINE = "ami-bake"
"""Name of the machine from which ami_bake.yml makes an image.

It belongs to nobody and is never a user's name.
"""

RESERVED = frozenset({"all", "ungrouped", "users", "fleet", "localhost", "ssh", "www", "network", IMAGE_MACHINE})
"""Reserved names.

They are Ansible's groups, our groups, labels below a user's domain, and the networks' Name tags.
"""

MACHINES_PER_NETWORK = 100
"""Maximum number of machines per network.

It is the AWS default quota of rules and of target groups per load balancer.
"""

LONGEST_HOST_NAME = 128
"""Maximum length of a host name in a listener rule.

Source: Elastic Load Balancing's HostHeaderConditionConfig; DNS takes 253.
"""

LONGEST_ZONE = LONGEST_HOST_NAME - MAXIMUM_LENGTH - len(".stack.")
"""Length limit of a zone, below which the longest user name still fits."""

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
"""Pattern of a host name's label (RFC 1123) in lower case; for fullmatch."""

_RULE = (
    "use lower-case letters, digits and single dashes, begin with a letter, end with a letter or digit, "
    f"at most {MAXIMUM_LENGTH} characters"
)
_INSTANCE_TAG_END = "/instance"
_WHOLE_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


class InvalidName(ValueError):
    """Invalid name or range; str() is one line for the user."""


class InvalidZone(InvalidName):
    """Invalid zone.

    str() is one line with the problem (`what`) and what to do (`fix`).
    """

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(f"{what}: {fix}")
        self.what = what
        self.fix = fix


def shown(value: object, limit: int = 60) -> str:
    """Return `value` in printable form, on one line.

    It is escaped, quoted if text, and cut at `limit` characters.
    """
    try:
        text = value if isinstance(value, str) else str(value)
    except (RecursionError, ValueError):
        # str() fails for lists nested too deeply (RecursionError) and integers above 4300 digits (ValueError).
        text = f"({type(value).__name__})"
    # Ansible's strings are subclasses whose representation may change, so a plain copy is used.
    plain = "".join(text[: limit + 1])
    short = plain if len(plain) <= limit else plain[:limit] + "..."
    return repr(short) if isinstance(value, str) else short.encode("unicode_escape").decode("ascii")


def check_user_name(name: object, what: str = "user name") -> None:
    """Raise InvalidName unless `name` may be a user's name.

    `what` names the purpose of the name in the message.
    """
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


def fleet_users(base: object, low: object, high: object) -> list[str]:
    """Return the names `base`-`low` to `base`-`high`, in order.

    `low` and `high` come as text (from -e) or as numbers. Raises InvalidName for a base that breaks the rule of user
    names, a range that is none or has more than MACHINES_PER_NETWORK members, and names that would be too long.
    """
    check_user_name(base, "base")
    maximum = MACHINES_PER_NETWORK
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
    """Raise InvalidZone unless every user can have a host name below `zone`.

    Valid zones include one with the trailing dot, in upper case or of a single label. IP addresses and names that end
    in a number are invalid, because browsers take such a name for an address.
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
    """Return a domain name in lower case, without the trailing dot.

    Names are compared and shown in this form.
    """
    return name.lower().removesuffix(".")


def absolute_name(name: str) -> str:
    """Return a domain name in Route 53's form: lower case with the trailing dot."""
    return f"{domain_name(name)}."


# group_vars has these five as expressions too; tests/unit/repository/test_derived_names.py compares them.
def stack_domain(zone: str) -> str:
    """Return the domain that contains the users' host names."""
    return f"stack.{domain_name(zone)}"


def host_name(user: str, zone: str) -> str:
    """Return the host name of a user's machine for browsers."""
    return f"{user}.{stack_domain(zone)}"


def ssh_name(user: str, zone: str) -> str:
    """Return the host name of a user's machine for ssh and its pinned host key."""
    return f"ssh.{host_name(user, zone)}"


def url(user: str, zone: str, https_port: int = 443) -> str:
    """Return the URL of a user's Jupyter."""
    return f"https://{host_name(user, zone)}{'' if https_port == 443 else f':{https_port}'}"


def stack_name(user: str) -> str:
    """Return the name of the CloudFormation stack of one user's machine."""
    return f"probcomp-stack-{user}"


def network_stack_name(network: str) -> str:
    """Return the name of the CloudFormation stack of a network."""
    return f"probcomp-network-{network}"


def user_of_stack_name(name: str) -> str | None:
    """Return the user whose machine the stack `name` holds, or None.

    The machine of ami_bake.yml is its own user, IMAGE_MACHINE.
    """
    user = name.removeprefix(stack_name(""))
    return user_of_instance_tag(instance_tag(user)) if user != name else None


def network_of_stack_name(name: str) -> str | None:
    """Return the network that the stack `name` holds, or None."""
    network = name.removeprefix(network_stack_name(""))
    return network if network != name and USER_NAME.fullmatch(network) else None


def instance_tag(user: str) -> str:
    """Return the value of the Name tag of a user's instance."""
    return f"{user}{_INSTANCE_TAG_END}"


def user_of_instance_tag(tag: str) -> str | None:
    """Return the user of the machine with this Name tag, or None.

    The result is None for a tag that is not ours or has no valid user name.

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
    """Return up to three of `known` that resemble `name`, the most similar first."""
    # Without the bound on lengths, carol would match payroll as closely as ami matches aim.
    alike = (
        other
        for other in known
        if abs(len(other) - len(name)) <= max(1, max(len(other), len(name)) // 4)
        or (len(other) > 3 and name.startswith(other))
    )
    return difflib.get_close_matches(name, sorted(alike), n=3, cutoff=0.65)


def _whole_number(value: object) -> int | None:
    # bool is a subclass of int in Python, and `low: yes` is not 1.
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return int(value) if _WHOLE_NUMBER.fullmatch(shown(value) if isinstance(value, int) else value) else None


def _suggestion(name: str) -> str:
    candidate = re.sub(r"[\s_.-]+", "-", name.strip().lower())
    valid = USER_NAME.fullmatch(candidate) and candidate not in RESERVED
    return f"; did you mean {candidate}?" if valid else ""


def _is_domain_name(name: str) -> bool:
    labels = domain_name(name).split(".")
    return all(_LABEL.fullmatch(label) for label in labels) and not labels[-1].isdecimal()


def _zone_suggestion(zone: str) -> str:
    # A URL or a certificate's name may contain the zone.
    host = domain_name(zone.strip().rpartition("://")[2].partition("/")[0]).lstrip("*.").removeprefix("stack.")
    try:
        candidate = host.encode("idna").decode("ascii")
    except UnicodeError:
        return ""
    valid = "." in candidate and _is_domain_name(candidate) and len(candidate) <= LONGEST_ZONE
    return f"; did you mean {candidate}?" if valid else ""


def _characters(count: int) -> str:
    return "1 character" if count == 1 else f"{count} characters"
