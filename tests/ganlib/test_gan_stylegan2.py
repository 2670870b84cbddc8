"""StyleGAN2: its lazy turns, the path length penalty, what it resumes to, and samples to order."""

import math

import pytest
import torch
from torch.nn.functional import softplus

import ganlib
from ganlib import recipes
from ganlib.data.batch import Batch
from ganlib.errors import GanlibError
from ganlib.models.stylegan2 import StyleGAN2Generator
from ganlib.penalties import gradient_norms, path_lengths
from ganlib.training import checkpoint

SHAPE, LAYERS = (3, 8, 8), 4
SMALL = {"latent_dim": 4, "w_dim": 5, "width": 4, "widest": 6, "depth": 1}


class Noise:
    shape = SHAPE

    def to(self, device):
        return self

    def batch(self, n):
        return Batch(torch.rand(n, *SHAPE) * 2 - 1)


def built(**options):
    """A game with noise that can be seen and a mean style."""
    gan = ganlib.build("stylegan2", SHAPE, **SMALL | options)
    for name, parameter in gan.generator.named_parameters():
        if name.endswith("strength"):
            parameter.data.fill_(0.3)
    gan.generator.w_mean.copy_(gan.generator.mapping(gan.latent(500)).detach().mean(0))
    return gan


def trainer(gan, **options):
    ganlib.seed(0)
    return ganlib.Trainer(gan, Noise(), 8, **{"device": "cpu", "progress": False, "log_every": 1} | options)


# -- path lengths ------------------------------------------------------------------------------------------------------
def test_path_lengths_of_a_linear_network():
    """g(w) = Aw has J = A everywhere."""
    a, w = torch.randn(3 * 4 * 4, 5).double(), torch.randn(1, 5).expand(4000, -1).double()
    lengths = path_lengths(lambda w: (w @ a.T).unflatten(1, (3, 4, 4)), w)
    assert lengths.square().mean().item() == pytest.approx(a.square().sum().item() / 16, rel=0.05)
    torch.manual_seed(1)
    one = path_lengths(lambda w: (w @ a.T).unflatten(1, (3, 4, 4)), w[:2])
    torch.manual_seed(1)
    y = torch.randn(2, 3, 4, 4, dtype=torch.float64) / 4
    assert torch.allclose(one, (y.flatten(1) @ a).norm(dim=1))
    torch.manual_seed(1)
    points = path_lengths(lambda w: w @ a.T, w[:2])  # no pixels, no division
    assert torch.allclose(points, 4 * one)


def test_the_squared_length_is_the_mean_over_the_layers():
    a, w = torch.randn(2, 12, 5).double(), torch.randn(3, 2, 5).double()
    synthesis = lambda w: torch.einsum("kij,nkj->ni", a, w).unflatten(1, (3, 2, 2))
    torch.manual_seed(1)
    lengths = path_lengths(synthesis, w)
    torch.manual_seed(1)
    y = torch.randn(3, 3, 2, 2, dtype=torch.float64).flatten(1) / 2
    each = torch.einsum("kij,ni->nkj", a, y).square().sum(2)
    assert torch.allclose(lengths, each.mean(1).sqrt())


def test_the_gradient_of_the_penalty_by_finite_differences():
    """By the weights of the network, and by those of what made w."""
    a, m = torch.randn(12, 3).double().requires_grad_(), torch.randn(3, 2).double().requires_grad_()
    z, target = torch.randn(4, 2).double(), 1.3

    def penalty(a, m):
        torch.manual_seed(1)
        synthesis = lambda w: ((w + w.square()) @ a.T).unflatten(1, (3, 2, 2))
        return (path_lengths(synthesis, z @ m.T) - target).square().mean()

    assert torch.autograd.gradcheck(penalty, (a, m))
    linear = lambda a: path_lengths(lambda w: (w @ a.T).unflatten(1, (3, 2, 2)), z @ m.detach().T) - target
    (slope,) = torch.autograd.grad((torch.manual_seed(1), linear(a).square().mean())[1], a)
    for index in ((0, 0), (7, 2), (11, 1)):
        step = torch.zeros(12, 3).double()
        step[index] = 1e-5
        up, down = ((torch.manual_seed(1), linear(a.detach() + s * step).square().mean())[1].item() for s in (1, -1))
        assert slope[index].item() == pytest.approx((up - down) / 2e-5, rel=1e-5)


def test_a_network_that_stands_still_has_a_gradient():
    a = torch.zeros(12, 3, requires_grad=True)
    lengths = path_lengths(lambda w: (w @ a.T).unflatten(1, (3, 2, 2)), torch.randn(4, 3))
    lengths.sum().backward()
    assert not lengths.any() and a.grad.isfinite().all()


