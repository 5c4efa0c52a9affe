"""In which order features enter each class along the path (Wong et al. 2021, A.3), and whether like enter together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clearhead.core.errors import SettingError
from clearhead.core.finding import Estimate, Finding, Table
from clearhead.core.progress import Progress
from clearhead.core.seeds import torch_generator
from clearhead.explain.intervals import mean_estimate
from clearhead.explain.profile import correlations
from clearhead.explain.subject import Subject
from clearhead.glm.solution import RegularizationPath

__all__ = ["OrderingOptions", "entry_steps", "ordering"]


@dataclass(frozen=True)
class OrderingOptions:
    """``first`` features shown for each class; what counts as ``correlated`` and ``unrelated`` (absolute values).

    Of each kind at most ``pairs`` are compared, drawn at random; correlations are of at most ``sample`` rows.
    """

    first: int = 10
    correlated: float = 0.5
    unrelated: float = 0.2
    pairs: int = 200
    sample: int = 20_000
    seed: int = 0


def entry_steps(path: RegularizationPath) -> Tensor:
    """(p, k) int64: the first step of the path at which a weight is not zero, the path's length if it never is.

    Solutions are read one by one, so a long path of a wide head needs the memory of one head.
    """
    never = len(path)
    steps = torch.full_like(path[0].coef, never, dtype=torch.int64)
    for step, solution in enumerate(path):
        steps = torch.where((solution.coef != 0) & (steps == never), step, steps)
    return steps


def ordering(
    subject: Subject,
    features: Sequence[int] | None = None,
    run: Path | str | None = None,
    options: OrderingOptions | None = None,
    progress: Progress | None = None,
    *,
    findings: Sequence[Finding] = (),
) -> Finding:
    """When each feature enters each class, the coefficient paths of the first ones, and A.2's grouping effect.

    ``features`` limits what is listed (all by default). ``findings`` (visualisations, superpixels, words) lend their
    pictures to the features that enter first. Tables: "entries" (a row a class and feature, in order of entry), "paths"
    (lists of weights along "lambdas"), "grouping" (pairs of features and how far apart they enter).
    """
    options = options or OrderingOptions()
    path = subject.path
    if path is None or not len(path):
        raise SettingError("an ordering needs the regularisation path", fix="pass the path that the head came from")
    steps = entry_steps(path)
    listed = _first(path, steps, features, options.first)
    tables = {
        "entries": _entries(subject, path, steps, listed),
        "paths": _paths(subject, path, listed),
        "lambdas": Table({"lambda": path.lambdas.tolist()}),
    }
    numbers: dict[str, Any] = {"steps": len(path), "features": int((steps < len(path)).any(1).sum())}
    grouping = _grouping(subject, steps, len(path), options)
    if grouping is not None:
        tables["grouping"], estimates = grouping
        numbers |= estimates
    return Finding(
        kind="ordering",
        title="The order in which features enter",
        sentence=_sentence(numbers),
        numbers=numbers,
        tables=tables,
        caveats=("Between two steps of the path the exact λ of an entry is not known.",),
        settings=asdict(options),
        media=_borrowed({j for j, _ in listed}, findings),
    )


def _first(
    path: RegularizationPath, steps: Tensor, features: Sequence[int] | None, number: int
) -> list[tuple[int, int]]:
    """(feature, class) of the first entries of each class; among equals the larger weight at entry goes first."""
    allowed = torch.zeros(len(steps), dtype=torch.bool)
    allowed[list(range(len(steps)) if features is None else features)] = True
    size = torch.zeros_like(steps, dtype=torch.float64)
    for step, solution in enumerate(path):
        size = torch.where(steps == step, solution.coef.abs().double(), size)
    listed = []
    for c in range(steps.shape[1]):
        entered = ((steps[:, c] < len(path)) & allowed).nonzero().flatten().tolist()
        entered.sort(key=lambda j: (int(steps[j, c]), -float(size[j, c]), j))
        listed += [(j, c) for j in entered[:number]]
    return listed


def _class_name(subject: Subject, column: int) -> str:
    """A head with one margin has one column, which speaks for its second class."""
    single = subject.head.weight.shape[1] == 1 and subject.head.n_classes == 2
    return subject.head.class_names[1 if single else column]


def _entries(subject: Subject, path: RegularizationPath, steps: Tensor, listed: Sequence[tuple[int, int]]) -> Table:
    head = subject.head
    lambdas = path.lambdas.tolist()
    at = [int(steps[j, c]) for j, c in listed]
    order: dict[int, int] = {}
    ranks = []
    for _, c in listed:
        order[c] = order.get(c, 0) + 1
        ranks.append(order[c])
    same = head.weight.shape == steps.shape
    return Table(
        {
            "class": [_class_name(subject, c) for _, c in listed],
            "order": ranks,
            "feature": [j for j, _ in listed],
            "name": [head.feature_names[j] for j, _ in listed],
            "step": at,
            "lambda": [lambdas[t] for t in at],
            "sign": [1 if float(path[t].coef[j, c]) > 0 else -1 for (j, c), t in zip(listed, at, strict=True)],
            "weight": [float(head.weight[j, c]) if same else None for j, c in listed],
        },
        {"step": "index on the path, 0 the largest λ", "sign": "at entry", "weight": "in the selected head"},
    )


def _paths(subject: Subject, path: RegularizationPath, listed: Sequence[tuple[int, int]]) -> Table:
    rows, columns = [j for j, _ in listed], [c for _, c in listed]
    weights = torch.stack([solution.coef[rows, columns].double() for solution in path], 1)
    return Table(
        {
            "class": [_class_name(subject, c) for c in columns],
            "feature": rows,
            "weights": [[float(f"{w:.5g}") for w in line] for line in weights.tolist()],
        },
        {"weights": "one a step, per standard deviation of the feature"},
    )


def _grouping(
    subject: Subject, steps: Tensor, never: int, options: OrderingOptions
) -> tuple[Table, dict[str, Estimate]] | None:
    """Steps between the entries of two features, averaged over the classes that at least one of them enters."""
    used = (steps < never).any(1).nonzero().flatten()
    if len(used) < 3:
        return None
    generator = torch_generator(options.seed, "ordering")
    rows = subject.rows[torch.randperm(len(subject.rows), generator=generator)[: options.sample]].sort().values
    matrix = correlations(subject.table.view(rows), used).abs()
    a, b = torch.triu_indices(len(used), len(used), 1)
    strength = matrix[a, b]
    columns: dict[str, list[Any]] = {name: [] for name in ("feature", "other", "correlation", "steps_apart", "group")}
    estimates = {}
    for group, chosen in (("correlated", strength >= options.correlated), ("unrelated", strength <= options.unrelated)):
        pairs = chosen.nonzero().flatten()
        pairs = pairs[torch.randperm(len(pairs), generator=generator)[: options.pairs]].sort().values
        apart = [_apart(steps[used[a[i]]], steps[used[b[i]]], never) for i in pairs.tolist()]
        columns["feature"] += used[a[pairs]].tolist()
        columns["other"] += used[b[pairs]].tolist()
        columns["correlation"] += strength[pairs].tolist()
        columns["steps_apart"] += apart
        columns["group"] += [group] * len(apart)
        if apart:
            estimates[f"steps_apart_{group}"] = mean_estimate(apart, "pair")
    return Table(columns, {"correlation": "absolute value"}), estimates


def _apart(one: Tensor, other: Tensor, never: int) -> float:
    either = (one < never) | (other < never)
    return float((one[either] - other[either]).abs().double().mean())


def _sentence(numbers: Mapping[str, Any]) -> str:
    text = f"{numbers['features']} features enter along {numbers['steps']} steps of the path"
    near, far = numbers.get("steps_apart_correlated"), numbers.get("steps_apart_unrelated")
    if near is None or far is None:
        return text + "."
    return (
        f"{text}; correlated ones enter {near.value:.1f} steps apart (n = {near.n}), "
        f"unrelated ones {far.value:.1f} (n = {far.n})."
    )


def _borrowed(features: set[int], findings: Sequence[Finding]) -> dict[str, str]:
    """Pictures of these features among other findings, named "kind/12+"."""
    return {
        f"{finding.kind}/{name}": path
        for finding in findings
        for name, path in finding.media.items()
        if name.rstrip("+-").isdigit() and int(name.rstrip("+-")) in features
    }
