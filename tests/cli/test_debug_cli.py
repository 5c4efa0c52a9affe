"""``clearhead debug`` and ``edit``: what was asked is shown, what cannot be done is said in one message."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def run(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from clearhead.runs.run import Run

    folder = tmp_path_factory.mktemp("runs") / "colours"
    sources = {"model": f"{world / 'network.py'}:network", "data": str(world / "images")}
    Run(folder, **sources, n_lambdas=6, lambda_min_ratio=0.02, dtype="float64", rule="best").select()
    return folder


def test_only_what_was_asked_is_shown(run: Path, call: Call) -> None:
    code, out, _ = call("debug", str(run), "--quiet")
    assert code == 0
    assert "Why it errs" in out or "misclassified (the head makes no error" in out
    assert "left out: bias_words, counterfactual_text, counterfactual_image (not asked for: pass --count" in out
    code, out, _ = call("debug", str(run), "--only", "ablation,compare", "--k", "2", "--quiet")
    assert [line.split(":")[0] for line in out.splitlines()] == [
        "What the 2 strongest features of each class carry",
        "left out",
    ]
    code, out, _ = call("debug", str(run), "--only", "ablation", "--json", "--quiet")
    answer = json.loads(out)
    assert [f["kind"] for f in answer["findings"]] == ["ablation"]
    assert answer["left_out"] == {}


def test_the_selected_head_has_one_accuracy(run: Path, call: Call) -> None:
    _, out, _ = call("debug", str(run), "--only", "ablation,tradeoff", "--json", "--quiet")
    found = {f["kind"]: f["numbers"] for f in json.loads(out)["findings"]}
    assert found["tradeoff"]["test_accuracy"] == found["ablation"]["sparse_all"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "ablations"], "no such analysis"),
        (["--k", "0"], "k must be at least 1"),
        (["--examples", "0", "--counterfactuals"], "examples must be at least 1"),
        (["--counterfactuals", "--target", "rde"], "did you mean red"),
    ],
)
def test_what_cannot_be_asked(run: Path, call: Call, arguments: list[str], message: str) -> None:
    code, out, err = call("debug", str(run), *arguments, "--quiet")
    assert (code, out) == (2, "")
    assert message in err


@pytest.mark.parametrize("verb", [["debug"], ["edit", "--suggested"]])
def test_no_run_there(tmp_path: Path, call: Call, verb: list[str]) -> None:
    code, _, err = call(verb[0], str(tmp_path / "none"), *verb[1:])
    assert code == 4
    assert "is no run" in err
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"schema": 1, "edits": [{"feature": "featur 3"}]}', "edit 0: no feature has this name"),
        ('{"schema": 1, "edits": [{"feature": 0, "classes": ["rde"]}]}', "edit 0: no class has this name"),
        ('{"schema": 1, "edits": [{"feature": 0, "action": "halve"}]}', "remove or clip or scale or merge"),
        ('{"schema": 1, "edits": []}', "there is nothing to edit"),
        ("[1, 2]", "is not a list of edits"),
        ("{", "is not valid JSON"),
        (None, "does not exist"),
    ],
)
def test_edits_that_cannot_be_done(run: Path, tmp_path: Path, call: Call, text: str | None, message: str) -> None:
    file = tmp_path / "edits.json"
    if text is not None:
        file.write_text(text)
    code, _, err = call("edit", str(run), "--edits", str(file), "--out", str(tmp_path / "new"), "--quiet")
    assert code == 2
    assert message in err
    assert "run the step" not in err, "the file is the user's own"
    assert not (tmp_path / "new").exists()


def test_edits_that_empty_a_class_name_the_flag(run: Path, tmp_path: Path, call: Call) -> None:
    from clearhead.runs.run import Run

    every = [{"feature": int(j), "classes": ["red"]} for j in Run(run).head.used()]
    (tmp_path / "edits.json").write_text(json.dumps({"schema": 1, "edits": every}))
    asked = ["edit", str(run), "--edits", str(tmp_path / "edits.json"), "--out", str(tmp_path / "new"), "--quiet"]
    code, _, err = call(*asked)
    assert code == 2
    assert "no feature speaks for some classes" in err
    assert "--allow-empty" in err
    code, out, _ = call(*asked, "--allow-empty")
    assert code == 0
    assert "points, 95 % interval" in out


def test_no_errors_two_classes_and_a_class_never_predicted(tmp_path: Path, call: Call) -> None:
    draw = np.random.default_rng(0)
    y = np.arange(300) % 2
    np.savez(tmp_path / "easy.npz", features=np.eye(2)[y] + 0.01 * draw.normal(size=(300, 2)), labels=y)
    code, _, err = call("fit", "--features", str(tmp_path / "easy.npz"), "--out", str(tmp_path / "easy"), "--quiet")
    assert code == 0, err
    code, out, _ = call("debug", str(tmp_path / "easy"), "--quiet")
    assert code == 0
    assert "misclassified (the head makes no error on these rows" in out
    assert "confusion (confusion by pairs needs at least three classes" in out
    assert "spurious (two classes share every feature" in out
    rare = np.concatenate([np.zeros(280), np.ones(280), np.full(40, 2)]).astype(int)
    X = np.eye(3)[rare][:, :2] * 3 + draw.normal(size=(600, 2))
    X[rare == 2] = draw.normal(size=(40, 2)) + 1.5  # in the middle of the others
    np.savez(tmp_path / "rare.npz", features=X, labels=rare)
    asked = ["fit", "--features", str(tmp_path / "rare.npz"), "--out", str(tmp_path / "rare"), "--quiet"]
    assert call(*asked)[0] == 0
    _, out, _ = call("debug", str(tmp_path / "rare"), "--only", "misclassified", "--json", "--quiet")
    caveats = json.loads(out)["findings"][0]["caveats"]
    assert any(
        "Never predicted on these rows: class 2" in c or "Never predicted on these rows: 2" in c for c in caveats
    )
