from clearhead.core.finding import Finding, Table
from clearhead.runs.verdicts import with_verdicts

SUSPECTS = Finding(
    "suspects", "Suspects", "", {}, {"suspects": Table({"feature": ["x", "y", "z"], "number": [3, 5, 8]})}
)
PAIRS = Table({"feature": [3, 3, 3, 9], "pattern": [True, True, False, True], "spurious": [[1, 2], [], [], [4]]})
ERRORS = Table({"f_p": [3, 5, 5, 5], "matches_f_p": [True, True, False, None]})


def said(*findings):
    return with_verdicts([SUSPECTS, *findings])[0].tables["suspects"].columns.get("people")


def test_suspects_carry_what_people_said_of_their_features():
    people = said(
        Finding("study_spurious", "", "", {}, {"verdicts": PAIRS}),
        Finding("study_misclassification", "", "", {}, {"verdicts": ERRORS}),
    )
    assert people == [
        "surroundings in 1 and a pattern in 2 of 3 pairs; seen in 1 of 1 wrong answers",
        "seen in 1 of 2 wrong answers",
        None,
    ]


def test_simulated_annotators_say_nothing():
    rehearsed = Finding("rehearsed_spurious", "", "", {}, {"verdicts": PAIRS})
    assert said(rehearsed) is None
    assert with_verdicts([SUSPECTS, rehearsed]) == [SUSPECTS, rehearsed]


def test_a_study_without_suspects_is_shown_as_it_is():
    study = Finding("study_spurious", "", "", {}, {"verdicts": PAIRS})
    assert with_verdicts([study]) == [study]
