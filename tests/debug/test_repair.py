from __future__ import annotations

import pytest
import torch

from clearhead.core.errors import InputError, SettingError
from clearhead.debug import Material, Part, compare, edited, refit_without, removed_features, repair
from clearhead.debug.intervals import mcnemar
from clearhead.glm import Binomial, fit
from clearhead.head import Edit, SparseHead


@pytest.fixture
def leaning(plain_head):
    """Feature 0 is the object; feature 1, heavier, the background."""
    return plain_head(torch.tensor([[1.0], [3.0]]), link="margin", class_names=["bird", "dog"])


@pytest.fixture
def scenes():
    """Rows (object, background) of both classes, half of them on the other's background."""
    X = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0], [-1.0, 1.0]]).repeat(10, 1)
    return Part(X, torch.tensor([1, 1, 0, 0] * 10), ["dog land", "dog water", "bird water", "bird land"] * 10)


def test_before_and_after_are_exact(leaning, scenes):
    after = edited(leaning, [Edit(1)])
    finding = repair(leaning, after, {"test": scenes}, edits=[Edit(1)])
    assert finding.numbers["test_before"].value == 0.5
    assert finding.numbers["test_after"].value == 1.0
    assert finding.numbers["test_worst_group_before"].value == 0.0
    assert finding.numbers["test_worst_group_after"].value == 1.0
    rows = {(r["slice"], r["name"]): r for r in finding.tables["change"].rows()}
    assert rows["group", "dog water"]["gained"] == 10
    assert rows["group", "dog land"]["change"] == 0
    assert rows["overall", ""]["p_value"] == pytest.approx(mcnemar([0] * 20, [1] * 20))
    assert rows["class", "bird"]["n"] == 20
    assert rows["class", "bird"]["before_low"] < rows["class", "bird"]["before"] < rows["class", "bird"]["before_high"]
    assert "gap" not in finding.numbers
    assert repair(leaning, after, {"test": scenes}, gap=1e-5).numbers["gap"] == 1e-5


def test_edits_that_empty_a_class_or_name_nothing_are_refused(leaning, plain_head):
    with pytest.raises(InputError, match="no feature speaks"):
        edited(leaning, [Edit(0), Edit(1)])
    assert not edited(leaning, [Edit(0), Edit(1)], allow_empty=True).weight.any()
    with pytest.raises(InputError, match="edit 0: no feature has this name"):
        edited(leaning, [Edit("fature 1")])
    with pytest.raises(InputError, match="edit 0: no class has this name"):
        edited(leaning, [Edit(1, classes=("cat",))])
    with pytest.raises(InputError, match="same features and classes"):
        repair(leaning, plain_head(torch.eye(2)), {})


def test_refit_is_the_certified_fit_without_the_feature_on_the_old_scale(leaning):
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(200, 4, generator=generator).double() * 3 + 1
    y = (X[:, 0] + X[:, 1] + torch.randn(200, generator=generator) > 2).long()
    head = SparseHead.from_solution(fit(X, y, loss=Binomial(), lambda_=0.02))
    new, solution = refit_without(head, Material(X, y), [0], lambda_=0.02, tol=1e-8)
    alone = fit(X[:, 1:], y, loss=Binomial(), lambda_=0.02, tol=1e-8)
    assert solution.status.ok
    assert new.weight[0].tolist() == [0.0]
    assert new.weight[1:] == pytest.approx(alone.coef.numpy(), abs=1e-4)
    assert torch.allclose(new(X), SparseHead.from_solution(solution, link="margin")(X), atol=1e-6)


def test_what_a_refit_cannot_do_is_said(leaning, plain_head):
    assert removed_features(leaning, [Edit(1), Edit("feature 0")]) == [0, 1]
    with pytest.raises(InputError, match="removed for all classes"):
        removed_features(leaning, [Edit(1, "clip", value=0.1)])
    with pytest.raises(SettingError, match="every feature is removed"):
        refit_without(leaning, Material(torch.eye(2), [0, 1]), [0, 1], lambda_=0.1)
    with pytest.raises(InputError, match="exclude one another"):
        refit_without(plain_head(torch.eye(2), link="multilabel"), Material(torch.eye(2), [0, 1]), [0], lambda_=0.1)


def test_compare_lists_every_kind_of_change(plain_head):
    first = plain_head(torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 0.0]]))
    second = plain_head(torch.tensor([[1.0, 0.5], [0.0, 1.0], [0.0, 0.0]]))
    finding = compare(first, second, torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 1.5]]), [0, 1])
    kinds = {(r["feature"], r["class"]): r["kind"] for r in finding.tables["weights"].rows()}
    assert kinds == {
        ("feature 0", "class 1"): "gained",
        ("feature 1", "class 1"): "changed",
        ("feature 2", "class 0"): "lost",
    }
    assert finding.numbers["weights_lost"] == 1
    assert finding.numbers["agreement"].value == 1.0
    with pytest.raises(InputError, match="different features or classes"):
        compare(first, plain_head(torch.eye(2)), torch.eye(2), [0, 1])
