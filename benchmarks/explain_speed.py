"""What explanations cost beside the bare forward passes and beside the `lime` package: each ratio within one run.

    scripts/bench explain_speed image text exemplars visualize --masks 1000 --sentences 200

Every ratio is given twice: of wall clock, for a machine with nothing else to do, and (``_cpu``) of the process's CPU
time, which a busy machine enters less.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples"))

from clearhead.explain.ascent import AscentOptions, ascend
from clearhead.explain.lime import LimeOptions, fit_surrogate, half_masks
from clearhead.explain.picture_lime import Hider, explain_picture
from clearhead.explain.segments import segment
from clearhead.explain.sentences import Words, draw, embed, explain_sentences
from clearhead.explain.view import PictureView
from clearhead.explain.vocabulary import SentenceWeights, Vocabulary
from clearhead.features import FeatureTable, load_backbone
from clearhead.features.exemplars import top_rows

ROOT = Path(__file__).resolve().parents[1]


def ratio(part: dict[str, float], *wholes: dict[str, float], times: float = 1.0) -> dict[str, float]:
    """``times`` × part over the mean of the wholes, by either clock."""
    mean = {clock: sum(w[clock] for w in wholes) / len(wholes) for clock in ("wall", "cpu")}
    return {clock: times * part[clock] / mean[clock] for clock in ("wall", "cpu")}


def clocked(work: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}


def image(masks: int, **_: Any) -> dict[str, Any]:
    """One photograph, all 1,280 features, against bare passes and against `lime` called once a feature."""
    from imagenet import samples

    backbone, photograph = load_backbone(str(ROOT / "examples/mobilenetv2.py:model_160")), samples()[207]
    view = PictureView.of(backbone, photograph)
    picture = view.picture(photograph)
    array = picture.permute(1, 2, 0).numpy().astype(np.float64)

    def ours() -> Tensor:
        hider = Hider(picture, torch.from_numpy(segment(array)))
        return explain_picture(view.features, hider, LimeOptions(samples=masks)).coef

    parts = int(segment(array).max()) + 1
    ready = torch.rand(64, *picture.shape)
    count = len(half_masks(parts, masks, 0))

    @torch.no_grad()
    def bare() -> None:
        for start in range(0, count, 64):
            view.features(ready[: min(64, count - start)])

    bare()
    _, first = clocked(bare)
    coef, total = clocked(ours)
    _, second = clocked(bare)
    lime = lime_images(view, array, masks, features=5)
    return {
        "superpixels": parts,
        "masks": masks,
        "features": coef.shape[1],
        "bare": [first, second],
        "ours": total,
        "over_bare": ratio(total, first, second),
        "lime_five_features": lime,
        "times_faster_than_lime": ratio(lime, total, times=coef.shape[1] / 5),
    }


def lime_images(view: PictureView, array: np.ndarray, masks: int, features: int) -> dict[str, float]:
    """Seconds of `lime` for the first features, one call each."""
    from lime.lime_image import LimeImageExplainer

    explainer = LimeImageExplainer(random_state=0)

    def run() -> None:
        for j in range(features):

            @torch.no_grad()
            def one(pictures: np.ndarray, j: int = j) -> np.ndarray:
                batch = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float()
                return view.features(batch)[:, j : j + 1].double().numpy()

            explainer.explain_instance(
                array,
                one,
                labels=(0,),
                top_labels=None,
                num_samples=masks,
                batch_size=64,
                segmentation_fn=segment,
            )

    return clocked(run)[1]


def text(masks: int, sentences: int, compared: int, **_: Any) -> dict[str, Any]:
    """SST-2 sentences, all 384 features: against bare passes, and the solve against `lime`'s on equal masks."""
    from sst2 import test

    backbone, options = load_backbone(str(ROOT / "examples/minilm.py:encoder")), LimeOptions(masks, bootstrap=0)
    examples = test()
    cut = [Words.of(examples[i]) for i in range(sentences)]

    def features(texts: list[str]) -> Tensor:
        with torch.no_grad():
            return backbone.features(backbone.preprocess(texts))

    drawn = [draw(words, options, 0) for words in cut]
    texts = [
        w.without((~row).nonzero().flatten().tolist()) for w, m in zip(cut, drawn, strict=True) for row in m.present
    ]
    distinct = sorted(set(texts), key=len, reverse=True)

    def bare() -> None:
        for start in range(0, len(distinct), 64):
            features(distinct[start : start + 64])

    features(distinct[:64])
    _, first = clocked(bare)
    fits, total = clocked(lambda: explain_sentences(features, cut, options))
    _, second = clocked(bare)
    targets = torch.split(embed(features, texts), [len(m) for m in drawn])
    _, solve = clocked(lambda: [fit_surrogate(m, t, options) for m, t in zip(drawn, targets, strict=True)])
    theirs, lime = lime_texts(drawn, targets, compared)
    ours = [fit.coef[:, :compared] for fit in fits]
    error = max(float((a - b).abs().max()) for a, b in zip(ours, theirs, strict=True))
    return {
        "sentences": sentences,
        "masks": masks,
        "distinct_masks": len(distinct),
        "masks_of_all": sum(m.drawn for m in drawn),
        "bare": [first, second],
        "ours": total,
        "over_bare": ratio(total, first, second),
        "features_compared": compared,
        "largest_difference_to_lime": error,
        "solve_times_faster_than_lime": ratio(lime, solve, times=384 / compared),
        "same_top_10": same_top(cut, ours, theirs),
    }


