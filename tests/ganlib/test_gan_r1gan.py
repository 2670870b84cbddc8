"""The GAN with R1: the weight of the penalty, where it looks, that it makes the game converge, and what is refused."""

import math

import pytest
import torch
from torch import nn

import ganlib
from ganlib import models
from ganlib.data.batch import Batch
from ganlib.errors import GanlibError
from ganlib.gans.r1gan import R1GAN


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


class Linear(nn.Module):
    """D(x) = w·x."""

    def __init__(self, *w):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(w))

    def forward(self, x):
        return x @ self.w


class Shift(nn.Module):
    """G(z) = θ, a point."""

    def __init__(self, where):
        super().__init__()
        self.where = nn.Parameter(torch.tensor(where))

    def forward(self, z):
        return self.where.expand(len(z), -1)


class Origin:
    """All of the data at one point."""

    shape = (1,)

    def to(self, device):
        return self

    def batch(self, n):
        return Batch(torch.zeros(n, 1))


def test_the_penalty_is_half_gamma_times_the_squared_slope():
    gan = R1GAN(Shift([1.0, 1.0]), Linear(3.0, -4.0), 2, penalty_weight=0.6)
    batch = Batch(torch.randn(7, 2))
    terms, stats = gan.discriminator_loss(batch)
    assert terms["R1"].item() == pytest.approx(0.6 / 2 * 25, rel=1e-6)  # not 0.6 · 25, not 0.6 / 2 · 5
    assert stats["|grad D|"].item() == pytest.approx(5, rel=1e-6)
    real, fake = gan.discriminator(batch.images), gan.discriminator(torch.ones(7, 2))
    expected = nn.functional.softplus(-real).mean() + nn.functional.softplus(fake).mean()
    assert terms["discriminator"].item() == pytest.approx(expected.item(), rel=1e-6)
    assert set(terms) == {"discriminator", "R1"} and not any(value.requires_grad for value in stats.values())
    gradient = torch.autograd.grad(terms["R1"], gan.discriminator.w)[0]
    assert torch.allclose(gradient, 0.6 * torch.tensor([3.0, -4.0]))


def test_it_looks_at_the_real_samples_only():
    """D(x) = ½|x|² has the slope |x|: 2 at the real samples, 9 at the generated ones."""

    class Bowl(nn.Module):
        def forward(self, x):
            return 0.5 * x.square().sum(1)

    gan = R1GAN(Shift([9.0]), Bowl(), 2, penalty_weight=1.0)
    terms, _ = gan.discriminator_loss(Batch(torch.full((5, 1), 2.0)))
    assert terms["R1"].item() == pytest.approx(0.5 * 4, rel=1e-6)


@pytest.mark.parametrize(("weight", "converges"), [(0.0, False), (2.0, True)])
def test_the_dirac_gan_converges_with_it_and_not_without(weight, converges):
    """Data at 0, generator at θ, D(x) = wx: without R1 the players of the minimax game circle for ever."""
    gan = R1GAN(Shift([1.0]), Linear(1.0), 1, penalty_weight=weight, loss="minimax")
    gan.optimizer = lambda parameters, c: torch.optim.SGD(parameters, lr=0.1)
    ganlib.Trainer(gan, Origin(), batch_size=4, device="cpu", progress=False).fit(400)
    distance = math.hypot(gan.generator.where.item(), gan.discriminator.w.item())
    assert distance < 0.02 if converges else 1 < distance < 2  # it starts at 1.41


def test_each_player_gets_only_its_own_gradient():
    gan = ganlib.build("r1gan", (2,), model="mlp-small")
    terms, _ = gan.discriminator_loss(Batch(torch.randn(8, 2)))
    sum(terms.values()).backward()
    assert all(p.grad is None for p in gan.generator.parameters())
    gan.zero_grad()
    gan.discriminator_loss(Batch(torch.randn(8, 2)))[0]["R1"].backward()
    assert all(p.grad.abs().sum() > 0 for p in gan.discriminator.parameters() if p.ndim > 1)


def test_the_settings_of_the_paper():
    gan = ganlib.build("r1gan", (2,))
    assert gan.penalty_weight == 10 and R1GAN.half_safe is False
    optimizer = gan.optimizer([nn.Parameter(torch.zeros(1))], 1.0)
    assert optimizer.param_groups[0]["lr"] == 1e-4 and optimizer.param_groups[0]["betas"] == (0.0, 0.99)


@pytest.mark.parametrize(("model", "shape"), [("mlp", (2,)), ("maxout", (2,)), ("dcgan-small", (3, 16, 16))])
def test_builds_trains_and_samples(model, shape):
    class Noise(Origin):
        def batch(self, n):
            return Batch(torch.rand(n, *shape) * 2 - 1)

    Noise.shape = shape
    gan = ganlib.build("r1gan", shape, model=model, latent_dim=8, penalty_weight=0.5)
    trainer = ganlib.Trainer(gan, Noise(), batch_size=4, device="cpu", progress=False, log_every=1).fit(2)
    assert set(trainer.history.names()) == {
        "discriminator",
        "R1",
        "generator",
        "|grad D|",
        "D(x)",
        "D(G(z))",
        "accuracy",
    }
    assert all(math.isfinite(value) for name in trainer.history.names() for value in trainer.history[name])
    assert trainer.sample(3).shape == (3, *shape) and gan.recipe["options"]["penalty_weight"] == 0.5


def test_a_discriminator_with_batch_normalisation_is_refused():
    networks = models.networks("dcgan-small", (3, 16, 16), 8)
    with pytest.raises(GanlibError, match=r"the discriminator has batch normalisation \(BatchNorm2d\), which mixes"):
        R1GAN(*networks, 8)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"penalty_weight": -1.0}, "penalty_weight=-1.0 was given; expected a number of at least 0"),
        ({"penalty_weight": math.nan}, "penalty_weight=nan was given"),
        ({"penalty_weight": math.inf}, "penalty_weight=inf was given"),
        ({"lr": 0.0}, r"Adam\(lr=0.0"),
        ({"loss": "hinges"}, "unknown loss 'hinges'"),
        ({"gamma": 1.0}, "unknown option of GAN 'r1gan' 'gamma'"),
    ],
)
def test_bad_input(options, words):
    with pytest.raises(GanlibError, match=words):
        ganlib.build("r1gan", (2,), **options)
