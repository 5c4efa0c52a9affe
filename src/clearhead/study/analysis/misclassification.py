"""Analysis of the *misclassification* task: how often f_l, f_p and the control f_r match the image, and which best."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearhead.core.finding import Estimate, Finding
from clearhead.study.accuracy import Assessment, Design, assess
from clearhead.study.analysis.common import Prepared, estimate_row, percent, sampled_units, table
from clearhead.study.intervals import Sample, cluster_interval, wilson
from clearhead.study.tasks.model import LETTERS
from clearhead.study.vote import Verdict, majority

__all__ = ["analyze_misclassification"]

WORDS = {"f_l": "the true class's feature", "f_p": "the predicted class's feature", "f_r": "a random feature"}
YES = 0


def analyze_misclassification(prepared: Prepared) -> Finding:
    """How often people match each kind of feature with a misclassified image (section 3.3, G.1).

    ``prepared`` from the study with its key; the finding is of kind ``study_misclassification``.
    """
    arm = np.array([int(t["arm"] == "problematic") for t in prepared.truths])
    cluster = sampled_units([t["class"] for t in prepared.truths], range(len(prepared.truths)))
    design = Design(np.zeros(len(arm), dtype=np.int64), arm, cluster)
    sides = {
        letter: assess(prepared.ballots[f"match_{letter}"], design, prepared.rules, prepared.rng("vote", letter))
        for letter in "ab"
    }
    quality = sides["a"].quality
    kept = prepared.ballots["best"].only(quality.keep).answered()
    best = majority(kept, prepared.rules, prepared.rng("vote", "best"))
    rng = prepared.rng("bootstrap")
    rates = {role: _match_rate(role, sides, prepared, rng) for role in WORDS}
    bests = {pair: _best_rate(pair, best, prepared, cluster, rng) for pair in ("f_p", "f_r")}
    numbers: dict[str, Any] = {f"match_{role}": found[0] for role, found in rates.items()}
    numbers |= {f"best_{pair}_over_f_l": found[0] for pair, found in bests.items()}
    rows = [{"question": f"matches: {WORDS[r]} ({r})", **estimate_row(*found)} for r, found in rates.items()]
    rows += [{"question": f"{p} is the better match than f_l", **estimate_row(*found)} for p, found in bests.items()]
    sentence = ", ".join(f"{r} matched in {percent(e.value)} (n = {e.n})" for r, (e, _) in rates.items())
    return prepared.finding(
        quality,
        "Which patterns do people see in misclassified inputs?",
        f"Of misclassified inputs, {sentence}.",
        numbers=numbers,
        tables={
            "rates": table(rows, {"value": "share of tasks"}),
            "verdicts": table(_verdicts(sides, best, prepared)),
        },
        caveats=(
            "f_l can be asked about in every task, f_p and f_r in about half of them each.",
            "Inputs are errors that one feature explains; other errors were not asked about."
            if prepared.study.settings.get("only_flips", True)
            else "Inputs are drawn among all errors, not only those that one feature explains.",
        ),
    )


def _match_rate(
    role: str, sides: dict[str, Assessment], prepared: Prepared, rng: np.random.Generator
) -> tuple[Estimate, Estimate]:
    """The share of tasks that show the role's feature where the vote says it matches, whichever side it was on."""
    outcomes, clusters, variance, total = [], [], 0.0, 0
    for letter, result in sides.items():
        shown = np.array([t["roles"].get(role) == letter for t in prepared.truths]) & result.verdict.counted
        sample = result.sample(shown)
        outcomes.append(sample.outcome)
        clusters.append(sample.cluster)
        variance += sample.annotator_variance * len(sample.outcome) ** 2
        total += len(sample.outcome)
    joined = Sample(np.concatenate(outcomes), np.concatenate(clusters), variance / max(1, total) ** 2)
    return cluster_interval(joined, rng), wilson(joined.outcome.sum(), total)


def _best_rate(
    role: str, best: Verdict, prepared: Prepared, cluster: NDArray[np.int64], rng: np.random.Generator
) -> tuple[Estimate, Estimate]:
    """Among tasks that show the role beside f_l, the share where it is voted the better match."""
    mask = np.array([role in t["roles"] for t in prepared.truths]) & best.counted
    at = np.flatnonzero(mask)
    letters = np.array([LETTERS.index(prepared.truths[i]["roles"][role]) for i in at], dtype=np.int64)
    outcome = (best.option[at] == letters).astype(float)
    sample = Sample(outcome, cluster[at])
    return cluster_interval(sample, rng), wilson(outcome.sum(), len(at))


def _verdicts(sides: dict[str, Assessment], best: Verdict, prepared: Prepared) -> list[dict[str, Any]]:
    """One row a kept task: which features matched, and whether f_p is the better match (Fig. 33)."""
    rows = []
    for i in np.flatnonzero(sides["a"].verdict.counted):
        truth = prepared.truths[i]
        matched = {role: bool(sides[letter].verdict.option[i] == YES) for role, letter in truth["roles"].items()}
        winner = {LETTERS.index(letter): role for role, letter in truth["roles"].items()}.get(int(best.option[i]))
        rows.append(
            {
                "task": prepared.names[i],
                "arm": truth["arm"],
                "row": truth["row"],
                "label": truth["label_name"],
                "predicted": truth["predicted_name"],
                "f_l": truth["f_l"],
                "f_p": truth["f_p"],
                **{f"matches_{role}": matched.get(role) for role in WORDS},
                "best": winner,
            }
        )
    return rows
