"""The cue: for every row the class that something other than the object points to, and how well that is known.

A shortcut is a cue that agrees with the label nearly always. Rows where it does not are few and unmarked; guessing
them is what lets a feature of the cue be told from a feature of the label. Three sources, from most to least direct:
known groups; a model of the surroundings, learned from recombined pictures; the head's own mistakes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from clearhead.core.errors import DataError
from clearhead.core.seeds import torch_generator
from clearhead.debug.inputs import class_numbers
from clearhead.debug.surroundings import Swapped
from clearhead.head import SparseHead

__all__ = ["Cue", "SurroundModel", "cue_from_errors", "cue_from_groups", "cue_from_surroundings"]

FOLDS = 5
RIDGE = 1.0  # of the mean feature variance; results are flat between a third and thrice of it


@dataclass(frozen=True, eq=False)
class Cue:
    """What each row's cue says.

    Parameters
    ----------
    classes : (n,) class numbers that the cue points to.
    skill : (K,) how well the cue is known, from 0 (guessing) to 1, a class.
    source : "surroundings", "groups" or "errors".
    error : (K,) standard error of the skill, where it was measured on ``n`` recombined pictures.
    """

    classes: Tensor
    skill: Tensor
    source: str
    error: Tensor | None = None
    n: int = 0


@dataclass(frozen=True, eq=False)
class SurroundModel:
    """Ridge regression from standardised features to the class of the surroundings: (p, K) weights, (K,) offsets."""

    weight: Tensor
    offset: Tensor

    @classmethod
    def fit(cls, z: Tensor, behind: Tensor, n_classes: int) -> SurroundModel:
        """From recombined pictures' (m, p) features and the class (m,) behind each."""
        target = torch.nn.functional.one_hot(behind, n_classes).to(z)
        # Classes count equally, or a rare class would never be predicted.
        row = (1 / target.sum(0).clamp(min=1))[behind]
        row = row / row.sum()
        mean, level = row @ z, row @ target
        centred = z - mean
        gram = centred.T @ (centred * row[:, None])
        gram.diagonal().add_(RIDGE * float(gram.diagonal().mean().clamp(min=1e-12)))
        weight = torch.linalg.solve(gram, centred.T @ ((target - level) * row[:, None]))
        return cls(weight, level - mean @ weight)

    def predict(self, z: Tensor) -> Tensor:
        """(n,) class of the surroundings."""
        return (z @ self.weight + self.offset).argmax(1)


def cue_from_surroundings(head: SparseHead, swapped: Swapped, features: Tensor, *, rows: Tensor | None = None) -> Cue:
    """The class that the surroundings of each row suggest.

    Parameters
    ----------
    features : (n, p) raw features of the rows to guess.
    rows : (n,) numbers of these rows among the examples that were recombined, so that no row's cue comes from a model
        that saw its own surroundings with its label (five-fold); None if they are other rows.

    The skill is measured on recombined pictures left out (balanced accuracy above chance, a class).
    """
    z, made = head.standardize(features).double(), head.standardize(swapped.features).double()
    k = head.n_classes
    # Folds by the picture behind: what must not leak is a row's own surroundings.
    last = int(max(swapped.behind_row.max(), rows.max() if rows is not None else 0))
    generator = torch_generator(swapped.settings.seed, "folds")
    fold = torch.randint(FOLDS, (last + 1,), generator=generator)
    out_of_fold = torch.zeros_like(swapped.behind)
    models = [
        SurroundModel.fit(made[m], swapped.behind[m], k) for m in (fold[swapped.behind_row] != f for f in range(FOLDS))
    ]
    for f, model in enumerate(models):
        mine = fold[swapped.behind_row] == f
        out_of_fold[mine] = model.predict(made[mine])
    if rows is None:
        classes = SurroundModel.fit(made, swapped.behind, k).predict(z)
    else:
        guesses = torch.stack([model.predict(z) for model in models])
        classes = guesses.gather(0, fold[rows][None])[0]
    skill, error = _skill(out_of_fold, swapped.behind, k)
    return Cue(classes, skill, "surroundings", error, len(out_of_fold))


def _skill(guess: Tensor, truth: Tensor, n_classes: int) -> tuple[Tensor, Tensor]:
    """(K,) sensitivity + specificity − 1 (Youden's J), at least 0, and its standard error."""
    skill, error = torch.zeros(n_classes).double(), torch.ones(n_classes).double()
    for c in range(n_classes):
        own, said = truth == c, (guess == c).double()
        if own.any() and not own.all():
            hit, false = said[own].mean(), said[~own].mean()
            skill[c] = (hit - false).clamp(min=0)
            error[c] = (hit * (1 - hit) / own.sum() + false * (1 - false) / (~own).sum()).sqrt()
    return skill, error


def cue_from_groups(groups: Any, n_classes: int) -> Cue:
    """A cue that is known: (n,) the class that goes with each row's group (background, source, scanner, …)."""
    classes = class_numbers(groups, "groups")
    if len(classes) and int(classes.max()) >= n_classes:
        raise DataError("a group must be given as the class that goes with it", got=int(classes.max()))
    return Cue(classes, torch.ones(n_classes).double(), "groups")


def cue_from_errors(head: SparseHead, features: Tensor, labels: Any) -> Cue:
    """Where there are no pictures to recombine: the head's own prediction, which parts from the label in its errors."""
    target, guess = class_numbers(labels), class_numbers(head.predict(features))
    if bool((target == guess).all()):
        raise DataError("the head makes no error on these rows, so they show no cue", fix="pass held-out rows")
    return Cue(guess, torch.ones(head.n_classes).double(), "errors")
