"""What every solver is: it is told λ and a certified point, and proposes the next weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from clearhead.glm.bundle import DualBundle
from clearhead.glm.certificate import Point
from clearhead.glm.dual_search import DualSearch
from clearhead.glm.penalties import Penalty
from clearhead.glm.problem import Problem
from clearhead.glm.row_arrays import Logits

__all__ = ["Solver"]


class Solver(ABC):
    """Lives for a whole path, so that what it learns about the data (a Gram matrix, a step size) is kept."""

    name: ClassVar[str]
    takes_guess: bool = True  # whether a second starting point is worth its certificate
    dual_search: DualSearch | None = None  # of solvers whose steps soon win less than the dual bound lacks
    reached: Point | None = None  # where the last solve ended
    stopped: Mapping[str, int] = {}  # rules of the solver's own that would have stopped it: name → epoch

    def __init__(self, problem: Problem, penalty: Penalty, seed: int) -> None:
        self.problem, self.penalty, self.seed = problem, penalty, seed
        self.bundle = DualBundle()

    @abstractmethod
    def start(self, lambda_: float) -> None:
        """A new λ begins; forget what belonged to the last one."""

    @abstractmethod
    def observe(self, point: Point) -> None:
        """Learn from a certified point of this λ, whether the next step starts there or not."""

    @abstractmethod
    def step(self, point: Point) -> tuple[Tensor, Logits, Tensor]:
        """The next weights (p, k), their logits without intercept, and a guess of the intercept; the
        same ones if no step improves."""
