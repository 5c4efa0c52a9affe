"""Rehearsal: the study on simulated annotators, before anyone is paid. What is recovered, with what power and cost?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from clearhead.core.errors import SettingError
from clearhead.core.finding import Estimate, Finding, Table
from clearhead.core.progress import Progress, Silent
from clearhead.core.seeds import numpy_generator
from clearhead.study.accuracy import Assessment, Design, assess
from clearhead.study.analysis.common import sampled_units
from clearhead.study.analysis.simulate import design_of
from clearhead.study.annotators import Crew, vote_of_crew
from clearhead.study.intervals import wilson
from clearhead.study.quality import MIN_ANSWERS, Rules
from clearhead.study.tasks.model import Study

__all__ = ["Plan", "Rehearsal", "plan_of", "rehearse"]


@dataclass(frozen=True)
class Plan:
    """A study's shape: which tasks in which arm and class, and how many options each has."""

    kind: str = "simulate"
    arms: tuple[str, ...] = ("dense", "sparse")
    arm: NDArray[np.int64] = field(default_factory=lambda: np.repeat([0, 1], 1000))
    cluster: NDArray[np.int64] = field(default_factory=lambda: np.tile(np.repeat(np.arange(100), 10), 2))
    n_options: int = 3

    def design(self, rng: np.random.Generator) -> Design:
        """The plan with truths in random position, or always the first option (*yes*) where a rate of yes is asked."""
        n = len(self.arm)
        truth = rng.integers(self.n_options, size=n) if self.kind == "simulate" else np.zeros(n, dtype=np.int64)
        return Design(truth, self.arm, self.cluster)


@dataclass(frozen=True)
class Rehearsal:
    """``studies`` are simulated and analysed; ``monte_carlo`` others give the planted figure.

    ``pay`` is per answer and ``fee`` the platform's share on top of it (the paper paid $0.04, 0.07 and 0.03).
    """

    studies: int = 200
    monte_carlo: int = 400
    pay: float = 0.04
    fee: float = 0.33
    currency: str = "USD"
    alpha: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        if self.studies < 1 or self.monte_carlo < 10:
            raise SettingError("a rehearsal needs at least 1 study and 10 for the planted figure", got=asdict(self))


def plan_of(study: Study) -> Plan:
    """The shape of a built study (with its key)."""
    truths = [t for t in (study.key.truths[t.id] for t in study.tasks) if not (t.get("gold") or t.get("repeat_of"))]
    if study.kind == "simulate":
        design, arms = design_of(truths)
        return Plan("simulate", tuple(arms), design.arm, design.cluster, len(study.tasks[0].candidates))
    arms = sorted({t["arm"] for t in truths})
    if study.kind == "spurious":
        cluster = np.array([t["feature"] for t in truths], dtype=np.int64)
    else:
        cluster = sampled_units([t["class"] for t in truths], range(len(truths)))
    return Plan(study.kind, tuple(arms), np.array([arms.index(t["arm"]) for t in truths]), cluster, 2)


def rehearse(
    plan: Plan | None = None,
    *,
    crew: Crew | None = None,
    rules: Rules | None = None,
    options: Rehearsal | None = None,
    progress: Progress | None = None,
) -> Finding:
    """Simulate the whole study many times; a finding of kind ``study_rehearsal``.

    *Planted* is the vote's expected accuracy under the crew, by Monte Carlo on other random numbers; *recovered* the
    accuracy of one rehearsed study with its interval; *coverage* the share of studies whose interval holds the planted
    figure; *power* the share whose paired test finds the difference.

    Without a plan: the paper's (100 classes × 2 arms × 10 tasks).
    """
    plan, crew, options = plan or Plan(), crew or Crew(), options or Rehearsal()
    if len(crew.skill) < len(plan.arms):
        raise SettingError("the crew needs one skill an arm", got=crew.skill, expected=", ".join(plan.arms))
    rules = rules or Rules(min_answers=MIN_ANSWERS[plan.kind])
    progress = progress or Silent()
    progress.start("rehearse", options.studies + options.monte_carlo)
    planted = np.zeros((options.monte_carlo, len(plan.arms)))
    for s in range(options.monte_carlo):
        planted[s] = _rates(_one(plan, crew, rules, numpy_generator(options.seed, "planted", s)), plan)
        progress.advance()
    truth = planted.mean(axis=0)
    runs = []
    for s in range(options.studies):
        rng = numpy_generator(options.seed, "study", s)
        runs.append(_Run.of(_one(plan, crew, rules, rng), plan, rng))
        progress.advance()
    progress.finish()
    return _finding(plan, crew, options, rules, truth, planted, runs)