def lime_texts(drawn: Sequence[Any], targets: Sequence[Tensor], compared: int) -> tuple[list[Tensor], dict[str, float]]:
    import sklearn.metrics
    from lime.lime_base import LimeBase

    base = LimeBase(lambda d: np.sqrt(np.exp(-(d**2) / 25.0**2)), random_state=np.random.RandomState(0))
    found = []
    data = drawn[0].present.double().numpy()
    base.explain_instance_with_data(data, targets[0].numpy(), data.mean(1), 0, data.shape[1])
    wall, cpu = time.perf_counter(), time.process_time()
    for masks, target in zip(drawn, targets, strict=True):
        data = np.repeat(masks.present.numpy(), masks.count.numpy(), axis=0).astype(float)
        labels = np.repeat(target.double().numpy(), masks.count.numpy(), axis=0)
        distance = sklearn.metrics.pairwise_distances(data, data[:1], metric="cosine").ravel() * 100
        coef = np.zeros((data.shape[1], compared))
        for j in range(compared):
            for part, weight in base.explain_instance_with_data(data, labels, distance, j, data.shape[1])[1]:
                coef[part, j] = weight
        found.append(torch.from_numpy(coef))
    return found, {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}


def same_top(cut: Sequence[Words], ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> float:
    """Share of features whose ten words of largest average weight are the same, in the same order."""
    tops = []
    for coefs in (ours, theirs):
        vocabulary = Vocabulary(SentenceWeights(w.words, w.counts, c) for w, c in zip(cut, coefs, strict=True))
        tops.append([[x.word for x in vocabulary.top(j, 10, minimum=3)] for j in range(coefs[0].shape[1])])
    return float(np.mean([a == b for a, b in zip(*tops, strict=True)]))


def exemplars(table: str, **_: Any) -> dict[str, Any]:
    """Top rows of every feature of 18,000 real rows (MobileNetV2 on CIFAR-10) against one read of their table."""
    from packs import data_root

    folder = Path(table)
    if not (folder / "manifest.json").is_file():
        with np.load(data_root() / "features" / "cifar10_mobilenetv2_train.npz") as pack:
            FeatureTable.from_arrays(folder, pack["features"][:18_000], pack["labels"][:18_000], dtype="float16")
    opened = FeatureTable.open(folder)
    rows = opened.view(torch.arange(min(18_000, opened.shape[0])))

    def read() -> Tensor:
        return torch.stack([block.float().sum(0) for _, block in rows.blocks()]).sum(0)

    def best(work: Callable[[], Any]) -> dict[str, float]:
        runs = [clocked(work)[1] for _ in range(7)]
        return {clock: min(run[clock] for run in runs) for clock in ("wall", "cpu")}

    read()
    once = best(read)
    found = {f"top_{k}": best(lambda k=k: top_rows(rows, k)) for k in (1, 10)}
    return {
        "shape": rows.shape,
        "dtype": str(opened.dtype),
        "read": once,
        **{f"{name}_over_read": ratio(value, once) for name, value in found.items()},
    }


def visualize(**_: Any) -> dict[str, Any]:
    """32 features, 64 steps at 128 × 128: one batch against one by one (of four)."""
    from imagenet import samples

    backbone = load_backbone(str(ROOT / "examples/mobilenetv2.py:model_128"))
    view = PictureView.of(backbone, samples()[0])
    options, units = AscentOptions(steps=64), list(range(0, 1280, 40))
    ascend(view.features, units[:1], [1], view.size, AscentOptions(steps=2))
    _, alone = clocked(lambda: [ascend(view.features, [j], [1], view.size, options) for j in units[:4]])
    _, together = clocked(lambda: ascend(view.features, units, [1] * len(units), view.size, options))
    return {
        "features": len(units),
        "batched": together,
        "four_alone": alone,
        "times_faster_batched": ratio(alone, together, times=len(units) / 4),
    }


BENCHES = {"image": image, "text": text, "exemplars": exemplars, "visualize": visualize}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benches", nargs="*", choices=[*BENCHES, []], default=list(BENCHES))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--masks", type=int, default=1000)
    parser.add_argument("--sentences", type=int, default=200)
    parser.add_argument("--compared", type=int, default=48, help="features compared with lime's on text")
    parser.add_argument("--table", default=str(ROOT / "runs/explain/table"))
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    warnings.simplefilter("ignore")
    for name in given.benches:
        print(json.dumps({name: BENCHES[name](**vars(given))}), flush=True)


if __name__ == "__main__":
    main()
