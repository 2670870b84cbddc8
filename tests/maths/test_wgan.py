"""Every statement of chapter 06, checked by numbers, each beside a plausible wrong variant.

Plans and critics are linear programmes that are solved apart from each other. Where a law is not finite, its integrals
are closed forms on one side and sums over a fine grid on the other; where a claim speaks of random weights or samples,
all outcomes of a small case are enumerated.
"""

import math
import re
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from scipy.optimize import linear_sum_assignment, linprog
from scipy.stats import norm

from ganlib.data.digits import digits

PAGE = Path(__file__).parents[2] / "book/en/06-wgan.md"


@pytest.fixture
def rng():
    return np.random.default_rng(1)


def distances(x, y=None):
    x = np.asarray(x, float)
    y = x if y is None else np.asarray(y, float)
    return np.linalg.norm(x[:, None] - y, axis=-1)


def marginals(rows, columns):
    """What a plan, written as a vector, is summed to: by start, then by end."""
    start = np.kron(np.eye(rows), np.ones(columns))
    return np.vstack([start, np.kron(np.ones(rows), np.eye(columns))])


def transport(p, q, cost):
    """The primal linear programme: the plan and its cost."""
    rows, columns = np.shape(cost)
    solved = linprog(np.ravel(cost), A_eq=marginals(rows, columns), b_eq=np.append(p, q), method="highs-ds")
    assert solved.status == 0
    return solved.x.reshape(rows, columns), solved.fun


def best_prices(p, q, cost):
    """The dual with two price lists, u and v."""
    rows, columns = np.shape(cost)
    solved = linprog(
        -np.append(p, q), A_ub=marginals(rows, columns).T, b_ub=np.ravel(cost), bounds=(None, None), method="highs-ds"
    )
    assert solved.status == 0
    return solved.x[:rows], solved.x[rows:], -solved.fun


def best_critic(p, q, cost):
    """The dual with one function that is 1-Lipschitz with respect to the cost: the function and its value."""
    n = len(p)
    differences = marginals(n, n)[:n].T - marginals(n, n)[n:].T
    solved = linprog(
        q - p, A_ub=differences, b_ub=np.ravel(cost), bounds=[(0, 0)] + [(None, None)] * (n - 1), method="highs-ds"
    )
    assert solved.status == 0
    return solved.x, -solved.fun


def on_the_line(x, p, y, q):
    """W₁ of two laws on finitely many numbers, by the area between the distribution functions."""
    places = np.unique(np.append(x, y))
    below = [np.array([np.asarray(w)[np.asarray(at) <= t].sum() for t in places[:-1]]) for at, w in ((x, p), (y, q))]
    return float(np.abs(below[0] - below[1]) @ np.diff(places))


def shortest_ways(plan, cost):
    """−f of the proof: lengths of shortest ways from the first point over roads and refunds (Bellman and Ford)."""
    length = np.array(cost, float)
    refunds = (plan > 1e-9) & ~np.eye(len(cost), dtype=bool)
    length = np.where(refunds.T, np.minimum(length, -length.T), length)
    ways = length[0].copy()
    ways[0] = 0
    for _ in range(len(cost)):
        ways = np.minimum(ways, (ways[:, None] + length).min(0))
    if ((ways[:, None] + length).min(0) < ways - 1e-9).any():
        return None  # a round trip of negative length
    return ways


# ------------------------------------------------------------------------------------------------- plans and prices


@pytest.mark.proves("prop-wgan-metric")
def test_the_earth_movers_distance_is_a_metric(rng):
    for _ in range(8):
        d = distances(rng.normal(size=(5, 2)))
        p, q, r = rng.dirichlet(np.full(5, 0.7), 3)
        (one, pq), (two, qr), (_, pr) = transport(p, q, d), transport(q, r, d), transport(p, r, d)
        assert pq == pytest.approx(transport(q, p, d)[1]) and pq > 1e-3
        assert transport(p, p, d)[1] == pytest.approx(0, abs=1e-12)
        assert pr <= pq + qr + 1e-9
        glued = np.einsum("ij,jk,j->ijk", one, two, 1 / q)
        assert glued.sum(2) == pytest.approx(one, abs=1e-9) and glued.sum(0) == pytest.approx(two, abs=1e-9)
        assert pr <= (glued.sum(1) * d).sum() + 1e-9 <= pq + qr + 2e-9
        loose = np.einsum("ij,jk->ijk", one, two)  # without the proportions it is no plan
        assert loose.sum() < 0.9
    # With squared distances the triangle inequality fails, and so does it for the cost of the independent plan.
    squares = distances([[0], [1], [2]]) ** 2
    first, second, third = np.eye(3)
    assert transport(first, third, squares)[1] == pytest.approx(4)
    assert transport(first, second, squares)[1] + transport(second, third, squares)[1] == pytest.approx(2)
    half = np.array([0.5, 0.5, 0.0])
    assert half @ distances([[0], [1], [2]]) @ half == 0.5  # "distance" of a law to itself


@pytest.mark.proves("lem-wgan-prices")
def test_two_prices_are_one(rng):
    jumps = steep = 0
    for _ in range(20):
        points = rng.normal(size=(6, 2))
        d = distances(points)
        p, q = rng.dirichlet(np.ones(6), 2)
        v = rng.normal(size=6)
        u = (d - v).min(1) - rng.exponential(size=6) * (rng.random(6) < 0.7)
        assert (u[:, None] + v <= d + 1e-12).all()
        f = (d - v).min(1)
        assert (f[:, None] - f <= d + 1e-12).all() and (u <= f + 1e-12).all() and (v <= -f + 1e-12).all()
        assert p @ u + q @ v <= (p - q) @ f + 1e-12
        assert (f[:, None] + (-f) <= d + 1e-12).all()  # part 2
        # Part 3: on the points it is f, elsewhere it stays within its slope.
        others = rng.normal(size=(30, 2))
        extended = (f + distances(others, points)).min(1)
        assert (f + d).min(1) == pytest.approx(f)
        assert (np.abs(extended[:, None] - extended) <= distances(others) + 1e-12).all()
        nearest = f[distances(others, points).argmin(1)]  # the value of the nearest point would jump
        jumps += (np.abs(nearest[:, None] - nearest) > distances(others) + 0.01).any()
        steep += (u[:, None] - u > d + 0.01).any()
    assert jumps > 5 and steep > 5  # u alone is not 1-Lipschitz
    # For a cost without the triangle inequality the transform is not, either.
    squares = distances(np.arange(6)[:, None]) ** 2
    f = (squares - np.array([9.0, 0, 0, 0, 0, 0])).min(1)
    assert (f[:, None] - f > squares + 0.5).any()


