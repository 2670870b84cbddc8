"""Every statement of chapter 08, checked by numbers, each beside a plausible wrong variant.

Norms come from a singular value decomposition, and on the other side from what the page derives: products, gradients by
hand, power iteration, patches, frequencies. A convolution's true matrix is made column by column from unit images.
"""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import linprog
from scipy.sparse.linalg import svds
from torch import nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.utils import parametrizations, parametrize


@pytest.fixture(autouse=True)
def double():
    """Float64, so that a tolerance can be tight."""
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(dtype)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def sigma(matrix) -> float:
    return float(np.linalg.svd(np.asarray(matrix), compute_uv=False)[0])


def svd(matrix):
    """Singular values and the matrices whose columns are the left and right singular vectors."""
    u, s, vt = np.linalg.svd(matrix)
    return s, u, vt.T


def with_spectrum(rng, values, rows=None) -> np.ndarray:
    """A matrix with given singular values and random singular vectors."""
    n, m = len(values), rows or len(values)
    left, right = np.linalg.qr(rng.standard_normal((m, m)))[0], np.linalg.qr(rng.standard_normal((n, n)))[0]
    return left[:, :n] * values @ right.T


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


# ------------------------------------------------------------------------------------------------------------ the norm


@pytest.mark.proves("prop-sn-norm")
def test_spectral_norm(rng):
    w, e, b = rng.standard_normal((5, 7)), 0.3 * rng.standard_normal((5, 7)), rng.standard_normal((4, 5))
    s = sigma(w)
    assert s == pytest.approx(math.sqrt(np.linalg.eigvalsh(w.T @ w)[-1]))
    # 1 and 2. No direction is stretched more, the top singular vector is stretched so much.
    h = rng.standard_normal((7, 4000))
    gains = np.linalg.norm(w @ h, axis=0) / np.linalg.norm(h, axis=0)
    assert 0.7 * s < gains.max() < s
    values, left, right = svd(w)
    assert np.linalg.norm(w @ right[:, 0]) == pytest.approx(s)
    assert left[:, 0] @ w @ right[:, 0] == pytest.approx(s)
    assert np.linalg.norm(w @ right[:, 1]) < 0.95 * s  # the second singular vector is no such direction
    # 3.
    assert sigma(w.T) == pytest.approx(s)
    assert sigma(b @ w) < sigma(b) * s
    assert abs(sigma(w + e) - s) < sigma(e)
    assert np.abs(np.linalg.eigvals(np.array([[0.0, 5.0], [0.0, 0.0]]))).max() == 0  # the spectral radius is no norm
    assert sigma([[0.0, 5.0], [0.0, 0.0]]) == pytest.approx(5)
    # 4.
    frobenius = math.sqrt((w**2).sum())
    assert frobenius == pytest.approx(math.sqrt((values**2).sum()))
    assert s < frobenius < math.sqrt(5) * s
    assert np.abs(w).max() < np.linalg.norm(w, axis=1).max() < s
    assert np.abs(w).sum(1).max() > s  # row sums, the norm for maxima, are no lower bound
    rank_one = np.outer(rng.standard_normal(5), rng.standard_normal(7))
    assert sigma(rank_one) == pytest.approx(np.linalg.norm(rank_one))


def network(weights, offsets, phi):
    def f(x):
        h = x
        for level, (w, b) in enumerate(zip(weights, offsets, strict=True)):
            h = F.linear(h, w, b)
            if level < len(weights) - 1:
                h = phi(h)
        return h

    return f


@pytest.mark.proves("thm-sn-product")
@pytest.mark.parametrize(
    ("phi", "slope", "constant"),
    [
        (F.relu, lambda a: (a > 0).double(), 1.0),
        (lambda a: F.leaky_relu(a, 0.2), lambda a: torch.where(a > 0, 1.0, 0.2), 1.0),
        (lambda a: 2 * torch.tanh(a), lambda a: 2 / torch.cosh(a) ** 2, 2.0),
    ],
)
def test_product_bound_and_masks(phi, slope, constant):
    sizes = (3, 8, 6, 2)
    weights = [torch.randn(o, i) for i, o in zip(sizes, sizes[1:], strict=False)]
    offsets = [torch.randn(o) for o in sizes[1:]]
    f = network(weights, offsets, phi)
    bound = math.prod(sigma(w) for w in weights) * constant ** (len(weights) - 1)
    x, y = torch.randn(3000, 3), torch.randn(3000, 3)
    quotients = (f(x) - f(y)).norm(dim=1) / (x - y).norm(dim=1)
    assert 0.02 * bound < quotients.max() < bound
    # No smaller constant will do: with positive top vectors that meet, the bound is reached.
    chain = [F.normalize(torch.rand(size, 1), dim=0) for size in sizes]
    aligned = [factor * o @ i.T for factor, i, o in zip((2.0, 3.0, 0.5), chain, chain[1:], strict=False)]
    reached = network(aligned, [torch.zeros(o) for o in sizes[1:]], phi)(1e-4 * chain[0].T).norm() / 1e-4
    assert float(reached) == pytest.approx(3 * constant**2, rel=1e-6)
    assert math.prod(float(w.abs().max()) for w in aligned) < 0.9 * reached  # entries bound nothing
    # The Jacobian is the product with the masks of this x, in this order.
    point = x[0]
    before, h = [], point
    for w, b in zip(weights, offsets, strict=True):
        before.append(F.linear(h, w, b))
        h = phi(before[-1])
    jacobian = torch.autograd.functional.jacobian(f, point)
    masked = weights[0]
    for w, a in zip(weights[1:], before, strict=False):
        masked = w @ torch.diag(slope(a)) @ masked
    assert torch.allclose(jacobian, masked)
    assert not torch.allclose(jacobian, weights[2] @ weights[1] @ weights[0], atol=1e-2)
    assert sigma(jacobian) < bound


@pytest.mark.proves("thm-sn-product")
def test_a_kink_that_is_met_on_a_fat_set():
    """A unit that is exactly 0 everywhere: any value of ReLU's slope there gives the right Jacobian."""
    weights, offsets = (
        [torch.tensor([[0.0, 0.0], [1.0, 2.0]]), torch.tensor([[3.0, 1.0]])],
        [torch.zeros(2), torch.zeros(1)],
    )
    point = torch.tensor([0.3, 0.4])
    jacobian = torch.autograd.functional.jacobian(network(weights, offsets, F.relu), point)
    for value in (0.0, 0.5, 1.0):
        assert torch.equal(weights[1] @ torch.diag(torch.tensor([value, 1.0])) @ weights[0], jacobian)
    assert not torch.equal(weights[1] @ torch.diag(torch.tensor([1.0, 0.0])) @ weights[0], jacobian)


