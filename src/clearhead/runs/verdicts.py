"""What people said of features, beside the run's own suspicions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from clearhead.core.finding import Finding, Table

__all__ = ["with_verdicts"]


def with_verdicts(findings: Sequence[Finding]) -> list[Finding]:
    """The findings; suspects with a column ``people``: what was said of the feature in studies (None: not asked).

    Simulated annotators say nothing here.
    """
    said: dict[int, list[str]] = {}
    for finding in findings:
        if finding.kind == "study_spurious":
            _add(said, _surroundings(finding))
        elif finding.kind == "study_misclassification":
            _add(said, _matches(finding))
    if not said:
        return list(findings)
    return [_beside(f, said) if f.kind == "suspects" and "suspects" in f.tables else f for f in findings]


def _add(said: dict[int, list[str]], found: dict[int, str]) -> None:
    for feature, words in found.items():
        said.setdefault(feature, []).append(words)


def _surroundings(finding: Finding) -> dict[int, str]:
    """Of the pairs that share the feature: how many show a pattern, and how many of these are called surroundings."""
    pairs: dict[int, list[tuple[bool, bool]]] = {}
    for row in finding.tables["verdicts"].rows():
        pairs.setdefault(int(row["feature"]), []).append((bool(row["pattern"]), bool(row["spurious"])))
    counts = {j: (sum(s for _, s in seen), sum(p for p, _ in seen), len(seen)) for j, seen in pairs.items()}
    return {j: f"surroundings in {s} and a pattern in {p} of {n} pairs" for j, (s, p, n) in counts.items()}


def _matches(finding: Finding) -> dict[int, str]:
    """Of the wrong answers that the feature explains: how many it is seen in."""
    errors: dict[int, list[bool]] = {}
    for row in finding.tables["verdicts"].rows():
        if row["matches_f_p"] is not None:
            errors.setdefault(int(row["f_p"]), []).append(bool(row["matches_f_p"]))
    return {feature: f"seen in {sum(seen)} of {len(seen)} wrong answers" for feature, seen in errors.items()}


def _beside(suspects: Finding, said: dict[int, list[str]]) -> Finding:
    table = suspects.tables["suspects"]
    people = ["; ".join(said[int(j)]) if int(j) in said else None for j in table.columns["number"]]
    units = {**table.units, "people": "what people said of the feature in a study"}
    return replace(suspects, tables={**suspects.tables, "suspects": Table({**table.columns, "people": people}, units)})
