"""Precision, recall, density, coverage: two references, small cases by hand, and what a perfect generator gets."""

import contextlib
import io

import numpy as np
import pytest
import torch

from ganlib.errors import GanlibError
from ganlib.metrics import precision_recall as module
from ganlib.metrics.precision_recall import density_coverage, precision_recall


def sets(n, d, m=None, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=g).double(), 0.8 * torch.randn(m or n, d, generator=g).double() + 0.3


def values(results):
    return tuple(result.value for result in results)


def line(*places):
    return torch.tensor(places).double()[:, None]


@pytest.mark.parametrize(("n", "d", "m", "k"), [(300, 4, 300, 3), (250, 16, 300, 3), (200, 64, 150, 5)])
def test_precision_and_recall_agree_with_torch_fidelity(n, d, m, k):
    from torch_fidelity.metric_prc import prc_features_to_metric

    x, y = sets(n, d, m)
    theirs = prc_features_to_metric(y, x, prc_neighborhood=k, prc_batch_size=100, save_cpu_ram=False, verbose=False)
    right = theirs["precision"], theirs["recall"]
    assert values(precision_recall(x, y, k=k)) == pytest.approx(right, rel=1e-6)
    assert 0.02 < min(right) and max(right) < 0.999
    for wrong in (
        values(precision_recall(x, y, k=k - 1)),
        values(precision_recall(y, x, k=k)),
    ):  # self counted; swapped
        assert wrong != pytest.approx(right, rel=0.01)


@pytest.mark.parametrize(("n", "d", "m"), [(300, 4, 300), (250, 16, 300), (200, 64, 150)])
def test_all_four_agree_with_prdc(n, d, m):
    from prdc import compute_prdc

    x, y = sets(n, d, m)
    with contextlib.redirect_stdout(io.StringIO()):
        theirs = compute_prdc(x.numpy(), y.numpy(), nearest_k=5)
    ours = [*precision_recall(x, y, k=5), *density_coverage(x, y, k=5)]
    assert {result.name: result.value for result in ours} == pytest.approx(theirs, rel=1e-6)


def test_on_a_line_by_hand():
    real, fake = line(0, 1, 3, 7), line(0.5, 8, 20)
    small = {"k": 1, "allow_small": True}
    # balls of real: [-1, 1] [0, 2] [1, 5] [3, 11]; of fake: [-7, 8] [0.5, 15.5] [8, 32]
    assert values(precision_recall(real, fake, **small)) == pytest.approx((2 / 3, 1))
    # 0.5 lies in two real balls, 8 in one, 20 in none; the third ball, 1 to 5, has no fake one inside
    assert values(density_coverage(real, fake, **small)) == pytest.approx((3 / 3, 3 / 4))
    assert density_coverage(fake, real, **small)[1].value == pytest.approx(2 / 3)  # over generated balls: not the same


def test_ties():
    real = line(0, 1, 10, 11)
    edge = line(2, 9, 30, 40)  # each of the first two at the edge of a ball
    small = {"k": 1, "allow_small": True}
    assert precision_recall(real, edge, **small)[0].value == 0.5  # closed balls
    assert values(density_coverage(real, edge, **small)) == (0, 0)  # open ones


@pytest.mark.parametrize("scale", [1.0, 1e3])
@pytest.mark.parametrize("rows", [1000, 37])
def test_copies_are_ties_whatever_the_rounding(monkeypatch, scale, rows):
    monkeypatch.setattr(module, "ROWS", rows)
    x = (sets(200, 50)[0].float() * scale + 5).float()  # memorised images
    assert values(precision_recall(x, x)) == (1, 1)
    assert values(density_coverage(x, x)) == pytest.approx((1, 1), rel=1e-12)
    half = x[:100]
    assert precision_recall(x, half)[0].value == 1


