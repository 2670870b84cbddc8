"""Projection: what was planted is found, the noise stays white, the numbers are those of the paper."""

import math

import pytest
import torch

import ganlib
from ganlib.errors import GanlibError
from ganlib.projection import _falling, _standardised, distances, project, structure

SHAPE = (3, 8, 8)


def game(name="stylegan2", **options):
    torch.manual_seed(0)
    options = {"width": 8, "widest": 8, "depth": 1, "latent_dim": 4} | options
    if name == "stylegan":
        options["grow"] = False
    gan = ganlib.build(name, SHAPE, **options | ({"w_dim": 4} if name == "stylegan2" else {}))
    for parameter in gan.generator.synthesis.to_images.parameters():
        parameter.data.mul_(0.2)  # images that are not cut off
    return gan


def test_a_planted_style_is_found():
    """Its image too; a style that another latent has is far away."""
    gan = game()
    w = gan.generator.mapping(torch.randn(2, 4)).detach()
    images = gan.sample(w=w)
    assert images.abs().max() < 1
    found = project(gan, images, steps=150)
    start = project(gan, images, steps=1, lr=1e-6)
    assert found.w.shape == (2, 4) and found.curve.shape == (150, 2) and found.images.shape == images.shape
    assert (found.distance < 1e-3 * start.distance).all()
    mean = gan.generator.mapping(gan.latent(10_000)).mean(0)
    assert ((found.w - w).norm(dim=1) < 0.1 * (mean - w).norm(dim=1)).all()
    assert torch.allclose(gan.sample(w=found.w, noise=found.noise), found.images, atol=1e-5)
    assert (found.curve[-1] < 1e-2 * found.curve[0]).all()
    one, other = (project(gan, images, steps=2).w for _ in range(2))
    assert torch.equal(one, other) and not found.curve.requires_grad


def test_images_do_not_influence_each_other_and_the_game_stays_as_it_is():
    gan = game()
    before = {name: x.clone() for name, x in gan.state_dict().items()}
    images = gan.sample(2)
    torch.manual_seed(5)
    drawn = torch.rand(1)
    torch.manual_seed(5)
    both = project(gan, images, steps=5, shake=0.0, noise=False)
    assert torch.equal(torch.rand(1), drawn)  # nobody's random numbers change
    one = project(gan, images[1:], steps=5, shake=0.0, noise=False)
    assert torch.allclose(both.w[1], one.w[0], atol=1e-5) and both.noise == "fixed"
    assert all(x.equal(before[name]) for name, x in gan.state_dict().items())
    assert all(p.requires_grad and p.grad is None for p in gan.parameters()) and gan.generator.training


def test_noise_is_looked_for_and_kept_white():
    gan = game()
    for layer in gan.generator.synthesis.layers:
        layer.noise.strength.data.fill_(0.3)
    images = gan.sample(2, noise="fresh")
    found, without = project(gan, images, steps=60), project(gan, images, steps=60, noise=False)
    assert [tuple(image.shape) for image in found.noise] == [(2, 1, side, side) for side in (4, 8, 8)]
    for image in found.noise:
        assert image.mean((1, 2, 3)).abs().max() < 1e-5
        assert torch.allclose(image.square().mean((1, 2, 3)), torch.ones(2), atol=1e-4)
    loose = project(gan, images, steps=60, noise_weight=0.0)  # noise may hold the picture itself
    assert (loose.distance < without.distance).all() and (loose.distance < found.distance).all()
    assert sum(map(structure, found.noise)).sum() < 0.5 * sum(map(structure, loose.noise)).sum()


@pytest.mark.parametrize("name", ["stylegan", "stylegan2"])
def test_a_style_for_each_layer_comes_nearer(name):
    gan, options = game(name), {"steps": 80, "noise": False}
    images = gan.mix(torch.randn(2, 4), torch.randn(2, 4), [0, 3])  # none of its own
    one, each = (project(gan, images, each_layer=each, **options) for each in (False, True))
    assert one.w.shape == (2, 4) and each.w.shape == (2, 4, 4)
    assert (each.distance < one.distance).all()


