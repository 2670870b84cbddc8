"""What the commands write for people to look at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ganlib.errors import GanlibError


def draw(sample: Callable[[int], Any], n: int, seed: int) -> Any:
    """n samples that depend on the seed alone."""
    from ganlib import training

    training.seed(seed)
    return sample(n)


def writable_png(path: Path) -> Path:
    """The path, once it is clear that a picture can be written there."""
    from ganlib.training.checkpoint import writable

    if path.suffix.lower() != ".png":
        raise GanlibError(f"--out {str(path)!r} was given; expected a name that ends in .png")
    writable(path.parent)
    return path


def columns(n: int) -> int:
    """Of a grid of n samples."""
    return max(1, round(n**0.5))


def picture(samples: Any, path: Path) -> Path:
    """Write samples as a PNG: images as a grid of fixed contrast, points on the plane as a scatter plot."""
    path = writable_png(path)
    if samples.ndim == 4:
        from torchvision.utils import save_image

        save_image(samples.cpu(), path, nrow=columns(len(samples)), normalize=True, value_range=(-1, 1))
    else:
        from ganlib import viz

        viz.points(samples).savefig(path, dpi=120)
    return path


def at_least_one(**counts: int) -> None:
    """Refuse counts that are not positive."""
    for name, value in counts.items():
        if value < 1:
            raise GanlibError(f"--{name.replace('_', '-')} {value} was given; expected at least 1")
