"""Everything about a fit that is not its data, its penalty or its tolerance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from clearhead.core.errors import SettingError
from clearhead.glm.solution import Solution

__all__ = ["SolveOptions"]


@dataclass(frozen=True, eq=False)
class SolveOptions:
    """Options of `fit_path` and `fit`.

    Parameters
    ----------
    max_iter : outer iterations allowed at one λ.
    time_limit : seconds allowed for the whole path; what is left ends with `Status.TimeLimit`.
    intercept : fit an unpenalised intercept.
    offset : (n,) or (n, k) fixed addition to the linear predictor.
    class_weight : None, "balanced", or one number a class, multiplied into the sample weights.
    callback : called with (index, solution) after each λ; return True to stop the path there.
    resume : solutions of the first λ's, kept as they are; the path goes on after them.
    stop_deviance : stop when 1 − loss/null loss exceeds this.
    stop_features : stop when a solution has more features per class than this.
    stop_validation : (X_val, y_val), raw features and targets (no offset); stop when their mean loss has not fallen for
        ``stop_patience`` λ's.
    zero : end the path with λ = 0, no penalty at all; a warning says if the classes separate (no optimum exists).
    stop_on_failure : stop at the first λ that does not converge.
    polish : end at each λ with Newton steps on the weights in use until the optimum is exact to rounding, where these
        weights and the rows are few, in memory, penalties on entries, outputs at most 64, and the fit is not one of
        `fit_paths`; ``tol`` leaves weights uncertain by some √tol.
    memory : bytes the features and the solver's arrays may take; rows that do not fit are streamed from where they are
        stored, and arrays of rows × outputs that do not fit are made anew by blocks. A share of what is free when None.
    """

    max_iter: int = 1000
    time_limit: float | None = None
    intercept: bool = True
    offset: Any = None
    class_weight: Any = None
    callback: Callable[[int, Solution], bool | None] | None = None
    resume: Sequence[Solution] = ()
    stop_deviance: float | None = None
    stop_features: float | None = None
    stop_validation: tuple[Any, Any] | None = None
    stop_patience: int = 5
    zero: bool = False
    stop_on_failure: bool = False
    polish: bool = False
    memory: int | None = None

    def __post_init__(self) -> None:
        if self.max_iter < 1:
            raise SettingError("max_iter must be at least 1", got=self.max_iter)
        if self.time_limit is not None and self.time_limit <= 0:
            raise SettingError("time_limit must be positive seconds", got=self.time_limit)
        if self.stop_patience < 1:
            raise SettingError("stop_patience must be at least 1", got=self.stop_patience)
        if self.memory is not None and self.memory <= 0:
            raise SettingError("memory must be positive bytes", got=self.memory)
