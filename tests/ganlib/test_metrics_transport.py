"""Exact transport against closed forms, and what its floor is."""

import math

import pytest
import scipy.linalg
import torch

import ganlib
from ganlib import metrics
from ganlib.errors import GanlibError
from ganlib.metrics import transport
from ganlib.metrics.base import Features, Samples
from ganlib.metrics.features import to_bytes
from ganlib.metrics.transport import sliced_wasserstein, wasserstein

IMAGES = torch.rand(9, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 1.98 - 0.99


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("order", [1, 2])
def test_on_the_line_points_go_in_order(order):
    x, y = normal(300, 1), 2 * normal(300, 1, seed=1) + 0.5
    apart = (x.sort(0).values - y.sort(0).values).abs()
    assert wasserstein(x, y, order=order).value == pytest.approx((apart**order).mean().item() ** (1 / order), rel=1e-9)


def test_clouds_of_different_sizes():
    # Half of the weight at 0 moves to 3: W1 = 1.5, W2 = 3 / sqrt(2).
    x, y = torch.zeros(5, 1), torch.tensor([[0.0], [3.0]])
    assert wasserstein(x, y).value == pytest.approx(1.5)
    assert wasserstein(x, y, order=2).value == pytest.approx(3 / math.sqrt(2))
    found = wasserstein(x, y)
    assert (found.n_real, found.n_fake, found.floor) == (5, 2, None)


def test_a_shift_costs_its_length_and_a_linear_map_what_gaussians_say():
    x = normal(400, 3)
    for order in (1, 2):
        assert wasserstein(x, x + torch.tensor([3.0, 0.0, 4.0]), order=order).value == pytest.approx(5, rel=1e-9)
    # A positive definite map is the gradient of a convex function, hence optimal (Brenier): for the cloud as for the
    # Gaussian with its mean and covariance.
    root = normal(3, 3, seed=1)
    a = root @ root.T + 0.1 * torch.eye(3)
    y = x @ a.T + 1
    gaussian = gaussian_w2(x.mean(0), torch.cov(x.T, correction=0), y.mean(0), torch.cov(y.T, correction=0))
    assert wasserstein(x, y, order=2).value == pytest.approx(gaussian, rel=1e-8)
    assert (
        abs(wasserstein(x, -x, order=2).value - gaussian_w2(x.mean(0), torch.eye(3), -x.mean(0), torch.eye(3))) > 0.05
    )


def gaussian_w2(m, s, n, t):
    cross = scipy.linalg.sqrtm(s.numpy() @ t.numpy()).real
    return math.sqrt(float((m - n).square().sum()) + float(s.trace() + t.trace()) - 2 * cross.trace())


def test_the_laws_distance_is_approached_from_above():
    # Between N(0, 1) and N(1, 4) on the line W2 = sqrt(1 + 1).
    found = [wasserstein(normal(1000, 1, seed=i), 1 + 2 * normal(1000, 1, seed=9 + i), order=2).value for i in range(5)]
    assert sum(found) / 5 == pytest.approx(math.sqrt(2), abs=0.1)
    # Between two clouds of one law it is above 0 and falls slowly: like 1/sqrt(n) on the line, n^(-1/8) in R^8.
    floor = lambda n, d: sum(wasserstein(normal(n, d, seed=i), normal(n, d, seed=50 + i)).value for i in range(8)) / 8
    assert floor(100, 1) / floor(400, 1) == pytest.approx(2, abs=0.7)
    assert floor(100, 8) / floor(400, 8) == pytest.approx(4 ** (1 / 8), abs=0.08)


def test_order_of_the_two_and_what_is_smaller():
    x, y = normal(100, 2), normal(120, 2, seed=1) + 1
    assert wasserstein(x, y).value == pytest.approx(wasserstein(y, x).value, rel=1e-9)
    assert wasserstein(x, x[torch.randperm(100)]).value == pytest.approx(0, abs=1e-12)
    assert wasserstein(x, y).value <= wasserstein(x, y, order=2).value
    assert wasserstein(3 * x, 3 * y).value == pytest.approx(3 * wasserstein(x, y).value, rel=1e-9)
    assert sliced_wasserstein(x, y).value < wasserstein(x, y, order=2).value
    assert wasserstein(x.view(100, 1, 2), y.view(120, 1, 2)).value == pytest.approx(wasserstein(x, y).value)
    assert wasserstein(torch.zeros(1, 2), torch.ones(1, 2), order=2).value == pytest.approx(math.sqrt(2))


def test_sliced_is_the_mean_over_directions():
    x = normal(200, 4)
    # A shift by c moves the projection by <c, direction>, whose mean square is |c|² / d.
    found = sliced_wasserstein(x, x + 2, projections=4000).value
    assert found == pytest.approx(math.sqrt(16 / 4), rel=0.03)
    assert float(sliced_wasserstein(x, x)) == 0
    assert sliced_wasserstein(x, x + 2, seed=1).value != sliced_wasserstein(x, x + 2, seed=2).value


def test_a_dropped_mode_and_duplicates_are_seen():
    ring = ganlib.load("ring")
    real, other, made = (ring.sample(400, torch.Generator().manual_seed(i)) for i in range(3))
    perfect = wasserstein(real, made, other=other)
    assert perfect.value < 2.5 * perfect.floor < 5 * perfect.value
    mode = torch.cdist(made, ring.modes).argmin(1)
    assert wasserstein(real, made[mode != 0][:300]).value > 2 * perfect.floor
    assert wasserstein(real, made[:3].repeat(100, 1)).value > 2 * perfect.floor


def test_features_keep_their_names():
    x = Features(normal(50, 3), "digits", "none")
    found = wasserstein(x, Features(normal(40, 3, seed=1), "digits", "none"))
    assert (found.extractor, found.resizer) == ("digits", "none") and "W1" in str(found)
    with pytest.raises(GanlibError, match="extractor 'digits', the fake ones 'avatars'"):
        wasserstein(x, Features(x.values, "avatars", "none"))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: wasserstein(torch.zeros(3, 2), torch.zeros(3, 4)), r"shapes \(3, 2\) and \(3, 4\) were given"),
        (lambda: wasserstein(torch.zeros(3, 2), torch.zeros(0, 2)), "with at least one row"),
        (lambda: wasserstein(torch.full((3, 2), math.inf), torch.zeros(3, 2)), "3 of 3 real features hold NaN or"),
        (lambda: wasserstein(torch.zeros(3, 2), torch.zeros(3, 2), order=3), "order=3 was given; expected 1 or 2"),
        (lambda: wasserstein(torch.zeros(5001, 1), torch.zeros(3, 1)), "5001 and 3 points; expected at most 5000"),
        (lambda: wasserstein(*[torch.zeros(3, 2)] * 2, other=torch.zeros(4, 2)), "as many other real samples as fake"),
        (lambda: sliced_wasserstein(torch.zeros(3, 2), torch.zeros(3, 1, 2)), "expected clouds alike"),
        (
            lambda: sliced_wasserstein(IMAGES, (IMAGES + 1) / 2),
            r"fake images are floats from 0.0\d* .* as if in .0, 1.",
        ),
        (
            lambda: wasserstein(IMAGES, (IMAGES + 1) * 127.5),
            "fake images are floats from .* as if bytes; expected uint8",
        ),
        (lambda: wasserstein(3 * IMAGES, IMAGES), r"real images are floats from -2\.\d+ to 2\.\d+; expected uint8"),
        (lambda: wasserstein(IMAGES, IMAGES, other=IMAGES / 2 + 0.5), "other real images are floats from"),
        (lambda: wasserstein(IMAGES, (IMAGES > 0).int()), "fake images are int32; expected uint8 from 0 to 255, or"),
    ],
)
def test_bad_input_is_one_sentence(call, sentence):
    with pytest.raises(GanlibError, match=sentence):
        call()


