"""The paper's experiments on small copies of its data sets: each makes the table row or the figure that it names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import paper_worlds as small
import pytest

from clearhead.core.errors import SettingError
from clearhead.runs.recipes import EXPERIMENTS, Options, perform
from clearhead.runs.recipes.perform import Outcome
from clearhead.runs.run import Run

FAST = {"n_lambdas": 6, "lambda_min_ratio": 0.003, "tol": 1e-3, "feature_dtype": "float32"}
FEW = Options(masks=40, steps=2, sentences=30)
DATA: dict[str, Callable[[Path], None]] = {
    "imagenet": small.imagenet,
    "places10": small.places10,
    "sst": small.treebank,
    "jigsaw": small.jigsaw,
    "cifar10": small.cifar10,
}
NETWORKS: dict[str, Callable[[Path], str]] = {
    "places10-standard": lambda folder: small.network(folder, "places"),
    "places10-robust": lambda folder: small.network(folder, "places"),
    "sst": lambda folder: small.text_network(folder / "model", "sst"),
    "toxic-bert": lambda folder: small.text_network(folder / "model", "toxic"),
    "debiased-bert": lambda folder: small.text_network(folder / "unbiased", "unbiased"),
}


def test_every_table_row_and_figure_is_listed_once() -> None:
    assert len([e for e in EXPERIMENTS.values() if e.product == "ablation"]) == 18
    sections = " ".join(e.section for e in EXPERIMENTS.values())
    for number in {*range(12, 36)} - {25}:  # 25 is a table
        assert f"Fig. {number}" in sections, number
    for wanted in ("Table 36", "Table 37", "Table 25", "Table 4b", "Algorithm 1", "Algorithm 2", "Algorithm 3"):
        assert wanted in sections
    for experiment in EXPERIMENTS.values():
        assert experiment.outputs
        assert experiment.section
        assert experiment.as_dict()["command"].startswith(f"clearhead paper run {experiment.name}")
        assert experiment.world is None or experiment.as_dict()["inputs"]["layouts"]
    settings = EXPERIMENTS["table37-imagenet-standard"].config
    assert (settings.fit.n_lambdas, settings.fit.l1_ratio, settings.select.tolerance) == (100, 0.99, 0.05)
    assert settings.data.val_is_test


def test_what_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="no such experiment"):
        perform("table38", out=tmp_path)
    with pytest.raises(SettingError, match="needs its data"):
        perform("table37-sst", out=tmp_path)
    with pytest.raises(SettingError, match="needs its network"):
        perform("table37-imagenet-robust", data=str(tmp_path), out=tmp_path / "run")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a small data set by its layout's name, made when it is first asked for."""
    made: dict[str, Path] = {}

    def folder(layout: str) -> Path:
        if layout not in made:
            made[layout] = tmp_path_factory.mktemp(layout)
            DATA[layout](made[layout])
        return made[layout]

    return folder


def options_of(name: str, data: Path) -> Options:
    """What figure 31 needs beside data and network."""
    return replace(FEW, patterns=data / "train" / "n03", target="colour 3") if name == "figure31" else FEW


def in_groups() -> list[object]:
    """Every experiment on data of its own; those on the same data share a worker, and so a run."""
    return [
        pytest.param(e.name, id=e.name, marks=pytest.mark.xdist_group(f"paper {e.world.layouts[0]}"))
        for e in EXPERIMENTS.values()
        if e.world is not None
    ]


@pytest.mark.parametrize("name", in_groups())
def test_it_makes_what_it_promises(name: str, home: Callable[[str], Path]) -> None:
    experiment = EXPERIMENTS[name]
    assert experiment.world is not None
    world, data = experiment.world, home(experiment.world.layouts[0])
    settings: dict[str, object] = dict(FAST)
    if world.layouts[0] == "imagenet":
        settings |= {"rule": "target", "features_per_class": 7.0}
    if world.layouts[0] == "cifar10":
        settings |= {"n_lambdas": 3, "lambda_min_ratio": 0.1, "tol": 0.1}
    outcome = perform(
        name,
        data=str(data),
        model=NETWORKS.get(world.name, small.network)(data),
        out=data / f"run-{world.name}",
        options=options_of(name, data),
        **settings,
    )
    for file in experiment.outputs:
        assert (outcome.folder / file).stat().st_size > 0
    if experiment.product in CHECKS:
        CHECKS[experiment.product](name, outcome)


def check_row(name: str, outcome: Outcome) -> None:
    """The row lies beside the published one, over the paper's own test rows."""
    experiment = EXPERIMENTS[name]
    ours, published = outcome.findings[0].tables["row"].rows()
    assert ours["Dataset/Model"] == experiment.about["row"]
    assert published["sparse_all"] == experiment.published["sparse_all"]
    assert experiment.about["row"] in (outcome.folder / f"{name}.md").read_text()
    assert experiment.world is not None
    if "imagenet" in name or "places10" in name:
        assert ours["n"] == 40, "the official validation images are the test"
    if "bert" in name:
        assert ours["n"] % 2 == 0, "as many of either class"


def check_solvers(name: str, outcome: Outcome) -> None:
    rows = outcome.findings[0].tables["row"].rows()
    assert {row["solver"] for row in rows} == {"auto", "saga"} if name == "table36" else len(rows) == 3


CHECKS: dict[str, Callable[[str, Outcome], None]] = {
    "ablation": check_row,
    "runtime": check_solvers,
    "saga": check_solvers,
}


def test_rows_are_collected_and_networks_keep_their_own_heads(tmp_path: Path) -> None:
    """Two networks that name the six labels each in its own way, and GLUE's files in place of the treebank's."""
    toxic, sst = tmp_path / "jigsaw", tmp_path / "sst"
    for folder, make in ((toxic, small.jigsaw), (sst, small.glue)):
        folder.mkdir()
        make(folder)
    runs = tmp_path / "runs"
    for name, world, data in (
        ("table37-toxic-bert-insult", "toxic-bert", toxic),
        ("table37-debiased-bert-threat", "debiased-bert", toxic),
        ("table37-sst", "sst", sst),
    ):
        model = NETWORKS[world](data)
        perform(name, data=str(data), model=model, out=runs / world, options=FEW, **FAST)
        note = Run(runs / world).table.manifest["classes"]
        assert "by name" in note or "the network's classes are" in note
    rows = {name: perform(name, out=runs).findings[0].tables["row"].rows() for name in ("table37", "table4b")}
    assert [r["Dataset/Model"] for r in rows["table37"]] == ["SST", "Toxic-BERT (insult)", "Debiased-BERT (threat)"]
    assert [r["Dataset/Model"] for r in rows["table4b"]] == ["SST", "Toxic-BERT (insult)"]
