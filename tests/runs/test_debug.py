"""The debug step: what is asked is made, what is left out says why, and estimates state n and interval."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from clearhead.core.errors import SettingError
from clearhead.core.finding import Estimate
from clearhead.head import Edit
from clearhead.runs.asking import DebugSettings
from clearhead.runs.run import Run

SMALL = {"n_lambdas": 8, "lambda_min_ratio": 0.02, "dtype": "float64"}


@pytest.fixture
def run(sources: dict[str, str], tmp_path: Path) -> Run:
    made = Run(tmp_path / "colours", **sources, **SMALL)
    made()
    return made


def test_every_finding_of_a_run(run: Run, tmp_path: Path) -> None:
    run.debug(DebugSettings(suspects=True, counterfactuals=True, target="red", mask="superpixels", examples=6))
    feature = run.head.top_features("red", 1)[0][0]
    new = run.edit([Edit(feature)], tmp_path / "edited", allow_empty=True)
    new.debug(DebugSettings())
    found = [*run.findings, *new.findings]
    kinds = {f.kind for f in found}
    assert kinds >= {"suspects", "removals", "counterfactual_image", "compare", "repair", "tradeoff", "fidelity"}
    for finding in found:
        estimates = [e for e in finding.numbers.values() if isinstance(e, Estimate)]
        assert not estimates or finding.caveats, finding.kind
        for e in estimates:
            assert e.n >= 0, finding.kind
            assert e.method, finding.kind
            undefined = e.n == 0 or (e.value is None and "undefined" in e.method)
            assert undefined or e.low <= e.value <= e.high, finding.kind
        for table in finding.tables.values():
            if any(name.endswith("low") for name in table.columns):
                assert any(name.split("_")[0] == "n" or name.endswith("_n") for name in table.columns), finding.kind
    reasons = run.record.facts["not_analysed"]
    assert "--against" in reasons["compare"]
    assert "texts" in reasons["bias_words"]


def test_the_networks_own_head(run: Run, tmp_path: Path) -> None:
    run.debug(DebugSettings(dense=True))
    assert "bring training data" in run.record.facts["not_analysed"]["tradeoff"]
    assert "compared with itself" in run.record.facts["not_analysed"]["fidelity"]
    found = {f.kind: f for f in run.findings}
    assert "fidelity" not in found
    assert found["ablation"].sentence.startswith("The network's own head is right on")
    assert found["misclassified"].title == "Why it errs (the network's own head)"
    new = run.edit([Edit(0)], tmp_path / "edited", dense=True)
    assert next(f for f in new.findings if f.kind == "repair").numbers["test_change"].n == len(run.table)
    new.debug(DebugSettings(dense=True, only=["fidelity", "ablation"]))
    after = {f.kind: f for f in new.findings}
    assert after["fidelity"].sentence.startswith("The edited head predicts what the network predicts")
    assert {row["head"] for row in after["ablation"].tables["ablation"].rows()} == {"edited", "network's own"}


def test_many_labels_are_edited_and_refitted(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(600, 6)).astype(np.float32)
    labels = (x[:, :3] + 0.3 * draw.normal(size=(600, 3)) > 0.8).astype(int)
    np.savez(tmp_path / "f.npz", features=x, labels=labels)
    run = Run(tmp_path / "run", features=tmp_path / "f.npz", **SMALL)
    run()
    new = run.edit([Edit(0)], tmp_path / "edited", refit=True)
    assert new.head.weight[0].eq(0).all()
    assert any(f.kind == "label_repair" for f in new.findings)


def test_an_unknown_analysis_is_refused(run: Run) -> None:
    with pytest.raises(SettingError, match="no such analysis"):
        run.debug(DebugSettings(only=["ablations"]))
