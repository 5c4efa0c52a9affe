"""Features as eight-bit floating-point codes with a scale a column: a quarter of float32's memory."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from clearhead.core.errors import DataError
from clearhead.core.rows import BLOCK_ROWS, as_rows, check_finite

__all__ = ["CODES", "QuantizedRows", "quantize"]

CODES = torch.float8_e4m3fn  # four bits of exponent, three of mantissa: each of its numbers is a float16 number too


class QuantizedRows:
    """``codes`` (n, p) float8 times ``scale`` (p,): these products are the data.

    They are read as float32, block by block; a design on a GPU keeps the codes.
    """

    dtype = torch.float32

    def __init__(self, codes: Tensor, scale: Tensor) -> None:
        if codes.ndim != 2 or codes.dtype is not CODES or scale.shape != codes.shape[1:]:
            raise DataError(
                "codes and scale do not belong together",
                got=f"{codes.dtype} codes {tuple(codes.shape)}, scale {tuple(scale.shape)}",
                expected=f"{CODES} codes (rows, features), scale (features,)",
            )
        self.codes, self.scale = codes, scale.to(codes.device, torch.float32)

    @property
    def shape(self) -> tuple[int, int]:
        """(n, p)."""
        return int(self.codes.shape[0]), int(self.codes.shape[1])

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[tuple[slice, Tensor]]:
        """As `Rows.blocks`."""
        for start in range(0, self.shape[0], rows):
            span = slice(start, min(start + rows, self.shape[0]))
            yield span, self.codes[span].float() * self.scale

    def take(self, index: Tensor) -> Tensor:
        """As `Rows.take`."""
        return self.codes.view(torch.uint8)[index.to(self.codes.device)].view(CODES).float() * self.scale


def quantize(X: object, device: torch.device | str | None = None) -> QuantizedRows:
    """Round a feature matrix to eight bits, each column scaled so that its largest number is the largest code.

    Rounding changes a number by at most 1/16 of itself. What is fitted and certified afterwards is a head over the
    rounded features; measure what the rounding costs in accuracy before you keep it.

    Parameters
    ----------
    X : tensor, array, data frame or `Rows` (n, p), finite.
    device : where the codes are kept; where ``X`` is by default.

    Raises
    ------
    DataError : NaN or infinite features, some beyond float32, no rows.

    Examples
    --------
    >>> import torch
    >>> quantize(torch.tensor([[1.0, -2.0], [0.5, 0.1]])).take(torch.tensor([0]))
    tensor([[ 1., -2.]])
    """
    rows = as_rows(X)
    check_finite(rows)
    if not rows.shape[0]:
        raise DataError("there is nothing to quantize", got="0 rows", expected="at least one")
    largest = torch.stack([block.detach().float().abs().amax(0) for _, block in rows.blocks()]).amax(0)
    if bool(torch.isinf(largest).any()):
        column = int(torch.isinf(largest).nonzero()[0])
        raise DataError("codes and their scale are float32", got=f"larger numbers in column {column}")
    scale = largest / torch.finfo(CODES).max
    scale = torch.where(scale > torch.finfo(scale.dtype).tiny, scale, torch.ones_like(scale))
    codes = torch.empty(rows.shape, dtype=CODES, device=device if device is not None else scale.device)
    for span, block in rows.blocks():
        codes[span] = (block.detach().float() / scale).to(CODES).to(codes.device)
    return QuantizedRows(codes, scale)
