from dataclasses import replace

import pytest

from clearhead.core.errors import SettingError
from clearhead.study.analysis import analyze
from clearhead.study.answers import Answer
from clearhead.study.checks import check_table
from clearhead.study.tasks import with_gold, with_repeats


def test_repeats_show_the_same_task_and_enter_no_rate(world):
    plain = world.simulate()
    study = with_repeats(plain, 3, seed=1)
    assert len(study.tasks) == len(plain.tasks) + 3
    pairs = study.settings["repeats_of"]
    for new, old in pairs.items():
        assert replace(study.task(new), id=old) == plain.task(old)
    answers = [
        Answer(t.id, f"p{i}", {"choice": study.key.truths[t.id]["correct"], "confidence": 1})
        for t in study.tasks
        for i in range(2)
    ]
    answers = [a if (a.task, a.annotator) != (next(iter(pairs)), "p1") else replace(a, values={}) for a in answers]
    finding = analyze(study, answers)
    counts = dict(zip(*finding.tables["counts"].columns.values(), strict=True))
    assert counts["check_answers"] == 6
    assert counts["tasks"] == len(plain.tasks)
    assert finding.tables["checks"].rows()[1] == {
        "annotator": "p1", "gold": 0, "gold_right": 0, "repeats": 3, "repeats_same": 2,
    }  # fmt: skip


def test_gold_judges_annotators(world):
    plain = world.misclassification()
    study = with_gold(plain, [(plain.tasks[0], {"matches": ["a"], "best": "a", "confidence": 3})])
    gold = study.tasks[-1].id
    table = check_table(study, [Answer(gold, "good", {"matches": ["a"]}), Answer(gold, "bad", {"matches": ["b"]})])
    assert table.columns["gold_right"] == [0, 1]
    assert study.key.truths[gold]["gold"]


def test_checks_are_checked(world):
    study = world.simulate()
    with pytest.raises(SettingError):
        with_repeats(study, 0)
    with pytest.raises(SettingError, match="study's kind"):
        with_gold(study, [(world.spurious().tasks[0], {})])
