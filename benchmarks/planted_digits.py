"""Does the tool find and mend a planted shortcut? Ten marked classes × seeds of the demo's digits.

    python benchmarks/planted_digits.py --out runs/debug/digits.jsonl [--seeds 0 1 2] [--classes 0 1 …]

One line of JSON a class and seed, appended, so an interrupted run goes on where it stopped. The plant
(`clearhead.runs.digits`) was frozen before the tool was tuned. The tool sees training pictures, labels and the head;
where the mark is, which pictures carry it, and the test digits are used here only, to judge.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import hypergeom
from sklearn.model_selection import train_test_split
from torch import Tensor
from torch.nn import functional as F

from clearhead.debug.cue import cue_from_surroundings
from clearhead.debug.evidence import gather_evidence
from clearhead.debug.intervals import correlation
from clearhead.debug.refit import Material
from clearhead.debug.suggest import SuggestOptions, suggest_removals
from clearhead.debug.surroundings import Swap, swap_surroundings
from clearhead.debug.suspects import rank_suspects
from clearhead.glm import fit_path, select
from clearhead.head import SparseHead
from clearhead.runs import digits
from clearhead.runs.digits import Digits, SmallNet


def features_of(net: SmallNet, images: Tensor) -> Tensor:
    with torch.no_grad():
        x = F.max_pool2d(F.relu(net.conv2(F.relu(net.conv1(images)))), 2)
        return F.relu(net.conv3(x)).mean((2, 3))


def pixels(data: Digits) -> Tensor:
    return torch.from_numpy(data.images)[:, None]


def reference_accuracy(seed: int, test: Digits) -> float:
    """The same network trained on unmarked digits; which class would have been marked does not matter."""
    train, _ = digits.plant(0, seed)
    images = train.images.copy()
    images[:, : digits.MARK, : digits.MARK] = 0
    net = digits.train(Digits(images, train.labels, np.zeros(len(images), bool)), seed)
    return accuracy(lambda x: net(x).argmax(1), pixels(test), test)


def accuracy(predict: Any, inputs: Tensor, data: Digits) -> float:
    with torch.no_grad():
        return float((predict(inputs).numpy() == data.labels).mean())


def true_features(plain: Tensor, marked: Tensor, labels: np.ndarray, class_: int) -> np.ndarray:
    """Features with |r(mark)| > |r(label)| + 0.05 on test digits of which a random half carries the mark."""
    half = np.random.default_rng(0).random(len(labels)) < 0.5
    mixed = np.where(half[:, None], marked.numpy(), plain.numpy())
    own = (labels == class_).astype(float)
    by_mark = np.array([abs(correlation(x, half)) for x in mixed.T])
    by_label = np.array([abs(correlation(x, own)) for x in mixed.T])
    return np.nan_to_num(by_mark) > np.nan_to_num(by_label) + 0.05


def one(class_: int, seed: int, reference: float) -> dict[str, Any]:
    train, test = digits.plant(class_, seed)
    net = digits.train(train, seed)
    X, y = features_of(net, pixels(train)), torch.from_numpy(train.labels)
    plain = features_of(net, pixels(test))
    marked = features_of(net, pixels(test.with_mark(np.ones(len(test.labels), bool))))
    rows, val = train_test_split(np.arange(len(y)), test_size=0.1, stratify=train.labels, random_state=seed)
    path = fit_path(X[rows], y[rows], n_lambdas=40, lambda_min_ratio=0.02)
    chosen = select(path, X[val], y[val])
    head, densest = SparseHead.from_solution(chosen.solution), SparseHead.from_solution(path[chosen.best_index])
    swapped = swap_surroundings(
        [digits.draw(image) for image in train.images[rows]],
        y[rows],
        lambda pictures: features_of(net, digits.preprocess(pictures)),
        swap=Swap(seed=seed, batch=500),
    )
    cue = cue_from_surroundings(head, swapped, X[rows], rows=torch.arange(len(rows)))
    evidence = gather_evidence(head, X[rows], y[rows], cue, swapped=swapped)
    truth = true_features(plain, marked, test.labels, class_)
    top = [j for j, _, _ in rank_suspects(head, evidence)[:3]]
    used = head.used().numpy()
    hits = int(truth[top].sum())
    before = accuracy(head.predict, plain, test)
    result: dict[str, Any] = {
        "class": class_,
        "seed": seed,
        "reference": reference,
        "before": before,
        "before_marked": accuracy(head.predict, marked, test),
        "features_per_class": head.features_per_class,
        "true_in_use": int(truth[used].sum()),
        "used": len(used),
        "top3_true": hits,
        "p_random": float(hypergeom.sf(hits - 1, len(used), int(truth[used].sum()), len(top))),
        "best_lambda_before": accuracy(densest.predict, plain, test),
    }
    for on in ("recombined", "rows"):
        plan = suggest_removals(head, Material(X[rows], y[rows]), evidence, cue, SuggestOptions(on=on), swapped=swapped)
        result[on] = {
            "after": accuracy(plan.head.predict, plain, test),
            "removed": len(plan.edits),
            "features_per_class": plan.head.features_per_class,
            "curve": [(len(s.removed), accuracy(s.head.predict, plain, test)) for s in plan.steps],
        }
    cost = reference - before
    result["restored"] = (result["recombined"]["after"] - before) / cost if cost > 0 else None
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/debug/digits.jsonl"))
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--classes", type=int, nargs="+", default=list(range(10)))
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    lines = options.out.read_text().splitlines() if options.out.exists() else []
    done = {(r["class"], r["seed"]): r for r in map(json.loads, lines)}
    for seed in options.seeds:
        references = [r["reference"] for (_, s), r in done.items() if s == seed]
        reference = references[0] if references else reference_accuracy(seed, digits.plant(0, seed)[1])
        for class_ in options.classes:
            if (class_, seed) not in done:
                done[class_, seed] = one(class_, seed, reference)
                with options.out.open("a") as file:
                    file.write(json.dumps(done[class_, seed]) + "\n")
    summarise(list(done.values()))


def summarise(results: list[dict[str, Any]]) -> None:
    proofs = [r for r in results if r["reference"] - r["before"] >= 0.05]
    print(f"{len(results)} runs, {len(proofs)} of them with a mark that costs at least 5 points")
    for name, runs in (("all", results), ("cost ≥ 5 points", proofs)):
        restored = np.array([r["restored"] for r in runs if r["restored"] is not None])
        hits = np.array([r["top3_true"] for r in runs])
        if len(runs):
            print(f"{name}: top 3 with ≥ 2 true {np.mean(hits >= 2):.1%}; restored median {np.median(restored):.2f}, ")
            print(f"  worst {restored.min():.2f}, tenth {np.quantile(restored, 0.1):.2f}")
            levels = [np.mean([r[key] for r in runs]) for key in ("before", "reference")]
            after = np.mean([r["recombined"]["after"] for r in runs])
            print(f"  before {levels[0]:.3f}, after {after:.3f}, reference {levels[1]:.3f}")


if __name__ == "__main__":
    main()
