"""Two copies of a network side by side: the same table, no state shared, the cores given back."""

from __future__ import annotations

import threading
import time
from typing import ClassVar

import pytest
import torch
from torch import nn

from clearhead.features.backbone import Backbone
from clearhead.features.extract import ExtractOptions, extract
from clearhead.features.streams import OwnCopy, can_stream

from conftest import PREPROCESS, SmallNet  # isort: skip


@pytest.fixture(autouse=True)
def four_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


class Remembering(SmallNet):
    """Keeps its input between two steps of a forward pass: two threads in the same module would mix their batches."""

    callers: ClassVar[set[int]] = set()

    def forward(self, x):
        self.kept = x
        Remembering.callers.add(threading.get_ident())
        time.sleep(0.01)
        return super().forward(self.kept)


def test_the_table_is_that_of_one_network_alone(pictures, tmp_path):
    Remembering.callers.clear()
    backbone = Backbone.from_module(Remembering(), PREPROCESS)
    assert can_stream(backbone)
    Remembering.callers.clear()
    both = extract(backbone, pictures, tmp_path / "both", batch_size=2, shard_rows=7)
    assert threading.get_ident() not in Remembering.callers
    assert len(Remembering.callers) == 2
    alone = extract(
        backbone, pictures, tmp_path / "alone", batch_size=2, shard_rows=7, options=ExtractOptions(workers=0)
    )
    assert torch.equal(both.take(torch.arange(50)), alone.take(torch.arange(50)))
    assert torch.equal(both.prediction, alone.prediction)
    assert torch.get_num_threads() == 4


def test_copies_share_the_weights_and_nothing_else():
    backbone = Backbone.from_module(SmallNet(), PREPROCESS)
    own, seen = OwnCopy(backbone, threading.get_ident()), []
    thread = threading.Thread(target=lambda: seen.append(own.backbone.model))
    thread.start()
    thread.join()
    assert own.backbone is backbone
    assert seen[0] is not backbone.model
    for mine, theirs in zip(backbone.model.parameters(), seen[0].parameters(), strict=True):
        assert mine is theirs
    assert not set(map(id, backbone.model.modules())) & set(map(id, seen[0].modules()))


class Uncopyable(SmallNet):
    def __deepcopy__(self, memo):
        raise TypeError("not this one")


def test_networks_that_stay_alone():
    assert not can_stream(Backbone.from_module(Uncopyable(), PREPROCESS))
    hooked = SmallNet()
    next(m for m in hooked.modules() if isinstance(m, nn.Linear)).register_forward_hook(lambda *_: None)
    assert not can_stream(Backbone.from_module(hooked, PREPROCESS))
    torch.set_num_threads(1)
    assert not can_stream(Backbone.from_module(SmallNet(), PREPROCESS))


def test_an_error_in_a_stream_reaches_the_caller(pictures, tmp_path):
    backbone = Backbone.from_module(SmallNet(), PREPROCESS)

    def broken(images):
        raise ValueError("cannot be preprocessed")

    backbone.preprocess = broken
    with pytest.raises(ValueError, match="cannot be preprocessed"):
        extract(backbone, pictures, tmp_path, batch_size=2)
    assert torch.get_num_threads() == 4
