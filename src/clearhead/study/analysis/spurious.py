"""Analysis of the *spurious* task: common patterns, part of the object or its surroundings, what people called them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clearhead.core.finding import Estimate, Finding, Table
from clearhead.study.accuracy import Assessment, Design, assess
from clearhead.study.analysis.common import Prepared, estimate_row, percent, table
from clearhead.study.vote import Verdict, majority

__all__ = ["analyze_spurious"]

WORD = re.compile(r"[^\W\d_]{2,}")
STOP = frozenset(
    ("the", "and", "with", "of", "in", "on", "an", "is", "are", "it", "this", "that", "both", "all", "same", "or")
)
OBJECT, SURROUNDINGS = 0, 1


def analyze_spurious(prepared: Prepared) -> Finding:
    """Which shared features people see, and for which classes they call them surroundings (section 4.1, E.2.1).

    ``prepared`` from the study with its key; the finding is of kind ``study_spurious``.
    """
    names = sorted({t["arm"] for t in prepared.truths})
    arm = np.array([names.index(t["arm"]) for t in prepared.truths])
    cluster = np.array([t["feature"] for t in prepared.truths])
    yes = Design(np.zeros(len(arm), dtype=np.int64), arm, cluster)
    result = assess(prepared.ballots["pattern"], yes, prepared.rules, prepared.rng("vote"))
    where = [
        majority(
            prepared.ballots[name].only(result.quality.keep).answered(), prepared.rules, prepared.rng("vote", name)
        )
        for name in ("where_a", "where_b")
    ]
    verdicts = _verdicts(result, where, prepared)
    numbers, summary = _summary(result, verdicts, names, prepared.rng("bootstrap"))
    sentence = "; ".join(
        f"{name}: people saw a common pattern in {percent(numbers[f'pattern_{name}'].value)} of "
        f"{numbers[f'pattern_{name}'].n} pairs and called {numbers[f'spurious_pairs_{name}']} of them surroundings"
        for name in names
    )
    return prepared.finding(
        result.quality,
        "Which shared features are part of the object?",
        f"{sentence}.",
        numbers=numbers,
        tables={
            "summary": summary,
            "verdicts": table(verdicts),
            "descriptions": _words(prepared, result),
        },
        caveats=(
            "Clusters of the bootstrap are features: pairs that show one feature are not independent.",
            "“Surroundings” is what people said of three images a class; it is not proof that the model is fooled.",
        ),
    )


def _verdicts(result: Assessment, where: Sequence[Verdict], prepared: Prepared) -> list[dict[str, Any]]:
    """One row a kept task: what its people said of the pair, and in their own words."""
    said: dict[int, list[str]] = {}
    keep = result.quality.keep
    for ballot in np.flatnonzero(keep):
        if text := prepared.answers[ballot].values.get("description"):
            said.setdefault(int(prepared.ballots["pattern"].task[ballot]), []).append(text)
    rows = []
    for i in np.flatnonzero(result.verdict.counted):
        truth = prepared.truths[i]
        pattern = result.verdict.option[i] == 0
        places = [_place(verdict, int(i)) if pattern else None for verdict in where]
        rows.append(
            {
                "task": prepared.names[i],
                "arm": truth["arm"],
                "feature": truth["feature"],
                "class_a": truth["classes"][0],
                "class_b": truth["classes"][1],
                "name_a": truth["class_names"][0],
                "name_b": truth["class_names"][1],
                "pattern": bool(pattern),
                "where_a": places[0],
                "where_b": places[1],
                "spurious": [c for c, place in zip(truth["classes"], places, strict=True) if place == "surroundings"],
                "descriptions": said.get(int(i), []) if pattern else [],
            }
        )
    return rows


def _place(verdict: Verdict, i: int) -> str | None:
    return {OBJECT: "object", SURROUNDINGS: "surroundings"}.get(int(verdict.option[i]))


def _summary(
    result: Assessment, verdicts: Sequence[Mapping[str, Any]], names: list[str], rng: np.random.Generator
) -> tuple[dict[str, Any], Table]:
    numbers: dict[str, Any] = {}
    rows = []
    for number, name in enumerate(names):
        estimate, wilson = result.rate(result.design.arm == number, rng)
        numbers[f"pattern_{name}"] = estimate
        seen = [v for v in verdicts if v["arm"] == name and v["pattern"]]
        numbers[f"spurious_pairs_{name}"] = sum(bool(v["spurious"]) for v in seen)
        places = Counter(v[f"where_{x}"] for v in seen for x in "ab")
        rows.append(
            {
                "arm": name,
                **estimate_row(estimate, wilson),
                "pairs_with_pattern": len(seen),
                "pairs_spurious_for_a_class": numbers[f"spurious_pairs_{name}"],
                "classes_object": places["object"],
                "classes_surroundings": places["surroundings"],
                "classes_undecided": places[None],
            }
        )
    if len(names) == 2 and all(isinstance(numbers[f"pattern_{n}"], Estimate) for n in names):
        difference, p = result.difference(result.design.arm == 1, result.design.arm == 0, rng)
        numbers |= {f"difference_{names[1]}_minus_{names[0]}": difference, "p_value": p}
    return numbers, table(rows, {"value": "share of pairs with a common pattern"})


def _words(prepared: Prepared, result: Assessment) -> Table:
    """Words of the descriptions by the number of answers that use them: Figure 30's word cloud as numbers."""
    counts: Counter[str] = Counter()
    for ballot in np.flatnonzero(result.quality.keep):
        text = str(prepared.answers[ballot].values.get("description", "")).lower()
        counts.update(set(WORD.findall(text)) - STOP)
    common = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:200]
    return Table({"word": [w for w, _ in common], "answers": [n for _, n in common]})
