"""Every theorem, proposition and lemma of chapter 15, checked by numbers, each beside a plausible wrong variant.

Where the law is finite or Gaussian both sides are computed without sampling; where a mean over samples is the claim
itself, the seed is fixed and the margin is several standard errors.
"""

import math
from itertools import product

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist


@pytest.fixture
def rng():
    return np.random.default_rng(15)


# --------------------------------------------------------------------------------------------------------- likelihood


@pytest.mark.proves("prop-eval-likelihood")
def test_likelihood_hardly_notices_noise():
    x = np.linspace(-12, 12, 24_001)
    real, q, noise = (stats.norm.pdf(x, mean, std) for mean, std in ((0, 1), (0.3, 1.2), (0, 5)))
    for alpha in (0.01, 0.5, 0.9):
        kept = integrate.trapezoid(real * np.log(q), x)
        mixed = integrate.trapezoid(real * np.log(alpha * q + (1 - alpha) * noise), x)
        assert mixed >= kept - math.log(1 / alpha)
    # Wrong variant: that 99% noise costs 99% of the likelihood, or that the price grows with the dimension.
    rows = np.random.default_rng(0).standard_normal((2000, 100))  # images of 100 pixels
    good = stats.norm.logpdf(rows, 0, 1.2).sum(1)
    bad = stats.norm.logpdf(rows, 0, 5).sum(1)
    price = good.mean() - np.logaddexp(math.log(0.01) + good, math.log(0.99) + bad).mean()
    assert 4.5 < price < math.log(100) + 1e-9
    assert price < 0.05 * abs(good.mean()) and price < 0.05 * 100 * math.log(100)

    train = rows[:50]
    logs = []
    for s in (0.5, 0.1, 0.02):
        parts = -(cdist(rows[50:60], train) ** 2) / (2 * s**2) - 50 * math.log(2 * math.pi * s**2)
        logs.append(np.logaddexp.reduce(parts, 1) - math.log(50))
    assert (logs[0] > logs[1]).all() and (logs[1] > logs[2]).all() and (logs[2] < -1e4).all()
    assert -50 * math.log(2 * math.pi * 0.02**2) - math.log(50) > 100  # and on the training data it grows


# ---------------------------------------------------------------------------------------------------- Inception Score


def entropy(p, axis=-1):
    return -np.where(p > 0, p * np.log(np.where(p > 0, p, 1)), 0).sum(axis)


def inception_score(p):
    """From the definition: exp of the mean KL; p is (m, K)."""
    bar = p.mean(0)
    return math.exp(np.where(p > 0, p * np.log(np.where(p > 0, p, 1) / np.where(bar > 0, bar, 1)), 0).sum(1).mean())


@pytest.mark.proves("thm-eval-inception")
def test_bounds_on_the_inception_score(rng):
    for classes in (2, 7):
        for sharpness in (0.1, 1, 10):
            p = rng.dirichlet(np.full(classes, 1 / sharpness), 200)
            score = inception_score(p)
            assert 1 < score < classes
            assert math.log(score) == pytest.approx(entropy(p.mean(0)) - entropy(p).mean())  # mutual information
            assert abs(math.log(score) - (entropy(p.mean(0)) + entropy(p).mean())) > 1e-3  # with the wrong sign
        assert inception_score(np.eye(classes)) == pytest.approx(classes)
        assert inception_score(np.tile(p[:1], (9, 1))) == pytest.approx(1)
        assert inception_score(np.eye(classes)[[0, 0, 1]]) < 2  # certain, but not equally frequent
    # On m samples: at most min(m, K), and too low on average in logarithms.
    assert inception_score(np.eye(1000)[:100]) == pytest.approx(100)
    pool = rng.dirichlet(np.full(5, 0.3), 400)  # a finite law of p(·|x)
    true = math.log(inception_score(pool))
    means = [np.mean([math.log(inception_score(pool[rng.integers(400, size=m)])) for _ in range(300)]) for m in (5, 40)]
    assert means[0] < means[1] - 0.02 < true - 0.02
    assert means[0] < true - 0.1  # an unbiased estimate would not be so far below
    splits = np.mean([inception_score(part) for part in pool.reshape(40, 10, 5)])
    assert splits < inception_score(pool) - 0.1  # many small splits are not the whole


