"""What sparsity costs: accuracy against features per class along the path (D.1, Fig. 16)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from clearhead.core.errors import DataError
from clearhead.core.finding import Estimate, Finding, Scalar, Table
from clearhead.core.rows import Rows, as_rows
from clearhead.debug.inputs import agreement, class_numbers, estimates_table, predicted
from clearhead.debug.intervals import proportion
from clearhead.glm.solution import RegularizationPath
from clearhead.head import SparseHead

__all__ = ["tradeoff"]

Splits = Mapping[str, tuple[Any, Any]]


def tradeoff(
    path: RegularizationPath,
    splits: Splits,
    *,
    dense: Mapping[str, Any] | None = None,
    selected: int | None = None,
    head: SparseHead | None = None,
) -> Finding:
    """Accuracy against features per class for every head of the path (Fig. 16).

    Parameters
    ----------
    path : the regularisation path.
    splits : name ("train", "val", "test") → (raw features (n, p), integer labels (n,)).
    dense : name of a split → predicted classes (n,) of the dense head there, the reference line.
    selected : number of the selected head on the path.
    head : the selected head as it is used, where it was solved again to a tighter tolerance than its point: the
        selected row is about it.

    Returns
    -------
    A finding of kind "tradeoff": table ``path`` (one row a λ: sparsity, certificate, accuracy and its interval for each
    split) and, with ``dense``, table ``dense`` (one row a split). Numbers: the selected head's.

    Examples
    --------
    ``tradeoff(path, {"test": (X_test, y_test)}, selected=40).tables["path"]``
    """
    if len(path) == 0:
        raise DataError("the path is empty, there is nothing to trade", fix="fit at least one λ")
    columns: dict[str, Sequence[Any]] = _sparsity(path)
    accuracies: dict[str, list[Estimate]] = {}
    for name, (features, labels) in splits.items():
        target = class_numbers(labels, name)
        accuracies[name] = [proportion(int(right), len(target)) for right in _correct(path, as_rows(features), target)]
        if head is not None and selected is not None:
            accuracies[name][selected] = agreement(predicted(head, features), target, name)
        columns[f"{name}_accuracy"] = [e.value for e in accuracies[name]]
        columns[f"{name}_low"], columns[f"{name}_high"] = zip(*((e.low, e.high) for e in accuracies[name]), strict=True)
        columns[f"{name}_n"] = [e.n for e in accuracies[name]]
    tables = {"path": Table(columns, units={"features_per_class": "mean over classes of nonzero weights"})}
    reference = _dense_reference(dense or {}, splits)
    if reference:
        tables["dense"] = estimates_table("split", reference)
    numbers = _selected_numbers(path, accuracies, reference, selected)
    return Finding(
        kind="tradeoff",
        title="What sparsity costs",
        sentence=_tradeoff_sentence(path, accuracies, reference, selected),
        numbers=numbers,
        tables=tables,
        caveats=_tradeoff_caveats(path, splits),
        settings={"selected": selected, "splits": {name: len(a[1]) for name, a in splits.items()}},
    )


def _sparsity(path: RegularizationPath) -> dict[str, Sequence[Any]]:
    return {
        "index": list(range(len(path))),
        "lambda": [s.lambda_ for s in path],
        "features_per_class": [s.features_per_class for s in path],
        "features_used": [s.features_used for s in path],
        "density": [s.density for s in path],
        "gap": [s.gap for s in path],
        "status": [s.status.name for s in path],
    }


def _correct(path: RegularizationPath, rows: Rows, target: Tensor) -> Tensor:
    """(len(path),) number of right predictions, in one pass over the rows."""
    if rows.shape[0] != len(target):
        raise DataError("labels do not match rows", got=f"{len(target)} labels", expected=f"{rows.shape[0]}")
    correct = torch.zeros(len(path), dtype=torch.int64)
    shared = path[0].standardizer
    for span, block in rows.blocks():
        z = shared.transform(block)
        for i, solution in enumerate(path):
            margin = z @ solution.coef.to(z) + solution.intercept.to(z)
            # A binomial head has one margin; its class is the margin's sign.
            guess = (margin[:, 0] > 0).long() if margin.shape[1] == 1 else margin.argmax(1)
            correct[i] += int((guess.cpu() == target[span].cpu()).sum())
    return correct


def _dense_reference(dense: Mapping[str, Any], splits: Splits) -> dict[str, Estimate]:
    reference = {}
    for name, guess in dense.items():
        if name not in splits:
            raise DataError(f"the dense head has predictions for {name!r}, which is not a split", expected=list(splits))
        target = class_numbers(splits[name][1], name)
        reference[name] = agreement(class_numbers(guess, name), target, name)
    return reference


def _selected_numbers(
    path: RegularizationPath,
    accuracies: Mapping[str, list[Estimate]],
    reference: Mapping[str, Estimate],
    selected: int | None,
) -> dict[str, Scalar | Estimate]:
    numbers: dict[str, Scalar | Estimate] = {f"dense_{name}_accuracy": e for name, e in reference.items()}
    numbers |= {"n_lambdas": len(path), "worst_gap": path.worst_gap}
    if selected is not None:
        chosen = path[selected]
        numbers |= {f"{name}_accuracy": e[selected] for name, e in accuracies.items()}
        numbers |= {"features_per_class": chosen.features_per_class, "features_used": chosen.features_used}
        numbers |= {"lambda": chosen.lambda_, "gap": chosen.gap}
    return numbers


def _tradeoff_sentence(
    path: RegularizationPath,
    accuracies: Mapping[str, list[Estimate]],
    reference: Mapping[str, Estimate],
    selected: int | None,
) -> str:
    split = next((name for name in ("test", "val", *accuracies) if name in accuracies), None)
    if selected is None or split is None:
        ends = f"{path[0].features_per_class:.3g} to {path[-1].features_per_class:.3g}"
        return f"{len(path)} heads from {ends} features a class."
    e = accuracies[split][selected]
    text = (
        f"With {path[selected].features_per_class:.3g} features a class the sparse head is right on {e.value:.1%} "
        f"of {split} (95 % interval {e.low:.1%} to {e.high:.1%}, n = {e.n})"
    )
    return text + (f"; the dense head on {reference[split].value:.1%}." if split in reference else ".")


def _tradeoff_caveats(path: RegularizationPath, splits: Splits) -> tuple[str, ...]:
    caveats = [
        "The intervals are of each head alone; heads of one path share the same rows, so their differences vary less."
    ]
    if "val" in splits:
        caveats.append("The head was selected on the validation rows: its accuracy there is optimistic.")
    bad = sum(not s.status.ok for s in path)
    if bad:
        caveats.append(f"{bad} of {len(path)} heads do not meet the tolerance; the table gives each one's gap.")
    return tuple(caveats)
