"""The refresher of chapter 00 and the page on signs: every claim in numbers, and a plausible wrong version failing."""

import contextlib
import io
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import entr
from scipy.stats import lognorm, norm

from ganlib import losses

BOOK = Path(__file__).resolve().parents[2] / "book"
CLOSE = {"rtol": 1e-9, "atol": 1e-12}


@pytest.fixture(autouse=True)
def one_thread():
    """The tensors are small: threads cost more than they give, above all on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


# -- chapter 00: refresher ---------------------------------------------------------------------------------------------
@pytest.mark.proves("prop-lotus")
@pytest.mark.parametrize("h", [lambda x: x, lambda x: np.sqrt(x), lambda x: np.cos(x), lambda x: float(x > 2)])
def test_the_mean_over_the_model_is_the_mean_over_the_latent(h):
    """z ~ N(0, 1), x = G(z) = exp(z/2): the density of x is known independently of the claim, scipy's lognormal."""
    over_x = quad(lambda x: h(x) * lognorm(0.5).pdf(x), 0, 60, limit=500, points=[2])[0]
    over_z = quad(lambda z: h(np.exp(z / 2)) * norm.pdf(z), -8, 8, limit=500, points=[2 * math.log(2)])[0]
    np.testing.assert_allclose(over_z, over_x, rtol=1e-6)
    wrong = h(np.exp(0.0))  # h(G(E[z])): the picture of the mean latent
    assert abs(wrong - over_x) > 0.01


def test_the_solved_exercise_on_a_sample_without_a_density():
    assert quad(lambda z: -math.log(z), 0, 1)[0] == pytest.approx(1, abs=1e-9)


