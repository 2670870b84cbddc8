"""Every statement of chapter 10, checked by numbers, each beside a plausible wrong variant.

Laws on a few points are tables, rows for points and columns for classes; what the page derives is compared with what an
optimiser finds on them, and every gradient with autograd. The two bells of the page live on a fine grid.
"""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from scipy.stats import norm
from torch import Tensor
from torch.nn.functional import cross_entropy, softplus


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


def table(points: int = 5, classes: int = 3) -> Tensor:
    """A random law of (x, c), the classes equally frequent."""
    t = torch.rand(points, classes) + 0.05
    return t / t.sum(0) / classes


def model(logits: Tensor) -> Tensor:
    """p_θ(x, c) by a softmax over the points in every column: any law with equally frequent classes."""
    return logits.softmax(0) / logits.shape[1]


def given(p: Tensor) -> Tensor:
    """p(c|x)."""
    return p / p.sum(1, keepdim=True)


def log0(p: Tensor) -> Tensor:
    return torch.where(p > 0, p, 1.0).log()


def entropy(p: Tensor) -> Tensor:
    """H(C|X)."""
    return -(p * log0(given(p))).sum()


def kl(p: Tensor, q: Tensor) -> Tensor:
    return (p * (log0(p) - log0(q))).sum()


def js(p: Tensor, q: Tensor) -> Tensor:
    m = (p + q) / 2
    return (kl(p, m) + kl(q, m)) / 2


def cost(p: Tensor, c: Tensor) -> Tensor:
    """E_p[−log C(c|x)]."""
    return -(p * c.log()).sum()


def gradient(value: Tensor, at: Tensor) -> Tensor:
    return torch.autograd.grad(value, at, retain_graph=True)[0]


def lbfgs(loss, start: Tensor, steps: int = 200) -> Tensor:
    at = start.clone().requires_grad_()
    optimizer = torch.optim.LBFGS(
        [at], max_iter=steps, line_search_fn="strong_wolfe", tolerance_grad=1e-11, tolerance_change=1e-14
    )

    def closure():
        optimizer.zero_grad()
        value = loss(at)
        value.backward()
        return value

    optimizer.step(closure)
    return at.detach()


# ------------------------------------------------------------------------------------------------- what C and G compute


@pytest.mark.proves("thm-acgan-classifier")
def test_best_classifier():
    real, fake = table(), table()
    for alpha, beta in ((1.0, 0.0), (1.0, 1.0), (2.0, 0.5), (0.0, 1.0)):

        def loss(logits, alpha=alpha, beta=beta):
            c = logits.softmax(1)
            return alpha * cost(real, c) + beta * cost(fake, c)

        q = (alpha * real + beta * fake) / (alpha + beta)
        found = lbfgs(loss, torch.zeros(5, 3)).softmax(1)
        assert torch.allclose(found, given(q), atol=1e-6)
        other = torch.randn(5, 3)
        spread = (q.sum(1, keepdim=True) * given(q) * (given(q) / other.softmax(1)).log()).sum()
        assert close(loss(other), (alpha + beta) * (entropy(q) + spread))
        if alpha and beta:  # posteriors are not averaged with equal weight at every point
            assert not torch.allclose(found, (alpha * given(real) + beta * given(fake)) / (alpha + beta), atol=1e-2)


@pytest.mark.proves("thm-acgan-missing")
def test_the_missing_entropy():
    real, fake = table(), table()
    marginal = kl(fake.sum(1), real.sum(1))
    classified = cost(fake, given(real))
    inside = (fake * (given(fake) / given(real)).log()).sum()
    assert close(classified, entropy(fake) + inside)
    assert close(kl(fake, real), marginal + classified - entropy(fake))
    assert abs(kl(fake, real) - marginal - classified) > 0.1  # without the entropy
    # I = H(C) − H(C|X), from its definition as a divergence
    mutual = kl(fake, fake.sum(1, keepdim=True) * fake.sum(0, keepdim=True))
    assert close(entropy(fake), math.log(3) - mutual)
    # and the optimal logit of a discriminator that sees labels
    logit = (real / fake).log()
    parts = (real.sum(1) / fake.sum(1)).log()[:, None] + given(real).log() - given(fake).log()
    assert torch.allclose(logit, parts)
    assert not torch.allclose(logit, parts + given(fake).log(), atol=0.1)


