"""Memory of a forward pass: pages are kept while it is asked for, and images laid out as convolutions read them."""

from __future__ import annotations

import resource

import numpy as np
import pytest
import torch
from PIL import Image

from clearhead.features.memory import freed_memory_kept
from clearhead.features.vision import EachImage, ImagePreprocess, fastest


def new_pages(blocks: int) -> int:
    """Page faults of so many blocks of 40 MB made and freed in turn."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(blocks):
        torch.zeros(10_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_freed_memory_is_used_again() -> None:
    new_pages(2)
    usual = new_pages(4)
    if usual < 4000:
        pytest.skip("this C library keeps freed memory by itself")
    with freed_memory_kept():
        new_pages(2)
        kept = new_pages(4)
    assert kept < usual * 0.75, "how much is reused depends on what the process freed before"
    assert new_pages(4) > usual / 2, "given back, and the usual limits hold again"


def test_the_layout_changes_no_number() -> None:
    draw = np.random.default_rng(0)
    images = [Image.fromarray(draw.integers(0, 256, (20, 31, 3), dtype=np.uint8)) for _ in range(3)]
    preprocess = ImagePreprocess(16, 16)
    plain, fast = preprocess(images), fastest(preprocess)(images)
    assert torch.equal(plain, fast)
    assert plain.is_contiguous()
    assert fast.is_contiguous(memory_format=torch.channels_last)
    pixels = torch.from_numpy(np.stack([np.asarray(preprocess.shape(image)) for image in images])).permute(0, 3, 1, 2)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (preprocess.mean, preprocess.std))
    assert torch.equal(plain, ((pixels.float() / 255) - mean) / std)


def test_another_preprocessing_is_left_as_it_is() -> None:
    preprocess = EachImage(lambda image: torch.tensor(np.asarray(image)))
    assert fastest(preprocess) is preprocess
