"""Every statement of chapter 13, checked by numbers, each beside a plausible wrong variant.

The networks here are a few lines written from the formulas of the page, so that they do not share a fault with ganlib.
"""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import norm, truncnorm
from torch import Tensor

EPS = 1e-8  # of the authors' code


@pytest.fixture(autouse=True)
def double():
    """Float64, so that a tolerance can be tight; one thread, since the tensors are small."""
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(dtype)
    torch.set_num_threads(threads)


def close(a, b, tolerance: float = 1e-9) -> bool:
    a, b = (float(x.detach() if isinstance(x, Tensor) else x) for x in (a, b))
    return abs(a - b) <= tolerance * max(1.0, abs(a), abs(b))


def jacobians(g, x: Tensor) -> Tensor:
    """Of a map that treats every row by itself: (N, n) → (N, d, n)."""
    x = x.clone().requires_grad_()
    made = g(x)
    return torch.stack(
        [torch.autograd.grad(made[:, i].sum(), x, retain_graph=True)[0] for i in range(made.shape[1])], 1
    )


# ------------------------------------------------------------------------------------------------- the missing corner


def entropy(p: np.ndarray) -> float:
    p = p[p > 0]
    return float(-(p * np.log(p)).sum())


def mutual(p: np.ndarray) -> float:
    """Mutual information of the two axes of a table."""
    return entropy(p.sum(0)) + entropy(p.sum(1)) - entropy(p.ravel())


def left(values: np.ndarray, cell: np.ndarray, n: int) -> float:
    """H(values | cell) for equally frequent rows of a table."""
    table = np.zeros((cell.max() + 1, n))
    np.add.at(table, (cell, values), 1 / len(values))
    return entropy(table.ravel()) - entropy(table.sum(1))


@pytest.mark.proves("thm-stylegan-corner")
def test_independent_latents_leave_entropy():
    rng = np.random.default_rng(0)
    one, two = (grid.ravel() for grid in np.meshgrid(np.arange(12), np.arange(12), indexing="ij"))
    gaps = []
    for kind in range(60):  # maps of two independent dice to pairs of attributes
        if kind < 20:
            a, b = rng.integers(0, 3, 144), rng.integers(0, 2, 144)
        else:  # nearly disentangled, with a few entries changed
            a, b = rng.integers(0, 3, 12)[one], rng.integers(0, 2, 12)[two]
            some = rng.random(144) < rng.random() / 2
            b[some] = (a[some] > 0).astype(int)
        table = np.zeros((3, 2))
        np.add.at(table, (a, b), 1 / 144)
        gaps.append(left(a, one, 3) + left(b, two, 2) - mutual(table))
        assert gaps[-1] > -1e-12
    assert max(gaps) > 0.1
    # functions of one die each: independent, no corner can be empty
    a, b = rng.integers(0, 3, 12)[one], rng.integers(0, 2, 12)[two]
    table = np.zeros((3, 2))
    np.add.at(table, (a, b), 1 / 144)
    assert np.allclose(table, np.outer(table.sum(1), table.sum(0)))
    # a law with a missing corner: dependent coordinates show it without remainder, a mapping network makes them
    law = np.array([[0.4, 0.35], [0.25, 0.0]])
    u, v = (x.ravel() for x in np.meshgrid((np.arange(400) + 0.5) / 400, (np.arange(400) + 0.5) / 400, indexing="ij"))
    a = (u > law[0].sum()).astype(int)
    b = (v > (law[:, 0] / law.sum(1))[a]).astype(int)
    made = np.array([[((a == i) & (b == j)).mean() for j in (0, 1)] for i in (0, 1)])
    assert np.abs(made - law).max() < 2e-3 and made[1, 1] == 0
    assert mutual(law) > 0.12
    assert left(a, a, 2) + left(b, b, 2) < 1e-12 < mutual(law)  # so for *dependent* coordinates the bound is false
    # and one entropy alone is not bounded from below: the burden can lie on either side
    assert left(a, (u * 400).astype(int), 2) < 1e-12
    assert left(b, (v * 400).astype(int), 2) > mutual(law)


def bent(u: Tensor, s: float) -> Tensor:
    """The continuous map of the square onto {min(a, b) ≤ s}: (N, 2) → (N, 2)."""
    v = 1 - (1 - s * (2 - s) * u[:, 0]).sqrt()
    along = 2 * (1 - v) * u[:, 1]  # from (v, 1) down to (v, v), then right to (1, v)
    down = u[:, 1] <= 0.5
    a = torch.where(down, v, 2 * v - 1 + along)
    b = torch.where(down, 1 - along, v)
    return torch.stack([a, b], 1)


def rosenblatt(u: Tensor, s: float) -> Tensor:
    area = s * (2 - s)
    a = torch.where(u[:, 0] <= s / area, area * u[:, 0], s + (area * u[:, 0] - s) / s)
    return torch.stack([a, torch.where(a <= s, u[:, 1], s * u[:, 1])], 1)


