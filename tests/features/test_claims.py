"""Who takes part in an extraction: everyone with the same job, however close together they come."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from clearhead.core.errors import ClearheadError, LockedError
from clearhead.features.claims import joined_job


def test_all_who_come_at_once_take_part(tmp_path: Path) -> None:
    refused: list[ClearheadError] = []

    def join(folder: Path, together: threading.Barrier) -> None:
        together.wait()
        try:
            with joined_job(folder, "job"):
                pass
        except ClearheadError as error:
            refused.append(error)

    for turn in range(50):
        together = threading.Barrier(6)
        threads = [threading.Thread(target=join, args=(tmp_path / str(turn), together)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not refused


def test_another_job_is_refused_meanwhile_and_clears_the_folder_afterwards(tmp_path: Path) -> None:
    with joined_job(tmp_path, "one"):
        (tmp_path / "shard-00000.safetensors").touch()
        with pytest.raises(LockedError, match="another process"), joined_job(tmp_path, "two"):
            pass
        with joined_job(tmp_path, "one"):
            assert (tmp_path / "shard-00000.safetensors").exists()
    with joined_job(tmp_path, "two"):
        assert not (tmp_path / "shard-00000.safetensors").exists()
