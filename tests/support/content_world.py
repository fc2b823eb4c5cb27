"""A home, an archive and a web server for the tests of content.

Files and server are real; there is no machine.
"""

from __future__ import annotations

import dataclasses
import importlib
import io
import multiprocessing
import os
import pwd
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

Member = tuple[tarfile.TarInfo, bytes]


def load_module(name: str) -> ModuleType:
    """Return the Ansible module `name` of this repository as a Python module."""
    return importlib.import_module(f"ansible_collections.probcomp.stack.plugins.modules.{name}")


def account_with(home: Path, name: str = "") -> pwd.struct_passwd:
    """Return the account that runs the tests (or `name`) with another home."""
    real = pwd.getpwnam(name) if name else pwd.getpwuid(os.geteuid())
    return pwd.struct_passwd((real.pw_name, "x", real.pw_uid, real.pw_gid, "", str(home), "/bin/bash"))


@contextmanager
def repeating(account: pwd.struct_passwd, attack: Callable[[], None]) -> Iterator[None]:
    """Repeat `attack` as `account` while the block runs, whatever error it ends with."""

    def repeat() -> None:
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
        while True:
            with suppress(OSError):
                attack()

    attacker = multiprocessing.get_context("fork").Process(target=repeat, daemon=True)
    attacker.start()
    try:
        yield
    finally:
        attacker.kill()
        attacker.join()


def member(name: str, data: bytes = b"", **settings: Any) -> Member:
    """Return an archive member with `data`.

    It is a file unless `settings` (of TarInfo) name another type.
    """
    info = tarfile.TarInfo(name)
    info.size, info.mtime = len(data), 1_000_000_000
    for key, value in settings.items():
        setattr(info, key, value)
    return info, data


def tar(*members: Member, mode: Any = "w:gz") -> bytes:
    """Return an archive of `members`."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def files(**contents: str) -> bytes:
    """Return an archive of text files; two underlines in a name stand for a slash."""
    return tar(*(member(name.replace("__", "/"), text.encode()) for name, text in contents.items()))


@dataclasses.dataclass
class Server:
    """A web server with one file, as S3 serves it.

    It sends an etag, and "not modified" to a client that has the file.
    """

    url: str = ""
    body: bytes = b""
    status: int = 200
    etag: str = '"1"'
    cut_after: int | None = None
    answers: list[int] = dataclasses.field(default_factory=list)
    """The status of each answer so far."""


@contextmanager
def serving(body: bytes) -> Iterator[Server]:
    """Serve `body` on a free port of this computer."""
    state = Server(body=body)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = state.etag and self.headers.get("If-None-Match") == state.etag
            status = 304 if state.status == 200 and known else state.status
            state.answers.append(status)
            self.send_response(status)
            if state.etag:
                self.send_header("ETag", state.etag)
            if status != 304:
                self.send_header("Content-Length", str(len(state.body)))
            self.end_headers()
            if status != 304:
                self.wfile.write(state.body[: state.cut_after])

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        state.url = f"http://127.0.0.1:{server.server_port}/content.tgz?signature=secret"
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()
