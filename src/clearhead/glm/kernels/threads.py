"""Row ranges worked on at once: compiled kernels release the interpreter, so plain threads suffice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

import torch

__all__ = ["all_threads", "over_rows", "threads_for_rows"]

_reserved: ContextVar[int] = ContextVar("threads reserved for rows", default=0)


@contextmanager
def threads_for_rows(active: bool) -> Iterator[None]:
    """Give torch's threads to the compiled kernels while small tensors are worked on by one.

    Torch's own threads spin between operations; beside the kernels' threads they cost several times what they save.
    """
    threads = torch.get_num_threads()
    if not active or threads == 1:
        yield
        return
    token = _reserved.set(threads)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        _reserved.reset(token)


@contextmanager
def all_threads() -> Iterator[None]:
    """Give them back for one large matrix product."""
    threads = _reserved.get()
    if not threads:
        yield
        return
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(1)


@cache
def _pool(workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, thread_name_prefix="clearhead-rows")


def over_rows(n: int, work: Callable[[int, int, int], None], multiple: int = 8, least: int = 256) -> int:
    """Call ``work(part, start, stop)`` on as many parts of the n rows as torch has threads, of ``least`` rows or more;
    return how many."""
    workers = max(1, min(_reserved.get() or torch.get_num_threads(), n // least))
    if workers == 1:
        work(0, 0, n)
        return 1
    size = -(-n // workers)
    size = -(-size // multiple) * multiple
    spans = [(start, min(start + size, n)) for start in range(0, n, size)]
    pool = _pool(workers)
    waiting = [pool.submit(work, part, *span) for part, span in enumerate(spans[1:], 1)]
    work(0, *spans[0])
    for future in waiting:
        future.result()
    return len(spans)
