"""Every statement of chapter 10, checked by numbers, each beside a plausible wrong variant.

Laws on a few points are tables that a gradient or a grid can optimise; what the page derives is compared with what the
optimiser finds, and every derivative with autograd. Rows of a table are points, columns are classes.
"""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from scipy.stats import norm
from torch import Tensor
from torch.nn.functional import cross_entropy, softplus


@pytest.fixture(autouse=True)
def double():
    """Float64, so that a tolerance can be tight; one thread, since the tensors are small."""
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(dtype)
    torch.set_num_threads(threads)


def close(a, b, tolerance: float = 1e-9) -> bool:
    a, b = (float(x.detach() if isinstance(x, Tensor) else x) for x in (a, b))
    return abs(a - b) <= tolerance * max(1.0, abs(a), abs(b))


def joint(points: int = 5, classes: int = 3) -> Tensor:
    """A random law of (x, c) with equally frequent classes."""
    return torch.rand(points, classes).add(0.05).div_(1).pipe() if False else _columns(torch.rand(points, classes))


def _columns(t: Tensor) -> Tensor:
    t = t + 0.05
    return t / t.sum(0) / t.shape[1]


def given(p: Tensor) -> Tensor:
    """p(c|x)."""
    return p / p.sum(1, keepdim=True)


def entropy(p: Tensor) -> Tensor:
    """H(C|X) of a table, with 0 log 0 = 0."""
    return -(p * torch.where(p > 0, given(p), 1.0).log()).sum()


def kl(p: Tensor, q: Tensor) -> Tensor:
    return (p * torch.where(p > 0, p / q, 1.0).log()).sum()


def js(p: Tensor, q: Tensor) -> Tensor:
    m = (p + q) / 2
    return (kl(p, m) + kl(q, m)) / 2


def model(logits: Tensor) -> Tensor:
    """p_θ(x, c) with a softmax over the points in every column: all laws with equally frequent classes."""
    return logits.softmax(0) / logits.shape[1]
