"""Every statement of chapter 09, checked by numbers, each beside a plausible wrong variant.

Games on finite sets are tables: a best discriminator is found by an optimiser that knows nothing of the formula, a
moved equilibrium by gradient steps of both players or by a general minimiser, and both are compared with what the page
derives. Networks are built where a statement speaks of networks.
"""

import math
from itertools import permutations

import numpy as np
import pytest
import torch
from scipy.optimize import linprog, minimize, minimize_scalar
from torch import Tensor, nn

LOG2 = math.log(2)


@pytest.fixture(autouse=True)
def double():
    """Float64, so that a tolerance can be tight."""
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(dtype)


def close(a, b, tolerance: float = 1e-9) -> bool:
    a, b = (float(x.detach() if isinstance(x, Tensor) else x) for x in (a, b))
    return abs(a - b) <= tolerance * max(1.0, abs(a), abs(b))


def laws(conditions: int = 3, points: int = 4, seed: int = 0) -> np.ndarray:
    """Random laws p(x|c), one row for each condition."""
    return np.random.default_rng(seed).dirichlet(np.ones(points) * 1.5, size=conditions)


PRIOR = np.array([0.5, 0.3, 0.2])


def kl(p: np.ndarray, q: np.ndarray) -> float:
    on = p > 0
    return float((p[on] * np.log(p[on] / q[on])).sum())


def js(p: np.ndarray, q: np.ndarray, share: float = 0.5) -> float:
    m = share * p + (1 - share) * q
    return share * kl(p, m) + (1 - share) * kl(q, m)


def best_logits(positive: np.ndarray, negative: np.ndarray, design=None) -> tuple[np.ndarray, float]:
    """The discriminator that Newton's method finds, and its value.

    Args:
        positive: weight of log D at each pair, (conditions, points); `negative` that of log(1 − D).
        design: the logits are design @ parameters; by default every pair has a logit of its own.
    """
    p, n = positive.ravel(), negative.ravel()
    design = np.eye(p.size) if design is None else design
    parameters = np.zeros(design.shape[1])

    def loss(v):
        a = design @ v
        return (p * np.logaddexp(0, -a) + n * np.logaddexp(0, a)).sum()

    for _ in range(60):
        d = 1 / (1 + np.exp(-design @ parameters))
        slope = design.T @ ((p + n) * d - p)
        curve = design.T @ (((p + n) * d * (1 - d))[:, None] * design)
        move, length = np.linalg.lstsq(curve, slope, rcond=1e-12)[0], 1.0
        while loss(parameters - length * move) > loss(parameters) + 1e-15 and length > 1e-9:
            length /= 2
        parameters = parameters - length * move
    return (design @ parameters).reshape(positive.shape), -float(loss(parameters))


def value(positive: np.ndarray, negative: np.ndarray) -> float:
    """max over D of Σ positive log D + negative log(1 − D), by the formula D* = positive / (positive + negative)."""
    both = positive + negative
    out = 0.0
    for part in (positive, negative):
        on = part > 0
        out += (part[on] * np.log(part[on] / both[on])).sum()
    return float(out)


def moved(right: np.ndarray, wrong: np.ndarray, kappa: float) -> tuple[float, np.ndarray]:
    """t and max(0, t right − κ wrong), t from a search by the sorted points at which entries become positive."""
    turn = np.where(right > 0, kappa * wrong / np.where(right > 0, right, 1), np.inf)
    for on in (turn <= level for level in np.sort(turn[np.isfinite(turn)])[::-1]):
        t = (1 + kappa * wrong[on].sum()) / right[on].sum()
        q = np.maximum(0, t * right - kappa * wrong)
        if close(q.sum(), 1, 1e-12):
            return t, q
    raise AssertionError("no t makes a law")


# ------------------------------------------------------------------------------------------------------------ the game


@pytest.mark.proves("thm-cgan-value")
def test_conditional_value():
    real, fake, prior = laws(), laws(seed=1), PRIOR[:, None]
    logits, found = best_logits(prior * real, prior * fake)
    assert np.allclose(logits, np.log(real / fake), atol=1e-4)  # 1
    assert not np.allclose(logits, np.log(prior * real / fake), atol=0.1)  # the prior cancels
    mean = sum(c * 2 * js(p, q) for c, p, q in zip(PRIOR, real, fake, strict=True)) - 2 * LOG2
    assert close(found, mean, 1e-8)  # 2
    assert abs(found - (2 * js(PRIOR @ real, PRIOR @ fake) - 2 * LOG2)) > 0.05  # not the divergence of the marginals
    # 3: the best tables of the generator are the data, for every condition that occurs.
    prior = np.array([[0.7], [0.3], [0.0]])
    table = minimise_tables(prior * real, lambda q: torch.from_numpy(prior) * q, fake)
    assert np.allclose(table[:2], real[:2], atol=1e-4)
    assert close(value(prior * real, prior * table), -2 * LOG2, 1e-8)
    assert not np.allclose(table[2], real[2], atol=0.02)  # the condition that never occurs stays where it was


def minimise_tables(positive: np.ndarray, negative, start: np.ndarray) -> np.ndarray:
    """The laws q, one a row, at which a general minimiser finds max over D of `value(positive, negative(q))` least.

    A table is a softmax of free numbers, so that nothing about the minimiser is built in.
    """
    p = torch.from_numpy(np.ascontiguousarray(positive))

    def objective(v):
        free = torch.from_numpy(v).view(start.shape).requires_grad_()
        n = negative(free.softmax(1)).expand(p.shape)
        out = sum((sign * u * u.clamp_min(1e-300).log()).sum() for u, sign in ((p, 1), (n, 1), (p + n, -1)))
        (slope,) = torch.autograd.grad(out, free)
        return out.item(), slope.numpy().ravel()

    options = {"maxiter": 5000, "maxfun": 20_000, "ftol": 1e-15, "gtol": 1e-10}
    found = minimize(objective, np.log(start).ravel(), jac=True, method="L-BFGS-B", options=options)
    return torch.from_numpy(found.x).view(start.shape).softmax(1).numpy()


def additive(conditions: int, points: int, beta: bool) -> np.ndarray:
    """The design of α(x) + β(c), or of α(x) alone."""
    alpha = np.tile(np.eye(points), (conditions, 1))
    return np.hstack([alpha, np.repeat(np.eye(conditions), points, axis=0)]) if beta else alpha


