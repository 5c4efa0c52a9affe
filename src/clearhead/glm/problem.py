"""The data of one fit: design, targets and weights. n and the null loss are its properties."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clearhead.core import distributed
from clearhead.core.errors import DataError
from clearhead.core.rows import Rows, as_rows, check_finite
from clearhead.core.scaling import Standardizer
from clearhead.glm.blockwise import Blockwise
from clearhead.glm.design import Design
from clearhead.glm.designs import build_design
from clearhead.glm.fit import Fit
from clearhead.glm.intercept import InterceptSolver
from clearhead.glm.lazy import cached_property
from clearhead.glm.losses import Loss
from clearhead.glm.options import SolveOptions
from clearhead.glm.remade import Remade
from clearhead.glm.room import Kept, Room
from clearhead.glm.row_arrays import Logits, RowArrays, Whole
from clearhead.glm.row_weights import row_weights
from clearhead.glm.targets import Labels

__all__ = ["Problem"]


@dataclass(eq=False)
class Problem:
    """What is minimised, apart from the penalty: Σᵢ wᵢ ℓ(oᵢ + zᵢW + b, yᵢ) / n with weights of mean 1.

    ``targets`` (n, k) or `Labels`, ``weight`` (n,) and ``offset`` (n, k) or None are float64 on the design's device.
    Where arrays of rows × outputs do not fit (``blockwise``), they are made anew by blocks. ``spare`` bytes are left
    beside all that a solve must have.
    """

    design: Design
    targets: Tensor | Labels
    weight: Tensor
    offset: Tensor | None
    loss: Loss
    scaler: Standardizer
    intercept: bool = True
    blockwise: bool = False
    spare: int = 0

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
        device = torch.device(device if device is not None else _device(rows))
        room = Room.of(rows, device, options.memory)
        labels = loss.labels(y, n)
        targets = loss.encode(y, n) if labels is None else labels
        k = targets.shape[1]
        weight, total = row_weights(sample_weight, options.class_weight, targets)
        scaler = Standardizer.fit(rows, weight)
        # Only a bad mean needs the pass that finds the row and the column to name.
        if not bool(torch.isfinite(scaler.mean).all() and torch.isfinite(scaler.scale).all()):
            check_finite(rows)
        scaler = scaler if standardize else Standardizer.identity(p)
        plain = labels is not None and options.offset is None  # else rows × outputs are given as they are
        kept = room.choice(k, plain and Remade.suits(loss, k, device))
        left = room.left(k, kept)
        design = build_design(rows, scaler, weight, total, device, left, k)
        offset = None if options.offset is None else _offset(options.offset, targets).to(device)
        blockwise = kept is Kept.NONE
        spare = max(0, left - n * p * design.dtype.itemsize)
        row_data = (targets.to(device), weight.to(device), offset)
        return cls(design, *row_data, loss, scaler, options.intercept, blockwise, spare)

    @property
    def n_features(self) -> int:
        return self.design.shape[1]

    @property
    def n_outputs(self) -> int:
        return int(self.targets.shape[1])

    @property
    def width(self) -> int:
        """Columns of the padded (n, width) arrays."""
        return self.arrays.width

    @cached_property
    def arrays(self) -> RowArrays:
        """What has a row for each row of the data and a column for each output."""
        held = Remade if Remade.serves(self.design, self.loss, self.n_outputs) else Whole
        kind = Blockwise if self.blockwise else held
        return kind(self.design, self.targets, self.weight, self.offset, self.loss)

    @cached_property
    def _intercepts(self) -> InterceptSolver:
        return InterceptSolver(self)

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
        return distributed.all_reduce(self.arrays.target_sum.clone()) / self.design.total

    @cached_property
    def offset_moments(self) -> tuple[Tensor, Tensor]:
        """Weighted means of ⟨y, o⟩, a number, and of the offset o, (k,)."""
        if self.offset is None:
            return self.target_mean.new_zeros(()), torch.zeros_like(self.target_mean)
        if isinstance(self.targets, Labels):
            fitted = self.offset.gather(1, self.targets.labels[:, None])[:, 0]
        else:
            fitted = (self.targets * self.offset).sum(1)
        return self.mean(fitted), self.mean(self.offset)

    @cached_property
    def moments(self) -> tuple[Tensor, Tensor]:
        """(p, k) ZᵀwY/n and the (p, 1) mean of Z (zero up to rounding when standardised): what mixing the targets into
        a dual point needs."""
        return self.arrays.moments()

    def logits(self, W: Tensor) -> Logits:
        """offset + Z·W, without intercept."""
        return self.arrays.logits(W)

    def release(self, logits: Logits) -> None:
        """Other logits are to come, and these will hardly be asked for again."""
        self.arrays.release(logits)

    def fit(self, logits: Logits, b: Tensor) -> Fit:
        """Loss, residual and mean curvature at ``logits`` + b, summed in float64."""
        return self.arrays.fit(logits, b).averaged(self.design.total)

    def slope(self, theta: Any) -> Tensor:
        """(p, k) float64 = Zᵀwθ/n of a residual of `fit`."""
        return self.arrays.against(theta)

    def dual(self, logits: Logits, b: Tensor, tau: float, mix: float, share: Tensor) -> float:
        """Mean smooth dual value at τ((1−mix)·θ + mix·(y − share)) for the residual θ at ``logits`` + b; −inf if there
        is none."""
        value = float(distributed.all_reduce(self.arrays.dual(logits, b, tau, mix, share)[None])) / self.design.total
        return -math.inf if math.isnan(value) else value

    def solve_intercept(
        self, logits: Logits, start: Tensor, limit: int = 30, slack: float = 0.0, keep: bool = False
    ) -> tuple[Tensor, Fit]:
        """The exact intercept (k,) for these logits, by Newton from ``start``, and the fit there.

        It ends when the mean residual is rounding, or at most ``slack`` of what `Loss.forgiven` says. With ``keep`` the
        same logits will be asked for next.
        """
        return self._intercepts.solve(logits, start, limit, slack, keep)

    def forget(self) -> None:
        """The logits whose intercept was asked for with ``keep`` are not those of the next search."""
        self._intercepts.forget()

    def expect(self, logits: Logits, b: Tensor, fit: Fit) -> None:
        """Learn the ``fit`` at logits + b from a problem of some of the features, for the search that begins there."""
        theta = self.arrays.residual(logits, b)
        if theta is not None:
            self._intercepts.expect(logits, b, replace(fit, theta=theta))

    @cached_property
    def null(self) -> tuple[Tensor, float, Tensor]:
        """Intercept, loss and −gradient (p, k) of the model without features."""
        zero = torch.zeros(self.n_features, self.n_outputs, dtype=self.dtype, device=self.device)
        exact = self.intercept and self.offset is None
        start = self.loss.null_intercept(self.target_mean) if exact else torch.zeros_like(self.target_mean)
        b, fit = self.solve_intercept(self.logits(zero), start)
        if isinstance(self.arrays, Blockwise) and self.offset is None:
            # All rows have one prediction, so their residuals need no further pass.
            cross, mean = self.moments
            slope = cross - mean * (self.target_mean - fit.theta_mean)
            self.arrays.remember(fit.theta, slope)
            return b, fit.loss, slope
        if not self.design.costly or not isinstance(self.arrays, Whole):
            return b, fit.loss, self.slope(fit.theta)
        # One pass for all that is ever needed of products with fixed columns.
        slope, cross, mean = self.arrays.fixed_sums(fit.theta)
        self.__dict__["moments"] = cross, mean
        self.design.remember(fit.theta, slope)
        return b, fit.loss, slope.clone()

    def narrowed(self, features: Tensor) -> Problem:
        """The same rows and targets with the listed features alone."""
        scaler = Standardizer(self.scaler.mean[features.cpu()], self.scaler.scale[features.cpu()])
        design = self.design.narrowed(features)
        common = (self.targets, self.weight, self.offset, self.loss)
        part = Problem(design, *common, scaler, self.intercept, self.blockwise)
        b, loss, slope = self.null
        part.__dict__.update(target_mean=self.target_mean, null=(b, loss, slope[features]))
        part.arrays.take_targets(self.arrays)
        if "moments" in self.__dict__:
            part.__dict__["moments"] = tuple(values[features] for values in self.moments)
        return part


def _device(rows: Rows) -> torch.device:
    return next(iter(rows.blocks(1)))[1].device


def _offset(offset: Any, targets: Tensor | Labels) -> Tensor:
    values = torch.as_tensor(np.asarray(offset)).to(torch.float64)
    values = values[:, None] if values.ndim == 1 else values
    if tuple(values.shape) != tuple(targets.shape) or not bool(torch.isfinite(values).all()):
        raise DataError(
            "the offset must be finite, one number a row and output",
            got=tuple(values.shape),
            expected=tuple(targets.shape),
        )
    return values
