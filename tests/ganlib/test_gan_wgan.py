"""WGAN with clipped weights: what the box bounds, when it is closed, bookkeeping, and what the game refuses."""

import math

import pytest
import torch
from torch import nn

import ganlib
from ganlib import models
from ganlib.data.batch import Batch
from ganlib.errors import GanlibError
from ganlib.gans.base import rmsprop
from ganlib.gans.wgan import WGAN


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
    """Points of N((2, −1), I) on the plane."""

    def __init__(self):
        super().__init__((2,))

    def batch(self, n):
        return Batch(torch.randn(n, 2) + torch.tensor([2.0, -1.0]))


class Shift(nn.Module):
    """A generator that only learns where to put a normal: G(z) = z + θ."""

    def __init__(self):
        super().__init__()
        self.where = nn.Parameter(torch.zeros(2))

    def forward(self, z):
        return z + self.where


def straight(**options):
    """A critic f(x) = w·x + b, for which everything can be said by hand."""
    return WGAN(Shift(), nn.Sequential(nn.Linear(2, 1), nn.Flatten(0)), latent_dim=2, **options)


def largest(network):
    return max(p.abs().max().item() for p in network.parameters())


# -- the losses --------------------------------------------------------------------------------------------------------
def test_terms_and_stats():
    gan = ganlib.build("wgan", (2,), model="mlp-small", clip=0.1)
    batch = Batch(torch.randn(32, 2))
    torch.manual_seed(1)
    terms, stats = gan.critic_loss(batch)
    torch.manual_seed(1)
    fake = gan.generator(gan.latent(32))
    w = gan.critic(batch.images).mean() - gan.critic(fake).mean()
    assert set(terms) == {"-W"} and set(stats) == {"W", "at ±c"}
    assert terms["-W"].item() == pytest.approx(-w.item(), abs=1e-7) and stats["W"].item() == -terms["-W"].item()
    assert not any(value.requires_grad for value in stats.values())
    torch.manual_seed(1)
    terms, _ = gan.generator_loss(batch)
    assert terms["generator"].item() == pytest.approx(-gan.critic(fake).mean().item(), abs=1e-7)


def test_each_player_gets_only_its_own_gradient():
    gan = ganlib.build("wgan", (2,), model="mlp-small", clip=0.1)
    gan.critic_loss(Batch(torch.randn(8, 2)))[0]["-W"].backward()
    assert all(p.grad is None for p in gan.generator.parameters())  # no needless way back through G
    assert all(p.grad.abs().sum() > 0 for p in gan.critic.parameters() if p.ndim > 1)


def test_the_settings_of_the_paper():
    gan = ganlib.build("wgan", (2,))
    trainer = ganlib.Trainer(gan, Noise((2,)), batch_size=4, device="cpu", progress=False)
    assert gan.n_critic == 5 and gan.clip == 0.01 and gan.warm_up is False
    for optimizer in trainer.optimizers.values():
        assert isinstance(optimizer, torch.optim.RMSprop)
        settings = {key: optimizer.param_groups[0][key] for key in ("lr", "alpha", "momentum", "centered")}
        assert settings == {"lr": 5e-5, "alpha": 0.99, "momentum": 0, "centered": False}


def test_rmsprop_knows_the_lazy_correction():
    parameters = [nn.Parameter(torch.ones(3))]
    group = rmsprop(1e-3, 0.81)(parameters, 0.5).param_groups[0]
    assert group["lr"] == pytest.approx(5e-4) and group["alpha"] == pytest.approx(0.9)
    optimizer = rmsprop(1e-3)(parameters)
    parameters[0].grad = torch.full((3,), 7.0)
    optimizer.step()
    assert torch.allclose(parameters[0], torch.full((3,), 1 - 1e-2))  # the first step: ten times the rate
    for wrong in ({"lr": 0.0}, {"lr": 1.0, "alpha": 1.0}, {"lr": 1.0, "alpha": -0.1}):
        with pytest.raises(GanlibError, match="expected lr > 0 and 0 ≤ alpha < 1"):
            rmsprop(**wrong)