@pytest.mark.proves("prop-cgan-blind")
@pytest.mark.parametrize("beta", [False, True])
def test_a_sum_is_blind(beta):
    real, prior = laws(), PRIOR[:, None]
    design = additive(3, 4, beta)
    # Fakes with the right marginal and wrong conditions: one that mixes the rows, one that ignores the condition.
    mix = np.array([[0.4, 0.6, 0], [1, 0, 0], [0, 0, 1]])
    mixed = mix @ real
    mixed[2] = (PRIOR @ real - PRIOR[:2] @ mixed[:2]) / PRIOR[2]
    for fake in (np.broadcast_to(PRIOR @ real, real.shape), mixed):
        assert fake.min() > 0 and np.allclose(PRIOR @ fake, PRIOR @ real)
        assert close(best_logits(prior * real, prior * fake, design)[1], -2 * LOG2, 1e-10)
        assert value(prior * real, prior * fake) > -2 * LOG2 + 0.02  # one who connects x and c sees it
    # With another marginal it notices, at least as much as one who sees x alone.
    fake = laws(seed=1)
    seen = best_logits(prior * real, prior * fake, design)[1]
    assert seen >= 2 * js(PRIOR @ real, PRIOR @ fake) - 2 * LOG2 - 1e-9
    assert seen < value(prior * real, prior * fake) - 0.01
    # The swap: the worst value of the full game, the best of this one.
    one, other, half = np.eye(2), np.eye(2)[::-1], np.full((2, 1), 0.5)
    assert close(value(half * one, half * other), 0)
    assert close(best_logits(half * one, half * other, additive(2, 2, beta))[1], -2 * LOG2, 1e-12)


def test_concatenation_before_the_last_layer_is_a_sum():
    """And a hidden layer after the concatenation is enough to connect the two."""
    features, embedding = torch.randn(5, 6), torch.randn(3, 4)
    pairs = torch.cat([features[None].expand(3, 5, 6), embedding[:, None].expand(3, 5, 4)], 2)

    def interaction(network):
        a = network(pairs)[..., 0]
        return (a - a.mean(0, keepdim=True) - a.mean(1, keepdim=True) + a.mean()).abs().max()

    assert interaction(nn.Linear(10, 1)) < 1e-12
    assert interaction(nn.Sequential(nn.Linear(10, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))) > 1e-3


@pytest.mark.proves("prop-cgan-unconditional")
def test_a_generator_that_ignores_its_condition():
    def price(real, prior):
        return lambda q: sum(c * 2 * js(p, q) for c, p in zip(prior, real, strict=True)) - 2 * LOG2

    def least(real, prior):
        weights = torch.from_numpy(prior)[:, None]
        return minimise_tables(prior[:, None] * real, lambda q: weights * q, np.full((1, real.shape[1]), 0.25))[0]

    real, marginal = laws(), PRIOR @ laws()
    best = least(real, PRIOR)
    assert price(real, PRIOR)(best) > -2 * LOG2 + 0.03  # 1
    assert close(price(np.tile(marginal, (3, 1)), PRIOR)(marginal), -2 * LOG2)  # the exception
    # 2: the condition of first order at what the minimiser found, and not at the marginal.
    slopes = PRIOR @ np.log1p(real / best)
    assert np.ptp(slopes) < 1e-5 < 0.01 < np.ptp(PRIOR @ np.log1p(real / marginal))
    assert price(real, PRIOR)(best) < price(real, PRIOR)(marginal) - 1e-4
    two = np.array([[1.0, 0.0], [0.5, 0.5]])
    half = np.array([0.5, 0.5])
    u = minimize_scalar(lambda u: price(two, half)(np.array([1 - u, u])), bounds=(0.01, 0.9), method="bounded").x
    assert abs(u - 0.191) < 5e-4 and abs(u - 0.25) > 0.05
    # 3: disjoint conditions of unequal frequency.
    apart = np.array([[0.5, 0.5, 0, 0], [0, 0, 0.25, 0.75]])
    prior = np.array([0.8, 0.2])
    best = least(apart, prior)
    shares = np.array([best[:2].sum(), best[2:].sum()])
    assert np.allclose(best, shares @ apart, atol=1e-4)
    assert np.ptp(prior * np.log1p(1 / shares)) < 1e-3
    assert abs(shares[0] - 0.9415) < 5e-4 and abs(shares[0] - 0.8) > 0.1  # not the marginal
    equal = least(apart, half)
    assert np.allclose(equal, half @ apart, atol=1e-4)  # but it is for equal frequencies


@pytest.mark.proves("thm-cgan-prior")
def test_other_frequencies():
    real, fake = laws(), laws(seed=1)
    ours, theirs = PRIOR[:, None], np.array([[0.2], [0.2], [0.6]])
    logits, found = best_logits(ours * real, theirs * fake)
    assert np.allclose(logits, np.log(ours / theirs) + np.log(real / fake), atol=1e-4)
    floor = 2 * js(PRIOR, theirs[:, 0]) - 2 * LOG2
    assert found > floor + 0.05 and floor > -2 * LOG2 + 0.02
    table = minimise_tables(ours * real, lambda q: torch.from_numpy(theirs) * q, fake)
    assert np.allclose(table, real, atol=1e-4)  # the equilibrium stays
    assert np.abs(table - (PRIOR @ real)).max() > 0.05 and np.abs(table - fake).max() > 0.05
    assert close(value(ours * real, theirs * table), floor, 1e-8)
    # A discriminator of x alone asks for another thing, which the equilibrium does not satisfy.
    assert np.abs(theirs[:, 0] @ real - PRIOR @ real).max() > 0.05
    # Where only one of the laws has the condition, the model's row does not matter.
    ours, theirs = np.array([[0.6], [0.4], [0.0]]), np.array([[0.5], [0.0], [0.5]])
    same = real.copy()
    same[1:] = fake[1:]
    assert close(value(ours * real, theirs * same), value(ours * real, theirs * real))
    assert close(value(ours * real, theirs * real), 2 * js(ours[:, 0], theirs[:, 0]) - 2 * LOG2)
    same[0] = fake[0]
    assert value(ours * real, theirs * same) > value(ours * real, theirs * real) + 0.01
    # The numbers of the page.
    common = 2 * js(np.array([0.8, 0.2]), np.array([0.5, 0.5])) - 2 * LOG2
    assert abs(-common - 1.285) < 5e-4
    assert abs(0.8 / 1.3 - 0.615) < 5e-4 and abs(0.2 / 0.7 - 0.286) < 5e-4
    assert abs(0.8 * 0.8 / 1.3 + 0.2 * 0.2 / 0.7 - 0.549) < 6e-4
    assert abs(0.5 * (0.8 / 1.3 + 0.2 / 0.7) - 0.451) < 6e-4


