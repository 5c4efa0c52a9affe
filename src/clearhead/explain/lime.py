"""LIME's weighted ridge regression, solved for all features of an input at once.

The masks and their weights do not depend on the feature, so one Gram matrix and one factorisation serve every
feature, and equal masks are merged into one with a count, which changes nothing but the cost.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from clearhead.core.errors import DataError, SettingError
from clearhead.core.seeds import torch_generator

__all__ = ["LimeOptions", "Masks", "Surrogate", "fit_surrogate", "half_masks", "unique_masks", "word_masks"]

NORMAL_95 = 1.959963984540054


@dataclass(frozen=True)
class LimeOptions:
    """How an input is perturbed and how the regression is done (defaults: the `lime` package's).

    Parameters
    ----------
    samples : number of masks drawn, the unmasked input included; duplicates are evaluated once.
    kernel_width : a mask at cosine distance d from the unmasked input weighs √exp(−d²/width²).
    ridge : the ridge penalty on the coefficients (the intercept is free).
    bootstrap : refits on resampled masks that give the interval; 0 leaves it out.
    """

    samples: int = 1000
    kernel_width: float = 0.25
    ridge: float = 1.0
    bootstrap: int = 50

    def __post_init__(self) -> None:
        if self.samples < 2 or self.bootstrap < 0 or self.bootstrap == 1:
            raise SettingError(
                "LIME needs at least two masks, and no refits or at least two",
                got=f"samples={self.samples}, bootstrap={self.bootstrap}",
            )
        if not (self.kernel_width > 0 and self.ridge >= 0):
            raise SettingError(
                "LIME's kernel width must be positive and its ridge not negative",
                got=f"kernel_width={self.kernel_width}, ridge={self.ridge}",
            )


@dataclass(frozen=True, eq=False)
class Masks:
    """Distinct masks of d parts: ``present`` (u, d) bool, first row all true; ``count`` (u,) times each was drawn."""

    present: Tensor
    count: Tensor

    def __len__(self) -> int:
        return int(self.present.shape[0])

    @property
    def drawn(self) -> int:
        """How many masks were drawn, duplicates included."""
        return int(self.count.sum())

    def weights(self, kernel_width: float) -> Tensor:
        """(u,) float64: proximity kernel of the cosine distance to the unmasked input, times the count."""
        kept = self.present.double().mean(1)
        distance = 1.0 - kept.sqrt()
        return (-distance.square() / kernel_width**2).exp().sqrt() * self.count.double()


def unique_masks(present: Tensor) -> Masks:
    """Merge equal rows of (n, d) masks; the unmasked input comes first and is added if it is not among them."""
    if present.ndim != 2 or present.shape[1] == 0:
        raise DataError("masks must be a matrix with a column for each part", got=f"shape {tuple(present.shape)}")
    full = torch.ones(1, present.shape[1], dtype=torch.bool)
    rows = present.bool() if bool(present.bool().all(1).any()) else torch.cat([full, present.bool()])
    # Ascending order puts the row of all true last; reversed, it comes first.
    values, count = torch.unique(rows.to(torch.uint8), dim=0, return_counts=True)
    return Masks(values.flip(0).bool(), count.flip(0))


def half_masks(parts: int, samples: int, seed: int) -> Masks:
    """Each part present with probability ½ (images), drawn in antithetic pairs, the unmasked input first."""
    draw = torch.rand(samples // 2, parts, generator=torch_generator(seed, "lime", parts)) < 0.5
    pairs = torch.stack([draw, ~draw], 1).flatten(0, 1)[: samples - 1]
    return unique_masks(torch.cat([torch.ones(1, parts, dtype=torch.bool), pairs]))


def word_masks(parts: int, samples: int, seed: int) -> Masks:
    """A uniform number (1 to d) of parts absent, which ones at random (text), the unmasked input first."""
    generator = torch_generator(seed, "lime", parts)
    absent = torch.randint(1, parts + 1, (samples - 1, 1), generator=generator)
    rank = torch.rand(samples - 1, parts, generator=generator).argsort(1).argsort(1)
    return unique_masks(torch.cat([torch.ones(1, parts, dtype=torch.bool), rank >= absent]))


@dataclass(frozen=True, eq=False)
class Surrogate:
    """A linear model of p targets on the presence of d parts.

    ``coef`` (d, p), ``intercept`` (p,) and ``r2`` (p,; weighted, NaN for a target that does not vary) are float64;
    ``error`` (d, p) is the coefficients' bootstrap standard error, or None.
    """

    coef: Tensor
    intercept: Tensor
    r2: Tensor
    error: Tensor | None
    masks: int

    @property
    def low(self) -> Tensor:
        """(d, p) lower end of the 95 % interval."""
        return self.coef - NORMAL_95 * self._spread()

    @property
    def high(self) -> Tensor:
        """(d, p) upper end of the 95 % interval."""
        return self.coef + NORMAL_95 * self._spread()

    def _spread(self) -> Tensor:
        if self.error is None:
            raise SettingError("this surrogate was fitted without bootstrap", fix="set LimeOptions.bootstrap to 50")
        return self.error


def fit_surrogate(masks: Masks, targets: Tensor, options: LimeOptions | None = None, seed: int = 0) -> Surrogate:
    """Weighted ridge regression of every target on the masks, in float64.

    Parameters
    ----------
    masks : u distinct masks of d parts.
    targets : (u, p), one row a mask: here the standardised activations of p features (Wong et al. 2021, B.2).

    Examples
    --------
    >>> masks = half_masks(parts=4, samples=64, seed=0)
    >>> fit = fit_surrogate(masks, masks.present.double() @ torch.tensor([[2.0], [0.0], [0.0], [-1.0]]).double())
    >>> [round(v, 2) for v in fit.coef[[0, 3], 0].tolist()]
    [1.78, -0.91]
    """
    options = options or LimeOptions()
    if targets.ndim != 2 or len(targets) != len(masks):
        raise DataError("one row of targets a mask is needed", got=tuple(targets.shape), expected=f"({len(masks)}, p)")
    X, Y = masks.present.double(), targets.detach().to("cpu", torch.float64)
    weight = masks.weights(options.kernel_width)
    coef, intercept = _ridge(X, Y, weight, options.ridge)
    residual = (weight @ (Y - X @ coef - intercept).square()).double()
    spread = weight @ (Y - (weight @ Y) / weight.sum()).square()
    # A constant target leaves only rounding in both sums; its R² would be noise over noise.
    flat = spread <= 1e-24 * weight.sum() * Y.square().amax(0).clamp(min=1.0)
    r2 = torch.where(flat, torch.full_like(spread, torch.nan), 1.0 - residual / spread)
    coef = coef.masked_fill(flat, 0.0)
    error = _bootstrap(X, Y, masks, options, seed) if options.bootstrap else None
    return Surrogate(coef, intercept, r2, error, masks.drawn)


def _ridge(X: Tensor, Y: Tensor, weight: Tensor, ridge: float) -> tuple[Tensor, Tensor]:
    share = weight / weight.sum()
    x_mean, y_mean = share @ X, share @ Y
    centred = X - x_mean
    left = (centred * weight[:, None]).T
    gram = left @ centred + ridge * torch.eye(X.shape[1], dtype=X.dtype)
    coef = _solve(gram, left @ (Y - y_mean))
    return coef, y_mean - x_mean @ coef


def _solve(gram: Tensor, right: Tensor) -> Tensor:
    factor, info = torch.linalg.cholesky_ex(gram)
    if int(info.max()) == 0:
        solved: Tensor = torch.cholesky_solve(right, factor)
        return solved
    # Without a ridge, parts that the masks never tell apart make the matrix singular: least norm.
    inverse: Tensor = torch.linalg.pinv(gram, hermitian=True)
    return inverse @ right


def _bootstrap(X: Tensor, Y: Tensor, masks: Masks, options: LimeOptions, seed: int) -> Tensor:
    """(d, p) standard error of the coefficients over refits on resampled masks."""
    draws = torch.multinomial(
        masks.count.double().expand(options.bootstrap, -1),
        masks.drawn,
        replacement=True,
        generator=torch_generator(seed, "lime bootstrap", len(masks)),
    )
    count = torch.zeros(options.bootstrap, len(masks), dtype=torch.float64)
    count.scatter_add_(1, draws, torch.ones_like(draws, dtype=torch.float64))
    weight = count * (masks.weights(options.kernel_width) / masks.count.double())
    mean = (weight @ X) / weight.sum(1, keepdim=True)
    centred = X - mean[:, None]
    left = (centred * weight[..., None]).transpose(1, 2)
    gram = left @ centred + options.ridge * torch.eye(X.shape[1], dtype=X.dtype)
    # The spread of refits needs no more than single precision, and this product is nearly all of the cost.
    right = left.flatten(0, 1).float() @ (Y - Y.mean(0)).float()
    coef = _solve(gram, right.double().view(*left.shape[:2], -1))
    return coef.std(0)