@pytest.mark.proves("prop-stylegan-maps")
def test_two_maps_onto_the_square_without_a_corner():
    side = (torch.arange(500) + 0.5) / 500
    u = torch.cartesian_prod(side, side)
    for s in (0.3, 0.6):
        area = s * (2 - s)
        for made in (bent(u, s), rosenblatt(u, s)):
            assert made.min() >= 0 and made.max() <= 1 and made.min(1).values.max() <= s + 1e-12
            for _ in range(8):  # the mass of a random box is the area that it shares with the shape
                low, high = torch.sort(torch.rand(2, 2), 0).values
                inside = ((made > low) & (made < high)).all(1).double().mean()
                cut = (high - low).prod() - (high - low.clamp(min=s)).clamp(min=0).prod()
                assert abs(inside - cut / area) < 6e-3
        # the Jacobian of the bent map has the constant determinant ±area, and v = min(a, b) comes back
        some = torch.rand(50, 2)
        jacobian = jacobians(lambda x, s=s: bent(x, s), some)
        assert torch.allclose(jacobian.det().abs(), torch.full((50,), area))
        made = bent(some, s)
        v = made.min(1).values
        first = v * (2 - v) / area
        second = torch.where(made[:, 0] <= made[:, 1], 1 - made[:, 1], made[:, 0] + 1 - 2 * v) / (2 * (1 - v))
        assert torch.allclose(torch.stack([first, second], 1), some)
        # the mutual information, from the closed form and from the masses of the four cells of the grid at s
        cells = np.array([[s * s, s * (1 - s)], [s * (1 - s), 0.0]]) / area
        assert close(mutual(cells), math.log(area) - 2 * s * (1 - s) / area * math.log(s))
        # Rosenblatt's map tears, at u₁ = 1/(2 − s)
        edge = 1 / (2 - s)
        pair = torch.tensor([[edge - 1e-9, 0.9], [edge + 1e-9, 0.9]])
        assert (rosenblatt(pair, s)[0] - rosenblatt(pair, s)[1]).norm() > 0.9 * (1 - s) - 1e-6
        assert (bent(pair, s)[0] - bent(pair, s)[1]).norm() < 1e-6
    # a plain shrinking of one axis, drawn often, is not uniform
    wrong = torch.stack([u[:, 0], torch.where(u[:, 0] <= 0.3, u[:, 1], 0.3 * u[:, 1])], 1)
    assert abs((wrong[:, 0] <= 0.3).double().mean() - 0.3 / 0.51) > 0.2


def mlp(sizes: tuple[int, ...]) -> torch.nn.Sequential:
    layers = []
    for i, o in zip(sizes, sizes[1:], strict=False):
        layers += [torch.nn.Linear(i, o), torch.nn.Tanh()]
    return torch.nn.Sequential(*layers[:-1])


def energy(g, one: Tensor, two: Tensor, t: Tensor, epsilon: float) -> Tensor:
    """‖g(w_{t+ε}) − g(w_t)‖² / ε² on straight paths."""
    first, second = one + t * (two - one), one + (t + epsilon) * (two - one)
    return (g(second) - g(first)).square().sum(1) / epsilon**2


@pytest.mark.proves("prop-stylegan-gauge")
def test_what_no_loss_can_see():
    f, g = mlp((3, 8, 3)), mlp((3, 8, 4))
    z = torch.randn(4000, 3)
    matrix, shift = torch.randn(3, 3), torch.randn(3)
    with torch.no_grad():
        w = f(z)
        gauges = {
            "affine": (lambda x: x @ matrix.T + shift, lambda x: (x - shift) @ torch.linalg.inv(matrix).T),
            "bent": (lambda x: x.sinh() + 0.0, lambda x: x.asinh()),
        }
        one, two, t = w[:2000], w[2000:], torch.rand(2000, 1)
        before = energy(g, one, two, t, 1e-4)
        for name, (h, back) in gauges.items():
            assert torch.allclose(g(back(h(w))), g(w), atol=1e-9)  # the same pictures
            after = energy(lambda x, back=back: g(back(x)), h(one), h(two), t, 1e-4)
            assert torch.allclose(before, after, rtol=1e-4) == (name == "affine")
        # rotated latents: other pictures one by one, the same law
        q = torch.linalg.qr(torch.randn(3, 3)).Q
        turned = g(f(z @ q.T))
        assert not torch.allclose(turned, g(w), atol=0.1)
        assert (turned.mean(0) - g(w).mean(0)).abs().max() < 0.06
        # a stretched latent is not allowed: the law of the pictures changes
        stretched = g(f(z * torch.tensor([4.0, 1, 1])))
        assert (stretched.std(0) / g(w).std(0) - 1).abs().max() > 0.15


# ------------------------------------------------------------------------------------------------ the mapping network


def optimise(start: Tensor, scale: float, loss, kind: str, rate: float, epsilon: float, steps: int = 25) -> Tensor:
    """Path of scale · θ where θ is what the optimiser sees."""
    theta = (start / scale).clone().requires_grad_()
    made = torch.optim.SGD([theta], rate) if kind == "sgd" else torch.optim.Adam([theta], rate, (0.0, 0.99), epsilon)
    path = []
    for _ in range(steps):
        made.zero_grad()
        loss(scale * theta).backward()
        made.step()
        path.append(scale * theta.detach().clone())
    return torch.stack(path)


@pytest.mark.proves("prop-stylegan-lrmul")
def test_learning_rate_multiplier():
    lam, eta = 0.01, 0.3
    start, target = torch.randn(6), torch.randn(6)

    def loss(v):
        return ((v - target) ** 4).sum()

    adam = optimise(start, lam, loss, "adam", eta, EPS)
    same = optimise(start, 1.0, loss, "adam", lam * eta, EPS / lam)
    assert torch.allclose(adam, same, atol=1e-12)
    assert not torch.allclose(adam, optimise(start, 1.0, loss, "adam", lam**2 * eta, EPS), atol=1e-3)
    sgd = optimise(start, lam, loss, "sgd", eta, 0)
    assert torch.allclose(sgd, optimise(start, 1.0, loss, "sgd", lam**2 * eta, 0), atol=1e-12)
    assert not torch.allclose(sgd, optimise(start, 1.0, loss, "sgd", lam * eta, 0), atol=1e-3)
    assert close((adam[0] - start).abs().max(), lam * eta, 1e-4)  # Adam's first step is the rate


