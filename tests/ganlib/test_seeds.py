"""Many seeds at once: each ends where a run alone ends, and what cannot be batched is refused in one sentence."""

import random

import pytest
import torch
from torch import nn

import ganlib
from ganlib.data.batch import Batch
from ganlib.errors import GanlibError
from ganlib.gans.base import Phase, Player, adam
from ganlib.gans.gan import VanillaGAN
from ganlib.gans.schedules import linear_decay
from ganlib.models.mlp import MLPDiscriminator, MLPGenerator
from ganlib.training import Seeds, Trainer

from .games import Cloud, Cycle, Growing, Lazy, PenalisedCritic

SEEDS = [0, 1, 7]


def vanilla():
    return VanillaGAN(MLPGenerator((2,), 16, (128, 128), False, False), MLPDiscriminator((2,), (128, 128)), 16)


def normalised():
    return VanillaGAN(MLPGenerator((2,), 8, (32, 32), True, False), MLPDiscriminator((2,), (32, 32)), 8)


class Clipped(PenalisedCritic):
    """WGAN: a critic with clipped weights, two turns a step; the bound is as often written as a new tensor."""

    def phases(self):
        return [
            Phase("critic", self.plain, repeats=lambda step: 3 if step < 5 else 2, after_step=self.clip),
            Phase("generator", self.generator_loss),
        ]

    def plain(self, batch):
        w = self.critic(batch.images).mean() - self.critic(self.fake(len(batch))).mean()
        return {"-w": -w}, {}

    def clip(self):
        for p in self.critic[0].parameters():
            p.data.clamp_(-0.05, 0.05)
        for p in self.critic[2].parameters():
            p.data = p.data.clamp(-0.05, 0.05)