def _one(plan: Plan, crew: Crew, rules: Rules, rng: np.random.Generator) -> Assessment:
    design = plan.design(rng)
    return assess(vote_of_crew(design, plan.n_options, crew, rng), design, rules, rng)


def _rates(result: Assessment, plan: Plan) -> list[float]:
    counted = result.verdict.counted
    masks = [counted & (plan.arm == a) for a in range(len(plan.arms))]
    if not all(mask.any() for mask in masks):
        raise SettingError(
            "under this crew nobody's answers remain after quality control",
            got=result.quality.counts,
            fix="put more good annotators into the mix, or plan more tasks",
        )
    return [float(result.correct[mask].mean()) for mask in masks]


@dataclass(frozen=True)
class _Run:
    """One rehearsed study: per arm both intervals; the difference of the first two arms and its p value."""

    cluster: list[Estimate]
    wilson: list[Estimate]
    difference: Estimate | None
    p: float | None

    @classmethod
    def of(cls, result: Assessment, plan: Plan, rng: np.random.Generator) -> _Run:
        rates = [result.rate(plan.arm == a, rng) for a in range(len(plan.arms))]
        difference = p = None
        if len(plan.arms) == 2:
            difference, p = result.difference(plan.arm == 1, plan.arm == 0, rng)
        return cls([r[0] for r in rates], [r[1] for r in rates], difference, p)


def _covered(estimates: Sequence[Estimate], truth: float) -> Estimate:
    return wilson(sum(e.low <= truth <= e.high for e in estimates), len(estimates))


def _finding(
    plan: Plan,
    crew: Crew,
    options: Rehearsal,
    rules: Rules,
    truth: NDArray[np.float64],
    planted: NDArray[np.float64],
    runs: list[_Run],
) -> Finding:
    n_answers = len(plan.arm) * crew.answers
    cost = n_answers * options.pay * (1 + options.fee)
    numbers: dict[str, object] = {"tasks": len(plan.arm), "answers": n_answers, "cost": round(cost, 2)}
    rows = []
    for a, name in enumerate(plan.arms):
        error = float(planted[:, a].std() / np.sqrt(len(planted)))
        numbers[f"planted_{name}"] = Estimate(
            float(truth[a]), float(truth[a] - 1.96 * error), float(truth[a] + 1.96 * error), len(planted), "Monte Carlo"
        )
        recovered = numbers[f"recovered_{name}"] = runs[0].cluster[a]
        coverage = numbers[f"coverage_{name}"] = _covered([r.cluster[a] for r in runs], float(truth[a]))
        width = float(np.mean([r.cluster[a].high - r.cluster[a].low for r in runs]))
        rows.append(
            {
                "arm": name,
                "planted": float(truth[a]),
                "recovered": recovered.value,
                "low": recovered.low,
                "high": recovered.high,
                "mean_recovered": float(np.mean([r.cluster[a].value for r in runs])),
                "coverage": coverage.value,
                "coverage_of_wilson": _covered([r.wilson[a] for r in runs], float(truth[a])).value,
                "mean_width": width,
            }
        )
    sentence = f"A study of {len(plan.arm)} tasks × {crew.answers} answers costs {cost:.2f} {options.currency}"
    if runs[0].p is not None:
        power = wilson(sum(r.p is not None and r.p < options.alpha for r in runs), len(runs))
        numbers["power"] = power
        sentence += f" and finds the planted difference in {100 * power.value:.0f} % of {len(runs)} rehearsals"
    return Finding(
        kind="study_rehearsal",
        title=f"Rehearsal on simulated annotators: {plan.kind}",
        sentence=f"{sentence}.",
        numbers=numbers,  # type: ignore[arg-type]
        tables={"arms": Table({name: [row[name] for row in rows] for name in rows[0]})},
        caveats=(
            "Simulated annotators behave as the crew says; real ones may differ in skill, spread and honesty.",
            "Power is for the planted difference, by the sign-flip test paired by class.",
        ),
        settings={
            "kind": plan.kind,
            "crew": asdict(replace(crew, mix=dict(crew.mix))),
            "rules": asdict(rules),
            **asdict(options),
        },
    )
