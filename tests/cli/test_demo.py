"""``clearhead demo --json``: the promised keys, each a number that was computed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path


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