@pytest.mark.proves("prop-eval-inception-blind")
def test_what_the_inception_score_cannot_see(rng):
    classes, delta = 10, 0.01
    h = -delta * math.log(delta) - (1 - delta) * math.log(1 - delta)
    for _ in range(20):  # K pictures, whatever the classifier does with the rest
        pictures = (1 - delta) * np.eye(classes) + delta * rng.dirichlet(np.ones(classes), classes)
        assert math.log(inception_score(pictures)) >= math.log(classes) - h - delta * math.log(classes)
    collapsed = inception_score((1 - delta) * np.eye(classes) + delta / 9 * (1 - np.eye(classes)))
    assert collapsed == pytest.approx(9.25, abs=0.005)
    assert math.log(collapsed) < math.log(classes) - delta * math.log(classes)  # the bound without h would fail
    # Real data, one tenth of it ambiguous: worse than ten pictures.
    sharp = (1 - delta) * np.eye(classes) + delta / 9 * (1 - np.eye(classes))
    pairs = np.array([(np.eye(10)[i] + np.eye(10)[j]) / 2 for i, j in product(range(10), repeat=2) if i < j])
    data = np.concatenate([np.repeat(sharp, 81, 0), np.repeat(pairs, 2, 0)])
    assert len(data) == 900 and inception_score(data) == pytest.approx(8.70, abs=0.005)
    assert math.log(inception_score(data)) < math.log(classes) - h - delta * math.log(classes)  # below the bound in 1
    assert collapsed > inception_score(data)
    soft = 0.6 * np.eye(classes) + 0.4 / 9 * (1 - np.eye(classes))  # unsure of real images, and of these ten no less:
    assert inception_score(soft) == pytest.approx(inception_score(np.repeat(soft, 5, 0)))  # then they beat nothing
    assert inception_score(data[rng.permutation(900)]) == pytest.approx(inception_score(data))  # a copy scores the same
    two = np.concatenate([sharp[[1]], sharp[[7]]])
    assert entropy(two.mean(0)) == pytest.approx(0.7563, abs=5e-5)
    assert entropy(two[0]) == pytest.approx(0.0780, abs=5e-5)
    assert inception_score(two) == pytest.approx(1.97, abs=0.005)


# --------------------------------------------------------------------------------------------------- Fréchet distance


def root(matrix):
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T


def fidelity(s, t):
    """tr(S^½ T S^½)^½ as the sum of the singular values of T^½ S^½."""
    return np.linalg.svd(root(t) @ root(s), compute_uv=False).sum()


def frechet(mean, s, other, t):
    return ((mean - other) ** 2).sum() + np.trace(s) + np.trace(t) - 2 * fidelity(s, t)


def random_covariance(rng, d, rank=None):
    half = rng.standard_normal((d, rank or d))
    return half @ half.T


def moments(x):
    return x.mean(0), np.atleast_2d(np.cov(x.T))


def fid(x, y):
    return frechet(*moments(x), *moments(y))


@pytest.mark.proves("lem-eval-frechet-1d")
def test_one_dimension(rng):
    a, b, s, t = 0.4, -1.0, 1.5, 0.6
    target = (a - b) ** 2 + (s - t) ** 2
    u = (np.arange(200_000) + 0.5) / 200_000  # quantiles: in one dimension the sorted coupling is optimal
    transport = ((stats.norm.ppf(u, a, s) - stats.norm.ppf(u, b, t)) ** 2).mean()
    assert transport == pytest.approx(target, abs=1e-3)
    assert abs(transport - ((a - b) ** 2 + abs(s**2 - t**2))) > 0.1  # variances in place of standard deviations
    for _ in range(20):  # any joint law whatsoever
        x, y = rng.standard_normal(50) ** 3, rng.exponential(size=50)
        bound = (x.mean() - y.mean()) ** 2 + (x.std() - y.std()) ** 2
        assert ((x - y) ** 2).mean() >= bound
        assert ((np.sort(x) - np.sort(y)) ** 2).mean() >= bound - 1e-12


@pytest.mark.proves("thm-eval-frechet-commuting")
def test_commuting_covariances(rng):
    d = 4
    basis = np.linalg.qr(rng.standard_normal((d, d)))[0]
    lam, kap = np.array([3.0, 1.0, 0.2, 0.0]), np.array([0.5, 2.0, 0.0, 0.7])
    s, t = basis * lam @ basis.T, basis * kap @ basis.T
    mean, other = rng.standard_normal((2, d))
    short = ((mean - other) ** 2).sum() + ((root(s) - root(t)) ** 2).sum()
    assert short == pytest.approx(frechet(mean, s, other, t))
    assert short == pytest.approx(((mean - other) ** 2).sum() + ((np.sqrt(lam) - np.sqrt(kap)) ** 2).sum())
    assert abs(short - ((mean - other) ** 2).sum() - ((s - t) ** 2).sum()) > 0.1  # without the roots
    # The coupling of the proof, and that none found at random is better.
    a, b = basis * np.sqrt(lam), basis * np.sqrt(kap)

    def cost(coupling):  # of x = mean + a g, y = other + b h with Cov(g, h) = coupling
        return ((mean - other) ** 2).sum() + np.trace(s) + np.trace(t) - 2 * np.trace(a @ coupling @ b.T)

    assert cost(np.eye(d)) == pytest.approx(short)
    assert all(cost(np.linalg.qr(rng.standard_normal((d, d)))[0]) > short for _ in range(200))