@pytest.mark.proves("prop-sn-alignment")
def test_alignment(rng):
    a, b = with_spectrum(rng, [2.0, 1.0, 0.5, 0.2]), with_spectrum(rng, [3.0, 1.5, 1.0, 0.1])
    (_, left, _), (_, _, right) = svd(a), svd(b)
    # 1. Not aligned: strictly less. Turned so that the top vectors meet: equality, whatever the others do.
    assert sigma(b @ a) < 0.98 * 6
    w = left[:, 0] - right[:, 0]
    turn = np.eye(4) - 2 * np.outer(w, w) / (w @ w)  # the reflection that takes one to the other
    assert sigma(b @ turn @ a) == pytest.approx(6)
    w = left[:, 0] - right[:, 1]
    wrong = np.eye(4) - 2 * np.outer(w, w) / (w @ w)  # aligned with the second singular vector only
    assert sigma(b @ wrong @ a) < 0.98 * 6
    # 2.
    assert sigma(b @ a) > 6 * abs(left[:, 0] @ right[:, 0])
    # 3. The mean over directions, by the 8 directions ±e_i turned at random, whose second moment is exactly I/n.
    basis = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    mean = (np.linalg.norm(a @ basis, axis=0) ** 2).mean()
    stable_rank = (a**2).sum() / sigma(a) ** 2
    assert mean == pytest.approx((a**2).sum() / 4)
    assert mean == pytest.approx(sigma(a) ** 2 * stable_rank / 4)
    assert 1 < stable_rank < 4
    assert mean < 0.5 * sigma(a) ** 2  # the top singular value says nothing of the average


def operator(layer, *shape: int) -> np.ndarray:
    """The matrix of a linear map of arrays, one unit array after the other."""
    size = math.prod(shape)
    return layer(torch.eye(size).reshape(size, *shape)).reshape(size, -1).T.detach().numpy()


@pytest.mark.proves("prop-sn-blocks")
def test_other_layers(rng):
    for k in (2, 4):
        assert sigma(operator(nn.AvgPool2d(k), 2, 8, 8)) == pytest.approx(1 / k)
    assert sigma(operator(nn.AvgPool2d(2, stride=1), 1, 8, 8)) > 0.9  # overlapping windows: not 1/2
    assert sigma(operator(lambda x: x.sum((2, 3)), 3, 8, 8)) == pytest.approx(8)  # the residual critic of the paper
    assert sigma(operator(lambda x: x.mean((2, 3)), 3, 8, 8)) == pytest.approx(1 / 8)
    assert sigma(operator(nn.Upsample(scale_factor=2), 2, 4, 4)) == pytest.approx(2)
    x, y = torch.randn(500, 1, 4, 4), torch.randn(500, 1, 4, 4)
    pool = nn.MaxPool2d(2)
    quotient = ((pool(x) - pool(y)).flatten(1).norm(dim=1) / (x - y).flatten(1).norm(dim=1)).max()
    spike = torch.zeros(1, 1, 4, 4)
    spike[0, 0, 1, 1] = 1
    assert quotient < 1
    assert pool(spike).norm() == 1
    assert nn.MaxPool2d(2, stride=1)(spike).norm() == 2  # overlapping windows
    for phi in (F.relu, lambda t: F.leaky_relu(t, 0.2), torch.tanh, F.softplus):
        t = torch.linspace(-40, 40, 80_001)
        slopes = phi(t).diff() / t.diff()
        assert float(slopes.abs().max()) == pytest.approx(1, abs=1e-5)
    # Batch normalisation in evaluation mode, and in training mode not a function of one sample.
    bn = nn.BatchNorm2d(3, eps=1e-3)
    with torch.no_grad():
        bn.weight.copy_(torch.tensor([1.0, -2.0, 0.5]))
        bn.running_var.copy_(torch.tensor([0.5, 0.25, 4.0]))
    bn.eval()
    largest = float((bn.weight.abs() / (bn.running_var + bn.eps).sqrt()).max().detach())
    centred = operator(lambda x: bn(x) - bn(torch.zeros(1, 3, 2, 2)), 3, 2, 2)
    assert sigma(centred.T) == pytest.approx(largest)
    assert largest > 3.9
    bn.train()
    batch = torch.randn(8, 3, 2, 2)
    assert not torch.allclose(bn(batch)[:1], bn(torch.cat([batch[:1], 5 * batch[1:]]))[:1], atol=1e-2)
    # Layer normalisation.
    norm = nn.LayerNorm(5, eps=1e-2)
    at = [
        torch.autograd.functional.jacobian(norm, p)
        for p in (torch.full((5,), 0.7), torch.randn(5), 1e-2 * torch.randn(5))
    ]
    assert sigma(at[0]) == pytest.approx(10)
    assert sigma(at[1]) < 5
    assert sigma(at[2]) < 10
    # Residual block and concatenation: reached by multiples of the identity, not by a rotation.
    eye, turn = np.eye(2), np.array([[0.0, -1.0], [1.0, 0.0]])
    assert sigma(eye + 0.8 * eye) == pytest.approx(1.8)
    assert sigma(eye + 0.8 * turn) == pytest.approx(math.sqrt(1.64))
    assert sigma(np.vstack([0.8 * eye, 0.5 * eye])) == pytest.approx(math.sqrt(0.8**2 + 0.5**2))
    assert sigma(np.vstack([np.diag([0.8, 0]), np.diag([0, 0.5])])) == pytest.approx(0.8)


# ----------------------------------------------------------------------------------------------------- punish or divide


@pytest.mark.proves("lem-sn-derivative")
def test_derivative_of_the_norm(rng):
    w = rng.standard_normal((4, 6))
    _, left, right = svd(w)
    outer = np.outer(left[:, 0], right[:, 0])
    for _ in range(5):
        h = rng.standard_normal((4, 6))
        slope = (sigma(w + 1e-6 * h) - sigma(w - 1e-6 * h)) / 2e-6
        assert slope == pytest.approx((outer * h).sum(), abs=1e-6)
        assert abs(slope - (w * h).sum() / np.linalg.norm(w)) > 1e-3  # the derivative of the Frobenius norm
    # Twice the same singular value: a kink, with each u vᵀ a subgradient.
    h = np.diag([1.0, -1.0])
    assert sigma(np.eye(2) + 1e-3 * h) == pytest.approx(1.001)
    assert sigma(np.eye(2) - 1e-3 * h) == pytest.approx(1.001)


