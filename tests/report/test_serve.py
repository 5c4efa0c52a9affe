"""The local server: this machine only, this folder only."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from clearhead.core.errors import ArtifactError, SettingError
from clearhead.report.serve import Server, serve


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    report = tmp_path / "report"
    (report / "data").mkdir(parents=True)
    (report / "index.html").write_text("<h1>hello</h1>")
    (tmp_path / "secret.txt").write_text("secret")
    (report / "way-out").symlink_to(tmp_path / "secret.txt")
    server = serve(report)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def get(server: Server, path: str, host: str | None = None, method: str = "GET") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request(method, path, headers={} if host is None else {"Host": host})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def test_the_page_is_served_on_loopback(server: Server) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert get(server, "/") == (200, b"<h1>hello</h1>")
    assert get(server, "/", f"localhost:{server.server_port}")[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:80", ""])
def test_other_hosts_are_refused(server: Server, host: str) -> None:
    assert get(server, "/", host)[0] == 421


@pytest.mark.parametrize("path", ["/../secret.txt", "/%2e%2e/secret.txt", "/way-out", "/data/", "/nothing"])
def test_nothing_else_is_served(server: Server, path: str) -> None:
    assert get(server, path)[0] == 404


def test_nothing_can_be_written(server: Server) -> None:
    assert get(server, "/index.html", method="PUT")[0] == 501


def test_errors_say_what_to_do(tmp_path: Path, server: Server) -> None:
    with pytest.raises(ArtifactError, match="no report"):
        serve(tmp_path)
    with pytest.raises(SettingError, match="cannot be used"):
        serve(tmp_path / "report", server.server_port)
