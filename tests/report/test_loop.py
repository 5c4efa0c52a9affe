"""The whole loop on a real run: look, edit in the browser, apply, and see the proof on the next page."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clearhead.core.progress import Silent
from clearhead.runs.demo import demo
from clearhead.runs.run import Run

from .test_browser import AXE, CHROMIUM, Visitor, until

pytestmark = pytest.mark.browser


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    if not CHROMIUM.exists():
        pytest.skip("Debian's chromium is not installed: apt-get install chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        visitor = Visitor(browser.new_page(viewport={"width": 1280, "height": 900}))
        yield visitor
        browser.close()
    assert visitor.complaints == []


def clearhead(*arguments: object) -> dict[str, Any]:
    command = [sys.executable, "-m", "clearhead", *map(str, arguments), "--json", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def accessible(page: Any) -> None:
    if not AXE.exists():  # the rest of the loop is worth walking all the same; test_browser says what is missing
        return
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations'], preload: false}).then((r) => r.violations)")
    assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []


def test_from_a_look_to_a_proven_edit(visitor: Visitor, tmp_path: Path) -> None:
    folder, mended = tmp_path / "demo", tmp_path / "mended"
    demo(folder, Silent())
    index = folder / "report" / "index.html"

    # The selected head is a certified point of the path, though it was solved again more exactly.
    page = visitor.open(index)
    page.wait_for_selector(".mark-name >> text=selected")
    assert "edited" not in page.locator("main").inner_text()

    # λ moves the pages; a switch turns an answer.
    page = visitor.open(index, "#/mistakes")
    page.locator("#lambda").focus()
    page.keyboard.press("ArrowLeft")
    until(page, "location.hash.includes('h=')")
    page.locator(".case").first.click()
    page.get_by_role("button", name="Switch off the deciding").click()
    page.wait_for_selector("h1.answer s")
    accessible(page)

    # One feature goes into the cart of the selected head, and from there into a file.
    run = Run(folder)
    feature = int(run.head.used()[0])
    page = visitor.open(index, f"#/feature/{feature}")
    page.get_by_role("button", name="Remove from all classes").click()
    page.get_by_role("link", name="Edit (1)").click()
    page.wait_for_selector("text=Accuracy after")
    accessible(page)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save edits.json").click()
    waiting.value.save_as(tmp_path / "edits.json")

    # The file makes another run, whose page shows what changed beside the first.
    clearhead("edit", folder, "--edits", tmp_path / "edits.json", "--out", mended)
    answer = clearhead("report", mended, "--against", folder)
    assert feature not in Run(mended).head.used().tolist()
    page = visitor.open(Path(answer["report"]).resolve(), "#/compare")
    assert page.locator(f".band-row:has-text('Lost') a.chip[href='#/feature/{feature}']").count() == 1
    assert page.locator("text=On the same examples").count() == 1
    accessible(page)
