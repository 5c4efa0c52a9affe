import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearhead.core.errors import DataError
from clearhead.study.answers import FIELDS, Answer, from_form, is_blank, read_values, to_form
from clearhead.study.tasks import Shown, Task

TASKS = {
    "simulate": Task("t", "simulate", (Shown(),) * 5, (Shown(),) * 3),
    "spurious": Task("t", "spurious", (), (Shown(label="x"), Shown(label="y"))),
    "misclassification": Task("t", "misclassification", (Shown(),) * 2, (Shown(),)),
}


@pytest.mark.parametrize(
    ("kind", "form", "values"),
    [
        ("simulate", {"choice": ["b"], "confidence": ["0"]}, {"choice": "b", "confidence": 0}),
        ("simulate", {"confidence": ["3"]}, {}),
        ("simulate", {"choice": [""], "confidence": ["3"]}, {}),
        (
            "spurious",
            {"pattern": ["yes"], "confidence": ["2"], "description": [" red \n color\x00"], "where_a": ["object"]},
            {"pattern": "yes", "confidence": 2, "description": "red color", "where_a": "object"},
        ),
        (
            "spurious",
            {"pattern": ["no"], "confidence": ["1"], "description": ["left over"], "where_a": ["object"]},
            {"pattern": "no", "confidence": 1},
        ),
        ("misclassification", {"matches": ["b"], "best": ["a"], "confidence": ["1"]},
         {"matches": ["b"], "best": "b", "confidence": 1}),
        ("misclassification", {"matches": ["b", "a"], "best": ["a"], "confidence": ["1"]},
         {"matches": ["a", "b"], "best": "a", "confidence": 1}),
        ("misclassification", {"best": ["a"]}, {}),
    ],
)  # fmt: skip
def test_forms_are_read(kind, form, values):
    found = from_form(TASKS[kind], form)
    assert found == values
    assert is_blank(kind, found) == (values == {})
    assert from_form(TASKS[kind], to_form(found)) == found
    assert read_values(TASKS[kind], found) == found


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("simulate", {"choice": ["d"], "confidence": ["1"]}),
        ("simulate", {"choice": ["a", "b"], "confidence": ["1"]}),
        ("simulate", {"choice": ["a"]}),
        ("simulate", {"choice": ["a"], "confidence": ["4"]}),
        ("spurious", {"pattern": ["maybe"], "confidence": ["1"]}),
        ("spurious", {"pattern": ["yes"], "confidence": ["1"], "where_b": ["sky"]}),
        ("misclassification", {"matches": ["a", "b"], "confidence": ["1"]}),
        ("misclassification", {"matches": ["c"], "confidence": ["1"]}),
    ],
)
def test_what_the_page_does_not_offer_is_refused(kind, form):
    with pytest.raises(DataError):
        from_form(TASKS[kind], form)


@given(
    kind=st.sampled_from(list(FIELDS)),
    form=st.dictionaries(
        st.sampled_from(["choice", "confidence", "pattern", "description", "where_a", "matches", "best", "x"]),
        st.lists(
            st.one_of(st.sampled_from(["a", "b", "yes", "no", "1", "object", ""]), st.text(max_size=20)), max_size=3
        ),
    ),
)
def test_any_form_is_read_or_refused(kind, form):
    try:
        values = from_form(TASKS[kind], form)
    except DataError:
        return
    assert from_form(TASKS[kind], to_form(values)) == values


def test_answers_round_trip():
    answer = Answer("t1", "p1", {"choice": "a", "confidence": 2}, surplus=True, seconds=1.5)
    assert Answer.from_dict(answer.as_dict()) == answer
    with pytest.raises(DataError, match="lacks"):
        Answer.from_dict({"task": "t1"})
