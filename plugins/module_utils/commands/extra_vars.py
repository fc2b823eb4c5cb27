"""Check settings for new machines.

The functions take texts and return problems as text. They run on the controller, before any template evaluates a value.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

import yaml

from ..cards import layout
from ..common import names
from ..logs import destination
from ..output.host_summary import listed

TEXT_LIMIT = 256
"""Maximum length of a tag's value (AWS)."""
FOR_LIFE = ("ami", "network", "volume_size")
"""Settings that are fixed for a machine's lifetime.

To change them AWS would replace the machine and its disk.
"""
SETTINGS = (
    *("user", "users", "base", "low", "high", "roster"),
    *("instance", "cpu_credits", "ami", "network", "volume_size"),
    *("owner", "organization", "purpose", "note", "expires"),
    *("archive", "backup", "cancel", "confirm", "force"),
    *layout.SETTINGS,
    *destination.SETTINGS,
)
"""Settings that the commands accept by -e."""
_ANSWERS = ("backup", "cancel", "confirm", "force")
_CREDITS = ("standard", "unlimited")
CHOICES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_ANSWERS, ("yes", "no")),
    "cpu_credits": _CREDITS,
    "cards_order": layout.ORDERS,
    "cards_paper": tuple(dict.fromkeys(layout.PAPERS.values())),
    "cards_per_page": tuple(str(number) for number in layout.PER_PAGE),
}
"""Settings with few values, and the values to offer for each."""

_CUT_OFF = "_raw_params"
"""Name under which Ansible keeps the words of -e that have no equals sign."""
_FOREIGN = ("ansible_", "probcomp_", "awx_", "tower_", "molecule_")
_OPTIONAL = re.compile(r"(?<![.\w])([a-z]\w*) \| default\(")
_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INSTANCE_TYPE = re.compile(r"[a-z][a-z0-9-]{0,30}\.[a-z0-9-]{1,30}")
_IMAGE = re.compile(r"ami-[0-9a-f]{8,17}")
_TEMPLATE_MARKS = ("{{", "{%", "{#")
_TAG_SIGNS = "_.:/=+-@"
_TEXTS = ("owner", "organization", "purpose", "note")
_VOLUME_GIB = (8, 16384)


def has_template(value: object) -> bool:
    """Return whether Ansible would evaluate a template in `value`, given by -e."""
    return isinstance(value, str) and any(mark in value for mark in _TEMPLATE_MARKS)


def setting_problem(name: str, value: object) -> str | None:
    """Return the problem of the given setting, or None.

    Names that are not our settings are not checked.
    """
    check = {
        "instance": _instance_problem,
        "cpu_credits": _credits_problem,
        "ami": _image_problem,
        "network": _network_problem,
        "volume_size": _volume_problem,
        "expires": _date_problem,
        "archive": _file_problem,
        "zone": _zone_problem,
        **dict.fromkeys(_ANSWERS, _answer_problem),
        **dict.fromkeys(_TEXTS, _text_problem),
        **layout.SETTINGS,
        **destination.SETTINGS,
    }.get(name)
    if check is None:
        return None
    if has_template(value):
        problem: str | None = "templates are not allowed in it"
    else:
        problem = check(value)
    return f"{name}={names.shown(value)}: {problem}" if problem else None


def unknown_variable(given: Iterable[object], root: Path, settings: Callable[[], Iterable[object]]) -> str | None:
    """Return the error message for unknown or cut-off names of -e, or None.

    Known are our settings, the argument specs and plays in `root`, and the names that `settings` returns. A name is cut
    off where Ansible splits name=value at a blank. The function is called only for names that are not ours.
    """
    rest = {str(name) for name in given} - {*SETTINGS, "zone"}
    if rest & {_CUT_OFF, ""}:
        return (
            "-e: Ansible cuts name=value at blanks, and a part is left over: "
            """give JSON, -e '{"owner": "Alice B."}', or inner quotes, -e "owner='Alice B.'"; nothing was touched"""
        )
    rest = {name for name in rest if not name.startswith(_FOREIGN)}
    if not rest:
        return None
    known = {*SETTINGS, "zone", *map(str, settings()), *variables(root)}
    if not (unknown := sorted(rest - known)):
        return None
    near = dict.fromkeys(found for name in unknown for found in _nearest(name.lower(), known))
    hint = f"did you mean {', '.join(f'{name}=' for name in near)}?" if near else "docs/workshop.md names the settings"
    own = "a variable of your own needs a value in group_vars/all/local.yml"
    shown = listed([names.shown(name) for name in unknown], 3)
    return f"-e: no such setting or variable: {shown}: {hint} ({own}); nothing was touched"


