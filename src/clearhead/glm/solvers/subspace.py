"""What coordinate descent leaves of a model, taken away by conjugate gradients on the weights in use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from clearhead.glm.penalties import Penalty
from clearhead.glm.solvers.entries import Entries
from clearhead.glm.solvers.model import Model, levels

__all__ = ["Descent", "Rule", "refine", "refines"]

ROUNDS = 2
STEPS = 15  # of conjugate gradients a round
SHARE = 0.3  # of what may be left, at which a round ends

AGAIN = 2  # sweeps after one
INSTEAD = 20  # sweeps in the place of one that led uphill

Descent = Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]]


@dataclass(frozen=True, eq=False)
class Rule:
    """The penalty on the model's features: ``bounds`` (a, 2, ·) of the pull within which a weight is zero, or, if
    ``grouped``, a whole row, ``ridge`` (a, ·), each for all outputs alike or for each one, and which features may be
    ``used``, (a, 1)."""

    bounds: Tensor
    ridge: Tensor
    used: Tensor
    grouped: bool = False

    @classmethod
    def of(cls, model: Model, start: Tensor, penalty: Penalty, lambda_: float) -> Rule:
        return cls(*levels(model, start, penalty, lambda_), penalty.grouped)

    def size(self, W: Tensor) -> Tensor:
        """Absolute values (a, k), or row norms (a, 1)."""
        norm: Tensor = torch.linalg.vector_norm(W, dim=1, keepdim=True) if self.grouped else W.abs()
        return norm

    def crossed(self, old: Tensor, new: Tensor) -> Tensor:
        """(a, ·) whether a weight, or a row, would pass zero, where that is a weight like no other."""
        along = new * old
        turned = along.sum(1, keepdim=True) < 0 if self.grouped else along < 0
        return turned & ((self.bounds[:, 1] > 0) | self.bounds[:, 0].isinf())

    def residual(self, W: Tensor, slope: Tensor) -> Tensor:
        """What optimality lacks at ``W`` (a, …): zero where the minimum is."""
        k = W.shape[1]
        pull, (low, high) = slope - self.ridge[:, :k] * W, self.bounds[:, :, :k].unbind(1)
        if self.grouped:
            size, tiny = self.size(W), torch.finfo(W.dtype).tiny
            at_zero = pull * (1 - high / self.size(pull).clamp(min=tiny)).clamp(min=0)
            return torch.where(size > 0, pull - W * (high / size.clamp(min=tiny)), at_zero) * self.used
        at_zero = pull - pull.clamp(min=low, max=high)
        return torch.where(W != 0, pull - high * W.sign(), at_zero) * self.used

    def bend(self, W: Tensor) -> tuple[Tensor, Tensor | None]:
        """The penalty's second derivative at weights other than zero: a diagonal (a, ·), and for rows the vectors
        (a, k) whose outer products are taken off it."""
        if not self.grouped:
            return self.ridge, None
        size = self.size(W).clamp(min=torch.finfo(W.dtype).tiny)
        steep = self.bounds[:, 1] / size
        return self.ridge + steep, steep.sqrt() * (W / size)

    def rise(self, old: Tensor, new: Tensor, slope: Tensor, bent: Tensor) -> float:
        """By how much model and penalty are larger at ``new``, where B moves the ``slope`` at ``old`` by ``bent``."""
        old, new = old.double(), new.double()
        step = new - old
        curve = (0.5 * bent.double() - slope.double()) * step
        size = self.bounds[:, 1] * (self.size(new) - self.size(old))
        ridge = 0.5 * self.ridge * step * (new + old)
        return float(curve.sum() + (size * self.used).sum() + (ridge * self.used).sum())


def refines(penalty: Penalty) -> bool:
    """Whether `refine` is for the penalty: in rows of positive weights zero is a kink of each entry too."""
    return not (penalty.grouped and penalty.nonnegative)


def refine(
    model: Model, start: Tensor, found: Tensor, slope: Tensor, descent: Descent, rule: Rule, left: float
) -> Tensor:
    """Weights (a, width) nearer the model's minimum than ``found``, to which some sweeps from ``start`` have led.

    ``slope`` (a, width) is minus the model's gradient there; ``descent`` sweeps from given weights and slope as often
    as it is told; ``left`` is the share of the squared residual that may stay. Sweeps find which weights are zero and
    take what is steep at once, but what is flat last. The gap charges for the square of all that is left, so steps of
    models half solved are steps half won. Weights that would change sign become zero; where that leads uphill, sweeps
    do the work.
    """
    allowed = left * float(rule.residual(start, model.slope).square().sum())
    for _ in range(ROUNDS):
        residual = rule.residual(found, slope)
        if float(residual.square().sum()) <= allowed:
            break
        pull, along = rule.bend(found)
        free = (model.diagonal > 0) & (rule.size(found) > 0) if rule.grouped else found != 0
        weights = Entries(model, free & rule.used & (model.diagonal + pull > 0))
        new = found + weights.written(_conjugate(weights, residual, pull, along, SHARE * allowed))
        new = torch.where(rule.crossed(found, new), 0.0, new)
        bent = model.bent(new - found)
        if rule.rise(found, new, slope, bent) < 0:
            found, slope = descent(new, slope - bent, AGAIN)
        else:
            found, slope = descent(found, slope, INSTEAD)
    return found


def _conjugate(weights: Entries, residual: Tensor, ridge: Tensor, along: Tensor | None, enough: float) -> Tensor:
    """A step (u,) that takes away the ``residual`` (a, width) of these weights; the next two are `Rule.bend`'s."""
    pull, r = weights.pick(ridge.expand_as(residual)), weights.pick(residual)
    scale = 1 / (weights.diagonal + pull)
    step, direction = torch.zeros_like(r), scale * r
    size = float(r @ direction)
    for _ in range(STEPS):
        curvature = weights.bent(direction).addcmul_(pull, direction)
        if along is not None:
            shares = (along * weights.written(direction)).sum(1, keepdim=True)
            curvature.sub_(weights.pick(along * shares))
        bend = float(direction @ curvature)
        if bend <= 0 or size <= 0:  # rounding
            break
        step.add_(direction, alpha=size / bend)
        r.sub_(curvature, alpha=size / bend)
        if float(r @ r) <= enough:
            break
        scaled = scale * r
        before, size = size, float(r @ scaled)
        direction = scaled.add_(direction, alpha=size / before)
    return step