# -- the box -----------------------------------------------------------------------------------------------------------
def test_every_score_is_that_of_a_clipped_critic():
    """Also the generator's. To clip before each step, as the authors' code does, leaves its critic outside."""
    seen = {}
    for late in (False, True):
        gan = straight(clip=0.05, lr=0.01)
        sizes, phases = [], gan.phases()
        if late:  # theirs: clip, step; the last step before the generator's turn is not followed by a clip
            clip, loss = gan.clip_critic, gan.critic_loss
            object.__setattr__(phases[0], "after_step", None)
            object.__setattr__(phases[0], "loss", lambda batch, clip=clip, loss=loss: (clip(), loss(batch))[1])
        judged = gan.generator_loss
        note = lambda batch, gan=gan, sizes=sizes, judged=judged: (sizes.append(largest(gan.critic)), judged(batch))[1]
        object.__setattr__(phases[1], "loss", note)
        gan.phases = lambda phases=phases: phases
        ganlib.Trainer(gan, Normal(), batch_size=16, device="cpu", progress=False).fit(4)
        seen[late] = max(sizes)
    assert seen[False] == pytest.approx(0.05, rel=1e-6) and seen[True] > 0.055


def test_the_box_is_closed_from_the_beginning_and_holds_every_number():
    gan = ganlib.build("wgan", (1, 16, 16), model="dcgan-small", latent_dim=4, clip=0.02, norm="layer")
    assert largest(gan.critic) == pytest.approx(0.02, rel=1e-6)  # scales of a normalisation start at 1
    assert largest(gan.generator) > 0.5  # the generator's are nobody's business
    ganlib.Trainer(gan, Noise((1, 16, 16)), batch_size=4, device="cpu", progress=False).fit(1)
    assert largest(gan.critic) <= 0.02 * (1 + 1e-6) and gan.critic.layers[0].bias.abs().max() > 0


def test_a_straight_critic_runs_into_a_corner_and_measures_there():
    """max w·Δ over |w_i| ≤ c is at w = c·sign Δ and is c‖Δ‖₁: here 0.05 · 3, a multiple of no Euclidean distance."""
    gan, data = straight(clip=0.05, lr=0.01), Normal()
    optimizer = gan.optimizer(gan.critic.parameters())
    for _ in range(30):
        optimizer.zero_grad()
        gan.critic_loss(data.batch(256))[0]["-W"].backward()
        optimizer.step()
        gan.clip_critic()
    _, stats = gan.critic_loss(data.batch(20_000))
    weight = gan.critic[0].weight.detach()
    assert torch.allclose(weight, torch.tensor([[0.05, -0.05]]))  # a high score means real
    assert stats["W"].item() == pytest.approx(0.05 * 3, rel=0.03)
    inside = gan.critic[0].bias.abs().item() < 0.05  # the offset cancels in W, so it has no gradient
    assert stats["at ±c"].item() == pytest.approx(2 / 3 if inside else 1.0)


def test_the_generator_walks_towards_the_data():
    """A sign turned in one of the two losses would send it away, with no error message."""
    gan, data = straight(clip=0.05, lr=0.02), Normal()
    trainer = ganlib.Trainer(gan, data, batch_size=256, device="cpu", progress=False, log_every=10).fit(120)
    assert torch.allclose(gan.generator.where, torch.tensor([2.0, -1.0]), atol=0.4)
    assert trainer.history["W"][-1] < 0.4 * trainer.history["W"][0]


# -- whose turn it is --------------------------------------------------------------------------------------------------
def test_n_critic_fresh_batches_and_fresh_latents_before_every_step_of_the_generator():
    gan, data = ganlib.build("wgan", (2,), model="mlp-small", n_critic=3), Noise((2,))
    played, latents = [], []
    draw, phases = gan.latent, gan.phases()
    gan.latent = lambda n: latents.append(draw(n)) or latents[-1]
    gan.phases = lambda: phases
    for phase in phases:
        before = phase.after_step or (lambda: None)
        note = lambda player=phase.player, before=before: (before(), played.append(player))
        object.__setattr__(phase, "after_step", note)
    ganlib.Trainer(gan, data, batch_size=4, device="cpu", progress=False).fit(2)
    assert played == ["critic", "critic", "critic", "generator"] * 2  # also at the very start
    assert len({tuple(z.flatten().tolist()) for z in latents}) == len(latents) == 8
    assert len({tuple(b.images.flatten().tolist()) for b in data.batches}) == len(data.batches) == 8


def test_the_warm_up_of_the_authors_code():
    gan = straight(warm_up=True, n_critic=3)
    turns = gan.phases()[0].repeats
    assert [turns(step) for step in (0, 1, 24)] == [100] * 3
    assert [turns(step) for step in (25, 26, 499, 501, 999)] == [3] * 5
    assert [turns(step) for step in (500, 1000)] == [100] * 2
    assert straight(n_critic=3).phases()[0].repeats == 3
    data = Noise((2,))
    trainer = ganlib.Trainer(gan, data, batch_size=2, device="cpu", progress=False).fit(1)
    assert len(data.batches) == 101  # a hundred for the critic and one for the generator
    trainer.step = 25
    trainer.fit(1)
    assert len(data.batches) == 101 + 4


