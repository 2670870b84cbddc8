"""Two sets of images to translate between."""

from __future__ import annotations

from typing import Any

import torch

from ganlib.data.batch import Batch
from ganlib.data.images import Images
from ganlib.errors import GanlibError


class Domains:
    """Two sets of images, A and B, for translation.

    Args:
        a: the images of domain A.
        b: the images of domain B, of the same shape.
        name: what the pair is called.
        truth: what is known of the hidden counterparts, or None.
        paired: whether image i of A belongs to image i of B.

    Raises:
        GanlibError: the two do not fit each other.
    """

    def __init__(self, a: Images, b: Images, name: str, truth: Any = None, paired: bool = False) -> None:
        if a.shape != b.shape:
            raise GanlibError(f"the two domains of {name} must have the same shape, not {a.shape} and {b.shape}")
        if paired and len(a) != len(b):
            raise GanlibError(f"paired domains need as many images in both, not {len(a)} and {len(b)}")
        self.a, self.b, self.name, self.truth, self.paired = a, b, name, truth, paired

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        return self.a.shape

    def __len__(self) -> int:
        return len(self.a)

    def to(self, device: torch.device | str) -> Domains:
        """The same two sets on another device."""
        return Domains(self.a.to(device), self.b.to(device), self.name, self.truth, self.paired)

    def batch(self, n: int) -> Batch:
        """Draw n images of each domain: independently, or the two of a pair."""
        if not self.paired:
            return Batch(self.a.batch(n).images, other=self.b.batch(n).images)
        index = torch.randint(len(self), (n,), device=self.a.device)
        return Batch(self.a.normalised(index), other=self.b.normalised(index))
