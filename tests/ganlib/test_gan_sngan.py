"""SNGAN: which weights are divided, when their vectors move, and what copies, averages and many seeds make of them."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

import ganlib
from ganlib import models
from ganlib.data.batch import Batch
from ganlib.errors import GanlibError
from ganlib.gans.sngan import SNGAN
from ganlib.models.layers import SpectralNorm, sigmas, spectral_norm, spectrally_normalised
from ganlib.training.ema import EMA


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture
def float64():
    """Where the gradient is 0 but for rounding, Adam makes a whole step of it; in double precision ε stops that."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


class Noise:
    """Random samples of any shape. Remembers the batches it has handed out."""

    def __init__(self, shape):
        self.shape, self.batches = shape, []

    def to(self, device):
        return self

    def batch(self, n):
        self.batches.append(Batch(torch.rand(n, *self.shape) * 2 - 1))
        return self.batches[-1]


def small(**options):
    return ganlib.build("sngan", (2,), **{"model": "mlp-small", "latent_dim": 4, "n_dis": 2} | options)


def spectral(module):
    return [part for part in module.modules() if isinstance(part, SpectralNorm)]


def vectors(module):
    return [t.clone() for part in spectral(module) for t in (part.u, part.v)]


def same(a, b):
    return len(a) == len(b) > 0 and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


# -- the game ----------------------------------------------------------------------------------------------------------
def test_the_hinge_loss_of_normalised_outputs():
    gan, batch = small(), Batch(torch.randn(32, 2))
    gan.discriminator.eval()  # the vectors rest, so that it can be computed twice
    torch.manual_seed(1)
    terms, stats = gan.discriminator_loss(batch)
    torch.manual_seed(1)
    fake = gan.generator(gan.latent(32))
    real_outputs, fake_outputs = gan.discriminator(batch.images), gan.discriminator(fake)
    expected = (1 - real_outputs).relu().mean() + (1 + fake_outputs).relu().mean()
    assert terms["discriminator"].item() == pytest.approx(expected.item(), abs=1e-6)
    assert set(stats) == {"output(x)", "output(G(z))", "accuracy"}  # no logits, so no probabilities
    torch.manual_seed(1)
    terms, _ = gan.generator_loss(batch)
    assert terms["generator"].item() == pytest.approx(-fake_outputs.mean().item(), abs=1e-6)


def test_the_settings_of_the_authors_code():
    gan = ganlib.build("sngan", (2,))
    trainer = ganlib.Trainer(gan, Noise((2,)), batch_size=4, device="cpu", progress=False)
    assert gan.n_dis == 5 and gan.loss.name == "hinge"
    for optimizer in trainer.optimizers.values():
        assert optimizer.param_groups[0]["lr"] == 2e-4 and optimizer.param_groups[0]["betas"] == (0.0, 0.9)


def test_n_dis_fresh_batches_and_fresh_latents_before_every_step_of_the_generator():
    gan, data = small(n_dis=3), Noise((2,))
    turns, latents = [], []
    draw, phases = gan.latent, gan.phases()
    gan.latent = lambda n: latents.append(draw(n)) or latents[-1]
    gan.phases = lambda: phases
    for phase in phases:
        object.__setattr__(phase, "after_step", lambda player=phase.player: turns.append(player))
    ganlib.Trainer(gan, data, batch_size=4, device="cpu", progress=False).fit(2)
    assert turns == ["discriminator"] * 3 + ["generator"] + ["discriminator"] * 3 + ["generator"]
    assert len({tuple(z.flatten().tolist()) for z in latents}) == len(latents) == 8
    assert len({tuple(b.images.flatten().tolist()) for b in data.batches}) == 8


