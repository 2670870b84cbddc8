"""Every theorem, proposition and lemma of chapter 01, checked by numbers, each beside a plausible wrong variant.

Laws on a few symbols are computed exactly, laws on the line by quadrature. Optimal transport is solved as a linear
programme, which knows nothing of distribution functions. Where a claim speaks of all functions or all couplings, the
best one is computed and random others are compared with it.
"""

import contextlib
import io
import math
import re
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.optimize import brentq, linprog, minimize, minimize_scalar

LOG2 = math.log(2)
PAGE = Path(__file__).parents[2] / "book/en/01-distances.md"
P = np.array([0.4, 0.25, 0.2, 0.1, 0.05, 0.0])  # P makes the fifth symbol and not the sixth
Q = np.array([0.1, 0.05, 0.3, 0.15, 0.0, 0.4])  # Q the other way round
COMMON = np.array([0.1, 0.05, 0.3, 0.15, 0.1, 0.3])  # covers both
APART = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 1.0])  # mutually singular with P
HALF = math.log(2) / 2


@pytest.fixture
def rng():
    return np.random.default_rng(1)


# ------------------------------------------------------------------------------------- the distances, from definitions


def entropy(p):
    return -sum(x * math.log(x) for x in p if x > 0)


def cross_entropy(p, q):
    return sum(-x * math.log(y) if y > 0 else math.inf for x, y in pairs(p, q) if x > 0)


def kl(p, q):
    return sum(x * math.log(x / y) if y > 0 else math.inf for x, y in pairs(p, q) if x > 0)


def js(p, q):
    m = (np.asarray(p) + np.asarray(q)) / 2
    return kl(p, m) / 2 + kl(q, m) / 2


def tv(p, q):
    return np.abs(np.asarray(p) - np.asarray(q)).sum() / 2


def coin(eta):
    """The entropy of a coin."""
    eta = np.asarray(eta, float)
    return -(np.where(eta > 0, eta * np.log(np.where(eta > 0, eta, 1)), 0)) - (
        np.where(eta < 1, (1 - eta) * np.log(np.where(eta < 1, 1 - eta, 1)), 0)
    )


def transport(p, q, cost):
    """The least mean cost over all couplings of two laws on finitely many points, as a linear programme."""
    rows, columns = len(p), len(q)
    sums = np.zeros((rows + columns, rows * columns))
    for i, j in product(range(rows), range(columns)):
        sums[i, i * columns + j] = sums[rows + j, i * columns + j] = 1
    solved = linprog(np.asarray(cost).ravel(), A_eq=sums, b_eq=np.concatenate([p, q]), method="highs")
    assert solved.status == 0
    return solved.fun


class normal:  # noqa: N801 - read like a function; scipy's own is slow for one number at a time
    """N(mean, std²)."""

    def __init__(self, mean=0.0, std=1.0):
        self.mean, self.std = mean, std

    def logpdf(self, x):
        return -(((x - self.mean) / self.std) ** 2) / 2 - math.log(self.std) - math.log(2 * math.pi) / 2

    def pdf(self, x):
        return np.exp(self.logpdf(x))

    def cdf(self, x):
        return math.erfc((self.mean - x) / self.std / math.sqrt(2)) / 2


def integral(function, low=-40.0, high=44.0, points=()):
    """A quadrature that knows no closed form."""
    edges = [low, *sorted(points), high]
    return sum(
        integrate.quad(function, a, b, epsabs=1e-12, limit=400)[0] for a, b in zip(edges, edges[1:], strict=False)
    )


def density_kl(p, q, **where):
    return integral(lambda x: p.pdf(x) * (p.logpdf(x) - q.logpdf(x)) if p.pdf(x) > 0 else 0.0, **where)


# The six of the page: f, its values at the two ends, its conjugate and its derivative, as the table prints them.
def _jensen_shannon(u):
    return (u * math.log(u) - (u + 1) * math.log((u + 1) / 2)) / 2


def pairs(p, q):
    return zip(p, q, strict=True)


FAMILY = {
    "kl": (lambda u: u * math.log(u), 0, math.inf, lambda t: math.exp(t - 1), lambda r: 1 + math.log(r)),
    "reverse-kl": (lambda u: -math.log(u), math.inf, 0, lambda t: -1 - math.log(-t), lambda r: -1 / r),
    "js": (
        _jensen_shannon,
        HALF,
        HALF,
        lambda t: -math.log(2 - math.exp(2 * t)) / 2,
        lambda r: math.log(2 * r / (r + 1)) / 2,
    ),
    "chi2": (lambda u: (u - 1) ** 2, 1, math.inf, lambda t: t + t**2 / 4 if t >= -2 else -1, lambda r: 2 * (r - 1)),
    "tv": (lambda u: abs(u - 1) / 2, 0.5, 0.5, lambda t: max(t, -0.5), lambda r: (r > 1) / 2 - (r < 1) / 2),
    "hellinger": (lambda u: (math.sqrt(u) - 1) ** 2, 1, 1, lambda t: t / (1 - t), lambda r: 1 - r**-0.5),
}
DIRECT = {
    "kl": kl,
    "reverse-kl": lambda p, q: kl(q, p),
    "js": js,
    "chi2": lambda p, q: sum((x - y) ** 2 / y if y > 0 else (math.inf if x > 0 else 0) for x, y in pairs(p, q)),
    "tv": tv,
    "hellinger": lambda p, q: ((np.sqrt(p) - np.sqrt(q)) ** 2).sum(),
}
EACH = pytest.mark.parametrize("name", FAMILY)


def divergence(name, p, q, forget=False):
    """D_f from the definition of the page; `forget` leaves out the last term, as many texts do."""
    f, zero, growth, *_ = FAMILY[name]
    total = 0.0
    for x, y in pairs(p, q):
        if y > 0:
            total += y * (f(x / y) if x > 0 else zero)
        elif x > 0 and not forget:
            total += growth * x
    return total


# --------------------------------------------------------------------------------------------- entropy, cross-entropy


@pytest.mark.proves("thm-dist-gibbs")
def test_gibbs_inequality(rng):
    smallest = math.inf
    for _ in range(200):
        p, q = rng.dirichlet(np.full(5, 0.5), 2)
        assert kl(p, q) > 0
        smallest = min(smallest, -kl(p, q) + 0)
    assert smallest < -0.5  # turned round, the inequality fails
    assert kl(P, P) == 0 and kl(P, Q) == math.inf and kl(Q, P) == math.inf
    assert 0 < kl(P, 0.999 * P + 0.001 * COMMON) < 1e-3  # zero at equality only, and continuous there
    # Without normalisation the claim is false, so Jensen's second step is needed.
    assert kl(P, 2 * COMMON + P) < 0
    # The proof's two steps, for laws on the line: E[ρ] ≤ 1 although the supports differ.
    p, q = stats.uniform(0, 1), normal()
    assert integral(lambda x: q.pdf(x), 0, 1) < 0.35
    assert density_kl(p, q, low=0, high=1) > -math.log(integral(lambda x: q.pdf(x), 0, 1)) > 1


