"""From answers to findings: one analysis a kind of task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from clearhead.core.finding import Finding
from clearhead.study.analysis.common import prepare
from clearhead.study.analysis.misclassification import analyze_misclassification
from clearhead.study.analysis.simulate import analyze_simulate
from clearhead.study.analysis.spurious import analyze_spurious
from clearhead.study.answers import Answer
from clearhead.study.checks import check_table
from clearhead.study.quality import Rules
from clearhead.study.tasks.model import Study

__all__ = ["analyze"]

_ANALYSES = {
    "simulate": analyze_simulate,
    "spurious": analyze_spurious,
    "misclassification": analyze_misclassification,
}


def analyze(
    study: Study,
    answers: Sequence[Answer],
    *,
    rules: Rules | None = None,
    withdrawn: Sequence[str] = (),
    seed: int = 0,
) -> Finding:
    """The analysis of the study's kind. ``study`` comes with its key (`load_study(folder, with_key=True)`).

    Without ``rules`` the paper's hold. `DataError` if there is no answer that may be analysed.
    """
    finding = _ANALYSES[study.kind](prepare(study, answers, rules=rules, withdrawn=withdrawn, seed=seed))
    checks = check_table(study, [a for a in answers if a.annotator not in set(withdrawn)])
    return replace(finding, tables={**finding.tables, "checks": checks}) if len(checks) else finding
