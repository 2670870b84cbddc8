"""WGAN-GP: signs, bookkeeping, what the critic learns, and what the game refuses."""

import math

import pytest
import torch
from torch import nn

import ganlib
from ganlib import models
from ganlib.data.batch import Batch
from ganlib.errors import GanlibError
from ganlib.gans.wgan_gp import WGANGP
from ganlib.penalties import gradient_penalty


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


class Noise:
    """Random samples of any shape. Remembers the batches it has handed out."""

    def __init__(self, shape):
        self.shape, self.batches = shape, []

    def to(self, device):
        return self

    def batch(self, n):
        self.batches.append(Batch(torch.rand(n, *self.shape) * 2 - 1))
        return self.batches[-1]


class Normal(Noise):
    """Points of N(mean, I) on the plane."""

    def __init__(self, *mean):
        super().__init__((2,))
        self.mean = torch.tensor(mean)

    def batch(self, n):
        return Batch(torch.randn(n, 2) + self.mean)


class Shift(nn.Module):
    """A generator that only learns where to put a normal: G(z) = z + θ."""

    def __init__(self):
        super().__init__()
        self.where = nn.Parameter(torch.zeros(2))

    def forward(self, z):
        return z + self.where


def shifting(**options):
    # On the plane and not on a line: there a critic that starts upside down, with slope −1, would have to pass slope 0,
    # where the two-sided penalty costs most, and stays at −0.9. On the plane it turns round.
    return WGANGP(Shift(), models.networks("mlp-small", (2,), 2, norm="layer")[1], latent_dim=2, **options)


# -- the losses --------------------------------------------------------------------------------------------------------
def test_terms_and_stats():
    gan = ganlib.build("wgan-gp", (2,), model="mlp-small", penalty_weight=3.0)
    batch = Batch(torch.randn(32, 2))
    torch.manual_seed(1)
    terms, stats = gan.critic_loss(batch)
    torch.manual_seed(1)
    fake = gan.generator(gan.latent(32))
    penalty = gradient_penalty(gan.critic, batch.images, fake)
    w = gan.critic(batch.images).mean() - gan.critic(fake).mean()
    assert set(terms) == {"-W", "penalty"}
    assert terms["-W"].item() == pytest.approx(-w.item(), abs=1e-6)
    assert terms["penalty"].item() == pytest.approx(3 * penalty.item(), rel=1e-6)
    assert stats["W"].item() == -terms["-W"].item()
    assert set(stats) == {"W", "|grad f|"}  # scores are no probabilities: nothing called D(x)
    assert not any(value.requires_grad for value in stats.values())
    torch.manual_seed(1)
    terms, _ = gan.generator_loss(batch)
    assert terms["generator"].item() == pytest.approx(-gan.critic(fake).mean().item(), abs=1e-6)


@pytest.mark.parametrize("one_sided", [False, True])
def test_the_one_sided_penalty(one_sided):
    gan = ganlib.build("wgan-gp", (2,), model="mlp-small", penalty_weight=1.0, one_sided=one_sided)
    gan.critic.layers[-1].weight.data *= 5  # slopes on both sides of 1
    batch = Batch(torch.randn(64, 2))
    torch.manual_seed(1)
    terms, stats = gan.critic_loss(batch)
    torch.manual_seed(1)
    fake = gan.generator(gan.latent(64))
    state = torch.get_rng_state()
    values = []
    for choice in (one_sided, not one_sided):
        torch.set_rng_state(state)
        values.append(gradient_penalty(gan.critic, batch.images, fake, one_sided=choice).item())
    assert terms["penalty"].item() == pytest.approx(values[0], rel=1e-6)
    assert values[0] != pytest.approx(values[1], rel=1e-2)


@pytest.mark.parametrize("norm", ["none", "spectral"])
def test_a_critic_may_be_normalised_otherwise(norm):
    gan = ganlib.build("wgan-gp", (1, 16, 16), model="dcgan-small", latent_dim=8, n_critic=1, norm=norm)
    assert not any(isinstance(m, nn.GroupNorm) for m in gan.critic.modules())
    ganlib.Trainer(gan, Noise((1, 16, 16)), batch_size=4, device="cpu", progress=False).fit(1)
    with pytest.raises(GanlibError, match="the critic has batch normalisation"):
        ganlib.build("wgan-gp", (1, 16, 16), model="dcgan-small", norm="batch")


