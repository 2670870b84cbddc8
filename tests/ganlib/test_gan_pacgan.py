"""PacGAN: what a pack is, one sample a pack is the original GAN, and packing sees what single samples do not show."""

import math

import pytest
import torch
from torch import nn

import ganlib
from ganlib import models
from ganlib.data.batch import Batch
from ganlib.errors import GanlibError
from ganlib.gans.pacgan import PacGAN


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


class Noise:
    """Random samples of any shape."""

    def __init__(self, *shape):
        self.shape = shape

    def to(self, device):
        return self

    def batch(self, n):
        return Batch(torch.rand(n, *self.shape) * 2 - 1)


@pytest.mark.parametrize("shape", [(2,), (3, 8, 8)])
def test_a_pack_holds_neighbours_whole_and_in_order(shape):
    gan = ganlib.build("pacgan", shape, packing=3)
    x = torch.randn(12, *shape)
    packs = gan.packs(x)
    assert packs.shape == (4, 3 * shape[0], *shape[1:])
    for i, pack in enumerate(packs):
        assert torch.equal(pack, torch.cat([x[3 * i], x[3 * i + 1], x[3 * i + 2]]))


def test_one_sample_a_pack_is_the_original_gan():
    """The same random numbers, the same losses: before any step and after ten."""
    found = []
    for name, options in (("gan", {}), ("pacgan", {"packing": 1})):
        torch.manual_seed(1)
        networks = models.networks("mlp-small", (2,), 4)
        game = ganlib.gans.get(name)(*networks, 4, **options)
        torch.manual_seed(2)
        trainer = ganlib.Trainer(game, Noise(2), batch_size=8, device="cpu", progress=False, log_every=1).fit(10)
        found.append({name: list(trainer.history[name]) for name in trainer.history.names()})
    assert found[0] == found[1]


def test_terms_are_means_over_packs():
    gan = ganlib.build("pacgan", (2,), model="mlp-small", packing=4, loss="least_squares")
    batch = Batch(torch.randn(32, 2))
    torch.manual_seed(1)
    terms, stats = gan.discriminator_loss(batch)
    torch.manual_seed(1)
    fake = gan.generator(gan.latent(32)).reshape(8, 8)  # 8 packs of 4 points of 2 numbers
    real = gan.discriminator(batch.images.reshape(8, 8))
    expected = 0.5 * (real - 1).square().mean() + 0.5 * gan.discriminator(fake).square().mean()
    assert terms["discriminator"].item() == pytest.approx(expected.item(), rel=1e-6)
    assert set(stats) == {"output(x)", "output(G(z))", "accuracy"}
    torch.manual_seed(1)
    terms, _ = gan.generator_loss(batch)
    assert terms["generator"].item() == pytest.approx(
        0.5 * (gan.discriminator(fake) - 1).square().mean().item(), rel=1e-6
    )


class Collapsed(nn.Module):
    """Samples of one pack are alike, −1 or 1 by the toss of a coin."""

    def __init__(self, packing):
        super().__init__()
        self.packing = packing

    def forward(self, z):
        return z[:: self.packing, :1].sign().repeat_interleave(self.packing, 0)


@pytest.mark.parametrize(("packing", "sees"), [(1, False), (2, True)])
def test_packing_sees_a_collapse_that_changes_its_place(packing, sees):
    """Each sample alone has the right law, −1 or 1 evenly; two together have not.

    Two real samples are equal half of the time, two generated ones always. So the best D says 1/3 to equal pairs and
    costs −½ log ⅓ − log ⅔ = 0.955; unequal ones are real for sure. On single samples nothing beats log 4.
    """
    _, discriminator = models.networks("mlp-small", (packing,), 2)
    gan = PacGAN(Collapsed(packing), discriminator, 2, packing)
    optimizer = torch.optim.Adam(discriminator.parameters(), lr=2e-3)
    costs = []
    for _ in range(300):
        optimizer.zero_grad()
        terms, _ = gan.discriminator_loss(Batch(torch.randn(256, 1).sign()))
        terms["discriminator"].backward()
        optimizer.step()
        costs.append(terms["discriminator"].item())
    best = -0.5 * math.log(1 / 3) - math.log(2 / 3) if sees else math.log(4)
    assert sum(costs[-100:]) / 100 == pytest.approx(best, abs=0.03)


@pytest.mark.parametrize(("model", "shape"), [("mlp", (2,)), ("maxout", (2,)), ("dcgan-small", (3, 32, 32))])
@pytest.mark.parametrize("packing", [2, 4])
def test_builds_trains_and_samples(model, shape, packing):
    gan = ganlib.build("pacgan", shape, model=model, latent_dim=8, packing=packing)
    trainer = ganlib.Trainer(gan, Noise(*shape), batch_size=8, device="cpu", progress=False, log_every=1).fit(2)
    assert trainer.sample(3).shape == (3, *shape)
    assert gan.discriminator.shape == (packing * shape[0], *shape[1:])
    assert gan.recipe["options"]["packing"] == packing


def test_a_batch_that_is_no_multiple_is_refused():
    gan = ganlib.build("pacgan", (2,), model="mlp-small", packing=3)
    trainer = ganlib.Trainer(gan, Noise(2), batch_size=100, device="cpu", progress=False)
    with pytest.raises(GanlibError, match="a batch of 100 was given; expected a multiple of packing=3"):
        trainer.fit(1)


@pytest.mark.parametrize("packing", [0, -1, 2.0, True, "2"])
def test_bad_input(packing):
    with pytest.raises(GanlibError, match=f"packing={packing!r} was given; expected a whole number of at least 1"):
        ganlib.build("pacgan", (2,), packing=packing)


def test_unknown_names():
    with pytest.raises(GanlibError, match=r"unknown option of GAN 'pacgan' 'pack'"):
        ganlib.build("pacgan", (2,), pack=2)
    with pytest.raises(GanlibError, match="unknown loss 'hinges'"):
        ganlib.build("pacgan", (2,), loss="hinges")
