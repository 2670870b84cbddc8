"""Every statement of chapter 07, checked by numbers, each beside a plausible wrong variant.

Optimal critics of finite clouds come from the linear programme of the dual; what is claimed of the line is compared
with slopes that a general minimiser finds on a grid; derivatives that the page writes out are compared with autograd.
"""

import math
from itertools import permutations

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment, linprog, minimize_scalar
from torch import Tensor, nn

from ganlib.errors import GanlibError
from ganlib.gans.wgan_gp import WGANGP
from ganlib.metrics.transport import wasserstein
from ganlib.penalties import between, gradient_norms, gradient_penalty


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


def clouds(n: int = 6, d: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    return rng.normal(size=(n, d)), rng.normal(size=(n, d)) * 0.7 + 1.0


def lengths(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.linalg.norm(x[:, None] - y[None], axis=-1)


def best_values(real: np.ndarray, fake: np.ndarray) -> tuple[np.ndarray, float]:
    """Values of an optimal critic at all points, and W: the dual as a linear programme."""
    points = np.concatenate([real, fake])
    n = len(points)
    rows, bounds = [], []
    for i in range(n):
        for j in range(n):
            if i != j:
                row = np.zeros(n)
                row[i], row[j] = 1, -1
                rows.append(row)
                bounds.append(np.linalg.norm(points[i] - points[j]))
    gain = np.concatenate([np.full(len(real), 1 / len(real)), np.full(len(fake), -1 / len(fake))])
    found = linprog(-gain, A_ub=np.array(rows), b_ub=bounds, bounds=[(0, 0)] + [(None, None)] * (n - 1))
    return found.x, -found.fun


def upper(values: Tensor, at: Tensor):
    """f⁺: the cones that stand on the points `at`."""
    return lambda z: (values + (z[..., None, :] - at).norm(dim=-1)).amin(-1)


def lower(values: Tensor, at: Tensor):
    """f⁻: the cones that hang from the points `at`."""
    return lambda z: (values - (z[..., None, :] - at).norm(dim=-1)).amax(-1)


def optimum(n: int = 6, d: int = 2):
    """Real and generated points, an optimal critic's extensions f⁺ and f⁻, the optimal pairs, and W."""
    real, fake = clouds(n, d)
    values, w = best_values(real, fake)
    value, x, y = torch.from_numpy(values), torch.from_numpy(real), torch.from_numpy(fake)
    pairs = linear_sum_assignment(lengths(real, fake))
    return x, y, upper(value[n:], y), lower(value[:n], x), pairs, w


# --------------------------------------------------------------------------------------------------- optimal transport


@pytest.mark.proves("thm-gp-segments")
@pytest.mark.parametrize("d", [2, 5])
def test_slope_along_segments(d):
    x, y, f_up, f_low, (rows, columns), w = optimum(d=d)
    assert close(w, wasserstein(x, y).value, 1e-6)  # the dual reaches the primal
    for f in (f_up, f_low, lambda z: (f_up(z) + f_low(z)) / 2):
        for i, j in zip(rows, columns, strict=True):
            rise, length = f(x[i]) - f(y[j]), (x[i] - y[j]).norm()
            assert close(rise, length, 1e-7)  # 1: on every optimal pair
            e = (x[i] - y[j]) / length
            for eps in (0.2, 0.5, 0.9):
                mid = eps * x[i] + (1 - eps) * y[j]
                assert close(f(mid), f(y[j]) + eps * length, 1e-7)  # 2: linear
                gradient = torch.autograd.functional.jacobian(f, mid)
                assert torch.allclose(gradient, e, atol=1e-7)  # 3: and differentiable there, upwards to the real point
                assert not torch.allclose(gradient, -e, atol=0.5)  # the other sign
                rho = min(eps, 1 - eps) * length
                for h in 0.3 * rho * torch.randn(20, d):
                    rest = (f(mid + h) - f(mid) - e @ h).abs()
                    assert rest <= h.square().sum() / (2 * rho) + 1e-7
    # On other pairs the rise is smaller: independent segments are not covered.
    other = np.array([[float(f_up(a) - f_up(b) - (a - b).norm()) for b in y] for a in x])
    straight = other > -1e-7
    assert straight.sum() < 0.6 * straight.size
    assert other.min() < -0.5


@pytest.mark.proves("thm-gp-segments")
def test_kink_at_the_datum():
    """Part 4: one datum between two generated points; the converse of part 1 by an example."""
    values, w = best_values(np.array([[0.0]]), np.array([[-1.0], [1.0]]))
    assert close(w, 1.0)
    assert close(values[0] - values[1], 1) and close(values[0] - values[2], 1)

    def f(t):
        return -abs(t)

    right, left = (f(1e-6) - f(0)) / 1e-6, (f(0) - f(-1e-6)) / 1e-6
    assert close(right, -1) and close(left, 1)  # so no gradient "of norm 1 under P_r"
    assert close(f(0) - (f(-1) + f(1)) / 2, 1)  # this f is 1-Lipschitz and reaches W, so it is optimal
    assert not close(-(0.5**2) + 1 / 2, w, 0.2)  # a smooth hill, ½ − t²/2 cut, does not reach it


@pytest.mark.proves("prop-gp-slope-one")
def test_many_optimal_critics():
    x, y, f_up, f_low, _, w = optimum()
    z = 3 * torch.randn(4000, 2) + 0.5

    def mean(t):
        return (f_up(t) + f_low(t)) / 2

    assert bool((f_low(z) <= f_up(z) + 1e-9).all())
    for f in (f_up, f_low, mean):
        assert close(f(x).mean() - f(y).mean(), w, 1e-7)  # all three are optimal
        a, b = z[:2000], z[2000:]
        assert bool(((f(a) - f(b)).abs() <= (a - b).norm(dim=1) + 1e-9).all())
    assert torch.allclose(gradient_norms(f_up, z), torch.ones(len(z)), atol=1e-9)
    assert torch.allclose(gradient_norms(f_low, z), torch.ones(len(z)), atol=1e-9)
    slopes = gradient_norms(mean, z)
    assert (slopes < 0.99).double().mean() > 0.3  # not every optimal critic is that steep
    apart = torch.autograd.functional.jacobian(lambda t: f_up(t).sum(), z) - torch.autograd.functional.jacobian(
        lambda t: f_low(t).sum(), z
    )
    differ = apart.norm(dim=1) > 1e-6
    assert bool((slopes[differ] < 1 - 1e-13).all()) and torch.allclose(slopes[~differ], torch.ones(()), atol=1e-9)


def test_which_steep_critic_serves_the_generator():
    """At a generated point with a single partner f⁻ shows the way to it; f⁺ may have the tip of a cone there."""
    x, y = torch.tensor([[0.0, 0.0], [3.0, 1.0]]), torch.tensor([[1.0, 0.5], [2.5, 0.0]])
    high = (x - y).norm(dim=1)  # f* = these values at the data, 0 at the generated points
    assert bool((high[:, None] <= torch.cdist(x, y) + 1e-12).all())  # 1-Lipschitz, with equality on the pairs: optimal
    assert torch.cdist(y, y)[0, 1] > 0 and bool((high[:, None] < torch.cdist(x, y) - 0.5).sum() == 2)
    f_up, f_low = upper(torch.zeros(2), y), lower(high, x)
    small = 1e-3 * torch.randn(50, 2)
    for datum, point in zip(x, y, strict=True):
        e = (datum - point) / (datum - point).norm()
        assert torch.allclose(torch.autograd.functional.jacobian(f_low, point), e)
        assert torch.allclose(f_up(point + small) - f_up(point), small.norm(dim=1))  # equal in all directions
        rest = (f_up(point + small) - f_up(point) - small @ e).abs().max()
        assert rest > 5e-4 > 100 * (f_low(point + small) - f_low(point) - small @ e).abs().max()


# ----------------------------------------------------------------------------------------------------- the checkpoints


@pytest.mark.proves("lem-gp-velocity")
def test_mean_displacement():
    # Any dimension: ∇f · (x − y) at the checkpoints has the mean of the difference, for any coupling.
    x = torch.randn(200_000, 2) * torch.tensor([1.0, 0.5])
    y = torch.randn(200_000, 2) @ torch.tensor([[1.0, 0.3], [0.0, 0.8]]) + torch.tensor([1.5, -0.5])
    for paired in (y, x + torch.tensor([1.5, -0.5])):

        def f(z):
            return (z[:, 0] + 0.5 * z[:, 1] ** 2).tanh()

        point = between(x, paired).requires_grad_()
        (gradient,) = torch.autograd.grad(f(point).sum(), point)
        flow = (gradient * (x - paired)).sum(1)
        change = f(x) - f(paired)
        error = (flow - change).std() / math.sqrt(len(x))
        assert (flow.mean() - change.mean()).abs() < 5 * error
        assert (flow.mean() + change.mean()).abs() > 50 * error  # the sign of the displacement
    # On the line, exactly: finite laws, independent pairs and another coupling; m and v by sums over the pairs.
    p, q = np.array([0.0, 3.0, 4.5]), np.array([1.0, 2.0, 2.5])
    a, b = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.2, 0.6])
    ordered = np.array([[0.2, 0.2, 0.1], [0, 0, 0.3], [0, 0, 0.2]])
    t = (np.arange(4500) + 0.5) / 1000
    gap = (q[None] <= t[:, None]) @ b - (p[None] <= t[:, None]) @ a  # G − F
    w = np.abs(gap).mean() * 4.5
    for pi in (np.outer(a, b), ordered):
        assert np.allclose(pi.sum(1), a) and np.allclose(pi.sum(0), b)
        far = p[:, None] - q[None]
        inside = covered(p, q, t)
        m = (pi * inside / np.abs(far)).sum((1, 2))
        flow = (pi * inside * np.sign(far)).sum((1, 2))  # m v
        assert close(m.mean() * 4.5, 1, 1e-6)
        assert np.allclose(flow, gap)
        assert close(np.abs(flow).mean() * 4.5, w, 1e-9)  # E|v| = W for both
        cost = (pi * np.abs(far)).sum()
        assert w <= cost + 1e-9 and (cost > w + 0.3) == (pi is not ordered)  # E|x − y| is not W for independent pairs
    # Where no segment passes, F = G.
    p, q = np.array([0.0, 3.0]), np.array([1.0, 2.0])
    m = (np.eye(2) / 2 * covered(p, q, t) / np.abs(p[:, None] - q[None])).sum((1, 2))
    gap = (q[None] <= t[:, None]).mean(1) - (p[None] <= t[:, None]).mean(1)
    assert (m == 0).any() and not gap[(m == 0) & (t < 3)].any() and gap[m > 0].all()