@pytest.mark.proves("prop-dist-cross-entropy")
def test_cross_entropy_is_entropy_plus_kl(rng):
    for p, q in ((P, COMMON), *(rng.dirichlet(np.ones(6), 2) for _ in range(20))):
        assert cross_entropy(p, q) == pytest.approx(entropy(p) + kl(p, q), abs=1e-12)
        assert abs(cross_entropy(p, q) - entropy(q) - kl(p, q)) > 1e-4  # the other entropy
        assert abs(cross_entropy(p, q) - entropy(p) - kl(q, p)) > 1e-4  # the other direction
        uniform = np.full(6, 1 / 6)
        assert entropy(p) == pytest.approx(math.log(6) - kl(p, uniform))
        assert 0 < entropy(p) < math.log(6)
    assert cross_entropy(P, Q) == math.inf == entropy(P) + kl(P, Q)
    assert entropy(np.full(6, 1 / 6)) == pytest.approx(math.log(6)) and entropy(APART) == 0
    # A best q found by an optimiser, not by the proposition.
    best = minimize(lambda a: cross_entropy(COMMON, np.exp(a) / np.exp(a).sum()), np.zeros(6)).x
    assert np.exp(best) / np.exp(best).sum() == pytest.approx(COMMON, abs=1e-4)
    # For densities too, where the entropy may be negative.
    p, q = normal(0, 0.1), normal(0.3, 0.2)
    h = integral(lambda x: -p.pdf(x) * p.logpdf(x), -4, 4)
    assert h == pytest.approx(math.log(2 * math.pi * math.e * 0.01) / 2) and h < 0
    assert integral(lambda x: -p.pdf(x) * q.logpdf(x), -4, 4) == pytest.approx(h + density_kl(p, q, low=-3, high=3))


@pytest.mark.proves("prop-dist-likelihood")
def test_maximum_likelihood_is_forward_kl(rng):
    def model(theta):
        return np.array([1 - theta, theta / 2, theta / 2])

    p = np.array([0.6, 0.39, 0.01])
    grid = np.linspace(0.01, 0.99, 981)
    likeliest = grid[np.argmax([p @ np.log(model(t)) for t in grid])]
    assert likeliest == grid[np.argmin([kl(p, model(t)) for t in grid])] == pytest.approx(0.4, abs=2e-3)
    assert abs(likeliest - grid[np.argmin([kl(model(t), p) for t in grid])]) > 0.1  # not of the reverse KL
    # Exactly, for every sample.
    draws = rng.choice(3, size=50, p=p)
    empirical = np.bincount(draws, minlength=3) / 50
    for t in (0.2, 0.4, 0.7):
        loss = -np.log(model(t))[draws].mean()
        assert loss == pytest.approx(entropy(empirical) + kl(empirical, model(t)), abs=1e-12)
        assert abs(loss - entropy(p) - kl(p, model(t))) > 1e-3  # the law itself in place of the empirical one
    # And in the limit.
    many = -np.log(model(0.3))[rng.choice(3, size=200_000, p=p)].mean()
    assert many == pytest.approx(cross_entropy(p, model(0.3)), abs=0.01)


# -------------------------------------------------------------------------------------------------------- one Gaussian


def gaussian_formula(m1, s1, m2, s2):
    return 0.5 * (
        np.trace(np.linalg.solve(s2, s1))
        - len(m1)
        + (m1 - m2) @ np.linalg.solve(s2, m1 - m2)
        + math.log(np.linalg.det(s2) / np.linalg.det(s1))
    )


MEANS = np.array([0.3, -0.2]), np.array([-0.4, 0.5])
COVARIANCES = np.array([[1.0, 0.3], [0.3, 0.5]]), np.array([[0.8, -0.2], [-0.2, 1.5]])
AXIS = np.linspace(-9, 9, 361)
CELL = (AXIS[1] - AXIS[0]) ** 2
PLANE = np.stack(np.meshgrid(AXIS, AXIS, indexing="ij"), -1)


def in_the_plane(log_p, log_q):
    """∫ p log(p/q) by summing over a fine grid."""
    return float((np.exp(log_p) * (log_p - log_q)).sum() * CELL)


@pytest.mark.proves("lem-dist-gaussian")
def test_cross_entropy_to_a_gaussian():
    logs = [stats.multivariate_normal(m, s).logpdf(PLANE) for m, s in zip(MEANS, COVARIANCES, strict=True)]
    wanted = in_the_plane(*logs)
    assert gaussian_formula(MEANS[0], COVARIANCES[0], MEANS[1], COVARIANCES[1]) == pytest.approx(wanted, abs=1e-6)
    # The other direction, and the covariances exchanged.
    assert abs(gaussian_formula(MEANS[1], COVARIANCES[1], MEANS[0], COVARIANCES[0]) - wanted) > 1e-2
    assert abs(gaussian_formula(MEANS[0], COVARIANCES[1], MEANS[1], COVARIANCES[0]) - wanted) > 1e-2
    # A law that is no Gaussian: the exponential; only its two moments count.
    q = normal(0.5, 1.7)
    direct = integral(lambda x: -math.exp(-x) * q.logpdf(x), 0, 60)
    formula = 0.5 * (math.log(2 * math.pi) + math.log(1.7**2) + 1 / 1.7**2 + 0.5**2 / 1.7**2)
    assert direct == pytest.approx(formula, abs=1e-8)
    assert abs(direct - formula + 0.5**2 / 1.7**2 / 2) > 1e-2  # the means forgotten
    for (m1, s1), (m2, s2) in (((0, 1), (1, 2)), ((0.5, 0.3), (-1, 0.7))):
        line = math.log(s2 / s1) + (s1**2 + (m1 - m2) ** 2) / (2 * s2**2) - 0.5
        assert density_kl(normal(m1, s1), normal(m2, s2), low=-15, high=15) == pytest.approx(line, abs=1e-6)
        assert abs(line - (math.log(s2 / s1) + (s1 + (m1 - m2) ** 2) / (2 * s2) - 0.5)) > 1e-2  # variance for deviation


