"""The dry run states the table that the extraction then makes."""

from __future__ import annotations

import pytest

from clearhead.core.errors import SettingError
from clearhead.features.estimate import estimate_extraction
from clearhead.features.extract import extract


def test_the_estimate_is_the_table(backbone, pictures, tmp_path):
    found = estimate_extraction(backbone, pictures, batch_size=8)
    table = extract(backbone, pictures, tmp_path, batch_size=8)
    assert (found.numbers["n"], found.numbers["p"]) == table.shape
    assert found.numbers["shards"] == len(table.manifest["shards"])
    assert found.numbers["bytes"] == 50 * 8 * 2
    assert found.numbers["seconds"] > 0
    assert "50 images become a table of 50 × 8 in float16" in found.sentence
    assert found.from_dict(found.as_dict()) == found


def test_refusals(backbone, pictures):
    with pytest.raises(SettingError):
        estimate_extraction(backbone, pictures, batches=0)
    with pytest.raises(SettingError):
        estimate_extraction(backbone, pictures, dtype="int8")
