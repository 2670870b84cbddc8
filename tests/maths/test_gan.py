"""Every theorem, proposition and lemma of chapter 02, checked by numbers, each beside a plausible wrong variant.

Discrete laws are given as whole counts, so that the mean over repeated symbols *is* the expectation and the library's
own losses can be put to the test without sampling error. Continuous laws are one-dimensional Gaussians, integrated on
a grid.
"""

import math
import re
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ganlib import losses

LOG2 = math.log(2)
REAL = torch.tensor([40, 25, 20, 10, 5, 0])  # counts out of 100; the last symbol never occurs
FAKE = torch.tensor([10, 5, 30, 15, 25, 15])
COVERED = torch.tensor([10, 5, 30, 15, 40, 0])  # a model that makes nothing impossible
APART = torch.tensor([0, 0, 0, 0, 0, 100])  # mutually singular with REAL
GENERATORS = (losses.minimax, losses.non_saturating)


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
    return abs(float(a) - float(b)) <= tolerance * max(1.0, abs(float(a)), abs(float(b)))


def law(counts: Tensor) -> Tensor:
    return counts / counts.sum()


def kl(p: Tensor, q: Tensor) -> Tensor:
    """Σ p log(p/q) with 0 log 0 = 0; +∞ where p > 0 = q."""
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum()


def js(p: Tensor, q: Tensor) -> Tensor:
    return kl(p, (p + q) / 2) / 2 + kl(q, (p + q) / 2) / 2


def repeated(logits: Tensor, counts: Tensor) -> Tensor:
    """Each symbol's logit as often as the symbol occurs: the mean is the expectation."""
    return logits.repeat_interleave(counts)


def value(logits: Tensor, real: Tensor = REAL, fake: Tensor = FAKE) -> float:
    """V(D, G) = −L_D, from the library's discriminator loss."""
    return -losses.minimax.discriminator(repeated(logits, real), repeated(logits, fake)).item()


def cost(loss: losses.Loss, logits: Tensor, counts: Tensor) -> float:
    """The generator's cost if it makes `counts` and is judged by `logits`."""
    return loss.generator(repeated(logits, counts)).item()


def optimal_logits(real: Tensor, fake: Tensor) -> Tensor:
    return law(real).log() - law(fake).log()  # ±∞ where only one of them occurs


# -------------------------------------------------------------------------------------------------------- definitions


@pytest.mark.proves("prop-pushforward")
def test_density_of_a_pushforward():
    def normal(z):
        return torch.exp(-(z**2).sum(-1) / 2) / (2 * math.pi) ** (z.shape[-1] / 2)

    # k = 1, d = 2: the mass on a piece of curve, from lengths measured in the plane.
    t = torch.linspace(-8, 8, 40_001)
    curve = torch.stack([t + t**3 / 10, torch.sin(t)], -1)
    lengths = (curve[1:] - curve[:-1]).norm(dim=-1)
    middle = ((t[1:] + t[:-1]) / 2)[:, None]
    stretch = torch.sqrt((1 + 0.3 * middle[:, 0] ** 2) ** 2 + torch.cos(middle[:, 0]) ** 2)  # √det JᵀJ
    inside = (middle[:, 0] > -0.5) & (middle[:, 0] < 1.2)
    wanted = 0.5 * (math.erf(1.2 / math.sqrt(2)) + math.erf(0.5 / math.sqrt(2)))
    mass = (normal(middle) / stretch * lengths)[inside].sum()
    assert close(mass, wanted, 1e-3)
    assert not close((normal(middle) * stretch * lengths)[inside].sum(), wanted, 1e-1)  # times, not divided by

    # k = d = 2: an expectation in data space with the formula, against the same in latent space.
    axis = torch.linspace(-12, 12, 801)
    area = (axis[1] - axis[0]) ** 2
    u, v = torch.meshgrid(axis, axis, indexing="ij")

    def test_function(x, y):
        return torch.exp(-(x**2 + (y - 1) ** 2) / 3)

    z = torch.stack([u, v], -1)
    latent = (normal(z) * test_function(u, torch.exp(u / 2) * v + u**2)).sum() * area  # G(z) = (z₁, e^{z₁/2}z₂ + z₁²)
    back = torch.stack([u, (v - u**2) * torch.exp(-u / 2)], -1)  # G⁻¹(x)
    det = torch.exp(u / 2)
    assert close((normal(back) / det * test_function(u, v)).sum() * area, latent, 1e-6)
    assert not close((normal(back) * det * test_function(u, v)).sum() * area, latent, 1e-2)
    assert not close((normal(back) * test_function(u, v)).sum() * area, latent, 1e-2)  # the determinant forgotten


