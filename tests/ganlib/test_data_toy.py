"""Toy distributions: where their modes are, and that samples and densities are the same law."""

import math

import pytest
import torch
from scipy import integrate, stats

from ganlib import data
from ganlib.data.toy import GaussianMixture, Grid, Mixture1D, Ring, SwissRoll, TwoMoons
from ganlib.errors import GanlibError

LAWS = {
    "ring": lambda: Ring(),
    "grid": lambda: Grid(),
    "mixture-1d": lambda: Mixture1D(),
    "uneven": lambda: GaussianMixture([[0.0, 0, 0], [3, 1, -2]], [0.5, 0.2], [1, 3]),
}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_ring_has_eight_distinct_modes_on_the_unit_circle():
    ring = data.load("ring")
    expected = [[math.cos(2 * math.pi * i / 8), math.sin(2 * math.pi * i / 8)] for i in range(8)]
    torch.testing.assert_close(ring.modes, torch.tensor(expected))
    # A circle divided with both endpoints repeats the first mode: the nearest neighbour would be at distance 0.
    torch.testing.assert_close(nearest(ring.modes), torch.full((8,), 2 * math.sin(math.pi / 8)))
    assert ring.shape == (2,) and ring.std.tolist() == pytest.approx([0.01] * 8)
    assert data.load("ring", modes=5, radius=2.0).modes.norm(dim=1).tolist() == pytest.approx([2.0] * 5)


def nearest(points):
    return (torch.cdist(points, points) + 1e9 * torch.eye(len(points))).amin(1)


def test_grid_is_pacgans():
    grid = data.load("grid")
    ticks = [-4.0, -2.0, 0.0, 2.0, 4.0]
    assert sorted(map(tuple, grid.modes.tolist())) == [(x, y) for x in ticks for y in ticks]
    assert grid.std.tolist() == pytest.approx([0.05] * 25)


@pytest.mark.parametrize(
    "protocol, radius, std",
    [("pacgan", 1.0, 0.01), ("unrolled", 2.0, 0.02), ("wgan-gp", 1.4144271570, 0.0141442716)],
)
def test_ring_protocols(protocol, radius, std):
    ring = data.load("ring", protocol=protocol)
    s = radius * math.sqrt(0.5)
    expected = [(radius, 0), (s, s), (0, radius), (-s, s), (-radius, 0), (-s, -s), (0, -radius), (s, -s)]
    torch.testing.assert_close(ring.modes, torch.tensor(expected))
    assert ring.std.tolist() == pytest.approx([std] * 8)


@pytest.mark.parametrize("protocol, ticks, std", [("pacgan", 2.0, 0.05), ("wgan-gp", 0.7072135785, 0.0176803395)])
def test_grid_protocols(protocol, ticks, std):
    grid = data.load("grid", protocol=protocol)
    expected = [(x * ticks, y * ticks) for x in range(-2, 3) for y in range(-2, 3)]
    torch.testing.assert_close(grid.modes, torch.tensor(expected))
    assert grid.std.tolist() == pytest.approx([std] * 25)


@pytest.mark.parametrize("name", ["ring", "grid"])
def test_wgan_gps_numbers_are_divided_so_that_the_variance_is_one(name):
    law = data.load(name, protocol="wgan-gp")
    variance = (law.modes.square() + law.std.square().unsqueeze(1)).mean(0)  # the means are 0
    torch.testing.assert_close(variance, torch.ones(2), rtol=0, atol=2e-3)


def test_a_number_given_goes_before_the_protocols():
    ring = Ring(radius=3.0, protocol="wgan-gp")
    assert ring.modes.norm(dim=1).tolist() == pytest.approx([3.0] * 8)
    assert ring.std.tolist() == pytest.approx([0.02 / 1.414] * 8)
    assert Grid(std=0.1, protocol="wgan-gp").modes.max() == pytest.approx(4 / 2.828)


@pytest.mark.parametrize("name", LAWS)
def test_samples_follow_weights_means_and_std(name):
    law = LAWS[name]()
    n = 40_000
    torch.manual_seed(1)
    batch = law.batch(n)
    for k, (mean, std, weight) in enumerate(zip(law.modes, law.std, law.weights, strict=True)):
        points = batch.images[batch.labels == k]
        count, p = len(points), weight.item()
        assert abs(count - n * p) < 5 * math.sqrt(n * p * (1 - p))
        assert ((points.mean(0) - mean).abs() < 5 * std / math.sqrt(count)).all()
        assert (points.std(0) / std - 1).abs().max() < 5 / math.sqrt(2 * count)
        kept = ((points - mean).norm(dim=1) < 3 * std).float().mean().item()
        perfect = stats.chi2.cdf(9, df=law.shape[0])  # 98.89 % in the plane
        assert kept == pytest.approx(perfect, abs=5 * math.sqrt(perfect * (1 - perfect) / count))


@pytest.mark.parametrize("name", LAWS)
def test_log_prob_is_scipys(name):
    law = LAWS[name]()
    x = torch.cat([law.sample(50, generator()), 2 * torch.randn(50, *law.shape, generator=generator(1))])
    modes = zip(law.modes.double().numpy(), law.std.tolist(), law.weights.tolist(), strict=True)
    dense = sum(w * stats.multivariate_normal(m, s**2).pdf(x.double().numpy()) for m, s, w in modes)
    visible = torch.from_numpy(dense) > 1e-250  # where scipy's density has not underflowed
    ours = law.log_prob(x.double())[visible]
    torch.testing.assert_close(ours, torch.from_numpy(dense)[visible].log(), rtol=1e-6, atol=1e-6)
    assert law.log_prob(x).isfinite().all(), "in logarithms nothing underflows"


