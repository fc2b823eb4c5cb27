"""Jupyter's password login, with guessing slowed down.

Jupyter's own form checks a password on the thread that serves everything, as fast as anybody asks. Here one password is
checked at a time, on a thread of its own. A wrong one is answered late, and the more were wrong lately the later; the
next check waits for a part of that. A right one is answered at once. Addresses do not count: a class shares one, and a
stranger has many.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.auth.identity import PasswordIdentityProvider
from jupyter_server.auth.login import LoginFormHandler

LONGEST_DELAY = 4.0
"""Seconds until a wrong password is answered, after many wrong ones."""
MOST_WAITING = 64
"""Maximum number of passwords that wait for their check.

A check takes at most about a third of a second with the pause after it.
"""
_DELAY_PER_FAILURE = 0.25
_SECONDS_TO_HALVE_FAILURES = 60.0
_PAUSE = 1 / 16


class LoginHandler(LoginFormHandler):
    """Login form whose password is checked in turn."""

    checked_user: Any = None

    @allow_unauthenticated
    async def post(self) -> None:
        if await self.identity_provider.check(self):
            super().post()
        else:
            self.set_status(429)
            self.set_header("Retry-After", "10")
            self._render(message={"error": "Too many passwords are being tried: try again in a few seconds"})


class GuessLimitingIdentityProvider(PasswordIdentityProvider):
    """Password login that delays the answers to wrong passwords."""

    def __init__(self, **settings: Any) -> None:
        settings["login_handler_class"] = LoginHandler
        super().__init__(**settings)
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._failures = 0.0
        self._last_failure = time.monotonic()

    def process_login_form(self, handler: LoginHandler) -> Any:
        return handler.checked_user

    async def check(self, handler: LoginHandler) -> bool:
        """Give `handler` the user if its password is right; return False if too many wait."""
        if self._waiting >= MOST_WAITING:
            return False
        self._waiting += 1
        delay = 0.0
        try:
            async with self._turn:
                handler.checked_user = await asyncio.to_thread(super().process_login_form, handler)
                if handler.checked_user is None:
                    delay = self._delay_after_failure()
                    await asyncio.sleep(delay * _PAUSE)
        finally:
            self._waiting -= 1
        await asyncio.sleep(delay)
        return True

    def _delay_after_failure(self) -> float:
        now = time.monotonic()
        self._failures *= 0.5 ** ((now - self._last_failure) / _SECONDS_TO_HALVE_FAILURES)
        self._failures += 1
        self._last_failure = now
        return min(LONGEST_DELAY, _DELAY_PER_FAILURE * self._failures)
