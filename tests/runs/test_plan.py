"""A fit planned before there is data: what fits, what does not, and how its cost grows."""

from __future__ import annotations

import dataclasses
import json

import pytest

from clearhead.core.errors import SettingError
from clearhead.glm.room import Kept
from clearhead.runs.plan import plan
from clearhead.runs.roofline import Rate, Roofline, data_sheet
from clearhead.runs.workload import Job, steps_at, working_share

H200 = data_sheet("H200")
# One unit of each kernel takes a nanosecond for every output.
FLAT = Roofline(
    device="flat",
    measured=True,
    threads=1,
    memory=16 << 30,
    read=4e9,
    gemm=1e11,
    disk=1e9,
    widen=1e9,
    link=1e9,
    overhead=0.0,
    rates=[Rate(kind, k, 1, 1e-9 * k) for kind in ("times", "against", "softmax", "descent") for k in (1, 8, 16)],
)
SMALL = Job(n=100_000, p=1000, k=10)


def test_small_jobs_stay_in_memory() -> None:
    answer = plan(SMALL, FLAT)
    assert answer.form == "dense"
    assert answer.memory["features"] == 4 * 100_000 * 1000
    assert sum(answer.memory.values()) <= answer.budget
    assert answer.traffic["between ranks"] == answer.traffic["disk"] == 0
    assert not answer.advice


def test_products_cost_what_the_rates_say() -> None:
    answer = plan(SMALL, FLAT)
    certificates = answer.reads / 2
    # Ten outputs are computed in registers of sixteen: 16 ns an element, once forward and once back.
    assert answer.seconds["products"] == pytest.approx(certificates * 2 * 16e-9 * 1e8)
    twice = plan(dataclasses.replace(SMALL, n=200_000), FLAT)
    assert twice.seconds["products"] / twice.reads == pytest.approx(2 * answer.seconds["products"] / answer.reads)


def test_a_budget_streams_the_features() -> None:
    answer = plan(dataclasses.replace(SMALL, memory=200 << 20), FLAT)
    assert answer.form == "streamed"
    assert answer.seconds["rows from disk"] > 0
    assert answer.traffic["disk"] > 0
    assert sum(answer.memory.values()) <= 200 << 20
    assert "stay in memory" in answer.advice[0]


def test_logits_that_do_not_fit_are_made_anew_and_ranks_that_hold_them_are_named() -> None:
    job = Job(n=100_000_000, p=4096, k=1000, ranks=8)
    answer = plan(job, H200)
    assert answer.fits
    assert answer.blockwise
    assert sum(answer.memory.values()) <= answer.budget
    ranks = int(answer.advice[0].split(": ")[1].split()[0])
    held = plan(dataclasses.replace(job, ranks=ranks), H200)
    assert not held.blockwise
    assert plan(dataclasses.replace(job, ranks=int(ranks * 0.9)), H200).blockwise
    assert answer.seconds["products"] / answer.steps * 8 > 2 * held.seconds["products"] / held.steps * ranks


@pytest.mark.parametrize(
    "job",
    [
        Job(n=2_000_000, p=512, k=1000, memory=1 << 30),
        Job(n=1_000_000, p=20_000, k=100, memory=2 << 30),
        Job(n=4_000_000, p=512, k=1000, memory=2 << 30, ranks=3),
    ],
)
def test_no_fewer_ranks_than_are_named_hold_logits_and_features(job: Job) -> None:
    answer = plan(job, FLAT)
    assert answer.blockwise
    assert answer.form == "streamed"
    ranks = int(answer.advice[0].split(": ")[1].split()[0])
    assert not plan(dataclasses.replace(job, ranks=ranks), FLAT).blockwise
    assert plan(dataclasses.replace(job, ranks=ranks - 1), FLAT).blockwise
    ranks = next(int(line.split()[1]) for line in answer.advice if "stay in memory" in line)
    assert plan(dataclasses.replace(job, ranks=ranks), FLAT).form == "dense"
    assert plan(dataclasses.replace(job, ranks=ranks - 1), FLAT).form == "streamed"


def test_a_budget_for_the_logits_of_many_classes_but_not_for_all_arrays_holds_them() -> None:
    job = Job(n=200_000, p=512, k=1000, memory=4 << 30)
    answer = plan(job, FLAT)
    assert answer.kept is Kept.LOGITS
    assert answer.form == "dense"
    assert sum(answer.memory.values()) <= answer.budget
    assert "logits held, residuals made anew" in answer.text()
    assert json.loads(json.dumps(answer.as_dict()))["kept"] == "logits"
    assert plan(dataclasses.replace(job, memory=16 << 30), H200).kept is Kept.ALL


def test_weights_that_do_not_fit_are_said() -> None:
    answer = plan(Job(n=10**6, p=4096, k=1000, memory=1 << 30), FLAT)
    assert not answer.fits
    assert answer.seconds == {}
    assert "fewer features or classes" in answer.advice[0]


def test_the_ranks_advised_keep_the_features_in_memory() -> None:
    job = dataclasses.replace(SMALL, memory=200 << 20)
    ranks = int(plan(job, FLAT).advice[0].split()[1])
    assert plan(dataclasses.replace(job, ranks=ranks), FLAT).form == "dense"


def test_ranks_share_the_rows_and_exchange_weights() -> None:
    alone, four = plan(SMALL, FLAT), plan(dataclasses.replace(SMALL, ranks=4), FLAT)
    assert four.memory["features"] * 4 == alone.memory["features"]
    assert four.seconds["products"] == pytest.approx(alone.seconds["products"] / 4)
    assert four.seconds["ranks"] > 0 == alone.seconds["ranks"]


def test_steps_and_working_sets_grow_along_the_path() -> None:
    assert steps_at(SMALL, 0) == 0
    assert 0 < steps_at(SMALL, 1) < steps_at(SMALL, 99)
    assert 0 < working_share(SMALL, 1) < working_share(SMALL, 99) < 1
    far = dataclasses.replace(SMALL, n=10**10)
    assert steps_at(far, 99) == steps_at(dataclasses.replace(far, n=10**11), 99), "nothing is extrapolated"


@pytest.mark.parametrize("change", [{"n": 0}, {"ranks": 0}, {"lambda_min_ratio": 1.0}, {"tol": 0.0}, {"stored": "fp4"}])
def test_senseless_jobs_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(SettingError):
        dataclasses.replace(SMALL, **change)


def test_the_answer_is_json_and_text() -> None:
    for answer in (plan(SMALL, FLAT), plan(Job(n=10**9, p=4096, k=1000), FLAT)):
        assert json.loads(json.dumps(answer.as_dict()))["fits"] is answer.fits
        assert "assumed:" in answer.text()
