"""What wrong rows have in common: the features, and the class pairs, behind most of them (G.1)."""

from __future__ import annotations

from collections import Counter

from clearhead.core.finding import Table

__all__ = ["by_feature", "by_pair"]


def by_feature(rows: Table, top: int) -> Table:
    """Features by the number of wrong rows that they alone explain: off, the row flips to the truth."""
    flipped = [r["without_top"] == r["truth"] for r in rows.rows()]
    total = Counter(rows.columns["top_feature"])
    alone = Counter(f for f, yes in zip(rows.columns["top_feature"], flipped, strict=True) if yes)
    order = sorted(total, key=lambda f: (-alone[f], -total[f], str(f)))[:top]
    return Table(
        {"feature": order, "flips_to_truth": [alone[f] for f in order], "top_in": [total[f] for f in order]},
        units={"top_in": "wrong rows in which it speaks most for the wrong class"},
    )


def by_pair(rows: Table, top: int) -> Table:
    """Class pairs by errors, with the feature that causes most of them."""
    pairs: dict[tuple[str, str], Counter[str]] = {}
    for row in rows.rows():
        pairs.setdefault((row["truth"], row["predicted"]), Counter())[row["top_feature"]] += 1
    order = sorted(pairs, key=lambda pair: (-pairs[pair].total(), pair))[:top]
    first = [pairs[pair].most_common(1)[0] for pair in order]
    return Table(
        {
            "truth": [pair[0] for pair in order],
            "predicted": [pair[1] for pair in order],
            "errors": [pairs[pair].total() for pair in order],
            "feature": [f for f, _ in first],
            "errors_with_feature": [count for _, count in first],
        }
    )
