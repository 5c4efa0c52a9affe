"""Solvers: each only steps; the loop in `clearhead.glm.solve` keeps time, limits and certificates."""

from __future__ import annotations

from clearhead.core.errors import SettingError
from clearhead.glm.solvers.base import Solver
from clearhead.glm.solvers.fista import Fista
from clearhead.glm.solvers.prox_newton import ProxNewton
from clearhead.glm.solvers.saga import Saga

__all__ = ["Fista", "ProxNewton", "Saga", "Solver", "make_solver"]

SOLVERS: dict[str, type[Solver]] = {"prox_newton": ProxNewton, "saga": Saga, "fista": Fista}


def make_solver(name: str) -> type[Solver]:
    """The solver of this name; "auto" is prox_newton."""
    if name == "auto":
        return ProxNewton
    if name not in SOLVERS:
        raise SettingError("unknown solver", got=name, expected=f"auto, {', '.join(SOLVERS)}")
    return SOLVERS[name]
