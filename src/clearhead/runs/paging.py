"""The report step: what the page needs of a run, gathered into a bundle."""

from __future__ import annotations

import io
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import clearhead
from clearhead.core.artifacts import content_key
from clearhead.core.errors import SettingError
from clearhead.core.finding import Finding
from clearhead.core.seeds import torch_generator
from clearhead.features.exemplars import top_rows
from clearhead.head import SparseHead
from clearhead.report.bundle import Bundle, Examples, Head, PathPoint
from clearhead.report.page import write_report
from clearhead.runs import choosing, fitting, sources

if TYPE_CHECKING:
    from clearhead.runs.run import Run

__all__ = ["bundle", "report"]

HEADS = 15
TOP = 6
RANDOM_ROWS = 300
MOST_ROWS = 4000
SIDE = 128


def report(run: Run) -> Path:
    """Write ``report/`` unless the page there shows the same run."""
    page = run.folder / "report" / "index.html"
    key = content_key(clearhead.__version__, run.record.key("debug"), [f.as_dict() for f in run.findings])

    def work() -> None:
        run.progress.start("report")
        write_report(bundle(run), run.folder / "report")
        run.progress.finish()

    run.record.step("report", key, [page], work)
    return page


def bundle(run: Run) -> Bundle:
    """The page's data: the path, some heads along it, a sample of rows, the findings."""
    findings = run.findings
    numbers = _head_numbers(run)
    heads = [_head(choosing.head_of(run, [p[min(i, len(p) - 1)] for p in run.paths]), run, i) for i in numbers[:-1]]
    heads.append(_head(run.head, run, run.chosen[0]))
    order = sorted(range(len(heads)), key=lambda i: (heads[i].point or 0, i))
    heads, selected = [heads[i] for i in order], order.index(len(order) - 1)
    features = np.unique(np.concatenate([h.feature for h in heads]))
    examples, exemplars = _examples(run, features)
    kinds: dict[str, Any] = {"image": "image", "text": "text"}
    return Bundle(
        title=run.folder.resolve().name,
        kind=kinds.get(run.table.kind, "array"),
        class_names=run.table.class_names,
        feature_names=run.table.feature_names,
        path=_points(run, findings),
        heads=heads,
        selected=selected,
        examples=examples,
        dense=_head(run.dense, run, None, name=choosing.dense_source(run)),
        dense_scores=_dense_scores(findings),
        split_sizes={part: len(getattr(run.split, part)) for part in ("train", "val", "test")},
        exemplars=exemplars,
        findings=findings,
        provenance=_provenance(run),
        caveats=choosing.caveats(run),
    )


def _head_numbers(run: Run) -> list[int]:
    """About fifteen λ's evenly spread in log features per class, the selected one last."""
    path, chosen = run.paths[0], run.chosen[0]
    sparsity = np.array([max(s.features_per_class, 0.1) for s in path])
    wanted = np.geomspace(max(sparsity.min(), 0.5), sparsity.max(), HEADS)
    spread = {int(np.abs(np.log(sparsity) - np.log(w)).argmin()) for w in wanted}
    return [*sorted(spread - {chosen}), chosen]


def _head(head: SparseHead, run: Run, point: int | None, name: str = "") -> Head:
    lambda_ = None if point is None else run.paths[0][point].lambda_
    weight, intercept = head.weight.double().numpy(), head.intercept.double().numpy()
    return Head.from_matrix(weight, intercept, lambda_=lambda_, point=point, name=name)


def _points(run: Run, findings: list[Finding]) -> list[PathPoint]:
    scores = next((f.tables["path"].columns for f in findings if f.kind == "tradeoff"), {})

    def score(part: str, i: int) -> float | None:
        column = scores.get(f"{part}_accuracy")
        return None if column is None else column[i]

    return [
        PathPoint(
            lambda_=s.lambda_,
            features_per_class=s.features_per_class,
            features_used=s.features_used,
            density=s.density,
            gap=s.gap,
            status=s.status.name,
            kkt=s.kkt,
            n_iter=s.n_iter,
            train=score("train", i),
            val=score("val", i),
            test=score("test", i),
        )
        for i, s in enumerate(run.paths[0])
    ]


def _dense_scores(findings: list[Finding]) -> dict[str, float]:
    table = next((f.tables["dense"] for f in findings if f.kind == "tradeoff" and "dense" in f.tables), None)
    return {} if table is None else dict(zip(table.columns["split"], table.columns["value"], strict=True))


def _examples(run: Run, features: np.ndarray) -> tuple[Examples, dict[int, list[int]]]:
    """The rows that activate the selected head's features most, and a random sample of test rows."""
    # Exemplars come from all parts: what a feature learned in training and no longer meets is what to look for.
    shown, used = run.split.test, run.head.used()
    tops = top_rows(run.table, TOP, features=used, seed=run.config.data.seed).rows
    draw = torch.randperm(len(shown), generator=torch_generator(run.config.data.seed, "page sample"))[:RANDOM_ROWS]
    # Best exemplars of every feature first, so that the limit cuts the lesser ones.
    rows = torch.unique(torch.cat([tops.T.flatten()[: MOST_ROWS - RANDOM_ROWS], shown[draw]]))
    rows = rows[rows >= 0]
    place = {int(row): i for i, row in enumerate(rows)}
    exemplars = {int(j): [place[int(r)] for r in line if int(r) in place] for j, line in zip(used, tops, strict=True)}
    z = run.head.standardize(run.table.take(rows))[:, torch.from_numpy(features)]
    parts = {int(row): part for part in ("train", "val", "test") for row in getattr(run.split, part)}
    network = run.table.prediction
    labels = fitting.labels_of(run)
    sample = Examples(
        features=features,
        values=z.numpy(),
        labels=labels[rows].numpy() if labels.ndim == 1 else np.full(len(rows), -1),
        split=[parts.get(int(row), "unused") for row in rows],
        uris=[run.table.uris[int(row)] for row in rows],
        row=rows.numpy(),
        texts=None if run.table.texts is None else [run.table.texts[int(row)] for row in rows],
        network=None if network is None or network.ndim > 1 else network[rows].numpy(),
        thumbnails=_thumbnails(run, rows) if run.table.kind == "image" else None,
        note=f"The {TOP} rows that activate each used feature most, and {len(draw)} test rows drawn at random.",
    )
    return sample, exemplars


def _thumbnails(run: Run, rows: Tensor) -> list[bytes | None] | None:
    try:
        images = sources.examples(run)
    except SettingError:
        return None  # the run was made from objects that are not here any more
    numbers = sources.example_numbers(run, images)
    return [_thumbnail(images[numbers[int(row)]]) for row in rows]


def _thumbnail(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    if max(image.size) <= SIDE:
        image.save(buffer, "PNG")
    else:
        image.thumbnail((SIDE, SIDE))
        image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _provenance(run: Run) -> dict[str, Any]:
    return {
        "versions": {
            "clearhead": clearhead.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "network": run.record.facts,
        "table": {"key": run.table.key, "rows": run.table.shape[0], "features": run.table.shape[1]},
        "split": run.split.note,
        "settings": {name: vars(section) for name, section in run.config.sections()},
        "seconds": run.record.seconds(),
        "command": f"clearhead run --out {run.folder}",
    }
