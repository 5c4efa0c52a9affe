"""Explanations are taken out of findings by feature and direction."""

from __future__ import annotations

from clearhead.core.finding import Finding, Table
from clearhead.report.explanations import explanations


def finding(kind: str, media: dict[str, str], **tables: Table) -> Finding:
    return Finding(kind=kind, title=kind, sentence="", media=media, tables=tables)


def test_pictures_of_both_directions() -> None:
    table = Table({"feature": [12], "name": ["x"], "sign": [1], "z": [7.5], "best_z": [3.25], "best_row": [0]})
    made = explanations(
        [finding("visualization", {"12+": "a.png", "12-": "b.png", "legend": "c.png"}, visualization=table)]
    )
    assert list(made) == [12]
    raises, lowers = made[12]
    assert (raises.media, lowers.media) == ("a.png", "b.png")
    assert "+7.5" in raises.caption
    assert "lowers" in lowers.caption


def test_a_picture_that_began_at_an_example_says_so() -> None:
    table = Table(
        {"feature": [1, 2], "sign": [1, 1], "z": [5.0, 5.0], "best_z": [4.0, 4.0], "start": ["noise", "image"]}
    )
    made = explanations([finding("visualization", {"1+": "a.png", "2+": "b.png"}, visualization=table)])
    assert "began" not in made[1][0].caption
    assert "began at an example" in made[2][0].caption


def test_words_come_in_order_and_replace_their_picture() -> None:
    words = {
        "feature": [3, 3, 3],
        "sign": [1, 1, -1],
        "rank": [2, 1, 1],
        "word": ["b", "a", "c"],
        "weight": [0.5, 1.0, -2.0],
    }
    made = explanations([finding("words", {"3+": "cloud.png", "4-": "other.png"}, words=Table(words))])
    assert made[3][0].words == (("a", 1.0), ("b", 0.5))
    assert made[3][0].media is None
    assert made[3][1].words == (("c", -2.0),)
    assert made[4][0].media == "other.png"


def test_generated_names_say_so() -> None:
    table = Table({"feature": [1, 2], "name": ["wheels", "given"], "source": ["generated", "given"]})
    made = explanations([finding("names", {}, names=table)])
    assert list(made) == [1]
    assert "nobody checked" in made[1][0].caption


def test_other_kinds_give_none() -> None:
    assert explanations([finding("confusion", {"12+": "x.png"})]) == {}
