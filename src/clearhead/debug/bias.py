"""Words that name groups of people: where a head's features lean on them, and whom its errors hit (E.1, Figs 26-27)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearhead.core.errors import DataError
from clearhead.core.finding import Estimate, Finding, Table
from clearhead.debug.inputs import class_numbers
from clearhead.debug.intervals import proportion
from clearhead.head import SparseHead

__all__ = ["IDENTITY_WORDS", "Clouds", "bias_errors", "bias_words"]

Clouds = Mapping[int, Mapping[str, Sequence[str]]]
"""Feature number → {"positive": words that raise it, "negative": words that lower it}, strongest first."""

IDENTITY_WORDS: Mapping[str, tuple[str, ...]] = {
    "women": ("woman", "women", "female", "females", "girl", "girls", "lady", "ladies", "feminist", "feminists"),
    "men": ("man", "men", "male", "males", "boy", "boys"),
    "gay and lesbian": ("gay", "gays", "lesbian", "lesbians", "homosexual", "homosexuals", "queer", "bisexual"),
    "transgender": ("transgender", "trans", "transsexual"),
    "black": ("black", "blacks", "african", "africans"),
    "white": ("white", "whites", "caucasian", "european", "europeans"),
    "asian": ("asian", "asians", "chinese", "japanese", "indian", "indians", "korean"),
    "latino": ("latino", "latinos", "latina", "hispanic", "mexican", "mexicans"),
    "jewish": ("jew", "jews", "jewish", "israeli", "israelis"),
    "muslim": ("muslim", "muslims", "islam", "islamic", "arab", "arabs"),
    "christian": ("christian", "christians", "catholic", "catholics", "protestant"),
    "nationality": ("american", "americans", "german", "germans", "russian", "russians", "turkish", "polish", "irish"),
    "disability": ("disabled", "blind", "deaf", "autistic", "retard", "retarded"),
}
"""Plain group names of English comments; a user's own list replaces it."""

WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")


@dataclass(frozen=True, eq=False)
class _Place:
    """Where words were looked at: which head, class, and direction."""

    head: str
    class_: str
    direction: str
    words: list[str]


def bias_words(
    heads: Mapping[str, SparseHead],
    clouds: Clouds | Mapping[str, Clouds],
    *,
    features: int = 5,
    words: int = 30,
    identity: Mapping[str, Sequence[str]] | None = None,
) -> Finding:
    """Share of words that name groups among the top words of each class's strongest features, by head.

    Parameters
    ----------
    heads : name ("sparse", "dense", or one of each of two networks) → head.
    clouds : feature → words, one set for all heads, or by head name for heads of different networks.
    features, words : how many features of each class and how many words of each are looked at.
    identity : group → words, lower case; `IDENTITY_WORDS` by default.

    A feature with a positive weight for a class brings its raising words as evidence *for* the class and its lowering
    words as evidence *against* it; a negative weight the other way round.

    Raises
    ------
    DataError : none of the heads' strongest features has words.
    """
    lookup = _lookup(identity or IDENTITY_WORDS)
    places = [
        place for name, head in heads.items() for place in _places(name, head, _of(clouds, name), features, words)
    ]
    if not any(place.words for place in places):
        raise DataError(
            "none of the strongest features of these heads has words",
            got=f"words for {len(clouds)} features",
            fix="explain these features first, or look at more features",
        )
    rows = [_word_row(place, lookup) for place in places]
    totals = {name: _total(places, name, lookup) for name in heads}
    return Finding(
        kind="bias_words",
        title="Words that name groups",
        sentence="; ".join(
            f"{e.value:.1%} of the {e.n} top words of the {name} head name a group "
            f"(95 % interval {e.low:.1%} to {e.high:.1%})"
            for name, e in totals.items()
        )
        + ".",
        numbers=dict(totals),
        tables={"words": Table({key: [row[key] for row in rows] for key in rows[0]})},
        caveats=(
            "A word counts once for every feature it appears with; the interval takes these as independent.",
            "The list of group names is short, English and literal; other spellings and slurs are not counted.",
        ),
        settings={"features": features, "words": words, "groups": sorted(identity or IDENTITY_WORDS)},
    )


def _lookup(identity: Mapping[str, Sequence[str]]) -> dict[str, str]:
    return {word.lower(): group for group, names in identity.items() for word in names}


def _of(clouds: Any, name: str) -> Clouds:
    chosen: Clouds = clouds.get(name, clouds)
    return chosen