@pytest.mark.proves("prop-pushforward")
def test_a_thin_image_has_no_volume():
    def covered(points, boxes):  # area of the boxes of side 1/boxes that the points touch
        cells = torch.floor(points * boxes).long()
        return torch.unique(cells[:, 0] * 100_003 + cells[:, 1]).numel() / boxes**2

    t = torch.linspace(-1, 1, 400_001)
    curve = torch.stack([torch.sin(5 * t), t + torch.cos(7 * t)], -1)
    areas = [covered(curve, n) for n in (32, 64, 128, 256)]
    ratios = [b / a for a, b in zip(areas, areas[1:], strict=False)]
    assert all(0.45 < ratio < 0.57 for ratio in ratios), ratios  # like ε: volume zero
    # With k = d the same count settles at a positive area: the criterion can tell the two apart.
    axis = torch.linspace(-1, 1, 1_501)
    u, v = (m.flatten() for m in torch.meshgrid(axis, axis, indexing="ij"))
    plane = torch.stack([u + v**2 / 4, v - u**2 / 4], -1)
    assert 0.9 < covered(plane, 256) / covered(plane, 128) < 1.1


@pytest.mark.proves("prop-cross-entropy")
def test_value_function_is_a_cross_entropy():
    logits = torch.randn(6)
    label = torch.cat([torch.ones(100), torch.zeros(100)])  # the equal mixture
    symbols = torch.cat([repeated(torch.arange(6), REAL), repeated(torch.arange(6), FAKE)])
    cross_entropy = torch.nn.functional.binary_cross_entropy(logits[symbols].sigmoid(), label).item()
    assert close(cross_entropy, -value(logits) / 2)
    assert not close(cross_entropy, -value(logits), 1e-2)  # the factor forgotten
    for x in range(6):
        posterior = label[symbols == x].mean()
        assert close(posterior, REAL[x] / (REAL[x] + FAKE[x]))
        assert not close(posterior, FAKE[x] / (REAL[x] + FAKE[x]), 1e-2)


# ------------------------------------------------------------------------------------------------- the discriminator


@pytest.mark.proves("lem-weighted-log")
@pytest.mark.parametrize(("a", "b"), [(0.4, 0.1), (0.2, 0.9), (0.3, 0.0), (0.0, 0.7)])
def test_weighted_logarithms(a, b):
    y = torch.linspace(0, 1, 2_001)
    scores = torch.xlogy(torch.tensor(a), y) + torch.xlogy(torch.tensor(b), 1 - y)
    best = scores == scores.max()
    assert best.sum() == 1  # one maximiser only
    assert close(y[best], a / (a + b), 5e-4)
    assert not close(y[best], b / (a + b), 1e-2)