def test_the_mean_length_begins_with_the_first():
    gan, batch = built(path_decay=0.1), Noise().batch(8)
    assert gan.path_mean == 0
    _, first = gan.path_loss(batch)
    assert first["a"].equal(first["|J'y|"]) and first["a"] > 0
    _, then = gan.path_loss(batch)
    assert then["a"].item() == pytest.approx(0.9 * first["a"].item() + 0.1 * then["|J'y|"].item(), rel=1e-5)


# -- the turns ---------------------------------------------------------------------------------------------------------
def test_the_losses():
    gan, batch = built(penalty_weight=3.0, path_weight=5.0), Noise().batch(8)
    gan.path_mean.fill_(0.5)
    terms, _ = gan.r1_loss(batch)
    assert terms["R1"].item() == pytest.approx(
        1.5 * gradient_norms(gan.discriminator, batch.images).square().mean().item(), rel=1e-5
    )
    torch.manual_seed(1)
    fake = gan.generator(gan.latent(8)).detach()
    torch.manual_seed(1)
    terms, _ = gan.discriminator_loss(batch)
    judge = gan.discriminator
    loss = softplus(-judge(batch.images)).mean() + softplus(judge(fake)).mean()
    assert terms["discriminator"].item() == pytest.approx(loss.item(), rel=1e-5)

    torch.manual_seed(1)
    w = gan.generator.styles(gan.latent(4))  # half of the batch
    assert w.shape == (4, LAYERS, 5)
    lengths = path_lengths(gan.generator.synthesis, w)
    mean = 0.5 + 0.01 * (lengths.mean().item() - 0.5)
    torch.manual_seed(1)
    terms, stats = gan.path_loss(batch)
    assert gan.path_mean.item() == pytest.approx(mean, rel=1e-5) and stats["a"].item() == gan.path_mean.item()
    assert terms["path"].item() == pytest.approx(5 * (lengths - mean).square().mean().item(), rel=1e-4)
    gan.path_loss(Noise().batch(8))
    assert stats["a"].item() == pytest.approx(mean, rel=1e-5)  # what was logged stays
    assert not any(value.requires_grad for value in stats.values())


def test_the_gradient_of_each_turn_is_its_players():
    gan = built()
    t = trainer(gan)
    for phase in t.phases:
        t.turns.of(phase)
        gan.zero_grad()
        terms, _ = phase.loss(Noise().batch(8))
        gan.step_cache = {}
        sum(terms.values()).backward()
        moved = {name.partition(".")[0] for name, p in gan.named_parameters() if p.grad is not None}
        assert moved == {phase.player}
    assert any(p.grad is not None and p.grad.any() for p in gan.generator.mapping.parameters())  # paths: of w too


def test_lazy_turns_come_when_they_should_with_the_weight_that_they_should():
    t = trainer(built(r1_every=3, path_every=2), log_gradients=True)
    played = {"R1": [], "path": []}
    for step in range(7):
        seen = {name: len(t.history[name]) for name in t.history.names()}
        t.fit(1)
        for name in played:
            if len(t.history[name]) > seen.get(name, 0) and math.isfinite(t.history[name][-1]):
                played[name].append(step)
    assert played == {"R1": [0, 3, 6], "path": [0, 2, 4, 6]}

    gan, batch = built(r1_every=3, penalty_weight=2.0), Noise().batch(8)
    t = trainer(gan)
    t.turns.of(t.phases[1])
    found = [g.clone() for g in t._gradients(1, t.phases[1], batch, [{}])[1]]
    gan.zero_grad()
    (3 * gan.r1_loss(batch)[0]["R1"]).backward()
    own = [p.grad for p in gan.discriminator.parameters() if p.grad is not None]
    assert all(torch.allclose(a, b) for a, b in zip(found, own, strict=True)) and any(g.any() for g in found)


def test_adam_is_corrected_for_the_turn_more():
    """16 and 8, as in the paper: c = 16/17 and 8/9."""
    t = trainer(built())
    for player, c in (("discriminator", 16 / 17), ("generator", 8 / 9)):
        group = t.optimizers[player].param_groups[0]
        assert group["lr"] == pytest.approx(2e-3 * c) and group["betas"] == (0.0, pytest.approx(0.99**c))
    without = trainer(built(penalty_weight=0.0, path_weight=0.0))
    assert [phase.every for phase in t.phases] == [1, 16, 1, 8] and [p.every for p in without.phases] == [1, 1]
    assert all(o.param_groups[0]["lr"] == 2e-3 for o in without.optimizers.values())
    assert len(trainer(built(path_weight=0.0)).phases) == 3