class Remembering(PenalisedCritic):
    """A decaying rate, a buffer that a loss sets, a buffer that the schedule sets, and a tensor kept for later."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(2))
        self.register_buffer("blur", torch.ones(()))

    def schedule(self, images_seen, batch_size):
        self.blur = torch.tensor(1.0 / (1 + images_seen)) * torch.rand(())

    def players(self):
        return {name: Player(p.modules, adam(1e-3), lambda step: 0.9**step) for name, p in super().players().items()}

    def phases(self):
        return [Phase("generator", self.first), Phase("critic", self.second)]

    def first(self, batch):
        fake = self.fake(len(batch))
        fake = fake + self.blur * torch.randn_like(fake)
        self.step_cache["fake"] = fake.detach()
        return {"g": -self.critic(fake).mean()}, {}

    def second(self, batch):
        self.mean = 0.9 * self.mean + 0.1 * batch.images.mean(0)
        noise = torch.randint(3, (len(batch), 1))
        judged = self.critic(self.step_cache["fake"]) - self.critic(batch.images - self.mean + noise)
        return {"w": judged.mean(), "size": judged.square().mean()}, {}


class WithGradOutputs(PenalisedCritic):
    """The penalty as most code writes it, with `grad_outputs`; and a trunk that does not learn."""

    def __init__(self):
        super().__init__()
        self.critic[0].requires_grad_(False)

    def critic_loss(self, batch):
        x = torch.lerp(batch.images, self.fake(len(batch)).detach(), torch.rand(len(batch), 1))
        x.requires_grad = True
        y = self.critic(x)
        (g,) = torch.autograd.grad(outputs=y, inputs=x, grad_outputs=torch.ones_like(y), create_graph=True)
        return {"penalty": (g.flatten(1).norm(2, 1) - 1).square().mean(), "w": y.mean()}, {}


@pytest.fixture
def float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def alone(build, data, seed, steps, batch=32, **options):
    ganlib.seed(seed)
    return Trainer(build(), data, batch, device="cpu", progress=False, log_every=10, **options).fit(steps)


def together(build, data, seeds=SEEDS, batch=32, **options):
    return Seeds(build, data, batch, seeds, device="cpu", progress=False, log_every=10, **options)


def distance(a, b):
    a, b = a.state_dict(), b.state_dict()
    return max((a[name].double() - b[name].double()).abs().max().item() for name in a)


# -- the same as alone -------------------------------------------------------------------------------------------------
GAMES = [vanilla, normalised, PenalisedCritic, WithGradOutputs, Lazy, Clipped, Remembering]


@pytest.mark.parametrize("build", GAMES)
@pytest.mark.filterwarnings("ignore:There is a performance drop")  # lerp_ of a running mean is not batched by torch
def test_every_seed_ends_where_a_run_alone_ends(build, float64):
    data = ganlib.load("ring")
    seeds = together(build, data).fit(50)
    for i, seed in enumerate(SEEDS):
        t = alone(build, data, seed, 50)
        assert distance(t.gan, seeds.gans[i]) <= 1e-9
        assert sorted(seeds.history) == sorted(t.history.names())
        for name in seeds.history:
            assert seeds.steps[name] == t.history.steps(name)
            assert torch.allclose(seeds.history[name][:, i], torch.tensor(t.history[name]).float(), atol=1e-5)
    assert min(distance(seeds.gans[0], gan) for gan in seeds.gans[1:]) > 1e-3  # and the seeds differ


@pytest.mark.parametrize("build", [normalised, Remembering])  # batch norm's buffers, and ones that are replaced
def test_averages_and_rates_are_those_of_a_run_alone(build, float64):
    data, options = ganlib.load("ring"), {"learning_rate": linear_decay(5, 30), "ema_half_life": 100.0}
    seeds = together(build, data, **options).fit(20)
    for i, seed in enumerate(SEEDS):
        t = alone(build, data, seed, 20, **options)
        assert distance(t.gan, seeds.gans[i]) <= 1e-9
        average = dict(seeds.averaged[i].named_parameters())
        for name, value in t.ema.gan.named_parameters():
            assert torch.allclose(value, average[name], rtol=0, atol=1e-9)
        torch.manual_seed(0)
        samples = t.sample(50)
        torch.manual_seed(0)
        assert torch.allclose(samples, seeds.averaged[i].sample(50), rtol=0, atol=1e-8)
    assert distance(seeds.gans[0], seeds.averaged[0]) > 1e-5
    assert distance(seeds.gans[0], alone(build, data, SEEDS[0], 20).gan) > 1e-5  # the rates mattered


def test_without_an_average_the_games_themselves_are_sampled():
    seeds = together(vanilla, ganlib.load("ring"))
    assert seeds.averaged is seeds.gans


def test_the_first_steps_agree_in_float32():
    seeds = together(vanilla, ganlib.load("ring"), batch=128).fit(3)
    for i, seed in enumerate(SEEDS):
        assert distance(alone(vanilla, seeds.data, seed, 3, 128).gan, seeds.gans[i]) <= 1e-5


def test_images(float64):
    images = ganlib.load("digits", n=64, size=8)
    build = lambda: VanillaGAN(MLPGenerator((1, 8, 8), 4, (16,), False), MLPDiscriminator((1, 8, 8), (16,)), 4)

    class Doubled(type(images)):  # bytes become float32 whatever the default is
        def batch(self, n):
            b = super().batch(n)
            return Batch(b.images.double(), b.labels)

    images.__class__ = Doubled
    images.to = lambda device: images
    seeds = together(build, images).fit(5)
    assert distance(alone(build, images, 7, 5).gan, seeds.gans[2]) <= 1e-9


@pytest.mark.parametrize("wrong", ["shared", "forgotten"])
def test_the_comparison_would_notice_wrong_random_numbers(wrong, float64, monkeypatch):
    each = Seeds._each

    def shared(self, function, adopt=True):  # every seed gets what the first one draws
        return [each(self, function, adopt)[0]] * len(self.seeds)

    def forgotten(self, function, adopt=True):  # the random state does not move on
        before = [list(states) for states in self._random_states]
        results = each(self, function, adopt)
        self._random_states = before
        return results

    monkeypatch.setattr(Seeds, "_each", {"shared": shared, "forgotten": forgotten}[wrong])
    seeds = together(vanilla, ganlib.load("ring")).fit(5)
    assert distance(alone(vanilla, seeds.data, 1, 5).gan, seeds.gans[1]) > 1e-4


def test_fit_goes_on_where_it_stopped(float64):
    data = ganlib.load("ring")
    parts, whole = together(Lazy, data, [3]).fit(13).fit(12), together(Lazy, data, [3]).fit(25)
    assert parts.step == 25 and distance(parts.gans[0], whole.gans[0]) == 0


# -- what one gets -----------------------------------------------------------------------------------------------------
def test_history_and_samples():
    seeds = together(vanilla, ganlib.load("ring")).fit(25)
    assert seeds.steps["generator"] == [10, 20, 25] and seeds.history["generator"].shape == (3, len(SEEDS))
    assert [gan.sample(4).shape for gan in seeds.gans] == [(4, 2)] * 3
    first = seeds.gans[0].generator.layers[0].weight
    assert isinstance(first, nn.Parameter) and first.requires_grad and not seeds.gans[0].step_cache


def test_the_global_random_state_stays():
    ganlib.seed(5)
    expected = random.random(), torch.rand(3)
    ganlib.seed(5)
    together(vanilla, ganlib.load("ring")).fit(2)
    assert random.random() == expected[0] and torch.equal(torch.rand(3), expected[1])


def test_a_diverged_seed_is_reported_and_touches_no_other(float64):
    data = ganlib.load("ring")
    seeds = together(vanilla, data)
    seeds.gans[1].generator.layers[0].weight.data[0, 0] = torch.nan
    with pytest.warns(UserWarning, match="seed 1 is not finite at step 10; the others go on"):
        seeds.fit(20)
    assert seeds.diverged == {1: 10}
    assert seeds.history["generator"].isnan().tolist() == [[False, True, False]] * 2
    for i in (0, 2):
        assert distance(alone(vanilla, data, SEEDS[i], 20).gan, seeds.gans[i]) <= 1e-9
    for i in (0, 2):
        seeds.gans[i].generator.layers[0].weight.data[0, 0] = torch.nan
    with pytest.warns(UserWarning), pytest.raises(GanlibError, match="at step 30 no seed is finite any more"):
        seeds.fit(10)


@pytest.mark.parametrize("build, data", [(PenalisedCritic(), Cloud()), (Cloud(), vanilla), (vanilla, [1, 2])])
def test_what_is_given_in_the_wrong_place(build, data):
    with pytest.raises(GanlibError, match="expected a function that makes a GAN and then the data"):
        together(build, data)


# -- refused -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seeds", [[], [1, 2, 1]])
def test_no_seeds_or_the_same_twice(seeds):
    with pytest.raises(GanlibError, match="expected one seed or more, each once"):
        together(vanilla, Cloud(), seeds)


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: nn.Linear(2, 2), r"build\(\) returned Linear; expected a GAN"),
        (
            lambda: ganlib.build("gan", (3,), model="mlp-small"),
            r"the data have shape \(2,\), the networks expect \(3,\)",
        ),
        (
            lambda: VanillaGAN(nn.Linear(2, 2, bias=bool(torch.rand(()) < 0.5)), nn.Linear(2, 1), 2),
            "networks of several architectures",
        ),
    ],
)
def test_what_build_must_return(build, message):
    with pytest.raises(GanlibError, match=message):
        together(build, Cloud(), range(10))


@pytest.mark.parametrize(
    "game, message",
    [
        (Growing, "the game asks for batches of 8; many seeds keep 32"),
        (Cycle, "a loss of judges cannot be played for many seeds at once: .*dynamic shape"),
    ],
)
def test_games_that_cannot_be_batched(game, message):
    with pytest.raises(GanlibError, match=message):
        together(game, Cloud()).fit(20)


@pytest.mark.parametrize(
    "latent, message",
    [
        (lambda n: torch.empty(n, 4).normal_(), "a loss of critic cannot be played .*random"),
        (lambda n: torch.randn(n, 4, generator=torch.Generator()), "a loss of critic cannot be played .*random"),
        (lambda n: nn.functional.dropout(torch.ones(n, 4)), "a loss of critic cannot be played .*random"),
        (lambda n: torch.randn(n, 4) * random.random(), "draw from Python or NumPy"),
    ],
)
def test_random_numbers_that_would_be_shared(latent, message):
    class Draws(PenalisedCritic):
        def fake(self, n):
            return self.generator(latent(n))

    with pytest.raises(GanlibError, match=message):
        together(Draws, Cloud()).fit(1)


def test_a_vector_for_a_loss_and_words_for_a_batch():
    class Vector(PenalisedCritic):
        def generator_loss(self, batch):
            return {"g": self.critic(self.fake(3))}, {}

    class Words(Cloud):
        def batch(self, n):
            return Batch(torch.randn(n, 2), captions=["a"] * n)

    with pytest.raises(GanlibError, match=r"a loss of generator has the shape \(3, 1\); expected a scalar"):
        together(Vector, Cloud()).fit(1)
    with pytest.raises(GanlibError, match="captions are of type list; many seeds need tensors"):
        together(PenalisedCritic, Words()).fit(1)


def test_a_gradient_by_something_all_seeds_share():
    class Shared(PenalisedCritic):
        def generator_loss(self, batch):
            x = torch.zeros(3, 2, requires_grad=True)
            (g,) = torch.autograd.grad(self.critic(x).sum(), x, create_graph=True)
            return {"g": g.mean()}, {}

    class Late(Shared):
        def generator_loss(self, batch):
            return {"g": self.critic(torch.zeros(3, 2).requires_grad_()).mean()}, {}

    for game in (Shared, Late):
        with pytest.raises(GanlibError, match="a loss differentiates by something that is the same for all seeds"):
            together(game, Cloud()).fit(1)


def test_two_lazy_intervals_of_one_player():
    class Two(Lazy):
        def phases(self):
            return [Phase("critic", self.r1, every=16), Phase("critic", self.plain, every=4)]

    with pytest.raises(GanlibError, match=r"'critic' has the lazy intervals \[4, 16\]"):
        together(Two, Cloud())