@pytest.mark.proves("thm-dist-moments")
def test_forward_kl_matches_moments(rng):
    centres, weights = np.array([[-1.5, 0.5], [2.0, -0.5]]), np.array([0.6, 0.4])
    parts = [stats.multivariate_normal(c, s).logpdf(PLANE) for c, s in zip(centres, COVARIANCES, strict=True)]
    log_p = np.logaddexp(*(math.log(w) + part for w, part in zip(weights, parts, strict=True)))
    mean = weights @ centres
    spread = sum(w * (s + np.outer(c - mean, c - mean)) for w, c, s in zip(weights, centres, COVARIANCES, strict=True))

    def forward(m, s):
        return in_the_plane(log_p, stats.multivariate_normal(m, s).logpdf(PLANE))

    best = forward(mean, spread)
    for _ in range(20):
        m, a = mean + rng.normal(0, 0.5, 2), rng.normal(0, 0.5, (2, 2)) + np.eye(2)
        s = a @ spread @ a.T
        pythagoras = best + gaussian_formula(mean, spread, m, s)
        assert forward(m, s) == pytest.approx(pythagoras, abs=2e-4) and forward(m, s) > best
        assert abs(best + gaussian_formula(m, s, mean, spread) - forward(m, s)) > 1e-4  # the two exchanged
    for scale in (0.8, 1.2):
        assert forward(mean, scale * spread) > best + 0.01
    within = weights[0] * COVARIANCES[0] + weights[1] * COVARIANCES[1]  # without the distance of the modes
    assert forward(mean, within) > best + 0.1
    assert forward(centres[0], COVARIANCES[0]) > best + 0.5  # a mode


NODES = np.linspace(-9, 9, 1801)
WEIGHTS = np.exp(-(NODES**2) / 2)
WEIGHTS /= WEIGHTS.sum()
NEGENTROPY = -0.5 * math.log(2 * math.pi * math.e)


def reverse(m, s, b, alpha=0.5):
    """R(m, s) for the mixture with modes ±b and σ = 1, by a quadrature in the variable (x − m)/s."""
    x = m + s * NODES
    log_p = np.logaddexp(math.log(alpha) - (x + b) ** 2 / 2, math.log1p(-alpha) - (x - b) ** 2 / 2)
    return NEGENTROPY - math.log(s) - float(WEIGHTS @ log_p) + 0.5 * math.log(2 * math.pi)


def beta(r):
    kappa = math.sqrt(2 / math.pi)
    t = (kappa * r + math.sqrt(kappa**2 * r**2 + 4)) / 2
    return r * (r - kappa * t) / 2 - math.log(t)


def centred(b, alpha):
    """The least reverse KL of a Gaussian centred at 0."""
    return minimize_scalar(lambda a: reverse(0, math.exp(a), b, alpha), bounds=(-2, 3), method="bounded").fun


def descend(m, s, b, alpha):
    found = minimize(lambda v: reverse(v[0], math.exp(v[1]), b, alpha), [m, math.log(s)], tol=1e-10)
    return found.x[0], math.exp(found.x[1]), found.fun


@pytest.mark.proves("thm-dist-reverse")
def test_reverse_kl_settles_in_a_mode():
    def mixture(x):
        return 0.3 * stats.norm.pdf(x, -3) + 0.7 * stats.norm.pdf(x, 3)

    q = normal(1, 1.5)
    direct = integral(lambda x: q.pdf(x) * (q.logpdf(x) - math.log(mixture(x))), -14, 16)
    assert reverse(1, 1.5, 3, 0.3) == pytest.approx(direct, abs=1e-6)
    for b, alpha in ((4.5, 0.3), (3.7, 0.5), (6.0, 0.2)):
        # 1. At a mode: the price of one coin toss, however far away the other is.
        assert reverse(-b, 1, b, alpha) <= math.log(1 / alpha) + 1e-9
        assert reverse(b, 1, b, alpha) <= math.log(1 / (1 - alpha)) + 1e-9
        assert reverse(-b, 1, 10 * b, alpha) > 50  # away from both modes there is no such bound
        # 2. In the middle, whatever the width.
        middle = centred(b, alpha)
        assert middle >= beta(b)
        assert middle < beta(b) + 1  # and the bound is no idle one
        # 3. Two local minima, one on each side; which is found depends on the start.
        assert beta(b) > math.log(1 / min(alpha, 1 - alpha))
        left, right = descend(-b, 1, b, alpha), descend(b, 1, b, alpha)
        assert left[0] < -b / 2 and right[0] > b / 2
        assert left[2] <= math.log(1 / alpha) + 1e-9 < beta(b) and right[2] <= math.log(1 / (1 - alpha)) + 1e-9 < beta(
            b
        )
        if alpha < 0.5:
            assert left[2] > right[2] + 0.3  # a local minimum that is not the global one
        # The forward KL's answer is far from optimal here: the two directions are two problems.
        m, s = (1 - 2 * alpha) * b, math.sqrt(1 + 4 * alpha * (1 - alpha) * b**2)
        assert reverse(m, s, b, alpha) > max(left[2], right[2]) + 0.5
    # The bound of the proof and the sign of κ: with κ = 1 in place of E|x|/s it would be false.
    assert beta(30) > beta(10) > beta(5) > 2
    wrong = (lambda r, t: r * (r - t) / 2 - math.log(t))(4.0, 2 + math.sqrt(5))
    assert abs(wrong - beta(4.0)) > 0.5


@pytest.mark.proves("thm-dist-reverse")
@pytest.mark.parametrize("alpha", [0.4, 0.9])
def test_the_price_of_a_mode_is_bounded_for_any_two_components(alpha):
    """What the page says of part 1 in the plane, and that a Gaussian pays at least what its first coordinate pays."""
    logs = [stats.multivariate_normal(3 * m, s).logpdf(PLANE) for m, s in zip(MEANS, COVARIANCES, strict=True)]
    log_p = np.logaddexp(math.log(alpha) + logs[0], math.log1p(-alpha) + logs[1])
    for component, weight in zip(logs, (alpha, 1 - alpha), strict=True):
        assert 0 < in_the_plane(component, log_p) <= math.log(1 / weight)
    assert in_the_plane(logs[0], logs[1]) > math.log(1 / alpha)  # the mixture in place of its other half
    # The first coordinates: modes at ±2, the rest of P is N(0, 1), independent of the first.
    x, y = PLANE[..., 0], PLANE[..., 1]
    pair = math.log(alpha) - (x + 2) ** 2 / 2, math.log1p(-alpha) - (x - 2) ** 2 / 2
    log_p = np.logaddexp(*pair) - y**2 / 2 - math.log(2 * math.pi)
    for m, s in zip(MEANS, COVARIANCES, strict=True):
        whole = in_the_plane(stats.multivariate_normal(m, s).logpdf(PLANE), log_p)
        assert whole > reverse(m[0], math.sqrt(s[0, 0]), 2, alpha) + 1e-2
    straight = stats.multivariate_normal([0.3, 0], [1.3, 1]).logpdf(PLANE)
    assert in_the_plane(straight, log_p) == pytest.approx(reverse(0.3, math.sqrt(1.3), 2, alpha), abs=1e-6)