@pytest.mark.proves("thm-optimal-discriminator")
def test_optimal_discriminator():
    best = optimal_logits(REAL, FAKE)
    assert torch.allclose(best.sigmoid(), law(REAL) / (law(REAL) + law(FAKE)))
    top = value(best)
    assert math.isfinite(top)
    for x in range(6):  # unique: any change, at any symbol that occurs, costs
        for change in (-0.5, -0.01, 0.01, 0.5):
            changed = best.clamp(-40, 40)
            changed[x] += change if changed[x] > -40 else abs(change) + 30
            assert value(changed) < top - 1e-7
    both = optimal_logits(REAL, COVERED).nan_to_num(0.0)
    # Where both occur the gradient that a network receives vanishes there, and not with the fakes in the numerator.
    for logits, at_rest in ((both, True), (-both, False)):
        a = logits.clone().requires_grad_()
        loss = losses.minimax.discriminator(repeated(a, REAL), repeated(a, COVERED))
        (slope,) = torch.autograd.grad(loss, a)
        assert (slope.abs().max() < 1e-12) == at_rest
    wrong = law(FAKE) / (law(REAL) + law(FAKE))
    assert value(torch.logit(wrong)) < top - 0.1


@pytest.mark.proves("prop-regret")
def test_regret():
    logits = torch.randn(6)
    best, mine = optimal_logits(REAL, FAKE).sigmoid(), logits.sigmoid()
    weight = law(REAL) + law(FAKE)

    def coin(u, v):
        return torch.xlogy(u, u / v) + torch.xlogy(1 - u, (1 - u) / (1 - v))

    regret = value(torch.logit(best)) - value(logits)
    assert regret > 0
    assert close(regret, (weight * coin(best, mine)).sum())
    assert not close(regret, (weight * coin(mine, best.clamp(1e-6, 1 - 1e-6))).sum(), 1e-2)  # the coins swapped
    assert not close(regret, (weight / 2 * coin(best, mine)).sum(), 1e-2)  # weighted by m, not by 2m


# ----------------------------------------------------------------------------------------------------- the generator


@pytest.mark.proves("lem-js")
def test_bounds_of_js():
    assert close(js(law(REAL), law(REAL)), 0)
    assert close(js(law(REAL), law(APART)), LOG2)  # REAL never makes the last symbol
    for eps in (1e-1, 1e-3, 1e-5):  # strict: any overlap is below log 2, any difference above 0
        p = law(REAL)
        assert 0 < js(p, (1 - eps) * p + eps * law(FAKE)) < LOG2
        assert 0 < js(p, (1 - eps) * law(APART) + eps * p) < LOG2
    assert not close(js(law(REAL), law(APART)), 2 * LOG2, 1e-2)  # the bound without the two halves
    assert torch.isinf(kl(law(FAKE), law(REAL)))  # KL has no such bound


@pytest.mark.proves("thm-global-minimum")
def test_value_at_the_optimum_is_twice_js():
    top = value(optimal_logits(REAL, FAKE))
    divergence = js(law(REAL), law(FAKE)).item()
    assert close(top, 2 * divergence - 2 * LOG2)
    for wrong in (2 * divergence - LOG2, divergence - 2 * LOG2, divergence - LOG2, 2 * divergence + 2 * LOG2):
        assert not close(top, wrong, 1e-2)
    # The range, both ends and only there.
    assert close(value(torch.zeros(6), REAL, REAL), -2 * LOG2)
    assert close(value(optimal_logits(REAL, APART), REAL, APART), 0)
    for _ in range(20):
        counts = torch.bincount(torch.randint(0, 6, (100,)), minlength=6)
        assert -2 * LOG2 + 1e-4 < value(optimal_logits(REAL, counts), REAL, counts) < 0


@pytest.mark.proves("thm-global-minimum")
def test_twice_js_for_gaussians():
    x = torch.linspace(-12, 14, 20_001)
    step = x[1] - x[0]
    p, q = (torch.exp(-((x - mean) ** 2) / 2) / math.sqrt(2 * math.pi) for mean in (0, 2))
    m = (p + q) / 2
    divergence = ((p * torch.log(p / m) + q * torch.log(q / m)) / 2).sum() * step
    logits = 2 - 2 * x  # a* of the chapter's exercise
    v = -((p * torch.nn.functional.softplus(-logits) + q * torch.nn.functional.softplus(logits)).sum() * step)
    assert close(v, 2 * divergence - 2 * LOG2)
    assert close(divergence, 0.3368, 1e-4)  # the number printed in the exercise
    assert not close(v, 2 * divergence - LOG2, 1e-2)