# ------------------------------------------------------------------------------------------------ realness and matching


def posterior(rows: np.ndarray, prior: np.ndarray = PRIOR) -> np.ndarray:
    joint = prior[:, None] * rows
    return joint / joint.sum(0)


@pytest.mark.proves("thm-cgan-decomposition")
def test_realness_and_matching():
    real, fake, prior = laws(), laws(seed=1), PRIOR[:, None]
    logits, _ = best_logits(prior * real, prior * fake)
    marginal, model = PRIOR @ real, PRIOR @ fake
    realness, _ = best_logits(marginal[None], model[None])  # the game in which D sees x only
    matching = np.log(posterior(real) / posterior(fake))
    assert np.allclose(logits, realness + matching, atol=1e-4)
    assert not np.allclose(logits, realness + np.log(posterior(real)), atol=0.3)  # a classifier of the data alone
    whole = sum(c * kl(p, q) for c, p, q in zip(PRIOR, real, fake, strict=True))
    inner = sum(m * kl(posterior(real)[:, i], posterior(fake)[:, i]) for i, m in enumerate(marginal))
    assert close(whole, kl(marginal, model) + inner)
    turned = sum(m * kl(posterior(real)[:, i], posterior(fake)[:, i]) for i, m in enumerate(model))
    assert not close(whole, kl(marginal, model) + turned, 1e-3)  # the outer mean is over the data


@pytest.mark.proves("thm-cgan-projection")
def test_projection():
    n, conditions, m = 7, 3, 2
    phi = np.random.default_rng(2).normal(size=(n, m))
    u, w = np.random.default_rng(3).normal(size=(2, conditions, m))
    p, q = np.random.default_rng(4).dirichlet(np.ones(n), size=2)

    def soft(v):
        e = np.exp(phi @ v.T)
        return e / e.sum(1, keepdims=True), np.log(e.sum(1))

    (post, logz), (model, logz_model) = soft(u), soft(w)
    logits, _ = best_logits((p[:, None] * post).T, (q[:, None] * model).T)  # pairs: p(x) p(c|x) against q(x) p_θ(c|x)
    r = np.log(p / q) - logz + logz_model
    assert np.allclose(logits.T, phi @ (u - w).T + r[:, None], atol=1e-4)
    assert not np.allclose(logits.T, phi @ (u - w).T + np.log(p / q)[:, None], atol=0.1)  # partition functions count
    assert not np.allclose(logits.T, phi @ u.T + r[:, None], atol=0.3)  # the difference of the vectors, not the data's
    # 2: Gaussian conditions with the same covariance.
    rng = np.random.default_rng(5)
    root = rng.normal(size=(2, 2))
    sigma = root @ root.T + np.eye(2)
    here, there = rng.normal(size=(2, 2, m))

    def log_density(c, mean, cov):
        d = c - mean
        return -0.5 * d @ np.linalg.solve(cov, d) - 0.5 * np.log(np.linalg.det(cov))

    def rest(cov):
        """What remains of the log ratio when the bilinear part is taken away, for several c: constant in c?"""
        bilinear = np.linalg.solve(sigma, here - there)
        out = []
        for c in rng.normal(size=(6, 2)):
            ratio = log_density(c, here @ phi[0], sigma) - log_density(c, there @ phi[0], cov)
            out.append(ratio - c @ bilinear @ phi[0])
        return np.ptp(out)

    assert rest(sigma) < 1e-9
    assert rest(2 * sigma) > 0.1  # with another covariance a square of c is left
    # 3: r is a function of φ(x) only if realness is: two points with the same features.
    phi[1] = phi[0]
    (_, logz), (_, logz_model) = soft(u), soft(w)
    assert close(logz[1] - logz_model[1], logz[0] - logz_model[0])
    r = np.log(p / q) - logz + logz_model
    assert abs(r[0] - r[1]) > 0.1 and abs(np.log(p / q)[0] - np.log(p / q)[1]) > 0.1


@pytest.mark.proves("prop-cgan-rank")
def test_rank_of_a_projection():
    rng = np.random.default_rng(0)
    n, k = 8, 5
    centre = np.eye(k) - 1 / k
    for m in (1, 2, 3):
        made = rng.normal(size=(n, m)) @ rng.normal(size=(m, k)) + rng.normal(size=(n, 1))
        assert np.linalg.matrix_rank(made @ centre) == m  # a projection has this rank ...
        assert np.linalg.matrix_rank(made) == m + 1  # ... after centring, not before
    free = rng.normal(size=(n, k))
    for m in (2, 4):
        fitted, best = fit_projection(free, m)
        tail = np.sqrt((np.linalg.svd(free @ centre)[1][m:] ** 2).sum())
        assert close(best, tail, 1e-4)  # what no projection of this size can reach, by descent and by singular values
        assert (tail < 1e-9) == (m == k - 1)
        assert fitted.shape == free.shape
    # One class more than features without ψ: not enough; with r it is.
    assert np.linalg.svd(free)[1][k - 1] > 0.1


def fit_projection(target: np.ndarray, m: int) -> tuple[np.ndarray, float]:
    """v_c · φ_i + r_i fitted by alternating least squares, and the distance left."""
    n, k = target.shape
    v = np.random.default_rng(1).normal(size=(k, m))
    for _ in range(400):
        with_one = np.hstack([v, np.ones((k, 1))])
        phi = target @ np.linalg.pinv(with_one).T  # (n, m + 1): the last column is r
        v = ((target - phi[:, m:]).T @ np.linalg.pinv(phi[:, :m]).T).reshape(k, m)
    fitted = phi[:, :m] @ v.T + phi[:, m:]
    return fitted, float(np.linalg.norm(target - fitted))


