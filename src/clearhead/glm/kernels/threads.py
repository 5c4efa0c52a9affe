"""Row ranges worked on at once: compiled kernels release the interpreter, so plain threads suffice."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import torch

__all__ = ["over_rows"]


@cache
def _pool(workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, thread_name_prefix="clearhead-rows")


def over_rows(n: int, work: Callable[[int, int, int], None], multiple: int = 8) -> int:
    """Call ``work(part, start, stop)`` on as many parts of the n rows as torch has threads; return how many."""
    workers = max(1, min(torch.get_num_threads(), n // 256))
    size = -(-n // workers)
    size = -(-size // multiple) * multiple
    spans = [(start, min(start + size, n)) for start in range(0, n, size)]
    if len(spans) == 1:
        work(0, *spans[0])
        return 1
    pool = _pool(workers)
    waiting = [pool.submit(work, part, *span) for part, span in enumerate(spans[1:], 1)]
    work(0, *spans[0])
    for future in waiting:
        future.result()
    return len(spans)
