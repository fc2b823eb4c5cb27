"""Write roles/<role>/README.md from meta/argument_specs.yml.

A role's options are thus written down once. `role_readmes.py` writes, `role_readmes.py --check` only names outdated
files, with exit status 1.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).resolve().parents[1] / "roles"


def plain(text: str) -> str:
    """Return an Ansible description as Markdown on one line.

    It may contain C(code), V(value) and O(option).
    """
    return " ".join(re.sub(r"\b[CVO]\(([^)]*)\)", r"`\1`", text).split()).replace("|", r"\|")


def sentences(description: str | list[str]) -> str:
    """Return a description, which is a text or a list of texts, as one text."""
    return " ".join(plain(part) for part in ([description] if isinstance(description, str) else description))


def as_code(value: object) -> str:
    """Return a default value as code in a table cell."""
    text = value if isinstance(value, str) and value else yaml.safe_dump(value, default_flow_style=True, width=1000)
    return "`" + " ".join(text.removesuffix("...\n").split()).replace("|", r"\|") + "`"


def readme(role: str, specs: dict[str, Any]) -> str:
    """Return the README of `role`.

    `specs` is the value of argument_specs, with entry points and options.
    """
    main = specs["main"]
    lines = [f"# {role}", "", f"{plain(main['short_description'])}.", ""]
    if "description" in main:
        lines += [sentences(main["description"]), ""]
    lines += ["| variable | type | default | |", "|---|---|---|---|"]
    for name, option in main.get("options", {}).items():
        kind = option.get("type", "str") + (f" of {option['elements']}" if "elements" in option else "")
        lines.append(f"| `{name}` | {kind} | {as_code(option.get('default'))} | {sentences(option['description'])} |")
    others = {name: spec for name, spec in specs.items() if name != "main"}
    if others:
        lines += ["", "Other entries (`tasks_from`), with the same variables:", ""]
        lines += [f"- `{name}`: {plain(spec['short_description'])}." for name, spec in others.items()]
    lines += ["", "Made from `meta/argument_specs.yml` by `scripts/role_readmes.py`."]
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Write, or with --check compare, every role's README; return the exit status."""
    stale = []
    for folder in sorted(path for path in ROLES.iterdir() if path.is_dir()):
        text = readme(folder.name, yaml.safe_load((folder / "meta/argument_specs.yml").read_text())["argument_specs"])
        target = folder / "README.md"
        if target.exists() and target.read_text() == text:
            continue
        stale.append(f"roles/{folder.name}/README.md")
        if "--check" not in arguments:
            target.write_text(text)
    if stale and "--check" in arguments:
        print(f"not what meta/argument_specs.yml says: {', '.join(stale)}; run make readmes", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
