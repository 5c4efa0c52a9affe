"""One rank that stores its path and may fail on the way. Arguments: folder, dtype, how ("" | kill | full), rank, λ."""

from __future__ import annotations

import errno
import os
import signal
import sys
from pathlib import Path

import torch
from tests.glm.members import data

from clearhead.core import artifacts, distributed
from clearhead.glm import SolveOptions, fit_path
from clearhead.glm.solution import RegularizationPath, Solution
from clearhead.glm.store import PathWriter, finish, load_prefix

N_LAMBDAS = 6


def problem(dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    X, scores = data(300, 20, 3)
    X[:, -1] = torch.arange(300).sin()  # instead of a duplicated column, which leaves weights free to trade places
    return X.to(dtype), scores.argmax(1)


def solve(dtype: torch.dtype, options: SolveOptions) -> RegularizationPath:
    """The path of this rank's rows and everyone else's."""
    X, y = problem(dtype)
    mine = distributed.shard(len(X))
    tol = 1e-10 if dtype is torch.float64 else 1e-4
    return fit_path(X[mine], y[mine], n_lambdas=N_LAMBDAS, lambda_min_ratio=0.1, tol=tol, options=options)


def no_space(path: Path) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


if __name__ == "__main__":
    folder, dtype, how = Path(sys.argv[1]), getattr(torch, sys.argv[2]), sys.argv[3]
    with distributed.group():
        first = distributed.rank() == 0
        write = PathWriter(folder) if first else None

        def callback(index: int, solution: Solution) -> bool:
            if how and distributed.rank() == int(sys.argv[4]) and index == int(sys.argv[5]):
                if how == "kill":
                    os.kill(os.getpid(), signal.SIGKILL)
                artifacts._sync = no_space
            return write(index, solution) if write is not None else False

        done = distributed.share(load_prefix(folder) if first else None)
        path = solve(dtype, SolveOptions(callback=callback, resume=done))
        if first:
            finish(folder, len(path), path.stopped)
