"""Every theorem, proposition and lemma of chapter 03, checked by numbers, each beside a plausible wrong variant.

The Dirac-GAN is played with the library's own losses and penalties, differentiated by autograd; what the page says of
it is computed from the formulas. Eigenvalues of a step come from the Jacobian of that very step.
"""

import copy
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.linalg import solve_continuous_lyapunov, solve_discrete_lyapunov
from scipy.optimize import brentq
from scipy.stats import binom, cauchy, kstest
from torch import Tensor

from ganlib import losses, penalties

PAGE = Path(__file__).parents[2] / "book/en/03-dynamics.md"
LOG2 = math.log(2)
ROTATION = {"minimax": 0.5, "non_saturating": 0.5, "wgan": 1.0}  # ω, the slope of the losses at logit 0
GAMES = list(ROTATION)
WGAN = losses.Loss("wgan", lambda real, fake: fake.mean() - real.mean(), lambda fake: -fake.mean())


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
    return abs(a - b) <= tolerance * max(1.0, abs(a), abs(b))


def sigmoid(u):
    return 1 / (1 + np.exp(-u))


# -------------------------------------------------------------------------------------- the Dirac-GAN of the library


def pair(game: str) -> losses.Loss:
    return WGAN if game == "wgan" else losses.get(game)


def leaf(value) -> Tensor:
    """A number of its own: what one player differentiates by, while the other's is a constant."""
    return torch.as_tensor(value).detach().clone().requires_grad_()


def judge_force(game: str, theta, phi, gamma: float = 0.0) -> Tensor:
    """−∂L_D/∂φ, with R1 of weight γ, by autograd through the library."""
    real, own, theta = torch.zeros(1, 1), leaf(phi), torch.as_tensor(theta).detach()
    loss = pair(game).discriminator(own * real, (own * theta).reshape(1, 1))
    if gamma:
        loss = loss + gamma / 2 * penalties.gradient_norms(lambda x: own * x, real).square().mean()
    return -torch.autograd.grad(loss, own)[0]


def maker_force(game: str, theta, phi) -> Tensor:
    """−∂L_G/∂θ."""
    own = leaf(theta)
    loss = pair(game).generator((torch.as_tensor(phi).detach() * own).reshape(1, 1))
    return -torch.autograd.grad(loss, own)[0]


def field(game: str, gamma: float = 0.0):
    """(θ, φ) → the right side of the flow."""
    return lambda v: torch.stack([maker_force(game, v[0], v[1]), judge_force(game, v[0], v[1], gamma)])


def stepper(game: str, lr_d: float, lr_g: float, gamma: float = 0.0, alternating: bool = True, k: int = 1):
    """(θ, φ) → (θ, φ) after k turns of the discriminator and one of the generator."""

    def at(point: Tensor) -> Tensor:
        theta, phi = point
        for _ in range(k):
            phi = phi + lr_d * judge_force(game, theta, phi, gamma)
        seen = phi if alternating else point[1]
        return torch.stack([theta + lr_g * maker_force(game, theta, seen), phi])

    return at


def jacobian(function, h: float = 1e-5) -> Tensor:
    """At (0, 0), by central differences of what the players really do."""
    columns = [(function(h * e) - function(-h * e)) / (2 * h) for e in torch.eye(2)]
    return torch.stack(columns, 1)


def radius(matrix: Tensor) -> float:
    """The spectral radius."""
    return torch.linalg.eigvals(matrix).abs().max().item()


def path(step, start=(1.0, 0.0), n: int = 100) -> Tensor:
    points = [torch.tensor(start)]
    for _ in range(n):
        points.append(step(points[-1]))
    return torch.stack(points)


def simulate(game: str, lr: float, n: int, alternating: bool, start=(1.0, 0.0), extra=None, clip=None) -> np.ndarray:
    """The same in plain floats, for long paths: (n, 2) points."""
    theta, phi = start
    points = []
    for _ in range(n):
        judge = 1.0 if game == "wgan" else sigmoid(phi * theta)
        new = phi + lr * (-theta * judge + (extra(phi) if extra else 0.0))
        new = float(np.clip(new, -clip, clip)) if clip else new
        seen = new if alternating else phi
        maker = {"wgan": 1.0, "minimax": sigmoid(seen * theta)}.get(game, sigmoid(-seen * theta))
        theta, phi = theta + lr * seen * maker, new
        points.append((theta, phi))
    return np.array(points)


# ---------------------------------------------------------------------------------- a discriminator that wins, or lags


@pytest.mark.proves("thm-dynamics-vanishing")
def test_a_perfect_discriminator_is_flat():
    # Supports [-2, -1] and [1, 3]: the mollified indicator of the proof, r = ½.
    x = torch.linspace(-4, 5, 9001)
    step = (x[1] - x[0]).item()
    inside = ((x >= -3) & (x <= 0)).double()  # distance at most 2r from [-2, -1]
    t = torch.arange(-499, 500) * step / 0.5
    bump = torch.exp(-1 / (1 - t**2))
    d = torch.nn.functional.conv1d(inside[None, None], (bump / bump.sum())[None, None], padding=499)[0, 0]
    slope = torch.gradient(d, spacing=step)[0]
    real, fake = (x >= -2) & (x <= -1), (x >= 1) & (x <= 3)
    assert (d[real] - 1).abs().max() < 1e-12 and d[fake].abs().max() < 1e-12
    assert slope[real | fake].abs().max() < 1e-9
    assert slope.abs().max() > 0.5  # it is not constant: it falls where nobody lives
    assert torch.log(d[real]).mean() + torch.log1p(-d[fake]).mean() == pytest.approx(0, abs=1e-9)


@pytest.mark.proves("thm-dynamics-vanishing")
def test_bounds_on_the_gradient():
    z = torch.randn(2_000)

    def gradient(loss, logit):
        theta = torch.tensor([1.0, 0.3], requires_grad=True)
        fakes = theta[0] + theta[1] * torch.tanh(z)  # in [0.7, 1.3]
        return torch.autograd.grad(loss.generator(logit(fakes)), theta)[0].norm().item()

    size = torch.sqrt(1 + torch.tanh(z) ** 2).mean().item()  # M: the mean norm of ∂G/∂θ
    x = torch.linspace(0.7, 1.3, 2_001, requires_grad=True)
    saturating, non_saturating = [], []
    for margin in (2.0, 5.0, 10.0, 20.0):

        def logit(t, margin=margin):
            return -margin - 3 * (t - 0.7) + 0.2 * torch.sin(9 * t)  # a ≤ −margin + 0.2 on the fakes

        d = logit(x).sigmoid()
        steep = torch.autograd.grad(d.sum(), x, retain_graph=True)[0].abs().max().item()
        lipschitz = torch.autograd.grad(logit(x).sum(), x)[0].abs().max().item()
        eps = max(d.max().item(), steep)
        m = -logit(x).max().item()
        saturating.append(gradient(losses.minimax, logit))
        non_saturating.append(gradient(losses.non_saturating, logit))
        assert saturating[-1] <= size * eps / (1 - eps)
        assert saturating[-1] <= size * lipschitz * math.exp(-m)
        assert non_saturating[-1] <= size * lipschitz
        assert non_saturating[-1] > 1.0  # "a perfect discriminator gives no gradient" is false for this loss
    assert saturating[0] > 1e-2 and saturating[-1] < 1e-7
    assert saturating[1] > size * lipschitz * math.exp(-2 * 5.0)  # twice the margin in the exponent would be wrong


@pytest.mark.proves("prop-dynamics-cauchy")
def test_heavy_tails_need_an_independent_slope():
    rng = np.random.default_rng(0)
    runs, tau, steep = 20_000, 0.3, 0.6
    for n in (1, 100):
        sizes = np.linspace(0.5, 1.5, n) if n > 1 else np.array([1.0])
        xi, zeta = tau * rng.standard_normal((runs, n)), steep * rng.standard_normal((runs, n))
        batch = -(sizes * zeta / xi).mean(1)
        scale = steep / tau * sizes.mean()
        assert kstest(batch, cauchy(scale=scale).cdf).pvalue > 0.01
        if n > 1:  # it does not shrink like 1/√N, nor like 1/N
            assert kstest(batch, cauchy(scale=scale / math.sqrt(n)).cdf).pvalue < 1e-6
            assert kstest(batch / batch.std(), "norm").pvalue < 1e-6
    x = torch.linspace(-3, 3, 1_001, requires_grad=True)
    logit = 4 * torch.sin(5 * x) - 30  # a sure discriminator with slope at most 20
    (slope,) = torch.autograd.grad(torch.nn.functional.logsigmoid(logit).sum(), x)
    assert 19 < slope.abs().max() <= 20