@pytest.mark.proves("thm-wgan-finite")
def test_duality_on_finitely_many_points(rng):
    for _ in range(10):
        d = distances(rng.normal(size=(6, 2)))
        p, q = rng.dirichlet(np.full(6, 0.6), 2)
        plan, cost = transport(p, q, d)
        f, value = best_critic(p, q, d)
        assert value == pytest.approx(cost, abs=1e-9) and best_prices(p, q, d)[2] == pytest.approx(cost, abs=1e-9)
        mine = -shortest_ways(plan, d)  # the critic of the proof, from the plan alone
        assert (mine[:, None] - mine <= d + 1e-9).all()
        assert (p - q) @ mine == pytest.approx(cost, abs=1e-9)
        for _ in range(10):  # weak duality, for any plan and any critic
            other = (rng.normal(size=6) + d).min(1)
            assert (p - q) @ other <= (np.outer(p, q) * d).sum()
        assert shortest_ways(np.outer(p, q), d) is None  # a plan that is not optimal has a round trip that pays
    # Without the triangle inequality two prices still match the plan, and one function does not.
    squares = distances(np.array([[0.0], [1.0], [2.0]])) ** 2
    first, _, third = np.eye(3)
    assert transport(first, third, squares)[1] == pytest.approx(4) == best_prices(first, third, squares)[2]
    assert best_critic(first, third, squares)[1] == pytest.approx(2)


@pytest.mark.proves("thm-wgan-duality")
def test_duality_for_densities(rng):
    # N(0, I) and N(0, 4I) in the plane: the plan x → 2x and the critic −‖x‖ agree; a linear critic sees nothing.
    r = np.linspace(0, 14, 140_001)
    radius = (r * np.exp(-(r**2) / 2) * r).sum() * (r[1] - r[0])  # E‖x‖
    assert radius == pytest.approx(math.sqrt(math.pi / 2), abs=1e-6)
    by_plan, by_critic = (2 - 1) * radius, -radius + 2 * radius
    assert by_plan == pytest.approx(by_critic)
    x = rng.normal(size=(50, 2))
    _, cost = transport(np.full(50, 0.02), np.full(50, 0.02), distances(x, 2 * x))
    assert cost == pytest.approx(np.linalg.norm(x, axis=1).mean())  # also of the empirical laws
    assert np.linalg.norm((x - 2 * x).mean(0)) < 0.4 * cost
    # On the line: the step of the proof from densities to finitely many points.
    t = np.linspace(-30, 30, 60_001)
    step = t[1] - t[0]
    p, q = norm.pdf(t), norm.pdf(t, 1, 2)
    w = np.abs(norm.cdf(t) - norm.cdf(t, 1, 2)).sum() * step
    for delta, limit in ((1.0, 5.0), (0.3, 9.0), (0.05, 11.0)):
        snapped = np.where(np.abs(t) <= limit, np.round(t / delta) * delta, 0.0)
        moved = [(density * np.abs(t - snapped)).sum() * step for density in (p, q)]
        assert max(moved) <= 2 * delta
        places, where = np.unique(snapped, return_inverse=True)
        shares = [np.bincount(where, density) * step for density in (p, q)]
        assert abs(on_the_line(places, shares[0], places, shares[1]) - w) <= sum(moved) + 1e-4 <= 4 * delta
    f = np.cumsum(np.sign(norm.cdf(t, 1, 2) - norm.cdf(t))) * step
    assert ((p - q) * f).sum() * step == pytest.approx(w, abs=2e-3)
    assert ((p - q) * 2 * f).sum() * step == pytest.approx(2 * w, abs=4e-3)  # slope 2 would give twice as much
    assert ((p - q) * -t).sum() * step == pytest.approx(1, abs=1e-6) and w > 1.1  # the best linear critic, too little


@pytest.mark.proves("prop-wgan-slackness")
def test_complementary_slackness(rng):
    for _ in range(8):
        d = distances(rng.normal(size=(6, 2)))
        p, q = rng.dirichlet(np.full(6, 0.6), 2)
        (plan, cost), (f, _) = transport(p, q, d), best_critic(p, q, d)
        fall = f[:, None] - f
        assert fall[plan > 1e-9] == pytest.approx(d[plan > 1e-9], abs=1e-8)
        assert (fall[plan <= 1e-9] < d[plan <= 1e-9] - 1e-3).any()  # not for all pairs
        independent = np.outer(p, q)
        assert (independent * (d - fall)).sum() == pytest.approx((independent * d).sum() - cost, abs=1e-8)
        assert (independent * d).sum() > cost + 1e-3
    # 0 and 1 to 1 and 2: keep the order, or let one stay and carry the other over it. Each optimal critic fits both.
    d = distances(np.array([[0.0], [1.0], [2.0]]))
    p, q = np.array([0.5, 0.5, 0]), np.array([0, 0.5, 0.5])
    f, value = best_critic(p, q, d)
    for plan in ([[0, 0.5, 0], [0, 0, 0.5], [0, 0, 0]], [[0, 0, 0.5], [0, 0.5, 0], [0, 0, 0]]):
        plan = np.array(plan)
        assert (plan * d).sum() == pytest.approx(value) and (plan * (d - (f[:, None] - f))).sum() == pytest.approx(0)


