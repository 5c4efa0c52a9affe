"""How much of a head lies in the strongest features of each class: All, Top-k, Rest (Table 37, Table 4b)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from clearhead.core.errors import SettingError
from clearhead.core.finding import Estimate, Finding, Table
from clearhead.debug.inputs import agreement, class_numbers, never_predicted, predicted
from clearhead.head import SparseHead

__all__ = ["ablation", "strongest"]


def ablation(heads: Mapping[str, SparseHead], features: Any, labels: Any, *, k: int = 10) -> Finding:
    """Accuracy of each head with all its weights, with the k largest of each class alone, and without those.

    Parameters
    ----------
    heads : name ("dense", "sparse") → head, all on standardised features, so magnitudes compare.
    features, labels : raw features (n, p) and classes (n,) to judge on.

    Examples
    --------
    ``ablation({"dense": dense, "sparse": head}, X_test, y_test, k=10)``
    """
    if k < 1:
        raise SettingError("k must be at least 1", got=k)
    target = class_numbers(labels)
    rows: list[dict[str, Any]] = []
    numbers: dict[str, Estimate] = {}
    silent: list[str] = []
    for name, head in heads.items():
        top = strongest(head.weight, k)
        variants = {"all": head.weight, "top_k": head.weight * top, "rest": head.weight * ~top}
        for variant, weight in variants.items():
            guess = predicted(head.with_weight(weight), features)
            e = agreement(guess, target, f"{name} {variant}")
            never = never_predicted(head, guess, target)
            silent += [f"{name}, {variant}: {never}"] if never else []
            numbers[f"{name}_{variant}"] = e
            kept = int((weight != 0).sum())
            rows.append(
                {"head": name, "features": variant, "accuracy": e.value, "low": e.low, "high": e.high, "n": e.n}
                | {"weights": kept, "of_weights": int((head.weight != 0).sum())}
            )
    return Finding(
        kind="ablation",
        title=f"What the {_strongest(k)} of each class {'carries' if k == 1 else 'carry'}",
        sentence=_sentence(numbers, list(heads), k),
        numbers=numbers,
        tables={"ablation": Table({c: [row[c] for row in rows] for c in rows[0]} if rows else {})},
        caveats=(
            "The intercept stays in every variant, and a feature left out counts as its training mean.",
            "The three columns of one head share the same rows; their intervals are each one's alone.",
            *silent,
        ),
        settings={"k": k},
    )


def strongest(weight: Tensor, k: int) -> Tensor:
    """(p, k') mask of the k largest magnitudes of each column that are not zero, ties by number."""
    order = torch.argsort(weight.abs(), dim=0, descending=True, stable=True)[:k]
    mask = torch.zeros_like(weight, dtype=torch.bool)
    return mask.scatter(0, order, torch.ones_like(order, dtype=torch.bool)) & (weight != 0)


def _strongest(k: int) -> str:
    return "strongest feature" if k == 1 else f"{k} strongest features"


def _sentence(numbers: Mapping[str, Estimate], names: list[str], k: int) -> str:
    parts = [
        f"the {name} head is right on {numbers[f'{name}_all'].value:.1%} with all weights, on "
        f"{numbers[f'{name}_top_k'].value:.1%} with the {_strongest(k)} of each class alone and on "
        f"{numbers[f'{name}_rest'].value:.1%} without {'it' if k == 1 else 'them'}"
        for name in names
    ]
    text = "; ".join(parts)
    return (text[:1].upper() + text[1:] + ".") if text else "No head was given."
