"""Does the tool find and mend a background shortcut in photographs? Birds and dogs on water and land, five seeds.

    clearhead extract --model examples/mobilenetv2.py:model_128 --data examples/planted_spurious.py:every \\
        --out runs/tables/planted_spurious
    python benchmarks/planted_background.py --out runs/debug/background.json

The tool sees the 3,000 training pictures, their labels and the head fitted on 2,700 of them (300, drawn by the seed,
choose λ). Backgrounds, the validation and the test pictures are used here only, to judge and to build the baselines:
removing as many random features in use, an oracle that ranks by the true background, retraining balanced by group.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import hypergeom, mannwhitneyu
from torch import Tensor

from clearhead.core.seeds import numpy_generator
from clearhead.debug.cue import Cue, cue_from_groups, cue_from_surroundings
from clearhead.debug.evidence import gather_evidence
from clearhead.debug.intervals import correlation
from clearhead.debug.refit import Material, refit_without
from clearhead.debug.suggest import SuggestOptions, balancing_weights, suggest_removals
from clearhead.debug.surroundings import Swap, Swapped, swap_surroundings
from clearhead.debug.suspects import rank_suspects
from clearhead.features import FeatureTable
from clearhead.glm import Binomial, fit_path, select
from clearhead.head import SparseHead

DRAWS = 2000
SHOWN = ("before", "best_head", "group_balanced", "recombined", "cue_balanced", "rows", "oracle")


@dataclass(frozen=True, eq=False)
class Judge:
    """The test pictures: features, labels, backgrounds (as the class that goes with them)."""

    features: Tensor
    labels: np.ndarray
    background: np.ndarray

    def right(self, head: SparseHead) -> np.ndarray:
        return head.predict(self.features).numpy() == self.labels

    def scores(self, right: np.ndarray) -> dict[str, float]:
        cell = 2 * self.labels + self.background
        by_group = [float(right[cell == g].mean()) for g in range(4)]
        return {
            "overall": float(right.mean()),
            "conflict": (by_group[1] + by_group[2]) / 2,
            "worst": min(by_group),
        }

    def true_features(self) -> np.ndarray:
        """|r(background)| > |r(label)| + 0.05."""
        by = [
            np.array([abs(correlation(x, t)) for x in self.features.numpy().T]) for t in (self.background, self.labels)
        ]
        return np.nan_to_num(by[0]) > np.nan_to_num(by[1]) + 0.05

    def closed(self, before: np.ndarray, after: np.ndarray, balanced: np.ndarray, key: str, seed: int) -> list[float]:
        """Share of the gap to group-balanced retraining that is closed, with its paired bootstrap interval."""
        rng = numpy_generator(seed, "gap")
        cell = 2 * self.labels + self.background
        rows = [np.flatnonzero(cell == g) for g in range(4)]
        shares = []
        for draw in range(DRAWS + 1):
            pick = rows if draw == 0 else [rng.choice(r, len(r)) for r in rows]
            was, is_, best = (_summary([right[p].mean() for p in pick], key) for right in (before, after, balanced))
            shares.append((is_ - was) / (best - was) if best > was else np.nan)
        return [float(shares[0]), *np.nanquantile(shares[1:], [0.025, 0.975]).tolist()]


def _summary(groups: list[float], key: str) -> float:
    return float(min(groups) if key == "worst" else (groups[1] + groups[2]) / 2)


def recombined(cache: Path, seed: int, labels: Tensor, rows: np.ndarray) -> Swapped:
    """The recombined training pictures' features, kept on disk: the only slow step."""
    if not cache.exists():
        sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples"))
        import planted_spurious
        from clearhead.features import load_backbone

        model = Path(planted_spurious.__file__).parent / "mobilenetv2.py"
        backbone, examples = load_backbone(f"{model}:model_128"), planted_spurious.train()
        swapped = swap_surroundings(
            [examples[int(i)] for i in rows],
            labels,
            lambda pictures: backbone.features(backbone.preprocess(pictures)),
            swap=Swap(seed=seed),
        )
        parts = {k: getattr(swapped, k) for k in ("features", "middle", "behind", "middle_row", "behind_row")}
        np.savez(cache, **{k: v.numpy() for k, v in parts.items()})
    data = np.load(cache)
    keys = ("features", "middle", "behind", "middle_row", "behind_row")
    return Swapped(*(torch.from_numpy(data[k]) for k in keys), Swap(seed=seed))


