"""Settings: one description, a file that round-trips, unknown names refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from clearhead.core.errors import ArtifactError, SettingError
from clearhead.runs.config import RunConfig


def test_settings_survive_the_file(tmp_path: Path) -> None:
    config = RunConfig.from_flat(
        model='C:\\odd "name".py:f', label_column=("a", "b"), features=Path("f.npz"), tol=1e-6, grouped=True
    )
    (tmp_path / "config.toml").write_text(config.to_toml(), encoding="utf-8")
    assert RunConfig.load(tmp_path / "config.toml") == config


def test_unknown_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="unknown setting"):
        RunConfig.from_flat(n_lambda=3)
    (tmp_path / "config.toml").write_text("[fit]\nn_lambda = 3\n")
    with pytest.raises(SettingError, match="unknown setting"):
        RunConfig.load(tmp_path / "config.toml")
    (tmp_path / "config.toml").write_text("[fit\n")
    with pytest.raises(ArtifactError, match="not valid TOML"):
        RunConfig.load(tmp_path / "config.toml")


def test_names_are_unique_over_sections() -> None:
    names = RunConfig().names()
    assert len(names) == len(set(names))
