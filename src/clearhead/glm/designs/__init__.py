"""Where the rows of a design are kept: each form is one file, and `build_design` takes the one that fits."""

from __future__ import annotations

from clearhead.glm.designs.dense import DenseDesign

__all__ = ["DenseDesign"]
