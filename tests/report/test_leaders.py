"""The worker's record of who leads each row equals a scan of all scores after any changes, ties included."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

WEB = Path(__file__).resolve().parents[2] / "web"

SCRIPT = """
const n = 300, k = 12, logits = new Float64Array(n * k);
let seed = 1;
const random = (m) => { seed = (seed * 16807) % 2147483647; return seed % m; };
for (let i = 0; i < n * k; i++) logits[i] = random(6);
const kept = new made.Leaders(logits, n, k);
const wrong = [];
for (let turn = 0; turn < 200; turn++) {
  const classes = [...new Set(Array.from({ length: random(5) }, () => random(k)))];
  for (const c of classes) for (let i = 0; i < n; i++) if (random(3)) logits[c * n + i] = random(6);
  kept.follow(logits, classes);
  const { best, margin } = kept.answer();
  for (let i = 0; i < n; i++) {
    const row = Array.from({ length: k }, (_, c) => logits[c * n + i]);
    const [first, second] = [...row].sort((a, b) => b - a);
    if (best[i] !== row.indexOf(first) || margin[i] !== first - second) wrong.push([turn, i]);
  }
}
console.log(JSON.stringify(wrong));
"""


@pytest.mark.skipif(
    shutil.which("node") is None or not (WEB / "node_modules" / ".bin" / "esbuild").exists(),
    reason="the page's own tools are not installed (npm ci in web/)",
)
def test_leaders_follow_any_change(tmp_path: Path) -> None:
    built = tmp_path / "leaders.js"
    esbuild = [WEB / "node_modules" / ".bin" / "esbuild", WEB / "src" / "model" / "leaders.ts"]
    subprocess.run([*esbuild, "--format=iife", "--global-name=made", "--bundle", f"--outfile={built}"], check=True)
    answer = subprocess.run(["node", "-e", built.read_text() + SCRIPT], check=True, capture_output=True, text=True)
    assert json.loads(answer.stdout) == []
