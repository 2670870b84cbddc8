"""What a reader says of images: a callable that names classes or attributes, as a classifier does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ganlib.errors import GanlibError

BATCH = 500  # images at once
Reader = Callable[[Tensor], Any]


def checked_images(images: Tensor, which: str = "generated") -> Tensor:
    """Images, or a refusal.

    Args:
        images: float (N, C, H, W) in [-1, 1].
        which: what the error calls them.

    Returns:
        The same images, without a gradient.

    Raises:
        GanlibError: another type or shape, none, values outside the range or not finite.
    """
    if not isinstance(images, Tensor) or images.ndim != 4 or not images.numel():
        given = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise GanlibError(f"the {which} images are {given}; expected a tensor (N, C, H, W) with at least one image")
    if not images.is_floating_point():
        raise GanlibError(f"the {which} images are {images.dtype}; expected floats in [-1, 1]")
    low, high = (float(bound) for bound in images.detach().aminmax())
    if not (-1.001 <= low and high <= 1.001):  # a comparison with NaN is false
        raise GanlibError(f"the {which} images have values from {low:.3g} to {high:.3g}; expected -1 to 1")
    return images.detach()


def read(given: Any, reader: Reader | None, which: str = "generated") -> Any:
    """What was read already, or what a reader makes of images.

    Args:
        given: without a reader, what was read; with one, images (N, C, H, W) in [-1, 1].
        reader: images → labels or scores, or a mapping of them; it is given `BATCH` images at a time.
        which: what errors call the images.

    Returns:
        As the reader returns it, for all images.

    Raises:
        GanlibError: images where none were expected, or no images where they were.
    """
    if reader is None:
        if isinstance(given, Tensor) and given.ndim == 4:
            raise GanlibError(f"{which} images were given without a reader; expected reader=, or what was read")
        return given
    with torch.no_grad():
        parts = [reader(part) for part in checked_images(given, which).split(BATCH)]
    if isinstance(parts[0], Mapping):
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    return torch.cat(parts)


def labels(given: Tensor, classes: int | None = None, which: str = "generated") -> Tensor:
    """Class numbers.

    Args:
        given: integers (N,), or scores (N, classes), of which the largest counts.
        classes: how many classes there are; None where it does not matter.
        which: what errors call the labels.

    Returns:
        int64 (N,) on the CPU.

    Raises:
        GanlibError: no labels, or numbers that are not those of classes.
    """
    if not isinstance(given, Tensor) or given.ndim not in (1, 2) or not given.numel():
        found = tuple(given.shape) if isinstance(given, Tensor) else type(given).__name__
        raise GanlibError(f"the {which} labels are {found}; expected integers (N,) or scores (N, classes)")
    given = given.detach().cpu()
    if given.ndim == 2:
        if given.isnan().any():
            raise GanlibError(f"the {which} scores hold NaN; expected numbers")
        if classes is not None and given.shape[1] != classes:
            raise GanlibError(f"the {which} scores are of {given.shape[1]} classes; expected {classes}")
        return given.argmax(1)
    if given.is_floating_point():
        raise GanlibError(f"the {which} labels are {given.dtype}; expected integers (N,) or scores (N, classes)")
    given = given.long()
    low, high = (int(bound) for bound in given.aminmax())
    if low < 0 or (classes is not None and high >= classes):
        expected = "0 or more" if classes is None else f"0 to {classes - 1}"
        raise GanlibError(f"the {which} labels run from {low} to {high}; expected {expected}")
    return given