def test_no_flow_alone_proves_nothing():
    """In the plane the mean displacement may vanish where every optimal critic has slope 1."""
    fake = np.array([[-1.0, 0.0], [-10.0, 0.1], [10.0, 0.0]])
    real = np.array([[1.0, 0.0], [-10.0, 0.0], [10.0, 0.1]])
    costs = sorted((np.linalg.norm(real[list(order)] - fake, axis=1).mean(), order) for order in permutations(range(3)))
    assert costs[0][1] == (0, 1, 2) and costs[1][0] > costs[0][0] + 1  # the only optimal plan, by Birkhoff's theorem
    passing = []
    for x in real:
        for y in fake:
            level = abs(x[1]) < 1e-12 and abs(y[1]) < 1e-12
            if level and min(x[0], y[0]) < 0.3 < max(x[0], y[0]):
                passing.append((1 / np.linalg.norm(x - y), x - y))
            elif not level and (x[1] > 0) != (y[1] > 0):  # meets the axis at an end point only
                assert abs((x if x[1] == 0 else y)[0]) >= 1
    assert len(passing) == 2
    assert np.allclose(sum(mass * step for mass, step in passing), 0)  # v = 0
    n = 100_000
    x, y = torch.from_numpy(real)[torch.randint(3, (n,))], torch.from_numpy(fake)[torch.randint(3, (n,))]
    point = between(x, y)
    there = (point[:, 1] == 0) & (point[:, 0].abs() < 1)
    assert abs(there.double().mean() - 1.1 / 9) < 0.006
    assert (x - y)[there].mean(0).norm() < 5 * (x - y)[there].norm(dim=1).std() / there.sum().sqrt()
    # And yet: a critic of value W must rise by 2 on the segment; "v = 0, so the slope is free" would allow less.
    values, w = best_values(real, fake)
    assert close(w, costs[0][0], 1e-7) and close(values[0] - values[3], 2, 1e-7)
    for f in (
        upper(torch.from_numpy(values[3:]), torch.from_numpy(fake)),
        lower(*map(torch.from_numpy, (values[:3], real))),
    ):
        gradient = torch.autograd.functional.jacobian(f, torch.tensor([0.3, 0.0]))
        assert torch.allclose(gradient, torch.tensor([1.0, 0.0]), atol=1e-6)


