"""Draw and tabulate what `benchmarks/solver.py` measured.

    python benchmarks/solver_report.py [--out benchmarks/figures]

Reads ``runs/bench/solver``; writes a figure a row, time against gap on the left and gap against λ on the right, and
prints the table as Markdown. Suboptimality is the objective above the best that anyone reached at that λ; "others" is
the share of the machine that other processes took meanwhile: where it is large, compare CPU seconds.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from clearhead.core.artifacts import read_json
from solver import OUT
from solver_rows import ROWS

Result = dict[str, Any]
COLOURS = {
    "clearhead": "#1f5fbf",
    "glmnet": "#c2410c",
    "adelie": "#15803d",
    "skglm": "#a21caf",
    "cyanure": "#0e7490",
    "sklearn": "#a16207",
    "glm_saga": "#6b7280",
}
TITLES = {
    "text": "SST-2, MiniLM features, binomial",
    "synthetic-50000": "synthetic, 50,000 × 2,048",
    "classes-1000": "synthetic, 1,000 classes",
}


def results(name: str) -> list[Result]:
    """Everyone's stored results of a row, ours first; none before ours is there."""
    found = [read_json(file) for file in sorted((OUT / name).glob("*.json"))]
    found.sort(key=lambda r: (r["solver"] != "clearhead", r["solver"], -r.get("tol", 0)))
    return found if found and found[0]["solver"] == "clearhead" else []


def label(r: Result) -> str:
    return f"{r['solver']} {r['tol']:g}" if "tol" in r else r["solver"].replace(":", " ")


def part_of(r: Result) -> str:
    """ "12 of 100 λ's" of a peer that ran out of time."""
    done, asked = r.get("lambdas", (1, 1))
    return f"{done} of {asked} λ's" if done < asked else ""


def extrapolated(r: Result) -> float:
    """Seconds for all λ's if each that is left costs what the last five did: too little, since they cost more."""
    done, asked = r.get("lambdas", (1, 1))
    marks = [0.0, *r["marks"]]
    if done >= asked or len(marks) < 2:
        return r["seconds"] if done >= asked else math.nan
    last = marks[-min(6, len(marks)) :]
    return float(marks[-1] + (asked - done) * (last[-1] - last[0]) / (len(last) - 1))


def excess(found: list[Result]) -> list[list[float]]:
    """By solver and λ: the objective above the best known one, relative to the null loss."""
    longest = max(len(r["objectives"]) for r in found)
    best = [min(r["objectives"][i] for r in found if i < len(r["objectives"])) for i in range(longest)]
    return [[(o - b) / r["null_loss"] for o, b in zip(r["objectives"], best, strict=False)] for r in found]


def draw(name: str, found: list[Result], out: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "clearhead", "font.size": 8.5})
    figure, (whole, each) = plt.subplots(1, 2, figsize=(9.6, 3.5), layout="constrained")
    texts: list[Any] = []
    for r, above in zip(found, excess(found), strict=True):
        if not r["gaps"]:
            continue
        colour = COLOURS[r["solver"].partition(":")[0]]
        gap, over, seconds = max(r["gaps"]), max(max(above), 1e-10), r["seconds"]
        whole.plot([over, gap], [seconds, seconds], color=colour, linewidth=0.8, alpha=0.6)
        whole.plot(over, seconds, "o", markerfacecolor="white", color=colour, markersize=5)
        whole.plot(gap, seconds, "^" if part_of(r) else "o", color=colour, markersize=6)
        text = label(r) + (f" ({part_of(r)})" if part_of(r) else "")
        place = {"xytext": (6, 3), "textcoords": "offset points"}
        texts.append(whole.annotate(text, (gap, seconds), fontsize=7.5, color=colour, **place))
        numbers, faint = range(1, len(r["gaps"]) + 1), 0.5 if r.get("tol", 1) < 1e-3 else 1.0
        style = {"color": colour, "alpha": faint}
        each.plot(numbers, [max(g, 1e-10) for g in r["gaps"]], linewidth=1.3, label=label(r), **style)
        each.plot(numbers, [max(a, 1e-10) for a in above], ":", linewidth=1.0, **style)
    whole.set(xscale="log", yscale="log", xlabel="worst of the path / null loss: gap ●, suboptimality ○")
    whole.set(ylabel="seconds, 2 threads")
    whole.set_xlim(right=whole.get_xlim()[1] * 30)
    each.set(
        yscale="log", xlabel="λ, from the largest", ylabel="/ null loss: gap —, suboptimality ···", ylim=(1e-9, None)
    )
    figure.legend(loc="outside right center", fontsize=7.5, frameon=False)
    for axes in (whole, each):
        axes.grid(alpha=0.25, linewidth=0.5)
        axes.spines[["top", "right"]].set_visible(False)
    shape = next(r["shape"] for r in found if "shape" in r)
    low, high = whole.get_ylim()
    whole.set_ylim(top=high * (high / low) ** 0.08)
    figure.suptitle(f"{TITLES.get(name, name)}: n, p, k = {', '.join(f'{v:,}' for v in shape)}", fontsize=10)
    figure.canvas.draw()
    put_apart(texts)
    figure.savefig(out / f"solver-{name}.svg", metadata={"Date": None})
    plt.close(figure)


def put_apart(texts: list[Any]) -> None:
    """Move each text above or below its point to where it lies on none before it."""
    taken: list[Any] = []
    for text in sorted(texts, key=lambda text: text.xy[1]):
        for height in (3, -10, 13, -20, 23):
            text.set_position((6, height))
            box = text.get_window_extent()
            if not any(box.overlaps(other) for other in taken):
                break
        taken.append(box)


def lines(name: str, found: list[Result]) -> list[str]:
    table = []
    read = next((r["read_seconds"] for r in found if "read_seconds" in r), math.nan)
    fastest = min((r["seconds"] for r in found if r.get("tol") == 1e-3), default=math.nan)
    for r, above in zip(found, excess(found), strict=True):
        whole = extrapolated(r)
        time = f"{r['seconds']:.2f} s" + (f", {part_of(r)}; ≥ {whole:,.0f} s" if part_of(r) else "")
        ours = r["solver"] == "clearhead"
        cells = [
            name,
            label(r),
            time,
            f"{r['cpu']:.2f} s",
            f"{r['others']:.0%}",
            f"{max(r['gaps'], default=math.nan):.1e}",
            f"{max(above, default=math.nan):.1e}",
            f"{r['seconds'] / read:,.0f}" if ours else "",
            f"{whole / fastest:.1f}×" if not ours else "",
        ]
        table.append("| " + " | ".join(cells) + " |")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("figures"))
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    print(
        "| row | solver | seconds | CPU | others | worst certified gap | worst suboptimality | reads of X | to ours |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name in ROWS:
        if found := results(name):
            draw(name, found, out)
            print("\n".join(lines(name, found)))


if __name__ == "__main__":
    main()
