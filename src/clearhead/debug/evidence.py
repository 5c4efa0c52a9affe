"""How much each feature follows the cue and how much the label, when the two are made to disagree as often as agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from clearhead.core.errors import DataError
from clearhead.debug.cue import Cue
from clearhead.debug.inputs import class_numbers
from clearhead.debug.surroundings import Swapped
from clearhead.head import SparseHead

__all__ = ["Evidence", "gather_evidence"]

PRIOR_ROWS = 30.0  # recombined pictures count as this many rows in each cell of label × cue


@dataclass(frozen=True, eq=False)
class Evidence:
    """Correlations on z, by feature and class, over rows weighted so that label and cue are independent.

    Parameters
    ----------
    cue : (p, K) correlation of each feature with "the cue says c".
    label : (p, K) correlation with "the label is c".
    skill, skill_error : (K,) how well the cue is known, and the standard error of that where it was measured.
    effective : (K,) number of rows that the weights are worth (1/Σw² for Σw = 1).
    """

    cue: Tensor
    label: Tensor
    skill: Tensor
    effective: Tensor
    source: str
    n: int
    skill_error: Tensor | None = None
    skill_n: int = 0

    @property
    def excess(self) -> Tensor:
        """(p, K) |correlation with the cue| − |correlation with the label|; if positive, times what is known of it.

        Shrinking only what is positive keeps an unknown cue from ranking above a known and harmless one.
        """
        excess = self.cue.abs() - self.label.abs()
        return torch.where(excess > 0, excess * self.known, excess)

    @property
    def known(self) -> Tensor:
        """(K,) share of the cue's variance that the guess explains: the square of its skill, a correlation."""
        return self.skill.square()


def gather_evidence(
    head: SparseHead, features: Any, labels: Any, cue: Cue, *, swapped: Swapped | None = None
) -> Evidence:
    """Evidence from rows (n, p) and, where rows are few, from recombined pictures.

    For each class the four cells (label is c or not) × (cue says c or not) get equal weight. Within a cell the rows
    count one each and the recombined pictures together `PRIOR_ROWS`: they decide only where rows are lacking.
    """
    rows = torch.as_tensor(features)
    target = class_numbers(labels).cpu()
    if not len(rows) == len(target) == len(cue.classes):
        raise DataError("rows, labels and cue differ in length", got=f"{len(rows)}, {len(target)}, {len(cue.classes)}")
    z, said, real = head.standardize(rows).double(), cue.classes.cpu(), torch.ones(len(rows)).double()
    if swapped is not None:
        z = torch.cat([z, head.standardize(swapped.features).double()])
        target, said = torch.cat([target, swapped.middle]), torch.cat([said, swapped.behind])
        real = torch.cat([real, torch.zeros(len(swapped.middle)).double()])
    moments = [_class_evidence(z, target == c, said == c, real) for c in range(head.n_classes)]
    by_cue, by_label, effective = (torch.stack(part, -1) for part in zip(*moments, strict=True))
    return Evidence(by_cue, by_label, cue.skill, effective, cue.source, len(rows), cue.error, cue.n)


def _class_evidence(z: Tensor, label: Tensor, said: Tensor, real: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    weight = _balanced(label, said, real)
    centred = z - weight @ z
    deviation = (weight @ centred.square()).sqrt()
    return (
        _correlation(centred, deviation, said.double(), weight),
        _correlation(centred, deviation, label.double(), weight),
        1 / weight.square().sum().clamp(min=1e-12),
    )


def _balanced(label: Tensor, said: Tensor, real: Tensor) -> Tensor:
    """(n,) weights that sum to 1 and give each nonempty cell of label × cue the same total."""
    cell = 2 * label.long() + said.long()
    pictures = torch.zeros(4).double().index_add_(0, cell, 1 - real)
    weight = torch.where(real > 0, real, (PRIOR_ROWS / pictures.clamp(min=1))[cell])
    total = torch.zeros(4).double().index_add_(0, cell, weight)
    weight = weight / total.clamp(min=1e-12)[cell]
    return weight / weight.sum().clamp(min=1e-12)


def _correlation(centred: Tensor, deviation: Tensor, indicator: Tensor, weight: Tensor) -> Tensor:
    level = indicator - weight @ indicator
    spread = (weight @ level.square()).sqrt()
    scale = deviation * spread
    covariance = (weight * level) @ centred
    return torch.where(scale > 1e-12, covariance / scale.clamp(min=1e-12), torch.zeros_like(scale))
