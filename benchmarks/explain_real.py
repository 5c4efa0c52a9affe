"""Explanations of a fitted run on real data: budget, time, and how faithful they are.

    python benchmarks/explain_real.py runs/tiny --model examples/mobilenetv2.py:model_160 --per-class 1 --images 40
    python benchmarks/explain_real.py runs/tables/sst2 --model examples/minilm.py:encoder --data examples/sst2.py:every

The folder is a run with a head, or a feature table, on which a path of thirty λ's is fitted first.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from pathlib import Path

import torch

from clearhead.core.finding import Estimate, Finding
from clearhead.explain import (
    ExemplarsOptions,
    LimeOptions,
    Subject,
    SuperpixelsOptions,
    WordsOptions,
    estimate,
    exemplars,
    ordering,
    panels,
    profile,
    superpixels,
    words,
)
from clearhead.features import FeatureTable, load_backbone, load_examples, split_rows
from clearhead.glm import fit_path, select
from clearhead.head import SparseHead
from clearhead.runs import sources
from clearhead.runs.run import Run


def from_run(folder: Path, model: str | None) -> Subject:
    run = Run(folder)
    return Subject(
        run.table,
        run.head,
        dense=run.dense,
        path=run.path,
        shown=torch.as_tensor(run.split.test),
        backbone=sources.backbone(run, model),
        examples=sources.examples(run),
    )


def from_table(folder: Path, model: str, data: str) -> Subject:
    table = FeatureTable.open(folder)
    split = split_rows(table.labels, column=table.columns["split"])
    path = fit_path(table.view(split.train), table.labels[split.train], n_lambdas=30, lambda_min_ratio=1e-2, tol=1e-3)
    chosen = select(path, table.view(split.val), table.labels[split.val])
    head = SparseHead.from_solution(chosen.solution, class_names=table.class_names, feature_names=table.feature_names)
    print(json.dumps({"features_used": len(head.used()), "features_per_class": head.features_per_class}))
    # An encoder brings no head: the path's last and densest one stands for it.
    dense = SparseHead.from_solution(path[-1], class_names=table.class_names, feature_names=table.feature_names)
    return Subject(
        table,
        head,
        dense=dense,
        path=path,
        shown=torch.as_tensor(split.test),
        backbone=load_backbone(model),
        examples=load_examples(data),
    )


def show(finding: Finding, seconds: float) -> None:
    numbers = {k: dataclasses.asdict(v) if isinstance(v, Estimate) else v for k, v in finding.numbers.items()}
    print(json.dumps({"kind": finding.kind, "seconds": seconds, "sentence": finding.sentence, **numbers}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--data")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--per-class", type=int, default=5)
    parser.add_argument("--features", type=int, help="explain at most so many features")
    parser.add_argument("--masks", type=int, default=200)
    parser.add_argument("--sentences", type=int)
    parser.add_argument("--dry-run", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    run = (given.folder / "head").is_dir()
    subject = from_run(given.folder, given.model) if run else from_table(given.folder, given.model, given.data)
    features, out = subject.leading(given.per_class)[: given.features], given.out or given.folder
    image = subject.table.kind == "image"
    pixels = SuperpixelsOptions(lime=LimeOptions(samples=given.masks))
    texts = WordsOptions(
        lime=LimeOptions(samples=given.masks, bootstrap=0),
        sentences=given.sentences,
        checked=(given.sentences or 400) // 2,
    )
    for cost in estimate(subject, features, **({"superpixels": pixels} if image else {"words": texts})):
        print(json.dumps(dataclasses.asdict(cost)), flush=True)
    if given.dry_run:
        return
    work = {
        "exemplars": lambda: exemplars(subject, features, out, ExemplarsOptions()),
        "features": lambda: profile(subject, features, out),
        "ordering": lambda: ordering(subject),
        "explain": lambda: (
            superpixels(subject, features, out, pixels) if image else words(subject, features, out, texts)
        ),
    }
    found = {}
    for name, explain in work.items():
        start = time.perf_counter()
        found[name] = explain()
        show(found[name], time.perf_counter() - start)
        found[name].save(out / "findings" / f"{found[name].kind}.json")
    show(panels(subject, features, out, findings=[found["explain"]]), 0.0)


if __name__ == "__main__":
    main()
