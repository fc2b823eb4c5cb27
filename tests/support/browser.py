"""A headless Chromium that trusts the rehearsal's own authority.

Its network carries nothing but the tests. Chromium drops every request under way when any network interface of the
computer comes or goes (ERR_NETWORK_CHANGED), and machines of another rehearsal beside this one come and go all the
time.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import socket
import socketserver
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from playwright.sync_api import BrowserContext, sync_playwright

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_LOOPBACK = "127.0.0.1"
# The numbers are from linux/sockios.h and linux/if.h: get and set the flags of an interface, "up" among them.
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1


@contextmanager
def chromium(profile: Path, authority: Path, ports: list[int]) -> Iterator[BrowserContext]:
    """Open a new browser with an empty profile in `profile`.

    It reaches these ports of 127.0.0.1 and nothing else. No certificate error is ignored: `authority` is in the
    certificate store that Chromium reads.
    """
    store = profile / ".pki/nssdb"
    store.mkdir(parents=True)
    subprocess.run(["certutil", "-N", "-d", f"sql:{store}", "--empty-password"], check=True)
    trusted = ["-n", "rehearsal", "-t", "C,,", "-i", str(authority)]
    subprocess.run(["certutil", "-A", "-d", f"sql:{store}", *trusted], check=True)
    with ExitStack() as stack:
        network = stack.enter_context(_loopback_of_its_own(ports))
        program = profile / "chromium"
        inside = ["nsenter", f"--net={network}", str(shutil.which("chromium"))]
        program.write_text(f'#!/bin/sh\nexec {shlex.join(inside)} "$@"\n')
        program.chmod(0o700)
        playwright = stack.enter_context(sync_playwright())
        context = playwright.chromium.launch_persistent_context(
            str(profile / "profile"),
            executable_path=program,
            headless=True,
            args=_ARGUMENTS,
            env={**os.environ, "HOME": str(profile)},
            viewport={"width": 1280, "height": 800},
        )
        stack.callback(context.close)
        yield context


@contextmanager
def _loopback_of_its_own(ports: list[int]) -> Iterator[Path]:
    """Make a network namespace that has a loopback interface alone.

    `ports` lead from there to those of this namespace. Yields a path for nsenter. A socket belongs for life to the
    namespace in which it was made: so a thread that enters the new one makes the listeners, and threads that stayed in
    this one answer them.
    """
    made: list[socket.socket] = []
    handles: list[int] = []
    failures: list[OSError] = []

    def make() -> None:
        try:
            os.unshare(os.CLONE_NEWNET)
            handles.append(os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
                request = struct.pack("16sh14x", b"lo", 0)
                flags = struct.unpack("16sh14x", fcntl.ioctl(control, _SIOCGIFFLAGS, request))[1]
                fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))
            for port in ports:
                made.append(socket.create_server((_LOOPBACK, port), backlog=100))
        except OSError as error:
            failures.append(error)

    maker = threading.Thread(target=make)
    maker.start()
    maker.join()
    with ExitStack() as stack:
        for handle in handles:
            stack.callback(os.close, handle)
        for listener in made:
            stack.enter_context(listener)
        if failures:
            raise failures[0]
        for listener in made:
            stack.enter_context(_answered(listener))
        yield Path(f"/proc/{os.getpid()}/fd/{handles[0]}")


@contextmanager
def _answered(listener: socket.socket) -> Iterator[None]:
    """Pass each connection to the listener on to the same port of this namespace."""
    server = _Passage(listener.getsockname(), _PassOn, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


class _Passage(socketserver.ThreadingTCPServer):
    daemon_threads = True


class _PassOn(socketserver.BaseRequestHandler):
    """A forwarder that copies both ways and passes on the end of each direction."""

    def handle(self) -> None:
        near: socket.socket = self.request
        with socket.create_connection(near.getsockname()) as far:
            back = threading.Thread(target=_copy, args=(far, near), daemon=True)
            back.start()
            _copy(near, far)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        # When one side vanishes, the other is closed as well.
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
