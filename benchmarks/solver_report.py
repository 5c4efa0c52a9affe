"""Draw what `benchmarks/solver.py` measured: time against certified gap, and the table of Table 36's shapes.

    python benchmarks/solver_report.py [--out benchmarks/plots]

Reads ``runs/bench/solver.json``; writes one SVG a row and prints the table as Markdown.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from clearhead.core.artifacts import read_json

HERE = Path(__file__).resolve().parents[1]
STORED = HERE / "runs" / "bench" / "solver.json"
MARKS = "os^DvPX*"


def label(result: dict[str, Any]) -> str:
    tol = f" tol {result['tol']:g}" if "tol" in result else ""
    return f"{result['solver']}{tol}"


def draw(row: dict[str, Any], out: Path) -> None:
    """Whole-path seconds against the worst gap, relative to the null loss, that an outside certificate finds."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(5.4, 3.4), layout="constrained")
    for mark, result in zip(MARKS, row["results"], strict=False):
        ours = result["solver"] == "clearhead"
        colour = "#1f5fbf" if ours else "#888888"
        worst = max(result["gaps"])
        axes.plot(worst, result["seconds"], mark, color=colour, markersize=8)
        axes.annotate(label(result), (worst, result["seconds"]), xytext=(7, 4), textcoords="offset points", fontsize=8)
    axes.set(
        xscale="log", yscale="log", xlabel="worst certified gap of the path / null loss", ylabel="seconds, 2 threads"
    )
    axes.set_xlim(right=axes.get_xlim()[1] * 8)
    axes.set_title(f"{row['name']}: n, p, k = {', '.join(map(str, row['shape']))}", fontsize=10)
    axes.grid(alpha=0.25, which="both", linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(out / f"{row['name']}.svg", metadata={"Date": None})
    plt.close(figure)


def excess(row: dict[str, Any], result: dict[str, Any]) -> float:
    """Largest objective above the best known one of its λ, relative to the null loss."""
    known = [min(values) for values in zip(*(r["objectives"] for r in row["results"]), strict=True)]
    return max((o - b) / row["null_loss"] for o, b in zip(result["objectives"], known, strict=True))


def lines(row: dict[str, Any]) -> list[str]:
    found = []
    for r in row["results"]:
        reads = f"{r['seconds'] / row['read_seconds']:,.0f}" if math.isfinite(row["read_seconds"]) else ""
        cells = [
            row["name"],
            label(r),
            f"{r['seconds']:.1f} s",
            f"{max(r['gaps']):.1e}",
            f"{excess(row, r):.1e}",
            reads,
        ]
        found.append("| " + " | ".join(cells) + " |")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE / "benchmarks" / "plots")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    print("| row | solver | seconds | worst certified gap | above the best known objective | reads of X |")
    print("|---|---|---|---|---|---|")
    for row in read_json(STORED).values():
        draw(row, out)
        print("\n".join(lines(row)))


if __name__ == "__main__":
    main()
