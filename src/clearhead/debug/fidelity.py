"""Agreement of the sparse head with the network it came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clearhead.core.errors import DataError
from clearhead.core.finding import Finding, Table
from clearhead.debug.inputs import agreement, class_numbers, estimates_table

__all__ = ["fidelity"]


def fidelity(
    predictions: Mapping[str, Any], network: Mapping[str, Any], labels: Mapping[str, Any], *, head: str = "sparse head"
) -> Finding:
    """How often a head says what the original network says, and who is right where they part.

    Parameters
    ----------
    predictions, network, labels : split → class numbers (n,): the head's, the original network's, the truth.
    head : what the head is called.

    Returns
    -------
    A finding of kind "fidelity": table ``splits``: the agreement, its interval and the rows where one alone is right.
    """
    if not predictions:
        raise DataError("no split to compare on", fix="pass the predictions of at least one split")
    shares, parted = {}, []
    for name in predictions:
        if name not in network or name not in labels:
            raise DataError(f"no network predictions or labels for split {name!r}", got=list(network))
        ours, theirs, truth = (class_numbers(x[name], name).cpu() for x in (predictions, network, labels))
        shares[name] = agreement(ours, theirs, name)
        differ = ours != theirs
        parted.append([int(((side == truth) & differ).sum()) for side in (ours, theirs)] + [int(differ.sum())])
    split = "test" if "test" in shares else next(iter(shares))
    e = shares[split]
    names = ("only_head_right", "only_network_right", "disagree")
    extra = dict(zip(names, map(list, zip(*parted, strict=True)), strict=True))
    return Finding(
        kind="fidelity",
        title="Fidelity to the network",
        sentence=(
            f"The {head} predicts what the network predicts on {e.value:.1%} of {split} "
            f"(95 % interval {e.low:.1%} to {e.high:.1%}, n = {e.n})."
        ),
        numbers={f"{name}_fidelity": value for name, value in shares.items()},
        tables={"splits": Table({**estimates_table("split", shares).columns, **extra})},
        caveats=("Fidelity is agreement on the predicted class; the probabilities behind it may differ.",),
    )
