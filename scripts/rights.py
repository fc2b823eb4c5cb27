"""Write the IAM policy and the table of rights from docs/rights.yml.

They are docs/iam-policy.json and a part of docs/account.md. The rights are thus written down once. `rights.py` writes,
`rights.py --check` only names outdated files, with exit status 1.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "docs/rights.yml"
BEGIN = "<!-- rights: made from docs/rights.yml by `make readmes` -->\n"
END = "<!-- end of rights -->\n"


def load() -> dict[str, Any]:
    """Return the content of docs/rights.yml."""
    data: dict[str, Any] = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    return data


def statement(name: str, bound: dict[str, Any], rights: list[str]) -> dict[str, Any]:
    """Return the rights of one bound as a statement of an IAM policy."""
    sid = "".join(word.capitalize() for word in name.split("_"))
    result = {"Sid": sid, "Effect": "Allow", "Action": rights, "Resource": bound["resources"]}
    return {**result, "Condition": bound["condition"]} if "condition" in bound else result


def policy(data: dict[str, Any]) -> dict[str, Any]:
    """Return the IAM policy, with a statement for each bound."""
    statements = []
    for name, bound in data["bounds"].items():
        rights = {right for group in data["groups"] if group["bound"] == name for right in group["rights"]}
        statements.append(statement(name, bound, sorted(rights)))
    return {"Version": "2012-10-17", "Statement": statements}


def size(document: dict[str, Any]) -> int:
    """Return the size of a policy in characters as IAM counts it, without white space.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    """
    return len(re.sub(r"\s", "", json.dumps(document)))


def table(data: dict[str, Any]) -> str:
    """Return the groups as a Markdown table."""
    lines = ["| for | rights | on |", "|---|---|---|"]
    for group in data["groups"]:
        rights = ", ".join(f"`{right}`" for right in group["rights"])
        lines.append(f"| {group['for']} | {rights} | {data['bounds'][group['bound']]['text']} |")
    return "\n".join(lines) + "\n"


def with_table(manual: str, text: str) -> str:
    """Return `manual` with `text` between the marks.

    Raises ValueError when a mark is missing.
    """
    before, begin, rest = manual.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"account.md lacks {BEGIN.strip()} or {END.strip()}")
    return before + begin + text + end + after


def main(arguments: list[str]) -> int:
    """Write the policy and the table, or compare them with --check.

    Return the exit status.
    """
    data, stale = load(), []
    manual = ROOT / "docs/account.md"
    texts = {
        ROOT / "docs/iam-policy.json": json.dumps(policy(data), indent=2) + "\n",
        manual: with_table(manual.read_text(encoding="utf-8"), table(data)),
    }
    for target, text in texts.items():
        if target.exists() and target.read_text(encoding="utf-8") == text:
            continue
        stale.append(str(target.relative_to(ROOT)))
        if "--check" not in arguments:
            target.write_text(text, encoding="utf-8")
    if stale and "--check" in arguments:
        print(f"not what docs/rights.yml says: {', '.join(stale)}; run make readmes", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
