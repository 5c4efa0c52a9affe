"""The server as its own process: killed right after it acknowledged answers; what it prints when something breaks."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
import time

import httpx
import pytest

from clearhead.study.store import open_store
from clearhead.study.tasks import save_study

from .conftest import FILLED, hidden

CODE = """
import sys
from pathlib import Path
from clearhead.study.project import Project
Project(Path(sys.argv[1]), sys.argv[2]).serve(port=int(sys.argv[3]))
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def serving(folder, url, client, **streams):
    """The server as a process that answers ``client``, and that is killed at the end whatever happens."""
    command = [sys.executable, "-c", CODE, str(folder), url, str(client.base_url.port)]
    process = subprocess.Popen(command, **streams)
    try:
        while True:
            try:
                client.get("/healthz")
                break
            except httpx.TransportError:
                assert process.poll() is None
                time.sleep(0.1)
        yield
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_what_it_prints_tells_no_secret_even_when_the_database_breaks(world, tmp_path):
    study = world.simulate(classes=2, repeats=1)
    save_study(study, tmp_path, world.exhibits.picture)
    url = str(tmp_path / "study.sqlite")
    store = open_store(url, study)
    ((_, secret),) = store.people.invite(1)
    client = httpx.Client(base_url=f"http://127.0.0.1:{free_port()}", timeout=30)
    with (
        (tmp_path / "printed").open("w") as printed,
        client,
        serving(tmp_path, url, client, stdout=printed, stderr=printed),
    ):
        client.get(f"/join/{secret}")
        cookie = client.cookies["clearhead_session"]
        mark = hidden(client.get("/consent").text)["csrf"]
        client.get("/start", params={"PROLIFIC_PID": "someone"})
        with store.database.write() as c:
            c.exec_driver_sql("DROP TABLE sessions")
        broken = client.get(f"/join/{secret}")
        while "Traceback" not in (tmp_path / "printed").read_text():  # it is written after the reply
            time.sleep(0.05)
    store.close()
    assert broken.status_code == 500
    assert "Something went wrong" in broken.text
    told = (tmp_path / "printed").read_text()
    assert not [x for x in (secret, cookie, mark, "someone", "127.0.0.1", "/join/") if x in told]


@pytest.mark.slow
def test_no_acknowledged_answer_is_lost(world, tmp_path, database_url):
    study = world.simulate(classes=3, repeats=2)
    save_study(study, tmp_path, world.exhibits.picture)
    store = open_store(database_url, study)
    ((_, secret),) = store.people.invite(1)
    store.close()
    acknowledged = []
    with httpx.Client(base_url=f"http://127.0.0.1:{free_port()}", timeout=30) as client:
        for _ in range(2):
            with serving(tmp_path, database_url, client):
                if not acknowledged:
                    client.get(f"/join/{secret}")
                    client.post("/consent", data=hidden(client.get("/consent").text))
                for _ in range(3):
                    path = client.get("/task").headers["location"]
                    page = client.get(path)
                    data = {**hidden(page.text), "action": "save", **FILLED["simulate"]}
                    assert client.post(path, data=data).status_code == 303
                    acknowledged.append(re.sub(".*/", "", path))
    store = open_store(database_url, study)
    assert sorted(a.task for a in store.results.answers()) == sorted(acknowledged)
    assert len(set(acknowledged)) == 6
    store.close()
