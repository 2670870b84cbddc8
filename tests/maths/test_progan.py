"""Every statement of chapter 12, checked by numbers, each beside a plausible wrong variant.

Networks are small ones of random weights, written here from the formulas and not taken from the library; laws of
pictures are tables on a few points, so that divergences are sums.
"""

import math
from itertools import product

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.optimize import linear_sum_assignment, minimize_scalar
from scipy.stats import norm
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, interpolate, leaky_relu, max_pool2d, softplus

import ganlib
from ganlib.training.ema import EMA


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


def same(a: Tensor, b: Tensor, tolerance: float = 1e-11) -> bool:
    return a.shape == b.shape and bool((a - b).abs().max() <= tolerance)


def kl(p, q) -> float:
    p, q = np.asarray(p, float).ravel(), np.asarray(q, float).ravel()
    return float(sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0))


def js(p, q, weight: float = 0.5) -> float:
    p, q = np.asarray(p, float).ravel(), np.asarray(q, float).ravel()
    m = weight * p + (1 - weight) * q
    return weight * kl(p, m) + (1 - weight) * kl(q, m)


def up(x: Tensor) -> Tensor:
    return x.repeat_interleave(2, -1).repeat_interleave(2, -2)


def down(x: Tensor) -> Tensor:
    return (x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]) / 4


def detail(x: Tensor) -> Tensor:
    return x - up(down(x))


def w1(x: Tensor, y: Tensor) -> float:
    """Exact W₁ of two equally large samples."""
    cost = torch.cdist(x.flatten(1), y.flatten(1)).numpy()
    rows, columns = linear_sum_assignment(cost)
    return float(cost[rows, columns].mean())


# ------------------------------------------------------------------------------------------------------------ pyramids


@pytest.mark.proves("prop-progan-pyramid")
def test_pyramids():
    def wild(x):  # two maps without any virtue
        return torch.sin(3 * x[..., ::2, 1::2]) + 1

    def odd(x):
        return interpolate(x, scale_factor=2, mode="bicubic") ** 2

    x = torch.randn(5, 3, 32, 32)
    for lower, raise_, linear in ((down, up, True), (wild, odd, False), (lambda v: avg_pool2d(v, 2), odd, True)):
        levels, details = [x], []
        for _ in range(3):
            coarse = lower(levels[0])
            details.insert(0, levels[0] - raise_(coarse))
            levels.insert(0, coarse)
        back = levels[0]
        for h, level in zip(details, levels[:-1], strict=True):
            if linear:
                assert same(lower(h), level - lower(raise_(level)))
            else:
                assert not same(lower(h), level - lower(raise_(level)), 0.1)
            back = raise_(back) + h
        assert same(back, x)
        if raise_ is up:
            assert all(down(h).abs().max() < 1e-12 for h in details)
    n = sum(part[0].numel() for part in [levels[0], *details])
    assert n == x[0].numel() * (1 + 1 / 4 + 1 / 16 + 1 / 64) < 4 / 3 * x[0].numel()
    # Conversely: what satisfies the constraint is a pyramid, what does not is not.
    coarse, h = torch.randn(1, 1, 4, 4), detail(torch.randn(1, 1, 8, 8))
    picture = up(coarse) + h
    assert same(down(picture), coarse) and same(picture - up(down(picture)), h)
    picture = up(coarse) + torch.randn(1, 1, 8, 8)
    assert not same(down(picture), coarse, 0.1)