@pytest.mark.proves("prop-dynamics-blind")
def test_blind_spot():
    def fit(real: Tensor, fake: Tensor, features) -> tuple[float, Tensor]:
        """The library's loss and its minimiser over linear logits, by Newton's method with a little damping."""

        def loss(w):
            return losses.minimax.discriminator(features(real) @ w, features(fake) @ w)

        w = torch.full((features(real).shape[1],), 0.7)
        for _ in range(40):
            curvature = torch.autograd.functional.hessian(loss, w) + 1e-9 * torch.eye(len(w))
            w = w - 0.8 * torch.linalg.solve(curvature, torch.autograd.functional.jacobian(loss, w))
            w = w.clamp(-30, 30)  # where classes can be separated there is no minimiser
        return loss(w).item(), w

    def line(x):
        return torch.stack([torch.ones_like(x), x], 1)

    def parabola(x):
        return torch.stack([torch.ones_like(x), x, x**2], 1)

    real, fake = torch.tensor([-1.0, 1.0]), torch.tensor([0.0, 0.0])
    loss, w = fit(real, fake, line)
    assert close(loss, 2 * LOG2) and w.abs().max() < 1e-6
    assert fit(real, fake, parabola)[0] < 0.1  # the difference is there, for those who can see it
    for theta in (0.1, 0.5, 0.9):  # before that, the line sends the fake to the middle, away from the datum at 1
        assert fit(real, torch.full((2,), theta), line)[1][1] < -0.05
    assert fit(real, torch.full((2,), 0.5), line)[0] < 2 * LOG2 - 1e-2


@pytest.mark.proves("prop-dynamics-window")
def test_the_window():
    theta = 1.7

    def force(game, u):
        return maker_force(game, theta, u / theta).item()

    for u in (-8.0, -2.0, -0.3, 0.4, 3.0):
        assert close(force("minimax", u), u * sigmoid(u) / theta)
        assert close(force("non_saturating", u), u * sigmoid(-u) / theta)
        assert (force("minimax", u) > 0) == (force("non_saturating", u) > 0) == (u > 0)
    grid = np.linspace(-12, 0, 120_001)
    best = grid[np.argmin(grid * sigmoid(grid))]
    root = brentq(lambda u: u + 1 + math.exp(u), -3, 0)
    assert best == pytest.approx(root, abs=2e-4) and root == pytest.approx(-1.278, abs=5e-4)
    assert sigmoid(root) == pytest.approx(0.218, abs=5e-4)
    assert root * sigmoid(root) == pytest.approx(root + 1, abs=1e-12) and root + 1 == pytest.approx(-0.278, abs=5e-4)
    assert abs(grid[np.argmin(grid * sigmoid(grid) * sigmoid(-grid))] - root) > 0.1  # the slope in D is another curve

    # The discriminator alone: Euler's method with tiny steps against the closed formula.
    u0, phi = 2.0, 2.0 / theta
    time, dt, seen = 0.0, 1e-2, []
    for n in range(501):
        if n % 100 == 0:
            seen.append((time, phi * theta))
        phi = phi + dt * judge_force("minimax", theta, phi).item()
        time += dt

    def opinion(t, scale=theta**2):
        return brentq(lambda u: u - math.exp(-u) - (u0 - math.exp(-u0) - scale * t), -700, 10)

    for t, u in seen:
        assert u == pytest.approx(opinion(t), abs=4e-2)
    assert abs(seen[-1][1] - opinion(seen[-1][0], theta)) > 0.1  # θ in the place of θ²
    start = (1 + u0 - math.exp(-u0)) / theta**2
    assert opinion(start) == pytest.approx(0, abs=1e-9)
    late = 1e12
    predicted = -math.log(theta**2 * late) / (theta**3 * late)
    u = opinion(late)
    assert u * math.exp(u) / theta / predicted == pytest.approx(1, abs=0.01)


def test_the_numbers_of_the_window():
    def force(t):
        u = brentq(lambda u: u - math.exp(-u) - (2 - math.exp(-2) - t), -700, 10)
        return u * sigmoid(u)

    assert 1 + 2 - math.exp(-2) == pytest.approx(2.9, abs=0.05)
    best = brentq(lambda u: u + 1 + math.exp(u), -3, 0)
    assert 2 - math.exp(-2) - (best - math.exp(-best)) == pytest.approx(6.7, abs=0.05)
    assert force(100) / (best + 1) == pytest.approx(0.17, abs=0.005)
    assert force(1000) / (best + 1) == pytest.approx(0.025, abs=0.0005)
    # Nine tenths of the best force or more between 14% and 30%, no longer one percent further out.
    for inside, outside in ((0.14, 0.13), (0.30, 0.31)):
        share = [d * math.log(d / (1 - d)) / (best + 1) for d in (inside, outside)]
        assert share[0] > 0.9 > share[1]


# ----------------------------------------------------------------------------------------------------------- the chase


@pytest.mark.proves("thm-dynamics-flow")
def test_the_flow():
    for game, omega in ROTATION.items():
        matrix = jacobian(field(game))
        assert torch.allclose(matrix, torch.tensor([[0.0, omega], [-omega, 0.0]]), atol=1e-12)
        eigenvalues = torch.linalg.eigvals(matrix)
        assert eigenvalues.real.abs().max() < 1e-12 and torch.allclose(eigenvalues.imag.abs(), torch.tensor(omega))

    def runge_kutta(game, t_end, dt):
        def f(v):
            u = v[0] * v[1]
            g = 1.0 if game == "wgan" else sigmoid(u)
            h = {"wgan": 1.0, "minimax": g}.get(game, sigmoid(-u))
            return np.array([v[1] * h, -v[0] * g])

        v, rs = np.array([1.0, 0.0]), [1.0]
        for _ in range(round(t_end / dt)):
            a = f(v)
            b = f(v + dt / 2 * a)
            c = f(v + dt / 2 * b)
            v = v + dt / 6 * (a + 2 * b + 2 * c + f(v + dt * c))
            rs.append(v @ v)
        return np.array(rs)

    for game in ("minimax", "wgan"):
        assert np.abs(runge_kutta(game, 50, 0.05) - 1).max() < 1e-5
    squared = runge_kutta("non_saturating", 3_000, 0.1)
    assert np.all(np.diff(squared) < 1e-12)  # it falls, and not like an exponential
    for t in (1_000, 3_000):
        assert t * squared[round(t / 0.1)] == pytest.approx(8, abs=0.15)
    assert abs(3_000 * squared[-1] - 4) > 1  # without the average of sin²


@pytest.mark.proves("prop-dynamics-simultaneous")
def test_simultaneous_steps_spiral_out():
    lr_d, lr_g = 0.3, 0.2

    def weighted(points):
        return lr_d * points[:, 0] ** 2 + lr_g * points[:, 1] ** 2

    points = path(stepper("wgan", lr_d, lr_g, alternating=False))
    growth = weighted(points)[1:] / weighted(points)[:-1]
    assert torch.allclose(growth, torch.full_like(growth, 1 + lr_d * lr_g), rtol=1e-12)
    plain = points.square().sum(1)
    assert (plain[1:] / plain[:-1] - growth).abs().max() > 1e-2  # the weights are needed
    assert abs(growth[0] - (1 + math.sqrt(lr_d * lr_g))) > 1e-2

    points = path(stepper("minimax", lr_d, lr_g, alternating=False))
    growth = weighted(points)[1:] / weighted(points)[:-1]
    assert torch.allclose(growth, 1 + lr_d * lr_g * (points[:-1].prod(1)).sigmoid() ** 2, rtol=1e-12)
    assert np.linalg.norm(simulate("minimax", 0.5, 4_000, False)[-1]) > 4
    # Non-saturating: driven out near the origin, drawn in far away, a cycle of radius about √(2η) between.
    q = 0.25 * lr_d * lr_g
    eigenvalues = torch.linalg.eigvals(jacobian(stepper("non_saturating", lr_d, lr_g, alternating=False)))
    assert torch.allclose(eigenvalues.abs(), torch.full((2,), math.sqrt(1 + q)), rtol=1e-12)
    for start in ((0.02, 0.0), (1.2, 0.0)):
        distance = np.linalg.norm(simulate("non_saturating", 0.1, 12_000, False, start)[-400:], axis=1)
        assert 0.44 < distance.min() and distance.max() < 0.455
    assert math.sqrt(2 * 0.1) == pytest.approx(0.447, abs=5e-4)


@pytest.mark.proves("thm-dynamics-alternating")
@pytest.mark.parametrize(("lr_d", "lr_g"), [(0.3, 0.2), (0.9, 1.9), (3.0, 1.2)])
def test_alternating_steps_stay_on_an_ellipse(lr_d, lr_g):
    q = lr_d * lr_g
    matrix = jacobian(stepper("wgan", lr_d, lr_g))
    assert torch.allclose(matrix, torch.tensor([[1 - q, lr_g], [-lr_d, 1.0]]), atol=1e-12)
    eigenvalues = torch.linalg.eigvals(matrix)
    assert torch.allclose(eigenvalues.abs(), torch.ones(2))
    assert torch.allclose(eigenvalues.angle().abs(), torch.full((2,), 2 * math.asin(math.sqrt(q) / 2)))
    points = path(stepper("wgan", lr_d, lr_g), n=120)
    theta, phi = points.T
    conserved = lr_d * theta**2 + lr_g * phi**2 - q * theta * phi
    assert torch.allclose(conserved, conserved[:1], rtol=1e-9)
    for wrong in (lr_d * theta**2 + lr_g * phi**2, lr_d * theta**2 + lr_g * phi**2 + q * theta * phi):
        assert wrong.max() / wrong.min() > 1.05  # the circle, and the ellipse that leans the other way
    form = torch.tensor([[lr_d, -q / 2], [-q / 2, lr_g]])
    assert torch.linalg.eigvalsh(form).min() > 0