def test_each_player_gets_only_its_own_gradient():
    gan, found = small(), {}
    trainer = ganlib.Trainer(gan, ganlib.load("ring"), 8, device="cpu", progress=False)
    for number, phase in enumerate(trainer.phases):
        gan.zero_grad(set_to_none=True)
        trainer.turns.of(phase)  # freezes the weights that are trained, behind those that are used
        sum(phase.loss(Batch(torch.randn(8, 2)))[0].values()).backward()
        found[number] = {name.split(".")[0] for name, p in gan.named_parameters() if p.grad is not None}
        assert all(p.grad.abs().sum() > 0 for p in gan.parameters() if p.grad is not None and p.ndim > 1)
    assert found == {0: {"discriminator"}, 1: {"generator"}}


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        ("mlp", (2,)),
        ("mlp-small", (1, 28, 28)),
        ("dcgan-small", (1, 16, 16)),
        ("dcgan-small", (3, 32, 32)),
        ("resnet-small", (3, 16, 16)),
    ],
)
def test_builds_trains_and_samples(model, shape):
    gan = ganlib.build("sngan", shape, model=model, latent_dim=8, n_dis=2)
    before = {name: p.clone() for name, p in gan.named_parameters()}
    trainer = ganlib.Trainer(gan, Noise(shape), batch_size=4, device="cpu", progress=False, log_every=1).fit(2)
    # Behind the generator's batch normalisation an offset has no gradient but what rounding makes.
    assert all(not torch.equal(p, before[name]) for name, p in gan.named_parameters() if p.ndim > 1)
    assert all(math.isfinite(value) for name in trainer.history.names() for value in trainer.history[name])
    assert trainer.sample(3).shape == (3, *shape)
    norms = [torch.linalg.matrix_norm(m.weight.flatten(1), 2).item() for m in gan.discriminator.eval().modules()
             if isinstance(m, nn.Conv2d | nn.Linear)]  # fmt: skip
    assert norms == pytest.approx([1.0] * len(norms), abs=0.1)  # every layer, the last one too
    found = sigmas(gan.discriminator)
    assert len(found) == len(norms) and all(s > 0 for s in found.values())
    assert gan.recipe["gan"] == "sngan" and gan.recipe["options"]["n_dis"] == 2


def test_no_two_points_are_further_apart_behind_it_than_before():
    """For leaky ReLUs between layers of norm 1; without the norms the same weights stretch."""
    _, discriminator = models.networks("mlp-small", (2,), 4, "spectral")
    x, y = torch.randn(2, 500, 2)
    with torch.no_grad():
        for part in discriminator.layers:
            if isinstance(part, nn.Linear):
                part.parametrizations.weight.original.mul_(3)
        for _ in range(300):
            discriminator(x[:1])
    discriminator.eval()
    stretch = ((discriminator(x) - discriminator(y)).abs() / (x - y).norm(dim=1)).max()
    assert 0.01 < stretch < 1 + 1e-3
    for part in discriminator.layers:
        if isinstance(part, nn.Linear):
            original = part.parametrizations.weight.original.detach().clone()
            nn.utils.parametrize.remove_parametrizations(part, "weight")
            part.weight.data = original
    assert ((discriminator(x) - discriminator(y)).abs() / (x - y).norm(dim=1)).max() > 1.2


# -- the vectors of the power iteration --------------------------------------------------------------------------------
def test_one_round_a_turn_and_none_for_samples_or_in_evaluation():
    gan, counts = small(), []
    for part in spectral(gan.discriminator):
        iterate = part.iterate
        part.iterate = lambda m, rounds, iterate=iterate: (counts.append(rounds), iterate(m, rounds))
    batch = Batch(torch.randn(8, 2))
    for loss in (gan.discriminator_loss, gan.generator_loss):
        counts.clear()
        loss(batch)
        assert counts == [1, 1, 1]  # three layers: real and generated samples pass together
    counts.clear()
    gan.sample(4)
    gan.discriminator.eval()(batch.images)
    assert counts == []


def test_an_average_copies_them():
    """An average of unit vectors is none; and for a weight that turns, it lags behind."""

    class Whole(SNGAN):
        def averaged(self):
            return (self.generator, self.discriminator)

    gan = Whole(*models.networks("mlp-small", (2,), 4, "spectral"), 4, n_dis=1)
    trainer = ganlib.Trainer(gan, ganlib.load("ring"), 8, device="cpu", progress=False, ema_half_life=1000).fit(3)
    twin = trainer.ema.gan
    assert twin.discriminator is not gan.discriminator
    assert same(vectors(twin.discriminator), vectors(gan.discriminator))
    name = "discriminator.layers.0.parametrizations.weight.original"
    assert not torch.equal(twin.get_parameter(name), gan.get_parameter(name))  # weights are averaged
    assert EMA(small(), 100).gan.discriminator is not None  # the discriminator is shared where it is not averaged


def test_a_copy_plays_on_as_the_original():
    ganlib.seed(0)
    gan = small()
    ganlib.Trainer(gan, ganlib.load("ring"), 8, device="cpu", progress=False).fit(1)
    twin, batch = copy.deepcopy(gan), Batch(torch.randn(8, 2))
    losses = []
    for game in (gan, twin):
        torch.manual_seed(3)
        losses.append(game.discriminator_loss(batch)[0]["discriminator"])
    assert torch.equal(*losses) and same(vectors(gan), vectors(twin))
    assert not spectral(gan)[0].u.data_ptr() == spectral(twin)[0].u.data_ptr()


