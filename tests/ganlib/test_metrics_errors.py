"""Standard errors: what a result calls its error is how much it varies from one draw of the samples to the next."""

import math
from types import SimpleNamespace

import pytest
import torch

from ganlib.errors import GanlibError
from ganlib.metrics.attributes import attribute_tv, within_class_diversity
from ganlib.metrics.base import first_order, jackknife
from ganlib.metrics.features import Statistics
from ganlib.metrics.fid import _distance, _gaussian, _influences, fid
from ganlib.metrics.kid import kid
from ganlib.metrics.translation import factor_agreement
from ganlib.metrics.transport import sliced_wasserstein, wasserstein

DRAWS = 120
STRETCH = torch.tensor([1.0, 2.0, 0.5, 1.5], dtype=torch.float64)


def real(n, g):
    return torch.randn(n, 4, generator=g, dtype=torch.float64).exp()  # skewed, as features are


def fake(n, g):
    return 0.5 + STRETCH * torch.randn(n, 4, generator=g, dtype=torch.float64)


def diversity(g):
    labels = [torch.randint(0, 3, (n,), generator=g) for n in (240, 180)]
    shrunk = fake(180, g) * 0.7 ** labels[1].double()[:, None]
    return within_class_diversity(real(240, g), labels[0], shrunk, labels[1])


def shares(g):
    read = {"kind": torch.multinomial(torch.tensor([0.5, 0.3, 0.2]), 300, replacement=True, generator=g)}
    return attribute_tv(read, {"kind": torch.tensor([0.3, 0.3, 0.4])})


def agreement(g):
    true, n = torch.rand(300, generator=g), 300
    domain = SimpleNamespace(images=torch.zeros(n, 3, 4, 4), determined=("x", "kind"), attributes={"x": true})
    domain.attributes["kind"] = torch.randint(0, 3, (n,), generator=g)
    wrong = torch.rand(n, generator=g) < 0.3
    kind = torch.where(wrong, (domain.attributes["kind"] + 1) % 3, domain.attributes["kind"])
    return factor_agreement({"x": true + 0.2 * torch.randn(n, generator=g), "kind": kind}, domain)


MEASURES = {
    "fid": lambda g: fid(real(400, g), fake(300, g), floor=False),
    "W1": lambda g: wasserstein(real(300, g), fake(200, g)),
    "W2": lambda g: wasserstein(real(300, g), fake(200, g), order=2),
    "sliced W2": lambda g: sliced_wasserstein(real(300, g), fake(200, g), projections=50),
    "diversity": diversity,
    "attribute TV": shares,
    "factor agreement": agreement,
}


@pytest.mark.parametrize("name", MEASURES)
def test_the_error_is_the_spread_of_many_draws(name):
    g = torch.Generator().manual_seed(0)
    found = [MEASURES[name](g) for _ in range(DRAWS)]
    spread = torch.tensor([r.value for r in found]).std().item()
    said = math.sqrt(sum(r.error**2 for r in found) / DRAWS)
    assert said == pytest.approx(spread, rel=0.25)  # the spread itself is known to about 1/√(2·120) = 6 %
    assert f" ± {found[0].error:.2g}" in str(found[0])


@pytest.mark.parametrize("side", [0, 1])
def test_the_influence_of_a_sample_on_fid_is_what_leaving_it_out_shows(side):
    g = torch.Generator().manual_seed(0)
    both = [real(300, g), real(200, g) * STRETCH + 1]  # skewed, so that the term of the mean counts too
    whole, n = _gaussians(both), len(both[side])
    said = _influences(*whole, both[0], both[1])[1 - side]
    without = [sum(_distance(*(x for pair in _gaussians(left) for x in pair))) for left in _left_out(both, side)]
    seen = (n - 1) * (sum(_distance(*whole[0], *whole[1])) - torch.tensor(without, dtype=torch.float64))
    apart = (said - said.mean()) - (seen - seen.mean())
    assert apart.std() < 0.3 * seen.std()  # leaving out is not quite a derivative


def _gaussians(both):
    return [_gaussian(x) for x in both]


def _left_out(both, side):
    for i in range(len(both[side])):
        yield [torch.cat([x[:i], x[i + 1 :]]) if part == side else x for part, x in enumerate(both)]


def test_with_statistics_it_is_the_error_of_the_generated_ones_alone():
    g = torch.Generator().manual_seed(1)
    x, y = real(2000, g), fake(300, g)
    kept = Statistics(x.mean(0), x.T.cov(), len(x), "given", None)
    given, whole = fid(kept, y), fid(x, y, floor=False)
    assert given.value == pytest.approx(whole.value, rel=1e-9) and given.error < whole.error
    again = torch.tensor([fid(kept, fake(300, g)).value for _ in range(DRAWS)]).std().item()
    assert given.error == pytest.approx(again, rel=0.3)


def test_no_error_where_none_is_known():
    g = torch.Generator().manual_seed(0)
    x = real(10, g)
    assert fid(x, fake(4, g), allow_small=True).error is None  # n ≤ d
    assert wasserstein(x, x).error is None  # at distance 0 the root has no derivative
    assert wasserstein(x, x[:1]).error is None and "±" not in str(wasserstein(x, x[:1]))


def test_jackknife_and_first_order_on_a_mean():
    g = torch.Generator().manual_seed(0)
    x = torch.randn(1000, generator=g, dtype=torch.float64)
    exact = x.std().item() / math.sqrt(1000)
    assert first_order(x) == pytest.approx(exact, rel=1e-12)
    assert first_order(x, 2 * x) == pytest.approx(math.sqrt(5) * exact, rel=1e-12)
    draws = torch.randn(200, 1000, generator=g)
    found = [jackknife(lambda rows, x=x: x[rows].mean().item(), 1000) for x in draws]
    assert math.sqrt(sum(f**2 for f in found) / 200) == pytest.approx(1 / math.sqrt(1000), rel=0.08)


@pytest.mark.parametrize("size", [1e60, 1e200])
@pytest.mark.parametrize("metric", [fid, kid, wasserstein])
def test_numbers_whose_powers_overflow_are_refused(metric, size):
    x = torch.randn(200, 2, dtype=torch.float64)
    with pytest.raises(GanlibError, match=r"the fake features reach 1e\+"):
        metric(x, torch.full_like(x, size))