def circles(big: float, small: float, n: int) -> tuple[Tensor, Tensor]:
    def ring(radius):
        angle = 2 * math.pi * torch.rand(n)
        return radius * torch.stack([angle.cos(), angle.sin()], 1)

    return ring(big), ring(small)


@pytest.mark.proves("thm-gp-circles")
@pytest.mark.parametrize("ratio", [0.3, 0.5, 0.95])
def test_two_circles(ratio):
    big, small, n = 2.0, 2.0 * ratio, 200_000
    x, y = circles(big, small, n)
    point = between(x, y)
    inside = point.norm(dim=1) < small
    q = 2 / math.pi * math.asin(ratio)
    sigma = math.sqrt(q * (1 - q) / n)
    assert abs(inside.double().mean() - q) < 5 * sigma
    assert abs(inside.double().mean() - ratio) > 20 * sigma  # the ratio itself, or its square, would be a good guess
    assert abs(inside.double().mean() - ratio**2) > 20 * sigma
    # No net flow in the disc, in spite of long displacements; in the ring the flow is that of the optimal plan.
    radial = ((x - y) * point).sum(1) / point.norm(dim=1)
    for low, high in ((0.2, 0.6), (0.6, 0.99)):
        shell = (point.norm(dim=1) > low * small) & (point.norm(dim=1) < high * small)
        assert radial[shell].mean().abs() < 5 * radial[shell].std() / shell.double().sum().sqrt()
        assert (x - y)[shell].norm(dim=1).mean() > small
    assert close(radial[~inside].mean() * (1 - q), big - small, 0.01)  # E|v| = W
    # Two optimal critics, and their penalties.
    seen = point[:20_000]
    share = inside[:20_000].double().mean()
    for f, two_sided in ((lambda z: z.norm(dim=1), 0.0), (lambda z: z.norm(dim=1).clamp(min=small), share)):
        assert close(f(x).mean() - f(y).mean(), big - small, 1e-9)
        slopes = gradient_norms(f, seen)
        assert close((slopes - 1).square().mean(), two_sided, 1e-9)
        assert close((slopes - 1).relu().square().mean(), 0, 1e-12)
    turn = 2 * math.pi * torch.arange(40) / 40
    polygon = torch.stack([turn.cos(), turn.sin()], 1)
    assert close(wasserstein(big * polygon, small * polygon).value, big - small, 1e-6)  # W itself, without a critic


@pytest.mark.proves("prop-gp-gap")
def test_gap():
    values, w = best_values(np.array([[0.0], [3.0]]), np.array([[1.0], [2.0]]))
    assert close(w, 1) and close(values[0] - values[2], 1) and close(values[1] - values[3], 1)
    n = 120_000
    x = torch.tensor([0.0, 3.0])[torch.randint(2, (n, 1))]
    y = torch.tensor([1.0, 2.0])[torch.randint(2, (n, 1))]
    point = between(x, y)
    counts = torch.histc(point, 3, 0, 3) / n
    assert torch.allclose(counts, torch.tensor([3 / 8, 1 / 4, 3 / 8]), atol=0.006)

    def critic(slope_in_gap: float):
        def f(z):
            t = z[:, 0]
            return -t.clamp(0, 1) + slope_in_gap * (t.clamp(1, 2) - 1) + (t.clamp(2, 3) - 2)

        return f

    for c in (0.0, 0.5, -0.5, 1.0):
        f = critic(c)
        assert close(f(x.new_tensor([[0.0], [3.0]])).mean() - f(x.new_tensor([[1.0], [2.0]])).mean(), 1)
        penalty = (gradient_norms(f, point) - 1).square().mean()
        assert abs(penalty - (1 - abs(c)) ** 2 / 4) < 0.005
        assert close((gradient_norms(f, point) - 1).relu().square().mean(), 0)
        rises = (f(torch.tensor([[0.0]])) - f(torch.tensor([[2.0]]))) + (
            f(torch.tensor([[3.0]])) - f(torch.tensor([[1.0]]))
        )
        assert close(rises, 2)  # 4: of a length of 4
    # 3: slopes that go from −1 to 1 and bend by at most κ, at random: none is cheaper than the straight one.
    t = np.linspace(1, 2, 4001)
    rng = np.random.default_rng(0)
    for kappa in (2.0, 3.0, 8.0):

        def cost(slope):
            return np.trapezoid((1 - np.abs(slope)) ** 2, t) / 4

        assert close(cost(np.clip(kappa * (t - 1.5), -1, 1)), 1 / (6 * kappa), 1e-5)
        for _ in range(100):
            speed = rng.uniform(0, 20)
            wave = rng.uniform(-1, 1) + kappa / max(speed, 1) * np.sin(speed * t + rng.uniform(0, 6))
            slope = np.clip(wave, np.maximum(-1, 1 - kappa * (2 - t)), np.minimum(1, -1 + kappa * (t - 1)))
            assert np.abs(np.diff(slope)).max() <= kappa * (t[1] - t[0]) + 1e-9
            assert slope[0] == -1 and slope[-1] == 1
            assert cost(slope) >= 1 / (6 * kappa) - 1e-5
        assert cost(np.where(t < 1.5, -1.0, 1.0)) < 1e-9  # with a kink it costs nothing: smoothness is needed


