"""A home and root's notes, on which the module content_deploy works."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from tests.support.content_world import Server, account_with, load_module

content_deploy = load_module("content_deploy")


class MachineHome:
    """A home and root's notes, on which the module works as on a machine."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.home, self.note = folder / "home", folder / "notes/content.json"
        self.home.mkdir()
        self.server = server
        self.account = account_with(self.home)

    def wish(self, **options: Any) -> Any:
        settings = {"url": self.server.url, "checksum": "", "max_size": 10, "max_unpacked_size": 4, "timeout": 20}
        return content_deploy.Wish(**{**settings, **options})

    def lay_down(self, **options: Any) -> dict[str, Any]:
        result: dict[str, Any] = content_deploy.lay_down(self.home, self.wish(**options), self.account, self.note)
        return result

    def publish(self, body: bytes) -> None:
        self.server.body, self.server.etag = body, f'"{hashlib.md5(body).hexdigest()}"'

    def texts(self) -> dict[str, str]:
        paths = (path for path in self.home.rglob("*") if path.is_file())
        return {str(path.relative_to(self.home)): path.read_text() for path in paths}
