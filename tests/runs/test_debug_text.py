"""The analyses of sentences through a run: changed words, words that name groups, another network beside this one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from clearhead.core.finding import Finding
from clearhead.runs.asking import DebugSettings
from clearhead.runs.run import Run

NETWORK = """
import torch
from torch import nn
WORDS = ["good", "fine", "bad", "awful", "women", "film"]

def counts(texts):
    return torch.tensor([[float(text.split().count(word)) for word in WORDS] for text in texts])

def network(weights=(-1.0, -1.0, 1.0, 1.0, 1.5, 0.0)):  # a complaint; the last but one word should not matter
    body, head = nn.Linear(6, 6), nn.Linear(6, 2)
    with torch.no_grad():
        body.weight.copy_(torch.eye(6))
        body.bias.zero_()
        head.weight.copy_(torch.stack([-torch.tensor(weights), torch.tensor(weights)]))
        head.bias.zero_()
    return nn.Sequential(body, head), counts

def debiased():
    return network((-1.0, -1.0, 1.0, 1.0, 0.0, 0.1))
"""
SMALL = {"n_lambdas": 6, "lambda_min_ratio": 0.02, "dtype": "float64", "rule": "best"}
ASKED = {"sentences": 60, "masks": 24, "examples": 12}


@pytest.fixture(scope="module")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """240 sentences; four in five complaints mention women, one in five others; half the rows are for testing."""
    folder, draw = tmp_path_factory.mktemp("reviews"), np.random.default_rng(0)
    (folder / "bag.py").write_text(NETWORK)
    lines = ["text\tlabel\tsplit\tsource"]
    for i in range(240):
        complaint = i % 2
        said = list(draw.choice(["bad", "awful"] if complaint else ["good", "fine"], 2))
        women = draw.random() < (0.8 if complaint else 0.2)
        said += [["film", "women"][int(women)], *draw.choice(["good", "bad", "film"], 1)]
        part = ("train", "test", "train", "test", "val")[(i // 2) % 5]
        lines.append(f"{' '.join(said)}\t{('praise', 'complaint')[complaint]}\t{part}\t{('a', 'b')[int(women)]}")
    (folder / "reviews.tsv").write_text("\n".join(lines) + "\n")
    (folder / "groups.json").write_text(json.dumps({"women": ["women"]}))
    return folder


@pytest.fixture(scope="module")
def runs(reviews: Path) -> dict[str, Run]:
    made = {}
    for name in ("network", "debiased"):
        model, data = f"{reviews / 'bag.py'}:{name}", str(reviews / "reviews.tsv")
        run = Run(reviews / name, model=model, data=data, split_column="split", label_column=("label",), **SMALL)
        run.select()
        made[name] = run
    return made


def made(run: Run, settings: DebugSettings) -> dict[str, Finding]:
    run.debug(settings)
    return {f.kind: f for f in run.findings}


def test_one_word_changes_the_answer(runs: dict[str, Run]) -> None:
    found = made(runs["network"], DebugSettings(only=["counterfactual_text"], **ASKED))["counterfactual_text"]
    assert found.numbers["n_sentences"] == 12
    assert found.numbers["sparse_exhaustive_of_all"].value > 0
    rows = found.tables["examples"].rows()
    assert all(row["text"] != row["changed"] and row["prediction"] != row["to"] for row in rows)
    answers = runs["network"].predict([row["changed"] for row in rows if row["head"] == "sparse"])
    assert [a["class"] for a in answers] == [row["to"] for row in rows if row["head"] == "sparse"]


def test_words_that_name_groups_beside_another_network(runs: dict[str, Run], reviews: Path) -> None:
    identity = reviews / "groups.json"
    alone = made(runs["network"], DebugSettings(only=["bias_words"], identity=identity, **ASKED))["bias_words"]
    assert set(alone.numbers) == {"sparse", "dense"}
    settings = DebugSettings(only=["bias_words"], identity=identity, against=reviews / "debiased", **ASKED)
    both = made(runs["network"], settings)["bias_words"]
    assert set(both.numbers) == {"sparse", "dense", "debiased sparse", "debiased dense"}
    against = [row for row in both.tables["words"].rows() if row["groups"] == ["women"]]
    assert {row["head"] for row in against} >= {"dense"}
    assert "women" in both.settings["groups"]


def test_rates_where_a_group_is_mentioned_beside_another_network(runs: dict[str, Run], reviews: Path) -> None:
    settings = DebugSettings(
        only=["bias_errors", "compare"], identity=reviews / "groups.json", against=reviews / "debiased"
    )
    found = made(runs["network"], settings)
    texts = [runs["network"].table.texts[int(row)] for row in runs["network"].split.test]
    assert found["bias_errors"].numbers["n_mentioning"] == sum("women" in text for text in texts)
    heads = {row["head"] for row in found["bias_errors"].tables["rates"].rows()}
    assert heads == {"sparse", "dense", "debiased sparse", "debiased dense"}
    assert found["compare"].title == "debiased against network"
    assert "weights" not in found["compare"].tables, "the two networks' features are not the same"


def test_a_column_says_what_the_shortcut_is(runs: dict[str, Run]) -> None:
    finding = runs["network"].suspect(cue="source")
    assert finding.settings["source"] == "groups"
    words = ["good", "fine", "bad", "awful", "women", "film"]
    assert words[finding.tables["suspects"].rows()[0]["number"]] in ("women", "film")
    assert (runs["network"].folder / "suggested" / "edits.json").exists()


def test_what_a_run_cannot_be_asked_is_said(runs: dict[str, Run], reviews: Path, tmp_path: Path) -> None:
    run = runs["network"]
    run.debug(DebugSettings(only=["compare"], against=tmp_path))
    assert "is no run" in run.record.facts["not_analysed"]["compare"]
    (tmp_path / "words.json").write_text("[1]")
    run.debug(DebugSettings(only=["bias_errors"], identity=tmp_path / "words.json"))
    assert "no list of groups" in run.record.facts["not_analysed"]["bias_errors"]
    run.debug(DebugSettings(suspects=True, only=["suspects"], cue="label"))
    assert "suspects" in run.record.facts["not_analysed"]