@pytest.mark.proves("thm-dynamics-alternating")
def test_the_bound_on_alternating_steps():
    for game, omega in ROTATION.items():
        below, above = 1.99 / omega, 2.01 / omega
        assert radius(jacobian(stepper(game, below, below))) == pytest.approx(1, abs=1e-9)
        assert radius(jacobian(stepper(game, above, above))) > 1.1
        # The other order, the generator first, has the same eigenvalues; simultaneous steps have not.
        assert radius(jacobian(stepper(game, below, below, alternating=False))) > 1.5
    edge = path(stepper("wgan", 2.0, 2.0), n=200).norm(dim=1)
    assert edge[200] / edge[100] == pytest.approx(2, abs=0.02)  # linear growth at q = 4
    assert path(stepper("wgan", 2.05, 2.05), n=40).norm(dim=1)[-1] > 1e5


def test_alternating_steps_with_the_log_losses():
    def play(sign, lr, n):
        theta, phi = 1.0, 0.5
        points = []
        for _ in range(n):
            phi -= lr * theta / (1 + math.exp(-phi * theta))
            theta += lr * phi / (1 + math.exp(-sign * phi * theta))
            points.append((theta, phi))
        return np.array(points)

    assert np.allclose(play(-1, 0.3, 50), simulate("non_saturating", 0.3, 50, True, (1.0, 0.5)))
    assert np.allclose(play(1, 0.3, 50), simulate("minimax", 0.3, 50, True, (1.0, 0.5)))
    for lr in (0.1, 0.5):
        squared = (play(-1, lr, 100_000) ** 2).sum(1)
        for n in (1_000, 10_000, 100_000):
            assert n * lr * squared[n - 1] == pytest.approx(8, abs=0.8)
    points = play(1, 0.5, 200_000)
    distance = np.linalg.norm(points, axis=1)
    assert distance[[0, 4_999, 19_999]] == pytest.approx([1.07, 1.05, 1.44], abs=0.01)
    assert distance[-1] == pytest.approx(4.8, abs=0.25)  # later digits depend on rounding
    assert -12.7 < points[-1].prod() < -8.5
    slow = np.linalg.norm(play(1, 0.1, 200_000), axis=1)
    assert slow.min() > 1.05 and slow.max() < 1.15


@pytest.mark.proves("prop-dynamics-ksteps")
def test_more_discriminator_steps_only_turn_faster():
    for k in (1, 3, 10):
        many, one = jacobian(stepper("wgan", 0.1, 0.2, k=k)), jacobian(stepper("wgan", 0.1 * k, 0.2))
        assert torch.allclose(many, one, atol=1e-12)
        assert radius(many) == pytest.approx(1, abs=1e-9)
        assert torch.allclose(path(stepper("wgan", 0.1, 0.2, k=k), n=20), path(stepper("wgan", 0.1 * k, 0.2), n=20))
    assert radius(jacobian(stepper("wgan", 0.5, 0.4, k=19))) == pytest.approx(1, abs=1e-9)  # kq < 4
    assert radius(jacobian(stepper("wgan", 0.5, 0.4, k=21))) > 1.05
    for game in ("minimax", "non_saturating"):
        assert torch.allclose(jacobian(stepper(game, 0.1, 0.2, k=5)), jacobian(stepper(game, 0.5, 0.2)), atol=1e-12)
    assert not torch.allclose(jacobian(stepper("wgan", 0.1, 0.2, k=5)), jacobian(stepper("wgan", 0.1, 1.0)))


# ------------------------------------------------------------------------------------------------------------ friction


def larger(gamma, omega):
    """The larger real part of the flow's eigenvalues, from the formula."""
    root = np.sqrt(np.asarray(gamma**2 / 4 - omega**2, dtype=complex))
    return max((-gamma / 2 + root).real, (-gamma / 2 - root).real)


@pytest.mark.proves("lem-dynamics-unit-circle")
def test_roots_inside_the_unit_circle():
    rng = np.random.default_rng(0)
    wrong = np.zeros(3, dtype=int)
    inside = 0
    for trace, det in rng.uniform((-3, -2), (3, 2), (4_000, 2)):
        conditions = np.array([det < 1, 1 - trace + det > 0, 1 + trace + det > 0])
        stable = max(abs(np.roots([1, -trace, det]))) < 1
        assert stable == conditions.all()
        inside += stable
        for left_out in range(3):  # any two of the three do not suffice
            wrong[left_out] += np.delete(conditions, left_out).all() and not stable
    assert 500 < inside < 1_500 and wrong.min() > 50


@pytest.mark.proves("thm-dynamics-r1")
@pytest.mark.parametrize("game", GAMES)
def test_r1_in_the_flow(game):
    omega = ROTATION[game]
    for gamma in (0.1, 0.7, 1.0, 3.0):
        matrix = jacobian(field(game, gamma))
        assert matrix.trace().item() == pytest.approx(-gamma, abs=1e-8)
        assert torch.linalg.det(matrix).item() == pytest.approx(omega**2, abs=1e-8)
        assert np.linalg.eigvals(matrix.numpy()).real.max() == pytest.approx(larger(gamma, omega), abs=1e-4)
        assert larger(gamma, omega) < 0
    if omega != 1:  # ω in the place of ω²
        assert abs(larger(3.0, omega) - larger(3.0, math.sqrt(omega))) > 0.05
    gammas = np.linspace(0.02, 6, 2_991)
    best = gammas[np.argmin([larger(g, omega) for g in gammas])]
    assert best == pytest.approx(2 * omega, abs=3e-3) and larger(best, omega) == pytest.approx(-omega, abs=0.05)
    # From far away, in small steps.
    start = torch.tensor([3.0, -2.0])
    for _ in range(160):
        start = start + 0.2 * field(game, 2 * omega)(start)
    assert start.norm() < 1e-2


def test_the_slow_side_of_r1():
    assert larger(10.0, 0.5) == pytest.approx(-0.025, abs=1e-4)
    assert larger(1.0, 0.5) / larger(10.0, 0.5) == pytest.approx(20, abs=0.1)
    # A step overshoots where the flow only creeps.
    assert (4 - 0.25 * 0.2**2) / (2 * 0.2) == pytest.approx(9.975)
    assert radius(jacobian(stepper("non_saturating", 0.2, 0.2, 9.95))) < 1
    assert radius(jacobian(stepper("non_saturating", 0.2, 0.2, 10.0))) > 1
    points = simulate("non_saturating", 0.2, 500, True, (0.1, 0.1), extra=lambda phi: -10.0 * phi)
    assert abs(points[-1, 1]) > 1 and points[-1, 1] * points[-2, 1] < 0  # its sign changes at every step


def test_the_cloud_of_noisy_steps():
    def cloud(gamma, omega):
        return 2 / gamma + gamma / (2 * omega**2)

    for omega in (0.5, 1.0):
        for gamma in (0.3, 1.0, 2.0, 4.0):
            flow = np.array([[0, omega], [-omega, -gamma]])
            assert np.trace(solve_continuous_lyapunov(flow, -np.eye(2))) == pytest.approx(cloud(gamma, omega))
            lr = 1e-3  # and of the steps themselves, v + η (Mv + noise)
            exact = solve_discrete_lyapunov(np.eye(2) + lr * flow, lr**2 * np.eye(2))
            assert np.trace(exact) / lr == pytest.approx(cloud(gamma, omega), rel=0.01)
        gammas = np.linspace(0.1, 6, 591)
        assert gammas[np.argmin(cloud(gammas, omega))] == pytest.approx(2 * omega, abs=0.006)


def test_two_learning_rates():
    rows = ((0.2, 0.2, 0.95, 0.970, 0.927), (0.4, 0.1, 0.475, 0.938, 0.974), (0.8, 0.05, 0.2375, 0.950, 0.987))
    for lr_d, lr_g, best, weak, strong in rows:
        q = 0.25 * lr_d * lr_g
        assert (2 * math.sqrt(q) - q) / lr_d == pytest.approx(best)
        for gamma, modulus, tolerance in ((best, 0.9, 1e-4), (0.3, weak, 5e-4), (1.0, strong, 5e-4)):
            matrix = jacobian(stepper("non_saturating", lr_d, lr_g, gamma))
            assert radius(matrix) == pytest.approx(modulus, abs=tolerance)