@pytest.mark.proves("thm-eval-frechet")
def test_general_covariances(rng):
    for d, rank in ((3, None), (5, None), (5, 2)):
        s, t = random_covariance(rng, d, rank), random_covariance(rng, d)
        a, b = root(s), root(t)
        top = fidelity(s, t)
        values = np.linalg.eigvals(s @ t)
        assert np.sqrt(np.clip(values.real, 0, None)).sum() == pytest.approx(top, abs=1e-5)
        assert np.trace(root(a @ t @ a)) == pytest.approx(top, abs=1e-5)
        # The optimal cross-covariance is admissible, no other contraction has a larger trace.
        u, _, v = np.linalg.svd(b @ a)
        cross = a @ (v.T @ u.T) @ b
        assert np.trace(cross) == pytest.approx(top)
        assert np.linalg.eigvalsh(np.block([[s, cross], [cross.T, t]])).min() > -1e-9
        for _ in range(100):
            k = rng.standard_normal((d, d))
            assert np.trace(a @ (k / np.linalg.norm(k, 2)) @ b) < top
        naive = ((a - b) ** 2).sum()  # as if they commuted: too large
        assert naive > np.trace(s) + np.trace(t) - 2 * top + 1e-3
        assert abs(np.trace(s) + np.trace(t) - 2 * math.sqrt(max(np.trace(s @ t), 0)) - naive) > 1e-3
    # The exercise: a rotation by 45°.
    s, t = np.diag([4.0, 1.0]), np.array([[2.5, 1.5], [1.5, 2.5]])
    assert fidelity(s, t) == pytest.approx(math.sqrt(20.5)) and math.sqrt(20.5) == pytest.approx(4.528, abs=5e-4)
    assert frechet(np.zeros(2), s, np.zeros(2), t) == pytest.approx(0.945, abs=5e-4)
    assert ((root(s) - root(t)) ** 2).sum() == pytest.approx(1)


@pytest.mark.proves("prop-eval-frechet-properties")
def test_properties_of_the_frechet_distance(rng):
    x, y = rng.standard_normal((60, 3)) ** 3, rng.exponential(size=(60, 3))  # nothing Gaussian about them

    def plain(x, y):  # of the empirical laws themselves: divisor n
        return frechet(x.mean(0), np.cov(x.T, ddof=0), y.mean(0), np.cov(y.T, ddof=0))

    squared = cdist(x, y) ** 2
    transport = squared[linear_sum_assignment(squared)].mean()  # W₂² of two empirical laws of equal size
    assert 0.05 < plain(x, y) < transport - 0.05
    turn, shift = np.linalg.qr(rng.standard_normal((3, 3)))[0], rng.standard_normal(3)
    assert plain(-2 * x @ turn + shift, -2 * y @ turn + shift) == pytest.approx(4 * plain(x, y))
    stretch = np.diag([3.0, 1.0, 1.0])
    assert abs(plain(x @ stretch, y @ stretch) / plain(x, y) - 1) > 0.1  # not invariant under all linear maps
    coin = np.array([[-1.0], [1.0]])
    assert coin.mean() == 0 and coin.var() == 1
    assert frechet(np.zeros(1), np.eye(1), coin.mean(0), np.atleast_2d(coin.var())) == pytest.approx(0)
    # The laws differ all the same: W₂² = E(|g| − 1)² = 2 − 2 √(2/π).
    u = (np.arange(100_000) + 0.5) / 100_000
    assert ((np.abs(stats.norm.ppf(u)) - 1) ** 2).mean() == pytest.approx(2 - 2 * math.sqrt(2 / math.pi), abs=1e-3)


# ------------------------------------------------------------------------------------------------------------ the bias