@pytest.mark.proves("prop-sn-regularisation")
def test_penalty(rng):
    w = with_spectrum(rng, [2.0, 1.0, 0.5])
    rate, weight = 0.1, 0.7
    t = torch.tensor(w, requires_grad=True)
    (gradient,) = torch.autograd.grad(weight / 2 * torch.linalg.matrix_norm(t, 2) ** 2, t)
    values, left, right = svd(w - rate * gradient.numpy())
    assert np.allclose(values, [2.0 * (1 - rate * weight), 1.0, 0.5])
    assert abs(left[:, 0] @ svd(w)[1][:, 0]) == pytest.approx(1)
    decayed = svd(w - rate * weight * w)[0]
    assert not np.allclose(decayed, values, atol=1e-2)  # weight decay shrinks the others too

    # 2. A critic without offsets, against two point masses: all weights times t.
    def loss(depth: int, scale: float, penalty: float) -> float:
        weights = [np.array([[1.0, 0.5], [0.2, 1.0]])] * (depth - 1) + [np.array([[1.0, -0.5]])]
        h = np.array([[1.0, 0.0], [0.0, 1.0]])  # real and fake, as columns
        for level, matrix in enumerate(weights):
            h = scale * matrix @ h
            if level < depth - 1:
                h = np.maximum(h, 0)
        return -(h[0, 0] - h[0, 1]) + penalty / 2 * sum(sigma(scale * matrix) ** 2 for matrix in weights)

    for penalty in (0.1, 10.0, 1000.0):  # no price is high enough for three layers
        assert loss(3, 1.0, 0.0) < 0
        assert loss(3, 1e5 * penalty, penalty) < -1e6
        assert loss(3, 2.0, penalty) != loss(3, 1.0, penalty)
    assert loss(2, 1e4, 10.0) > 0 > loss(2, 1e4, 0.1)  # for two layers it depends on the price
    assert loss(2, 2e4, 10.0) == pytest.approx(4 * loss(2, 1e4, 10.0))


def normalised_gradient(w: np.ndarray, g: np.ndarray) -> np.ndarray:
    """(1/σ)(G − ⟨G, W̄⟩ u vᵀ), the page's formula."""
    values, left, right = svd(w)
    return (g - (g * w / values[0]).sum() * np.outer(left[:, 0], right[:, 0])) / values[0]


@pytest.mark.proves("thm-sn-gradient")
def test_gradient_of_a_normalised_weight(rng):
    w, target = rng.standard_normal((4, 6)), torch.randn(4, 6)

    def ell(matrix):
        return (matrix - target).pow(3).sum() + matrix.sum().sin()

    def through(matrix: np.ndarray) -> np.ndarray:
        t = torch.tensor(matrix, requires_grad=True)
        return torch.autograd.grad(ell(t / torch.linalg.matrix_norm(t, 2)), t)[0].numpy()

    bar = torch.tensor(w / sigma(w), requires_grad=True)
    g = torch.autograd.grad(ell(bar), bar)[0].numpy()
    gradient = through(w)
    # 1. Two wrong variants: the orthogonal projection, and the gradient through the Frobenius norm.
    _, left, right = svd(w)
    outer = np.outer(left[:, 0], right[:, 0])
    assert np.allclose(gradient, normalised_gradient(w, g))
    assert not np.allclose(gradient, (g - (g * outer).sum() * outer) / sigma(w), atol=1e-2)
    assert not np.allclose(gradient, (g - (g * bar.detach().numpy()).sum() * w / sigma(w)) / sigma(w), atol=1e-2)
    # 2. Zero exactly for multiples of u vᵀ; a multiple of W̄ is none.
    assert np.allclose(normalised_gradient(w, -3 * outer), 0)
    assert np.abs(normalised_gradient(w, w)).max() > 0.05
    # 3.
    assert abs((gradient * w).sum()) < 1e-10
    assert abs((g * w).sum()) > 1e-2
    assert np.allclose(through(2.5 * w), gradient / 2.5)
    # 4.
    rate = 0.3
    after = w - rate * gradient
    assert (after**2).sum() == pytest.approx((w**2).sum() + rate**2 * (gradient**2).sum())
    at_unit = through(w / sigma(w))
    assert np.allclose(after / sigma(w), w / sigma(w) - rate / sigma(w) ** 2 * at_unit)
    assert not np.allclose(after / sigma(w), w / sigma(w) - rate / sigma(w) * at_unit, atol=1e-2)


# ------------------------------------------------------------------------------------------------------ power iteration


def rounds(w: np.ndarray, v: np.ndarray, number: int) -> list[np.ndarray]:
    found = [unit(v)]
    for _ in range(number):
        found.append(unit(w.T @ unit(w @ found[-1])))
    return found


@pytest.mark.proves("thm-sn-power")
def test_power_iteration(rng):
    for values, top in (([2.0, 1.6, 0.3, 0.1], 1), ([2.0, 2.0, 1.5, 0.0], 2)):
        w = with_spectrum(rng, values, rows=5)
        right = svd(w)[2]
        ratio = values[top] / values[0]
        found = rounds(w, rng.standard_normal(4), 12)
        inside = [np.linalg.norm(right[:, :top].T @ v) for v in found]
        tangents = [math.sqrt(max(0, 1 - c**2)) / c for c in inside]
        estimates = [np.linalg.norm(w @ v) for v in found]
        for before, after in zip(tangents, tangents[1:], strict=False):
            assert after <= ratio**2 * before * (1 + 1e-6) + 1e-9
        assert tangents[6] / tangents[5] == pytest.approx(ratio**2, rel=0.02)  # and this is the speed
        assert not tangents[6] / tangents[5] == pytest.approx(ratio, rel=0.1)
        for k, (s, c) in enumerate(zip(estimates, inside, strict=True)):
            error = 1 - s**2 / 4
            assert -1e-12 < error <= 1 - c**2 + 1e-12
            assert error <= ratio ** (4 * k) * tangents[0] ** 2 + 1e-12
            shares = (right.T @ found[k]) ** 2
            assert error == pytest.approx((shares * (1 - np.array(values) ** 2 / 4)).sum(), abs=1e-12)
            assert 1 - 1e-12 < sigma(w / s) <= 1 / c + 1e-12
        assert all(b >= a - 1e-12 for a, b in zip(estimates, estimates[1:], strict=False))
        errors = [1 - s / 2 for s in estimates]
        assert errors[6] / errors[5] == pytest.approx(ratio**4, rel=0.05)
        assert not errors[6] / errors[5] == pytest.approx(ratio**2, rel=0.2)


