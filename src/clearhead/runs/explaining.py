"""The explain step: what the features of a run's head mean, kind by kind, resumable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from clearhead import explain as E
from clearhead.core.errors import SettingError
from clearhead.core.finding import Finding
from clearhead.explain.wordcloud import listed_in
from clearhead.features.backbone import Backbone
from clearhead.features.examples import Examples
from clearhead.features.spec import find_function
from clearhead.runs import sources

if TYPE_CHECKING:
    from clearhead.runs.run import Run

__all__ = ["ExplainSettings", "costs", "explain"]


@dataclass(frozen=True)
class ExplainSettings:
    """What to explain, and how thoroughly.

    Parameters
    ----------
    features : "used", "all", "leading" (the five largest of every class), or feature numbers.
    only : kinds to make; all that fit the data by default.
    masks : masks a picture or a sentence (LIME's N).
    sentences : explain at most so many sentences; None for all that may be shown.
    steps : steps of gradient ascent for a synthesised picture.
    direction : "weight" (the sign of a feature's largest weight), "positive", "negative" or "both".
    redact : file with words, one a line, that clouds and tables show as their first letter and dots.
    describe : function (``path.py:function``) from `explain.Evidence` to a text, for features without a name.
    model : the network, where the run does not name it.
    """

    features: str | Sequence[int] = "leading"
    only: Sequence[str] = ()
    masks: int = 1000
    sentences: int | None = None
    steps: int = 256
    direction: str = "weight"
    redact: Path | None = None
    describe: str | None = None
    model: str | None = None


def explain(run: Run, settings: ExplainSettings) -> list[Finding]:
    """Make the findings, each written as soon as it is whole; what is on disk already is read."""
    subject, numbers = _subject(run, settings)
    made: list[Finding] = []
    for kind in _kinds(run, settings):
        finding = KINDS[kind](subject, numbers, run, settings, made)
        finding.save(run.folder / "findings" / f"{kind}.json")
        made.append(finding)
    return made


def costs(run: Run, settings: ExplainSettings) -> list[E.Cost]:
    """What `explain` would cost, from a timed batch."""
    subject, numbers = _subject(run, settings)
    kinds = _kinds(run, settings)
    options: dict[str, Any] = {
        "visualize": _visualize_options(settings) if "visualization" in kinds else None,
        "superpixels": _superpixels_options(settings) if "superpixels" in kinds else None,
        "words": _words_options(settings) if "words" in kinds else None,
    }
    return E.estimate(subject, numbers, **options)


def _kinds(run: Run, settings: ExplainSettings) -> list[str]:
    fitting = {
        "image": ["exemplars", "profile", "visualization", "superpixels", "ordering", "panels"],
        "text": ["exemplars", "profile", "words", "ordering", "panels"],
    }.get(run.table.kind, ["profile", "ordering"])
    if len(run.paths) > 1:
        fitting.remove("ordering")  # many labels have one path each: there is no one order
    if settings.describe is not None:
        fitting.append("names")
    wrong = [kind for kind in settings.only if kind not in fitting]
    if wrong:
        raise SettingError(
            f"not for a run of kind {run.table.kind!r}", got=", ".join(wrong), expected=", ".join(fitting)
        )
    return [kind for kind in fitting if not settings.only or kind in settings.only]


def _subject(run: Run, settings: ExplainSettings) -> tuple[E.Subject, list[int]]:
    network, examples = _network(run, settings)
    subject = E.Subject(
        run.table,
        run.head,
        dense=run.dense,
        backbone=network,
        examples=examples,
        path=run.paths[0] if len(run.paths) == 1 else None,
        shown=torch.cat([run.split.val, run.split.test]).sort().values,
    )
    return subject, subject.leading(5) if settings.features == "leading" else subject.features(settings.features)


def _network(run: Run, settings: ExplainSettings) -> tuple[Backbone | None, Examples | None]:
    """The network and the examples whose rows the table holds; none for a file of features."""
    if run.table.kind not in ("image", "text"):
        return None, None
    examples = sources.examples(run)
    numbers = sources.example_numbers(run, examples)
    if len(numbers) != len(examples):
        examples = examples.subset(numbers)
    return sources.same_backbone(run, settings.model), examples


def _visualize_options(settings: ExplainSettings) -> E.VisualizeOptions:
    return E.VisualizeOptions(direction=settings.direction, ascent=E.AscentOptions(steps=settings.steps))


def _superpixels_options(settings: ExplainSettings) -> E.SuperpixelsOptions:
    return E.SuperpixelsOptions(direction=settings.direction, lime=E.LimeOptions(samples=settings.masks))


def _words_options(settings: ExplainSettings) -> E.WordsOptions:
    clouds = E.CloudOptions(redact=None if settings.redact is None else listed_in(settings.redact))
    lime = E.LimeOptions(samples=settings.masks, bootstrap=0)
    return E.WordsOptions(lime=lime, sentences=settings.sentences, clouds=clouds)


def _names(
    subject: E.Subject, features: list[int], run: Run, settings: ExplainSettings, made: Sequence[Finding]
) -> Finding:
    """What the user's function calls the features that have no name; it may see the words found before."""
    describe, source = (None, "") if settings.describe is None else find_function(settings.describe)
    describer = f"{settings.describe} ({source[:12]})"
    return E.names(subject, features, run.folder, describe, run.progress, findings=made, describer=describer)


Explainer = Callable[[E.Subject, list[int], Any, ExplainSettings, list[Finding]], Finding]
KINDS: dict[str, Explainer] = {
    "exemplars": lambda s, f, run, o, made: E.exemplars(s, f, run.folder, None, run.progress),
    "profile": lambda s, f, run, o, made: E.profile(s, f, run.folder, None, run.progress),
    "visualization": lambda s, f, run, o, made: E.visualize(s, f, run.folder, _visualize_options(o), run.progress),
    "superpixels": lambda s, f, run, o, made: E.superpixels(s, f, run.folder, _superpixels_options(o), run.progress),
    "words": lambda s, f, run, o, made: E.words(s, f, run.folder, _words_options(o), run.progress),
    "ordering": lambda s, f, run, o, made: E.ordering(s, None, run.folder, None, run.progress, findings=made),
    "names": _names,
    "panels": lambda s, f, run, o, made: E.panels(s, f, run.folder, None, run.progress, findings=made),
}
