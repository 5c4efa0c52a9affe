"""An experiment at work: its run, the question it asks, and what it shows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from clearhead import explain as E
from clearhead.core.errors import DataError
from clearhead.core.finding import Finding
from clearhead.core.seeds import torch_generator
from clearhead.explain.wordcloud import listed_in
from clearhead.features.table import View
from clearhead.head import SparseHead
from clearhead.runs import fitting, sources
from clearhead.runs.recipes.experiment import Experiment, Options
from clearhead.runs.run import Run
from clearhead.runs.tasks import Task, tasks

__all__ = ["Job"]


@dataclass(frozen=True, eq=False)
class Job:
    """One experiment on one run: where many labels hold at once, ``number`` is that of the label asked about."""

    experiment: Experiment
    run: Run
    options: Options
    folder: Path

    @cached_property
    def number(self) -> int | None:
        """The label's column; None where every row has one class. A rare label is found in what it was merged into."""
        label = self.experiment.about.get("label")
        if fitting.labels_of(self.run).ndim == 1 or label is None:
            return None
        names = self.run.table.class_names
        merged = [c for c, name in enumerate(names) if name == label or label in _members(name)]
        if not merged:
            raise DataError(f"the data have no label {label!r}", got=", ".join(names))
        return merged[0]

    @cached_property
    def task(self) -> Task:
        """The question as the run's analyses ask it."""
        return tasks(self.run)[self.number or 0]

    @property
    def heads(self) -> dict[str, SparseHead]:
        """The heads that answer the question, "dense" and "sparse"."""
        return {name: self.task.heads[name] for name in ("dense", "sparse")}

    @property
    def labels(self) -> Tensor:
        """(n,) class of every row of the table."""
        return self.task.labels

    def rows(self, part: str) -> Tensor:
        """Rows of a part; a two-class test as section C.1 balances it, where the world does so."""
        return self.task.rows[part]

    def part(self, part: str) -> tuple[View, Tensor]:
        """(features, labels) of a part's rows."""
        return self.task.part(self.run, part)

    def classes(self, number: int, start: int = 0) -> list[int]:
        """Classes to show: those the user names, or random ones, the same for every run of the experiment."""
        head = self.heads["sparse"]
        if self.options.classes:
            return [head.class_number(name) for name in self.options.classes][:number]
        order = torch.randperm(head.n_classes, generator=torch_generator(self.run.config.data.seed, "paper classes"))
        return [int(c) for c in order.roll(-start)[:number]]

    @cached_property
    def subject(self) -> E.Subject:
        """What is explained, with the network and the examples."""
        run = self.run
        examples = sources.examples(run)
        numbers = sources.example_numbers(run, examples)
        return E.Subject(
            run.table,
            self.heads["sparse"],
            dense=self.heads["dense"],
            backbone=sources.same_backbone(run),
            examples=examples if len(numbers) == len(examples) else examples.subset(numbers),
            path=self.task.path,
            shown=torch.cat([run.split.val, run.split.test]).sort().values,
        )

    def explained(self, features: list[int]) -> list[Finding]:
        """Visualisations and superpixels of image features, words of text features; kept with the run."""
        subject, run, wanted = self.subject, self.run, list(dict.fromkeys(features))
        if run.table.kind == "text":
            return [E.words(subject, wanted, run.folder, self.words_options, run.progress)]
        ascent = E.VisualizeOptions(direction="both", ascent=E.AscentOptions(steps=self.options.steps))
        lime = E.SuperpixelsOptions(lime=E.LimeOptions(samples=self.options.masks))
        return [
            E.visualize(subject, wanted, run.folder, ascent, run.progress),
            E.superpixels(subject, wanted, run.folder, lime, run.progress),
        ]

    @cached_property
    def words_options(self) -> E.WordsOptions:
        """How words are found, and which of them pictures do not spell out."""
        options = E.WordsOptions(
            lime=E.LimeOptions(samples=self.options.masks, bootstrap=0), sentences=self.options.sentences
        )
        if self.options.redact is None:
            return options
        return replace(options, clouds=E.CloudOptions(redact=listed_in(self.options.redact)))


def _members(name: str) -> list[str]:
    return name.removeprefix("rare: ").split(" + ") if name.startswith("rare: ") else []