@pytest.mark.proves("prop-accuracy")
def test_best_accuracy():
    p, q = law(REAL), law(FAKE)
    total_variation = (p - q).abs().sum() / 2
    sets = torch.tensor([[(number >> bit) & 1 for bit in range(6)] for number in range(64)], dtype=p.dtype)
    accuracy = (sets @ p + (1 - sets) @ q) / 2
    assert torch.allclose(accuracy, 0.5 + (sets @ p - sets @ q) / 2)
    assert close(accuracy.max(), 0.5 + total_variation / 2)
    assert not close(accuracy.max(), 0.5 + total_variation, 1e-2)
    best = optimal_logits(REAL, FAKE).sigmoid() >= 0.5
    assert torch.equal(sets[accuracy.argmax()].bool(), best)


# ------------------------------------------------------------------------------------------------------- equilibrium


@pytest.mark.proves("thm-nash")
@pytest.mark.parametrize("loss", GENERATORS, ids=lambda loss: loss.name)
def test_equilibrium(loss):
    half = torch.zeros(6)  # D = ½ everywhere
    # 1. Neither player gains by moving alone.
    for _ in range(20):
        assert value(half + 0.3 * torch.randn(6), REAL, REAL) < value(half, REAL, REAL)
        counts = torch.bincount(torch.randint(0, 6, (100,)), minlength=6)
        assert close(cost(loss, half, counts), cost(loss, half, REAL))
    # 2. Elsewhere the discriminator's best answer makes the generator want to move to P_r.
    for _ in range(20):
        counts = torch.bincount(torch.randint(0, 6, (100,)), minlength=6)
        best = optimal_logits(REAL, counts)
        assert cost(loss, best, REAL) < cost(loss, best, counts) - 1e-4
    # Off the data D ≤ ½ is enough, and D > ½ is not an equilibrium: the generator would go there.
    low, high = half.clone(), half.clone()
    low[5], high[5] = -2.0, 2.0
    assert value(low, REAL, REAL) == value(high, REAL, REAL) == value(half, REAL, REAL)
    assert cost(loss, low, APART) > cost(loss, low, REAL)
    assert cost(loss, high, APART) < cost(loss, high, REAL)


@pytest.mark.proves("thm-nash")
def test_the_wrong_sign_has_no_such_equilibrium():
    # "Maximise log(1 − D(G(z)))": the cost −log(1 − D) is increasing in D and the data repel the generator.
    best = optimal_logits(REAL, FAKE)
    assert -cost(losses.minimax, best, REAL) > -cost(losses.minimax, best, FAKE)


# -------------------------------------------------------------------------------------------- two generator losses


@pytest.mark.proves("prop-logit-gradients")
def test_gradients_in_the_logit():
    logits = torch.tensor([-30.0, -8.0, -2.0, 0.0, 1.5, 8.0])
    d = logits.sigmoid()
    slopes = {}
    for loss in GENERATORS:
        a = logits.clone().requires_grad_()
        total = sum(loss.generator(one) for one in a)
        (slopes[loss.name],) = torch.autograd.grad(total, a)
    assert torch.allclose(slopes["minimax"], -d, rtol=1e-9, atol=0)
    assert torch.allclose(slopes["non_saturating"], -(1 - d), rtol=1e-9, atol=0)
    assert not torch.allclose(slopes["minimax"], -1 / (1 - d), atol=1e-1)  # the slope in D, often quoted for it
    assert not torch.allclose(slopes["non_saturating"], -d * (1 - d), atol=1e-1)  # sigmoid's own, as with D alone
    assert abs(slopes["minimax"][0]) < 1e-12 and close(slopes["non_saturating"][0], -1, 1e-12)
    assert close(slopes["minimax"][3], -0.5) and close(slopes["non_saturating"][3], -0.5)
    # The ε of the pitfalls: the numbers that the chapter prints.
    a = torch.tensor([-20.0, -30.0], requires_grad=True)
    (slope,) = torch.autograd.grad(-torch.log(a.sigmoid() + 1e-8).sum(), a)
    assert close(slope[0], -0.171, 1e-3) and abs(slope[1] / -9.4e-6 - 1) < 0.01


