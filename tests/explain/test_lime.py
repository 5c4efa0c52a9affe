"""LIME's regression against the packages that define it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from clearhead.core.errors import DataError, SettingError
from clearhead.explain.lime import LimeOptions, Masks, fit_surrogate, half_masks, unique_masks, word_masks

EXACT = LimeOptions(bootstrap=0)


def expanded(masks: Masks) -> np.ndarray:
    """The masks as they were drawn, duplicates included, the unmasked input first."""
    return np.repeat(masks.present.numpy(), masks.count.numpy(), axis=0).astype(float)


def lime_coefficients(masks: Masks, targets: torch.Tensor, scale: float) -> np.ndarray:
    """(d, p) from the `lime` package called once a feature, on the same masks with their duplicates."""
    import sklearn.metrics
    from lime.lime_base import LimeBase

    width = 0.25 * scale
    base = LimeBase(lambda d: np.sqrt(np.exp(-(d**2) / width**2)), random_state=np.random.RandomState(0))
    data = expanded(masks)
    labels = np.repeat(targets.double().numpy(), masks.count.numpy(), axis=0)
    distance = sklearn.metrics.pairwise_distances(data, data[:1], metric="cosine").ravel() * scale
    found = np.zeros((data.shape[1], labels.shape[1]))
    for feature in range(labels.shape[1]):
        pairs = base.explain_instance_with_data(data, labels, distance, feature, data.shape[1])[1]
        for part, weight in pairs:
            found[part, feature] = weight
    return found


@pytest.mark.parametrize(
    ("draw", "parts", "scale"), [(half_masks, 34, 1.0), (half_masks, 5, 1.0), (word_masks, 12, 100.0)]
)
def test_coefficients_are_those_of_the_lime_package(draw, parts, scale):
    masks = draw(parts, 300, 0)
    generator = torch.Generator().manual_seed(1)
    targets = (masks.present.float() @ torch.randn(parts, 7, generator=generator)).square()
    ours = fit_surrogate(masks, targets, EXACT).coef.numpy()
    assert np.abs(ours - lime_coefficients(masks, targets, scale)).max() < 1e-10


def test_coefficients_are_captums_on_one_feature():
    from captum._utils.models.linear_model import SkLearnRidge
    from captum.attr import LimeBase

    masks = half_masks(9, 128, 3)
    truth = torch.randn(9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    rows = iter(torch.from_numpy(expanded(masks)))

    def similarity(original: torch.Tensor, perturbed: torch.Tensor, mask: torch.Tensor, **_: object) -> torch.Tensor:
        distance = 1 - torch.cosine_similarity(mask.double(), torch.ones_like(mask).double()).nan_to_num(0.0)
        return (-distance.square() / 0.25**2).exp().sqrt()

    oracle = LimeBase(
        lambda x: torch.tanh(x.double() @ truth),
        SkLearnRidge(alpha=1.0, fit_intercept=True),
        similarity,
        lambda original, **_: next(rows)[None],
        True,
        lambda mask, original, **_: mask * original,
        None,
    )
    theirs = oracle.attribute(torch.ones(1, 9, dtype=torch.float64), n_samples=masks.drawn)
    ours = fit_surrogate(masks, torch.tanh(masks.present.double() @ truth)[:, None], EXACT).coef[:, 0]
    # captum hands its model float32 data and targets.
    assert torch.allclose(theirs[0].double(), ours, atol=2e-6)


def test_all_features_at_once_equals_each_alone():
    masks = half_masks(10, 200, 0)
    targets = torch.rand(len(masks), 5, generator=torch.Generator().manual_seed(0))
    together = fit_surrogate(masks, targets, EXACT)
    for j in range(5):
        assert torch.allclose(together.coef[:, j], fit_surrogate(masks, targets[:, j : j + 1], EXACT).coef[:, 0])


def test_merging_duplicates_changes_nothing():
    drawn = torch.rand(400, 3, generator=torch.Generator().manual_seed(0)) < 0.5
    drawn[0] = True
    merged = unique_masks(drawn)
    assert len(merged) == 8
    assert merged.drawn == 400
    separate = Masks(drawn, torch.ones(400, dtype=torch.int64))
    value = lambda present: (present.double() @ torch.tensor([1.0, 2.0, -1.0]).double()).exp()[:, None]  # noqa: E731
    a, b = fit_surrogate(merged, value(merged.present), EXACT), fit_surrogate(separate, value(drawn), EXACT)
    assert torch.allclose(a.coef, b.coef, atol=1e-12)
    assert torch.allclose(a.r2, b.r2, atol=1e-12)


@pytest.mark.parametrize("draw", [half_masks, word_masks])
@pytest.mark.parametrize("parts", [1, 2, 40])
def test_masks_begin_with_the_unmasked_input_and_follow_the_seed(draw, parts):
    masks = draw(parts, 100, 5)
    assert masks.drawn == 100
    assert bool(masks.present[0].all())
    assert len({tuple(row) for row in masks.present.tolist()}) == len(masks)
    assert torch.equal(masks.present, draw(parts, 100, 5).present)
    if parts == 40:
        assert not torch.equal(masks.present[:50], draw(parts, 100, 6).present[:50])


def test_a_target_that_never_varies_has_no_weight_and_no_r2():
    masks = half_masks(6, 50, 0)
    fit = fit_surrogate(masks, torch.full((len(masks), 1), 0.1))
    assert (fit.coef == 0).all()
    assert fit.r2.isnan().all()


def test_bootstrap_interval_covers_the_coefficient_of_all_masks():
    """Of 200 seeds, the 95 % interval should hold the exhaustive answer about 190 times."""
    truth = torch.tensor([1.0, -2.0, 0.5, 0.0, 0.3, 0.0]).double()
    bent = lambda present: (present.double() @ truth).square()[:, None]  # noqa: E731
    options = LimeOptions(samples=200, ridge=0.0)
    everything = unique_masks(torch.cartesian_prod(*[torch.tensor([False, True])] * 6))
    exact = fit_surrogate(everything, bent(everything.present), LimeOptions(ridge=0.0, bootstrap=0)).coef
    covered = 0.0
    for seed in range(200):
        draw = torch.rand(199, 6, generator=torch.Generator().manual_seed(seed)) < 0.5
        masks = unique_masks(torch.cat([torch.ones(1, 6, dtype=torch.bool), draw]))
        fit = fit_surrogate(masks, bent(masks.present), options, seed)
        covered += float(((fit.low <= exact) & (exact <= fit.high)).double().mean())
    assert 0.85 < covered / 200 < 0.99


def test_bad_settings_and_shapes_are_named():
    with pytest.raises(SettingError, match="at least two masks"):
        LimeOptions(samples=1)
    with pytest.raises(SettingError, match="kernel width"):
        LimeOptions(kernel_width=0.0)
    with pytest.raises(DataError, match="a column for each part"):
        unique_masks(torch.ones(3, 0, dtype=torch.bool))
    with pytest.raises(DataError, match="one row of targets"):
        fit_surrogate(half_masks(3, 8, 0), torch.zeros(1, 2))