@pytest.mark.parametrize("lost", [False, True])
def test_resumes_to_the_same_bytes(lost, tmp_path, monkeypatch):
    def run():
        ganlib.seed(0)
        return ganlib.Trainer(small(lr=1e-2), ganlib.load("ring"), 16, device="cpu", progress=False, ema_half_life=100)

    whole = run().fit(2)
    whole.save(tmp_path / "half.safetensors")
    whole.fit(2)
    again = run()
    ganlib.seed(9)
    again.resume(tmp_path / "half.safetensors")
    if lost:  # had the vectors not been saved, the run would go elsewhere
        for part in spectral(again.gan):
            part.u.normal_(), part.v.normal_()
            part.iterate(part.v.new_ones(len(part.u), len(part.v)), 1)
    again.fit(2)
    pairs = zip(whole.gan.state_dict().values(), again.gan.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs) != lost


def test_a_checkpoint_builds_the_same_game_again(tmp_path):
    trainer = ganlib.Trainer(small(), ganlib.load("ring"), 8, device="cpu", progress=False).fit(1)
    trainer.save(tmp_path / "run.safetensors")
    again, z, x = ganlib.load_gan(tmp_path / "run.safetensors"), torch.randn(3, 4), torch.randn(3, 2)
    assert torch.equal(again.sample(z=z), trainer.gan.sample(z=z))
    assert torch.equal(again.discriminator.eval()(x), trainer.gan.discriminator.eval()(x))


@pytest.mark.parametrize("name", ["sngan", "wgan-gp"])
def test_many_seeds_play_it_as_one_does(name, float64):
    """The latter with a penalty on a normalised critic: power iteration inside a gradient inside vmap."""

    def game():
        options = {"n_dis": 2} if name == "sngan" else {"n_critic": 2, "norm": "spectral"}
        return ganlib.build(name, (2,), model="mlp-small", latent_dim=4, lr=1e-3, **options)

    law = ganlib.load("ring")
    runs = ganlib.Seeds(game, law, 8, [0, 1], device="cpu", progress=False).fit(3)
    ganlib.seed(1)
    alone = ganlib.Trainer(game(), law, batch_size=8, device="cpu", progress=False).fit(3).gan.state_dict()
    for name, tensor in runs.gans[1].state_dict().items():
        assert torch.allclose(tensor, alone[name], atol=1e-9), name
    assert not torch.allclose(vectors(runs.gans[0])[0], vectors(runs.gans[1])[0], atol=1e-3)  # each has its own


def test_compiled_losses_play_the_same_game(monkeypatch, capsys):
    real = torch.compile
    monkeypatch.setattr(torch, "compile", lambda loss: real(loss, backend="aot_eager"))
    data, runs = ganlib.load("ring"), []
    for compiled in (False, True):
        ganlib.seed(0)
        runs.append(ganlib.Trainer(small(n_dis=1), data, 8, device="cpu", progress=False, compile=compiled).fit(3))
    assert capsys.readouterr().err == ""
    for a, b in zip(*(run.gan.state_dict().values() for run in runs), strict=True):
        assert torch.allclose(a, b, atol=1e-5)


# -- what it refuses ---------------------------------------------------------------------------------------------------
def test_a_discriminator_with_a_layer_left_out_is_refused():
    plain = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1), nn.Flatten(0))
    spectral_norm(plain[0])
    with pytest.raises(
        GanlibError, match="the discriminator's layer '2' has no spectral normalisation; expected it on"
    ):
        SNGAN(nn.Linear(4, 2), plain, 4)
    spectral_norm(plain[2])
    SNGAN(nn.Linear(4, 2), plain, 4)
    theirs = nn.Sequential(parametrizations.spectral_norm(nn.Linear(2, 1)), nn.Flatten(0))
    SNGAN(nn.Linear(4, 2), theirs, 4)  # torch's does as well


def test_batch_normalisation_beside_it_is_refused():
    """It divides by the batch's deviation, however small: the slope has no bound."""
    both = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1), nn.Flatten(0))
    with pytest.raises(
        GanlibError, match="the discriminator has batch normalisation .'1'., which divides by the batch's"
    ):
        SNGAN(nn.Linear(4, 2), spectrally_normalised(both), 4)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_dis": 0}, "n_dis=0 was given; expected a whole number of at least 1"),
        ({"n_dis": True}, "n_dis=True was given"),
        ({"loss": "hing"}, r"unknown loss 'hing' \(did you mean 'hinge'\?\)"),
        ({"beta2": 1.0}, r"Adam\(lr=0.0002, beta1=0.0, beta2=1.0\)"),
        ({"model": "dcgan-small-bare"}, "norm=spectral was asked for; expected dcgan-small"),
    ],
)
def test_bad_input(options, words):
    with pytest.raises(GanlibError, match=words):
        ganlib.build("sngan", (1, 32, 32), **options)
