"""Serves a folder to the machines over plain HTTP: the apt repository and the index of wheels.

Started by the rehearsal's server. Nothing can be changed through it.
"""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class _Handler(SimpleHTTPRequestHandler):
    """GET and HEAD of files and listings. Connections are kept, which apt uses, but not for ever."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, *_: Any) -> None:
        """Say nothing: forty machines fetch hundreds of files."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class FileServer:
    """A thread that serves `root` on `address`; port 0 takes a free one, which `port` then tells."""

    def __init__(self, root: Path, address: str, port: int = 0) -> None:
        self._server = _Server((address, port), partial(_Handler, directory=str(root)))
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="files", daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """End; connections under way are dropped."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)