def test_each_player_gets_only_its_own_gradient():
    gan = ganlib.build("wgan-gp", (2,), model="mlp-small")
    terms, _ = gan.critic_loss(Batch(torch.randn(8, 2)))
    sum(terms.values()).backward()
    assert all(p.grad is None for p in gan.generator.parameters())  # no needless way back through G
    assert all(p.grad.abs().sum() > 0 for p in gan.critic.parameters() if p.ndim > 1)
    gan.zero_grad()
    gan.critic_loss(Batch(torch.randn(8, 2)))[0]["penalty"].backward()
    assert all(p.grad.abs().sum() > 0 for p in gan.critic.parameters() if p.ndim > 1)  # the penalty reaches it too


def test_the_settings_of_the_paper():
    gan = ganlib.build("wgan-gp", (2,))
    trainer = ganlib.Trainer(gan, Noise((2,)), batch_size=4, device="cpu", progress=False)
    assert gan.n_critic == 5 and gan.penalty_weight == 10
    for optimizer in trainer.optimizers.values():
        assert optimizer.param_groups[0]["lr"] == 1e-4 and optimizer.param_groups[0]["betas"] == (0.0, 0.9)


def test_n_critic_fresh_batches_and_fresh_latents_before_every_step_of_the_generator():
    gan, data = ganlib.build("wgan-gp", (2,), model="mlp-small", n_critic=3), Noise((2,))
    turns, latents = [], []
    draw, phases = gan.latent, gan.phases()
    gan.latent = lambda n: latents.append(draw(n)) or latents[-1]
    gan.phases = lambda: phases
    for phase in phases:
        object.__setattr__(phase, "after_step", lambda player=phase.player: turns.append(player))
    ganlib.Trainer(gan, data, batch_size=4, device="cpu", progress=False).fit(2)
    assert turns == ["critic", "critic", "critic", "generator"] * 2  # also at the very start
    assert len({tuple(z.flatten().tolist()) for z in latents}) == len(latents) == 8
    assert len({tuple(b.images.flatten().tolist()) for b in data.batches}) == len(data.batches) == 8


# -- what is learned ---------------------------------------------------------------------------------------------------
def test_the_critic_learns_the_distance():
    """Two normals Δ = 2 apart have W₁ = 2. The best slope s under the penalty is 1.1, so the critic says 2.2.

    For −Δs + λ(s − 1)² is least at s = 1 + Δ/(2λ). A critic that is not linear gains a little more: hence 5 %.
    """
    gan, data, steps = shifting(), Normal(2.0, 0.0), 400
    optimizer = torch.optim.Adam(gan.critic.parameters(), lr=2e-3, betas=(0.0, 0.9))
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        sum(gan.critic_loss(data.batch(256))[0].values()).backward()
        optimizer.step()
        schedule.step()
    _, stats = gan.critic_loss(data.batch(10_000))
    assert stats["W"].item() == pytest.approx(2.2, rel=0.05)
    assert stats["|grad f|"].item() == pytest.approx(1.1, rel=0.05)
    real, fake = gan.critic(torch.tensor([[2.0, 0.0], [0.0, 0.0]]))
    assert real > fake  # a high score means real


def test_the_generator_walks_towards_the_data():
    """A sign turned in one of the two losses would send it away, with no error message."""
    gan, data = shifting(lr=5e-3, beta1=0.5), Normal(1.0, -1.0)
    trainer = ganlib.Trainer(gan, data, batch_size=128, device="cpu", progress=False, log_every=10).fit(150)
    assert torch.allclose(gan.generator.where, data.mean, atol=0.4)
    w = trainer.history["W"]
    assert 0 < w[-1] < 0.6 * w[0]