@pytest.mark.proves("prop-cgan-width")
def test_concatenation_and_projection():
    # 1: the mixed difference of a product is one everywhere, that of a ReLU network zero on small squares.
    network = nn.Sequential(nn.Linear(2, 12), nn.ReLU(), nn.Linear(12, 12), nn.ReLU(), nn.Linear(12, 1))
    h = 1e-5
    corner = torch.rand(2000, 2)

    def mixed(f):
        shifted = [corner + h * torch.tensor(s) for s in ([1.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0])]
        a, b, c, d = (f(s) for s in shifted)
        return (a - b - c + d) / h**2

    assert torch.allclose(mixed(lambda s: s[:, 0] * s[:, 1]), torch.ones(2000), atol=1e-4)
    flat = mixed(lambda s: network(s)[:, 0]).abs()
    assert (flat < 1e-3).double().mean() > 0.99
    smooth = nn.Sequential(nn.Linear(2, 12), nn.Tanh(), nn.Linear(12, 1))
    assert (mixed(lambda s: smooth(s)[:, 0]).abs() < 1e-3).double().mean() < 0.9  # so the ReLU matters
    # 2: two units make −|x − c|; its centred matrix has rank n − 1 on any n points.
    pair = torch.rand(100, 2)
    units = nn.Linear(2, 2, bias=False)
    units.weight.data = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    assert torch.allclose(-units(pair).relu().sum(1), -(pair[:, 0] - pair[:, 1]).abs())
    for n in (3, 6, 10):
        x = np.sort(np.random.default_rng(n).random(n))
        a = -np.abs(x[:, None] - x)
        b = np.diff(np.diff(a, axis=0), axis=1)
        assert np.allclose(b, np.diag(2 * np.diff(x)))
        assert np.linalg.matrix_rank(a @ (np.eye(n) - 1 / n), tol=1e-9) == n - 1
        square = -((x[:, None] - x) ** 2)  # the other "the closer, the better" is a projection
        assert np.linalg.matrix_rank(square @ (np.eye(n) - 1 / n), tol=1e-9) <= 2


# -------------------------------------------------------------------------------------------------- wrong pairs


@pytest.mark.proves("prop-cgan-early")
def test_matching_before_realness():
    real, prior = laws(points=4), PRIOR[:, None]
    nothing, junk = np.zeros((3, 4)), np.hstack([np.zeros((3, 4)), laws(points=2)])
    data = np.hstack([real, nothing[:, :2]])
    blind = np.where(np.arange(6) < 4, 1.0, 0.0)

    def worth(d, b, wrong):
        with np.errstate(divide="ignore"):
            up, down = np.log(np.maximum(d, 1e-300)), np.log(np.maximum(1 - d, 1e-300))
        return float((prior * (data * up + (junk + b * wrong) * down)).sum())

    assert worth(blind, 0.0, data) == 0  # 1: optimal and blind
    marginal = np.broadcast_to(PRIOR @ data, data.shape)
    for b in (0.5, 2.0):
        logits, found = best_logits(prior * real, prior * b * marginal[:, :4])  # on S only real and wrong pairs
        assert np.allclose(logits, np.log(posterior(real) / prior) - math.log(b), atol=1e-4)  # 2
        assert not np.allclose(logits, np.log(posterior(real)) - math.log(b), atol=0.3)  # relative to the prior
        assert np.ptp(logits, axis=0).max() > 0.3  # it depends on c
        assert worth(blind, b, marginal) < found - 1  # and the blind one is far from optimal


CASES = [(1.0, 0.0), (0.5, 0.5), (1.0, 1.0), (1.0, 0.2), (2.0, 5.0)]


@pytest.mark.proves("thm-cgan-matching")
@pytest.mark.parametrize(("a", "b"), CASES)
def test_matching_aware_equilibrium(a, b):
    real, prior = 0.8 * laws(seed=43) + 0.05, PRIOR[:, None]
    wrong = np.broadcast_to(PRIOR @ real, real.shape)
    s = a + b
    # 1: the value, by an optimiser and by the weighted divergence.
    fake = laws(seed=1)
    logits, found = best_logits(prior * real, prior * (a * fake + b * wrong))
    assert np.allclose(logits, np.log(real / (a * fake + b * wrong)), atol=1e-4)
    share = 1 / (1 + s)
    entropy = -share * math.log(share) - (1 - share) * math.log(1 - share)
    mixture = (a * fake + b * wrong) / s
    weighted = sum(c * js(p, q, share) for c, p, q in zip(PRIOR, real, mixture, strict=True))
    assert close(found, (1 + s) * weighted - (1 + s) * entropy, 1e-8)
    if not close(s, 1):
        plain = sum(c * js(p, q) for c, p, q in zip(PRIOR, real, mixture, strict=True))
        assert abs(found - ((1 + s) * plain - (1 + s) * entropy)) > 1e-3
    # 2, 3: a general minimiser, which knows nothing of the formula.
    p, w = torch.from_numpy(prior), torch.from_numpy(wrong.copy())
    table = minimise_tables(prior * real, lambda q: p * (a * q + b * w), np.full(real.shape, 0.25))
    cut, rescaled = False, 0.0
    for p, w, q in zip(real, wrong, table, strict=True):
        t, formula = moved(p, w, b / a)
        assert np.abs(q - formula).max() < 2e-3
        assert 1 <= t <= 1 + b / a + 1e-12
        straight = (1 + b / a) * p - b / a * w
        assert close(t, 1 + b / a) == (straight.min() >= 0)
        cut |= bool(straight.min() < 0)
        judge = p / (p + a * formula + b * w)
        assert np.allclose(judge[formula > 0], 1 / (1 + a * t))
        assert bool((judge[formula == 0] <= 1 / (1 + a * t) + 1e-12).all())
        clipped = np.maximum(0, straight) / np.maximum(0, straight).sum()
        rescaled = max(rescaled, np.abs(formula - clipped).max())
        if b:
            assert np.abs(q - p).max() > 0.01  # nor is the data
    assert cut == (b / a > 0.3)  # both branches are met
    assert (rescaled > 0.01) == cut  # to cut off and to rescale is not it


