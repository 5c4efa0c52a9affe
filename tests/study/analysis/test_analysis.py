import json

import numpy as np
import pytest

from clearhead.core.errors import DataError
from clearhead.core.finding import Finding
from clearhead.study.analysis import analyze
from clearhead.study.annotators import Crew
from clearhead.study.answers import Answer
from clearhead.study.quality import Rules
from clearhead.study.synthetic import answers_of_crew

KINDS = ["simulate", "spurious", "misclassification"]
PERFECT = {"simulate": lambda t: {"choice": t["correct"], "confidence": 3}}


def everyone(study, values, people=5):
    return [Answer(t.id, f"p{i}", values(study.key.truths[t.id])) for t in study.tasks for i in range(people)]


@pytest.mark.parametrize("kind", KINDS)
def test_findings_are_complete_and_json(world, kind, tmp_path):
    study = world.build(kind)
    finding = analyze(study, answers_of_crew(study, Crew(size=12)))
    assert finding.kind == f"study_{kind}"
    rules = dict(zip(*finding.tables["rules"].columns.values(), strict=True))
    assert {"ties", "all-zero", "blank annotators", "enough answers"} <= set(rules)
    assert {d.name for d in study.decisions} <= set(rules)
    assert "bootstrap over" in finding.settings["methods"]
    finding.save(tmp_path / "f.json")
    assert Finding.load(tmp_path / "f.json").sentence == finding.sentence
    assert "NaN" not in json.dumps(finding.as_dict()["tables"])


def test_perfect_people_are_perfect(world):
    study = world.simulate()
    finding = analyze(study, everyone(study, PERFECT["simulate"]))
    assert [r["value"] for r in finding.tables["accuracy"].rows() if r["images"] == "overall"] == [1.0, 1.0]
    assert [r["share"] for r in finding.tables["ranks"].rows()] == [1, 0, 0, 1, 0, 0]
    assert finding.numbers["alpha_choice"] == 1.0
    assert finding.numbers["difference"].value == 0
    assert all(row["dense"] == row["sparse"] == 1 for row in finding.tables["sensitivity"].rows())


def test_table_25_splits_by_the_class_of_the_right_image(world):
    study = world.simulate()

    def values(truth):
        return {"choice": truth["correct"] if truth["from_target"] else "abc"[truth["ranks"].index(2)], "confidence": 1}

    finding = analyze(study, everyone(study, values))
    rows = {(r["arm"], r["images"]): r for r in finding.tables["accuracy"].rows()}
    for arm in ("dense", "sparse"):
        assert rows[arm, "from target class"]["value"] in (1.0, None)
        assert rows[arm, "from another class"]["value"] in (0.0, None)
        whole = rows[arm, "overall"]
        n = rows[arm, "from target class"]["n"]
        assert whole["value"] == pytest.approx(n / whole["n"])
        assert whole["wilson_low"] <= whole["value"] <= whole["wilson_high"]


def test_the_paired_test_finds_a_difference(world):
    study = world.simulate(repeats=10)

    def values(truth):
        return {"choice": truth["correct"] if truth["arm"] == "sparse" else "a", "confidence": 2}

    finding = analyze(study, everyone(study, values))
    assert finding.numbers["difference"].value > 0.4
    assert finding.numbers["difference"].low > 0


def test_spurious_verdicts_flow_back(world):
    study = world.spurious()

    def values(truth):
        return {
            "pattern": "yes", "confidence": 2, "description": "red wheel",
            "where_a": "object", "where_b": "surroundings",
        }  # fmt: skip

    finding = analyze(study, everyone(study, values))
    rows = finding.tables["verdicts"].rows()
    assert len(rows) == len(study.tasks)
    for row in rows:
        truth = study.key.truths[row["task"]]
        assert row["spurious"] == [truth["classes"][1]]
        assert row["descriptions"] == ["red wheel"] * 5
    assert finding.tables["descriptions"].columns["word"] == ["red", "wheel"]
    assert finding.tables["descriptions"].columns["answers"] == [len(study.tasks) * 5] * 2
    assert finding.numbers["spurious_pairs_dense"] == 5


def test_spurious_needs_three_answers(world):
    study = world.spurious()
    finding = analyze(study, everyone(study, lambda t: {"pattern": "no", "confidence": 1}, people=2))
    counts = dict(zip(*finding.tables["counts"].columns.values(), strict=True))
    assert counts["tasks_kept"] == 0
    assert finding.numbers["pattern_dense"].n == 0


def test_misclassification_rates_are_by_role(world):
    study = world.misclassification(tasks=60)

    def values(truth):
        other = "f_p" if "f_p" in truth["roles"] else "f_l"
        return {"matches": [truth["roles"][other]], "best": truth["roles"][other], "confidence": 2}

    finding = analyze(study, everyone(study, values))
    control = np.mean([t["arm"] == "control" for t in study.key.truths.values()])
    assert finding.numbers["match_f_p"].value == 1
    assert finding.numbers["match_f_r"].value == 0
    assert finding.numbers["match_f_l"].value == pytest.approx(control)
    assert finding.numbers["best_f_p_over_f_l"].value == 1
    assert finding.numbers["best_f_r_over_f_l"].value == 0


def test_withdrawn_people_are_left_out(world):
    study = world.simulate()
    answers = everyone(study, PERFECT["simulate"])
    bad = [Answer(a.task, "gone", {"choice": "a", "confidence": 3}) for a in answers[::5]]
    finding = analyze(study, answers + bad, withdrawn=["gone"])
    counts = dict(zip(*finding.tables["counts"].columns.values(), strict=True))
    assert counts["withdrawn"] == len(bad)
    assert finding.numbers["accuracy_dense"].value == 1


@pytest.mark.parametrize("kind", KINDS)
def test_no_answers_is_said(world, kind):
    with pytest.raises(DataError, match="no answers"):
        analyze(world.build(kind), [])


def test_all_blank_people_leave_nothing(world):
    study = world.simulate()
    finding = analyze(study, everyone(study, lambda t: {}), rules=Rules())
    counts = dict(zip(*finding.tables["counts"].columns.values(), strict=True))
    assert counts["tasks_kept"] == 0
    assert counts["annotators_dropped"] == 5


def test_few_classes_are_taken_as_they_are(world):
    """With two classes nothing can be said about classes like them: tasks are the unit, and the caveats say so."""
    study = world.simulate(classes=2, repeats=10)

    def values(truth):
        return {"choice": truth["correct"] if truth["arm"] == "sparse" else "a", "confidence": 2}

    finding = analyze(study, everyone(study, values))
    assert finding.numbers["p_value"] < 0.01
    assert any("Only 2 classes" in c for c in finding.caveats)
    assert [row["n_sparse"] for row in finding.tables["per_class"].rows()] == [10, 10]