def forgets(c: float, a: float) -> float:
    """The cosine behind a wide random layer with a LeakyReLU of slope a."""
    both = 2 / math.pi * (math.sqrt(1 - c * c) + c * math.asin(c))
    return ((1 + a) ** 2 * c + (1 - a) ** 2 * both) / (2 * (1 + a * a))


@pytest.mark.proves("prop-stylegan-forgets")
def test_a_random_network_forgets():
    # A quadrature of the Gaussian integrals that the proof solves. The kinks at 0 are between its nodes.
    node = torch.linspace(-8, 8, 1601)[:-1] + 0.005
    weight = torch.exp(-(node**2) / 2)
    weight = weight / weight.sum()
    for a in (0.0, 0.2, 0.7):
        for c in (-0.9, -0.3, 0.0, 0.4, 0.95):
            t = c * node[:, None] + math.sqrt(1 - c * c) * node
            top = weight @ (F.leaky_relu(node, a)[:, None] * F.leaky_relu(t, a)) @ weight
            assert close(forgets(c, a), top / (weight @ F.leaky_relu(node, a) ** 2), 1e-4), (a, c)
            assert forgets(c, a) > c
        assert close(forgets(1.0, a), 1)
    # Layers that are wide but finite, and the numbers of the page.
    c, cosines = 0.0, []
    x = torch.linalg.qr(torch.randn(2000, 2))[0]  # cosine 0
    for _ in range(8):
        c, x = forgets(c, 0.2), F.leaky_relu(torch.randn(2000, 2000) @ x, 0.2)
        cosines.append(F.cosine_similarity(x[:, 0], x[:, 1], dim=0).item())
        assert abs(cosines[-1] - c) < 0.04
    assert [round(value, 2) for value in (forgets(0, 0.2), forgets(forgets(0, 0.2), 0.2), c)] == [0.20, 0.34, 0.71]
    # The share of w that is the same for all z, and the effective rank of the rest.
    ranks = []
    for depth in (2, 8):
        w = torch.randn(4000, 100)
        for _ in range(depth):
            w = F.leaky_relu(w @ torch.randn(100, 100), 0.2)
        common = w.mean(0).square().sum() / w.square().sum(1).mean()
        assert abs(common - cosines[depth - 1]) < 0.06
        eigenvalues = torch.linalg.eigvalsh(torch.cov(w.T))
        ranks.append((eigenvalues.sum() ** 2 / eigenvalues.square().sum()).item())
    assert 32 < ranks[0] < 44 and 7 < ranks[1] < 13


# ------------------------------------------------------------------------------------------------------------- AdaIN


def adain(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 0.0) -> Tensor:
    """(K, H, W), (K,), (K,) → (K, H, W)."""
    mean = x.mean((1, 2), keepdim=True)
    var = (x - mean).square().mean((1, 2), keepdim=True)
    return scale[:, None, None] * (x - mean) / (var + eps).sqrt() + bias[:, None, None]


@pytest.mark.proves("prop-stylegan-adain")
def test_adain():
    x, s, b = torch.randn(4, 6, 5) * 3 + 2, torch.tensor([1.5, 0.2, -0.7, 1.0]), torch.randn(4)
    out = adain(x, s, b, 0.5)
    var = x.var((1, 2), unbiased=False)
    assert torch.allclose(out.mean((1, 2)), b)
    assert torch.allclose(out.std((1, 2), unbiased=False), s.abs() * (var / (var + 0.5)).sqrt())
    assert not torch.allclose(out.std((1, 2)), s.abs() * (var / (var + 0.5)).sqrt(), rtol=1e-3)  # n − 1: another number
    alpha, kappa = torch.tensor([2.0, 0.1, 5, 1])[:, None, None], torch.randn(4, 1, 1)
    assert torch.allclose(adain(alpha * x + kappa, s, b), adain(x, s, b))
    assert torch.allclose(adain(-x, s, b), adain(x, -s, b))
    assert not torch.allclose(adain(-x, s, b), adain(x, s, b))
    assert torch.allclose(adain(3 * x, s, b, 0.5), adain(x, s, b, 0.5 / 9))
    assert torch.equal(adain(torch.full((4, 6, 5), 7.0), s, b, EPS), b[:, None, None].expand(4, 6, 5))
    assert torch.equal(adain(torch.randn(4, 1, 1), s, b, EPS)[:, 0, 0], b)  # one pixel: x is gone
    # twice: the second alone
    s1, b1, s2, b2 = torch.rand(4) + 0.2, torch.randn(4), torch.randn(4), torch.randn(4)
    assert torch.allclose(adain(adain(x, s1, b1), s2, b2), adain(x, s2, b2))
    assert not torch.allclose(adain(adain(x, -s1, b1), s2, b2), adain(x, s2, b2))
    eps = 0.3
    twice = adain(adain(x, s1, b1, eps), s2, b2, eps)
    for k in range(4):
        once = adain(x[k : k + 1], s2[k : k + 1], b2[k : k + 1], eps * (var[k] + eps).item() / s1[k].item() ** 2)
        assert torch.allclose(twice[k : k + 1], once)


def layer(u: Tensor, weight: Tensor, slope: float, padding: str) -> Tensor:
    mode = {"zero": "constant"}.get(padding, padding)
    return F.leaky_relu(F.conv2d(F.pad(u[None], (1, 1, 1, 1), mode), weight)[0], slope)