@pytest.mark.proves("prop-eval-fid-upward")
def test_fid_on_samples_is_too_large(rng):
    for _ in range(50):  # joint concavity of the trace, the step that gives the sign
        (s, t), (s2, t2) = (tuple(random_covariance(rng, 3) for _ in range(2)) for _ in range(2))
        for w in (0.2, 0.7):
            assert fidelity(w * s + (1 - w) * s2, w * t + (1 - w) * t2) >= w * fidelity(s, t) + (1 - w) * fidelity(
                s2, t2
            )
    mix = np.array([[1.0, 0.0], [0.8, 0.5]])
    n, m, runs = 6, 9, 800
    values = [fid((rng.exponential(size=(n, 2)) - 1) @ mix, rng.uniform(-2, 2, (m, 2))) for _ in range(runs)]
    s, t = mix.T @ mix, np.eye(2) * 4 / 3
    true = frechet(np.zeros(2), s, np.zeros(2), t)
    bound, error = true + np.trace(s) / n + np.trace(t) / m, np.std(values) / math.sqrt(runs)
    assert np.mean(values) > bound + 5 * error
    assert bound > true + 0.5  # so "unbiased" would fail by far
    same = [fid(rng.standard_normal((20, 2)), rng.standard_normal((20, 2))) for _ in range(200)]
    assert min(same) > 0  # real against real is never 0


def half(n):
    """E s / σ for the standard deviation of n Gaussians."""
    return math.sqrt(2 / (n - 1)) * math.exp(math.lgamma(n / 2) - math.lgamma((n - 1) / 2))


def expected(n, m, mean, s, t):
    return mean**2 + (s - t) ** 2 + s**2 / n + t**2 / m + 2 * (1 - half(n) * half(m)) * s * t


@pytest.mark.proves("thm-eval-fid-bias")
def test_bias_of_fid(rng):
    runs, mean, s, t = 200_000, 0.3, 1.0, 0.7
    for n, m in ((5, 5), (4, 12)):
        x, y = s * rng.standard_normal((runs, n)), mean + t * rng.standard_normal((runs, m))
        values = (x.mean(1) - y.mean(1)) ** 2 + (x.std(1, ddof=1) - y.std(1, ddof=1)) ** 2
        error = values.std() / math.sqrt(runs)
        assert abs(values.mean() - expected(n, m, mean, s, t)) < 4 * error < 0.02
        assert abs(values.mean() - (mean**2 + (s - t) ** 2 + s**2 / n + t**2 / m)) > 20 * error  # the means alone
    true = mean**2 + (s - t) ** 2
    for n in (100, 1000):
        leading = (s**2 + t**2 + s * t) / n
        assert abs(expected(n, n, mean, s, t) - true - leading) < 2 / n**2
        assert abs(expected(n, n, mean, s, t) - true - (s**2 + t**2 + s * t / 2) / n) > 0.1 / n

    d, n, runs = 6, 400, 400
    values = []
    for _ in range(runs):
        x, y = s * rng.standard_normal((n, d)), t * rng.standard_normal((n, d))
        linear = (1 - t / s) * (np.trace(np.cov(x.T)) - d * s**2) + (1 - s / t) * (np.trace(np.cov(y.T)) - d * t**2)
        values.append(fid(x, y) - linear)  # the terms linear in E and E′ have mean 0: without them less noise
    excess, error = np.mean(values) - d * (s - t) ** 2, np.std(values) / math.sqrt(runs)
    leading = d / n * (s**2 + t**2 + (d + 1) / 2 * s * t)
    assert abs(excess - leading) < 4 * error + 0.03 * leading < 0.1 * leading
    assert abs(excess - d / n * (s**2 + t**2 + s * t)) > 10 * error  # one dimension times d: not enough

    lam = np.array([4.0, 1.0, 0.25, 0.05])  # the floor for a general covariance
    pairs = lam[:, None] * lam / (lam[:, None] + lam)
    floor = (3 * lam.sum() + pairs.sum() - np.trace(pairs)) / n
    same = [fid(*(rng.standard_normal((2, n, 4)) * np.sqrt(lam))) for _ in range(1500)]
    assert abs(np.mean(same) - floor) < 4 * np.std(same) / math.sqrt(1500) + 0.01 * floor
    assert abs(np.mean(same) - 2 * lam.sum() / n) > 0.1 * floor

    # The exercise and the figure: the worse model wins below n = 149, in expectation.
    wins = [n for n in range(2, 400) if expected(n, n, 0, 1, 0.88) < expected(n, n, 0, 1, 1.1)]
    assert wins == list(range(2, wins[-1] + 1)) and 146 <= wins[-1] <= 150
    one_sided = [m for m in range(2, 400) if expected(10**7, m, 0, 1, 0.88) < expected(10**7, m, 0, 1, 1.1)]
    assert 121 <= one_sided[-1] <= 126


