"""The select step: one λ of each path by validation rows, the sparse head it makes, the dense head beside it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import torch

from clearhead.core.artifacts import content_key, read_json, write_json
from clearhead.core.errors import DataError
from clearhead.core.finding import Estimate
from clearhead.core.scaling import Standardizer
from clearhead.glm import select as select_solution
from clearhead.glm.solution import Solution
from clearhead.head import SparseHead
from clearhead.runs import fitting
from clearhead.runs.summary import Summary

if TYPE_CHECKING:
    from clearhead.runs.run import Run

__all__ = ["caveats", "dense_source", "head_of", "select", "summarise"]


def select(run: Run) -> None:
    """Choose, and write ``head/`` and ``dense/``; the head of a run made by edits stays as it was edited."""
    if run.record.facts.get("edited_from"):
        return
    key = content_key(fitting.fit_key(run), run.config.select)
    if run.record.key("select") != key:
        run.record.forget("debug")
        shutil.rmtree(run.folder / "findings", ignore_errors=True)  # they were about another head
    outputs = [run.folder / "head" / "selection.json", run.folder / "dense" / "head.json"]
    run.record.step("select", key, outputs, lambda: _select(run))


def _select(run: Run) -> None:
    settings, rows = run.config.select, run.split.val
    if not len(rows):
        raise DataError("there are no validation rows to select by", fix="pass --val, or more rows")
    X, targets = run.table.view(rows), fitting.targets_of(run)[rows]
    columns = [targets] if targets.ndim == 1 else list(targets.T)
    selections = [
        select_solution(
            path,
            X,
            y,
            rule=settings.rule,
            tolerance=settings.tolerance,
            metric=settings.metric,
            target=settings.features_per_class,
        )
        for path, y in zip(run.paths, columns, strict=True)
    ]
    heads = fitting.resolved(run, [s.solution for s in selections])
    head_of(run, heads).save(run.folder / "head")
    _dense(run).save(run.folder / "dense")
    chosen = {"index": [s.index for s in selections], "best_index": [s.best_index for s in selections]}
    scores = [list(s.scores) for s in selections]
    about = {"rule": settings.rule, "tolerance": settings.tolerance, "metric": settings.metric}
    write_json(run.folder / "head" / "selection.json", {**chosen, **about, **_proof(heads), "scores": scores})


def _proof(heads: list[Solution]) -> dict[str, Any]:
    """What is certified of the chosen heads: gaps, statuses, and how many of their zeros are proven."""
    return {
        "gap": [s.gap for s in heads],
        "status": [s.status.name for s in heads],
        "zeros": sum(s.coef.numel() - s.nonzeros for s in heads),
        "certified_zeros": int(sum(s.info["certified_zeros"] for s in heads)),
    }


def _certified(run: Run) -> tuple[int | None, int | None]:
    """(certified zeros, zeros) of the selected head; None for one that was edited or chosen by an earlier version."""
    file = run.folder / "head" / "selection.json"
    about = {} if run.record.facts.get("edited_from") or not file.exists() else read_json(file)
    return about.get("certified_zeros"), about.get("zeros")


def head_of(run: Run, solutions: list[Solution]) -> SparseHead:
    """The head of one solution a path: a single path's own, or all labels' side by side."""
    names: dict[str, Any] = {"class_names": run.table.class_names, "feature_names": run.table.feature_names}
    if fitting.labels_of(run).ndim == 1:
        return SparseHead.from_solution(solutions[0], **names)
    coef = torch.cat([s.coef for s in solutions], 1)
    intercept = torch.cat([s.intercept for s in solutions])
    return SparseHead(coef, intercept, solutions[0].standardizer, link="multilabel", **names)


def dense_source(run: Run) -> str:
    """What the dense reference is, in a few words."""
    return "the least regularised head" if run.table.dense_head is None else "the network's own dense head"


def _dense(run: Run) -> SparseHead:
    head = run.table.dense_head
    if head is None:
        return head_of(run, [path[-1] for path in run.paths])
    single = "margin" if len(head.weight) == 1 else "softmax"
    return SparseHead.from_dense(
        head.weight,
        head.bias,
        _scaler(run),
        link=single if fitting.labels_of(run).ndim == 1 else "multilabel",
        class_names=run.table.class_names,
        feature_names=run.table.feature_names,
    )


def _scaler(run: Run) -> Standardizer:
    return run.paths[0][0].standardizer


def summarise(run: Run) -> Summary:
    """The outcome of a run from its findings and paths."""
    findings = {f.kind: f for f in run.findings}
    solutions, head = run.solutions, run.head
    tradeoff = findings["tradeoff"].numbers if "tradeoff" in findings else {}
    agreement = findings["fidelity"].numbers if "fidelity" in findings else {}
    statuses: dict[str, int] = {}
    for path in run.paths:
        for status, count in path.statuses().items():
            statuses[status.name] = statuses.get(status.name, 0) + count
    certified_zeros, zeros = _certified(run)
    page = run.folder / "report" / "index.html"
    return Summary(
        run=str(run.folder),
        network=str(run.record.facts.get("network", "features")),
        n=run.table.shape[0],
        p=run.table.shape[1],
        k=len(run.table.class_names),
        split={part: len(getattr(run.split, part)) for part in ("train", "val", "test")},
        dense=dense_source(run),
        dense_accuracy=_value(tradeoff.get("dense_test_accuracy")),
        sparse_accuracy=_value(tradeoff.get("test_accuracy")),
        fidelity=_value(agreement.get("test_fidelity")),
        lambda_=solutions[0].lambda_,
        features_per_class=head.features_per_class,
        features_used=len(head.used()),
        n_lambdas=sum(len(path) for path in run.paths),
        worst_gap=max(path.worst_gap for path in run.paths),
        statuses=statuses,
        certified_zeros=certified_zeros,
        zeros=zeros,
        seconds=run.record.seconds(),
        caveats=caveats(run),
        report=str(page) if page.exists() else None,
    )


def caveats(run: Run) -> list[str]:
    """What limits the run as a whole: rows left out, rounding, how rows were split, what there is to compare with."""
    about = run.table.manifest
    said = [run.split.note[:1].upper() + run.split.note[1:] + "."]
    if skipped := about.get("skipped"):
        more = f" and {len(skipped) - 5} more" if len(skipped) > 5 else ""
        said.append(f"{len(skipped)} unreadable left out: {', '.join(skipped[:5])}{more}.")
    if note := about.get("dtype_note"):
        said.append(f"Features are {note}.")
    if changed := about.get("changed_predictions"):
        said.append(f"{changed} of {len(run.table)} predictions of the network change on the stored features.")
    if run.table.dense_head is None:
        said.append("There is no head of the network over these classes: the least regularised head stands in for it.")
    return said


def _value(number: Any) -> float | None:
    return number.value if isinstance(number, Estimate) else number
