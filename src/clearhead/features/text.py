"""Text preprocessing: a tokenizer with truncation and padding to the longest sentence of the batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["MeanPooled", "TextPreprocess"]


@dataclass(frozen=True)
class TextPreprocess:
    """A list of strings → the tokenizer's tensors, padded to the longest of them and cut at ``max_length`` tokens."""

    tokenizer: Any
    max_length: int = 512

    def __call__(self, texts: Sequence[str]) -> dict[str, Tensor]:
        tokens = self.tokenizer(
            list(texts), padding=True, truncation=True, max_length=self.max_length, return_tensors="pt"
        )
        return dict(tokens)


class MeanPooled(nn.Module):
    """A transformer as a sentence encoder: the mean of its last hidden states over real tokens, or its first token's.

    Parameters
    ----------
    transformer : returns an output with ``last_hidden_state`` (n, tokens, p) when called with the tokenizer's tensors.
    normalize : scale each sentence's vector to length 1, as the sentence-transformers models were trained.
    first_token : take the first token's state instead of the mean.
    """

    def __init__(self, transformer: nn.Module, *, normalize: bool = False, first_token: bool = False) -> None:
        super().__init__()
        self.transformer, self.normalize, self.first_token = transformer, normalize, first_token

    def forward(self, **inputs: Tensor) -> Tensor:
        output = self.transformer(**inputs)
        states = output["last_hidden_state"] if isinstance(output, Mapping) else output.last_hidden_state
        if self.first_token:
            pooled = states[:, 0]
        else:
            mask = inputs["attention_mask"].unsqueeze(-1).to(states.dtype)
            pooled = (states * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
        return torch.nn.functional.normalize(pooled, dim=1) if self.normalize else pooled
