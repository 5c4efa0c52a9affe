"""Fit a head again without some of its features, as certified as it was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from clearhead.core.errors import InputError, SettingError
from clearhead.core.rows import as_rows
from clearhead.debug.inputs import class_numbers
from clearhead.glm import Binomial, ElasticNet, Multinomial, fit
from clearhead.glm.losses import Loss
from clearhead.glm.solution import Solution
from clearhead.head import Edit, SparseHead

__all__ = ["Material", "loss_of", "penalty_without", "refit_without", "removed_features"]


@dataclass(frozen=True, eq=False)
class Material:
    """What a head is fitted on: raw features (n, p) or `Rows`, classes (n,), weights (n,) if rows count unequally."""

    features: Any
    labels: Any
    weight: Tensor | None = None


def removed_features(head: SparseHead, edits: Sequence[Edit]) -> list[int]:
    """Numbers of the features that edits remove for every class; `InputError` for edits that a refit cannot keep."""
    for edit in edits:
        if edit.action != "remove" or edit.classes is not None:
            raise InputError(
                "only features removed for all classes can stay away in a refit",
                got=f"{edit.action} of {edit.feature} for {edit.classes or 'all'}",
                fix="apply this edit without refitting, or remove the feature for all classes",
            )
    return sorted({head.feature_number(edit.feature) for edit in edits})


def refit_without(
    head: SparseHead,
    material: Material,
    removed: Iterable[int],
    *,
    lambda_: float,
    l1_ratio: float = 0.99,
    tol: float = 1e-4,
) -> tuple[SparseHead, Solution]:
    """The head of this λ when the removed features have penalty factor ∞, and its certificate.

    The new head's weights are expressed on the old head's scale, so the two compare weight by weight; the certificate
    is that of the fit on the material's own scale, the same function.
    """
    solution = fit(
        as_rows(material.features),
        class_numbers(material.labels),
        loss=loss_of(head),
        penalty=penalty_without(head.n_features, removed, l1_ratio),
        lambda_=lambda_,
        sample_weight=material.weight,
        tol=tol,
    )
    coef, intercept = head.standardizer.from_raw(*(t.double() for t in solution.raw()))
    return head.with_weight(coef.to(solution.coef), intercept.to(solution.intercept)), solution


def penalty_without(p: int, removed: Iterable[int], l1_ratio: float) -> ElasticNet:
    """The elastic net with factor ∞ for the removed features."""
    factors = torch.ones(p)
    factors[list(removed)] = torch.inf
    if bool(torch.isinf(factors).all()):
        raise SettingError("every feature is removed, nothing is left to fit", fix="remove fewer")
    return ElasticNet(l1_ratio=l1_ratio, factors=factors.tolist())


def loss_of(head: SparseHead) -> Loss:
    """The loss that a head's link belongs to; `InputError` where labels do not exclude one another."""
    losses: dict[str, Loss] = {"softmax": Multinomial(), "margin": Binomial()}
    if head.link.name not in losses:
        raise InputError(
            "only heads for classes that exclude one another can be refitted",
            got=f"a {head.link.name} head",
            fix="refit each label's own head",
        )
    return losses[head.link.name]