def frozen(real: Tensor, logits: Tensor, lam: float, both: bool, saturating: bool, twin: bool = False) -> Tensor:
    """L_G in θ' with D, C (and the twin) optimal at the present θ and frozen: what a step differentiates."""
    fake = model(logits)
    now = fake.detach()
    d = real.sum(1) / (real.sum(1) + now.sum(1))
    c = given(real + now) if both else given(real)
    push = (1 - d).log() if saturating else -d.log()
    value = fake.sum(1) @ push + lam * cost(fake, c)
    return value - lam * cost(fake, given(now)) if twin else value


@pytest.mark.proves("thm-acgan-potential")
def test_what_a_step_follows():
    real = table()
    logits = torch.randn(5, 3, requires_grad=True)
    fake = model(logits)
    m = (real + fake) / 2
    for lam in (0.3, 1.0, 4.0):
        for saturating in (True, False):
            base = 2 * js(real.sum(1), fake.sum(1)) if saturating else 2 * kl(m.sum(1), real.sum(1))
            inside = (fake * (given(fake) / given(real)).log()).sum()
            only = base + lam * (inside + entropy(fake))
            both = base + 2 * lam * entropy(m)
            for potential, is_both in ((only, False), (both, True)):
                step = gradient(frozen(real, logits, lam, is_both, saturating), logits)
                assert torch.allclose(step, gradient(potential, logits), atol=1e-10)
                assert step.abs().max() > 1e-3
            wrong = base + lam * entropy(m)  # "half of the mixture's entropy belongs to D"
            assert not torch.allclose(
                gradient(frozen(real, logits, lam, True, saturating), logits), gradient(wrong, logits), atol=1e-3
            )
    value = 2 * js(real.sum(1), fake.sum(1)) + 2 * entropy(m)
    assert close(value, 2 * js(real, fake) + entropy(real) + entropy(fake))  # λ = 1: CGAN's value plus the entropies
    assert not close(value, 2 * js(real, fake) + 2 * entropy(m), 1e-3)


@pytest.mark.proves("thm-acgan-twin")
def test_twin_classifier():
    real = table()
    logits = torch.randn(5, 3, requires_grad=True)
    fake = model(logits)
    m = (real + fake) / 2
    base = 2 * js(real.sum(1), fake.sum(1))
    for lam in (0.3, 1.0, 4.0):
        only = base + lam * (fake * (given(fake) / given(real)).log()).sum()
        both = base + lam * (2 * entropy(m) - entropy(real) - entropy(fake))
        for potential, is_both in ((only, False), (both, True)):
            step = gradient(frozen(real, logits, lam, is_both, True, twin=True), logits)
            assert torch.allclose(step, gradient(potential, logits), atol=1e-10)
            plain = gradient(frozen(real, logits, lam, is_both, True), logits)
            assert not torch.allclose(step, plain, atol=1e-3)
            # the truth is the only minimum, also for a start far away
            found = model(
                lbfgs(lambda t, b=is_both, lam=lam: twin_potential(real, model(t), lam, b), 3 * torch.randn(5, 3), 400)
            )
            assert torch.allclose(found, real, atol=1e-4)
    assert close(base + 2 * entropy(m) - entropy(real) - entropy(fake), 2 * js(real, fake))  # λ = 1, both: CGAN
    # Without the twin the minimum is elsewhere.
    astray = model(lbfgs(lambda t: 2 * js(real.sum(1), model(t).sum(1)) + cost(model(t), given(real)), logits.detach()))
    assert (astray - real).abs().sum() > 0.3


def twin_potential(real: Tensor, fake: Tensor, lam: float, both: bool) -> Tensor:
    base = 2 * js(real.sum(1), fake.sum(1))
    if both:
        return base + lam * (2 * entropy((real + fake) / 2) - entropy(real) - entropy(fake))
    return base + lam * (fake * (given(fake).log() - given(real).log())).sum()


# ------------------------------------------------------------------------------------------------ the truth, disturbed


def groups() -> Tensor:
    """Two classes that overlap evenly wherever they are, and a third one apart."""
    return torch.tensor([[0.6, 0.6, 0.0], [0.4, 0.4, 0.0], [0.0, 0.0, 0.4], [0.0, 0.0, 0.1], [0.0, 0.0, 0.5]]) / 3