def one(
    seed: int, X: Tensor, y: Tensor, background: Tensor, judge: Judge, folder: Path, *, repair: bool
) -> dict[str, Any]:
    order = np.random.default_rng(seed).permutation(len(y))
    val, rows = order[:300], order[300:]
    path = fit_path(X[rows], y[rows], loss=Binomial(), n_lambdas=60, lambda_min_ratio=0.02)
    chosen = select(path, X[val], y[val])
    head, lambda_ = SparseHead.from_solution(chosen.solution), chosen.solution.lambda_
    densest = SparseHead.from_solution(path[chosen.best_index])
    swapped = recombined(folder / f"background{seed}.npz", seed, y[rows], rows)
    cue = cue_from_surroundings(head, swapped, X[rows], rows=torch.arange(len(rows)))
    evidence = gather_evidence(head, X[rows], y[rows], cue, swapped=swapped)
    truth = judge.true_features()
    result: dict[str, Any] = {
        "seed": seed,
        "skill": cue.skill.tolist(),
        "used": len(head.used()),
        "suspects_in_use": found(rank_suspects(head, evidence), truth),
        "suspects": found(rank_suspects(head, evidence, also=densest.used()), truth),
    }
    if not repair:
        return result
    before = judge.right(head)
    material = Material(X[rows], y[rows])
    groups = cue_from_groups(background[rows], 2)
    balanced = balanced_head(head, material, groups, lambda_)
    result |= {
        "before": judge.scores(before),
        "group_balanced": judge.scores(judge.right(balanced)),
        "best_head": judge.scores(judge.right(densest)),
    }
    for on in ("recombined", "balanced", "rows"):
        options = SuggestOptions(on=on, seed=seed, lambda_=None if on == "recombined" else lambda_)
        plan = suggest_removals(head, material, evidence, cue, options, swapped=swapped)
        after = judge.right(plan.head)
        if on == "recombined":
            head.save(folder / f"before{seed}")
            plan.head.save(folder / f"after{seed}")
        full = judge.right(balanced_head(head, material, groups, plan.lambda_))
        result["cue_balanced" if on == "balanced" else on] = judge.scores(after) | {
            "removed": len(plan.edits),
            "used": len(plan.head.used()),
            "curve": [(len(s.removed), judge.scores(judge.right(s.head))) for s in plan.steps],
            "closed_conflict": judge.closed(before, after, judge.right(balanced), "conflict", seed),
            "closed_worst": judge.closed(before, after, judge.right(balanced), "worst", seed),
            "balanced_same_lambda": judge.scores(full),
        }
    oracle_evidence = gather_evidence(head, X[rows], y[rows], groups)
    oracle = suggest_removals(
        head, material, oracle_evidence, groups, SuggestOptions(on="rows", lambda_=lambda_, seed=seed)
    )
    result["oracle"] = judge.scores(judge.right(oracle.steps[-1].head)) | {"removed": len(oracle.steps[-1].removed)}
    result["random"] = random_removal(head, material, lambda_, judge, seed)
    return result


def balanced_head(head: SparseHead, material: Material, groups: Cue, lambda_: float) -> SparseHead:
    weight = balancing_weights(material.labels, groups)
    return refit_without(head, Material(material.features, material.labels, weight), (), lambda_=lambda_)[0]


def found(ranked: list[tuple[int, int, float]], truth: np.ndarray) -> dict[str, Any]:
    """True features at the top, and how likely that is when the features judged come in random order.

    Three places decide little (with a sixth of the pool true, two of three happen by chance one time in sixteen), so
    ten and the whole order (rank sum) are judged as well.
    """
    order = truth[[j for j, _, _ in ranked]]
    true = int(order.sum())
    places = np.arange(len(order))
    ahead = (
        mannwhitneyu(-places[order], -places[~order], alternative="greater").pvalue if 0 < true < len(order) else 1.0
    )
    at = {f"top{n}_true": int(order[:n].sum()) for n in (3, 10)}
    chance = {f"p_top{n}": float(hypergeom.sf(at[f"top{n}_true"] - 1, len(order), true, n)) for n in (3, 10)}
    return {
        **at,
        **chance,
        "p_ranks": float(ahead),
        "true": true,
        "pool": len(order),
        "top": [j for j, _, _ in ranked[:10]],
    }


def random_removal(head: SparseHead, material: Material, lambda_: float, judge: Judge, seed: int) -> list[Any]:
    """The same number of steps, features in use drawn at random, the same refits on plain rows."""
    rng, removed, curve, now = numpy_generator(seed, "random"), [], [], head
    while len(removed) < 40:
        removed += rng.choice(now.used().numpy(), 5, replace=False).tolist()
        now, _ = refit_without(head, material, removed, lambda_=lambda_)
        curve.append((len(removed), judge.scores(judge.right(now))))
    return curve


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", type=Path, default=Path("runs/tables/planted_spurious/features"))
    parser.add_argument("--out", type=Path, default=Path("runs/debug/background.json"))
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)))
    parser.add_argument("--no-repair", dest="repair", action="store_false", help="rank the suspects only")
    options = parser.parse_args()
    folder = options.out.parent
    torch.set_num_threads(1)
    table = FeatureTable.open(options.table)
    split, kinds = np.asarray(table.columns["split"]), np.asarray(table.columns["background"])
    X, y = (
        table.view(np.arange(table.shape[0])).take(torch.arange(table.shape[0])).float(),
        torch.as_tensor(table.labels),
    )
    background = torch.from_numpy((kinds == "land").astype(np.int64))
    train, test = np.flatnonzero(split == "train"), np.flatnonzero(split == "test")
    judge = Judge(X[test], y[test].numpy(), background[test].numpy())
    results = []
    for seed in options.seeds:
        results.append(one(seed, X[train], y[train], background[train], judge, folder, repair=options.repair))
        options.out.write_text(json.dumps(results, indent=1))
        summarise(results[-1])
    for key in ("overall", "conflict", "worst") if options.repair else ():
        print(key, {on: _spread([r[on][key] for r in results]) for on in SHOWN})


def _spread(values: list[float]) -> str:
    return f"{np.mean(values):.3f} ± {np.std(values):.3f}"


def summarise(r: dict[str, Any]) -> None:
    print("seed", r["seed"], "in use", r["used"], r["suspects_in_use"], r["suspects"])
    for on in [key for key in SHOWN if key in r]:
        print(f"  {on:12}", {k: v for k, v in r[on].items() if k != "curve"})


if __name__ == "__main__":
    main()