@pytest.mark.proves("thm-dynamics-r1")
def test_r1_with_simultaneous_steps():
    omega = 0.5
    for lr in (0.3, 1.0, 1.9):
        gammas = np.linspace(0.01, 8, 800)
        radii = []
        for gamma in gammas:
            matrix = torch.tensor([[1.0, lr * omega], [-lr * omega, 1 - lr * gamma]])
            radii.append(radius(matrix))
            assert (radii[-1] < 1) == (lr * omega**2 < gamma and 2 * lr * gamma < 4 + lr**2 * omega**2)
        assert gammas[np.argmin(radii)] == pytest.approx(2 * omega, abs=0.011)
        assert min(radii) == pytest.approx(1 - lr * omega, abs=0.06)
        exact = radius(jacobian(stepper("non_saturating", lr, lr, 2 * omega, alternating=False)))
        assert exact == pytest.approx(1 - lr * omega, abs=1e-6)
    # Euler's rule for any eigenvalue.
    for value in (-0.3 + 1j, -2 + 0.1j, -0.5 + 0j):
        bound = 2 * abs(value.real) / abs(value) ** 2
        assert abs(1 + 0.99 * bound * value) < 1 < abs(1 + 1.01 * bound * value)
    assert radius(jacobian(stepper("minimax", 1.0, 1.0, 0.24, alternating=False))) > 1  # too little friction
    assert radius(jacobian(stepper("minimax", 1.0, 1.0, 0.26, alternating=False))) < 1


@pytest.mark.proves("thm-dynamics-r1")
@pytest.mark.parametrize("game", GAMES)
def test_r1_with_alternating_steps(game):
    omega = ROTATION[game]
    for lr_d, lr_g in ((0.3, 0.2), (0.7, 1.1), (1.0, 0.1), (1.9, 1.4)):
        q = omega**2 * lr_d * lr_g
        for gamma in (0.05, 0.4, 1.0, 1.9, 2.6):
            b = lr_d * gamma
            matrix = jacobian(stepper(game, lr_d, lr_g, gamma))
            assert matrix.trace().item() == pytest.approx(2 - q - b, abs=1e-9)
            assert torch.linalg.det(matrix).item() == pytest.approx(1 - b, abs=1e-9)
            assert (radius(matrix) < 1) == (q + 2 * b < 4)
            if b < 2 * math.sqrt(q) - q:
                assert radius(matrix) == pytest.approx(math.sqrt(1 - b), abs=1e-9)
                other = jacobian(stepper(game, lr_d, 1.3 * lr_g, gamma))  # the generator's rate does not matter
                assert radius(other) == pytest.approx(math.sqrt(1 - b), abs=1e-9)
        if q <= 1:
            gammas = np.linspace(0.005, 3.5, 700)
            radii = [max(abs(np.roots([1, -(2 - q - lr_d * g), 1 - lr_d * g]))) for g in gammas]
            best = (2 * math.sqrt(q) - q) / lr_d
            assert gammas[np.argmin(radii)] == pytest.approx(best, abs=0.006)
            assert radius(jacobian(stepper(game, lr_d, lr_g, best))) == pytest.approx(
                1 - math.sqrt(q), abs=1e-4
            )  # double
            if q > 0.2:
                assert abs(gammas[np.argmin(radii)] - 2 * math.sqrt(q) / lr_d) > 0.05  # the flow's answer is off
    points = path(stepper(game, 0.4, 0.4, 2 * omega - 0.4 * omega**2), start=(1.5, 1.0), n=150)
    assert points[-1].norm() < 1e-6 < points[20].norm()


@pytest.mark.proves("prop-dynamics-own-friction")
@pytest.mark.parametrize("game", ["minimax", "non_saturating"])
def test_the_friction_that_the_log_losses_bring_along(game):
    data = torch.tensor([[0.3, -1.0], [1.2, 0.4], [-0.7, 0.6], [0.1, 1.1], [-1.0, -0.2]])
    mixing = torch.tensor([[[1.0, 0.2], [-0.3, 0.8]], [[0.5, -1.0], [0.4, 0.1]]] * 3)[:5]

    def fakes(theta):  # the data at θ = 0
        return data + torch.einsum("nij,j->ni", mixing, theta) + (theta**2).sum() * torch.sin(data)

    def logit(x, phi):  # zero everywhere at φ = 0, and curved in φ
        seen = torch.stack([torch.ones(len(x)), x[:, 0], x[:, 1] ** 2, torch.sin(x[:, 0] * x[:, 1] + 1)], 1)
        return seen @ phi + phi[0] * phi[1] * torch.cos(x[:, 1])

    def flow(point, gamma, of=logit, real=data, made=fakes, parts=2):
        theta, phi = leaf(point[:parts]), leaf(point[parts:])
        value = pair(game).discriminator(of(real, phi), of(made(theta).detach(), phi))
        penalty = penalties.gradient_norms(lambda x: of(x, phi), real).square().mean()
        down_phi = -torch.autograd.grad(value + gamma / 2 * penalty, phi)[0]
        down_theta = -torch.autograd.grad(pair(game).generator(of(made(theta), phi.detach())), theta)[0]
        return torch.cat([down_theta, down_phi])

    def matrix(size, gamma, h=1e-4, **options):
        columns = [(flow(h * e, gamma, **options) - flow(-h * e, gamma, **options)) / (2 * h) for e in torch.eye(size)]
        return torch.stack(columns, 1)

    def formula(gamma):
        zero = torch.zeros(4)
        slopes = torch.autograd.functional.jacobian(lambda phi: logit(data, phi), zero)  # (5, 4)
        coupling = 0.5 * torch.autograd.functional.jacobian(
            lambda theta: torch.autograd.functional.jacobian(
                lambda phi: logit(fakes(theta), phi).mean(), zero, create_graph=True
            ),
            torch.zeros(2),
        )
        mixed = torch.stack(
            [
                torch.autograd.functional.jacobian(
                    lambda x, i=i: torch.autograd.functional.jacobian(
                        lambda phi: logit(x[None], phi)[0], zero, create_graph=True
                    ),
                    data[i],
                )
                for i in range(5)
            ]
        )  # (5, 4, 2)
        friction = 0.5 * slopes.T @ slopes / 5 + gamma * torch.einsum("nix,njx->ij", mixed, mixed) / 5
        top = torch.cat([torch.zeros(2, 2), coupling.T], 1)
        return torch.cat([top, torch.cat([-coupling, -friction], 1)])

    for gamma in (0.0, 0.7):
        found = matrix(6, gamma)
        assert torch.allclose(found, formula(gamma), atol=1e-6)
        assert torch.linalg.matrix_rank(found[2:, :2]) == 2 and torch.linalg.eigvalsh(-found[2:, 2:]).min() > 1e-3
        assert torch.linalg.eigvals(found).real.max() < -1e-4
    assert (formula(0.7) - formula(0.0)).abs().max() > 0.1

    # The Dirac-GAN has none of its own; data at -1 and 1, as thin as one point, have it.
    for real, own in ((torch.zeros(1, 1), 0.0), (torch.tensor([[-1.0], [1.0]]), 0.5)):
        thin = {"of": lambda x, phi: x[:, 0] * phi, "real": real, "made": lambda theta, real=real: real + theta}
        for gamma in (0.0, 0.3):
            wanted = torch.tensor([[0.0, 0.5], [-0.5, -own - gamma]])
            assert torch.allclose(matrix(2, gamma, parts=1, **thin), wanted, atol=1e-6)
    end = torch.tensor([0.3, 0.2])
    for _ in range(500):
        end = end + 0.1 * flow(end, 0.0, parts=1, **thin)
    assert end.norm() < 1e-4
    root = np.linalg.eigvals(np.array([[0, 0.5], [-0.5, -0.5]]))
    assert sorted(root, key=lambda z: z.imag) == pytest.approx([(-1 - 3**0.5 * 1j) / 4, (-1 + 3**0.5 * 1j) / 4])


def clipped(point, lr, c, alternating):
    theta, phi = point
    new = float(np.clip(phi - lr * theta, -c, c))
    return theta + lr * (new if alternating else phi), new


@pytest.mark.proves("prop-dynamics-clipping")
@pytest.mark.parametrize("alternating", [True, False])
def test_clipping_does_not_converge(alternating):
    c, lr = 0.5, 0.2
    ends = []
    for start in ((2.0, 0.0), (0.3, 0.1), (0.01, 0.0), (-1.0, 0.4)):
        distance = np.linalg.norm(simulate("wgan", lr, 6_000, alternating, start, clip=c), axis=1)
        ends.append((distance[-500:].min(), distance[-500:].max()))
    assert all(low > 0.005 for low, _ in ends)
    assert max(high for _, high in ends) < 2.5  # it stays near, though
    if not alternating:  # driven out of the inside, up to where the clip bites
        assert all(low > 0.3 for low, _ in ends)
    else:  # where the clip is silent, the ellipse is kept
        theta, phi = simulate("wgan", lr, 6_000, True, (0.01, 0.0), clip=c).T
        q = theta**2 + phi**2 - lr * theta * phi
        assert q.max() / q.min() == pytest.approx(1, abs=1e-6)
    # Only the origin is mapped to the origin.
    rng = np.random.default_rng(0)
    for point in rng.uniform(-1, 1, (2_000, 2)):
        assert np.linalg.norm(clipped(point, lr, c, alternating)) > 0.05 * min(np.linalg.norm(point), c)
    # A penalty that is active everywhere does converge, from the same starts.
    r1 = simulate("wgan", lr, 600, True, (2.0, 0.0), extra=lambda phi: -1.0 * phi)
    assert np.linalg.norm(r1[-1]) < 1e-9


