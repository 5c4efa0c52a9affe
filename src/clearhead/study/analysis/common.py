"""What the three analyses share: prepared answers, and a finding with the printed rules, agreement and methods."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearhead.core.errors import DataError
from clearhead.core.finding import Estimate, Finding, Table
from clearhead.core.seeds import numpy_generator
from clearhead.study.agreement import krippendorff_alpha
from clearhead.study.answers import Answer
from clearhead.study.ballots import QUESTIONS, Ballots, cast
from clearhead.study.quality import MIN_ANSWERS, Quality, Rules, usable
from clearhead.study.tasks.model import Study

FEWEST_CLASSES = 6  # fewer cannot stand for the classes that were not drawn: five give no p below 0.06

__all__ = [
    "FEWEST_CLASSES",
    "Prepared",
    "estimate_row",
    "percent",
    "prepare",
    "sampled_units",
    "table",
]


@dataclass(frozen=True)
class Prepared:
    """Answers that may be analysed: tasks and people numbered, `Ballots` a question, counts of what was left out.

    With the study they answer, the rules that hold and the seed of all that is drawn, it is all an analysis takes.
    """

    study: Study
    rules: Rules
    seed: int
    names: tuple[str, ...]
    truths: tuple[Mapping[str, Any], ...]
    annotators: tuple[str, ...]
    answers: tuple[Answer, ...]
    ballots: Mapping[str, Ballots]
    left_out: Mapping[str, int]

    def rng(self, *names: str) -> np.random.Generator:
        """The random numbers of one use; another use draws others."""
        return numpy_generator(self.seed, *names)

    def finding(
        self,
        quality: Quality,
        title: str,
        sentence: str,
        *,
        numbers: Mapping[str, Any],
        tables: Mapping[str, Table],
        caveats: tuple[str, ...],
    ) -> Finding:
        """The finding of the study's kind; agreement, every rule and a methods paragraph are added here."""
        return Finding(
            kind=f"study_{self.study.kind}",
            title=title,
            sentence=sentence,
            numbers={**numbers, **_agreement(self, quality)},
            tables={**tables, **_rules_table(self, quality)},
            caveats=caveats,
            settings={**self.study.settings, "methods": _methods(self, quality)},
        )


def prepare(
    study: Study,
    answers: Sequence[Answer],
    *,
    rules: Rules | None = None,
    withdrawn: Sequence[str] = (),
    seed: int = 0,
) -> Prepared:
    """Number the study's real tasks (no gold, no repeats) and everyone's usable answers.

    Without ``rules`` the paper's hold, with its least number of answers a task. `DataError` if nothing is usable.
    """
    real = [
        t.id for t in study.tasks if not (study.key.truths[t.id].get("gold") or study.key.truths[t.id].get("repeat_of"))
    ]
    kept, left_out = usable(answers, study.key.truths, withdrawn)
    if not kept:
        raise DataError("there are no answers to analyse", got=left_out, fix="import or collect some first")
    people = sorted({a.annotator for a in kept})
    tasks, annotators = ({name: i for i, name in enumerate(names)} for names in (real, people))
    ballots = {q.name: cast(kept, study.kind, q, tasks, annotators) for q in QUESTIONS[study.kind]}
    truths = tuple(study.key.truths[name] for name in real)
    rules = rules or Rules(min_answers=MIN_ANSWERS[study.kind])
    return Prepared(study, rules, seed, tuple(real), truths, tuple(people), tuple(kept), ballots, left_out)


def sampled_units(classes: Sequence[int], repeats: Sequence[int]) -> NDArray[np.int64]:
    """What the bootstrap draws: classes; or single tasks (matched by repeat across arms) where classes are too few."""
    kinds, index = np.unique(np.asarray(classes, dtype=np.int64), return_inverse=True)
    if len(kinds) >= FEWEST_CLASSES:
        return np.asarray(classes, dtype=np.int64)
    unit: NDArray[np.int64] = index * (max(repeats, default=0) + 1) + np.asarray(repeats, dtype=np.int64)
    return unit


