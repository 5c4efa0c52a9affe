"""The rows of the solver's table: which problem, to which tolerances, against whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from torch import Tensor

from clearhead.glm import Binomial, ElasticNet, Gaussian, GroupElasticNet, Multinomial
from clearhead.glm.losses import Loss
from clearhead.glm.path_fit import lambda_grid
from clearhead.glm.penalties import Penalty
from clearhead.glm.problem import Problem
from solver_data import one_class, pictures, sentences, synthetic, values

__all__ = ["ALPHA", "ROWS", "Row", "grid"]

ALPHA = 0.99
RATIO = 1e-3
SIZES = (1000, 2000, 3000, 4000, 5000, 20000)
TIGHT = "glmnet:1e-10"
SOFTMAX = ("glmnet", "cyanure", "sklearn", "glm_saga")
PEERS_OF_SIZE = {1000: (*SOFTMAX, TIGHT), 20000: SOFTMAX}  # of the softmax; glmnet alone at the others
QUICK: dict[int, Literal["everyone", "ours"]] = {1000: "everyone", 2000: "everyone", 20000: "ours"}
LINEAR = ("glmnet", "adelie", "skglm", "cyanure", "sklearn")


@dataclass(frozen=True)
class Row:
    """One problem; the short benchmark has it solved at the first tolerance by everyone, by clearhead alone, or not."""

    data: Callable[[], tuple[Tensor, Tensor]]
    loss: Loss
    penalty: Penalty
    peers: tuple[str, ...] = ()
    tols: tuple[float, ...] = (1e-3, 1e-6)
    n_lambdas: int = 100
    repeats: int = 3
    quick: Literal["everyone", "ours", ""] = ""

    @property
    def family(self) -> str:
        return "grouped" if self.penalty.grouped else self.loss.name


def _rows() -> dict[str, Row]:
    net, grouped = ElasticNet(ALPHA), GroupElasticNet(ALPHA)
    rows = {}
    for n in SIZES:
        peers, quick = PEERS_OF_SIZE.get(n, ("glmnet",)), QUICK.get(n, "")
        rows[f"multinomial-{n}"] = Row(partial(pictures, n), Multinomial(), net, peers, quick=quick)
    for n in (2000, 20000):
        linear, quick = LINEAR if n > 2000 else (*LINEAR, TIGHT), "" if n > 2000 else "everyone"
        rows[f"binomial-{n}"] = Row(partial(one_class, n), Binomial(), net, linear, quick=quick)
        rows[f"gaussian-{n}"] = Row(partial(values, n), Gaussian(), net, linear, quick=quick)
        rows[f"grouped-{n}"] = Row(partial(pictures, n), Multinomial(), grouped, ("glmnet", "adelie"), quick=quick)
    rows["text"] = Row(sentences, Binomial(), net, (*LINEAR, TIGHT), quick="everyone")
    wide, many = partial(synthetic, 50000, 2048, 10), partial(synthetic, 50000, 2048, 1000)
    rows["synthetic-50000"] = Row(wide, Multinomial(), net, tols=(1e-3,), repeats=1)
    rows["classes-1000"] = Row(many, Multinomial(), net, tols=(1e-3,), n_lambdas=10, repeats=1)
    return rows


ROWS = _rows()


def grid(problem: Problem, row: Row) -> list[float]:
    """The λ's that everyone solves, from λ_max to a thousandth of it."""
    return lambda_grid(row.penalty.lambda_max(problem.null[2]), row.n_lambdas, RATIO)