@pytest.mark.proves("prop-dynamics-twosided")
@pytest.mark.parametrize("alternating", [True, False])
def test_the_two_sided_penalty_does_not_converge(alternating):
    weight, lr = 0.5, 0.2

    def extra(phi):
        return -2 * weight * (abs(phi) - 1) * np.sign(phi)

    for start in ((1.0, 0.0), (0.1, 0.05), (1e-6, 1e-7), (0.3, -0.8)):
        points = simulate("wgan", lr, 4_000, alternating, start, extra)
        assert np.linalg.norm(points[-500:], axis=1).max() > 0.2
        steps = np.diff(points[:, 1])
        near = (np.abs(points[:-1, 1]) <= 0.25) & (np.abs(points[:-1, 0]) <= weight / 2) & (points[:-1, 1] != 0)
        assert np.all(np.abs(steps[near]) >= lr * weight - 1e-12)
    # The force is that of the library's penalty, and jumps at 0.
    for phi in (-0.3, -1e-9, 1e-9, 0.3, 1.7):
        p = torch.tensor(phi, requires_grad=True)
        both = torch.zeros(4, 1), torch.ones(4, 1)
        penalty = weight * penalties.gradient_penalty(lambda x, p=p: p * x, *both)
        assert -torch.autograd.grad(penalty, p)[0].item() == pytest.approx(extra(phi), abs=1e-9)
    p = torch.zeros((), requires_grad=True)
    at_zero = torch.autograd.grad(penalties.gradient_penalty(lambda x: p * x, torch.zeros(4, 1), torch.ones(4, 1)), p)
    assert at_zero[0].item() == 0
    # With a target of 0 the kink is gone, and it converges: that is R1.
    smooth = simulate("wgan", lr, 600, alternating, (1.0, 0.0), lambda phi: -2 * weight * phi)
    assert np.linalg.norm(smooth[-1]) < 1e-9


@pytest.mark.parametrize("alternating", [True, False])
def test_a_dead_zone_does_not_converge(alternating):  # the exercise
    def extra(phi):
        return -2 * 0.5 * max(0.0, abs(phi) - 1) * np.sign(phi)

    points = simulate("wgan", 0.2, 4_000, alternating, (2.0, 0.0), extra)
    assert np.linalg.norm(points[-500:], axis=1).min() > 0.5


def test_r1_changes_the_ellipse_off_two_lines():  # the same exercise
    lr_d, lr_g, gamma = 0.3, 0.2, 0.7
    step, b = stepper("wgan", lr_d, lr_g, gamma), lr_d * gamma

    def ellipse(v):
        return lr_d * v[0] ** 2 + lr_g * v[1] ** 2 - lr_d * lr_g * v[0] * v[1]

    for v in 1e-3 * torch.randn(20, 2):
        change = ellipse(step(v)) - ellipse(v)
        assert torch.isclose(change, b * lr_g * v[1] * (lr_d * v[0] - (2 - b) * v[1]), rtol=1e-6, atol=1e-14)
        assert abs(change) > 1e-11
    for v in (torch.tensor([1e-3, 0.0]), 1e-3 * torch.tensor([(2 - b) / lr_d, 1.0])):
        assert abs(ellipse(step(v)) - ellipse(v)) < 1e-14


# --------------------------------------------------------------------------------------------------------------- modes

EIGHT = torch.tensor([25, 15, 10, 5, 20, 10, 10, 5])  # counts out of 100
KEPT = torch.tensor([1, 1, 1, 1, 1, 0, 1, 0], dtype=torch.bool)  # ε = 0.15


def kl(p: Tensor, q: Tensor) -> float:
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum().item()


@pytest.mark.proves("prop-dynamics-missing")
def test_a_generator_that_copies_part_of_the_data():
    p = EIGHT / 100.0
    q = torch.where(KEPT, p, 0.0)
    eps = 1 - q.sum().item()
    q = q / q.sum()

    # The best logits of the library's loss, found by descent, are constant on A.
    def loss(a):
        soft = torch.nn.functional.softplus
        return (p * soft(-a)).sum() + (q * soft(a)).sum()

    a = torch.zeros(8, requires_grad=True)
    for _ in range(3_000):
        a = (a - 6 * torch.autograd.grad(loss(a), a)[0]).detach().requires_grad_()
    d = a.detach().sigmoid()
    assert torch.allclose(d[KEPT], torch.full((6,), (1 - eps) / (2 - eps)), atol=1e-6)
    assert d[~KEPT].min() > 0.99
    assert abs(d[0].item() - 0.5) > 0.02 and abs(d[0].item() - (1 - eps)) > 0.1
    # So the generator's gradient is zero where all its samples lie: a logit over the line, constant near the fakes.
    x = torch.linspace(-1, 1, 101, requires_grad=True)
    logit = torch.full_like(x, math.log(1 - eps)) + 0 * x
    for loss in (losses.minimax, losses.non_saturating):
        assert torch.autograd.grad(loss.generator(logit), x, retain_graph=True)[0].abs().max() == 0
    m = (p + q) / 2
    kappa = (2 - eps) / (2 * (1 - eps))
    assert kl(q, p) == pytest.approx(-math.log(1 - eps), abs=1e-9)
    assert 2 * kl(m, p) == pytest.approx((2 - eps) * math.log(kappa) - eps * LOG2, abs=1e-9)
    js2 = -math.log(1 - eps) - (2 - eps) * math.log(kappa) + eps * LOG2
    assert kl(p, m) + kl(q, m) == pytest.approx(js2, abs=1e-9)
    assert math.isinf(kl(p, q))
    assert abs(2 * kl(m, p) - ((2 - eps) * math.log(kappa) + eps * LOG2)) > 0.1


@pytest.mark.proves("prop-dynamics-missing")
def test_packs_of_such_a_generator():
    p = EIGHT / 100.0
    q = torch.where(KEPT, p, 0.0) / p[KEPT].sum()
    real, made, kept = torch.outer(p, p), torch.outer(q, q), KEPT[:, None] & KEPT
    assert torch.allclose(made, torch.where(kept, real, 0.0) / real[kept].sum())  # the data, given S²
    soft = torch.nn.functional.softplus
    a = torch.zeros(8, 8, requires_grad=True)
    for _ in range(3_000):
        loss = (real * soft(-a)).sum() + (made * soft(a)).sum()
        a = (a - 40 * torch.autograd.grad(loss, a)[0]).detach().requires_grad_()
    d, share = a.detach().sigmoid(), p[KEPT].sum().item()
    assert torch.allclose(d[kept], torch.full((36,), share**2 / (1 + share**2)), atol=1e-6)
    assert d[~kept].min() > 0.99
    assert abs(d[0, 0].item() - share / (1 + share)) > 0.03  # not the constant of single samples
    assert real[~kept].sum() > 1.8 * (1 - share)  # more weight in the loss

    # On the line, modes at -1 and 1, the first one lost: slope only if the logit is smooth across the gap.
    def logit(packs, noise):  # the optimal one, of laws that are uniform or, with noise, normal around their modes
        def density(x, mode):
            return torch.exp(-((x - mode) ** 2) / (2 * noise**2)) if noise else ((x - mode).abs() < 0.2) + 0 * x

        return torch.log((density(packs, -1) + density(packs, 1)) / 2 / density(packs, 1)).sum(1)

    packs = (1 + 0.1 * torch.randn(50, 2).clamp(-1, 1)).requires_grad_()
    for noise in (0.0, 0.7):
        slope = torch.autograd.grad(losses.non_saturating.generator(logit(packs, noise)), packs)[0]
        assert (slope > 1e-4).all() if noise else (slope == 0).all()  # downhill is to the left


def test_the_price_of_one_of_eight():
    eps = 1 / 8
    kappa = (2 - eps) / (2 * (1 - eps))
    reverse, step = -math.log(1 - eps), (2 - eps) * math.log(kappa) - eps * LOG2
    assert (reverse, reverse - step, step) == pytest.approx((0.134, 0.091, 0.043), abs=5e-4)


def unrolled(game: str, theta: float, phi: float, k: int, lr: float, through: bool = True) -> float:
    """The generator's step by autograd through k discriminator steps, or with the discriminator's answers as constants.

    The answers are paid by the whole of the discriminator's loss, whatever the generator's own is.
    """
    own, imagined, real = leaf(theta), leaf(phi), torch.zeros(1, 1)
    for _ in range(k):
        loss = pair(game).discriminator(real * imagined, (imagined * own).reshape(1, 1))
        imagined = imagined - lr * torch.autograd.grad(loss, imagined, create_graph=True)[0]
    value = pair(game).generator((imagined.detach() * own).reshape(1, 1))
    if through:
        value = value - pair(game).discriminator(real * imagined, (imagined * own.detach()).reshape(1, 1))
    return -torch.autograd.grad(value, own)[0].item()