# -- playing it --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("model", "shape"), [("mlp-small", (2,)), ("mlp", (1, 28, 28)), ("dcgan-small", (3, 16, 16))])
def test_builds_trains_and_samples(model, shape):
    gan = ganlib.build("wgan", shape, model=model, latent_dim=8, n_critic=2)
    before = {name: p.clone() for name, p in gan.named_parameters()}
    trainer = ganlib.Trainer(gan, Noise(shape), batch_size=4, device="cpu", progress=False, log_every=1).fit(2)
    still = [name for name, p in gan.named_parameters() if torch.equal(p, before[name])]
    assert all(name.startswith("critic") and name.endswith("bias") for name in still)  # the last offset cancels
    assert set(trainer.history.names()) == {"-W", "W", "at ±c", "generator"}
    assert all(math.isfinite(value) for name in trainer.history.names() for value in trainer.history[name])
    assert trainer.sample(3).shape == (3, *shape)
    assert not any(isinstance(m, nn.BatchNorm2d | nn.GroupNorm) for m in gan.critic.modules())
    assert gan.recipe["gan"] == "wgan" and gan.recipe["options"]["clip"] == 0.01


def test_resumes_to_the_same_bytes(tmp_path):
    def run():
        ganlib.seed(0)
        gan = ganlib.build("wgan", (2,), model="mlp-small", latent_dim=4, clip=0.1, lr=1e-3)
        return ganlib.Trainer(gan, ganlib.load("ring"), 16, device="cpu", progress=False, ema_half_life=100)

    whole = run().fit(2)
    whole.save(tmp_path / "half.safetensors")
    whole.fit(2)
    again = run()
    ganlib.seed(9)
    again.resume(tmp_path / "half.safetensors").fit(2)
    pairs = zip(whole.gan.state_dict().values(), again.gan.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_many_seeds_play_it_as_one_does():
    def game():
        return ganlib.build("wgan", (2,), model="mlp-small", latent_dim=4, n_critic=2, clip=0.1, lr=1e-3)

    law = ganlib.load("ring")
    runs = ganlib.Seeds(game, law, 8, [0, 1], device="cpu", progress=False).fit(3)
    ganlib.seed(1)
    alone = ganlib.Trainer(game(), law, batch_size=8, device="cpu", progress=False).fit(3)
    z = torch.randn(5, 4)
    assert torch.allclose(runs.gans[1].sample(z=z), alone.gan.sample(z=z), atol=1e-5)
    assert largest(runs.gans[1].critic) == pytest.approx(0.1, rel=1e-6)


def test_float16_is_not_safe_here():
    assert WGAN.half_safe is False


# -- what it refuses ---------------------------------------------------------------------------------------------------
def test_a_critic_with_batch_normalisation_is_refused():
    words = r"the critic has batch normalisation \(BatchNorm2d\), which mixes the samples of a batch, but a critic is a"
    with pytest.raises(GanlibError, match=words):
        ganlib.build("wgan", (3, 32, 32), model="dcgan-small", norm="batch")
    with pytest.raises(GanlibError, match=words):
        WGAN(*models.networks("dcgan-small", (3, 32, 32), 8), 8)


def test_before_a_batch_normalisation_clipping_bounds_nothing():
    """What the refusal is about: with weights a hundred times smaller the slope is the same."""
    critic = nn.Sequential(nn.Linear(2, 64), nn.BatchNorm1d(64, eps=1e-12), nn.LeakyReLU(0.2), nn.Linear(64, 1))
    x, found = torch.randn(256, 2).requires_grad_(), []
    for scale in (1.0, 0.01):
        critic[0].weight.data *= scale
        critic[0].bias.data *= scale
        found.append(torch.autograd.grad(critic(x).square().sum(), x)[0])
    assert torch.allclose(*found, rtol=1e-3, atol=1e-3) and found[0].norm() > 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_critic": 0}, "n_critic=0 was given; expected a whole number of at least 1"),
        ({"n_critic": 2.5}, "n_critic=2.5 was given"),
        ({"clip": 0.0}, "clip=0.0 was given; expected a positive number"),
        ({"clip": math.nan}, "clip=nan was given"),
        ({"lr": -1.0}, r"RMSprop\(lr=-1.0"),
        ({"norm": "spectrl"}, r"unknown norm 'spectrl' \(did you mean 'spectral'\?\)"),
    ],
)
def test_bad_input(options, words):
    with pytest.raises(GanlibError, match=words):
        ganlib.build("wgan", (1, 32, 32), **options)
