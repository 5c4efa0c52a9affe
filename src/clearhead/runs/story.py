"""The demo's story: what the tool found and mended, as keys for ``--json``, as words, and as a finding on the page."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from clearhead.core.finding import Finding, Table
from clearhead.debug.inputs import estimates_table
from clearhead.debug.intervals import proportion

__all__ = ["Story"]

SUSPECTS = 3


@dataclass(frozen=True)
class Story:
    """What the demo found and mended. Accuracies are shares of the ``n_test`` test digits; the reference is the same
    network trained without marks."""

    run: str
    mended_run: str
    report: str
    marked_class: str
    n_test: int
    accuracy_with_mark_before: float
    accuracy_with_mark_after: float
    accuracy_without_mark_before: float
    accuracy_without_mark_after: float
    accuracy_reference: float
    suspect_features: list[str]
    removed_features: list[str]
    features_per_class: float
    n_features: int
    worst_gap: float

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)

    def text(self) -> str:
        """The story in one sentence a line, and where the report is."""
        return "\n".join([*self._sentences(), f"report: {self.report}"])

    def finding(self, suspects: Finding) -> Finding:
        """The story on one page: accuracies with and without marks, the suspects with their examples, the removals.

        A finding of kind "story": tables ``accuracy``, ``suspects`` (the first of those given, with their rows) and
        ``removed``.
        """
        shares = {
            "before, without mark": self.accuracy_without_mark_before,
            "after, without mark": self.accuracy_without_mark_after,
            "trained without marks, without mark": self.accuracy_reference,
            "before, with mark": self.accuracy_with_mark_before,
            "after, with mark": self.accuracy_with_mark_after,
        }
        estimates = {name: proportion(round(share * self.n_test), self.n_test) for name, share in shares.items()}
        first = {name: list(values)[:SUSPECTS] for name, values in suspects.tables["suspects"].columns.items()}
        return Finding(
            kind="story",
            title="A planted mark, found and removed",
            sentence=" ".join(self._sentences()),
            numbers=estimates,
            tables={
                "accuracy": estimates_table("digits", estimates),
                "suspects": Table(first, suspects.tables["suspects"].units),
                "removed": Table({"feature": self.removed_features}),
            },
            caveats=(
                "The suspects come from training pictures, labels and the head; where the mark is was not used.",
                *suspects.caveats,
            ),
            settings={**suspects.settings, "top": SUSPECTS},
        )

    def _sentences(self) -> list[str]:
        return [
            f"Before: a sparse head with {self.features_per_class:.1f} of {self.n_features} features a class is right "
            f"on {self.accuracy_without_mark_before:.1%} of {self.n_test} unmarked test digits, and on "
            f"{self.accuracy_with_mark_before:.1%} when each carries the mark of {self.marked_class}.",
            f"Suspects, from the training pictures alone: {', '.join(self.suspect_features)}.",
            f"After the suggested repair ({len(self.removed_features)} features removed, the rest fitted again on "
            f"recombined pictures): {self.accuracy_without_mark_after:.1%} unmarked, "
            f"{self.accuracy_with_mark_after:.1%} marked (the same network trained without marks: "
            f"{self.accuracy_reference:.1%}).",
        ]