def test_structure():
    """0 for white noise but for chance: of r² independent products the squared mean is 1/r² on average."""
    white = torch.randn(2000, 1, 16, 16)
    assert structure(white).mean().item() == pytest.approx(2 / 256 + 2 / 64, rel=0.1)  # 16×16 and 8×8, two directions
    assert structure(white[:, :, :8, :8]).mean().item() == pytest.approx(2 / 64, rel=0.1)
    stripes = torch.tensor([1.0, -1.0]).repeat(4).expand(1, 1, 8, 8)
    assert structure(stripes).item() == pytest.approx(2)  # a neighbour is the opposite, or the same
    blocks = _standardised(torch.randn(500, 1, 8, 8).repeat_interleave(2, 2).repeat_interleave(2, 3))
    assert structure(blocks).mean() > 10 * structure(white).mean()
    flat = _standardised(torch.arange(64.0).view(1, 1, 8, 8).expand(2, -1, -1, -1) * 3 + 7)
    assert torch.allclose(flat.mean((1, 2, 3)), torch.zeros(2), atol=1e-6)
    assert torch.allclose(flat.square().mean((1, 2, 3)), torch.ones(2))


def test_the_rate_falls_along_a_cosine():
    assert [_falling(left) for left in (1.0, 0.5, 0.0)] == pytest.approx([1, 0.5, 0])
    assert math.isclose(_falling(0.25), 0.5 - 0.5 * math.cos(math.pi / 4))


def test_distances():
    a, b = torch.rand(2, 3, 32, 32) * 2 - 1, torch.rand(2, 3, 32, 32) * 2 - 1
    pixels = (a - b).square().mean((1, 2, 3))
    assert torch.allclose(distances("pixels")(a, b), pixels)
    net = ganlib.zoo.load("avatars")
    features = (net(a) - net(b)).square().mean(1)
    assert torch.allclose(distances("avatars")(a, b), (features + pixels) / 2, rtol=1e-4)
    twice = [x.repeat_interleave(2, 2).repeat_interleave(2, 3) for x in (a, b)]
    assert torch.allclose(distances("avatars")(*twice), distances("avatars")(a, b), rtol=0.2)  # images of any size
    own = lambda a, b: (a - b).abs().mean((1, 2, 3))
    assert distances(own) is own
    with pytest.raises(GanlibError, match="unknown distance 'lpips'; known: avatars, digits, pixels"):
        distances("lpips")


@pytest.mark.parametrize(
    ("name", "images", "options", "words"),
    [
        ("stylegan2", torch.zeros(2, 3, 4, 4), {}, r"images \(2, 3, 4, 4\) were given; expected floats \(N, \*\(3, 8"),
        ("stylegan2", torch.zeros(2, *SHAPE).byte(), {}, "expected floats"),
        ("stylegan2", torch.full((2, *SHAPE), 3.0), {}, "the images to project are floats from 3 to 3"),
        ("stylegan2", torch.zeros(1, *SHAPE), {"steps": 0}, "steps must be a whole number 1 or more"),
        ("stylegan2", torch.zeros(1, *SHAPE), {"shake": -1.0}, "shake=-1.0 was given"),
        ("stylegan", torch.zeros(1, *SHAPE), {}, "'stylegan' takes no noise from outside; expected noise=False"),
        ("progan", torch.zeros(1, *SHAPE), {}, "the game 'progan' has no styles; expected stylegan or stylegan2"),
    ],
)
def test_bad_input(name, images, options, words):
    gan = ganlib.build(name, SHAPE, latent_dim=4, width=4, widest=4) if name == "progan" else game(name)
    with pytest.raises(GanlibError, match=words):
        project(gan, images, **options)