def estimate_row(estimate: Estimate, wilson: Estimate) -> dict[str, float | int | None]:
    """A rate as a row of a table: value, n and both intervals; what is undefined is None."""
    row = {
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "wilson_low": wilson.low,
        "wilson_high": wilson.high,
    }
    return {**{k: None if math.isnan(v) else v for k, v in row.items()}, "n": estimate.n}


def percent(value: float | None) -> str:
    """A share as people read it."""
    return "undefined" if value is None or math.isnan(value) else f"{100 * value:.1f} %"


def table(rows: Sequence[Mapping[str, Any]], units: Mapping[str, str] | None = None) -> Table:
    """A `Table` from one mapping a row, all with the same keys."""
    names = list(rows[0]) if rows else []
    return Table({name: [row[name] for row in rows] for name in names}, units or {})


def _rules_table(prepared: Prepared, quality: Quality) -> dict[str, Table]:
    """Every rule and hole, as decided, and every count: printed in each analysis."""
    study, rules = prepared.study, prepared.rules
    decided = {
        "blank answers": "an answer without a selection is dropped",
        "blank annotators": f"annotators blank on more than {rules.max_blank:.0%} of their tasks are dropped",
        "enough answers": f"a task needs at least {rules.min_answers} answers that remain",
        "vote": f"majority weighted by {rules.weight}",
        "ties": f"a tie is decided: {rules.ties}",
        "all-zero": "a task whose answers all have confidence 0 (weight 0, so undefined in the paper): "
        + ("heads are counted" if rules.all_zero == "equal" else "dropped"),
        "resampled": "features"
        if study.kind == "spurious"
        else f"classes; single tasks, for these classes only, where there are fewer than {FEWEST_CLASSES}",
        "test": "sign flips of the arms' differences in resampled units; with under six such pairs, permuted labels",
        "surplus": f"answers that came after the first {study.answers_per_task} are kept in the store, not analysed",
        **{d.name: d.sentence() for d in study.decisions},
    }
    counts = {**prepared.left_out, **quality.counts}
    return {
        "rules": Table({"rule": list(decided), "decision": list(decided.values())}),
        "counts": Table({"what": list(counts), "count": list(counts.values())}),
    }


def _agreement(prepared: Prepared, quality: Quality) -> dict[str, float | None]:
    """Krippendorff's alpha of each question, on the answers that passed quality control."""
    found = {}
    for name, ballots in prepared.ballots.items():
        alpha = krippendorff_alpha(ballots.only(quality.keep).answered())
        found[f"alpha_{name}"] = None if math.isnan(alpha) else alpha
    return found


def _methods(prepared: Prepared, quality: Quality) -> str:
    """A paragraph for a paper's methods section."""
    study, rules = prepared.study, prepared.rules
    c, unit = quality.counts, "features" if study.kind == "spurious" else "classes (tasks, where classes are few)"
    return (
        f"We ran a “{study.kind}” study of {c['tasks']} tasks, each shown to {study.answers_per_task} annotators "
        f"({len(prepared.annotators)} annotators, {c['answers']} answers). "
        f"Following Wong, Santurkar and Madry (2021), we removed "
        f"{c['blank_answers']} blank answers, {c['annotators_dropped']} annotators who left more than "
        f"{rules.max_blank:.0%} of their tasks blank, and {c['tasks_with_too_few_answers']} tasks with fewer than "
        f"{rules.min_answers} remaining answers, which left {c['tasks_kept']} tasks. The selection of a task is the "
        f"majority of its answers weighted by {rules.weight} (0-3); where all weights are zero, "
        f"{'heads are counted' if rules.all_zero == 'equal' else 'the task is dropped'}; ties: {rules.ties}. Intervals "
        f"are 95 % intervals of a bootstrap over {unit}, widened by a jackknife estimate of the variance that shared "
        "annotators add; p values are from sign-flip permutation tests paired by the same (labels, under six pairs). "
        f"Settings of the tasks: {', '.join(f'{k} = {v}' for k, v in study.settings.items())}. Rules: {asdict(rules)}."
    )