@pytest.mark.proves("prop-stylegan-override")
def test_what_survives_the_next_adain():
    x, weight = torch.randn(3, 8, 8), torch.randn(5, 3, 3, 3)
    s1, b1, s2, b2 = torch.rand(3) + 0.5, torch.randn(3), torch.randn(5), torch.randn(5)

    def after(scale, bias, slope, padding):
        return adain(layer(adain(x, scale, bias), weight, slope, padding), s2, b2)

    for slope in (1.0, 0.2):
        for padding in ("circular", "reflect", "zero"):
            now = after(s1, b1, slope, padding)
            assert torch.allclose(now.mean((1, 2)), b2)
            assert torch.allclose(now.std((1, 2), unbiased=False), s2.abs())
            # a common factor of the whole style is lost, a factor of one channel is not
            assert torch.allclose(now, after(3 * s1, 3 * b1, slope, padding))
            one = torch.tensor([3.0, 1, 1])
            assert not torch.allclose(now, after(one * s1, one * b1, slope, padding), atol=0.05)
            # the offsets are lost in the linear case, unless the padding is of zeros
            lost = torch.allclose(now, after(s1, b1 + 1, slope, padding))
            assert lost == (slope == 1.0 and padding != "zero")
            assert torch.allclose(now, after(3 * s1, b1, slope, padding)) == lost


@pytest.mark.proves("prop-stylegan-colour")
def test_mean_colour():
    h, s, b, c, c0 = torch.randn(6, 8, 8), torch.randn(6), torch.randn(6), torch.randn(3, 6), torch.randn(3)
    for eps in (0.0, 0.4):
        picture = torch.einsum("ok,khw->ohw", c, adain(h, s, b, eps)) + c0[:, None, None]
        assert torch.allclose(picture.mean((1, 2)), c @ b + c0)
        flat = adain(h, torch.ones(6), torch.zeros(6), eps).flatten(1)
        r = flat @ flat.T / 64
        var = h.var((1, 2), unbiased=False)
        assert torch.allclose(r.diagonal(), var / (var + eps))
        colours = picture.flatten(1)
        covariance = (colours - colours.mean(1, keepdim=True)) @ (colours - colours.mean(1, keepdim=True)).T / 64
        assert torch.allclose(covariance, c @ torch.diag(s) @ r @ torch.diag(s) @ c.T)
        other = torch.einsum("ok,khw->ohw", c, adain(torch.randn(6, 8, 8) + 5, 3 * s, b, eps)) + c0[:, None, None]
        assert torch.allclose(other.mean((1, 2)), picture.mean((1, 2)))
        squashed = torch.tanh(other).mean((1, 2)) - torch.tanh(picture).mean((1, 2))
        assert squashed.abs().max() > 0.02  # a tanh behind it would spoil this


@pytest.mark.proves("prop-stylegan-start")
def test_constant_channels_at_the_start():
    m = 16
    constant = torch.ones(1, 4, 4)
    s, b = torch.tensor([1.3]), torch.tensor([0.4])
    assert torch.equal(adain(constant, s, b, EPS), torch.full((1, 4, 4), 0.4))

    def flat(x, eps):
        return adain(x.view(1, 4, 4), s, b, eps).flatten()

    jacobian = torch.func.jacrev(lambda x: flat(x, EPS))(constant.flatten())
    assert torch.allclose(jacobian, 1.3e4 * (torch.eye(m) - 1 / m), rtol=1e-9)
    x = torch.randn(m)
    mu, var = x.mean(), x.var(unbiased=False)
    expected = torch.eye(m) - 1 / m - torch.outer(x - mu, x - mu) / (m * (var + 0.3))
    jacobian = torch.func.jacrev(lambda x: flat(x, 0.3))(x)
    assert torch.allclose(jacobian, 1.3 / (var + 0.3).sqrt() * expected)
    assert not torch.allclose(jacobian, 1.3 / (var + 0.3).sqrt() * torch.eye(m), atol=0.05)
    # one step of size η makes a pattern of full size out of nothing
    eta = 1e-3
    signs = torch.tensor([1.0, -1] * 8)
    pattern = adain(constant + eta * signs.view(1, 4, 4), s, b, EPS)
    assert close(pattern.std(unbiased=False), 1.3 * eta / math.sqrt(eta**2 + EPS))
    assert pattern.std(unbiased=False) / 1.3 > 0.99
    tiny = adain(constant + 1e-5 * signs.view(1, 4, 4), s, b, EPS)
    assert tiny.std(unbiased=False) / 1.3 < 0.11  # below √ε the normalisation no longer restores the size
    # a noise factor of the same size takes half of the variance
    noise = torch.randn(4000, 4, 4)
    loud = adain(constant + eta * (signs.view(1, 4, 4) + noise), torch.full((4000,), 1.3), b.expand(4000), EPS)
    share = ((loud - loud.mean((1, 2), keepdim=True)) * signs.view(4, 4)).mean((1, 2)) / 1.3  # squared: the pattern's
    assert 0.45 < share.square().mean() < 0.6


# ----------------------------------------------------------------------------------------- the constant and the noise


def blur1(x: Tensor, padding: str) -> Tensor:
    """The filter (1, 2, 1)/4 along the last two axes."""
    mode = {"zero": "constant"}.get(padding, padding)
    kernel = torch.tensor([1.0, 2, 1]) / 4
    x = F.pad(x, (1, 1, 1, 1), mode)
    return F.conv2d(x, torch.outer(kernel, kernel).expand(x.shape[1], 1, 3, 3), groups=x.shape[1])


