"""What an experiment of the paper is: where its data and network come from, what it makes, and how it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clearhead.runs.config import RunConfig

__all__ = ["Experiment", "Options", "World"]


@dataclass(frozen=True)
class World:
    """A data set and a network of the paper (sections C.1 and C.2).

    Parameters
    ----------
    name, title : for the command line, and as the paper's tables spell it.
    layouts : data sets whose layout on disk is accepted, by their prefix.
    data, network : in words: how the data lie on disk, and which network it is.
    model : the network's spec where it can be had by name; None where a file of weights has to be named.
    k : features of each class in the "top-k" columns (Table 37).
    settings : what differs from the settings of `RunConfig`, which are the paper's: 100 λ's down to λ_max/1000,
        α = 0.99, the sparsest head within five points of the best on 10 % of the training rows.
    """

    name: str
    title: str
    layouts: tuple[str, ...]
    data: str
    network: str
    model: str | None = None
    k: int = 10
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Options:
    """What a person may set beyond a run's own settings.

    Parameters
    ----------
    masks : LIME's masks of a picture or sentence.
    steps : steps of gradient ascent for a feature visualisation.
    sentences : explain at most so many sentences; all that may be shown if not given.
    classes : show these classes, by name, instead of random ones.
    answers : file with people's answers to a study (.jsonl, .parquet, or Mechanical Turk's .csv); simulated annotators
        answer without it, and the result says so.
    patterns : folder of pictures that hold the pattern to paste (Fig. 31).
    target : class that the pattern is blamed for.
    redact : file with words, one a line, that figures show as their first letter and dots.
    """

    masks: int = 1000
    steps: int = 256
    sentences: int | None = None
    classes: tuple[str, ...] = ()
    answers: Path | None = None
    patterns: Path | None = None
    target: str | None = None
    redact: Path | None = None


@dataclass(frozen=True)
class Experiment:
    """One table row, figure or algorithm.

    Parameters
    ----------
    name : as on the command line, "table37-imagenet-standard".
    label : the stem of its files.
    section : where it is in the paper.
    product : which function of `products.PRODUCTS` makes it.
    outputs : the files that it promises, in its folder.
    world : the data and network; None for a collection of other experiments' results.
    about : what that function needs to know: a label's name, which random class, sizes.
    published : the paper's own figures, for comparison, by the names of the columns.
    needs : what must be passed beside data and network, in words.
    """

    name: str
    label: str
    title: str
    section: str
    product: str
    outputs: tuple[str, ...]
    world: World | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    published: Mapping[str, Any] = field(default_factory=dict)
    needs: str = ""

    @property
    def config(self) -> RunConfig:
        """The resolved settings, but for where data and network lie."""
        return RunConfig.from_flat(**(self.world.settings if self.world else {}))

    @property
    def command(self) -> str:
        """How to run it."""
        if self.world is None:
            return f"clearhead paper run {self.name}"
        model = "" if self.world.model else " --model SPEC"
        return f"clearhead paper run {self.name} --data FOLDER{model}{' ' + self.needs if self.needs else ''}"

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        world = self.world
        inputs = {} if world is None else {
            "data": world.data, "layouts": list(world.layouts), "network": world.network, "model": world.model,
        }  # fmt: skip
        settings = {name: vars(section) for name, section in self.config.sections()} if world else {}
        return {
            "name": self.name,
            "title": self.title,
            "section": self.section,
            "world": world.name if world else None,
            "inputs": {**inputs, "needs": self.needs} if self.needs else inputs,
            "outputs": list(self.outputs),
            "published": dict(self.published),
            "settings": settings,
            "command": self.command,
        }
