"""Peers of the path solver, each run in a process and an environment of its own, on features standardised before.

A peer is named as a user would ask for it: ``glmnet`` and ``skglm`` with their defaults, ``glmnet:1e-10`` with another
tolerance. One that is asked λ by λ stops at the limit of seconds and says how far it came.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from solver_clock import Stopwatch

__all__ = ["Outcome", "missing", "run"]

HERE = Path(__file__).resolve().parent
ENVIRONMENTS = HERE.parent / "runs" / "bench"
PACKAGES = {name: [name] for name in ("adelie", "skglm", "cyanure")}
PACKAGES |= {"sklearn": ["scikit-learn"], "glm_saga": ["glm_saga", "numpy", "tqdm"]}
GLMNET_THRESH = 1e-7  # its default


@dataclass(frozen=True, eq=False)
class Outcome:
    """Weights (m, p, k) and intercepts (m, k) of the first m λ's, the seconds at the end of each where they are known,
    and the stopwatch's reading at the end."""

    coef: np.ndarray
    intercept: np.ndarray
    marks: list[float]
    reading: dict[str, float]


def missing(peer: str) -> str:
    """Why this peer cannot run here; "" if it can."""
    if peer.startswith("glmnet"):
        check = "quit(status = !requireNamespace('glmnet', quietly=TRUE))"
        if shutil.which("Rscript") is None or subprocess.run(["Rscript", "-e", check], capture_output=True).returncode:
            return "R with glmnet: apt-get install r-base-core r-cran-glmnet"
    return ""


def run(
    peer: str, Z: np.ndarray, y: np.ndarray, family: str, alpha: float, lambdas: list[float], limit: float
) -> Outcome:
    """The peer's path on standardised ``Z`` (n, p), ``y`` and the explicit λ's, largest first."""
    name, _, setting = peer.partition(":")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        if name == "glmnet":
            return _glmnet(place, Z, y, family, alpha, lambdas, float(setting or GLMNET_THRESH), limit)
        for file, value in (("x", Z), ("y", y), ("lambda", np.asarray(lambdas))):
            np.save(place / f"{file}.npy", np.asarray(value, np.float64))
        script = str(HERE / "solver_other_peers.py")
        command = [str(_python(name)), script, folder, name, family, str(alpha), str(limit), setting]
        threads = {f"{library}_NUM_THREADS": "2" for library in ("OMP", "MKL", "OPENBLAS", "NUMBA")}
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **threads, "PYTHONPATH": ""})
        if done.returncode:
            raise RuntimeError(f"{peer} failed:\n{done.stderr[-2000:]}")
        marks, reading = np.load(place / "marks.npy").tolist(), json.loads((place / "reading.json").read_text())
        return Outcome(np.load(place / "coef.npy"), np.load(place / "a0.npy"), marks, reading)


def _python(name: str) -> Path:
    """The interpreter of the peer's environment, which is made at the first call (adelie wants numpy below 2)."""
    home = ENVIRONMENTS / f"env-{name}"
    python, ready = home / "bin" / "python", home / ".installed"
    if not ready.is_file():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        constraints = ["-c", str(HERE.parent / "constraints.txt")] if name == "glm_saga" else []  # torch for the CPU
        install = [str(python), "-m", "pip", "install", "-q", *constraints, *PACKAGES[name]]
        subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
        ready.touch()
    return python


def _glmnet(
    place: Path,
    Z: np.ndarray,
    y: np.ndarray,
    family: str,
    alpha: float,
    lambdas: list[float],
    thresh: float,
    limit: float,
) -> Outcome:
    """R's glmnet; its λ's are one call, so at the limit nothing comes back."""
    np.asfortranarray(Z).ravel(order="F").tofile(place / "x.bin")
    np.asarray(y, np.float64).tofile(place / "y.bin")
    np.asarray(lambdas, np.float64).tofile(place / "lambda.bin")
    with open(place / "settings.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["n", "p", "family", "alpha", "thresh"])
        writer.writerow([*Z.shape, family, alpha, thresh])
    command = ["Rscript", str(HERE / "solver_glmnet.R"), str(place)]
    watch = Stopwatch()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return Outcome(np.empty((0, Z.shape[1], 1)), np.empty((0, 1)), [], watch.reading())
    if done.returncode:
        raise RuntimeError(f"glmnet failed:\n{done.stderr[-2000:]}")
    with open(place / "done.csv") as file:
        said = next(csv.DictReader(file))
    m, k = int(said["lambdas"]), int(said["outputs"])
    coef = np.fromfile(place / "coef.bin").reshape(k, m, Z.shape[1]).transpose(1, 2, 0)
    intercept = np.fromfile(place / "a0.bin").reshape(m, k)
    seconds, cpu = float(said["seconds"]), float(said["cpu"])
    others = max(0.0, watch.others - cpu / (watch.seconds * (os.cpu_count() or 1)))  # R is no part of this process
    return Outcome(coef.copy(), intercept, [], {"seconds": seconds, "cpu": cpu, "others": others})
