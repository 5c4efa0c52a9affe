"""A stored path is whole or absent, and a killed fit goes on to the same result."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from clearhead.core.errors import ArtifactError
from clearhead.core.seeds import torch_generator
from clearhead.glm import RegularizationPath, SolveOptions, fit_path
from clearhead.glm.store import PathWriter, load_path, load_prefix, save_path


def _data() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch_generator(0, "store")
    X = torch.randn(80, 30, generator=generator)
    return X, (X[:, :3] + 0.3 * torch.randn(80, 3, generator=generator)).argmax(1)


def _fit(options: SolveOptions | None = None) -> RegularizationPath:
    X, y = _data()
    return fit_path(X, y, n_lambdas=8, lambda_min_ratio=0.05, options=options)


def test_round_trip_of_both_layouts(tmp_path: Path) -> None:
    path = _fit()
    save_path(path, tmp_path)
    back = load_path(tmp_path)
    assert min(s.density for s in path) < 0.1 < max(s.density for s in path)
    for a, b in zip(path, back, strict=True):
        assert torch.equal(a.coef, b.coef)
        assert torch.equal(a.intercept, b.intercept)
        assert (a.gap, a.objective, a.status, a.lambda_) == (b.gap, b.objective, b.status, b.lambda_)


def test_a_killed_fit_resumes_to_the_same_path(tmp_path: Path) -> None:
    whole = _fit()
    writer = PathWriter(tmp_path, then=lambda index, _: index == 3)
    partial = _fit(SolveOptions(callback=writer))
    assert len(partial) == 4
    assert partial.stopped
    resumed = _fit(SolveOptions(resume=load_prefix(tmp_path)))
    for a, b in zip(whole[:4], resumed[:4], strict=True):
        assert torch.equal(a.coef, b.coef)
    for a, b in zip(whole, resumed, strict=True):  # both certified, so they differ by the tolerance at most
        assert b.status.ok
        assert abs(a.objective - b.objective) <= 1e-4 * a.null_loss


def test_an_unfinished_or_damaged_folder_is_refused(tmp_path: Path) -> None:
    path = _fit()
    save_path(path, tmp_path)
    payload = tmp_path / "002.safetensors"
    payload.write_bytes(payload.read_bytes()[:-3])
    with pytest.raises(ArtifactError):
        load_path(tmp_path)
    assert len(load_prefix(tmp_path)) == 2
    (tmp_path / "path.json").unlink()
    with pytest.raises(ArtifactError):
        load_path(tmp_path)