def _places(name: str, head: SparseHead, clouds: Clouds, features: int, words: int) -> list[_Place]:
    places = []
    for c, class_ in enumerate(head.class_names):
        top = head.top_features(c, features)
        for direction, sign in (("for", 1), ("against", -1)):
            listed: list[str] = []
            for j, weight in top:
                side = "positive" if weight * sign > 0 else "negative"
                listed += [word.lower() for word in clouds.get(j, {}).get(side, ())][:words]
            places.append(_Place(name, class_, direction, listed))
    return places


def _word_row(place: _Place, lookup: Mapping[str, str]) -> dict[str, Any]:
    hits = [word for word in place.words if word in lookup]
    e = proportion(len(hits), len(place.words))
    return {
        "head": place.head,
        "class": place.class_,
        "direction": place.direction,
        "share": e.value if e.n else None,
        "low": e.low,
        "high": e.high,
        "n": e.n,
        "groups": sorted({lookup[word] for word in hits}),
    }


def _total(places: Sequence[_Place], name: str, lookup: Mapping[str, str]) -> Estimate:
    # Evidence for one of two classes is evidence against the other: counting "for" alone counts each once.
    listed = [word for place in places if place.head == name and place.direction == "for" for word in place.words]
    return proportion(sum(word in lookup for word in listed), len(listed))


def bias_errors(
    texts: Sequence[str],
    labels: Any,
    predictions: Mapping[str, Any],
    *,
    identity: Mapping[str, Sequence[str]] | None = None,
    names: Sequence[str] = ("negative", "positive"),
    min_rows: int = 10,
) -> Finding:
    """False positive and false negative rates where a comment mentions a group, against comments that mention none.

    Parameters
    ----------
    texts, labels : n comments and {0, 1} labels (n,).
    predictions : head name → {0, 1} predictions (n,).
    names : what 0 and 1 are called.
    min_rows : a rate from fewer rows is left out by name.

    Raises
    ------
    DataError : no comment mentions any group.
    """
    lookup = _lookup(identity or IDENTITY_WORDS)
    target = class_numbers(labels).numpy()
    mentions = [{lookup[w] for w in WORD.findall(text.lower()) if w in lookup} for text in texts]
    if len(mentions) != len(target):
        raise DataError("labels do not match texts", got=len(target), expected=len(mentions))
    groups = sorted(set().union(*mentions))
    if not groups:
        raise DataError("no comment mentions any of the groups", fix="pass the words that matter as identity=…")
    slices = {"no group": np.array([not m for m in mentions])}
    slices |= {group: np.array([group in m for m in mentions]) for group in groups}
    rows = [
        row
        for name, guess in predictions.items()
        for group, where in slices.items()
        for row in _error_rows(name, group, where, target, class_numbers(guess, name).numpy(), min_rows)
    ]
    return Finding(
        kind="bias_errors",
        title="Errors where a group is mentioned",
        sentence=_errors_sentence(rows, list(predictions), names),
        numbers={"n_rows": len(target), "n_mentioning": int((~slices["no group"]).sum())},
        tables={"rates": Table({key: [row[key] for row in rows] for key in rows[0]} if rows else {})},
        caveats=(
            f"Rates from fewer than {min_rows} rows are left out; a comment that mentions two groups counts for both.",
            "A higher error rate where a group is mentioned may come from what is said there, not from the mention.",
        ),
        settings={"min_rows": min_rows},
    )


def _error_rows(
    head: str,
    group: str,
    where: NDArray[np.bool_],
    target: NDArray[np.int64],
    guess: NDArray[np.int64],
    min_rows: int,
) -> list[dict[str, Any]]:
    rows = []
    for rate, truth in (("false positive", 0), ("false negative", 1)):
        own = where & (target == truth)
        if own.sum() >= min_rows:
            e = proportion(int((guess[own] != truth).sum()), int(own.sum()))
            rows.append(
                {"head": head, "group": group, "rate": rate, "value": e.value, "low": e.low, "high": e.high, "n": e.n}
            )
    return rows


def _errors_sentence(rows: Sequence[Mapping[str, Any]], heads: Sequence[str], names: Sequence[str]) -> str:
    parts = []
    for head in heads:
        false = [r for r in rows if r["head"] == head and r["rate"] == "false positive"]
        base = next((r for r in false if r["group"] == "no group"), None)
        named = [r for r in false if r["group"] != "no group"]
        if base and named:
            worst = max(named, key=lambda r: (r["value"], r["group"]))
            parts.append(
                f"of the texts that are “{names[0]}” the {head} head takes {worst['value']:.1%} for “{names[1]}” where "
                f"they mention {worst['group']} (n = {worst['n']}), {base['value']:.1%} where they mention no group "
                f"(n = {base['n']})"
            )
    text = "; ".join(parts) or "too few comments mention a group for a rate"
    return text[:1].upper() + text[1:] + "."
