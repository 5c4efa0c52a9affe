"""Which features of a head follow a cue rather than the label: a ranking of suspects, from the most suspicious."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from clearhead.core.errors import DataError
from clearhead.core.finding import Estimate, Finding, Table
from clearhead.core.rows import as_rows
from clearhead.core.seeds import torch_generator
from clearhead.debug.cue import cue_from_errors
from clearhead.debug.evidence import Evidence, gather_evidence
from clearhead.debug.inputs import class_numbers
from clearhead.head import SparseHead

__all__ = ["rank_suspects", "suspects", "suspicion", "suspicion_from_errors"]

SOURCES = {
    "surroundings": "the surroundings of the object, guessed from pictures recombined across examples",
    "groups": "the groups that were given",
    "errors": "the head's own mistakes",
}


def suspicion(head: SparseHead, evidence: Evidence, *, also: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """(p,) score of each feature and (p,) class whose cue it follows; −inf for features that are no candidates.

    Candidates are the features that the head uses and those numbered in ``also``: idle now, but next in line (such as
    those of the denser heads of the path). The score is the largest, over classes, of |correlation with the class's
    cue| − |correlation with its label|, shrunk by how well that cue is known. The feature may have no weight for that
    class: a mark of one class also speaks against the others.
    """
    candidate = (head.weight != 0).any(1)
    if also is not None:
        candidate[also] = True
    best, class_ = evidence.excess.max(1)
    return torch.where(candidate, best, torch.full_like(best, -math.inf)), class_


def suspicion_from_errors(head: SparseHead, features: Any, labels: Any, *, most: int = 5000) -> Tensor | None:
    """(p,) score of each feature from activations, labels and predictions alone; None if the head makes no error.

    The score is high where the head's errors lie where the feature is high: it then follows what the head says rather
    than what is true. Of more than ``most`` rows that many are drawn at random.
    """
    rows, target = as_rows(features), class_numbers(labels).cpu()
    index = torch.randperm(len(target), generator=torch_generator(0, "suspicion"))[:most].sort().values
    X, y = rows.take(index).float(), target[index]
    try:
        cue = cue_from_errors(head, X, y)
    except DataError:
        return None
    return suspicion(head, gather_evidence(head, X, y, cue))[0]


def rank_suspects(head: SparseHead, evidence: Evidence, *, also: Tensor | None = None) -> list[tuple[int, int, float]]:
    """(feature, class, score) of all candidates, most suspicious first, ties by number."""
    score, class_ = suspicion(head, evidence, also=also)
    order = torch.argsort(score, descending=True, stable=True)
    return [(int(j), int(class_[j]), float(score[j])) for j in order if math.isfinite(float(score[j]))]


def suspects(
    head: SparseHead, evidence: Evidence, *, also: Tensor | None = None, top: int = 20, exemplars: Any = None
) -> Finding:
    """The ranking of suspects (E.2, ranked instead of sampled).

    Parameters
    ----------
    evidence : from `gather_evidence`.
    also : numbers of idle features to judge too (see `suspicion`).
    exemplars : (p, m) row numbers of the examples that activate each feature most, to be shown beside it.

    Returns
    -------
    A finding of kind "suspects": table ``suspects`` with, for each, the class, the weight, both correlations with
    their intervals, the score, and the share of the head's reliance on the cue that goes through it.
    """
    ranked = rank_suspects(head, evidence, also=also)
    if not ranked:
        raise DataError("the head uses no feature at all, so none can be suspected", fix="select a denser head")
    shown = ranked[:top]
    reliance = _reliance(head, evidence)
    rows = [_row(head, evidence, reliance, j, c, score) for j, c, score in shown]
    columns: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in rows[0]}
    if exemplars is not None:
        columns["examples"] = [[int(i) for i in exemplars[j]] for j, _, _ in shown]
    positive = sum(score > 0 for _, _, score in ranked)
    return Finding(
        kind="suspects",
        title="Suspicious features",
        sentence=_sentence(rows[0], positive, len(ranked), evidence),
        numbers={
            "n_candidates": len(ranked),
            "n_used": len(head.used()),
            "n_suspicious": positive,
            "n_rows": evidence.n,
            **_cue_skill(evidence),
        },
        tables={
            "suspects": Table(columns, units={"share_of_reliance": "of the head's reliance on the cue, this class"})
        },
        caveats=_caveats(evidence),
        settings={"top": top, "source": evidence.source},
    )


def _cue_skill(evidence: Evidence) -> dict[str, Estimate]:
    """Of the class whose cue is known best; a cue that was given, or is the head's own answer, needs no guess."""
    if evidence.skill_error is None:
        return {}
    best = int(evidence.skill.argmax())
    value, half = float(evidence.skill[best]), 1.959964 * float(evidence.skill_error[best])
    method = "Youden's J on recombined pictures left out, normal"
    return {"cue_skill": Estimate(value, max(0.0, value - half), min(1.0, value + half), evidence.skill_n, method)}