def _nearest(name: str, known: Iterable[str]) -> list[str]:
    return (names.nearest(name, SETTINGS) or names.nearest(name, known))[:1]


def variables(root: Path) -> set[str]:
    """Return the variables that roles and plays in `root` take, besides our settings."""
    return _variables_of_roles(root) | _variables_of_plays(root)


def _variables_of_roles(root: Path) -> set[str]:
    found: set[str] = set()
    for file in root.glob("roles/*/meta/argument_specs.yml"):
        specs = yaml.load(file.read_text(encoding="utf-8"), Loader=_YAML)  # noqa: S506  # A safe loader, written in C.
        for spec in specs["argument_specs"].values():
            found.update(spec.get("options", {}))
    return found


def _variables_of_plays(root: Path) -> set[str]:
    """Return the variables that plays use only when they are given."""
    texts = (file.read_text(encoding="utf-8") for file in root.glob("playbooks/**/*.yml"))
    return {name for text in texts for name in _OPTIONAL.findall(text)}


def _instance_problem(value: object) -> str | None:
    valid = isinstance(value, str) and _INSTANCE_TYPE.fullmatch(value)
    return None if valid else "an instance type looks like t3.medium"


def _credits_problem(value: object) -> str | None:
    return None if value in _CREDITS else f"must be {' or '.join(_CREDITS)}"


def _image_problem(value: object) -> str | None:
    valid = value == "" or (isinstance(value, str) and _IMAGE.fullmatch(value))
    return None if valid else "an image looks like ami-0123456789abcdef0"


def _network_problem(value: object) -> str | None:
    try:
        names.check_user_name(value, "network name")
    except names.InvalidName as error:
        return str(error)
    return None


def _zone_problem(value: object) -> str | None:
    # The check only ensures that the value has nothing to evaluate: zone_name and preflight check whether it is a zone.
    return None if isinstance(value, str) else "must be text: quote it"


def _volume_problem(value: object) -> str | None:
    low, high = _VOLUME_GIB
    digits = names.shown(value) if isinstance(value, int) else value
    valid = isinstance(digits, str) and re.fullmatch(r"[1-9][0-9]{0,5}", digits) and low <= int(digits) <= high
    return None if valid else f"a whole number of GiB from {low} to {high}"


def _date_problem(value: object) -> str | None:
    if value == "":
        return None
    try:
        valid = isinstance(value, str) and datetime.date.fromisoformat(value).isoformat() == value
    except ValueError:
        valid = False
    return None if valid else "a date like 2030-12-31"


def _text_problem(value: object) -> str | None:
    if not isinstance(value, str):
        return "must be text: quote it"
    if len(value) > TEXT_LIMIT:
        return f"too long by {len(value) - TEXT_LIMIT} characters (at most {TEXT_LIMIT})"
    # The stack's tags also go to the load balancer's parts, so they follow botocore's model of elbv2.
    odd = list(dict.fromkeys(one for one in value if not _fits_a_tag(one)))
    if not odd:
        return None
    if all(_fits_a_tag(one) for one in unicodedata.normalize("NFC", value)):
        return "its accents are characters of their own (decomposed Unicode), which no tag has: type it anew"
    shown = listed([_named(one) for one in odd], 5)
    return (
        f"{shown} {'is' if len(odd) == 1 else 'are'} not allowed in a tag; letters, digits, blanks and {_TAG_SIGNS} are"
    )


def _named(sign: str) -> str:
    """Return a character for a message: quoted, or by number and name.

    The latter is for what cannot be printed, and for marks, which would change the look of the quote before them.
    """
    if sign.isprintable() and not unicodedata.category(sign).startswith("M"):
        return repr(sign)
    return f"U+{ord(sign):04X} ({unicodedata.name(sign, 'no character').lower()})"


def _fits_a_tag(sign: str) -> bool:
    # elbv2 takes line and paragraph separators (Zl, Zp) too, but a value is shown on one line.
    kind = unicodedata.category(sign)
    return kind[0] in "LN" or kind == "Zs" or sign in _TAG_SIGNS


def _file_problem(value: object) -> str | None:
    valid = isinstance(value, str) and value.strip() and value.isprintable()
    return None if valid else "give the name of a file"


def _answer_problem(value: object) -> str | None:
    # Ansible takes any other word for no, and backup=ture would lose homes.
    valid = isinstance(value, bool) or (isinstance(value, str) and value.lower() in ("yes", "no", "true", "false"))
    return None if valid else "yes or no"