def test_only_the_ratio_of_the_weights_counts():
    real = laws(seed=6)
    wrong = PRIOR @ real
    results = [moved(real[0], wrong, k)[1] for k in (1.0, 0.5)]
    assert np.abs(results[0] - results[1]).max() > 0.02
    for weights in ((1.0, 1.0), (0.5, 0.5), (3.0, 3.0)):
        q, _ = play(real[:1], wrong[None], *weights)
        assert np.abs(q[0] - results[0]).max() < 0.01


def play(real: np.ndarray, wrong: np.ndarray, a: float, b: float, steps: int = 1500, saturating: bool = False):
    """Both players by gradient steps on tables, the derivatives written out; laws and discriminator at the end."""
    g, d = np.zeros(real.shape), np.zeros(real.shape)
    for _ in range(steps):
        e = np.exp(g)
        q = e / e.sum(1, keepdims=True)
        other = a * q + b * wrong
        for _ in range(6):
            judge = 1 / (1 + np.exp(-d))
            d += 4 / (1 + a + b) * (real * (1 - judge) - other * judge)
        cost = -np.logaddexp(0, d) if saturating else np.logaddexp(0, -d)
        g -= 0.5 * q * (cost - (q * cost).sum(1, keepdims=True))
    return q, 1 / (1 + np.exp(-d))


@pytest.mark.proves("thm-cgan-matching")
@pytest.mark.parametrize("saturating", [False, True])
def test_both_games_come_to_rest_there(saturating):
    """Part 5: the example of the page, whose equilibrium is inside for κ = 1 and cut off for κ = 2."""
    real = np.array([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]])
    wrong = np.broadcast_to(real.mean(0), real.shape)
    for a, b, right, height in (
        (0.5, 0.5, (0.65, 0.3, 0.05), 1 / 2),
        (1, 1, (0.65, 0.3, 0.05), 1 / 3),
        (1, 2, (0.7375, 0.2625, 0.0), 1 / 3.875),
    ):
        q, d = play(real, wrong, a, b, 4000, saturating)
        assert np.abs(q[0] - right).max() < 0.01 and np.abs(q[1] - right[::-1]).max() < 0.01
        assert np.abs(q[0] - real[0]).max() > 0.1  # a game that "helps matching" would end at the data
        assert np.abs(d[0, :2] - height).max() < 0.003
        # Nobody gains by moving: no sample is worth more than those that are made, and D answers best.
        t, exact = moved(real[0], wrong[0], b / a)
        best = real[0] / (real[0] + a * exact + b * wrong[0])
        assert best.max() <= best[exact > 0].min() + 1e-12
        assert np.allclose(exact, right)


@pytest.mark.proves("thm-cgan-matching")
def test_when_nothing_moves():
    """Part 4: it stays if and only if the wrong law is a constant times the right one where the right one lives."""
    right = np.array([0.5, 0.3, 0.2, 0, 0])
    for wrong, stays in (
        (np.array([0, 0, 0, 0.4, 0.6]), True),  # never fits
        (0.3 * right + 0.7 * np.array([0, 0, 0, 0.4, 0.6]), True),  # fits by chance
        (np.array([0.1, 0, 0, 0.3, 0.6]), False),  # overlaps
        (np.full(5, 0.2), False),
    ):
        for kappa in (0.3, 1, 4):
            q = moved(right, wrong, kappa)[1]
            assert (np.abs(q - right).max() < 1e-12) == stays
    assert np.allclose(moved(right, np.full(5, 0.2), 0)[1], right)


@pytest.mark.proves("prop-cgan-chance")
def test_three_ways_to_draw_wrong_pairs():
    real = laws(seed=6)
    marginal = PRIOR @ real
    for kappa in (0.3, 1.0, 4.0):
        for c, (p, share) in enumerate(zip(real, PRIOR, strict=True)):
            others = (marginal - share * p) / (1 - share)
            assert np.allclose(others, sum(PRIOR[k] * real[k] for k in range(3) if k != c) / (1 - share))
            another = moved(p, others, kappa)[1]
            assert np.allclose(another, moved(p, marginal, kappa / (1 - share))[1])
            assert np.abs(another - moved(p, marginal, kappa * (1 - share))[1]).max() > 5e-3  # the factor turned round
            n = 4
            mixed = (1 - 1 / n) * marginal + p / n
            assert np.allclose(moved(p, mixed, kappa)[1], moved(p, marginal, kappa * (1 - 1 / n))[1])
    # Frequencies of pairs (condition of the picture, wrong condition), by drawing.
    n, batch = 60_000, 4
    own = torch.multinomial(torch.from_numpy(PRIOR), n * batch, replacement=True).view(n, batch)
    shifted = own.roll(1, 1)
    match = (own == shifted).double().mean()
    assert abs(match - (PRIOR**2).sum()) < 0.01  # a cyclic shift matches by chance only
    order = torch.rand(n, batch).argsort(1)
    permuted = own.gather(1, order)
    expected = 1 / batch + (1 - 1 / batch) * (PRIOR**2).sum()
    assert abs((own == permuted).double().mean() - expected) < 0.01 and expected > match + 0.1
    # 4, the picture first, then another condition: each as likely, or by frequency.
    for kappa in (0.3, 1.0, 4.0):
        for c, (p, share) in enumerate(zip(real, PRIOR, strict=True)):
            density = sum(PRIOR[k] * real[k] for k in range(3) if k != c) / 2  # of the wrong pairs (x, c)
            weight = kappa * density.sum() / share
            even = moved(p, density / density.sum(), weight)[1]
            assert np.allclose(even, moved(p, marginal, kappa / (2 * share))[1])
            if kappa == 0.3:  # with a large κ one kind is left, in either case
                assert np.abs(even - moved(p, marginal, kappa / (1 - share))[1]).max() > 5e-3  # it is not case 2
    step = torch.randint(1, 3, (n,))
    relabelled = (own[:, 0] + step) % 3  # as `ganlib` draws them
    counts = torch.zeros(3, 3).index_put((relabelled, own[:, 0]), torch.ones(n), accumulate=True) / n
    assert np.abs(counts.numpy() - PRIOR[None] / 2 * (1 - np.eye(3))).max() < 0.01
    assert close(1 / (9 * 0.01), 11.1, 2e-3)  # ten classes, one of them rare
    weights = torch.from_numpy(PRIOR).expand(n, 3).clone()
    first = own[:, 0]
    weights[torch.arange(n), first] = 0
    wrong = torch.multinomial(weights, 1)[:, 0]
    counts = torch.zeros(3, 3).index_put((wrong, first), torch.ones(n), accumulate=True) / n
    odds = PRIOR / (1 - PRIOR)
    joint = PRIOR[:, None] * odds[None] * (1 - np.eye(3))  # p(c) p(c')/(1 − p(c'))
    assert np.abs(counts.numpy() - joint).max() < 0.01
    assert np.abs(joint.sum(1) - PRIOR).max() > 0.02  # the wrong pairs' conditions are not those of the data
    rho = [sum(odds[k] for k in range(3) if k != c) for c in range(3)]
    assert np.allclose(joint.sum(1) / PRIOR, rho)
    even = np.full(3, 1 / 3)
    assert np.allclose((even[:, None] * (even / (1 - even))[None] * (1 - np.eye(3))).sum(1), even)