@pytest.mark.proves("prop-eval-fid-extrapolation")
def test_extrapolation():
    true = 0.2**2 + 0.3**2

    def value(n):
        return expected(n, n, 0.2, 1.0, 0.7)

    for n in (50, 500):
        extrapolated = 2 * value(2 * n) - value(n)
        sizes = np.array([n, 2 * n, 3 * n, 5 * n])
        design = np.stack([np.ones(4), 1 / sizes], 1)
        intercept = np.linalg.lstsq(design, [value(size) for size in sizes], rcond=None)[0][0]
        weights = np.linalg.pinv(design)[0]
        assert weights.sum() == pytest.approx(1) and (weights / sizes).sum() == pytest.approx(0, abs=1e-12)
        assert abs(weights).sum() > 1.2  # the price in variance
        assert abs(extrapolated - true) < 1 / n**2 and abs(intercept - true) < 1 / n**2
        assert abs(value(2 * n) - true) > 0.9 / n  # the larger sample alone
        assert abs((value(n) + value(2 * n)) / 2 - true) > 0.9 / n  # an average instead


# ---------------------------------------------------------------------------------------------------------------- KID


def kernel(x, y):
    return (x @ y.T / x.shape[1] + 1) ** 3


def kid(x, y):
    xx, yy = kernel(x, x), kernel(y, y)
    n, m = len(x), len(y)
    same = (xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1))
    return same - 2 * kernel(x, y).mean()


def kid_with_diagonal(x, y):
    return kernel(x, x).mean() + kernel(y, y).mean() - 2 * kernel(x, y).mean()


def population(points, weights, others, other_weights):
    return (
        weights @ kernel(points, points) @ weights
        + other_weights @ kernel(others, others) @ other_weights
        - 2 * weights @ kernel(points, others) @ other_weights
    )


@pytest.mark.proves("prop-eval-mmd")
def test_what_the_cubic_kernel_sees(rng):
    x, y = rng.standard_normal((7, 1)), rng.standard_normal((5, 1)) + 0.3
    w, v = rng.dirichlet(np.ones(7)), rng.dirichlet(np.ones(5))
    m = [w @ x[:, 0] ** j - v @ y[:, 0] ** j for j in range(4)]
    assert population(x, w, y, v) == pytest.approx(3 * m[1] ** 2 + 3 * m[2] ** 2 + m[3] ** 2)
    assert abs(population(x, w, y, v) - (m[1] ** 2 + m[2] ** 2 + m[3] ** 2)) > 1e-3  # the binomials forgotten
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)  # N(0, 1), exact for polynomials up to degree 23
    nodes, weights = nodes[:, None], weights / weights.sum()
    coin = np.array([[-1.0], [1.0]])
    three = np.array([[-math.sqrt(3)], [0.0], [math.sqrt(3)]])
    assert population(nodes, weights, coin, np.full(2, 0.5)) == pytest.approx(0, abs=1e-10)
    assert population(nodes, weights, three, np.array([1, 4, 1]) / 6) == pytest.approx(0, abs=1e-10)
    e, at = np.polynomial.laguerre.laggauss(12)
    assert population(nodes, weights, e[:, None] - 1, at) == pytest.approx(4)  # FID would be 0
    # In the plane: the features are the monomials, times positive constants.
    pairs = [(i, j) for i in range(4) for j in range(4) if i + j <= 3]
    a, b = rng.standard_normal((2, 2))
    constants = [math.factorial(3) / (math.factorial(i) * math.factorial(j) * math.factorial(3 - i - j)) / 2 ** (i + j)
                 for i, j in pairs]  # fmt: skip
    direct = sum(c * a[0] ** i * a[1] ** j * b[0] ** i * b[1] ** j for c, (i, j) in zip(constants, pairs, strict=True))
    assert kernel(a[None], b[None])[0, 0] == pytest.approx(direct) and min(constants) > 0


