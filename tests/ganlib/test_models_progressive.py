"""Networks that grow: shapes, fading that is continuous at both ends, what is born, and samples on the way."""

import pytest
import torch

from ganlib.errors import GanlibError
from ganlib.models.equalised import down, up
from ganlib.models.progressive import (
    ProgressiveDiscriminator,
    ProgressiveGenerator,
    fade,
    faded,
    last_level,
    widths,
)
from ganlib.models.stylegan import StyleGenerator

SHAPE = (3, 32, 32)
LAST = 3
ZERO, HALF, ONE = torch.tensor(0.0), torch.tensor(0.5), torch.tensor(1.0)
GENERATORS = [ProgressiveGenerator, StyleGenerator]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def generator(kind=ProgressiveGenerator):
    made = kind(SHAPE, latent_dim=6, width=4, widest=8).eval()
    for name, parameter in made.named_parameters():
        if name.endswith(("bias", "strength")):
            parameter.data.normal_()  # as after some training
    return made


def discriminator(**options):
    return ProgressiveDiscriminator(SHAPE, width=4, widest=8, **options)


def z(n=4):
    return torch.randn(n, 6)


# -- shapes ------------------------------------------------------------------------------------------------------------
def test_widths_are_those_of_the_paper():
    assert widths((3, 1024, 1024), 16, 512) == [512, 512, 512, 512, 256, 128, 64, 32, 16]
    assert widths((1, 8, 8), 3, 99) == [6, 3]


@pytest.mark.parametrize("kind", GENERATORS)
@pytest.mark.parametrize("level", range(LAST + 1))
def test_shapes_at_every_level(kind, level):
    images = generator(kind)(z(), level)
    assert images.shape == (4, 3, 4 * 2**level, 4 * 2**level)
    for blurred in (False, True):
        assert discriminator(blurred=blurred)(images, level).shape == (4,)
    if level:
        assert generator(kind)(z(), level, HALF).shape == images.shape


@pytest.mark.parametrize("shape", [(3, 4, 4), (3, 24, 24), (3, 16, 32), (2,), (1, 2048, 2048)])
def test_sizes_that_do_not_grow_from_four(shape):
    with pytest.raises(GanlibError, match=r"networks that grow need \(channels, size, size\) with a size of 8, 16"):
        last_level(shape)


def test_images_of_another_level_are_refused():
    with pytest.raises(
        GanlibError, match=r"\(3, 16, 16\) were given; the discriminator expects \(3, 8, 8\) at level 1"
    ):
        discriminator()(torch.zeros(2, 3, 16, 16), 1)


# -- fading ------------------------------------------------------------------------------------------------------------
def test_a_fade_is_exact_at_both_ends():
    old, new = torch.randn(100), torch.randn(100) * 1e4
    assert fade(old, new, ZERO).equal(old) and fade(old, new, ONE).equal(new)
    assert torch.allclose(fade(old, new, HALF), (old + new) / 2)


@pytest.mark.parametrize("kind", GENERATORS)
@pytest.mark.parametrize("level", range(1, LAST + 1))
def test_the_generator_goes_on_where_it_was(kind, level):
    g, latents = generator(kind), z()
    before, after = up(g(latents, level - 1)), g(latents, level)
    assert g(latents, level, ZERO).equal(before) and g(latents, level, ONE).equal(after)
    assert torch.allclose(g(latents, level, HALF), (before + after) / 2, atol=1e-5)
    assert (before - after).abs().max() > 0.1  # there is something to fade


@pytest.mark.parametrize("blurred", [False, True])
@pytest.mark.parametrize("level", range(1, LAST + 1))
def test_the_discriminator_goes_on_where_it_was(level, blurred):
    d, x = discriminator(blurred=blurred), torch.randn(4, 3, 4 * 2**level, 4 * 2**level)
    before, after = d(down(x), level - 1), d(x, level)
    assert d(x, level, ZERO).equal(before) and d(x, level, ONE).equal(after)
    assert not torch.allclose(before, after, atol=1e-3)


