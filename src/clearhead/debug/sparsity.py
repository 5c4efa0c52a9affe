"""How many features each class uses (D.1, Fig. 17)."""

from __future__ import annotations

import numpy as np

from clearhead.core.finding import Finding, Table
from clearhead.head import SparseHead

__all__ = ["features_per_class"]


def features_per_class(head: SparseHead) -> Finding:
    """Nonzero weights of each class of a head.

    The two classes of a head with one score share its weights, so both show the same count.

    Returns
    -------
    A finding of kind "features_per_class": table ``classes`` (one row a class) and ``histogram`` (classes by count).
    """
    weights, class_names = head.class_weights(), head.class_names
    counts = (weights != 0).sum(0).cpu().numpy()
    used = int((weights != 0).any(1).sum())
    empty = [name for name, count in zip(class_names, counts, strict=True) if count == 0]
    values, classes = np.unique(counts, return_counts=True)
    return Finding(
        kind="features_per_class",
        title="Features a class uses",
        sentence=(
            f"A class uses {counts.mean():.3g} of {weights.shape[0]} features on average "
            f"(from {counts.min()} to {counts.max()}); {used} are used by at least one."
        ),
        numbers={
            "mean": float(counts.mean()),
            "median": float(np.median(counts)),
            "min": int(counts.min()),
            "max": int(counts.max()),
            "features_used": used,
            "n_features": int(weights.shape[0]),
            "n_classes": len(class_names),
            "density": float(counts.sum() / max(weights.numel(), 1)),
        },
        tables={
            "classes": Table({"class": list(class_names), "features": counts.tolist()}),
            "histogram": Table({"features": values.tolist(), "classes": classes.tolist()}),
        },
        caveats=tuple(
            [f"No feature speaks for {', '.join(empty[:5])}{' …' if len(empty) > 5 else ''}: only the intercept does."]
            if empty
            else []
        ),
    )
