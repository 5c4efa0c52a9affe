"""The questions that a run's heads answer with one class a row, and the rows that each is judged on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from clearhead.core.errors import ModelError
from clearhead.core.finding import Finding
from clearhead.core.scaling import Standardizer
from clearhead.debug import label_head
from clearhead.features.split import balanced
from clearhead.features.table import View
from clearhead.glm.solution import RegularizationPath
from clearhead.head import SparseHead
from clearhead.runs import fitting

if TYPE_CHECKING:
    from clearhead.runs.run import Run

__all__ = ["NETWORK", "PARTS", "Task", "named", "network_head", "network_task", "tasks"]

PARTS = ("train", "val", "test")
NETWORK = "network's own"  # said as "the network's own head"


@dataclass(frozen=True, eq=False)
class Task:
    """One question that a head answers with one class a row: the run's own, or one of its many labels.

    Parameters
    ----------
    name : the label; empty where there is one question only.
    heads : "sparse" and "dense", the head that is judged first; ``NETWORK`` where
        nothing was fitted, after the head that was edited from it.
    labels : (n,) classes of all rows of the table.
    rows : part ("train", "val", "test") → row numbers.
    path, chosen : the path and the number of the selected λ, where there is one.
    network : (n,) the network's own predictions, where it has any.
    """

    name: str
    heads: Mapping[str, SparseHead]
    labels: Tensor
    rows: Mapping[str, Tensor]
    path: RegularizationPath | None = None
    chosen: int | None = None
    network: Tensor | None = None

    @property
    def head(self) -> SparseHead:
        """The head that is judged."""
        return next(iter(self.heads.values()))

    @property
    def own(self) -> bool:
        """Whether the head that is judged is the network's own."""
        return next(iter(self.heads)) == NETWORK

    def part(self, run: Run, name: str) -> tuple[View, Tensor]:
        """(features, labels) of one part's rows."""
        rows = self.rows[name]
        return run.table.view(rows), self.labels[rows]


def tasks(run: Run) -> list[Task]:
    """The run's question, or one a label."""
    labels, network = fitting.labels_of(run), run.table.prediction
    if labels.ndim == 1:
        heads = {"sparse": run.head, "dense": run.dense}
        return [Task("", heads, labels, _rows(run, heads, labels), run.path, run.chosen[0], network)]
    made = []
    for i, name in enumerate(run.head.class_names):
        heads = {"sparse": label_head(run.head, i), "dense": label_head(run.dense, i)}
        own = labels[:, i]
        made.append(Task(name, heads, own, _rows(run, heads, own), run.paths[i], run.chosen[i], _column(network, i)))
    return made


def _column(network: Tensor | None, i: int) -> Tensor | None:
    return None if network is None else network[:, i]


def _rows(run: Run, heads: Mapping[str, SparseHead], labels: Tensor) -> dict[str, Tensor]:
    """The rows of each part; with ``balance_test``, as many test rows of either class of a two-class question (C.1)."""
    rows: dict[str, Tensor] = {part: getattr(run.split, part) for part in PARTS}
    if run.config.data.balance_test and heads["sparse"].n_classes == 2:
        rows["test"] = balanced(labels, rows["test"], seed=run.config.data.seed)
    return rows


def network_head(run: Run) -> SparseHead:
    """The network's own head on z, by the moments of all rows: nothing needs to be fitted for it."""
    own = run.table.dense_head
    if own is None:
        raise ModelError(
            "the network has no head over these classes", fix="fit a head first: clearhead run --out " + str(run.folder)
        )
    return SparseHead.from_dense(
        own.weight,
        own.bias,
        Standardizer.fit(run.table),
        link="margin" if len(own.weight) == 1 else "softmax",
        class_names=run.table.class_names,
        feature_names=run.table.feature_names,
    )


def network_task(run: Run) -> Task:
    """The question that the network's own head answers, and the head that edits made of it, on every row."""
    edited = {"edited": run.head} if run.record.facts.get("edited_from") else {}
    heads = {**edited, NETWORK: network_head(run)}
    rows = {"test": torch.arange(len(run.table))}
    return Task("", heads, fitting.labels_of(run), rows, network=run.table.prediction)


def named(name: str, number: int, task: Task, finding: Finding) -> tuple[str, Finding]:
    """(file name, finding): one label's finding is not the run's, and the page must not take it for that."""
    if task.own:
        finding = replace(finding, title=f"{finding.title} (the {NETWORK} head)")
    if not task.name:
        return name, finding
    return f"{name}-{number:03d}", replace(finding, kind=f"label_{finding.kind}", title=f"{task.name}: {finding.title}")