# -------------------------------------------------------------------------------------------------------- the penalties

OMEGA = {
    "two": lambda s: (abs(s) - 1) ** 2,
    "one": lambda s: max(0.0, abs(s) - 1) ** 2,
    "unsquared": lambda s: max(0.0, abs(s) - 1),
    "zero": lambda s: s**2 / 2,
}


def covered(p: np.ndarray, q: np.ndarray, t: np.ndarray) -> np.ndarray:
    """(T, n, m): does t lie between the two points of a pair?"""
    return (np.minimum(p[:, None], q) < t[:, None, None]) & (np.maximum(p[:, None], q) > t[:, None, None])


def line(p, a, q, b, n: int = 3000):
    """Independent pairs of two finite laws: midpoints of cells, their width, m and v."""
    low, high = min(p.min(), q.min()), max(p.max(), q.max())
    step = (high - low) / n
    t = low + step * (np.arange(n) + 0.5)
    far = p[:, None] - q[None]
    inside = covered(p, q, t)
    m = (np.outer(a, b) * inside / np.abs(far)).sum((1, 2))
    flow = (np.outer(a, b) * inside * np.sign(far)).sum((1, 2))
    return t, step, m, flow / m


@pytest.mark.proves("prop-gp-line")
@pytest.mark.parametrize("weight", [0.7, 2.0, 10.0])
def test_every_penalty_on_the_line(weight):
    p, a = np.array([0.0, 3.0, 4.0]), np.array([0.5, 0.3, 0.2])
    q, b = np.array([1.0, 2.0]), np.array([0.4, 0.6])
    t, step, m, v = line(p, a, q, b)
    gap = (q[None] <= t[:, None]) @ b - (p[None] <= t[:, None]) @ a
    w = np.abs(gap).sum() * step
    bias = (m * v**2).sum() * step  # E v²

    def cost(slope, omega, value):
        return weight * omega(slope) - slope * value

    for name, omega in OMEGA.items():
        if name == "unsquared" and weight <= np.abs(v).max():
            far = max((s * np.abs(v).max() - weight * omega(s)) for s in (10, 1000))
            assert far > 50  # no lower bound
            continue
        slopes = {}
        for value in np.unique(v.round(9)):  # a general minimiser, for each displacement that occurs
            found = [
                minimize_scalar(cost, args=(omega, value), bounds=bounds, method="bounded", options={"xatol": 1e-10})
                for bounds in ((-20, 0), (0, 20))
            ]
            slopes[value] = min(found, key=lambda one: one.fun).x
            if name == "zero":
                assert close(slopes[value], value / weight, 1e-4)
            elif abs(value) > 1e-9:
                claimed = np.sign(value) * (1 if name == "unsquared" else 1 + abs(value) / (2 * weight))
                assert close(slopes[value], claimed, 1e-4)
                wrong = np.sign(value) * (1 + abs(value) / weight)  # the factor ½ forgotten
                assert not close(slopes[value], wrong, 1e-2)
        s = np.array([slopes[value] for value in v.round(9)])
        distance = (gap * s).sum() * step
        penalty = weight * sum(omega(one) * mass for one, mass in zip(s, m, strict=True)) * step
        expected = {
            "two": (w + bias / (2 * weight), bias / (4 * weight)),
            "one": (w + bias / (2 * weight), bias / (4 * weight)),
            "unsquared": (w, 0.0),
            "zero": (bias / weight, bias / (2 * weight)),
        }[name]
        assert close(distance, expected[0], 1e-4) and close(penalty, expected[1], 1e-4)
        if name in ("two", "one"):
            assert distance > w + 1e-2 and close(distance - w, 2 * penalty, 1e-3)  # the log is too large, by twice that


@pytest.mark.proves("prop-gp-line")
def test_where_nothing_flows():
    """In the gap two-sided and one-sided differ: ±1 or anything between."""
    t, _, _, v = line(np.array([0.0, 3.0]), np.array([0.5, 0.5]), np.array([1.0, 2.0]), np.array([0.5, 0.5]))
    quiet = (t > 1) & (t < 2)
    assert np.allclose(v[quiet], 0) and np.allclose(np.abs(v[~quiet]), 4 / 3)
    cost = {name: [omega(s) for s in (0.0, 0.5, 1.0)] for name, omega in OMEGA.items()}
    assert cost["two"] == [1.0, 0.25, 0.0] and cost["one"] == [0, 0, 0] == cost["unsquared"]
    assert cost["zero"][0] == 0 < cost["zero"][1]


