"""Analysis of the *simulate* task: Table 25, Figure 24, the difference between arms, and how much the rules matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearhead.core.finding import Estimate, Finding, Table
from clearhead.study.accuracy import Assessment, Design, assess
from clearhead.study.agreement import dawid_skene
from clearhead.study.analysis.common import FEWEST_CLASSES, Prepared, estimate_row, percent, sampled_units, table
from clearhead.study.tasks.model import LETTERS

__all__ = ["analyze_simulate", "design_of"]

Mask = NDArray[np.bool_]
PARTS = ("overall", "from target class", "from another class")


def analyze_simulate(prepared: Prepared) -> Finding:
    """How well people simulate each decision layer (section 3.3, D.4).

    ``prepared`` from the study with its key; the finding is of kind ``study_simulate``.
    """
    design, names = design_of(prepared.truths)
    result = assess(prepared.ballots["choice"], design, prepared.rules, prepared.rng("vote"))
    rng = prepared.rng("bootstrap")
    accuracy = _accuracy(result, prepared, names, rng)
    numbers: dict[str, Any] = {f"accuracy_{name}": found for name, found in accuracy[1].items()}
    sentence = f"People picked the model's first choice in {_list_of(accuracy[1])}."
    if len(names) == 2:
        first, second = (design.arm == names.index(n) for n in sorted(names, key=lambda n: n != "sparse"))
        difference, p = result.difference(first, second, rng)
        pair = sorted(names, key=lambda n: n != "sparse")
        numbers |= {"difference": difference, "p_value": p}
        if p is not None:
            gap = 100 * difference.value
            sentence += f" {pair[0].capitalize()} minus {pair[1]}: {gap:+.1f} points (p = {p:.2g})."
    tables = {
        "accuracy": accuracy[0],
        "ranks": _ranks(result, prepared, names),
        "per_class": _per_class(result, prepared, names),
        "probabilities": _probabilities(prepared, names),
        "sensitivity": _sensitivity(prepared, design, names),
        "verdicts": _verdicts(result, prepared),
    }
    return prepared.finding(
        result.quality,
        "Can people simulate the decision layers?",
        sentence,
        numbers=numbers | _undefined(result),
        tables=tables,
        caveats=_caveats(result, prepared, len(names)),
    )


def design_of(truths: Sequence[Any]) -> tuple[Design, list[str]]:
    """Truth, arm and class of each task as arrays; and the arms' names by number."""
    names = sorted({t["arm"] for t in truths})
    return (
        Design(
            np.array([LETTERS.index(t["correct"]) for t in truths], dtype=np.int64),
            np.array([names.index(t["arm"]) for t in truths], dtype=np.int64),
            sampled_units([t["class"] for t in truths], [t["repeat"] for t in truths]),
        ),
        names,
    )


def _list_of(found: dict[str, Estimate]) -> str:
    return ", ".join(f"{percent(e.value)} of the {name} tasks (n = {e.n})" for name, e in found.items())


def _accuracy(
    result: Assessment, prepared: Prepared, names: list[str], rng: np.random.Generator
) -> tuple[Table, dict[str, Estimate]]:
    """Table 25: per arm, overall and by whether the right image is of the target class."""
    target = np.array([t["from_target"] for t in prepared.truths])
    everything = np.ones(len(target), dtype=bool)
    rows, overall = [], {}
    for number, name in enumerate(names):
        for part, mask in zip(PARTS, (everything, target, ~target), strict=True):
            estimate, wilson = result.rate(mask & (result.design.arm == number), rng)
            rows.append({"arm": name, "images": part, **estimate_row(estimate, wilson)})
            if part == "overall":
                overall[name] = estimate
    units = {"value": "share of tasks", "low": "95 % cluster bootstrap", "wilson_low": "95 % Wilson"}
    return table(rows, units), overall


def _ranks(result: Assessment, prepared: Prepared, names: list[str]) -> Table:
    """Figure 24b: how the selected image ranks by the model's probability."""
    rows = []
    for number, name in enumerate(names):
        mask = (result.design.arm == number) & (result.verdict.option >= 0)
        ranks = [prepared.truths[i]["ranks"][result.verdict.option[i]] for i in np.flatnonzero(mask)]
        for rank in range(1, 4):
            count = ranks.count(rank)
            rows.append({"arm": name, "rank": rank, "tasks": count, "share": count / len(ranks) if ranks else None})
    return table(rows)


