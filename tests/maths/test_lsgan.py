"""Every statement of chapter 05, checked by numbers, each beside a plausible wrong variant."""

import numpy as np
import pytest

VALUES = np.array([-1.0, 0.0, 2.0, 7.0])
CHANCES = np.array([0.1, 0.4, 0.3, 0.2])


def mean_of(numbers):
    return float(CHANCES @ numbers)


@pytest.mark.proves("thm-lsgan-example")
def test_the_mean_is_the_best_constant():
    mean = mean_of(VALUES)
    variance = mean_of(VALUES**2) - mean**2
    for c in np.linspace(-5, 9, 29):
        distance = mean_of((VALUES - c) ** 2)  # from its definition; the right side from the moments
        assert distance == pytest.approx(variance + (mean - c) ** 2, abs=1e-9)
        if abs(c) > 0.1:
            assert abs(distance - (variance + mean**2 - c**2)) > 1e-3  # the square of a difference is no difference

    grid = np.linspace(-1, 7, 8001)
    best = grid[np.argmin([mean_of((VALUES - c) ** 2) for c in grid])]
    assert best == pytest.approx(mean, abs=1e-3)
    assert abs(best - np.median(VALUES)) > 0.1  # another mean, the wrong one