@pytest.mark.proves("prop-gp-bias")
def test_bias_in_any_dimension():
    """Critics that are pushed up as far as they go: above W, and never above the bound."""
    weight = 1.5
    x, y, _, _, (rows, columns), w = optimum(5, 3)
    x, y = x[rows], y[columns]  # optimal pairs, c = 1
    far = (x - y).norm(dim=1)
    bound = w + far.square().mean() / (4 * weight)
    eps = (torch.arange(400) + 0.5) / 400
    points = (eps[:, None, None] * x + (1 - eps[:, None, None]) * y).reshape(-1, 3)
    generator = torch.Generator().manual_seed(1)
    best = -math.inf
    for _ in range(2):
        net = nn.Sequential(nn.Linear(3, 32), nn.Softplus(), nn.Linear(32, 1))
        for parameter in net.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator)
        optimizer = torch.optim.Adam(net.parameters(), 0.03)
        for _ in range(120):  # push it as far up as it goes
            sample = points[torch.randint(len(points), (64,), generator=generator)]
            excess = (gradient_norms(net, sample) - 1).relu()
            loss = -(net(x).mean() - net(y).mean()) + weight * excess.square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        excess = (gradient_norms(net, points) - 1).relu()
        reached = (net(x).mean() - net(y).mean() - weight * excess.square().mean()).item()
        assert reached <= bound + 1e-3
        if reached >= w:
            assert excess.square().mean() <= far.square().mean() / weight**2 + 1e-3
        best = max(best, reached)
    assert best > w + 0.05  # above W: "the penalised value is at most W" would be false
    # For independent pairs of N + N points the share on optimal segments is 1/N.
    assert close(min((1 / 25) / (1 / 5) for _ in rows), 1 / 5)
    # Where segments overlap, c may be larger than the least p q / π: in the gap ¾, not ½.
    p, q, t = np.array([0.0, 3.0]), np.array([1.0, 2.0]), np.array([0.3, 0.8, 2.2, 2.9])
    far, inside = np.abs(p[:, None] - q[None]), covered(p, q, t)
    ratio = (inside / 4 / far).sum((1, 2)) / (np.eye(2) / 2 * inside / far).sum((1, 2))
    assert np.allclose(ratio, 3 / 4) and (1 / 4) / (1 / 2) == 1 / 2
    # The dual of the one-sided penalty: a flow w costs |w| + w²/4λm; with w = m v this sums up to W + E v²/4λ.
    p, a, q, b = np.array([0.0, 3.0, 4.0]), np.array([0.5, 0.3, 0.2]), np.array([1.0, 2.0]), np.array([0.4, 0.6])
    t, step, m, v = line(p, a, q, b)
    slope = np.linspace(-20, 20, 40_001)
    for mass, speed in sorted({(round(one, 9), round(two, 9)) for one, two in zip(m, v, strict=True)}):
        dual = (slope * mass * speed - weight * mass * np.maximum(0, np.abs(slope) - 1) ** 2).max()
        assert close(dual, mass * abs(speed) + (mass * speed) ** 2 / (4 * weight * mass), 1e-5)
    gap = (q[None] <= t[:, None]) @ b - (p[None] <= t[:, None]) @ a
    total = (np.abs(m * v) + (m * v) ** 2 / (4 * weight * m)).sum() * step
    assert close(total, np.abs(gap).sum() * step + (m * v**2).sum() * step / (4 * weight))
    # Unsquared: never above W while λ ≥ the longest pair, above it for a small λ. One pair, a linear critic of slope s.
    for lam, ok in ((2.0, True), (0.5, False)):
        reach = max(s * 1.0 - lam * max(0, s - 1) for s in np.linspace(0, 50, 501))
        assert (reach <= 1 + 1e-9) == ok


@pytest.mark.proves("prop-gp-dirac")
def test_dirac():
    lam = gamma = 2.0
    phi = np.linspace(-4, 4, 800_001)

    def loss(name, theta):
        s = np.abs(phi)
        omega = {"two": (s - 1) ** 2, "one": np.maximum(0, s - 1) ** 2, "zero": s**2 / 2}[name]
        return phi * theta + lam * omega

    for theta in (0.3, 1.0, -1.0, 3.9, 4.0, 5.0):  # at 4 = 2λ the second well has just gone
        sign = np.sign(theta)
        for name in ("two", "one", "zero"):
            best = phi[loss(name, theta).argmin()]
            claimed = -theta / gamma if name == "zero" else -sign * (1 + abs(theta) / (2 * lam))
            assert close(best, claimed, 1e-4)

            def followed(value, name=name):
                return value**2 / (2 * gamma) if name == "zero" else abs(value) + value**2 / (4 * lam)

            slope = (followed(theta + 1e-6) - followed(theta - 1e-6)) / 2e-6
            assert close(best, -slope, 1e-4)  # a step moves θ by φ*, down this function
        # Local minima, counted on the grid: two wells for the two-sided penalty and |θ| < 2λ only.
        for name, wells in (("two", 2 if abs(theta) < 2 * lam else 1), ("one", 1), ("zero", 1)):
            values = loss(name, theta)
            dips = (np.diff(values) > 0) & (np.concatenate([[False], np.diff(values)[:-1] < 0]))
            assert dips.sum() == wells
            if wells == 2:
                where = sorted(phi[:-1][dips] * sign)
                assert close(where[1], 1 - abs(theta) / (2 * lam), 1e-4) and where[1] > 0  # θ is pushed outwards
    at_rest = loss("two", 0.0)
    assert set(phi[at_rest <= at_rest.min() + 1e-12].round(6)) == {-1.0, 1.0}
    assert loss("one", 0.0)[np.abs(phi) <= 1].max() == 0 and abs(phi[loss("zero", 0.0).argmin()]) < 1e-9
    # The plane: the same point is a saddle.
    theta = torch.tensor([0.6, 0.8])
    point = theta * (1 - 1 / (2 * lam))

    def plane(g):
        return g @ theta + lam * (g.norm() - 1) ** 2

    assert torch.allclose(torch.autograd.functional.jacobian(plane, point), torch.zeros(2), atol=1e-12)
    values = torch.linalg.eigvalsh(torch.autograd.functional.hessian(plane, point))
    assert close(values[0], -1 / (1 - 1 / (2 * lam))) and close(values[1], 2 * lam)