@pytest.mark.proves("prop-sn-stop")
def test_signs_of_the_held_vectors(rng):
    """σ̂ > 0 does not make both products of one sign; a half round does."""
    w, u, v = np.diag([1.0, 0.9]), unit(np.array([-0.1, 1.0])), unit(np.array([0.1, 1.0]))
    assert u @ w @ v > 0.8
    assert u[0] * v[0] < 0  # the top vectors are (1, 0) and (1, 0), up to a common sign
    gap = ((np.outer(u, v) - np.outer([1, 0], [1, 0])) ** 2).sum()
    assert gap == pytest.approx(2 - 2 * u[0] * v[0])
    assert gap > 2 - 2 * abs(u[0]) * abs(v[0]) + 0.03
    for _ in range(20):
        w, v = rng.standard_normal((4, 3)), unit(rng.standard_normal(3))
        values, left, right = svd(w)
        cosine = right[:, 0] @ v
        assert left[:, 0] @ unit(w @ v) == pytest.approx(values[0] * cosine / np.linalg.norm(w @ v))


@pytest.mark.proves("prop-sn-stop")
def test_vectors_held_constant(rng):
    w, target = torch.tensor(with_spectrum(rng, [2.0, 1.5, 0.7])), torch.randn(3, 3)

    def ell(matrix):
        return (matrix - target).pow(3).sum()

    start = torch.tensor(unit(rng.standard_normal(3)))

    def gradients(number: int):
        """With u, v constant; with u differentiated; through all rounds; with σ̂ constant; and the formula."""
        results = []
        for mode in ("constant", "u", "all", "detached"):
            t = w.clone().requires_grad_()
            v = start
            for _ in range(number):
                v = F.normalize(t.T @ F.normalize(t @ v, dim=0), dim=0)
                v = v if mode == "all" else v.detach()
            u = F.normalize(t @ v, dim=0)
            u = u.detach() if mode in ("constant", "detached") else u
            scale = u @ t @ v
            scale = scale.detach() if mode == "detached" else scale
            results.append(torch.autograd.grad(ell(t / scale), t)[0])
        u, v = u.detach(), v.detach()
        hat = (w / (u @ w @ v)).requires_grad_()
        g = torch.autograd.grad(ell(hat), hat)[0]
        formula = (g - (g * hat).sum() * torch.outer(u, v)) / (u @ w @ v)
        return [*results, formula.detach(), torch.outer(u, v), (g * hat).sum().detach()]

    constant, with_u, through_all, detached, formula, outer, radial = gradients(1)
    assert torch.allclose(constant, formula)
    assert torch.allclose(constant, with_u)
    assert not torch.allclose(constant, through_all, atol=1e-2)  # unconverged, v's motion matters
    assert abs((constant * w).sum()) < 1e-10
    assert (detached * w).sum() == pytest.approx(float(radial))
    assert abs(radial) > 1e-2
    constant, _, through_all, _, _, converged, _ = gradients(60)
    exact = torch.tensor(normalised_gradient(w.numpy(), _gradient_at(ell, w)))
    assert torch.allclose(constant, exact)
    assert torch.allclose(constant, through_all)  # converged, nothing is lost
    # 3. The gap between the two outer products.
    _, left, right = svd(w.numpy())
    u, v = _vectors(outer)
    cosines = abs(u @ left[:, 0]), abs(v @ right[:, 0])
    gap = float(((outer - converged) ** 2).sum())
    assert gap == pytest.approx(2 - 2 * cosines[0] * cosines[1])
    assert gap <= math.acos(cosines[0]) ** 2 + math.acos(cosines[1]) ** 2
    assert gap > 1 - min(cosines) ** 2  # it is not of the order of σ̂'s error


def _gradient_at(ell, w):
    bar = (w / sigma(w)).requires_grad_()
    return torch.autograd.grad(ell(bar), bar)[0].numpy()


def _vectors(outer):
    _, left, right = svd(outer.numpy())
    return left[:, 0], right[:, 0]


@pytest.mark.proves("prop-sn-tracking")
def test_tracking(rng):
    # 1. Wedin's bound, and that the size of the change alone is no bound where the gap is small.
    for gap in (1.0, 0.1):
        w = with_spectrum(rng, [2.0, 2.0 - gap, 0.5, 0.2])
        worst = 0.0
        for _ in range(200):
            e = rng.standard_normal((4, 4))
            e *= 0.03 / sigma(e)
            (_, left, right), (_, left_, right_) = svd(w), svd(w + e)
            for a, b in ((left, left_), (right, right_)):
                worst = max(worst, math.sqrt(max(0, 1 - (a[:, 0] @ b[:, 0]) ** 2)))
        assert worst <= 0.03 / (gap - 0.03)
        assert worst > 0.2 * 0.03 / gap
    assert worst > 0.03
    # 2. Turn the singular vectors by ω per step, always the same way.
    ratio, omega = 0.9, 0.05
    q, t = ratio**2, math.tan(omega)
    assert t <= (1 - q) / (2 * math.sqrt(q))
    tau = 2 * q * t / (1 - q + math.sqrt((1 - q) ** 2 - 4 * q * t**2))
    assert tau == pytest.approx(0.2269, abs=1e-4)  # the page's numbers
    assert math.sqrt(1 + tau**2) == pytest.approx(1.0254, abs=1e-4)
    assert tau == pytest.approx(q * (tau + t) / (1 - tau * t))
    v, tangents, norms = np.array([1.0, 0.0]), [], []
    for step in range(1, 200):
        c, s = math.cos(step * omega), math.sin(step * omega)
        right = np.array([[c, -s], [s, c]])
        w = np.diag([1.0, ratio]) @ right.T  # the left vectors stay
        v = unit(w.T @ (w @ v))
        tangents.append(abs(v @ right[:, 1]) / abs(v @ right[:, 0]))
        norms.append(sigma(w / np.linalg.norm(w @ v)))
    assert max(tangents) <= tau + 1e-12
    assert tangents[-1] == pytest.approx(tau, rel=1e-6)  # in the plane the bound is what happens
    assert tangents[-1] > 1.05 * q * t / (1 - q)  # so the linear estimate is too small
    assert 1 < max(norms) <= math.sqrt(1 + tau**2)


