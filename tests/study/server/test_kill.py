"""The server as its own process, killed without warning right after it acknowledged answers."""

from __future__ import annotations

import re
import signal
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


@pytest.mark.slow
def test_no_acknowledged_answer_is_lost(world, tmp_path, database_url):
    study = world.simulate(classes=3, repeats=2)
    save_study(study, tmp_path, world.exhibits.picture)
    store = open_store(database_url, study)
    ((_, secret),) = store.people.invite(1)
    store.close()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", CODE, str(tmp_path), database_url, str(port)]
    acknowledged = []
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        for _ in range(2):
            process = subprocess.Popen(command)
            while True:
                try:
                    client.get("/healthz")
                    break
                except httpx.TransportError:
                    assert process.poll() is None
                    time.sleep(0.1)
            if not acknowledged:
                client.get(f"/join/{secret}")
                client.post("/consent", data=hidden(client.get("/consent").text))
            for _ in range(3):
                path = client.get("/task").headers["location"]
                page = client.get(path)
                data = {**hidden(page.text), "action": "save", **FILLED["simulate"]}
                assert client.post(path, data=data).status_code == 303
                acknowledged.append(re.sub(".*/", "", path))
            process.send_signal(signal.SIGKILL)
            process.wait()
    store = open_store(database_url, study)
    assert sorted(a.task for a in store.results.answers()) == sorted(acknowledged)
    assert len(set(acknowledged)) == 6
    store.close()