@pytest.mark.parametrize("level", range(1, LAST + 1))
def test_real_images_go_on_where_they_were(level):
    x = torch.rand(4, *SHAPE) * 2 - 1
    before, after = up(faded(x, level - 1)), faded(x, level)
    assert torch.allclose(faded(x, level, ZERO), before, atol=1e-6) and faded(x, level, ONE).equal(after)
    assert torch.allclose(faded(x, level, HALF), (before + after) / 2, atol=1e-6)
    assert (before - after).abs().max() > 0.1
    for _ in range(LAST - level):
        x = down(x)
    assert torch.allclose(after, x, atol=1e-6)


@pytest.mark.parametrize("kind", GENERATORS)
def test_the_game_as_a_whole_goes_on_where_it_was(kind):
    """down(up(x)) = x: at α = 0 the discriminator sees of generated and of real images what it saw before."""
    g, d, latents = generator(kind), discriminator(), z()
    for level in range(1, LAST + 1):
        scores = d(g(latents, level, ZERO), level, ZERO)
        assert torch.allclose(scores, d(g(latents, level - 1), level - 1), atol=1e-6)


# -- what is born ------------------------------------------------------------------------------------------------------
def trained(network):
    return {name for name, p in network.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("alpha", [None, HALF])
def test_only_what_is_born_gets_a_gradient(alpha):
    g, d = generator(), discriminator()
    d(g(z(), 1, alpha), 1, alpha).sum().backward()
    assert {name for name in trained(g) if name.startswith("blocks")} == {
        name for name, _ in g.named_parameters() if name.startswith("blocks.0.")
    }
    assert {name for name in trained(d) if name.startswith("blocks")} == {
        name for name, _ in d.named_parameters() if name.startswith("blocks.0.")
    }
    levels = {"0", "1"} if alpha is not None else {"1"}  # the old way to images is not computed where nothing fades
    assert {name.split(".")[2] for name in trained(g) if name.startswith("to_images")} == levels
    assert {name.split(".")[1] for name in trained(d) if name.startswith("from_images")} == levels


def test_what_is_born_of_a_style_generator():
    g = generator(StyleGenerator).train()
    g(z(), 1).sum().backward()
    layers = {name.split(".")[2] for name in trained(g) if name.startswith("synthesis.layers")}
    assert layers == {"0", "1", "2", "3"} and any(name.startswith("mapping") for name in trained(g))


# -- samples -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", GENERATORS)
@pytest.mark.parametrize(("level", "alpha"), [(0, 1.0), (1, 0.25), (2, 1.0), (3, 0.0), (3, 0.75), (3, 1.0)])
def test_samples_are_as_far_as_the_network_has_grown_at_full_size(kind, level, alpha):
    g, latents = generator(kind), z()
    g.to_images.grow(level, alpha)
    images = g(latents, level, torch.tensor(alpha) if alpha < 1 else None)
    assert images.abs().max() > 1  # in training nothing is cut off
    assert torch.allclose(g(latents), up(images, 2 ** (LAST - level)).clamp(-1, 1), atol=1e-6)


def test_it_begins_as_a_whole():
    g, latents = generator(), z()
    assert g(latents).equal(g(latents, LAST).clamp(-1, 1))
    d, x = discriminator(), torch.randn(4, *SHAPE)
    assert d(x).equal(d(x, LAST))


def test_latents_are_normalised():
    g, latents = generator(), z()
    assert torch.allclose(g(latents, 2), g(5 * latents, 2), atol=1e-4)


def test_the_discriminator_sees_how_much_a_group_differs():
    d, x = discriminator(group=2), torch.randn(4, *SHAPE)
    other = x.clone()
    other[1] += torch.randn(SHAPE)
    changed = d(other) != d(x)
    assert changed.tolist() == [True, True, False, False]
