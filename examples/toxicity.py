"""Two small networks that judge comments toxic: ``clearhead run --model examples/toxicity.py:plain`` and ``:blind``.

Deep averaging networks (Iyyer et al., 2015) over words, trained here in seconds on the comments with the one label.
``blind`` is trained on, and reads, comments without the words that name groups of people.
"""

from __future__ import annotations

import re
from collections import Counter

import torch
from torch import Tensor, nn

from clearhead.debug import IDENTITY_WORDS
from jigsaw import toxic_only

WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
VOCABULARY, LONGEST, WIDTH, EPOCHS, SEED = 8000, 200, 128, 4, 0


class AveragingNet(nn.Module):
    """The mean of the words' vectors, two layers, and the head over 128 features."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.embedding = nn.EmbeddingBag(words, 64, mode="mean", padding_idx=0)
        self.body = nn.Sequential(nn.Linear(64, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU())
        self.fc = nn.Linear(WIDTH, 2)

    def forward(self, numbers: Tensor) -> Tensor:
        return self.fc(self.body(self.embedding(numbers)))


def words(text: str) -> list[str]:
    return WORD.findall(text.lower())[:LONGEST]


class Numbers:
    """Texts → (n, longest) numbers of their known words; 0 fills the rest."""

    def __init__(self, texts: list[str], unseen: set[str]) -> None:
        counts = Counter(word for text in texts for word in sorted(set(words(text)) - unseen))
        self.number = {word: i for i, (word, _) in enumerate(counts.most_common(VOCABULARY), 1)}

    def __call__(self, texts: list[str]) -> Tensor:
        rows = [torch.tensor([self.number[w] for w in words(t) if w in self.number] or [0]) for t in texts]
        return nn.utils.rnn.pad_sequence(rows, batch_first=True)


def trained(unseen: set[str]) -> tuple[nn.Module, Numbers, list[str]]:
    data = toxic_only()
    texts, labels = list(data), data.labels
    torch.manual_seed(SEED)
    preprocess = Numbers(texts, unseen)
    network, x = AveragingNet(VOCABULARY + 1), preprocess(texts)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(texts)).split(128):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x[rows]), labels[rows]).backward()
            optimizer.step()
    return network.eval(), preprocess, data.class_names


def plain() -> tuple[nn.Module, Numbers, list[str]]:
    return trained(set())


def blind() -> tuple[nn.Module, Numbers, list[str]]:
    return trained({word for group in IDENTITY_WORDS.values() for word in group})
