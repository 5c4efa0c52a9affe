"""What removing each single feature does, exactly, on a whole split: the numbers that the edit page quotes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from clearhead.core.rows import Rows
from clearhead.head import SparseHead

__all__ = ["removals"]

BLOCK = 2048


def removals(head: SparseHead, rows: Rows, labels: Tensor, *, split: str = "test") -> dict[str, Any]:
    """Fixed and broken rows for the removal of every used feature from all classes, in one pass over the rows.

    Parameters
    ----------
    head : the selected head, for one class a row.
    rows, labels : raw features (n, p) and class numbers (n,).

    Returns
    -------
    ``n``, ``split``, ``accuracy``; per used feature ``feature``, ``fixed``, ``broken``; and, where a class gains or
    loses, ``entry`` (which feature), ``column`` (true class) and ``gained`` (rows, negative for losses).
    """
    used = head.used()
    weight, n_classes = head.link.logits(head.weight[used].double().cpu()), head.n_classes
    fixed = torch.zeros(len(used), n_classes, dtype=torch.int64)
    broken = torch.zeros_like(fixed)
    right = 0
    for span, block in rows.blocks(BLOCK):
        z = head.standardize(block.cpu())[:, used].double()
        logits, truth = head(block.cpu()).double(), labels[span].to(torch.int64)
        best = logits.argmax(1)
        right += int((best == truth).sum())
        for j in range(len(used)):
            _count(logits, best, truth, z[:, j], weight[j], fixed[j], broken[j])
    gained = (fixed - broken).numpy()
    entry, column = np.nonzero(gained)
    n = rows.shape[0]
    return {
        "n": n,
        "split": split,
        "accuracy": right / max(n, 1),
        "feature": _small(used),
        "fixed": _small(fixed.sum(1)),
        "broken": _small(broken.sum(1)),
        "entry": entry.astype(np.int32),
        "column": column.astype(np.int32),
        "gained": gained[entry, column].astype(np.int32),
    }


def _small(values: Tensor) -> npt.NDArray[np.int32]:
    return values.numpy().astype(np.int32)


def _count(
    logits: Tensor, best: Tensor, truth: Tensor, z: Tensor, weight: Tensor, fixed: Tensor, broken: Tensor
) -> None:
    """Add the rows that one removal fixes and breaks, by true class."""
    touched = weight.nonzero()[:, 0]
    changed = logits[:, touched] - z[:, None] * weight[touched]
    # A row can only change its answer if its own best class is touched or a touched one rises above it.
    top = logits.gather(1, best[:, None])[:, 0]
    may = torch.isin(best, touched) | (changed.max(1).values >= top)
    rows = may.nonzero()[:, 0]
    if not len(rows):
        return
    after = logits[rows]
    after[:, touched] = changed[rows]
    now, was, true = after.argmax(1), best[rows], truth[rows]
    fixed += torch.bincount(true[(now == true) & (was != true)], minlength=len(fixed))
    broken += torch.bincount(true[(now != true) & (was == true)], minlength=len(broken))
