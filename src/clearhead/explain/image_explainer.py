"""LIME on images, one by one, each for all features and kept on disk: the work behind the superpixels finding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clearhead.core.artifacts import content_key, read_json, read_tensors, write_json, write_tensors
from clearhead.explain.lime import NORMAL_95, LimeOptions
from clearhead.explain.picture_lime import Hider, delete_top, explain_picture
from clearhead.explain.pictures import enlarge, overlay, save_png, strip, to_bytes
from clearhead.explain.segments import SegmentOptions, contiguous, segment
from clearhead.explain.selection import Direction, label
from clearhead.explain.subject import Shelf, Subject
from clearhead.explain.view import PictureView

__all__ = ["ExplainedImage", "ImageExplainer", "SuperpixelsOptions"]


@dataclass(frozen=True)
class SuperpixelsOptions:
    """How superpixels are found.

    Parameters
    ----------
    lime, segments : masks and regression; how pictures are cut.
    exemplars : k images for each feature and direction (the paper shows k = 1).
    direction : "weight" (the sign of the feature's largest weight), "positive", "negative" or "both".
    paint : what hidden superpixels are painted in: "image" (the picture's mean colour), "superpixel" (their own, as
        `lime` does), or a grey level in [0, 1].
    share, draws : the share of superpixels deleted to measure faithfulness, and how many random choices are compared.
    """

    lime: LimeOptions = field(default_factory=lambda: LimeOptions(samples=300))
    segments: SegmentOptions = field(default_factory=SegmentOptions)
    exemplars: int = 1
    direction: str = "weight"
    paint: str | float = "image"
    share: float = 0.2
    draws: int = 8
    batch: int = 64
    seed: int = 0


@dataclass(frozen=True, eq=False)
class ExplainedImage:
    """One image: coefficients and their errors (d, p), fit (p,), activations z (p,), superpixels (h, w)."""

    coef: Tensor
    error: Tensor
    r2: Tensor
    z: Tensor
    segments: Tensor


@dataclass(frozen=True, eq=False)
class ImageExplainer:
    """Explains images one by one and keeps what it found on a shelf."""

    subject: Subject
    view: PictureView
    shelf: Shelf
    options: SuperpixelsOptions
    masks: Mapping[int, NDArray[np.integer]]

    @classmethod
    def of(
        cls,
        subject: Subject,
        run: Path | str,
        options: SuperpixelsOptions,
        masks: Mapping[int, NDArray[np.integer]] | None = None,
    ) -> ImageExplainer:
        """The explainer of a subject's images, with its shelf under ``run``; ``masks`` are the user's superpixels."""
        backbone, examples = subject.network("image")
        scaler = (subject.head.mean, subject.head.scale)
        how = (asdict(options.lime), asdict(options.segments), options.paint, options.seed)
        given = dict(masks or {})
        shelf = Shelf(run, "superpixels", backbone.key, backbone.layers, examples.key, scaler, how, given)
        return cls(subject, PictureView.of(backbone, examples[0]), shelf, options, given)

    def features(self, pictures: Tensor) -> Tensor:
        """(n, 3, h, w) pictures → (n, p) z on the CPU."""
        return self.subject.standardize(self.view.features(pictures).cpu())

    def picture(self, row: int) -> Tensor:
        """(3, h, w): the image of a row as the network sees it."""
        _, examples = self.subject.network("image")
        return self.view.picture(examples[row])

    def image(self, row: int, wanted: Sequence[Direction]) -> dict[Direction, dict[str, Any]]:
        """What each direction's table row says about this image."""
        picture = self.picture(row)
        explained = self.explained(row, picture)
        deleted = self.deleted(row, picture, explained, wanted)
        return {d: self._entry(d, row, explained, deleted[label(d)]) for d in wanted}

    def explained(self, row: int, picture: Tensor) -> ExplainedImage:
        """LIME on one image for all features, computed once and then read."""
        path = self.shelf.path(f"{row}.safetensors")
        if not path.is_file():
            labels = self._segments(row, picture)
            hider = Hider(picture, labels, self.options.paint)
            fit = explain_picture(
                self.features, hider, self.options.lime, batch=self.options.batch, seed=self.options.seed
            )
            error = torch.full_like(fit.coef, torch.nan) if fit.error is None else fit.error
            with torch.no_grad():
                z = self.features(picture[None])[0]
            tensors = {"coef": fit.coef.float(), "error": error.float(), "r2": fit.r2.float(), "z": z}
            write_tensors(path, {**tensors, "segments": labels})
        return ExplainedImage(**read_tensors(path))

    def _segments(self, row: int, picture: Tensor) -> Tensor:
        if row in self.masks:
            return torch.from_numpy(contiguous(np.asarray(self.masks[row])))
        array = picture.permute(1, 2, 0).numpy().astype(np.float64)
        cache = self.shelf.run / "findings" / "media" / "segments"  # of use to every number of masks
        return torch.from_numpy(segment(array, self.options.segments, cache=cache))

    def deleted(
        self, row: int, picture: Tensor, explained: ExplainedImage, wanted: Sequence[Direction]
    ) -> dict[str, dict[str, float]]:
        """Falls under deletion of each direction, kept beside the image and completed when more are asked for."""
        how = content_key(self.options.share, self.options.draws)
        path = self.shelf.path(f"{row}.deletion-{how}.json")
        known: dict[str, dict[str, float]] = read_json(path) if path.is_file() else {}
        missing = [d for d in wanted if label(d) not in known]
        if missing:
            falls = delete_top(
                self.features,
                Hider(picture, explained.segments, self.options.paint),
                explained.coef,
                [j for j, _ in missing],
                [sign for _, sign in missing],
                share=self.options.share,
                draws=self.options.draws,
                seed=self.options.seed,
            )
            known |= {
                label(d): {"top": fall.top, "random": fall.random} for d, fall in zip(missing, falls, strict=True)
            }
            write_json(path, known)
        return known

    def _entry(
        self, direction: Direction, row: int, explained: ExplainedImage, fall: dict[str, float]
    ) -> dict[str, Any]:
        j, sign = direction
        weights, error = sign * explained.coef[:, j].double(), explained.error[:, j].double()
        best = int(weights.argmax())
        sure = weights.abs() > NORMAL_95 * error
        return {
            "feature": j,
            "name": self.subject.head.feature_names[j],
            "sign": sign,
            "row": row,
            "uri": self.subject.table.uris[row],
            "z": float(explained.z[j]),
            "r2": float(explained.r2[j]),
            "parts": len(weights),
            "supporting": int((sure & (weights > 0)).sum()),
            "opposing": int((sure & (weights < 0)).sum()),
            "top_weight": float(weights[best]),
            "top_low": float(weights[best] - NORMAL_95 * error[best]),
            "top_high": float(weights[best] + NORMAL_95 * error[best]),
            "deletion_top": fall["top"] if len(weights) > 1 else float("nan"),
            "deletion_random": fall["random"] if len(weights) > 1 else float("nan"),
        }

    def draw(self, direction: Direction, rows: Sequence[int]) -> str:
        """A picture of the exemplars, each beside its superpixels."""
        j, sign = direction
        tiles = []
        for row in rows:
            picture = self.picture(row)
            explained = self.explained(row, picture)
            weights = (sign * explained.coef[:, j]).double().numpy()
            tiles += [enlarge(to_bytes(picture)), overlay(picture, explained.segments.numpy(), weights)]
        name = f"{label(direction)}-{content_key(list(rows))}.png"
        save_png(self.shelf.path(name), strip(tiles))
        return self.shelf.media(name)
