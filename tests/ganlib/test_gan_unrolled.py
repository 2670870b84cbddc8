"""The unrolled GAN: no step ahead is the original GAN, and the gradient knows how the discriminator would answer."""

import math

import pytest
import torch
from torch import nn

import ganlib
from ganlib.data.batch import Batch
from ganlib.errors import GanlibError
from ganlib.gans.unrolled import UnrolledGAN


def history(name, **options):
    ganlib.seed(3)
    gan = ganlib.build(name, (2,), model="mlp-small", latent_dim=4, **options)
    trainer = ganlib.Trainer(gan, ganlib.load("ring"), batch_size=8, device="cpu", progress=False, log_every=1).fit(6)
    return {name: list(trainer.history[name]) for name in trainer.history.names()}


def test_without_a_look_ahead_it_is_the_original_gan():
    assert history("unrolled", lookahead=0) == history("gan")
    assert history("unrolled", lookahead=1) != history("gan")


class Point(nn.Module):
    """The generator of the Dirac-GAN: one point θ, whatever z is."""

    def __init__(self, theta):
        super().__init__()
        self.theta = nn.Parameter(torch.tensor([[theta]], dtype=torch.float64))

    def forward(self, z):
        return self.theta.expand(len(z), 1)


class Slope(nn.Module):
    """Its discriminator: D(x) = ψx."""

    def __init__(self, psi):
        super().__init__()
        self.psi = nn.Parameter(torch.tensor(psi, dtype=torch.float64))

    def forward(self, x):
        return self.psi * x[:, 0]


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def ahead(theta, psi, k, rate):
    """ψ after k steps down L_D = log 2 + softplus(ψθ), data at 0."""
    for _ in range(k):
        psi -= rate * theta * sigmoid(psi * theta)
    return psi


@pytest.mark.parametrize("loss", ["minimax", "non_saturating"])
@pytest.mark.parametrize("k", [1, 2, 5])
def test_on_the_dirac_gan_loss_and_gradient_are_those_of_the_formula(k, loss):
    theta, psi, rate, h = 0.7, -0.4, 0.3, 1e-5
    gan = UnrolledGAN(Point(theta), Slope(psi), 1, lookahead=k, lookahead_rate=rate, loss=loss)
    terms, _ = gan.generator_loss(Batch(torch.zeros(4, 1, dtype=torch.float64)))

    def own(theta, psi):  # E log(1 − D) or −E log D
        return -math.log1p(math.exp(psi * theta)) if loss == "minimax" else math.log1p(math.exp(-psi * theta))

    def value(theta, psi):  # −L_D: the data are at 0, where D = ½
        return -math.log(2) - math.log1p(math.exp(psi * theta))

    end = ahead(theta, psi, k, rate)
    assert terms["generator"].item() == pytest.approx(own(theta, end), rel=1e-9)
    assert terms["answer"].item() == pytest.approx(value(theta, end), rel=1e-9)
    (gradient,) = torch.autograd.grad(sum(terms.values()), gan.generator.theta)
    first = (own(theta + h, end) - own(theta - h, end)) / (2 * h)
    answers = [value(theta, ahead(theta + d, psi, k, rate)) for d in (h, -h)]
    second = (answers[0] - answers[1]) / (2 * h)
    assert gradient.item() == pytest.approx(first + second, rel=1e-6)
    assert abs(second) > 1e-2 * abs(first)  # as if the discriminator did not answer
    assert gan.discriminator.psi.item() == psi  # it has not moved


def test_an_answer_is_paid_by_the_data_too():
    """What an answer does to the verdicts on real samples is part of its price."""
    torch.manual_seed(0)
    gan = UnrolledGAN(nn.Linear(4, 2), nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0)), 4)
    slopes = []
    for shift in (0.0, 3.0):
        torch.manual_seed(1)  # the same latents
        terms, _ = gan.generator_loss(Batch(torch.randn(64, 2) + shift))
        slopes.append(torch.autograd.grad(terms["answer"], gan.generator.weight)[0])
    assert (slopes[0] - slopes[1]).norm() > 0.1 * slopes[0].norm()


def test_a_slow_discriminator():
    gan = ganlib.build("unrolled", (2,), model="mlp-small", lr=1e-3, rate_ratio=0.1)
    rates = {n: p.optimizer(p.parameters(), 1.0).param_groups[0]["lr"] for n, p in gan.players().items()}
    assert rates == pytest.approx({"discriminator": 1e-4, "generator": 1e-3})


def test_looking_ahead_leaves_the_discriminators_statistics():
    normalised = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.LeakyReLU(0.2), nn.Linear(8, 1), nn.Flatten(0))
    gan = UnrolledGAN(nn.Linear(4, 2), normalised, 4, lookahead=3)
    gan.generator_loss(Batch(torch.randn(16, 2)))
    assert not normalised[1].running_mean.any()


def test_many_seeds_play_it_as_one_does():
    def game():
        return ganlib.build("unrolled", (2,), model="mlp-small", latent_dim=4, lookahead=2)

    law = ganlib.load("ring")
    runs = ganlib.Seeds(game, law, 8, [0, 1], device="cpu", progress=False).fit(4)
    ganlib.seed(1)
    alone = ganlib.Trainer(game(), law, batch_size=8, device="cpu", progress=False).fit(4)
    z = torch.randn(5, 4)
    assert torch.allclose(runs.gans[1].sample(z=z), alone.gan.sample(z=z), atol=1e-5)


@pytest.mark.parametrize("wrong", [{"lookahead": -1}, {"lookahead_rate": 0.0}, {"rate_ratio": 0.0}])
def test_bad_input(wrong):
    with pytest.raises(GanlibError, match="expected 0 steps or more, a rate and a ratio above 0"):
        ganlib.build("unrolled", (2,), **wrong)
