"""The command as a stranger meets it: help, errors without tracebacks, JSON, exit codes, bad input."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clearhead.cli.main import VERBS


def features(path: Path, **changes: object) -> Path:
    """A small file of features, with some arrays changed."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(200, 5))
    arrays = {"features": x, "labels": (x[:, 0] > 0).astype(int) + (x[:, 1] > 1)} | changes
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    return path


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_has_help(verb: str, call: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = call(verb, "--help")
    assert code == 0
    assert f"clearhead {verb}" in out
    assert "--json" in out


def test_fit_own_features(tmp_path: Path, call: Callable[..., tuple[int, str, str]]) -> None:
    file = features(tmp_path / "f.npz")
    flags = ("--features", str(file), "--out", str(tmp_path / "run"), "--n-lambdas", "6", "--quiet", "--json")
    code, out, err = call("fit", *flags)
    assert code == 0
    assert err == ""
    summary = json.loads(out)
    assert summary["statuses"] == {"Converged": 6}
    assert Path(summary["report"]).exists()
    code, out, _ = call("select", str(tmp_path / "run"), "--rule", "best", "--json", "--quiet")
    assert code == 0
    assert json.loads(out)["sparse_accuracy"] is None, "findings about the head chosen before are gone"
    code, out, _ = call("report", str(tmp_path / "run"), "--quiet")
    assert out.strip().endswith("index.html")


def bad(n: int, where: tuple[int, int], value: float) -> np.ndarray:
    x = np.random.default_rng(0).normal(size=(n, 5))
    x[where] = value
    return x


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": np.arange(150) % 3}, "150 labels"),
        ({"features": bad(200, (7, 3), np.nan)}, "row 7, column 3"),
        ({"features": bad(200, (9, 1), np.inf)}, "row 9, column 1"),
        ({"labels": np.zeros(200, int)}, "one class"),
        ({"labels": None}, "labels"),
        ({"features": np.zeros((200, 5, 2))}, "matrix"),
        ({"features": np.zeros((200, 5))}, "constant"),
    ],
)
def test_bad_features(
    changes: dict[str, object], message: str, tmp_path: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    file = features(tmp_path / "f.npz", **changes)
    code, out, err = call("fit", "--features", str(file), "--out", str(tmp_path / "run"), "--quiet", "--json")
    if message == "constant":
        assert code == 0, "constant features get weight 0 and only the intercept remains"
        assert json.loads(out)["features_used"] == 0
        return
    assert code == 2
    assert message in err
    assert "Traceback" not in err
    assert json.loads(out)["what"]


def test_duplicated_and_constant_features_are_fine(tmp_path: Path, call: Callable[..., tuple[int, str, str]]) -> None:
    x = np.random.default_rng(0).normal(size=(200, 4))
    x = np.hstack([x, x[:, :1], np.full((200, 1), 3.0)])
    file = features(tmp_path / "f.npz", features=x)
    flags = ("--features", str(file), "--out", str(tmp_path / "run"), "--n-lambdas", "6", "--quiet", "--json")
    code, out, _ = call("fit", *flags)
    assert code == 0
    assert json.loads(out)["statuses"] == {"Converged": 6}


def test_bad_paths_and_flags(tmp_path: Path, call: Callable[..., tuple[int, str, str]]) -> None:
    out = ("--out", str(tmp_path / "run"), "--quiet")
    code, _, err = call("fit", "--features", str(tmp_path / "absent.npz"), *out)
    assert code != 0
    assert "absent.npz" in err
    (tmp_path / "broken.npz").write_bytes(features(tmp_path / "f.npz").read_bytes()[:500])
    code, _, err = call("fit", "--features", str(tmp_path / "broken.npz"), *out)
    assert code != 0
    assert "Traceback" not in err
    code, _, err = call("run", "--out", str(tmp_path / "other"), "--quiet")
    assert code == 2
    assert "--model" in err
    code, stdout, err = call("run", "--n-lambda", "3", *out)
    assert code != 0
    assert "--n-lambdas" in stdout + err, "a near miss is suggested"
    code, _, err = call("report", str(tmp_path / "nothing"), "--quiet")
    assert code == 2


def test_models_with_no_or_two_heads(world: Path, tmp_path: Path, call: Callable[..., tuple[int, str, str]]) -> None:
    flags = ("--data", str(world / "images"), "--out", str(tmp_path / "run"), "--quiet")
    code, _, err = call("run", "--model", f"{world / 'network.py'}:two_heads", *flags)
    assert code == 2
    assert "--head-layer" in err or "--feature-layer" in err
    code, _, err = call("run", "--model", f"{world / 'network.py'}:nothing", *flags)
    assert code == 2
    assert "nothing" in err


def test_unreadable_images(world: Path, tmp_path: Path, call: Callable[..., tuple[int, str, str]]) -> None:
    import shutil

    images = tmp_path / "images"
    shutil.copytree(world / "images", images)
    (images / "red" / "07.png").write_bytes(b"not an image")
    flags = (
        "--model",
        f"{world / 'network.py'}:network",
        "--data",
        str(images),
        "--n-lambdas",
        "5",
        "--quiet",
        "--json",
    )
    code, _, err = call("run", *flags, "--out", str(tmp_path / "stops"))
    assert code == 2
    assert "07.png" in err
    code, out, _ = call("run", *flags, "--skip-unreadable", "--out", str(tmp_path / "skips"))
    assert code == 0
    summary = json.loads(out)
    assert summary["n"] == 119
    assert any("07.png" in caveat for caveat in summary["caveats"])


def test_text_tables(tmp_path: Path, call: Callable[..., tuple[int, str, str]]) -> None:
    (tmp_path / "bag.py").write_text(
        "import torch\nfrom torch import nn\nWORDS = ['good', 'bad', 'fine', 'awful', 'the', 'film']\n"
        "def counts(texts):\n    return torch.tensor([[float(t.split().count(w)) for w in WORDS] for t in texts])\n"
        "def network():\n    net = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 2))\n    return net, counts\n"
    )
    draw = np.random.default_rng(0)
    lines = ["text\tlabel"]
    for i in range(120):
        mood = ["bad", "awful"] if i % 2 else ["good", "fine"]
        words = [*draw.choice(mood, 2), "the", *draw.choice(["good", "bad", "film"], 2)]
        lines.append(f"{' '.join(words)}\t{'yes' if i % 2 == 0 else 'no'}")
    (tmp_path / "t.tsv").write_text("\n".join(lines))
    flags = ("--model", f"{tmp_path / 'bag.py'}:network", "--data", str(tmp_path / "t.tsv"), "--n-lambdas", "5")
    where = ("--out", str(tmp_path / "run"), "--quiet", "--json")
    code, _, err = call("run", *flags, *where, "--text-column", "sentence")
    assert code == 2
    assert "sentence" in err
    assert "text" in err
    code, _, err = call("run", *flags, *where, "--text-column", "text", "--label-column", "label")
    assert code == 0, err
    code, _, err = call("why", "good good fine", "--run", str(tmp_path / "run"))
    # The network's weights are drawn anew at every load here, and that is noticed.
    assert code == 2
    assert "not the network" in err


def test_predict_and_why(world: Path, tmp_path: Path, call: Callable[..., tuple[int, str, str]]) -> None:
    model, run = f"{world / 'network.py'}:network", str(tmp_path / "run")
    call("run", "--model", model, "--data", str(world / "images"), "--n-lambdas", "5", "--quiet", "--out", run)
    image = tmp_path / "new.png"
    Image.fromarray(np.full((8, 8, 3), (200, 20, 20), np.uint8)).save(image)
    code, out, _ = call("predict", str(image), "--run", run, "--quiet")
    assert code == 0
    assert "red" in out
    code, out, _ = call("why", str(image), "--run", run, "--quiet")
    assert code == 0
    assert "weight" in out
    assert "intercept" in out
    code, _, err = call("why", str(tmp_path / "absent.png"), "--run", run, "--quiet")
    assert code == 2
    assert "absent.png" in err


def test_ctrl_c_says_that_nothing_is_lost(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(3000, 60)).astype(np.float32)
    np.savez(tmp_path / "f.npz", features=x, labels=(x[:, :5] + draw.normal(size=(3000, 5))).argmax(1))
    flags = ["--features", str(tmp_path / "f.npz"), "--out", str(tmp_path / "run"), "--n-lambdas", "400", "--quiet"]
    command = [sys.executable, "-m", "clearhead", "fit", *flags]
    # A job in the background of a script starts with the signal ignored; a person's does not.
    restore = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=restore)
    while not (tmp_path / "run" / "path" / "003.json").exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "goes on from there" in err
    assert "Traceback" not in err
    kept = len(list((tmp_path / "run" / "path").glob("[0-9]*.json")))
    assert kept >= 4
    assert not (tmp_path / "run" / "path" / "path.json").exists(), "an unfinished path is not taken for whole"


def test_a_dry_run_writes_nothing(world: Path, tmp_path: Path, call: Callable[..., tuple[int, str, str]]) -> None:
    sources = ("--model", f"{world / 'network.py'}:network", "--data", str(world / "images"))
    code, out, err = call("extract", *sources, "--out", str(tmp_path / "run"), "--dry-run", "--json", "--quiet")
    assert code == 0, err
    assert json.loads(out)["numbers"]
    assert not (tmp_path / "run").exists()
