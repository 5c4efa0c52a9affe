from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from clearhead.core.errors import DataError, SettingError
from clearhead.debug import (
    PasteOptions,
    TextOptions,
    box_mask,
    counterfactual_image,
    counterfactual_text,
    surround_mask,
)
from clearhead.debug.substitution import candidates, exhaustive, substitute

VOCABULARY = ["good", "great", "bad", "awful", "plot"]
CLOUDS = {
    0: {"positive": ["good", "great"], "negative": ["bad", "awful"]},
    1: {"positive": ["plot"], "negative": []},
}


def encode(texts: list[str]) -> torch.Tensor:
    """Feature 0: good words less bad words ("great" and "awful" count double); feature 1: "plot"."""
    value = {"good": 1.0, "great": 2.0, "bad": -1.0, "awful": -2.0}
    words = [[w.strip(".,").lower() for w in text.split()] for text in texts]
    return torch.tensor([[sum(value.get(w, 0.0) for w in ws), float(ws.count("plot"))] for ws in words])


@pytest.fixture
def critic(plain_head):
    return plain_head(torch.tensor([[1.0], [0.1]]), link="margin", class_names=["negative", "positive"])


def test_candidates_are_the_words_used_as_evidence(critic):
    found = candidates(critic, "A Good plot, a bad end.", 1, CLOUDS)
    assert {(c.position, c.feature, c.sign) for c in found} == {(1, 0, 1), (2, 1, 1)}
    # For the other class the weight is negative: words that lower the feature are the evidence.
    assert {(c.position, c.sign) for c in candidates(critic, "A Good plot, a bad end.", 0, CLOUDS)} == {(4, -1)}


def test_substitution_keeps_everything_else():
    assert substitute("A Good plot, don't you think?", {1: "bad", 3: "do"}) == "A bad plot, do you think?"


def test_exhaustive_takes_the_fewest_words(critic):
    one = exhaustive(critic, "good plot", 1, CLOUDS, encode)
    assert one is not None
    assert one.changes == ((0, "good", "awful"),)
    assert one.prediction == 0
    two = exhaustive(critic, "great great great", 1, CLOUDS, encode)
    assert two is not None
    assert len(two.changes) == 2
    assert exhaustive(critic, "great great great", 1, CLOUDS, encode, TextOptions(max_words=1)) is None


def test_minus_one_is_counted(critic):
    finding = counterfactual_text({"sparse": critic}, ["good", "the end", "plot"], CLOUDS, encode)
    assert finding.numbers["sparse_possible"].value == pytest.approx(1 / 3)  # "plot" has no opposite word
    assert finding.numbers["sparse_random_where_possible"].n == 1
    assert finding.numbers["sparse_exhaustive_of_all"].value == pytest.approx(1 / 3)
    assert finding.tables["examples"].rows()[0]["to"] == "negative"
    assert not any("Words are known" in caveat for caveat in finding.caveats)
    fewer = counterfactual_text({"sparse": critic}, ["good"], {0: CLOUDS[0]}, encode)
    assert any("Words are known for 1 of the 2 features in use" in caveat for caveat in fewer.caveats)


def test_random_is_repeatable_and_never_beats_the_exhaustive(critic):
    texts = ["good good plot", "great", "bad", "awful bad", "good bad great"]
    first, second = (counterfactual_text({"a": critic}, texts, CLOUDS, encode, TextOptions(seed=3)) for _ in range(2))
    assert first.numbers == second.numbers
    assert first.numbers["a_random_of_all"].value <= first.numbers["a_exhaustive_of_all"].value


def test_words_absent_from_the_clouds_are_said(critic):
    with pytest.raises(DataError, match="no sentence has a word"):
        counterfactual_text({"sparse": critic}, ["nothing here"], CLOUDS, encode)
    with pytest.raises(DataError, match="no sentences"):
        counterfactual_text({"sparse": critic}, [], CLOUDS, encode)


def colour(images: list[Image.Image]) -> torch.Tensor:
    """Mean red and mean green."""
    return torch.stack([torch.from_numpy(np.asarray(i, dtype=np.float32)).mean((0, 1))[:2] / 255 for i in images])


def test_a_pattern_flips_and_a_control_does_not(plain_head):
    before = plain_head(torch.tensor([[2.0], [0.0]]), torch.tensor([-0.5]), link="margin", class_names=["bird", "dog"])
    after = plain_head(torch.tensor([[0.0], [2.0]]), torch.tensor([-0.5]), link="margin", class_names=["bird", "dog"])
    images = [Image.new("RGB", (20, 20), "black")] * 6
    finding = counterfactual_image(
        {"before": before, "after": after},
        colour,
        images,
        [surround_mask((20, 20))] * 6,
        target="dog",
        patterns=[Image.new("RGB", (5, 5), "red")],
        controls=[Image.new("RGB", (5, 5), "blue")],
    )
    assert finding.numbers["before_pattern"].value == 1.0
    assert finding.numbers["before_control"].value == 0.0
    assert finding.numbers["after_pattern"].value == 0.0
    assert finding.numbers["before_difference"].n == 6


def test_masks_and_bad_input(plain_head):
    assert box_mask((4, 3), (1, 0, 3, 2)).tolist() == [[1, 0, 0, 1], [1, 0, 0, 1], [1, 1, 1, 1]]
    assert box_mask((4, 3), (1, 0, 3, 2), inside=True).sum() == 4
    head = plain_head(torch.eye(2))
    image = Image.new("RGB", (4, 4))
    given = {"target": 0, "patterns": [image], "controls": [image]}
    with pytest.raises(DataError, match="there are no patterns"):
        counterfactual_image({"a": head}, colour, [image], [surround_mask((4, 4))], **{**given, "patterns": []})
    with pytest.raises(DataError, match="one mask a picture"):
        counterfactual_image({"a": head}, colour, [image], [], **given)
    with pytest.raises(SettingError, match="0 < weight"):
        counterfactual_image(
            {"a": head}, colour, [image], [surround_mask((4, 4))], **given, options=PasteOptions(weight=0)
        )