@pytest.mark.proves("prop-jensen")
def test_jensen():
    """On random laws of five points: the inequality, its exact size for a square, and its reversal for a logarithm."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        x, p = rng.uniform(0.1, 4, 5), rng.dirichlet(np.ones(5))
        mean = p @ x
        gap = {name: p @ f(x) - f(mean) for name, f in (("square", np.square), ("exp", np.exp), ("log", np.log))}
        np.testing.assert_allclose(gap["square"], p @ (x - mean) ** 2, **CLOSE)  # the variance
        assert gap["square"] > 1e-4 and gap["exp"] > 1e-4  # convex, so "f(E x) ≥ E f(x)" is wrong every time
        assert gap["log"] < -1e-4  # concave: reversed
    constant = np.full(5, 1.7)
    assert abs(p @ np.exp(constant) - np.exp(p @ constant)) < 1e-12  # equality where x does not vary
    cube = np.array([-3.0, 1.0])  # x³ is not convex there, and the inequality does not hold: convexity is needed
    assert np.mean(cube**3) < np.mean(cube) ** 3


@pytest.mark.proves("prop-change-of-variables")
def test_change_of_variables():
    """A map that bends the plane and turns it: mass of a square by the formula and by counting latents."""
    cos, sin = math.cos(0.7), math.sin(0.7)

    def g(z: torch.Tensor) -> torch.Tensor:
        u, v = z[..., 0] * torch.exp(z[..., 1] / 2), z[..., 1]
        return torch.stack([cos * u - sin * v, sin * u + cos * v], -1)

    def inverse(x: torch.Tensor) -> torch.Tensor:
        u, v = cos * x[..., 0] + sin * x[..., 1], cos * x[..., 1] - sin * x[..., 0]
        return torch.stack([u * torch.exp(-v / 2), v], -1)

    def normal(z: torch.Tensor) -> torch.Tensor:
        return torch.exp(-z.square().sum(-1) / 2) / (2 * math.pi)

    def midpoints(low: float, high: float, n: int) -> tuple[torch.Tensor, float]:
        axis = low + (torch.arange(n, dtype=torch.float64) + 0.5) * (high - low) / n
        return torch.cartesian_prod(axis, axis), ((high - low) / n) ** 2

    x, area = midpoints(0.3, 1.8, 100)
    z = inverse(x)
    np.testing.assert_allclose(g(z), x, **CLOSE)
    z.requires_grad_()
    first, second = (torch.autograd.grad(g(z)[:, i].sum(), z)[0] for i in range(2))  # the rows of the Jacobian
    determinant = (first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]).abs()
    z = z.detach()
    by_formula = (normal(z) / determinant).sum().item() * area

    latents, cell = midpoints(-6, 6, 1200)
    inside = ((g(latents) > 0.3) & (g(latents) < 1.8)).all(-1)
    by_counting = normal(latents)[inside].sum().item() * cell

    assert by_formula == pytest.approx(by_counting, rel=3e-3)
    for wrong in (normal(z), normal(z) * determinant):  # forgotten, or upside down
        assert wrong.sum().item() * area != pytest.approx(by_counting, rel=0.05)


U = np.linspace(1e-9, 60, 1_200_001)
PAIRS = {  # f on u > 0, its derivative, the conjugate we claim and a wrong one
    "u log u": (lambda u: -entr(u), lambda u: np.log(u) + 1, lambda t: np.exp(t - 1), lambda t: np.exp(t)),
    "−log u": (lambda u: -np.log(u), lambda u: -1 / u, lambda t: -1 - np.log(-t), lambda t: -np.log(-t)),
    "½u²": (lambda u: u**2 / 2, lambda u: u, lambda t: t**2 / 2, lambda t: t**2),
}


@pytest.mark.proves("prop-fenchel-young")
@pytest.mark.parametrize("name", PAIRS)
def test_fenchel_young(name):
    f, slope, conjugate, wrong = PAIRS[name]
    for u in (0.2, 0.7, 1.5, 4.0):
        t = slope(u)  # equality exactly here
        np.testing.assert_allclose(np.max(t * U - f(U)), conjugate(t), atol=1e-6)  # the definition, on a grid
        np.testing.assert_allclose(f(u) + conjugate(t), t * u, **CLOSE)
        assert abs(f(u) + wrong(t) - t * u) > 1e-2
        for other in (0.9 * t, 1.1 * t):  # and strictly above elsewhere
            assert f(u) + conjugate(other) - other * u > 1e-6
        ts = t + np.linspace(-0.9, 0.9, 200_001) * abs(t)
        np.testing.assert_allclose(np.max(ts * u - conjugate(ts)), f(u), atol=1e-6)  # f from its conjugate


def test_the_solved_exercise_on_conjugates():
    u = np.linspace(-1e4, 1e4, 2_000_001)
    assert np.max(0.8 * u - np.abs(u)) == pytest.approx(0, abs=1e-9)
    assert np.max(1.2 * u - np.abs(u)) > 1e3  # grows with the grid: infinite


@pytest.mark.proves("prop-lagrange")
def test_lagrange():
    """max Σ pᵢ log qᵢ on the simplex: ∇f = λ∇g finds q = p, which beats everything else; and the curved case."""
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.full(6, 2.0))
    value = lambda q: (p * np.log(q)).sum(-1)
    q = torch.tensor(p, requires_grad=True)
    (torch.tensor(p) * q.log()).sum().backward()
    np.testing.assert_allclose(q.grad, np.ones(6))  # ∇f = λ∇g at q = p, with λ = 1
    others = rng.dirichlet(np.ones(6), 20_000)
    assert (value(others) < value(p)).all()
    near = p + 1e-3 * (others - others.mean(0))[:500]
    assert (value(near / near.sum(-1, keepdims=True)) <= value(p) + 1e-15).all()
    for wrong in (p**2 / (p**2).sum(), np.full(6, 1 / 6), np.eye(6)[p.argmax()] * 0.94 + 0.01):
        gradient = p / wrong
        assert np.ptp(gradient) > 0.1 and value(wrong) < value(p) - 1e-3  # no multiple of ∇g, and no maximum

    # f(q) = q₁ + 2q₂ on the circle |q|² = 5: the condition gives q = ±(1, 2); the maximum is one of them.
    angle = np.linspace(0, 2 * math.pi, 1_000_001)
    circle = math.sqrt(5) * np.stack([np.cos(angle), np.sin(angle)], -1)
    best = circle[np.argmax(circle @ [1, 2])]
    np.testing.assert_allclose(best, [1, 2], atol=1e-5)
    np.testing.assert_allclose(np.array([1, 2]) / (2 * best), 0.5, atol=1e-5)  # λ = ½ in both coordinates
    orthogonal = np.array([2, -1])  # ∇f·∇g = 0 in place of parallel: on the circle, and far from the maximum
    assert orthogonal @ orthogonal == 5 and orthogonal @ [1, 2] < best @ [1, 2] - 1


# -- sign conventions --------------------------------------------------------------------------------------------------
def logits() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return tuple(4 * torch.randn(1000, dtype=torch.float64, generator=generator) + shift for shift in (1, -1))


@pytest.mark.proves("prop-sign-logits")
def test_our_losses_are_the_papers():
    """Each row of the table: the left column written with D = σ(a), the right one as ganlib computes it."""
    real, fake = logits()
    d_real, d_fake = real.sigmoid(), fake.sigmoid()
    value = d_real.log().mean() + (1 - d_fake).log().mean()
    rows = {
        "minimax": (-value, (1 - d_fake).log().mean()),
        "non_saturating": (-value, -d_fake.log().mean()),
        "least_squares": (  # there D is the raw output
            ((real - 1) ** 2).mean() / 2 + (fake**2).mean() / 2,
            ((fake - 1) ** 2).mean() / 2,
        ),
        "hinge": (
            -(real - 1).clamp(max=0).mean() - (-fake - 1).clamp(max=0).mean(),
            -fake.mean(),
        ),
        "kl": (-value, ((1 - d_fake) / d_fake).log().mean()),
        "pearson": (fake.square().mean() / 4 + fake.mean() - real.mean(), -fake.mean()),
    }
    assert set(rows) == set(losses.names())  # a new loss gets a row on the page and here
    for name, (discriminator, generator) in rows.items():
        loss = losses.get(name)
        np.testing.assert_allclose(loss.discriminator(real, fake), discriminator, rtol=1e-10, atol=0)
        np.testing.assert_allclose(loss.generator(fake), generator, rtol=1e-10, atol=0)
        assert (loss.discriminator(fake, real) - discriminator).abs() > 0.1  # real and fake exchanged
        assert (loss.generator(-fake) - generator).abs() > 0.1  # the label turned round


def descend(make, steps: int, sign: int, maximize: bool) -> torch.Tensor:
    """Parameters along a run on sign · V for a small fixed V."""
    real, fake = logits()
    phi = torch.tensor([0.3, -0.2], dtype=torch.float64, requires_grad=True)
    optimizer = make([phi], maximize=maximize)
    path = []
    for _ in range(steps):
        optimizer.zero_grad()
        value = -losses.minimax.discriminator(phi[0] * real[:50] + phi[1], phi[0] * fake[:50] + phi[1])
        (sign * value).backward()
        optimizer.step()
        path.append(phi.detach().clone())
    return torch.stack(path)


@pytest.mark.proves("prop-sign-ascent")
@pytest.mark.parametrize(
    "make",
    [
        lambda p, **k: torch.optim.SGD(p, lr=0.05, **k),
        lambda p, **k: torch.optim.SGD(p, lr=0.05, momentum=0.9, **k),
        lambda p, **k: torch.optim.RMSprop(p, lr=0.01, **k),
        lambda p, **k: torch.optim.Adam(p, lr=0.01, betas=(0.5, 0.999), **k),
    ],
    ids=["gradient descent", "momentum", "RMSProp", "Adam"],
)
def test_ascending_v_is_descending_minus_v(make):
    ours = descend(make, 40, -1, False)
    np.testing.assert_allclose(ours, descend(make, 40, 1, True), rtol=1e-12, atol=1e-14)
    for wrong in (descend(make, 40, 1, False), descend(make, 40, -1, True)):  # no turn, and two turns
        assert (wrong[-1] - ours[-1]).abs().max() > 0.1


@pytest.mark.proves("prop-sign-critic")
def test_the_signs_of_critic_and_generator_must_agree():
    """Data at 0, one generated point at θ = 2, critics f(x) = wx with |w| ≤ 1: equal signs arrive, others flee."""

    def play(s: int, t: int) -> tuple[np.ndarray, np.ndarray]:
        theta, path, duals = 2.0, [], []
        for _ in range(150):
            w = -s * np.sign(theta)  # the best critic: the least s·(wθ − w·0)
            theta -= 0.02 * (-t * w)  # the generator's step down −t·wθ
            path.append(theta)
            duals.append(s * w)
        return np.array(path), np.array(duals)

    (first, f_first), (second, f_second) = play(1, 1), play(-1, -1)
    np.testing.assert_array_equal(first, second)  # one game,
    np.testing.assert_array_equal(f_first, f_second)  # with the critic called f or −f
    assert abs(first[-1]) < 0.05
    for s, t in ((1, -1), (-1, 1)):
        path, _ = play(s, t)
        assert (np.diff(path) > 0).all() and path[-1] > 4.9  # steadily away from the data


def test_the_solved_exercise_on_pairs():
    """(s, t) is read off from derivatives, so that the page's answers are checked and not repeated."""
    answers = {
        "a": (lambda r, f: f - r, lambda r, f: -f, True),
        "b": (lambda r, f: r - f, lambda r, f: f, True),
        "c": (lambda r, f: -(r - f), lambda r, f: f, False),
        "d": (lambda r, f: -(f - r), lambda r, f: -(r - f), True),
    }
    for critic, generator, trains in answers.values():
        s, t = critic(0, 1) - critic(0, 0), generator(0, 0) - generator(0, 1)
        assert (s == t) is trains


