"""Sheets of samples for the page of the zoo: ``python book/figures/zoo.py [folder]``.

One small PNG a game, the same in both languages. Nothing is picked: a sheet shows the first samples of a fixed seed, of
a game with classes as many of each, of one with captions those of the first test images, of one that translates the
first test images too.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import ganlib
from ganlib import sprites, viz, zoo
from ganlib.device import seeded
from ganlib.gans.base import GAN
from ganlib.gans.conditional import ConditionalGAN
from ganlib.gans.translation import TranslationGAN

FOLDER = Path(__file__).parents[1] / "_static" / "figures"
COLUMNS, WIDTH = 12, 768  # samples in a row, and about how many pixels they take


def samples(gan: GAN, name: str) -> Tensor:
    """What a game's sheet shows, row by row: (N, C, H, W) in [-1, 1]."""
    if isinstance(gan, TranslationGAN):
        return translations(gan, name)
    n, asked = COLUMNS * (4 if gan.recipe["shape"][-1] <= 32 else 2), {}
    with seeded(0):
        if isinstance(gan, ConditionalGAN):
            asked["z"] = gan.latent(n)
            if gan.conditions.name == "labels":
                asked["labels"] = torch.arange(n) * gan.conditions.classes // n
            else:
                asked["captions"] = tested(name, n).captions(torch.arange(n))
        return gan.sample(**asked or {"n": n})


def tested(name: str, n: int) -> Any:
    """The first n test images of the data that a game was trained on."""
    settings = zoo.record(name)["training"]["settings"]
    return ganlib.load(settings["data"], size=settings["size"], split="test", n=n)


def translations(gan: TranslationGAN, name: str) -> Tensor:
    """Test images of each domain that is translated, and below them what becomes of them."""
    test, rows = tested(name, COLUMNS), []
    for way in gan.translators():
        given = getattr(test, way[0]).normalised()
        rows += [given, gan.translate(given, way)]
    return torch.cat(rows)


def sheet(name: str) -> np.ndarray:
    """The sheet of a game: uint8 (H, W, C)."""
    made = samples(zoo.load(name, "game"), name).clamp(-1, 1)
    enlarged = max(1, round(WIDTH / COLUMNS / made.shape[-1]))
    return np.kron(viz.tile(made, COLUMNS), np.ones((enlarged, enlarged, 1), np.uint8))


def main(folder: Path) -> None:
    """Write the sheets into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in zoo.list("game"):
        (folder / f"zoo-{name}.png").write_bytes(sprites.png(sheet(name)))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
