"""What the explaining analyses found, feature by feature: their pictures and words, taken out of findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from clearhead.core.finding import Finding
from clearhead.report.bundle import Explanation

__all__ = ["explanations"]

Found = Iterator[tuple[int, Explanation]]
_MOST_WORDS = 30


def explanations(findings: Sequence[Finding]) -> dict[int, list[Explanation]]:
    """Feature number → its explanations, in the order of the findings. A finding of another kind gives none."""
    found: dict[int, list[Explanation]] = {}
    for finding in findings:
        for feature, explanation in _READERS.get(finding.kind, _nothing)(finding):
            found.setdefault(feature, []).append(explanation)
    return found


def _nothing(finding: Finding) -> Found:
    return iter(())


def _pictures(finding: Finding) -> Iterator[tuple[int, str, str]]:
    """(feature, direction in words, path) of the media named "12+" and "12-"."""
    for name, path in finding.media.items():
        if name[:-1].isdigit() and name[-1] in "+-":
            yield int(name[:-1]), "raises it" if name[-1] == "+" else "lowers it", path


def _visualization(finding: Finding) -> Found:
    reached = {(row["feature"], row["sign"]): row for row in _rows(finding, "visualization")}
    for feature, direction, path in _pictures(finding):
        row = reached.get((feature, 1 if direction == "raises it" else -1), {})
        numbers = f" It reaches {row['z']:+.1f} deviations, the best example {row['best_z']:+.1f}." if row else ""
        if row.get("start", "noise") != "noise":
            numbers += " It began at an example and still shows parts of it."
        yield feature, Explanation("visualization", f"A picture made so that it {direction}.{numbers}", media=path)


def _superpixels(finding: Finding) -> Found:
    for feature, direction, path in _pictures(finding):
        yield feature, Explanation("superpixels", f"The parts of examples by which each {direction}.", media=path)


def _words(finding: Finding) -> Found:
    clouds = {(feature, direction): path for feature, direction, path in _pictures(finding)}
    lists: dict[tuple[int, str], list[Mapping[str, Any]]] = {}
    for row in _rows(finding, "words"):
        lists.setdefault((row["feature"], "raises it" if row["sign"] > 0 else "lowers it"), []).append(row)
    for feature, direction in dict.fromkeys([*lists, *clouds]):
        rows = sorted(lists.get((feature, direction), []), key=lambda r: r["rank"])
        pairs = tuple((str(r["word"]), float(r["weight"])) for r in rows[:_MOST_WORDS])
        caption = f"Words whose presence {direction}; larger is stronger."
        # The words themselves can be searched and read aloud: a picture of them is the second choice.
        yield feature, Explanation("words", caption, None if pairs else clouds[feature, direction], pairs)


def _names(finding: Finding) -> Found:
    for row in _rows(finding, "names"):
        if row["source"] == "generated":
            yield row["feature"], Explanation("name", f"Described as “{row['name']}” by a function; nobody checked it.")


def _rows(finding: Finding, table: str) -> list[dict[str, Any]]:
    return finding.tables[table].rows() if table in finding.tables else []


_READERS: dict[str, Callable[[Finding], Found]] = {
    "visualization": _visualization,
    "superpixels": _superpixels,
    "words": _words,
    "names": _names,
}
