"""Products of half-precision rows with float32 columns on tensor cores: the columns are sums of half-precision terms.

Rounding the rows changes the data, once and for all; rounding the columns would add noise to each product. Two float16
terms hold 22 bits of the largest number, three bfloat16 terms 24; sums are float32.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

__all__ = ["HALVES", "split_product", "split_transposed", "tensor_cores"]

HALVES = (torch.float16, torch.bfloat16)
_TERMS = {torch.float16: 2, torch.bfloat16: 3}
_SHIFT = {torch.float16: 2.0**11, torch.bfloat16: 2.0**8}  # between a term and the next: the bits that one holds


def tensor_cores(device: torch.device) -> bool:
    """Whether half-precision products with float32 sums are there: on CUDA, from torch 2.8 on."""
    return device.type == "cuda" and hasattr(torch.ops.aten.mm, "dtype")


def split_product(raw: Tensor, W: Tensor, shift: Tensor) -> Tensor:
    """(m, k) float32 = raw (m, p)·W (p, k) + shift (k,) for half-precision raw."""
    (first, size), *others = _terms(W, raw.dtype)
    out = _multiply(raw, first)
    torch.add(shift, out, alpha=size, out=out)
    for term, size in others:
        out.add_(_multiply(raw, term), alpha=size)
    return out


def split_transposed(raw: Tensor, T: Tensor) -> Tensor:
    """(p, k) float32 = rawᵀ·T for half-precision raw (m, p) and T (m, k)."""
    (first, size), *others = _terms(T, raw.dtype)
    out = _multiply(raw.T, first).mul_(size)
    for term, size in others:
        out.add_(_multiply(raw.T, term), alpha=size)
    return out


def _terms(values: Tensor, half: torch.dtype) -> Iterator[tuple[Tensor, float]]:
    """(term, its factor), whose products sum to ``values``: the largest number is scaled below one, by a power of
    two."""
    peak = values.abs().max() if values.numel() else values.new_zeros(())
    size = float(torch.ldexp(torch.ones_like(peak), torch.frexp(peak).exponent))
    rest = values.float() / size
    for _ in range(_TERMS[half]):
        term = rest.to(half)
        yield term, size
        rest = (rest - term).mul_(_SHIFT[half])
        size /= _SHIFT[half]


def _multiply(left: Tensor, right: Tensor) -> Tensor:
    if tensor_cores(left.device):
        return torch.mm(left, right, out_dtype=torch.float32)
    return left.float() @ right.float()
