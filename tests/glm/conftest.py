"""The devices that the grid runs on."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(params=["cpu", *(["cuda"] if torch.cuda.is_available() else [])])
def device(request: pytest.FixtureRequest) -> str:
    """Every device of this machine in turn."""
    name: str = request.param
    return name