def _per_class(result: Assessment, prepared: Prepared, names: list[str]) -> Table:
    """Figure 24c: accuracy per target class in each arm."""
    labels = {t["class"]: t["class_name"] for t in prepared.truths}
    classes = np.array([t["class"] for t in prepared.truths])
    rows = []
    for c in sorted(labels):
        row: dict[str, Any] = {"class": c, "class_name": labels[c]}
        for number, name in enumerate(names):
            mask = (classes == c) & (result.design.arm == number) & result.verdict.counted
            row[name] = float(result.correct[mask].mean()) if mask.any() else None
            row[f"n_{name}"] = int(mask.sum())
        rows.append(row)
    return table(rows)


def _probabilities(prepared: Prepared, names: list[str]) -> Table:
    """Figure 24a: quantiles of the target probability of the images shown, by rank."""
    rows = []
    for name in names:
        chosen = [t for t in prepared.truths if t["arm"] == name]
        for rank in range(1, 4):
            values = [t["probabilities"][t["ranks"].index(rank)] for t in chosen if rank in t["ranks"]]
            quantiles = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95]) if values else [None] * 5
            marks = dict(zip(("p05", "p25", "median", "p75", "p95"), map(_plain, quantiles), strict=True))
            rows.append({"arm": name, "rank": rank, "n": len(values), **marks})
    return table(rows, {"median": "probability of the target class"})


def _sensitivity(prepared: Prepared, design: Design, names: list[str]) -> Table:
    """The same accuracies under other rules."""
    rules = prepared.rules
    variants = {f"vote weighted by {w}": replace(rules, weight=w) for w in ("confidence", "confidence+1", "equal")}
    variants |= {f"ties: {t}": replace(rules, ties=t) for t in ("random", "drop", "wrong")}
    variants |= {"all-zero tasks dropped": replace(rules, all_zero="drop")}
    variants |= {"no annotator dropped": replace(rules, max_blank=1.0)}
    ballots = prepared.ballots["choice"]
    rows = []
    for label, variant in variants.items():
        result = assess(ballots, design, variant, prepared.rng("vote"))
        rows.append(_variant_row(label, result.correct, result.verdict.counted, design, names))
    kept = assess(ballots, design, prepared.rules, prepared.rng("vote"))
    best = dawid_skene(kept.ballots).posterior.argmax(axis=1)
    rows.append(_variant_row("Dawid-Skene", best == design.truth, kept.verdict.counted, design, names))
    return table(rows)


def _variant_row(label: str, correct: Mask, counted: Mask, design: Design, names: list[str]) -> dict[str, Any]:
    row: dict[str, Any] = {"rule": label}
    for number, name in enumerate(names):
        mask = counted & (design.arm == number)
        row[name] = float(correct[mask].mean()) if mask.any() else None
        row[f"n_{name}"] = int(mask.sum())
    return row


def _verdicts(result: Assessment, prepared: Prepared) -> Table:
    """Each task's selection beside its truth, for the run's feature pages."""
    rows = []
    for i in np.flatnonzero(result.verdict.counted):
        truth = prepared.truths[i]
        picked = result.verdict.option[i]
        rows.append(
            {
                "task": prepared.names[i],
                "arm": truth["arm"],
                "class": truth["class"],
                "features": list(truth["features"]),
                "picked_rank": truth["ranks"][picked] if picked >= 0 else None,
                "correct": bool(result.correct[i]),
            }
        )
    return table(rows)


def _undefined(result: Assessment) -> dict[str, int]:
    return {"tied_tasks": int(result.verdict.tied.sum()), "all_zero_tasks": int(result.verdict.all_zero.sum())}


def _caveats(result: Assessment, prepared: Prepared, arms: int) -> tuple[str, ...]:
    found = [
        "Wilson's interval treats tasks as independent; tasks share classes and annotators, so it is too narrow.",
        "The vote's accuracy depends on the number of answers a task; it is not the accuracy of one person.",
    ]
    if arms < 2:
        found.append("Only one arm has tasks: nothing can be compared.")
    if (n := int(result.verdict.tied.sum())) > 0:
        found.append(f"{n} tasks were tied, which the published rule leaves undefined; see the sensitivity table.")
    classes = len({t["class"] for t in prepared.truths})
    if classes < FEWEST_CLASSES:
        found.append(f"Only {classes} classes: the intervals hold for these classes, not for classes like them.")
    elif classes < 20:
        found.append("Fewer than twenty classes: the bootstrap over classes is rough.")
    return tuple(found)


def _plain(value: Any) -> float | None:
    return None if value is None else float(value)
