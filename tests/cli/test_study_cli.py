"""The study's verbs: rehearse, build from a run, serve, export, import, analyse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.mark.slow
def test_rehearsal_of_the_papers_plan(call: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = call("study", "simulate", "--plan", "--studies", "5", "--pay", "0.1", "--json", "--quiet")
    assert code == 0
    numbers = json.loads(out)["numbers"]
    assert numbers["tasks"] == 2000
    assert numbers["cost"] == 1330.0
    for arm in ("dense", "sparse"):
        assert (
            numbers[f"recovered_{arm}"]["low"]
            < numbers[f"planted_{arm}"]["value"]
            < numbers[f"recovered_{arm}"]["high"]
        )


def test_rehearsal_without_a_run_is_of_the_demo(
    world: Path, tmp_path: Path, call: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    demo, made = tmp_path / "demo", []
    sources = ("--model", f"{world / 'network.py'}:network", "--data", str(world / "images"))

    def small_demo(out: Path, progress: object) -> None:
        made.append(out)
        call("run", *sources, "--n-lambdas", "5", "--rule", "best", "--quiet", "--out", str(out))

    monkeypatch.setattr("clearhead.cli.study.DEMO", demo)
    monkeypatch.setattr("clearhead.runs.demo.demo", small_demo)
    for _ in range(2):
        code, out, err = call("study", "simulate", "--studies", "2", "--people", "20", "--json", "--quiet")
        assert code == 0, err
    assert made == [demo]
    finding = json.loads(out)
    assert finding["settings"]["crew"]["size"] == 20
    assert {f"{what}_{arm}" for what in ("planted", "recovered") for arm in ("dense", "sparse")} <= set(
        finding["numbers"]
    )
    assert (demo / "findings" / "rehearsed_simulate.json").exists()


def test_what_the_owner_decides_is_asked_by_flags(
    world: Path, tmp_path: Path, call: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = str(tmp_path / "run")
    sources = ("--model", f"{world / 'network.py'}:network", "--data", str(world / "images"))
    call("run", *sources, "--n-lambdas", "5", "--rule", "best", "--quiet", "--out", run)
    flags = ("--tasks", "2", "--answers", "3", "--repeats", "4", "--warning", "Spiders.", "--seed", "7")
    code, out, err = call("study", "build", run, *flags, "--json", "--quiet")
    assert code == 0, err
    assert json.loads(out)["tasks"] == 2 * 2 * 10 + 4
    tasks = json.loads((tmp_path / "run" / "study" / "simulate" / "tasks.json").read_text())
    assert (tasks["answers_per_task"], tasks["content_warning"]) == (3, "Spiders.")
    assert len(tasks["settings"]["repeats_of"]) == 4

    served = []
    monkeypatch.setattr("clearhead.study.server.app.run_server", lambda app, host, port: served.append((host, port)))
    flags = ("--platform", "--completion-code", "C1", "--quota", "9", "--hosts", "a.example", "--https", "--port", "81")
    code, out, err = call("study", "serve", run, *flags, "--invite", "2", "--json")
    assert code == 0, err
    assert served == [("127.0.0.1", 81)]
    assert [link.rpartition("/")[0] for link in json.loads(out)["links"]] == ["https://a.example/join"] * 2
    code, _, err = call("study", "serve", run, "--completion-url", "javascript:x")
    assert code == 2
    assert "web address" in err

    to = str(tmp_path / "bundle")
    code, _, err = call("study", "export", run, "--to", to, "--form", "bundle", "--people", "6", "--quiet")
    assert code == 0, err
    text = (tmp_path / "bundle" / "tasks.js").read_text()
    lists = json.loads(text.removeprefix("window.STUDY = ").removesuffix(";\n"))["lists"]
    assert sum(map(len, lists)) == 44 * 3
    assert len(lists) == 6


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