@pytest.mark.proves("prop-eval-kid")
def test_the_estimate_is_unbiased():
    points, p, q = np.array([[-1.0], [0.0], [2.0]]), np.array([0.2, 0.5, 0.3]), np.array([0.4, 0.4, 0.2])
    n, m = 3, 2
    unbiased = diagonal = null = negative = 0.0
    for xs, ys in product(product(range(3), repeat=n), product(range(3), repeat=m)):  # every possible sample
        x, y = points[list(xs)], points[list(ys)]
        chance = p[list(xs)].prod() * q[list(ys)].prod()
        unbiased += chance * kid(x, y)
        diagonal += chance * kid_with_diagonal(x, y)
        assert kid_with_diagonal(x, y) >= -1e-12
        chance = p[list(xs)].prod() * p[list(ys)].prod()
        null += chance * kid(x, y)
        negative += chance * (kid(x, y) < 0)
    true = population(points, p, points, q)
    assert unbiased == pytest.approx(true) and null == pytest.approx(0, abs=1e-10)
    assert 0.2 < negative < 0.8
    k = kernel(points, points)
    excess = (p @ np.diag(k) - p @ k @ p) / n + (q @ np.diag(k) - q @ k @ q) / m
    assert diagonal == pytest.approx(true + excess) and excess > 1  # the diagonal kept: biased, and by much


@pytest.mark.proves("prop-eval-kid-error")
def test_standard_error_over_subsets(rng):
    runs, blocks, size = 400, 5, 12
    means, errors = [], []
    for _ in range(runs):
        x, y = rng.standard_normal((2, blocks, size, 2))
        values = np.array([kid(a, b) for a, b in zip(x, y, strict=True)])
        means.append(values.mean())
        errors.append(values.var(ddof=1) / blocks)
    assert np.mean(errors) == pytest.approx(np.var(means), rel=0.25)
    assert np.mean(errors) * blocks > 3 * np.var(means)  # the deviation over subsets is not the standard error
    # Subsets of the same samples: the mean tends to the estimate of all, the "error" to nothing.
    x, y = rng.standard_normal((2, 40, 2))

    def draws(count):
        return np.array([kid(x[rng.permutation(40)[:12]], y[rng.permutation(40)[:12]]) for _ in range(count)])

    few, many = draws(30), draws(4000)
    error = many.std(ddof=1) / math.sqrt(4000)
    assert abs(many.mean() - kid(x, y)) < 4 * error
    assert error < 0.2 * few.std(ddof=1) / math.sqrt(30)
    spread = np.std([kid(*rng.standard_normal((2, 40, 2))) for _ in range(300)])
    assert spread > 4 * error  # what remains uncertain is much more


# --------------------------------------------------------------------------------------------------- k nearest points


def radii(x, k):
    return np.sort(cdist(x, x), 1)[:, k]  # the first is the point itself


def prdc(x, y, k):
    apart = cdist(x, y)
    inside, back = apart <= radii(x, k)[:, None], apart <= radii(y, k)
    return {
        "precision": inside.any(0).mean(),
        "recall": back.any(1).mean(),
        "density": inside.sum() / (k * len(y)),
        "coverage": inside.any(1).mean(),
    }


@pytest.mark.proves("prop-eval-outlier")
def test_one_outlier(rng):
    n, k, r = 40, 5, 1.0
    inliers = rng.standard_normal((n - 1, 2))
    inliers *= rng.uniform(0, r, (n - 1, 1)) / np.linalg.norm(inliers, axis=1, keepdims=True)
    x = np.concatenate([inliers, [[20.0, 0.0]]])
    y = np.array([12.0, 0.0]) + rng.uniform(-1, 1, (30, 2))  # nonsense
    assert (np.linalg.norm(y, axis=1) > 3 * r).all() and (cdist(y, x[-1:]) < 20 - r).all()
    found = prdc(x, y, k)
    assert found["precision"] == 1
    assert found["density"] == pytest.approx(1 / k) and found["coverage"] == pytest.approx(1 / n)
    clean = prdc(inliers, y, k)
    assert clean["precision"] == clean["density"] == clean["coverage"] == 0  # it is all the outlier's doing
    stray = np.concatenate([y, [[-20.0, 0.0]]])  # one generated outlier, and recall is perfect
    assert prdc(inliers, y, k)["recall"] == 0 and prdc(inliers, stray, k)["recall"] == 1
    assert prdc(inliers, stray, k)["coverage"] == 0


@pytest.mark.proves("prop-eval-middle")
def test_the_middle_of_a_cloud_lies_in_every_ball(rng):
    n, k, shares = 300, 5, {}
    for d in (2, 16, 512):
        x = rng.standard_normal((n, d))
        found = prdc(x, np.zeros((7, d)), k)
        apart = np.sort(cdist(x, x), axis=1)[:, 1]  # of the nearest other point
        shares[d] = (np.linalg.norm(x, axis=1) < apart).mean(), found["precision"], found["density"]
    assert shares[512] == (1, 1, n / k)
    assert shares[2][0] < 0.1 and shares[16][0] < 0.5  # few dimensions: the middle is an ordinary place