@pytest.mark.proves("prop-logit-gradients")
def test_one_sample_same_direction_a_batch_not():
    def step(loss, z):
        theta = torch.tensor([0.4, -0.7], requires_grad=True)
        samples = torch.stack([theta[0] * z, theta[1] + z**2], -1)  # G_θ(z)
        logits = 2 * samples[:, 0] - samples[:, 1] ** 2
        return torch.autograd.grad(loss.generator(logits), theta)[0], logits.detach()

    saturating, logits = step(losses.minimax, torch.tensor([1.3]))
    non_saturating, _ = step(losses.non_saturating, torch.tensor([1.3]))
    assert torch.allclose(non_saturating, saturating * torch.exp(-logits), rtol=1e-9)
    assert not torch.allclose(non_saturating, saturating * torch.exp(logits), rtol=1e-2)
    batch = torch.tensor([1.3, -0.4, 2.1])
    one, other = step(losses.minimax, batch)[0], step(losses.non_saturating, batch)[0]
    assert torch.nn.functional.cosine_similarity(one, other, dim=0) < 0.99


THETA = torch.tensor([0.3, -0.8, 1.1, 0.2, 0.5])
P_R = torch.tensor([0.4, 0.25, 0.2, 0.1, 0.05])


def gradient(function) -> Tensor:
    """∇ of function(softmax θ) at THETA: a family of discrete laws with one measure for all."""
    theta = THETA.clone().requires_grad_()
    return torch.autograd.grad(function(theta.softmax(0)), theta)[0]


@pytest.mark.proves("lem-frozen")
@pytest.mark.parametrize(
    ("h", "f"),
    [
        (torch.log, lambda r: r * torch.log(r) - r),
        (torch.log1p, lambda r: (1 + r) * torch.log1p(r) - r),
        (lambda r: torch.log(r / (1 + r)), lambda r: r * torch.log(r) - (1 + r) * torch.log1p(r)),
        (lambda r: r**2, lambda r: r**3 / 3),
        (lambda r: -1 / r, lambda r: -torch.log(r)),
    ],
    ids=["reverse-kl", "non-saturating", "saturating", "polynomial", "forward-kl"],
)
def test_a_frozen_step_follows_an_f_divergence(h, f):
    ratio = (THETA.softmax(0) / P_R).detach()
    frozen = gradient(lambda p: (p * h(ratio)).sum())
    assert torch.allclose(frozen, gradient(lambda p: (P_R * f(p / P_R)).sum()), atol=1e-12)
    assert not torch.allclose(frozen, gradient(lambda p: (P_R * h(p / P_R)).sum()), atol=1e-3)  # h in place of f
    assert not torch.allclose(frozen, gradient(lambda p: (P_R * f(ratio) * p).sum()), atol=1e-3)  # f in place of h


# A two-parameter Gaussian model G_θ(z) = t + e^s z against N(0, 1): real pathwise gradients through the library.
Z = torch.special.ndtri((torch.arange(100_000, dtype=torch.float64) + 0.5) / 100_000)
X = torch.linspace(-16, 18, 17_001, dtype=torch.float64)


def log_normal(x: Tensor, mean: Tensor | float, log_scale: Tensor | float) -> Tensor:
    scale = torch.exp(torch.as_tensor(log_scale, dtype=torch.float64))
    return -(((x - mean) / scale) ** 2) / 2 - torch.log(scale) - math.log(2 * math.pi) / 2


