"""How fast a machine reads and multiplies: measured once and kept, or a named device's data sheet.

Williams, Waterman and Patterson 2009, "Roofline": a kernel takes the longer of its traffic over the bandwidth and its
operations over the peak. Here the solver's own products are measured too, at several numbers of outputs, so that what
they reach of either limit is known rather than assumed.
"""

from __future__ import annotations

import itertools
import math
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from clearhead.core.artifacts import read_json, write_json
from clearhead.core.errors import ArtifactError, SettingError
from clearhead.glm.fit import FULL_CURVATURE
from clearhead.glm.solvers.accelerated import STEPS

__all__ = ["DEVICES", "Rate", "Roofline", "cache_folder", "chosen", "data_sheet", "keep", "stored"]

SCHEMA = 1
REACHED = 0.6  # of a data sheet's peaks, by what large kernels usually reach


@dataclass(frozen=True)
class Rate:
    """Seconds a unit of one kernel. ``size`` is the bytes it walked through, which say whether caches held them.

    Units: times, against, an element of Z; softmax, a row; descent, a sweep over an entry of a Gram matrix for one
    output.
    """

    kind: str
    outputs: int
    size: int
    seconds: float


@dataclass(frozen=True)
class Roofline:
    """Speeds of one device, or of the threads of one process: bytes, float32 operations or elements a second.

    ``read`` from memory, ``disk`` from storage, ``link`` between ranks; ``gemm`` of large matrix products, ``halves``
    of those of half-precision numbers with float32 sums (0 where features are widened first); ``widen`` elements read
    as float16 and standardised; ``overhead`` seconds of a solver's step whatever its size.
    """

    device: str
    measured: bool
    threads: int
    memory: int
    read: float
    gemm: float
    disk: float
    widen: float
    link: float
    overhead: float
    rates: list[Rate] = field(default_factory=list)
    note: str = ""
    halves: float = 0.0

    @property
    def gpu(self) -> bool:
        """Whether the solver would compute on a GPU."""
        return self.device in DEVICES or self.device.startswith("cuda")

    def seconds(self, kind: str, outputs: int, size: int) -> float:
        """Seconds a unit: between measured outputs and sizes interpolated, without measurements from the peaks."""
        sizes = sorted({r.size for r in self.rates if r.kind == kind})
        if not sizes:
            return self._bound(kind, outputs)
        values = [_between([r for r in self.rates if r.kind == kind and r.size == s], outputs) for s in sizes]
        for (low, here), (high, there) in itertools.pairwise(zip(sizes, values, strict=True)):
            if size <= high:
                share = min(1.0, max(0.0, math.log(max(size, 1) / low) / math.log(high / low)))
                return here + share * (there - here)
        return values[-1]

    def _bound(self, kind: str, outputs: int) -> float:
        if kind in ("times", "against"):
            return max(4 / self.read, 2 * outputs / self.gemm)
        if kind in ("times halves", "against halves"):  # two terms of each column
            return max(2 / self.read, 4 * outputs / self.halves)
        if kind == "softmax":  # logits read, residuals written, and the k × k curvature of few outputs
            full = 2 * outputs**2 / self.gemm if outputs <= FULL_CURVATURE else 0.0
            return max(12 * outputs / self.read, full)
        return 2 / self.gemm if not self.halves else 2 * STEPS / (self.halves / 2)  # in TF32

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def text(self) -> str:
        """One line for people."""
        origin = "measured" if self.measured else "not measured"
        return (
            f"{self.device}, {self.threads} threads ({origin}{'; ' if self.note else ''}{self.note}): "
            f"memory {self.read / 1e9:.1f} GB/s, disk {self.disk / 1e9:.2f} GB/s, GEMM {self.gemm / 1e9:.0f} GFLOP/s; "
            + ", ".join(f"{kind} k={k} {speed:.1f} GFLOP/s" for kind, k, speed in self._products())
        ).rstrip("; ,")

    def _products(self) -> list[tuple[str, int, float]]:
        """(product, outputs, useful GFLOP/s) of the largest size measured."""
        largest = max((r.size for r in self.rates if r.kind == "times"), default=0)
        chosen = [r for r in self.rates if r.kind in ("times", "against") and r.size == largest]
        return [(r.kind, r.outputs, 2e-9 * r.outputs / r.seconds) for r in chosen if r.outputs in (10, 100)]