def test_log_prob_integrates_to_one():
    law = Mixture1D((-1.0, 0.5, 4.0), (0.3, 1.0, 0.2), (1, 2, 5))
    density = lambda x: law.log_prob(torch.tensor([x], dtype=torch.float64)).exp().item()
    assert integrate.quad(density, -12, 12, points=[-1, 0.5, 4])[0] == pytest.approx(1, abs=1e-6)
    assert law.weights.tolist() == pytest.approx([1 / 8, 2 / 8, 5 / 8])


def test_log_prob_takes_any_leading_shape_and_gradients():
    ring = Ring(std=0.3)
    x = torch.randn(4, 5, 2, generator=generator(), requires_grad=True)
    score = torch.autograd.grad(ring.log_prob(x).sum(), x)[0]
    assert ring.log_prob(x).shape == (4, 5) and score.shape == x.shape
    step = 1e-3 * score / score.norm(dim=-1, keepdim=True)
    rise = ring.log_prob((x + step).double()) - ring.log_prob((x - step).double())
    torch.testing.assert_close(rise.float() / 2e-3, score.norm(dim=-1), rtol=2e-2, atol=2e-2)


def test_swiss_roll_lies_on_its_spiral():
    points = SwissRoll(noise=1e-4).sample(4000, generator()) * 7.5
    t = points.norm(dim=1)  # the radius is the angle
    torch.testing.assert_close(points, torch.stack([t * t.cos(), t * t.sin()], 1), rtol=0, atol=5e-3)
    turns = (t / math.pi - 1.5) / 3
    assert stats.kstest(turns.numpy(), "uniform").pvalue > 1e-3
    blurred = SwissRoll().sample(4000, generator())
    assert blurred.abs().max() < 2.2 and (blurred * 7.5 - points).std() == pytest.approx(0.25, rel=0.1)


def test_two_moons_lie_on_their_half_circles():
    torch.manual_seed(0)
    batch = TwoMoons(noise=1e-4).batch(4000)
    upper, lower = (batch.images[batch.labels == k] + torch.tensor([0.5, 0.25]) for k in (0, 1))
    assert (upper.norm(dim=1) - 1).abs().max() < 1e-3 and upper[:, 1].min() > -1e-3
    assert ((lower - torch.tensor([1.0, 0.5])).norm(dim=1) - 1).abs().max() < 1e-3 and lower[:, 1].max() < 0.501
    assert abs(len(upper) - 2000) < 5 * math.sqrt(1000)
    assert batch.images.mean(0).abs().max() < 5 * batch.images.std() / math.sqrt(4000)


@pytest.mark.parametrize("name", ["ring", "grid", "mixture-1d", "swiss-roll", "two-moons"])
def test_every_toy_feeds_a_trainer(name):
    law = data.load(name)
    batch = law.batch(7)
    assert batch.images.shape == (7, *law.shape) and batch.images.dtype == torch.float32 and len(batch) == 7
    assert torch.equal(law.sample(9, generator(4)), law.sample(9, generator(4)))
    assert not torch.equal(law.sample(9), law.sample(9))
    moved = law.to("meta")
    assert moved.device.type == "meta" and law.device.type == "cpu" and moved.shape == law.shape
    assert moved.modes is None or moved.modes.device.type == "meta"


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: SwissRoll().log_prob(torch.zeros(1, 2)), "the density of swiss-roll has no closed form"),
        (lambda: TwoMoons().log_prob(torch.zeros(1, 2)), "the density of two-moons has no closed form"),
        (lambda: Ring().log_prob(torch.zeros(4, 3)), "ring has points of 2 numbers (..., 2), not (4, 3)"),
        (lambda: Ring(modes=0), "modes of the ring must be a whole number 1 or more, not 0"),
        (lambda: Ring(radius=-1.0), "radius of the ring must be a number above 0, not -1.0"),
        (lambda: Ring(std=0), "std of ring must be a number above 0, not 0"),
        (lambda: Grid(side=1.5), "side of the grid must be a whole number 1 or more, not 1.5"),
        (lambda: Grid(spacing=math.nan), "spacing of the grid must be a number above 0, not nan"),
        (
            lambda: Ring(protocol="wgan"),
            "unknown protocol of the ring 'wgan' (did you mean 'wgan-gp'?); known: pacgan, un",
        ),
        (lambda: Grid(protocol="unrolled"), "unknown protocol of the grid 'unrolled'; known: pacgan, wgan-gp"),
        (lambda: Grid(protocol=None), "unknown protocol of the grid None; known: pacgan, wgan-gp"),
        (lambda: SwissRoll(noise="low"), "noise of the swiss roll must be a number above 0, not 'low'"),
        (lambda: TwoMoons(noise=-1), "noise of the two moons must be a number above 0, not -1"),
        (lambda: Mixture1D(std=(1.0, 2.0, 3.0)), "std of mixture-1d must be 2 numbers, one a mode"),
        (lambda: Mixture1D(weights=(1.0, 0.0)), "weights of mixture-1d must be a number above 0, not 0.0"),
        (lambda: Mixture1D(means=2.0), "means of mixture-1d must be a list of numbers, not 2.0"),
        (lambda: GaussianMixture([1.0, 2.0], 1.0), "means of mixture must be K finite points (K, d), not (2,)"),
        (lambda: GaussianMixture("ab", 1.0), "means of mixture must be a table"),
        (lambda: Ring().sample(0), "number of points must be a whole number 1 or more, not 0"),
        (lambda: Ring().batch(-2), "batch size must be a whole number 1 or more, not -2"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, message):
    with pytest.raises(GanlibError) as error:
        call()
    assert message in str(error.value) and "\n" not in str(error.value)