@pytest.mark.parametrize("half", [1, 3, 4])
def test_resumes_to_the_same_bytes_between_lazy_steps(half, tmp_path):
    options = {"r1_every": 3, "path_every": 2}
    whole = trainer(built(**options), ema_half_life=30.0).fit(half)
    whole.save(tmp_path / "half.safetensors")
    assert whole.gan.path_mean > 0
    whole.fit(4)
    again = trainer(built(**options), ema_half_life=30.0)
    ganlib.seed(9)
    again.resume(tmp_path / "half.safetensors").fit(4)
    for one, other in ((whole.gan, again.gan), (whole.ema.gan, again.ema.gan)):
        assert all(x.equal(other.state_dict()[key]) for key, x in one.state_dict().items())
    for player, optimizer in whole.optimizers.items():
        states = again.optimizers[player].state_dict()["state"]
        for number, moments in optimizer.state_dict()["state"].items():
            assert all(x.equal(states[number][key]) for key, x in moments.items())


def test_the_mean_length_and_the_mean_style_are_kept(tmp_path):
    t = trainer(built(), ema_half_life=100.0).fit(2)
    assert t.gan.path_mean > 0 and t.ema.gan.path_mean.equal(t.gan.path_mean)
    assert t.ema.gan.generator.w_mean.equal(t.gan.generator.w_mean)
    t.save(tmp_path / "x.safetensors")
    gan, z = checkpoint.load_gan(tmp_path / "x.safetensors"), torch.randn(3, 4)
    assert gan.path_mean.equal(t.gan.path_mean) and gan.generator.w_mean.equal(t.gan.generator.w_mean)
    assert torch.allclose(gan.sample(z=z), t.sample(z=z), atol=1e-5)
    assert not torch.equal(t.sample(z=z), t.gan.sample(z=z))  # averaged weights


@pytest.mark.parametrize("options", [{"precision": "bf16"}, {"accumulate": 2}])
def test_half_precision_and_parts(options):
    t = trainer(built(r1_every=2, path_every=2), **options).fit(3)
    for key in t.history.names():
        assert any(map(math.isfinite, t.history[key])), key
    assert all(p.dtype == torch.float32 and p.isfinite().all() for p in t.gan.parameters())


def test_many_seeds_at_once():
    build = lambda: ganlib.build("stylegan2", SHAPE, **SMALL, r1_every=2, path_every=2)
    many = ganlib.Seeds(build, Noise(), 8, [0, 1], device="cpu", progress=False, log_every=1).fit(3)
    assert many.history["generator"].isfinite().all() and many.history["path"].isfinite().any()


# -- samples -----------------------------------------------------------------------------------------------------------
def test_samples_to_order():
    gan, z = built(), torch.randn(3, 4)
    g = gan.generator
    w = g.mapping(z).detach()
    assert isinstance(g, StyleGAN2Generator) and w.shape == (3, 5) and g.n_layers == LAYERS
    images = gan.sample(z=z)
    assert images.shape == (3, *SHAPE) and images.abs().max() <= 1
    for other in (gan.sample(w=w), gan.sample(w=g.for_layers(w)), g.eval()(z), gan.sample(z=z)):
        assert torch.allclose(other, images, atol=1e-5)
    mean = gan.sample(w=g.w_mean.expand(3, -1))
    assert torch.allclose(gan.sample(z=z, psi=0.0), mean, atol=1e-5)
    psi = [0.0, 0.5, 1.0, 1.0]
    each = torch.stack([g.w_mean + p * (w - g.w_mean) for p in psi], 1)
    assert torch.allclose(gan.sample(z=z, psi=psi), gan.sample(w=each), atol=1e-5)
    maps = [torch.randn(1, 1, side, side) for side in g.synthesis.sides]
    assert torch.equal(gan.sample(z=z, noise=maps), gan.sample(z=z, noise=maps))
    for noise in (maps, "none", "fresh"):
        assert not torch.allclose(gan.sample(z=z, noise=noise), images, atol=1e-3)
    with pytest.raises(GanlibError, match=r"expected \(N, 5\) or \(N, \*\(4, 5\)\)"):
        gan.sample(w=torch.zeros(2, 4))


def test_mixtures():
    gan, one, two = built(), torch.randn(2, 4), torch.randn(2, 4)
    assert torch.allclose(gan.mix(one, two, []), gan.sample(z=one), atol=1e-5)
    assert torch.allclose(gan.mix(one, two, range(LAYERS)), gan.sample(z=two), atol=1e-5)
    assert not torch.allclose(gan.mix(one, two, [1]), gan.sample(z=one), atol=1e-3)
    colours = gan.mix(one, two, [LAYERS - 1]) - gan.sample(z=one)  # of the last image alone
    assert colours.any()


