"""Which features to remove so that a head stops leaning on a cue: found step by step, each step refitted."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from clearhead.core.errors import DataError, SettingError
from clearhead.core.progress import Progress, Silent
from clearhead.core.seeds import torch_generator
from clearhead.debug.cue import Cue
from clearhead.debug.evidence import Evidence
from clearhead.debug.inputs import class_numbers
from clearhead.debug.refit import Material, loss_of, penalty_without, refit_without
from clearhead.debug.surroundings import Swapped
from clearhead.glm import fit_path, select
from clearhead.head import Edit, SparseHead

__all__ = ["RepairPlan", "Step", "SuggestOptions", "suggest_removals"]

HELD = 0.2


@dataclass(frozen=True)
class SuggestOptions:
    """Options of `suggest_removals`.

    Parameters
    ----------
    limit : at most so many features are removed.
    step : how many at once, between refits.
    spare : κ: a feature goes while w·(r_cue − κ·r_label) > 0, its share in following the cue less κ times its worth.
    on : what the rest is refitted on: "recombined" pictures (label and surroundings independent), "balanced" rows
        (weighted so that label and guessed cue are), or the plain "rows".
    lambda_ : λ of the refits; None chooses the sparsest within ``tolerance`` of the best on held-out material.
    """

    limit: int = 40
    step: int = 2
    spare: float = 0.3
    on: str = "recombined"
    lambda_: float | None = None
    tolerance: float = 0.005
    n_lambdas: int = 30
    lambda_min_ratio: float = 0.02
    l1_ratio: float = 0.99
    tol: float = 1e-4
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Step:
    """After a step: the features removed so far, the refitted head, its right answers on held-out material, its gap."""

    removed: tuple[int, ...]
    head: SparseHead
    accuracy: float
    gap: float


@dataclass(frozen=True, eq=False)
class RepairPlan:
    """Steps from none removed to the limit, all refitted at one λ.

    ``chosen`` is the step with removals that is best on held-out material (of equals the later), or 0 if even that one
    is more than a standard error worse than removing nothing; ``head`` is its head, refitted on all of the material,
    and ``gap`` the certified gap of that refit.
    """

    steps: tuple[Step, ...]
    chosen: int
    head: SparseHead
    lambda_: float
    n_held: int
    gap: float

    @property
    def edits(self) -> list[Edit]:
        """The removals as edits."""
        return [Edit(j) for j in self.steps[self.chosen].removed]


def suggest_removals(
    head: SparseHead,
    rows: Material,
    evidence: Evidence,
    cue: Cue,
    options: SuggestOptions | None = None,
    *,
    swapped: Swapped | None = None,
    progress: Progress | None = None,
) -> RepairPlan:
    """Remove what makes the head follow the cue, a few features at a time, and fit the rest again after each step.

    A refit puts weight on features that were idle before, often on others of the same cue; that is why removal goes in
    steps and may name features that the head did not use. ``rows`` are those that the head was fitted on, ``cue`` and
    ``evidence`` are about them; nothing else is looked at.
    """
    options, progress = options or SuggestOptions(), progress or Silent()
    material, judged = _material(rows, cue, options, swapped)
    fitted, held = _split(material, judged, options.seed)
    lambda_ = options.lambda_ or _choose_lambda(head, fitted, held, options)
    steps = [_step(head, (), fitted, held, lambda_, options)]
    progress.start("removals", options.limit)
    while len(steps[-1].removed) < options.limit:
        chosen = _worst(steps[-1], evidence, options)
        if not chosen:
            break
        steps.append(_step(head, (*steps[-1].removed, *chosen), fitted, held, lambda_, options))
        progress.advance(len(chosen))
    progress.finish()
    index = _choose_step(steps, len(held.labels))
    keep = {"lambda_": lambda_, "l1_ratio": options.l1_ratio, "tol": options.tol}
    final, solution = refit_without(head, material, steps[index].removed, **keep)
    return RepairPlan(tuple(steps), index, final, lambda_, len(held.labels), solution.gap)


def _material(
    rows: Material, cue: Cue, options: SuggestOptions, swapped: Swapped | None
) -> tuple[Material, Tensor | None]:
    """What is refitted on, and the weights by which held-out rows of it are judged: label and cue independent."""
    if options.on == "recombined":
        if swapped is None:
            raise DataError("there are no recombined pictures to refit on", fix='pass swapped=…, or on="balanced"')
        return Material(swapped.features, swapped.middle), None
    if options.on not in ("balanced", "rows"):
        raise SettingError("unknown material", got=options.on, expected="recombined, balanced or rows")
    target = class_numbers(rows.labels)
    weight = balancing_weights(target, cue)
    return Material(torch.as_tensor(rows.features), target, weight if options.on == "balanced" else None), weight


def _split(material: Material, judged: Tensor | None, seed: int) -> tuple[Material, Material]:
    order = torch.randperm(len(material.labels), generator=torch_generator(seed, "held"))
    cut = max(1, int(HELD * len(order)))
    fit_rows, held_rows = order[cut:], order[:cut]
    fitted, held = (
        Material(material.features[i], material.labels[i], None if weight is None else weight[i])
        for i, weight in ((fit_rows, material.weight), (held_rows, judged))
    )
    return fitted, held


def _choose_lambda(head: SparseHead, fitted: Material, held: Material, options: SuggestOptions) -> float:
    path = fit_path(
        fitted.features,
        fitted.labels,
        loss=loss_of(head),
        penalty=penalty_without(head.n_features, (), options.l1_ratio),
        n_lambdas=options.n_lambdas,
        lambda_min_ratio=options.lambda_min_ratio,
        sample_weight=fitted.weight,
        tol=options.tol,
    )
    return select(path, held.features, held.labels, tolerance=options.tolerance).solution.lambda_


def _step(
    head: SparseHead,
    removed: tuple[int, ...],
    fitted: Material,
    held: Material,
    lambda_: float,
    options: SuggestOptions,
) -> Step:
    new, solution = refit_without(head, fitted, removed, lambda_=lambda_, l1_ratio=options.l1_ratio, tol=options.tol)
    right = (new.predict(held.features) == held.labels).double()
    weight = torch.ones_like(right) if held.weight is None else held.weight
    return Step(removed, new, float((right * weight).sum() / weight.sum()), solution.gap)


def _choose_step(steps: list[Step], n_held: int) -> int:
    if len(steps) == 1:
        return 0
    best = max(range(1, len(steps)), key=lambda i: (steps[i].accuracy, i))
    alone = steps[0].accuracy
    error = math.sqrt(alone * (1 - alone) / n_held)
    return best if steps[best].accuracy >= alone - error else 0


def balancing_weights(labels: Tensor, cue: Cue) -> Tensor:
    """(n,) weights with mean 1 under which, within each class, the cue agrees with the label as often as not.

    A class whose rows all agree (or none) keeps equal weights: there is nothing to balance.
    """
    target, said = labels.cpu(), cue.classes.cpu()
    weight = torch.ones(len(target)).double()
    for c in range(len(cue.skill)):
        own = target == c
        cells = [own & (said == c), own & (said != c)]
        if all(bool(cell.any()) for cell in cells):
            for cell in cells:
                weight[cell] = float(own.sum() / (2 * cell.sum()))
    return weight / weight.mean()


def leaning(head: SparseHead, evidence: Evidence, spare: float) -> Tensor:
    """(p,) Σ over classes of skill²·max(0, w·(r_cue − κ·r_label)): how much a feature makes the head follow the cue."""
    weights = head.class_weights().to(evidence.cue)
    return ((weights * (evidence.cue - spare * evidence.label)).clamp(min=0) * evidence.known).sum(1)


def _worst(step: Step, evidence: Evidence, options: SuggestOptions) -> list[int]:
    score = leaning(step.head, evidence, options.spare)
    room = min(options.step, options.limit - len(step.removed))
    order = torch.argsort(score, descending=True, stable=True)[:room]
    return [int(j) for j in order if score[j] > 0]