def test_images_are_measured_as_floats_whatever_they_are_kept_as():
    other = IMAGES.flip(0, 3) * 0.9
    for distance in (wasserstein, sliced_wasserstein):
        flat = distance(IMAGES.flatten(1), other.flatten(1)).value
        assert distance(IMAGES, other).value == flat  # not rounded
        for one, two in ((to_bytes(IMAGES), to_bytes(other)), (IMAGES, to_bytes(other))):
            assert distance(one, two).value == pytest.approx(flat, rel=1e-2)


def test_evaluate_measures_what_looks_like_another_range():
    digits = ganlib.load("digits", n=20)
    images = digits.normalised()
    white = torch.linspace(0, 1, 784).view(1, 1, 28, 28).expand(20, -1, -1, -1)
    assert metrics.get("sliced-wasserstein").measure(Samples(digits, white, images, images, 0))["generated"] > 0


def test_the_limit_can_be_lifted(monkeypatch):
    monkeypatch.setattr(transport, "MOST", 10)
    x = normal(12, 2)
    with pytest.raises(GanlibError, match="allow_large=True"):
        wasserstein(x, x)
    assert wasserstein(x, x + 1, allow_large=True).value == pytest.approx(math.sqrt(2))


def test_evaluate_knows_them():
    ring = ganlib.load("ring")
    real, other = (ring.sample(100, torch.Generator().manual_seed(i)) for i in range(2))
    samples = Samples(ring, real + 5, real, other, 0)
    for name in ("wasserstein-1", "wasserstein-2", "sliced-wasserstein"):
        metric = metrics.get(name)
        found = metric.measure(samples)
        assert not metric.lacks(samples) and found["generated"] > 5 * found["real"] > 0
    digits = ganlib.load("digits", n=20)
    images = digits.normalised()
    of_images = Samples(digits, images, images, images, 0)
    assert metrics.get("wasserstein-1").lacks(of_images) and not metrics.get("sliced-wasserstein").lacks(of_images)
