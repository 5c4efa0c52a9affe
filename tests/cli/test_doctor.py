"""The checkup of a machine, and what is kept of its measured speeds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from clearhead.core.errors import ArtifactError, SettingError
from clearhead.runs import measuring
from clearhead.runs.doctor import checkup
from clearhead.runs.planning import planned_fit
from clearhead.runs.roofline import Rate, Roofline, cache_folder, chosen, data_sheet, keep, stored
from clearhead.runs.run import Run


def some(**changes: object) -> Roofline:
    rates = [Rate("times", 10, 1000, 1e-9), Rate("times", 20, 1000, 3e-9), Rate("times", 10, 100_000, 2e-9)]
    known = {"device": "x", "measured": True, "threads": 1, "memory": 1, "read": 1e9, "gemm": 1e10, "disk": 1e8}
    return Roofline(**{**known, "widen": 1e9, "link": 1e9, "overhead": 1e-3, "rates": rates, **changes})  # type: ignore[arg-type]


def test_rates_are_interpolated() -> None:
    roofline = some()
    assert roofline.seconds("times", 10, 1) == 1e-9
    assert roofline.seconds("times", 15, 1000) == pytest.approx(2e-9)
    assert roofline.seconds("times", 40, 1000) == pytest.approx(6e-9), "proportional beyond the last"
    assert roofline.seconds("times", 10, 10_000) == pytest.approx(1.5e-9), "halfway between the sizes, in logarithms"
    assert roofline.seconds("times", 10, 10**9) == 2e-9
    assert roofline.seconds("against", 1, 1) == 4e-9, "not measured: four bytes an element from memory"


def test_speeds_are_kept_and_read_again(tmp_path: Path) -> None:
    assert stored(tmp_path) is None
    keep(some(), tmp_path)
    assert stored(tmp_path) == some()
    file = tmp_path / "roofline.json"
    data = json.loads(file.read_text())
    file.write_text(json.dumps({**data, "schema": 0}))
    assert stored(tmp_path) is None
    del data["rates"]
    file.write_text(json.dumps(data))
    with pytest.raises(ArtifactError, match="damaged"):
        stored(tmp_path)


def test_the_device_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingError, match="has not been measured"):
        chosen("measured", tmp_path, gpu=False)
    keep(some(), tmp_path)
    assert chosen("measured", tmp_path, gpu=False) == some()
    with pytest.raises(SettingError, match="no GPU"):
        chosen("measured", tmp_path, gpu=True)
    assert chosen("h200", tmp_path, gpu=True) == data_sheet("H200")
    with pytest.raises(SettingError, match="no figures"):
        data_sheet("abacus")
    monkeypatch.setenv("CLEARHEAD_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path


def test_the_checkup_finds_this_machine(tmp_path: Path) -> None:
    found = checkup(tmp_path / "not" / "there")
    assert found.cores >= 1
    assert found.memory > found.memory_free > 0
    assert found.versions["torch"]
    assert found.roofline is None
    assert "not measured" in found.text()
    assert {tool.name for tool in found.tools} >= {"R with glmnet", "chromium", "node", "postgres"}
    missing = [tool for tool in found.tools if tool.found is None]
    assert all(tool.install in found.text() for tool in missing)
    json.dumps(found.as_dict())


def test_measuring_at_small_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ROWS", (64,)), ("WORKING_SETS", (16,)), ("BIG", 1000)):
        monkeypatch.setattr(measuring, name, value)
    for name, value in (("FEATURES", 32), ("FILE", 1 << 23), ("SQUARE", 16), ("STREAMED", 300)):
        monkeypatch.setattr(measuring, name, value)
    found = measuring.measure(tmp_path)
    assert min(found.read, found.gemm, found.disk, found.widen, found.overhead) > 0
    measured = {(rate.kind, rate.outputs) for rate in found.rates}
    assert measured == {(kind, k) for kind in ("times", "against", "softmax", "descent") for k in measuring.OUTPUTS}
    assert all(rate.seconds > 0 for rate in found.rates)
    keep(found, tmp_path)
    assert stored(tmp_path) == found


def test_the_commands(tmp_path: Path, call: Callable[..., tuple[int, str, str]]) -> None:
    cache = ("--cache", str(tmp_path))
    code, out, _ = call("doctor", "--json", *cache)
    assert code == 0
    assert json.loads(out)["roofline"] is None
    size = ("--n", "1e6", "--p", "512", "--k", "10")
    code, _, err = call("plan", *size, *cache)
    assert code == 2
    assert "doctor --measure" in err
    keep(some(memory=1 << 34), tmp_path)
    code, out, _ = call("plan", *size, "--json", *cache)
    assert code == 0
    assert json.loads(out)["form"] == "dense"
    code, out, _ = call("plan", *size, "--gpus", "2", "--memory", "1GiB")
    assert code == 0
    assert "data sheet, not measured" in out


def test_a_fit_is_planned_from_its_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    X = torch.randn(400, 30, generator=torch.Generator().manual_seed(0))
    np.savez(
        tmp_path / "f.npz", features=X.half().numpy(), labels=(X[:, 0] > 0).long().numpy() + 2 * (X[:, 1] > 0).numpy()
    )
    monkeypatch.setenv("CLEARHEAD_CACHE", str(tmp_path / "cache"))
    run = Run(tmp_path / "run", features=tmp_path / "f.npz", n_lambdas=7, memory="200kB")
    run.extract()
    with pytest.raises(SettingError, match="has not been measured"):
        planned_fit(run)
    keep(some(), tmp_path / "cache")
    answer = planned_fit(run)
    job = answer.job
    assert (job.n, job.p, job.k, job.lambdas, job.memory) == (len(run.split.train), 30, 4, 7, 200_000)
    assert job.dtype is torch.float64, "small problems are solved in it"
    assert answer.blockwise