def test_styles_are_mixed_and_tracked_in_training_only():
    gan = built(mixing=1.0)
    g, z, before = gan.generator, torch.randn(64, 4), gan.generator.w_mean.clone()
    w = g.train().styles(z)
    assert torch.allclose(w[:, 0], g.mapping(z)) and not w[:, 0].eq(w[:, -1]).all(1).any()
    assert torch.allclose(g.w_mean, before + 0.005 * (g.mapping(z).mean(0) - before), atol=1e-6)
    before = g.w_mean.clone()
    w = g.eval().styles(z)
    assert w.eq(w[:, :1]).all() and g.w_mean.equal(before)


def test_exports_what_it_samples():
    pytest.importorskip("onnxscript")
    from ganlib.cli import onnx

    gan = built()
    assert onnx.difference(gan, onnx.convert(gan)) < 1e-5


# -- options and recipes -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"penalty_weight": -1.0}, "penalty_weight=-1.0 was given"),
        ({"path_weight": math.inf}, "path_weight=inf was given"),
        ({"r1_every": 0}, "r1_every=0 was given; expected a whole number of at least 1"),
        ({"path_every": 0}, "path_every=0"),
        ({"path_shrink": 0}, "path_shrink=0"),
        ({"path_decay": 0.0}, "path_decay=0.0 was given; expected a share above 0, at most 1"),
        ({"mixing": 2.0}, "mixing=2.0 was given"),
        ({"mapping_lr": 0.0}, "a rate of 0.0 was given for the mapping; expected a number above 0"),
        ({"latent_dim": 0}, "latent_dim must be a whole number 1 or more"),
        ({"depth": 0}, "depth must be a whole number 1 or more"),
        ({"w_dim": 0}, "w_dim must be a whole number 1 or more"),
        ({"generator": "orig"}, "unknown architecture 'orig'; known: plain, residual, skip"),
        ({"discriminator": "orig"}, "unknown architecture 'orig'"),
        ({"loss": "wgan-gp"}, "unknown loss 'wgan-gp'"),
        ({"lr": 0.0}, r"Adam\(lr=0.0"),
    ],
)
def test_bad_input(options, words):
    with pytest.raises(GanlibError, match=words):
        ganlib.build("stylegan2", SHAPE, **SMALL | options)


def test_the_settings_of_the_paper():
    gan = ganlib.build("stylegan2", (3, 16, 16))
    assert (gan.penalty_weight, gan.path_weight, gan.path_shrink, gan.path_decay) == (10, 2, 2, 0.01)
    assert gan.loss.name == "non_saturating"
    g = gan.generator
    assert g.mixing == 0.9 and len(g.mapping) == 17 and g.synthesis.architecture == "skip"
    assert gan.discriminator.architecture == "residual"
    assert gan.discriminator.blocks[0][1].resample == "down"
    assert g.synthesis.constant.std().item() == pytest.approx(1, rel=0.1)
    assert not any(layer.noise.strength.any() for layer in g.synthesis.layers)
    assert {layer.lr_multiplier for layer in g.mapping if hasattr(layer, "lr_multiplier")} == {0.01}


def test_the_blur_can_be_left_out():
    discriminator = ganlib.build("stylegan2", SHAPE, **SMALL | {"blurred": False}).discriminator
    assert all(block[1].resample == "stride" for block in discriminator.blocks)


def test_how_fast_the_mapping_learns_can_be_chosen():
    mapping = ganlib.build("stylegan2", SHAPE, **SMALL | {"mapping_lr": 0.25}).generator.mapping
    assert {layer.lr_multiplier for layer in mapping if hasattr(layer, "lr_multiplier")} == {0.25}


def test_a_w_of_another_length_than_z():
    mapping = ganlib.build("stylegan2", SHAPE, **SMALL | {"depth": 3}).generator.mapping
    assert [tuple(p.shape) for p in mapping.parameters() if p.ndim == 2] == [(5, 4), (5, 5), (5, 5)]


@pytest.mark.parametrize("name", sorted(n for n, r in recipes.shipped().items() if r.gan == "stylegan2"))
def test_recipes_can_be_built(name):
    recipe = recipes.get(name)
    gan = ganlib.build(recipe.gan, (3, recipe.size or 32, recipe.size or 32), **recipe.options)
    assert gan.sample(1).shape[1] == 3
