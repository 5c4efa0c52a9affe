"""Shards: at most one megabyte each, nothing in them can end a script, and they join to what they were."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearhead.report.shards import LIMIT, Shard, script_json, shards

TYPES = {"u1": "<u1", "u2": "<u2", "u4": "<u4", "i4": "<i4", "f4": "<f4"}


def pieces(shard: Shard) -> list[list[Any]]:
    call = shard.text.partition(".push(")[2].rstrip().removesuffix(");")
    group, part, body = json.loads(call)
    assert (group, part) == (shard.group, shard.part)
    return body


def join(parts: list[Shard]) -> dict[str, Any]:
    """What the page does with the shards of one group."""
    out: dict[str, Any] = {}
    for key, kind, value in (piece for shard in parts for piece in pieces(shard)):
        if kind == "a":
            array = np.frombuffer(base64.b64decode(value[1]), TYPES[value[0]])
            out[key] = np.concatenate([out[key], array]) if key in out else array
        elif kind == "l":
            out[key] = out.get(key, []) + value
        else:
            out[key] = value
    return out


@given(st.dictionaries(st.text(max_size=5), st.lists(st.text(max_size=20) | st.integers() | st.none(), max_size=5)))
def test_lists_survive(payload: dict[str, Any]) -> None:
    safe = json.loads(json.dumps(payload).encode("utf-8", "replace").decode())
    assert join(list(shards("g", safe))) == safe


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "int32", "float32"])
def test_long_arrays_are_cut_and_joined(dtype: str) -> None:
    array = (np.random.default_rng(0).random(1_300_001) * 200).astype(dtype)
    made = list(shards("g", {"before": 1, "a": array, "after": ["x"]}))
    assert len(made) > 1
    assert all(len(s.text.encode()) <= LIMIT for s in made)
    joined = join(made)
    np.testing.assert_array_equal(joined["a"], array)
    assert (joined["before"], joined["after"]) == (1, ["x"])


def test_long_lists_are_cut_and_joined() -> None:
    texts = ["é" * 1000 + str(i) for i in range(2000)]
    made = list(shards("g", {"texts": texts}))
    assert len(made) > 3
    assert all(len(s.text.encode()) <= LIMIT for s in made)
    assert join(made)["texts"] == texts


@pytest.mark.parametrize("text", ["</script><script>alert(1)</script>", "<!--", "\u2028\u2029", '"\\', "\ud800"])
def test_nothing_ends_the_script(text: str) -> None:
    made = script_json(text)
    assert "<" not in made
    assert not {"\u2028", "\u2029"} & set(made)
    made.encode("utf-8")


def test_not_a_number_becomes_null() -> None:
    assert script_json([float("nan"), float("inf"), 1.5]) == "[null,null,1.5]"