# ------------------------------------------------------------------------------------------------- double backward


@pytest.mark.proves("thm-gp-double")
@pytest.mark.parametrize("name", ["softplus", "relu"])
def test_double_backward_by_hand(name):
    h = {"softplus": nn.Softplus(), "relu": nn.ReLU()}[name]
    matrix, b, w, shift = (torch.randn(s).requires_grad_() for s in ((7, 3), (7,), (7,), ()))
    x = torch.randn(1, 3)

    def critic(z):
        return h(z @ matrix.T + b) @ w + shift

    penalty = (gradient_norms(critic, x)[0] - 1) ** 2
    by_library = torch.autograd.grad(penalty, [matrix, b, w], retain_graph=True)
    unused = torch.autograd.grad(penalty, shift, allow_unused=True)[0]
    assert unused is None or unused == 0
    with torch.no_grad():
        u = matrix @ x[0] + b
        first = u.sigmoid() if name == "softplus" else (u > 0).double()
        second = u.sigmoid() * (-u).sigmoid() if name == "softplus" else torch.zeros(7)
        g = matrix.T @ (w * first)
        beta = 2 * (1 - 1 / g.norm()) * g
        pushed = matrix @ beta
        by_hand = (
            torch.outer(w * first, beta) + torch.outer(w * second * pushed, x[0]),
            w * second * pushed,
            first * pushed,
        )
    for one, two in zip(by_library, by_hand, strict=True):
        assert torch.allclose(one, two, atol=1e-10)
    assert by_library[0].norm() > 1e-2 and by_library[2].norm() > 1e-2  # "ReLU has no gradient of the penalty" is false
    assert (by_library[1].norm() > 1e-3) == (name == "softplus")
    # Without create_graph the penalty is a constant.
    z = x.clone().requires_grad_()
    (plain,) = torch.autograd.grad(critic(z).sum(), z, retain_graph=True)
    assert not plain.requires_grad


@pytest.mark.proves("prop-gp-relu")
def test_kinks_are_not_seen():
    a, b = torch.tensor(0.6, requires_grad=True), torch.tensor(0.4, requires_grad=True)
    grid = ((torch.arange(20_000) + 0.5) / 20_000)[:, None]

    def mean_penalty(activation, a, b, x=grid):
        return (gradient_norms(lambda z: a * activation(z[:, 0] - b), x) - 1).square().mean()

    seen = torch.autograd.grad(mean_penalty(torch.relu, a, b), [a, b], allow_unused=True)

    def true(function, a, b, h=1e-3):
        """Both derivatives of a mean, by central differences."""
        return (
            (function(a + h, b) - function(a - h, b)) / (2 * h),
            (function(a, b + h) - function(a, b - h)) / (2 * h),
        )

    def closed(a, b):
        return b + (1 - b) * (abs(a) - 1) ** 2

    assert close(mean_penalty(torch.relu, a, b), closed(0.6, 0.4), 1e-3)
    exact = true(closed, 0.6, 0.4)
    assert close(seen[0], exact[0], 1e-3)
    assert seen[1] is None or close(seen[1], 0)
    assert close(exact[1], 1 - (0.6 - 1) ** 2, 1e-6) and exact[1] > 0.5  # moving the kink would pay
    soft = nn.Softplus(beta=20)
    seen = torch.autograd.grad(mean_penalty(soft, a, b), [a, b])
    exact = true(lambda a, b: mean_penalty(soft, a, b).item(), 0.6, 0.4)
    assert close(seen[0], exact[0], 1e-4) and close(seen[1], exact[1], 1e-4) and abs(exact[1]) > 0.5


@pytest.mark.proves("prop-gp-kink")
def test_norm_at_zero():
    def two_sided(g):
        return (torch.linalg.vector_norm(g) - 1) ** 2

    for g in torch.randn(10, 3):
        gradient = torch.autograd.functional.jacobian(two_sided, g)
        assert torch.allclose(gradient, 2 * (1 - 1 / g.norm()) * g)
        assert close(gradient.norm(), 2 * abs(g.norm() - 1))
        small = torch.autograd.functional.jacobian(two_sided, 1e-8 * g / g.norm())
        assert torch.allclose(small, -2 * g / g.norm(), atol=1e-6)  # every direction is a limit
        assert two_sided(1e-3 * g) < two_sided(0 * g) == 1
    assert torch.equal(torch.autograd.functional.jacobian(two_sided, torch.zeros(3)), torch.zeros(3))
    # The root of a sum of squares: NaN; with η: smooth, and the wrong target.
    naive = torch.autograd.functional.jacobian(lambda g: (g.square().sum().sqrt() - 1) ** 2, torch.zeros(3))
    outside = torch.autograd.functional.jacobian(lambda g: (g.square().sum().sqrt() + 1e-8 - 1) ** 2, torch.zeros(3))
    assert naive.isnan().all() and outside.isnan().all()
    for eta in (1e-8, 0.19):

        def smooth(g, eta=eta):
            return ((g.square().sum() + eta).sqrt() - 1) ** 2

        at_zero = torch.autograd.functional.jacobian(smooth, torch.zeros(3))
        assert torch.equal(at_zero, torch.zeros(3))
        s = np.linspace(0.5, 1.5, 1_000_001)
        best = s[((np.sqrt(s**2 + eta) - 1) ** 2).argmin()]
        assert close(best, math.sqrt(1 - eta), 1e-5)
        assert (abs(best - 1) > 0.05) == (eta > 0.1)
    # Convexity along a line through 0.
    s = torch.linspace(-2, 2, 401)[:, None] * torch.tensor([0.6, 0.8])
    norms = s.norm(dim=1)
    for values, convex in (
        ((norms - 1) ** 2, False),
        (((norms**2 + 0.1).sqrt() - 1) ** 2, False),
        ((norms - 1).relu() ** 2, True),
        (norms**2 / 2, True),
    ):
        bend = values[2:] - 2 * values[1:-1] + values[:-2]
        assert bool((bend > -1e-12).all()) == convex