@pytest.mark.proves("prop-wgan-line")
def test_best_critic_on_the_line(rng):
    t = np.linspace(-12, 14, 260_001)
    step = t[1] - t[0]
    p = 0.5 * norm.pdf(t, -1.4, 0.45) + 0.5 * norm.pdf(t, 1.4, 0.45)
    q = norm.pdf(t, 0.4, 0.6)
    below, other = (np.cumsum(density) * step - density * step / 2 for density in (p, q))
    for f, slope in ((np.sin(t), np.cos(t)), (np.abs(t - 0.3), np.sign(t - 0.3)), (-t, -np.ones_like(t))):
        mean = ((p - q) * f).sum() * step
        assert mean == pytest.approx((slope * (other - below)).sum() * step, abs=1e-4)
        assert abs(mean - (slope * (below - other)).sum() * step) > 0.05  # the sign turned
    slope = np.sign(other - below)
    best = np.cumsum(slope) * step
    w = np.abs(below - other).sum() * step
    assert ((p - q) * best).sum() * step == pytest.approx(w, abs=1e-3) and w > 0.5
    for _ in range(10):  # turned round anywhere the laws differ, it is worse
        at = rng.uniform(-2, 2)
        changed = np.where((t > at) & (t < at + 0.3), -slope, slope)
        lost = 2 * (np.abs(below - other) * ((t > at) & (t < at + 0.3))).sum() * step
        assert ((p - q) * np.cumsum(changed)).sum() * step**2 == pytest.approx(w - lost, abs=2e-3)


# -------------------------------------------------------------------------------------------- what the generator gets


def js(p, q):
    m = (p + q) / 2
    return sum((a[a > 0] * np.log(a[a > 0] / m[a > 0])).sum() / 2 for a in (p, q))


@pytest.mark.proves("thm-wgan-continuity")
def test_continuity_in_the_parameters(rng):
    z = rng.normal(size=400)
    data = np.sort(rng.normal(0.5, 0.7, 400))

    def w(theta, generator):
        return np.abs(np.sort(generator(theta)) - data).mean()

    def tanh(theta):
        return np.tanh(theta[0] * z + theta[1])

    bound = np.sqrt(z**2 + 1).mean()  # L(z) = ‖(z, 1)‖, as tanh is 1-Lipschitz
    for _ in range(200):
        one = rng.normal(size=2)
        two = one + rng.normal(size=2) * 10 ** rng.uniform(-4, 0)
        assert abs(w(one, tanh) - w(two, tanh)) <= bound * np.linalg.norm(one - two) + 1e-12

    def shifted(theta):
        return theta[0] + data  # L = 1, and half of it would be too little

    assert abs(w((2.0,), shifted) - w((1.0,), shifted)) == pytest.approx(1) and w((0.0,), shifted) == 0

    # Part 3: the induction of the proof, with its own constants, for a network of two hidden layers.
    shapes = [(5, 3), (5,), (5, 5), (5,), (2, 5), (2,)]
    centre = [rng.normal(size=shape) * 0.6 for shape in shapes]

    def run(weights, latent):
        h, steps = latent, [latent]
        for i in range(0, 6, 2):
            h = np.tanh(h @ weights[i].T + weights[i + 1])
            steps.append(h)
        return steps

    latent = rng.normal(size=(300, 3)) * 3
    size = 1 + np.linalg.norm(latent, axis=1)
    for _ in range(20):
        one, two = ([a + rng.uniform(-0.1, 0.1, a.shape) for a in centre] for _ in range(2))
        m = max(1, *(np.linalg.norm(a, 2) for a in one + two))
        gap = math.sqrt(sum(((a - b) ** 2).sum() for a, b in zip(one, two, strict=True)))
        constant, difference = 1.0, 0.0
        for h, h2 in list(zip(run(one, latent), run(two, latent), strict=True))[1:]:
            difference = m * difference + constant + 1
            constant = 2 * m + m * constant
            assert (np.linalg.norm(h2, axis=1) <= constant * size).all()
            assert (np.linalg.norm(h - h2, axis=1) <= difference * size * gap).all()

    # Part 4: the two segments, as many points each.
    def segments(theta):
        places = sorted({(0.0, k) for k in range(8)} | {(theta, k) for k in range(8)})
        return [np.array([(x, k) in {(at, j) for j in range(8)} for x, k in places]) / 8 for at in (0.0, theta)]

    assert [js(*segments(theta)) for theta in (1.0, 1e-3, -1e-9)] == pytest.approx([math.log(2)] * 3)
    assert js(*segments(0.0)) == 0
    # The conclusion of part 2 survives where JS does not jump, and says nothing: every derivative is 0.
    assert js(*segments(0.5 + 1e-6)) - js(*segments(0.5)) == 0
    # Part 1 without its bound: every path is continuous at 0, the distance is not.
    u = (np.arange(200_000) + 0.5) / 200_000

    def tent(theta, a):
        return theta**-a * np.maximum(0, 1 - u / math.sqrt(theta))

    for a in (0.0, 0.25, 0.5):
        for theta in (0.3, 0.01, 0.0004):
            assert tent(theta, a).mean() == pytest.approx(theta ** (0.5 - a) / 2, rel=1e-3)
    assert tent(0.0001, 0.5)[u > 0.01].max() == 0  # so each fixed z sees a constant near 0
    assert tent(1e-4, 0.0).mean() / 1e-4 > 40  # not Lipschitz at 0, although bounded by 1
    assert tent(0.5 + 1e-4, 0.0).mean() - tent(0.5, 0.0).mean() < 1e-4  # but it is smooth at every other place
    # The fat Cantor set: at its points no derivative, although 0 ≤ G ≤ 1.
    left, ends, middles = [(0.0, 1.0)], [], []
    for m in range(1, 11):
        middles.append(np.array([(a + b) / 2 for a, b in left]))
        left = [part for a, b in left for part in ((a, (a + b - 4.0**-m) / 2), ((a + b + 4.0**-m) / 2, b))]
        assert sum(b - a for a, b in left) == pytest.approx(1 - sum(2 ** (k - 1) / 4**k for k in range(1, m + 1)))
    assert sum(b - a for a, b in left) == pytest.approx(0.5, abs=1e-3)
    ends = np.array(left).ravel()  # points of the set; each gap has two of them as its ends
    for m, middle in enumerate(middles, 1):
        gaps = np.abs(middle[:, None] - ends).min(1)  # ϱ in the middles of the gaps of step m
        assert gaps == pytest.approx(4.0**-m / 2)
        w_middle = tent(gaps[0], 0.0).mean()
        if gaps[0] > 1e-5:  # finer than the grid of z
            assert w_middle == pytest.approx(2.0**-m / math.sqrt(8), rel=1e-2)
        near = np.abs(middle[:, None] - ends).min(0)
        assert (near <= 2.0**-m).all() and (2.0**-m / math.sqrt(8) / near >= 0.353).all()


