"""The run in words: three sentences of verdict, and what the certificate means to a reader who is no expert."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from clearhead.core.finding import Finding
from clearhead.report.bundle import Bundle

__all__ = ["certificate", "verdict"]

# The findings a reader should hear of first.
_FIRST = (
    *("story", "repair", "suspects", "bias_errors", "bias_words", "misclassified", "spurious"),
    *("counterfactual_text", "counterfactual_image", "confusion"),
)


def verdict(bundle: Bundle) -> list[str]:
    """At most three sentences: size and accuracy of the head, its fidelity, and the most telling finding."""
    return [s for s in (_size(bundle), _fidelity(bundle), _telling(bundle.findings)) if s]


def _size(bundle: Bundle) -> str:
    head, p, k = bundle.head, len(bundle.feature_names), len(bundle.class_names)
    per_class = len(head.weight) / max(k, 1)
    used = len(head.used())
    text = f"{per_class:.3g} features a class, {used:,} of {p:,} in all, "
    if bundle.examples.many_labels:
        text += f"decide on {k:,} label{'s' if k != 1 else ''}, each by itself"
    else:
        text += f"tell {k:,} class{'es' if k != 1 else ''} apart"
    split = "test" if bundle.score("test") is not None else "val"
    score = bundle.score(split)
    if score is None:
        return text + "."
    where = "test" if split == "test" else "validation"
    text += f" with {score:.1%} {where} accuracy"
    dense = bundle.dense_scores.get(split)
    other = (bundle.dense.name if bundle.dense else "") or "the dense layer"
    if dense is None:
        return text + "."
    points = 100 * (score - dense)
    if abs(points) < 0.05:
        return text + f", the same as {other}."
    return text + f", {abs(points):.1f} points {'below' if points < 0 else 'above'} {other} ({dense:.1%})."


def _fidelity(bundle: Bundle) -> str:
    point = bundle.point
    if point is None or point.fidelity is None:
        return ""
    return f"It gives the network's own answer for {point.fidelity:.1%} of the examples."


def _telling(findings: Sequence[Finding]) -> str:
    for kind in _FIRST:
        for finding in findings:
            if finding.kind == kind and finding.sentence:
                return finding.sentence
    return ""


def certificate(bundle: Bundle) -> str:
    """What the certified gap says of the selected head and of the path."""
    if not bundle.path:
        return "This head came without a path, so nothing is known of how close to the optimum it is."
    point = bundle.point
    chosen = ""
    if point is not None and point.status == "Converged":
        chosen = (
            f"No head that penalises its weights as this one does can have an objective more than {point.gap:.1e} of "
            "the null loss lower: that is proved by a duality gap, not assumed. "
        )
    elif point is None:
        chosen = "The selected head was edited, so it is not an optimum of its own; its origin on the path is. "
    else:
        chosen = f"The selected head ended as “{point.status}” with a gap of {point.gap:.1e}; read it with care. "
    counts = Counter(p.status for p in bundle.path)
    total = len(bundle.path)
    if counts["Converged"] == total:
        return chosen + f"All {total} points of the path are certified in this way."
    rest = ", ".join(f"{n} {status}" for status, n in counts.items() if status != "Converged")
    return chosen + f"{counts['Converged']} of {total} points of the path are certified; the others ended as {rest}."
