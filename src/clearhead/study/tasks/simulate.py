"""The *simulate* task (D.4, Fig. 23): which image does the model give the highest probability of an unnamed class?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearhead.core.errors import DataError, SettingError
from clearhead.core.seeds import numpy_generator
from clearhead.study.tasks.arm import Arm, importances, significant
from clearhead.study.tasks.exhibits import Exhibits
from clearhead.study.tasks.importance import Draft, Form, show_importances
from clearhead.study.tasks.model import LETTERS, Decision, Study, Task, conceal
from clearhead.study.tasks.percentiles import TEXT_BANDS, Band, Candidate, draw_bands

__all__ = ["SimulateOptions", "build_simulate"]

REDRAWS = 20


@dataclass(frozen=True)
class SimulateOptions:
    """What the paper fixes, and the holes it leaves.

    ``classes`` × arms × ``repeats`` tasks of ``features`` patterns and one image per percentile band. ``sign``: see
    `significant`. ``match_counts``: a class shows as many patterns in every arm, so that their number does not tell
    the arm. ``pool``: the least number of images a band is drawn from. ``importances``: *numbers* that sum to 100 (the
    paper's), *ranks*, which are the same in every arm, or *auto*: numbers unless the largest one tells the arms apart.
    """

    classes: int = 100
    repeats: int = 10
    features: int = 5
    threshold: float = 0.05
    bands: tuple[Band, ...] = TEXT_BANDS
    sign: str = "positive"
    match_counts: bool = True
    pool: int = 1
    importances: Form = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.importances not in ("auto", "numbers", "ranks"):
            raise SettingError("no such importances", got=self.importances, expected="auto, numbers or ranks")


def build_simulate(
    arms: Sequence[Arm],
    labels: Any,
    exhibits: Exhibits,
    class_names: Sequence[str],
    options: SimulateOptions | None = None,
    *,
    rows: Any = None,
) -> Study:
    """The tasks of D.4 from two (or more) decision layers.

    Parameters
    ----------
    arms : each with weights (p, K) and target probabilities on the test rows.
    labels : (n,) true classes of the test rows; tells whether the right image is of the target class (Table 25).
    exhibits : pictures or words of features, and the test rows.
    rows : (n,) numbers under which ``exhibits`` and the key know the test rows; 0 … n−1 if None.

    Raises
    ------
    DataError : no class has a feature that can be shown in every arm.
    """
    options = options or SimulateOptions()
    labels = np.asarray(labels)
    numbers = np.arange(len(labels)) if rows is None else np.asarray(rows)
    weights = {arm.name: arm.matrix() for arm in arms}
    usable, hidden = _usable(weights, exhibits, options)
    chosen, passed_over = _choose_classes(usable, options)
    counts: Counter[str] = Counter(passed_over=passed_over, hidden=hidden)
    drafts: list[Draft] = []
    for c in chosen:
        shown = {name: min(options.features, len(columns[c])) for name, columns in usable.items()}
        least = min(shown.values())
        for arm in arms:
            target = arm.target(c)
            number = least if options.match_counts else shown[arm.name]
            for repeat in range(options.repeats):
                rng = numpy_generator(options.seed, "simulate", arm.name, c, repeat)
                features = rng.choice(usable[arm.name][c], size=number, replace=False)
                values = weights[arm.name][features, c]
                candidates, tied = _draw_candidates(target, options, rng)
                task = _task(features, values, [int(numbers[x.row]) for x in candidates], exhibits)
                truth = _truth(target, labels, c, candidates, tied)
                drafts.append(
                    (
                        task,
                        {
                            "arm": arm.name,
                            "class": c,
                            "class_name": class_names[c],
                            "repeat": repeat,
                            "features": features.tolist(),
                            "weights": values.tolist(),
                            **truth,
                            "rows": [int(numbers[x.row]) for x in candidates],
                        },
                    )
                )
                counts.update(
                    tied=int(tied),
                    few=int(number < options.features),
                    matched=int(number < shown[arm.name]),
                    tasks=1,
                    images=len(candidates),
                    widened=sum(x.widened for x in candidates),
                    negative=int((values < 0).any()),
                )
    drafts, form = show_importances(drafts, options.importances)
    tasks, key = conceal(drafts, options.seed, numpy_generator(options.seed, "order"))
    return Study(
        kind="simulate",
        title="Which one is the AI looking for?",
        tasks=tasks,
        key=key,
        settings={**asdict(options), "classes_used": len(chosen), "arms": [arm.name for arm in arms]},
        decisions=(*_decisions(options, counts, len(chosen)), form),
    )


def _usable(
    weights: Mapping[str, NDArray[np.float64]], exhibits: Exhibits, options: SimulateOptions
) -> tuple[dict[str, list[NDArray[np.int64]]], int]:
    """Per arm and class, the significant features that a page can show; and how many it cannot."""
    hidden, usable = 0, {}
    for name, matrix in weights.items():
        mask = significant(matrix, options.threshold, options.sign)
        showable = np.array([exhibits.showable(j) for j in range(len(matrix))])
        hidden += int((mask & ~showable[:, None]).sum())
        mask &= showable[:, None]
        usable[name] = [np.flatnonzero(mask[:, c]) for c in range(matrix.shape[1])]
    return usable, hidden


def _choose_classes(usable: Mapping[str, list[NDArray[np.int64]]], options: SimulateOptions) -> tuple[list[int], int]:
    """Classes in random order, as many as asked, without those that have nothing to show in some arm."""
    k = min(len(columns) for columns in usable.values())
    order = numpy_generator(options.seed, "classes").permutation(k)
    able = [int(c) for c in order if all(len(columns[c]) for columns in usable.values())]
    if not able:
        raise DataError(
            "no class has a feature that can be shown in every arm",
            fix="give pictures or words for the features that the heads use",
        )
    chosen = able[: options.classes]
    return chosen, int(list(order).index(chosen[-1]) + 1 - len(chosen))


def _draw_candidates(
    target: NDArray[np.float64], options: SimulateOptions, rng: np.random.Generator
) -> tuple[list[Candidate], bool]:
    """One image a band, permuted; drawn again when two share the highest probability. True: they still do."""
    for _ in range(REDRAWS):
        drawn = draw_bands(target, options.bands, rng, options.pool)
        probability = np.sort(target[[x.row for x in drawn]])
        if len(drawn) < 2 or probability[-1] > probability[-2]:
            break
    tied = len(drawn) > 1 and bool(probability[-1] == probability[-2])
    return [drawn[i] for i in rng.permutation(len(drawn))], tied


def _task(features: NDArray[np.int64], values: NDArray[np.float64], rows: list[int], exhibits: Exhibits) -> Task:
    heavy = np.argsort(-np.abs(values), kind="stable")
    shares = importances(values)
    patterns = tuple(replace(exhibits.feature(int(features[i])), importance=shares[i]) for i in heavy)
    return Task("", "simulate", patterns, tuple(exhibits.rows([row]) for row in rows))


def _truth(
    target: NDArray[np.float64], labels: NDArray[Any], c: int, candidates: list[Candidate], tied: bool
) -> dict[str, Any]:
    rows = [x.row for x in candidates]
    probability = target[rows]
    rank = np.argsort(np.argsort(-probability, kind="stable"), kind="stable") + 1
    best = int(np.argmin(rank))
    return {
        "rows": rows,
        "percentiles": [round(x.percentile, 4) for x in candidates],
        "probabilities": probability.tolist(),
        "ranks": rank.tolist(),
        "correct": LETTERS[best],
        "from_target": bool(labels[rows[best]] == c),
        "tied": tied,
    }


def _decisions(options: SimulateOptions, counts: Counter[str], used: int) -> tuple[Decision, ...]:
    n = counts["tasks"]
    bands = ", ".join(f"({low:g}, {high:g})" for low, high in options.bands)
    return (
        Decision("classes", f"{options.classes} random classes were asked for; fewer are used where fewer exist", used),
        Decision(
            "passed_over",
            "a class with nothing to show in some arm is passed over for the next in random order",
            counts["passed_over"],
        ),
        Decision(
            "sign",
            f"weights counted for “over {options.threshold:.0%} of the maximum”: {options.sign}; "
            "tasks that show a negative weight",
            counts["negative"],
            n,
        ),
        Decision(
            "few", f"a class with fewer than {options.features} such features shows those it has", counts["few"], n
        ),
        Decision(
            "matched",
            "every arm shows as many patterns for a class as the arm with fewest"
            if options.match_counts
            else "arms may show different numbers of patterns",
            counts["matched"],
            n,
        ),
        Decision("hidden", "significant weights of features without a picture or words are left out", counts["hidden"]),
        Decision(
            "bands",
            f"percentile bands {bands} (Fig. 24a prints 99.9 for the last); a band with fewer than "
            f"{options.pool} image(s) takes the nearest in rank",
            counts["widened"],
            counts["images"],
        ),
        Decision(
            "tied",
            f"images are drawn again, at most {REDRAWS} times, when two share the highest probability; "
            "tasks where they still do",
            counts["tied"],
            n,
        ),
    )
