"""Losses against their closed forms and against finite differences, always two-sided."""

import math

import pytest
import torch

from ganlib import losses
from ganlib.errors import GanlibError

LOGITS = torch.tensor([-30.0, -3.0, -0.5, 0.0, 0.7, 2.0, 30.0], dtype=torch.float64)


def log_sigmoid(a):
    return torch.log1p(-1 / (1 + torch.exp(a.double())))  # log σ(a), written another way than the library's


CLOSED = {
    "minimax": (
        lambda r, f: -log_sigmoid(r).mean() - log_sigmoid(-f).mean(),
        lambda f: log_sigmoid(-f).mean(),
    ),
    "non_saturating": (
        lambda r, f: -log_sigmoid(r).mean() - log_sigmoid(-f).mean(),
        lambda f: -log_sigmoid(f).mean(),
    ),
    "least_squares": (
        lambda r, f: sum((r - 1) ** 2) / 2 / len(r) + sum(f**2) / 2 / len(f),
        lambda f: sum((f - 1) ** 2) / 2 / len(f),
    ),
}


def test_every_loss_has_a_closed_form_here():
    assert set(CLOSED) == set(losses.names())


@pytest.mark.parametrize("name", sorted(CLOSED))
def test_equals_its_closed_form(name):
    loss, (discriminator, generator) = losses.get(name), CLOSED[name]
    real, fake = LOGITS, LOGITS.flip(0)[:5]  # unequal lengths: each mean is over its own
    # Beyond |a| ≈ 36 the naive closed forms lose all digits; up to 30 they keep three.
    assert loss.discriminator(real, fake).item() == pytest.approx(discriminator(real, fake).item(), rel=1e-3)
    assert loss.generator(fake).item() == pytest.approx(generator(fake).item(), rel=1e-3)
    near = LOGITS[1:-1]
    assert loss.discriminator(near, near).item() == pytest.approx(discriminator(near, near).item(), rel=1e-12)
    assert loss.generator(near).item() == pytest.approx(generator(near).item(), rel=1e-12)


@pytest.mark.parametrize("name", sorted(CLOSED))
def test_gradients_equal_finite_differences(name):
    loss = losses.get(name)
    for function in (lambda a: loss.discriminator(a, a.flip(0) - 0.3), loss.generator):
        a = LOGITS[1:-1].clone().requires_grad_()
        function(a).backward()
        for i in range(len(a)):
            h = torch.zeros_like(a)
            h[i] = 1e-6
            numeric = (function(a + h) - function(a - h)) / 2e-6
            assert a.grad[i].item() == pytest.approx(numeric.item(), abs=1e-9)


def test_values_at_one_half():
    zero = torch.zeros(3)
    assert losses.minimax.discriminator(zero, zero).item() == pytest.approx(2 * math.log(2))
    assert losses.minimax.generator(zero).item() == pytest.approx(-math.log(2))
    assert losses.non_saturating.generator(zero).item() == pytest.approx(math.log(2))
    half = torch.full((3,), 0.5)
    assert losses.least_squares.discriminator(half, half).item() == pytest.approx(0.25)
    assert losses.least_squares.generator(half).item() == pytest.approx(0.125)


def test_finite_and_not_saturated_far_out():
    """What log(sigmoid(a) + 1e-8) gets wrong: at a = −100 the generator's gradient must still be −1."""
    a = torch.tensor([-100.0], requires_grad=True)
    losses.non_saturating.generator(a).backward()
    assert a.grad.item() == pytest.approx(-1.0, abs=1e-6)
    saturating = torch.tensor([-100.0], requires_grad=True)
    losses.minimax.generator(saturating).backward()
    assert saturating.grad.item() == pytest.approx(0.0, abs=1e-6)
    naive = torch.tensor([-30.0], requires_grad=True)
    (-torch.log(torch.sigmoid(naive) + 1e-8)).sum().backward()
    assert abs(naive.grad.item() + 1) > 0.9  # the wrong variant fails where ours holds
    assert torch.isfinite(losses.minimax.discriminator(torch.tensor([-1e4]), torch.tensor([1e4])))


def test_unknown_loss_lists_the_known():
    with pytest.raises(
        GanlibError, match=r"unknown loss 'non-saturating' \(did you mean 'non_saturating'\?\); known: least"
    ):
        losses.get("non-saturating")


def test_a_pair_passes_through():
    assert losses.get(losses.minimax) is losses.minimax
