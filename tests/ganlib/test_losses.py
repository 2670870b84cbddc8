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
    "hinge": (  # minus what the papers maximise: E[min(0, −1 + D)] + E[min(0, −1 − D)]
        lambda r, f: -sum((r - 1).clamp(max=0)) / len(r) - sum((-1 - f).clamp(max=0)) / len(f),
        lambda f: -sum(f) / len(f),
    ),
    "kl": (
        lambda r, f: -log_sigmoid(r).mean() - log_sigmoid(-f).mean(),
        lambda f: (log_sigmoid(-f) - log_sigmoid(f)).mean(),  # log (1 − D)/D
    ),
    "pearson": (  # f*(T) = sup_u {uT − (u − 1)²} is taken at u = 1 + T/2
        lambda r, f: sum((1 + f / 2) * f - (f / 2) ** 2) / len(f) - sum(r) / len(r),
        lambda f: -sum(f) / len(f),
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
    for undecided in (-0.9, 0.0, 0.9):  # the hinge loss has no favourite between −1 and 1
        level = torch.full((3,), undecided)
        assert losses.hinge.discriminator(level, level).item() == pytest.approx(2)
    assert losses.hinge.discriminator(half + 1, half - 2).item() == pytest.approx(0)  # beyond ±1: nothing to gain
    assert losses.hinge.discriminator(half - 2, half + 1).item() == pytest.approx(5)
    assert losses.pearson.discriminator(zero, zero).item() == 0
    assert losses.pearson.discriminator(half, half).item() == pytest.approx(1 / 16)


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
        GanlibError, match=r"unknown loss 'non-saturating' \(did you mean 'non_saturating'\?\); known: hinge"
    ):
        losses.get("non-saturating")


def test_a_pair_passes_through():
    assert losses.get(losses.minimax) is losses.minimax


# ------------------------------------------------------------------------------------------------------------ f-GAN

RAW = torch.linspace(-6, 6, 49, dtype=torch.float64)
U = torch.logspace(-7, 7, 400_001, dtype=torch.float64)


@pytest.mark.parametrize("row", losses.DIVERGENCES.values(), ids=losses.DIVERGENCES)
def test_the_penalty_of_a_divergence_is_its_conjugate_after_its_activation(row):
    t = row.activation(RAW)
    assert (t.diff() > 0).all()  # a large output means real
    torch.testing.assert_close(row.penalty(RAW), row.conjugate(t), rtol=1e-9, atol=1e-11)
    assert (row.penalty(RAW) - row.conjugate(t.flip(0))).abs().max() > 0.1
    # The conjugate is the supremum over the ratio that it says it is, where that is reached on the grid.
    for one in t[(t > row.activation(torch.tensor(-1.9))) & (t < row.activation(torch.tensor(3.0)))]:
        assert row.conjugate(one).item() == pytest.approx((one * U - row.f(U)).max().item(), abs=1e-4)
    assert row.f(torch.ones(1)).item() == pytest.approx(-math.log(4) if row.name == "gan" else 0, abs=1e-7)
    extreme = torch.tensor([-80.0, 80.0])
    assert torch.isfinite(row.penalty(extreme)).all() and torch.isfinite(row.activation(extreme)).all()


MIDDLES = [(name, losses.f_gan(name)) for name in losses.DIVERGENCES] + list(losses.LOSSES.items())


@pytest.mark.parametrize(("name", "loss"), MIDDLES, ids=[f"{i}-{name}" for i, (name, _) in enumerate(MIDDLES)])
def test_the_middle_is_the_best_output_where_both_laws_are_equally_dense(name, loss):
    """Its side says whether a sample looks real: a real one where the best output is larger."""
    raw = torch.linspace(-1.5, 1.5, 3001, dtype=torch.float64)

    def best(real, fake):  # shares of real and generated samples at a point
        value = lambda v: real * loss.discriminator(v, far) + fake * loss.discriminator(far, v)
        return raw[torch.vmap(value)(raw).argmin()].item()

    far = torch.tensor(0.3, dtype=torch.float64)  # adds a constant
    if name == "hinge":  # between -1 and 1 all are equally good
        assert (best(0.51, 0.49), best(0.49, 0.51), loss.middle) == (1, -1, 0)
    else:
        assert best(0.5, 0.5) == pytest.approx(loss.middle, abs=2e-3)
        assert best(0.4, 0.6) < loss.middle - 0.05 < loss.middle + 0.05 < best(0.6, 0.4)


def test_f_gan_knows_the_losses_that_have_other_names():
    real, fake = LOGITS[1:-1], LOGITS[1:-1].flip(0)[:4]
    for pair, named in (
        (losses.f_gan("gan"), losses.non_saturating),
        (losses.f_gan("gan", alternative=False), losses.minimax),
        (losses.f_gan("pearson"), losses.pearson),
    ):
        assert losses.get(pair) is pair
        assert pair.discriminator(real, fake).item() == pytest.approx(named.discriminator(real, fake).item())
        assert pair.generator(fake).item() == pytest.approx(named.generator(fake).item())
    two_js = losses.f_gan("jensen_shannon").discriminator(real, fake) - losses.minimax.discriminator(real, fake)
    assert two_js.item() == pytest.approx(-2 * math.log(2))  # the same game, shifted
    assert losses.f_gan("pearson", alternative=False).generator(fake) != losses.pearson.generator(fake)


@pytest.mark.parametrize("alternative", [True, False])
@pytest.mark.parametrize("name", losses.DIVERGENCES)
def test_f_gan_gradients_equal_finite_differences(name, alternative):
    loss = losses.f_gan(name, alternative)
    for function in (lambda a: loss.discriminator(a, a.flip(0) - 0.3), loss.generator):
        a = LOGITS[1:-1].clone().requires_grad_()
        function(a).backward()
        for i in range(len(a)):
            h = torch.zeros_like(a)
            h[i] = 1e-6
            numeric = (function(a + h) - function(a - h)) / 2e-6
            assert a.grad[i].item() == pytest.approx(numeric.item(), abs=1e-8)


def test_unknown_divergence_lists_the_known():
    with pytest.raises(GanlibError, match=r"unknown divergence 'KL' \(did you mean 'kl'\?\); known: gan, jensen"):
        losses.f_gan("KL")