@pytest.mark.proves("thm-wgan-gradient")
def test_gradient_of_w1(rng):
    n = 9
    data, z = rng.normal(size=(n, 2)), rng.normal(size=(n, 2))

    def generator(theta):
        angle, shift = theta
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        return 0.5 * z @ turn.T + shift

    def w(theta):
        d = distances(data, generator(theta))
        return d[linear_sum_assignment(d)].mean()

    theta = np.array([0.4, 1.1])
    d = distances(data, generator(theta))
    rows, columns = linear_sum_assignment(d)
    # Prices that are tight for the pairs of the plan and slack, as much as possible, for all others: with ties, a
    # critic has a kink at the fake.
    sums = np.hstack([marginals(n, n).T, np.ones((n * n, 1))])
    matched = rows * n + columns
    sums[matched, -1] = 0
    others = np.setdiff1d(np.arange(n * n), matched)
    prices = linprog(
        -np.eye(2 * n + 1)[-1],
        A_ub=sums[others],
        b_ub=d.ravel()[others],
        A_eq=sums[matched],
        b_eq=d.ravel()[matched],
        bounds=(None, None),
    ).x
    assert prices[-1] > 1e-3

    def f(x):  # a critic for the whole plane: as low as the data's prices and the slope 1 allow
        return (prices[:n] - distances(x, data)).max(1)

    assert f(data).mean() - f(generator(theta)).mean() == pytest.approx(w(theta), abs=1e-9)
    small = 1e-6
    truth, frozen = np.zeros(2), np.zeros(2)
    for i in range(2):
        step = small * np.eye(2)[i]
        truth[i] = (w(theta + step) - w(theta - step)) / (2 * small)
        frozen[i] = -(f(generator(theta + step)).mean() - f(generator(theta - step)).mean()) / (2 * small)
    assert frozen == pytest.approx(truth, abs=1e-5) and np.abs(truth).min() > 0.01
    assert np.abs(frozen + truth).min() > 0.02  # the sign turned
    for _ in range(20):  # frozen, it stays below
        other = theta + rng.normal(size=2)
        assert f(data).mean() - f(generator(other)).mean() <= w(other) + 1e-9
    # A critic that is not optimal has another gradient: towards the mean of the data.
    mean = data.mean(0) - generator(theta).mean(0)
    direction = mean / np.linalg.norm(mean)
    moves = [(generator(theta + small * e) - generator(theta - small * e)) / (2 * small) for e in np.eye(2)]
    linear = [-(move @ direction).mean() for move in moves]
    assert np.abs(np.array(linear) - truth).max() > 0.05
    # The two segments at θ₀ = 1: an optimal critic with a kink where the fakes are.
    kinked = [lambda x: -abs(x), lambda x: -min(abs(x), 1)]
    assert [g(0) - g(1) for g in kinked] == [1, 1]
    assert [(g(1 + small) - g(1)) / small for g in kinked] == pytest.approx([-1, 0])
    assert [(g(1) - g(1 - small)) / small for g in kinked] == pytest.approx([-1, -1])


def test_what_automatic_differentiation_returns_at_a_kink():
    # Between the slopes of the two segments' critic: neither −1 nor 0.
    x = torch.tensor(1.0, requires_grad=True)
    torch.autograd.backward(-torch.minimum(x.abs(), torch.tensor(1.0)))
    assert x.grad == -0.5
    # Where only units have kinks, and the function has none.
    x = torch.tensor(0.0, requires_grad=True)
    torch.autograd.backward(torch.relu(x) - torch.relu(-x))
    assert x.grad == 0 != 1


# ------------------------------------------------------------------------------------------------ Lipschitz functions


