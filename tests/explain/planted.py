"""Networks and inputs whose features mean, by construction, what an explanation must find."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from clearhead.core.scaling import Standardizer
from clearhead.explain.subject import Subject
from clearhead.features.backbone import Backbone
from clearhead.features.examples import in_memory
from clearhead.features.table import FeatureTable
from clearhead.head.sparse_head import SparseHead

SIDE = 48
PATCH = slice(4, 20)


def red_patch_and_edge(pictures: Tensor) -> Tensor:
    """(n, 3): redness of the top-left patch, strength of vertical edges, brightness of the whole (a distractor)."""
    corner = pictures[:, :, PATCH, PATCH]
    red = (corner[:, 0] - (corner[:, 1] + corner[:, 2]) / 2).mean((1, 2))
    gray = pictures.mean(1, keepdim=True)
    sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=pictures.dtype, device=pictures.device)
    across = F.conv2d(gray, sobel[None, None])
    down = F.conv2d(gray, sobel.T[None, None])
    edge = across.square().mean((1, 2, 3)) - down.square().mean((1, 2, 3))
    return torch.stack([red, edge, pictures.mean((1, 2, 3))], 1)


def scenes(seed: int, count: int = 40) -> tuple[Tensor, Tensor]:
    """Noisy pictures of smooth colour; a quarter carry a red patch top left. Returns pictures and who carries it."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 4, 4, generator=generator)
    pictures = 0.2 + 0.5 * F.interpolate(coarse, (SIDE, SIDE), mode="bicubic", align_corners=False).clamp(0, 1)
    carries = torch.randperm(count, generator=generator) < count // 4
    pictures[carries, :, PATCH, PATCH] = torch.tensor([0.9, 0.1, 0.1])[:, None, None]
    pictures += 0.03 * torch.randn(pictures.shape, generator=generator)
    return pictures.clamp(0, 1), carries


def hue_and_orientation(picture: Tensor) -> tuple[float, float]:
    """Chroma-weighted mean hue and structure-tensor edge orientation (0 = vertical edge), both in degrees."""
    r, g, b = picture.double()
    alpha, beta = r - (g + b) / 2, 3**0.5 / 2 * (g - b)
    hue = torch.atan2(beta.mean(), alpha.mean()).rad2deg()
    gray = picture.double().mean(0)
    dx, dy = gray[1:-1, 2:] - gray[1:-1, :-2], gray[2:, 1:-1] - gray[:-2, 1:-1]
    angle = 0.5 * torch.atan2(2 * (dx * dy).mean(), (dx * dx - dy * dy).mean()).rad2deg()
    return float(hue), float(angle)


LIKED, HATED = "splendid", "dreadful"
FILLERS = ["the", "a", "film", "story", "plot", "actor", "scene", "with", "of", "and", "is", "long"]
FILLERS += ["short", "old", "new", "music", "light", "camera", "town", "river"]


def liked_minus_hated(texts: list[str]) -> Tensor:
    """(n, 2): occurrences of one word minus those of another; and the number of words (a distractor)."""
    words = [text.split() for text in texts]
    value = [[w.count(LIKED) - w.count(HATED), 0.1 * len(w)] for w in words]
    return torch.tensor(value, dtype=torch.float64).reshape(-1, 2)


def reviews(seed: int, count: int = 30) -> list[str]:
    """Sentences of filler words; a third hold the liked word, a third the hated one."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for i in range(count):
        length = int(torch.randint(4, 12, (1,), generator=generator))
        words = [FILLERS[int(j)] for j in torch.randint(len(FILLERS), (length,), generator=generator)]
        if i % 3 < 2:
            words.insert(int(torch.randint(length, (1,), generator=generator)), (LIKED, HATED)[i % 3])
        found.append(" ".join(words))
    return found


class CountWords(nn.Module):
    """A sentence encoder that counts: (liked − hated, number of words / 10, a constant)."""

    def __init__(self) -> None:
        super().__init__()
        self.unit = nn.Parameter(torch.ones(1))
        self.dropout = nn.Dropout(0.5)

    def forward(self, counts: Tensor) -> Tensor:
        return self.dropout(torch.cat([counts * self.unit, torch.ones(len(counts), 1)], 1))


def count_preprocess(texts: Sequence[str]) -> Tensor:
    return liked_minus_hated(list(texts)).float()


def text_subject(folder: Path, seed: int, texts: list[str] | None = None) -> Subject:
    """A table, a head and the network of counted words over seeded reviews."""
    texts = reviews(seed) if texts is None else texts
    backbone = Backbone.from_module(CountWords(), count_preprocess, kind="text", encoder=True, example=["a film"])
    with torch.no_grad():
        features = backbone.features(count_preprocess(texts))
    labels = [int(LIKED in text) for text in texts]
    examples = in_memory(texts, labels)
    table = FeatureTable.from_arrays(folder, features, labels, texts=texts, kind="text", key=examples.key)
    weight = torch.tensor([[-1.0, 1.0], [0.0, 0.2], [0.0, 0.0]])
    head = SparseHead(weight, torch.zeros(2), Standardizer.fit(table))
    return Subject(table, head, backbone=backbone, examples=examples)


class PlantedImages(nn.Module):
    """`red_patch_and_edge` as a network behind a normalisation, with a dropout that evaluation must switch off."""

    def __init__(self) -> None:
        super().__init__()
        self.unit = nn.Parameter(torch.ones(1))
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        values = red_patch_and_edge(x * 0.5 + 0.5)
        return self.dropout(torch.cat([values * self.unit, torch.ones_like(values[:, :1])], 1))


def image_preprocess(images: Sequence[Image.Image]) -> Tensor:
    pixels = np.stack([np.asarray(image.resize((SIDE, SIDE))) for image in images])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1


def image_subject(folder: Path, seed: int, images: Tensor | None = None) -> Subject:
    """A table, a head and the network of planted features over seeded scenes; the fourth feature never varies."""
    pictures, carries = scenes(seed) if images is None else (images, torch.zeros(len(images), dtype=torch.bool))
    array = (pictures.permute(0, 2, 3, 1) * 255).round().to(torch.uint8).numpy()
    examples = in_memory(array, carries.long(), ["without", "with"])
    backbone = Backbone.from_module(
        PlantedImages(), image_preprocess, kind="image", encoder=True, example=[examples[0], examples[1]]
    )
    with torch.no_grad():
        features = backbone.features(image_preprocess([examples[i] for i in range(len(examples))]))
    about = {"class_names": ["without", "with"], "kind": "image", "key": examples.key, "uris": examples.uris}
    table = FeatureTable.from_arrays(folder, features, carries.long(), **about)
    weight = torch.tensor([[-1.0, 1.0], [0.3, -0.5], [0.0, 0.2], [0.0, 0.0]])
    head = SparseHead(weight, torch.zeros(2), Standardizer.fit(table), class_names=["without", "with"])
    return Subject(table, head, dense=head, backbone=backbone, examples=examples)