def expected_coverage(n, m, k):
    return 1 - math.comb(n - 1, k) / math.comb(n + m - 1, k)


@pytest.mark.proves("thm-eval-density-coverage")
def test_density_and_coverage_of_a_perfect_model(rng):
    for d, n, m, k in ((1, 12, 20, 3), (8, 25, 25, 5)):
        found = [prdc(*np.split(rng.exponential(size=(n + m, d)), [n]), k) for _ in range(1500)]
        for name, wanted in (("density", 1.0), ("coverage", expected_coverage(n, m, k))):
            values = [one[name] for one in found]
            error = np.std(values) / math.sqrt(1500)
            assert abs(np.mean(values) - wanted) < 4 * error < 0.04, name
        swapped = 1 - math.comb(m - 1, k) / math.comb(n + m - 1, k)
        coverage = np.mean([one["coverage"] for one in found])
        assert n == m or abs(coverage - swapped) > 0.05  # n and m exchanged
        assert abs(coverage - 1) > 0.02  # a perfect model's coverage is not 1
    product_form = 1 - math.prod(99 - i for i in range(5)) / math.prod(199 - i for i in range(5))
    assert expected_coverage(100, 100, 5) == pytest.approx(product_form) and round(product_form, 3) == 0.971
    assert expected_coverage(100, 1000, 5) == pytest.approx(0.999995, abs=1e-6)
    assert expected_coverage(10**6, 10**6, 5) == pytest.approx(1 - 2**-5, abs=1e-5)
    # The exercise: one of two modes lost. Density does not notice, coverage does.
    n, k = 300, 5
    found = []
    for _ in range(40):
        x = rng.standard_normal((n, 2)) + 100 * (np.arange(n) % 2)[:, None]
        found.append(prdc(x, rng.standard_normal((n, 2)), k))
    assert np.mean([one["density"] for one in found]) == pytest.approx(1, abs=0.03)
    assert np.mean([one["coverage"] for one in found]) == pytest.approx((1 - 3**-k) / 2, abs=0.01)


# -------------------------------------------------------------------------------------------- path length, mode counts


@pytest.mark.proves("prop-eval-ppl")
def test_path_length_of_a_linear_generator(rng):
    a, runs = rng.standard_normal((4, 3)), 200_000

    def lengths(first, second, path, eps):
        t = rng.uniform(0, 1 - eps, (runs, 1))
        step = (path(first, second, t + eps) - path(first, second, t)) @ a.T
        return (step**2).sum(1) / eps**2

    z, w = rng.standard_normal((2, runs, 3))
    for eps in (1e-4, 0.3):
        values = lengths(z, w, lambda u, v, t: (1 - t) * u + t * v, eps)
        error = values.std() / math.sqrt(runs)
        assert abs(values.mean() - 2 * (a**2).sum()) < 4 * error
        assert abs(values.mean() - (a**2).sum()) > 20 * error  # the two of two latents forgotten

    def circle(u, v, t):
        angle = np.arccos(np.clip((u * v).sum(1, keepdims=True), -1, 1))
        return (np.sin((1 - t) * angle) * u + np.sin(t * angle) * v) / np.sin(angle)

    z, w = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (z, w))
    values = lengths(z, w, circle, 1e-4)
    error = values.std() / math.sqrt(runs)

    def squared_angle(dimension):  # the density of the angle is ∝ sin^(dimension − 2)
        omega = (np.arange(20_000) + 0.5) / 20_000 * math.pi
        weights = np.sin(omega) ** (dimension - 2)
        return (omega**2 * weights).sum() / weights.sum()

    assert abs(values.mean() - squared_angle(3) * (a**2).sum() / 3) < 4 * error
    assert abs(values.mean() - math.pi**2 / 4 * (a**2).sum() / 3) > 10 * error  # the limit is not yet reached
    assert squared_angle(2) == pytest.approx(math.pi**2 / 3)
    assert squared_angle(2000) == pytest.approx(math.pi**2 / 4, abs=1e-3)
    assert np.trace(np.cov((z @ a.T).T)) == pytest.approx((a**2).sum() / 3, rel=0.02)


@pytest.mark.proves("prop-eval-three-sigma")
def test_three_sigma_in_the_plane():
    for c in (0.5, 1, 3):
        assert stats.chi2.cdf(c**2, 2) == pytest.approx(1 - math.exp(-(c**2) / 2))
    share = stats.chi2.cdf(9, 2)
    assert share == pytest.approx(0.98889, abs=5e-6)
    one = math.erf(3 / math.sqrt(2))
    assert abs(share - one) > 0.008 and abs(share - one**2) > 0.005  # the rules of one dimension
    assert one**2 == pytest.approx(0.9946, abs=5e-5)