@pytest.mark.proves("prop-dynamics-unrolled")
@pytest.mark.parametrize("game", GAMES)
def test_unrolling_is_friction_on_the_generator(game):
    omega, lr, k, h = ROTATION[game], 0.3, 5, 1e-5
    nu = k * lr * omega**2

    def force(theta, phi, through=True):
        return unrolled(game, theta, phi, k, lr, through)

    if game == "wgan":  # exact far from the origin, too
        assert force(0.7, -1.3) == pytest.approx(omega * -1.3 - 2 * nu * 0.7, abs=1e-9)
    for through, wanted in ((True, 2 * nu), (False, nu)):  # half of it without the second term
        assert (force(h, 0.0, through) - force(-h, 0.0, through)) / (2 * h) == pytest.approx(-wanted, abs=1e-6)
        assert (force(0.0, h, through) - force(0.0, -h, through)) / (2 * h) == pytest.approx(omega, abs=1e-6)
    flow = np.array([[-2 * nu, omega], [-omega, 0]])
    root = np.sqrt(complex(nu**2 - omega**2))
    for value in np.linalg.eigvals(flow):
        assert min(abs(value - (-nu + root)), abs(value - (-nu - root))) < 1e-9

    # Alternating steps: those of R1 with γ = 2ν and the two rates exchanged.
    for lr_d, lr_g in ((0.3, 0.2), (0.6, 0.5), (0.2, 3.0)):
        q, b = omega**2 * lr_d * lr_g, 2 * lr_g * nu
        step = np.array([[1 - b, lr_g * omega], [0, 1]]) @ np.array([[1, 0], [-lr_d * omega, 1]])
        assert np.trace(step) == pytest.approx(2 - q - b) and np.linalg.det(step) == pytest.approx(1 - b)
        modulus = max(abs(np.linalg.eigvals(step)))
        assert (modulus < 1) == (q + 2 * b < 4)
        assert modulus == pytest.approx(radius(jacobian(stepper(game, lr_g, lr_d, 2 * nu))), abs=1e-6)
    assert abs(modulus - radius(jacobian(stepper(game, lr_d, lr_g, 2 * nu)))) > 0.05  # not exchanged
    if game == "non_saturating":  # and the whole of it, nonlinear: imagined steps converge where taken ones do not
        theta, phi = 0.8, 0.0
        for _ in range(120):
            phi = phi + 0.4 * judge_force(game, theta, phi).item()
            theta = theta + 0.4 * force(theta, phi)
        assert math.hypot(theta, phi) < 1e-3
        taken = path(stepper(game, 0.4, 0.4, k=k), start=(0.8, 0.0), n=120)
        assert taken[-1].norm() > 0.1


def test_the_answer_fades_only_if_the_data_pay_too():
    """Logistic discriminators w₀ + w₁x between N(0, 1) and N(θ, 1) contain the optimum; so ∂L_D/∂φ → 0 there."""
    z = torch.special.ndtri((torch.arange(2000, dtype=torch.float64) + 0.5) / 2000)
    theta = leaf(1.0)
    logit = lambda w, x: w[0] + w[1] * x
    terms = {}
    for k in (20, 2000):
        w = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        for _ in range(k):
            loss = losses.minimax.discriminator(logit(w, z), logit(w, theta + z))
            w = w - 0.5 * torch.autograd.grad(loss, w, create_graph=True)[0]
        frozen = theta.detach() + z
        whole = -losses.minimax.discriminator(logit(w, z), logit(w, frozen))
        half = losses.minimax.generator(logit(w, frozen))
        terms[k] = [torch.autograd.grad(v, theta, retain_graph=True)[0].item() for v in (whole, half)]
    assert abs(terms[20][0]) > 1e-3  # on the way it does count
    assert abs(terms[2000][0]) < 1e-9 and abs(terms[2000][1]) > 0.05  # half of the value is paid for ever


def test_pitfall_a_state_dict_is_no_backup_and_a_step_has_no_graph():
    judge = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(judge.weight, 0.5)
    backup, copied = judge.state_dict(), copy.deepcopy(judge.state_dict())
    theta = torch.tensor([[0.7]], requires_grad=True)
    optimizer = torch.optim.SGD(judge.parameters(), lr=0.3)
    loss = losses.minimax.discriminator(judge(torch.zeros(1, 1)), judge(theta))
    judge.weight.grad = torch.autograd.grad(loss, judge.weight, create_graph=True)[0]  # as backward(create_graph=True)
    optimizer.step()
    (slope,) = torch.autograd.grad(losses.minimax.generator(judge(theta)), theta)
    assert -slope.item() == pytest.approx(unrolled("minimax", 0.7, 0.5, 1, 0.3, through=False), abs=1e-9)
    assert abs(-slope.item() - unrolled("minimax", 0.7, 0.5, 1, 0.3)) > 1e-2
    moved = judge.weight.item()
    judge.load_state_dict(backup)
    assert judge.weight.item() == moved  # the backup has moved along
    judge.load_state_dict(copied)
    assert judge.weight.item() == 0.5


def test_pitfall_r1_of_something_else():
    # The friction next to the equilibrium, as a share of that of the logit's own penalty.
    for of, share in ((lambda a: a, 1), (lambda a: torch.nn.functional.softplus(-a), 1 / 4), (torch.sigmoid, 1 / 16)):
        phi = torch.tensor(1e-3, requires_grad=True)
        penalty = penalties.gradient_norms(lambda t, of=of, p=phi: of(p * t), torch.zeros(1, 1)).square().mean() / 2
        assert torch.autograd.grad(penalty, phi)[0].item() / 1e-3 == pytest.approx(share, abs=1e-6)


def total_variation(p: np.ndarray, q: np.ndarray, m: int) -> float:
    """Of the m-fold products, by summing over all packs."""
    pack_p, pack_q = np.ones(1), np.ones(1)
    for _ in range(m):
        pack_p, pack_q = np.multiply.outer(pack_p, p).ravel(), np.multiply.outer(pack_q, q).ravel()
    return 0.5 * np.abs(pack_p - pack_q).sum()


def coins(eps: float, m: int) -> float:
    k = np.arange(m + 1)
    return 0.5 * np.abs(binom.pmf(k, m, 0.5) - binom.pmf(k, m, 0.5 + eps)).sum()


@pytest.mark.proves("prop-dynamics-packing")
def test_packing():
    rng = np.random.default_rng(0)
    for _ in range(30):
        p, q = rng.dirichlet(np.ones(5), 2)
        eps = total_variation(p, q, 1)
        for m in (2, 3, 5):
            packed = total_variation(p, q, m)
            assert eps - 1e-12 <= packed <= 1 - (1 - eps) ** m + 1e-12
            assert total_variation(p, q, m - 1) - 1e-12 <= packed
    eight, eps = np.full(8, 1 / 8), 1 / 8
    lost = np.array([1 / 7] * 7 + [0])
    tilted = np.array([(1 + 2 * eps) / 8] * 4 + [(1 - 2 * eps) / 8] * 4)
    junk = np.array([*((1 - eps) * eight), eps])
    for m in (1, 2, 3, 5):
        assert total_variation(eight, lost, m) == pytest.approx(1 - (1 - eps) ** m, abs=1e-12)
        assert total_variation(np.array([*eight, 0]), junk, m) == pytest.approx(1 - (1 - eps) ** m, abs=1e-12)
        tilt = total_variation(eight, tilted, m)
        assert tilt == pytest.approx(coins(eps, m), abs=1e-12)
        assert tilt <= 0.5 * math.sqrt(-m * math.log(1 - 4 * eps**2)) + 1e-12
    assert total_variation(eight, lost, 3) > total_variation(eight, tilted, 3) + 0.1
    for m in (10, 200, 1_000, 20_000):  # every difference shows in the end
        for small in (0.03, 0.1, 0.25):
            assert coins(small, m) >= 1 - 2 / (m * small**2)
    assert coins(0.03, 20_000) > 0.999 and coins(0.03, 1_000) < 1 - 1 / (1_000 * 0.03)
    assert abs(total_variation(eight, lost, 3) - 3 * eps) > 0.02  # not m ε, except for small ε
    assert 0.5 + 0.5 * (1 - (1 - eps) ** 6) == pytest.approx(0.78, abs=0.005)
    assert 0.5 + 0.5 * coins(eps, 6) == pytest.approx(0.63, abs=0.005)


def test_the_sizes_of_packs_in_the_exercise():
    for modes, lost, bound, exact in ((8, 6, 16, 29), (25, 17, 156, 284)):
        eps = 1 / modes
        assert math.ceil(math.log(2) / math.log(modes / (modes - 1))) == lost
        assert 1 - (1 - eps) ** lost >= 0.5 > 1 - (1 - eps) ** (lost - 1)
        assert math.ceil(-1 / math.log(1 - 4 * eps**2)) == bound
        assert coins(eps, exact) >= 0.5 > coins(eps, exact - 1)
    assert (math.log(2) / math.log(8 / 7), math.log(2) / math.log(25 / 24)) == pytest.approx((5.19, 16.98), abs=0.005)


# --------------------------------------------------------------------------------------------------------------- hacks