# ---------------------------------------------------------------------------------------------------- one at a time


@pytest.mark.proves("prop-gp-batchnorm")
def test_batch_normalisation():
    x = torch.randn(8, 3)

    def computed(critic):
        point = x.clone().requires_grad_()
        (g,) = torch.autograd.grad(critic(point).sum(), point, create_graph=True)
        return g

    plain = nn.Sequential(nn.Linear(3, 16), nn.LayerNorm(16), nn.Tanh(), nn.Linear(16, 1))
    g = computed(plain)
    for j in range(8):  # 1: each row is the gradient of its own sample; layer normalisation is harmless
        own = torch.autograd.functional.jacobian(lambda z: plain(z[None])[0, 0], x[j])
        assert torch.allclose(g[j], own)
    assert g.sum(0).norm() > 1e-2
    first = nn.Sequential(nn.Linear(3, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Linear(16, 1))
    g = computed(first)
    assert torch.allclose(g.sum(0), torch.zeros(3), atol=1e-10) and g.norm() > 1e-2  # 2
    own = torch.autograd.functional.jacobian(lambda z: first(torch.cat([z[None], x[1:]]))[0, 0], x[0])
    assert (g[0] - own).norm() > 1e-2  # what is computed is not the slope of the sample's own score
    last = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.BatchNorm1d(16), nn.Linear(16, 1))
    g = computed(last)
    assert g.abs().max() < 1e-10  # 3
    own = torch.autograd.functional.jacobian(lambda z: last(torch.cat([z[None], x[1:]]))[0, 0], x[0])
    assert own.norm() > 1e-2  # although the critic is not flat
    penalty = (gradient_norms(last, x) - 1).square().mean()
    assert close(penalty, 1)
    pull = torch.autograd.grad(penalty, list(last.parameters()), allow_unused=True)
    assert all(one is None or one.abs().max() < 1e-6 for one in pull)
    with pytest.raises(GanlibError, match="batch normalisation"):
        WGANGP(nn.Linear(2, 3), last, 2)


@pytest.mark.proves("prop-gp-epsilon")
def test_shapes_of_epsilon():
    n, d = 20_000, 12
    x, y = torch.randn(d).expand(n, d), torch.randn(d).expand(n, d)
    gap = x - y
    length = gap[0].norm()

    def place(point):
        along = ((point - y) * gap).sum(1) / length**2
        return along, ((point - y) - along[:, None] * gap).norm(dim=1)

    along, off = place(between(x, y))
    assert off.max() < 1e-9 and close(along.mean(), 0.5, 0.01) and close(along.var(), 1 / 12, 0.003)
    wrong = torch.rand_like(x)
    along, off = place(wrong * x + (1 - wrong) * y)
    share = (gap[0].square() / length**2).square().sum()
    assert abs(along.var() - share / 12) < 0.002 and abs(along.var() - 1 / 12) > 0.03
    assert close(off.square().mean(), (1 - share) / 12 * length**2, 0.02)
    assert not close(off.square().mean(), 0, 0.1)
    even = torch.ones(d).square() / d  # equal |D_i|
    assert close(even.square().sum(), 1 / d)
    # One ε for the batch: the right mean, a variance that the size of the batch does not cure.
    size, trials = 50, 4000
    a, b = torch.randn(trials, size), torch.randn(trials, size) + 1

    def estimate(e):
        return ((e * a + (1 - e) * b) ** 2).mean(1)

    own, shared = estimate(torch.rand(trials, size)), estimate(torch.rand(trials, 1))
    grid = (torch.arange(2000) + 0.5) / 2000
    given = grid**2 + (1 - grid) ** 2 + (1 - grid) ** 2  # E[ω | ε] for ω(t) = t²: variance plus squared mean
    fourth = 3 * (grid**2 + (1 - grid) ** 2) ** 2 + 6 * (grid**2 + (1 - grid) ** 2) * (1 - grid) ** 2 + (1 - grid) ** 4
    total = fourth.mean() - given.mean() ** 2
    between_var = given.var()
    for values, variance in ((own, total / size), (shared, total / size + (1 - 1 / size) * between_var)):
        assert abs(values.mean() - given.mean()) < 5 * (variance / trials).sqrt()
        assert close(values.var() / variance, 1, 0.15)
    assert shared.var() > 1.8 * own.var()
    # What broadcasting does.
    images = torch.zeros(4, 3, 4, 4)
    assert (torch.rand(4) * images).shape == images.shape  # silent, since width and batch agree
    with pytest.raises(RuntimeError):
        torch.rand(4) * torch.zeros(4, 3, 5, 5)
    assert (torch.rand(6, 1, 1, 1) * torch.zeros(6, 2)).shape == (6, 1, 6, 2)
    assert gradient_penalty(lambda z: z.sum(1), x[:4], y[:4]) > 0


# ------------------------------------------------------------------------------------------- pitfalls and exercises


