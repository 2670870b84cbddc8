"""StyleGAN: AdaIN, noise, the mapping, mixing, truncation and the mean style. How it grows: test_gan_progan.py."""

import math

import pytest
import torch

import ganlib
from ganlib.data.batch import Batch
from ganlib.errors import GanlibError
from ganlib.metrics.path_length import path_length
from ganlib.models.stylegan import AdaIN, Mapping, NoiseInput, StyleGenerator, crossed
from ganlib.training import checkpoint

SHAPE = (3, 16, 16)
LAYERS = 6
SMALL = {"latent_dim": 4, "width": 4, "widest": 6, "depth": 2}


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


class Noise:
    shape = SHAPE

    def to(self, device):
        return self

    def batch(self, n):
        return Batch(torch.rand(n, *SHAPE) * 2 - 1)


def built(**options):
    """A game that is whole, with noise that can be seen and a mean style."""
    gan = ganlib.build("stylegan", SHAPE, **SMALL | {"grow": False} | options)
    for name, parameter in gan.generator.named_parameters():
        if name.endswith("strength"):
            parameter.data.fill_(0.3)
    gan.generator.w_mean.copy_(gan.generator.mapping(gan.latent(500)).detach().mean(0))
    return gan


def trainer(gan, **options):
    return ganlib.Trainer(gan, Noise(), 8, **{"device": "cpu", "progress": False, "log_every": 1} | options)


# -- AdaIN -------------------------------------------------------------------------------------------------------------
def test_adain_gives_each_channel_of_each_image_the_mean_and_the_deviation_of_its_style():
    layer, w = AdaIN(5, 8), torch.randn(3, 8)
    x = torch.randn(3, 5, 6, 7) * 4 + 10
    y = layer(x, w)
    scale, shift = layer.style(w).chunk(2, 1)
    assert torch.allclose(y.mean((2, 3)), shift, atol=1e-5)
    assert torch.allclose(y.std((2, 3), correction=0), (1 + scale).abs(), atol=1e-5)
    factors = torch.rand(3, 5, 1, 1) + 0.5
    assert torch.allclose(layer(factors * x + torch.randn(3, 5, 1, 1), w), y, atol=1e-4)  # earlier ones are forgotten
    assert torch.allclose(layer(layer(x, torch.zeros(3, 8)), w), y, atol=1e-5)


def test_adain_begins_at_scale_one_and_shift_zero():
    layer = AdaIN(4, 16)
    x, w = torch.randn(500, 4, 4, 4), torch.randn(500, 16)
    plain = layer(x, torch.zeros(500, 16))
    assert torch.allclose(plain.mean((2, 3)), torch.zeros(500, 4), atol=1e-6)
    assert torch.allclose(plain.std((2, 3), correction=0), torch.ones(500, 4), atol=1e-5)
    assert layer.style(w).mean().abs() < 0.1 and layer.style(w).std().item() == pytest.approx(1, rel=0.3)
    flat = layer(torch.full((500, 4, 4, 4), 3.0), w)  # a channel without variation becomes its shift
    assert torch.allclose(flat, layer.style(w)[:, 4:, None, None].expand_as(flat), atol=1e-5)
    assert layer(x.bfloat16(), w).dtype == torch.bfloat16


# -- noise -------------------------------------------------------------------------------------------------------------
def test_noise_is_one_image_for_all_channels_and_another_for_each_sample():
    layer = NoiseInput(3, 8)
    assert layer(torch.ones(2, 3, 8, 8), "fresh").eq(1).all()  # it begins without any
    layer.strength.data = torch.tensor([0.0, 1.0, 2.0]).view(3, 1, 1)
    added = layer(torch.zeros(400, 3, 8, 8), "fresh")
    assert not added[:, 0].any() and added[:, 2].equal(2 * added[:, 1])
    assert added[:, 1].std().item() == pytest.approx(1, rel=0.02)
    assert torch.corrcoef(added[:, 1].flatten(1)).fill_diagonal_(0).abs().max() < 0.6  # no two are the same
    assert not layer(torch.zeros(400, 3, 8, 8), "fresh").equal(added)
    fixed = layer(torch.zeros(4, 3, 8, 8), "fixed")
    assert fixed[1].equal(fixed[0]) and fixed[0, 1].equal(layer.fixed[0, 0])
    assert not layer(torch.zeros(4, 3, 8, 8), "none").any()


