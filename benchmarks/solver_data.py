"""The features that the solver's benchmark fits: real ones of pictures and sentences, and synthetic ones of any size.

    python benchmarks/solver_data.py 50000 2048 1000     # makes and stores the synthetic ones

What has to be made is stored under ``runs/bench/data``, so that a process that is measured only reads it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from clearhead.core.artifacts import atomic_path
from clearhead.features import FeatureTable

HERE = Path(__file__).resolve().parents[1]
PICTURES = HERE.parent / "shared" / "data" / "features" / "cifar10_mobilenetv2_train.npz"
STORE = HERE / "runs" / "bench" / "data"
SENTENCES = HERE / "runs" / "sst2" / "features"  # of `clearhead run --out runs/sst2`, where that was called


def pictures(n: int) -> tuple[Tensor, Tensor]:
    """(n, 1280) MobileNetV2 features of CIFAR-10 in float32, and labels."""
    data = np.load(PICTURES)
    return torch.from_numpy(data["features"][:n].astype(np.float32)), torch.from_numpy(data["labels"][:n].astype(int))


def one_class(n: int) -> tuple[Tensor, Tensor]:
    """The same features with cat against the rest."""
    X, y = pictures(n)
    return X, (y == 3).long()


def values(n: int) -> tuple[Tensor, Tensor]:
    """The same features with the class number as a real response."""
    X, y = pictures(n)
    return X, y.double()


def sentences() -> tuple[Tensor, Tensor]:
    """(6,920, 384) MiniLM features of SST-2's training sentences, extracted here if no run has them."""
    folder = SENTENCES if (SENTENCES / "manifest.json").is_file() else STORE / "sst2" / "features"
    if not (folder / "manifest.json").is_file():
        program, examples = HERE / ".venv" / "bin" / "clearhead", HERE / "examples"
        parts = ["--model", f"{examples}/minilm.py:encoder", "--data", f"{examples}/sst2.py:every"]
        command = [str(program), "extract", *parts, "--split-column", "split", "--out", str(folder.parent), "--quiet"]
        subprocess.run(command, check=True)
    table = FeatureTable.open(folder)
    rows = torch.from_numpy(np.flatnonzero(table.columns["split"] == "train"))
    return table.take(rows).float(), torch.as_tensor(table.labels)[rows]


def synthetic(n: int, p: int, k: int) -> tuple[Tensor, Tensor]:
    """What `draw` gives, from the store; another process draws it, whose memory is not that of this one."""
    files = [_stored(n, p, k, name) for name in "Xy"]
    if not all(file.is_file() for file in files):
        subprocess.run([sys.executable, __file__, str(n), str(p), str(k)], check=True)
    X, y = (torch.from_numpy(np.load(file)) for file in files)
    return X, y


def _stored(n: int, p: int, k: int, name: str) -> Path:
    return STORE / f"centred-{n}-{p}-{k}-{name}.npy"


def draw(n: int, p: int, k: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """ReLU features with a low-rank common part, labels from a sparse head with noise."""
    generator = torch.Generator().manual_seed(seed)
    common = torch.randn(n, 40, generator=generator) @ torch.randn(40, p, generator=generator) * 0.3
    X = (common + torch.randn(n, p, generator=generator)).relu_()
    W = torch.randn(p, k, generator=generator) * (torch.rand(p, k, generator=generator) < 0.05)
    Z = X @ W
    Z -= Z.mean(0)  # else some of many classes never occur
    gumbel = -torch.log(-torch.log(torch.rand(n, k, generator=generator).clamp(1e-9, 1 - 1e-7)))
    return X, (Z / Z.std() * 3 + gumbel).argmax(1)


def main() -> None:
    n, p, k = map(int, sys.argv[1:4])
    for name, tensor in zip("Xy", draw(n, p, k), strict=True):
        with atomic_path(_stored(n, p, k, name)) as path, open(path, "wb") as file:
            np.save(file, tensor.numpy())


if __name__ == "__main__":
    main()
