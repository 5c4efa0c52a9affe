"""The main job: end to end, one step at a time, resumed, and idle when nothing changed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from clearhead.core.errors import ArtifactError, DataError, LockedError, ModelError, SettingError
from clearhead.runs.run import Run

SMALL = {"n_lambdas": 8, "lambda_min_ratio": 0.02, "dtype": "float64"}


def assert_same(one: Run, two: Run) -> None:
    """Equal outcomes: rows, grid, certified heads, selection, findings."""
    assert torch.equal(one.split.train, two.split.train)
    torch.testing.assert_close(one.table.take(one.split.test), two.table.take(two.split.test), rtol=0, atol=0)
    torch.testing.assert_close(one.path.lambdas, two.path.lambdas, rtol=1e-6, atol=0)
    torch.testing.assert_close(one.path.coef, two.path.coef, rtol=0, atol=2e-2)
    assert max(one.path.worst_gap, two.path.worst_gap) <= 1e-4
    assert one.chosen == two.chosen
    assert torch.equal(one.head.weight != 0, two.head.weight != 0)
    assert {f.kind: f.sentence for f in one.findings} == {f.kind: f.sentence for f in two.findings}


@pytest.fixture(scope="module")
def finished(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("runs") / "colours"
    run = Run(folder, model=f"{world / 'network.py'}:network", data=str(world / "images"), **SMALL)
    run()
    return run


def test_the_main_job(finished: Run) -> None:
    summary = finished.summary()
    assert summary.split == {"train": 96, "val": 12, "test": 12}
    assert summary.statuses == {"Converged": 8}
    assert summary.worst_gap <= 1e-4
    assert 0.5 < summary.sparse_accuracy <= 1
    assert summary.dense == "the network's own dense head"
    assert Path(summary.report).read_text().startswith("<!doctype html>")
    for name in ("config.toml", "manifest.json", "split.json", "log.jsonl", "path/000.safetensors", "path/007.json"):
        assert (finished.folder / name).exists(), name


def test_the_selected_head_is_within_five_points_of_the_best_and_the_sparsest(finished: Run) -> None:
    from safetensors.torch import load_file

    scores = json.loads((finished.folder / "head" / "selection.json").read_text())["scores"][0]
    allowed = [i for i, s in enumerate(scores) if s >= max(scores) - 0.05]
    chosen = finished.chosen[0]
    assert chosen in allowed
    assert finished.path[chosen].nonzeros == min(finished.path[i].nonzeros for i in allowed)
    weight = load_file(finished.folder / "head" / "head.safetensors")["weight"]
    torch.testing.assert_close(weight, finished.path[chosen].coef, rtol=0, atol=2e-2)  # the path is solved to 1e-4


def test_the_selected_head_is_solved_to_1e_8_and_its_zeros_are_certified(finished: Run) -> None:
    proof = json.loads((finished.folder / "head" / "selection.json").read_text())
    assert proof["status"] == ["Converged"]
    assert proof["gap"][0] <= 1e-8
    assert proof["zeros"] == int((finished.head.weight == 0).sum())
    summary = finished.summary()
    assert 0 < summary.as_dict()["certified_zeros"] <= summary.zeros
    assert f"{summary.certified_zeros} of its {summary.zeros} zeros" in summary.text()


def test_the_scaler_saw_only_the_fitted_rows(finished: Run) -> None:
    rows = finished.table.take(finished.split.train).double()
    torch.testing.assert_close(finished.head.mean, rows.mean(0))


def test_nothing_is_done_twice(finished: Run) -> None:
    before = {p: p.stat().st_mtime_ns for p in finished.folder.rglob("*") if p.is_file() and p.name != ".lock"}
    Run(finished.folder)()
    assert {p: p.stat().st_mtime_ns for p in before} == before


def test_a_changed_setting_does_again_what_depends_on_it(finished: Run, world: Path, tmp_path: Path) -> None:
    settings = {"model": f"{world / 'network.py'}:network", "data": str(world / "images"), **SMALL}
    run = Run(tmp_path / "r", **settings)
    run()
    steps = json.loads((tmp_path / "r" / "manifest.json").read_text())["steps"]
    again = Run(tmp_path / "r", rule="best")
    again.select()
    changed = json.loads((tmp_path / "r" / "manifest.json").read_text())["steps"]
    assert changed["fit"] == steps["fit"]
    assert changed["select"]["key"] != steps["select"]["key"]
    assert "debug" not in changed, "findings about another head are not kept"


def test_steps_one_by_one_give_the_same(finished: Run, sources: dict[str, str], tmp_path: Path) -> None:
    run = Run(tmp_path / "steps", **sources, **SMALL)
    run.extract()
    Run(tmp_path / "steps").fit()
    Run(tmp_path / "steps").select()
    Run(tmp_path / "steps").debug()
    Run(tmp_path / "steps").report()
    assert_same(Run(tmp_path / "steps"), finished)


CHILD = "import sys; from clearhead.cli.main import main; main(sys.argv[1:])"


@pytest.mark.parametrize("after", [0, 2, 5])
def test_a_killed_run_resumes_to_the_same_result(
    after: int, finished: Run, sources: dict[str, str], tmp_path: Path
) -> None:
    """Killed during extraction, or once ``after`` λ's are on disk."""
    folder = tmp_path / "killed"
    flags = ["run", "--quiet", "--out", str(folder), "--model", sources["model"], "--data", sources["data"]]
    command = [
        sys.executable,
        "-c",
        CHILD,
        *flags,
        "--n-lambdas",
        "8",
        "--lambda-min-ratio",
        "0.02",
        "--dtype",
        "float64",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    wanted = folder / "path" / f"{after:03d}.json" if after else folder / "features"
    while not wanted.exists() and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    resumed = Run(folder, **sources, **SMALL)
    resumed()
    assert_same(resumed, finished)
    assert not list(folder.rglob("*.part")) or after == 0


def test_objects_instead_of_names(finished: Run, sources: dict[str, str], tmp_path: Path) -> None:
    from clearhead.features.backbone import load_backbone
    from clearhead.features.inputs import load_examples

    run = Run(tmp_path / "o", model=load_backbone(sources["model"]), data=load_examples(sources["data"]), **SMALL)
    assert run().features_used == finished.summary().features_used
    reopened = Run(tmp_path / "o")
    assert reopened.report().exists()
    with pytest.raises(SettingError, match="needs the network again"):
        reopened.predict([])


def test_predict_and_why(finished: Run, world: Path) -> None:
    image = world / "images" / "red" / "00.png"
    answer = finished.predict([image])[0]
    why = finished.why(image, n=3)
    assert why["class"] == answer["class"]
    total = sum(f["contribution"] for f in why["features"]) + why["other_features"] + why["intercept"]
    features = finished.table.take(
        torch.tensor([finished.table.uris.index(u) for u in finished.table.uris if "red/00" in u])
    )
    expected = finished.head(features)[0, finished.head.class_number(why["class"])]
    assert total == pytest.approx(float(expected), abs=1e-4)
    assert len(why["features"]) <= 3
    with pytest.raises(DataError, match="not a readable image"):
        finished.predict([world / "network.py"])


def test_another_network_is_refused(finished: Run, world: Path, tmp_path: Path) -> None:
    from clearhead.runs.answer import predict

    other = tmp_path / "other.py"
    other.write_text((world / "network.py").read_text().replace("manual_seed(0)", "manual_seed(1)"))
    with pytest.raises(ModelError, match="not the network"):
        predict(finished, [world / "images" / "red" / "00.png"], f"{other}:network")


def test_one_writer_a_run(finished: Run) -> None:
    from clearhead.core.artifacts import lock

    with lock(finished.folder), pytest.raises(LockedError):
        Run(finished.folder).report()


def test_own_features(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(300, 6)).astype(np.float32)
    np.savez(tmp_path / "f.npz", features=x, labels=(x[:, 0] + 0.3 * x[:, 1] > 0).astype(int))
    (tmp_path / "features.txt").write_text("\n".join(f"concept {i}" for i in range(6)))
    (tmp_path / "classes.txt").write_text("no\nyes\n")
    named = {"feature_names": tmp_path / "features.txt", "class_names": tmp_path / "classes.txt"}
    run = Run(tmp_path / "run", features=tmp_path / "f.npz", **named, **SMALL)
    summary = run()
    assert run.head.link.name == "margin"
    assert run.head.top_features("yes", 1)[0][0] == 0
    assert run.head.feature_names[0] == "concept 0"
    assert summary.fidelity is None
    assert summary.dense == "the least regularised head"


def test_many_labels_at_once(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(600, 6)).astype(np.float32)
    labels = (x[:, :3] + 0.3 * draw.normal(size=(600, 3)) > 0.8).astype(int)
    np.savez(tmp_path / "f.npz", features=x, labels=labels)
    run = Run(tmp_path / "run", features=tmp_path / "f.npz", **SMALL)
    run()
    assert run.head.link.name == "multilabel"
    assert len(run.paths) == 3
    assert [run.head.top_features(c, 1)[0][0] for c in range(3)] == [0, 1, 2]
    labels[:, 2] = 0
    labels[:12, 2] = 1
    np.savez(tmp_path / "rare.npz", features=x, labels=labels)
    with pytest.raises(DataError, match="too few positives"):
        Run(tmp_path / "rare", features=tmp_path / "rare.npz", **SMALL)()


def test_fit_to_what_the_network_says(sources: dict[str, str], tmp_path: Path) -> None:
    run = Run(tmp_path / "n", **sources, targets="network", **SMALL)
    summary = run()
    assert summary.fidelity > 0.6


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="nothing to extract"):
        Run(tmp_path / "empty").report()
    with pytest.raises(ArtifactError, match="no finished step"):
        _ = Run(tmp_path / "empty").head


