"""clearhead: replace a network's dense last layer by a sparse, certified-optimal one; explain, debug and repair it.

Examples
--------
>>> import clearhead, torch
>>> x = torch.randn(60, 5, generator=torch.Generator().manual_seed(0))
>>> path = clearhead.fit_path(x, (x[:, 0] > 0).long() + (x[:, 1] > 0).long(), n_lambdas=5)
>>> path[0].nonzeros, all(solution.status.ok for solution in path)
(0, True)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Name → module. Each is imported when it is first used, so that `import clearhead` costs next to nothing.
_HOME = {
    "Run": "clearhead.runs.run",
    "Backbone": "clearhead.features.backbone",
    "extract": "clearhead.features.extract",
    "FeatureTable": "clearhead.features.table",
    "Standardizer": "clearhead.core.scaling",
    "split_rows": "clearhead.features.split",
    "Multinomial": "clearhead.glm",
    "Binomial": "clearhead.glm",
    "Gaussian": "clearhead.glm",
    "ElasticNet": "clearhead.glm",
    "GroupElasticNet": "clearhead.glm",
    "fit": "clearhead.glm",
    "fit_path": "clearhead.glm",
    "Solution": "clearhead.glm.solution",
    "RegularizationPath": "clearhead.glm.solution",
    "SolveOptions": "clearhead.glm",
    "Status": "clearhead.glm.solution",
    "select": "clearhead.glm",
    "ElasticNetPathClassifier": "clearhead.glm.estimators",
    "ElasticNetPathRegressor": "clearhead.glm.estimators",
    "SparseHead": "clearhead.head",
    "attach": "clearhead.head",
    "Finding": "clearhead.core.finding",
    "write_report": "clearhead.report",
    "ClearheadError": "clearhead.core.errors",
}

__all__ = ["__version__", *_HOME]

if TYPE_CHECKING:
    from clearhead.core.errors import ClearheadError as ClearheadError
    from clearhead.core.finding import Finding as Finding
    from clearhead.core.scaling import Standardizer as Standardizer
    from clearhead.features.backbone import Backbone as Backbone
    from clearhead.features.extract import extract as extract
    from clearhead.features.split import split_rows as split_rows
    from clearhead.features.table import FeatureTable as FeatureTable
    from clearhead.glm import Binomial as Binomial
    from clearhead.glm import ElasticNet as ElasticNet
    from clearhead.glm import Gaussian as Gaussian
    from clearhead.glm import GroupElasticNet as GroupElasticNet
    from clearhead.glm import Multinomial as Multinomial
    from clearhead.glm import SolveOptions as SolveOptions
    from clearhead.glm import fit as fit
    from clearhead.glm import fit_path as fit_path
    from clearhead.glm import select as select
    from clearhead.glm.estimators import ElasticNetPathClassifier as ElasticNetPathClassifier
    from clearhead.glm.estimators import ElasticNetPathRegressor as ElasticNetPathRegressor
    from clearhead.glm.solution import RegularizationPath as RegularizationPath
    from clearhead.glm.solution import Solution as Solution
    from clearhead.glm.solution import Status as Status
    from clearhead.head import SparseHead as SparseHead
    from clearhead.head import attach as attach
    from clearhead.report import write_report as write_report
    from clearhead.runs.run import Run as Run


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'clearhead' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
