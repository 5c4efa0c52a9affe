"""The feature table: what is written is read back, lazily, whole, or refused."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
import torch

from clearhead.core.errors import ArtifactError, DataError, SettingError, UntrustedError
from clearhead.core.rows import Rows
from clearhead.features.table import FeatureTable, from_file


def matrix(n: int = 100, p: int = 7, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(n, p, generator=torch.Generator().manual_seed(0)).to(dtype)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("shard_rows", [7, 100, 1000])
def test_round_trip_and_blocks(tmp_path, dtype, shard_rows):
    x = matrix(dtype=torch.float64)
    table = FeatureTable.from_arrays(tmp_path, x, torch.arange(100) % 3, dtype=dtype, shard_rows=shard_rows)
    stored = x.to(getattr(torch, dtype))
    assert isinstance(table, Rows)
    assert table.shape == (100, 7)
    assert table.dtype is stored.dtype
    for rows in (1, 9, 100, 8192):
        spans, blocks = zip(*table.blocks(rows), strict=True)
        assert torch.equal(torch.cat(blocks), stored)
        assert [s.start for s in spans] == [0, *(s.stop for s in spans[:-1])]
        assert [s.stop - s.start for s in spans] == [len(b) for b in blocks]
        assert max(map(len, blocks)) <= rows
    index = torch.tensor([99, 0, 50, 50, 13])
    assert torch.equal(table.take(index), stored[index])


@pytest.mark.parametrize("index", [list(range(20, 70)), list(range(0, 100, 3)), [5, 3, 99, 0], []])
def test_view_equals_indexing(tmp_path, index):
    x = matrix()
    table = FeatureTable.from_arrays(tmp_path, x, shard_rows=16)
    view = table.view(index)
    expected = x[torch.tensor(index, dtype=torch.int64)]
    assert view.shape == (len(index), 7)
    got = [block for _, block in view.blocks(8)]
    assert torch.equal(torch.cat(got) if got else torch.empty(0, 7), expected)
    if index:
        assert torch.equal(view.take(torch.tensor([1, 0])), expected[[1, 0]])
        assert torch.equal(view.view([2, 0]).take(torch.tensor([0, 1])), expected[[2, 0]])


def test_row_numbers_need_not_lie_side_by_side(tmp_path):
    x = matrix()
    table = FeatureTable.from_arrays(tmp_path, x, shard_rows=16)
    column = torch.tensor([[99, 1], [0, 2], [50, 3]])[:, 0]
    assert not column.is_contiguous()
    assert torch.equal(table.take(column), x[column])


def test_view_takes_masks_and_refuses_rows_outside(tmp_path):
    table = FeatureTable.from_arrays(tmp_path, matrix())
    assert table.view(torch.arange(100) < 10).index.tolist() == list(range(10))
    with pytest.raises(DataError, match="outside the table"):
        table.view([100])


def test_blocks_inside_one_shard_are_not_copied(tmp_path):
    table = FeatureTable.from_arrays(tmp_path, matrix(), shard_rows=50)
    (_, a), (_, b) = table.blocks(50)
    (_, c) = next(iter(table.blocks(50)))
    assert a.data_ptr() == c.data_ptr() != b.data_ptr()


def test_everything_about_the_rows_comes_back(tmp_path):
    about = {
        "class_names": ["cat", "dog"],
        "feature_names": [f"f{j}" for j in range(7)],
        "uris": [f"{i}.png" for i in range(100)],
        "texts": ["wörter, \n neue Zeile"] * 100,
        "columns": {"group": np.array(["a", "b"] * 50), "box": np.arange(400).reshape(100, 4), "x": np.ones(100)},
        "prediction": np.zeros(100, np.int64),
        "dense_head": (torch.ones(2, 7), torch.zeros(2)),
        "kind": "text",
    }
    FeatureTable.from_arrays(tmp_path, matrix(), np.arange(100) % 2, **about)
    table = FeatureTable.open(tmp_path, verify=True)
    assert table.labels.tolist() == [0, 1] * 50
    assert table.labels.dtype is torch.int64
    assert table.class_names == about["class_names"]
    assert table.feature_names == about["feature_names"]
    assert table.uris == about["uris"]
    assert table.texts == about["texts"]
    assert table.columns["group"].tolist() == ["a", "b"] * 50
    assert np.array_equal(table.columns["box"], about["columns"]["box"])
    assert table.prediction.tolist() == [0] * 100
    assert torch.equal(table.dense_head.weight, torch.ones(2, 7))
    assert table.kind == "text"


def test_many_labels_at_once(tmp_path):
    labels = np.random.default_rng(0).integers(0, 2, (100, 6))
    table = FeatureTable.from_arrays(tmp_path, matrix(), labels)
    assert np.array_equal(table.labels.numpy(), labels)
    assert len(table.class_names) == 6


def test_half_precision_that_overflows_falls_back(tmp_path):
    x = matrix()
    x[50, 3] = 1e5
    table = FeatureTable.from_arrays(tmp_path, x, dtype="float16", shard_rows=10)
    assert table.dtype is torch.float32
    assert torch.equal(table.take(torch.arange(100)), x)
    assert "overflow float16" in table.manifest["dtype_note"]
    assert FeatureTable.from_arrays(tmp_path / "b", x, dtype="bfloat16").dtype is torch.bfloat16


def test_keys_follow_content(tmp_path):
    keys = [
        FeatureTable.from_arrays(tmp_path / str(i), x, y).key
        for i, (x, y) in enumerate([(matrix(), [0] * 100), (matrix(), [0] * 100), (matrix() + 1, [0] * 100)])
    ]
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    ("labels", "message"),
    [([0] * 90, "do not match rows"), ([0.5] * 100, "whole numbers"), ([-1] + [0] * 99, "must be 0, 1, 2")],
)
def test_bad_labels(tmp_path, labels, message):
    with pytest.raises(DataError, match=message):
        FeatureTable.from_arrays(tmp_path, matrix(), labels)


def test_bad_names_and_types(tmp_path):
    with pytest.raises(DataError, match="feature names"):
        FeatureTable.from_arrays(tmp_path, matrix(), feature_names=["one"])
    with pytest.raises(DataError, match="class names"):
        FeatureTable.from_arrays(tmp_path, matrix(), [2] * 100, class_names=["a"])
    with pytest.raises(SettingError, match="stored type"):
        FeatureTable.from_arrays(tmp_path, matrix(), dtype="int4")
    with pytest.raises(DataError, match="no features"):
        FeatureTable.from_arrays(tmp_path, torch.empty(0, 3))


def test_a_table_without_its_manifest_is_no_table(tmp_path):
    FeatureTable.from_arrays(tmp_path, matrix())
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(ArtifactError, match="does not exist"):
        FeatureTable.open(tmp_path)


@pytest.mark.parametrize("name", ["shard-00000.safetensors", "rows.parquet"])
def test_truncated_files_are_refused(tmp_path, name):
    FeatureTable.from_arrays(tmp_path, matrix(), [0] * 100)
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ArtifactError, match="not the file"):
        FeatureTable.open(tmp_path)


def test_a_changed_byte_is_found_by_verify(tmp_path):
    FeatureTable.from_arrays(tmp_path, matrix())
    path = tmp_path / "shard-00000.safetensors"
    raw = bytearray(path.read_bytes())
    raw[-5] ^= 1
    path.write_bytes(raw)
    with pytest.raises(ArtifactError, match="not the file"):
        FeatureTable.open(tmp_path, verify=True)


def test_a_header_that_lies_is_refused(tmp_path):
    from clearhead.features.shards import read_header

    path = tmp_path / "bad.safetensors"
    for raw in (
        b"",
        b"\xff" * 8,
        b"\x02\0\0\0\0\0\0\0[]",
        b"\x40\0\0\0\0\0\0\0"
        + json.dumps({"features": {"dtype": "F32", "shape": [9, 9], "data_offsets": [0, 324]}}).ljust(64).encode(),
    ):
        path.write_bytes(raw)
        with pytest.raises(ArtifactError, match="truncated"):
            read_header(path)


def test_reading_never_changes_the_file(tmp_path):
    table = FeatureTable.from_arrays(tmp_path, matrix())
    next(iter(table.blocks()))[1].zero_()
    assert torch.equal(FeatureTable.open(tmp_path, verify=True).take(torch.arange(100)), matrix())


class TestFeatureFiles:
    def test_npz(self, tmp_path):
        names = np.array(["wing", "beak"])
        np.savez(
            tmp_path / "f.npz",
            features=matrix(10, 2, torch.float16).numpy(),
            labels=np.arange(10) % 2,
            feature_names=names,
            index=np.arange(10),
        )
        table = from_file(tmp_path / "f.npz", tmp_path / "t", class_names=["no", "yes"])
        assert table.dtype is torch.float16
        assert table.feature_names == ["wing", "beak"]
        assert table.class_names == ["no", "yes"]
        assert table.columns["index"].tolist() == list(range(10))

    def test_safetensors(self, tmp_path):
        from safetensors.torch import save_file

        save_file({"features": matrix(10, 2), "labels": torch.arange(10) % 2}, tmp_path / "f.safetensors")
        table = from_file(tmp_path / "f.safetensors", tmp_path / "t")
        assert torch.equal(table.take(torch.arange(10)), matrix(10, 2))

    @pytest.mark.parametrize("wide", [True, False])
    def test_parquet(self, tmp_path, wide):
        import pandas as pd

        x = matrix(10, 3).numpy()
        frame = pd.DataFrame(x, columns=["a", "b", "c"]) if wide else pd.DataFrame({"features": list(x)})
        frame["label"] = ["no", "yes"] * 5
        frame.to_parquet(tmp_path / "f.parquet")
        table = from_file(tmp_path / "f.parquet", tmp_path / "t")
        assert np.array_equal(table.take(torch.arange(10)).numpy(), x)
        assert table.class_names == ["no", "yes"]
        assert (table.feature_names == ["a", "b", "c"]) is wide

    def test_pickled_objects_are_refused(self, tmp_path):
        np.savez(tmp_path / "f.npz", features=np.array([{}, {}], dtype=object))
        with pytest.raises(UntrustedError, match="execute code"):
            from_file(tmp_path / "f.npz", tmp_path / "t")

    def test_arrays_larger_than_memory_are_refused_before_they_are_read(self, tmp_path, monkeypatch):
        np.savez_compressed(tmp_path / "f.npz", features=np.zeros((4000, 100)))
        assert (tmp_path / "f.npz").stat().st_size < 20_000
        monkeypatch.setattr("clearhead.features.files.os.sysconf", lambda name: 1000)
        with pytest.raises(UntrustedError, match="do not fit in memory"):
            from_file(tmp_path / "f.npz", tmp_path / "t")

    def test_an_array_that_claims_more_than_there_is(self, tmp_path):
        header = "{'descr': '<f8', 'fortran_order': False, 'shape': (900000000000, 1000), }".ljust(117) + chr(10)
        with zipfile.ZipFile(tmp_path / "f.npz", "w") as archive:
            archive.writestr("features.npy", b"\x93NUMPY\x01\x00" + b"v\x00" + header.encode())
        with pytest.raises((UntrustedError, DataError)):
            from_file(tmp_path / "f.npz", tmp_path / "t")

    @pytest.mark.parametrize(("name", "raw"), [("f.npz", b"PK\x03\x04junk"), ("f.parquet", b"PAR1"), ("f.csv", b"a")])
    def test_unreadable(self, tmp_path, name, raw):
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(DataError):
            from_file(tmp_path / name, tmp_path / "t")

    def test_no_features(self, tmp_path):
        np.savez(tmp_path / "f.npz", other=np.zeros(3))
        with pytest.raises(DataError, match="no features"):
            from_file(tmp_path / "f.npz", tmp_path / "t")