@pytest.mark.parametrize(("speed", "worst"), [(1e-4, 1.04), (1e-3, 1.12)])
def test_a_new_top_value_runs_ahead(speed, worst):
    """The race of the page: the second value overtakes the first while v has the share ε along its vector."""
    share, v, norms, step = 1e-7, np.array([1.0, 1e-7]), [], 0
    while v[1] < 0.999:
        step += 1
        w = np.array([1.0, 1 + speed * step])
        v = unit(w * w * v)
        norms.append(w[1] / np.linalg.norm(w * v))
    assert max(norms) == pytest.approx(worst, abs=4e-3)
    ahead = math.sqrt(speed * math.log(1 / share))
    assert 0.9 * ahead < max(norms) - 1 < ahead
    turned = int(np.argmax(norms)) + 1
    assert 0.9 * ahead / speed < turned < ahead / speed
    assert max(norms) - 1 > 100 * speed  # so v does not turn before the new value is ahead


# --------------------------------------------------------------------------------------------------------- convolutions


def reads(k: int, stride: int) -> int:
    return math.ceil(k / stride) ** 2


@pytest.mark.proves("thm-sn-patches")
@pytest.mark.parametrize(
    ("k", "stride", "padding", "mode"),
    [
        (3, 1, 1, "zeros"),
        (3, 1, 1, "circular"),
        (4, 2, 1, "zeros"),
        (3, 2, 1, "zeros"),
        (2, 2, 0, "zeros"),
        (1, 1, 0, "zeros"),
    ],
)
def test_flattened_kernel(k, stride, padding, mode):
    for seed in range(3):
        torch.manual_seed(seed)
        layer = nn.Conv2d(2, 3, k, stride, padding, bias=False, padding_mode=mode)
        flat, true = sigma(layer.weight.detach().flatten(1)), sigma(_matrix(layer))
        assert flat <= true * (1 + 1e-9)
        assert true <= math.sqrt(reads(k, stride)) * flat * (1 + 1e-9)
        if stride >= k:
            assert true == pytest.approx(flat)
        else:
            assert true > 1.05 * flat  # so the layer is not normalised by the flattened kernel


def _matrix(layer) -> np.ndarray:
    return operator(layer, 2, 6, 6)


@pytest.mark.proves("thm-sn-patches")
def test_the_bound_is_reached_and_transposed_layers():
    blur = nn.Conv2d(2, 3, 3, 1, 1, bias=False, padding_mode="circular")
    with torch.no_grad():
        blur.weight.copy_(torch.randn(3, 2, 1, 1).expand(3, 2, 3, 3))
    flat = sigma(blur.weight.detach().flatten(1))
    assert sigma(_matrix(blur)) == pytest.approx(3 * flat)
    delta = nn.Conv2d(2, 3, 3, 1, 1, bias=False, padding_mode="circular")
    with torch.no_grad():
        delta.weight.zero_()
        delta.weight[:, :, 1, 1] = torch.randn(3, 2)
    assert sigma(_matrix(delta)) == pytest.approx(sigma(delta.weight.detach().flatten(1)))
    # Where no window lies inside the image, the lower bound may fail: one pixel, one tap is read.
    lonely = nn.Conv2d(1, 1, 3, 1, 1, bias=False)
    with torch.no_grad():
        assert sigma(operator(lonely, 1, 1, 1)) < sigma(lonely.weight.flatten(1))
    # So it may with DCGAN's layer on a map of 4×4, where every window touches the padding; not on 8×8.
    corners = nn.Conv2d(1, 1, 4, 2, 1, bias=False)
    with torch.no_grad():
        corners.weight.copy_(torch.outer(*[torch.tensor([1.0, 0, 0, 1])] * 2)[None, None])
        assert sigma(corners.weight.flatten(1)) == pytest.approx(2)
        assert sigma(operator(corners, 1, 4, 4)) == pytest.approx(1)
        assert sigma(operator(corners, 1, 8, 8)) == pytest.approx(2)
    # A transposed layer: the bounds hold for the first axis, with the strides.
    for k, stride in ((4, 2), (2, 2), (3, 1)):
        up = nn.ConvTranspose2d(2, 3, k, stride, bias=False)
        first = sigma(up.weight.detach().flatten(1))
        true = sigma(_matrix(up))
        assert first <= true * (1 + 1e-9)
        assert true <= math.sqrt(reads(k, stride)) * first * (1 + 1e-9)
    # The isometry of the remark, which PyTorch's flattening along the second axis halves.
    up = nn.ConvTranspose2d(4, 1, 2, 2, bias=False)
    with torch.no_grad():
        up.weight.copy_(torch.eye(4).reshape(4, 1, 2, 2))
        assert sigma(operator(up, 4, 3, 3)) == pytest.approx(1)
        assert sigma(up.weight.transpose(0, 1).flatten(1)) == pytest.approx(2)
    parametrizations.spectral_norm(up).eval()
    with torch.no_grad():
        assert sigma(operator(up, 4, 3, 3)) == pytest.approx(0.5, abs=1e-3)


@pytest.mark.proves("thm-sn-fourier")
def test_frequencies(rng):
    kernel = rng.standard_normal((3, 2, 3, 3))

    def blocks(n: int, m: int) -> np.ndarray:
        return np.moveaxis(np.fft.fft2(kernel, (n, m)), (0, 1), (2, 3))

    circular = nn.Conv2d(2, 3, 3, 1, 1, bias=False, padding_mode="circular")
    with torch.no_grad():
        circular.weight.copy_(torch.tensor(kernel))
        true = np.linalg.svd(operator(circular, 2, 5, 6), compute_uv=False)
    found = np.linalg.svd(blocks(5, 6), compute_uv=False)
    assert np.allclose(np.sort(found.ravel())[::-1], true[: found.size])
    assert not np.allclose(np.abs(blocks(5, 6)).max(), true[0], rtol=1e-2)  # the largest entry is not the norm
    for padding, stride in ((0, 1), (1, 1), (2, 1), (1, 2)):
        zero = nn.Conv2d(2, 3, 3, stride, padding, bias=False)
        with torch.no_grad():
            zero.weight.copy_(torch.tensor(kernel))
            norm = sigma(operator(zero, 2, 5, 6))
        for extra in (padding, padding + 3):
            bound = np.linalg.svd(blocks(5 + extra, 6 + extra), compute_uv=False).max()
            assert norm <= bound * (1 + 1e-12)
        assert norm <= np.linalg.svd(blocks(60, 60), compute_uv=False).max() * 1.01
    # A circle that is too small is no bound: the waves between its frequencies are missed.
    difference = np.array([1.0, -1.0])
    assert np.abs(np.fft.fft(difference, 3)).max() < sigma(np.eye(40) - np.eye(40, k=1)) < 2


