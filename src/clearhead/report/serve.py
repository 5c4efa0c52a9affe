"""A small server for reports too large to open from disk: loopback only, one folder, reading only."""

from __future__ import annotations

import functools
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from clearhead.core.errors import ArtifactError, SettingError

__all__ = ["Server", "serve"]

_HOSTS = ("127.0.0.1", "localhost", "[::1]")


class _Handler(SimpleHTTPRequestHandler):
    """Files of one folder. Requests for another host are refused: a page elsewhere must not read this one by DNS."""

    def parse_request(self) -> bool:
        if not super().parse_request():
            return False
        host = self.headers.get("Host", "")
        if host.rpartition(":")[0] in _HOSTS or host in _HOSTS:
            return True
        self.send_error(421, "This server answers for this machine only")
        return False

    def send_head(self) -> Any:
        # The page names every file it reads; links that lead out of the folder are not files of the report.
        root = Path(self.directory).resolve()
        if not Path(self.translate_path(self.path)).resolve().is_relative_to(root):
            self.send_error(404)
            return None
        return super().send_head()

    def list_directory(self, path: Any) -> None:
        self.send_error(404)

    def end_headers(self) -> None:
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: what to print is for the command to decide."""


class Server(ThreadingHTTPServer):
    """A server of one report; ``address`` is where it listens."""

    daemon_threads = True

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


def serve(folder: Path, port: int = 0) -> Server:
    """A server of a report's folder on 127.0.0.1 (port 0: any free one); call ``serve_forever`` and ``server_close``.

    Raises
    ------
    ArtifactError : there is no report in the folder.
    SettingError : the port is taken.

    Examples
    --------
    >>> serve(Path("runs/demo/report")).serve_forever()  # doctest: +SKIP
    """
    folder = Path(folder)
    if not (folder / "index.html").is_file():
        raise ArtifactError(f"there is no report in {folder}", fix="clearhead report RUN")
    try:
        return Server(("127.0.0.1", port), functools.partial(_Handler, directory=str(folder)))
    except OSError as error:
        raise SettingError(
            f"port {port} cannot be used", got=error, fix="leave --port out: any free one is taken"
        ) from error
