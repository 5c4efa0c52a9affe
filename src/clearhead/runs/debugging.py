"""The debug step: every analysis that the data allow and that was asked for, each a finding on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from clearhead.core.artifacts import content_key
from clearhead.core.errors import ClearheadError, SettingError
from clearhead.core.finding import Finding
from clearhead.debug import features_per_class
from clearhead.runs import pasting, suspecting, wording
from clearhead.runs.analyses import ANALYSES
from clearhead.runs.asking import DebugSettings
from clearhead.runs.contrast import origin
from clearhead.runs.tasks import Task, named, network_task, tasks

if TYPE_CHECKING:
    from clearhead.runs.run import Run

__all__ = ["NAMES", "debug", "deeper"]

Found = Iterator[tuple[str, Finding]]
DEEPER: dict[str, Callable[[Any, list[Task], DebugSettings], Found]] = {
    "suspects": suspecting.findings,
    "bias_words": wording.bias,
    "counterfactual_text": wording.counterfactuals,
    "counterfactual_image": pasting.counterfactuals,
}
FLAG = {"suspects": "--suspects", **dict.fromkeys([*DEEPER][1:], "--counterfactuals")}
NAMES = ("features_per_class", *ANALYSES, *DEEPER)


def debug(run: Run, settings: DebugSettings | None = None) -> None:
    """Write the findings that need no network, unless they are there; those of ``only`` are always made again.

    Without settings the run is asked what it was asked last.
    """
    settings = settings or DebugSettings.kept(run.record.facts.get("debug", {}))
    unknown = [name for name in settings.only if name not in NAMES]
    if unknown:
        raise SettingError("no such analysis", got=", ".join(unknown), expected=", ".join(NAMES))
    if settings.only or settings.dense:
        _light(run, settings)
        return
    # The heads, not the run's settings: an edited head has findings of its own.
    key = content_key(run.record.key("select"), run.head.weight, run.dense.weight, run.config.data.balance_test)
    key = content_key(key, settings.key())
    run.record.step("debug", key, [run.folder / "findings" / "features_per_class.json"], lambda: _light(run, settings))
    if run.record.facts.get("debug", DebugSettings().lasting()) != settings.lasting():
        run.record.note(debug=settings.lasting())


def deeper(run: Run, settings: DebugSettings) -> None:
    """Write the findings that run the network and were asked for; what is left out is noted with a reason."""
    asked = {name: _asked(name, settings) for name in DEEPER}
    if settings.target is not None:
        (_questions(run, settings)[0].head if settings.dense else run.head).class_number(settings.target)
    questions = _questions(run, settings) if any(asked.values()) else []
    skipped = {}
    for name, make in DEEPER.items():
        if not asked[name]:
            if not settings.only and not list((run.folder / "findings").glob(f"*{name}*.json")):
                skipped[name] = f"not asked for: pass {FLAG[name]}"
            continue
        try:
            _write(run, name, make(run, questions, settings))
            run.__dict__.pop("findings", None)  # one analysis may build on another's finding
        except ClearheadError as error:
            skipped[name] = reason(error)
    _note(run, skipped, [name for name in DEEPER if name not in skipped])


def _asked(name: str, settings: DebugSettings) -> bool:
    if settings.only:
        return name in settings.only
    return settings.suspects if name == "suspects" else settings.counterfactuals


def reason(error: ClearheadError) -> str:
    """Why an analysis was left out, and what to pass, in one line."""
    return error.what + (f": {error.fix}" if error.fix else "")


def _questions(run: Run, settings: DebugSettings) -> list[Task]:
    return [network_task(run)] if settings.dense else tasks(run)


def _light(run: Run, settings: DebugSettings) -> None:
    run.progress.start("debug")
    questions = _questions(run, settings)
    skipped: dict[str, str] = {}
    wanted = [name for name in ("features_per_class", *ANALYSES) if not settings.only or name in settings.only]
    if settings.against is None and origin(run) is None:
        skipped |= {"compare": "no other run: pass --against runs/OTHER"} if "compare" in wanted else {}
        wanted = [name for name in wanted if name != "compare"]
    for name in wanted:
        try:
            _write(run, name, _each(run, name, questions, settings, skipped))
        except ClearheadError as error:
            skipped[name] = reason(error)
    _note(run, skipped, [name for name in wanted if name not in skipped])
    run.progress.finish()


def _each(run: Run, name: str, questions: list[Task], settings: DebugSettings, skipped: dict[str, str]) -> Found:
    """The finding of each question; a question that an analysis has nothing to say about is skipped with a reason."""
    if name == "features_per_class":
        yield name, features_per_class(questions[0].head if len(questions) == 1 else run.head)
        return
    for number, task in enumerate(questions):
        try:
            finding = ANALYSES[name](run, task, settings)
        except ClearheadError as error:
            skipped[f"{task.name} {name}".strip()] = reason(error)
            continue
        run.progress.advance(1, finding.title)
        yield named(name, number, task, finding)


def _write(run: Run, name: str, found: Found) -> None:
    """Save findings as they are made; those of this name that are not made again are removed."""
    folder, made = run.folder / "findings", set()
    for stem, finding in found:
        finding.save(folder / f"{stem}.json")
        made.add(stem)
    for stale in [folder / f"{name}.json", *folder.glob(f"{name}-[0-9]*.json")]:
        if stale.stem not in made:
            stale.unlink(missing_ok=True)


def _note(run: Run, skipped: dict[str, str], done: list[str]) -> None:
    known = dict(run.record.facts.get("not_analysed", {}))
    for name in [known_name for known_name in known if known_name.split(" ")[-1] in done]:
        del known[name]
    run.record.note(not_analysed={**known, **skipped})
