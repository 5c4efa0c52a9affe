"""The model of one output minimised: sweeps of coordinate descent find which weights are in use and their
signs, Newton steps on those weights do the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from clearhead.glm.penalties import Penalty
from clearhead.glm.solvers.model import Effort, Model, levels

__all__ = ["minimise_single"]

SWEEPS = 4  # between two Newton steps; twice as many before the first
NEWTON = 30  # sweeps that a Newton step is worth
LARGEST = 4096  # weights in use whose Hessian is factored


def minimise_single(
    model: Model, start: Tensor, penalty: Penalty, lambda_: float, effort: Effort, output: int = 0
) -> Tensor:
    """Weights (a,) of one ``output`` that minimise model + penalty, from its column of ``start`` (a, k); the other
    outputs stay as they are."""
    from clearhead.glm.kernels.single_descent import single_descent

    quadratic, kernel = _Quadratic.of(model, start, penalty, lambda_, output), single_descent()
    kernel(*quadratic.arrays(), 2 * SWEEPS)
    left = effort.sweeps
    while left > 0:
        signs = quadratic.w.sign()
        step = quadratic.newton()
        kernel(*quadratic.arrays(), SWEEPS if step else left)
        if not step or (step == "whole" and torch.equal(signs, quadratic.w.sign())):
            break
        left -= NEWTON + SWEEPS
    return quadratic.w


@dataclass(eq=False)
class _Quadratic:
    """½wᵀHw − … with its negative gradient, the ``slope`` (a,), at the weights ``w`` (a,); both move.

    ``diagonal`` (a,) of H as sweeps take it, ``bounds`` (a, 2) of the pull within which a weight is zero, ``ridge``
    (a,), and which weights are ``allowed``.
    """

    H: Tensor
    diagonal: Tensor
    slope: Tensor
    w: Tensor
    bounds: Tensor
    ridge: Tensor
    allowed: Tensor

    @classmethod
    def of(cls, model: Model, start: Tensor, penalty: Penalty, lambda_: float, output: int) -> _Quadratic:
        H, floor = model.gram, 1e-3 * model.gram.diagonal()
        if not model.exact:
            scale = float((model.S if model.S.ndim == 1 else model.S.diagonal())[output])
            H = torch.addmm(H, model.left[:, :, output].T, model.right[:, :, output], beta=scale, alpha=-1)
            floor = scale * floor
        bounds, ridge, finite = levels(model, start, penalty, lambda_)
        allowed = finite[:, 0] & (model.gram.diagonal() > 0)
        slope, w = (t[:, output].clone(memory_format=torch.contiguous_format) for t in (model.slope, start))
        # A correction must not leave a weight without curvature.
        return cls(H.contiguous(), H.diagonal().maximum(floor), slope, w, bounds[:, :, 0], ridge[:, 0], allowed)

    def arrays(self) -> list[object]:
        """What the kernel takes."""
        inverse = 1 / (self.diagonal + self.ridge)
        some = (self.H, self.slope, self.w, self.diagonal, inverse, self.bounds, self.allowed)
        return [t.contiguous().numpy() for t in some]

    def newton(self) -> Literal["whole", "cut", ""]:
        """Towards the minimum over the weights in use, given their signs; how far that led downhill.

        Weights that would change sign become zero if that is downhill too, else the first of them ends the step.
        """
        used = self.w.nonzero().flatten()
        if not 0 < len(used) <= LARGEST:
            return ""
        w, ridge, level = self.w[used], self.ridge[used], self.bounds[used, 1]
        pull = self.slope[used] - ridge * w - level * w.sign()
        hessian = self.H.index_select(0, used).index_select(1, used)
        hessian.diagonal().add_(ridge)
        factor, failed = torch.linalg.cholesky_ex(hessian)
        if int(failed):  # features that others add up to
            hessian.diagonal().add_(1e3 * torch.finfo(hessian.dtype).eps * hessian.diagonal().mean())
            factor, failed = torch.linalg.cholesky_ex(hessian)
        if int(failed):
            return ""
        step = torch.cholesky_solve(pull[:, None], factor)[:, 0]
        crossing = (w + step) * w < 0
        cut = bool(crossing.any())
        if self._move(used, torch.where(crossing, -w, step)):
            return "cut" if cut else "whole"
        if not cut:
            return ""
        share = torch.where(crossing, w / -step, torch.inf)
        first = int(share.argmin())
        change = share[first] * step
        change[first] = -w[first]
        return "cut" if self._move(used, change) else ""

    def _move(self, used: Tensor, change: Tensor) -> bool:
        """Add ``change`` to the weights in use if that is downhill."""
        whole = torch.zeros_like(self.w)
        whole[used] = change
        bent = self.H @ whole
        old, new = self.w[used].double(), (self.w[used] + change).double()
        curve = 0.5 * (change.double() @ bent[used].double()) - self.slope[used].double() @ change.double()
        shrink = self.bounds[used, 1].double() @ (new.abs() - old.abs())
        grown = 0.5 * (self.ridge[used].double() @ (new.square() - old.square()))
        if not float(curve + shrink + grown) < 0:
            return False
        self.w += whole
        self.slope -= bent
        return True
