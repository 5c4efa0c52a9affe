"""Whether correlated features enter a path together (Wong et al. 2021, A.2), against the share of the ridge penalty.

    scripts/bench explain_grouping [--rows 4000 --l1-ratios 0.99 0.9 0.5 0.1]

MobileNetV2's 1,280 features of CIFAR-10 (the example data), one path for each mixture of penalties on the same rows.
Prints one JSON object: steps between the entries of two features, for pairs with |correlation| ≥ 0.5 and for pairs with
|correlation| ≤ 0.2, each with a 95 % interval, and the rank correlation of |correlation| with that distance.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples"))

from clearhead.explain import OrderingOptions, Subject, ordering
from clearhead.features import FeatureTable
from clearhead.glm import ElasticNet, fit_path
from clearhead.head import SparseHead


def grouping(table: FeatureTable, l1_ratio: float, steps: int) -> dict[str, Any]:
    """The ordering finding's numbers for one mixture of penalties."""
    path = fit_path(
        table, table.labels, penalty=ElasticNet(l1_ratio=l1_ratio), n_lambdas=steps, lambda_min_ratio=0.03, tol=1e-3
    )
    head = SparseHead.from_solution(path[len(path) - 1])
    options = OrderingOptions(pairs=400, correlated=0.5, unrelated=0.2)
    found = ordering(Subject(table, head, path=path), options=options)
    pairs = found.tables["grouping"].columns
    near, far = (found.numbers[f"steps_apart_{kind}"] for kind in ("correlated", "unrelated"))
    return {
        "l1_ratio": l1_ratio,
        "features": found.numbers["features"],
        "correlated": [near.value, near.low, near.high, near.n],
        "unrelated": [far.value, far.low, far.high, far.n],
        "rank_correlation": float(spearmanr(pairs["correlation"], pairs["steps_apart"]).statistic),
        "statuses": {status.name: count for status, count in path.statuses().items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--l1-ratios", type=float, nargs="+", default=[0.99, 0.9, 0.5, 0.1])
    a = parser.parse_args()
    from packs import data_root

    with (
        np.load(data_root() / "features" / "cifar10_mobilenetv2_train.npz") as pack,
        tempfile.TemporaryDirectory() as home,
    ):
        table = FeatureTable.from_arrays(Path(home) / "table", pack["features"][: a.rows], pack["labels"][: a.rows])
        print(
            json.dumps(
                {
                    "rows": a.rows,
                    "steps": a.steps,
                    "threads": torch.get_num_threads(),
                    "paths": [grouping(table, ratio, a.steps) for ratio in a.l1_ratios],
                },
                indent=1,
            )
        )


if __name__ == "__main__":
    main()
