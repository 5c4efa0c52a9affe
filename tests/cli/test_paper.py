"""The paper's experiments, and run folders, from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

Call = Callable[..., tuple[int, str, str]]


def test_the_list(call: Call) -> None:
    code, out, _ = call("paper", "list", "--json")
    assert code == 0
    found = {e["name"]: e for e in json.loads(out)["experiments"]}
    row = found["table37-imagenet-standard"]
    assert row["outputs"] == ["table37-imagenet-standard.md", "table37-imagenet-standard.tex"]
    assert row["inputs"]["layouts"] == ["imagenet"]
    code, _, err = call("paper", "run", "table37-sst")
    assert code == 2
    assert "--data" in err


def test_ls_and_clean(tmp_path: Path, call: Call) -> None:
    x = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    np.savez(tmp_path / "f.npz", features=x, labels=(x[:, 0] > 0).astype(int))
    run = tmp_path / "runs" / "one"
    call("fit", "--features", str(tmp_path / "f.npz"), "--out", str(run), "--n-lambdas", "4", "--quiet")
    code, out, _ = call("ls", str(tmp_path / "runs"), "--json")
    (listed,) = json.loads(out)["runs"]
    assert (code, listed["state"], listed["run"]) == (0, "report", str(run))
    assert listed["accuracy"] > 0.7
    code, out, _ = call("clean", str(run), "--json")
    assert set(json.loads(out)["parts"]) == {"features", "path", "report"}
    assert (run / "features").is_dir(), "only said"
    code, _, _ = call("clean", str(run), "--yes", "--json")
    assert not (run / "features").exists()
    assert (run / "head" / "head.json").is_file()
    assert list((run / "findings").glob("*.json"))
    code, _, err = call("clean", str(tmp_path), "--yes")
    assert code == 4, err
    assert (tmp_path / "f.npz").is_file()
