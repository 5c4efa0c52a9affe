import numpy as np
import pytest

from clearhead.core.errors import SettingError
from clearhead.study.accuracy import Design, assess
from clearhead.study.answers import Answer
from clearhead.study.ballots import QUESTIONS, Ballots, cast
from clearhead.study.quality import Rules, control, usable
from clearhead.study.vote import deletion_effects, majority


def ballots(rows, n_tasks=4, n_annotators=6, n_options=3):
    """Rows of (task, annotator, option or None, confidence)."""
    task, annotator, option, confidence = zip(*rows, strict=True)
    return Ballots(
        np.array(task),
        np.array(annotator),
        np.array([-1 if o is None else o for o in option]),
        np.array(confidence, float),
        np.array([o is None for o in option]),
        n_tasks,
        n_annotators,
        n_options,
    )


def rng():
    return np.random.default_rng(0)


def test_votes_are_weighted_by_confidence():
    b = ballots([(0, 0, 1, 3), (0, 1, 2, 1), (0, 2, 2, 1)])
    assert majority(b, Rules(), rng()).option[0] == 1
    assert majority(b, Rules(weight="equal"), rng()).option[0] == 2
    assert majority(b, Rules(weight="confidence+1"), rng()).tied[0]


def test_all_zero_tasks_count_heads_or_are_dropped():
    b = ballots([(0, 0, 1, 0), (0, 1, 2, 0), (0, 2, 2, 0)])
    verdict = majority(b, Rules(), rng())
    assert verdict.all_zero[0]
    assert verdict.option[0] == 2
    assert not majority(b, Rules(all_zero="drop"), rng()).counted[0]


def test_ties_follow_the_rule():
    b = ballots([(0, 0, 1, 2), (0, 1, 2, 2)])
    picks = {int(majority(b, Rules(), np.random.default_rng(s)).option[0]) for s in range(20)}
    assert picks == {1, 2}
    wrong = majority(b, Rules(ties="wrong"), rng())
    assert wrong.option[0] == -1
    assert wrong.counted[0]
    assert not majority(b, Rules(ties="drop"), rng()).counted[0]


def test_tasks_nobody_answered_are_not_counted():
    verdict = majority(ballots([(0, 0, 1, 2)]), Rules(), rng())
    assert verdict.counted.tolist() == [True, False, False, False]
    assert verdict.option[1] == -1
    assert not verdict.tied[1]


def test_blank_answers_annotators_and_thin_tasks_go():
    rows = [(0, 0, 1, 1), (0, 1, 1, 1), (1, 0, None, 0), (1, 1, 0, 1), (2, 2, None, 0)]
    rows += [(t, 3, None, 0) for t in (0, 1, 2)] + [(3, 4, 0, 1), (3, 5, None, 0)]
    quality = control(ballots(rows), Rules(min_answers=2))
    assert quality.counts["blank_answers"] == 6
    assert quality.counts["annotators_dropped"] == 3  # 2, 3 and 5 answered nothing
    assert quality.counts["tasks_kept"] == 1
    assert quality.keep.tolist() == [True, True] + [False] * 8


def test_exactly_eighty_percent_blank_stays():
    rows = [(t, 0, None if t < 4 else 1, 1) for t in range(5)] + [(4, 1, 1, 1)]
    assert control(ballots(rows, n_tasks=5), Rules()).counts["annotators_dropped"] == 0
    rows.append((5, 0, None, 0))
    assert control(ballots(rows, n_tasks=6), Rules()).counts["annotators_dropped"] == 1


def test_deletion_effects_are_credit_with_minus_credit_without():
    b = ballots([(0, 0, 1, 1), (0, 1, 1, 1), (0, 2, 2, 1), (1, 0, 1, 1), (1, 1, 0, 1)])
    truth = np.array([1, 1, 0, 0])
    assert deletion_effects(b, Rules(), truth).tolist() == [0.5, 0.5, 0.0, 0.5, -0.5]


def test_rules_are_checked():
    with pytest.raises(SettingError, match="no such rule"):
        Rules(ties="coin")
    with pytest.raises(SettingError):
        Rules(min_answers=0)


def test_usable_leaves_out_what_may_not_be_analysed():
    truths = {"t1": {}, "t2": {"gold": True}, "t3": {"repeat_of": "t1"}}
    rows = [
        ("t1", "p1", False), ("t1", "p1", False), ("t1", "p2", True), ("t2", "p1", False), ("t3", "p1", False),
        ("t9", "p1", False), ("t1", "gone", False),
    ]  # fmt: skip
    kept, counts = usable([Answer(t, p, {}, surplus=s) for t, p, s in rows], truths, ["gone"])
    assert [(a.task, a.annotator) for a in kept] == [("t1", "p1")]
    assert counts == {"withdrawn": 1, "unknown_task": 1, "surplus": 1, "check_answers": 2, "double": 1}


def test_answers_become_ballots():
    answers = [
        Answer("t1", "p1", {"matches": ["a"], "best": "a", "confidence": 2}),
        Answer("t1", "p2", {}),
        Answer("t2", "p2", {"matches": ["a", "b"], "best": "b", "confidence": 1}),
    ]
    numbers = ({"t1": 0, "t2": 1}, {"p1": 0, "p2": 1})
    a, b, best = (cast(answers, "misclassification", q, *numbers) for q in QUESTIONS["misclassification"])
    assert a.option.tolist() == [0, -1, 0]
    assert b.option.tolist() == [1, -1, 0]
    assert best.option.tolist() == [0, -1, 1]
    assert a.blank.tolist() == [False, True, False]


def test_assessment_is_the_accuracy_of_the_vote():
    rows = [(t, a, t % 3, 2) for t in range(3) for a in range(3)] + [(3, a, 2, 1) for a in range(3)]
    design = Design(np.array([0, 1, 2, 0]), np.zeros(4, int), np.array([0, 0, 1, 1]))
    result = assess(ballots(rows), design, Rules(), rng())
    assert result.correct.tolist() == [True, True, True, False]
    cluster, wilson = result.rate(np.ones(4, bool), rng())
    assert cluster.value == wilson.value == 0.75
    assert cluster.low < 0.75 < cluster.high
