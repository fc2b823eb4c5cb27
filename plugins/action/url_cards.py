"""Typeset login cards for users on the controller from their password files.

Options and behaviour are described in plugins/modules/url_cards.py. An action plugin has the vault passwords of the
run, and with it a pass phrase leaves the process of ansible-playbook only for the two files.
"""

from __future__ import annotations

import pathlib
import sys
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.probcomp.stack.plugins.module_utils.cards import files as probcomp_cards_files
from ansible_collections.probcomp.stack.plugins.module_utils.cards import layout
from ansible_collections.probcomp.stack.plugins.module_utils.passwords import files as probcomp_password_files
from ansible_collections.probcomp.stack.plugins.plugin_utils.vault import decrypter

_SHIPPED = pathlib.Path(__file__).resolve().parents[2] / "playbooks/templates/cards.typ"
_MOST_PROBLEMS = 20
_SETTINGS = ("title", "text", "logo", "paper", "per_page", "order", "template", "fonts")
_CARD = {
    "user": {"type": "str", "required": True},
    "url": {"type": "str", "required": True},
    "password_file": {"type": "path", "required": True},
}
_ARGUMENTS: dict[str, Any] = {
    "cards": {"type": "list", "elements": "dict", "options": _CARD, "required": True},
    "label": {"type": "str", "required": True},
    "directory": {"type": "path", "required": True},
    "root": {"type": "path", "default": "."},
    "password_directory": {"type": "path"},
    "minimum_length": {"type": "int", "default": 12},
    **{name: {"type": "str", "default": ""} for name in _SETTINGS},
    "paper": {"type": "str", "default": "a4"},
    "per_page": {"type": "str", "default": "3"},
    "order": {"type": "str", "default": "stack"},
}


class ActionModule(ActionBase):
    """Action that writes the cards of users as a PDF and as a table."""

    _VALID_ARGS = frozenset(_ARGUMENTS)
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the written files, and lines for people.

        A failure has a line per problem, and then nothing is written.
        """
        result = super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(_ARGUMENTS)
        notes: list[str] = []
        try:
            problems = [layout.setting_problem(f"cards_{name}", arguments[name]) for name in _SETTINGS]
            _stop_at([problem for problem in problems if problem])
            cards = self._cards(arguments, notes)
            pdf = _pdf(cards, arguments, notes)
            directory, label = pathlib.Path(arguments["directory"]), arguments["label"]
            contents = {
                directory / f"{label}.pdf": pdf,
                directory / f"{label}.csv": layout.table(cards).encode(),
            }
            changed = probcomp_cards_files.write_private(contents, notes, self._task.check_mode)
        except ValueError as error:
            return result | {"failed": True, "msg": str(error), "warnings": notes}
        files = [str(path) for path in contents]
        lines = layout.summary(len(cards), int(arguments["per_page"]), arguments["order"], files)
        notes.extend(layout.spreadsheet_notes(cards))
        return result | {"changed": changed, "files": files, "lines": lines, "warnings": notes}

    def _cards(self, arguments: dict[str, Any], notes: list[str]) -> list[layout.Card]:
        """Return the cards with the pass phrases of the password files.

        ValueError has a line for each bad file.
        """
        found, problems, missing = [], [], 0
        for card in arguments["cards"]:
            try:
                phrase = probcomp_password_files.read_password(
                    card["password_file"],
                    arguments["minimum_length"],
                    notes,
                    mend=not self._task.check_mode,
                    decrypt=decrypter(self._loader),
                    own=arguments["password_directory"],
                )
            except probcomp_password_files.PasswordFileError as error:
                problems.append(str(error))
                missing += not pathlib.Path(card["password_file"]).exists()
            else:
                found.append(layout.Card(card["user"], card["url"], phrase))
        last = "ansible-playbook create_passwords.yml with the same names makes those that are missing"
        _stop_at(problems, last if missing > 1 else "")
        return found


def _pdf(cards: list[layout.Card], arguments: dict[str, Any], notes: list[str]) -> bytes:
    """Return the PDF of `cards` and add typst's warnings to `notes`.

    Raises ValueError.
    """
    try:
        from ansible_collections.probcomp.stack.plugins.module_utils.cards import pdf as probcomp_cards_pdf
    except ImportError as error:
        raise ValueError(
            f"{error.name} is not there for {sys.executable}: make setup, then . .venv/bin/activate"
        ) from None
    own = pathlib.Path(arguments["directory"]) / "template.typ"
    look = probcomp_cards_pdf.Look(
        title=arguments["title"],
        text=arguments["text"],
        paper=layout.PAPERS[arguments["paper"].lower()],
        per_page=int(arguments["per_page"]),
        order=arguments["order"],
        template=_path(arguments, "template") or (own if own.exists() else _SHIPPED),
        logo=_path(arguments, "logo"),
        fonts=_path(arguments, "fonts"),
    )
    pdf, warnings = probcomp_cards_pdf.set_cards(cards, look)
    notes.extend(warnings)
    return pdf


def _path(arguments: dict[str, Any], name: str) -> pathlib.Path | None:
    """Return the path in a setting, None for an empty one.

    A relative path starts at the root.
    """
    given = arguments[name]
    return pathlib.Path(arguments["root"], pathlib.Path(given).expanduser()) if given else None


def _stop_at(problems: list[str], last: str = "") -> None:
    """Raise ValueError with a line for each of `problems`, if any, and then `last`."""
    shown = problems[:_MOST_PROBLEMS]
    if rest := len(problems) - len(shown):
        shown.append(f"and {rest} more")
    if shown:
        raise ValueError("\n".join([*shown, last] if last else shown))
