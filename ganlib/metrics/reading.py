"""What a reader says of images: a callable that names classes or attributes, as a classifier does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ganlib.errors import GanlibError

BATCH = 500  # images at once
SLACK = 1 / 255  # a float no further outside of [-1, 1] rounds to byte 0 or 255 all the same
Reader = Callable[[Tensor], Any]


def in_range(images: Tensor, what: str, expected: str) -> None:
    """Refuse floats that are not in [-1, 1]; those that fill [0, 1] or reach up to 255 are taken for a mistake.

    Args:
        images: float (N, C, H, W), N ≥ 1.
        what: what the error calls them.
        expected: what the error asks for.

    Raises:
        GanlibError: values outside the range, of another range, or not finite.
    """
    low, high = (bound.item() for bound in images.detach().aminmax())  # NaN wherever one pixel is
    if not (abs(low) < float("inf") and abs(high) < float("inf")):
        bad = sum(int((~part.isfinite()).flatten(1).any(1).sum()) for part in images.split(4096))
        raise GanlibError(f"{bad} of {len(images)} {what} hold NaN or infinity; expected finite pixels")
    seen = f"the {what} are floats from {low:.6g} to {high:.6g}"
    if 0 <= low < 0.1 and 0.9 < high <= 1:  # what is only white, or only grey, is not suspected
        raise GanlibError(
            f"{seen}, as if in [0, 1]; {expected} (2 * images - 1 turns [0, 1] into [-1, 1]; of images in [-1, 1] "
            "that are merely bright, give ganlib.metrics.features.to_bytes(images))"
        )
    if low >= 0 and 2 < high <= 255:
        raise GanlibError(f"{seen}, as if bytes; {expected} (images.to(torch.uint8) makes them bytes)")
    if low < -1 - SLACK or high > 1 + SLACK:
        raise GanlibError(f"{seen}; {expected} (images.clamp(-1, 1) cuts what a generator overshoots)")


def checked_images(images: Tensor, which: str = "generated") -> Tensor:
    """Images, or a refusal.

    Args:
        images: float (N, C, H, W) in [-1, 1], or uint8.
        which: what the error calls them.

    Returns:
        Floats in [-1, 1], without a gradient.

    Raises:
        GanlibError: another type or shape, none, values outside the range or not finite; see `in_range`.
    """
    if not isinstance(images, Tensor) or images.ndim != 4 or not images.numel():
        given = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise GanlibError(f"the {which} images are {given}; expected a tensor (N, C, H, W) with at least one image")
    if images.dtype == torch.uint8:
        return images.to(torch.get_default_dtype()) / 127.5 - 1
    expected = "expected uint8 from 0 to 255, or floats in [-1, 1]"
    if not images.is_floating_point():
        raise GanlibError(f"the {which} images are {str(images.dtype).removeprefix('torch.')}; {expected}")
    in_range(images, f"{which} images", expected)
    return images.detach()


def flattened(given: Any, which: str) -> Any:
    """Samples as rows of numbers; images among them are checked first.

    Args:
        given: images (N, C, H, W), see `checked_images`; a tensor of another shape; or anything else, e.g. features.
        which: what the error calls the images.

    Returns:
        A tensor (N, d), images being in [-1, 1]; what is (N, d) already or no tensor comes back as it is.

    Raises:
        GanlibError: images of another type or range; see `checked_images`.
    """
    if not isinstance(given, Tensor) or given.ndim < 3:
        return given
    return (checked_images(given, which) if given.ndim == 4 else given).flatten(1)


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


def named(reader: Reader | None) -> str | None:
    """What a result calls the reader: its name, or its class's; None without one, or for a lambda."""
    name = getattr(reader, "__name__", type(reader).__name__)
    return None if reader is None or name == "<lambda>" else name


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
