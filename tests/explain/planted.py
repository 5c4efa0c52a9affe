"""Networks and inputs whose features mean, by construction, what an explanation must find."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

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
FILLERS = "the a film story plot actor scene with of and is long short old new music light camera town river".split()


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
