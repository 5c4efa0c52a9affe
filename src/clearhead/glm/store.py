"""A path on disk: ``NNN.safetensors`` + ``NNN.json`` for each λ, ``path.json`` last; a killed fit resumes from it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clearhead.core.artifacts import file_hash, read_json, read_tensors, write_json, write_tensors
from clearhead.core.errors import ArtifactError
from clearhead.core.scaling import Standardizer
from clearhead.glm.solution import RegularizationPath, Solution, Status

__all__ = ["PathWriter", "load_path", "load_prefix", "load_solution", "save_path", "save_solution"]

SCHEMA = 1
SPARSE_BELOW = 0.1


def save_solution(solution: Solution, folder: Path, index: int) -> None:
    """Write one λ: payload first, then its json with the payload's checksum. Sparse layout when density < 10 %."""
    folder = Path(folder)
    payload = folder / f"{index:03d}.safetensors"
    write_tensors(payload, _pack(solution))
    write_json(folder / f"{index:03d}.json", _describe(solution, file_hash(payload)))


def load_solution(folder: Path, index: int) -> Solution:
    """Read one λ; `ArtifactError` if it is absent, truncated, altered, or of another schema."""
    folder = Path(folder)
    about = read_json(folder / f"{index:03d}.json")
    if not isinstance(about, dict) or about.get("schema") != SCHEMA:
        raise ArtifactError(f"{folder / f'{index:03d}.json'} is of another version", fix="fit the path again")
    payload = folder / f"{index:03d}.safetensors"
    tensors = read_tensors(payload)
    if file_hash(payload) != about["sha256"]:
        raise ArtifactError(f"{payload} does not match its json", fix="delete both and fit again")
    return _unpack(tensors, about)


def save_path(path: RegularizationPath, folder: Path) -> None:
    """Write every λ of a path and, last, ``path.json``, which makes it whole."""
    for index, solution in enumerate(path):
        save_solution(solution, folder, index)
    finish(folder, len(path), path.stopped)


def finish(folder: Path, count: int, stopped: str = "") -> None:
    """Declare a folder of ``count`` solutions whole."""
    write_json(Path(folder) / "path.json", {"schema": SCHEMA, "count": count, "stopped": stopped})


def load_path(folder: Path) -> RegularizationPath:
    """Read what `save_path` wrote; `ArtifactError` if it was not finished."""
    manifest = read_json(Path(folder) / "path.json")
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        raise ArtifactError(f"{folder} is of another version", fix="fit the path again")
    solutions = [load_solution(folder, i) for i in range(manifest["count"])]
    return RegularizationPath(solutions, manifest["stopped"])


def load_prefix(folder: Path) -> list[Solution]:
    """The solutions of the first λ's that were finished before a fit was interrupted: pass them as ``resume``."""
    solutions: list[Solution] = []
    while (Path(folder) / f"{len(solutions):03d}.json").is_file():
        try:
            solutions.append(load_solution(folder, len(solutions)))
        except ArtifactError:
            break
    return solutions


class PathWriter:
    """A callback for `SolveOptions` that stores each λ as soon as it is finished.

    ``SolveOptions(callback=PathWriter(folder), resume=load_prefix(folder))`` survives being killed.
    """

    def __init__(self, folder: Path, then: Any = None) -> None:
        self.folder, self.then = Path(folder), then

    def __call__(self, index: int, solution: Solution) -> bool:
        save_solution(solution, self.folder, index)
        return bool(self.then(index, solution)) if self.then is not None else False


def _pack(solution: Solution) -> dict[str, Tensor]:
    scaler = solution.standardizer
    common = {"intercept": solution.intercept, "mean": scaler.mean, "scale": scaler.scale}
    coef = solution.coef.detach().cpu()
    if solution.density >= SPARSE_BELOW:
        return {"coef": coef, **common}
    index = coef.flatten().nonzero().flatten()
    return {"index": index, "values": coef.flatten()[index], "shape": torch.tensor(coef.shape), **common}


def _describe(solution: Solution, digest: str) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "sha256": digest,
        "lambda_": solution.lambda_,
        "objective": solution.objective,
        "gap": solution.gap if math.isfinite(solution.gap) else None,
        "kkt": solution.kkt,
        "status": solution.status.name,
        "n_iter": solution.n_iter,
        "loss": solution.loss,
        "null_loss": solution.null_loss,
        "features_per_class": solution.features_per_class,
        "info": dict(solution.info),
    }


def _unpack(tensors: dict[str, Tensor], about: dict[str, Any]) -> Solution:
    if "coef" in tensors:
        coef = tensors["coef"]
    else:
        p, k = tensors["shape"].tolist()
        coef = torch.zeros(p * k, dtype=tensors["values"].dtype)
        coef[tensors["index"]] = tensors["values"]
        coef = coef.view(p, k)
    return Solution(
        lambda_=about["lambda_"],
        coef=coef,
        intercept=tensors["intercept"],
        objective=about["objective"],
        gap=math.inf if about["gap"] is None else about["gap"],
        kkt=about["kkt"],
        status=Status[about["status"]],
        n_iter=about["n_iter"],
        standardizer=Standardizer(tensors["mean"], tensors["scale"]),
        loss=about["loss"],
        null_loss=about["null_loss"],
        info=about["info"],
    )