@pytest.mark.proves("thm-dist-reverse")
def test_near_modes_are_covered_and_far_ones_are_not():
    """The numbers that the page prints: 3.55, 2.41 and 2.80."""
    assert brentq(lambda r: beta(r) - LOG2, 3, 4) == pytest.approx(3.55, abs=0.005)
    rs = np.arange(0.0, 8, 0.01)  # β falls first and then rises: it passes log 2 once, so "b > 3.55" is all of it
    signs = np.sign([beta(r) - LOG2 for r in rs])
    assert (np.diff(signs) != 0).sum() == 1 and signs[0] < 0 < signs[-1]
    assert abs(descend(2.2, 1.25, 2.39, 0.5)[0]) < 1e-3  # one valley only
    assert descend(2.2, 1.25, 2.43, 0.5)[0] > 2  # two more

    def gap(b):
        return descend(0, 2.5, b, 0.5)[2] - descend(b, 1, b, 0.5)[2]

    assert gap(2.78) < 0 < gap(2.82)
    m, _, value = descend(0.1, 3.1, 3.5, 0.5)  # a third local minimum, no longer the best
    assert abs(m) < 1e-3 and value > descend(3.5, 1, 3.5, 0.5)[2] + 0.3


# ------------------------------------------------------------------------------------------------------------------ JS


@pytest.mark.proves("thm-dist-js")
def test_js_is_what_a_sample_tells(rng):
    laws = [
        (P, Q),
        (P, COMMON),
        (Q, COMMON),
        *(rng.dirichlet(np.full(6, a), 2) for a in (0.1, 0.5, 2) for _ in range(30)),
    ]
    for p, q in laws:
        m = (p + q) / 2
        eta = np.divide(p, p + q, out=np.zeros_like(p), where=p + q > 0)
        assert js(p, q) == pytest.approx(LOG2 - m @ coin(eta), abs=1e-12)
        assert abs(js(p, q) - (2 * LOG2 - m @ coin(eta))) > 0.1
        # Mutual information of coin and sample, from their joint law.
        joint = np.stack([p, q]) / 2
        independent = np.outer([0.5, 0.5], m)
        assert js(p, q) == pytest.approx(kl(joint.ravel(), independent.ravel()), abs=1e-12)
        t = tv(p, q)
        assert t**2 / 2 <= LOG2 - coin((1 - t) / 2) + 1e-12
        assert LOG2 - coin((1 - t) / 2) <= js(p, q) + 1e-12 and js(p, q) <= t * LOG2 + 1e-12
    # Both bounds are reached, so neither can be improved; both turned round would fail.
    t = 0.3
    lower = np.array([(1 + t) / 2, (1 - t) / 2])
    assert js(lower, lower[::-1]) == pytest.approx(LOG2 - coin((1 - t) / 2))
    upper = np.array([t, 1 - t, 0]), np.array([0, 1 - t, t])
    assert js(*upper) == pytest.approx(t * LOG2)
    assert js(*upper) > LOG2 - coin((1 - t) / 2) + 0.1 and js(lower, lower[::-1]) < t * LOG2 - 0.1
    assert js(P, P) == 0 and js(P, APART) == pytest.approx(LOG2)
    for eps in (1e-2, 1e-5):  # strict on both sides
        assert 0 < js(P, (1 - eps) * P + eps * Q) < LOG2
        assert 0 < js(P, (1 - eps) * APART + eps * P) < LOG2


def test_the_root_of_js_is_a_metric_and_js_is_none(rng):
    a, b, c = np.array([1.0, 0]), np.array([0.5, 0.5]), np.array([0, 1.0])
    assert js(a, c) > js(a, b) + js(b, c) + 0.2
    for _ in range(500):
        a, b, c = rng.dirichlet(np.full(3, 0.4), 3)
        assert math.sqrt(js(a, c)) <= math.sqrt(js(a, b)) + math.sqrt(js(b, c)) + 1e-12


# -------------------------------------------------------------------------------------------------------- f-divergences


@pytest.mark.proves("prop-dist-f")
@EACH
def test_what_all_f_divergences_share(name, rng):
    f, zero, growth, _, derivative = FAMILY[name]
    random = [rng.dirichlet(np.ones(6), 2) for _ in range(20)]
    for p, q in ((P, Q), (Q, P), (P, COMMON), (COMMON, P), (P, APART), *random):
        value = divergence(name, p, q)
        assert value == pytest.approx(DIRECT[name](p, q), abs=1e-12)  # the table's first column
        assert 0 < value <= zero + growth + 1e-12
        # 3. A multiple of u − 1 changes nothing: with f + 3(u − 1), f(0) and f'(∞) change by −3 and 3.
        added = sum(
            y * ((f(x / y) if x > 0 else zero) + 3 * (x / y - 1)) if y > 0 else (growth + 3) * x
            for x, y in pairs(p, q)
            if x > 0 or y > 0
        )
        assert added == pytest.approx(value, abs=1e-12)
        # 4. Exchanged.
        swapped = sum(
            y * (x / y * f(y / x) if x > 0 else growth) if y > 0 else zero * x for x, y in pairs(p, q) if x > 0 or y > 0
        )
        assert swapped == pytest.approx(divergence(name, q, p), abs=1e-12)
    assert divergence(name, P, P) == pytest.approx(0, abs=1e-15)
    assert divergence(name, P, APART) == divergence(name, APART, P) or name in ("kl", "chi2", "reverse-kl")
    assert divergence(name, P, APART) == pytest.approx(zero + growth)
    # Shifted so as to touch the axis at 1: only the prices of the two KL change.
    c = -derivative(1)
    us = np.geomspace(1e-6, 1e6, 2001)
    assert min(f(u) + c * (u - 1) for u in us) > -1e-9
    assert (min(f(u) for u in us) < -0.1) == (name in ("kl", "reverse-kl"))
    assert (zero - c, growth + c) == {"kl": (1, math.inf), "reverse-kl": (math.inf, 1)}.get(name, (zero, growth))
    # The ends, as limits.
    assert f(1e-12) == pytest.approx(zero, abs=1e-4) or zero == math.inf
    assert f(1e12) / 1e12 == pytest.approx(growth, abs=1e-4) or growth == math.inf
    # Wrong variant: the formula without its last term.
    if growth > 0:
        assert abs(divergence(name, P, Q, forget=True) - DIRECT[name](P, Q)) > 1e-2


def test_a_function_that_is_not_strictly_convex_at_one_forgets():
    def flat(u):
        return max(0.0, abs(u - 1) - 0.5)  # convex, f(1) = 0, and flat around 1

    p, q = np.array([0.4, 0.6]), np.array([0.5, 0.5])
    assert sum(y * flat(x / y) for x, y in pairs(p, q)) == 0 and tv(p, q) > 0.09


LOW = {"kl": -40.0, "reverse-kl": -1e6, "js": -20.0, "chi2": -4.0, "tv": -2.0, "hellinger": -1e5}
HIGH = {"kl": 60.0, "reverse-kl": -1e-3, "js": HALF - 1e-9, "chi2": 40.0, "tv": 0.5, "hellinger": 1 - 1e-6}


