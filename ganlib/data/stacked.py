"""Stacked digits: three digits in one colour image, for counting how many of 1,000 modes a GAN has found."""

from __future__ import annotations

import torch

from ganlib.data import digits, real
from ganlib.data.images import Images, whole
from ganlib.errors import GanlibError, unknown

COUNTS = {"train": 128_000, "test": 26_000}
SOURCES = ("digits", "mnist")
CHUNK = 4096  # images made at once, so that only the result takes memory worth naming


def stacked_digits(
    size: int = 28, split: str = "train", n: int | None = None, seed: int = 0, source: str = "digits"
) -> Images:
    """Three random digits as the red, green and blue of one image: 1,000 classes.

    The label is 100 · red + 10 · green + blue, so class 407 shows a red 4, a green 0 and a blue 7. Each digit is drawn
    from the images of the source's split, independently and with replacement: classes occur at random, and with
    ``"mnist"``, whose digits are not equally frequent, not quite equally often. The first images do not depend on `n`.

    Args:
        size: height and width in pixels, 8 to 256.
        split: ``"train"`` or ``"test"``, stacked from the split of the source that has this name.
        n: how many images; None for 128,000 (train) or 26,000 (test), as in the published setting.
        seed: another number, another choice of digits (and, with ``"digits"``, other handwriting); 0 or more.
        source: ``"digits"``, drawn here, or ``"mnist"``, as published, which is downloaded once.

    Returns:
        Images (n, 3, size, size) with labels.

    Raises:
        GanlibError: a value out of range, an unknown split or source, or no memory for so many images.

    *Source*: Srivastava et al., VEEGAN (2017), §4.2, whose 128,000 training images and 26,000 samples Lin et al.,
    PacGAN (2018), §4.2 repeats.
    """
    size = whole("size of stacked digits", size, 8, 256)
    if split not in COUNTS:
        raise unknown("split of stacked digits", split, COUNTS)
    n = COUNTS[split] if n is None else whole("number of stacked digits", n, 1)
    seed = whole("seed of stacked digits", seed, 0, 2**31)
    if source not in SOURCES:
        raise unknown("source of stacked digits", source, SOURCES)
    try:
        pixels = torch.empty(n, 3, size, size, dtype=torch.uint8)
    except RuntimeError:
        raise GanlibError(
            f"{n:,} stacked digits of {size}×{size} pixels do not fit into this machine's memory"
        ) from None
    single = digits.digits(size, split, seed=seed) if source == "digits" else real.mnist(size, split)

    generator = torch.Generator().manual_seed(2 * seed + (split == "test"))
    which = torch.randint(len(single), (n, 3), generator=generator)
    for part, chosen in zip(pixels.split(CHUNK), which.split(CHUNK), strict=True):
        part.copy_(single.pixels[:, 0][chosen])
    labels = (single.labels[which] * torch.tensor([100, 10, 1])).sum(1)
    return Images(pixels, labels, tuple(f"{k:03d}" for k in range(1000)), "stacked-digits")


DATASETS = {"stacked-digits": stacked_digits}