def test_noise_is_fresh_in_training_and_for_fresh_latents_and_fixed_for_given_ones():
    gan, z = built(mixing=0.0), torch.randn(1, 4).expand(3, -1)
    images = gan.sample(z=z)
    assert torch.allclose(images[0], images[1], atol=1e-6) and torch.allclose(gan.sample(z=z), images, atol=1e-6)
    assert not torch.allclose(gan.sample(z=z, noise="none"), images, atol=1e-3)
    for fresh in (gan.sample(z=z, noise="fresh"), gan.sample(2, psi=0.0)):  # fresh latents have fresh noise
        assert (fresh[0] - fresh[1]).abs().max() > 1e-2
    alike = gan.sample(2, psi=0.0, noise="fixed")
    assert torch.allclose(alike[0], alike[1], atol=1e-6)
    with torch.no_grad():
        trained = gan.generator.train()(z, 2)
    assert (trained[0] - trained[1]).abs().max() > 1e-2
    with pytest.raises(GanlibError, match="unknown noise 'random'; known: fixed, fresh, none"):
        gan.sample(2, noise="random")


# -- the mapping -------------------------------------------------------------------------------------------------------
def test_the_mapping_learns_slowly_and_sees_only_the_direction_of_z():
    mapping, z = Mapping(16, depth=3), torch.randn(50, 16)
    assert torch.allclose(mapping(z), mapping(3 * z), atol=1e-5)
    layers = [layer for layer in mapping if hasattr(layer, "lr_multiplier")]
    assert [layer.lr_multiplier for layer in layers] == [0.01] * 3
    x = z / z.square().mean(1, keepdim=True).sqrt()
    for layer in layers:
        x = torch.nn.functional.leaky_relu(x @ layer.weight.T * (0.01 * math.sqrt(2 / 16)), 0.2)
    assert torch.allclose(mapping(z), x, atol=1e-5)


def test_how_fast_the_mapping_learns_can_be_chosen():
    """Another factor changes no picture, and a step of Adam moves the mapping's weights that much, by their length."""
    ways = {}
    for rate in (0.01, 0.5):
        gan = built(mapping_lr=rate)
        first = next(layer for layer in gan.generator.mapping if hasattr(layer, "lr_multiplier"))
        before = first.weight.detach().clone()
        optimizer = torch.optim.Adam(gan.generator.parameters(), 1e-3, (0.0, 0.99))
        gan.generator(torch.randn(8, 4), 2).square().mean().backward()
        optimizer.step()
        ways[rate] = ((first.weight - before).norm() / before.norm()).item()
    assert ways[0.5] / ways[0.01] == pytest.approx(50, rel=0.3)


# -- mixing ------------------------------------------------------------------------------------------------------------
def test_the_law_of_crossing():
    """A tenth is not crossed; the others change at 1, 2 or 3 of the four layers in use, one as often as another."""
    n = 20_000
    one, two = torch.zeros(n, LAYERS, 1), torch.ones(n, LAYERS, 1)
    mixed = crossed(one, two, 4, 0.9)[..., 0]
    assert (mixed.diff(dim=1) >= 0).all()  # the first style first, and no way back
    at = (mixed == 0).sum(1)
    share = torch.bincount(at, minlength=LAYERS + 1) / n
    assert share.tolist() == pytest.approx([0, 0.3, 0.3, 0.3, 0, 0, 0.1], abs=0.012)
    assert crossed(one, two, 4, 0.0).equal(one)
    assert not crossed(one, two, 2, 1.0)[:, 0].any() and crossed(one, two, 2, 1.0)[:, 1].all()


def test_styles_are_mixed_in_training_only():
    gan, seen = built(mixing=1.0), []
    g = gan.generator
    g.synthesis.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    z = torch.randn(64, 4)
    w = g.mapping(z)
    g(z, 1)
    (styles,) = seen
    assert styles.shape == (64, LAYERS, 4)
    assert torch.allclose(styles[:, 0], w, atol=1e-6)
    assert not styles[:, 0].eq(styles[:, 3]).all(1).any()  # at level 1 there are four layers
    seen.clear()
    g.eval()(z, 1)
    assert seen[0].eq(w[:, None]).all()