@pytest.mark.proves("prop-dynamics-smoothing")
@pytest.mark.parametrize(("s", "t"), [(0.1, 0.0), (0.1, 0.1), (0.0, 0.2), (0.3, 0.1)])
def test_label_smoothing(s, t):
    ratio = torch.tensor([-6.0, -2.0, 0.0, 1.5, 4.0], requires_grad=True)  # log p_r/p_θ at five points
    p_r, p_model = ratio.sigmoid(), (-ratio).sigmoid()
    # The optimum from the smoothed cross-entropy itself, point by point, by Newton's method.
    a = torch.zeros(5)
    for _ in range(60):
        d = a.sigmoid()
        slope = p_r.detach() * (d - (1 - s)) + p_model.detach() * (d - t)  # of BCE with soft targets, in the logit
        a = a - slope / (d * (1 - d)).clamp(1e-6)
    rho = ratio.exp()
    formula = ((1 - s) * rho + t).log() - (s * rho + 1 - t).log()
    assert torch.allclose(a, formula.detach(), atol=1e-6)
    assert torch.allclose(a.sigmoid(), ((1 - s) * p_r + t * p_model).detach(), atol=1e-6)
    (slope,) = torch.autograd.grad(formula.sum(), ratio)
    wanted = ((1 - s - t) * rho / (((1 - s) * rho + t) * (s * rho + 1 - t))).detach()
    assert torch.allclose(slope, wanted, atol=1e-9)
    assert formula[2].sigmoid().item() == pytest.approx((1 - s + t) / 2, abs=1e-9)
    if t == 0:
        assert torch.allclose(slope, (1 / (1 + s * rho)).detach()) and slope[0] > 0.99
    else:
        assert slope[0] < 0.03  # bad fakes feel nothing
        assert slope[0].item() == pytest.approx((1 - s - t) / (t * (1 - t)) * math.exp(-6), rel=0.05)


GRID = np.linspace(-30, 30, 60_001)


def blurred(points, weights, tau):
    return sum(
        w * np.exp(-(((GRID - x) / tau) ** 2) / 2) / (tau * math.sqrt(2 * math.pi))
        for x, w in zip(points, weights, strict=True)
    )


def integral_kl(p, q):
    return np.sum(np.where(p > 0, p * (np.log(np.maximum(p, 1e-300)) - np.log(np.maximum(q, 1e-300))), 0)) * (
        GRID[1] - GRID[0]
    )


def js(p, q):
    m = (p + q) / 2
    return (integral_kl(p, m) + integral_kl(q, m)) / 2


@pytest.mark.proves("prop-dynamics-noise")
def test_instance_noise():
    # Two atoms each; on the line the best coupling keeps the order.
    for theta in (0.3, 1.0, 3.0):
        for tau in (0.5, 1.0, 2.0):
            p = blurred((0.0, 2.0), (0.5, 0.5), tau)
            q = blurred((theta, 2.0 - theta / 2), (0.5, 0.5), tau)
            first, second = sorted((theta, 2.0 - theta / 2))
            squared = 0.5 * first**2 + 0.5 * (second - 2.0) ** 2
            assert integral_kl(p, q) <= squared / (2 * tau**2) + 1e-9
            assert 0 < js(p, q) <= min(squared / (4 * tau**2), LOG2) + 1e-9
    # Sharp for two points, where KL is the bound itself; half of it would be wrong.
    p, q = blurred((0.0,), (1.0,), 1.0), blurred((0.7,), (1.0,), 1.0)
    assert integral_kl(p, q) == pytest.approx(0.7**2 / 2, abs=1e-6) and integral_kl(p, q) > 0.7**2 / 4
    # And from below: at a distance of six τ it is still flat. The exponent is 8 in the denominator, not 4.
    for distance, tau in ((6.0, 1.0), (3.0, 1.0), (1.0, 1.0), (2.0, 0.5)):
        p, q = blurred((0.0,), (1.0,), tau), blurred((distance,), (1.0,), tau)
        short = LOG2 - js(p, q)
        assert 0 < short <= math.exp(-(distance**2) / (8 * tau**2))
        assert short > math.exp(-(distance**2) / (4 * tau**2)) or distance == 1
    assert math.exp(-4.5) == pytest.approx(0.01, abs=2e-3)
    # Continuous in θ, where JS of the points themselves jumps from 0 to log 2; √JS is Lipschitz with 1/(2τ).
    values = [
        math.sqrt(max(js(blurred((0.0,), (1.0,), 0.5), blurred((t,), (1.0,), 0.5)), 0))
        for t in (0, 0.05, 0.1, 1.5, 1.6)
    ]
    assert values[0] == pytest.approx(0, abs=1e-4)
    assert values[1] - values[0] <= 0.05 / (2 * 0.5) and values[4] - values[3] <= 0.1 / (2 * 0.5)
    assert values[1] > 0.02


@pytest.mark.proves("prop-dynamics-noise")
def test_instance_noise_is_friction():
    # Gauss–Hermite nodes: the expectation over the noise without drawing any.
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    eps, weight = torch.from_numpy(nodes)[:, None], torch.from_numpy(weights / weights.sum())[:, None]

    def matrix(game, tau):
        def flow(point):
            theta, phi = leaf(point[0]), leaf(point[1])
            real, fake = phi * tau * eps, phi * (theta + tau * eps)
            soft = torch.nn.functional.softplus
            judge = fake - real if game == "wgan" else soft(-real) + soft(fake)
            maker = {"wgan": -fake, "minimax": -soft(fake), "non_saturating": soft(-fake)}[game]
            down_phi = -torch.autograd.grad((weight * judge).sum(), phi, retain_graph=True)[0]
            return torch.stack([-torch.autograd.grad((weight * maker).sum(), theta)[0], down_phi])

        return jacobian(flow)

    for game in ("minimax", "non_saturating"):
        for tau in (0.5, 1.0, 2.0):
            assert torch.allclose(matrix(game, tau), torch.tensor([[0, 0.5], [-0.5, -(tau**2) / 2]]), atol=1e-9)
            assert torch.allclose(matrix(game, tau), jacobian(field(game, tau**2 / 2)), atol=1e-9)  # R1, γ = τ²/2
            found = np.linalg.eigvals(matrix(game, tau).numpy())
            root = np.sqrt(complex(tau**4 / 16 - 1 / 4))
            for value in found:
                assert min(abs(value - (-(tau**2) / 4 + root)), abs(value - (-(tau**2) / 4 - root))) < 1e-6
        assert not torch.allclose(matrix(game, 1.0), jacobian(field(game, 1.0)), atol=1e-2)  # γ = τ²
    assert torch.allclose(matrix("wgan", 2.0), torch.tensor([[0.0, 1.0], [-1.0, 0.0]]), atol=1e-9)


def test_batch_normalisation_of_a_joint_batch():
    n, mean_r, mean_f, spread = 200_000, 1.4, -0.8, 0.7
    real, fake = mean_r + spread * torch.randn(n), mean_f + spread * torch.randn(n)
    joint = torch.nn.functional.batch_norm(torch.cat([real, fake])[:, None], None, None, training=True)[:, 0]
    delta = (mean_r - mean_f) / 2
    assert joint[:n].mean().item() == pytest.approx(delta / math.sqrt(spread**2 + delta**2), abs=5e-3)
    assert joint[n:].mean().item() == pytest.approx(-delta / math.sqrt(spread**2 + delta**2), abs=5e-3)
    alone = torch.nn.functional.batch_norm(fake[:, None], None, None, training=True)[:, 0]
    assert abs(alone.mean().item()) < 1e-6  # another function of the same sample
    assert (alone - joint[n:]).abs().mean() > 0.5


# ----------------------------------------------------------------------------------------------------- the exercises


def test_the_ellipse_of_the_exercise():
    points = path(stepper("wgan", 0.5, 0.5), n=3)
    wanted = torch.tensor([[1, 0], [3 / 4, -1 / 2], [5 / 16, -7 / 8], [-13 / 64, -33 / 32]])
    assert torch.allclose(points, wanted)
    distance = np.linalg.norm(simulate("wgan", 0.5, 3_000, True), axis=1)
    assert distance.max() == pytest.approx(math.sqrt(4 / 3), abs=1e-3)
    assert distance.min() == pytest.approx(math.sqrt(4 / 5), abs=1e-3)
    assert (math.sqrt(4 / 3), math.sqrt(4 / 5), math.sqrt(5 / 3)) == pytest.approx((1.155, 0.894, 1.29), abs=2e-3)
    angle = math.degrees(2 * math.asin(1 / 4))
    assert (angle, 360 / angle) == pytest.approx((28.96, 12.4), abs=0.04)
    six = torch.linalg.matrix_power(jacobian(stepper("wgan", 1.0, 1.0)), 6)
    assert torch.allclose(six, torch.eye(2), atol=1e-12)
    for lr, first in ((1.0, 6), (math.sqrt(3), 3)):
        step = jacobian(stepper("wgan", lr, lr))
        back = [n for n in range(1, 7) if torch.allclose(torch.linalg.matrix_power(step, n), torch.eye(2), atol=1e-9)]
        assert back[0] == first
    # The mean arrives like 1/n; an exponential moving average runs on a smaller ellipse.
    whole = simulate("wgan", 0.5, 20_000, True)
    means = np.linalg.norm(whole.cumsum(0) / np.arange(1, 20_001)[:, None], axis=1) * np.arange(1, 20_001)
    assert means[-1_000:].max() < 5 and means[:1_000].max() == pytest.approx(means[-1_000:].max(), rel=0.05)
    for decay, factor in ((0.99, 0.020), (0.999, 0.0020)):
        assert abs((1 - decay) / (1 - decay * np.exp(-2j * math.asin(1 / 4)))) == pytest.approx(factor, rel=0.01)
        mean, seen = np.zeros(2), []
        for point in whole:
            mean = decay * mean + (1 - decay) * point
            seen.append(np.linalg.norm(mean))
        assert max(seen[-1_000:]) / distance.max() == pytest.approx(factor, rel=0.02)


