"""A pass phrase that the user changes in a terminal of her Jupyter.

It holds until the administrator sets the next.
"""

from __future__ import annotations

import shlex
import time
from pathlib import Path

from playwright.sync_api import Page

from tests.support import manual
from tests.support.workshop import OUTPUT, Workshop

USER = "ws-3"
CONFIG = "/home/jupyter/.jupyter/jupyter_server_config.json"
OWN = "a phrase that nobody gave me"


def opens(page: Page, workshop: Workshop, password: str) -> bool:
    """Log in anew; return whether the password opened Jupyter."""
    page.context.clear_cookies()
    page.goto(workshop.url(USER, "/login"))
    page.fill("#password_input", password)
    page.click("#login_submit")
    page.wait_for_load_state("domcontentloaded")
    return "/login" not in page.url


def config(workshop: Workshop) -> str:
    """Return mode, owner and checksum of the file with the hash."""
    words = workshop.on_machine(USER, f"stat -c mode-%a-%U {CONFIG}; sha256sum {CONFIG}")
    return " ".join(words.split())


def test_a_users_own_password_holds_until_the_next_is_set(workshop: Workshop, tmp_path: Path) -> None:
    before = config(workshop)
    with workshop.browser(tmp_path) as browser:
        page = browser.new_page()
        assert opens(page, workshop, workshop.password(USER))
        page.goto(workshop.url(USER, "/lab?reset"))
        page.click(".jp-LauncherCard[title*='terminal' i]", timeout=90_000)
        page.click(".jp-Terminal .xterm-screen", timeout=60_000)
        # A terminal's output is drawn, not text, so the test asks the machine for the effect.
        page.keyboard.type("touch ~/here\n", delay=20)
        wait_for(workshop, "rm /home/jupyter/here")
        page.keyboard.type("jupyter server password\n", delay=20)
        for _ in ("new", "again"):
            # The program discards input typed before its prompt; it prompts once the terminal stops to echo.
            tty = "/dev/$(ps -o tty= -p $(pgrep -u jupyter -f server.password))"
            wait_for(workshop, f"stty -a -F {tty} | grep -q -- ' -echo '")
            time.sleep(2)
            page.keyboard.type(f"{OWN}\n", delay=20)
        end = time.monotonic() + 60
        while (after := config(workshop)) == before:
            assert time.monotonic() < end, "no new hash within 60 s"
        page.screenshot(path=str(OUTPUT / "own-password.png"))
        assert "mode-600-jupyter" in after

        # These are more starts than the unit may make by itself in two minutes.
        workshop.on_machine(USER, "for _ in 1 2 3 4 5; do systemctl restart jupyter || true; done")
        workshop.succeed(manual.of_class("restart_jupyter.yml", one=USER))
        assert opens(page, workshop, OWN)
        assert not opens(page, workshop, workshop.password(USER))

        workshop.succeed(manual.of_class("set_password.yml", one=USER))
        assert opens(page, workshop, workshop.password(USER))
        assert not opens(page, workshop, OWN)


def wait_for(workshop: Workshop, command: str, seconds: float = 60) -> None:
    """Wait until the command succeeds on the machine."""
    loop = f"until {command}; do sleep 0.5; done"
    workshop.on_machine(USER, f"timeout {seconds:.0f} sh -c {shlex.quote(loop)}")
