"""Batches of preprocessed examples, made ahead of the network by worker threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from clearhead.core.errors import DataError, UntrustedError
from clearhead.features.examples import Examples

__all__ = ["Batch", "ahead", "load_batch", "ordered"]

T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True)
class Batch:
    """Preprocessed ``inputs`` of the examples ``rows``; ``skipped`` says why others could not be read."""

    inputs: Any
    rows: list[int]
    texts: list[str]
    skipped: dict[int, str]


def load_batch(examples: Examples, rows: list[int], preprocess: Callable[[Any], Any], skip_unreadable: bool) -> Batch:
    """Load and preprocess some examples; one that cannot be read raises, or is left out and named."""
    loaded, kept, skipped = [], [], {}
    for row in rows:
        try:
            loaded.append(examples[row])
            kept.append(row)
        except (DataError, UntrustedError) as error:
            if not skip_unreadable:
                raise
            skipped[row] = error.what
    texts = loaded if examples.kind == "text" else []
    return Batch(preprocess(loaded) if loaded else None, kept, texts, skipped)


def ordered(examples: Examples, rows: range) -> list[int]:
    """The order in which a shard's rows are batched: sentences by length, so that little is padding."""
    if examples.kind != "text":
        return list(rows)
    return sorted(rows, key=lambda i: (-len(examples[i]), i))


def ahead(
    work: Callable[[T], S], tasks: Iterable[T], workers: int, first: Callable[[], None] | None = None
) -> Iterator[tuple[T, S]]:
    """(task, work(task)) in order; ``workers`` threads stay up to two tasks each ahead. 0 workers: no threads.

    Each thread calls ``first`` before its work.
    """
    if workers == 0:
        yield from ((task, work(task)) for task in tasks)
        return
    pending: deque[tuple[T, Future[S]]] = deque()
    with ThreadPoolExecutor(workers, "clearhead-load", first) as pool:
        try:
            for task in tasks:
                pending.append((task, pool.submit(work, task)))
                if len(pending) > 2 * workers:
                    yield _done(pending)
            while pending:
                yield _done(pending)
        finally:
            for _, future in pending:
                future.cancel()


def _done(pending: deque[tuple[T, Future[S]]]) -> tuple[T, S]:
    task, future = pending.popleft()
    return task, future.result()
