"""The 16-bit values that ship: how exact they are, and that predictions made from them are Python's."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from clearhead.report.bundle import Bundle, Examples, Head
from clearhead.report.values import pack_values, predictions


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 6), st.floats(1e-6, 1e6))
def test_values_are_exact_to_one_level(seed: int, n: int, u: int, scale: float) -> None:
    values = np.random.default_rng(seed).normal(size=(n, u)) * scale
    packed = pack_values(values)
    span = np.ptp(values, 0)
    assert (np.abs(packed.values() - values) <= span / 65535 + 1e-6 * np.abs(values).max() + 1e-12).all()


def test_constant_and_empty_columns() -> None:
    packed = pack_values(np.full((5, 2), 3.25))
    np.testing.assert_array_equal(packed.values(), np.full((5, 2), 3.25))
    assert pack_values(np.zeros((0, 3))).values().shape == (0, 3)


def test_every_shipped_example_is_predicted_as_python_does(digits: Bundle) -> None:
    packed = pack_values(digits.examples.values)
    made = predictions(digits.head, digits.examples, packed)
    again = digits.head.scores(packed.values(), digits.examples.features).argmax(1)
    differ = again != made.predicted
    assert made.differ == differ.sum()
    assert made.near_tie[differ].all()
    assert made.near_tie.mean() < 0.01


def test_a_tie_is_marked() -> None:
    head = Head.from_matrix(np.array([[1.0, 1.0, 0.0]]), np.zeros(3))
    examples = Examples(np.array([0]), np.array([[1.0], [-2.0]]), np.array([0, 2]), ["test"] * 2, ["a", "b"])
    made = predictions(head, examples, pack_values(examples.values))
    assert made.near_tie.tolist() == [True, False]


def test_many_labels_hold_at_once() -> None:
    head = Head(np.array([0, 0]), np.array([0, 1]), np.array([1.0, -1.0]), np.zeros(2))
    examples = Examples(np.array([0]), np.array([[2.0], [-2.0]]), np.eye(2, dtype=int), ["test"] * 2, ["a", "b"])
    made = predictions(head, examples, pack_values(examples.values))
    assert made.predicted.tolist() == [[True, False], [False, True]]
