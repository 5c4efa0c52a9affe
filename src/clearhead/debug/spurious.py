"""Class pairs that share a feature, with the images that show what they share (E.2): sampled, or ranked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from clearhead.core.errors import DataError, SettingError
from clearhead.core.finding import Finding, Table
from clearhead.core.rows import Rows, as_rows
from clearhead.core.seeds import torch_generator
from clearhead.debug.inputs import class_numbers
from clearhead.head import SparseHead

__all__ = ["PairOptions", "spurious"]


@dataclass(frozen=True)
class PairOptions:
    """Options of `spurious`.

    Parameters
    ----------
    pairs : how many class pairs of a head are looked at: drawn at random, or the most suspicious where features have
        scores; None takes all.
    share : a feature counts for a class when its weight exceeds this share of the class's largest magnitude.
    images : how many rows of each class that activate the feature most are named.
    """

    pairs: int | None = 1000
    share: float = 0.05
    images: int = 3
    seed: int = 0


def spurious(
    heads: Mapping[str, SparseHead],
    features: Any,
    labels: Any,
    options: PairOptions | None = None,
    *,
    suspicion: Mapping[str, Tensor] | None = None,
    ranked_by: str = "a score that was given",
) -> Finding:
    """For each head: pairs of classes, a feature both use, and the rows of each class that activate it most.

    Parameters
    ----------
    heads : name ("sparse", "dense") → head over the same features.
    features, labels : raw features (n, p) or `Rows`, classes (n,); the rows that are named.
    suspicion : head name → (p,) score of each feature (`clearhead.debug.suspects.suspicion`); pairs are then listed
        from the most suspicious feature, and each shows its most suspicious shared feature, not a random one.
    ranked_by : where that score comes from, for the caveats.

    Raises
    ------
    DataError : no two classes share a feature in any of the heads.
    """
    options = options or PairOptions()
    if not 0 <= options.share < 1 or options.images < 1:
        raise SettingError("0 ≤ share < 1 and images ≥ 1 are needed", got=f"{options.share}, {options.images}")
    rows, target = as_rows(features), class_numbers(labels).cpu()
    if rows.shape[0] != len(target):
        raise DataError("labels do not match rows", got=len(target), expected=rows.shape[0])
    found: list[dict[str, Any]] = []
    numbers: dict[str, Any] = {}
    for name, head in heads.items():
        scores = (suspicion or {}).get(name)
        strong = _strong(head, options)
        numbers[f"{name}_pairs_sharing"], pairs = _pairs(strong, scores, options)
        numbers[f"{name}_pairs_shown"] = len(pairs)
        for a, b in pairs:
            shared = (strong[:, a] & strong[:, b]).nonzero().flatten()
            found.append(_entry(name, head, (a, b), shared, scores, options))
    if not found:
        raise DataError(
            "no two classes share a feature of substantial weight",
            got=f"{', '.join(heads)} with share {options.share}",
            fix="lower share, or look at a denser head of the path",
        )
    found.sort(key=lambda e: (-e["suspicion"], e["head"], e["class_a"], e["class_b"]))
    _add_images(found, rows, target, heads, options)
    return Finding(
        kind="spurious",
        title="Features that classes share",
        sentence=_sentence(numbers, heads, found, ranked=suspicion is not None),
        numbers={**numbers, "n_rows": len(target)},
        tables={"pairs": _table(found)},
        caveats=(
            "A shared feature may be a part of both objects; whether it is spurious is for a person to say.",
            "The rows named are the strongest activations of each class, not typical ones.",
            *([f"The ranking is by {ranked_by}; suspicious is not spurious."] if suspicion else []),
        ),
        settings={"pairs": options.pairs, "share": options.share, "images": options.images, "seed": options.seed},
    )


def _strong(head: SparseHead, options: PairOptions) -> Tensor:
    """(p, K) whether a feature's weight is substantial for a class."""
    weights = head.class_weights().abs().cpu()
    return (weights > options.share * weights.max(0).values) & (weights > 0)


