"""The folder that a bundle becomes."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clearhead.core.errors import InputError, SettingError, UntrustedError
from clearhead.core.finding import Estimate, Finding, Table
from clearhead.report.bundle import Bundle
from clearhead.report.page import write_report
from clearhead.report.shards import LIMIT

Make = Callable[..., Bundle]


def test_a_folder_with_an_index_and_small_shards(make_bundle: Make, tmp_path: Path) -> None:
    index = write_report(make_bundle(), tmp_path / "report")
    assert index == tmp_path / "report" / "index.html"
    files = {f.relative_to(index.parent).as_posix() for f in index.parent.rglob("*") if f.is_file()}
    assert {"index.html", "app.js", "app.css", "data/manifest.0.js", "data/examples.0.js"} <= files
    assert all(f.stat().st_size <= LIMIT for f in (index.parent / "data").iterdir())


def test_the_page_asks_nothing_of_the_network(make_bundle: Make, tmp_path: Path) -> None:
    text = write_report(make_bundle(), tmp_path).read_text()
    assert "default-src 'none'" in text
    assert not re.search(r"https?://", text)


def test_names_are_escaped(make_bundle: Make, tmp_path: Path) -> None:
    title = '<script>alert("x")</script>'
    text = write_report(make_bundle(title=title), tmp_path).read_text()
    assert title not in text
    assert "&lt;script&gt;" in text
    assert "<script>alert" not in (tmp_path / "data" / "manifest.0.js").read_text()


def test_an_earlier_report_is_replaced(digits: Bundle, make_bundle: Make, tmp_path: Path) -> None:
    write_report(digits, tmp_path)
    assert (tmp_path / "thumbs").is_dir()
    write_report(make_bundle(), tmp_path)
    assert not (tmp_path / "thumbs").exists()


def test_findings_of_any_kind_are_carried(make_bundle: Make, tmp_path: Path) -> None:
    finding = Finding(
        kind="never_seen",
        title="Something new",
        sentence="It is new.",
        numbers={"share": Estimate(0.5, 0.4, 0.6, 100, "wilson"), "n": 3},
        tables={"things": Table({"name": ["a"], "value": [1.5]})},
        caveats=("Mind it.",),
    )
    write_report(make_bundle(findings=[finding]), tmp_path)
    shard = (tmp_path / "data" / "finding-0.0.js").read_text()
    assert "table/things/name" in shard
    assert "Mind it." in shard


def test_a_picture_of_no_known_kind_is_refused(make_bundle: Make, tmp_path: Path) -> None:
    with pytest.raises(UntrustedError, match="neither PNG"):
        write_report(make_bundle(media={"x": b"<svg onload=alert(1)>"}), tmp_path)


def test_a_selected_head_that_is_not_there(make_bundle: Make) -> None:
    with pytest.raises(InputError, match="not among"):
        make_bundle(selected=99)


def test_one_file_holds_everything(digits: Bundle, tmp_path: Path) -> None:
    index = write_report(digits, tmp_path, single_file=True)
    assert [f.name for f in tmp_path.iterdir()] == ["index.html"]
    text = index.read_text()
    assert "data:image/png;base64," in text
    assert "'self'" not in text.partition("</head>")[0]
    assert text.count("<script>") == text.count("</script>")


def test_a_large_single_file_is_warned_of_and_a_huge_one_refused(
    make_bundle: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clearhead.report.page.WARN_BYTES", 1000)
    with pytest.warns(UserWarning, match="faster"):
        write_report(make_bundle(), tmp_path, single_file=True)
    monkeypatch.setattr("clearhead.report.page.MOST_BYTES", 1000)
    with pytest.raises(SettingError, match="too large"):
        write_report(make_bundle(), tmp_path, single_file=True)
    with pytest.warns(UserWarning, match="faster"):
        write_report(make_bundle(), tmp_path, single_file=True, force=True)


def test_memory_does_not_grow_with_the_examples(make_bundle: Make, tmp_path: Path) -> None:
    peaks = {}
    for n in (600, 6000):
        bundle = make_bundle(n=n, p=400, k=6)
        wide = np.random.default_rng(0).normal(size=(n, 300)).astype(np.float32)
        features = np.arange(300)
        heads = [replace(h, feature=h.feature % 300) for h in bundle.heads]
        bundle = replace(bundle, heads=heads, examples=replace(bundle.examples, features=features, values=wide))
        tracemalloc.start()
        write_report(bundle, tmp_path / str(n))
        peaks[n] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    # Ten times the rows are 6.5 MB more of values; a copy of them alone would show.
    assert peaks[6000] < peaks[600] + 6_000_000
