"""A process killed, a full disk, damaged files, narrow numbers: a message, nothing finished lost, the rest goes on."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tests.scale.failing import N_LAMBDAS, problem, solve

from clearhead.core import artifacts
from clearhead.core.errors import ArtifactError, StorageError
from clearhead.features.table import FeatureTable
from clearhead.glm import SolveOptions, fit_path
from clearhead.glm.solution import RegularizationPath
from clearhead.glm.store import PathWriter, load_path, load_prefix, load_solution, save_path

ROOT = Path(__file__).resolve().parents[2]


def launch(ranks: int, folder: Path, dtype: str = "float64", failure: tuple[str, int, int] = ("", 0, 0)) -> list:
    """Start the ranks by hand, for torchrun would end the others before they can say what they saw."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(ranks), "OMP_NUM_THREADS": "1"}
    running = []
    for rank in range(ranks):
        environment = {**os.environ, **shared, "PYTHONPATH": str(ROOT), "RANK": str(rank), "LOCAL_RANK": str(rank)}
        command = [sys.executable, "-m", "tests.scale.failing", str(folder), dtype, *map(str, failure)]
        running.append(
            subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        )
    messages = [process.communicate()[1].decode() for process in running]
    return [(process.returncode, message) for process, message in zip(running, messages, strict=True)]


@pytest.fixture(scope="module")
def whole() -> RegularizationPath:
    return solve(torch.float64, SolveOptions())


def same(path: RegularizationPath, whole: RegularizationPath) -> bool:
    return len(path) == len(whole) and float((path.coef - whole.coef).abs().max()) <= 1e-4


@pytest.mark.parametrize(("how", "rank"), [("kill", 1), ("full", 0)])
def test_a_failed_rank_is_said_and_another_number_goes_on(
    tmp_path: Path, whole: RegularizationPath, how: str, rank: int
) -> None:
    results = launch(2, tmp_path, failure=(how, rank, 2))
    assert all(code != 0 for code, _ in results)
    if how == "kill":
        assert results[1][0] == -signal.SIGKILL
    else:
        assert "the disk is full" in results[0][1]
    survivor = results[1 - rank][1]
    assert "another process of this job has ended" in survivor
    assert "goes on from the last finished λ" in survivor
    assert not (tmp_path / "path.json").exists()
    finished = len(load_prefix(tmp_path))
    assert finished >= 2
    before = [(tmp_path / f"{i:03d}.safetensors").read_bytes() for i in range(finished)]
    ranks = 3 if how == "kill" else 1
    assert [code for code, _ in launch(ranks, tmp_path)] == [0] * ranks
    assert before == [(tmp_path / f"{i:03d}.safetensors").read_bytes() for i in range(finished)]
    assert same(load_path(tmp_path), whole)


def test_ranks_of_float32_reach_the_objective_of_one_process(tmp_path: Path) -> None:
    alone = solve(torch.float32, SolveOptions())
    assert [code for code, _ in launch(2, tmp_path, "float32")] == [0, 0]
    for a, b in zip(alone, load_path(tmp_path), strict=True):
        assert b.status.ok
        assert abs(a.objective - b.objective) <= 2e-4 * a.null_loss


@pytest.mark.parametrize("full_from", [0, 1, 2, 3], ids=["payload", "its folder", "its json", "json's folder"])
def test_a_full_disk_loses_nothing_that_was_finished(
    tmp_path: Path, whole: RegularizationPath, monkeypatch: pytest.MonkeyPatch, full_from: int
) -> None:
    synced, sync = [0], artifacts._sync
    each = 4  # the payload, its folder, its json, its folder

    def until_full(path: Path) -> None:
        synced[0] += 1
        if synced[0] > 3 * each + full_from:
            raise OSError(28, "No space left on device")
        sync(path)

    with monkeypatch.context() as patched:
        patched.setattr(artifacts, "_sync", until_full)
        with pytest.raises(StorageError, match="disk is full") as raised:
            solve(torch.float64, SolveOptions(callback=PathWriter(tmp_path)))
    assert "it resumes" in str(raised.value)
    assert not list(tmp_path.glob(".*.part"))
    done = load_prefix(tmp_path)
    assert len(done) in (3, 4)
    resumed = solve(torch.float64, SolveOptions(callback=PathWriter(tmp_path), resume=done))
    assert same(resumed, whole)
    assert len(load_prefix(tmp_path)) == N_LAMBDAS


def test_a_stored_point_that_was_altered_is_refused_and_solved_again(tmp_path: Path, whole: RegularizationPath) -> None:
    save_path(whole, tmp_path)
    flip(tmp_path / "003.safetensors")
    with pytest.raises(ArtifactError, match="does not match its json"):
        load_solution(tmp_path, 3)
    with pytest.raises(ArtifactError, match="does not match its json"):
        load_path(tmp_path)
    done = load_prefix(tmp_path)
    assert len(done) == 3
    assert same(solve(torch.float64, SolveOptions(callback=PathWriter(tmp_path), resume=done)), whole)
    assert same(load_path(tmp_path), whole)


def test_a_damaged_shard_is_refused_by_name_before_the_fit(tmp_path: Path) -> None:
    X, y = problem(torch.float32)
    table = FeatureTable.from_arrays(tmp_path, X, y)
    options = SolveOptions(memory=20_000)
    assert fit_path(table, y, n_lambdas=3, options=options).worst_gap <= 1e-4
    shard = next(iter(sorted(tmp_path.glob("shard-*.safetensors"))))
    flip(shard)
    with pytest.raises(ArtifactError, match=r"shard-\d+\.safetensors is not the file") as raised:
        FeatureTable.open(tmp_path, verify=True)
    assert "run the extraction again" in str(raised.value)
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(ArtifactError, match=r"shard-\d+\.safetensors is not the file"):
        FeatureTable.open(tmp_path)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-5] ^= 0xFF
    path.write_bytes(content)
