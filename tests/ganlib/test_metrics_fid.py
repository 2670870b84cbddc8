"""FID: two references, closed forms, and what it must not be moved by."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ganlib.errors import GanlibError
from ganlib.metrics.base import Features
from ganlib.metrics.fid import fid, fid_infinity, frechet_distance


def sets(n, d, m=None, seed=0):
    """Two correlated clouds that are no Gaussians, in float64, the second one moved."""
    g = torch.Generator().manual_seed(seed)
    mix = torch.randn(d, d, generator=g).double()
    x, y = (torch.randn(k, d, generator=g).double() for k in (n, m or n))
    return x.relu() @ mix, (y.relu() @ mix.roll(1, 0)) * 0.9 + 0.3


def rotation(d, seed=1):
    return torch.linalg.qr(torch.randn(d, d, generator=torch.Generator().manual_seed(seed)).double()).Q


@pytest.mark.parametrize(("n", "d", "m"), [(300, 10, 300), (500, 64, 400)])
def test_it_agrees_with_torch_fidelity(n, d, m):
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    x, y = sets(n, d, m)
    theirs = fid_statistics_to_metric(fid_features_to_statistics(x), fid_features_to_statistics(y), verbose=False)
    assert fid(x, y).value == pytest.approx(theirs["frechet_inception_distance"], rel=1e-9)


def test_it_agrees_with_torchmetrics():
    from torchmetrics.image.fid import FrechetInceptionDistance

    x, y = sets(400, 32)
    net = torch.nn.Identity()
    net.num_features = 32
    theirs = FrechetInceptionDistance(feature=net).set_dtype(torch.float64)
    theirs.update(x, real=True)
    theirs.update(y, real=False)
    assert fid(x, y).value == pytest.approx(theirs.compute().item(), rel=1e-6)


def test_in_one_dimension_it_is_the_difference_of_means_and_of_standard_deviations():
    x, y = sets(50, 1)
    right = (x.mean() - y.mean()) ** 2 + (x.std() - y.std()) ** 2
    assert fid(x, y).value == pytest.approx(right.item(), rel=1e-12)
    wrong = (x.mean() - y.mean()) ** 2 + (x.std(correction=0) - y.std(correction=0)) ** 2  # divisor n
    assert abs(wrong - right) > 1e-4 * right


def test_gaussians_with_covariances_that_commute():
    torch.manual_seed(0)
    q, a, b = rotation(5), torch.rand(5).double() + 0.1, torch.rand(5).double() + 0.1
    mean = torch.arange(5).double()
    found = frechet_distance(mean, q @ a.diag() @ q.T, mean + 0.5, q @ b.diag() @ q.T)
    assert found == pytest.approx(5 * 0.25 + (a.sqrt() - b.sqrt()).square().sum().item(), rel=1e-12)
    assert abs((a.sqrt() - b.sqrt()).square().sum() - (a - b).abs().sum()) > 0.01  # no root taken


def test_gaussians_with_covariances_that_do_not_commute():
    a = torch.tensor([[2.0, 0.7], [0.7, 0.5]]).double()
    b = torch.tensor([[0.3, -0.2], [-0.2, 1.5]]).double()
    assert not torch.allclose(a @ b, b @ a)
    product = a @ b  # of a 2×2 matrix M, tr √M = √(tr M + 2√det M)
    root = (product.trace() + 2 * product.det().sqrt()).sqrt()
    right = (a.trace() + b.trace() - 2 * root).item()
    zero = torch.zeros(2)
    assert frechet_distance(zero, a, zero, b) == pytest.approx(right, rel=1e-12)
    assert frechet_distance(zero, b, zero, a) == pytest.approx(right, rel=1e-12)
    entrywise = (a.trace() + b.trace() - 2 * (a.diagonal() * b.diagonal()).sqrt().sum()).item()  # correlations ignored
    assert abs(entrywise - right) > 0.1


def test_a_scaled_gaussian():
    a = torch.tensor([[2.0, 0.7], [0.7, 0.5]])
    assert frechet_distance(torch.zeros(2), a, torch.zeros(2), 9 * a) == pytest.approx(4 * 2.5, rel=1e-6)


def test_samples_give_what_their_moments_give():
    x, y = sets(200, 6)
    found = fid(x, y)
    assert found.value == pytest.approx(frechet_distance(x.mean(0), x.T.cov(), y.mean(0), y.T.cov()), rel=1e-10)
    assert found.details["means"] == pytest.approx((x.mean(0) - y.mean(0)).square().sum().item())
    assert sum(found.details.values()) == pytest.approx(found.value)


def test_what_it_does_not_depend_on():
    torch.manual_seed(0)
    x, y = sets(300, 8)
    value = fid(x, y).value
    q, order = rotation(8), torch.randperm(300)
    for same in (fid(x @ q, y @ q), fid(x[order], y), fid(x + 7, y + 7), fid(y, x), fid(2 * x, 2 * y).value / 4):
        assert float(same) == pytest.approx(value, rel=1e-9)
    assert fid(x, y + 7).value > value + 100  # and what it does
    assert fid(x.float(), y.float()).value == pytest.approx(value, rel=1e-5)


def test_singular_covariances_give_no_imaginary_part_and_lose_no_digits():
    x, y = sets(100, 3)
    value = fid(x, y).value
    flat = rotation(40)[:3]  # three dimensions inside forty
    assert fid(x @ flat, y @ flat).value == pytest.approx(value, rel=1e-9)
    few = fid(x[:20] @ flat, y[:20] @ flat, allow_small=True)
    assert few.value == pytest.approx(fid(x[:20], y[:20]).value, rel=1e-9)
    constant = torch.full((100, 2), 3.0).double()
    assert fid(torch.cat([x, constant], 1), torch.cat([y, constant], 1)).value == pytest.approx(value, rel=1e-9)
    apart = torch.zeros(100, 6).double()
    apart[:, :3], away = x, torch.zeros(100, 6).double()
    away[:, 3:] = y  # nothing in common: the product of the covariances is zero
    means = x.mean(0).square().sum() + y.mean(0).square().sum()
    assert fid(apart, away).value == pytest.approx((means + x.var(0).sum() + y.var(0).sum()).item(), rel=1e-9)


def test_identical_images_and_constant_features():
    x, _ = sets(60, 4)
    assert 0 <= fid(x, x).value < 1e-10
    one = torch.ones(60, 4)
    assert fid(one, one).value == 0
    assert fid(one, one + 2).value == pytest.approx(16)  # a collapsed generator on collapsed data: 4 · 2²
    assert fid(x, x[:1].expand(60, 4)).value == pytest.approx(
        (x.mean(0) - x[0]).square().sum().item() + x.var(0).sum().item(), rel=1e-9
    )


def test_it_is_too_large_on_few_samples_and_the_floor_says_by_how_much():
    torch.manual_seed(0)
    value, halves, other = {}, {}, {}
    for n in (100, 400):
        draws = [torch.randn(3, n, 16) for _ in range(20)]
        found = [fid(x, y, seed=i) for i, (x, y, _) in enumerate(draws)]
        value[n], halves[n] = np.mean([r.value for r in found]), np.mean([r.floor for r in found])
        other[n] = np.mean([fid(x, y, other=z).floor for x, y, z in draws])
    assert value[100] > 3.5 * value[400] > 0.3  # about as 1/n, though the distance between the distributions is 0
    for n in (100, 400):
        assert halves[n] == pytest.approx(value[n], rel=0.1)
        assert other[n] == pytest.approx(value[n], rel=0.1)


def test_the_floor_is_that_of_the_given_n():
    torch.manual_seed(0)
    found = [(fid(x, y[:500]), fid(x, y[:500], other=y)) for x, y in torch.randn(20, 2, 2000, 8)]
    value, halves = (np.mean([getattr(a, name) for a, _ in found]) for name in ("value", "floor"))
    assert halves == pytest.approx(value, rel=0.15)  # though the halves of x are 1000 against 1000
    assert all(b.floor == b.value for _, b in found)  # `other` is cut to the number of generated samples
    x, y = torch.randn(2, 200, 8)
    assert fid(x, y, floor=False).floor is None
    assert fid(x, y).floor == fid(x, y, seed=0).floor != fid(x, y, seed=1).floor


@pytest.mark.parametrize("n", [64, 128])  # 2d and 4d
def test_the_floor_by_halves_is_right_for_gaussians_with_twice_as_many_samples_as_dimensions(n):
    torch.manual_seed(0)
    draws = torch.randn(300, 2, n, 32)
    floors = [fid(x, y, seed=i).floor for i, (x, y) in enumerate(draws)]
    truth = [fid(x, y, floor=False).value for x, y in draws]
    assert np.mean(floors) == pytest.approx(np.mean(truth), rel=0.03)
    wrong = [floor * 2 for floor in floors]  # the halves' own distance, unscaled
    assert np.mean(wrong) > 1.5 * np.mean(truth)


def test_there_is_no_floor_by_halves_near_the_number_of_dimensions():
    x, y = sets(70, 64)
    assert fid(x, y).floor is None and fid(x, y, other=x).floor is not None
    assert fid(*sets(128, 64)).floor is not None


def test_stored_statistics_of_the_real_set():
    x, y = sets(300, 8)
    stored = SimpleNamespace(mean=x.mean(0), covariance=x.T.cov(), n=300, extractor="avatars", resizer=None)
    whole, fake = (
        fid(Features(x, "avatars"), Features(y, "avatars"), other=Features(x, "avatars")),
        Features(y, "avatars"),
    )
    found = fid(stored, fake)
    assert (found.value, found.n_real, found.floor) == (pytest.approx(whole.value, rel=1e-10), 300, None)
    assert fid(stored, fake, other=Features(x.roll(1, 0), "avatars")).floor == pytest.approx(whole.floor, abs=1e-9)
    assert fid_infinity(stored, fake).value == pytest.approx(fid_infinity(x, y).value, rel=1e-8)
    with pytest.raises(GanlibError, match="extractor 'avatars', the fake ones 'given'"):
        fid(stored, y)
    for wrong, said in ((torch.full((8, 8), torch.nan), "NaN"), (torch.eye(7), r"\(7, 7\) were given")):
        with pytest.raises(GanlibError, match=said):
            fid(SimpleNamespace(**vars(stored) | {"covariance": wrong}), fake)
    stored.n = 8
    with pytest.raises(GanlibError, match="given 8 samples; expected at least 9"):
        fid(stored, fake)


def test_extrapolation_takes_the_bias_of_the_generated_samples_away():
    torch.manual_seed(0)
    real, fakes = torch.randn(50_000, 16), torch.randn(10, 1000, 16)
    found = [fid_infinity(real, fake, seed=i) for i, fake in enumerate(fakes)]
    biased, value = np.mean([r.details["FID"] for r in found]), np.mean([r.value for r in found])
    assert found[0].details["FID"] == pytest.approx(fid(real, fakes[0]).value, rel=1e-9)
    assert biased > 0.05 and abs(value) < 0.15 * biased
    assert found[0].details["slope"] > 0 and found[0].error > 0 and str(found[0]).startswith("FID∞ ")
    assert fid_infinity(real, torch.randn(1000, 16) + 0.5).value == pytest.approx(16 * 0.25, rel=0.1)


def test_it_prints_its_floor():
    x, y = sets(100, 4)
    text = str(fid(Features(x, "avatars", "none"), Features(y, "avatars", "none")))
    assert text.startswith("FID ") and "n_real 100, n_fake 100, features avatars, resizer none, floor " in text


def test_it_says_why_it_has_no_floor():
    x, y = sets(100, 4)
    stored = SimpleNamespace(mean=x.mean(0), covariance=torch.cov(x.T), n=100, extractor="avatars", resizer="none")
    text = str(fid(stored, Features(y, "avatars", "none")))
    assert text.endswith("resizer none, floor none: statistics cannot be halved and other= was not given)")
    assert str(fid(x, y[:7])).endswith("features given, floor none: halves need 8 samples and other= was not given)")
    assert "none:" not in str(fid(x, y[:8])) and "none:" not in str(fid(x[:9], y[:7], other=x[10:17]))
    assert "floor" not in str(fid(stored, Features(y, "avatars", "none"), floor=False))  # nobody asked


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: fid(torch.ones(8, 8), torch.ones(20, 8)),
            "given 8 samples; expected at least 9, since the covariance",
        ),
        (lambda: fid(torch.ones(1, 3), torch.ones(1, 3), allow_small=True), "1 sample; expected at least 2"),
        (lambda: fid(torch.ones(9, 3), torch.ones(9, 3), other=torch.ones(8, 3)), "other holds 8 samples"),
        (lambda: fid(torch.ones(9, 3), torch.ones(9, 4)), "dimension"),
        (lambda: fid(torch.ones(9, 3), torch.full((9, 3), torch.nan)), "NaN"),
        (lambda: fid_infinity(torch.ones(99, 8), torch.ones(79, 8)), "at least 80"),
        (lambda: fid_infinity(torch.ones(99, 8), torch.ones(99, 8), points=2), "points=2"),
        (lambda: fid_infinity(torch.ones(99, 8), torch.ones(99, 8), least=98), "least=98"),
        (lambda: frechet_distance(torch.ones(2), torch.eye(3), torch.ones(2), torch.eye(2)), r"expected \(2,\) and"),
        (lambda: frechet_distance(torch.ones(2), -torch.eye(2), torch.ones(2), torch.eye(2)), "eigenvalue -1"),
        (lambda: frechet_distance(torch.ones(2), torch.eye(2), torch.ones(2), torch.eye(2) * torch.nan), "NaN"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(GanlibError, match=words):
        call()