def slopes(name, n):
    """A grid in dom f*, dense at both ends."""
    low, high = LOW[name], HIGH[name]
    steps = np.concatenate([np.linspace(1e-9, 1, n), np.geomspace(1e-9, 1, n)])
    return np.unique(np.concatenate([high - (high - low) * steps, low + (high - low) * steps, [high]]))


@pytest.mark.proves("lem-dist-envelope")
@EACH
def test_a_convex_function_is_the_envelope_of_its_tangents(name):
    f, zero, growth, conjugate, derivative = FAMILY[name]
    ts = slopes(name, 4000)
    values = np.array([conjugate(t) for t in ts])
    assert (values >= ts - 1e-9).all()  # f*(t) ≥ t
    us = np.concatenate([np.geomspace(1e-9, 1e3, 6001), [1.0]])
    fs = np.array([f(u) for u in us])
    for t in {derivative(u) for u in (0.01, 0.2, 0.9, 1.5, 8.0, 60.0)} | ({-3.0} if zero < math.inf else set()):
        best = max((t * us - fs).max(), -zero)  # the conjugate from its definition
        assert conjugate(t) == pytest.approx(best, rel=1e-4, abs=1e-4)
    for u in (0.0, 0.01, 0.3, 1.0, 1.7, 12.0):
        reached = (ts * u - values).max()
        wanted = f(u) if u > 0 else zero
        assert reached == pytest.approx(wanted, rel=2e-3, abs=2e-3) or (wanted == math.inf and reached > 10)
        assert reached <= wanted + 1e-9
        if u > 0 and (name != "tv" or u != 1):
            assert derivative(u) * u - conjugate(derivative(u)) == pytest.approx(f(u), abs=1e-9)
    # The domain ends at f'(∞): beyond it the supremum is infinite, before it finite.
    if growth < math.inf:
        assert (growth + 0.1) * 1e9 - f(1e9) > 1e7
        assert (growth - 0.1) * 1e9 - f(1e9) < 0
    # A widely printed variant: t + t²/4 for all t is the conjugate on the whole line; it misses f(0).
    if name == "chi2":
        assert max(-(t + t**2 / 4) for t in ts) == pytest.approx(1, abs=1e-4) and conjugate(-4) == -1 < -4 + 4


def shortfall(name, p, q, t):
    conjugate = FAMILY[name][3]
    return divergence(name, p, q) - (p @ t - q @ np.array([conjugate(x) for x in t]))


@pytest.mark.proves("thm-dist-variational")
@EACH
def test_variational_lower_bound(name, rng):
    f, zero, growth, conjugate, derivative = FAMILY[name]
    p, q = COMMON, np.array([0.3, 0.2, 0.1, 0.2, 0.05, 0.15])
    best = np.array([derivative(x / y) for x, y in pairs(p, q)])
    assert shortfall(name, p, q, best) == pytest.approx(0, abs=1e-12)
    for _ in range(50):
        t = np.clip(best + rng.normal(0, 0.2, 6), LOW[name], HIGH[name])
        gap = shortfall(name, p, q, t)
        assert gap >= -1e-12
        wanted = sum(y * (f(x / y) + conjugate(s) - s * x / y) for x, y, s in zip(p, q, t, strict=True))
        assert gap == pytest.approx(wanted, abs=1e-12)
        if name != "tv":  # f differentiable: only the best reaches it
            assert gap > 1e-9
    # Wrong variants: the laws exchanged, or f in place of its conjugate.
    exchanged = q @ best - p @ np.array([conjugate(x) for x in best])
    assert exchanged < divergence(name, p, q) - 1e-2
    # Outside dom f* formulas still return numbers, but no bound.
    if name == "hellinger":
        assert 3 * (p.sum()) - 3 / (1 - 3) * q.sum() > divergence(name, p, q) + 1
    # Without common support: the supremum over functions with few values tends to D_f.
    ts = slopes(name, 2000)
    values = np.array([conjugate(t) for t in ts])
    reached = sum((ts * x - values * y).max() for x, y in zip(P, Q, strict=True))
    full = divergence(name, P, Q)
    assert reached <= full + 1e-9
    assert reached == pytest.approx(full, abs=5e-3) or (full == math.inf and reached > 1.5)
    if name in ("js", "hellinger"):
        assert reached < full  # approached, never reached


@pytest.mark.proves("prop-dist-coarse")
@EACH
def test_coarser_looks_see_less_and_relabelling_changes_nothing(name, rng):
    strict = False
    for _ in range(40):
        p, q = rng.dirichlet(np.ones(6), 2)
        labels = rng.integers(0, 3, 6)
        coarse = [np.bincount(labels, weights=law, minlength=3) for law in (p, q)]
        assert divergence(name, *coarse) <= divergence(name, p, q) + 1e-12
        strict = strict or divergence(name, *coarse) < divergence(name, p, q) - 1e-3
        order = rng.permutation(6)
        assert divergence(name, p[order], q[order]) == pytest.approx(divergence(name, p, q), abs=1e-12)
    assert strict  # the inequality turned round would fail


@pytest.mark.proves("prop-dist-coarse")
def test_w1_is_no_f_divergence():
    cost = np.abs(np.subtract.outer(np.arange(6), np.arange(6)))
    order = np.array([5, 0, 1, 2, 3, 4])
    assert abs(transport(P, Q, cost) - transport(P[order], Q[order], cost)) > 0.1
    # On the line: an increasing map leaves D_f alone and changes W₁.
    one = integral(lambda x: normal().pdf(x) * (normal().logpdf(x) - normal(1, 2).logpdf(x)), -12, 12)
    lognormal = [stats.lognorm(1, scale=1), stats.lognorm(2, scale=math.e)]
    other = density_kl(*lognormal, low=1e-9, high=np.inf, points=(0.1, 1, 10, 1e3))
    assert one == pytest.approx(other, abs=1e-5) == pytest.approx(0.443147, abs=1e-5)


# ------------------------------------------------------------------------------------------------------ total variation


@pytest.mark.proves("prop-dist-tv")
def test_faces_of_total_variation(rng):
    for p, q in ((P, Q), (P, APART), (P, COMMON), (P, P), *(rng.dirichlet(np.ones(6), 2) for _ in range(5))):
        t = tv(p, q)
        assert np.maximum(p - q, 0).sum() == pytest.approx(t) == pytest.approx(1 - np.minimum(p, q).sum())
        events = np.array(list(product((0, 1), repeat=6)))
        differences = events @ (p - q)
        assert np.abs(differences).max() == pytest.approx(t)
        assert (p >= q) @ (p - q) == pytest.approx(t)
        signs = 2 * events - 1  # the corners of all h with |h| ≤ 1, where a linear function is largest
        assert (signs @ (p - q)).max() / 2 == pytest.approx(t)
        assert transport(p, q, 1 - np.eye(6)) == pytest.approx(t)  # the least Pr[x ≠ y]
        # The coupling of the proof has the right marginals and reaches it; the independent one does not.
        if 0 < t < 1:
            shared = np.diag(np.minimum(p, q)) + np.outer(np.maximum(p - q, 0), np.maximum(q - p, 0)) / t
            assert shared.sum(1) == pytest.approx(p) and shared.sum(0) == pytest.approx(q)
            assert 1 - np.trace(shared) == pytest.approx(t)
            assert 1 - p @ q > t + 0.05
    assert tv(P, APART) == 1 and abs(np.abs(P - Q).sum() - tv(P, Q)) > 0.4  # the half forgotten


