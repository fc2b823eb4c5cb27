"""The page of a check says how many machines are ready, in words that agree."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from tests.support import ROOT


def page(*are_ok: bool) -> str:
    rows = {
        f"ws-{n}": {"user": f"ws-{n}", "url": "https://x", "ok": ok, "seconds": 1.0, "reason": "", "repair": ""}
        for n, ok in enumerate(are_ok)
    }
    check: dict[str, Any] = {"machines": rows, "checked_at": "now", "repair_commands": []}
    text = (ROOT / "playbooks/shared/templates/check.html.j2").read_text()
    return str(Templar(DataLoader(), variables={"check": check}).template(trust_as_template(text)))


@pytest.mark.parametrize(
    ("are_ok", "said"),
    [
        ([True], "1 machine is ready"),
        ([True, True], "All 2 machines are ready"),
        ([False], "1 of 1 machine needs repair"),
        ([True, False], "1 of 2 machines needs repair"),
        ([True, False, False], "2 of 3 machines need repair"),
    ],
)
def test_the_heading_agrees(are_ok: list[bool], said: str) -> None:
    assert f"<h1>{said}</h1>" in page(*are_ok) and f"<title>{said}</title>" in page(*are_ok)
