"""What one extraction is asked to do, and how."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor

from clearhead.features.backbone import Backbone
from clearhead.features.batches import Batch, ahead
from clearhead.features.classes import Alignment, align
from clearhead.features.examples import Examples
from clearhead.features.streams import STREAMS, can_stream, shared_threads

__all__ = ["ExtractOptions", "Work"]

T = TypeVar("T")
Passed = tuple[Tensor, Tensor | None]


@dataclass(frozen=True)
class ExtractOptions:
    """How the work is done; only ``amp`` changes the numbers, and enters the table's key and manifest.

    ``workers`` threads read and preprocess ahead of the network. Unless given, that is one; but on a processor a
    network that can be copied runs twice side by side instead, each copy on half the cores and loading its own batches.
    ``amp`` computes in half precision ("float16" or "bfloat16", for accelerators); ``channels_last`` lays images out
    for fast convolutions, where the network allows it; ``compile`` pays half a minute once for a faster network;
    ``wait`` is the seconds between looks at shards that other processes hold.
    """

    workers: int | None = None
    amp: str | None = None
    channels_last: bool = True
    compile: bool = False
    wait: float = 0.2


@dataclass
class Work:
    """A network, its examples, where the table goes, how the rows are cut into shards and batches, and the network's
    ``forward`` pass: inputs → (features, logits or None)."""

    backbone: Backbone
    examples: Examples
    folder: Path
    batch_size: int
    shard_rows: int
    skip_unreadable: bool
    options: ExtractOptions
    forward: Callable[[Any], Passed]
    alignment: Alignment = field(init=False)

    def __post_init__(self) -> None:
        self.alignment = align(self.backbone, self.examples)

    @property
    def shards(self) -> int:
        """How many shards there are."""
        return -(-len(self.examples) // self.shard_rows)

    @property
    def many(self) -> bool:
        """Whether many labels hold at once."""
        return self.examples.labels is not None and self.examples.labels.ndim == 2

    def span(self, number: int) -> range:
        """The examples of one shard."""
        return range(number * self.shard_rows, min((number + 1) * self.shard_rows, len(self.examples)))

    def passed(self, load: Callable[[T], Batch], tasks: Iterable[T]) -> Iterator[tuple[T, Batch, Passed | None]]:
        """(task, its batch, features and logits of it) in order; None in place of an empty batch's."""

        def forward(batch: Batch) -> Passed | None:
            return self.forward(batch.inputs) if batch.rows else None

        workers = self.options.workers
        if workers is None and not self.options.compile and can_stream(self.backbone):
            yield from self._side_by_side(load, forward, tasks)
            return
        for task, batch in ahead(load, tasks, 1 if workers is None else workers):
            yield task, batch, forward(batch)

    def _side_by_side(
        self, load: Callable[[T], Batch], forward: Callable[[Batch], Passed | None], tasks: Iterable[T]
    ) -> Iterator[tuple[T, Batch, Passed | None]]:
        loading = threading.Lock()  # tokenizers, and what users write, need not bear two callers at once

        def both(task: T) -> tuple[Batch, Passed | None]:
            with loading:
                batch = load(task)
            return batch, forward(batch)

        with shared_threads() as take_share:
            for task, (batch, made) in ahead(both, tasks, STREAMS, take_share):
                yield task, batch, made