def cantor(x):
    """The Cantor function on [0, 1), to 40 ternary digits."""
    value, scale = 0.0, 0.5
    for _ in range(40):
        x *= 3
        digit = int(x)
        x -= digit
        if digit == 1:
            return value + scale
        value += scale * (digit // 2)
        scale /= 2
    return value


@pytest.mark.proves("prop-wgan-lipschitz")
def test_bounded_gradient_and_lipschitz_constant(rng):
    # Parts 1 and 2, for a ReLU network: the largest gradient over its linear pieces is the largest quotient.
    a, b, c = rng.normal(size=(6, 2)), rng.normal(size=6), rng.normal(size=6)
    x = rng.uniform(-4, 4, (20_000, 2)) * rng.choice((1, 20), (20_000, 1))
    slopes = np.linalg.norm(((x @ a.T + b > 0) * c) @ a, axis=1)
    steepest = slopes.max()
    y = x + rng.normal(size=x.shape) * 10 ** rng.uniform(-5, 0.5, (20_000, 1))

    def f(at):
        return np.maximum(at @ a.T + b, 0) @ c

    quotients = np.abs(f(x) - f(y)) / np.linalg.norm(x - y, axis=1)
    assert 0.95 * steepest < quotients.max() <= 1.01 * steepest
    assert np.median(slopes) < 0.9 * steepest  # at half of the points the gradient says less
    # Part 3.
    grid = (np.arange(3**8) + 0.5) / 3**8
    values = np.array([cantor(t) for t in grid])
    flat = np.array([cantor(t + 1e-9) == cantor(t - 1e-9) for t in rng.random(3000)])
    assert flat.mean() > 0.95 and values[0] < 0.01 and values[-1] > 0.99 and (np.diff(values) >= 0).all()
    assert np.diff(values).max() <= 2**-7  # it rises in small steps: continuous
    for m in (2, 5, 8):
        assert (cantor(3.0**-m) - cantor(0.0)) / 3.0**-m == pytest.approx(1.5**m, rel=0.05)
    # Part 4: the polar angle.
    for r, angle in ((1.5, 0.3), (2.0, -2.5)):
        at = r * np.array([math.cos(angle), math.sin(angle)])
        slope = [(math.atan2(*(at + h)[::-1]) - math.atan2(*(at - h)[::-1])) / 2e-6 for h in 1e-6 * np.eye(2)]
        assert math.hypot(*slope) == pytest.approx(1 / r, rel=1e-5)
    assert math.atan2(1e-3, -2) - math.atan2(-1e-3, -2) > 6.28


@pytest.mark.proves("prop-wgan-scale")
def test_scale(rng):
    d = distances(rng.normal(size=(6, 2)))
    p, q = rng.dirichlet(np.ones(6), 2)
    w = transport(p, q, d)[1]
    for slope in (0.5, 3.0):
        assert best_critic(p, q, slope * d)[1] == pytest.approx(slope * w)
    assert linprog(q - p, bounds=(None, None)).status == 3  # without the constraint: unbounded
    assert abs(linprog(p - p, bounds=(None, None)).fun) == 0  # unless the laws are equal
    # The upper half of part 3 needs no 0 in the class, the lower half does.
    worse = np.array([(start + d).min(1) for start in (np.arange(6.0), -np.arange(6.0), np.arange(6.0) % 2)])
    worse *= np.sign(worse @ (q - p))[:, None]
    assert (worse @ (p - q)).max() < 0 < w
    # Part 3: 1-Lipschitz, but linear; scaling the class scales it, and it is not K times the distance.
    x = rng.normal(size=(6, 2))
    far = np.linalg.norm((p - q) @ x)
    w = transport(p, q, distances(x))[1]
    assert 0 <= far <= w and 3 * far < 3 * w - 0.05


@pytest.mark.proves("prop-wgan-growth")
@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_growth_of_an_unrestrained_critic(layers):
    """f(x) = w_L ⋯ w₁ x between δ₁ and δ₀, and weights that are not balanced."""
    for start in (np.ones(layers), np.linspace(0.6, 1.7, layers)):
        v0, s0 = start.prod(), np.linalg.norm(start)
        nu = v0 / s0**layers
        end = {1: 3.0, 2: 2.0}.get(layers, 1.0)
        last = end if layers < 3 else s0**2 / (layers * (layers - 2) * v0)

        def slope(_, w):
            return np.array([np.delete(w, i).prod() for i in range(layers)])

        def huge(_, w):
            return np.abs(w).max() - 1e4

        huge.terminal = True
        flow = solve_ivp(slope, (0, 1.5 * last if layers > 2 else end), start, events=huge, rtol=1e-9, atol=1e-12)
        t, values, sizes = flow.t, flow.y.prod(0), np.linalg.norm(flow.y, axis=0)
        assert (np.diff(values / sizes**layers) >= -1e-7).all()
        if layers == 1:
            bound, wrong = nu * (s0 + nu * t), nu * (s0 + 2 * nu * t)
        elif layers == 2:
            bound, wrong = v0 * np.exp(4 * nu * t), v0 * np.exp(8 * nu * t)
        else:
            assert t[-1] <= last * (1 + 1e-4) and values[-1] > 1e9  # it ends, at T at the latest
            if (start == 1).all():
                assert t[-1] > 0.9998 * last  # and not before
            keep = t < 0.98 * t[-1]
            t, values = t[keep], values[keep]
            power = -layers / (layers - 2)
            bound = nu * (s0 ** (2 - layers) - layers * (layers - 2) * nu * t) ** power
            early = t < 0.45 * last
            wrong = nu * (s0 ** (2 - layers) - 2 * layers * (layers - 2) * nu * t[early]) ** power
        assert (values >= bound * (1 - 1e-6)).all()
        if (start == 1).all():  # balanced: equality, so that at twice the rate it is no bound
            assert (values[1 : len(wrong)] < wrong[1:]).all()
            assert values == pytest.approx(bound, rel=1e-4)
            if layers < 4:
                known = (1 + t, np.exp(2 * t), np.abs(1 - t) ** -3)[layers - 1]
                assert values == pytest.approx(known, rel=1e-4)


# -------------------------------------------------------------------------------------------------------- clipping


def convolution(kernel, size, stride):
    """The matrix of a convolution (c_out, c_in, k, k) on zero-padded images, built entry by entry."""
    out, into, k, _ = kernel.shape
    pad = k // 2
    places = range(0, size, stride)
    matrix = np.zeros((out, len(places), len(places), into, size, size))
    for (a, i), (b, j), u, v in product(enumerate(places), enumerate(places), range(k), range(k)):
        row, column = i + u - pad, j + v - pad
        if 0 <= row < size and 0 <= column < size:
            matrix[:, a, b, :, row, column] += kernel[:, :, u, v]
    return matrix.reshape(out * len(places) ** 2, -1)


@pytest.mark.proves("prop-wgan-clipping")
def test_what_clipping_guarantees(rng):
    c, widths = 0.3, (3, 6, 5, 1)
    bound = c**3 * math.sqrt(3) * 6 * 5

    def run(weights, biases, x):
        h = x
        for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
            h = h @ w.T + b
            h = np.maximum(h, 0) if i < 2 else h
        return h[..., 0]

    x, y = rng.normal(size=(2, 400, 3))
    steepest = 0.0
    for _ in range(20):
        weights = [rng.uniform(-c, c, (b, a)) for a, b in zip(widths, widths[1:], strict=False)]
        biases = [rng.uniform(-c, c, b) for b in widths[1:]]
        layers = math.prod(np.linalg.norm(w, 2) for w in weights)
        quotients = np.abs(run(weights, biases, x) - run(weights, biases, y)) / np.linalg.norm(x - y, axis=1)
        assert quotients.max() <= layers + 1e-12 and layers <= bound
        steepest = max(steepest, quotients.max())
    assert steepest < bound / 4
    full = [np.full((b, a), c) for a, b in zip(widths, widths[1:], strict=False)]
    ray = run(full, [0, 0, 0], np.ones((1, 3)) * np.array([[1.0], [2.0]]))
    assert (ray[1] - ray[0]) / math.sqrt(3) == pytest.approx(bound)
    assert bound > 5 * c**3 * math.sqrt(3 * 6 * 5)  # each width under the root is too little
    for k, stride, into, out in ((3, 1, 2, 3), (3, 2, 1, 2), (1, 1, 3, 2)):
        limit = c * k**2 * math.sqrt(into * out)
        norms = [
            np.linalg.norm(convolution(kernel, 8, stride), 2)
            for kernel in (np.full((out, into, k, k), c), rng.uniform(-c, c, (out, into, k, k)))
        ]
        assert max(norms) <= limit + 1e-12
        if (k, stride) == (3, 1):
            assert norms[0] > 2 * c * math.sqrt(k**2 * into * out)  # the Frobenius norm of the kernel is no bound


def test_clipped_critics_do_not_tell_all_laws_apart(rng):
    def critic(x, w1, b1, w2, b2, w3):
        return np.maximum(np.maximum(np.multiply.outer(x, w1) + b1, 0) @ w2.T + b2, 0) @ w3

    x = np.array([0.0, 1.0, 2.0])
    seen = []
    for _ in range(20):
        w1, w2, w3 = (rng.uniform(-0.5, 0.5, shape) for shape in (4, (3, 4), 3))
        for b1, b2 in ((0.0, 0.0), (rng.uniform(-0.5, 0.5, 4), rng.uniform(-0.5, 0.5, 3))):
            f = critic(x, w1, b1, w2, b2, w3)
            seen.append(abs(f[1] - (f[0] + f[2]) / 2))
    assert max(seen[::2]) < 1e-12 and max(seen[1::2]) > 1e-3  # blind without biases, not with them
    assert on_the_line([1.0], np.ones(1), [0.0, 2.0], np.full(2, 0.5)) == 1


@pytest.mark.proves("prop-wgan-gain")
def test_typical_slope(rng):
    # All signs of a network 2-2-2-1, exactly.
    c = 0.5
    formula = c**2 * (c**2) ** 2  # s² (½ s² n)², n = 2

    def all_signs(x):
        squares, slopes = [], []
        for signs in product((-c, c), repeat=10):
            w1, w2, w3 = np.reshape(signs[:4], (2, 2)), np.reshape(signs[4:8], (2, 2)), np.array(signs[8:])
            a1 = w1 @ x
            a2 = w2 @ np.maximum(a1, 0)
            squares.append((w3 @ np.maximum(a2, 0)) ** 2)
            slopes.append(np.linalg.norm((w3 * (a2 > 0)) @ (w2 * (a1 > 0)) @ w1) ** 2)
        assert np.mean(squares) == pytest.approx(formula * (x @ x), rel=1e-12)
        return np.mean(slopes)

    assert all_signs(np.array([0.8, -0.3])) == pytest.approx(2 * formula, rel=1e-12)
    assert all_signs(np.array([1.0, 1.0])) < 0.8 * 2 * formula  # an exception: some units sit exactly at 0
    # Normal weights, by sampling: the error is about 2%.
    n, s, d = 6, 0.7, 3
    x = rng.normal(size=d)
    w1, w2, w3 = (s * rng.normal(size=(60_000, *shape)) for shape in ((n, d), (n, n), (n,)))
    a1 = w1 @ x
    a2 = np.einsum("kij,kj->ki", w2, np.maximum(a1, 0))
    back = np.einsum("ki,kij->kj", w3 * (a2 > 0), w2) * (a1 > 0)
    found = (np.einsum("ki,kij->kj", back, w1) ** 2).sum(1).mean()
    wanted = s**2 * d * (s**2 * n / 2) ** 2
    assert found == pytest.approx(wanted, rel=0.05)
    assert not found == pytest.approx(4 * wanted, rel=0.5)  # the half forgotten
    assert not found == pytest.approx(wanted * (2 / n) ** 2, rel=0.5)  # the width forgotten


@pytest.mark.proves("prop-wgan-corners")
def test_clipped_weights_go_to_the_walls(rng):
    c, eta = 0.01, 5e-5
    m = np.array([0.3, -2.0, 1e-4, 0.0, -0.02])
    solved = linprog(-m, bounds=(-c, c))
    assert -solved.fun == pytest.approx(c * np.abs(m).sum())
    assert solved.x[m != 0] == pytest.approx(c * np.sign(m[m != 0]))
    assert -solved.fun > 1.1 * c * np.linalg.norm(m)  # over the ball of radius c one would get the other norm

    def steps(move, limit):
        w, arrived = -c * np.sign(m), np.full(5, -1)
        state = np.zeros(5)
        for t in range(1, limit + 1):
            change, state = move(state)
            w = np.clip(w + change, -c, c)
            there = np.isclose(w, c * np.sign(m), rtol=0, atol=1e-12) & (m != 0)
            arrived = np.where(there & (arrived < 0), t, arrived)
        return arrived

    plain = steps(lambda state: (eta * m, state), 3000)
    bound = [math.ceil(round(2 * c / (eta * abs(x)), 6)) if x else -1 for x in m]
    assert plain[:2].tolist() == bound[:2] == [1334, 200] and plain[2] == -1  # the small gradient is still on its way

    def rmsprop(v):
        v = 0.99 * v + 0.01 * m**2
        return eta * np.divide(m, np.sqrt(v), out=np.zeros(5), where=v > 0), v

    quick = steps(rmsprop, 400)
    assert (quick[m != 0] <= 400).all() and (quick[m != 0] > 250).all() and quick[3] == -1
    # The rule of 400 steps, for gradients that change in size: one that grows gets there, one that fades may not.
    for rate, arrives in ((1.0, True), (1.02, True), (0.98, False)):
        w, v, g = -c, 0.0, 1e-3
        for t in range(5000):
            v = 0.99 * v + 0.01 * g**2
            w = min(w + (eta * g / math.sqrt(v) if v > 0 else 0), c)
            g *= rate
            if t == 399:
                assert (w == c) == arrives
        assert (w == c) == arrives and (arrives or -0.2 * c < w < -0.1 * c)
    # Part 3: a ReLU critic 2-4-1 without biases, by projected ascent from several starts.
    real, fake = rng.normal(size=(40, 2)) + 1, rng.normal(size=(40, 2))
    for _ in range(5):
        w, a = rng.uniform(-1, 1, (4, 2)), rng.uniform(-1, 1, 4)
        for _ in range(400):
            active = [(x @ w.T > 0) * a for x in (real, fake)]
            gw = active[0].T @ real / 40 - active[1].T @ fake / 40
            ga = np.maximum(real @ w.T, 0).mean(0) - np.maximum(fake @ w.T, 0).mean(0)
            w, a = np.clip(w + 0.1 * gw, -1, 1), np.clip(a + 0.1 * ga, -1, 1)

        def value(w, a):
            return float((np.maximum(real @ w.T, 0) @ a).mean() - (np.maximum(fake @ w.T, 0) @ a).mean())

        assert value(w, a) > 0 and np.abs(w).max() == 1 == np.abs(a).max()
        assert value(0.5 * w, a) == pytest.approx(0.5 * value(w, a)) == pytest.approx(value(w, 0.5 * a))


@pytest.mark.proves("prop-wgan-ruler")
def test_the_unit_depends_on_what_is_measured():
    c, n = 0.4, 7
    w, b = np.meshgrid(np.linspace(-c, c, 401), np.linspace(-c, c, 401))

    def most(points):
        """n times the most that one unit can do, by search; the units do not hinder each other."""
        return n * c * np.abs(np.maximum(b, 0) - np.mean([np.maximum(w * x + b, 0) for x in points], axis=0)).max()

    for s in (0.3, 0.6, 1.0):
        assert most([s]) == pytest.approx(n * c**2 * s, rel=1e-9)
        assert most([-s, s]) == pytest.approx(n * c**2 * s / 2, rel=1e-9)
        assert not most([-s, s]) == pytest.approx(n * c**2 * s, rel=0.1)  # so the Lipschitz bound is no unit

        def critic(x):
            return -n * c**2 * max(x, 0)

        assert critic(0) - (critic(s) + critic(-s)) / 2 == pytest.approx(most([-s, s]))
        assert critic(-s + 0.01) - critic(-s - 0.01) == 0 > critic(s + 0.01) - critic(s - 0.01)
    # Closer, and yet more: the story of the page and of its figure.
    assert np.abs([-1, 1]).mean() == 1 > 0.6
    assert most([-1, 1]) / (n * c**2) == pytest.approx(0.5) and most([0.6, 0.6]) / (n * c**2) == pytest.approx(0.6)


# ---------------------------------------------------------------------------------------------------------- samples


@pytest.mark.proves("prop-wgan-bias")
def test_bias_of_an_estimate():
    places = np.array([0.0, 1.0, 3.0])
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])

    def expectation(statistic, n, m, q=q):
        total = 0.0
        for xs in product(range(3), repeat=n):
            for ys in product(range(3), repeat=m):
                weight = p[list(xs)].prod() * q[list(ys)].prod()
                shares = (np.bincount(i, minlength=3) / len(i) for i in (xs, ys))
                total += weight * statistic(*shares)
        return total

    def w(a, b):
        return on_the_line(places, a, places, b)

    grown = [expectation(w, n, 2) for n in (1, 2, 3, 4)]
    assert all(more <= fewer + 1e-12 for fewer, more in zip(grown, grown[1:], strict=False))
    assert grown[0] > grown[1] + 0.01 and grown[3] > w(p, q) + 0.05
    assert expectation(w, 2, 1) > expectation(w, 2, 2) + 1e-3
    assert expectation(w, 2, 2, p) > 0.5 and w(p, p) == 0  # the floor
    critics = np.array([np.minimum(places, 1), np.abs(places - 1), -np.abs(places - 1) / 2, 0 * places])
    exact = (critics @ (p - q)).max()
    on_training = expectation(lambda a, b: (critics @ (a - b)).max(), 2, 2)
    on_fresh = expectation(lambda a, b: critics[(critics @ (a - b)).argmax()] @ (p - q), 2, 2)
    assert on_training > exact + 0.05  # the supremum on the samples themselves
    assert on_fresh < exact - 0.05 < w(p, q)  # and on new ones


