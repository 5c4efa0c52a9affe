"""The study's verbs: rehearse on the paper's plan, build from a run, export, import, analyse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.mark.slow
def test_rehearsal_without_a_run(call: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = call("study", "simulate", "--studies", "5", "--json", "--quiet")
    assert code == 0
    finding = json.loads(out)
    assert finding["kind"] == "study_rehearsal"
    assert finding["numbers"]


def test_build_and_exports(world: Path, tmp_path: Path, call: Callable[..., tuple[int, str, str]]) -> None:
    run = str(tmp_path / "run")
    sources = ("--model", f"{world / 'network.py'}:network", "--data", str(world / "images"))
    call("run", *sources, "--n-lambdas", "5", "--rule", "best", "--quiet", "--out", run)
    code, out, err = call("study", "build", run, "--kind", "misclassification", "--json", "--quiet")
    assert code in (0, 2), err
    code, out, err = call("study", "build", run, "--kind", "simulate", "--json", "--quiet")
    assert code == 0, err
    assert json.loads(out)["tasks"] > 0
    code, _, err = call("study", "export", run, "--to", str(tmp_path / "bundle"), "--form", "bundle", "--quiet")
    assert code == 0, err
    assert (tmp_path / "bundle" / "index.html").exists()
    code, _, err = call("study", "analyze", run, "--quiet")
    assert code == 4
    assert "nobody has answered" in err


def test_figures_and_data_check(world: Path, tmp_path: Path, call: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = call("data", "check", str(world / "images"), "--json", "--quiet")
    assert code == 0, err
    assert "120" in out
    run = str(tmp_path / "run")
    sources = ("--model", f"{world / 'network.py'}:network", "--data", str(world / "images"))
    call("run", *sources, "--n-lambdas", "5", "--quiet", "--out", run)
    code, out, err = call("figures", run, "--json", "--quiet")
    assert code == 0, err
    made = json.loads(out)["figures"]
    assert any(path.endswith(".pdf") for path in made)
    assert all(Path(path).stat().st_size > 0 for path in made)
