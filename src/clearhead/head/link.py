"""Links: how the k linear scores of a head become class logits, probabilities, predictions and class weights.

A head does not ask which loss it was fitted with; it asks its link. Four links cover the losses:

========== ======================================= ==============================
softmax    k scores for k classes                  multinomial
margin     one score m for two classes             binomial, single label
multilabel m independent scores, a row may be none binomial, many labels at once
identity   k responses                             gaussian
========== ======================================= ==============================
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from clearhead.core.errors import ArtifactError

__all__ = ["LINKS", "Identity", "Link", "Margin", "Multilabel", "Softmax", "link_named"]


class Link(ABC):
    """Maps scores (n, k) of a head to what people read."""

    name: str

    @abstractmethod
    def logits(self, scores: Tensor) -> Tensor:
        """(n, K) one logit a class."""

    @abstractmethod
    def probabilities(self, scores: Tensor) -> Tensor:
        """(n, K) probabilities (or responses)."""

    @abstractmethod
    def predict(self, scores: Tensor) -> Tensor:
        """(n,) class numbers, or (n, K) answers for many labels or responses."""

    @abstractmethod
    def class_weights(self, weight: Tensor) -> Tensor:
        """(p, K) weight of every feature for every class."""


class Softmax(Link):
    """k scores for k classes that exclude one another."""

    name = "softmax"

    def logits(self, scores: Tensor) -> Tensor:
        return scores

    def probabilities(self, scores: Tensor) -> Tensor:
        return scores.softmax(-1)

    def predict(self, scores: Tensor) -> Tensor:
        return scores.argmax(-1)

    def class_weights(self, weight: Tensor) -> Tensor:
        return weight


class Margin(Link):
    """One score m for two classes; logits (−m/2, m/2), whose softmax is the sigmoid of m; class weights ±w."""

    name = "margin"

    def logits(self, scores: Tensor) -> Tensor:
        return torch.cat([-scores, scores], -1) / 2

    def probabilities(self, scores: Tensor) -> Tensor:
        return torch.cat([torch.sigmoid(-scores), torch.sigmoid(scores)], -1)

    def predict(self, scores: Tensor) -> Tensor:
        return (scores[..., 0] > 0).long()

    def class_weights(self, weight: Tensor) -> Tensor:
        return torch.cat([-weight, weight], 1)


class Multilabel(Link):
    """m independent scores: any number of labels may hold at once; a label is predicted when its score is positive."""

    name = "multilabel"

    def logits(self, scores: Tensor) -> Tensor:
        return scores

    def probabilities(self, scores: Tensor) -> Tensor:
        return torch.sigmoid(scores)

    def predict(self, scores: Tensor) -> Tensor:
        return (scores > 0).long()

    def class_weights(self, weight: Tensor) -> Tensor:
        return weight


class Identity(Link):
    """k responses of a regression."""

    name = "identity"

    def logits(self, scores: Tensor) -> Tensor:
        return scores

    def probabilities(self, scores: Tensor) -> Tensor:
        return scores

    def predict(self, scores: Tensor) -> Tensor:
        return scores

    def class_weights(self, weight: Tensor) -> Tensor:
        return weight


LINKS: dict[str, Link] = {link.name: link for link in (Softmax(), Margin(), Multilabel(), Identity())}


def link_named(name: str) -> Link:
    """The link with this name; `ArtifactError` for a name that no version of clearhead wrote."""
    if name not in LINKS:
        raise ArtifactError("unknown link", got=repr(name), expected=" or ".join(LINKS))
    return LINKS[name]
