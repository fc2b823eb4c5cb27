"""The page of a check in a real Chromium.

Nothing is cut, and all can be read, copied and reached by keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page

from rehearsal.account import pki
from tests.support.board import CHECKED_AT, board, failed, ready
from tests.support.browser import chromium

pytestmark = pytest.mark.slow

FORTY = [f"ws-{number}" for number in range(1, 41)]
LONGEST = "maximiliane-alexandra-hohenlohe1"
WIDE = "w" * 32
KINDS = ("password", "unavailable", "connection", "tls", "open", "ssh", "name", "kernel")
LONG = "cannot connect to " + "x" * 180 + ": " + "see whether its network stands " * 5
PAGES = {
    "forty": board([failed(u, "kernel") if u in ("ws-3", "ws-17", "ws-31") else ready(u) for u in FORTY]),
    "all fail": board([failed(user, KINDS[number % len(KINDS)], LONG) for number, user in enumerate(FORTY)]),
    "few": board(
        [failed(WIDE, "password", LONG), ready("alice"), ready(LONGEST)],
        {"fleet": ["ws-1", f"{WIDE[1:]}x"]},
        {"ws-1": CHECKED_AT, "ws-9": CHECKED_AT},
    ),
    "fine": board([ready("alice")]),
}
CUT = """() => [...document.querySelectorAll("body *")].filter(item =>
  item.scrollWidth > item.clientWidth + 1 && getComputedStyle(item).display !== "inline"
  || item.getBoundingClientRect().right > innerWidth + 1).map(item => item.outerHTML.slice(0, 200))"""
# The ratio is WCAG 2's; a background is the one of the nearest element that has any.
CONTRAST = """() => {
  const channel = value => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const under = item => {
    for (; item; item = item.parentElement) {
      const color = parse(getComputedStyle(item).backgroundColor);
      if (color.length < 4 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const ratio = (a, b) => {
    const [y, x] = [light(a), light(b)].sort((m, n) => m - n);
    return (x + 0.05) / (y + 0.05);
  };
  const found = [];
  for (const item of document.querySelectorAll("body *:not(script)")) {
    const style = getComputedStyle(item);
    if (style.display === "none") continue;
    if ([...item.childNodes].some(node => node.nodeType === 3 && node.data.trim()))
      found.push([ratio(parse(style.color), under(item)) / 4.5, item.outerHTML.slice(0, 99)]);
    if (item.matches("button"))
      found.push([ratio(parse(style.borderTopColor), under(item.parentElement)) / 3, "border of a button"]);
    if (item.matches("li"))
      found.push([ratio(parse(style.borderLeftColor), under(item.parentElement)) / 3, "edge of a tile"]);
    if (item.matches("a, button")) {
      item.focus({ focusVisible: true });
      found.push([ratio(parse(getComputedStyle(item).outlineColor), under(item.parentElement)) / 3, "outline"]);
    }
  }
  return found;
}"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """Provide a browser whose network reaches nobody."""
    folder = tmp_path_factory.mktemp("browser")
    with chromium(folder, pki.authority(folder).certificate_file, []) as context:
        yield context


@pytest.fixture
def page(browser: BrowserContext) -> Iterator[Page]:
    """Provide a page that asks for nothing but itself and complains of nothing."""
    made = browser.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    made.on("request", lambda request: asked.append(request.url))
    made.on("console", lambda message: complaints.append(message.text))
    made.on("pageerror", lambda error: complaints.append(str(error)))
    yield made
    made.close()
    assert asked and all(url.startswith("file:///") and url.endswith("/check.html") for url in asked)
    assert complaints == []


def show(page: Page, name: str, folder: Path) -> None:
    """Open a page of PAGES from a file, as people do."""
    path = folder / "check.html"
    path.write_text(PAGES[name])
    page.goto(path.as_uri())


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_cut_from_the_phone_to_the_wall(page: Page, tmp_path: Path, name: str) -> None:
    show(page, name, tmp_path)
    for width, height in ((320, 640), (360, 740), (500, 900), (768, 1024), (1280, 800), (1920, 1080), (3840, 2160)):
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, width
        assert page.evaluate(CUT) == [], width


def test_forty_machines_fit_on_a_projector_in_large_letters(page: Page, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 1920, "height": 1080})
    show(page, "forty", tmp_path)
    assert page.evaluate("document.querySelector('main').getBoundingClientRect().bottom") <= 1080
    sizes = "selector => parseFloat(getComputedStyle(document.querySelector(selector)).fontSize)"
    least = {"h1 b": 60, "h3": 36, ".fault": 24, ".reason": 20, ".tiles a": 20}
    assert {item: page.evaluate(sizes, item) for item in least if page.evaluate(sizes, item) < least[item]} == {}
    troubled, good = (page.locator(f"{item} li").first.bounding_box() for item in (".trouble", ".tiles"))
    assert troubled and good and troubled["width"] * troubled["height"] > 10 * good["width"] * good["height"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_can_be_read(page: Page, tmp_path: Path, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    for name in ("few", "all fail"):
        show(page, name, tmp_path)
        ratios = page.evaluate(CONTRAST)
        assert len(ratios) > 20 and [item for item in ratios if item[0] < 1] == []
    dark = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert (dark == "rgb(15, 18, 21)") == (scheme == "dark")


def test_paper_is_white_without_buttons_and_nothing_moves(page: Page, tmp_path: Path) -> None:
    show(page, "few", tmp_path)
    page.emulate_media(media="print", color_scheme="dark", reduced_motion="reduce")
    look = "item => [getComputedStyle(item).color, getComputedStyle(item).backgroundColor]"
    assert page.locator("html").evaluate(look) == ["rgb(21, 24, 28)", "rgba(0, 0, 0, 0)"]
    assert page.locator("button:visible").count() == 0
    page.emulate_media(media="screen")
    assert page.locator("button:visible").count() == 2
    assert page.evaluate("document.getAnimations().length") == 0
    moving = "[...document.querySelectorAll('*')].filter(i => getComputedStyle(i).transitionDuration !== '0s').length"
    assert page.evaluate(moving) == 0


def test_by_keys_one_reaches_trouble_first_and_copies_the_whole_command(page: Page, tmp_path: Path) -> None:
    show(page, "few", tmp_path)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == WIDE
    assert page.evaluate("parseFloat(getComputedStyle(document.activeElement).outlineWidth)") >= 2
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    command = f"ansible-playbook -l {WIDE} set_password.yml"
    assert page.evaluate("document.activeElement.textContent") == "Copied"
    assert page.inner_text("[role=status]") == f"Copied: {command}"
    order = []
    for _ in range(4):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.textContent"))
    assert order[:3] == ["alice", LONGEST, "Copy"]
    page.evaluate("document.body.append(document.createElement('textarea'))")
    page.focus("textarea")
    page.keyboard.press("Control+V")
    assert page.input_value("textarea") == command


def test_a_click_selects_the_whole_command(page: Page, tmp_path: Path) -> None:
    show(page, "few", tmp_path)
    page.locator("code").first.click()
    assert page.evaluate("getSelection().toString()") == f"ansible-playbook -l {WIDE} set_password.yml"


def test_times_are_those_of_the_room_and_age_is_said(browser: BrowserContext, page: Page, tmp_path: Path) -> None:
    browser.new_cdp_session(page).send("Emulation.setTimezoneOverride", {"timezoneId": "America/New_York"})
    page.clock.install(time="2026-05-12T10:25:30+00:00")
    show(page, "few", tmp_path)
    assert page.inner_text("header .soft").replace("\u202f", " ") == "checked 06:00 AM, 25 min ago"
    page.clock.run_for(3 * 60 * 60 * 1000)
    assert page.inner_text("header .soft").endswith("AM, 3 hours ago")
    assert page.get_attribute("header time", "title") == "2026-05-12 10:00:00 UTC"