def test_four_kernels(rng):
    """The numbers of an exercise."""
    c, j = math.cos(math.pi / 33), np.arange(1, 33)
    kernels = {  # the kernel, σ(R), σ(A) with circular and with zero padding, phases of the wave per row and column
        "delta": ([[0, 0, 0], [0, 1, 0], [0, 0, 0]], 1, 1, 1, (1, 1)),
        "ones": (np.ones((3, 3)), 3, 9, (1 + 2 * c) ** 2, (1, 1)),
        "laplace": ([[0, 1, 0], [1, -4, 1], [0, 1, 0]], math.sqrt(20), 8, 4 + 4 * c, (-1, -1)),
        "sobel": ([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], math.sqrt(12), 8, 2 * c * (2 + 2 * c), (1, 1j)),
    }
    for kernel, flat, norm, padded, phases in kernels.values():
        kernel = np.asarray(kernel, float)
        assert np.linalg.norm(kernel) == pytest.approx(flat)
        assert np.abs(np.fft.fft2(kernel, (32, 32))).max() == pytest.approx(norm)
        layer = nn.Conv2d(1, 1, 3, padding=1, bias=False)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(kernel))
            matrix = operator(layer, 1, 32, 32)
        assert svds(matrix, 1, v0=rng.standard_normal(1024), return_singular_vectors=False)[0] == pytest.approx(padded)
        rows, columns = (phase**j * np.sin(math.pi * j / 33) for phase in phases)
        wave = np.outer(rows, columns).ravel()
        multiple = (matrix @ wave) @ wave.conj() / (wave @ wave.conj())
        assert np.allclose(matrix @ wave, multiple * wave)
        assert abs(multiple) == pytest.approx(padded)
        untapered = np.outer(phases[0] ** j, phases[1] ** j).ravel()  # vanishes nowhere: no longer an eigenvector
        stretched = np.linalg.norm(matrix @ untapered) / np.linalg.norm(untapered)
        assert norm == 1 or stretched < padded - 0.05
    rounded = [round(padded, 3) for _, _, _, padded, _ in kernels.values()]
    assert rounded == [1, 8.946, 7.982, 7.946]


# ------------------------------------------------------------------------------------------------ what a critic can say


def hinge(real: np.ndarray, fake: np.ndarray) -> float:
    return float(np.maximum(0, 1 - real).mean() + np.maximum(0, 1 + fake).mean())


def least_hinge(x: np.ndarray, y: np.ndarray, constant: float) -> tuple[float, float]:
    """Least hinge loss over K-Lipschitz critics, and W₁, both by linear programming."""
    n, points = len(x), np.concatenate([x, y])
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    size = len(points)
    rows, right = [], []
    for i in range(size):
        for j in range(size):
            if i != j:
                row = np.zeros(2 * size)
                row[i], row[j] = 1, -1
                rows.append(row)
                right.append(constant * distance[i, j])
        row = np.zeros(2 * size)  # slack ≥ 1 ∓ f
        row[i], row[size + i] = (-1, -1) if i < n else (1, -1)
        rows.append(row)
        right.append(-1)
    cost = np.concatenate([np.zeros(size), np.full(n, 1 / n), np.full(size - n, 1 / (size - n))])
    bounds = [(None, None)] * size + [(0, None)] * size
    loss = linprog(cost, np.array(rows), right, bounds=bounds).fun
    plan = linprog(
        distance[:n, n:].ravel(),
        A_eq=np.concatenate([np.kron(np.eye(n), np.ones(size - n)), np.kron(np.ones(n), np.eye(size - n))]),
        b_eq=np.concatenate([np.full(n, 1 / n), np.full(size - n, 1 / (size - n))]),
    ).fun
    return float(loss), float(plan)


@pytest.mark.proves("prop-sn-hinge")
def test_hinge_of_a_lipschitz_critic(rng):
    x, y = rng.uniform(-1, 1, (5, 2)), rng.uniform(-1, 1, (5, 2)) + 0.5
    points = np.concatenate([x, y])
    diameter = np.linalg.norm(points[:, None] - points[None], axis=2).max()
    apart = np.linalg.norm(x[:, None] - y[None], axis=2).min()
    short = 2 / diameter
    # 2. On a short leash the least hinge loss is 2 − K W₁; halving K halves the gap.
    for constant in (short, short / 2):
        loss, distance = least_hinge(x, y, constant)
        assert loss == pytest.approx(2 - constant * distance)
    # 1. On a longer one it is strictly more, and with more still it is 0, which needs supports 2/K apart.
    loss, distance = least_hinge(x, y, 3 * short)
    assert loss > 2 - 3 * short * distance + 0.05
    assert least_hinge(x, y, 2.0001 / apart)[0] == pytest.approx(0, abs=1e-8)
    assert least_hinge(x, y, 1.8 / apart)[0] > 1e-3
    # 3. The critic of the proof.
    constant = 2 / apart
    nearest = np.linalg.norm(points[:, None] - x[None], axis=2).min(1)
    scores = 1 - np.minimum(2, constant * nearest)
    assert hinge(scores[:5], scores[5:]) == pytest.approx(0)
    quotient = np.abs(scores[:, None] - scores[None]) / (np.linalg.norm(points[:, None] - points[None], axis=2) + 1e-12)
    assert quotient.max() <= constant + 1e-9


