"""F1: certified elastic-net paths of generalised linear models."""

from clearhead.glm.losses import Binomial, Gaussian, Multinomial
from clearhead.glm.options import SolveOptions
from clearhead.glm.path import fit, fit_path
from clearhead.glm.penalties import ElasticNet, GroupElasticNet
from clearhead.glm.select import Selection, select
from clearhead.glm.solution import RegularizationPath, Solution, Status

__all__ = [
    "Binomial",
    "ElasticNet",
    "Gaussian",
    "GroupElasticNet",
    "Multinomial",
    "RegularizationPath",
    "Selection",
    "Solution",
    "SolveOptions",
    "Status",
    "fit",
    "fit_path",
    "select",
]
