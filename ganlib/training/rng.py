"""Random state: one seed for all generators, and their whole state in a form a checkpoint can hold."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def seed(value: int) -> None:
    """Seed torch (all devices), NumPy and Python."""
    random.seed(value)
    np.random.seed(value % 2**32)
    torch.manual_seed(value)


def part(rank: int) -> None:
    """Give process `rank` random numbers of its own: where all have the same state, all would draw the same batches.

    Process 0 keeps its state, so that a run of one process does not depend on there being a word for several.
    """
    if rank:
        seed((int(torch.empty((), dtype=torch.int64).random_(2**32)) + 1_000_003 * rank) % 2**32)


def state(device: torch.device | str = "cpu") -> dict[str, Any]:
    """The state of every generator that this process uses, as tensors and plain numbers."""
    kind, keys, position, has_gauss, gauss = np.random.get_state()
    version, words, gauss_next = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if torch.device(device).type == "cuda" else None,
        "numpy": [kind, torch.from_numpy(keys.astype(np.int64)), position, has_gauss, gauss],
        "python": [version, list(words), gauss_next],
    }


def restore(saved: dict[str, Any], device: torch.device | str = "cpu") -> None:
    """Put back what `state` returned. A CUDA state means nothing to another kind of device."""
    torch.set_rng_state(saved["torch"])
    if saved["cuda"] is not None and torch.device(device).type == "cuda":
        torch.cuda.set_rng_state(saved["cuda"], device)
    kind, keys, position, has_gauss, gauss = saved["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), position, has_gauss, gauss))
    version, words, gauss_next = saved["python"]
    random.setstate((version, tuple(words), gauss_next))


@contextmanager
def untouched(device: torch.device | str = "cpu") -> Iterator[None]:
    """Whatever is drawn inside, the numbers drawn afterwards are the same."""
    before = state(device)
    try:
        yield
    finally:
        restore(before, device)