@pytest.mark.proves("prop-sn-affine")
def test_full_slope_means_no_bend():
    """Weights with orthonormal rows let the full slope through only where no mask interferes."""
    torch.manual_seed(1)
    first = torch.linalg.qr(torch.randn(4, 4))[0]
    second = F.normalize(torch.randn(1, 4), dim=1)
    offset = torch.zeros(4)
    f = network([first, second], [offset, torch.zeros(1)], F.relu)
    x = torch.randn(2000, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(f(x).sum(), x)
    length = gradient.norm(dim=1)
    on = (x.detach() @ first.T > 0).all(1)
    assert 0.02 < on.double().mean() < 0.2
    assert torch.allclose(length[on], torch.tensor(1.0))  # slope 1, and there the gradient is one vector
    assert (gradient[on] - second @ first).abs().max() < 1e-12
    assert length[~on].max() < 1 - 1e-4  # wherever a unit is off, slope is lost
    # Far into the region where all units are on, the function is affine; sorting keeps slope 1 and bends.
    e = torch.tensor([0.6, 0.8])
    root = math.sqrt(0.5)
    w1, w2 = torch.stack([root * e, -root * e]), torch.tensor([[-root, root]])
    assert sigma(w1) == pytest.approx(1)
    y = torch.randn(500, 2, requires_grad=True)
    g = F.linear(F.linear(y, w1).sort(-1, descending=True)[0], w2)
    (slope,) = torch.autograd.grad(g.sum(), y)
    assert torch.allclose(slope.norm(dim=1), torch.tensor(1.0))
    assert torch.allclose(g.squeeze(1), -(y @ e).abs())
    assert (slope - slope[0]).abs().max() > 1


@pytest.mark.proves("prop-sn-affine")
def test_full_slope_is_one_vector_everywhere():
    """Slope 1 on two far regions with a bend between: the same gradient in both, and no affine function over both."""

    def flat_step(a):  # slope 1, then 0 on [0, 1], then 1 again
        return torch.minimum(a, torch.zeros(())) + torch.relu(a - 1)

    turn = torch.linalg.qr(torch.randn(3, 3))[0]
    f = network([turn, F.normalize(torch.randn(1, 3), dim=1)], [torch.zeros(3), torch.zeros(1)], flat_step)
    x = 3 * torch.randn(3000, 3)
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(f(x).sum(), x)
    full = gradient.norm(dim=1) > 1 - 1e-12
    assert 0.3 < full.double().mean() < 0.9
    assert (gradient[full] - gradient[full][0]).abs().max() < 1e-12
    offset = (f(x).squeeze(1) - x @ gradient[full][0])[full].detach()
    assert offset.max() - offset.min() > 0.3  # several affine pieces, so the statement about one convex set says less
    # Points approached from both sides by a penalty: slope 1 towards the middle needs two gradients.
    sides = torch.tensor([[-1.0], [1.0]], requires_grad=True)
    (slopes,) = torch.autograd.grad((-sides.abs()).sum(), sides)
    assert torch.equal(slopes, torch.tensor([[1.0], [-1.0]]))


@pytest.mark.parametrize(("mode", "reading"), [("circular", 864.0), ("zeros", 785.85)])
def test_convolutions_read_more_than_the_distance(mode, reading):
    """Flattened kernels of norm 1 make no lower bound of W₁."""
    blur = nn.Conv2d(1, 1, 3, 1, 1, bias=False, padding_mode=mode)
    with torch.no_grad():
        blur.weight.fill_(1 / 3)
        assert sigma(blur.weight.flatten(1)) == pytest.approx(1)
        last = torch.full((1, 1024), 1 / 32)
        assert sigma(last) == pytest.approx(1)
        ones = torch.ones(1, 1, 32, 32)
        scores = []
        for image in (ones, torch.zeros_like(ones)):
            h = image
            for _ in range(3):
                h = F.relu(blur(h))
            scores.append(float((last @ h.flatten()).item()))
    distance = float(ones.norm())
    assert distance == 32
    assert scores[0] - scores[1] == pytest.approx(reading, abs=0.01)
    assert scores[0] - scores[1] > 20 * distance
    assert scores[0] - scores[1] <= 27 * distance * (1 + 1e-12)  # the product of the bounds √m


@pytest.mark.parametrize("constant", [0.25, 1.0])
def test_hinge_of_networks_stays_above(rng, constant):
    """On a short leash, at 0 and ±1: 2 − K for all K-Lipschitz functions, 2 − K/2 with one hidden layer."""
    least, distance = least_hinge(np.zeros((1, 1)), np.array([[-1.0], [1.0]]), constant)
    assert (least, distance) == pytest.approx((2 - constant, 1))
    root, at = math.sqrt(0.5), np.array([[0.0, 1.0, -1.0]])

    def best(w1, b1, w2) -> float:
        scores = constant * (w2 / sigma(w2) @ np.maximum(w1 / sigma(w1) @ at + b1, 0))[0]
        return min(hinge(scores[:1] + b, scores[1:] + b) for b in np.linspace(-1.5, 1.5, 61))

    tent = best(root * np.array([[1.0], [-1.0]]), 0.0, -root * np.array([[1.0, 1.0]]))
    assert tent == pytest.approx(2 - constant / 2)
    draws = [
        best(rng.standard_normal((3, 1)), 0.3 * rng.standard_normal((3, 1)), rng.standard_normal((1, 3)))
        for _ in range(50)
    ]
    assert min(draws) >= 2 - constant / 2 - 1e-12


def gauge(weights: list[np.ndarray], offsets: list[np.ndarray], phi) -> float:
    """f(0) − ½ (f(e) + f(−e)) on the line, all weights divided by their norms."""
    h = np.array([[0.0, 1.0, -1.0]])
    for level, (w, b) in enumerate(zip(weights, offsets, strict=True)):
        h = w / sigma(w) @ h + b[:, None]
        if level < len(weights) - 1:
            h = phi(h)
    return float(h[0, 0] - (h[0, 1] + h[0, 2]) / 2)


@pytest.mark.proves("thm-sn-gauge")
def test_the_gauge_reads_too_little(rng):
    def relu(a):
        return np.maximum(a, 0)

    found = []
    for _ in range(200):
        weights = [rng.standard_normal((3, 1)), rng.standard_normal((1, 3))]
        offsets = [0.3 * rng.standard_normal(3), np.zeros(1)]
        found.append((gauge(weights, offsets, relu), weights, offsets))
    value, weights, offsets = max(found, key=lambda one: one[0])
    for step in range(600):  # climb from the best by random steps, which no kink can stop
        size = 0.3 * 0.99**step
        tried = [w + size * rng.standard_normal(w.shape) for w in weights]
        moved = [b + size * rng.standard_normal(b.shape) for b in offsets]
        reading = gauge(tried, moved, relu)
        if reading > value:
            value, weights, offsets = reading, tried, moved
    assert 0.47 < value <= 0.5 + 1e-12
    # Any depth, at random: below √(H/(H+1)), most of them far below.
    for hidden in (2, 3, 5):
        sizes = [1] + [4] * hidden + [1]
        readings = [
            gauge(
                [rng.standard_normal((o, i)) for i, o in zip(sizes, sizes[1:], strict=False)],
                [0.3 * rng.standard_normal(o) for o in sizes[1:]],
                relu,
            )
            for _ in range(200)
        ]
        assert max(readings) <= math.sqrt(hidden / (hidden + 1))
    # With two hidden layers √5/4 is reached, so ½ is a bound for one only.
    root = math.sqrt(0.5)
    two = [
        root * np.array([[1.0], [-1.0]]),
        np.array([[root, root], [0.5, -0.5], [-0.5, 0.5]]),
        -np.array([[2.0, root, root]]) / math.sqrt(5),
    ]
    assert all(sigma(w) == pytest.approx(1) for w in two)
    assert gauge(two, [np.zeros(2), np.zeros(3), np.zeros(1)], relu) == pytest.approx(math.sqrt(5) / 4)
    # The critic of the proof.
    tent = [root * np.array([[1.0], [-1.0]]), -root * np.array([[1.0, 1.0]])]
    zero = [np.zeros(2), np.zeros(1)]
    assert gauge(tent, zero, relu) == pytest.approx(0.5)
    for x in (-1.3, 0.2, 0.9):
        assert float((tent[1] @ relu(tent[0] * x))[0, 0]) == pytest.approx(-abs(x) / 2)
    assert gauge(tent, zero, lambda a: -np.sort(-a, axis=0)) == pytest.approx(0)  # sorted, both weights equal: nothing
    sorting = [tent[0], root * np.array([[-1.0, 1.0]])]
    assert gauge(sorting, zero, lambda a: -np.sort(-a, axis=0)) == pytest.approx(1)
    # W₁ of the two laws is 1.
    plan = linprog(np.ones(2), A_eq=np.eye(2), b_eq=[0.5, 0.5])
    assert plan.fun == pytest.approx(1)


# ------------------------------------------------------------------------------------------------------------ five logs


def test_the_learning_rate_is_forgotten_slowly():
    """Four times the rate after t₀ steps: the exercise's recursion against the solution's two formulas."""

    def norms(rates) -> np.ndarray:
        s, found = 1.0, []
        for rate in rates:
            s += rate**2 / s  # g = r = 1
            found.append(s)
        return np.array(found)

    for before, after, rate_ratio, norm_ratio in ((500, 5000, 1.05, 1.96), (10_000, 5000, 1.63, 1.57)):
        x = after / before
        plain = norms([1.0] * (before + after))[-1]
        raised = norms([1.0] * before + [4.0] * after)[-1]
        assert 4 * plain / raised == pytest.approx(4 * math.sqrt((1 + x) / (1 + 16 * x)), rel=0.01)
        assert 4 * plain / raised == pytest.approx(rate_ratio, abs=0.01)
        assert math.sqrt(raised / plain) == pytest.approx(((1 + 16 * x) / (1 + x)) ** 0.25, rel=0.01)
        assert math.sqrt(raised / plain) == pytest.approx(norm_ratio, abs=0.01)
    # So "some thousand steps later" is no answer where ten thousand lie behind.
    assert rate_ratio > 1.5


def test_slope_of_a_plain_critic_of_twelve_layers(rng):
    slopes = []
    for _ in range(5):
        x, jacobian = rng.standard_normal(128), np.eye(128)
        for layer in range(12):
            weight = rng.standard_normal((128 if layer < 11 else 1, 128))
            weight /= sigma(weight)
            if layer:
                jacobian, x = (x > 0)[:, None] * jacobian, np.maximum(x, 0)
            x, jacobian = weight @ x, weight @ jacobian
        slopes.append(np.linalg.norm(jacobian))
    typical = math.exp(np.mean(np.log(slopes)))
    assert typical == pytest.approx(0.35**11, rel=0.5)
    assert typical > 2.5 * 0.35**12  # the last layer, a row, takes nothing away
    assert 1.06**20 == pytest.approx(3.2, abs=0.01)


# ---------------------------------------------------------------------------------------- what the page says of PyTorch


def test_assigned_weights_have_old_vectors():
    at_rest, rounds_later = [], []
    for _ in range(3):
        layer = parametrizations.spectral_norm(nn.Linear(64, 64))
        with torch.no_grad():
            layer.weight = 0.02 * torch.randn(64, 64)
            layer.eval()
            at_rest.append(sigma(layer.weight))
            layer.train()
            for _ in range(40):
                layer.weight  # noqa: B018 (each access runs a round)
            layer.eval()
            rounds_later.append(sigma(layer.weight))
    assert min(at_rest) > 10
    assert max(at_rest) > 500
    assert max(rounds_later) < 1.01


def test_what_pytorch_does(monkeypatch):
    counted = []
    inner = parametrizations._SpectralNorm._power_method

    def counting(self, matrix, number):
        counted.append(number)
        return inner(self, matrix, number)

    monkeypatch.setattr(parametrizations._SpectralNorm, "_power_method", counting)

    def spent() -> int:
        total = sum(counted)
        counted.clear()
        return total

    layer = parametrizations.spectral_norm(nn.Linear(5, 4))
    assert spent() == 16  # 15 at the start and one in the check
    x = torch.randn(2, 5)
    layer(x)
    assert spent() == 1
    layer(x), layer(x)
    assert spent() == 2
    with parametrize.cached():
        layer(x), layer(x)
    assert spent() == 1
    layer.eval()
    layer(x)
    assert spent() == 0
    names = {"bias", "parametrizations.weight.original", "parametrizations.weight.0._u", "parametrizations.weight.0._v"}
    assert set(layer.state_dict()) == names
    # An initialiser that writes in place writes into a temporary tensor.
    before = layer.parametrizations.weight.original.detach().clone()
    nn.init.orthogonal_(layer.weight)
    layer.weight.data.normal_()
    assert torch.equal(before, layer.parametrizations.weight.original)
    with torch.no_grad():
        layer.weight = torch.ones(4, 5)
    assert torch.equal(layer.parametrizations.weight.original, torch.ones(4, 5))
    # Averaged vectors make σ̂ too small and the layer too large.
    layer.train()
    for _ in range(20):
        layer(x)
    layer.eval()
    assert sigma(layer.weight.detach()) == pytest.approx(1)
    with torch.no_grad():
        layer.parametrizations.weight[0]._u.mul_(0.97)
        layer.parametrizations.weight[0]._v.mul_(0.97)
    assert sigma(layer.weight.detach()) == pytest.approx(0.97**-2)
    zero = nn.Linear(3, 3)
    nn.init.zeros_(zero.weight)
    assert parametrizations.spectral_norm(zero).weight.isnan().all()
