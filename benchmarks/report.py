"""What the report's page costs: building, first paint, the worker's passes, long tasks, sizes.

    python benchmarks/report.py [--run runs/tiny] [--json]

Without ``--run`` it measures a synthetic run of ImageNet's size (1000 classes, 2,048 features, 10,000 images, 39k
nonzero weights). Needs playwright and Debian's chromium.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from clearhead.report.bundle import Bundle, Examples, Head, PathPoint, Values
from clearhead.report.page import asset, write_report
from clearhead.report.reference import Reference

CHROMIUM = "/usr/bin/chromium"
OBSERVE = """
window.longTasks = [];
new PerformanceObserver((list) => list.getEntries().forEach((e) => window.longTasks.push([e.startTime, e.duration])))
  .observe({ type: "longtask", buffered: true });
"""


def imagenet_sized(
    n: int = 10_000, p: int = 2048, k: int = 1000, nonzeros: int = 39_000, seed: int = 0, values: Values | None = None
) -> Bundle:
    """Random numbers of ImageNet's size with a little structure, and one small picture for all.

    ``values`` that were kept from the same call before are taken instead of made.
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, k, n)
    full = rng.choice(p * k, nonzeros, replace=False)
    weight = rng.normal(size=nonzeros)
    heads, path = _path(rng, full, weight, p, k)
    picture, removals = _picture(rng), _removals(rng, n, p, k)
    if values is None:
        values = np.maximum(rng.normal(size=(n, p), scale=1.0), -0.5).astype(np.float32)
        # Rows point towards their class, so that many of them are right.
        own = np.zeros((k, p), np.float32)
        own[full % k, full // k] = weight
        values += own[labels] * 0.8
    examples = Examples(
        features=np.arange(p),
        values=values,
        labels=labels,
        split=["test"] * n,
        uris=[f"val/{i:05d}.jpg" for i in range(n)],
        row=np.arange(n),
        thumbnails=[picture] * n,
    )
    return Bundle(
        title="ImageNet's size",
        kind="image",
        class_names=[f"class number {c}" for c in range(k)],
        feature_names=[f"feature {j}" for j in range(p)],
        path=path,
        heads=heads,
        selected=14,
        examples=examples,
        dense=Reference.of(np.random.default_rng(seed).normal(size=(p, k)).astype(np.float32), "a dense layer"),
        dense_scores={"test": 0.51},
        split_sizes={"train": 1_200_000, "val": 50_000, "test": n},
        removals=removals,
    )


def _path(rng: np.random.Generator, full: Any, weight: Any, p: int, k: int) -> tuple[list[Head], list[PathPoint]]:
    order = rng.permutation(len(full))
    heads, path = [], []
    for i, share in enumerate(np.geomspace(0.02, 1, 15)):
        keep = order[: int(len(full) * share)]
        heads.append(
            Head(full[keep] // k, full[keep] % k, weight[keep], rng.normal(size=k) * 0.1, lambda_=10.0**-i, point=i)
        )
        path.append(
            PathPoint(10.0**-i, len(keep) / k, p, len(keep) / (p * k), 1e-5, "Converged", val=0.5 + i / 40, test=0.5)
        )
    return heads, path


def _removals(rng: np.random.Generator, n: int, p: int, k: int, entries: int = 20_000) -> dict[str, Any]:
    """Effects of single removals, of the right size and shape."""
    fixed, broken = rng.integers(0, 40, p), rng.integers(0, 60, p)
    return {
        "n": n,
        "split": "test",
        "accuracy": 0.6,
        "feature": np.arange(p, dtype=np.int32),
        "fixed": fixed.astype(np.int32),
        "broken": broken.astype(np.int32),
        "entry": np.sort(rng.integers(0, p, entries)).astype(np.int32),
        "column": rng.integers(0, k, entries).astype(np.int32),
        "gained": rng.integers(-3, 4, entries).astype(np.int32),
    }


def _picture(rng: np.random.Generator) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8)).save(buffer, "WEBP", quality=70)
    return buffer.getvalue()


