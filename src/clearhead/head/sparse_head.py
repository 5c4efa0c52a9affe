"""A sparse decision layer over deep features: what the path selected, as a module that a network can carry."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from clearhead.core.artifacts import file_hash, read_json, read_tensors, write_json, write_tensors
from clearhead.core.errors import ArtifactError, InputError
from clearhead.core.scaling import Standardizer
from clearhead.glm.solution import Solution
from clearhead.head.link import Link, link_named
from clearhead.head.names import named, number_of

__all__ = ["SparseHead"]

SCHEMA = 1


class SparseHead(nn.Module):
    """logits = link(((f − mean) / scale) · weight + intercept), on *raw* features f.

    Parameters
    ----------
    weight : (p, k) weights on standardised features.
    intercept : (k,).
    standardizer : the `Standardizer` of the rows the head was fitted on.
    link : "softmax", "margin", "multilabel" or "identity" (see `clearhead.head.link`).
    class_names : K names ("class 0", … by default); feature_names : p names ("feature 0", …).

    Examples
    --------
    >>> import torch
    >>> head = SparseHead(torch.tensor([[1.0, -1.0], [0.0, 0.0]]), torch.zeros(2), Standardizer.identity(2))
    >>> head.predict(torch.tensor([[3.0, 9.0]])), head.used()
    (tensor([0]), tensor([0]))
    """

    weight: Tensor
    intercept: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(
        self,
        weight: Tensor,
        intercept: Tensor,
        standardizer: Standardizer,
        *,
        link: str = "softmax",
        class_names: Sequence[str] | None = None,
        feature_names: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        p, k = weight.shape
        if intercept.shape != (k,) or standardizer.mean.shape != (p,):
            raise InputError(
                "the parts of a head do not fit together",
                got=f"weight {tuple(weight.shape)}, intercept {tuple(intercept.shape)}, mean {len(standardizer.mean)}",
                expected=f"intercept ({k},) and a standardiser of {p} features",
            )
        dtype = torch.promote_types(weight.dtype, torch.float32)
        self.register_buffer("weight", weight.detach().to(dtype).clone())
        self.register_buffer("intercept", intercept.detach().to(dtype).clone())
        self.register_buffer("mean", standardizer.mean.to(torch.float64).clone())
        self.register_buffer("scale", standardizer.scale.to(torch.float64).clone())
        self.link: Link = link_named(link)
        n_classes = self.link.class_weights(weight[:1]).shape[1]
        self.class_names = named(class_names, n_classes, "class")
        self.feature_names = named(feature_names, p, "feature")

    @classmethod
    def from_solution(
        cls,
        solution: Solution,
        *,
        link: str | None = None,
        class_names: Sequence[str] | None = None,
        feature_names: Sequence[str] | None = None,
    ) -> SparseHead:
        """The head of one `Solution`; the link follows from its loss unless one is given."""
        by_loss = {"multinomial": "softmax", "gaussian": "identity"}
        single = "margin" if solution.coef.shape[1] == 1 else "multilabel"
        return cls(
            solution.coef,
            solution.intercept,
            solution.standardizer,
            link=link or by_loss.get(solution.loss, single),
            class_names=class_names,
            feature_names=feature_names,
        )

    @classmethod
    def from_dense(
        cls,
        weight: Tensor,
        bias: Tensor | None,
        standardizer: Standardizer,
        *,
        link: str = "softmax",
        class_names: Sequence[str] | None = None,
        feature_names: Sequence[str] | None = None,
    ) -> SparseHead:
        """A network's own (K, p) weight and (K,) bias, expressed on z (W·σ, b + W·μ) so both compare on one scale."""
        bias = torch.zeros(weight.shape[0], dtype=weight.dtype) if bias is None else bias
        coef, intercept = standardizer.from_raw(weight.detach().T.double(), bias.detach().double())
        return cls(
            coef.to(weight.dtype),
            intercept.to(weight.dtype),
            standardizer,
            link=link,
            class_names=class_names,
            feature_names=feature_names,
        )

    @property
    def n_features(self) -> int:
        """p."""
        return int(self.weight.shape[0])

    @property
    def n_classes(self) -> int:
        """K: number of classes, labels or responses that the head answers for."""
        return len(self.class_names)

    @property
    def standardizer(self) -> Standardizer:
        """The scaler between raw features and the scale of the weights."""
        return Standardizer(self.mean, self.scale)

    def standardize(self, features: Tensor) -> Tensor:
        """Raw features (n, p) → z (n, p), on the scale of the weights."""
        if features.shape[-1] != self.n_features:
            raise InputError("features of another width", got=features.shape[-1], expected=self.n_features)
        return self.standardizer.transform(features)

    def scores(self, features: Tensor) -> Tensor:
        """(n, k) linear scores of raw features, before the link."""
        z = self.standardize(features)
        return z @ self.weight.to(z) + self.intercept.to(z)

    def forward(self, features: Tensor) -> Tensor:
        """(n, K) logits of raw features (n, p)."""
        return self.link.logits(self.scores(features))

    def probabilities(self, features: Tensor) -> Tensor:
        """(n, K) probabilities of raw features (n, p)."""
        return self.link.probabilities(self.scores(features))

    def predict(self, features: Tensor) -> Tensor:
        """(n,) class numbers; (n, K) answers where many labels or responses are asked for."""
        return self.link.predict(self.scores(features))

    def class_weights(self) -> Tensor:
        """(p, K) weight of each feature for each class, on z (±w for a head with one score)."""
        return self.link.class_weights(self.weight)

    def contributions(self, features: Tensor, class_: int | str) -> Tensor:
        """(n, p) of z·w for one class; with the class's intercept they sum to its score."""
        z = self.standardize(features)
        return z * self.class_weights()[:, self.class_number(class_)].to(z)

    def top_features(self, class_: int | str, n: int | None = None) -> list[tuple[int, float]]:
        """(feature number, weight) of the nonzero weights of a class, largest magnitude first, ties by number."""
        w = self.class_weights()[:, self.class_number(class_)].double()
        order = torch.argsort(w.abs(), descending=True, stable=True)
        return [(int(j), float(w[j])) for j in order[: int((w != 0).sum())][:n]]

    def used(self) -> Tensor:
        """Numbers of the features with a nonzero weight in any class, ascending."""
        return (self.weight != 0).any(1).nonzero().flatten()

    @property
    def features_per_class(self) -> float:
        """Mean over classes of the number of nonzero weights."""
        return float((self.class_weights() != 0).sum(0).double().mean())

    def class_number(self, class_: int | str) -> int:
        """The number of a class given by number or name."""
        return number_of(class_, self.class_names, "class")

    def feature_number(self, feature: int | str) -> int:
        """The number of a feature given by number or name."""
        return number_of(feature, self.feature_names, "feature")

    def with_weight(self, weight: Tensor, intercept: Tensor | None = None) -> SparseHead:
        """A new head over the same features and classes with other weights."""
        return SparseHead(
            weight,
            self.intercept if intercept is None else intercept,
            self.standardizer,
            link=self.link.name,
            class_names=self.class_names,
            feature_names=self.feature_names,
        )

    def as_linear(self) -> nn.Linear:
        """The same function as one `torch.nn.Linear` on raw features (K outputs), without the scaler."""
        coef, intercept = self.standardizer.to_raw(self.weight.double(), self.intercept.double())
        linear = nn.Linear(self.n_features, self.n_classes, device=coef.device, dtype=self.weight.dtype)
        with torch.no_grad():
            linear.weight.copy_(self.link.logits(coef).T)
            linear.bias.copy_(self.link.logits(intercept[None])[0])
        return linear

    def save(self, folder: Path | str) -> None:
        """Write ``head.safetensors`` and then ``head.json`` with its checksum."""
        folder = Path(folder)
        tensors = {name: getattr(self, name) for name in ("weight", "intercept", "mean", "scale")}
        write_tensors(folder / "head.safetensors", tensors)
        names = {"class_names": list(self.class_names), "feature_names": list(self.feature_names)}
        digest = file_hash(folder / "head.safetensors")
        write_json(folder / "head.json", {"schema": SCHEMA, "link": self.link.name, "sha256": digest, **names})

    @classmethod
    def load(cls, folder: Path | str) -> SparseHead:
        """Read what `save` wrote; `ArtifactError` if the two files do not belong together."""
        folder = Path(folder)
        meta = read_json(folder / "head.json")
        if meta.get("schema") != SCHEMA:
            raise ArtifactError("this head was written by another version", got=meta.get("schema"), expected=SCHEMA)
        tensors = read_tensors(folder / "head.safetensors")
        if file_hash(folder / "head.safetensors") != meta["sha256"]:
            raise ArtifactError(f"{folder}: weights and description do not belong together", fix="write the head again")
        return cls(
            tensors["weight"],
            tensors["intercept"],
            Standardizer(tensors["mean"], tensors["scale"]),
            link=meta["link"],
            class_names=meta["class_names"],
            feature_names=meta["feature_names"],
        )