@pytest.mark.proves("prop-sign-reference")
def test_reference_values():
    zero, half = torch.zeros(8, dtype=torch.float64), torch.full((8,), 0.5, dtype=torch.float64)
    table = {
        "minimax": (zero, 2 * math.log(2), -math.log(2)),
        "non_saturating": (zero, 2 * math.log(2), math.log(2)),
        "least_squares": (half, 1 / 4, 1 / 8),
    }
    same, _ = logits()  # p_θ = p_r: the discriminator sees one distribution twice
    for name, (undecided, discriminator, generator) in table.items():
        loss = losses.get(name)
        assert loss.discriminator(undecided, undecided).item() == pytest.approx(discriminator, abs=1e-12)
        assert loss.generator(undecided).item() == pytest.approx(generator, abs=1e-12)
        for scale in (0.01, 0.1, 1.0):  # any opinion costs
            opinion = undecided[0] + scale * same
            assert loss.discriminator(opinion, opinion).item() > discriminator
        other = half if name != "least_squares" else zero  # "undecided" of the wrong kind is no reference
        assert loss.discriminator(other, other).item() != pytest.approx(discriminator, abs=1e-3)


def test_a_sigmoid_too_many_bounds_the_loss():
    """The two numbers on the page: softplus(−σ(a)) lies between log(1 + 1/e) and log 2."""
    a = torch.linspace(-40, 40, 10_001, dtype=torch.float64)
    loss = torch.nn.functional.softplus(-a.sigmoid())
    assert loss.min().item() == pytest.approx(0.3133, abs=1e-4) and loss.max().item() == pytest.approx(0.6931, abs=1e-4)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_code_on_the_page_prints_what_the_page_says(language):
    page = (BOOK / language / "sign-conventions.md").read_text("utf-8")
    code = re.search(r"```python\n(.*?)```", page, re.S).group(1)
    claimed = re.findall(r"^# (.*)$", code, re.M)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code, {})
    assert claimed and printed.getvalue().splitlines() == claimed