def test_a_grid_of_mixtures():
    gan, one, two = built(), torch.randn(3, 4), torch.randn(3, 4)
    g = gan.generator
    assert torch.allclose(gan.mix(one, two, []), gan.sample(z=one), atol=1e-6)
    assert torch.allclose(gan.mix(one, two, range(LAYERS)), gan.sample(z=two), atol=1e-6)
    w = g.for_layers(g.mapping(one)).clone()
    w[:, [0, 5]] = g.mapping(two)[:, None]
    assert torch.allclose(gan.mix(one, two, [0, 5]), gan.sample(w=w), atol=1e-6)
    assert not torch.allclose(gan.mix(one, two, [0, 5]), gan.sample(z=one), atol=1e-2)
    assert torch.allclose(gan.mix(one, two, [1], psi=0.0), gan.sample(z=one, psi=0.0), atol=1e-6)
    for layers in ([6], [-1], [0.5]):
        with pytest.raises(GanlibError, match="layer must be a whole number from 0 to 5"):
            gan.mix(one, two, layers)
    with pytest.raises(GanlibError, match="3 and 2 latents were given"):
        gan.mix(one, two[:2], [0])


# -- truncation --------------------------------------------------------------------------------------------------------
def test_truncation():
    gan, z = built(), torch.randn(5, 4)
    g = gan.generator
    w = g.for_layers(g.mapping(z).detach())
    assert g.truncated(w, 1.0).equal(w) and g.truncated(w, 0.0).eq(g.w_mean).all()
    assert torch.allclose(g.truncated(w, 0.7), g.w_mean + 0.7 * (w - g.w_mean), atol=1e-6)
    psi = [0.0, 0.25, 0.5, 1.0, 1.5, -1.0]
    each = torch.stack([g.truncated(w, p)[:, i] for i, p in enumerate(psi)], 1)
    assert torch.allclose(g.truncated(w, psi), each, atol=1e-6)
    assert torch.allclose(gan.sample(z=z, psi=psi), gan.sample(w=each), atol=1e-6)
    mean = gan.sample(w=g.w_mean.expand(5, -1))
    assert torch.allclose(gan.sample(z=z, psi=0.0), mean, atol=1e-6)
    spread = lambda psi: (gan.sample(z=z, psi=psi) - mean).square().mean()
    assert spread(0.3) < spread(0.7) < spread(1.0)


@pytest.mark.parametrize("psi", [[1.0, 2.0], math.nan, [[1.0] * LAYERS], "half", None, [0.5, "x"]])
def test_another_number_of_psi(psi):
    with pytest.raises(GanlibError, match="expected a number, or one for each of 6 layers"):
        built().sample(2, psi=psi)


def test_the_mean_style_is_tracked_in_the_generators_turn_and_kept(tmp_path):
    gan = built()
    g, before = gan.generator, gan.generator.w_mean.clone()
    gan.sample(5)
    gan.discriminator_loss(Batch(torch.rand(8, *SHAPE)))  # the generator is free: its pass will be kept
    after = before + 0.005 * (g.mapping(gan.step_cache["z"]).mean(0) - before)
    assert torch.allclose(g.w_mean, after, atol=1e-7) and not g.w_mean.equal(before)
    gan.generator_loss(Batch(torch.rand(8, *SHAPE)))  # judges what was kept
    assert torch.allclose(g.w_mean, after, atol=1e-7)
    g.requires_grad_(False)
    gan.discriminator_loss(Batch(torch.rand(8, *SHAPE)))  # frozen: this pass will be made again
    assert torch.allclose(g.w_mean, after, atol=1e-7) and g.track_running_stats
    gan.generator_loss(Batch(torch.rand(8, *SHAPE)))
    assert not torch.allclose(g.w_mean, after, atol=1e-7)
    g.requires_grad_(True)
    t = trainer(gan, ema_half_life=100.0).fit(3)
    assert t.ema.gan.generator.w_mean.equal(g.w_mean) and t.ema.gan.generator.w_mean is not g.w_mean
    t.save(tmp_path / "x.safetensors")
    assert checkpoint.load_gan(tmp_path / "x.safetensors").generator.w_mean.equal(g.w_mean)


def test_the_mean_style_nears_the_mean():
    g = StyleGenerator(SHAPE, **SMALL).train()
    mean = g.mapping(torch.randn(20_000, 4)).mean(0)
    assert not g.w_mean.any()
    with torch.no_grad():
        for _ in range(1500):
            g.synthesis.forward = lambda *args: None  # the styles alone
            g(torch.randn(16, 4))
    assert torch.allclose(g.w_mean, mean, atol=0.1 * mean.abs().max().item())


