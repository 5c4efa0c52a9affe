"""``clearhead plan``: what a fit would take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from clearhead.cli.output import Output

__all__ = ["plan"]


def plan(
    *,
    n: Annotated[float, Parameter(help="Training rows, for instance 100e6.")],
    p: Annotated[float, Parameter(help="Features.")],
    k: Annotated[float, Parameter(help="Classes.")],
    gpus: Annotated[int | None, Parameter(help="On so many GPUs, one process each.")] = None,
    machines: Annotated[int, Parameter(help="Without --gpus: on so many machines like this one.")] = 1,
    device: Annotated[str, Parameter(help="With --gpus: H200, H100, A100, or measured (by doctor on cuda).")] = "H200",
    lambdas: int = 100,
    lambda_min_ratio: float = 1e-3,
    tol: float = 1e-4,
    memory: Annotated[str | None, Parameter(help="What a process may use, for instance 8GiB. [default: 60 %]")] = None,
    dtype: Annotated[Literal["fp16", "bf16", "fp32", "fp64"], Parameter(help="Type of the stored features.")] = "fp16",
    cache: Annotated[Path | None, Parameter(help="Where doctor keeps speeds.")] = None,
    output: Output | None = None,
) -> None:
    """Memory, reads, traffic and time of a fit, from this machine's measured speeds or a device's data sheet."""
    from clearhead.core.memory import parse_bytes
    from clearhead.runs.plan import plan as planned
    from clearhead.runs.roofline import cache_folder, chosen
    from clearhead.runs.workload import Job

    job = Job(
        n=int(n),
        p=int(p),
        k=int(k),
        ranks=gpus or machines,
        lambdas=lambdas,
        lambda_min_ratio=lambda_min_ratio,
        tol=tol,
        memory=None if memory is None else parse_bytes(memory),
        stored=dtype,
    )
    roofline = chosen(device if gpus else "measured", cache or cache_folder(), gpu=bool(gpus))
    answer = planned(job, roofline)
    (output or Output()).result(answer.as_dict(), answer.text())
