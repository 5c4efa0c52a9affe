"""The *misclassification* task (G.1, Fig. 32): which of two features matches an image that the model gets wrong?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearhead.core.errors import DataError
from clearhead.core.seeds import numpy_generator
from clearhead.study.tasks.exhibits import Exhibits
from clearhead.study.tasks.model import LETTERS, Decision, Study, Task, conceal

__all__ = ["Errors", "MisclassificationOptions", "build_misclassification"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Errors:
    """The head and its misclassified rows.

    ``weights`` (p, K) and ``intercept`` (K,) act on ``z`` (n, p), standardised features of rows ``rows`` (n,) whose
    true classes are ``labels`` (n,); predictions are the head's own.
    """

    weights: Any
    intercept: Any
    z: Any
    rows: Any
    labels: Any


@dataclass(frozen=True)
class MisclassificationOptions:
    """``tasks`` are drawn among errors that switching f_p off turns from p to l (``only_flips``), as in the paper."""

    tasks: int = 1330
    only_flips: bool = True
    control: float = 0.5
    seed: int = 0


def build_misclassification(
    errors: Errors, exhibits: Exhibits, class_names: Sequence[str], options: MisclassificationOptions | None = None
) -> Study:
    """The tasks of G.1: (f_l, f_p) or, with probability ½, the control (f_l, f_r).

    Raises
    ------
    DataError : no misclassified row qualifies.
    """
    options = options or MisclassificationOptions()
    weights, z = np.asarray(errors.weights, dtype=np.float64), np.asarray(errors.z, dtype=np.float64)
    rows, labels = np.asarray(errors.rows), np.asarray(errors.labels)
    logits = z @ weights + np.asarray(errors.intercept, dtype=np.float64)
    predicted = logits.argmax(axis=1)
    counts: Counter[str] = Counter(wrong=int((predicted != labels).sum()))
    showable = np.flatnonzero([exhibits.showable(j) for j in range(len(weights))])
    pool = []
    for i in np.flatnonzero(predicted != labels):
        truth = _explain(weights, z[i], logits[i], int(predicted[i]), int(labels[i]))
        counts["flips"] += int(truth["flips"])
        if options.only_flips and not truth["flips"]:
            continue
        if truth["f_p"] == truth["f_l"] or not {truth["f_p"], truth["f_l"]} <= set(showable.tolist()):
            counts["hidden"] += 1
            continue
        pool.append((int(rows[i]), truth))
    if not pool:
        raise DataError(
            "no misclassified row can be asked about",
            got=dict(counts),
            fix="give pictures or words of more features, or set only_flips=False",
        )
    drafts = []
    for at in numpy_generator(options.seed, "errors").permutation(len(pool))[: options.tasks]:
        row, truth = pool[at]
        rng = numpy_generator(options.seed, "misclassification", row)
        drafts.append(_draft(row, truth, showable, exhibits, class_names, rng, options.control))
    counts.update(pool=len(pool), tasks=len(drafts), control=sum("f_r" in t["roles"] for _, t in drafts))
    counts["positive_f_l"] = sum(t["gamma_l"] >= 0 for _, t in drafts)
    tasks, key = conceal(drafts, options.seed, numpy_generator(options.seed, "order"))
    return Study(
        kind="misclassification",
        title="Which pattern matches?",
        tasks=tasks,
        key=key,
        settings=asdict(options),
        decisions=_decisions(options, counts),
    )


def _explain(weights: Floats, z: Floats, logits: Floats, p: int, label: int) -> dict[str, Any]:
    """Equation 8 on one row: the features with the highest and lowest γ, and whether f_p alone turns p into l."""
    gamma = (weights[:, p] - weights[:, label]) * z
    f_p, f_l = int(gamma.argmax()), int(gamma.argmin())
    without = logits - weights[f_p] * z[f_p]
    return {
        "predicted": p,
        "label": label,
        "f_p": f_p,
        "f_l": f_l,
        "gamma_p": float(gamma[f_p]),
        "gamma_l": float(gamma[f_l]),
        "flips": bool(without.argmax() == label),
    }


def _draft(
    row: int,
    truth: dict[str, Any],
    showable: NDArray[np.int64],
    exhibits: Exhibits,
    class_names: Sequence[str],
    rng: np.random.Generator,
    control: float,
) -> tuple[Task, dict[str, Any]]:
    """One task: its two features in random order, each with its role."""
    others = showable[(showable != truth["f_l"]) & (showable != truth["f_p"])]
    if len(others) and rng.random() < control:
        pair = [("f_l", truth["f_l"]), ("f_r", int(rng.choice(others)))]
    else:
        pair = [("f_l", truth["f_l"]), ("f_p", truth["f_p"])]
    pair = [pair[i] for i in rng.permutation(2)]
    task = Task("", "misclassification", tuple(exhibits.feature(j) for _, j in pair), (exhibits.rows([row]),))
    roles = {role: LETTERS[i] for i, (role, _) in enumerate(pair)}
    names = {"label_name": str(class_names[truth["label"]]), "predicted_name": str(class_names[truth["predicted"]])}
    arm = "control" if "f_r" in roles else "problematic"
    return task, {
        **truth,
        **names,
        "arm": arm,
        "row": row,
        "roles": roles,
        "features": dict(pair),
        "class": truth["label"],
    }


def _decisions(options: MisclassificationOptions, counts: Counter[str]) -> tuple[Decision, ...]:
    return (
        Decision(
            "population",
            "errors that setting f_p to its mean turns from the predicted to the true class",
            counts["flips"],
            counts["wrong"],
        ),
        Decision(
            "only_flips",
            "tasks are drawn among those errors" if options.only_flips else "tasks are drawn among all errors",
            counts["tasks"],
            counts["pool"],
        ),
        Decision(
            "control",
            f"(f_l, f_r) is shown with probability {options.control:g}, else (f_l, f_p)",
            counts["control"],
            counts["tasks"],
        ),
        Decision("f_r", "f_r is drawn among all features that can be shown, other than f_l and f_p"),
        Decision(
            "hidden", "an error whose f_l or f_p cannot be shown, or are one feature, is left out", counts["hidden"]
        ),
        Decision(
            "positive_f_l",
            "tasks where even the lowest score γ is not negative: f_l does not speak for the truth",
            counts["positive_f_l"],
            counts["tasks"],
        ),
        Decision("off", "a feature is off at its training mean (z = 0)"),
    )
