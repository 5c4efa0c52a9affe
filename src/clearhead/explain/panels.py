"""Dense and sparse heads side by side: sampled features of a class with their pictures (Wong et al. 2021, D.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from PIL import Image

from clearhead.core.artifacts import content_key
from clearhead.core.errors import SettingError
from clearhead.core.finding import Finding, Table
from clearhead.core.progress import Progress, Silent
from clearhead.core.seeds import torch_generator
from clearhead.explain.panel_drawing import Cell, draw_panel
from clearhead.explain.pictures import save_png
from clearhead.explain.subject import Shelf, Subject

__all__ = ["PanelEntry", "PanelsOptions", "panel_choice", "panels"]


@dataclass(frozen=True)
class PanelsOptions:
    """``classes`` by number (None: all), ``features`` sampled for each head, ``samples`` of the class's own images."""

    classes: tuple[int, ...] | None = None
    features: int = 5
    samples: int = 6
    seed: int = 0


@dataclass(frozen=True)
class PanelEntry:
    """One feature of a panel: which class, which head ("sparse", "dense", "random"), its weight there."""

    class_: int
    head: str
    feature: int
    weight: float

    @property
    def sign(self) -> int:
        """The direction in which the feature speaks for the class."""
        return -1 if self.weight < 0 else 1


def panel_choice(subject: Subject, options: PanelsOptions | None = None) -> list[PanelEntry]:
    """Which features the panels show, so that they can be explained first.

    Images: five at random from the top-k of each head, k being the number of features that the sparse head uses for
    the class. Text: the top five of the sparse head, of the dense head, and five others at random.
    """
    options = options or PanelsOptions()
    if subject.dense is None:
        raise SettingError("a comparison needs the dense head", fix="use a network with a head, or fit one with λ = 0")
    classes = range(subject.head.n_classes) if options.classes is None else options.classes
    choose = _text_choice if subject.table.kind == "text" else _sampled_choice
    return [entry for c in classes for entry in choose(subject, c, options)]


def _sampled_choice(subject: Subject, c: int, options: PanelsOptions) -> list[PanelEntry]:
    k = len(subject.head.top_features(c))
    entries = []
    for name, head in (("sparse", subject.head), ("dense", subject.dense)):
        top = [] if head is None else head.top_features(c, k)
        order = torch.randperm(len(top), generator=torch_generator(options.seed, "panel", name, c)).tolist()
        # Sampled at random, shown by weight, as in the paper's figures.
        chosen = sorted(order[: options.features])
        entries += [PanelEntry(c, name, *top[i]) for i in chosen]
    return entries


def _text_choice(subject: Subject, c: int, options: PanelsOptions) -> list[PanelEntry]:
    dense = subject.dense or subject.head
    entries = [PanelEntry(c, "sparse", j, w) for j, w in subject.head.top_features(c, options.features)]
    entries += [PanelEntry(c, "dense", j, w) for j, w in dense.top_features(c, options.features)]
    taken = {entry.feature for entry in entries}
    order = torch.randperm(subject.head.n_features, generator=torch_generator(options.seed, "panel", c)).tolist()
    others = [j for j in order if j not in taken][: options.features]
    weights = dense.class_weights()[:, c]
    return entries + [PanelEntry(c, "random", j, float(weights[j])) for j in others]


def panels(
    subject: Subject,
    features: Sequence[int] | None,
    run: Path | str,
    options: PanelsOptions | None = None,
    progress: Progress | None = None,
    *,
    findings: Sequence[Finding] = (),
) -> Finding:
    """Panels of the classes: weights and, where ``findings`` hold them, visualisations, superpixels and word clouds.

    ``features`` limits the choice to features that were explained (None: no limit). Media are "class/3", one picture a
    class; features without any picture are counted, not hidden.
    """
    options, progress = options or PanelsOptions(), progress or Silent()
    allowed = None if features is None else set(features)
    entries = [e for e in panel_choice(subject, options) if allowed is None or e.feature in allowed]
    shelf = Shelf(
        run, "panels", subject.table.key, subject.head.weight, asdict(options), [f.settings for f in findings]
    )
    by_class: dict[int, list[PanelEntry]] = {}
    for entry in entries:
        by_class.setdefault(entry.class_, []).append(entry)
    progress.start("panels", len(by_class))
    media = {}
    for c, members in by_class.items():
        cells = [_cell(subject, entry, Path(run), findings) for entry in members]
        name = f"class-{c}-{content_key(members)}.png"
        save_png(shelf.path(name), draw_panel(subject.head.class_names[c], _samples(subject, c, options), cells))
        media[f"class/{c}"] = shelf.media(name)
        progress.advance()
    progress.finish()
    pictured = sum(bool(_pictures(entry, findings)) for entry in entries)
    return Finding(
        kind="panels",
        title="Dense and sparse features side by side",
        sentence=f"{len(entries)} features of {len(by_class)} classes, {pictured} of them with pictures.",
        numbers={"classes": len(by_class), "features": len(entries), "with_pictures": pictured},
        tables={"panels": _table(subject, entries)},
        caveats=("Which features are shown was drawn at random from the top of each head, not chosen.",)
        if subject.table.kind != "text"
        else (),
        settings=asdict(options),
        media=media,
    )


def _table(subject: Subject, entries: Sequence[PanelEntry]) -> Table:
    return Table(
        {
            "class": [subject.head.class_names[e.class_] for e in entries],
            "head": [e.head for e in entries],
            "feature": [e.feature for e in entries],
            "name": [subject.head.feature_names[e.feature] for e in entries],
            "weight": [e.weight for e in entries],
        },
        {"weight": "per standard deviation of the feature"},
    )


def _pictures(entry: PanelEntry, findings: Sequence[Finding]) -> Mapping[str, str]:
    """Kind → picture of the feature, preferably in the direction in which it speaks for the class."""
    found = {}
    for finding in findings:
        for sign in "-+" if entry.sign > 0 else "+-":
            path = finding.media.get(f"{entry.feature}{sign}")
            if path is not None:
                found[finding.kind] = path
    return found


def _cell(subject: Subject, entry: PanelEntry, run: Path, findings: Sequence[Finding]) -> Cell:
    title = f"{subject.head.feature_names[entry.feature]}  W={entry.weight:.3g}"
    return Cell(entry.head, title, {kind: run / path for kind, path in _pictures(entry, findings).items()})


def _samples(subject: Subject, c: int, options: PanelsOptions) -> list[Image.Image]:
    """A few of the class's own images, the same for every call with the seed."""
    labels = subject.table.labels
    if labels is None or subject.examples is None or subject.examples.kind != "image":
        return []
    mine = labels[subject.rows]
    rows = subject.rows[mine[:, c] == 1 if mine.ndim == 2 else mine == c]
    order = torch.randperm(len(rows), generator=torch_generator(options.seed, "panel samples", c))
    return [subject.examples[int(row)] for row in rows[order[: options.samples]]]
