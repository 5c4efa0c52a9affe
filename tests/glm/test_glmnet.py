"""R's glmnet at its tightest threshold reaches the same weights and objectives, family by family.

Conventions that differ, and are translated here: glmnet rescales penalty factors to sum to p; its gaussian family
scales the response to unit deviation; its multinomial intercepts are centred; mgaussian is the grouped penalty.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.glm.members import data

from clearhead.glm import (
    Binomial,
    ElasticNet,
    Gaussian,
    GroupElasticNet,
    Multinomial,
    RegularizationPath,
    SolveOptions,
    Status,
    fit_path,
)
from clearhead.glm.certificate import certify
from clearhead.glm.losses import Loss
from clearhead.glm.penalties import Penalty
from clearhead.glm.problem import Problem

SCRIPT = Path(__file__).with_name("glmnet.R")
SHARES = (0.7, 0.3, 0.1, 0.03)  # of λ_max


@dataclass(frozen=True)
class Family:
    """A family of glmnet and the same problem here."""

    name: str
    loss: Loss
    grouped: bool = False

    def target(self, scores: np.ndarray) -> np.ndarray:
        if self.name == "gaussian":
            return scores[:, :1] / scores[:, 0].std()
        if self.name == "binomial":
            return (scores[:, :1] > np.median(scores[:, 0])).astype(float)
        return scores.argmax(1)[:, None].astype(float) if self.name == "multinomial" else scores / scores.std()


FAMILIES = {
    "gaussian": Family("gaussian", Gaussian()),
    "mgaussian": Family("mgaussian", Gaussian(), grouped=True),
    "binomial": Family("binomial", Binomial()),
    "multinomial": Family("multinomial", Multinomial()),
    "multinomial grouped": Family("multinomial", Multinomial(), grouped=True),
}


@dataclass(frozen=True)
class Variant:
    """What is added to the plain problem."""

    weights: bool = False
    offset: bool = False
    factors: tuple[float, ...] = ()
    nonnegative: bool = False
    alpha: float = 0.9


FACTORS = (0.3, 2.0, 0.7, np.inf, 1.4)
VARIANTS = {
    "plain": Variant(),
    "half ridge": Variant(alpha=0.5),
    "weights": Variant(weights=True),
    "offset": Variant(offset=True),
    "factors": Variant(factors=FACTORS),
    "all": Variant(weights=True, offset=True, factors=FACTORS, alpha=0.7),
    "unpenalised": Variant(factors=(0.0, 1.0, 2.0)),
    "nonnegative": Variant(nonnegative=True),
}


@dataclass(frozen=True, eq=False)
class Case:
    """One problem as both sides solve it."""

    family: Family
    alpha: float
    X: np.ndarray
    y: np.ndarray
    weights: np.ndarray
    factors: np.ndarray
    offset: np.ndarray | None
    nonnegative: bool
    lambdas: tuple[float, ...] = ()

    @classmethod
    def of(cls, family: Family, variant: Variant) -> Case:
        draw = np.random.default_rng(11)
        X, scores = (t.numpy() for t in data(n=80, p=12, seed=3))
        X = X[:, :-2] * np.where(np.arange(X.shape[1] - 2) % 2, -1, 1)  # a duplicate would leave the weights open
        y, outputs = family.target(scores), 3 if family.name in ("mgaussian", "multinomial") else 1
        weights = draw.integers(1, 5, len(X)).astype(float) if variant.weights else np.ones(len(X))
        offset = draw.normal(size=(len(X), outputs)) * 0.4 if variant.offset else None
        factors = np.ones(X.shape[1])
        factors[: len(variant.factors)] = variant.factors
        if family.name == "gaussian":
            unit = deviation(y if offset is None else y - offset, weights)
            y, offset = y / unit, None if offset is None else offset / unit
        case = cls(family, variant.alpha, X, y, weights, factors, offset, variant.nonnegative)
        top = case.penalty.lambda_max(case.problem().null[2])
        return replace(case, lambdas=tuple(top * share for share in SHARES))

    @property
    def penalty(self) -> Penalty:
        """The penalty with glmnet's scaling: the factors sum to p, an excluded one counting as 1."""
        values = self.factors * len(self.factors) / np.where(np.isfinite(self.factors), self.factors, 1).sum()
        member = GroupElasticNet if self.family.grouped else ElasticNet
        return member(self.alpha, values.tolist(), self.nonnegative)

    @property
    def targets(self) -> np.ndarray:
        return self.y if self.family.name == "mgaussian" else self.y[:, 0]

    @property
    def options(self) -> SolveOptions:
        return SolveOptions(offset=self.offset)

    def problem(self) -> Problem:
        return Problem.build(self.X, self.targets, self.family.loss, sample_weight=self.weights, options=self.options)

    def path(self) -> RegularizationPath:
        return fit_path(
            self.X,
            self.targets,
            loss=self.family.loss,
            penalty=self.penalty,
            lambdas=self.lambdas,
            sample_weight=self.weights,
            tol=1e-13,
            options=self.options,
        )

    def write(self, folder: Path) -> None:
        folder.mkdir()
        columns = {"X": self.X, "y": self.y, "weights": self.weights, "lambda": self.lambdas}
        columns["factors"] = self.factors
        if self.offset is not None:
            columns["offset"] = self.offset
        for name, values in columns.items():
            np.savetxt(folder / f"{name}.csv", np.atleast_2d(np.asarray(values).T).T, "%.17g", ",")
        settings = {
            "family": self.family.name,
            "alpha": self.alpha,
            "grouped": str(self.family.grouped).upper(),
            "lower": 0 if self.nonnegative else "-Inf",
        }
        with open(folder / "settings.csv", "w", newline="") as file:
            csv.writer(file).writerows([settings.keys(), settings.values()])

    def theirs(self, folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
        """glmnet's raw (λ, p, k) weights and (λ, k) intercepts."""
        rows = np.loadtxt(folder / "coef.csv", delimiter=",")
        blocks = rows.reshape(-1, len(self.lambdas), rows.shape[1])
        return torch.from_numpy(blocks[:, :, 1:].transpose(1, 2, 0).copy()), torch.from_numpy(blocks[:, :, 0].T.copy())


def deviation(values: np.ndarray, weights: np.ndarray) -> float:
    """The weighted 1/n deviation of (n, 1) values."""
    mean = np.average(values[:, 0], weights=weights)
    return float(np.average((values[:, 0] - mean) ** 2, weights=weights) ** 0.5)


CASES = {f"{f}, {v}": (family, variant) for f, family in FAMILIES.items() for v, variant in VARIANTS.items()}
del CASES["multinomial grouped, unpenalised"]  # glmnet drops the group's common shift, which nothing here holds


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Case, Path]]:
    """Every case with the folder of glmnet's answer: one R process fits them all."""
    if shutil.which("Rscript") is None:
        pytest.skip("R is not installed: scripts/install --dev --system brings it")
    if subprocess.run(["Rscript", "-e", "library(glmnet)"], capture_output=True, check=False).returncode:
        pytest.skip("R has no glmnet: apt-get install r-cran-glmnet")
    home = tmp_path_factory.mktemp("glmnet")
    cases = {name: (Case.of(*members), home / f"{i:02d}") for i, (name, members) in enumerate(CASES.items())}
    for case, folder in cases.values():
        case.write(folder)
    subprocess.run(["Rscript", str(SCRIPT), str(home)], check=True, capture_output=True, text=True)
    return cases