@pytest.mark.proves("thm-acgan-truth")
def test_the_truth_is_no_place_to_rest():
    def slope(real, g, lam=0.7):
        """dL_G/dt along p_t(x|c) = p_r(x|c)(1 + t g), with D = ½ and C = p_r(c|x), by autograd."""
        t = torch.zeros((), requires_grad=True)
        moved = real * (1 + t * g)
        loss = moved.sum() * math.log(2) - lam * (moved * log0(given(real))).sum()
        return gradient(loss, t)

    real = table()
    g = torch.rand(5, 3)
    g = g - (real * g).sum(0) / real.sum(0)  # mean 0 in each class
    surprise = -given(real).log()
    covariance = 0.0
    for c in range(3):
        weights = real[:, c] / real[:, c].sum()
        mean = weights @ surprise[:, c]
        covariance += real[:, c].sum() * (weights @ (g[:, c] * (surprise[:, c] - mean)))
    assert close(slope(real, g), 0.7 * covariance)
    assert abs(slope(real, g)) > 1e-3  # no rest at the truth
    best = mean_free(real, given(real).log())
    assert slope(real, best) < -1e-2  # and down means: towards where C is sure
    assert slope(real, -best) > 1e-2

    # p_r(c|x) constant in each class: the slope is zero.
    even = groups()
    for _ in range(5):
        assert abs(slope(even, mean_free(even, torch.randn(5, 3)))) < 1e-12
    assert close(entropy(even), 2 / 3 * math.log(2))  # although labels are uncertain
    # 2: an equilibrium, for no law is cheaper
    for _ in range(50):
        other = model(torch.where(even > 0, 3 * torch.randn(5, 3), -math.inf))
        assert -(other * log0(given(even))).sum() >= -(even * log0(given(even))).sum() - 1e-12


def mean_free(p: Tensor, g: Tensor) -> Tensor:
    g = torch.where(p > 0, g, 0.0)
    return g - (p * g).sum(0) / p.sum(0)


def phi(real: Tensor, fake: Tensor, lam: float = 1.0) -> Tensor:
    return 2 * js(real.sum(1), fake.sum(1)) + 2 * lam * entropy((real + fake) / 2)


@pytest.mark.proves("thm-acgan-truth")
def test_trained_on_both_only_sure_labels_are_safe():
    even = groups()
    # 3: move class 1 to the first point and class 2 to the second; neither marginal moves.
    u = torch.zeros(5, 3)
    u[0, 0], u[1, 0] = 1, -1
    u[0, 1], u[1, 1] = -1, 1
    for t in (0.01, 0.03, 0.06):
        for sign in (1, -1):
            moved = even + sign * t * u
            assert moved.min() >= 0
            assert torch.allclose(moved.sum(1), even.sum(1)) and torch.allclose(moved.sum(0), even.sum(0))
            assert phi(even, moved) < phi(even, even) - 1e-5
            only = -(moved * log0(given(even))).sum()
            assert close(only, entropy(even))  # trained on real samples alone, C does not care
    # Where p_r(c|x) is not constant in a class, the line of part 1 will do, down at first order; the other way is up.
    uneven = table()
    g = mean_free(uneven, given(uneven).log())
    for t in (0.01, 0.03):
        assert phi(uneven, uneven * (1 + t * g)) < phi(uneven, uneven) - 1e-2 * t
        assert phi(uneven, uneven * (1 - t * g)) > phi(uneven, uneven) + 1e-2 * t
    # Deterministic labels: the truth is the minimum, and no other law reaches 0.
    sure = torch.zeros(5, 3)
    sure[[0, 1, 2, 3, 4], [0, 0, 1, 1, 2]] = torch.tensor([0.1, 0.2333333333, 0.2, 0.1333333333, 0.3333333334])
    assert close(phi(sure, sure), 0, 1e-8)
    for _ in range(50):
        assert phi(sure, model(2 * torch.randn(5, 3))) > 0.05
    # With atoms a mixed class may have nowhere to go: one point for both.
    single = torch.tensor([[0.5, 0.5]])
    assert close(phi(single, single), 2 * math.log(2))


# ------------------------------------------------------------------------------------------------------- equilibria