class Tiny:
    """Two resolutions of a style-based generator: 4×4 and 8×8, one convolution each, then two colours."""

    def __init__(self, padding: str):
        self.padding = padding
        self.weights = torch.randn(5, 5, 3, 3), torch.randn(5, 5, 3, 3)
        self.noise = torch.randn(2, 5)
        self.rgb = torch.randn(2, 5)

    def __call__(self, constant: Tensor, noises: tuple[Tensor, Tensor], style: Tensor) -> Tensor:
        x = constant
        for l in (0, 1):
            if l:
                x = F.interpolate(x[None], scale_factor=2, mode="nearest")
                x = blur1(x, self.padding)[0]
            mode = {"zero": "constant"}.get(self.padding, self.padding)
            x = F.conv2d(F.pad(x[None], (1, 1, 1, 1), mode), self.weights[l])[0]
            x = F.leaky_relu(x + self.noise[l][:, None, None] * noises[l], 0.2)
            x = adain(x, style[l, 0], style[l, 1], EPS)
        return torch.einsum("ok,khw->ohw", self.rgb, x)


@pytest.mark.proves("prop-stylegan-shift")
def test_styles_cannot_say_where():
    for padding in ("circular", "zero"):
        g = Tiny(padding)
        constant, style = torch.randn(5, 4, 4), torch.randn(2, 2, 5)
        noises = torch.randn(4, 4), torch.randn(8, 8)
        moved = g(
            constant.roll((1, 0), (1, 2)), (noises[0].roll((1, 0), (0, 1)), noises[1].roll((2, 0), (0, 1))), style
        )
        same = torch.allclose(moved, g(constant, noises, style).roll((2, 0), (1, 2)))
        assert same == (padding == "circular")
        # without noise and with a flat constant: one colour, whatever the style
        none = torch.zeros(4, 4), torch.zeros(8, 8)
        flat = g(torch.randn(5, 1, 1).expand(5, 4, 4).contiguous(), none, style)
        spread = (flat - flat.mean((1, 2), keepdim=True)).abs().max()
        assert (spread < 1e-6) == (padding == "circular")
    # a shift by one pixel of the picture is not among them
    g = Tiny("circular")
    noises = torch.randn(4, 4), torch.randn(8, 8)
    moved = g(constant, (noises[0], noises[1].roll(1, 0)), style)
    assert not torch.allclose(moved, g(constant, noises, style).roll(1, 1), atol=0.1)


@pytest.mark.proves("prop-stylegan-noise")
def test_noise():
    k, side, n = 3, 4, 40_000
    scale = torch.tensor([0.5, -1.2, 2.0])
    x = torch.randn(k, side, side)
    noise = torch.randn(n, 1, side, side)
    made = x + scale[:, None, None] * noise
    flat = (made - x).flatten(1)
    covariance = flat.T @ flat / n
    pixels = side * side
    expected = torch.einsum("k,l,ij->kilj", scale, scale, torch.eye(pixels)).reshape(k * pixels, k * pixels)
    assert (covariance - expected).abs().max() < 0.12
    own = torch.einsum("k,kl,ij->kilj", scale**2, torch.eye(k), torch.eye(pixels)).reshape(k * pixels, k * pixels)
    assert (own - expected).abs().max() > 2  # an own noise image for each channel is another law
    assert torch.allclose(made.mean((2, 3)).var(0), scale**2 / pixels, rtol=0.05)
    inside = made.var((2, 3), unbiased=False).mean(0)
    assert torch.allclose(inside, x.var((1, 2), unbiased=False) + scale**2 * (1 - 1 / pixels), rtol=0.03)
    # noise anywhere leaves the mean colour as it is
    g = Tiny("zero")
    constant, style = torch.randn(5, 4, 4), torch.randn(2, 2, 5)
    pictures = [g(constant, (torch.randn(4, 4), torch.randn(8, 8)), style) for _ in range(3)]
    assert torch.allclose(pictures[0].mean((1, 2)), pictures[1].mean((1, 2)))
    assert torch.allclose(pictures[0].mean((1, 2)), g.rgb @ style[1, 1])
    assert not torch.allclose(pictures[0], pictures[1], atol=0.1)
    # leaky ReLU: the mean over the noise lies above the noise-free value
    slope, b = 0.2, 1.7
    grid = torch.linspace(-12, 12, 200_001)
    density = torch.exp(-(grid**2) / 2) / math.sqrt(2 * math.pi) * (grid[1] - grid[0])
    for value in (-2.0, 0.0, 0.6, 3.0):
        mean = (density * F.leaky_relu(value + b * grid, slope)).sum()
        t = abs(value) / b
        gap = (1 - slope) * b * (norm.pdf(t) - t * norm.cdf(-t))
        assert close(mean - F.leaky_relu(torch.tensor(value), slope), gap, 1e-7)
        assert gap <= (1 - slope) * b / math.sqrt(2 * math.pi) + 1e-12
    assert gap > 1e-4  # not zero even three units away


