"""Are classes confused that share features? Confusion against shared features, pair by pair (G.3, Figs 34-35)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from clearhead.core.errors import DataError
from clearhead.core.finding import Estimate, Finding, Table
from clearhead.core.seeds import numpy_generator
from clearhead.debug.inputs import class_numbers, never_predicted, predicted
from clearhead.debug.intervals import correlation, permutation_p, proportion
from clearhead.head import SparseHead

__all__ = ["confusion", "shared_features"]

Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Symmetric (K, K) matrices over the classes that have rows, and those classes' numbers."""

    classes: NDArray[np.int64]
    counts: Matrix
    confused: Matrix
    shared: Matrix
    share: Matrix


def confusion(
    head: SparseHead, features: Any, labels: Any, *, top: int = 20, permutations: int = 2000, seed: int = 0
) -> Finding:
    """max(C_ij, C_ji) of the row-normalised confusion matrix against the features that two classes share.

    Both the number of shared features and their share (shared ÷ features of either class) are correlated with the
    confusion. ``p_shared`` and ``p_share`` permute the classes (Mantel), because pairs with a class in common are not
    independent; ``p_shared_pearson`` and ``p_share_pearson`` are those of the paper, which takes them to be.

    Parameters
    ----------
    features, labels : raw features (n, p) or `Rows`, classes (n,).
    top : number of most confused pairs whose shared features are listed.

    Raises
    ------
    DataError : fewer than three classes have rows.
    """
    target, guess = class_numbers(labels).cpu(), predicted(head, features)
    if len(target) != len(guess):
        raise DataError("labels do not match rows", got=len(target), expected=len(guess))
    pairs = _pairs(head, target.numpy(), guess.numpy())
    count = _correlate(pairs.confused, pairs.shared, permutations, seed)
    share = _correlate(pairs.confused, pairs.share, permutations, seed)
    ranked = _ranked(pairs)
    return Finding(
        kind="confusion",
        title="Confused classes and what they share",
        sentence=_sentence(count[0], count[1], len(ranked)),
        numbers={
            "correlation_shared": count[0],
            "p_shared": count[1],
            "p_shared_pearson": count[2],
            "correlation_share": share[0],
            "p_share": share[1],
            "p_share_pearson": share[2],
            "n_pairs": len(ranked),
            "n_rows": len(target),
        },
        tables={
            "pairs": _pairs_table(head, pairs, ranked),
            "features": _features_table(head, pairs, ranked[:top]),
            "matrix": _matrix(head, pairs),
        },
        caveats=_caveats(head, pairs, never_predicted(head, guess, target)),
        settings={"permutations": permutations, "seed": seed, "top": top},
    )


def _pairs(head: SparseHead, target: NDArray[np.int64], guess: NDArray[np.int64]) -> _Pairs:
    classes = np.unique(target)
    if len(classes) < 3:
        raise DataError(
            "confusion by pairs needs at least three classes with rows",
            got=f"{len(classes)}",
            fix="with two classes, see the misclassified rows instead",
        )
    k = head.n_classes
    counts = np.bincount(target * k + guess, minlength=k * k).reshape(k, k).astype(float)[classes]
    rate = (counts / counts.sum(1, keepdims=True))[:, classes]
    used = (head.class_weights() != 0).cpu().numpy().astype(float)[:, classes]
    shared, size = used.T @ used, used.sum(0)
    either = size[:, None] + size[None] - shared
    share = np.divide(shared, either, out=np.zeros_like(shared), where=either > 0)
    return _Pairs(classes, counts, np.maximum(rate, rate.T), shared, share)


def _correlate(x: Matrix, y: Matrix, permutations: int, seed: int) -> tuple[Estimate, float | None, float | None]:
    """r with its interval, p by permuting classes, and p as if the pairs were independent (Pearson)."""
    from scipy.stats import pearsonr

    upper = np.triu_indices(len(x), 1)
    r = correlation(x[upper], y[upper])
    if math.isnan(r):
        return Estimate(r, -1.0, 1.0, len(upper[0]), "undefined: one side is constant"), None, None
    low, high = _jackknife(x, y, r)
    rng = numpy_generator(seed, "mantel")
    null = []
    for _ in range(permutations):
        order = rng.permutation(len(x))
        null.append(correlation(x[upper], y[np.ix_(order, order)][upper]))
    estimate = Estimate(r, low, high, len(upper[0]), "Pearson, jackknife over classes")
    return estimate, permutation_p(r, null), float(pearsonr(x[upper], y[upper]).pvalue)


def _jackknife(x: Matrix, y: Matrix, r: float) -> tuple[float, float]:
    """95 % interval from leaving out one class (and all its pairs) at a time."""
    k = len(x)
    left_out = []
    for c in range(k):
        keep = np.delete(np.arange(k), c)
        upper = np.triu_indices(k - 1, 1)
        left_out.append(correlation(x[np.ix_(keep, keep)][upper], y[np.ix_(keep, keep)][upper]))
    spread = np.array([v for v in left_out if not math.isnan(v)])
    if len(spread) < 3:
        return -1.0, 1.0
    error = math.sqrt((len(spread) - 1) / len(spread) * float(((spread - spread.mean()) ** 2).sum()))
    return max(-1.0, r - 1.959964 * error), min(1.0, r + 1.959964 * error)


