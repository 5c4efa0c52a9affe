"""Two heads over the same features: which weights, which answers and which classes changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from clearhead.core.errors import InputError
from clearhead.core.finding import Estimate, Finding, Table
from clearhead.debug.inputs import class_numbers, predicted
from clearhead.debug.intervals import mcnemar, paired_change, proportion, with_interval
from clearhead.head import SparseHead

__all__ = ["compare"]


def compare(
    first: SparseHead,
    second: SparseHead,
    features: Any,
    labels: Any,
    *,
    names: tuple[str, str] = ("first", "second"),
    first_features: Any = None,
    top: int = 200,
    seed: int = 0,
) -> Finding:
    """Dense against sparse, before against after, checkpoint against checkpoint, on the same rows.

    Parameters
    ----------
    features, labels : raw features (n, p) or `Rows`, classes (n,).
    first_features : the same rows' features for the first head, where it belongs to another network; weights of
        different networks are not compared one by one.

    Returns
    -------
    A finding of kind "compare": table ``weights`` (gained, lost and changed weights of each class, largest change
    first), ``flips`` (rows whose prediction changes), ``classes`` (accuracy of each class under both, paired).
    """
    one_network = first_features is None
    _check(first, second, one_network)
    target = class_numbers(labels).cpu()
    guesses = [predicted(first, features if one_network else first_features), predicted(second, features)]
    right = [(g == target).numpy() for g in guesses]
    differ = (guesses[0] != guesses[1]).nonzero().flatten()
    change = paired_change(*right, seed=seed)
    weights, counts = _weights(first, second, top) if one_network else (None, {})
    p = mcnemar(*right)
    return Finding(
        kind="compare",
        title=f"{names[0]} against {names[1]}",  # names of runs, as they are written
        sentence=_sentence(names, len(differ), change, p) + _changed(counts) + ".",
        numbers={
            "agreement": proportion(len(target) - len(differ), len(target)),
            "first_accuracy": proportion(int(right[0].sum()), len(target)),
            "second_accuracy": proportion(int(right[1].sum()), len(target)),
            "change": change,
            "p_value": p,
            **{f"weights_{name}": count for name, count in counts.items()},
        },
        tables={
            **({} if weights is None else {"weights": weights}),
            "flips": _flips(first, guesses, target, differ),
            "classes": _classes(first.class_names, right, target.numpy(), seed),
        },
        caveats=(
            "Weights are on each head's own standardised features; their scales differ if their rows did."
            if one_network
            else "The heads read different networks, so their features and weights are not compared.",
        ),
        settings={"names": list(names), "seed": seed},
    )


def _check(first: SparseHead, second: SparseHead, one_network: bool) -> None:
    alike = first.class_names == second.class_names
    if not alike or (one_network and first.feature_names != second.feature_names):
        raise InputError(
            "the two heads have different features or classes",
            got=f"{first.n_features} × {first.n_classes} against {second.n_features} × {second.n_classes} weights",
            fix="compare heads over the same features, named alike",
        )


def _sentence(names: tuple[str, str], differ: int, change: Estimate, p: float) -> str:
    return (
        f"{differ} of {change.n} predictions differ; {names[1]} is right {100 * abs(change.value):.1f} points "
        f"{'less' if change.value < 0 else 'more'} often than {names[0]} (95 % interval {100 * change.low:+.1f} to "
        f"{100 * change.high:+.1f}, n = {change.n}, McNemar p = {p:.2g})"
    )


def _changed(counts: Mapping[str, int]) -> str:
    if not counts:
        return ""
    return f"; {counts['gained']} weights gained, {counts['lost']} lost, {counts['changed']} changed"


def _weights(first: SparseHead, second: SparseHead, top: int) -> tuple[Table, dict[str, int]]:
    a, b = first.class_weights().double().cpu(), second.class_weights().double().cpu()
    kinds = {"gained": (a == 0) & (b != 0), "lost": (a != 0) & (b == 0), "changed": (a != 0) & (b != 0) & (a != b)}
    size = (b - a).abs().flatten()
    order = torch.argsort(size, descending=True, stable=True)[:top]
    shown = [divmod(int(i), a.shape[1]) for i in order if size[i] > 0]
    kind = [next(name for name, mask in kinds.items() if mask[j, c]) for j, c in shown]
    table = Table(
        {
            "feature": [first.feature_names[j] for j, _ in shown],
            "class": [first.class_names[c] for _, c in shown],
            "kind": kind,
            "first": [float(a[j, c]) for j, c in shown],
            "second": [float(b[j, c]) for j, c in shown],
        }
    )
    return table, {name: int(mask.sum()) for name, mask in kinds.items()}


def _flips(head: SparseHead, guesses: list[Any], target: Any, differ: Any) -> Table:
    rows = differ.tolist()
    name = head.class_names
    return Table(
        {
            "row": rows,
            "truth": [name[int(target[i])] for i in rows],
            "first": [name[int(guesses[0][i])] for i in rows],
            "second": [name[int(guesses[1][i])] for i in rows],
        }
    )


def _classes(names: Sequence[str], right: list[Any], target: Any, seed: int) -> Table:
    rows = []
    for c, name in enumerate(names):
        own = target == c
        if own.any():
            e = paired_change(right[0][own], right[1][own], seed=seed)
            shares = [proportion(int(r[own].sum()), int(own.sum())) for r in right]
            accuracy = {**with_interval("first", shares[0]), **with_interval("second", shares[1])}
            change = {"change": e.value, "low": e.low, "high": e.high}
            rows.append({"class": name, "n": int(own.sum()), **accuracy, **change})
    return Table({key: [row[key] for row in rows] for key in rows[0]} if rows else {})
