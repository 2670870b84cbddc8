"""Roots that are the same on every processor."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from ganlib.data.exact import root_


def rounded(root: float, square: float) -> bool:
    """Whether no neighbour of a float32 is nearer to the true root: compared as squares of exact midpoints."""
    x, s = Fraction(root), Fraction(square)
    below, above = (Fraction(float(np.nextafter(np.float32(root), np.float32(end)))) for end in (-math.inf, math.inf))
    return ((x + below) / 2) ** 2 <= s <= ((x + above) / 2) ** 2


def test_every_root_is_the_nearest_number():
    squares = torch.rand(20_000, generator=torch.Generator().manual_seed(0)) * 4
    roots = root_(squares.clone())
    assert all(rounded(root, square) for root, square in zip(roots.tolist(), squares.tolist(), strict=True))
    last_bit = torch.from_numpy(np.nextafter(roots.numpy(), np.float32(9)))  # what MKL may answer
    assert not any(rounded(r, s) for r, s in zip(last_bit[:100].tolist(), squares[:100].tolist(), strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_works_in_place_on_any_shape(dtype):
    x = torch.tensor([[0.0, 1.0, 4.0], [9.0, 16.0, 25.0]], dtype=dtype)
    part = x[:, ::2]  # not contiguous
    assert root_(part) is part and x.tolist() == [[0.0, 1.0, 2.0], [3.0, 16.0, 5.0]]
    assert root_(torch.tensor(2.0, dtype=dtype)) ** 2 == pytest.approx(2)
