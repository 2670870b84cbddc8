"""The square root that is the same on every processor."""

from __future__ import annotations

import numpy as np
from torch import Tensor


def root_(x: Tensor) -> Tensor:
    """√x in place, rounded as IEEE 754 says.

    On a CPU torch may leave roots to MKL, which on some Intel processors is off by the last bit for one number in a
    hundred. That is enough to change a grey level of a drawing, and with it every checksum. NumPy takes the processor's
    own root; so does torch on a GPU.

    Args:
        x: float32 or float64, any shape, not part of a graph; it is overwritten.

    Returns:
        `x`.
    """
    if x.device.type != "cpu":
        return x.sqrt_()
    numbers = x.numpy()  # the same memory
    np.sqrt(numbers, out=numbers)
    return x
