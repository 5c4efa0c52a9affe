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


def test_a_rehearsal_leaves_what_people_said(
    world: Path, tmp_path: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    run = tmp_path / "run"
    sources = ("--model", f"{world / 'network.py'}:network", "--data", str(world / "images"))
    call("run", *sources, "--n-lambdas", "5", "--rule", "best", "--quiet", "--out", str(run))
    call("study", "build", str(run), "--quiet")
    answers = tmp_path / "answers.jsonl"
    tasks = json.loads((run / "study" / "simulate" / "tasks.json").read_text())["tasks"]
    given = [
        {"task": t["id"], "annotator": f"p{i}", "values": {"choice": "a", "confidence": 2}} for t in tasks for i in "ab"
    ]
    answers.write_text("".join(json.dumps(row) + "\n" for row in given))
    code, _, err = call("study", "import", str(run), str(answers), "--quiet")
    assert code == 0, err
    assert call("study", "analyze", str(run), "--quiet")[0] == 0
    people = (run / "findings" / "study_simulate.json").read_bytes()
    code, _, err = call("study", "simulate", str(run), "--studies", "2", "--quiet")
    assert code == 0, err
    assert (run / "findings" / "study_simulate.json").read_bytes() == people
    rehearsed = json.loads((run / "findings" / "rehearsed_simulate.json").read_text())
    assert rehearsed["title"].startswith("Rehearsal")
    assert "nobody was asked" in rehearsed["sentence"]
    assert json.loads((run / "findings" / "rehearsal_simulate.json").read_text())["settings"]["kind"] == "simulate"
    code, out, err = call("figures", str(run), "--json", "--quiet")
    assert code == 0, err
    names = {Path(path).name for path in json.loads(out)["figures"]}
    assert {"figure-24-simulate.svg", "figure-24-simulate-rehearsed.svg"} <= names


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