@pytest.mark.proves("thm-acgan-separation")
def test_best_answers_separate_the_classes():
    # Prices k that make each class indifferent over as much of the line as possible, as an equilibrium's D does: even
    # then the two classes share a point of one level set of the log-odds at most, for a tiny λ too.
    x = torch.linspace(-3, 3, 601)
    c = torch.stack([torch.sigmoid(-2 * x), torch.sigmoid(2 * x)], 1)
    for lam in (1e-3, 1.0):
        for handicap in (0.0, 1.5 * lam):
            k = (lam * c.log() + torch.tensor([0.0, handicap])).amax(1)
            price = k[:, None] - lam * c.log()
            best = [price[:, i] < price[:, i].min() + 1e-12 for i in range(2)]
            assert best[0].sum() > 200 and best[1].sum() > 200
            assert (best[0] | best[1]).all()  # every point is a best answer for a class
            shared = best[0] & best[1]
            assert shared.sum() <= 1
            nu = [price[:, i].min() for i in range(2)]
            level = (nu[1] - nu[0]) / lam
            odds = (c[:, 0] / c[:, 1]).log()
            assert (odds[best[0]] >= level - 1e-6).all() and (odds[best[1]] <= level + 1e-6).all()
            if handicap:
                assert not (odds[best[1]] <= -level + 1e-6).all()  # the sign of the level
    # Any other prices: whatever is shared has those log-odds.
    for _ in range(20):
        c = torch.rand(6, 2).softmax(1).round(decimals=1)
        price = torch.randint(3, (6, 1)) * 0.1 - 0.7 * c.log()
        nu = price.amin(0)
        shared = (price < nu + 1e-12).all(1)
        for odds in (c[:, 0] / c[:, 1]).log()[shared]:
            assert close(odds, (nu[1] - nu[0]) / 0.7)
    # A classifier that says one half everywhere has one level set, all of space: then nothing is separated.
    price = torch.zeros(601, 1) - torch.full((601, 2), 0.5).log()
    assert bool((price == price.min()).all())


GRID = np.linspace(-12, 12, 4801)
STEP = GRID[1] - GRID[0]
BELLS = np.stack([norm.pdf(GRID, -1), norm.pdf(GRID, 1)], 1) / 2
SURE = 1 / (1 + np.exp(-2 * np.abs(GRID)))  # max_c p_r(c|x)


def bells(lam: float, saturating: bool) -> np.ndarray:
    """The equilibrium of two bells: its density on the grid, by the formula of the page."""
    p = BELLS.sum(1)

    def density(k):
        m = k * SURE**lam
        return p * (m / (1 - m) if saturating else np.maximum(0, m - 1))

    k = brentq(lambda k: density(k).sum() * STEP - 1, 1e-6 if saturating else 1, 1 - 1e-9 if saturating else 1e4)
    return density(k)


@pytest.mark.proves("thm-acgan-law")
@pytest.mark.parametrize("saturating", [True, False])
def test_equilibrium_of_two_bells(saturating):
    p = BELLS.sum(1)
    for lam in (0.05, 1.0, 2.0):
        q = bells(lam, saturating)
        rho = q / p
        k = np.log(np.maximum(rho, 1e-300) / (1 + rho)) if saturating else np.log1p(rho)
        posterior = BELLS / BELLS.sum(1, keepdims=True)
        for c, side in ((0, GRID < -1e-9), (1, GRID > 1e-9)):
            price = k - lam * np.log(posterior[:, c])  # what a sample of class c costs at each x, beside D* and C
            lives = side & (q > 1e-12)
            assert np.ptp(price[lives]) < 1e-6  # indifferent where it lives
            assert price.min() > price[lives].min() - 1e-6  # and better nowhere: a best answer
            assert price[~side].max() > price[lives].max() + 1e-3
        # The truth is not one, however small λ is.
        still = math.log(0.5) if saturating else math.log(2)
        assert np.ptp(still - lam * np.log(posterior[np.abs(GRID) < 2, 0])) > 0.5 * lam
    # λ → 0: the marginal is right, the classes are not.
    q = bells(1e-6, saturating)
    assert np.abs(q - p).max() < 1e-5
    within = (q * GRID**2).sum() * STEP - ((q * np.abs(GRID)).sum() * STEP) ** 2
    assert abs(within - 0.639) < 1e-3  # not 1