@pytest.mark.proves("thm-progan-chain")
def test_chains_of_conditional_games():
    rng = np.random.default_rng(0)

    # A coarse value a in {0..3}, details b in {0..3} given a, c in {0..2} given (a, b).
    def law():
        return rng.dirichlet(np.ones(4)), rng.dirichlet(np.ones(4), 4), rng.dirichlet(np.ones(3), (4, 4))

    for _ in range(20):
        p, q = law(), law()
        if rng.random() < 0.5:  # near each other, where bounds are easy to get wrong
            q = tuple(0.9 * u + 0.1 * v for u, v in zip(p, q, strict=True))
        joint = [u[0][:, None, None] * u[1][:, :, None] * u[2] for u in (p, q)]
        ab = joint[0].sum(2)
        terms = [kl(p[0], q[0])]
        terms.append(sum(p[0][a] * kl(p[1][a], q[1][a]) for a in range(4)))
        terms.append(sum(ab[a, b] * kl(p[2][a, b], q[2][a, b]) for a in range(4) for b in range(4)))
        assert close(kl(*joint), sum(terms))
        wrong = sum(q[0][a] * kl(p[1][a], q[1][a]) for a in range(4))  # asked at the model's coarse pictures
        assert abs(wrong - terms[1]) > 1e-6
        # A picture that is a function of the pyramid has the smaller divergence.
        picture = [u.sum(axis=(1, 2)) for u in joint]
        assert kl(*picture) <= kl(*joint)
        tv = [np.abs(p[0] - q[0]).sum() / 2]
        tv.append(sum(p[0][a] * np.abs(p[1][a] - q[1][a]).sum() / 2 for a in range(4)))
        tv.append(sum(ab[a, b] * np.abs(p[2][a, b] - q[2][a, b]).sum() / 2 for a, b in product(range(4), repeat=2)))
        assert np.abs(joint[0] - joint[1]).sum() / 2 <= sum(tv) + 1e-12
        j = [js(p[0], q[0])]
        j.append(sum(p[0][a] * js(p[1][a], q[1][a]) for a in range(4)))
        j.append(sum(ab[a, b] * js(p[2][a, b], q[2][a, b]) for a, b in product(range(4), repeat=2)))
        assert js(*joint) <= math.log(2) * sum(math.sqrt(2 * v) for v in j)
        assert abs(js(*joint) - sum(j)) > 1e-6  # no chain rule with these weights
        # The chain rule with the right ones, for a against (b, c).
        rest = [u.reshape(4, -1) / u.sum(axis=(1, 2))[:, None] for u in joint]
        m, pi = (p[0] + q[0]) / 2, p[0] / (p[0] + q[0])
        exact = js(p[0], q[0]) + sum(m[a] * js(rest[0][a], rest[1][a], pi[a]) for a in range(4))
        assert close(js(*joint), exact)


@pytest.mark.proves("prop-progan-augmentation")
def test_conditioning_augmentation():
    weight, mu, sigma = np.array([0.2, 0.5, 0.3]), np.array([-1.0, 0.3, 2.0]), np.array([0.5, 1.2, 0.8])
    k = 0.5 * (weight * (mu**2 + sigma**2 - 1 - np.log(sigma**2))).sum()

    def marginal(c):
        return (weight * norm.pdf(c, mu, sigma)).sum()

    information = sum(
        w
        * quad(lambda c, m=m, s=s: norm.pdf(c, m, s) * math.log(norm.pdf(c, m, s) / marginal(c)), m - 9 * s, m + 9 * s)[
            0
        ]
        for w, m, s in zip(weight, mu, sigma, strict=True)
    )
    rest = quad(lambda c: marginal(c) * math.log(marginal(c) / norm.pdf(c)), -12, 12, limit=200)[0]
    assert close(k, information + rest, 1e-7) and 0 < information < k
    assert rest > 0.05  # so K alone is not the information
    assert abs(0.5 * (weight * (mu**2 + sigma**2 - 1 - np.log(sigma))).sum() - k) > 0.01  # log σ for log σ²


# -------------------------------------------------------------------------------------------------------------- fading


class Growing(nn.Module):
    """Generator and critic at the levels 4×4 and 8×8, from the formulas of the page."""

    def __init__(self, up=up, down=down):
        super().__init__()
        self.up, self.down = up, down
        shapes = {
            "dense": (6 * 16, 5), "old_rgb": (3, 6, 1, 1), "block": (6, 6, 3, 3), "new_rgb": (3, 6, 1, 1),
            "old_from": (7, 3, 1, 1), "new_from": (4, 3, 1, 1), "halve": (7, 4, 3, 3), "tail": (7, 7, 3, 3),
            "score": (1, 7 * 16),
        }  # fmt: skip
        for name, shape in shapes.items():
            setattr(self, name, nn.Parameter(torch.randn(shape) / math.sqrt(math.prod(shape[1:]))))
        self.bias = nn.Parameter(torch.randn(2, 3, 1, 1))  # of the old and of the new to-RGB layer

    def features(self, z: Tensor) -> Tensor:
        return leaky_relu(z @ self.dense.T, 0.2).reshape(-1, 6, 4, 4)

    def small(self, z: Tensor) -> Tensor:
        return conv2d(self.features(z), self.old_rgb) + self.bias[0]

    def large(self, z: Tensor) -> Tensor:
        h = leaky_relu(conv2d(self.up(self.features(z)), self.block, padding=1), 0.2)
        return conv2d(h, self.new_rgb) + self.bias[1]

    def sample(self, z: Tensor, alpha: float) -> Tensor:
        return (1 - alpha) * self.up(self.small(z)) + alpha * self.large(z)

    def end(self, h: Tensor) -> Tensor:
        return leaky_relu(conv2d(h, self.tail, padding=1), 0.2).flatten(1) @ self.score.T

    def critic_small(self, x: Tensor) -> Tensor:
        return self.end(leaky_relu(conv2d(x, self.old_from), 0.2))

    def critic_large(self, x: Tensor) -> Tensor:
        return self.end(self.new_path(x))

    def new_path(self, x: Tensor) -> Tensor:
        h = leaky_relu(conv2d(x, self.new_from), 0.2)
        return self.down(leaky_relu(conv2d(h, self.halve, padding=1), 0.2))

    def critic(self, x: Tensor, alpha: float) -> Tensor:
        old = leaky_relu(conv2d(self.down(x), self.old_from), 0.2)
        return self.end((1 - alpha) * old + alpha * self.new_path(x))

    def real(self, x: Tensor, alpha: float) -> Tensor:
        return (1 - alpha) * self.up(self.down(x)) + alpha * x


