"""Each task as a person does it, in Chromium: with and without JavaScript, by keyboard, on a phone; axe-core clean."""

from __future__ import annotations

import os
import re
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from clearhead.study.exchange import read_bundle, write_bundle
from clearhead.study.settings import ServerSettings
from clearhead.study.tasks import Exhibits

from .conftest import Served

pytestmark = pytest.mark.browser
CHROMIUM = Path("/usr/bin/chromium")
ROOT = Path(__file__).resolve().parents[3]
KINDS = ["simulate", "spurious", "misclassification"]
PHONE = {"width": 375, "height": 720}
DESK = {"width": 1200, "height": 900}


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM.exists():
        pytest.skip("Debian's chromium is not installed")
    with playwright.sync_playwright() as p:
        chromium = p.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def axe():
    """axe-core's source, from the page's own tools."""
    path = ROOT / "web/node_modules/axe-core/axe.min.js"
    if not path.is_file():
        pytest.skip("axe-core is not installed (npm ci --ignore-scripts in web/)")
    return path.read_text()


def pictures(world) -> Exhibits:
    """Coloured shapes, so that screenshots show something."""
    y, x = np.mgrid[0:64, 0:64]

    def shape(i: int) -> np.ndarray:
        rng = np.random.default_rng(i)
        colour, centre = rng.integers(60, 255, 3), rng.integers(16, 48, 2)
        inside = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 < rng.integers(80, 500) if i % 2 else (x + y + i) % 16 < 8
        return np.where(inside[..., None], colour, 30).astype(np.uint8)

    return Exhibits(image=shape, feature_pictures={j: [shape(1000 + j)] for j in range(24)})


