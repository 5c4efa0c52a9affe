"""What one extraction is asked to do, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from clearhead.features.backbone import Backbone
from clearhead.features.batches import ahead, in_turns
from clearhead.features.classes import Alignment, align
from clearhead.features.examples import Examples

__all__ = ["ExtractOptions", "Work"]

T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True)
class ExtractOptions:
    """How the work is done; only ``amp`` changes the numbers, and enters the table's key and manifest.

    ``workers`` threads read and preprocess: on a processor in turns with the network, as many as torch has threads
    unless given, and four ahead of an accelerator; ``amp`` computes in half precision ("float16" or
    "bfloat16", for accelerators); ``channels_last`` lays images out for fast convolutions, where the network allows it;
    ``compile`` pays half a minute once for a faster network; ``wait`` seconds between looks at shards that other
    processes hold.
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
    forward: Callable[[Any], tuple[Tensor, Tensor | None]]
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

    def loaded(self, load: Callable[[T], S], tasks: Iterable[T]) -> Iterator[tuple[T, S]]:
        """(task, load(task)) in order, by threads that leave the processor to a network that runs on it."""
        workers = self.options.workers
        if self.backbone.device.type != "cpu":
            return ahead(load, tasks, 4 if workers is None else workers)
        return in_turns(load, tasks, torch.get_num_threads() if workers is None else workers)
