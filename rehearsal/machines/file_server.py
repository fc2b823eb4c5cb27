"""Serve a folder to the machines over HTTP: apt repository and index of wheels.

The service is read-only.
"""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class _Handler(SimpleHTTPRequestHandler):
    """HTTP handler for GET and HEAD of files and listings.

    Connections are kept open, which apt uses, but not for ever.
    """

    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, *_: Any) -> None:
        """Write no log, because forty machines fetch hundreds of files."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class FileServer:
    """Thread that serves `root` on `address`, at a free port whose number is `port`."""

    def __init__(self, root: Path, address: str) -> None:
        self._server = _Server((address, 0), partial(_Handler, directory=str(root)))
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="files", daemon=True)

    def start(self) -> None:
        """Start the server."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the server; connections under way are dropped."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)
