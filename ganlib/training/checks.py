"""What cannot work is said before the first step."""

from __future__ import annotations

from typing import Any

from ganlib.errors import GanlibError
from ganlib.gans.base import GAN


def check(
    gan: Any,
    data: Any,
    batch_size: int,
    log_every: int,
    checkpoint_every: int,
    keep: int,
    accumulate: int,
    nowhere_for_tensorboard: bool,
) -> None:
    """Raise a clear error unless a trainer's game, data and counts can go together."""
    if not isinstance(gan, GAN) or not hasattr(data, "batch"):
        given = f"{type(gan).__name__} and {type(data).__name__}"
        raise GanlibError(f"Trainer was given {given}; expected a GAN and then the data")
    counts = {"batch_size": batch_size, "log_every": log_every, "checkpoint_every": checkpoint_every}
    for name, value in (counts | {"keep": keep, "accumulate": accumulate}).items():
        if value < 1:
            raise GanlibError(f"{name}={value} was given; expected at least 1")
    if hasattr(data, "__len__") and batch_size > len(data):
        raise GanlibError(f"batch_size={batch_size} is larger than the data set, which has {len(data)} samples")
    expected = tuple(gan.recipe.get("shape", data.shape))
    if expected != tuple(data.shape):
        raise GanlibError(f"the data have shape {tuple(data.shape)}, the networks expect {expected}")
    gan.check_data(data)
    if nowhere_for_tensorboard:
        raise GanlibError("tensorboard=True was given without out=; expected a folder to write to")
