"""The ground floor: exact moments, atomic files, honest errors."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from clearhead.core.artifacts import (
    atomic_path,
    content_key,
    lock,
    read_json,
    read_tensors,
    write_json,
    write_tensors,
)
from clearhead.core.errors import ArtifactError, DataError, LockedError, StorageError
from clearhead.core.finding import Estimate, Finding, Table
from clearhead.core.rows import TensorRows, as_rows, check_finite
from clearhead.core.scaling import Standardizer
from clearhead.core.seeds import derive


@given(st.integers(1, 40), st.integers(1, 6), st.integers(0, 10**6), st.integers(1, 7))
def test_moments_do_not_depend_on_blocks(n: int, p: int, seed: int, block: int) -> None:
    x = torch.randn(n, p, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 3 + 100

    class Blocks(TensorRows):
        def blocks(self, rows: int = block):
            return super().blocks(block)

    s = Standardizer.fit(Blocks(x))
    torch.testing.assert_close(s.mean, x.mean(0))
    torch.testing.assert_close(s.scale, x.std(0, correction=0), atol=1e-9, rtol=1e-9)


def test_integer_weights_are_repeated_rows() -> None:
    x, w = torch.randn(20, 3), torch.randint(0, 4, (20,))
    once, repeated = Standardizer.fit(as_rows(x), w.double()), Standardizer.fit(as_rows(x.repeat_interleave(w, 0)))
    torch.testing.assert_close(once.mean, repeated.mean)
    torch.testing.assert_close(once.scale, repeated.scale)


def test_constant_feature_maps_to_zero() -> None:
    x = torch.full((50, 2), 0.1)
    x[:, 1] = torch.arange(50)
    s = Standardizer.fit(as_rows(x))
    assert s.scale[0] == 0
    assert (s.transform(x)[:, 0] == 0).all()
    coef, intercept = s.to_raw(torch.ones(2, 1).double(), torch.zeros(1).double())
    assert coef[0] == 0
    assert torch.isfinite(intercept).all()


def test_raw_and_standardised_heads_agree() -> None:
    x, coef, b = torch.randn(30, 4).double() + 5, torch.randn(4, 3).double(), torch.randn(3).double()
    s = Standardizer.fit(as_rows(x))
    raw, intercept = s.to_raw(coef, b)
    torch.testing.assert_close(x @ raw + intercept, s.transform(x) @ coef + b)
    back, b2 = s.from_raw(raw, intercept)
    torch.testing.assert_close(back, coef)
    torch.testing.assert_close(b2, b)


def test_bad_value_is_named() -> None:
    x = torch.zeros(9000, 3)
    x[8500, 1] = float("nan")
    with pytest.raises(DataError, match="nan in row 8500, column 1"):
        check_finite(as_rows(x))
    check_finite(as_rows(torch.full((3, 2), 3e38)))


def test_features_that_are_not_numbers() -> None:
    with pytest.raises(DataError, match="numbers"):
        as_rows(np.array([["a", "b"]]))
    with pytest.raises(DataError, match="matrix"):
        as_rows([1.0, 2.0])


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_json(path, {"a": 1})
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert read_json(path) == {"a": 1}
    assert [f.name for f in tmp_path.iterdir()] == ["x.json"]


def test_full_disk_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="disk is full"), atomic_path(tmp_path / "x") as temporary:
        with open("/dev/full", "w") as full:
            full.write("x" * 100_000)
        temporary.write_text("never reached")
    assert not list(tmp_path.iterdir())


def test_truncated_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    write_tensors(path, {"a": torch.arange(100.0)})
    torch.testing.assert_close(read_tensors(path)["a"], torch.arange(100.0))
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(ArtifactError, match="truncated"):
        read_tensors(path)
    (tmp_path / "j.json").write_text('{"a": ')
    with pytest.raises(ArtifactError, match="not valid JSON"):
        read_json(tmp_path / "j.json")
    with pytest.raises(ArtifactError, match="does not exist"):
        read_json(tmp_path / "absent.json")


def test_non_finite_numbers_become_null(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"a": [float("nan"), np.float32(2), torch.tensor([1, 2])]})
    assert read_json(tmp_path / "x.json") == {"a": [None, 2.0, [1, 2]]}


def test_content_keys() -> None:
    x = torch.randn(3, 3)
    assert content_key({"a": 1, "b": x}) == content_key({"b": x.clone(), "a": 1})
    assert content_key(x) != content_key(x.double())
    assert content_key(x.bfloat16()) != content_key(x.half())
    assert content_key([1, 2], [3]) != content_key([1], [2, 3])
    assert derive(1, "a") != derive(2, "a")


def _hold(folder: str, ready, release) -> None:
    with lock(Path(folder)):
        ready.set()
        release.wait(20)
        os._exit(9)  # a crash: the lock must not outlive it


def test_one_writer_a_folder(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, release = context.Event(), context.Event()
    process = context.Process(target=_hold, args=(str(tmp_path), ready, release))
    process.start()
    assert ready.wait(60)
    with pytest.raises(LockedError), lock(tmp_path):
        pass
    release.set()
    process.join()
    with lock(tmp_path):
        assert True


def test_findings_survive_a_round_trip(tmp_path: Path) -> None:
    finding = Finding(
        "tradeoff",
        "Trade-off",
        "It holds.",
        numbers={"accuracy": Estimate(0.9, 0.8, 0.95, 100, "Wilson"), "k": 3},
        tables={"points": Table({"lambda": [1.0, 0.5], "note": ["a", None]}, {"lambda": "penalty"})},
        caveats=("small n",),
        settings={"seed": 0},
        media={"picture": "findings/media/a.png"},
    )
    finding.save(tmp_path / "f.json")
    assert Finding.load(tmp_path / "f.json") == finding
    assert finding.tables["points"].rows()[1] == {"lambda": 0.5, "note": None}
    write_json(tmp_path / "f.json", {**finding.as_dict(), "schema": 99})
    with pytest.raises(ArtifactError, match="another version"):
        Finding.load(tmp_path / "f.json")
    with pytest.raises(ValueError, match="different lengths"):
        Table({"a": [1], "b": []})


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_a_constant_feature_has_no_deviation_whatever_its_size_and_the_weights(dtype: torch.dtype) -> None:
    X = torch.randn(3000, 3).to(dtype)
    X[:, 1] = 1234.5
    found = Standardizer.fit(TensorRows(X), torch.rand(3000, dtype=torch.float64) + 0.5)
    assert float(found.scale[1]) == 0.0
    assert float(found.mean[1]) == float(X[0, 1])
    assert float(found.scale[0]) > 0.9


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_moments_of_rows_that_drift_have_few_roundings_on_any_number_of_threads(dtype: torch.dtype) -> None:
    n, p = 20_000, 300
    X = torch.randn(n, p, generator=torch.Generator().manual_seed(0)) + torch.linspace(0, 30, n)[:, None]
    X[:900] += 2000  # a part without weight, far from all others
    X[5000] -= 1000
    weight = torch.rand(n, dtype=torch.float64)
    weight[:900] = 0
    X, threads, found = X.to(dtype), torch.get_num_threads(), []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            found.append(Standardizer.fit(TensorRows(X), weight))
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(threads)
    share = weight / weight.sum()
    mean = share @ X.double()
    assert torch.equal(found[0].mean, found[1].mean)
    assert torch.equal(found[0].scale, found[1].scale)
    tolerance = 1e-5 if dtype is torch.float16 else 1e-12
    torch.testing.assert_close(found[0].mean, mean, rtol=tolerance, atol=0)
    torch.testing.assert_close(found[0].scale, (share @ (X.double() - mean).square()).sqrt(), rtol=tolerance, atol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("other", [3.0, 60000.0])
def test_a_feature_that_is_constant_where_rows_count_has_no_deviation(dtype: torch.dtype, other: float) -> None:
    for seed in range(5):
        weight = torch.rand(3001, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        weight[::10] = 0
        X = torch.randn(3001, 2).to(dtype)
        X[:, 0] = 0
        X[::10, 0] = other
        found = Standardizer.fit(TensorRows(X), weight)
        assert float(found.scale[0]) == 0.0
        assert float(found.mean[0]) == 0.0
