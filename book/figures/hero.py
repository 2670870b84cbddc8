"""The picture at the top of the README: ``python book/figures/hero.py [folder]``; a few minutes on two cores.

One run of the classic network of chapter 02 on `digits`. Every row is one latent vector, every column a later step,
from the untrained generator on the left to the end on the right. The rows are chosen: for each of eight digits, the
first latent whose last image a classifier takes for that digit with confidence 0.95. Nothing is retouched; the colour
stands for brightness.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import ganlib
from ganlib.metrics.classifier import train_classifier
from ganlib.training.callbacks import to_uint8

HERE = Path(__file__).parent
STEPS, COLUMNS, CELL = 3000, 25, 48
DIGITS = (2, 8, 5, 0, 3, 6, 4, 7)
DARK, MIDDLE, LIGHT = (16, 22, 38), (68, 112, 168), (255, 240, 214)


def milestones(steps: int, columns: int) -> list[int]:
    """Steps at which a column is taken: 0, then evenly spaced in the logarithm."""
    later = np.unique(np.geomspace(steps / 25, steps, 4 * columns).round().astype(int))
    return [0, *later[np.linspace(0, len(later) - 1, columns - 1).round().astype(int)].tolist()]


def trained(steps: int) -> tuple[ganlib.data.Images, ganlib.Trainer, dict[int, torch.Tensor]]:
    """Train and keep what 400 latents become at each milestone: step → uint8 (400, 1, 28, 28)."""
    ganlib.seed(0)
    data = ganlib.load("digits")
    gan = ganlib.build("gan", data.shape, model="mlp", latent_dim=100)
    z, wanted, frames = gan.latent(400), set(milestones(steps, COLUMNS)), {}

    def keep(trainer: ganlib.Trainer) -> None:
        if trainer.step in wanted:
            frames[trainer.step] = to_uint8(trainer.sample(z=z))

    trainer = ganlib.Trainer(gan, data, 128, ema_half_life=5_000, callbacks=[ganlib.Every(1, keep)])
    return data, trainer.fit(steps), frames


def rows(data: ganlib.data.Images, last: torch.Tensor) -> list[int]:
    """For each digit, the first latent whose image is surely it."""
    probabilities = train_classifier(data).probabilities(last.float() / 127.5 - 1)
    return [int((probabilities[:, digit] > 0.95).nonzero()[0]) for digit in DIGITS]


def coloured(sheet: np.ndarray) -> np.ndarray:
    """uint8 (H, W) → (H, W, 3) from dark blue to warm white."""
    return np.stack([np.interp(sheet, (0, 110, 255), ends) for ends in zip(DARK, MIDDLE, LIGHT, strict=True)], -1)


def main(folder: Path) -> None:
    """Make the picture."""
    data, _, frames = trained(STEPS)
    chosen = rows(data, frames[STEPS])
    sheet = np.concatenate([np.concatenate(list(frames[step][chosen, 0].numpy()), 0) for step in sorted(frames)], 1)
    height, width = (CELL * n for n in (len(DIGITS), len(frames)))
    large = np.asarray(Image.fromarray(sheet).resize((width, height), Image.Resampling.BICUBIC))
    picture = Image.fromarray(coloured(large).round().astype(np.uint8))
    picture.quantize(128, dither=Image.Dither.NONE).save(folder / "hero.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "_static" / "figures")