@pytest.mark.proves("thm-dist-pinsker")
def test_pinsker(rng):
    tightest = math.inf
    for _ in range(300):
        p, q = rng.dirichlet(np.full(rng.integers(2, 7), 0.7), 2)[:, :]
        assert tv(p, q) <= math.sqrt(kl(p, q) / 2) + 1e-12
        assert tv(p, q) <= math.sqrt(1 - math.exp(-kl(p, q))) + 1e-12  # Bretagnolle and Huber
    for eps in (1e-1, 1e-2, 1e-3):
        a, b = np.array([0.5 + eps, 0.5 - eps]), np.array([0.5, 0.5])
        tightest = kl(a, b) / tv(a, b) ** 2
        assert tightest >= 2
    assert tightest == pytest.approx(2, abs=1e-5)  # so a constant below ½ would fail
    a = np.array([0.999, 0.001])
    assert tv(a, a[::-1]) < 1 < math.sqrt(kl(a, a[::-1]) / 2)  # and for a large KL the bound says nothing
    # No converse: TV 1/n, both KL infinite.
    p, q = np.array([0.1, 0.9, 0.0]), np.array([0.0, 0.9, 0.1])
    assert tv(p, q) == pytest.approx(0.1) and kl(p, q) == kl(q, p) == math.inf


# --------------------------------------------------------------------------------------------------------- Wasserstein


@pytest.mark.proves("thm-dist-line")
def test_wasserstein_on_the_line(rng):
    for _ in range(10):
        x, y = np.sort(rng.normal(0, 1, 7)), np.sort(rng.normal(0.5, 2, 5))
        p, q = rng.dirichlet(np.ones(7)), rng.dirichlet(np.ones(5))
        programme = transport(p, q, np.abs(np.subtract.outer(x, y)))
        knots = np.sort(np.concatenate([x, y]))
        areas = [
            abs(p[x <= a].sum() - q[y <= a].sum()) * (b - a) for a, b in zip(knots, knots[1:], strict=False)
        ]  # between two knots both F and G are constant
        assert sum(areas) == pytest.approx(programme, abs=1e-9)
        levels = np.unique(np.concatenate([[0, 1], np.cumsum(p)[:-1], np.cumsum(q)[:-1]]))
        middle = (levels[1:] + levels[:-1]) / 2
        f_inverse = x[np.minimum(np.searchsorted(np.cumsum(p), middle), 6)]
        g_inverse = y[np.minimum(np.searchsorted(np.cumsum(q), middle), 4)]
        strips = np.abs(f_inverse - g_inverse) @ np.diff(levels)
        assert strips == pytest.approx(programme, abs=1e-9)
        # Wrong variants: without the modulus (that is the difference of the means), squared, or plans that cross.
        assert abs(abs((f_inverse - g_inverse) @ np.diff(levels)) - abs(p @ x - q @ y)) < 1e-9
        assert p @ np.abs(np.subtract.outer(x, y)) @ q > programme + 1e-2  # independent
    x, y = np.array([0.0, 1.0, 3.0]), np.array([1.0, 2.0, 7.0])
    backwards = np.abs(x - y[::-1]).mean()
    assert backwards > transport(np.full(3, 1 / 3), np.full(3, 1 / 3), np.abs(np.subtract.outer(x, y))) + 1
    assert abs((0.5 * 1 - 0.5 * 1) - transport([0.5, 0.5], [1.0], [[1.0], [1.0]])) > 0.9  # means equal, W₁ = 1


@pytest.mark.proves("prop-dist-closed")
def test_closed_forms_on_the_line(rng):
    x, y = rng.normal(0, 1, 9), rng.normal(1, 2, 9)
    programme = transport(np.full(9, 1 / 9), np.full(9, 1 / 9), np.abs(np.subtract.outer(x, y)))
    assert np.abs(np.sort(x) - np.sort(y)).mean() == pytest.approx(programme, abs=1e-9)
    assert np.abs(x - y).mean() > programme + 0.05  # unsorted
    for (m1, s1), (m2, s2) in (((0, 1), (1, 2)), ((0, 1), (2, 1)), ((0.5, 2), (0.5, 0.3)), ((-1, 0.5), (2, 0.9))):
        one, two = normal(m1, s1), normal(m2, s2)
        cross = [] if s1 == s2 else [(m1 * s2 - m2 * s1) / (s2 - s1)]  # where F = G
        area = integral(lambda t, one=one, two=two: abs(one.cdf(t) - two.cdf(t)), -20, 20, cross)
        d, s = abs(m1 - m2), abs(s1 - s2)
        formula = (
            d
            if s == 0
            else s * math.sqrt(2 / math.pi) * math.exp(-(d**2) / (2 * s**2)) + d * (2 * stats.norm.cdf(d / s) - 1)
        )
        assert formula == pytest.approx(area, abs=1e-6)
        if s > 0:
            assert abs(math.hypot(d, s) - area) > 1e-2  # the Wasserstein-2 distance


@pytest.mark.proves("prop-dist-w1")
def test_four_things_that_w1_knows(rng):
    x, y = rng.normal(0, 1, (8, 2)), rng.normal(1, 1, (8, 2))
    p, q = rng.dirichlet(np.ones(8)), rng.dirichlet(np.ones(8))
    cost = np.linalg.norm(x[:, None] - y[None], axis=-1)
    w1 = transport(p, q, cost)
    # 1. Functions of slope at most L.
    for _ in range(50):
        a, c = rng.normal(0, 1, 2), rng.normal(0, 2, 2)

        def h(points, a=a, c=c):
            return np.abs(points @ a) + 2 * np.linalg.norm(points - c, axis=1)

        assert abs(p @ h(x) - q @ h(y)) <= (np.linalg.norm(a) + 2) * w1 + 1e-9
    assert np.linalg.norm(p @ x - q @ y) <= w1
    assert abs(p @ (10 * x[:, 0]) - q @ (10 * y[:, 0])) > w1  # L left out
    # 2. Shifts, for any shape.
    v = np.array([0.7, -2.0])
    shifted = np.linalg.norm(x[:, None] - (x + v)[None], axis=-1)
    assert transport(p, p, shifted) == pytest.approx(np.linalg.norm(v), abs=1e-9)
    assert abs(transport(p, p, shifted**2) - np.linalg.norm(v)) > 1  # the squared cost
    # 3. On one bounded set.
    distances = np.linalg.norm(x[:, None] - x[None], axis=-1)
    assert transport(p, q, distances) <= distances.max() * tv(p, q) + 1e-9
    assert transport(p, q, distances) > distances[distances > 0].min() * tv(p, q) - 1e-9
    assert transport(p, q, 30 * distances) > distances.max() * tv(p, q)  # the diameter cannot be left out
    # 4. A generator: the same z on both sides is one coupling among many.
    z = rng.normal(0, 1, (8, 2))

    def make(theta):
        return np.stack([theta * z[:, 0], np.sin(theta * z[:, 1])], 1)

    one, two = make(1.0), make(1.4)
    even = np.full(8, 1 / 8)
    moved = transport(even, even, np.linalg.norm(one[:, None] - two[None], axis=-1))
    assert moved <= np.linalg.norm(one - two, axis=1).mean() + 1e-9
    assert moved > np.linalg.norm(one.mean(0) - two.mean(0)) - 1e-9