OLD = ("dense", "old_rgb", "old_from", "tail", "score")
NEW = ("block", "new_rgb", "new_from", "halve")


@pytest.mark.proves("thm-progan-fade")
def test_what_a_fade_keeps():
    z, x = torch.randn(6, 5), torch.randn(6, 3, 8, 8)

    def bilinear(v):
        return interpolate(v, scale_factor=2, mode="bilinear")

    for raised in (up, bilinear):
        net = Growing(up=raised)
        assert same(net.sample(z, 0), raised(net.small(z))) and same(net.sample(z, 1), net.large(z))
        assert same(net.critic(x, 0), net.critic_small(down(x))) and same(net.critic(x, 1), net.critic_large(x))
        assert same(net.real(x, 0), raised(down(x))) and same(net.real(x, 1), x)
        kept = same(net.critic(net.sample(z, 0), 0), net.critic_small(net.small(z)))
        assert kept == (raised is up)  # bilinear enlargement blurs what the old critic sees
    net = Growing()
    assert same(net.critic(net.real(x, 0), 0), net.critic_small(down(x))) and same(
        net.critic(x, 0), net.critic_small(down(x))
    )
    for alpha in (0.2, 0.7):
        assert same(down(net.real(x, alpha)), down(x))
        assert not same(down(alpha * x), down(x), 0.1)
    # The wrong old paths.
    wrong = net.end(
        down(up(leaky_relu(conv2d(torch.cat([down(x), down(x)[:, :1]], 1), net.halve[:, :, 1:2, 1:2]), 0.2)))
    )
    assert not same(wrong, net.critic_small(down(x)), 1e-3)
    behind = up(conv2d(down(net.up(net.features(z))), net.new_rgb) + net.bias[1])
    assert not same(behind, net.sample(z, 0), 1e-3)

    # Gradients of the log loss.
    def loss(fake, real):
        return softplus(fake).mean() + softplus(-real).mean()

    before = loss(net.critic_small(net.small(z)), net.critic_small(down(x)))
    after = loss(net.critic(net.sample(z, 0), 0), net.critic(net.real(x, 0), 0))
    old = [getattr(net, name) for name in OLD]
    for a, b in zip(torch.autograd.grad(before, old), torch.autograd.grad(after, old, retain_graph=True), strict=True):
        assert same(a, b)
    new = [getattr(net, name) for name in NEW]
    assert all(g.abs().max() == 0 for g in torch.autograd.grad(after, new))
    some = loss(net.critic(net.sample(z, 0.1), 0.1), net.critic(net.real(x, 0.1), 0.1))
    assert all(g.abs().max() > 0 for g in torch.autograd.grad(some, new))
    # Maxima do satisfy the condition, but they are not what the old critic was shown of real pictures.
    most = Growing(down=lambda v: max_pool2d(v, 2))
    most.load_state_dict(net.state_dict())
    assert same(most.critic(most.sample(z, 0), 0), net.critic_small(net.small(z)))
    assert same(max_pool2d(most.real(x, 0.3), 2), max_pool2d(x, 2))
    assert not same(most.critic(x, 0), net.critic_small(down(x)), 1e-3)


