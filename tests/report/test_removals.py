"""The exact effect of single removals is that of really removing them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from clearhead.core.rows import TensorRows
from clearhead.core.scaling import Standardizer
from clearhead.head import Edit, SparseHead, apply_edits
from clearhead.report.removals import removals


@pytest.mark.parametrize("k", [1, 2, 7])
def test_equals_the_edit(k: int) -> None:
    generator = torch.Generator().manual_seed(k)
    X = torch.randn(300, 12, generator=generator, dtype=torch.float64)
    weight = torch.randn(12, k, generator=generator, dtype=torch.float64)
    weight[torch.rand(12, k, generator=generator) < 0.5] = 0
    head = SparseHead(
        weight,
        torch.randn(k, generator=generator, dtype=torch.float64),
        Standardizer.fit(TensorRows(X)),
        link="margin" if k == 1 else "softmax",
    )
    labels = torch.randint(0, max(k, 2), (300,), generator=generator)
    made = removals(head, TensorRows(X), labels)
    before = head.predict(X) == labels
    assert made["accuracy"] == float(before.double().mean())
    assert made["feature"].tolist() == head.used().tolist()
    for i, feature in enumerate(made["feature"].tolist()):
        after = apply_edits(head, [Edit(feature)]).predict(X) == labels
        assert made["fixed"][i] == int((after & ~before).sum())
        assert made["broken"][i] == int((before & ~after).sum())
        change = torch.bincount(labels, after.long() - before.long(), minlength=max(k, 2)).long().numpy()
        ours = np.zeros_like(change)
        ours[made["column"][made["entry"] == i]] = made["gained"][made["entry"] == i]
        np.testing.assert_array_equal(ours, change)
