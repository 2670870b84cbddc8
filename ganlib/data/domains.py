"""Two sets of images to translate between, and what is known of the pictures behind them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ganlib.data.batch import Batch
from ganlib.data.images import Images, whole
from ganlib.errors import GanlibError, unknown

ENLARGED = 286 / 256  # what a crop is cut out of, by the image's size


@dataclass(frozen=True)
class Truth:
    """What real unpaired sets cannot tell: how some images look in the other domain. For measuring only.

    Args:
        images: uint8 (n, C, H, W), the same scenes in the other domain, one of the many that would be right.
        mask: bool (n, 1, H, W), where the two may differ; everywhere else they are equal to the byte.
        attributes: one tensor of n rows per factor, those of both domains.
        determined: names of the factors that a translation must keep.
        free: names of the factors of the other domain that the input says nothing about.
        silhouette: bool (n, 1, H, W), where the animal is in both; between this and the mask are the rim and what only
            one of the two has. None where no animal is.
    """

    images: Tensor
    mask: Tensor
    attributes: dict[str, Tensor]
    determined: tuple[str, ...]
    free: tuple[str, ...]
    silhouette: Tensor | None = None


class Domains:
    """Two sets of images of one shape, e.g. horses and zebras, that a network learns to translate between.

    Args:
        a: the first domain.
        b: the second domain.
        name: what the two are called together.
        truth: a function (``"a"`` or ``"b"``, int64 (n,) numbers of images) -> `Truth`; None where nobody knows.
        paired: whether image i of `a` and image i of `b` show the same scene; batches then keep them together.
        augment: whether batches show varied images, see `varied`; those of a pair are varied alike.

    Raises:
        GanlibError: the two do not fit each other.
    """

    def __init__(
        self,
        a: Images,
        b: Images,
        name: str = "domains",
        truth: Callable[[str, Tensor], Truth] | None = None,
        paired: bool = False,
        augment: bool = False,
    ) -> None:
        if a.shape != b.shape:
            first, second = ("×".join(map(str, images.shape)) for images in (a, b))
            raise GanlibError(f"the two domains of {name} must have images of one shape, not {first} and {second}")
        if a.device != b.device:
            raise GanlibError(f"the two domains of {name} must be on one device, not on {a.device} and {b.device}")
        if paired and len(a) != len(b):
            raise GanlibError(f"paired domains need as many images each; {name} has {len(a):,} and {len(b):,}")
        self.a = a
        self.b = b
        self.name = name
        self.paired = paired
        self.augment = augment
        self._truth = truth

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image of either domain."""
        return self.a.shape

    @property
    def device(self) -> torch.device:
        """Where the pixels are."""
        return self.a.device

    def __len__(self) -> int:
        """Images of the smaller domain."""
        return min(len(self.a), len(self.b))

    def __repr__(self) -> str:
        channels, height, width = self.shape
        count = f"{len(self):,} pairs" if self.paired else f"{len(self.a):,} and {len(self.b):,} images"
        return f"Domains({self.name!r}: {count}, {channels}×{height}×{width}, {self.device})"

    def to(self, device: torch.device | str) -> Domains:
        """The same domains on another device.

        Args:
            device: e.g. ``"cuda"``.

        Returns:
            New ``Domains``; tensors already there are shared, not copied.

        Raises:
            GanlibError: this machine has no such device, or not enough memory on it.
        """
        return Domains(self.a.to(device), self.b.to(device), self.name, self._truth, self.paired, self.augment)

    def batch(self, n: int) -> Batch:
        """Draw from both domains at random, with replacement.

        Args:
            n: how many of each, at most the size of the smaller domain.

        Returns:
            A batch with images float32 (n, C, H, W) in [-1, 1] from `a` and as many `other` from `b`: independent
            draws, or the same scenes if the domains are paired; varied if `augment` says so.

        Raises:
            GanlibError: n is below 1 or larger than a domain.
        """
        if not self.paired:
            a, b = self.a.batch(n).images, self.b.batch(n).images
            return Batch(varied(a), other=varied(b)) if self.augment else Batch(a, other=b)
        n = whole("batch size", n, 1)
        if n > len(self):
            raise GanlibError(f"batch size {n} is larger than the {len(self)} pairs of the data set {self.name!r}")
        index = torch.randint(len(self), (n,), device=self.device)
        a, b = self.a.normalised(index), self.b.normalised(index)
        if self.augment:
            a, b = varied(torch.cat([a, b], 1)).chunk(2, 1)
        return Batch(a, other=b)

    def truth(self, side: str, index: Tensor | slice | None = None) -> Truth:
        """How images of one domain look in the other. Training never reads this.

        Args:
            side: ``"a"`` or ``"b"``, the domain that the images are from.
            index: which of them: int64 (n,), a slice, or None for all.

        Returns:
            The hidden counterparts with what is known of them, on the device of the images.

        Raises:
            GanlibError: nobody knows the truth of this set, or there is no such side or image.
        """
        if side not in ("a", "b"):
            raise unknown("side of the domains", side, ("a", "b"))
        if self._truth is None:
            raise GanlibError(
                f"the truth of {self.name} is not known; of the sets with two domains, pairs drawn here have one"
            )
        count = len(self.a if side == "a" else self.b)
        if index is None or isinstance(index, slice):
            index = torch.arange(count)[slice(None) if index is None else index]
        if not isinstance(index, Tensor) or index.dtype != torch.int64 or index.ndim != 1 or not len(index):
            given = f"{index.dtype} {tuple(index.shape)}" if isinstance(index, Tensor) else repr(index)
            raise GanlibError(f"index must be an int64 tensor (n,) with at least one number, or a slice, not {given}")
        low, high = (int(bound) for bound in index.aminmax())
        if low < 0 or high >= count:
            raise GanlibError(
                f"index must number the {count:,} images of domain {side} from 0, not run from {low} to {high}"
            )
        truth = self._truth(side, index.cpu())
        return Truth(
            truth.images.to(self.device),
            truth.mask.to(self.device),
            {key: rows.to(self.device) for key, rows in truth.attributes.items()},
            truth.determined,
            truth.free,
            None if truth.silhouette is None else truth.silhouette.to(self.device),
        )


def varied(images: Tensor) -> Tensor:
    """The images as a photographer a step nearer might have taken them: crops of enlarged ones, half of them mirrored.

    Args:
        images: (N, C, H, W) in [-1, 1].

    Returns:
        (N, C, H, W) in [-1, 1]: each enlarged by 286/256 (bicubic), cut out at a random place, mirrored at random.

    *Source*: the code published with Isola et al. (2017), section 6.2, and Zhu et al. (2017).
    """
    n, _, *sides = images.shape
    device = images.device
    larger = [round(ENLARGED * side) for side in sides]
    enlarged = interpolate(images, size=larger, mode="bicubic", align_corners=False).clamp(-1, 1)
    rows, columns = (
        torch.randint(large - side + 1, (n, 1), device=device) + torch.arange(side, device=device)
        for side, large in zip(sides, larger, strict=True)
    )
    columns = torch.where(torch.rand(n, 1, device=device) < 0.5, columns.flip(1), columns)
    which = torch.arange(n, device=device).view(-1, 1, 1)
    # Indices beside a slice go first: (N, H, W, C).
    return enlarged[which, :, rows.unsqueeze(2), columns.unsqueeze(1)].permute(0, 3, 1, 2).contiguous()
