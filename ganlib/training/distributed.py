"""Several devices or machines playing one game: same weights everywhere, each its share of every batch.

Launched by ``torchrun``, ``accelerate launch`` or ``accelerate.notebook_launcher``, a program finds its place in the
environment; the trainer joins by itself. Once per phase the gradients are averaged over all processes. The usual
wrapper (DistributedDataParallel) does not fit a game: it counts on one forward and one backward pass of one whole
module, and a game calls submodules, freezes players and differentiates twice.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ganlib.device import resolve
from ganlib.errors import GanlibError
from ganlib.gans.base import GAN

TIMEOUT = 600  # seconds that a process waits for the others before it gives up; GANLIB_TIMEOUT overrides it


class World:
    """The processes of a run, seen from one of them. A world of one does nothing.

    Attributes:
        rank: this process's number; 0 is the one that writes and prints.
        size: how many there are.
        device: what this one computes on.
    """

    def __init__(self, rank: int, size: int, device: torch.device):
        self.rank, self.size, self.device = rank, size, device

    @classmethod
    def join(cls, device: str | torch.device = "auto") -> World:
        """Find the others, if this process was launched as one of several.

        Args:
            device: as in `ganlib.device.resolve`; each process of a machine gets a GPU of its own.

        Raises:
            GanlibError: the device does not exist, or there are more processes than GPUs.
        """
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1:
            return cls(0, 1, resolve(device))
        local = int(os.environ.get("LOCAL_RANK", "0"))
        device = resolve(device)
        if device.type == "cuda":
            if local >= torch.cuda.device_count():
                raise GanlibError(
                    f"process {local} of this machine has no GPU: there are {torch.cuda.device_count()}; "
                    f"launch one process per GPU, or use device 'cpu'"
                )
            device = torch.device("cuda", local)
            torch.cuda.set_device(device)
        if not dist.is_initialized():
            wait = timedelta(seconds=float(os.environ.get("GANLIB_TIMEOUT", TIMEOUT)))
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=wait)
            atexit.register(lambda: dist.is_initialized() and dist.destroy_process_group())
        return cls(dist.get_rank(), dist.get_world_size(), device)

    def share(self, batch_size: int, parts: int = 1) -> int:
        """How many samples of a batch this process takes.

        Args:
            batch_size: samples over all processes.
            parts: into how many each process cuts its share.

        Raises:
            GanlibError: the batch cannot be cut into equal parts.
        """
        if batch_size % (self.size * parts):
            cut = f"{self.size} processes" + (f" × {parts} parts (accumulate)" if parts > 1 else "")
            raise GanlibError(f"batch_size={batch_size} was given; expected a multiple of {self.size * parts}: {cut}")
        return batch_size // self.size

    def average_(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors by their means over all processes, in one exchange per data type."""
        if self.size == 1 or not tensors:
            return
        for dtype in dict.fromkeys(t.dtype for t in tensors):
            same = [t for t in tensors if t.dtype == dtype]
            flat = torch.cat([t.reshape(-1) for t in same])
            self._together(dist.all_reduce, flat)
            flat /= self.size
            pieces = flat.split([t.numel() for t in same])
            torch._foreach_copy_(same, [piece.view_as(t) for piece, t in zip(pieces, same, strict=True)])

    def start_equal(self, module: nn.Module) -> None:
        """Give every process the parameters and buffers of process 0."""
        if self.size > 1:
            for tensor in [*module.parameters(), *module.buffers()]:
                self._together(dist.broadcast, tensor.data, 0)

    def share_out(self, make: Callable[[], Any]) -> Any:
        """What process 0 makes, everywhere (tensors on the CPU)."""
        things = [make() if self.rank == 0 else None]
        if self.size > 1:
            self._together(dist.broadcast_object_list, things, 0)
        return things[0]

    def gather(self, thing: Any) -> list[Any]:
        """What each process has, everywhere, in the order of their numbers."""
        things = [thing] * self.size
        if self.size > 1:
            self._together(dist.all_gather_object, things, thing)
        return things

    def agree(self, wish: str | None) -> str | None:
        """The first wish that any process has; the same answer everywhere."""
        return next(filter(None, self.gather(wish)), None)

    def average_buffers(self, gan: GAN) -> None:
        """Average the buffers that mean the same everywhere: batch-norm statistics, running means of penalties."""
        if self.size > 1:
            mine = set(gan.local_buffers)
            self.average_([b for name, b in gan.named_buffers() if b.is_floating_point() and name not in mine])

    def _together(self, exchange: Any, *args: Any, **options: Any) -> None:
        try:
            exchange(*args, **options)
        except RuntimeError as error:  # gloo: connection closed; NCCL: aborted by its watchdog
            first = str(error).strip().splitlines()[0]
            raise GanlibError(
                f"process {self.rank} of {self.size} lost another one ({first}); the run has ended, --resume goes on "
                f"from its last checkpoint"
            ) from error
