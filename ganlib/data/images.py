"""Images that live whole on one device and are drawn from it in batches."""

from __future__ import annotations

import operator

import torch
from torch import Tensor
from torch.nn import functional as F

from ganlib.data.batch import Batch
from ganlib.errors import GanlibError, unknown


def whole(name: str, value: object, low: int, high: int | None = None) -> int:
    """A whole number in a range, or an error that names it.

    Args:
        name: what the number is, for the message.
        value: what was given; anything Python accepts as an index except a bool.
        low: the smallest value allowed.
        high: the largest value allowed, None for no limit.

    Returns:
        The value as a plain int.

    Raises:
        GanlibError: not a whole number, or out of range.
    """
    expected = f"{low} or more" if high is None else f"from {low} to {high}"
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise GanlibError(f"{name} must be a whole number {expected}, not {value!r}") from None
    if number < low or (high is not None and number > high):
        raise GanlibError(f"{name} must be a whole number {expected}, not {number}")
    return number


def drawn(
    name: str, size: object, smallest: int, split: str, counts: dict[str, int], n: object, seed: object
) -> tuple[int, int, int]:
    """The options that every drawn data set takes, checked.

    Args:
        name: of the data set, for the messages.
        size: height and width in pixels, `smallest` to 256.
        smallest: the smallest size that the set can be drawn at.
        split: one of `counts`.
        counts: how many images a split has unless told otherwise.
        n: how many images, or None.
        seed: 0 or more.

    Returns:
        size, n and seed as plain ints.

    Raises:
        GanlibError: a value out of range, or an unknown split.
    """
    size = whole(f"size of {name}", size, smallest, 256)
    if split not in counts:
        raise unknown(f"split of {name}", split, counts)
    n = counts[split] if n is None else whole(f"number of {name}", n, 1)
    return size, n, whole(f"seed of {name}", seed, 0, 2**31)


def resized(pixels: Tensor, size: int) -> Tensor:
    """Square images at another size, by antialiased bilinear interpolation.

    Args:
        pixels: uint8 (N, C, H, W).
        size: the new height and width in pixels.

    Returns:
        uint8 (N, C, size, size); the same tensor if it already has that size.
    """
    if pixels.shape[-2:] == (size, size):
        return pixels
    parts = [
        F.interpolate(part.float(), (size, size), mode="bilinear", antialias=True, align_corners=False)
        for part in pixels.split(4096)  # 60,000 float images at once would take 16 times the memory of the result
    ]
    return torch.cat([part.round_().clamp_(0, 255).to(torch.uint8) for part in parts])


class DoesNotFit(GanlibError):
    """A device has not enough free memory for a data set."""


