"""The settings of a run: what was asked, kept as ``config.toml`` in the run folder.

Light on purpose: the command line builds its help from these classes without importing torch.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from clearhead.core.errors import ArtifactError, SettingError

__all__ = ["DataSettings", "FitSettings", "ModelSettings", "RunConfig", "SelectSettings"]

Dtype = Literal["float32", "float16", "bfloat16"]
Metric = Literal["accuracy", "balanced_accuracy", "auroc", "log_loss", "calibration_error"]


@dataclass(frozen=True)
class ModelSettings:
    """The network.

    Parameters
    ----------
    model : path.py:function, package.module:function, timm:NAME, torchvision:NAME or hf:NAME_OR_FOLDER.
    feature_layer : module whose input is the deep feature, if it is not found by itself.
    head_layer : module that is the dense head, if it is not found by itself.
    batch_size : rows a forward pass; what suits the device if not given.
    feature_dtype : type in which features are stored; the stored, rounded values are the data.
    amp : let the network compute in half precision, float16 or bfloat16, on a GPU.
    compile : compile the network first; half a minute that a long extraction earns back.
    workers : threads that read and preprocess ahead of the network; what suits the device if not given.
    """

    model: str | None = None
    feature_layer: str | None = None
    head_layer: str | None = None
    batch_size: int | None = None
    feature_dtype: Dtype = "float32"
    amp: Literal["float16", "bfloat16"] | None = None
    compile: bool = False
    workers: int | None = None


@dataclass(frozen=True)
class DataSettings:
    """The examples.

    Parameters
    ----------
    data : training examples: a folder of class folders, a CSV/TSV/Parquet file, hf:NAME, or path.py:function.
    features : instead of a network and examples, a file (.npz, .safetensors, .parquet) with features and labels.
    val : validation examples; without it 10 % of the training rows.
    test : test examples; without it another 10 % of the training rows.
    val_is_test : the part that the data call val is their test set (ImageNet, Places); validation is cut from training.
    text_column : column that holds the text.
    label_column : column that holds the label; give it several times for many labels at once.
    split_column : column that says train, val or test.
    split_by : rows that share a value of this column stay together when rows are split.
    group_column : column of groups, analysed and never fitted.
    box_column : column of object boxes.
    feature_names : file with one feature name a line.
    class_names : file with one class name a line.
    skip_unreadable : leave out images that cannot be read, and count them, instead of stopping.
    merge_rare : where many labels hold at once, make those with too few positives one label instead of stopping.
    sensitive : texts or pictures that may offend: the page starts with them covered.
    balance_test : judge each question of two classes on as many test rows of either, drawn at random.
    seed : seed of everything drawn at random.
    """

    data: str | None = None
    features: Path | None = None
    val: str | None = None
    test: str | None = None
    val_is_test: bool = False
    text_column: str | None = None
    label_column: tuple[str, ...] = ()
    split_column: str | None = None
    split_by: str | None = None
    group_column: str | None = None
    box_column: str | None = None
    feature_names: Path | None = None
    class_names: Path | None = None
    skip_unreadable: bool = False
    merge_rare: bool = False
    sensitive: bool = False
    balance_test: bool = False
    seed: int = 0


@dataclass(frozen=True)
class FitSettings:
    """The path of sparse heads.

    Parameters
    ----------
    n_lambdas : how many λ's.
    lambda_min_ratio : smallest λ over the largest.
    l1_ratio : α; 1 is the lasso, 0 is ridge.
    tol : certified duality gap at every λ, relative to the null model's loss.
    solver : auto, prox_newton, saga or fista.
    loss : auto takes binomial for two classes and multinomial for more.
    grouped : a feature is kept or dropped for all classes together.
    targets : fit to the labels, or to what the network predicts.
    dtype : type of the solve; auto takes float64 for small problems and for features stored so, else float32.
    device : cpu, cuda or cuda:N; auto takes a GPU if there is one.
    memory : what features and solver may take, for instance 8GiB; beyond it rows are streamed and logits made anew.
    """

    n_lambdas: int = 100
    lambda_min_ratio: float = 1e-3
    l1_ratio: float = 0.99
    tol: float = 1e-4
    solver: Literal["auto", "prox_newton", "saga", "fista"] = "auto"
    loss: Literal["auto", "multinomial", "binomial"] = "auto"
    grouped: bool = False
    targets: Literal["labels", "network"] = "labels"
    dtype: Literal["auto", "float32", "float64"] = "auto"
    device: str = "auto"
    memory: str | None = field(default=None, repr=False)  # out of the fit's key: it changes how, not what


@dataclass(frozen=True)
class SelectSettings:
    """The choice of one head.

    Parameters
    ----------
    rule : within (sparsest within ``tolerance`` of the best), best, one_se, target (``features_per_class``), bic, ebic.
    tolerance : how much worse than the best the sparsest head may be on validation rows (0.05 is five points).
    metric : what is compared on validation rows.
    features_per_class : with rule target: the number of features a class wanted.
    """

    rule: Literal["within", "best", "one_se", "target", "bic", "ebic"] = "within"
    tolerance: float = 0.05
    metric: Metric = "accuracy"
    features_per_class: float | None = None


@dataclass(frozen=True)
class RunConfig:
    """All settings of a run, in sections; `from_flat` takes them by their own names."""

    model: ModelSettings = field(default_factory=ModelSettings)
    data: DataSettings = field(default_factory=DataSettings)
    fit: FitSettings = field(default_factory=FitSettings)
    select: SelectSettings = field(default_factory=SelectSettings)

    def sections(self) -> Iterator[tuple[str, Any]]:
        """(name, settings) of each section."""
        return ((f.name, getattr(self, f.name)) for f in fields(self))

    def updated(self, **settings: Any) -> RunConfig:
        """A copy with some settings replaced, named without their section; `SettingError` for an unknown one."""
        sections = dict(self.sections())
        for name, value in settings.items():
            homes = [s for s, section in sections.items() if name in {f.name for f in fields(section)}]
            if not homes:
                raise SettingError("unknown setting", got=name, fix=f"known are: {', '.join(sorted(self.names()))}")
            sections[homes[0]] = replace(sections[homes[0]], **{name: value})
        return RunConfig(**sections)

    @classmethod
    def from_flat(cls, **settings: Any) -> RunConfig:
        """Default settings with these replaced.

        >>> RunConfig.from_flat(n_lambdas=20, seed=3).fit.n_lambdas
        20
        """
        return cls().updated(**settings)

    def names(self) -> list[str]:
        """The names of all settings."""
        return [f.name for _, section in self.sections() for f in fields(section)]

    def to_toml(self) -> str:
        """The settings as TOML; what is None is left out."""
        lines: list[str] = []
        for name, section in self.sections():
            lines += ["", f"[{name}]"]
            lines += [f"{k} = {_toml(v)}" for k, v in asdict(section).items() if v is not None]
        return "\n".join(lines).lstrip() + "\n"

    @classmethod
    def load(cls, path: Path) -> RunConfig:
        """Read ``config.toml``; unknown keys and sections are errors."""
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise ArtifactError(f"{path} does not exist", fix="is this a run folder?") from error
        except tomllib.TOMLDecodeError as error:
            raise ArtifactError(f"{path} is not valid TOML", got=error) from error
        sections = [section for section in data.values() if isinstance(section, Mapping)]
        return cls.from_flat(**{k: _restore(k, v) for section in sections for k, v in section.items()})


def _toml(value: Any) -> str:
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)


def _restore(name: str, value: Any) -> Any:
    if name in ("features", "feature_names", "class_names"):
        return Path(value)
    return tuple(value) if isinstance(value, list) else value