@pytest.mark.proves("prop-stylegan-blur")
def test_binomial_blur():
    n = 64
    kernel = torch.tensor([1.0, 2, 1]) / 4
    for l in (0, 5, 16, 32):
        omega = 2 * math.pi * l / n
        wave = torch.exp(1j * omega * torch.arange(n))
        blurred = (wave.roll(1) + 2 * wave + wave.roll(-1)) / 4
        assert torch.allclose(blurred, math.cos(omega / 2) ** 2 * wave)
    # nearest, then blur: the transposed convolution (1, 3, 3, 1)/4, bilinear enlargement with half-pixel centres
    x = torch.randn(1, 1, 9)
    up = F.interpolate(x, scale_factor=2, mode="nearest")
    both = F.conv1d(F.pad(up, (1, 1)), kernel.view(1, 1, 3))
    fused = F.conv_transpose1d(x, torch.tensor([[[1.0, 3, 3, 1]]]) / 4, stride=2, padding=1)
    assert torch.allclose(both, fused)
    half = F.interpolate(x, scale_factor=2, mode="linear", align_corners=False)
    corners = F.interpolate(x, scale_factor=2, mode="linear", align_corners=True)
    assert torch.allclose(both[..., 1:-1], half[..., 1:-1])
    assert not torch.allclose(both[..., 1:-1], corners[..., 1:-1], atol=0.1)
    assert torch.allclose(both[..., [0, -1]], 0.75 * half[..., [0, -1]])  # zeros beyond the border darken it
    flat = F.interpolate(torch.ones(1, 1, 4, 4), scale_factor=2, mode="nearest")
    dark = blur1(flat, "zero")[0, 0]
    assert close(dark[0, 0], 9 / 16) and close(dark[0, 3], 3 / 4) and close(dark[3, 3], 1)
    # the two components of an enlarged wave
    for l in (3, 16, 30):
        omega = 2 * math.pi * l / n
        wave = torch.exp(1j * omega * torch.arange(n))
        up = wave.repeat_interleave(2)
        for signal, power in ((up, 1), ((up.roll(1) + 2 * up + up.roll(-1)) / 4, 3)):
            spectrum = torch.fft.fft(signal).abs() / (2 * n)
            assert close(spectrum[l], math.cos(omega / 4) ** power, 1e-8)
            assert close(spectrum[l + n], abs(math.sin(omega / 4)) ** power, 1e-8)
            assert close(spectrum.square().sum(), spectrum[l] ** 2 + spectrum[l + n] ** 2)
    # down: half the transpose, and blurring after the stride is something else
    y = torch.randn(1, 1, 18, requires_grad=True)
    down = F.avg_pool1d(F.conv1d(F.pad(y, (1, 1)), kernel.view(1, 1, 3)), 2)
    assert close((down * x).sum(), 0.5 * (both * y).sum())
    theta = 2 * math.pi * 28 / n
    wave = torch.exp(1j * theta * torch.arange(n))
    before = (wave.roll(1) + 2 * wave + wave.roll(-1)) / 4
    pooled = (before[::2] + before[1::2]) / 2
    assert torch.allclose(pooled.abs(), torch.full((n // 2,), abs(math.cos(theta / 2)) ** 3))
    late = (wave[::2] + wave[1::2]) / 2
    late = (late.roll(1) + 2 * late + late.roll(-1)) / 4
    assert late.abs().max() > 10 * pooled.abs().max()


# ------------------------------------------------------------------------------------------------------- style mixing


@pytest.mark.proves("thm-stylegan-mixing")
def test_style_mixing():
    rng = np.random.default_rng(0)
    layers, m = 8, 0.9
    q_law = rng.random((3, 2)) + 0.1
    q_law /= q_law.sum()
    product = np.outer(q_law.sum(1), q_law.sum(0))
    n = 400_000
    first, second = (rng.choice(6, n, p=q_law.ravel()) for _ in range(2))
    cut = np.where(rng.random(n) < m, rng.integers(1, layers, n), layers)  # layers 1…cut take the first
    for i, j in ((1, 2), (2, 7), (1, 8)):
        a = np.where(i <= cut, first, second) // 2
        b = np.where(j <= cut, first, second) % 2
        made = np.zeros((3, 2))
        np.add.at(made, (a, b), 1 / n)
        q = m * (j - i) / (layers - 1)
        assert np.abs(made - (1 - q) * q_law - q * product).max() < 3e-3
        if q > 0.5:
            assert np.abs(made - (1 - m) * q_law - m * product).max() > 5e-3 or j - i == layers - 1
        cross = np.cov(a, b)[0, 1]
        plain = (q_law * np.outer(np.arange(3), np.arange(2))).sum() - (q_law.sum(1) @ np.arange(3)) * q_law[:, 1].sum()
        assert abs(cross - (1 - q) * plain) < 3e-3
    # which unmixed law makes the mixture right? It exaggerates, and may not exist
    p = np.array([[0.3, 0.2], [0.25, 0.25]])
    outer = np.outer(p.sum(1), p.sum(0))
    q = 0.3
    unmixed = (p - q * outer) / (1 - q)
    assert unmixed.min() > 0 and np.allclose((1 - q) * unmixed + q * outer, p)
    assert np.allclose(unmixed.sum(0), p.sum(0)) and np.allclose(unmixed.sum(1), p.sum(1))
    assert np.allclose(unmixed - p, q / (1 - q) * (p - outer))
    assert np.abs(unmixed - p).max() > 5e-3  # so the unmixed pictures are not the data
    p = np.array([[22, 10], [11, 0]]) / 43  # long hair and glasses missing
    outer = np.outer(p.sum(1), p.sum(0))
    assert ((p - 0.05 * outer) / 0.95).min() < 0
    # the bound on the distance, against the best law on a fine grid
    grid = np.linspace(0, 1, 41)
    laws = np.array([(x, y, z, 1 - x - y - z) for x in grid for y in grid for z in grid if x + y + z <= 1])
    q = 0.5
    rows, columns = laws[:, :2].sum(1), laws[:, ::2].sum(1)
    mixed = np.stack([rows * columns, rows * (1 - columns), (1 - rows) * columns, (1 - rows) * (1 - columns)], 1)
    distance = np.abs((1 - q) * laws + q * mixed - p.ravel()).sum(1) / 2
    best = distance.min()
    one, two = p[1].sum(), p[:, 1].sum()
    assert best >= q * max(one - best, 0) * max(two - best, 0) > 0.01
    assert best < q * one * two + 0.02  # and the unmixed law P is nearly that good


# --------------------------------------------------------------------------------------------------------- truncation


def frechet(mean1, cov1, mean2, cov2) -> float:
    root = np.linalg.cholesky(cov1 + 1e-15 * np.eye(len(cov1)))
    values = np.linalg.eigvalsh(root.T @ cov2 @ root)
    return float(((mean1 - mean2) ** 2).sum() + np.trace(cov1 + cov2) - 2 * np.sqrt(values.clip(0)).sum())


@pytest.mark.proves("prop-stylegan-truncation")
def test_truncation():
    rng = np.random.default_rng(0)
    w = rng.gamma(2.0, size=(5000, 3)) @ rng.normal(size=(3, 3))  # any law
    centre, cov = w.mean(0), np.cov(w.T, bias=True)
    a = rng.normal(size=(4, 3))
    for psi in (0.0, 0.5, 0.7, 1.2):
        short = centre + psi * (w - centre)
        assert np.allclose(short.mean(0), centre) and np.allclose(np.cov(short.T, bias=True), psi**2 * cov)
        small = a.T @ a  # square, invertible features
        full = frechet(small @ centre, small @ cov @ small, small @ short.mean(0), small @ (psi**2 * cov) @ small)
        assert close(full, (1 - psi) ** 2 * np.trace(small @ cov @ small), 1e-6)
        if psi not in (0.0, 1.0):
            assert not close(full, (1 - psi**2) * np.trace(small @ cov @ small), 1e-2)
    cost = ((w - centre) ** 2).sum(1).mean()
    for direction in rng.normal(size=(5, 3)):
        assert close(((w - centre - direction) ** 2).sum(1).mean(), cost + (direction**2).sum())
    # a model that is s times too wide
    truth, s, shift = np.diag([1.0, 2.0, 0.5]), 1.25, np.array([0.1, 0.0, -0.2])
    psis = np.linspace(0.4, 1.2, 81)
    values = [frechet(shift, truth, np.zeros(3), (psi * s) ** 2 * truth) for psi in psis]
    assert np.allclose(values, (shift**2).sum() + (psis * s - 1) ** 2 * 3.5, atol=1e-6)
    assert close(psis[int(np.argmin(values))], 0.8, 1e-6)
    # a ψ for each layer
    parts, psi = rng.normal(size=(3, 4, 3)), np.array([0.5, 0.7, 1.0])
    short = centre + psi[:, None, None] * (w - centre)[None]
    x = np.einsum("lod,lnd->no", parts, short)
    total = np.einsum("l,lod->od", psi, parts)
    assert np.allclose(x.mean(0), parts.sum(0) @ centre)
    assert np.allclose(np.cov(x.T, bias=True), total @ cov @ total.T)
    # normalised latents: scaling does nothing, and cutting off coordinates keeps mean and covariance
    k, tau = 5, 0.5
    z = rng.normal(size=(60_000, k))

    def unit(z):
        return z / np.sqrt((z**2).mean(1, keepdims=True))

    assert np.allclose(unit(0.3 * z), unit(z))
    cut = truncnorm.rvs(-tau, tau, size=(60_000, k), random_state=1)
    assert np.abs(unit(cut).mean(0)).max() < 0.02
    assert np.abs(np.cov(unit(cut).T, bias=True) - np.eye(k)).max() < 0.02
    assert close(cut.var(), 1 - 2 * tau * norm.pdf(tau) / (2 * norm.cdf(tau) - 1), 3e-3)
    assert cut.var() < 0.09  # while without normalisation it shrinks


@pytest.mark.proves("prop-stylegan-wmean")
def test_the_tracked_mean():
    rng = np.random.default_rng(0)
    beta, n, steps, runs = 0.9, 4, 12, 40_000
    mean, spread = 2.0, 1.5
    m = np.zeros(runs)
    for _ in range(steps):
        m = beta * m + (1 - beta) * (mean + spread * rng.normal(size=(runs, n))).mean(1)
    assert close(m.mean(), (1 - beta**steps) * mean, 3e-3)
    assert abs(m.mean() - mean) > 0.5  # not yet the mean
    variance = (1 - beta) / (1 + beta) * (1 - beta ** (2 * steps)) * spread**2 / n
    assert abs(m.var() / variance - 1) < 0.03
    assert m.var() < 0.5 * (1 - beta) * spread**2 / n * 1.2  # about half of the naive (1 − β)σ²/N
    e, drift = 0.0, 0.01
    for _ in range(400):
        e = beta * (e - drift)
    assert close(e, -beta / (1 - beta) * drift)
    assert close(0.995 / 0.005, 199)


# ---------------------------------------------------------------------------------------------------------- measuring


@pytest.mark.proves("thm-stylegan-ppl")
def test_path_length_is_at_least_twice_the_variance():
    for bend in (0.0, 0.3, 2.0):
        a = torch.randn(3, 2)

        def g(w, bend=bend, a=a):
            return w @ a.T + bend * torch.stack([w[:, 0] ** 2, (w[:, 0] * w[:, 1]).sin(), w[:, 1].cos()], 1)

        n = 40_000
        # a law that is not normal, and t on a fine grid of mid-points
        one, two = torch.rand(n, 2) ** 2 * 2, torch.rand(n, 2) ** 2 * 2
        t = torch.rand(n, 1)
        measured = energy(g, one, two, t, 1e-4)
        path, delta = one + t * (two - one), two - one
        j = jacobians(g, path)
        metric = torch.einsum("noi,noj->nij", j, j)
        limit = torch.einsum("ni,nij,nj->n", delta, metric, delta)
        assert torch.allclose(measured, limit, rtol=2e-3, atol=2e-3)
        ends = (g(two) - g(one)).square().sum(1)  # its mean is twice the total variance
        total = 2 * g(torch.cat([one, two])).var(0).sum()
        assert abs(ends.mean() / total - 1) < 0.03
        error = (measured - ends).std() / n**0.5
        gap = (measured - ends).mean()
        if bend == 0:
            assert torch.allclose(measured, ends, rtol=1e-6)
            assert close(measured.mean(), 2 * (a @ torch.cat([one, two]).T.cov() @ a.T).trace(), 0.03)
        else:
            assert gap > 6 * error
        # only the starts: the mean of the conditional second moment
        start = energy(g, one, two, torch.zeros(n, 1), 1e-5).mean()
        j = jacobians(g, one)
        metric = torch.einsum("noi,noj->nij", j, j)
        centre, cov = torch.cat([one, two]).mean(0), torch.cat([one, two]).T.cov()
        moment = cov + torch.einsum("ni,nj->nij", one - centre, one - centre)
        assert abs(start / (metric * moment).sum((1, 2)).mean() - 1) < 0.03
    # a jump between two clusters: the full path sees it, the ends do not
    one, two = torch.randint(0, 2, (4000, 1)).double(), torch.randint(0, 2, (4000, 1)).double()

    def step(w):
        return torch.sigmoid(60 * (w - 0.5))

    full = energy(step, one, two, torch.rand(4000, 1), 1e-4).mean()
    start = energy(step, one, two, torch.zeros(4000, 1), 1e-4).mean()
    assert start < 1e-6 < 0.5 - 0.03 < full  # 0.5 = twice the variance
    # great circles: the same bound, which no linear map attains
    z = torch.nn.functional.normalize(torch.randn(2, 20_000, 3), dim=2)
    omega = (z[0] * z[1]).sum(1).clamp(-1, 1).acos()
    assert (omega**2).mean() > 2 + 0.2  # E ω² ‖A‖²/ℓ against 2 ‖A‖²/ℓ
    assert ((z[0] - z[1]).norm(dim=1) <= omega + 1e-12).all()
    assert abs(omega.mean() - math.pi / 2) < 0.02 and (omega**2).mean() > math.pi**2 / 4
    # along them no function beats the linear ones: E‖∇h‖² / (ℓ − 1) ≥ Var h on the sphere in ℓ dimensions
    for h, factor in ((lambda x: x[:, :1], 1.0), (lambda x: x[:, :1] * x[:, 1:2], 3.0)):
        gradient = jacobians(h, z[0])[:, 0]
        along = gradient - (gradient * z[0]).sum(1, keepdim=True) * z[0]
        least = along.square().sum(1).mean() / 2 / h(z[0]).var()
        assert abs(least / factor - 1) < 0.03
        t = torch.rand(20_000, 1)

        def walk(t):
            return ((omega[:, None] * (1 - t)).sin() * z[0] + (omega[:, None] * t).sin() * z[1]) / omega[:, None].sin()

        speed = ((h(walk(t + 1e-5)) - h(walk(t))) / 1e-5).square().sum(1).mean()
        assert abs(speed / ((omega**2).mean() * factor * h(z[0]).var()) - 1) < 0.06


def binary(p) -> float:
    p = np.clip(np.asarray(p, float), 1e-300, 1 - 1e-16)
    return float(-p * np.log(p) - (1 - p) * np.log(1 - p))


def given(y: np.ndarray, x: np.ndarray) -> float:
    """H(Y|X) in nats."""
    return left(y.astype(int), x.astype(int), 2)


@pytest.mark.proves("prop-stylegan-separability")
def test_separability():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(400_000, 4))
    u = np.array([1.0, 0, 0, 0])
    for angle in (0.0, 0.3, 1.0, math.pi / 2):
        v = np.array([math.cos(angle), math.sin(angle), 0, 0])
        h = given(z @ u > 0, z @ v > 0)
        assert close(h, binary(angle / math.pi) if angle else 0.0, 4e-3)
        if 0 < angle < 1.5:
            assert not close(h, binary(angle / (2 * math.pi)), 4e-2)
    # bounds, and the base of the logarithm
    for y in ((z[:, 0] > 1), (np.abs(z[:, 0]) > 1)):
        for x in (z[:, 0] > 0, z[:, 1] > 0.5, z[:, 0] > 1):
            h = given(y, x)
            assert 0 <= h <= binary(y.mean()) + 1e-9 <= math.log(2) + 1e-9
            assert close(math.exp(h), 2 ** (h / math.log(2)))
    # an even attribute tells a hyperplane through the centre nothing, another hyperplane something
    even = z[:, 0] * z[:, 1] > 0
    for v in rng.normal(size=(4, 4)):
        assert abs(given(even, z @ v > 0) - binary(even.mean())) < 1e-4
    off = z[:, 0] + z[:, 1] > 1.5
    assert given(even, off) < binary(even.mean()) - 0.04
    # ℓ + 1 points in general position: every labelling is separable
    points = rng.normal(size=(5, 4))
    matrix = np.hstack([points, np.ones((5, 1))])
    for code in range(32):
        labels = np.array([1.0 if code >> i & 1 else -1.0 for i in range(5)])
        plane = np.linalg.solve(matrix, labels)
        assert ((matrix @ plane) * labels > 0).all()
    with pytest.raises(np.linalg.LinAlgError):  # not if they lie in a plane
        np.linalg.solve(np.hstack([points * (1, 1, 1, 0), np.ones((5, 1))]), labels)