@pytest.mark.proves("thm-dist-segments")
def test_two_parallel_segments():
    heights = (np.arange(40) + 0.5) / 40
    even = np.full(40, 1 / 40)
    for theta in (-1.5, -0.1, 0.01, 2.0):
        one = np.stack([np.zeros(40), heights], 1)
        two = np.stack([np.full(40, theta), heights], 1)
        assert transport(even, even, np.linalg.norm(one[:, None] - two[None], axis=-1)) == pytest.approx(abs(theta))
        # The joint list of points: no point belongs to both.
        p, q = np.concatenate([even, 0 * even]), np.concatenate([0 * even, even])
        wanted = {"kl": math.inf, "reverse-kl": math.inf, "chi2": math.inf, "js": LOG2, "tv": 1, "hellinger": 2}
        for name, value in wanted.items():
            assert divergence(name, p, q) == pytest.approx(value) == pytest.approx(sum(FAMILY[name][1:3]))
    # As a limit of ordinary laws: JS(N(0, σ²), N(θ, σ²)) → log 2 as σ → 0, while W₁ stays θ.
    values = []
    for sigma in (1.0, 0.5, 0.25, 0.1):
        one, two, x = normal(0, sigma), normal(1, sigma), np.linspace(-8, 9, 17_001)
        p, q = one.pdf(x), two.pdf(x)
        eta = 1 / (1 + np.exp(np.clip((x - 0.5) / sigma**2, -700, 700)))
        values.append(LOG2 - integrate.trapezoid((p + q) / 2 * coin(eta), x))
    assert values == sorted(values) and LOG2 - values[-1] < 1e-5 < LOG2 - values[0]
    assert 2 * stats.norm.cdf(1 / 0.1 / 2) - 1 > 1 - 1e-5


@pytest.mark.proves("prop-dist-order")
def test_which_convergence_implies_which():
    bounded = np.array([0.0, 0.5, 1.0])
    cost = np.abs(np.subtract.outer(bounded, bounded))
    p = np.array([0.2, 0.3, 0.5])
    for n in (10, 100, 1000):
        near = p + np.array([1, -2, 1]) / (10 * n)
        assert (
            kl(near, p) < 1 / n**2 and tv(near, p) <= math.sqrt(kl(near, p) / 2) and js(near, p) <= tv(near, p) * LOG2
        )
        assert transport(near, p, cost) <= tv(near, p) + 1e-12
        # 4. None of it backwards: uniform laws that slide by 1/n …
        slid = np.array([1 / n, 1 - 1 / n, 0]), np.array([0, 1 - 1 / n, 1 / n])
        assert tv(*slid) == pytest.approx(1 / n) and kl(*slid) == kl(*slid[::-1]) == math.inf
        assert js(*slid) == pytest.approx(LOG2 / n)
        # … point masses that approach each other …
        assert transport([1.0], [1.0], [[1 / n]]) == pytest.approx(1 / n)
        assert tv([1.0, 0], [0, 1.0]) == 1 and js([1.0, 0], [0, 1.0]) == pytest.approx(LOG2)
        # … and a little mass that goes far away.
        far = np.array([[0.0, n], [n, 0.0]])
        assert tv([1 - 1 / n, 1 / n], [1, 0]) == pytest.approx(1 / n)
        assert transport([1 - 1 / n, 1 / n], [1.0, 0.0], far) == pytest.approx(1)


# ------------------------------------------------------------------------------------------------- the printed numbers


def numbers():
    """The table of the page, every row by a closed form and by an integral that knows nothing of it."""
    one, two, wide = normal(), normal(2), normal(1, 2)

    def half_square(x):
        return (math.sqrt(one.pdf(x)) - math.sqrt(two.pdf(x))) ** 2

    def mixture(x):
        return (one.pdf(x) + two.pdf(x)) / 2

    def to_mixture(law):
        return integral(lambda x: law.pdf(x) * math.log(law.pdf(x) / mixture(x)), -12, 14, (1,))

    def coin_entropy(x):
        return mixture(x) * float(coin(1 / (1 + math.exp(2 * x - 2))))

    def flat(x, low):
        return float(low <= x <= low + 1)

    def on_boxes(function):
        return integral(lambda x: function(flat(x, 0), flat(x, 0.3)), -0.5, 2, (0, 0.3, 1, 1.3))

    return [
        (2.0, density_kl(one, two, low=-12, high=14)),
        (2 * one.cdf(1) - 1, integral(lambda x: abs(one.pdf(x) - two.pdf(x)) / 2, -12, 14, (1,))),
        (2 - 2 * math.exp(-0.5), integral(half_square, -12, 14)),
        (math.exp(4) - 1, integral(lambda x: (one.pdf(x) - two.pdf(x)) ** 2 / two.pdf(x), -14, 14)),
        (2.0, integral(lambda t: abs(one.cdf(t) - two.cdf(t)), -12, 14)),
        ((to_mixture(one) + to_mixture(two)) / 2, LOG2 - integral(coin_entropy, -12, 14, (1,))),
        (LOG2 + 1 / 4 - 1 / 2, density_kl(one, wide, low=-14, high=14)),
        (
            math.sqrt(2 / math.pi) * math.exp(-0.5) + 2 * one.cdf(1) - 1,
            integral(lambda t: abs(one.cdf(t) - wide.cdf(t)), -30, 32, (-1,)),
        ),
        (0.3, on_boxes(lambda p, q: abs(p - q) / 2)),
        (0.3 * LOG2, on_boxes(lambda p, q: sum(a * math.log(2 * a / (p + q)) for a in (p, q) if a > 0) / 2)),
        (0.6, on_boxes(lambda p, q: (math.sqrt(p) - math.sqrt(q)) ** 2)),
        (0.3, integral(lambda t: abs(min(max(t, 0), 1) - min(max(t - 0.3, 0), 1)), -0.5, 2, (0, 0.3, 1, 1.3))),
    ]