@pytest.mark.proves("prop-progan-slope")
def test_the_slope_halves():
    net = Growing()
    z, x, e = torch.randn(6, 5), torch.randn(6, 3, 8, 8), torch.rand(6, 1, 1, 1)
    small = torch.randn(4, 3, 4, 4)
    assert close(up(small).norm(), 2 * small.norm())
    assert close((down(x)[:4] * small).sum(), (x[:4] * up(small)).sum() / 4)

    def slopes(critic, points):
        points = points.detach().requires_grad_()
        (g,) = torch.autograd.grad(critic(points).sum(), points)
        return g.flatten(1).norm(dim=1)

    before = slopes(net.critic_small, e * down(x) + (1 - e) * net.small(z))
    checkpoints = e * net.real(x, 0) + (1 - e) * net.sample(z, 0)
    after = slopes(lambda v: net.critic(v, 0), checkpoints)
    assert same(after, before / 2) and not same(after, before, 1e-3) and not same(after, before / 4, 1e-3)
    # Each critic rescaled so that its slope is 1: the fine jumps from 0 to λ/4.
    assert same(10 * (after / before - 1) ** 2, torch.full((6,), 2.5))
    p, q = torch.randn(30, 3, 4, 4), torch.randn(30, 3, 4, 4) + 0.3
    assert close(w1(up(p), up(q)), 2 * w1(p, q))
    # At the final size, here 16×16, nothing jumps.
    big = up(checkpoints)
    old = slopes(lambda v: net.critic_small(down(down(v))), big)
    new = slopes(lambda v: net.critic(down(v), 0), big)
    assert same(old, new) and same(old, before / 4) and same(new, after / 2)


@pytest.mark.proves("thm-progan-shock")
def test_is_a_small_fade_a_small_change():
    def fade(v, alpha):
        return up(down(v)) + alpha * detail(v)

    net, z = Growing(), torch.randn(40, 5)
    x = torch.randn(40, 3, 8, 8)
    assert same(fade(x, 0.3), net.real(x, 0.3)) and same(fade(fade(x, 0.4), 0.5), fade(x, 0.2))
    assert same(fade(fade(x, 0.25), 4.0), x)
    y = up(0.7 * net.small(z) + 0.3 * down(net.large(z))) + detail(net.large(z))
    assert same(fade(y, 0.3), net.sample(z, 0.3)) and same(detail(y), detail(net.large(z)))
    y = y.detach()
    # Two laws on the same ten points: a fade keeps the points apart, so the tables and their JS stay; at 0 all merge.
    points = torch.cat([fade(x[:1], 0) + c * detail(x[1:2]) for c in torch.linspace(-1, 1, 10)])
    p, q = np.random.default_rng(0).dirichlet(np.ones(10), 2)

    def table(law, alpha):
        seen: dict[tuple, float] = {}
        for weight, v in zip(law, fade(points, alpha), strict=True):
            key = tuple((v.flatten() / max(alpha, 1)).mul(1e7).round().tolist())
            seen[key] = seen.get(key, 0) + weight
        return seen

    for alpha in (1, 0.1, 0.001):
        a, b = table(p, alpha), table(q, alpha)
        assert len(a) == 10 and close(js([a[k] for k in a], [b[k] for k in a]), js(p, q))
    a, b = table(p, 0), table(q, 0)
    assert len(a) == 1 and js(p, q) > 0.01 and close(js(list(a.values()), list(b.values())), 0)
    sizes = [detail(v).flatten(1).norm(dim=1) for v in (x, y)]
    coarse = 2 * w1(down(x), down(y))
    for alpha in (0.01, 0.1, 0.5, 1):
        bound = alpha * (sizes[0].mean() + sizes[1].mean())
        assert abs(w1(fade(x, alpha), fade(y, alpha)) - coarse) <= bound + 1e-9
        assert w1(x, fade(y, alpha)) >= sizes[0].mean() - alpha * sizes[1].mean() - 1e-9
    # Equal coarse pictures: faded, the distance goes to zero with alpha; real pictures sharp, it does not.
    y = up(down(x)) + 0.8 * detail(x[torch.randperm(40)])
    assert w1(fade(x, 0.01), fade(y, 0.01)) < 0.02 * sizes[0].mean() and w1(x, fade(y, 0.01)) > 0.9 * sizes[0].mean()
    projection = torch.stack([detail(v.reshape(8, 8)).flatten() for v in torch.eye(64)])
    assert same(projection, projection.T) and same(projection @ projection, projection)
    # Linear networks that attain the bounds: the new path is s times a coordinate along the detail.
    v = x[:1]
    direction, e, s = detail(v) / detail(v).norm(), 1.7, 0.6

    def score(u, alpha):
        old = down(u).sum()
        return e * ((1 - alpha) * old + alpha * s * (direction * u).sum())

    for alpha in (0.05, 0.4):
        faded = score(fade(v, alpha), alpha) - score(up(down(v)), alpha)
        sharp = score(v, alpha) - score(up(down(v)), alpha)
        assert close(faded, e * s * alpha**2 * detail(v).norm()) and close(sharp, e * s * alpha * detail(v).norm())
        assert abs(faded - e * s * alpha * detail(v).norm()) > 0.1 * alpha


# ---------------------------------------------------------------------------------------------------------------- cost