def test_pitfalls():
    g = torch.full((2, 3, 8, 8), 1 / math.sqrt(3))  # every pixel has norm 1 over its channels
    assert close((g.norm(2, dim=1) - 1).square().mean(), 0) and close(g.flatten(1).norm(dim=1)[0], 8)
    s = torch.tensor([0.999, 1.001])
    assert torch.allclose((s**2 - 1) ** 2 / (s - 1) ** 2, torch.full((2,), 4.0), atol=1e-2)
    # ε of shape (N, 1, 1, 1) for points (N, d): the slope 1 of a linear critic is taken for √N.
    e, w = torch.rand(9, 1, 1, 1), torch.tensor([0.6, 0.8])
    x = (e * torch.randn(9, 2) + (1 - e) * torch.randn(9, 2)).requires_grad_()
    (g,) = torch.autograd.grad((x @ w).sum(), x)
    assert g.shape == (9, 1, 9, 2) and torch.allclose(g.flatten(1).norm(dim=1), torch.full((9,), 3.0))


def test_one_datum_two_generated_points():
    """Part (c) of ex-gp-three: at λ = max|v| the value is W, and the reported distance need not be.

    Below, the value grows with the slope; above, only the slope 1 reaches W.
    """
    x, y = torch.zeros(2, 1), torch.tensor([[1.0], [3.0]])
    points = torch.cat([(torch.arange(20_000)[:, None] + 0.5) / 20_000 * end for end in (1.0, 3.0)])
    for steep in (1.0, 2.0, 5.0):

        def f(z, steep=steep):
            return -(z[:, 0].clamp(max=1) + steep * (z[:, 0] - 1).relu())

        reported = f(x).mean() - f(y).mean()
        fine = 3 * (gradient_norms(f, points) - 1).relu().mean()
        assert close(reported, 1 + steep) and close(fine, steep - 1, 1e-3)
        assert close(reported - fine, 2, 1e-3)
        assert close(reported, 2) == (steep == 1)
        for weight in (2.9, 3.1):
            value = reported - weight / 3 * fine
            assert close(value, 2 + (steep - 1) * (1 - weight / 3), 1e-3)
    # (d) the sizes of the slopes just left of the points
    assert close(1 + 1.5 / 20, 1.075) and close(1 + 3 / 20, 1.15) and close(3 / 1.5, 2)


def test_double_backward_exercise():
    """ex-gp-hand: the step in A switches units off, which the linear formula does not know."""
    matrix, w = torch.tensor([[3.0, 0.0], [0.0, 4.0]], requires_grad=True), torch.ones(2, requires_grad=True)
    for point, fine, in_matrix, in_w in (
        ([1.0, 1.0], 16.0, [[4.8, 6.4], [4.8, 6.4]], [14.4, 25.6]),
        ([1.0, -1.0], 4.0, [[4.0, 0.0], [0.0, 0.0]], [12.0, 0.0]),
    ):
        penalty = (gradient_norms(lambda z: (z @ matrix.T).relu() @ w, torch.tensor([point]))[0] - 1) ** 2
        found = torch.autograd.grad(penalty, [matrix, w])
        assert close(penalty, fine)
        assert torch.allclose(found[0], torch.tensor(in_matrix)) and torch.allclose(found[1], torch.tensor(in_w))

    def after(eta):
        moved = matrix.detach() - eta * torch.tensor([[4.8, 6.4], [4.8, 6.4]])
        return gradient_norms(lambda z: (z @ moved.T).relu().sum(1), torch.ones(1, 2)).item()

    for eta in np.linspace(0.01, 2, 200):
        formula = 5 * abs(1 - 3.2 * eta)
        both, one = eta < 3 / 11.2, eta < 4 / 11.2
        claimed = formula if both else math.sqrt(64 * eta**2 - 51.2 * eta + 16) if one else 0.0
        assert close(after(eta), claimed)
        assert (after(eta) - 1) ** 2 < 16  # no step makes it worse, though the formula is above 5 from 5/8 on
        assert not one or both or after(eta) > 2.4
        assert both or abs(after(eta) - formula) > 0.7
    assert close(after(0.25), 1)
    assert close(after(0.3), 2.53, 1e-3) and after(0.375) == after(0.4) == 0  # the formula says 1 for 0.375
    assert close(after(3 / 11.2 - 1e-9), 0.714, 1e-3) and close(after(3 / 11.2 + 1e-9), 2.62, 1e-3)


def test_another_norm():
    """ex-gp-norm (b): the gradient is that of the norm at e, of dual norm 1; in general neither e nor of length 1."""
    for power in (1.5, 3.0):
        dual = power / (power - 1)

        def norm(z, power=power):
            return z.abs().pow(power).sum(-1).pow(1 / power)

        x = torch.tensor([1.2, -0.5])
        e = x / norm(x)
        for f in (norm, lambda z, norm=norm, x=x: norm(x) - norm(x - z)):  # optimal critics for the pair (x, 0)
            gradient = torch.autograd.functional.jacobian(f, 0.3 * x)
            assert torch.allclose(gradient, e.sign() * e.abs() ** (power - 1))
            assert close(gradient.abs().pow(dual).sum() ** (1 / dual), 1)
            assert not close(gradient.norm(), 1, 1e-2) and not torch.allclose(gradient, e, atol=1e-2)
        tops = torch.randn(2000, 2)
        tops = tops / norm(tops)[:, None]
        assert 1 - 1e-3 < (tops @ gradient).max() <= 1 + 1e-12  # the dual norm by its definition
        h = torch.tensor([0.0, 1e-4])
        rise = norm(torch.tensor([0.5, 0.0]) + h) - 0.5
        assert (rise > h.norm() ** 2 / (2 * 0.5)) == (power < 2)  # across the segment: no quadratic bound