def sizes() -> dict[str, int]:
    """Gzipped bytes of the page's script and style."""
    return {name: len(gzip.compress(asset(name).encode(), 9)) for name in ("app.js", "app.css")}


def paint(page: Any, index: Path) -> dict[str, float]:
    """Milliseconds to the first contentful paint and to the verdict being on the page, in a fresh browser."""
    page.add_init_script(OBSERVE)
    began = time.perf_counter()
    page.goto(index.as_uri())
    page.wait_for_selector("h1")
    shown = 1000 * (time.perf_counter() - began)
    first = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null")
    return {"first_contentful_paint_ms": first, "heading_on_page_ms": shown}


def _measures(page: Any, name: str) -> list[float]:
    found: list[float] = page.evaluate("(n) => performance.getEntriesByName(n, 'measure').map((e) => e.duration)", name)
    return found


def passes(page: Any, index: Path, feature: int) -> dict[str, Any]:
    """The worker's first pass over the sample and one toggle, and what the page itself was blocked for meanwhile."""
    page.goto(f"{index.as_uri()}#/mistakes")
    page.wait_for_selector(".case", timeout=60_000)
    toggles = []
    for i in range(5):
        before = len(_measures(page, "clearhead:edit"))
        page.evaluate(f"location.hash = '#/edit?cart=r{feature + i}'")
        page.wait_for_function(
            "(n) => performance.getEntriesByName('clearhead:edit', 'measure').length > n", arg=before, timeout=30_000
        )
        toggles.append(_measures(page, "clearhead:edit")[-1])
        page.wait_for_timeout(300)
    toured = tour(page, feature)
    tasks = page.evaluate("window.longTasks")
    return {
        "first_pass_ms": _measures(page, "clearhead:first-pass")[0],
        "toggle_ms_median": float(np.median(toggles)),
        "toggle_ms_worst": max(toggles),
        "longest_task_ms": max((d for _, d in tasks), default=0.0),
        "long_tasks": len(tasks),
        "longest_task_by_page_ms": toured,
    }


def tour(page: Any, feature: int) -> dict[str, float]:
    """The longest task on the page's own thread while each page is opened and drawn, and while λ moves."""
    longest = {}
    routes = ("", "classes", "class/3", "features", f"feature/{feature}", "confusion", "pair/3/9", "mistakes")
    for route in (*routes, "example/5", "edit", "compare", "provenance", "edit?h=3"):
        before = len(page.evaluate("window.longTasks"))
        page.evaluate("(r) => { location.hash = '#/' + r }", route)
        page.wait_for_selector("main h1")
        page.wait_for_timeout(1200)
        # Chromium reports a task from 50 ms on; shorter ones count as none.
        longest[route or "overview"] = max((d for _, d in page.evaluate("window.longTasks")[before:]), default=0.0)
    return longest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, help="a run folder with a report; its page is only opened, not made")
    parser.add_argument("--out", type=Path, default=Path("runs/_bench_report"))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    from playwright.sync_api import sync_playwright

    row: dict[str, Any] = {"gzipped_bytes": sizes()}
    if arguments.run:
        index = (arguments.run / "report" / "index.html").resolve()
    else:
        bundle = imagenet_sized()
        began = time.perf_counter()
        index = write_report(bundle, arguments.out.resolve())
        row["build_s"] = time.perf_counter() - began
    with sync_playwright() as playwright:
        for job in ("paint", "passes"):
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            if job == "paint":
                row |= paint(page, index)
            else:
                page.add_init_script(OBSERVE)
                row |= passes(page, index, feature=10)
            browser.close()
    if arguments.json:
        print(json.dumps(row))
    else:
        for name, value in row.items():
            print(f"{name:28s} {value if not isinstance(value, float) else round(value, 1)}")


if __name__ == "__main__":
    main()
