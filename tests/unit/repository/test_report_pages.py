"""The page of a check: what the check found, without anything that acts.

Text of a machine does nothing in it.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import asdict, replace
from html.parser import HTMLParser

import pytest
import yaml
from ansible_collections.probcomp.stack.plugins.module_utils.jupyter.client import Result
from ansible_collections.probcomp.stack.plugins.module_utils.jupyter.failures import REPAIRS, repair_command
from ansible_collections.probcomp.stack.plugins.modules import fleet_check

from tests.support import ROOT
from tests.support.board import CHECKED_AT, board, failed, ready

HOSTILE = "</p><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{ 7*7 }}\u202e\x1b[31m" + "x" * 5000


class Outline(HTMLParser):
    """Elements of a page and its text, without style and script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(re.sub(r"(?s)<(style|script)>.*?</\1>", "", page))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, *names: str) -> list[str]:
        return [tag for tag, _ in self.tags if tag in names]


def text_of(page: str) -> str:
    """Return what the page shows, on one line."""
    return " ".join(Outline(page).text.split())


@pytest.mark.parametrize(
    ("are_ok", "said"),
    [
        ([True], "1 machine is ready"),
        ([True, True], "All 2 machines are ready"),
        ([False], "1 of 1 machine needs help"),
        ([True, False], "1 of 2 machines needs help"),
        ([True, False, False], "2 of 3 machines need help"),
    ],
)
def test_the_title_agrees(are_ok: list[bool], said: str) -> None:
    page = board([ready(f"ws-{n}") if ok else failed(f"ws-{n}", "password") for n, ok in enumerate(are_ok)])
    assert f"<title>{said}</title>" in page


def test_counts_fleet_and_time_are_at_the_top() -> None:
    rows = [ready(f"ws-{number}") for number in range(1, 41)]
    rows[2:5] = [failed(f"ws-{number}", "kernel") for number in (3, 4, 5)]
    header = text_of(board(rows).partition("</header>")[0].partition("<header>")[2])
    assert header == "3 need help 37 of 40 ready ws-1 to ws-40 checked 2026-05-12 10:00:00 UTC"


def test_trouble_is_first_and_an_open_machine_before_all() -> None:
    page = board([ready("ws-1"), failed("ws-2", "kernel"), failed("ws-3", "open"), ready("ws-4")])
    assert re.findall(r'<a href="https://([^.]+)', page) == ["ws-3", "ws-2", "ws-1", "ws-4"]


def test_a_tile_says_what_was_tried_since_when_and_the_command() -> None:
    earlier = failed("ws-2", "unavailable", since="2026-05-12T09:35:00+00:00")
    text = text_of(board([earlier, failed("ws-3", "tls")]))
    assert "Jupyter does not answer the reason of ws-2 Tried to ask the load balancer for Jupyter, for 12.3 s." in text
    assert "Failing since 2026-05-12 09:35:00 UTC. ansible-playbook -l ws-2 restart_jupyter.yml" in text
    assert "First failed in this check. No single command mends this: a person is needed." in text


def test_commands_for_several_are_there_where_they_save_some() -> None:
    both = "ansible-playbook -l ws-1,ws-2 set_password.yml"
    assert both in text_of(board([failed("ws-1", "password"), failed("ws-2", "password")]))
    assert "at once" not in text_of(
        board([failed("ws-1", "password"), failed("ws-2", "kernel"), failed("ws-3", "tls")])
    )


def test_machines_that_failed_before_the_check_are_named() -> None:
    page = board([ready("ws-1")], {"fleet": ["ws-1", "ws-2"], "unpinned": ["ws-3"], "users": ["ws-1", "alice"]})
    assert "<title>1 machine is ready, 2 not checked</title>" in page
    text = text_of(page)
    assert "1 of 3 ready 2 not checked ws-1 to ws-3 checked" in text and "last lines say ws-2 ws-3 Ready" in text
    assert "alice" not in text


def test_machines_that_failed_earlier_and_were_not_checked_are_named_with_their_time() -> None:
    page = board([ready("ws-3")], {"fleet": ["ws-3"]}, {"ws-9": "2026-05-12T09:35:00+00:00"})
    assert "<title>1 machine is ready, 1 failed earlier and not checked now</title>" in page
    text = text_of(page)
    assert "1 of 1 ready 1 failed earlier, not checked now ws-3 checked" in text
    assert "Failed earlier, not checked now ws-9 failed since 2026-05-12 09:35:00 UTC Ready" in text
    several = board([ready("ws-1"), ready("ws-3")], {}, {"ws-9": CHECKED_AT})
    assert "<title>2 machines are ready, 1 failed earlier and not checked now</title>" in several


