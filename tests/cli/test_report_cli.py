"""``clearhead report``: what may offend starts covered, and the run remembers it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from clearhead.runs.config import RunConfig

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, call: Call) -> Path:
    X = np.random.default_rng(0).normal(size=(160, 5)).astype("float32")
    np.savez(tmp_path / "f.npz", X=X, y=(X[:, 0] > 0).astype("int64"))
    folder = tmp_path / "run"
    flags = ("--out", str(folder), "--n-lambdas", "4", "--sensitive", "--quiet")
    assert call("run", "--features", str(tmp_path / "f.npz"), *flags)[0] == 0
    return folder


def covered(run: Path) -> bool:
    """Whether the page starts covered, by what it is told of itself."""
    told = (run / "report" / "data" / "manifest.0.js").read_text(encoding="utf-8")
    found = re.findall(r"sensitive\W+(true|false)", told)
    assert len(found) == 1
    return bool(found[0] == "true")


def test_a_run_that_may_offend_is_covered_until_told_otherwise(run: Path, call: Call) -> None:
    assert RunConfig.load(run / "config.toml").data.sensitive
    assert covered(run)
    assert call("report", str(run), "--quiet")[0] == 0
    assert covered(run), "remembered"
    assert call("report", str(run), "--no-sensitive", "--quiet")[0] == 0
    assert not covered(run)
    assert call("report", str(run), "--sensitive", "--quiet")[0] == 0
    assert covered(run)
