"""What the debug step is asked: which analyses, how thoroughly, and what it may run again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clearhead.core.artifacts import file_hash, read_json
from clearhead.core.errors import SettingError

__all__ = ["DebugSettings", "identity_words"]


@dataclass(frozen=True)
class DebugSettings:
    """What to look for.

    Parameters
    ----------
    only : names of the analyses to make; all that need no network by default.
    suspects : also rank suspicious features and suggest a repair; runs the network on recombined pictures.
    counterfactuals : also change test examples and see which predictions flip, and count the words that name groups
        of people; runs the network.
    against : another run, to compare answers, weights, words and error rates with.
    cue : a column that says what the shortcut would be (background, scanner, source); it replaces the guess.
    dense : judge the network's own head on every row; nothing has to be fitted.
    k : how many of each class's strongest features are taken apart from the rest; a quarter of what it uses, at most
        10, by default.
    off : a feature that is off has its training "mean", or raw "zero".
    pairs : class pairs that are looked at.
    examples : test examples that are changed.
    sentences, masks : how many sentences are explained, with how many masks each, where the run has no words yet.
    target : the class that changed pictures should flip to; the class of the most suspicious features by default.
    mask : where a pattern goes: "surroundings", "boxes", "superpixels" (those that touch the edge), or a picture that
        is white there.
    identity : JSON file, group → words, in place of the built-in English list.
    model : the network, where the run does not name it.
    """

    only: Sequence[str] = ()
    suspects: bool = False
    counterfactuals: bool = False
    against: Path | None = None
    cue: str | None = None
    dense: bool = False
    k: int | None = None
    off: str = "mean"
    pairs: int = 1000
    examples: int = 100
    sentences: int | None = None
    masks: int | None = None
    target: str | None = None
    mask: str = "surroundings"
    identity: Path | None = None
    model: str | None = None

    def __post_init__(self) -> None:
        for name in ("k", "pairs", "examples", "sentences", "masks"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SettingError(f"{name} must be at least 1", got=value)

    def shows(self, what: str) -> bool:
        """Whether a finding's kind, or what was left out, belongs to the answer; all does where nothing was named."""
        plain = what.split(" ")[-1].removeprefix("label_")
        belongs = {"removals": "suspects", "spurious": "suspects"}.get(plain, plain)
        return not self.only or plain in self.only or belongs in self.only

    def lasting(self) -> dict[str, Any]:
        """What the findings that need no network depend on, kept with the run so that it is not asked again."""
        return {
            "k": self.k,
            "off": self.off,
            "pairs": self.pairs,
            "against": None if self.against is None else str(self.against),
            "identity": None if self.identity is None else str(self.identity),
        }

    @classmethod
    def kept(cls, lasting: Mapping[str, Any]) -> DebugSettings:
        """The settings that `lasting` described."""
        known: Mapping[str, Any] = {
            "k": None,
            "off": "mean",
            "pairs": 1000,
            "against": None,
            "identity": None,
            **lasting,
        }
        against, identity = (None if known[name] is None else Path(known[name]) for name in ("against", "identity"))
        return cls(k=known["k"], off=known["off"], pairs=known["pairs"], against=against, identity=identity)

    def key(self) -> list[Any]:
        """What the key of the step is made of."""
        words = None if self.identity is None else file_hash(self.identity)
        other = None if self.against is None else file_hash(self.against / "manifest.json")
        return [self.k, self.off, self.pairs, other, words]


def identity_words(path: Path | None) -> Mapping[str, Sequence[str]] | None:
    """The user's groups and their words; None for the built-in list."""
    if path is None:
        return None
    groups = read_json(path)
    sound = isinstance(groups, dict) and all(
        isinstance(words, list) and all(isinstance(word, str) for word in words) for words in groups.values()
    )
    if not sound or not groups:
        raise SettingError(f"{path} is no list of groups", expected='{"group": ["word", "other word"]}')
    return {str(group): words for group, words in groups.items()}
