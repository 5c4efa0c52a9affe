"""The page in a real browser, from ``file://``: every page, the slider, the switches, the cart, keys, widths, axe."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from clearhead.core.finding import Estimate, Finding, Table
from clearhead.core.scaling import Standardizer
from clearhead.head import SparseHead, apply_edits, read_edits
from clearhead.report.bundle import Bundle, Explanation, Head
from clearhead.report.page import write_report
from clearhead.report.removals import removals

from .kinds import KINDS

pytestmark = pytest.mark.browser

CHROMIUM = Path("/usr/bin/chromium")
AXE = Path(__file__).resolve().parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
Make = Callable[..., Bundle]


def until(page: Any, condition: str, seconds: float = 20.0) -> None:
    """Wait for a condition; the page's own policy forbids the evaluation that Playwright's waiting needs."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < end, f"never became true: {condition}"
        page.wait_for_timeout(30)


class Visitor:
    """One browser page that remembers everything it should not have seen."""

    def __init__(self, page: Any) -> None:
        self.page, self.complaints = page, []
        page.on("console", lambda m: m.type in ("error", "warning") and self.complaints.append(m.text))
        page.on("pageerror", lambda e: self.complaints.append(str(e)))
        page.on("dialog", lambda d: self.complaints.append(f"dialog {d.message}"))
        page.on("request", self._request)

    def _request(self, request: Any) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            self.complaints.append(f"request to {request.url}")

    def open(self, index: Path, route: str = "#/") -> Any:
        self.page.goto("about:blank")
        self.page.goto(index.as_uri() + route)
        self.page.wait_for_selector("main h1")
        until(self.page, "!document.querySelector('main .waiting')")
        return self.page


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not CHROMIUM.exists():
        pytest.skip("Debian's chromium is not installed: apt-get install chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@pytest.fixture
def visitor(browser: Any, request: pytest.FixtureRequest) -> Iterator[Visitor]:
    asked = {"viewport": {"width": 1280, "height": 900}, **getattr(request, "param", {})}
    context = browser.new_context(accept_downloads=True, **asked)
    visitor = Visitor(context.new_page())
    yield visitor
    context.close()
    assert visitor.complaints == []


FINDING = Finding(
    kind="never_seen",
    title="A kind of finding that no section knows",
    sentence="Two features matter.",
    numbers={"share": Estimate(0.5, 0.4, 0.6, 100, "wilson"), "count": 2},
    tables={
        "things": Table(
            {
                "feature": [10, 20],
                "class": ["three", "two"],
                "value": [0.5, 0.3],
                "low": [0.4, 0.1],
                "high": [0.6, 0.5],
                "rows": [[1, 2], [3]],
            }
        )
    },
    caveats=("Suspicious is not spurious.",),
    settings={"k": 5},
)


@pytest.fixture(scope="module")
def full(digits: Bundle) -> Bundle:
    """The digits with everything that a page can hold."""
    n = len(digits.examples)
    network = np.where(np.arange(n) % 20 == 0, (digits.examples.labels + 1) % 10, digits.examples.labels)
    uniform = np.array([s == "test" for s in digits.examples.split])
    examples = replace(digits.examples, network=network, row=np.arange(n), uniform=uniform)
    head = sparse_head(digits)
    tested = torch.as_tensor(np.flatnonzero(uniform))
    raw = torch.zeros(n, 64, dtype=torch.float64)
    raw[:, digits.examples.features] = torch.as_tensor(digits.examples.values).double()
    made = removals(head, torch_rows(raw[tested]), torch.as_tensor(digits.examples.labels)[tested])
    before = replace(digits, title="before the repair", selected=9)
    return replace(digits, examples=examples, findings=[FINDING], removals=made, against=before)


def torch_rows(values: torch.Tensor) -> Any:
    from clearhead.core.rows import TensorRows

    return TensorRows(values)


def sparse_head(bundle: Bundle) -> SparseHead:
    weight = torch.zeros(len(bundle.feature_names), len(bundle.class_names), dtype=torch.float64)
    weight[bundle.head.feature, bundle.head.column] = torch.as_tensor(bundle.head.weight).double()
    return SparseHead(
        weight,
        torch.as_tensor(bundle.head.intercept).double(),
        Standardizer.identity(len(weight)),
        class_names=bundle.class_names,
        feature_names=bundle.feature_names,
    )


@pytest.fixture(scope="module")
def index(full: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(full, tmp_path_factory.mktemp("report"))


ROUTES = (
    "#/",
    "#/classes",
    "#/class/3",
    "#/features",
    "#/feature/21",
    "#/confusion",
    "#/pair/3/9",
    "#/mistakes",
    "#/example/5",
    "#/findings",
    "#/finding/0",
    "#/edit",
    "#/edit?cart=r20~s21*0.5~c30@2_3*0.1~m10>12",
    "#/compare",
    "#/compare?b=network",
    "#/compare?b=2",
    "#/provenance",
)


@pytest.mark.parametrize("visitor", [{}, {"color_scheme": "dark"}], indirect=True, ids=["light", "dark"])
def test_every_page_is_quiet_and_axe_finds_nothing_serious(visitor: Visitor, index: Path) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed: npm --prefix web ci --ignore-scripts")
    axe = AXE.read_text(encoding="utf-8")
    for route in ROUTES:
        page = visitor.open(index, route)
        page.evaluate(axe)
        found = page.evaluate(
            "axe.run(document, {resultTypes: ['violations'], preload: false}).then((r) => r.violations)"
        )
        serious = [
            (v["id"], [n["html"][:160] for n in v["nodes"][:3]])
            for v in found
            if v["impact"] in ("serious", "critical")
        ]
        assert serious == [], route


@pytest.mark.parametrize(
    "visitor",
    [{"viewport": {"width": 360, "height": 740}}, {"viewport": {"width": 3840, "height": 2160}}],
    indirect=True,
    ids=["phone", "4K"],
)
def test_no_page_is_wider_than_the_screen(visitor: Visitor, index: Path) -> None:
    for route in ROUTES:
        page = visitor.open(index, route)
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, route


def test_a_page_that_is_not_there(visitor: Visitor, index: Path) -> None:
    for route in (
        "#/nowhere",
        "#/class/99",
        "#/feature/0",
        "#/example/99999",
        "#/finding/7",
        "#/pair/3/x",
        "#/%E0%A4%A",
    ):
        assert visitor.open(index, route).locator("main h1").count() == 1


def test_the_browser_predicts_what_python_does(visitor: Visitor, index: Path, full: Bundle) -> None:
    page = visitor.open(index)
    for i, head in enumerate(full.heads):
        page.evaluate(f"location.hash = '#/?h={i}'")
        ours = np.array(page.evaluate("window.clearheadPage.predictions()"))
        scores = head.scores(full.examples.values, full.examples.features)
        two = np.sort(scores, 1)[:, -2:]
        clear = two[:, 1] - two[:, 0] > 1e-3
        np.testing.assert_array_equal(ours[clear], scores.argmax(1)[clear])
        assert clear.mean() > 0.99 or i == 0


def test_the_slider_moves_every_page(visitor: Visitor, index: Path) -> None:
    page = visitor.open(index, "#/class/3")
    before = page.locator(".feature-row").count()
    page.locator("#lambda").focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    until(page, f"document.querySelectorAll('.feature-row').length < {before}")
    assert "h=3" in page.url
    page.get_by_role("link", name="Overview").click()
    assert "h=3" in page.url
    page.get_by_role("button", name="selected", exact=True).click()
    until(page, "!location.hash.includes('h=')")


def test_a_switch_flips_the_answer(visitor: Visitor, index: Path, full: Bundle) -> None:
    page = visitor.open(index, "#/example/5")
    before = page.locator("h1.answer").inner_text()
    page.get_by_role("button", name="Switch off the deciding").click()
    page.wait_for_selector("h1.answer s")
    after = page.locator("h1.answer").inner_text()
    assert after != before
    off = [int(j) for j in page.url.partition("off=")[2].partition("&")[0].split(",")]
    values = full.examples.values[5:6].copy()
    values[:, np.isin(full.examples.features, off)] = 0
    flipped = int(full.head.scores(values, full.examples.features).argmax(1)[0])
    assert after.endswith(full.class_names[flipped])
    page.get_by_role("button", name="All on again").click()
    until(page, "!document.querySelector('h1.answer s')")
    # And one by hand.
    page.locator(".switches input").first.uncheck()
    assert "off=" in page.url


def test_the_cart_becomes_edits_that_python_applies(
    visitor: Visitor, index: Path, full: Bundle, tmp_path: Path
) -> None:
    page = visitor.open(index, "#/class/3")
    page.get_by_role("button", name="Remove here").first.click()
    page.goto(page.url.replace("#/class/3", "#/feature/21"))
    page.get_by_role("button", name="Remove from all classes").click()
    page.get_by_role("link", name="Edit (2)").click()
    page.wait_for_selector("text=What the edits do")
    page.wait_for_selector("text=Accuracy after")
    shown = page.locator(".facts dd").nth(1).inner_text()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save edits.json").click()
    waiting.value.save_as(tmp_path / "edits.json")
    edits = read_edits(tmp_path / "edits.json")
    assert [(e.feature, e.action, e.classes) for e in edits][1] == (21, "remove", None)
    assert edits[0].classes == (3,)
    after = apply_edits(sparse_head(full), edits)
    raw = torch.zeros(len(full.examples), 64, dtype=torch.float64)
    raw[:, full.examples.features] = torch.as_tensor(full.examples.values).double()
    test = np.array([s == "test" for s in full.examples.split])
    right = (after.predict(raw).numpy() == full.examples.labels)[test].mean()
    assert shown == f"{100 * right:.1f}%"


def test_the_exact_effect_of_a_removal_is_quoted(visitor: Visitor, index: Path) -> None:
    page = visitor.open(index, "#/feature/21")
    assert "points on test" in page.locator(".cart-button").inner_text()
    page = visitor.open(index, "#/edit")
    assert page.locator("text=Removing one feature").count() == 1


def test_keys(visitor: Visitor, index: Path) -> None:
    page = visitor.open(index, "#/class/3")
    page.keyboard.press("j")
    page.wait_for_selector("h1 >> text=four")
    page.keyboard.press("k")
    page.wait_for_selector("h1 >> text=three")
    page.keyboard.press("ArrowRight")
    until(page, "location.hash.includes('h=')")
    page.keyboard.press("?")
    page.wait_for_selector("dialog.help[open]")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog.help[open]", state="detached")
    page.keyboard.press("x")
    page.wait_for_selector("img.covered")
    page.keyboard.press("g")
    page.keyboard.press("m")
    page.wait_for_selector(".case")
    page.keyboard.press("/")
    until(page, "document.activeElement.matches('dialog.search input')")
    page.keyboard.type("seve")
    page.wait_for_selector("#hits li[aria-selected=true] >> text=seven")
    page.keyboard.press("Enter")
    until(page, "location.hash.includes('/class/7')")


def test_charts_are_saved(visitor: Visitor, index: Path, tmp_path: Path) -> None:
    page = visitor.open(index, "#/")
    for kind, holds in (("CSV", "lambda,features_per_class"), ("JSON", '"features_per_class"'), ("SVG", "<svg")):
        with page.expect_download() as waiting:
            page.get_by_role("button", name=f"Accuracy against features a class: save as {kind}").click()
        waiting.value.save_as(tmp_path / kind)
        assert holds in (tmp_path / kind).read_text(encoding="utf-8")


def test_one_file_works_alone(visitor: Visitor, full: Bundle, tmp_path: Path) -> None:
    index = write_report(full, tmp_path, single_file=True)
    for route in ("#/", "#/mistakes", "#/example/5", "#/feature/21"):
        page = visitor.open(index, route)
    assert page.locator(".thumb img").count() > 0


HOSTILE = (
    "<script>alert(1)</script>",
    "\"quotes\" & 'more' <b>",
    "x" * 500,
    "שלום עולם مرحبا",
    "🦜🏳️‍🌈 emoji",
    "</script><img src=x onerror=alert(2)>",
    "../../etc/passwd",
    "=cmd|' /C calc'!A0",
)


def test_hostile_names_are_only_names(visitor: Visitor, make_bundle: Make, tmp_path: Path) -> None:
    bundle = make_bundle(
        k=len(HOSTILE),
        p=30,
        title=HOSTILE[0],
        class_names=list(HOSTILE),
        feature_names=[f"{HOSTILE[j % len(HOSTILE)]} {j}" for j in range(30)],
        findings=[replace(FINDING, title=HOSTILE[5], sentence=HOSTILE[0], caveats=HOSTILE)],
        provenance={HOSTILE[0]: {HOSTILE[1]: HOSTILE[5]}},
    )
    feature = bundle.head.feature[0]
    index = write_report(bundle, tmp_path)
    for route in ("#/", "#/class/2", f"#/feature/{feature}", "#/confusion", "#/pair/0/1", "#/mistakes", "#/example/3"):
        page = visitor.open(index, route)
        assert page.locator("main script, main b, main img[src=x]").count() == 0
    for route in ("#/finding/0", f"#/edit?cart=r{feature}", "#/compare", "#/provenance", f"#/class/{HOSTILE[0]}"):
        visitor.open(index, route)


def test_hostile_texts(visitor: Visitor, make_bundle: Make, tmp_path: Path) -> None:
    bundle = make_bundle(kind="text")
    texts = [HOSTILE[i % len(HOSTILE)] for i in range(len(bundle.examples))]
    bundle = replace(bundle, examples=replace(bundle.examples, texts=texts), sensitive=True)
    index = write_report(bundle, tmp_path)
    page = visitor.open(index, "#/mistakes")
    assert page.locator(".sentence.covered").count() > 0
    page.get_by_role("button", name="Uncover").click()
    until(page, "!document.querySelector('.sentence.covered')")
    visitor.open(index, f"#/feature/{bundle.head.feature[0]}")
    visitor.open(index, "#/example/1")


@pytest.mark.parametrize(
    "case", ["no findings", "one class", "missing pictures", "empty head", "two classes", "labels"]
)
def test_runs_with_holes(visitor: Visitor, make_bundle: Make, digits: Bundle, tmp_path: Path, case: str) -> None:
    index = write_report(HOLES[case](make_bundle, digits), tmp_path)
    for route in ("#/", "#/classes", "#/class/0", "#/features", "#/confusion", "#/mistakes", "#/example/0"):
        visitor.open(index, route)
    for route in ("#/edit", "#/compare", "#/provenance", "#/findings"):
        visitor.open(index, route)


def _empty(make: Make, digits: Bundle) -> Bundle:
    none = np.zeros(0, int)
    bundle = make()
    heads = [Head(none, none, np.zeros(0), np.zeros(6), point=0)]
    examples = replace(bundle.examples, features=none, values=np.zeros((len(bundle.examples), 0)))
    return replace(bundle, heads=heads, selected=0, path=[], examples=examples)


def _one(make: Make, digits: Bundle) -> Bundle:
    bundle = make()
    heads = [Head(np.array([0]), np.array([0]), np.array([1.0 + i]), np.zeros(1), point=i) for i in range(5)]
    n = len(bundle.examples)
    examples = replace(bundle.examples, labels=np.ones((n, 1), int), features=np.array([0]), values=np.ones((n, 1)))
    return replace(bundle, class_names=["only"], heads=heads, dense=None, examples=examples)


def _two(make: Make, digits: Bundle) -> Bundle:
    bundle = make(k=2, explanations={0: [Explanation("words", "w", words=(("good", 1.0),))]})
    heads = [Head.from_matrix(np.eye(30, 1) * (i + 1), np.array([0.1]), point=i) for i in range(5)]
    features = np.array([0])
    examples = replace(bundle.examples, features=features, values=bundle.examples.values[:, :1])
    return replace(bundle, heads=heads, examples=examples, dense=None)


def _labels(make: Make, digits: Bundle) -> Bundle:
    bundle = make(kind="text")
    labels = (np.arange(len(bundle.examples))[:, None] % np.array([2, 3, 5, 7, 11, 13]) == 0).astype(int)
    texts = [f"text {i}" for i in range(len(labels))]
    return replace(bundle, examples=replace(bundle.examples, labels=labels, texts=texts))


HOLES: dict[str, Callable[[Make, Bundle], Bundle]] = {
    "no findings": lambda make, digits: make(findings=[], dense=None, path=[], provenance={}),
    "one class": _one,
    "missing pictures": lambda make, digits: replace(
        digits, examples=replace(digits.examples, thumbnails=[None] * len(digits.examples))
    ),
    "empty head": _empty,
    "two classes": _two,
    "labels": _labels,
}


def test_a_missing_shard_is_said(browser: Any, digits: Bundle, tmp_path: Path) -> None:
    index = write_report(digits, tmp_path)
    (tmp_path / "data" / "examples.0.js").unlink()
    page = browser.new_page()
    page.goto(index.as_uri())
    page.wait_for_selector("[role=alert]")
    assert "examples.0.js" in page.locator("[role=alert]").inner_text()
    page.close()


def test_findings_of_every_kind_are_drawn(visitor: Visitor, full: Bundle, tmp_path: Path) -> None:
    index = write_report(replace(full, findings=KINDS), tmp_path)
    page = visitor.open(index, "#/findings")
    assert page.locator(".finding-list li").count() == len(KINDS)
    for number, finding in enumerate(KINDS):
        page = visitor.open(index, f"#/finding/{number}")
        assert page.locator("main h1").inner_text() == finding.title
        assert page.locator("main table").count() >= len(finding.tables)
    drawn = {"suspects": ".feature-row .thumb", "spurious": ".two-strips .thumb", "counterfactual_text": ".quote ins"}
    drawn |= {"ordering": ".weight-path", "repair": ".estimate", "confusion": ".dots", "label_tradeoff": ".series"}
    drawn |= {"study_simulate": "meter", "bias_words": ".estimate", "bias_errors": ".estimate", "compare": ".band-row"}
    drawn |= {"counterfactual_image": ".estimate", "study_spurious": ".words .plus"}
    drawn |= {"rehearsed_misclassification": ".judged .thumb"}
    for kind, what in drawn.items():
        page = visitor.open(index, f"#/finding/{[f.kind for f in KINDS].index(kind)}")
        assert page.locator(what).count() > 0, kind
    page = visitor.open(index, "#/feature/21")
    assert page.locator("text=lovely").count() == 1
    assert page.locator("text=About suspects").count() == 1
    page.keyboard.press("/")
    until(page, "document.activeElement.matches('dialog.search input')")
    page.keyboard.type("drear")
    page.wait_for_selector("#hits li >> text=dreary")