def _pairs(strong: Tensor, scores: Tensor | None, options: PairOptions) -> tuple[int, list[tuple[int, int]]]:
    """How many class pairs share a feature, and those looked at: the most suspicious ones, or some at random."""
    sharing = torch.triu(strong.float().T @ strong.float(), 1) > 0
    pairs = sharing.nonzero()
    n = len(pairs)
    if options.pairs is not None and n > options.pairs:
        if scores is None:
            pick = torch.randperm(n, generator=torch_generator(options.seed, "pairs"))[: options.pairs]
        else:
            best = _best_scores(strong, scores)[pairs[:, 0], pairs[:, 1]]
            pick = torch.argsort(best, descending=True, stable=True)[: options.pairs]
        pairs = pairs[pick.sort().values]
    return n, [(int(a), int(b)) for a, b in pairs.tolist()]


def _best_scores(strong: Tensor, scores: Tensor) -> Tensor:
    """(K, K) score of the most suspicious feature that two classes share; −inf where they share none."""
    best = torch.full((strong.shape[1],) * 2, -torch.inf).double()
    for j in strong.any(1).nonzero().flatten().tolist():
        own = strong[j].nonzero().flatten()
        best[own[:, None], own] = best[own[:, None], own].clamp(min=float(scores[j]))
    return best


def _entry(
    name: str,
    head: SparseHead,
    pair: tuple[int, int],
    shared: Tensor,
    scores: Tensor | None,
    options: PairOptions,
) -> dict[str, Any]:
    if scores is None:
        generator = torch_generator(options.seed, "feature", *pair)
        j = int(shared[int(torch.randint(len(shared), (1,), generator=generator))])
    else:
        j = int(shared[scores[shared].argmax()])
    a, b = pair
    weights = head.class_weights()[j]
    return {
        "head": name,
        "class_a": head.class_names[a],
        "class_b": head.class_names[b],
        "numbers": (a, b, j),
        "feature": head.feature_names[j],
        "weight_a": float(weights[a]),
        "weight_b": float(weights[b]),
        "n_shared": len(shared),
        "suspicion": float("-inf") if scores is None else float(scores[j]),
    }


def _add_images(
    found: list[dict[str, Any]], rows: Rows, target: Tensor, heads: Mapping[str, SparseHead], options: PairOptions
) -> None:
    """The rows of each class that activate the pair's feature most, every row block read once."""
    needed = sorted({e["numbers"][2] for e in found})
    place = {j: i for i, j in enumerate(needed)}
    column = torch.tensor(needed)
    values = torch.cat([block[:, column].float().cpu() for _, block in rows.blocks()])
    members = {c: (target == c).nonzero().flatten() for e in found for c in e["numbers"][:2]}
    for e in found:
        a, b, j = e.pop("numbers")
        for key, c in (("rows_a", a), ("rows_b", b)):
            own = members[c]
            order = torch.argsort(values[own, place[j]], descending=True, stable=True)[: options.images]
            e[key] = own[order].tolist()


def _table(found: Sequence[Mapping[str, Any]]) -> Table:
    keys = (
        "head",
        "class_a",
        "class_b",
        "feature",
        "weight_a",
        "weight_b",
        "n_shared",
        "suspicion",
        "rows_a",
        "rows_b",
    )
    columns: dict[str, list[Any]] = {key: [e[key] for e in found] for key in keys}
    columns["suspicion"] = [None if s == float("-inf") else s for s in columns["suspicion"]]
    return Table(columns, units={"n_shared": "features of substantial weight for both classes"})


def _sentence(
    numbers: Mapping[str, Any], heads: Mapping[str, SparseHead], found: Sequence[Mapping[str, Any]], ranked: bool
) -> str:
    counts = ", ".join(f"{numbers[f'{name}_pairs_sharing']} in the {name} head" for name in heads)
    text = f"Class pairs that share a feature of substantial weight: {counts}."
    if ranked:
        first = found[0]
        text += f" The most suspicious is {first['feature']}, shared by {first['class_a']} and {first['class_b']}."
    return text
