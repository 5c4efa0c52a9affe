"""The verb that explains features: what it costs beforehand, and that its settings reach the work."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(world: Path, tmp_path: Path, call: Call) -> str:
    out = str(tmp_path / "run")
    sources = ("--model", f"{world / 'network.py'}:network", "--data", str(world / "images"))
    code, _, err = call("run", *sources, "--n-lambdas", "5", "--rule", "best", "--quiet", "--out", out)
    assert code == 0, err
    return out


def test_steps_reach_the_ascent_and_its_price(run: str, call: Call) -> None:
    asked = ("explain", run, "--features", "leading", "--only", "visualization", "--json", "--quiet")
    passes = {}
    for steps in ("2", "4"):
        code, out, err = call(*asked, "--steps", steps, "--dry-run")
        assert code == 0, err
        passes[steps] = next(c["passes"] for c in json.loads(out)["costs"] if c["kind"].startswith("visual"))
    assert passes["4"] == 2 * passes["2"] > 0
    assert not list((Path(run) / "findings").glob("visualization.json")), "a dry run writes nothing"
    kept = {}
    for steps in ("2", "4"):
        code, out, err = call(*asked, "--steps", steps)
        assert code == 0, err
        (finding,) = json.loads(out)["findings"]
        assert finding["settings"]["ascent"]["steps"] == int(steps)
        kept[steps] = finding["settings"]["key"]
    assert kept["2"] != kept["4"], "pictures of another number of steps are other pictures"
