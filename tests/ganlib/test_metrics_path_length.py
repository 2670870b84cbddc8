"""Path length against closed forms of linear generators, and the reference's rules."""

import math

import numpy
import pytest
import torch
from torch import nn

import ganlib
from ganlib import zoo
from ganlib.errors import GanlibError
from ganlib.gans.base import LatentGAN
from ganlib.metrics import features
from ganlib.metrics.path_length import _distance, lerp, path_length, slerp

A = torch.randn(6, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
linear = lambda z: z.double() @ A.T
normal = lambda n: torch.randn(n, 4, dtype=torch.float64)
on_sphere = lambda n: torch.nn.functional.normalize(normal(n), dim=1)


def test_straight_paths_of_a_linear_generator():
    """g(z) = Az: the speed is A(z₂ - z₁) whatever t and ε, and its mean square 2 |A|²."""
    for epsilon in (1e-4, 0.1):
        found = path_length(linear, n=20_000, latent=normal, interpolation="lerp", epsilon=epsilon, trim=0)
        assert found.value == pytest.approx(2 * A.square().sum().item(), rel=0.05)
        assert found.value == pytest.approx(2 * A.square().sum().item(), abs=5 * found.error)
        assert found.details["untrimmed"] == pytest.approx(found.value) and found.n_fake == 20_000


def test_great_circles_of_the_identity():
    """On the unit sphere of R^4 the speed is the angle, whose mean square is ∫θ² sin²θ / ∫sin²θ = π²/3 - 1/2."""
    found = path_length(lambda z: z, n=20_000, latent=on_sphere, trim=0)
    assert found.value == pytest.approx(math.pi**2 / 3 - 0.5, rel=0.02)
    chord = path_length(lambda z: z, n=20_000, latent=on_sphere, trim=0, interpolation="lerp")
    assert chord.value == pytest.approx(2, rel=0.02)
    for s in (2.0, 5.0):  # the length scales with the generator's square
        assert path_length(lambda z, s=s: s * z, n=500, latent=on_sphere).value == pytest.approx(
            s**2 * path_length(lambda z: z, n=500, latent=on_sphere).value, rel=1e-6
        )


def test_a_network_is_not_shown_bytes():
    bytes_ = lambda z: 127.5 * (z[:, :1, None, None].tanh().expand(-1, 1, 28, 28) + 1)
    with pytest.raises(GanlibError, match=r"the generator made images from .* to .*; expected floats in \[-1, 1\]"):
        path_length(bytes_, "digits", latent=lambda n: torch.randn(n, 2), n=100)


def test_slerp():
    g = torch.Generator().manual_seed(0)
    one, two = (3 * torch.randn(50, 8, generator=g, dtype=torch.float64) for _ in range(2))
    t = torch.rand(50, 1, generator=g, dtype=torch.float64)
    assert torch.allclose(slerp(one, two, torch.zeros(50, 1).double()), one)
    assert torch.allclose(slerp(one, two, torch.ones(50, 1).double()), two)
    unit = [x / x.norm(dim=1, keepdim=True) for x in (one, two)]
    middle = slerp(*unit, t)
    assert torch.allclose(middle.norm(dim=1), torch.ones(50).double())
    angle = (unit[0] * unit[1]).sum(1).acos()
    assert torch.allclose((unit[0] * middle).sum(1).acos(), t[:, 0] * angle)
    # Gaussian latents keep their usual length on the way, which a straight path does not.
    latents = torch.randn(2, 500, 100, generator=g)
    half = torch.full((500, 1), 0.5)
    assert slerp(*latents, half).norm(dim=1).mean() == pytest.approx(10, abs=0.2)
    assert lerp(*latents, half).norm(dim=1).mean() == pytest.approx(10 / math.sqrt(2), abs=0.2)
    same = slerp(one, one, t)  # and where there is no circle
    assert torch.allclose(same, one) and slerp(one, -one, t).isfinite().all()


def test_outliers_are_left_out_as_in_the_reference():
    found, torch_found = [], path_length(linear, n=1000, latent=normal, interpolation="lerp", seed=4)
    with torch.random.fork_rng():
        torch.manual_seed(4)
        for _ in range(10):
            one, two = normal(100), normal(100)
            torch.rand(100, 1)
            found.append((linear(two) - linear(one)).square().sum(1))
    found = torch.cat(found).numpy()
    low, high = numpy.percentile(found, 1, method="lower"), numpy.percentile(found, 99, method="higher")
    kept = found[(low <= found) & (found <= high)]
    assert torch_found.value == pytest.approx(kept.mean(), rel=1e-6) and len(kept) < 1000
    assert torch_found.details["untrimmed"] == pytest.approx(found.mean(), rel=1e-6)
    assert torch_found.value < torch_found.details["untrimmed"]


def test_ends_and_curved_generators():
    """g(z) = (z², 0) on the path from z₁: at its end the speed is 2 z₁ (z₂ - z₁)."""
    square = lambda z: z.double() ** 2
    point = lambda n: torch.randn(n, 1, dtype=torch.float64)
    found = path_length(square, n=40_000, latent=point, interpolation="lerp", ends=True, trim=0)
    assert found.value == pytest.approx(4 * (3 + 1), rel=0.1)  # 4 (E z⁴ + E z² E z²)
    inside = path_length(square, n=40_000, latent=point, interpolation="lerp", trim=0)
    assert inside.value < 0.8 * found.value


def test_layers_as_in_lpips():
    g = torch.Generator().manual_seed(0)
    layers = [torch.randn(4, 3, 5, 5, generator=g), torch.randn(4, 8, 2, 2, generator=g)]
    expected = torch.zeros(2, dtype=torch.float64)
    for layer in layers:
        for i in range(2):
            for y in range(layer.shape[2]):
                for x in range(layer.shape[3]):
                    a, b = layer[i, :, y, x].double(), layer[i + 2, :, y, x].double()
                    expected[i] += (a / a.norm() - b / b.norm()).square().sum() / layer[0, 0].numel()
    assert torch.allclose(_distance(layers), expected)
    assert torch.allclose(_distance([7 * layer for layer in layers]), expected)  # only directions count
    assert torch.equal(_distance([torch.zeros(2, 3, 4, 4)]), torch.zeros(1).double())
    assert torch.allclose(_distance(layers[0]), (layers[0][:2] - layers[0][2:]).double().square().flatten(1).sum(1))


def game(seed=0):
    torch.manual_seed(seed)

    class Smooth(LatentGAN):
        name = "smooth"
        players = phases = lambda self: {}

    return Smooth(nn.Sequential(nn.Linear(4, 64), nn.BatchNorm1d(64), nn.Tanh(), nn.Linear(64, 12), nn.Tanh()), 4)


def test_of_a_game():
    net = game()
    state = torch.get_rng_state()
    found = path_length(net, n=200)
    assert torch.equal(torch.get_rng_state(), state) and net.training  # nothing of it is left behind
    assert found == path_length(net, n=200) and found.value != path_length(net, n=200, seed=1).value
    assert 0 < found.error < found.value and found.extractor == "pixels"
    # The same generator, differentiated in float64: steps of 1e-4 in float32 lose little.
    exact = game().double()
    exact.latent = lambda n: torch.randn(n, 4).double()
    assert found.value == pytest.approx(path_length(exact, n=200).value, rel=1e-3)
    built = ganlib.build("gan", (1, 8, 8), latent_dim=5)
    named = path_length(built, lambda images: [images], n=100)
    assert named.extractor == "given" and named.value >= 0


def test_features_of_the_zoo_are_not_rounded():
    gan = ganlib.build("gan", (1, 28, 28), model="mlp-small", latent_dim=5)
    net = zoo.load("digits")
    found = path_length(gan, "digits", n=100)
    assert found.extractor == "digits" and found.value == path_length(gan, net, n=100).value
    rounded = path_length(gan, lambda images: features.extract(images, "digits").values, n=100)
    assert not 0.5 * found.value < rounded.value < 2 * found.value  # what a rounded picture gives is something else
    with pytest.raises(GanlibError, match="extract.*'digits'.* were given, which are of bytes"):
        path_length(gan, lambda images: features.extract(images, "digits"), n=100)
    with pytest.raises(GanlibError, match=r"digits was given images \(200, 6\); expected 28×28"):
        path_length(linear, "digits", latent=normal)
    with pytest.raises(GanlibError, match="unknown features 'digit'"):
        path_length(gan, "digit")


def test_the_precision_of_products_is_full_inside_and_as_before_afterwards():
    torch.set_float32_matmul_precision("high")
    try:
        seen = []
        path_length(lambda z: seen.append(torch.backends.cudnn.allow_tf32) or z, n=100, latent=normal)
        assert seen == [False] and torch.get_float32_matmul_precision() == "high" and torch.backends.cudnn.allow_tf32
    finally:
        torch.set_float32_matmul_precision("highest")


def test_a_generator_that_jumps_is_longer_than_one_that_glides():
    glide, jump = (path_length(lambda z, k=k: (k * z).tanh(), n=2000, latent=normal, trim=0).value for k in (1, 20))
    assert jump > 3 * glide
    constant = path_length(lambda z: torch.ones(len(z), 3), n=100, latent=normal)  # collapsed: 0, which is no merit
    assert constant.value == 0 == constant.error


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: path_length(linear, n=99, latent=normal), "was given 99 samples; expected at least 100"),
        (lambda: path_length(linear), "expected latent=, a function"),
        (lambda: path_length(linear, latent=normal, interpolation="cubic"), "unknown interpolation 'cubic'"),
        (lambda: path_length(linear, latent=normal, epsilon=0), "epsilon=0, trim=0.01 was given; expected n ≥ 1"),
        (lambda: path_length(linear, latent=normal, trim=0.5), "trim=0.5 was given"),
        (lambda: path_length(linear, n=0, latent=normal), "n=0, epsilon"),
        (lambda: path_length(lambda z: z / 0, latent=normal), "of 1000 path lengths are not finite"),
        (lambda: path_length(linear, lambda x: [x], latent=normal), r"a layer of features has shape \(200, 6\)"),
    ],
)
def test_bad_input_is_one_sentence(call, sentence):
    with pytest.raises(GanlibError, match=sentence):
        call()


def test_one_pair_if_it_is_allowed():
    found = path_length(linear, n=1, latent=normal, allow_small=True)
    assert found.value > 0 and found.error is None
