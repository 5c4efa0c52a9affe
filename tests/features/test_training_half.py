"""Training in half precision on a CPU learns."""

from __future__ import annotations

import torch
from torch import nn

from clearhead.features.training import Recipe, train


def test_half_precision_on_a_cpu() -> None:
    torch.manual_seed(0)
    y = torch.arange(120) % 2
    x = (0.5 + 0.1 * torch.randn(120, 3, 4, 4) + 0.2 * (y - 0.5)[:, None, None, None]).clamp(0, 1)
    history = train(
        nn.Sequential(nn.Flatten(), nn.Linear(48, 2)), x, y,
        Recipe(epochs=30, batch_size=30, learning_rate=0.5, augment=0, amp="bfloat16"),
    )  # fmt: skip
    assert history[-1].loss < history[0].loss
    assert history[-1].accuracy > 0.9
