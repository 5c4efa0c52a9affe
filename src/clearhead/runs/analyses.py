"""The debug step: every analysis that the run's data allow, each a finding on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from clearhead.core.artifacts import content_key
from clearhead.core.finding import Finding
from clearhead.debug import features_per_class, fidelity, tradeoff
from clearhead.head import SparseHead
from clearhead.runs import fitting
from clearhead.runs.choosing import labels_in

if TYPE_CHECKING:
    from clearhead.runs.run import Run

__all__ = ["debug", "predictions"]

PARTS = ("train", "val", "test")


def debug(run: Run) -> None:
    """Write the findings about the selected head."""
    key = content_key(run.record.key("select"), run.head.weight, run.dense.weight)
    run.record.step("debug", key, [run.folder / "findings" / "features_per_class.json"], lambda: _debug(run))


def _debug(run: Run) -> None:
    run.progress.start("debug")
    for finding in _findings(run):
        finding.save(run.folder / "findings" / f"{finding.kind}.json")
        run.progress.advance(1, finding.title)
    run.progress.finish()


def predictions(run: Run, head: SparseHead, part: str) -> Tensor:
    """What a head says of the rows of one part."""
    rows = run.table.view(getattr(run.split, part))
    return torch.cat([head.predict(block.float()) for _, block in rows.blocks()])


def _findings(run: Run) -> list[Finding]:
    parts = [part for part in PARTS if len(getattr(run.split, part))]
    found = [features_per_class(run.head)]
    if fitting.labels_of(run).ndim == 1:
        found.append(_tradeoff(run, parts))
        found += _fidelity(run, parts)
    return found


def _tradeoff(run: Run, parts: list[str]) -> Finding:
    splits: dict[str, tuple[Any, Any]] = {
        part: (run.table.view(getattr(run.split, part)), labels_in(run, part)) for part in parts
    }
    dense = {part: predictions(run, run.dense, part) for part in parts}
    return tradeoff(run.path, splits, dense=dense, selected=run.chosen[0])


def _fidelity(run: Run, parts: list[str]) -> list[Finding]:
    network = run.table.prediction
    if network is None:
        return []
    ours = {part: predictions(run, run.head, part) for part in parts}
    theirs = {part: network[getattr(run.split, part)] for part in parts}
    return [fidelity(ours, theirs, {part: labels_in(run, part) for part in parts})]
