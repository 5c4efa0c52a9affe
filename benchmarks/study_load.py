"""200 annotators complete 2,000 tasks × 5 answers against a real server that is killed ten times meanwhile.

``--quick`` takes 400 tasks instead (2,000 answers, 50 s at 40 answers/s), with the same people, rate and kills.

Loopback only, at a bounded rate. Afterwards the database is compared with what the clients were told: nothing lost,
double or orphaned.

Run: python benchmarks/study_load.py --database sqlite|postgres [--quick | --minutes 2]
     [--people 200 --rate 40 --kills 10]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np

from clearhead.core.artifacts import write_json
from clearhead.study.store import open_store
from clearhead.study.tasks import Arm, Exhibits, SimulateOptions, build_simulate, load_study, save_study

TASKS_A_CLASS, ANSWERS = 20, 5
HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')
RETRY = (httpx.TransportError, httpx.TimeoutException)


def build(folder: Path, classes: int) -> int:
    """The paper's layout on synthetic heads: classes × 2 arms × 10 tasks."""
    rng = np.random.default_rng(0)
    n, p = 5_000, 64
    weights = rng.normal(size=(p, classes))
    z = rng.normal(size=(n, p))
    arms = [Arm(name, weights * keep, lambda c, w=weights * keep: z @ w[:, c]) for name, keep in
            (("dense", 1.0), ("sparse", np.abs(weights) > 0.7))]  # fmt: skip
    words = Exhibits(texts=[f"text {i}" for i in range(n)], feature_words={j: [(f"w{j}", 1.0)] for j in range(p)})
    study = build_simulate(arms, rng.integers(classes, size=n), words, [""] * classes, SimulateOptions(classes=classes))
    save_study(study, folder, words.picture)
    return len(study.tasks)


def serve(folder: Path, url: str, port: int) -> None:
    """The server process: the same functions as ``clearhead study serve``."""
    from clearhead.study.server import create_app, make_secrets, run_server

    store = open_store(url, load_study(folder))
    run_server(create_app(folder, store, make_secrets(folder)[0]), port=port)


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL server of our own, in a temporary folder, as durable as it comes."""
    binaries = max(Path("/usr/lib/postgresql").glob("*/bin"))
    folder = Path(tempfile.mkdtemp(prefix="clearhead-load-pg-"))
    who = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if who:
        shutil.chown(folder, "postgres")
    port = free_port()

    def call(*command: str) -> None:
        subprocess.run([*who, str(binaries / command[0]), *command[1:]], check=True, capture_output=True, cwd=folder)

    data = str(folder / "data")
    call("initdb", "-D", data, "-A", "trust", "-U", "t", "-E", "UTF8", "--locale=C")
    listen = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder}"
    call("pg_ctl", "-D", data, "-w", "-o", listen, "-l", str(folder / "log"), "start")
    try:
        yield f"postgresql://t@127.0.0.1:{port}/postgres"
    finally:
        call("pg_ctl", "-D", data, "-m", "fast", "-w", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Load:
    """What the clients saw."""

    base: str
    rate: float
    acknowledged: dict[tuple[str, int], dict[str, str]] = field(default_factory=dict)
    post: list[float] = field(default_factory=list)
    page: list[float] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    broken: int = 0
    slot: float = 0.0

    async def turn(self) -> None:
        """Wait for this answer's place in the bounded rate."""
        now = time.perf_counter()
        self.slot = max(self.slot + 1 / self.rate, now)
        await asyncio.sleep(self.slot - now)

    async def ask(
        self, client: httpx.AsyncClient, method: str, path: str, times: list[float], **data
    ) -> httpx.Response:
        """One request, repeated unchanged until the server answers it; repetitions keep to the rate as well.

        ``times`` gets the seconds of the attempt that was answered, `waited` those since the first that was not.
        """
        first = time.perf_counter()
        for attempt in itertools.count():
            if attempt:
                await asyncio.sleep(random.uniform(0.5, 1.5))  # as people reload a page
                await self.turn()
            started = time.perf_counter()
            try:
                response = await client.request(method, path, **data)
            except RETRY:
                self.broken += 1
                continue
            self.statuses[response.status_code] += 1
            if response.status_code not in (429, 500, 502, 503):
                break
        times.append(time.perf_counter() - started)
        if attempt:
            self.waited.append(time.perf_counter() - first)
        return response

    async def person(self, number: int, secret: str) -> None:
        rng = random.Random(number)
        await asyncio.sleep(number / 10)  # ten people a second arrive
        async with httpx.AsyncClient(base_url=self.base, timeout=20, verify=False) as client:
            ignored: list[float] = []
            await self.ask(client, "GET", f"/join/{secret}", ignored)
            page = await self.ask(client, "GET", "/consent", ignored)
            reply = await self.ask(client, "POST", "/consent", ignored, data=dict(HIDDEN.findall(page.text)))
            path = "/task"
            while True:
                page = await self.ask(client, "GET", path, self.page)
                if page.status_code == 303:
                    path = page.headers["location"]
                    continue
                if "completion code" in page.text or "come back later" in page.text:
                    return
                values = {"choice": rng.choice("abc"), "confidence": rng.choice("0123")}
                await self.turn()
                data = {**dict(HIDDEN.findall(page.text)), "action": "save", **values}
                reply = await self.ask(client, "POST", path, self.post, data=data)
                assert reply.status_code == 303, (path, reply.status_code, reply.text[:300])
                self.acknowledged[path.rsplit("/", 1)[-1], number] = values
                path = reply.headers["location"]


