"""The data of one fit: design, targets and weights. n and the null loss are its properties."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from clearhead.core import distributed
from clearhead.core.errors import DataError
from clearhead.core.rows import Rows, as_rows, check_finite
from clearhead.core.scaling import Standardizer
from clearhead.glm.design import Design, padded_width
from clearhead.glm.designs import build_design
from clearhead.glm.fit import Fit, evaluate
from clearhead.glm.lazy import cached_property
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
        weight, total = _normalised(_row_weights(sample_weight, n) * _class_weights(options.class_weight, targets))
        scaler = Standardizer.fit(rows, weight)
        # Only a bad mean needs the pass that finds the row and the column to name.
        if not bool(torch.isfinite(scaler.mean).all() and torch.isfinite(scaler.scale).all()):
            check_finite(rows)
        scaler = scaler if standardize else Standardizer.identity(p)
        device = device if device is not None else _device(rows)
        design = build_design(rows, scaler, weight, total, device, outputs=targets.shape[1], memory=options.memory)
        offset = None if options.offset is None else _offset(options.offset, targets).to(device)
        return cls(design, targets.to(device), weight.to(device), offset, loss, scaler, options.intercept)

    @property
    def n_features(self) -> int:
        return self.design.shape[1]

    @property
    def n_outputs(self) -> int:
        return int(self.targets.shape[1])

    @property
    def width(self) -> int:
        """Columns of the padded (n, width) arrays."""
        return padded_width(self.n_outputs, self.device)

    @cached_property
    def padded_targets(self) -> Tensor:
        """(n, width) targets in compute precision."""
        return self.pad(self.targets)

    def pad(self, values: Tensor) -> Tensor:
        """(n, k) to (n, width) in compute precision."""
        return pad(values.to(self.dtype), (0, self.width - values.shape[1])).contiguous()

    @property
    def dtype(self) -> torch.dtype:
        return self.design.dtype

    @property
    def device(self) -> torch.device:
        return self.design.device

    def mean(self, values: Tensor) -> Tensor:
        """Weighted mean over all rows of all ranks, in float64."""
        return distributed.all_reduce(self.weight @ values.double()) / self.design.total

    @cached_property
    def target_mean(self) -> Tensor:
        return self.mean(self.targets)

    @cached_property
    def target_sum(self) -> Tensor:
        """(k,) Σᵢ wᵢ yᵢ over this rank's rows."""
        return self.weight @ self.targets

    @cached_property
    def cross(self) -> Tensor:
        """(p, k) ZᵀwY/n, what mixing the targets into a dual point needs."""
        return self.design.against(self.padded_targets, self.n_outputs)

    @cached_property
    def feature_mean(self) -> Tensor:
        """(p, 1) weighted mean of the standardised features: zero up to rounding when standardised."""
        ones = torch.ones(len(self.targets), 1, dtype=self.dtype, device=self.device)
        return self.design.against(ones, 1)

    def logits(self, W: Tensor) -> Tensor:
        """(n, width) offset + Z·W, without intercept."""
        Z = self.design.times(W)
        return Z if self.offset is None else Z.add_(self.pad(self.offset))

    def fit(self, logits: Tensor, b: Tensor) -> Fit:
        """Loss, residual and mean curvature at padded ``logits`` + b, summed in float64."""
        passed = evaluate(self.loss, logits, b, self.padded_targets, self.design.weight, self.target_sum)
        sums = distributed.all_reduce(passed.packed()) / self.design.total
        return Fit.unpacked(sums, passed.theta, self.n_outputs)

    def solve_intercept(self, logits: Tensor, start: Tensor, limit: int = 30) -> tuple[Tensor, Fit]:
        """The exact intercept (k,) for these logits, by Newton from ``start``, and the fit there.

        Steps that do not descend are halved; it ends when the mean residual is rounding.
        """
        b, fit = start.double(), self.fit(logits, start)
        if not self.intercept:
            return b, fit
        enough = 30 * torch.finfo(self.dtype).eps * 1e-2
        for _ in range(limit):
            if float(fit.theta_mean.abs().max()) <= enough:
                break
            # S is singular along equal shifts of all classes; adding that direction makes the system regular.
            ridge = fit.curvature.diagonal().mean().clamp(min=1e-12) / len(b) * self.loss.shift_invariant
            step = distributed.agreed(
                torch.linalg.lstsq(fit.curvature.cpu() + ridge.cpu(), fit.theta_mean.cpu()).solution
            )
            trial, following = self._descend(logits, b, step.to(b), fit)
            if following is None:
                break
            b, fit = trial, following
        return b, fit

    def _descend(self, logits: Tensor, b: Tensor, step: Tensor, fit: Fit) -> tuple[Tensor, Fit | None]:
        slack = torch.finfo(self.dtype).eps
        for halving in range(20):
            trial = b + step * 0.5**halving
            following = self.fit(logits, trial)
            smaller = float(following.theta_mean.abs().max()) < float(fit.theta_mean.abs().max())
            if following.loss < fit.loss or (smaller and following.loss <= fit.loss * (1 + slack)):
                return trial, following
            if float(step.abs().max()) * 0.5**halving < 1e-14:
                break
        return b, None

    @cached_property
    def null(self) -> tuple[Tensor, float, Tensor]:
        """Intercept, loss and −gradient (p, k) of the model without features."""
        zero = torch.zeros(self.n_features, self.n_outputs, dtype=self.dtype, device=self.device)
        start = torch.zeros(self.n_outputs, dtype=torch.float64, device=self.device)
        b, fit = self.solve_intercept(self.logits(zero), start)
        if not self.design.costly:
            return b, fit.loss, self.design.against(fit.theta, self.n_outputs)
        # One pass for all that is ever needed of products with fixed columns.
        k, ones = self.n_outputs, torch.ones(len(self.targets), 1, dtype=self.dtype, device=self.device)
        columns = torch.cat([fit.theta[:, :k], self.padded_targets[:, :k], ones], 1)
        width = padded_width(2 * k + 1, self.device)
        sums = self.design.against(pad(columns, (0, width - 2 * k - 1)), 2 * k + 1)
        self.__dict__["cross"], self.__dict__["feature_mean"] = sums[:, k : 2 * k], sums[:, 2 * k :]
        self.design.remember(fit.theta, sums[:, :k])
        return b, fit.loss, sums[:, :k].clone()

    def narrowed(self, features: Tensor) -> Problem:
        """The same rows and targets with the listed features alone."""
        scaler = Standardizer(self.scaler.mean[features.cpu()], self.scaler.scale[features.cpu()])
        design = self.design.narrowed(features)
        part = Problem(design, self.targets, self.weight, self.offset, self.loss, scaler, self.intercept)
        b, loss, slope = self.null
        shared = {"padded_targets": self.padded_targets, "target_mean": self.target_mean, "target_sum": self.target_sum}
        part.__dict__.update(shared, null=(b, loss, slope[features]))
        return part


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
        count = distributed.all_reduce(torch.cat([both.sum(0), torch.tensor([float(len(both))]).double()]))
        values = count[-1] / (both.shape[1] * count[:-1])
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
