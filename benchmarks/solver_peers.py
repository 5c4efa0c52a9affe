"""Peers of the path solver, each called the way its own users call it, on features that are standardised already."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

__all__ = ["available", "glmnet", "python_peer"]

PEERS = Path(__file__).resolve().parents[1] / "runs" / "bench" / "peers"  # adelie wants numpy below 2: apart from ours
PACKAGES = ["scikit-learn", "skglm", "adelie"]

SCRIPT = """
suppressMessages(library(glmnet))
a <- commandArgs(TRUE)
about <- list(n = as.integer(a[2]), p = as.integer(a[3]), m = as.integer(a[4]), family = a[5], alpha = as.numeric(a[6]),
              thresh = as.numeric(a[7]))
x <- matrix(readBin(file.path(a[1], "x.bin"), "double", about$n * about$p), about$n, about$p)
y <- readBin(file.path(a[1], "y.bin"), "double", about$n)
family <- if (about$family == "grouped") "multinomial" else about$family
kind <- if (about$family == "grouped") "grouped" else "ungrouped"
lambda <- readBin(file.path(a[1], "lambda.bin"), "double", about$m)
glmnet.control(fdev = 0, devmax = 1)
target <- if (family == "gaussian") y else factor(y)
began <- proc.time()[["elapsed"]]
f <- glmnet(x, target, family = family, alpha = about$alpha, lambda = lambda, standardize = FALSE,
            thresh = about$thresh, maxit = 1e7, type.multinomial = kind)
seconds <- proc.time()[["elapsed"]] - began
beta <- if (is.list(f$beta)) f$beta else list(f$beta)
out <- file(file.path(a[1], "coef.bin"), "wb")
for (b in beta) writeBin(as.vector(as.matrix(b)), out)
close(out)
writeBin(as.vector(f$a0), file.path(a[1], "a0.bin"))
cat(seconds, length(f$lambda), length(beta))
"""


def available() -> bool:
    """Whether R with glmnet is installed."""
    if shutil.which("Rscript") is None:
        return False
    check = "quit(status = !requireNamespace('glmnet', quietly=TRUE))"
    return subprocess.run(["Rscript", "-e", check], capture_output=True).returncode == 0


def glmnet(
    Z: np.ndarray, y: np.ndarray, family: str, alpha: float, lambdas: list[float], thresh: float
) -> tuple[float, np.ndarray, np.ndarray]:
    """Seconds, weights (m, p, k) and intercepts (m, k) of R's glmnet on the explicit λ's; what it skipped is zero."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        np.asfortranarray(Z).ravel(order="F").tofile(place / "x.bin")
        np.asarray(y, np.float64).tofile(place / "y.bin")
        np.asarray(lambdas, np.float64).tofile(place / "lambda.bin")
        about = [len(Z), Z.shape[1], len(lambdas), family, alpha, thresh]
        (place / "fit.R").write_text(SCRIPT)
        done = subprocess.run(
            ["Rscript", str(place / "fit.R"), folder, *map(str, about)], capture_output=True, text=True, check=True
        )
        seconds, m, k = done.stdout.split()[-3:]
        coef = np.fromfile(place / "coef.bin").reshape(int(k), int(m), Z.shape[1]).transpose(1, 2, 0)
        a0 = np.fromfile(place / "a0.bin").reshape(int(m), int(k))
    return float(seconds), coef.copy(), a0


def python_peer(
    peer: str, Z: np.ndarray, y: np.ndarray, family: str, alpha: float, lambdas: list[float]
) -> tuple[float, np.ndarray, np.ndarray]:
    """As `glmnet`, for a package of `PACKAGES`, in an environment of their own that is made at the first call."""
    python = PEERS / "bin" / "python"
    if not python.is_file():
        subprocess.run([sys.executable, "-m", "venv", str(PEERS)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *PACKAGES], check=True)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for name, value in (("x", Z), ("y", y), ("lambda", np.asarray(lambdas))):
            np.save(place / f"{name}.npy", np.asarray(value, np.float64))
        script = Path(__file__).with_name("solver_other_peers.py")
        threads = {**os.environ, "OMP_NUM_THREADS": "2", "PYTHONPATH": ""}
        command = [str(python), str(script), folder, peer, family, str(alpha)]
        done = subprocess.run(command, capture_output=True, text=True, env=threads)
        if done.returncode:
            raise RuntimeError(f"{peer} failed:\n{done.stderr[-2000:]}")
        return float(done.stdout.split()[-1]), np.load(place / "coef.npy"), np.load(place / "a0.npy")