# -- playing it --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("model", "shape"),
    [
        ("mlp", (2,)),
        ("mlp", (1, 28, 28)),
        ("mlp", (3, 32, 32)),
        ("dcgan-small", (1, 16, 16)),
        ("dcgan-small", (3, 32, 32)),
    ],
)
def test_builds_trains_and_samples(model, shape):
    gan = ganlib.build("wgan-gp", shape, model=model, latent_dim=8, n_critic=2)
    before = {name: p.clone() for name, p in gan.named_parameters()}
    trainer = ganlib.Trainer(gan, Noise(shape), batch_size=4, device="cpu", progress=False, log_every=1)
    trainer.fit(2)
    still = [name for name, p in gan.named_parameters() if torch.equal(p, before[name])]
    assert all(name.endswith("bias") for name in still)  # the critic's last bias has no gradient at all
    assert set(trainer.history.names()) == {"-W", "penalty", "W", "|grad f|", "generator"}
    assert all(math.isfinite(value) for name in trainer.history.names() for value in trainer.history[name])
    assert trainer.sample(3).shape == (3, *shape)
    assert gan.recipe["gan"] == "wgan-gp" and gan.recipe["options"]["n_critic"] == 2


def test_under_autocast_the_penalty_is_that_of_full_precision():
    gan = ganlib.build("wgan-gp", (3, 16, 16), model="dcgan-small", latent_dim=8)
    gan.generator.eval()  # the same fakes both times
    batch = Batch(torch.rand(4, 3, 16, 16) * 2 - 1)
    found = []
    for enabled in (False, True):
        torch.manual_seed(1)
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            terms, stats = gan.critic_loss(batch)
        assert {value.dtype for value in (*terms.values(), *stats.values())} == {torch.float32}
        found.append(terms["penalty"].item())
    assert found[1] == pytest.approx(found[0], rel=1e-2)  # x̂ alone is moved, as the fakes were rounded


def test_float16_is_not_safe_here():
    assert WGANGP.half_safe is False
    assert ganlib.gans.get("gan").half_safe is True


# -- what it refuses ---------------------------------------------------------------------------------------------------
def test_a_critic_with_batch_normalisation_is_refused():
    generator, discriminator = models.networks("dcgan-small", (3, 32, 32), 8)
    words = r"the critic has batch normalisation \(BatchNorm2d\), which mixes the samples of a batch, but"
    with pytest.raises(GanlibError, match=words):
        WGANGP(generator, discriminator, 8)
    WGANGP(*models.networks("dcgan-small", (3, 32, 32), 8, norm="layer"), 8)  # the generator may have it
    with pytest.raises(GanlibError, match="BatchNorm1d"):
        WGANGP(nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)), 2)


@pytest.mark.parametrize("model", ["mlp", "mlp-small", "dcgan-small"])
def test_a_critics_gradient_at_one_sample_does_not_depend_on_the_others(model):
    """What the refusal above is about: the same sample in other company."""
    _, critic = models.networks(model, (3, 32, 32), 8, norm="layer")
    _, discriminator = models.networks("dcgan-small", (3, 32, 32), 8)
    one, noise = torch.rand(1, 3, 32, 32), torch.rand(5, 3, 32, 32)

    def slopes(f):
        return [
            ganlib.penalties.gradient_norms(f, torch.cat([one, company]))[0].item() for company in (noise, 0.1 * noise)
        ]

    assert slopes(critic)[0] == pytest.approx(slopes(critic)[1], rel=1e-4)
    assert slopes(discriminator)[0] != pytest.approx(slopes(discriminator)[1], rel=1e-2)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_critic": 0}, "n_critic=0 was given; expected a whole number of at least 1"),
        ({"n_critic": 2.5}, "n_critic=2.5 was given"),
        ({"penalty_weight": -1.0}, "penalty_weight=-1.0 was given; expected a number of at least 0"),
        ({"penalty_weight": math.nan}, "penalty_weight=nan was given"),
        ({"lr": 0.0}, r"Adam\(lr=0.0"),
        ({"model": "dcgn"}, "unknown model 'dcgn'"),
        ({"n_critics": 5}, r"unknown option of GAN 'wgan-gp' 'n_critics' \(did you mean 'n_critic'\?\)"),
    ],
)
def test_bad_input(options, words):
    with pytest.raises(GanlibError, match=words):
        ganlib.build("wgan-gp", (1, 32, 32), **options)
