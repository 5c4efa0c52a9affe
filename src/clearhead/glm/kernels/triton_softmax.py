"""The softmax pass on a GPU: one read of the logits and one write of the residuals, whatever the number of sums."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor

from clearhead.glm.kernels.wide_softmax import WideSums

__all__ = ["MOST", "softmax_pass"]

MOST = 1 << 14  # outputs of one row that a program holds in registers
ROWS = 64  # of one program, summed in float32 before float64 takes over


@cache
def _kernel() -> Any:
    """Compiled at its first call. Triton looks names up among the module's, so the language is imported to there."""
    global tl
    import triton
    import triton.language as tl

    @triton.jit  # type: ignore[untyped-decorator, unused-ignore]
    def rows(  # type: ignore[no-untyped-def]
        Z, b, Y, w, theta, loss, sums, n, k,
        LABELLED: tl.constexpr, ROWS: tl.constexpr, K: tl.constexpr,  # type: ignore[name-defined]
    ):  # fmt: skip
        c = tl.arange(0, K)
        inside = c < k
        bias = tl.load(b + c, mask=inside, other=0.0)
        probability = tl.zeros([K], tl.float32)
        squares = tl.zeros([K], tl.float32)
        total = tl.zeros([1], tl.float64)
        for r in range(ROWS):
            i = tl.program_id(0).to(tl.int64) * ROWS + r
            here = inside & (i + 0 * c < n)
            z = tl.load(Z + i * k + c, mask=here, other=-1e30) + bias
            z -= tl.max(z, 0)
            q = tl.exp(z)
            whole = tl.sum(q, 0)
            q /= whole
            weight = tl.load(w + i, mask=i < n, other=0.0)
            if LABELLED:
                y = (c == tl.load(Y + i, mask=i < n, other=0)).to(tl.float32)
            else:
                y = tl.load(Y + i * k + c, mask=here, other=0.0)
            tl.store(theta + i * k + c, y - q, mask=here)
            probability += weight * q
            squares += weight * q * q
            total += weight.to(tl.float64) * (tl.log(whole.to(tl.float64)) - tl.sum(y * z, 0).to(tl.float64))
        part = tl.program_id(0).to(tl.int64)
        tl.store(loss + part + tl.arange(0, 1), total)
        tl.store(sums + 2 * part * k + c, probability, mask=inside)
        tl.store(sums + (2 * part + 1) * k + c, squares, mask=inside)

    return rows


def softmax_pass(Z: Tensor, b: Tensor, Y: Tensor, w: Tensor, theta: Tensor) -> WideSums:
    """As `wide_softmax.wide_softmax_pass`, for float32 logits on a GPU and at most `MOST` outputs."""
    n, k = Z.shape
    parts = max(1, -(-n // ROWS))
    loss = torch.empty(parts, dtype=torch.float64, device=Z.device)
    sums = torch.empty(parts, 2, k, dtype=torch.float32, device=Z.device)
    K = 1 << max(k - 1, 0).bit_length()
    given = [t.contiguous() for t in (Z, b.to(Z), Y, w.to(Z))]
    warps = min(16, max(1, K // 256))
    # Triton launches on the current device, whatever its arguments are on.
    with torch.cuda.device_of(Z):  # type: ignore[no-untyped-call]
        _kernel()[(parts,)](*given, theta, loss, sums, n, k, LABELLED=Y.ndim == 1, ROWS=ROWS, K=K, num_warps=warps)
    probability, squares = sums.sum(0, dtype=torch.float64)
    return WideSums(float(loss.sum()), probability, squares)