@pytest.mark.proves("prop-cgan-sharper")
def test_sharper_than_the_truth():
    real = laws(seed=8) * 0.5 + 0.125
    marginal = PRIOR @ real
    kappa = 0.6
    rows = np.stack([moved(p, marginal, kappa)[1] for p in real])
    assert ((1 + kappa) * real - kappa * marginal).min() >= 0
    assert np.allclose(PRIOR @ rows, marginal)  # 1
    assert np.allclose(posterior(rows), posterior(real) + kappa * (posterior(real) - PRIOR[:, None]))  # 2
    assert not np.allclose(posterior(rows), posterior(real), atol=0.02)
    score = np.random.default_rng(0).random(real.shape)
    guess = np.eye(3)[posterior(real).argmax(0)].T
    for u in (score, guess):  # 3
        data, chance, made = ((PRIOR[:, None] * rows_ * u).sum() for rows_ in (real, np.tile(marginal, (3, 1)), rows))
        assert close(made, data + kappa * (data - chance))
    assert made > data + 0.01 and abs(made - (1 + kappa) * data) > 0.05
    # Where something is cut off the marginal is moved as well.
    two = np.array([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]])
    half = np.array([0.5, 0.5])
    cut = np.stack([moved(p, two.mean(0), 2)[1] for p in two])
    assert np.abs(half @ cut - two.mean(0)).max() > 0.01
    # 4: from the threshold on, exactly the most typical samples.
    for p in (two[0], np.array([0.4, 0.1, 0.5])):
        both = np.stack([p, 2 * two.mean(0) - p]) if p is two[0] else np.stack([p, np.array([0.2, 0.4, 0.4])])
        m = both.mean(0)
        rho = p / m / 2
        typical = np.isclose(rho, rho.max())
        second = rho[~typical].max()
        threshold = second / (m[typical].sum() * (rho.max() - second))
        for factor, alone in ((0.98, False), (1.02, True)):
            q = moved(p, m, threshold * factor)[1]
            assert (q[~typical].max() == 0) == alone
        assert np.allclose(q[typical], m[typical] / m[typical].sum())
    assert close(2 / 3 * 10, 0.5 / (0.35 * (5 / 7 - 0.5)))  # 20/3 on the page


@pytest.mark.proves("prop-cgan-branches")
def test_two_branches_with_a_loss_each():
    prior = PRIOR[:, None]

    def both(real, wrong, a, b):
        """The minimiser of the sum of the two games: the game on x is one more row of the tables."""
        p, w = torch.from_numpy(prior[: len(real)] / prior[: len(real)].sum()), torch.from_numpy(wrong)
        share = p.numpy()
        positive = np.vstack([share * real, (share * real).sum(0)])
        start = np.full(real.shape, 1 / real.shape[1])
        return minimise_tables(positive, lambda q: torch.vstack([p * (a * q + b * w), (p * q).sum(0)]), start)

    # 1: the second branch's best logit is not the matching part, but the difference of the branches is.
    real, fake = laws(), laws(seed=1)
    rho, _ = best_logits((PRIOR @ real)[None], (PRIOR @ fake)[None])
    mu, _ = best_logits(prior * real, prior * fake)
    matching = np.log(posterior(real) / posterior(fake))
    assert np.allclose(mu - rho, matching, atol=2e-4) and np.abs(mu - matching).max() > 0.1
    # 2: without wrong pairs, and with independent ones if nothing is cut off, the equilibrium is that of the pairs.
    real = laws(seed=8) * 0.5 + 0.125
    wrong = np.tile(PRIOR @ real, (3, 1))
    for b in (0.0, 0.6):
        rows = np.stack([moved(p, wrong[0], b)[1] for p in real])
        assert np.allclose(PRIOR @ rows, PRIOR @ real)
        assert np.abs(both(real, wrong, 1.0, b) - rows).max() < 1e-3
    assert np.abs(rows - real).max() > 0.02  # so the first branch does not bring the data back
    # 3: where something is cut off, the two disagree and meet in between.
    real = laws(seed=6)
    wrong = np.tile(PRIOR @ real, (3, 1))
    rows = np.stack([moved(p, wrong[0], 3.0)[1] for p in real])
    table = both(real, wrong, 1.0, 3.0)
    apart, nearer = (js(PRIOR @ real, PRIOR @ q) for q in (rows, table))
    assert 1e-4 < nearer < 0.9 * apart
    assert np.abs(table - rows).max() > 0.01 and np.abs(table - real).max() > 0.05


def test_numbers_of_the_example():
    real = np.array([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]])
    w = real.mean(0)
    for kappa, q in ((1, (0.65, 0.3, 0.05)), (4 / 3, (0.7, 0.3, 0)), (2, (0.7375, 0.2625, 0)), (20 / 3, (1, 0, 0))):
        assert np.allclose(moved(real[0], w, kappa)[1], q)
    guessed = posterior(real, np.array([0.5, 0.5]))[0]
    assert abs(real[0] @ guessed - 0.564) < 5e-4 and abs(moved(real[0], w, 1)[1] @ guessed - 0.629) < 5e-4
    for s, loss in ((1, 1.386), (1.5, 1.682), (2, 1.910)):
        assert abs(math.log(1 + s) + s * math.log((1 + s) / s) - loss) < 6e-4
    apart = np.eye(2)  # conditions that exclude each other, labels that are always wrong: the equilibrium is the data
    for b in (0.5, 1.0, 3.0):
        assert np.allclose(moved(apart[0], apart[1], b)[1], apart[0])
        assert close(value(apart, apart + b * apart[::-1]) / 2, -2 * LOG2)