@pytest.mark.parametrize("name", CASES)
def test_glmnet_agrees(name: str, fitted: dict[str, tuple[Case, Path]]) -> None:
    case, folder = fitted[name]
    coef, intercept = case.theirs(folder)
    problem, path = case.problem(), case.path()
    for ours, raw, constant in zip(path, coef, intercept, strict=True):
        expected = (Status.Uncertified,) if 0 in case.factors else (Status.Converged, Status.PrecisionLimit)
        assert ours.status in expected, ours
        W, b = problem.scaler.from_raw(raw, constant)
        point = certify(problem, case.penalty, ours.lambda_, W, problem.logits(W), b)
        assert abs(ours.objective - point.objective) <= 1e-8 * max(1.0, abs(point.objective))
        assert ours.objective <= point.objective + 1e-11
        # What no penalty holds matters up to a common shift of all classes: the intercepts, and an unpenalised row.
        free = torch.from_numpy(case.factors == 0)[:, None] & problem.loss.shift_invariant
        mine, theirs = ours.coef - ours.coef.mean(1, True) * free, W - W.mean(1, True) * free
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=0)
        shift = b.mean() if problem.loss.shift_invariant else 0.0
        torch.testing.assert_close(ours.intercept, b - shift, atol=1e-5, rtol=0)