def test_a_stopped_machine_that_failed_earlier_is_named_once() -> None:
    page = board([ready("ws-1")], {"fleet": ["ws-1", "ws-2"]}, {"ws-2": "2026-05-12T09:35:00+00:00"})
    assert "<title>1 machine is ready, 1 not checked</title>" in page and "failed earlier" not in text_of(page)
    assert "last lines say ws-2 failed since 2026-05-12 09:35:00 UTC Ready" in text_of(page)


def test_a_long_command_is_whole_and_apart_from_the_reason() -> None:
    repair = f"aws elbv2 deregister-targets --targets {' '.join(f'Id=i-{number:017}' for number in range(40))}"
    page = board([replace(failed("ws-1", "drift", "its target group has other targets"), repair=repair)])
    assert "its target group has other targets Tried to" in text_of(page)
    assert repair in text_of(page) and f'aria-label="Copy: {repair}"' in page


def test_every_kind_of_failure_has_words_of_its_own() -> None:
    kinds = re.findall(
        r"C\(([a-z_]+)\)", yaml.safe_load(fleet_check.RETURN)["machines"]["contains"]["kind"]["description"]
    )
    assert len(kinds) > 12 and set(REPAIRS) <= set(kinds)
    page = board([failed(f"ws-{number}", kind) for number, kind in enumerate(kinds)])
    faults = re.findall(r'<p class="fault red">(.*?)</p>', page)
    assert len(set(faults)) == len(kinds) and "Failed" not in faults


@pytest.mark.parametrize("field", ["user", "url", "kind", "reason", "repair", "since"])
def test_a_machines_text_is_data(field: str) -> None:
    row = asdict(failed("ws-1", "password")) | {field: HOSTILE}
    page = board([Result(**row)])
    assert page.count("<script>") == 1 and "<img" not in page and "onerror=alert(2)>" not in page
    if field in ("user", "reason"):
        shown = text_of(page)
        assert "{{ 7*7 }}" in shown and "x…" in shown and "x" * 400 not in shown
        assert not re.search("[\x00-\x1f\u202a-\u202e]", shown.partition(" ansible-playbook ")[0])


def test_the_page_asks_nobody_for_anything() -> None:
    page = board([ready("ws-1"), failed("ws-2", "password")])
    assert not re.search(
        r"(?:src|srcset|data|action|poster)\s*=|url\(|@import|<link|<iframe|<base|fetch\(|XMLHttp", page
    )
    assert re.findall(r"https?://[^\"]*", page) == ["https://ws-2.stack.example.org", "https://ws-1.stack.example.org"]
    policy = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[0]
    (script,) = re.findall(r"(?s)<script>(.*?)</script>", page)
    wanted = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith("default-src 'none';") and f"script-src 'sha256-{wanted}';" in policy, "after a change"
    assert "http" not in policy and "*" not in policy
    burn_rate = (ROOT / "playbooks/templates/burn_rate.html.j2").read_text()
    assert "content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\"" in burn_rate


def test_a_screen_reader_finds_landmarks_headings_and_names() -> None:
    outline = Outline(board([ready("ws-1"), failed("ws-2", "password"), failed("ws-3", "tls")], {"fleet": ["ws-4"]}))
    assert ("html", {"lang": "en"}) in outline.tags
    assert outline.all("header", "main", "footer") == ["header", "main", "footer"]
    assert outline.all("h1", "h2", "h3") == ["h1", "h2", "h3", "h3", "h2", "h2"]
    ids = {item["id"] for _, item in outline.tags if "id" in item}
    assert {item["aria-labelledby"] for tag, item in outline.tags if tag == "section"} <= ids
    labels = [item["aria-label"] for tag, item in outline.tags if tag == "button"]
    assert (
        labels[0] == f"Copy: {repair_command('set_password.yml', ['ws-2'], {})}"
        and len(labels) == len(set(labels)) == 2
    )
    assert not any("tabindex" in item for _, item in outline.tags)
    assert CHECKED_AT in [item["datetime"] for tag, item in outline.tags if tag == "time"]
