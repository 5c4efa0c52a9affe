"""The data of one fit: design, targets and weights. n and the null loss are its properties."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clearhead.core import distributed
from clearhead.core.errors import DataError
from clearhead.core.rows import Rows, as_rows, check_finite
from clearhead.core.scaling import Standardizer
from clearhead.glm.design import Design
from clearhead.glm.losses import Loss
from clearhead.glm.options import SolveOptions

__all__ = ["Problem"]


@dataclass(eq=False)
class Problem:
    """What is minimised, apart from the penalty: Σᵢ wᵢ ℓ(oᵢ + zᵢW + b, yᵢ) / n with weights of mean 1.

    ``targets`` (n, k), ``weight`` (n,) and ``offset`` (n, k) or None are float64 on the design's device.
    """

    design: Design
    targets: Tensor
    weight: Tensor
    offset: Tensor | None
    loss: Loss
    scaler: Standardizer
    intercept: bool = True

    @classmethod
    def build(
        cls,
        X: Any,
        y: Any,
        loss: Loss,
        *,
        sample_weight: Any = None,
        standardize: bool = True,
        device: Any = None,
        options: SolveOptions | None = None,
    ) -> Problem:
        """Check everything at the door; raise `DataError` for what cannot be fitted."""
        options = options or SolveOptions()
        rows = as_rows(X)
        n, p = rows.shape
        if n == 0 or p == 0:
            raise DataError(
                "there is nothing to fit", got=f"{n} rows and {p} features", expected="at least one of each"
            )
        targets = loss.encode(y, n)
        check_finite(rows)
        weight, total = _normalised(_row_weights(sample_weight, n) * _class_weights(options.class_weight, targets))
        scaler = Standardizer.fit(rows, weight) if standardize else Standardizer.identity(p)
        device = device if device is not None else _device(rows)
        design = Design.build(rows, scaler, weight, total, device)
        offset = None if options.offset is None else _offset(options.offset, targets).to(device)
        return cls(design, targets.to(device), weight.to(device), offset, loss, scaler, options.intercept)

    @property
    def n_features(self) -> int:
        return self.design.shape[1]

    @property
    def n_outputs(self) -> int:
        return int(self.targets.shape[1])

    @cached_property
    def typed_targets(self) -> Tensor:
        """The targets in compute precision."""
        return self.targets.to(self.dtype)

    @property
    def dtype(self) -> torch.dtype:
        return self.design.Z.dtype

    @property
    def device(self) -> torch.device:
        return self.design.Z.device

    def mean(self, values: Tensor) -> Tensor:
        """Weighted mean over all rows of all ranks, in float64."""
        return distributed.all_reduce(self.weight @ values.double()) / self.design.total

    @cached_property
    def target_mean(self) -> Tensor:
        return self.mean(self.targets)

    @cached_property
    def cross(self) -> Tensor:
        """(p, k) ZᵀwY/n, what mixing the targets into a dual point needs."""
        return self.design.against(self.typed_targets).double()

    @cached_property
    def feature_mean(self) -> Tensor:
        """(p, 1) weighted mean of the standardised features: zero up to rounding when standardised."""
        ones = torch.ones(len(self.targets), 1, dtype=self.dtype, device=self.device)
        return self.design.against(ones).double()

    def logits(self, W: Tensor) -> Tensor:
        """(n, k) offset + Z·W, without intercept."""
        Z = self.design.times(W.to(self.dtype))
        return Z if self.offset is None else Z + self.offset.to(Z.dtype)

    def mean_loss(self, logits: Tensor) -> float:
        """Weighted mean loss in float64."""
        return float(self.mean(self.loss.rows(logits.double(), self.targets)))

    def solve_intercept(self, logits: Tensor, start: Tensor, limit: int = 50) -> Tensor:
        """The exact (k,) intercept for these logits: Newton in float64, halving steps that do not descend."""
        if not self.intercept:
            return torch.zeros_like(start)
        Z, b = logits.double(), start.double().clone()
        value = self.mean_loss(Z + b)
        for _ in range(limit):
            slope = self.mean(self.loss.residual(Z + b, self.targets))
            if float(slope.abs().max()) < 1e-15:
                break
            curvature = distributed.all_reduce(self.loss.mean_curvature(Z + b, self.targets, self.weight[:, None]))
            step = torch.linalg.lstsq(
                curvature.cpu() / self.design.total, slope.cpu()[:, None], driver="gelsd"
            ).solution
            b, value, moved = self._descend(Z, b, step[:, 0].to(b), value)
            if not moved:
                break
        return b - b.mean() if self.loss.name == "multinomial" else b

    def _descend(self, Z: Tensor, b: Tensor, step: Tensor, value: float) -> tuple[Tensor, float, bool]:
        for halving in range(40):
            trial = b + step * 0.5**halving
            trial_value = self.mean_loss(Z + trial)
            if trial_value < value:
                return trial, trial_value, True
            if trial_value == value:  # below the resolution of the loss: take the last Newton step, then stop
                return trial, value, False
        return b, value, False

    @cached_property
    def null(self) -> tuple[Tensor, float, Tensor]:
        """Intercept, loss and −gradient (p, k) of the model without features."""
        zero = torch.zeros(self.n_features, self.n_outputs, dtype=self.dtype, device=self.device)
        logits = self.logits(zero)
        b = self.solve_intercept(logits, torch.zeros(self.n_outputs, dtype=torch.float64, device=self.device))
        theta = self.loss.residual(logits.double() + b, self.targets)
        return b, self.mean_loss(logits.double() + b), self.design.against(theta.to(self.dtype)).double()


def _device(rows: Rows) -> torch.device:
    return next(iter(rows.blocks(1)))[1].device


def _row_weights(weight: Any, n: int) -> Tensor:
    if weight is None:
        return torch.ones(n, dtype=torch.float64)
    values = torch.as_tensor(np.asarray(weight.cpu() if isinstance(weight, Tensor) else weight)).to(torch.float64)
    if values.shape != (n,):
        raise DataError("one weight a row is needed", got=f"shape {tuple(values.shape)}", expected=f"({n},)")
    if not bool(torch.isfinite(values).all()) or bool((values < 0).any()) or not bool((values > 0).any()):
        raise DataError("sample weights must be finite and ≥ 0, at least one of them positive")
    return values


def _class_weights(class_weight: Any, targets: Tensor) -> Tensor:
    """(n,) weights from "balanced" or one weight a class; soft targets take the expectation over their classes."""
    if class_weight is None:
        return torch.ones(len(targets), dtype=torch.float64)
    both = targets if targets.shape[1] > 1 else torch.cat([1 - targets, targets], 1)
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise DataError("unknown class weights", got=class_weight, expected='"balanced" or one number a class')
        values = len(both) / (both.shape[1] * both.sum(0))
    else:
        values = torch.as_tensor(class_weight, dtype=torch.float64)
    if values.shape != (both.shape[1],) or bool((values < 0).any()) or not bool(torch.isfinite(values).all()):
        raise DataError("one weight ≥ 0 a class is needed", got=values.tolist(), expected=f"{both.shape[1]} numbers")
    return both @ values


def _normalised(weight: Tensor) -> tuple[Tensor, float]:
    total = distributed.all_reduce(torch.stack([weight.sum(), torch.tensor(float(len(weight))).double()]))
    return weight * (total[1] / total[0]), float(total[1])


def _offset(offset: Any, targets: Tensor) -> Tensor:
    values = torch.as_tensor(np.asarray(offset)).to(torch.float64)
    values = values[:, None] if values.ndim == 1 else values
    if values.shape != targets.shape or not bool(torch.isfinite(values).all()):
        raise DataError(
            "the offset must be finite, one number a row and output",
            got=tuple(values.shape),
            expected=tuple(targets.shape),
        )
    return values
