"""``clearhead demo --json``: the promised keys, each a number that was computed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from clearhead.core.finding import Finding


def test_the_demo_tells_its_story(tmp_path: Path, call: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = call("demo", "--out", str(tmp_path / "demo"), "--quiet", "--json")
    assert code == 0, err
    story = json.loads(out)
    before, after, reference = (
        story[key] for key in ("accuracy_without_mark_before", "accuracy_without_mark_after", "accuracy_reference")
    )
    assert before < after <= 1
    assert before < reference <= 1
    assert after - before >= 0.5 * (reference - before)
    assert len(story["suspect_features"]) == 3
    assert all(name.startswith("feature ") for name in story["suspect_features"])
    assert Path(story["report"]).read_text(encoding="utf-8").startswith("<!doctype html>")
    removed = json.loads((Path(story["mended_run"]) / "edits.json").read_text(encoding="utf-8"))
    assert len(removed if isinstance(removed, list) else removed["edits"]) == len(story["removed_features"]) > 0
    page = Finding.load(Path(story["mended_run"]) / "findings" / "story.json")
    assert [r["feature"] for r in page.tables["suspects"].rows()] == story["suspect_features"]
    assert all(row["examples"] for row in page.tables["suspects"].rows())
    assert page.numbers["after, without mark"].value == after
    shipped = "".join(p.read_text("utf-8") for p in (Path(story["report"]).parent / "data").glob("*.js"))
    assert page.title in shipped
    assert f"{after:.1%} unmarked" in shipped