def test_identical_images_and_constant_features():
    one = torch.ones(120, 4)
    assert values(precision_recall(one, one)) == (1, 1)
    assert values(density_coverage(one, one)) == (0, 0)  # an empty ball cannot be entered
    assert values(precision_recall(one, one + 1)) == (0, 0)
    x, _ = sets(120, 4)
    collapsed = x[:1].expand(120, 4)
    assert values(precision_recall(x, collapsed)) == (1, 1 / 120)  # precise, and recalls the one it copies
    assert density_coverage(x, collapsed)[1].value < 0.15


def test_a_perfect_generator_has_density_1_and_the_coverage_of_the_formula():
    torch.manual_seed(0)
    for n, m in ((100, 100), (100, 200)):
        found = [density_coverage(torch.randn(n, 3), torch.randn(m, 3)) for _ in range(60)]
        for result in zip(*found, strict=True):
            mean, spread = np.mean([r.value for r in result]), np.std([r.value for r in result]) / 60**0.5
            assert abs(mean - result[0].details["perfect"]) < 3 * spread + 1e-3
    assert found[0][1].details["perfect"] > 0.99  # 1 − 3⁻⁵ and a little
    one_more = 1 - np.prod([(100 - i) / (300 - i) for i in range(1, 5)])  # k − 1 factors
    assert abs(one_more - found[0][1].details["perfect"]) > 0.005


def test_what_they_do_not_depend_on():
    x, y = sets(150, 6)
    q = torch.linalg.qr(torch.randn(6, 6).double()).Q
    for function in (precision_recall, density_coverage):
        right = values(function(x, y))
        for a, b in ((x @ q, y @ q), (x.flip(0), y.roll(3, 0)), (x + 9, y + 9), (5 * x, 5 * y)):
            assert values(function(a, b)) == pytest.approx(right, rel=1e-12)
    assert values(precision_recall(y, x)) == values(precision_recall(x, y))[::-1]


def test_a_dropped_mode_costs_recall_and_blur_costs_precision():
    torch.manual_seed(0)
    far = torch.tensor([0.0, 20.0])
    real = torch.randn(400, 2) + far * (torch.arange(400) % 2)[:, None]
    precision, recall = precision_recall(real, torch.randn(400, 2))
    assert precision.value > 0.85 and 0.4 < recall.value < 0.5
    assert 0.4 < density_coverage(real, torch.randn(400, 2))[1].value < 0.52
    precision, recall = precision_recall(real, real + 8 * torch.randn(400, 2))
    assert precision.value < 0.5 < recall.value


def test_the_error_is_that_of_a_share():
    x, y = sets(200, 4, m=150)
    precision, recall = precision_recall(x, y)
    assert precision.error == pytest.approx((precision.value * (1 - precision.value) / 150) ** 0.5, rel=0.02)
    assert recall.error == pytest.approx((recall.value * (1 - recall.value) / 200) ** 0.5, rel=0.02)
    nothing = precision_recall(x, y + 100)[0]
    assert nothing.value == 0 and nothing.error == pytest.approx(1 / 300, rel=0.01)  # none of 150 is not none at all
    assert "n_real 200, n_fake 150" in str(recall)


@pytest.mark.parametrize("function", [precision_recall, density_coverage])
@pytest.mark.parametrize(
    ("real", "fake", "more", "words"),
    [
        (torch.ones(99, 3), torch.ones(200, 3), {}, "given 99 samples; expected at least 100"),
        (torch.ones(1, 3), torch.ones(1, 3), {"allow_small": True}, "with 1 samples"),
        (torch.ones(200, 3), torch.ones(200, 3), {"k": 0}, "k must be a whole number 1 or more, not 0"),
        (torch.ones(200, 3), torch.ones(200, 3), {"k": 2.5}, "not 2.5"),
        (torch.ones(200, 3), torch.ones(200, 3), {"k": 200}, "k=200 was given with 200 samples; expected 1 to 199"),
        (torch.ones(200, 3), torch.ones(200, 2), {}, "dimension"),
        (torch.ones(200, 3), torch.full((200, 3), torch.nan), {}, "NaN"),
    ],
)
def test_bad_input_is_named(function, real, fake, more, words):
    with pytest.raises(GanlibError, match=words):
        function(real, fake, **more)
