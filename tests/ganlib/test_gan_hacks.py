"""The GAN with advice: without any it is the original one, and each piece does what it says and nothing else."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import ganlib
from ganlib import models
from ganlib.data.batch import Batch
from ganlib.errors import GanlibError
from ganlib.gans.hacks import HackedGAN, cross_entropy


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def game(**options):
    return ganlib.build("ganhacks", (2,), model="mlp-small", latent_dim=4, **options)


def history(name, **options):
    ganlib.seed(3)
    gan = ganlib.build(name, (2,), model="mlp-small", latent_dim=4, **options)
    trainer = ganlib.Trainer(gan, ganlib.load("ring"), batch_size=8, device="cpu", progress=False, log_every=1).fit(8)
    return {name: list(trainer.history[name]) for name in trainer.history.names()}


def test_without_advice_it_is_the_original_gan():
    plain = history("gan", loss="minimax")
    same = {name: pytest.approx(values, rel=1e-4) for name, values in plain.items()}  # another order of summation
    assert history("ganhacks", loss="minimax") == same
    for advice in ({"real_target": 0.9}, {"noise": 0.1}, {"turns": 2}, {"rate_ratio": 4.0}):
        assert history("ganhacks", loss="minimax", **advice) != same


def test_smoothing_is_the_cross_entropy_to_a_softer_target_and_for_the_discriminator_only():
    logits = torch.randn(50)
    for target in (0.0, 0.1, 0.9, 1.0):
        expected = F.binary_cross_entropy_with_logits(logits, torch.full((50,), target))
        assert cross_entropy(logits, target).item() == pytest.approx(expected.item(), rel=1e-5)
    smooth, plain = game(real_target=0.9), game()
    smooth.load_state_dict(plain.state_dict())
    batch, found = Batch(torch.randn(16, 2)), {}
    for name, gan in (("smooth", smooth), ("plain", plain)):
        torch.manual_seed(1)
        judged = gan.discriminator_loss(batch)[0]["discriminator"].item()
        found[name] = judged, gan.generator_loss(batch)[0]["generator"].item()
    assert found["smooth"][0] != pytest.approx(found["plain"][0], rel=1e-3)
    assert found["smooth"][1] == found["plain"][1]


class Seen(nn.Module):
    """A discriminator that remembers what it was shown."""

    def __init__(self):
        super().__init__()
        self.shown, self.weight = [], nn.Parameter(torch.ones(2))

    def forward(self, x):
        self.shown.append(x.detach())
        return x @ self.weight


def test_noise_lies_on_all_that_the_discriminator_sees_and_goes_as_it_should():
    seen = Seen()
    gan = HackedGAN(nn.Linear(4, 2), seen, 4, noise=0.5, noise_images=1000)
    real = torch.zeros(20_000, 2)
    for images, std in ((0, 0.5), (500, 0.25), (1000, 0.0), (2000, 0.0)):
        gan.schedule(images, 4)
        seen.shown.clear()
        gan.judge(real, real)
        (shown,) = seen.shown
        assert shown.std().item() == pytest.approx(std, rel=0.03) and not (
            std and shown[:9].equal(shown[20_000:20_009])
        )
    seen.shown.clear()
    gan.schedule(0, 4)
    gan.generator_loss(Batch(real[:4]))
    assert seen.shown[0][:4].std() > 0.1  # the generator's turn too
    lasting = HackedGAN(nn.Linear(4, 2), seen, 4, noise=0.5)
    lasting.schedule(10**9, 4)
    assert lasting.sigma == 0.5


def test_only_batch_normalisation_knows_whether_samples_are_judged_together():
    normalised = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.LeakyReLU(0.2), nn.Linear(8, 1), nn.Flatten(0))
    per_sample = models.networks("mlp-small", (2,), 4)[1]
    real, fake = torch.randn(16, 2), torch.randn(16, 2) + 3
    for network, differs in ((normalised, True), (per_sample, False)):
        apart, together = (HackedGAN(nn.Linear(4, 2), network, 4, together=t).judge(real, fake) for t in (False, True))
        assert torch.allclose(torch.cat(apart), torch.cat(together), atol=1e-6) != differs
        # Apart, both batches have mean 0 behind the normalisation: the level of either has gone.
    assert [phase.repeats for phase in game(turns=5).phases()] == [5, 1]


def test_the_rates_are_two_time_scales():
    players = game(lr=1e-3, rate_ratio=4.0).players()
    rates = {name: player.optimizer(player.parameters(), 1.0).param_groups[0]["lr"] for name, player in players.items()}
    assert rates == {"discriminator": 4e-3, "generator": 1e-3}


def test_many_seeds_play_it_as_one_does():
    law, options = ganlib.load("ring"), {"noise": 0.2, "noise_images": 100, "turns": 2, "real_target": 0.9}
    runs = ganlib.Seeds(lambda: game(**options), law, 8, [0, 1], device="cpu", progress=False).fit(6)
    ganlib.seed(1)
    alone = ganlib.Trainer(game(**options), law, batch_size=8, device="cpu", progress=False).fit(6)
    z = torch.randn(5, 4)
    assert torch.allclose(runs.gans[1].sample(z=z), alone.gan.sample(z=z), atol=1e-5)
    assert runs.gans[1].sigma == alone.gan.sigma == pytest.approx(0.2 * (1 - 40 / 100))


@pytest.mark.parametrize(
    ("advice", "words"),
    [
        ({"real_target": 0.2, "fake_target": 0.3}, "real_target=0.2 and fake_target=0.3 were given"),
        ({"real_target": 1.1}, "expected 0 ≤ fake < real ≤ 1"),
        ({"noise": -1.0}, "noise=-1.0"),
        ({"turns": 0}, "at least 1 turn"),
        ({"rate_ratio": 0.0}, "a ratio above 0"),
        ({"loss": "least_squares"}, "loss=least_squares was given"),
    ],
)
def test_bad_advice(advice, words):
    with pytest.raises(GanlibError, match=words):
        game(**advice)