@pytest.mark.proves("thm-acgan-law")
def test_the_law_against_an_optimiser():
    """Saturating, C fixed: minimise Ψ over all tables by L-BFGS; the ratio then is M/(1 − M)."""
    real = table(6, 2)
    lam = 0.8

    def potential(logits):
        fake = model(logits)
        return 2 * js(real.sum(1), fake.sum(1)) + lam * cost(fake, given(real))

    fake = model(lbfgs(potential, torch.zeros(6, 2), 3000))
    rho = fake.sum(1) / real.sum(1)
    value = (rho / (1 + rho)).log()[:, None] - lam * given(real).log()
    nu = value.amin(0)
    for c in range(2):
        assert (value[fake[:, c] > 1e-4, c] - nu[c]).abs().max() < 1e-2
    m = (nu.exp() * given(real) ** lam).amax(1)
    assert torch.allclose(rho, m / (1 - m), atol=2e-2)
    assert not torch.allclose(rho, (m / (1 - m)).clamp(max=1.0), atol=5e-2)
    shared = (fake[:, 0] > 1e-3) & (fake[:, 1] > 1e-3)
    assert shared.sum() <= 1  # at most at one point, whose log-odds are the level of the theorem


def overlap(s: float, lam: float, saturating: bool) -> float:
    """The formulas of the page for three points."""
    k = 2.0**-lam
    if not saturating:
        return max(0.0, s * (k * (2 - s) - (1 - s)) / (1 - s + k * s))
    if lam == 0:
        return s
    b = 2 - s - k * (1 - s)
    return (b - math.sqrt(b * b - 4 * k * (1 - k) * s)) / (2 * (1 - k))


def points(s1: float, s2: float) -> Tensor:
    return torch.tensor([[1 - s1, 0.0], [s1, s2], [0.0, 1 - s2]]) / 2


@pytest.mark.proves("prop-acgan-three")
def test_three_points():
    for s in (0.2, 0.5):
        real = points(s, s)
        for lam in (0.3, 1.0, 2.5):
            q = overlap(s, lam, True)
            assert 0 < q < s

            def psi(a, b, real=real, lam=lam):
                fake = points(a, b)
                return 2 * js(real.sum(1), fake.sum(1)) - lam * (fake * log0(given(real))).sum()

            grid = torch.linspace(0, 1, 101)
            values = torch.stack([torch.stack([psi(a, b) for b in grid[::4]]) for a in grid[::4]])
            assert psi(q, q) <= values.min() + 1e-12  # no law does better, symmetric or not
            assert psi(q * 1.05, q * 1.05) > psi(q, q) and psi(q * 0.95, q * 0.95) > psi(q, q)
            assert close(psi(q + 1e-5, q) - psi(q, q), psi(q, q + 1e-5) - psi(q, q), 1e-9)
            # non-saturating: class 1 is indifferent between its two points, or o is too dear
            q = overlap(s, lam, False)
            fake = points(q, q)
            price = (1 + fake.sum(1) / real.sum(1)).log() - lam * log0(given(real))[:, 0]
            if q > 0:
                assert close(price[0], price[1])
            else:
                assert price[1] >= price[0]
            assert q < overlap(s, lam, True)
        last = math.log2((2 - s) / (1 - s))
        assert overlap(s, last - 1e-3, False) > 0 == overlap(s, last, False)
        assert overlap(s, last, True) > 1e-2  # the saturating loss never drops o
        assert close(overlap(s, 1e-9, True), s, 1e-6) and close(overlap(s, 0, False), s)
    assert abs(overlap(0.5, 1, True) - 0.219) < 1e-3 and abs(overlap(0.5, 1, False) - 1 / 6) < 1e-9


def test_three_points_have_one_equilibrium():
    """Also from lopsided starts a damped best answer arrives at the formula (non-saturating, C on real samples)."""
    s, lam = 0.5, 1.0
    for a, b in ((0.9, 0.05), (0.02, 0.6)):
        for _ in range(4000):
            # prices log(1 + ρ) − λ log p_r(c|x) of the two outer points and of the shared one
            one, two = (math.log(1 + (1 - q) / (1 - s)) for q in (a, b))
            shared = math.log(1 + (a + b) / (2 * s)) + lam * math.log(2)
            a = min(1.0, max(0.0, a + 0.02 * (one - shared)))
            b = min(1.0, max(0.0, b + 0.02 * (two - shared)))
        assert abs(a - 1 / 6) < 1e-3 and abs(b - 1 / 6) < 1e-3