def _ranked(pairs: _Pairs) -> list[tuple[int, int]]:
    a, b = np.triu_indices(len(pairs.classes), 1)
    order = np.lexsort((b, a, -pairs.confused[a, b]))
    return [(int(a[i]), int(b[i])) for i in order]


def _pairs_table(head: SparseHead, pairs: _Pairs, ranked: Sequence[tuple[int, int]]) -> Table:
    shown = [pair for pair in ranked if pairs.confused[pair] > 0][:500]
    names = [head.class_names[c] for c in pairs.classes]
    shares = [_larger(pairs, a, b) for a, b in shown]
    return Table(
        {
            "class_a": [names[a] for a, _ in shown],
            "class_b": [names[b] for _, b in shown],
            "confusion": [float(pairs.confused[p]) for p in shown],
            "low": [e.low for e in shares],
            "high": [e.high for e in shares],
            "a_as_b": [int(pairs.counts[a, pairs.classes[b]]) for a, b in shown],
            "b_as_a": [int(pairs.counts[b, pairs.classes[a]]) for a, b in shown],
            "n_a": [int(pairs.counts[a].sum()) for a, _ in shown],
            "n_b": [int(pairs.counts[b].sum()) for _, b in shown],
            "shared": [int(pairs.shared[p]) for p in shown],
            "share": [float(pairs.share[p]) for p in shown],
        },
        units={
            "confusion": "share of one class's rows taken for the other, the larger of the two",
            "share": "shared ÷ features of either class",
        },
    )


def _larger(pairs: _Pairs, a: int, b: int) -> Estimate:
    """The larger of the two shares, with its interval as if it had been chosen beforehand."""
    ways = ((i, int(pairs.counts[i, pairs.classes[j]])) for i, j in ((a, b), (b, a)))
    return max((proportion(k, int(pairs.counts[i].sum())) for i, k in ways), key=lambda e: e.value)


def shared_features(head: SparseHead, class_a: int | str, class_b: int | str) -> Table:
    """Features with a nonzero weight for both classes, with both weights, the largest product first (Fig. 35).

    `DataError` if the two classes share none.
    """
    a, b = head.class_number(class_a), head.class_number(class_b)
    weights = head.class_weights().double()
    both = ((weights[:, a] != 0) & (weights[:, b] != 0)).nonzero().flatten()
    if not len(both):
        raise DataError(
            f"{head.class_names[a]} and {head.class_names[b]} share no feature in this head",
            fix="choose another pair, or a denser head of the path",
        )
    product = (weights[both, a] * weights[both, b]).abs()
    order = both[torch.argsort(product, descending=True, stable=True)].tolist()
    return Table(
        {
            "feature": [head.feature_names[j] for j in order],
            "weight_a": [float(weights[j, a]) for j in order],
            "weight_b": [float(weights[j, b]) for j in order],
        }
    )


def _features_table(head: SparseHead, pairs: _Pairs, ranked: Sequence[tuple[int, int]]) -> Table:
    rows: list[dict[str, Any]] = []
    for a, b in ranked:
        if not (pairs.confused[a, b] > 0 and pairs.shared[a, b] > 0):
            continue
        i, j = int(pairs.classes[a]), int(pairs.classes[b])
        names = {"class_a": head.class_names[i], "class_b": head.class_names[j]}
        rows += [names | row for row in shared_features(head, i, j).rows()[:10]]
    keys = ("class_a", "class_b", "feature", "weight_a", "weight_b")
    return Table({key: [row[key] for row in rows] for key in keys})


def _matrix(head: SparseHead, pairs: _Pairs) -> Table:
    """The nonzero entries off the diagonal, in rows."""
    entries = [(i, j) for i, j in np.argwhere(pairs.counts > 0).tolist() if int(pairs.classes[i]) != j]
    return Table(
        {
            "truth": [head.class_names[int(pairs.classes[i])] for i, _ in entries],
            "predicted": [head.class_names[j] for _, j in entries],
            "count": [int(pairs.counts[i, j]) for i, j in entries],
        }
    )


def _sentence(r: Estimate, p: float | None, n: int) -> str:
    if p is None:
        return f"Confusion or sharing does not vary over the {n} class pairs, so they cannot be correlated."
    return (
        f"Over {n} class pairs, confusion and the number of shared features correlate at {r.value:+.2f} "
        f"(95 % interval {r.low:+.2f} to {r.high:+.2f}, p = {p:.2g} by permuting classes)."
    )


def _caveats(head: SparseHead, pairs: _Pairs, never: str | None) -> tuple[str, ...]:
    caveats = [
        "A shared feature need not cause the confusion: similar classes share features and are confused.",
        "Pairs that have a class in common are not independent, so Pearson's own p-values are too small.",
        "The most confused pairs are chosen after looking, so their shares overstate the confusion.",
    ]
    absent = head.n_classes - len(pairs.classes)
    if absent:
        caveats.append(f"{absent} of {head.n_classes} classes have no rows here and are left out.")
    return tuple(caveats + ([never] if never else []))