def test_numbers_of_the_exercises():
    one, two = np.array([0.6, 0.4, 0.0]), np.array([0.2, 0.4, 0.4])
    w = (one + two) / 2
    assert np.allclose(moved(one, w, 0.5)[1], (0.64, 0.36, 0)) and close(moved(one, w, 0.5)[0], 1.4)
    assert np.allclose(moved(two, w, 1)[1], (0, 0.4, 0.6)) and np.allclose(moved(two, w, 2)[1], (0, 0.3, 0.7))
    assert close(moved(two, w, 2)[0], 2.75)
    assert moved(two, w, 4.95)[1][1] > 0 and moved(two, w, 5.05)[1][1] == 0
    # Other losses (c): W1 on the points 0, 1, 2 by a linear programme over q, against the formula of this chapter.
    p, w = np.array([0.1, 0.1, 0.8]), np.array([0.5, 0.0, 0.5])
    assert np.allclose(moved(p, w, 1)[1], (0, 1 / 6, 5 / 6))
    rows = [np.array([-0.5, 0, 0, -1, 0]), np.array([0.5, 0, 0, -1, 0])]  # |F − M| ≤ s at 0 ...
    rows += [np.array([-0.5, -0.5, 0, 0, -1]), np.array([0.5, 0.5, 0, 0, -1])]  # ... and at 1
    gap = np.cumsum(p)[:2] - 0.5 * np.cumsum(w)[:2]
    bounds = [-gap[0], gap[0], -gap[1], gap[1]]
    found = linprog([0, 0, 0, 1, 1], A_ub=rows, b_ub=bounds, A_eq=[[1, 1, 1, 0, 0]], b_eq=[1])
    assert np.allclose(found.x[:3], (0, 0, 1))
    # Undoing the shift: wrong pairs on both sides.
    real, fake, prior = laws(seed=6), laws(seed=1), PRIOR[:, None]
    wrong = np.broadcast_to(PRIOR @ real, real.shape)
    b = 0.7
    p, w = torch.from_numpy(prior), torch.from_numpy(wrong.copy())
    table = minimise_tables(prior * (real + b * wrong), lambda q: p * (q + b * w), fake)
    assert np.allclose(table, real, atol=2e-3)
    for b in (200.0, 400.0):
        gap = value(prior * (real + b * wrong), prior * (fake + b * wrong)) + 2 * (1 + b) * LOG2
        assert close(gap, (prior * (real - fake) ** 2 / wrong).sum() / (4 * b), 0.02)


# ---------------------------------------------------------------------------------------------- what numbers can't tell


@pytest.mark.proves("prop-cgan-accuracy")
def test_accuracy():
    real, fake = laws(), laws(seed=1)
    guess = np.eye(3)[posterior(real).argmax(0)].T

    def accuracy(rows):
        return float((PRIOR[:, None] * rows * guess).sum())

    for other in (fake, laws(seed=2), laws(seed=3), 0.9 * real + 0.1 * fake):
        bound = PRIOR @ (np.abs(real - other).sum(1) / 2)
        assert abs(accuracy(other) - accuracy(real)) <= bound + 1e-12  # 1
    tight = np.array([[1.0, 0], [0, 1]])
    assert np.abs(tight - tight[::-1]).sum(1).max() / 2 == 1  # the bound with ½Σ|·| is reached by a swap
    # 2: one sample for each condition, on the line: accuracy 1, and the value of pairs that share nothing.
    x = torch.linspace(-6, 6, 2001)
    cells = torch.exp(-((x[None] - torch.tensor([[1.0], [-1.0]])) ** 2) / 2)
    cells = (cells / cells.sum(1, keepdim=True)).numpy()
    spike = np.zeros_like(cells)
    spike[0, 1500], spike[1, 500] = 1, 1
    assert x[1500] > 0 > x[500]  # ĉ = sign of x
    sure = [spike[0, x > 0].sum(), spike[1, x < 0].sum()]
    data = [cells[0, x > 0].sum(), cells[1, x < 0].sum()]
    assert sure == [1, 1] and max(data) < 0.9
    half = np.full((2, 1), 0.5)
    values = [
        value(half * cells.reshape(2, -1, k).sum(2), half * spike.reshape(2, -1, k).sum(2)) for k in (2001, 69, 3, 1)
    ]
    assert values == sorted(values) and abs(values[0] + 2 * LOG2) < 1e-12 and values[-1] > -0.03  # finer cells → 0
    # 3: a permutation of the labels.
    for order in permutations(range(3)):
        assert np.allclose(fake[list(order)].mean(0), fake.mean(0))
    assert not np.allclose(PRIOR @ fake[[1, 2, 0]], PRIOR @ fake, atol=0.01)  # equal frequencies are needed


@pytest.mark.proves("prop-cgan-unseen")
def test_unseen_conditions():
    real = laws(conditions=4)
    prior = np.array([[0.3], [0.3], [0.4], [0.0]])  # (1, 1) never occurs
    wrong = np.broadcast_to((prior * real).sum(0), real.shape)
    for last in laws(conditions=3, seed=5):
        model = real.copy()
        model[3] = last
        assert close(value(prior * real, prior * model), -2 * LOG2)  # 1: an equilibrium with any law there
        world = real.copy()
        world[3] = last
        assert np.array_equal(prior * world, prior * real)  # 2: the same law of training pairs
        mixed = prior * (model + 0.5 * wrong)
        assert close(value(prior * real, mixed), value(prior * real, prior * (real + 0.5 * wrong)))
    seen = np.full((4, 1), 0.25)
    model[3] = laws(seed=9)[0]
    assert value(seen * real, seen * model) > -2 * LOG2 + 0.005  # if it occurs, it counts
    # 3: additive embeddings into a free function: four chosen outputs, whatever they are.
    e, f = torch.tensor([0.0, 1.0]), torch.tensor([0.0, 2.0])
    sums = (e[:, None] + f[None]).flatten()
    assert len(set(sums.tolist())) == 4
    for wanted in (torch.tensor([0.0, 1.0, 1.0, 2.0]), torch.tensor([0.0, 1.0, 1.0, -5.0])):
        powers = torch.linalg.solve(sums[:, None] ** torch.arange(4), wanted)  # a polynomial g
        assert torch.allclose((sums[:, None] ** torch.arange(4)) @ powers, wanted)
    # 4: additive outputs: the fourth law is the shift of the third.
    xi, u, v = torch.randn(1000, 2).exp(), torch.randn(2, 2), torch.randn(2, 2)
    cell = {(i, j): xi + u[i] + v[j] for i in (0, 1) for j in (0, 1)}
    step = cell[0, 1].mean(0) - cell[0, 0].mean(0)
    assert torch.allclose(cell[1, 1], cell[1, 0] + step)
    assert not torch.allclose(cell[1, 1], cell[1, 0] + cell[1, 0].mean(0) - cell[0, 0].mean(0), atol=0.1)


