"""Complete answers of simulated annotators to a built study, to try every later step on."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearhead.core.seeds import numpy_generator
from clearhead.study.accuracy import Design
from clearhead.study.annotators import Crew, vote_of_crew
from clearhead.study.answers import Answer
from clearhead.study.ballots import Ballots
from clearhead.study.rehearse import plan_of
from clearhead.study.tasks.model import LETTERS, Study

__all__ = ["answers_of_crew"]

PHRASES = ("red color", "round shape", "blue sky", "green grass", "stripes", "water", "straight lines", "brown fur")


def answers_of_crew(study: Study, crew: Crew | None = None, seed: int = 0) -> list[Answer]:
    """One answer a row of the crew's votes; ``study`` comes with its key."""
    crew = crew or Crew()
    rng = numpy_generator(seed, "crew")
    plan = plan_of(study)
    truths = [study.key.truths[t.id] for t in study.tasks]
    truth = np.zeros(len(truths), dtype=np.int64)
    if study.kind == "simulate":
        truth = np.array([LETTERS.index(t["correct"]) for t in truths], dtype=np.int64)
    ballots = vote_of_crew(Design(truth, plan.arm, plan.cluster), plan.n_options, crew, rng)
    values = {"simulate": _simulate, "spurious": _spurious, "misclassification": _misclassification}[study.kind]
    return [
        Answer(
            study.tasks[ballots.task[i]].id,
            f"p{ballots.annotator[i]:04d}",
            {} if ballots.blank[i] else values(ballots, i, truths[ballots.task[i]], rng),
        )
        for i in range(len(ballots.task))
    ]


def _simulate(ballots: Ballots, i: int, truth: Any, rng: np.random.Generator) -> dict[str, Any]:
    return {"choice": LETTERS[ballots.option[i]], "confidence": int(ballots.confidence[i])}


def _spurious(ballots: Ballots, i: int, truth: Any, rng: np.random.Generator) -> dict[str, Any]:
    confidence = int(ballots.confidence[i])
    if ballots.option[i]:
        return {"pattern": "no", "confidence": confidence}
    # what a feature shows, and whether it is the object, is one thing per task: most people agree on it
    usual = numpy_generator(int(truth["feature"]), "meaning")
    phrase, places = str(usual.choice(PHRASES)), usual.random(2) < 0.5
    places = np.where(rng.random(2) < 0.8, places, ~places)
    where = {name: "object" if p else "surroundings" for name, p in zip(("where_a", "where_b"), places, strict=True)}
    return {"pattern": "yes", "confidence": confidence, "description": phrase, **where}


def _misclassification(ballots: Ballots, i: int, truth: Any, rng: np.random.Generator) -> dict[str, Any]:
    roles = truth["roles"]
    other = next(letter for role, letter in roles.items() if role != "f_l")
    matches = [other] if ballots.option[i] == 0 else []
    if not matches or rng.random() < 0.4:
        matches = sorted({*matches, roles["f_l"]})
    best = matches[0] if len(matches) == 1 else str(rng.choice(matches))
    return {"matches": matches, "best": best, "confidence": int(ballots.confidence[i])}
