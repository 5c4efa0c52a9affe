"""One rank: fit a path on its rows and save what came out. Arguments: output, bytes of memory (0: free), tol."""

from __future__ import annotations

import sys

import torch
from tests.glm.members import data

from clearhead.core import distributed
from clearhead.glm import SolveOptions, fit_path

if __name__ == "__main__":
    out, memory = sys.argv[1], int(sys.argv[2]) or None
    tol = float(sys.argv[3])
    X, scores = data(500, 40, 4)
    X[:, -1] = torch.arange(500).sin()  # instead of a duplicated column, which leaves weights free to trade places
    y = scores.argmax(1)
    with distributed.group():
        mine = distributed.shard(len(X))
        options = SolveOptions(memory=memory)
        path = fit_path(X[mine], y[mine], n_lambdas=5, lambda_min_ratio=0.05, tol=tol, options=options)
        torch.save((path.coef, path.worst_gap), f"{out}.{distributed.rank()}")
