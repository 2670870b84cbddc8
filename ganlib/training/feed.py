"""How batches reach the device."""

from __future__ import annotations

import torch
from torch import Tensor

from ganlib.data.batch import Batch, Source
from ganlib.data.images import DoesNotFit
from ganlib.errors import say


class FromHost:
    """Data that stay in the host's memory; each batch is copied to the device.

    No loader and no threads: the host is many steps ahead of the device, since it waits for it only at the end of a
    window, and the copies are asynchronous. What the host draws now, the device needs later.

    Args:
        data: the data, on the CPU.
        device: where batches go.
    """

    def __init__(self, data: Source, device: torch.device):
        self._data, self._device, self.shape = data, device, data.shape

    def __len__(self) -> int:
        return len(self._data)

    def batch(self, n: int) -> Batch:
        """A fresh batch of n samples, on the device."""
        drawn = vars(self._data.batch(n))
        return Batch(**{name: self._moved(part) for name, part in drawn.items()})

    def _moved(self, part: object) -> object:
        if not isinstance(part, Tensor):
            return part
        # Only from pinned memory does a copy go on while the host does something else.
        return (part.pin_memory() if self._device.type == "cuda" else part).to(self._device, non_blocking=True)


def feed(data: Source, device: torch.device) -> Source | FromHost:
    """The data on the device as a whole, which is fastest; or, if they do not fit there, batch by batch."""
    try:
        return data.to(device)
    except DoesNotFit as error:
        say(f"{error}. They stay in the host's memory, and each batch is copied")
        return FromHost(data, device)
