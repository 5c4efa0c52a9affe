"""What the fit of a run would take, before it is made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from clearhead.core import distributed
from clearhead.core.memory import parse_bytes
from clearhead.runs.fitting import fit_dtype, targets_of
from clearhead.runs.plan import Plan, plan
from clearhead.runs.roofline import cache_folder, chosen
from clearhead.runs.workload import STORED, Job

if TYPE_CHECKING:
    from clearhead.runs.run import Run

__all__ = ["planned_fit"]

NAMES = dict(zip((torch.float16, torch.bfloat16, torch.float32, torch.float64), STORED, strict=True))


def planned_fit(run: Run, cache: Path | None = None) -> Plan:
    """The plan of the run's fit at the speeds that ``clearhead doctor --measure`` has kept; of one label, where each of
    many has a path. `SettingError` where nothing was measured."""
    settings, n = run.config.fit, len(run.split.train)
    many = targets_of(run).ndim == 2
    job = Job(
        n=n,
        p=run.table.shape[1],
        k=2 if many else len(run.table.class_names),
        ranks=distributed.world_size(),
        lambdas=settings.n_lambdas,
        lambda_min_ratio=settings.lambda_min_ratio,
        tol=settings.tol,
        memory=None if settings.memory is None else parse_bytes(settings.memory),
        stored=NAMES[fit_dtype(run.table.dtype, n * run.table.shape[1], settings)],
    )
    gpu = settings.device.startswith("cuda") or (settings.device == "auto" and torch.cuda.is_available())
    return plan(job, chosen("measured", cache or cache_folder(), gpu=gpu))