def _between(rates: list[Rate], outputs: int) -> float:
    """Linear in the outputs between those measured, proportional to them beyond the last."""
    rates = sorted(rates, key=lambda r: r.outputs)
    for before, after in itertools.pairwise(rates):
        if outputs <= after.outputs:
            share = max(0.0, (outputs - before.outputs) / (after.outputs - before.outputs))
            return before.seconds + share * (after.seconds - before.seconds)
    last = rates[-1]
    return last.seconds * max(1.0, outputs / last.outputs)


# Data sheets: memory, bytes/s, float32 FLOP/s outside the tensor cores, half-precision FLOP/s inside, bytes/s to other
# devices of the same machine.
DEVICES = {
    "H200": (141e9, 4.8e12, 67e12, 989e12, 450e9),
    "H100": (80e9, 3.35e12, 67e12, 989e12, 450e9),
    "A100": (80e9, 2.04e12, 19.5e12, 312e12, 300e9),
}


def data_sheet(device: str) -> Roofline:
    """A named device at a stated share of its data sheet; `SettingError` for an unknown one."""
    if device.upper() not in DEVICES:
        raise SettingError("no figures for this device", got=device, expected=", ".join(DEVICES))
    memory, read, gemm, halves, link = DEVICES[device.upper()]
    return Roofline(
        device=device.upper(),
        measured=False,
        threads=1,
        memory=int(memory),
        read=REACHED * read,
        gemm=REACHED * gemm,
        disk=2e9,
        widen=REACHED * read / 14,  # read two bytes, write four, read and write four again
        link=REACHED * link,
        overhead=2e-3,
        note=f"{REACHED:.0%} of the data sheet's memory bandwidth and rates; a disk of 2 GB/s assumed",
        halves=REACHED * halves,
    )


def cache_folder() -> Path:
    """Where measured speeds are kept: ``$CLEARHEAD_CACHE``, or clearhead's folder in the user's cache."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("CLEARHEAD_CACHE") or Path(home) / "clearhead")


def keep(roofline: Roofline, cache: Path) -> Path:
    """Store measured speeds; returns the file."""
    path = Path(cache) / "roofline.json"
    write_json(path, {"schema": SCHEMA, **roofline.as_dict()})
    return path


def stored(cache: Path) -> Roofline | None:
    """The speeds kept under ``cache``; None where there are none of this schema."""
    path = Path(cache) / "roofline.json"
    if not path.is_file():
        return None
    data = read_json(path)
    if not isinstance(data, dict) or data.pop("schema", None) != SCHEMA:
        return None
    try:
        return Roofline(**{**data, "rates": [Rate(**rate) for rate in data["rates"]]})
    except (KeyError, TypeError) as error:
        raise ArtifactError(f"{path} is damaged", fix="clearhead doctor --measure") from error


def chosen(device: str, cache: Path, *, gpu: bool) -> Roofline:
    """A named device's data sheet, or with ``measured`` the speeds kept under ``cache``; `SettingError` if there are
    none of that kind."""
    if device != "measured":
        return data_sheet(device)
    roofline = stored(cache)
    if roofline is None or roofline.gpu != gpu:
        flag = " --device cuda" if gpu else ""
        raise SettingError(
            "the speed of this machine has not been measured"
            if not gpu
            else "no GPU of this machine has been measured",
            got=f"nothing usable in {cache}",
            fix=f"clearhead doctor --measure{flag}, or --gpus N --device H200 for a data sheet's figures",
        )
    return roofline