def pathwise(loss: losses.Loss, frozen: bool) -> Tensor:
    """∇ of the library's loss at (t, s) = (1.2, −0.3) through G, with the optimal logit, frozen or not."""
    theta = torch.tensor([1.2, -0.3], requires_grad=True)
    judge = theta.detach() if frozen else theta
    samples = theta[0] + torch.exp(theta[1]) * Z
    logits = log_normal(samples, 0, 0) - log_normal(samples, judge[0], judge[1])
    return torch.autograd.grad(loss.generator(logits), theta)[0]


def of_densities(function) -> Tensor:
    """∇ of function(p_r, p_θ, m, kl) by quadrature at the same parameters."""
    theta = torch.tensor([1.2, -0.3], requires_grad=True)
    p, q = log_normal(X, 0, 0), log_normal(X, theta[0], theta[1])
    m = torch.logaddexp(p, q) - LOG2

    def kl(a, b):
        return (torch.exp(a) * (a - b)).sum() * (X[1] - X[0])

    return torch.autograd.grad(function(p, q, m, kl), theta)[0]


def twice_js(p, q, m, kl):
    return kl(p, m) + kl(q, m)


@pytest.mark.proves("thm-frozen-gradients")
def test_frozen_saturating_step_follows_twice_js():
    step = pathwise(losses.minimax, frozen=True)
    assert torch.allclose(step, of_densities(twice_js), atol=1e-4)
    for wrong in (
        lambda p, q, m, kl: twice_js(p, q, m, kl) / 2,
        lambda p, q, m, kl: 2 * kl(q, m),  # only the generator's half
        lambda p, q, m, kl: 2 * kl(m, p),  # the other loss
    ):
        assert not torch.allclose(step, of_densities(wrong), atol=1e-2)


@pytest.mark.proves("thm-frozen-gradients")
def test_frozen_non_saturating_step():
    step = pathwise(losses.non_saturating, frozen=True)
    assert torch.allclose(step, of_densities(lambda p, q, m, kl: kl(q, p) - twice_js(p, q, m, kl)), atol=1e-3)
    assert torch.allclose(step, of_densities(lambda p, q, m, kl: 2 * kl(m, p)), atol=1e-3)
    for wrong in (
        lambda p, q, m, kl: kl(p, q) - twice_js(p, q, m, kl),  # KL swapped
        lambda p, q, m, kl: kl(q, p) + twice_js(p, q, m, kl),
        lambda p, q, m, kl: kl(q, p) - twice_js(p, q, m, kl) / 2,  # one JS
        lambda p, q, m, kl: kl(q, p) - kl(q, m),  # the re-optimised function
        lambda p, q, m, kl: 2 * kl(p, m),
    ):
        assert not torch.allclose(step, of_densities(wrong), atol=1e-2)
    # The two forms are equal as functions, not only in their gradients, and zero only at equality.
    p, q = law(REAL)[:5] / law(REAL)[:5].sum(), law(COVERED)[:5]
    assert close(kl(q, p) - 2 * js(p, q), 2 * kl((p + q) / 2, p))
    assert close(kl(p, p) - 2 * js(p, p), 0)


@pytest.mark.proves("prop-reoptimised")
def test_non_saturating_value_with_the_discriminator_reoptimised():
    p, q = law(REAL), law(COVERED)
    m = (p + q) / 2
    reached = cost(losses.non_saturating, optimal_logits(REAL, COVERED).nan_to_num(0.0), COVERED)
    assert close(reached, kl(q, p) - kl(q, m) + LOG2)
    assert close(reached, 2 * kl(m, p) + kl(p, m) + LOG2)
    assert reached > LOG2
    assert close(cost(losses.non_saturating, torch.zeros(6), REAL), LOG2)  # at P_θ = P_r
    for wrong in (kl(q, p) - 2 * js(p, q), kl(q, p) - 2 * js(p, q) + LOG2, kl(p, q) - kl(p, m) + LOG2, kl(q, p) + LOG2):
        assert not close(reached, wrong, 1e-2)
    assert math.isinf(cost(losses.non_saturating, optimal_logits(REAL, FAKE), FAKE))  # FAKE makes the impossible
    # The gradients: re-optimised differs from frozen by that of KL(p_r‖m), and mixing them up is seen.
    step = pathwise(losses.non_saturating, frozen=False)
    assert torch.allclose(step, of_densities(lambda p, q, m, kl: 2 * kl(m, p) + kl(p, m)), atol=1e-3)
    assert torch.allclose(step, of_densities(lambda p, q, m, kl: kl(q, p) - kl(q, m)), atol=1e-3)
    assert not torch.allclose(step, pathwise(losses.non_saturating, frozen=True), atol=1e-2)
    # The saturating half alone is not 2 JS either when re-optimised: the envelope needs the whole of V.
    half = pathwise(losses.minimax, frozen=False)
    assert torch.allclose(half, of_densities(lambda p, q, m, kl: kl(q, m)), atol=1e-4)
    assert not torch.allclose(half, of_densities(twice_js), atol=1e-2)