class Images:
    """A data set of images, kept as bytes on one device.

    Args:
        pixels: uint8 (N, C, H, W), 0 is black. They may be mapped from a file: a batch then reads its own images only.
        labels: int64 (N,) class numbers, or None.
        classes: the names of the classes, in the order of their numbers.
        name: what the set is called.
        attributes: one tensor with N rows per known property of the images.
        vocabulary: for attributes that are int64 (N,) numbers of values, the values' names in the order of the numbers.

    Raises:
        GanlibError: the tensors do not fit each other.
    """

    def __init__(
        self,
        pixels: Tensor,
        labels: Tensor | None = None,
        classes: tuple[str, ...] = (),
        name: str = "images",
        attributes: dict[str, Tensor] | None = None,
        vocabulary: dict[str, tuple[str, ...]] | None = None,
    ) -> None:
        if pixels.dtype != torch.uint8 or pixels.ndim != 4 or 0 in pixels.shape:
            raise GanlibError(
                f"pixels must be a uint8 tensor (N, C, H, W) with at least one image, "
                f"not {pixels.dtype} {tuple(pixels.shape)}"
            )
        attributes = dict(attributes or {})
        for key, rows in [("labels", labels), *attributes.items()]:
            if rows is None:
                continue
            if rows.ndim < 1 or len(rows) != len(pixels):
                raise GanlibError(f"{len(pixels)} images need as many {key}, not a tensor {tuple(rows.shape)}")
        if labels is not None:
            if labels.dtype != torch.int64 or labels.ndim != 1:
                raise GanlibError(f"labels must be an int64 tensor (N,), not {labels.dtype} {tuple(labels.shape)}")
            low, high = (int(bound) for bound in labels.aminmax())
            if low < 0 or (classes and high >= len(classes)):
                raise GanlibError(f"labels must number the {len(classes)} classes from 0, not run from {low} to {high}")
        self.pixels = pixels.contiguous()
        self.labels = labels
        self.classes = tuple(classes)
        self.name = name
        self.attributes = attributes
        self.vocabulary = dict(vocabulary or {})

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        return tuple(self.pixels.shape[1:])

    @property
    def device(self) -> torch.device:
        """Where the pixels are."""
        return self.pixels.device

    def __len__(self) -> int:
        return len(self.pixels)

    def __repr__(self) -> str:
        channels, height, width = self.shape
        of = f" of {len(self.classes)} classes" if self.classes else ""
        return f"Images({self.name!r}: {len(self):,} images{of}, {channels}×{height}×{width}, {self.device})"

    def to(self, device: torch.device | str) -> Images:
        """The same images on another device.

        Args:
            device: e.g. ``"cuda"``.

        Returns:
            A new ``Images``; tensors already there are shared, not copied.

        Raises:
            GanlibError: this machine has no such device; `DoesNotFit`: not enough memory on it.
        """
        try:
            moved = object.__new__(Images)  # the tensors were checked when self was made
            moved.pixels = self.pixels.to(device)
            moved.labels = None if self.labels is None else self.labels.to(device)
            moved.attributes = {key: rows.to(device) for key, rows in self.attributes.items()}
        except torch.OutOfMemoryError:
            gigabytes = self.pixels.nbytes / 1e9
            raise DoesNotFit(
                f"the {len(self):,} {self.name} images need {gigabytes:.1f} GB, more than device {str(device)!r} has "
                f"free; load fewer (n=) or smaller ones (size=), or leave them where they are"
            ) from None
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            raise GanlibError(
                f"cannot move the {self.name} images to device {str(device)!r}: {str(error).splitlines()[0]}"
            ) from error
        moved.classes, moved.name, moved.vocabulary = self.classes, self.name, self.vocabulary
        return moved

    def normalised(self, index: Tensor | slice | None = None) -> Tensor:
        """Images as networks see them.

        Args:
            index: which images: int64 (n,) on the images' device, a slice, or None for all of them.

        Returns:
            float32 (n, C, H, W) in [-1, 1]: byte 0 is exactly -1, byte 255 exactly 1.
        """
        if isinstance(index, Tensor) and index.dtype == torch.int64:
            pixels = self.pixels.index_select(0, index)  # bytes are gathered first: a quarter of the memory traffic
        else:
            pixels = self.pixels if index is None else self.pixels[index]
        return pixels.to(torch.float32).mul_(1 / 127.5).sub_(1)

    def batch(self, n: int) -> Batch:
        """Draw images at random, with replacement, on the device they are on.

        Args:
            n: how many, at most the size of the set.

        Returns:
            A batch with images float32 (n, C, H, W) in [-1, 1] and labels int64 (n,) if the set has labels.

        Raises:
            GanlibError: n is below 1 or larger than the set.
        """
        index = self.drawn(n)
        return Batch(self.normalised(index), None if self.labels is None else self.labels.index_select(0, index))

    def drawn(self, n: int) -> Tensor:
        """Which images a batch of n shows: int64 (n,); see `batch`."""
        if type(n) is not int or not 1 <= n <= len(self):  # the common case stays one comparison
            n = whole("batch size", n, 1)
            if n > len(self):
                raise GanlibError(f"batch size {n} is larger than the {len(self)} images of the data set {self.name!r}")
        return torch.randint(len(self), (n,), device=self.device)
