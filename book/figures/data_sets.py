"""Sheets of samples for the page of data sets: ``python book/figures/data_sets.py [folder]``.

One small PNG a set, the same in both languages, of sets that need no download. Nothing is picked: each sheet shows the
first samples of its set.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch

import ganlib
from ganlib import sprites, viz

HERE = Path(__file__).parent
TOYS = ("ring", "grid", "mixture-1d", "swiss-roll", "two-moons")


def sheet(pixels: torch.Tensor, columns: int, enlarged: int = 1) -> np.ndarray:
    """Images side by side.

    Args:
        pixels: uint8 (N, C, H, W).
        columns: images in a row.
        enlarged: screen pixels for one pixel of the images.
    """
    return np.kron(viz.tile(pixels, columns), np.ones((enlarged, enlarged, 1), np.uint8))


def domains(name: str, columns: int) -> np.ndarray:
    """Some images of each of two domains, the first in the upper row."""
    pair = ganlib.load(name, size=64, n=columns)
    return sheet(torch.cat([pair.a.pixels, pair.b.pixels]), columns)


def toys() -> np.ndarray:
    """Points of every toy, each on axes of its own; of the one on the line, a histogram."""
    ganlib.seed(0)
    fig, axes = plt.subplots(1, len(TOYS), figsize=(10, 2.2), layout="constrained")
    for ax, name in zip(axes, TOYS, strict=True):
        points = ganlib.load(name).sample(1000)
        if points.shape[1] == 1:
            ax.hist(points[:, 0].numpy(), bins=40, color=viz.COLORS[0])
        else:
            ax.scatter(*points.T.numpy(), s=3, linewidths=0, color=viz.COLORS[0])
            ax.set_aspect("equal", adjustable="datalim")
        ax.set_title(name, fontsize=13)
        ax.set_xticks([])
        ax.set_yticks([])
    fig.canvas.draw()
    picture = np.asarray(fig.canvas.buffer_rgba())[..., :3].copy()
    plt.close(fig)
    return picture


SHEETS: dict[str, Callable[[], np.ndarray]] = {
    "digits": lambda: sheet(ganlib.load("digits", n=60).pixels, 20),
    "avatars": lambda: sheet(ganlib.load("avatars", size=64, n=24).pixels, 12),
    "stacked-digits": lambda: sheet(ganlib.load("stacked-digits", n=40).pixels, 20),
    "horses-zebras": lambda: domains("horses-zebras", 10),
    "photos-paintings": lambda: domains("photos-paintings", 10),
    "toys": toys,
    "optdigits": lambda: sheet(ganlib.load("optdigits", n=40).pixels, 20, enlarged=4),
}


def main(folder: Path) -> None:
    """Write the sheets into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in SHEETS.items():
        (folder / f"data-{name}.png").write_bytes(sprites.png(make()))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "_static" / "figures")
