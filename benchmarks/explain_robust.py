"""Feature visualisations of a standard and of an adversarially trained CIFAR-10 network, each in both ways.

    python benchmarks/explain_robust.py [--out runs/explain/robust] [--steps 256]

Writes one picture: a row a network and a way, a column the feature of largest weight of each class, and prints what the
automatic choice measured and how far each way drives the features. A cell is left grey where noise did not move the
feature, so that its picture began at a photograph and still shows it.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples"))

from clearhead.core.scaling import Standardizer
from clearhead.explain import AscentOptions, Subject, VisualizeOptions, visualize
from clearhead.explain.pictures import save_png, strip
from clearhead.features import FeatureTable, load_backbone
from clearhead.head import SparseHead

ROOT = Path(__file__).resolve().parents[1]
NETWORKS = {"standard": "cifar_resnet.py:resnet20", "robust": "cifar_robust.py:resnet4b"}
IMAGES = 400


def subject_of(spec: str, out: Path) -> Subject:
    """The network, its features of some test images, and its own head on z."""
    from cifar10 import lossless_part

    backbone, examples = load_backbone(str(ROOT / "examples" / spec)), lossless_part("test").subset(range(IMAGES))
    with torch.no_grad():
        features = backbone.features(backbone.preprocess([examples[i] for i in range(len(examples))]))
    table = FeatureTable.from_arrays(
        out / f"table-{Path(spec).stem}",
        features,
        examples.labels,
        class_names=examples.class_names,
        kind="image",
        key=backbone.key,
        uris=examples.uris,
    )
    head = SparseHead.from_dense(
        backbone.weight, backbone.bias, Standardizer.fit(table), class_names=examples.class_names
    )
    return Subject(table, head, backbone=backbone, examples=examples)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "runs/explain/robust")
    parser.add_argument("--steps", type=int, default=256)
    given = parser.parse_args()
    rows = []
    for name, spec in NETWORKS.items():
        subject = subject_of(spec, given.out)
        weights = subject.head.class_weights()
        features = [int(weights[:, c].argmax()) for c in range(subject.head.n_classes)]
        for mode in ("auto", "standard", "robust"):
            steps = given.steps if mode != "robust" else given.steps // 4
            options = VisualizeOptions(mode=mode, direction="positive", ascent=AscentOptions(steps=steps))
            finding = visualize(subject, list(dict.fromkeys(features)), given.out, options)
            reached = np.array(finding.tables["visualization"].columns["z"])
            best = np.array(finding.tables["visualization"].columns["best_z"])
            figures = {key: value for key, value in finding.numbers.items() if key != "pictures"}
            print(json.dumps({"network": name, "asked": mode, **figures, "z": reached.mean(), "best": best.mean()}))
            if mode != "auto":
                columns = finding.tables["visualization"].columns
                start = dict(zip(columns["feature"], columns["start"], strict=True))
                tiles = [
                    np.array(Image.open(given.out / finding.media[f"{j}+"]).convert("RGB"))
                    if start[j] == "noise"
                    else np.full((160, 160, 3), 235, np.uint8)
                    for j in features
                ]
                rows.append(strip(tiles))
    gap = np.full((8, rows[0].shape[1], 3), 255, np.uint8)
    save_png(given.out / "robust.png", np.concatenate([part for row in rows for part in (row, gap)][:-1]))


if __name__ == "__main__":
    main()
