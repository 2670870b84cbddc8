"""KID: two references, sums written out, no bias, and an error that is one."""

import numpy as np
import pytest
import torch

from ganlib.errors import GanlibError
from ganlib.metrics.kid import kid, mmd2


def sets(n, d, m=None, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=g).double(), torch.randn(m or n, d, generator=g).double() * 1.1 + 0.2


def written_out(x, y, scale=None, own=False):
    """The definition, pair by pair; `own` counts a sample with itself: the biased estimate."""
    scale = scale or x.shape[1]
    k = lambda a, b: (float(a @ b) / scale + 1) ** 3
    same = lambda z: np.mean([k(a, b) for i, a in enumerate(z) for j, b in enumerate(z) if own or i != j])
    return same(x) + same(y) - 2 * np.mean([k(a, b) for a in x for b in y])


def test_it_is_the_definition():
    x, y = sets(9, 5, m=7)
    right = written_out(x, y)
    assert mmd2(x, y) == pytest.approx(right, rel=1e-12)
    for wrong in (written_out(x, y, own=True), written_out(x, y, scale=1)):  # biased; kernel without 1/d
        assert abs(wrong - right) > 0.1 * abs(right)


def test_blocks_change_nothing(monkeypatch):
    from ganlib.metrics import kid as module

    x, y = sets(50, 4, m=33)
    whole = mmd2(x, y)
    monkeypatch.setattr(module, "ROWS", 7)
    assert mmd2(x, y) == pytest.approx(whole, rel=1e-12)


def test_it_agrees_with_torch_fidelity_on_the_same_subsets():
    from torch_fidelity.metric_kid import kid_features_to_metric

    x, y = sets(300, 16, m=250)
    theirs = kid_features_to_metric(
        y, x, kid_subsets=20, kid_subset_size=60, rng_seed=2020, verbose=False,
        kid_kernel="poly", kid_kernel_poly_degree=3, kid_kernel_poly_gamma=None, kid_kernel_poly_coef0=1,
    )  # fmt: skip
    ours = kid(x, y, subsets=20, subset_size=60, seed=2020)
    assert ours.value == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-9)
    assert ours.details["std"] == pytest.approx(theirs["kernel_inception_distance_std"], rel=1e-9)


def test_it_agrees_with_torchmetrics():
    from torchmetrics.image.kid import KernelInceptionDistance, poly_mmd

    x, y = sets(80, 16)
    assert mmd2(x, y) == pytest.approx(poly_mmd(x, y).item(), rel=1e-9)
    theirs = KernelInceptionDistance(feature=torch.nn.Identity(), subsets=3, subset_size=80).set_dtype(torch.float64)
    theirs.update(x, real=True)
    theirs.update(y, real=False)
    assert kid(x, y, subsets=3, subset_size=80, allow_small=True).value == pytest.approx(
        theirs.compute()[0].item(), rel=1e-6
    )


def test_it_has_no_bias_on_few_samples():
    torch.manual_seed(0)
    draws = torch.randn(400, 2, 10, 4)
    ours = np.array([mmd2(x, y) for x, y in draws])
    assert abs(ours.mean()) < 3 * ours.std() / 20  # 20 = √400
    assert (ours < 0).mean() > 0.4
    biased = np.array([written_out(x, y, own=True) for x, y in draws[:50].double()])
    assert biased.mean() > 10 * biased.std() / 50**0.5


@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_the_error_is_the_spread_of_the_value_over_new_samples(shift):
    torch.manual_seed(0)
    found = [kid(torch.randn(200, 4), torch.randn(200, 4) + shift, subsets=40) for _ in range(60)]
    spread = np.std([r.value for r in found])
    error = np.mean([r.error for r in found])
    assert 0.7 * spread < error < 2 * spread  # it is too large where the value is 0, never too small
    naive = np.mean([r.details["std"] for r in found]) / 40**0.5  # as if the subsets did not overlap
    assert naive < 0.4 * spread
    assert np.std([r.details["full"] for r in found]) < 1.1 * spread


def test_how_much_too_large_the_error_is_where_the_laws_are_equal():
    torch.manual_seed(0)
    ratio = {}
    for m, shift, runs in ((20, 0, 100), (100, 0, 100), (20, 1, 50)):  # of n = 200
        found = [kid(torch.randn(200, 4), torch.randn(200, 4) + shift, subset_size=m) for _ in range(runs)]
        ratio[m, shift] = np.mean([r.error for r in found]) / np.std([r.value for r in found], ddof=1)
    for m, said in ((20, 2.5), (100, 1.7)):
        # Of one data set the subsets scatter by s² = v(1 - q²), with q = m/n and v the variance of one fresh subset;
        # the variance of the value is v q² and, for a finite number of subsets, s²/100.
        q = m / 200
        expected = ((1 - q * q) * (q / (1 - q) + 0.01) / (q * q + (1 - q * q) / 100)) ** 0.5
        assert expected == pytest.approx(said, abs=0.05)
        assert 0.78 * expected < ratio[m, 0] < 1.28 * expected
    assert 0.7 < ratio[20, 1] < 1.4  # elsewhere it is right


def test_subsets_of_a_size_of_their_own():
    x, y = sets(150, 3, m=120)
    found = kid(x, y)
    assert found.details["subset_size"] == 60 and found.details["full"] == pytest.approx(mmd2(x, y))
    assert kid(x, y, subset_size=120).error is None  # a subset is the whole set: nothing to learn from its spread
    assert kid(x, y, seed=1).value != found.value == kid(x, y).value


def test_what_it_does_not_depend_on_and_what_it_does():
    torch.manual_seed(0)
    x, y = sets(60, 4)
    value, q = mmd2(x, y), torch.linalg.qr(torch.randn(4, 4).double()).Q
    for same in (mmd2(x @ q, y @ q), mmd2(x.flip(0), y.roll(3, 0)), mmd2(y, x)):
        assert same == pytest.approx(value, rel=1e-9)
    assert mmd2(x + 1, y + 1) != pytest.approx(value, rel=0.01)  # the cubic kernel knows where 0 is


def test_identical_images_and_constant_features():
    x, _ = sets(120, 4)
    one = torch.ones(120, 4)
    assert kid(one, one).value == 0 and kid(one, one).error == 0
    assert kid(one, one + 1).value == pytest.approx(2**3 + 5**3 - 2 * 3**3)  # k = (1 + 1)³, (4 + 1)³, (2 + 1)³
    assert kid(x, x).value < kid(x, one).value
    assert kid(one, one).n_real == 120


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: kid(torch.ones(99, 3), torch.ones(200, 3)), "KID was given 99 samples; expected at least 100"),
        (lambda: kid(torch.ones(1, 3), torch.ones(1, 3), allow_small=True), "given 1 sample; expected at least 2"),
        (lambda: kid(torch.ones(200, 3), torch.ones(200, 3), subset_size=201), "from 2 to 200, not 201"),
        (lambda: kid(torch.ones(200, 3), torch.ones(200, 3), subsets=0), "number 1 or more, not 0"),
        (lambda: kid(torch.ones(200, 3), torch.ones(200, 2)), "dimension"),
        (lambda: kid(torch.ones(200, 3), torch.full((200, 3), torch.inf)), "infinity"),
        (lambda: mmd2(torch.ones(1, 3), torch.ones(2, 3)), "at least 2 each"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(GanlibError, match=words):
        call()
