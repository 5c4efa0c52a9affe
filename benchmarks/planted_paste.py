"""Does land behind a bird make it a dog? Surroundings pasted behind test birds and dogs, before and after the repair.

    python benchmarks/planted_background.py        # writes the heads runs/debug/before0 … after4
    python benchmarks/planted_paste.py --seeds 0 1 2 3 4 --pictures 100

Behind each bird on water go the surroundings of dogs on land (the pattern) or of other birds on water (the control);
dogs on land likewise. What is pasted comes from training pictures; objects from test pictures.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from clearhead.core.seeds import numpy_generator
from clearhead.debug import PasteOptions, box_mask, counterfactual_image
from clearhead.features import load_backbone
from clearhead.head import SparseHead

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
DIRECTIONS = {"dog": ("bird on water", "dog on land"), "bird": ("dog on land", "bird on water")}


def draw(examples: Any, group: str, count: int, seed: int) -> list[int]:
    rows = np.flatnonzero(np.asarray(examples.columns["group"]) == group)
    return [int(i) for i in numpy_generator(seed, "paste", group, len(examples)).permutation(rows)[:count]]


def pictures(examples: Any, rows: list[int]) -> list[Image.Image]:
    return [examples[i] for i in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heads", type=Path, default=Path("runs/debug"))
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)))
    parser.add_argument("--pictures", type=int, default=100)
    options = parser.parse_args()
    torch.set_num_threads(1)
    sys.path.insert(0, str(EXAMPLES))
    import planted_spurious

    network = load_backbone(f"{EXAMPLES / 'mobilenetv2.py'}:model_128")
    train, test = planted_spurious.train(), planted_spurious.test()
    findings = []
    for seed in options.seeds:
        heads = {when: SparseHead.load(options.heads / f"{when}{seed}") for when in ("before", "after")}
        for target, (own, other) in DIRECTIONS.items():
            objects = draw(test, own, options.pictures, seed)
            finding = counterfactual_image(
                heads,
                lambda images: network.features(network.preprocess(images)),
                pictures(test, objects),
                [box_mask(test[i].size, test.columns["box"][i]) for i in objects],
                target=test.class_names.index(target),
                patterns=pictures(train, draw(train, other, 50, seed)),
                controls=pictures(train, draw(train, own, 50, seed)),
                options=PasteOptions(per_image=1, seed=seed),
            )
            print(f"seed {seed}, {own}: {finding.sentence}")
            findings.append(finding.as_dict())
    (options.heads / "paste.json").write_text(json.dumps(findings, indent=1))


if __name__ == "__main__":
    main()
