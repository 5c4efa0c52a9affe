"""Small studies on synthetic heads, images and sentences."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest

from clearhead.study.tasks import (
    Arm,
    Errors,
    Exhibits,
    MisclassificationOptions,
    SimulateOptions,
    SpuriousOptions,
    build_misclassification,
    build_simulate,
    build_spurious,
    top_rows_of_class,
)

N, P, K = 600, 24, 6
NAMES = [f"class {c}" for c in range(K)]


class World:
    """Features, labels, a dense and a sparse head, and pictures of everything."""

    def __init__(self) -> None:
        rng = np.random.default_rng(7)
        self.labels = rng.integers(K, size=N)
        directions = rng.normal(size=(K, P))
        self.z = directions[self.labels] + rng.normal(size=(N, P)) * 2
        self.dense = np.ascontiguousarray(directions.T)
        self.sparse = np.where(np.abs(self.dense) > 0.8, self.dense, 0.0)
        self.shade = rng.integers(0, 255, size=(N, 3), dtype=np.uint8)
        self.exhibits = Exhibits(
            image=self.image, feature_pictures={j: [np.full((16, 16, 3), 9 * j, np.uint8)] for j in range(P)}
        )
        self.texts = Exhibits(
            texts=[f"sentence number {i}" for i in range(N)],
            feature_words={j: [(f"word{j}", 1.0), ("other", 0.5)] for j in range(P)},
        )

    def image(self, row: int) -> np.ndarray:
        return np.tile(self.shade[row], (24, 24, 1))

    def probabilities(self, weights: np.ndarray) -> np.ndarray:
        logits = self.z @ weights
        e = np.exp(logits - logits.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)

    def arms(self) -> list[Arm]:
        return [
            Arm("dense", self.dense, self.probabilities(self.dense)),
            Arm("sparse", self.sparse, self.probabilities(self.sparse)),
        ]

    def simulate(self, exhibits=None, **options):
        options = SimulateOptions(**{"classes": 4, "repeats": 3, **options})
        return build_simulate(self.arms(), self.labels, exhibits or self.exhibits, NAMES, options)

    def spurious(self, exhibits=None, **options):
        top = top_rows_of_class(self.z, self.labels)
        options = SpuriousOptions(**{"pairs": 5, **options})
        return build_spurious(self.arms(), top, exhibits or self.exhibits, NAMES, options)

    def misclassification(self, exhibits=None, **options):
        errors = Errors(self.sparse, np.zeros(K), self.z, np.arange(N), self.labels)
        options = MisclassificationOptions(**{"tasks": 20, "only_flips": False, **options})
        return build_misclassification(errors, exhibits or self.exhibits, NAMES, options)

    def build(self, kind: str, **options):
        return getattr(self, kind)(**options)


@pytest.fixture(scope="session")
def world() -> World:
    return World()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """URL of a PostgreSQL server started for these tests in a temporary folder; skipped where Debian's is absent."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not binaries:
        pytest.skip("Debian's postgresql is not installed")
    folder = Path(tempfile.mkdtemp(prefix="clearhead-pg-"))
    who = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if who:
        shutil.chown(folder, "postgres")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def call(program, *arguments):
        command = [*who, str(binaries[-1] / program), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=folder)

    data = str(folder / "data")
    call("initdb", "-D", data, "-A", "trust", "-U", "t", "--no-sync", "-E", "UTF8", "--locale=C")
    listen = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder}"
    call("pg_ctl", "-D", data, "-w", "-o", listen, "-l", str(folder / "log"), "start")
    yield f"postgresql://t@127.0.0.1:{port}/postgres"
    call("pg_ctl", "-D", data, "-m", "fast", "-w", "stop")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request, tmp_path):
    """An empty database of each kind."""
    if request.param == "sqlite":
        yield str(tmp_path / "study.sqlite")
        return
    import psycopg

    url = request.getfixturevalue("postgres")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    yield url