def test_disk_full_while_fitting(sources: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from clearhead.core.errors import StorageError
    from clearhead.glm import store

    real, left = store.write_tensors, [4]

    def write(path: Path, *rest: object) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise StorageError(f"could not write {path}", got="the disk is full")
        real(path, *rest)

    run = Run(tmp_path / "full", **sources, **SMALL)
    run.extract()
    monkeypatch.setattr(store, "write_tensors", write)
    with pytest.raises(StorageError, match="disk is full"):
        run.fit()
    monkeypatch.undo()
    assert len(list((tmp_path / "full" / "path").glob("[0-9]*.json"))) == 4
    Run(tmp_path / "full").fit()
    assert len(Run(tmp_path / "full").path) == 8
    assert os.path.exists(tmp_path / "full" / "path" / "path.json")


def test_columns_of_the_examples(sources: dict[str, str], tmp_path: Path) -> None:
    from clearhead.features.inputs import load_examples

    data = load_examples(sources["data"])
    data.columns["photo"] = np.arange(len(data)) // 4
    run = Run(tmp_path / "kept", model=sources["model"], data=data, split_by="photo", **SMALL)
    run.fit()
    photos = run.table.columns["photo"]
    trained = set(photos[run.split.train.numpy()].tolist())
    assert not trained & set(photos[run.split.test.numpy()].tolist()), "rows of one photo stay together"
    with pytest.raises(SettingError, match="no such column"):
        Run(tmp_path / "absent", model=sources["model"], data=data, split_by="author", **SMALL)()


def test_a_balanced_test_has_as_many_rows_of_either_class(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(400, 4)).astype(np.float32)
    np.savez(tmp_path / "f.npz", features=x, labels=(x[:, 0] > 0.8).astype(int))
    run = Run(tmp_path / "run", features=tmp_path / "f.npz", balance_test=True, **SMALL)
    run()
    positives = int(run.table.labels[run.split.test].sum())
    finding = next(f for f in run.findings if f.kind == "tradeoff")
    assert finding.numbers["test_accuracy"].n == 2 * positives


def test_rare_labels_are_merged_on_request(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(800, 6)).astype(np.float32)
    labels = (x[:, :4] + 0.3 * draw.normal(size=(800, 4)) > [0.5, 0.7, 1.4, 2.2]).astype(int)
    labels[40:, 3] = 0  # far too few of the last
    np.savez(tmp_path / "f.npz", features=x, labels=labels, class_names=["a", "b", "c", "d"])
    with pytest.raises(DataError, match="--merge-rare"):
        Run(tmp_path / "refused", features=tmp_path / "f.npz", **SMALL)()
    run = Run(tmp_path / "merged", features=tmp_path / "f.npz", merge_rare=True, **SMALL)
    run()
    assert run.table.class_names == ["a", "b", "rare: c + d"]
    assert torch.equal(run.table.labels[:, 2], torch.from_numpy(labels[:, 2] | labels[:, 3]))
    assert len(run.paths) == 3
    assert list(run.head.class_names) == run.table.class_names
    assert Run(tmp_path / "merged").table.key == run.table.key != Run(tmp_path / "refused").table.key
    assert (tmp_path / "merged" / "report" / "index.html").is_file()


def test_the_datas_own_parts_are_kept(world: Path, tmp_path: Path) -> None:
    """Folders train and val: val is for selection, or the test set where that is said; a test is never trained on."""
    for part in ("train", "val"):
        for image in sorted((world / "images").rglob("*.png")):
            if (int(image.stem) % 4 == 0) == (part == "val"):
                target = tmp_path / "data" / part / image.parent.name / image.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(image.read_bytes())
    sources = {"model": f"{world / 'network.py'}:network", "data": str(tmp_path / "data")}
    for named, counts in (({}, (81, 30, 9)), ({"val_is_test": True}, (81, 9, 30))):
        run = Run(tmp_path / f"run{len(named)}", **sources, **SMALL, **named)
        run.extract()
        assert tuple(len(getattr(run.split, part)) for part in ("train", "val", "test")) == counts
        given = run.table.columns["split"][(run.split.test if named else run.split.val).numpy()]
        assert set(given.tolist()) == {"val"}
