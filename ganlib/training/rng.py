"""Random state: one seed for all generators, and their whole state in a form a checkpoint can hold."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch


def seed(value: int) -> None:
    """Seed torch (all devices), NumPy and Python."""
    random.seed(value)
    np.random.seed(value % 2**32)
    torch.manual_seed(value)


def state() -> dict[str, Any]:
    """The state of every generator, as tensors and plain numbers: no pickle is needed to read it back."""
    kind, keys, position, has_gauss, gauss = np.random.get_state()
    version, words, gauss_next = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": [kind, torch.from_numpy(keys.astype(np.int64)), position, has_gauss, gauss],
        "python": [version, list(words), gauss_next],
    }


def restore(saved: dict[str, Any]) -> None:
    """Put back what `state` returned. CUDA states are used as far as this machine has devices."""
    torch.set_rng_state(saved["torch"])
    for index, device_state in enumerate(saved["cuda"][: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(device_state, index)
    kind, keys, position, has_gauss, gauss = saved["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), position, has_gauss, gauss))
    version, words, gauss_next = saved["python"]
    random.setstate((version, tuple(words), gauss_next))
