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


def test_both_directions_are_made_when_asked(run: str, call: Call) -> None:
    asked = ("explain", run, "--only", "visualization", "--steps", "1", "--json", "--quiet")
    (up,), (both,) = (json.loads(call(*asked, *extra)[1])["findings"] for extra in ((), ("--direction", "both")))
    assert len(both["media"]) == 2 * len(up["media"]) > 0
    assert {name[-1] for name in both["media"]} == {"+", "-"}


BAG = """
import torch
from torch import nn
WORDS = ["good", "fine", "bad", "awful", "film"]

def counts(texts):
    return torch.tensor([[float(text.split().count(word)) for word in WORDS] for text in texts])

def network():
    body, head = nn.Linear(5, 5, bias=False), nn.Linear(5, 2, bias=False)
    with torch.no_grad():
        body.weight.copy_(torch.eye(5))
        head.weight.copy_(torch.tensor([[-1.0, -1, 1, 1, 0], [1, 1, -1, -1, 0]]))
    return nn.Sequential(body, head), counts

def describe(evidence):
    if evidence.feature == 4:
        raise KeyError("no idea")
    return f"{len(evidence.examples)} sentences about {WORDS[evidence.feature]}"
"""


def test_words_are_redacted_and_features_described_by_the_users_function(tmp_path: Path, call: Call) -> None:
    (tmp_path / "bag.py").write_text(BAG)
    words = ["good", "fine", "bad", "awful", "film"]
    lines = [f"{words[i % 4]} {words[(i // 4) % 5]} film {i}\t{int(i % 4 < 2)}" for i in range(120)]
    (tmp_path / "reviews.tsv").write_text("\n".join(["text\tlabel", *lines]) + "\n")
    (tmp_path / "hidden.txt").write_text("Awful\n")
    out, network = str(tmp_path / "run"), f"{tmp_path / 'bag.py'}:network"
    code, _, err = call(
        "run", "--model", network, "--data", str(tmp_path / "reviews.tsv"), "--n-lambdas", "5", "--quiet", "--out", out
    )
    assert code == 0, err
    describe = f"{tmp_path / 'bag.py'}:describe"
    asked = ("explain", out, "--only", "words,names", "--masks", "30", "--redact", str(tmp_path / "hidden.txt"))
    code, text, err = call(*asked, "--features", "0,2,3", "--describe", describe, "--json", "--quiet")
    assert code == 0, err
    words_found, named = json.loads(text)["findings"]
    shown = words_found["tables"]["words"]["columns"]["word"]
    assert "a····" in shown
    assert "awful" not in shown
    rows = named["tables"]["names"]["columns"]
    assert rows["source"] == ["generated"] * 3
    assert rows["name"] == [f"8 sentences about {word}" for word in ("good", "bad", "awful")]
    page = (tmp_path / "run" / "report").rglob("*")
    assert any(b"8 sentences about bad" in path.read_bytes() for path in page if path.is_file())
    code, _, err = call(*asked, "--features", "4", "--describe", describe, "--quiet")
    assert code != 0
    assert "describing feature 4 raised KeyError" in err
    code, _, err = call("explain", out, "--redact", str(tmp_path / "absent.txt"), "--quiet")
    assert code != 0
    assert "not a readable list of words" in err