def test_momentum_of_the_exercise():
    def roots(q, beta, power):
        poly = np.polymul(np.polymul([1, -1], [1, -1]), np.polymul([1, -beta], [1, -beta]))
        return np.roots(np.polyadd(poly, q * np.array([1] + [0] * power)))

    def matrix(lr, beta, alternating):
        def step(v):
            theta, phi, d_theta, d_phi = v
            d_phi = beta * d_phi - lr * theta
            d_theta = beta * d_theta + lr * (phi + d_phi if alternating else phi)
            return np.array([theta + d_theta, phi + d_phi, d_theta, d_phi])

        return np.column_stack([step(e) for e in np.eye(4)])

    for beta in (-0.5, -0.1, 0.0, 0.1, 0.5):
        for alternating, power in ((True, 3), (False, 2)):
            exact = max(abs(np.linalg.eigvals(matrix(0.1, beta, alternating))))
            assert exact == pytest.approx(max(abs(roots(0.01, beta, power))), abs=1e-6)
            small = max(abs(np.linalg.eigvals(matrix(0.01, beta, alternating)))) - 1
            first = (beta if alternating else (1 + beta) / 2) * 1e-4 / (1 - beta) ** 3
            assert small == pytest.approx(first, rel=0.02, abs=1e-8)
    for beta in (-0.9, -0.5, -0.1, 0.3):  # beyond 4 (1 + β)² a root lies below -1; simultaneous steps never converge
        edge = 4 * (1 + beta) ** 2
        assert min(r.real for r in roots(1.02 * edge, beta, 3) if abs(r.imag) < 1e-9) < -1
        assert beta > 0 or max(abs(roots(0.98 * edge, beta, 3))) < 1
    for beta in np.linspace(-0.99, 0.99, 34):
        for q in (1e-3, 0.1, 1.0, 10.0):
            assert max(abs(roots(q, beta, 2))) > 1 + 1e-9
    assert max(abs(roots(0.01, -0.5, 3))) == pytest.approx(0.9985, abs=5e-5)
    assert max(abs(roots(0.01, 0.5, 3))) == pytest.approx(1.032, abs=5e-4)
    assert 1 + 0.5 * 0.01 / 0.5**3 == pytest.approx(1.040, abs=5e-4)


def test_extragradient_and_optimism_of_the_exercise():
    lr, start = 0.3, np.array([1.0, 0.5])
    flow = np.array([[0.0, 1.0], [-1.0, 0.0]])
    q = lr**2
    v = start
    for _ in range(50):
        v = v + lr * flow @ (v + lr * flow @ v)
    assert np.linalg.norm(v) == pytest.approx(np.linalg.norm(start) * (1 - q + q**2) ** 25)
    grid = np.linspace(0.01, 1.2, 1_191)
    squared = 1 - grid + grid**2
    assert grid[np.argmin(squared)] == pytest.approx(0.5, abs=1e-3)
    assert math.sqrt(squared.min()) == pytest.approx(0.866, abs=5e-4)
    assert grid[squared < 1].max() == pytest.approx(1, abs=2e-3)
    v, last = start, start
    for _ in range(200):
        v, last = v + 2 * lr * flow @ v - lr * flow @ last, v
    assert np.linalg.norm(v) < 1e-3

    def optimistic(q):
        mu = 1j * math.sqrt(q)
        return np.roots([1, -(1 + 2 * mu), mu]), mu

    for q in (1e-4, 1e-3):
        found, mu = optimistic(q)
        near = min(abs(found - (1 + mu + mu**2)))
        assert near < q**1.5 < abs(mu**2) / 10  # third order or better, so the second-order term is needed
    assert max(abs(optimistic(0.33)[0])) < 1 < max(abs(optimistic(0.34)[0]))


def test_historical_averaging_is_friction():
    theta, phi = 1.0, 0.5
    past = np.array([theta, phi])
    for n in range(2, 20_001):
        phi = phi - 0.2 * (theta + 0.5 * (phi - past[1]))
        theta = theta + 0.2 * (phi - 0.5 * (theta - past[0]))
        past = past + (np.array([theta, phi]) - past) / n
    assert math.hypot(theta, phi) < 0.01


def adam(game: str, beta1: float = 0.0, lr: float = 0.02, beta2: float = 0.999, n: int = 1_000) -> np.ndarray:
    """Distances from (0, 0): the play of the exercise without R1, in plain floats."""
    point, mean, square, distance = [1.0, 0.5], [0.0, 0.0], [0.0, 0.0], []  # θ, φ
    for step in range(1, n + 1):
        for i in (1, 0):
            theta, phi = point
            u = theta * phi
            if i:
                slope = theta * (1.0 if game == "wgan" else sigmoid(u))
            else:
                slope = -phi * {"wgan": 1.0, "minimax": sigmoid(u)}.get(game, sigmoid(-u))
            mean[i] = beta1 * mean[i] + (1 - beta1) * slope
            square[i] = beta2 * square[i] + (1 - beta2) * slope**2
            root = math.sqrt(square[i] / (1 - beta2**step)) + 1e-8
            point[i] -= lr * mean[i] / (1 - beta1**step) / root
        distance.append(math.hypot(*point))
    return np.array(distance)


def test_adam_has_friction_of_its_own():
    for game, end in (("wgan", 0.637), ("minimax", 0.663), ("non_saturating", 0.305)):
        assert adam(game)[-200:].max() == pytest.approx(end, abs=1e-3)
    plain = np.linalg.norm(simulate("non_saturating", 0.02, 1_000, True, (1.0, 0.5)), axis=1)
    assert plain[-200:].max() == pytest.approx(0.597, abs=1e-3)
    for game in ("wgan", "minimax"):
        kept = np.linalg.norm(simulate(game, 0.02, 1_000, True, (1.0, 0.5)), axis=1)
        assert kept.min() > 1.1 and kept.max() < 1.14
    assert adam("wgan", 0.5)[-200:].max() > math.hypot(1, 0.5) and adam("wgan", 0.9)[-200:].max() > 3
    assert math.hypot(1, 0.5) == pytest.approx(1.118, abs=5e-4)
    late = np.log(adam("wgan", n=6_000))[3_000:]  # a factor exp(-(1 - β₂)/10) a step
    assert np.polyfit(np.arange(3_000), late, 1)[0] / (1 - 0.999) == pytest.approx(-1 / 10, abs=0.005)
    early = np.log(adam("wgan", lr=0.002, beta2=1 - 1e-9, n=40_000))[5_000:]  # n^(-1/10)
    assert np.polyfit(np.log(np.arange(5_001, 40_001)), early, 1)[0] == pytest.approx(-1 / 10, abs=0.005)


def test_the_numbers_of_the_flawless_run():
    d = np.array([1 / 3, 1.0])  # on the kind that is made, on the one that is lost
    eps = 0.5
    assert d[0] == pytest.approx((1 - eps) / (2 - eps))
    assert (d[0], d.mean(), (1 + 0.5) / 2) == pytest.approx((0.33, 0.67, 0.75), abs=5e-3)
    for rare in (0.0, 0.05, 0.2, 0.4):  # the share of one kind among the fakes, of the other 1 - rare
        p, q = np.array([0.5, 0.5]), np.array([1 - rare, rare])
        best = p / (p + q)
        assert p @ best + q @ best == pytest.approx(1)
        assert (q @ best > 1 / 3 + 1e-3) == (rare > 0)


def test_a_perfect_sampler_within_three_sigma():
    assert f"{100 * (1 - math.exp(-4.5)):.2f}" == "98.89"


def test_the_programs_in_the_solutions_print_what_the_page_says(capsys):
    programs = re.findall(r"^```python\n(.*?)^```\n\n([^\n]*)", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert len(programs) == 1
    torch.set_default_dtype(torch.float32)  # as a reader runs them
    for program, sentence in programs:
        exec(compile(program, "03-dynamics.md", "exec"), {})
        printed = [float(number) for number in re.findall(r"-?\d+\.\d+", capsys.readouterr().out)]
        stated = [float(number) for number in re.findall(r"-?\d+\.\d+", sentence)[: len(printed)]]
        assert len(stated) == len(printed) == 6
        assert printed == pytest.approx(stated, abs=6e-3)
        assert printed != pytest.approx([1.1 * number for number in stated], abs=6e-3)
