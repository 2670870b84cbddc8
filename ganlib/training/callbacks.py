"""What may be done between two steps.

A callback is any function of the trainer; it is called before the first step and after each one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganlib.errors import GanlibError

if TYPE_CHECKING:
    from ganlib.training.trainer import Trainer


def to_uint8(images: Tensor) -> Tensor:
    """Images in [−1, 1] → uint8, on the CPU. The scale is fixed: no grid is brighter than another."""
    return ((images.detach() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu()


class Every:
    """Call a function of the trainer at step 0 and at every multiple of `steps`, without touching the random state.

    Args:
        steps: the interval, ≥ 1.
        function: what to call with the trainer.
    """

    def __init__(self, steps: int, function: Callable[[Trainer], object]):
        if steps < 1:
            raise GanlibError(f"a callback every {steps} steps was asked for; expected at least 1")
        self.steps, self.function = steps, function

    def __call__(self, trainer: Trainer) -> None:
        if trainer.step % self.steps == 0:
            devices = [trainer.device] if trainer.device.type == "cuda" else []
            with torch.random.fork_rng(devices=devices):  # a run is the same with and without its callbacks
                self.function(trainer)


class Snapshots(Every):
    """Keep what the game makes of fixed inputs as it learns.

    Args:
        steps: the interval.
        inputs: what ``trainer.sample`` gets, e.g. ``z=gan.latent(100)``.

    Attributes:
        frames: list of (step, uint8 images on the CPU (N, C, H, W), or points as they are).
    """

    def __init__(self, steps: int, **inputs: Tensor):
        super().__init__(steps, self.keep)
        self.inputs = inputs
        self.frames: list[tuple[int, Tensor]] = []

    def keep(self, trainer: Trainer) -> None:
        made = trainer.sample(**self.inputs)
        self.frames.append((trainer.step, to_uint8(made) if made.ndim == 4 else made.cpu()))
