"""What is optimised when a picture is synthesised: a Fourier spectrum in decorrelated colours, or the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from clearhead.core.seeds import torch_generator

__all__ = ["FourierParam", "ImageParam", "PixelParam"]

# Square root of the covariance of ImageNet's colours (Lucid, Olah et al. 2017), one row a channel of RGB.
COLOUR_ROOT = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))


class ImageParam(Protocol):
    """Pictures in [0, 1] as a differentiable function of ``values``, whose first axis counts pictures."""

    values: Tensor

    def pictures(self) -> Tensor:
        """(n, 3, h, w) in [0, 1]."""
        ...

    def start_from(self, pictures: Tensor) -> None:
        """Begin at these (n, 3, h, w) pictures instead of at noise."""
        ...


class FourierParam:
    """A spectrum scaled so that every frequency starts with a natural picture's energy (1/f), in decorrelated colours.

    Each picture draws its start from its own seed, so its result does not depend on the batch it is in.

    Examples
    --------
    >>> FourierParam([0, 1], (32, 32)).pictures().shape
    torch.Size([2, 3, 32, 32])
    """

    def __init__(
        self, seeds: Sequence[int], size: tuple[int, int], *, spread: float = 0.01, dtype: torch.dtype = torch.float32
    ) -> None:
        h, w = size
        starts = [
            torch.randn(3, h, w // 2 + 1, 2, generator=torch_generator(seed, "spectrum"), dtype=torch.float64)
            for seed in seeds
        ]
        self.size = size
        self.values = (spread * torch.stack(starts)).to(dtype)
        self.frequency = _frequencies(size)
        self.scale = ((h * w) ** 0.5 / self.frequency.clamp(min=1.0 / max(h, w))).to(dtype)
        root = torch.tensor(COLOUR_ROOT, dtype=dtype)
        self.colours = root / root.norm(dim=0).max()

    def to(self, device: torch.device | str) -> FourierParam:
        """The same parametrisation on another device."""
        self.values, self.scale, self.colours = (t.to(device) for t in (self.values, self.scale, self.colours))
        return self

    def pictures(self) -> Tensor:
        spectrum = torch.view_as_complex(self.values.contiguous()) * self.scale
        # The factor 1/4 puts the start at a contrast from which a learning rate of 0.05 works (as in Lucid).
        image = torch.fft.irfft2(spectrum, s=self.size) / 4.0
        return torch.sigmoid(torch.einsum("rc,nchw->nrhw", self.colours, image))

    def start_from(self, pictures: Tensor) -> None:
        # A sigmoid never reaches black or white.
        logits = torch.logit(pictures.to(self.values).clamp(0.02, 0.98))
        image = torch.einsum("rc,nchw->nrhw", torch.linalg.inv(self.colours), logits)
        self.values = torch.view_as_real(torch.fft.rfft2(image * 4.0) / self.scale).contiguous()


class PixelParam:
    """The pixels themselves: enough for adversarially trained networks, whose gradients mean something."""

    def __init__(
        self, seeds: Sequence[int], size: tuple[int, int], *, spread: float = 0.05, dtype: torch.dtype = torch.float32
    ) -> None:
        starts = [
            torch.randn(3, *size, generator=torch_generator(seed, "pixels"), dtype=torch.float64) for seed in seeds
        ]
        self.values = (0.5 + spread * torch.stack(starts)).clamp(0.0, 1.0).to(dtype)

    def to(self, device: torch.device | str) -> PixelParam:
        """The same parametrisation on another device."""
        self.values = self.values.to(device)
        return self

    def pictures(self) -> Tensor:
        return self.values.clamp(0.0, 1.0)

    def start_from(self, pictures: Tensor) -> None:
        self.values = pictures.to(self.values)


def _frequencies(size: tuple[int, int]) -> Tensor:
    h, w = size
    rows = torch.fft.fftfreq(h, dtype=torch.float64)[:, None]
    columns = torch.fft.rfftfreq(w, dtype=torch.float64)[None]
    squares: Tensor = rows.square() + columns.square()
    return squares.sqrt()
