"""Which features turned wrong examples wrong, and how few of them flip each to the truth (G.1, eq. 8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from clearhead.core.errors import DataError, SettingError
from clearhead.core.finding import Finding, Table
from clearhead.core.rows import as_rows
from clearhead.core.seeds import torch_generator
from clearhead.debug.causes import by_feature, by_pair
from clearhead.debug.flips import smallest_flip
from clearhead.debug.inputs import class_numbers, never_predicted, predicted
from clearhead.debug.intervals import median_interval, proportion
from clearhead.head import SparseHead

__all__ = ["MisclassifiedOptions", "misclassified"]


@dataclass(frozen=True)
class MisclassifiedOptions:
    """Options of `misclassified`.

    Parameters
    ----------
    off : "mean": a feature that is off has its training mean, z = 0; "zero": raw value 0.
    max_rows : at most so many wrong rows are analysed, drawn at random with ``seed``.
    top : length of the tables of features and of class pairs.
    """

    off: str = "mean"
    max_rows: int = 5000
    top: int = 20
    seed: int = 0


@dataclass(frozen=True, eq=False)
class _Wrong:
    """Wrong rows: their numbers, features relative to "off" (m, p), logits (m, K), prediction and truth (m,)."""

    index: Tensor
    value: Tensor
    logits: Tensor
    guess: Tensor
    truth: Tensor


def misclassified(head: SparseHead, features: Any, labels: Any, options: MisclassifiedOptions | None = None) -> Finding:
    """For every wrong row (predicted p, truth l): γ_j = (W[p,j] − W[l,j])·f_j, and what turning features off does.

    W are the weights of the logits, so Σγ plus the intercepts' difference is the gap between the two logits.

    Parameters
    ----------
    features, labels : raw features (n, p) or `Rows`, classes (n,).

    Returns
    -------
    A finding of kind "misclassified": numbers with the shares of wrong rows that turning the one top feature off flips
    from p to l, flips elsewhere, or leaves (the paper's 26 % is the first), the same for a random feature of the
    predicted class, and the size of the smallest flipping set; tables ``rows``, ``features``, ``pairs``.

    Raises
    ------
    DataError : the head makes no error on these rows.
    """
    options = options or MisclassifiedOptions()
    if options.off not in ("mean", "zero"):
        raise SettingError("a feature is off at its mean or at zero", got=options.off, expected="mean or zero")
    target = class_numbers(labels).cpu()
    guess = predicted(head, features)
    if len(guess) != len(target):
        raise DataError("labels do not match rows", got=len(target), expected=len(guess))
    all_wrong = (guess != target).nonzero().flatten()
    if not len(all_wrong):
        raise DataError(
            "the head makes no error on these rows, so there is nothing to explain",
            got=f"{len(target)} rows, all right",
            fix="use held-out rows",
        )
    wrong = _take(head, features, all_wrong, guess, target, options)
    gamma = _gamma(head, wrong)
    fp, fl = gamma.argmax(1), gamma.argmin(1)
    single = _after_one(head, wrong, fp)
    control = _after_one(head, wrong, _random_features(head, wrong, options.seed))
    sets = _flips(head, wrong)
    rows = _rows_table(head, wrong, gamma, fp, fl, single, sets)
    caveats = _caveats(head, len(wrong.index), len(all_wrong), options, never_predicted(head, guess, target))
    counts = (len(target), len(all_wrong), len(wrong.index))
    return _finding(counts, rows, _shares(wrong, single), _shares(wrong, control), caveats, options)


def _take(
    head: SparseHead, features: Any, index: Tensor, guess: Tensor, target: Tensor, options: MisclassifiedOptions
) -> _Wrong:
    if len(index) > options.max_rows:
        pick = torch.randperm(len(index), generator=torch_generator(options.seed, "wrong rows"))[: options.max_rows]
        index = index[pick].sort().values
    raw = as_rows(features).take(index).float().cpu()
    off = torch.zeros_like(raw[:1]) if options.off == "zero" else head.mean[None].to(raw)
    value = (head.standardize(raw) - head.standardize(off)).double()
    return _Wrong(index, value, head(raw).double(), guess[index], target[index])


def _logit_weights(head: SparseHead) -> Tensor:
    """(p, K) weights of the logits on z."""
    return head.link.logits(head.weight.double())


def _gamma(head: SparseHead, wrong: _Wrong) -> Tensor:
    W = _logit_weights(head)
    return wrong.value * (W[:, wrong.guess] - W[:, wrong.truth]).T


def _after_one(head: SparseHead, wrong: _Wrong, feature: Tensor) -> Tensor:
    """(m,) prediction when one feature a row is off."""
    W = _logit_weights(head)
    value = wrong.value.gather(1, feature[:, None])
    return (wrong.logits - value * W[feature]).argmax(1)


def _random_features(head: SparseHead, wrong: _Wrong, seed: int) -> Tensor:
    """(m,) a random feature with a nonzero weight for the predicted class, the control."""
    used = (_logit_weights(head)[:, wrong.guess].T != 0).double()
    used[used.sum(1) == 0] = 1.0
    return torch.multinomial(used, 1, generator=torch_generator(seed, "control"))[:, 0]


def _flips(head: SparseHead, wrong: _Wrong) -> list[tuple[list[int] | None, int]]:
    weight, value, logits = _logit_weights(head).numpy(), wrong.value.numpy(), wrong.logits.numpy()
    return [smallest_flip(logits[i], value[i], weight, truth) for i, truth in enumerate(wrong.truth.tolist())]


def _shares(wrong: _Wrong, after: Tensor) -> dict[str, int]:
    to_truth = int((after == wrong.truth).sum())
    stays = int((after == wrong.guess).sum())
    return {"to_truth": to_truth, "elsewhere": len(after) - to_truth - stays, "stays": stays}


def _rows_table(
    head: SparseHead,
    wrong: _Wrong,
    gamma: Tensor,
    fp: Tensor,
    fl: Tensor,
    single: Tensor,
    sets: list[tuple[list[int] | None, int]],
) -> Table:
    pick = torch.arange(len(fp))
    return Table(
        {
            "row": wrong.index.tolist(),
            "truth": [head.class_names[c] for c in wrong.truth.tolist()],
            "predicted": [head.class_names[c] for c in wrong.guess.tolist()],
            "top_feature": [head.feature_names[j] for j in fp.tolist()],
            "top_gamma": gamma[pick, fp].tolist(),
            "lowest_feature": [head.feature_names[j] for j in fl.tolist()],
            "lowest_gamma": gamma[pick, fl].tolist(),
            "without_top": [head.class_names[c] for c in single.tolist()],
            "flip_size": [None if s is None else len(s) for s, _ in sets],
            "flip_at_least": [bound for _, bound in sets],
            "flip_features": [None if s is None else [head.feature_names[j] for j in s[:10]] for s, _ in sets],
        },
        units={
            "flip_size": "features turned off that make the truth win; none if no set found",
            "flip_at_least": "no smaller set does it; where equal to flip_size, that is proven smallest",
        },
    )


def _finding(
    counts: tuple[int, int, int],
    rows: Table,
    shares: dict[str, int],
    control: dict[str, int],
    caveats: tuple[str, ...],
    options: MisclassifiedOptions,
) -> Finding:
    n, n_wrong, m = counts
    numbers: dict[str, Any] = {
        "error_rate": proportion(n_wrong, n),
        "flips_to_truth": proportion(shares["to_truth"], m),
        "flips_elsewhere": proportion(shares["elsewhere"], m),
        "stays": proportion(shares["stays"], m),
        "control_flips_to_truth": proportion(control["to_truth"], m),
    }
    sizes = [s for s in rows.columns["flip_size"] if s is not None]
    exact = sum(a == b for a, b in zip(rows.columns["flip_size"], rows.columns["flip_at_least"], strict=True))
    numbers |= {
        "median_flip_size": median_interval(sizes),
        "flip_within_3": proportion(sum(s <= 3 for s in sizes), m),
        "flip_proven_smallest": proportion(exact, m),
    }
    e, c = numbers["flips_to_truth"], numbers["control_flips_to_truth"]
    return Finding(
        kind="misclassified",
        title="Why it errs",
        sentence=(
            f"{n_wrong} of {n} rows are wrong; turning off the one feature that speaks most for the wrong class flips "
            f"{e.value:.1%} of them to the truth (95 % interval {e.low:.1%} to {e.high:.1%}, n = {m}), a random "
            f"feature of that class {c.value:.1%}."
        ),
        numbers=numbers,
        tables={"rows": rows, "features": by_feature(rows, options.top), "pairs": by_pair(rows, options.top)},
        caveats=caveats,
        settings={"off": options.off, "seed": options.seed, "max_rows": options.max_rows},
    )


def _caveats(
    head: SparseHead, m: int, n_wrong: int, options: MisclassifiedOptions, never: str | None
) -> tuple[str, ...]:
    off = "its training mean" if options.off == "mean" else "raw zero"
    caveats = [f"A feature that is off has {off}; what the network would compute without its cause may differ."]
    if m < n_wrong:
        caveats.append(f"{m} of the {n_wrong} wrong rows were drawn at random and analysed.")
    caveats.append("Sets larger than proven necessary come from a greedy search and need not be the smallest.")
    if head.n_classes == 2:
        caveats.append("With two classes every flip is a flip to the truth, and the smallest sets are exact.")
    return tuple(caveats + ([never] if never else []))