def test_the_table_of_closed_forms():
    page = PAGE.read_text("utf-8")
    table = page[page.index(":name: tab-distances-numbers") :]
    printed = re.findall(r"^  - (\d+\.\d{6})\n  - (\d+\.\d{6})$", table, re.MULTILINE)
    computed = numbers()
    assert len(printed) == len(computed) == 12
    for (stated, integrated), (closed, numerical) in zip(printed, computed, strict=True):
        assert closed == pytest.approx(numerical, abs=1e-6)
        assert f"{closed:.6f}" == stated and f"{numerical:.6f}" == integrated


def test_the_numbers_of_the_exercises():
    p, q = np.array([0.5, 0.5, 0]), np.array([0, 0.5, 0.5])
    cost = np.abs(np.subtract.outer(np.arange(3), np.arange(3)))
    assert kl(p, q) == DIRECT["chi2"](p, q) == math.inf and js(p, q) == pytest.approx(0.3466, abs=5e-5)
    assert (
        tv(p, q) == 0.5 and DIRECT["hellinger"](p, q) == pytest.approx(1) and transport(p, q, cost) == pytest.approx(1)
    )
    swap = [1, 0, 2]
    assert transport(p[swap], q[swap], cost) == pytest.approx(0.5) and js(p[swap], q[swap]) == js(p, q)
    a, b = np.array([1.0, 0]), np.array([0.5, 0.5])
    assert float(coin(2 / 3)) == pytest.approx(0.6365, abs=5e-5) and js(a, b) == pytest.approx(0.2158, abs=5e-5)
    assert math.sqrt(js(a, b)) == pytest.approx(0.4645, abs=5e-5) and math.sqrt(LOG2) == pytest.approx(0.8326, abs=5e-5)
    # Gradient descent with the step 0.1 on the sliding uniform laws.
    for start, slope, steps in ((0.8, 1.0, 8), (0.8, LOG2, 12), (0.8, 2.0, 4), (1.5, 1.0, 15)):
        theta, count = start, 0
        while theta > 1e-9:
            theta, count = theta - 0.1 * slope, count + 1
        assert count == steps
    # Uniform laws that overlap pay both prices on a length θ; so the step of JS is 0.1 log 2, and it hops.
    box, slid = np.repeat([1.0, 0], [10, 3]) / 10, np.repeat([0, 1.0], [3, 10]) / 10
    for name, (_, zero, growth, *_) in FAMILY.items():
        assert divergence(name, box, slid) == pytest.approx(0.3 * (zero + growth), abs=1e-12)
    theta, path = 0.8, []
    for _ in range(40):
        theta -= 0.1 * LOG2 * np.sign(theta)
        path.append(round(theta, 3))
    assert set(path[-20:]) == {0.038, -0.032}
    shares = np.full(10, 0.1)
    assert shares @ np.log(shares / 1e-10) == pytest.approx(20.7233, abs=5e-5) and math.log(1e10) - entropy(P) < 23.03
    assert math.log(1 / 0.6) == pytest.approx(0.51, abs=5e-3) and math.log(1 / 0.4) == pytest.approx(0.92, abs=5e-3)


def test_maximum_likelihood_matches_expectations():
    """The exercise on exponential families, for independent pixels."""
    pictures = np.random.default_rng(0).random((40, 5)) < np.array([0.1, 0.9, 0.5, 0.3, 0.7])

    def loss(a):
        return np.mean(np.logaddexp(0, a) - pictures * a)

    fitted = 1 / (1 + np.exp(-minimize(loss, np.zeros(5), tol=1e-12).x))
    assert fitted == pytest.approx(pictures.mean(0), abs=1e-4)


def test_the_libraries_that_the_pitfalls_name():
    torch = pytest.importorskip("torch")
    from scipy.spatial.distance import jensenshannon
    from scipy.stats import wasserstein_distance
    from torch.nn.functional import kl_div

    p, q = torch.tensor([[0.5, 0.5]], dtype=torch.float64), torch.tensor([[0.9, 0.1]], dtype=torch.float64)
    assert kl_div(q.log(), p, reduction="batchmean").item() == pytest.approx(kl(p[0].tolist(), q[0].tolist()))
    assert kl_div(q.log(), p, reduction="sum").item() != pytest.approx(kl(q[0].tolist(), p[0].tolist()), abs=0.05)
    assert kl_div(p, p, reduction="sum").item() < -1  # probabilities in place of their logarithms
    assert jensenshannon([1, 0], [0, 1]) == pytest.approx(math.sqrt(LOG2))
    assert wasserstein_distance([0.2, 0.8], [0.8, 0.2]) == 0
    assert wasserstein_distance([0, 1], [0, 1], [0.2, 0.8], [0.8, 0.2]) == pytest.approx(0.6)
    ot = pytest.importorskip("ot")
    x, y = np.array([[0.0], [1.0]]), np.array([[2.0], [3.0]])
    assert ot.emd2([0.5, 0.5], [0.5, 0.5], ot.dist(x, y)) == pytest.approx(4)
    assert ot.emd2([0.5, 0.5], [0.5, 0.5], ot.dist(x, y, metric="euclidean")) == pytest.approx(2)


def test_the_program_of_the_experiment_prints_what_the_page_says():
    pytest.importorskip("ot")
    page = PAGE.read_text("utf-8")
    ((program, sentence),) = re.findall(r"^```python\n(.*?)^```\n\n([^\n]*)", page, re.DOTALL | re.MULTILINE)
    assert sentence.startswith("prints the floors")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(program, PAGE.name, "exec"), {})
    printed = [tuple(map(float, pair)) for pair in re.findall(r": (\d\.\d\d) and (\d\.\d\d)", out.getvalue())]
    stated = [float(number) for number in re.findall(r"\d\.\d\d", sentence)]
    assert len(printed) == 9 and len(stated) == 18
    assert stated == pytest.approx([floor for floor, _ in printed] + [moved for _, moved in printed], abs=0.011)
    # And the draws behind the means, which the solution quotes for d = 10 and n = 50, 800.
    ranges = re.findall(r"from \$(\d\.\d\d)\$ to \$(\d\.\d\d)\$|\$(\d\.\d\d)\$ to \$(\d\.\d\d)\$", page)
    quoted = [float(number) for pair in ranges for number in pair if number]
    assert len(quoted) == 8
    torch = pytest.importorskip("torch")
    from ganlib.metrics.transport import wasserstein

    torch.manual_seed(0)
    shift, drawn = torch.eye(10)[0], {}
    for n in (50, 200, 800):
        pairs_of_clouds = [(torch.randn(n, 10), torch.randn(n, 10)) for _ in range(3)]
        floors, moved = ([wasserstein(a, b + s).value for a, b in pairs_of_clouds] for s in (0, shift))
        drawn[n] = [min(floors), max(floors), min(moved), max(moved)]
        assert (drawn[n][1] < drawn[n][2]) == (n > 50)  # the draws are apart
    assert quoted == pytest.approx(drawn[50] + drawn[800], abs=0.011)
