"""What static figures read of a run: running times, pictures of rows, nothing from outside its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from clearhead.core.progress import Silent
from clearhead.runs.demo import demo
from clearhead.runs.figuring import Pictures, forms, runtime
from clearhead.runs.run import Run


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("figuring") / "demo"
    demo(folder, Silent())
    return Run(folder)


def test_the_runtime_is_what_the_fit_recorded(finished: Run) -> None:
    row = runtime(finished).tables["paths"].rows()[0]
    assert row["n"] == len(finished.split.train)
    assert (row["p"], row["lambdas"]) == (finished.table.shape[1], len(finished.path))
    assert row["seconds"] == sum(s.info["seconds"] for s in finished.path)


def test_rows_are_pictures_and_other_files_are_not(finished: Run) -> None:
    pictures = Pictures(finished)
    assert pictures["row/3"].startswith((b"\x89PNG", b"RIFF"))
    for address in ("../../etc/passwd", "no/such.png"):
        assert pictures.get(address) is None


def test_a_run_without_studies_has_no_forms(finished: Run) -> None:
    assert list(forms(finished)) == []


def test_a_study_that_was_built_shows_its_form(finished: Run) -> None:
    from clearhead.runs.studying import build

    project, _ = build(finished, "misclassification")
    (form,) = forms(finished)
    shown = form.tables["shown"].rows()
    assert form.settings["kind"] == "misclassification"
    assert all(Path(finished.folder / path).is_file() for row in shown for path in row["pictures"])
    assert len(shown) == 3
    assert project.folder.is_dir()