@pytest.mark.proves("prop-acgan-limit")
def test_a_heavy_classifier_wins():
    real = table(6, 3)
    least = -given(real).log().amax(0)
    for lam in (5.0, 50.0, 500.0):

        def loss(t, lam=lam):
            return 2 * js(real.sum(1), model(t).sum(1)) + lam * cost(model(t), given(real))

        fake = model(lbfgs(loss, torch.zeros(6, 3), 500))
        excess = cost(fake, given(real)) - (fake.sum(0) * least).sum()
        assert -1e-12 <= excess <= 2 * math.log(2) / lam
        dear = (-given(real).log() >= least + 0.1) * fake
        assert dear.sum() <= 2 * math.log(2) / (lam * 0.1)
    assert (fake.amax(0) * 3 > 0.99).all()  # each class on its best point
    for c in range(3):
        assert fake[:, c].argmax() == given(real)[:, c].argmax()
    # not the most frequent point of the class
    assert any(int(real[:, c].argmax()) != int(given(real)[:, c].argmax()) for c in range(3))


# ----------------------------------------------------------------------------------------------------- published forms


@pytest.mark.proves("thm-acgan-fakeclass")
def test_a_class_for_fakes():
    real, fake = table(), table()
    for r in (1.0, 0.4):

        def loss(logits, r=r):
            c = logits.softmax(1)
            return -(real * c[:, :3].log()).sum() - r * (fake.sum(1) * c[:, 3].log()).sum()

        c = lbfgs(loss, torch.zeros(5, 4)).softmax(1)
        d = real.sum(1) / (real.sum(1) + r * fake.sum(1))
        assert torch.allclose(c[:, :3], d[:, None] * given(real), atol=1e-6)
        assert torch.allclose(c[:, 3], 1 - d, atol=1e-6)
        asked = -(fake * c[:, :3].log()).sum()  # G's cross-entropy on the classes that it was asked for
        assert close(asked, -(fake.sum(1) * d.log()).sum() + cost(fake, given(real)), 1e-6)
        assert not close(asked, cost(fake, given(real)), 1e-2)  # it is not a classification term alone
    # With a validity head and weight λ: (1 + λ) times the plain form with weight λ / (1 + λ).
    d = real.sum(1) / (real.sum(1) + fake.sum(1))
    push, sort = -(fake.sum(1) * d.log()).sum(), cost(fake, given(real))
    for lam in (0.5, 1.0, 10.0):
        assert close(push + lam * (push + sort), (1 + lam) * (push + lam / (1 + lam) * sort))
    # At the truth the asked-for cross-entropy is log 2 + H(C|X), not H(C|X).
    assert close(-(real * (given(real) / 2).log()).sum(), math.log(2) + entropy(real))


@pytest.mark.proves("prop-acgan-single")
def test_a_single_head():
    logits = torch.randn(40, 6)  # five classes and "fake"
    labels = torch.randint(5, (40,))
    short = logits[:, :5] - logits[:, 5:]
    z = short.exp().sum(1)
    c = logits.softmax(1)
    assert torch.allclose(1 - c[:, 5], z / (z + 1))
    assert torch.allclose(z / (z + 1), torch.sigmoid(short.logsumexp(1)))
    assert torch.allclose(c[:, :5] / (1 - c[:, 5:]), short.softmax(1))
    a = short.logsumexp(1)
    real = cross_entropy(logits, labels, reduction="none")
    assert torch.allclose(real, softplus(-a) + cross_entropy(short, labels, reduction="none"))
    assert torch.allclose(cross_entropy(logits, torch.full((40,), 5), reduction="none"), softplus(a))
    assert not torch.allclose(real, cross_entropy(short, labels, reduction="none"), atol=1e-2)
    # Every pair (a, ℓ) is such a head.
    a, heads = torch.randn(40), torch.randn(40, 5)
    single = a[:, None] + heads.log_softmax(1)
    assert torch.allclose(single.logsumexp(1), a) and torch.allclose(single.softmax(1), heads.softmax(1))
    assert not torch.allclose((a[:, None] + heads).logsumexp(1), a, atol=0.1)