# --------------------------------------------------------------------------------------- the page, in numbers


def test_numbers_of_the_page(rng):
    c, n = 0.01, 512
    assert c * math.sqrt(n / 2) == pytest.approx(0.16) and math.sqrt(2 / n) == 0.0625
    assert 0.16**-4 == pytest.approx(1526, abs=1) and 0.1 * math.sqrt(n / 2) == pytest.approx(1.6)
    assert (c * n, 0.1 * n) == pytest.approx((5.12, 51.2)) and 2 * c / 5e-5 == pytest.approx(400)
    assert 1 / math.sqrt(1 - 0.99) == pytest.approx(10) and 10 * 5e-5 / c == pytest.approx(0.05)
    # The exercise on digits.
    slope = math.sqrt(1024 * 512 / 2 * 256 / 2)
    assert slope == 2**12.5 and 5793 == round(slope) and 2 ** (-25 / 6) == pytest.approx(0.0557, abs=5e-5)
    assert round(2**9.5) == 724 and 32 * 512 * 256 == 2**22
    assert slope * 1e-6 == pytest.approx(0.0058, abs=5e-5) and 2**22 * 1e-6 == pytest.approx(4.19, abs=5e-3)
    # Its unit may be 0: without biases, x and the half-and-half of 0 and 2x are the same to every critic.
    x, w1, w2, w3 = rng.random(9), *(rng.uniform(-c, c, shape) for shape in ((6, 9), (5, 6), (5,)))
    zero, one, two, three = (w3 @ np.maximum(w2 @ np.maximum(w1 @ (k * x), 0), 0) for k in (0, 1, 2, 3))
    assert one == pytest.approx((zero + two) / 2, rel=1e-9) != pytest.approx((zero + three) / 2, rel=0.1)
    # The second log: a small slope stops plain gradient descent, and RMSProp only when it is as small as 1e-8.
    optimizers, moved = (torch.optim.SGD, torch.optim.RMSprop), {}
    for slope, kind in product((1.0, 1e-6, 1e-8, 1e-10), optimizers):
        weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
        optimizer = kind([weight], lr=5e-5)
        for _ in range(200):
            weight.grad = torch.full_like(weight, -slope)
            optimizer.step()
        moved[slope, kind] = weight.item()
    plain, divided = ([moved[g, kind] / moved[1.0, kind] for g in (1e-6, 1e-8, 1e-10)] for kind in optimizers)
    assert plain == pytest.approx([1e-6, 1e-8, 1e-10])
    assert divided[0] > 0.95 and 0.3 < divided[1] < 0.6 and divided[2] < 0.02
    # A sigmoid at the end: never more than the total variation.
    p, q = rng.dirichlet(np.ones(8), 2)
    for _ in range(50):
        assert (p - q) @ rng.random(8) <= np.abs(p - q).sum() / 2
    assert (p - q) @ rng.normal(0, 30, 8).clip(0) != pytest.approx(np.abs(p - q).sum() / 2)
    # The interleaved laws of the experiment, and its other pairs.
    third, half = np.full(3, 1 / 3), np.full(2, 0.5)
    assert on_the_line([-1, 1], half, [-2, 0, 2], third) == pytest.approx(1)
    assert on_the_line([0], np.ones(1), [-1, 1], half) == pytest.approx(1)


