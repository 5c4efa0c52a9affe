"""What a data set on disk is, how much of it there is, and what is wrong with it, before anything is computed on it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clearhead.core.artifacts import content_key
from clearhead.core.errors import ClearheadError
from clearhead.core.finding import Finding, Table
from clearhead.core.progress import Progress, Silent
from clearhead.core.seeds import numpy_generator
from clearhead.features.examples import Examples
from clearhead.features.inputs import load_examples
from clearhead.features.layouts import recognise

__all__ = ["Problem", "check_data"]

FEW = 10


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: how bad ("error", "warning"), what, how often, an instance, what to do."""

    level: str
    what: str
    count: int
    example: str
    fix: str


def check_data(
    spec: str | Path,
    *,
    sample: int | None = 2000,
    seed: int = 0,
    progress: Progress | None = None,
    **columns: Any,
) -> Finding:
    """Look at a data set as `load_examples` would load it (``columns`` are its keywords).

    Counts by part and class; reads ``sample`` examples (None: all) for unreadable, empty and repeated ones, and for
    repeats between parts, which would flatter a test. What keeps it from being loaded becomes the one problem found.
    """
    path = Path(spec)
    layout = recognise(path) if path.is_dir() else None
    title = layout.title if layout else "a folder of class folders" if path.is_dir() else str(spec)
    try:
        examples = load_examples(spec, **columns)
    except ClearheadError as error:
        problem = Problem("error", error.what, 1, str(error.got or ""), error.fix or str(error.expected or ""))
        return _finding(str(spec), title, None, [problem], 0)
    problems = _class_problems(examples)
    n = len(examples)
    rows = (
        range(n) if sample is None or n <= sample else numpy_generator(seed, "check").choice(n, sample, replace=False)
    )
    problems += _content_problems(examples, sorted(int(i) for i in rows), progress or Silent())
    return _finding(str(spec), title, examples, problems, len(rows))


def _parts(examples: Examples) -> np.ndarray:
    return np.asarray(examples.columns.get("split", np.full(len(examples), "all"))).astype(str)


def _class_problems(examples: Examples) -> list[Problem]:
    if examples.labels is None:
        return [Problem("error", "the examples have no labels", len(examples), "", "name the label column")]
    problems, parts = [], _parts(examples)
    for part in dict.fromkeys(parts.tolist()):
        counts = _counts(examples, parts == part)
        absent = [n for n, c in zip(examples.class_names, counts, strict=True) if c == 0]
        few = [n for n, c in zip(examples.class_names, counts, strict=True) if 0 < c < FEW]
        where = "" if part == "all" else f" in {part}"
        if absent:
            level = "error" if part in ("train", "all") else "warning"
            problems.append(
                Problem(
                    level, f"classes without one example{where}", len(absent), absent[0], "add some or drop the class"
                )
            )
        if few:
            problems.append(
                Problem(
                    "warning", f"classes with under {FEW} examples{where}", len(few), few[0], "expect wide intervals"
                )
            )
    whole = _counts(examples, np.ones(len(examples), bool))
    if examples.labels.ndim == 1 and whole.max() > 20 * max(whole.min(), 1):
        name = examples.class_names[int(whole.argmax())]
        problems.append(Problem("warning", "classes of very different sizes", 1, name, "judge by balanced accuracy"))
    return problems


def _counts(examples: Examples, chosen: np.ndarray) -> np.ndarray:
    assert examples.labels is not None
    y = examples.labels.numpy()[chosen]
    counts: np.ndarray = y.sum(0) if y.ndim == 2 else np.bincount(y, minlength=len(examples.class_names))
    return counts


def _content_problems(examples: Examples, rows: Sequence[int], progress: Progress) -> list[Problem]:
    seen: dict[str, list[int]] = defaultdict(list)
    unreadable: list[str] = []
    empty: list[str] = []
    progress.start("check", len(rows))
    for i in rows:
        progress.advance()
        try:
            example = examples[i]
        except ClearheadError as error:
            unreadable.append(error.what)
            continue
        if isinstance(example, str) and not example.strip():
            empty.append(examples.uris[i])
        seen[content_key(example if isinstance(example, str) else np.asarray(example))].append(i)
    progress.finish()
    repeats = [group for group in seen.values() if len(group) > 1]
    return [
        *_listed("error", "examples that cannot be read", unreadable, "repair or remove them, or skip unreadable ones"),
        *_listed("error", "empty texts", empty, "remove them"),
        *_repeats(examples, repeats),
    ]


def _repeats(examples: Examples, repeats: list[list[int]]) -> list[Problem]:
    parts, problems = _parts(examples), []
    labels = None if examples.labels is None else examples.labels.numpy()
    kinds: dict[str, list[str]] = {"within": [], "between": [], "torn": []}
    for group in repeats:
        pair = f"{examples.uris[group[0]]} = {examples.uris[group[1]]}"
        kinds["between" if len(set(parts[group].tolist())) > 1 else "within"].append(pair)
        if labels is not None and len(np.unique(labels[group], axis=0)) > 1:
            kinds["torn"].append(pair)
    problems += _listed(
        "warning", "examples that occur more than once", kinds["within"], "remove repeats, or keep them in one part"
    )
    problems += _listed("error", "examples that occur in several parts", kinds["between"], "remove them from training")
    problems += _listed("warning", "equal examples with different labels", kinds["torn"], "decide which label holds")
    return problems


def _listed(level: str, what: str, instances: list[str], fix: str) -> list[Problem]:
    return [Problem(level, what, len(instances), instances[0], fix)] if instances else []


def _finding(spec: str, title: str, examples: Examples | None, problems: list[Problem], read: int) -> Finding:
    errors = sum(problem.level == "error" for problem in problems)
    columns = {field: [getattr(p, field) for p in problems] for field in ("level", "what", "count", "example", "fix")}
    tables = {"problems": Table(columns)}
    numbers: dict[str, Any] = {"errors": errors, "warnings": len(problems) - errors, "examples_read": read}
    if examples is None:
        sentence = f"{spec} cannot be used: {problems[0].what}."
        return Finding("data_check", f"Data: {title}", sentence, numbers, tables, settings={"spec": spec})
    parts = _parts(examples)
    if examples.labels is not None:
        tables["classes"] = _class_table(examples, parts)
    numbers |= {"n": len(examples), "classes": len(examples.class_names), "kind": examples.kind}
    sizes = ", ".join(f"{count:,} {part}" for part, count in Counter(parts.tolist()).items() if part != "all")
    what = f"{len(examples):,} {examples.kind}s of {len(examples.class_names)} classes" + (
        f" ({sizes})" if sizes else ""
    )
    verdict = "nothing wrong was found" if not problems else "; ".join(f"{p.count} {p.what}" for p in problems)
    caveats = () if read == len(examples) else (f"only {read:,} examples drawn at random were read",)
    return Finding("data_check", f"Data: {title}", f"{what}: {verdict}.", numbers, tables, caveats, {"spec": spec})


def _class_table(examples: Examples, parts: np.ndarray) -> Table:
    counted = {part: _counts(examples, parts == part).tolist() for part in dict.fromkeys(parts.tolist())}
    return Table({"class": list(examples.class_names), **counted}, dict.fromkeys(counted, "examples"))