# ---------------------------------------------------------------------------------------------------- the wrong losses


@pytest.mark.proves("prop-acgan-softmax")
def test_softmax_twice():
    for n in (2, 10, 1000):
        floor, ceiling = math.log(math.e + n - 1) - 1, math.log(math.e + n - 1)
        u = torch.distributions.Dirichlet(torch.full((n,), 0.1)).sample((2000,))
        psi = u.logsumexp(1) - u[:, 0]
        assert psi.min() >= floor - 1e-12 and psi.max() <= ceiling + 1e-12
        for k, value in ((0, floor), (1, ceiling)):
            corner = torch.eye(n)[k]
            assert close(corner.logsumexp(0) - corner[0], value)
        assert close(torch.full((n,), 1 / n).logsumexp(0) - 1 / n, math.log(n))
        psi = cross_entropy(torch.eye(n)[:1] * 50.0, torch.tensor([0]))
        assert psi < 1e-15 < floor  # the right loss has no such floor
    assert round(math.log(math.e + 9) - 1, 4) == 1.4612

    # Gradients: the formula, its bound, and that it dies at every corner, the wrong ones too.
    n = 10
    for scale in (0.0, 1.0, 5.0, 20.0):
        logits = (scale * torch.randn(n)).requires_grad_()
        u = logits.softmax(0)
        g = gradient(cross_entropy(u[None], torch.tensor([3])), logits)
        inner = u.softmax(0) - torch.eye(n)[3]
        assert torch.allclose(g, u * (inner - u @ inner))
        assert abs(g[3]) <= u[3] * (1 - u[3]) * (1 + (math.e - 1) / (math.e + n - 1)) + 1e-15
    wrong = torch.zeros(n)
    wrong[7] = 20.0
    wrong.requires_grad_()
    target = torch.tensor([3])
    assert gradient(cross_entropy(wrong.softmax(0)[None], target), wrong).abs().max() < 1e-7
    assert gradient(cross_entropy(wrong[None], target), wrong).abs().max() > 0.99  # where the right loss pulls hardest
    zero = torch.zeros(n, requires_grad=True)
    ratio = (
        gradient(cross_entropy(zero[None], target), zero)[3]
        / gradient(cross_entropy(zero.softmax(0)[None], target), zero)[3]
    )
    assert close(ratio, n)  # n times as weak at the start

    # What it learns: to be certain, as soon as the first class is (e − 1)/(e + n − 1) ahead of the second.
    for pi in ([0.7, 0.3], [0.74, 0.26], [0.2] + [0.8 / 9] * 9, [0.24] + [0.76 / 9] * 9, [0.5, 0.3, 0.15, 0.05]):
        pi, n = torch.tensor(pi), len(pi)
        u = lbfgs(lambda t, pi=pi: t.softmax(0).logsumexp(0) - pi @ t.softmax(0), torch.zeros(n), 2000).softmax(0)
        certain = pi[0] - pi[1] >= (math.e - 1) / (math.e + n - 1)
        assert (u[0] > 1 - 1e-4) == certain
        assert (u.diff() <= 1e-9).all()  # the order is that of π
        assert not torch.allclose(u, pi, atol=1e-2)
        nu = (1 - pi.log().sum()) / n
        if (pi.log() + nu).min() > 0:
            assert torch.allclose(u, pi.log() + nu, atol=1e-4)
    assert 1 / (1 + 1 / math.e) - 1 / (1 + math.e) == pytest.approx((math.e - 1) / (math.e + 1))  # n = 2: from 0.731 on
    # The missing log: −π·u is least at the corner of the largest π.
    pi = torch.tensor([0.4, 0.35, 0.25])
    u = lbfgs(lambda t: -pi @ t.softmax(0), torch.zeros(3), 2000).softmax(0)
    assert u[0] > 0.999


# ----------------------------------------------------------------------------------------------------------- the label


