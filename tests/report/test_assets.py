"""The built page in the package: small, and what its sources build."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from pathlib import Path

import pytest

from clearhead.report.page import asset

WEB = Path(__file__).resolve().parents[2] / "web"


def test_script_and_style_are_small() -> None:
    assert sum(len(gzip.compress(asset(name).encode(), 9)) for name in ("app.js", "app.css")) <= 60_000


def test_the_assets_are_what_the_sources_build() -> None:
    node = shutil.which("node")
    if node is None or not (WEB / "node_modules" / "esbuild").is_dir():
        pytest.skip("esbuild is not installed: npm --prefix web ci --ignore-scripts")
    made = subprocess.run([node, "build.mjs", "--check"], cwd=WEB, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