@pytest.mark.proves("prop-progan-cost")
def test_speed_up():
    rng = np.random.default_rng(0)
    for _ in range(200):
        levels = rng.integers(1, 9)
        cost, share = np.sort(rng.uniform(0.01, 1, levels)), rng.dirichlet(np.ones(levels))
        # By walking through a run of 10 000 images.
        time, n = 0.0, 1e4
        for c, s in zip(cost, share, strict=True):
            time += c * s * n
        factor, tau = n * cost[-1] / time, share[-1] * n * cost[-1] / time
        assert close(factor, cost[-1] / (share * cost).sum()) and close(tau, share[-1] * factor)
        assert 1 - 1e-12 <= factor <= 1 / share[-1] + 1e-9
        full = n * cost[-1]  # in this time the fixed run sees n images
        assert close(full / time * n * share[-1], tau * n)
    for last, q in product(range(1, 9), (1.0, 1.5, 2.0, 4.0)):
        cost = np.cumsum(q ** np.arange(last + 1))
        factor = (last + 1) * cost[-1] / cost.sum()
        if q > 1:
            assert (1 - 1 / q) * (last + 1) < factor < last + 1 and factor / (last + 1) > 1 - 1 / q
        else:
            assert close(factor, 2 * (last + 1) / (last + 2)) and factor < 2
    assert close(520 / 96, 5.4, 0.01)
    # The authors' networks, with phases of equal length: multiplications explain 2 at 128 pixels and not 5 at 1024.
    for base, last, expected in ((4096, 5, 1.89), (16384, 8, 2.43)):
        wide = [min(512, base // (4 * 2**k)) for k in range(last + 1)]
        blocks = [512 * 16 * wide[0] + 16 * 9 * wide[0] ** 2]
        blocks += [(4 * 2**k) ** 2 * 9 * (wide[k - 1] + wide[k]) * wide[k] for k in range(1, last + 1)]
        cost, share = np.cumsum(blocks), np.array([0.8] + [1.6] * last)
        assert close(share.sum() * cost[-1] / (share * cost).sum(), expected, 3e-3)


# -------------------------------------------------------------------------------------------------- equalised and gain


def adam(start: Tensor, gradients, rate: float, eps: float, betas=(0.0, 0.99)) -> list[Tensor]:
    """Adam as Kingma and Ba write it; `gradients(w)` may change from step to step."""
    w, m, s, path = start.clone(), 0.0, 0.0, [start.clone()]
    for t, gradient in enumerate(gradients, 1):
        g = gradient(w)
        m, s = betas[0] * m + (1 - betas[0]) * g, betas[1] * s + (1 - betas[1]) * g * g
        w = w - rate * (m / (1 - betas[0] ** t)) / ((s / (1 - betas[1] ** t)).sqrt() + eps)
        path.append(w.clone())
    return path


@pytest.mark.proves("thm-progan-equalised")
def test_scaling_at_run_time():
    c, eta, eps = 0.02, 1e-3, 1e-6
    v = torch.randn(50)
    slope = [torch.randn(50) for _ in range(40)]

    def in_w(k):
        return lambda w: slope[k] + torch.sin(30 * w)

    def in_v(k):
        return lambda u: c * in_w(k)(c * u)

    ours = v - eta * in_v(0)(v)
    assert same(c * ours, c * v - c**2 * eta * in_w(0)(c * v)) and not same(
        c * ours, c * v - c * eta * in_w(0)(c * v), 1e-6
    )
    for betas in ((0.0, 0.99), (0.9, 0.999)):
        run_v = adam(v, [in_v(k) for k in range(40)], eta, eps, betas)
        run_w = adam(c * v, [in_w(k) for k in range(40)], c * eta, eps / c, betas)
        plain = adam(c * v, [in_w(k) for k in range(40)], eta, eps, betas)
        assert all(same(c * a, b) for a, b in zip(run_v, run_w, strict=True))
        assert not same(plain[1], run_w[1], 1e-4)
        # PyTorch's Adam is the same algorithm.
        weight = v.clone().requires_grad_()
        optimizer = torch.optim.Adam([weight], eta, betas, eps)
        for k in range(40):
            weight.grad = in_v(k)(weight.detach())
            optimizer.step()
        assert same(weight.detach(), run_v[-1], 1e-10)
    for scale in (1e-3, 1.0, 1e3):
        g = scale * slope[0]
        first = adam(v, [lambda u, g=g: g], eta, eps)[1]
        assert same((first - v).abs(), eta * g.abs() / (g.abs() + eps), 1e-14)
    steps = torch.stack(adam(v, [in_v(k) for k in range(40)], eta, 0.0)).diff(dim=0).abs()
    bound = torch.tensor([eta * math.sqrt((1 - 0.99**t) / 0.01) for t in range(1, 41)])
    assert (steps <= bound[:, None] * (1 + 1e-12)).all() and (steps > 1.05 * eta).any()  # η itself is no bound
    # Zeros that Adam counted: the first real gradient makes the largest step.
    zeros = [lambda u: 0 * u] * 999 + [lambda u: 0 * u + 1e-3]
    jump = (adam(v[:1], zeros, eta, 1e-12)[-1] - v[:1]).abs()
    assert close(jump, eta * math.sqrt((1 - 0.99**1000) / 0.01), 1e-6) and close(jump, 10 * eta, 1e-3)


@pytest.mark.proves("prop-progan-gain")
def test_gain():
    x = torch.randn(3, 256)
    x = x / x.square().mean(1, keepdim=True).sqrt()
    half = torch.randn(256, 6_000)
    for gain, factor in ((math.sqrt(2), 1.04), (math.sqrt(2 / 1.04), 1.0), (1.0, 0.52)):
        y = x @ (gain / 16 * torch.cat([half, -half], 1))  # a symmetric law, exactly
        before, after = y.square().mean(), leaky_relu(y, 0.2).square().mean()
        assert close(before, gain**2, 0.04) and close(after / before * gain**2, factor)
        assert not close(leaky_relu(y, 0.2).square().mean() / before, 0.6**2, 0.01)  # the mean slope, squared
    assert close(math.sqrt(2 / 1.04), 1.387, 1e-3) and close(1.04**19, 2.1, 0.01)


# --------------------------------------------------------------------------------------------------------- pixel norm


@pytest.mark.proves("prop-progan-pixelnorm")
def test_pixel_norm():
    size, eps = 7, 0.05

    def y(x):
        return x / (x.square().mean() + eps).sqrt()

    x = torch.randn(size)
    r2 = x.square().mean()
    s = (r2 + eps).sqrt()
    assert close(y(x).square().mean(), r2 / (r2 + eps))
    jacobian = torch.autograd.functional.jacobian(y, x)
    assert same(jacobian, (torch.eye(size) - torch.outer(x, x) / (size * s**2)) / s)
    assert not same(jacobian, (torch.eye(size) - torch.outer(x, x) / s**2) / s, 1e-2)  # without the C
    values = torch.linalg.eigvalsh(jacobian)
    assert close(values[0], eps / s**3) and same(values[1:], torch.full((size - 1,), float(1 / s)))
    assert same(jacobian @ x, eps / s**3 * x)
    eps = 0.0
    weight = torch.randn(size)

    def gradient(u):
        u = u.clone().requires_grad_()
        return torch.autograd.grad((weight * y(u)).exp().sum(), u)[0]

    assert same(y(3 * x), y(x)) and close(gradient(x) @ x, 0) and same(gradient(3 * x), gradient(x) / 3)

    def without(u):
        return u / u.mean().sqrt()

    u = x + 2
    assert same(without(9 * u), 3 * without(u)) and close(without(u).norm(), u.norm() / u.mean().sqrt())
    z = torch.randn(20_000, 64)
    failed = (z.mean(1) + 1e-8).sqrt().isnan().double().mean()
    assert close(failed, norm.cdf(-1e-8 * 8), 0.02)
    narrow = torch.tensor([1.0, -1 + 1e-6])
    assert without(narrow).norm() > 1000 and close(y(narrow).square().mean(), 1)


# ------------------------------------------------------------------------------------------------------ minibatch std


def statistic(x: Tensor, eps: float) -> Tensor:
    """Of one group (m, d)."""
    return ((x - x.mean(0)).square().mean(0) + eps).sqrt().mean()


def kappa(m: int) -> float:
    return math.sqrt(2 / m) * math.gamma(m / 2) / math.gamma((m - 1) / 2)


@pytest.mark.proves("thm-progan-std")
def test_what_one_number_sees():
    eps, m, d = 1e-4, 4, 6
    x = torch.randn(m, d)
    assert close(statistic(x[:1].repeat(m, 1), eps), math.sqrt(eps))
    assert statistic(x[:1] + torch.tensor([[0.0], [0], [0], [1e-3]]), eps) > math.sqrt(eps) * (1 + 1e-6)
    assert close(statistic(x[torch.randperm(m)] + torch.randn(d), eps), statistic(x, eps))
    for m in (2, 4, 16):
        groups = torch.randn(40_000, m, 3) * torch.tensor([0.5, 1.0, 3.0])
        found = groups.std(1, correction=0).mean()
        assert close(found, kappa(m) * 1.5, 0.01) and found < math.sqrt(1 - 1 / m) * 1.5
        assert abs(groups.std(1).mean() - found) > 0.02  # the correction is another statistic
        assert close(kappa(m), {2: 0.564, 4: 0.798, 16: 0.952}[m], 1e-3)
    for k, m in ((2, 4), (3, 3), (5, 2)):
        equal = sum(len(set(group)) == 1 for group in product(range(k), repeat=m))
        assert close(equal / k**m, k ** (1.0 - m)) and not close(equal / k**m, k ** (0.0 - m))
    m = 4
    x = x.requires_grad_()
    (g,) = torch.autograd.grad(statistic(x, eps), x)
    sigma = ((x - x.mean(0)).square().mean(0) + eps).sqrt()
    assert same(g, (x - x.mean(0)) / (m * d * sigma)) and 0.9 < g.norm() * math.sqrt(m * d) <= 1
    # What s adds to the gradient of the sum of a group's scores, each with a slope of at most b in s.
    b, mine = 0.7, x.detach().clone().requires_grad_()
    (added,) = torch.autograd.grad(sum(b * statistic(mine, eps) for _ in range(m)), mine)
    assert 0.9 < added.norm() / (b * math.sqrt(m / d)) <= 1
    assert close(math.sqrt(4 / 8192), 0.022, 0.01)
    same_rows = torch.ones(m, d, requires_grad=True)
    (g,) = torch.autograd.grad(statistic(same_rows, eps), same_rows)
    assert g.abs().max() == 0
    (g,) = torch.autograd.grad(statistic(same_rows, 0.0), same_rows)
    assert g.isnan().any()  # the root at zero
    h = torch.randn(m, d)
    assert close(statistic(1 + 1e-5 * h, 0.0) / 1e-5, statistic(1 - 1e-5 * h, 0.0) / 1e-5, 1e-6)  # a kink
    assert statistic(h, 0.0) > 0.1


@pytest.mark.proves("prop-progan-order")
def test_which_samples_share_a_statistic():
    x = torch.tensor([0.0, 0, 0, 0, 1, 2, 3, 4, 100, 200, 300, 400])
    strided, blocks = x.reshape(4, 3).std(0, correction=0), x.reshape(3, 4).std(1, correction=0)
    for i in range(12):
        assert close(strided.repeat(4)[i], x[i % 3 :: 3].std(correction=0))
        assert close(blocks.repeat_interleave(4)[i], x[4 * (i // 4) : 4 * (i // 4) + 4].std(correction=0))
    for m, groups, right in ((4, 3, 6), (4, 4, 4)):
        own = torch.arange(groups).repeat(m)
        assert own.tolist() == [i % groups for i in range(m * groups)]
        given = torch.arange(groups).repeat_interleave(m)
        assert (own == given).sum() == right == sum(i // m % groups == i % groups for i in range(m * groups))
    assert close(strided.repeat_interleave(4).mean(), strided.repeat(4).mean())
    assert not same(strided.repeat_interleave(4), strided.repeat(4), 1.0)


@pytest.mark.proves("prop-progan-packs")
def test_between_one_sample_and_a_pack():
    values, m = np.array([-1.0, 0.0, 2.0]), 3
    p, q = np.array([0.3, 0.4, 0.3]), np.array([0.45, 0.05, 0.5])

    def laws(law):
        pack, pair = {}, {}
        for group in product(range(3), repeat=m):
            weight = math.prod(law[i] for i in group)
            s = round(float(np.std(values[list(group)])), 9)
            pack[group] = weight
            for i in group:  # a sample of the group, each with the same chance
                pair[i, s] = pair.get((i, s), 0) + weight / m
        return pack, pair

    def first(law):
        pair = {}
        for group in product(range(3), repeat=m):
            s = round(float(np.std(values[list(group)])), 9)
            key = group[0], s
            pair[key] = pair.get(key, 0) + math.prod(law[i] for i in group)
        return pair

    (pack_p, pair_p), (pack_q, pair_q) = laws(p), laws(q)
    assert all(close(pair_p[k], first(p)[k]) for k in pair_p)
    middle = js([pair_p[k] for k in pair_p], [pair_q[k] for k in pair_p])
    top = js([pack_p[k] for k in pack_p], [pack_q[k] for k in pack_p])
    assert js(p, q) + 1e-3 < middle < top - 1e-3

    def loss(logit):
        return sum(
            pair_p[k] * math.log1p(math.exp(-logit[k])) + pair_q[k] * math.log1p(math.exp(logit[k])) for k in pair_p
        )

    best = {k: math.log(pair_p[k] / pair_q[k]) for k in pair_p}
    assert close(-loss(best), 2 * middle - math.log(4))
    for k in best:
        free = minimize_scalar(lambda a, k=k: loss(best | {k: a}), bounds=(-9, 9), method="bounded")
        assert close(free.x, best[k], 1e-3)
    # Two real and one generated sample in one group: s beside a real and beside a generated one.
    beside: dict[str, dict[float, float]] = {"real": {}, "fake": {}}
    for group in product(range(3), repeat=m):
        weight = p[group[0]] * p[group[1]] * q[group[2]]
        s = round(float(np.std(values[list(group)])), 9)
        for name, times in (("real", 2), ("fake", 1)):
            beside[name][s] = beside[name].get(s, 0) + weight * times
    total = {name: sum(law.values()) for name, law in beside.items()}
    assert all(close(beside["real"][s] / total["real"], beside["fake"][s] / total["fake"]) for s in beside["real"])
    apart = [{}, {}]
    for k, law in enumerate((pair_p, pair_q)):
        for (_, s), weight in law.items():
            apart[k][s] = apart[k].get(s, 0) + weight
    assert js([apart[0][s] for s in apart[0]], [apart[1][s] for s in apart[0]]) > 1e-3


# --------------------------------------------------------------------------------------------------------- drift, EMA


@pytest.mark.proves("prop-progan-drift")
def test_drift():
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=500), rng.normal(2.0, 0.5, size=500)
    kappa_, f = 0.3, lambda x: np.sin(x) + 5

    def loss(b, square_outside=False):
        w = -(f(real).mean() - f(fake).mean())
        r = f(real) + b
        return w + kappa_ * (r.mean() ** 2 if square_outside else (r**2).mean())

    found = minimize_scalar(loss)
    assert close(found.x, -f(real).mean(), 1e-6) and close(found.fun, loss(0) - kappa_ * f(real).mean() ** 2, 1e-9)
    w = -(f(real).mean() - f(fake).mean())
    assert close(found.fun, w + kappa_ * f(real).var()) and abs(found.fun - w) > 0.05
    both = np.concatenate([real, fake])
    assert abs(found.x + f(both).mean()) > 0.1  # not the mean over real and generated
    outside = minimize_scalar(lambda b: loss(b, True))
    assert close(outside.x, found.x, 1e-5) and close(outside.fun, w, 1e-9)
    distance = np.abs(np.sort(real) - np.sort(fake)).mean()
    best = -(real - real.mean())  # optimal on the line when the model lies to the right, but for few crossings
    gain = best.mean() - (-(fake - real.mean())).mean()
    assert close(gain, distance, 1e-3)
    for k in (0.001, 0.3, 3.0):  # slopes up to 1 cost nothing
        t = minimize_scalar(lambda t, k=k: -t * gain + k * t * t * best.var(), bounds=(0, 1), method="bounded").x
        formula = min(1, gain / (2 * k * best.var()))
        assert close(t, formula, 1e-3)
        # A two-sided penalty pulls back to slope 1.
        both = minimize_scalar(
            lambda t, k=k: -t * gain + k * t * t * best.var() + 10 * (t - 1) ** 2, bounds=(0, 1), method="bounded"
        ).x
        assert both > formula + 0.05 if formula < 1 else close(both, 1, 1e-3)


def test_half_life():
    """0.999 a turn is a half-life of 693 turns, so of as many images as the batch says; ours is one of images."""
    assert round(math.log(0.5) / math.log(0.999)) == 693
    for batch, images in ((16, 11_085), (3, 2078)):
        gan = ganlib.build("gan", (2,), model="mlp-toy")
        ema = EMA(gan, half_life=images)
        before = [p.detach().clone() for p in ema.gan.generator.parameters()]
        with torch.no_grad():
            for p in gan.generator.parameters():
                p.add_(1.0)
        ema.update(batch, 10**9)  # the ramp is over
        for old, new in zip(before, ema.gan.generator.parameters(), strict=True):
            assert same((new - old).detach(), torch.full_like(new, 1 - 0.999), 2e-6)


def test_two_modes_in_a_group_of_four():
    law: dict[float, float] = {}
    for group in product((-1, 1), repeat=4):
        s = round(float(np.std(group)), 6)
        law[s] = law.get(s, 0) + 1 / 16
    assert law == {0.0: 0.125, 0.866025: 0.5, 1.0: 0.375}
    mean = sum(s * w for s, w in law.items())
    spread = math.sqrt(sum(s * s * w for s, w in law.items()) - mean**2)
    assert close(mean, 0.808, 1e-3) and close(spread, 0.31, 0.01) and close(1 - (7 / 8) ** 10, 0.74, 0.01)
