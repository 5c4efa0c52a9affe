"""Edits make a new run: the head changed, the rest shared, the effect proved, the old run untouched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clearhead.core.errors import InputError, SettingError
from clearhead.head import Edit
from clearhead.runs.run import Run


@pytest.fixture(scope="module")
def run(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("edits") / "colours"
    sources = {"model": f"{world / 'network.py'}:network", "data": str(world / "images")}
    made = Run(folder, **sources, n_lambdas=6, lambda_min_ratio=0.02, dtype="float64", rule="best")
    made()
    return made


@pytest.mark.parametrize("refit", [False, True])
def test_an_edited_run(run: Run, tmp_path: Path, refit: bool) -> None:
    feature = run.head.top_features("red", 1)[0][0]
    before = run.head.weight.clone()
    new = run.edit([Edit(feature)], tmp_path / "new", refit=refit, allow_empty=True)
    assert (new.head.weight[feature] == 0).all()
    assert (run.head.weight == before).all()
    change = next(f for f in new.findings if f.kind == "repair").tables["change"].rows()
    overall = next(row for row in change if row["part"] == "test" and row["slice"] == "overall")
    rows = run.split.test
    right = [(h.predict(run.table.take(rows)) == run.table.labels[rows]).double().mean() for h in (run.head, new.head)]
    assert overall["before"] == pytest.approx(float(right[0]))
    assert overall["after"] == pytest.approx(float(right[1]))
    proof = next(f for f in new.findings if f.kind == "repair").numbers
    assert proof["refitted"] is refit
    assert (0 <= proof["gap"] <= run.config.fit.tol) if refit else "gap" not in proof
    page = new.report()
    assert page.exists()
    assert Run(tmp_path / "new").select().head.weight[feature].eq(0).all(), "selecting again keeps the edit"
    shipped = "".join(p.read_text() for p in (tmp_path / "new" / "report" / "data").glob("*.js"))
    assert "repair" in shipped


def test_edits_that_cannot_be(run: Run, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="edit 0"):
        run.edit([Edit("no such feature")], tmp_path / "a")
    assert not (tmp_path / "a").exists(), "nothing is written for an edit that cannot be done"
    with pytest.raises(SettingError, match="nothing to edit"):
        run.edit([], tmp_path / "a")
    with pytest.raises(SettingError, match="already holds a run"):
        run.edit([Edit(0)], run.folder)
    every = [Edit(int(j), classes=("red",)) for j in run.head.used()]  # leaves the class nothing
    with pytest.raises(InputError):
        run.edit(every, tmp_path / "b")
    assert json.loads((run.folder / "manifest.json").read_text())["steps"]["select"]