# --------------------------------------------------------------------------------------------------------- the networks


@pytest.mark.proves("prop-cgan-embedding")
def test_label_embedding():
    k, n, d = 6, 8, 5
    z = torch.randn(20, d)
    for m in (2, 5, 6):
        embedding, layer = nn.Embedding(k, m), nn.Linear(d + m, n)
        biases = layer.bias + embedding.weight @ layer.weight[:, d:].T
        for c in range(k):
            label = torch.full((20,), c)
            assert torch.allclose(layer(torch.cat([z, embedding(label)], 1)), z @ layer.weight[:, :d].T + biases[c])
        span = torch.linalg.matrix_rank(biases - biases[0])
        assert span == min(m, k - 1)  # 3: no more dimensions than the embedding has, and K − 1 are all
        if m < k - 1:  # a family that does not fit: the best embedding leaves the tail of the singular values
            wanted = torch.randn(k, n)
            centred = wanted - wanted.mean(0)
            assert torch.linalg.svdvals(centred)[m] > 0.1
    # 2, 3: wanted biases, by one-hot labels and by an embedding of dimension K − 1.
    wanted = torch.randn(k, n)
    one_hot = nn.Linear(d + k, n)
    one_hot.weight.data[:, d:], one_hot.bias.data = wanted.T, torch.zeros(n)
    labels = torch.arange(k)
    assert torch.allclose(
        one_hot(torch.cat([z[:k], torch.eye(k)], 1)), z[:k] @ one_hot.weight[:, :d].T + wanted[labels]
    )
    u, s, vh = torch.linalg.svd(wanted - wanted[0], full_matrices=False)
    small = k - 1
    made = wanted[0] + (u[:, :small] * s[:small]) @ vh[:small]
    assert torch.allclose(made, wanted)
    # 4: variances over the draw of the weights.
    x, e, other = torch.randn(50) * 0.9, torch.randn(10), torch.randn(10)
    w = 0.3 * torch.randn(60_000, 60)
    assert close((w[:, 50:] @ e).var(), 0.09 * e.square().sum(), 0.03)
    assert close((w[:, :50] @ x).var(), 0.09 * x.square().sum(), 0.03)
    assert close((w[:, 50:] @ (e - other)).square().mean(), 0.09 * (e - other).square().sum(), 0.03)
    assert not close((w[:, 50:] @ e).var(), 0.09 * e.abs().sum(), 0.1)


@pytest.mark.proves("prop-cgan-norm")
def test_normalisation_and_the_label():
    k, m, d, n = 4, 3, 6, 5
    embedding, layer, norm = nn.Embedding(k, m), nn.Linear(d + m, n), nn.BatchNorm1d(n, affine=False)
    z = torch.randn(32, d)

    def out(labels, z=z):
        return norm(layer(torch.cat([z, embedding(labels)], 1)))

    zeros, twos = torch.zeros(32, dtype=torch.long), torch.full((32,), 2)
    assert torch.allclose(out(zeros), out(twos), atol=1e-10)  # 1
    mixed = torch.arange(32) % k
    assert not torch.allclose(out(mixed), out(zeros), atol=0.1)
    changed = mixed.clone()
    changed[1:] = 0
    assert not torch.allclose(out(mixed)[0], out(changed)[0], atol=0.05)  # 2: the others' conditions count
    with torch.no_grad():
        plain = layer(torch.cat([z, embedding(mixed)], 1)).mean(0)
        biases = layer.bias + embedding.weight @ layer.weight[:, d:].T
        assert torch.allclose(plain, z.mean(0) @ layer.weight[:, :d].T + biases[mixed].mean(0))
    norm.eval()
    assert not torch.allclose(out(zeros), out(twos), atol=0.05)  # evaluation mode keeps the bias
    norm.train()
    gamma, beta = torch.randn(k, n), torch.randn(k, n)
    gamma[2, 1] = 0
    y = gamma[twos] * out(twos) + beta[twos]  # 3
    assert torch.allclose(y.mean(0), beta[2]) and torch.allclose(y.std(0, correction=0), gamma[2].abs(), rtol=1e-3)
    assert y[:, 1].std() < 1e-12 and not torch.allclose(y.mean(0), beta[0], atol=0.1)
    # With an activation between the layer and the normalisation, the classic order, the label is not lost.
    before = norm(nn.functional.leaky_relu(layer(torch.cat([z, embedding(zeros)], 1)), 0.2))
    after = norm(nn.functional.leaky_relu(layer(torch.cat([z, embedding(twos)], 1)), 0.2))
    assert not torch.allclose(before, after, atol=0.02)


def test_parameters_of_the_classic_networks():
    def stack(*widths):
        layers = [nn.Linear(a, b) for a, b in zip(widths, widths[1:], strict=False)]
        return [sum(p.numel() for p in layer.parameters()) for layer in layers]

    embedding = nn.Embedding(10, 10).weight.numel()
    generator, discriminator = stack(110, 256, 512, 1024, 784), stack(794, 1024, 512, 256, 1)
    assert generator == [28_416, 131_584, 525_312, 803_600]
    assert discriminator == [814_080, 524_800, 131_328, 257]
    assert (embedding + sum(generator), embedding + sum(discriminator)) == (1_489_012, 1_470_565)
    assert sum(p.numel() for width in (256, 512, 1024) for p in nn.BatchNorm1d(width).parameters()) == 3584
    assert embedding + 10 * 256 == 2660 and round(sum(generator, embedding) / 2660) == 560
