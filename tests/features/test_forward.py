"""The forward pass of an extraction: half precision is another table and says so, a compiled network the same one."""

from __future__ import annotations

import shutil
import warnings

import pytest
import torch

from clearhead.features.extract import ExtractOptions, extract

from conftest import SmallNet  # isort: skip


def test_half_precision_is_computed_recorded_and_kept_apart(backbone, pictures, tmp_path):
    exact = extract(backbone, pictures, tmp_path / "exact", dtype="float32")
    half = extract(backbone, pictures, tmp_path / "half", dtype="float32", options=ExtractOptions(amp="bfloat16"))
    assert (exact.manifest["computed"], half.manifest["computed"]) == ("float32", "bfloat16")
    assert exact.key != half.key, "its numbers are others"
    rows = torch.arange(50)
    assert not torch.equal(exact.take(rows), half.take(rows))
    torch.testing.assert_close(exact.take(rows), half.take(rows), atol=0.02, rtol=0.02)
    again = extract(backbone, pictures, tmp_path / "exact", dtype="float32", options=ExtractOptions(amp="bfloat16"))
    assert torch.equal(again.take(rows), half.take(rows)), "a table of full precision was not taken for it"


@pytest.mark.skipif(shutil.which("g++") is None, reason="compiling needs a C++ compiler")
def test_a_compiled_network_makes_the_same_features_and_is_given_back_as_it_was(backbone, pictures, tmp_path):
    plain = extract(backbone, pictures, tmp_path / "plain", batch_size=10, dtype="float32")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the compiler's own
        compiled = extract(
            backbone, pictures, tmp_path / "fast", batch_size=10, dtype="float32", options=ExtractOptions(compile=True)
        )
    rows = torch.arange(50)
    torch.testing.assert_close(compiled.take(rows), plain.take(rows))
    assert compiled.key == plain.key
    assert isinstance(backbone.model, SmallNet)
    assert backbone.model._compiled_call_impl is None