# ------------------------------------------------------------------------------------------------------- convergence


@pytest.mark.proves("prop-convergence")
def test_convexity_and_convergence_in_densities():
    p_r = law(REAL)

    def best_value(p):
        return 2 * js(p_r, p) - 2 * LOG2

    def judge(p):
        return p_r / (p_r + p)

    for _ in range(100):
        p, q = torch.distributions.Dirichlet(torch.ones(6)).sample((2,))
        subgradient = torch.log(1 - judge(p))
        assert best_value(q) >= best_value(p) + (subgradient * (q - p)).sum() - 1e-12
        assert best_value((p + q) / 2) <= (best_value(p) + best_value(q)) / 2 + 1e-12
    # log D* in its place is no subgradient.
    p, q = law(FAKE), 0.99 * p_r + 0.01 * law(FAKE)
    assert best_value(p) + (torch.log(judge(p).clamp(1e-9)) * (q - p)).sum() > best_value(q)

    p = law(FAKE)
    distance = (p - p_r).abs().sum()
    for n in range(1, 21):
        p = p / (1 - judge(p))
        p = p / p.sum()
        assert close((p - p_r).abs().sum(), distance / 2**n)
    wrong = law(FAKE) * judge(law(FAKE))  # weighted by D*, not by 1/(1 − D*)
    assert not close((wrong / wrong.sum() - p_r).abs().sum(), distance / 2, 1e-2)


@pytest.mark.proves("prop-convergence")
def test_convexity_does_not_survive_in_the_parameter():
    x = torch.linspace(-14, 26, 8_001)

    def twice(theta):
        p, q = log_normal(x, 0, 0), log_normal(x, theta, 0)
        m = torch.logaddexp(p, q) - LOG2
        return ((torch.exp(p) * (p - m) + torch.exp(q) * (q - m)).sum() * (x[1] - x[0])).item()

    assert twice(4.0) > (twice(0.0) + twice(8.0)) / 2 + 0.1  # a chord below the curve
    assert twice(0.5) < (twice(0.0) + twice(1.0)) / 2  # and yet convex near the data


# ------------------------------------------------------------------------------------------------ the printed numbers


def test_the_programs_in_the_solutions_print_what_the_page_says(capsys):
    page = (Path(__file__).parents[2] / "book/en/02-gan.md").read_text("utf-8")
    programs = re.findall(r"^```python\n(.*?)^```\n\n([^\n]*)", page, re.DOTALL | re.MULTILINE)
    assert len(programs) == 2
    torch.set_default_dtype(torch.float32)  # as a reader runs them
    for program, sentence in programs:
        exec(compile(program, "02-gan.md", "exec"), {})
        printed = [float(number) for number in re.findall(r"-?\d+\.\d+", capsys.readouterr().out)]
        stated = [float(number) for number in re.findall(r"-?\d+\.\d+", sentence)[: len(printed)]]
        assert len(stated) == len(printed) >= 3
        assert printed == pytest.approx(stated, abs=6e-3)
        assert printed != pytest.approx([1.1 * number for number in stated], abs=6e-3)