class Server:
    """The server as a process that can be killed."""

    def __init__(self, folder: Path, url: str, port: int) -> None:
        self.command = [sys.executable, __file__, "--serve", str(folder), "--url", url, "--port", str(port)]
        self.port, self.killed = port, 0
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self.command)

    async def ready(self) -> None:
        async with httpx.AsyncClient() as client:
            while True:
                with contextlib.suppress(*RETRY):
                    if (await client.get(f"http://127.0.0.1:{self.port}/healthz")).status_code == 200:
                        return
                await asyncio.sleep(0.1)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


async def killer(server: Server, kills: int, every: float) -> None:
    for _ in range(kills):
        await asyncio.sleep(every)
        server.kill()
        server.killed += 1
        server.start()
        await server.ready()


def compare(load: Load, folder: Path, url: str, names: list[str]) -> dict[str, int]:
    """What the database holds against what the clients were told."""
    store = open_store(url, load_study(folder))
    stored = {(a.task, names.index(a.annotator)): a for a in store.results.answers()}
    rows = len(store.results.answers())
    counted = Counter(a.task for a in stored.values() if not a.surplus)
    progress = store.results.progress()
    lost = [k for k, v in load.acknowledged.items() if k not in stored or
            {n: str(x) for n, x in stored[k].values.items()} != v]  # fmt: skip
    store.close()
    return {
        "acknowledged": len(load.acknowledged),
        "stored": rows,
        "lost": len(lost),
        "double": rows - len(stored),
        "unacknowledged_stored": len(set(stored) - set(load.acknowledged)),
        "tasks_with_exactly_five": sum(n == 5 for n in counted.values()),
        "tasks": progress.tasks,
        "surplus": progress.surplus,
        "open_leases": progress.open_leases,
    }


async def run(args: argparse.Namespace, folder: Path, url: str) -> dict[str, object]:
    tasks = build(folder, args.classes)
    store = open_store(url, load_study(folder))
    invited = store.people.invite(args.people)
    store.close()
    port = free_port()
    server = Server(folder, url, port)
    await server.ready()
    load = Load(f"http://127.0.0.1:{port}", args.rate)
    started = time.perf_counter()
    every = tasks * ANSWERS / args.rate / (args.kills + 1) if args.kills else 0
    killing = asyncio.create_task(killer(server, args.kills, every))
    people = [asyncio.create_task(load.person(i, secret)) for i, (_, secret) in enumerate(invited)]
    await asyncio.gather(*people)
    seconds = time.perf_counter() - started
    killing.cancel()  # where everything was answered before the last kill
    with contextlib.suppress(asyncio.CancelledError):
        await killing
    killed = server.killed
    server.kill()
    found = compare(load, folder, url, [name for name, _ in invited])
    times = {
        name: {f"p{q}_ms": round(1000 * float(np.percentile(values, q)), 1) for q in (50, 95, 99)}
        for name, values in (("save_answer", load.post), ("open_page", load.page))
    }
    return {
        "database": args.database, "shrunk": args.classes != 100,
        "people": args.people, "tasks": tasks, "seconds": round(seconds, 1),
        "answers_per_second": round(len(load.acknowledged) / seconds, 1), "kills": killed, **found, **times,
        "broken_requests_retried": load.broken,
        "longest_wait_over_a_kill_s": round(max(load.waited, default=0.0), 1), "statuses": dict(load.statuses),
        "load_average": os.getloadavg(),
    }  # fmt: skip


def classes(args: argparse.Namespace) -> int:
    """How many classes have tasks."""
    if args.quick:
        return 20
    if args.minutes is None:
        return int(args.classes)
    return max(1, round(60 * args.minutes * args.rate / ANSWERS / TASKS_A_CLASS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", type=Path)
    parser.add_argument("--url", default="")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--people", type=int, default=200)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--classes", type=int, default=100, help="twenty tasks each, five answers a task")
    size.add_argument("--minutes", type=float, help="as many tasks as can be answered at the rate in so many minutes")
    size.add_argument("--quick", action="store_true", help="400 tasks: about a minute at 40 answers/s")
    parser.add_argument("--rate", type=float, default=40)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("runs/study_load"))
    args = parser.parse_args()
    if args.serve:
        serve(args.serve, args.url, args.port)
        return
    args.classes = classes(args)
    if args.classes != parser.get_default("classes"):
        print(f"shrunk: {args.classes * TASKS_A_CLASS:,} tasks instead of {100 * TASKS_A_CLASS:,}")
    folder = Path(tempfile.mkdtemp(prefix="clearhead-load-", dir="."))
    try:
        with contextlib.ExitStack() as stack:
            url = stack.enter_context(postgres()) if args.database == "postgres" else str(folder / "study.sqlite")
            found = asyncio.run(run(args, folder, url))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    write_json(args.out / f"{args.database}.json", found)
    for name, value in found.items():
        print(f"{name:28} {value}")


if __name__ == "__main__":
    main()
