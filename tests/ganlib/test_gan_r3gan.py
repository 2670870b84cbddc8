"""The relativistic GAN with R1 and R2: signs, pairs, weights, where the penalties look, and what is refused."""

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import softplus

import ganlib
from ganlib import models
from ganlib.data.batch import Batch
from ganlib.errors import GanlibError
from ganlib.gans.r3gan import R3GAN


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


class Bowl(nn.Module):
    """D(x) = ½a|x|², of slope a|x|."""

    def __init__(self, a=1.0):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(a))

    def forward(self, x):
        return 0.5 * self.a * x.square().sum(1)


class Shift(nn.Module):
    """G(z) = z + θ."""

    def __init__(self, *where, scale=1.0):
        super().__init__()
        self.where, self.scale = nn.Parameter(torch.tensor(where)), scale

    def forward(self, z):
        return self.scale * z[:, : len(self.where)] + self.where


class Normal:
    """Points of N(mean, I)."""

    def __init__(self, *mean):
        self.mean, self.shape = torch.tensor(mean), (len(mean),)

    def to(self, device):
        return self

    def batch(self, n):
        return Batch(torch.randn(n, *self.shape) + self.mean)


def test_terms_and_stats():
    gan = ganlib.build("r3gan", (2,), model="mlp-small", penalty_weight=3.0)
    batch = Batch(torch.randn(32, 2))
    torch.manual_seed(1)
    terms, stats = gan.discriminator_loss(batch)
    torch.manual_seed(1)
    fake = gan.generator(gan.latent(32))
    real_logits, fake_logits = gan.discriminator(batch.images), gan.discriminator(fake)
    assert terms["discriminator"].item() == pytest.approx(softplus(fake_logits - real_logits).mean().item(), rel=1e-5)
    assert set(terms) == {"discriminator", "R1", "R2"} and set(stats) == {"right", "|grad D|"}
    assert not any(value.requires_grad for value in stats.values())
    torch.manual_seed(1)
    terms, _ = gan.generator_loss(batch)
    assert terms["generator"].item() == pytest.approx(softplus(real_logits - fake_logits).mean().item(), rel=1e-5)


def test_pairs_and_not_means():
    """Each sample has its own partner: softplus of a difference of means would be smaller (Jensen)."""
    gan = R3GAN(Shift(0.0, scale=3.0), Bowl(), 1)
    batch = Batch(torch.randn(64, 1) * 3)
    torch.manual_seed(1)
    loss = gan.discriminator_loss(batch)[0]["discriminator"].item()
    torch.manual_seed(1)
    lead = gan.lead(batch.images, gan.generator(gan.latent(64)))
    assert loss == pytest.approx(softplus(-lead).mean().item(), rel=1e-6)
    assert loss > softplus(-lead.mean()).item() + 0.5


def test_half_gamma_at_real_and_half_gamma_at_generated_samples():
    gan = R3GAN(Shift(5.0, scale=0.0), Bowl(), 1, penalty_weight=0.4)
    terms, stats = gan.discriminator_loss(Batch(torch.full((6, 1), 2.0)))
    assert terms["R1"].item() == pytest.approx(0.2 * 4, rel=1e-6)
    assert terms["R2"].item() == pytest.approx(0.2 * 25, rel=1e-6)
    assert stats["|grad D|"].item() == pytest.approx(3.5, rel=1e-6)
    assert stats["right"].item() == 0  # D(5) is above D(2)


def test_each_player_gets_only_its_own_gradient():
    gan = ganlib.build("r3gan", (2,), model="mlp-small")
    sum(gan.discriminator_loss(Batch(torch.randn(8, 2)))[0].values()).backward()
    assert all(p.grad is None for p in gan.generator.parameters())
    for term in ("R1", "R2"):
        gan.zero_grad()
        gan.discriminator_loss(Batch(torch.randn(8, 2)))[0][term].backward()
        assert all(p.grad.abs().sum() > 0 for p in gan.discriminator.parameters() if p.ndim > 1)


def test_the_generator_walks_towards_the_data():
    """A sign turned in one of the two losses would send it away, with no error message."""
    critic = models.networks("mlp-small", (2,), 2, norm="layer")[1]
    gan, data = R3GAN(Shift(0.0, 0.0), critic, 2, penalty_weight=0.1, lr=1e-2), Normal(1.0, -1.0)
    ganlib.Trainer(gan, data, batch_size=128, device="cpu", progress=False).fit(150)
    assert torch.allclose(gan.generator.where, data.mean, atol=0.4)


@pytest.mark.parametrize(("model", "shape"), [("mlp", (2,)), ("maxout", (2,)), ("dcgan-small", (3, 16, 16))])
def test_builds_trains_and_samples(model, shape):
    class Noise(Normal):
        def batch(self, n):
            return Batch(torch.rand(n, *shape) * 2 - 1)

    data = Noise(0.0)
    data.shape = shape
    gan = ganlib.build("r3gan", shape, model=model, latent_dim=8)
    trainer = ganlib.Trainer(gan, data, batch_size=4, device="cpu", progress=False, log_every=1).fit(2)
    assert set(trainer.history.names()) == {"discriminator", "R1", "R2", "generator", "right", "|grad D|"}
    assert all(math.isfinite(value) for name in trainer.history.names() for value in trainer.history[name])
    assert trainer.sample(3).shape == (3, *shape) and gan.recipe["options"]["penalty_weight"] == 1.0


def test_a_discriminator_with_batch_normalisation_is_refused():
    networks = models.networks("dcgan-small", (3, 16, 16), 8)
    with pytest.raises(GanlibError, match=r"the discriminator has batch normalisation \(BatchNorm2d\), which mixes"):
        R3GAN(*networks, 8)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"penalty_weight": -1.0}, "penalty_weight=-1.0 was given; expected a number of at least 0"),
        ({"penalty_weight": math.nan}, "penalty_weight=nan was given"),
        ({"lr": 0.0}, r"Adam\(lr=0.0"),
        ({"loss": "non_saturating"}, "unknown option of GAN 'r3gan' 'loss'"),
    ],
)
def test_bad_input(options, words):
    with pytest.raises(GanlibError, match=words):
        ganlib.build("r3gan", (2,), **options)
