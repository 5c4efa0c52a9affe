"""What a run amounts to: the numbers a person asks for first, as data and as a few lines of text."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Summary"]


@dataclass(frozen=True)
class Summary:
    """The outcome of a run. Accuracies are shares of test rows; None where there is nothing to compare."""

    run: str
    network: str
    n: int
    p: int
    k: int
    split: dict[str, int]
    dense: str
    dense_accuracy: float | None
    sparse_accuracy: float | None
    fidelity: float | None
    lambda_: float
    features_per_class: float
    features_used: int
    n_lambdas: int
    worst_gap: float
    statuses: dict[str, int]
    seconds: dict[str, float]
    caveats: list[str] = field(default_factory=list)
    report: str | None = None
    certified_zeros: int | None = None
    zeros: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)

    def text(self) -> str:
        """For people."""
        rows = " / ".join(f"{count} {part}" for part, count in self.split.items())
        lines = [
            f"{self.network}: {self.n} rows ({rows}), {self.p} features, {self.k} classes",
            f"sparse head: {self.features_per_class:.4g} of {self.p} features a class, {self.features_used} in all; "
            f"test accuracy {_share(self.sparse_accuracy)} ({self.dense}: {_share(self.dense_accuracy)})"
            + ("" if self.fidelity is None else f", agrees with the network on {_share(self.fidelity)}"),
            f"path: {self.n_lambdas} λ's, {_statuses(self.statuses)}; largest certified gap {self.worst_gap:.1e} "
            "of the null loss",
        ]
        if self.certified_zeros is not None:
            lines.insert(2, f"certified: {self.certified_zeros} of its {self.zeros} zeros are zero in every optimum")
        lines += [f"note: {caveat}" for caveat in self.caveats]
        if self.report:
            lines.append(f"report: {Path(self.report)}")
        return "\n".join(lines)


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{100 * value:.1f} %"


def _statuses(statuses: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in statuses.items())
