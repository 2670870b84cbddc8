"""Directions in the space of styles: what they find, what they leave as it is."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from ganlib.editing import direction
from ganlib.errors import GanlibError


def cosine(a, b):
    return torch.nn.functional.cosine_similarity(a.double(), b.double(), dim=0).item()


@pytest.mark.parametrize("logistic", [False, True])
def test_a_planted_direction_is_found(logistic):
    w, n = torch.randn(4000, 6) + 3, torch.tensor([2.0, -1, 0, 0, 1, 0])
    n = n / n.norm()
    worn = torch.rand(4000) < ((w - 3) @ n * 2).sigmoid()
    found = direction(w, worn, logistic=logistic)
    assert found.shape == (6,) and found.dtype == torch.float32
    assert found.norm().item() == pytest.approx(1, abs=1e-6)
    assert cosine(found, n) > 0.98 and cosine(direction(w, ~worn, logistic=logistic), -n) > 0.98


def test_least_squares_are_those_of_the_normal_equations():
    w = torch.randn(50, 4).double() @ torch.randn(4, 4).double()
    y = w @ torch.tensor([1.0, 2, 3, 4]).double() + torch.randn(50).double()
    x = torch.cat([w, torch.ones(50, 1).double()], 1)
    slopes = torch.linalg.lstsq(x, y[:, None]).solution[:4, 0]
    assert cosine(direction(w, y, ridge=1e-12), slopes) == pytest.approx(1, abs=1e-9)


def test_logistic_slopes_are_a_minimum():
    w = torch.randn(300, 3).double()
    worn = torch.rand(300) < (w[:, 0] - w[:, 1]).sigmoid()
    x, side = (w - w.mean(0)).numpy(), 2.0 * worn.numpy() - 1

    def loss(v):
        return np.log1p(np.exp(-side * (x @ v[:3] + v[3]))).mean() + 0.01 * (x**2).mean() * (v[:3] ** 2).sum() / 2

    slopes = torch.from_numpy(minimize(loss, np.zeros(4), tol=1e-10).x[:3])
    assert cosine(direction(w, worn, logistic=True, ridge=0.01), slopes) == pytest.approx(1, abs=1e-7)
    apart = direction(w, w[:, 0] > w[:, 0].mean(), logistic=True)  # a hyperplane parts them: slopes stay finite
    assert apart.isfinite().all() and apart[0] > 0.99


@pytest.mark.parametrize("logistic", [False, True])
def test_what_is_held_stays(logistic):
    """Glasses come with grey hair: the direction of one has the other in it, unless that is held."""
    grey, worn = torch.eye(5)[0], torch.eye(5)[1]
    w = torch.randn(4000, 5)
    is_grey = w @ grey > 0
    is_worn = w @ worn + 1.0 * w @ grey > 0.5
    plain = direction(w, is_worn, logistic=logistic)
    held = direction(w, is_worn, [is_grey], logistic=logistic)
    assert plain[0] > 0.5 and abs(held[0].item()) < 0.05 and held[1] > 0.95
    assert abs(cosine(held, direction(w, is_grey, logistic=logistic))) < 1e-6
    both = direction(w, is_worn, [is_grey, w[:, 2]], logistic=False)
    assert all(abs(cosine(both, direction(w, y))) < 1e-6 for y in (is_grey, w[:, 2]))


@pytest.mark.parametrize(
    ("w", "values", "options", "words"),
    [
        (torch.randn(5), torch.randn(5), {}, r"expected styles \(N, w_dim\)"),
        (torch.randn(5, 2), torch.randn(5), {"ridge": 0.0}, "ridge=0.0"),
        (torch.randn(5, 2), torch.randn(4), {}, r"values of shape \(4,\) were given; expected 5 finite ones"),
        (torch.randn(5, 2), torch.ones(5), {}, "not all equal"),
        (torch.randn(5, 2), torch.tensor([0, 1, 0, 1, math.nan]), {}, "finite"),
        (torch.randn(5, 2), torch.arange(5), {"logistic": True}, "expected booleans"),
    ],
)
def test_bad_input(w, values, options, words):
    with pytest.raises(GanlibError, match=words):
        direction(w, values, **options)


def test_an_attribute_that_the_held_ones_determine():
    w, y = torch.randn(100, 3), torch.randn(100)
    with pytest.raises(GanlibError, match="goes along with the 1 that are held"):
        direction(w, y, [2 * y])