def expected_kl(n, modes):
    """E KL(p̂ ‖ u), exactly, from the binomial law of one count."""
    counts = np.arange(1, n + 1)
    terms = counts / n * np.log(modes * counts / n)
    return modes * (stats.binom.pmf(counts, n, 1 / modes) * terms).sum()


@pytest.mark.proves("prop-eval-mode-kl")
def test_reverse_kl_of_a_perfect_sampler(rng):
    for modes, n, printed in ((8, 2500, 0.0014), (25, 2500, 0.0048), (8, 2472, 0.0014), (25, 2472, 0.0049)):
        exact, leading = expected_kl(n, modes), (modes - 1) / (2 * n)
        assert round(exact, 4) == printed
        assert abs(exact - leading) < modes**2 / n**2
        assert 0 <= exact <= math.log1p((modes - 1) / n)
        assert abs(exact - leading / math.log(2)) > 0.3 * leading  # in bits
        assert abs(exact - modes / (2 * n)) > 0.02 * leading  # K instead of K − 1
        assert abs(exact - (modes - 1) / n) > 0.4 * leading  # the half forgotten
    assert all(expected_kl(n, 25) <= math.log1p(24 / n) for n in (1, 3, 25))  # also where the expansion fails
    counts = rng.multinomial(2500, np.full(8, 1 / 8), 4000) / 2500
    values = np.where(counts > 0, counts * np.log(8 * np.maximum(counts, 1e-9)), 0).sum(1)
    assert values.mean() == pytest.approx(expected_kl(2500, 8), rel=0.05)
    assert values.std() == pytest.approx(math.sqrt(14) / 5000, rel=0.1)


@pytest.mark.proves("prop-eval-thief")
def test_the_thief(rng):
    x, k = rng.standard_normal((60, 3)), 5
    found = prdc(x, x, k)
    assert found["precision"] == found["recall"] == found["coverage"] == 1
    assert found["density"] == pytest.approx((k + 1) / k) and found["density"] > 1
    assert fid(x, x) == pytest.approx(0, abs=1e-9)
    full = kernel(x, x)
    off, on = (full.sum() - np.trace(full)) / (60 * 59), np.trace(full) / 60
    assert kid(x, x) == pytest.approx(2 / 60 * (off - on)) and kid(x, x) < 0
    assert abs(kid(x, x)) > 0.01  # not zero, as one might think
    fresh = [rng.standard_normal((60, 3)) for _ in range(50)]
    assert min(fid(x, y) for y in fresh) > 0.02  # honest new data look worse than the thief
    assert kid(x, x) < np.mean([kid(x, y) for y in fresh])
    assert np.mean([prdc(x, y, k)["coverage"] for y in fresh]) < 0.995
    assert np.mean([prdc(x, y, k)["density"] for y in fresh]) < 1.1 < found["density"]
    crowded = x[(cdist(x, x) <= radii(x, k)[:, None]).sum(0).argmax()]  # the point that lies in the most balls
    assert prdc(x, np.tile(crowded, (60, 1)), k)["density"] > found["density"]  # in density the thief can be beaten


@pytest.mark.proves("prop-eval-copying")
def test_a_fresh_sample_is_rarely_nearer_than_nearly_all_held_out_ones(rng):
    m, trials = 9, 20_000
    for law in (lambda *size: rng.standard_normal(size), lambda *size: rng.integers(0, 4, size).astype(float)):
        training, others = law(trials, 5, 2), law(trials, m + 1, 2)
        near = np.sqrt(((others[:, :, None] - training[:, None]) ** 2).sum(-1)).min(-1)  # (trials, m + 1)
        held_out, fresh = np.sort(near[:, :m], 1), near[:, m]
        for k in (1, 3, 9):
            share, error = (fresh < held_out[:, k - 1]).mean(), math.sqrt(k / (m + 1) * (1 - k / (m + 1)) / trials)
            assert share <= k / (m + 1) + 4 * error
            if len(np.unique(near)) > trials:  # no ties
                assert share == pytest.approx(k / (m + 1), abs=4 * error)
                assert abs(share - k / m) > 4 * error  # wrong variant: as if u were one of the m
            elif k < 9:
                assert share < k / (m + 1) - 4 * error  # ties acquit
