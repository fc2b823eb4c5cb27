"""A real Jupyter without a login: what it shows, and how fast guesses are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from tests.support.jupyter_server import Browser, running

pytestmark = pytest.mark.slow

PASSWORD = "correct horse battery"
EXTENSION = """
from jupyter_server.base.handlers import JupyterHandler

class Forgetful(JupyterHandler):
    def get(self):
        self.finish("its files")

def _jupyter_server_extension_points():
    return [{"module": "forgetful"}]

def _load_jupyter_server_extension(app):
    app.web_app.add_handlers(".*", [("/forgetful", Forgetful)])
"""
"""An extension whose author forgot `@tornado.web.authenticated`."""
GUESSES_AT_ONCE = 16
STUDENTS = 39


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    tmp_path = tmp_path_factory.mktemp("jupyter")
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "forgetful.py").write_text(EXTENSION)
    switch = tmp_path / "home/.jupyter/jupyter_server_config.d/forgetful.json"
    switch.parent.mkdir(parents=True)
    switch.write_text('{"ServerApp": {"jpserver_extensions": {"forgetful": true}}}')
    with running(tmp_path / "home", PASSWORD, str(modules)) as url:
        yield url


def test_only_what_is_meant_for_strangers_answers_them(server: str) -> None:
    async def look() -> None:
        browser = Browser(server)
        async with browser.session:
            assert await browser.status("/forgetful") in (302, 403)
            assert await browser.status("/api") == 200
            await browser.open_form()
            assert await browser.login(PASSWORD) == 302
            for path in ("/forgetful", "/lab", "/tree", "/api/contents", "/api/terminals", "/lab/api/settings"):
                assert await browser.status(path) == 200, path

    asyncio.run(look())


async def _guess(url: str, stop: asyncio.Event, statuses: list[int]) -> None:
    browser = Browser(url)
    async with browser.session:
        await browser.open_form()
        while not stop.is_set():
            statuses.append(await browser.login(f"guess {len(statuses)}"))


async def _watch(url: str, stop: asyncio.Event, seconds: list[float]) -> None:
    browser = Browser(url)
    async with browser.session:
        while not stop.is_set():
            begun = time.monotonic()
            assert await browser.status("/api") == 200
            seconds.append(time.monotonic() - begun)
            await asyncio.sleep(0.1)


async def _student(url: str, seconds: list[float]) -> int:
    browser = Browser(url)
    async with browser.session:
        begun = time.monotonic()
        await browser.open_form()
        status = await browser.login(PASSWORD)
        seconds.append(time.monotonic() - begun)
        return status


def test_guessing_is_slow_and_keeps_nobody_out(server: str) -> None:
    """Log in with 39 students while a guesser with their address tries passwords.

    The guesser tries sixteen at a time at the same server.
    """

    async def lesson() -> None:
        stop = asyncio.Event()
        statuses: list[int] = []
        api: list[float] = []
        logins: list[float] = []
        others = [asyncio.create_task(_guess(server, stop, statuses)) for _ in range(GUESSES_AT_ONCE)]
        others.append(asyncio.create_task(_watch(server, stop, api)))
        await asyncio.sleep(3)
        before, begun = len(statuses), time.monotonic()
        await asyncio.sleep(5)
        rate = (len(statuses) - before) / (time.monotonic() - begun)
        answers = await asyncio.gather(*(_student(server, logins) for _ in range(STUDENTS)))
        stop.set()
        await asyncio.gather(*others)
        print(
            f"{rate:.1f} guesses a second; {answers.count(302)} of {STUDENTS} right logins in {max(logins):.1f} s "
            f"at most; /api 200 {len(api)} times, {max(api):.2f} s at most"
        )
        assert answers == [302] * STUDENTS
        assert set(statuses) == {401}
        assert rate < 6
        assert max(logins) < 30
        assert max(api) < 3

    asyncio.run(lesson())


@pytest.mark.long
def test_too_many_at_once_are_sent_away_and_none_is_lost(server: str) -> None:
    """What waits is bounded; a right password is taken once the rush is over."""

    async def rush() -> None:
        browser = Browser(server)
        async with browser.session:
            await browser.open_form()
            statuses = await asyncio.gather(*(browser.login(f"guess {number}") for number in range(150)))
            assert 429 in statuses
            assert set(statuses) == {401, 429}
            assert await browser.login(PASSWORD) == 302

    asyncio.run(rush())