def test_the_floor_of_64_digits():
    order = torch.randperm(320, generator=torch.Generator().manual_seed(0))
    pixels = digits(28, n=320).pixels[order].float() / 127.5 - 1
    real, other = pixels[:64].flatten(1), pixels[64:128].flatten(1)
    noise = 2 * torch.rand(64, 784, generator=torch.Generator().manual_seed(0)) - 1
    mean = pixels[128:].flatten(1).mean(0)
    floor, far = ((cost := distances(real, y))[linear_sum_assignment(cost)].mean() for y in (other, noise))
    grey = (real - mean).norm(dim=1).mean().item()
    assert (floor, far, grey) == pytest.approx((15, 31, 14), abs=0.7)
    assert grey < floor - 0.2  # one grey cloud for every digit is nearer to the data than the data to themselves


def test_noise_brings_laws_together(rng):
    x, y, noise = (rng.normal(size=(k, 2)) for k in (5, 5, 4))
    equal, many = np.full(5, 0.2), np.full(20, 0.05)
    clean = transport(equal, equal, distances(x, y))[1]
    noisy = [(cloud[:, None] + noise).reshape(-1, 2) for cloud in (x, y)]
    blurred = transport(many, many, distances(*noisy))[1]
    length = np.linalg.norm(noise, axis=1).mean()
    assert clean - 2 * length <= blurred < clean - 1e-3
    shifted = transport(many, many, distances(noisy[0], noisy[0] + [3.0, 4.0]))[1]
    assert shifted == pytest.approx(5)


