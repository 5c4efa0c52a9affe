"""Synthetic pictures that drive each feature up or down, and how far they get (Wong et al. 2021, B.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clearhead.core.artifacts import read_json, write_json
from clearhead.core.errors import SettingError
from clearhead.core.finding import Finding, Table
from clearhead.core.progress import Progress, Silent
from clearhead.explain.ascent import AscentOptions, ascend
from clearhead.explain.frozen import frozen
from clearhead.explain.pictures import Bytes, enlarge, save_png, to_bytes
from clearhead.explain.robustness import Sensitivity, measure_sensitivity
from clearhead.explain.selection import Direction, constant_note, directions, exemplar_rows, label
from clearhead.explain.subject import Shelf, Subject
from clearhead.explain.view import PictureView

__all__ = ["VisualizeOptions", "visualize"]


@dataclass(frozen=True)
class VisualizeOptions:
    """How features are visualised.

    Parameters
    ----------
    mode : "auto" measures the network's sensitivity and chooses; "standard" or "robust" is the user's word.
    direction : "weight" (the sign of the feature's largest weight), "positive", "negative" or "both".
    ascent : steps, rate, views and penalties; its own ``mode`` is set from here.
    size : (height, width) to synthesise at; None: what the network sees of its images.
    batch : pictures optimised together.
    measured : images on which "auto" measures.
    """

    mode: str = "auto"
    direction: str = "weight"
    ascent: AscentOptions = field(default_factory=AscentOptions)
    size: tuple[int, int] | None = None
    batch: int = 32
    measured: int = 16

    def __post_init__(self) -> None:
        if self.mode not in ("auto", "standard", "robust"):
            raise SettingError("unknown mode", got=self.mode, expected='"auto", "standard" or "robust"')


def visualize(
    subject: Subject,
    features: Sequence[int],
    run: Path | str,
    options: VisualizeOptions | None = None,
    progress: Progress | None = None,
) -> Finding:
    """Synthesise a picture for each feature and direction; finished ones are read, so an interrupted layer resumes.

    Table "visualization" has a row a picture with the activation it reaches (of the 8-bit picture, without views) and
    that of the best image of the data, in standard deviations; media are named "12+" and "12-".
    """
    options, progress = options or VisualizeOptions(), progress or Silent()
    backbone, examples = subject.network("image")
    view = PictureView.of(backbone, examples[0])
    wanted = directions(subject, features, options.direction)
    with frozen(backbone.model):
        sensitivity = _measure(subject, view, run, options) if options.mode == "auto" else None
        mode = options.mode if sensitivity is None else sensitivity.mode
        ascent = replace(options.ascent, mode=mode)
        scaler = (subject.head.mean, subject.head.scale)
        size = options.size or view.size
        shelf = Shelf(run, "visualization", backbone.key, backbone.layers, scaler, size, _plain(ascent))
        missing = [d for d in wanted if not shelf.path(f"{label(d)}.json").is_file()]
        progress.start("visualisations", len(missing))
        for start in range(0, len(missing), options.batch):
            chunk = missing[start : start + options.batch]
            _synthesise(subject, view, shelf, chunk, size, ascent)
            progress.advance(len(chunk))
        progress.finish()
    table = _table(subject, wanted, shelf, ascent.seed)
    return Finding(
        kind="visualization",
        title="Pictures that drive each feature",
        sentence=_sentence(table, mode),
        numbers=_numbers(table, sensitivity, mode),
        tables={"visualization": table},
        caveats=(*constant_note(subject, features), *_caveats(table, mode)),
        settings={**asdict(options), "ascent": _plain(ascent), "key": shelf.key, "features": list(features)},
        media={label(d): shelf.media(f"{label(d)}.png") for d in wanted},
    )


def _plain(ascent: AscentOptions) -> dict[str, Any]:
    return {**asdict(ascent), "dtype": str(ascent.dtype)}


def _measure(subject: Subject, view: PictureView, run: Path | str, options: VisualizeOptions) -> Sensitivity:
    backbone, examples = subject.network("image")
    rows = subject.rows[torch.linspace(0, len(subject.rows) - 1, min(options.measured, len(subject.rows))).long()]
    path = Shelf(run, "sensitivity", backbone.key, backbone.layers, examples.key, subject.head.scale, rows).path(
        "sensitivity.json"
    )
    if not path.is_file():
        pictures = torch.stack([view.picture(examples[int(row)], view.size) for row in rows])
        write_json(path, asdict(measure_sensitivity(view.features, pictures, subject.head.scale)))
    return Sensitivity(**read_json(path))


def _synthesise(
    subject: Subject,
    view: PictureView,
    shelf: Shelf,
    wanted: Sequence[Direction],
    size: tuple[int, int],
    options: AscentOptions,
) -> None:
    shown, z = _ascended(subject, view, wanted, size, options, None)
    starts = ["noise"] * len(wanted)
    # Noise can leave a rectified feature at zero, where it has no gradient: those begin again at their best image.
    stuck = [i for i, (_, sign) in enumerate(wanted) if sign * z[i] < 0]
    if stuck:
        again = [wanted[i] for i in stuck]
        better, reached = _ascended(subject, view, again, size, options, _best_images(subject, view, again, size))
        for i, picture, value in zip(stuck, better, reached, strict=True):
            if wanted[i][1] * value > wanted[i][1] * z[i]:
                shown[i], z[i], starts[i] = picture, value, "image"
    for direction, picture, value, start in zip(wanted, shown, z, starts, strict=True):
        save_png(shelf.path(f"{label(direction)}.png"), enlarge(picture))
        # The description goes last: where it exists, the picture does.
        write_json(shelf.path(f"{label(direction)}.json"), {"z": value, "start": start})


def _ascended(
    subject: Subject,
    view: PictureView,
    wanted: Sequence[Direction],
    size: tuple[int, int],
    options: AscentOptions,
    starts: Tensor | None,
) -> tuple[list[Bytes], list[float]]:
    """8-bit pictures and the activation z that each of them reaches, without views."""
    units, signs = [j for j, _ in wanted], [sign for _, sign in wanted]
    device, scale = view.backbone.device, subject.head.scale
    pictures = ascend(view.features, units, signs, size, options, scale=scale, starts=starts, device=device)
    stored = [to_bytes(picture) for picture in pictures]
    with torch.no_grad():
        shown = torch.stack([torch.from_numpy(s).permute(2, 0, 1) for s in stored]).float() / 255
        reached = subject.standardize(view.features(shown).cpu())
    return stored, [float(reached[i, j]) for i, j in enumerate(units)]


def _best_images(subject: Subject, view: PictureView, wanted: Sequence[Direction], size: tuple[int, int]) -> Tensor:
    _, examples = subject.network("image")
    rows = exemplar_rows(subject, wanted, 1, 0)
    return torch.stack([view.picture(examples[int(rows[d][0])], size) for d in wanted])


def _table(subject: Subject, wanted: Sequence[Direction], shelf: Shelf, seed: int) -> Table:
    best = exemplar_rows(subject, wanted, 1, seed)
    rows = [int(best[d][0]) for d in wanted]
    made = [read_json(shelf.path(f"{label(d)}.json")) for d in wanted]
    values = subject.standardize(subject.table.take(torch.tensor(rows, dtype=torch.int64))) if rows else Tensor()
    return Table(
        {
            "feature": [j for j, _ in wanted],
            "name": [subject.head.feature_names[j] for j, _ in wanted],
            "sign": [sign for _, sign in wanted],
            "z": [entry["z"] for entry in made],
            "best_z": [float(values[i, j]) for i, (j, _) in enumerate(wanted)],
            "best_row": rows,
            "start": [entry["start"] for entry in made],
        },
        {
            "z": "activation of the synthesised picture, in standard deviations",
            "best_z": "activation of the image of the data that goes furthest the same way",
            "start": "noise, or that image where noise left the feature without a gradient",
        },
    )


def _beyond(table: Table) -> int:
    columns = (table.columns[name] for name in ("sign", "z", "best_z"))
    return sum(sign * z > sign * best for sign, z, best in zip(*columns, strict=True))


def _numbers(table: Table, sensitivity: Sensitivity | None, mode: str) -> dict[str, Any]:
    numbers: dict[str, Any] = {"pictures": len(table), "beyond_data": _beyond(table), "mode": mode}
    if sensitivity is not None:
        numbers |= {
            "movement_under_attack": sensitivity.attacked,
            "movement_under_noise": sensitivity.noise,
            "attack_radius": sensitivity.radius,
        }
    return numbers


def _sentence(table: Table, mode: str) -> str:
    how = "pixel by pixel" if mode == "robust" else "in the Fourier basis under random views"
    return (
        f"{len(table)} pictures were synthesised {how}; {_beyond(table)} drive their feature further than any image "
        "of the data that may be shown."
    )


def _caveats(table: Table, mode: str) -> tuple[str, ...]:
    short = len(table) - _beyond(table)
    from_images = list(table.columns["start"]).count("image")
    notes = ["A synthesised picture shows one way to drive a feature, not every way."]
    if from_images:
        notes.append(
            f"{from_images} pictures began at an image of the data, because noise did not move their feature; "
            "they still show parts of that image."
        )
    if mode == "standard":
        notes.append(
            "The network is not adversarially robust: its gradients also follow patterns that people do not see."
        )
    if short:
        notes.append(f"{short} pictures fall short of the best image of the data; more steps may help.")
    return tuple(notes)