def _reliance(head: SparseHead, evidence: Evidence) -> Tensor:
    """(p, K) what each feature adds to the head's reliance on the cue, as a share of all positive additions."""
    part = (head.class_weights().to(evidence.cue) * evidence.cue).clamp(min=0)
    return part / part.sum(0).clamp(min=1e-12)


def _row(head: SparseHead, evidence: Evidence, reliance: Tensor, j: int, c: int, score: float) -> dict[str, Any]:
    cue, label, n = float(evidence.cue[j, c]), float(evidence.label[j, c]), float(evidence.effective[c])
    cue_low, cue_high = _fisher(cue, n)
    label_low, label_high = _fisher(label, n)
    return {
        "feature": head.feature_names[j],
        "number": j,
        "class": head.class_names[c],
        "weight": float(head.class_weights()[j, c]),
        "in_use": bool((head.weight[j] != 0).any()),
        "score": score,
        "cue_correlation": cue,
        "cue_low": cue_low,
        "cue_high": cue_high,
        "label_correlation": label,
        "label_low": label_low,
        "label_high": label_high,
        "n_effective": round(n, 1),
        "share_of_reliance": float(reliance[j, c]),
    }


def _fisher(r: float, n: float) -> tuple[float, float]:
    """95 % interval of a correlation from n (effective) rows, by Fisher's transformation."""
    if n <= 3.5:
        return -1.0, 1.0
    centre, half = math.atanh(max(-0.999999, min(0.999999, r))), 1.959964 / math.sqrt(n - 3)
    return math.tanh(centre - half), math.tanh(centre + half)


def _sentence(first: dict[str, Any], positive: int, used: int, evidence: Evidence) -> str:
    if positive == 0:
        return f"None of the {used} features judged follows {SOURCES[evidence.source]} more than the label."
    return (
        f"{positive} of {used} features judged follow {SOURCES[evidence.source]} more than the label; most of all "
        f"{first['feature']} for {first['class']} (correlation {first['cue_correlation']:+.2f} with the cue, "
        f"{first['label_correlation']:+.2f} with the label)."
    )


def _caveats(evidence: Evidence) -> tuple[str, ...]:
    caveats = ["Suspicious is not spurious: look at the examples before removing a feature."]
    if evidence.source == "surroundings":
        caveats.append(
            "The object is assumed to lie in the middle of the picture (or in its box, where boxes are given); "
            "a feature of an object that reaches to the edge can look like one of the surroundings."
        )
        known = float(evidence.skill.max())
        caveats.append(
            f"The surroundings' class is guessed with skill {known:.2f} at best (0 is chance, 1 is certain)."
        )
    if evidence.source == "errors":
        caveats.append("Without pictures, a feature of a hard object and a feature of a shortcut look alike in errors.")
    caveats.append("The intervals take the rows as independent and the guessed cue as known.")
    return tuple(caveats)
