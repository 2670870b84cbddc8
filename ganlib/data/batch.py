"""The one thing a data set hands to a trainer: a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """What one training step sees of the data.

    Args:
        images: float (N, C, H, W) in [-1, 1], or points (N, d) of a toy distribution.
        labels: int64 (N,) class numbers, or None for data without classes.
        captions: whatever a text-conditioned model reads, N of them, or None.
        other: the second domain of a paired or unpaired translation set, N of them, or None.
    """

    images: Tensor
    labels: Tensor | None = None
    captions: Any | None = None
    other: Tensor | None = None

    def __len__(self) -> int:
        return len(self.images)

    def parts(self, count: int) -> list[Batch]:
        """The batch cut into `count` equal parts, in order; its length must be a multiple of `count`."""
        if count == 1:
            return [self]
        size = len(self) // count
        return [
            Batch(
                **{name: None if part is None else part[i * size : (i + 1) * size] for name, part in vars(self).items()}
            )
            for i in range(count)
        ]


class Source(Protocol):
    """What a trainer needs of data: `Images`, a toy distribution, or anything that has these three."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample: (C, H, W) or (d,)."""
        ...

    def batch(self, n: int) -> Batch:
        """A fresh batch of n samples, on the device the data are on, drawn with torch's global generator."""
        ...

    def to(self, device: torch.device | str) -> Source:
        """The same data on a device."""
        ...