def test_a_good_value_and_a_wrong_gradient():
    theta, epsilon = 1.0, 0.05

    def f(x):
        return -x if x < theta - epsilon else -(theta - epsilon) + (x - theta + epsilon)

    assert f(0) - f(theta) == pytest.approx(theta - 2 * epsilon)
    assert (f(theta + 1e-6) - f(theta - 1e-6)) / 2e-6 == pytest.approx(1)
    grid = np.linspace(0, theta, 10_001)[:-1] + 5e-5
    slopes = np.array([(f(t + 1e-7) - f(t - 1e-7)) / 2e-7 for t in grid])
    for delta in (0.5, 1.5):
        assert (slopes > -1 + delta).mean() * theta <= 2 * epsilon / delta + 1e-9


def test_the_programs_in_the_solutions_print_what_the_page_says(capsys):
    programs = re.findall(r"^```python\n(.*?)^```\n\n(.*?)^:::", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert len(programs) == 2
    for program, sentence in programs:
        exec(compile(program, "06-wgan.md", "exec"), {})
        printed = capsys.readouterr().out
        if "```" in sentence:  # a listing
            stated = re.search(r"```text\n(.*?)```", sentence, re.DOTALL)[1]
            words = [re.findall(r"[a-z]+", text) for text in (printed, stated)]
            assert words[0] == words[1]
        else:
            stated = sentence
        numbers = [[float(x) for x in re.findall(r"-?\d+\.\d+", text)] for text in (printed, stated)]
        assert len(numbers[0]) == len(numbers[1]) >= 2
        assert numbers[0] == pytest.approx(numbers[1], abs=4e-3)
        assert numbers[0] != pytest.approx([1.1 * x for x in numbers[1]], abs=4e-3)