@pytest.fixture(params=KINDS)
def live(request, world, tmp_path):
    """A study of each kind, served on loopback by a real server."""
    import uvicorn

    kind = request.param
    small = {"classes": 2, "repeats": 1} if kind == "simulate" else {"pairs": 1} if kind == "spurious" else {"tasks": 2}
    settings = ServerSettings(timing=True, contact="study@example.org")
    served = Served(world, tmp_path, kind, settings=settings, exhibits=pictures(world), **small)
    served.kind = kind
    server = uvicorn.Server(uvicorn.Config(served.app, host="127.0.0.1", port=0, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    served.base = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    yield served
    server.should_exit = True
    thread.join()
    served.close()


def link(live) -> str:
    ((_, secret),) = live.store.people.invite(1)
    return f"{live.base}/join/{secret}"


def press(page, name: str) -> None:
    """Press a button that opens a page, and wait until that page has loaded."""
    with page.expect_navigation(wait_until="load"):
        page.get_by_role("button", name=name).click()


def fill(page, kind) -> None:
    """Fill the open task with the mouse."""
    if kind == "simulate":
        page.locator("input[name=choice]").nth(1).check()
    elif kind == "spurious":
        page.locator("input[name=pattern][value=yes]").check()
        page.locator("#description").fill("red stripes")
        page.locator("input[name=where_a][value=object]").check()
        page.locator("input[name=where_b][value=surroundings]").check()
    else:
        for box in page.locator("input[name=matches]").all():
            box.check()
        page.locator("input[name=best][value=b]").check()
    page.locator("input[name=confidence][value='2']").check()


def answer(page, kind) -> None:
    """Answer the open task, and wait for what comes next."""
    fill(page, kind)
    press(page, "Save and continue")


def fits(page) -> bool:
    """Nothing is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def shot(page, name: str) -> None:
    """A screenshot to look at, where a folder for them is named."""
    if folder := os.environ.get("CLEARHEAD_SHOTS"):
        page.wait_for_load_state("networkidle")
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


@pytest.mark.parametrize("javascript", [True, False], ids=["js", "no-js"])
def test_a_person_does_the_whole_study(browser, live, javascript):
    context = browser.new_context(java_script_enabled=javascript, viewport=DESK)
    page = context.new_page()
    problems = []
    page.on("console", lambda m: problems.append(m.text) if m.type in ("error", "warning") else None)
    page.goto(link(live))
    assert "/join/" not in page.url
    press(page, "I have read this")
    while "/done" not in page.url:
        for image in page.locator("img").all():
            if javascript:
                assert image.evaluate("e => e.decode().then(() => e.naturalWidth)") == 64
        answer(page, live.kind)
    assert re.fullmatch(r"[0-9A-F]{10}", page.locator(".code").inner_text())
    answers = live.store.results.answers()
    assert len(answers) == len(live.study.tasks)
    assert all(a.values["confidence"] == 2 for a in answers)
    assert all((a.seconds is not None) == javascript for a in answers)
    assert problems == []
    context.close()


def test_by_keyboard_alone(browser, live):
    context = browser.new_context(viewport=DESK)
    page = context.new_page()
    page.goto(link(live))
    key = page.keyboard.press
    key("Tab")  # skip link
    key("Tab")
    key("Enter")  # consent
    page.wait_for_url("**/task/**")
    first = page.url
    key({"simulate": "b", "spurious": "n", "misclassification": "a"}[live.kind])
    key("2")
    for _ in range(40):
        key("Tab")
        if page.evaluate("document.activeElement.value") == "save":
            break
    key("Enter")
    page.wait_for_url(lambda url: url != first)
    (stored,) = live.store.results.answers()
    expected = {"simulate": ("choice", "b"), "spurious": ("pattern", "no"), "misclassification": ("matches", ["a"])}
    name, value = expected[live.kind]
    assert stored.values[name] == value
    assert stored.values["confidence"] == 2
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_phone_and_axe_finds_nothing(browser, live, axe, scheme):
    for size, name in ((PHONE, "phone"), (DESK, "desk")):
        context = browser.new_context(viewport=size, color_scheme=scheme)
        page = context.new_page()
        page.goto(link(live))

        def check(what, page=page, name=name):
            shot(page, f"{live.kind}-{what}-{name}-{scheme}")
            assert fits(page), what
            page.evaluate(axe)
            found = page.evaluate("axe.run().then(r => r.violations.map(v => v.id + ': ' + v.nodes[0].html))")
            assert found == [], what

        check("consent")
        press(page, "I have read this")
        check("task")
        press(page, "Save and continue")
        check("not-complete")
        assert page.get_by_role("alert").is_visible()
        answer(page, live.kind)
        page.goto(f"{live.base}/answers")
        check("answers")
        page.goto(f"{live.base}/withdraw")
        check("withdraw")
        page.goto(f"{live.base}/task")
        while "/done" not in page.url:
            answer(page, live.kind)
        check("done")
        page.goto(f"{live.base}/admin/login")
        check("login")
        page.locator("#token").fill(live.admin_token)
        press(page, "Enter")
        press(page, "Make links")
        check("admin")
        context.close()


def test_a_draft_survives_a_reload(browser, live):
    context = browser.new_context()
    page = context.new_page()
    page.goto(link(live))
    press(page, "I have read this")
    page.locator("input[name=confidence][value='3']").check()
    page.reload()
    assert page.locator("input[name=confidence][value='3']").is_checked()
    context.close()


def test_the_bundle_opens_from_disk_and_its_answers_come_back(browser, live, tmp_path):
    out = tmp_path / "bundle"
    write_bundle(live.study, live.folder, out, consent="Taking part is voluntary.")
    context = browser.new_context(accept_downloads=True, viewport=PHONE)
    page = context.new_page()
    problems = []
    page.on("console", lambda m: problems.append(m.text) if m.type in ("error", "warning") else None)
    page.goto((out / "index.html").as_uri())
    page.locator("#annotator").fill("anna")
    page.get_by_role("button", name="Begin").click()
    page.get_by_role("button", name="Save and continue").click()
    assert "nothing is selected" in page.get_by_role("alert").inner_text()
    shot(page, f"{live.kind}-bundle-phone")
    for _ in live.study.tasks:
        assert fits(page)
        fill(page, live.kind)
        page.get_by_role("button", name="Save and continue").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save my answers").click()
    download.value.save_as(tmp_path / "answers.json")
    found = read_bundle(live.study, tmp_path / "answers.json")
    assert [(a.task, a.annotator) for a in found] == [(t.id, "anna") for t in live.study.tasks]
    assert all(a.values["confidence"] == 2 for a in found)
    assert problems == []
    context.close()
