"""The suggested removals, step by step: what went, and what that did on pictures or rows left out."""

from __future__ import annotations

from clearhead.core.finding import Finding, Table
from clearhead.debug.intervals import proportion
from clearhead.debug.suggest import RepairPlan
from clearhead.head import SparseHead

__all__ = ["removals"]


def removals(head: SparseHead, plan: RepairPlan) -> Finding:
    """The curve of a `RepairPlan` and the step that it chose.

    ``head`` is the head before. A finding of kind "removals": table ``steps`` (one row a step: how many features were
    gone, which went last, accuracy on held-out material, certificate).
    """
    chosen, none = plan.steps[plan.chosen], plan.steps[0]
    estimates = [proportion(round(step.accuracy * plan.n_held), plan.n_held) for step in plan.steps]
    before = [()] + [step.removed for step in plan.steps[:-1]]
    last = [step.removed[len(old) :] for step, old in zip(plan.steps, before, strict=True)]
    return Finding(
        kind="removals",
        title="Suggested removals",
        sentence=(
            f"Removing {len(chosen.removed)} features and fitting the rest again is right on {chosen.accuracy:.1%} of "
            f"what was left out, fitting again without removals on {none.accuracy:.1%} (n = {plan.n_held})."
        ),
        numbers={
            "removed": len(chosen.removed),
            "held_out_accuracy": estimates[plan.chosen],
            "held_out_without_removals": estimates[0],
            "lambda": plan.lambda_,
            "gap": plan.gap,
            "features_per_class_before": head.features_per_class,
            "features_per_class_after": plan.head.features_per_class,
        },
        tables={
            "steps": Table(
                {
                    "removed": [len(step.removed) for step in plan.steps],
                    "features": [[head.feature_names[j] for j in gone] for gone in last],
                    "accuracy": [step.accuracy for step in plan.steps],
                    "low": [e.low for e in estimates],
                    "high": [e.high for e in estimates],
                    "n": [e.n for e in estimates],
                    "gap": [step.gap for step in plan.steps],
                    "chosen": [i == plan.chosen for i in range(len(plan.steps))],
                },
                units={"accuracy": "on a fifth of the material left out of these fits, weighted as it is judged"},
            )
        },
        caveats=(
            "The step was chosen on the same held-out material, so its accuracy there is optimistic.",
            "The repaired head may use more features than the one before: its λ was chosen anew.",
        ),
        settings={"n_held": plan.n_held},
    )