# -- beside the trainer ------------------------------------------------------------------------------------------------
def test_samples_from_latents_and_from_styles():
    gan, z = built(), torch.randn(3, 4)
    w = gan.generator.mapping(z).detach()
    images = gan.sample(z=z)
    assert images.shape == (3, *SHAPE) and images.abs().max() <= 1 and gan.sample(2).shape == (2, *SHAPE)
    assert torch.allclose(gan.sample(w=w), images, atol=1e-6)
    assert torch.allclose(gan.sample(w=gan.generator.for_layers(w)), images, atol=1e-6)
    assert torch.allclose(gan.generator.eval()(z), images, atol=1e-6)
    for inputs in ({}, {"n": 2, "w": w}, {"z": z, "w": w}, {"n": 2, "z": z}):
        with pytest.raises(GanlibError, match=r"sample\(\) takes"):
            gan.sample(**inputs)
    with pytest.raises(GanlibError, match=r"styles of shape \(3, 2, 4\) were given; expected"):
        gan.sample(w=torch.zeros(3, 2, 4))
    with pytest.raises(GanlibError, match=r"sample\(\) takes one of n, .* and w, their styles"):
        gan.sample()
    with pytest.raises(GanlibError, match="unknown noise ''"):
        gan.sample(2, noise="")
    with pytest.raises(GanlibError, match=r"layers=3 was given; expected several, e.g. range\(4\) or \[3\]"):
        gan.mix(gan.latent(2), gan.latent(2), 3)


def test_path_lengths_in_both_spaces():
    gan = built()
    in_z = path_length(gan, n=20, allow_small=True)
    mapping = gan.generator.mapping
    styles = {"latent": lambda n: mapping(gan.latent(n)), "interpolation": "lerp"}
    in_w = path_length(lambda w: gan.sample(w=w), n=20, allow_small=True, **styles)
    assert in_z.value > 0 and in_w.value > 0
    # Noise that changed from one end of a step to the other would be as long as the paths are wide: 1/ε² of it.
    loud = path_length(lambda w: gan.sample(w=w, noise="fresh"), n=20, allow_small=True, **styles)
    assert loud.value > 1e4 * in_w.value


def test_many_seeds_at_once():
    build = lambda: ganlib.build("stylegan", SHAPE, **SMALL, fade=16, stable=16, start=4)
    many = ganlib.Seeds(build, Noise(), 8, [0, 1], device="cpu", progress=False, log_every=1).fit(3)
    assert many.history["generator"].isfinite().all() and many.history["side"][:, 0].tolist() == [4, 4, 8]
    # Up to the generator's first turn, in which it draws noise and second latents once more, as a run alone.
    ganlib.seed(1)
    alone = ganlib.Trainer(build(), Noise(), 8, device="cpu", progress=False, log_every=1).fit(1)
    assert many.history["discriminator"][0, 1].item() == pytest.approx(alone.history["discriminator"][0], rel=1e-4)


class One(torch.nn.Module):
    """w = 1, whatever comes."""

    def forward(self, x):
        return 0 * x + 1


def test_the_mean_style_moves_once_for_each_part_of_a_batch():
    for parts in (1, 2):
        gan = built()
        gan.generator.mapping = torch.nn.Sequential(gan.generator.mapping, One())
        before = gan.generator.w_mean.clone()
        ganlib.Trainer(gan, Noise(), 8, device="cpu", progress=False, accumulate=parts).fit(1)
        moved = 1 - 0.995**parts
        assert torch.allclose(gan.generator.w_mean, before + moved * (1 - before), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mixing": 1.5}, "mixing=1.5 was given; expected a share from 0 to 1"),
        ({"mapping_lr": 0.0}, "a rate of 0.0 was given for the mapping; expected a number above 0"),
        ({"latent_dim": 0}, "latent_dim must be a whole number 1 or more"),
        ({"depth": -1}, "depth must be a whole number 0 or more"),
        ({"loss": "wgan"}, "unknown loss 'wgan'"),
    ],
)
def test_bad_input(options, words):
    with pytest.raises(GanlibError, match=words):
        built(**options)


def test_the_settings_of_the_paper():
    gan = ganlib.build("stylegan", SHAPE)
    assert gan.grown(0) == (1, 1.0) and gan.loss.name == "non_saturating" and gan.penalty_weight == 10
    assert gan.generator.mixing == 0.9 and len(gan.generator.mapping) == 17 and gan.discriminator.blurred
    assert gan.generator.synthesis.constant.eq(1).all()
    assert not built(blurred=False).discriminator.blurred
    wasserstein = ganlib.build("stylegan", SHAPE, loss="wgan-gp", **SMALL)
    assert set(wasserstein.discriminator_loss(Batch(torch.rand(4, *SHAPE)))[0]) == {"discriminator", "penalty", "drift"}