@pytest.mark.proves("prop-acgan-hadamard")
def test_noise_times_embedding():
    z = torch.randn(200_000, 3)
    e = torch.tensor([2.0, 0.5, 1.0])
    flipped = e * torch.tensor([-1.0, 1.0, -1.0])

    def law(h):
        """Numbers that tell the two laws apart if anything does: moments, and a skewed function of h."""
        return torch.stack(
            [h.square().mean(0), h.mean(0), (h @ torch.tensor([1.0, 2.0, -1.0])).tanh().mean().expand(3)]
        )

    assert torch.allclose(torch.cov((z * e).T), torch.diag(e.square()), atol=0.05)
    assert (law(z * e) - law(z * flipped)).abs().max() < 0.03  # one law, two classes
    assert (law(z * e) - law(z * e.flip(0))).abs().max() > 0.5  # the same numbers in another order are another law
    assert (law(z + e) - law(z + flipped)).abs().max() > 0.5  # an added embedding keeps its sign
    # The image of z = 0 does not know its class.
    network = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
    assert torch.equal(network(torch.zeros(3) * e), network(torch.zeros(3) * flipped.abs() * 3))
    # KL of the two laws from the densities, by the formula; and the best accuracy bounds every classifier's.
    s, t = e, e.flip(0)
    formula = 0.5 * (s.square() / t.square() - 1 - (s.square() / t.square()).log()).sum()
    h = z * s
    ratio = (torch.distributions.Normal(0, s).log_prob(h) - torch.distributions.Normal(0, t).log_prob(h)).sum(1)
    assert close(ratio.mean(), formula, 0.03)
    one = torch.distributions.Normal(0, s).log_prob
    two = torch.distributions.Normal(0, t).log_prob
    a, b = z * s, torch.randn(200_000, 3) * t
    hits = [(one(a).sum(1) > two(a).sum(1)), (one(b).sum(1) <= two(b).sum(1))]
    best = sum(hit.double().mean() for hit in hits) / 2
    assert best < 0.95  # no generator behind these inputs can have surer labels
    image_a, image_b = a.square().sum(1).log(), b.square().sum(1).log()  # any "image" made of h
    for threshold in torch.linspace(-3, 4, 15):
        hit = 0.5 * ((image_a > threshold).double().mean() + (image_b <= threshold).double().mean())
        assert max(hit, 1 - hit) < best + 0.01


# ----------------------------------------------------------------------------------------------------------- measuring


@pytest.mark.proves("prop-acgan-measures")
def test_measures():
    # 1: variances
    labels = torch.randint(3, (3000,))
    f = torch.randn(3000, 4) * torch.tensor([1.0, 0.3, 2.0, 0.5]) + torch.randn(3, 4)[labels]
    total = f.var(0, correction=0).sum()
    share = torch.stack([(labels == c).double().mean() for c in range(3)])
    inside = torch.stack([f[labels == c].var(0, correction=0).sum() for c in range(3)])
    means = torch.stack([f[labels == c].mean(0) for c in range(3)])
    between = (share[:, None] * (means - f.mean(0)).square()).sum()
    assert close(total, share @ inside + between) and not close(total, share @ inside, 0.05)
    some = f[labels == 0][:400]
    pairs = torch.cdist(some, some).square().sum() / (400 * 400)
    assert close(pairs, 2 * some.var(0, correction=0).sum()) and not close(pairs, some.var(0, correction=0).sum(), 0.1)
    # 2: accuracy
    p = table(6, 3)
    best = p.amax(1).sum()
    for _ in range(50):
        guess = torch.randint(3, (6,))
        assert p[torch.arange(6), guess].sum() <= best + 1e-12
    merged = torch.stack([p[0] + p[1], p[2] + p[3], p[4] + p[5]])  # a downsampling: pairs of points become one
    assert merged.amax(1).sum() <= best
    assert merged.amax(1).sum() < best - 1e-3
    # 3: two bells
    truth = BELLS.max(1).sum() * STEP
    assert abs(truth - norm.cdf(1)) < 1e-4 and abs(truth - 0.8413) < 1e-4
    q = BELLS.sum(1)
    mean = (q * np.abs(GRID)).sum() * STEP
    assert abs(mean - (2 * norm.pdf(1) + 2 * norm.cdf(1) - 1)) < 1e-4 and abs(mean - 1.1666) < 1e-4
    assert abs((q * GRID**2).sum() * STEP - 2) < 1e-6  # the total is that of the truth
    assert abs(2 - mean**2 - 0.639) < 1e-3
