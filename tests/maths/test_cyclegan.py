"""Every statement of chapter 11, checked by numbers, each beside a plausible wrong variant.

Best pixels are found by search, receptive fields by gradients through real layers, laws of windows by enumeration, and
what the page says of exact translators by going through all maps between small sets.
"""

import math
from collections import Counter
from itertools import permutations, product

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.optimize import linear_sum_assignment, minimize_scalar
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganlib import losses


@pytest.fixture(autouse=True)
def double():
    """Float64, so that a tolerance can be tight."""
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(dtype)


def close(a, b, tolerance: float = 1e-9) -> bool:
    a, b = (float(x.detach() if isinstance(x, Tensor) else x) for x in (a, b))
    return abs(a - b) <= tolerance * max(1.0, abs(a), abs(b))


def js(p, q) -> float:
    p, q = np.asarray(p, float), np.asarray(q, float)
    m = (p + q) / 2

    def kl(a):
        return np.where(a > 0, a * np.log(np.where(a > 0, a, 1) / np.where(m > 0, m, 1)), 0).sum()

    return 0.5 * kl(p) + 0.5 * kl(q)


# ---------------------------------------------------------------------------------------------------------- with pairs


@pytest.mark.proves("prop-cycle-pixel")
def test_what_pixel_losses_ask_for():
    rng = np.random.default_rng(1)
    # Three inputs, for each a finite law of answers with two pixels that depend on each other.
    weight = np.array([0.2, 0.5, 0.3])
    answers, chance = rng.normal(size=(3, 5, 2)), rng.dirichlet(np.ones(5), size=3)
    mean = (chance[..., None] * answers).sum(1)
    order = answers.argsort(1)
    sums = np.take_along_axis(np.repeat(chance[..., None], 2, 2), order, 1).cumsum(1)
    first = (sums >= 0.5).argmax(1)
    median = np.take_along_axis(np.take_along_axis(answers, order, 1), first[:, None], 1)[:, 0]

    def risk(g, power):
        return (weight[:, None, None] * chance[..., None] * np.abs(answers - g[:, None]) ** power).sum()

    def below(x, i, t):
        return (chance[x] * (answers[x, :, i] <= t)).sum()

    for _ in range(20):
        g = rng.normal(size=(3, 2))
        assert close(risk(g, 2), risk(mean, 2) + (weight[:, None] * (g - mean) ** 2).sum())
        integral = 0.0
        for x in range(3):
            for i in range(2):
                lo, hi = median[x, i], g[x, i]
                cuts = np.sort(np.concatenate([[lo, hi], np.clip(answers[x, :, i], min(lo, hi), max(lo, hi))]))
                part = sum((b - a) * (2 * below(x, i, (a + b) / 2) - 1) for a, b in zip(cuts, cuts[1:], strict=False))
                integral += weight[x] * part * (1 if hi > lo else -1)
        assert close(risk(g, 1) - risk(median, 1), integral) and integral >= 0
    assert risk(mean, 1) > risk(median, 1) + 1e-3 and risk(median, 2) > risk(mean, 2) + 1e-3  # not interchangeable
    # Likelihood: the best scale is found by search and gives the logarithm of the risk.
    g = rng.normal(size=(3, 2))
    d = 2
    normal = minimize_scalar(
        lambda s: d / 2 * math.log(2 * math.pi) + d * s + risk(g, 2) / 2 * math.exp(-2 * s), bounds=(-5, 5)
    )
    laplace = minimize_scalar(lambda s: d * math.log(2) + d * s + risk(g, 1) * math.exp(-s), bounds=(-5, 5))
    assert close(normal.fun, d / 2 * math.log(2 * math.pi * math.e * risk(g, 2) / d), 1e-8)
    assert close(laplace.fun, d * math.log(2 * math.e * risk(g, 1) / d), 1e-8)
    assert abs(laplace.fun - d * math.log(math.e * risk(g, 1) / d)) > 1  # without the 2 of the density


@pytest.mark.proves("prop-cycle-edge")
def test_an_edge_and_a_line():
    w, n = 1.5, 4000
    s = (np.arange(n) + 0.5) / n * 2 * w - w
    t = np.linspace(-3, 3, 1201)
    dt = t[1] - t[0]
    edge = (t[None] >= s[:, None]).astype(float)
    mean, median = edge.mean(0), np.median(edge, axis=0)
    ramp = np.clip((t + w) / (2 * w), 0, 1)
    assert np.abs(mean - ramp).max() < 1e-3
    step = (t >= 0).astype(float)
    off = np.abs(t) > 0.01
    assert (median[off] == step[off]).all()
    for picture, squared, absolute in ((ramp, w / 3, 2 * w / 3), (step, w / 2, w / 2)):
        assert close(((edge - picture) ** 2).mean(0).sum() * dt, squared, 3e-3)
        assert close(np.abs(edge - picture).mean(0).sum() * dt, absolute, 3e-3)
    # A normal place: the formulas per pixel do not need the uniform law.
    places = np.random.default_rng(0).normal(size=200_000)
    for at in (-0.7, 0.4):
        big = 0.5 * (1 + math.erf(at / math.sqrt(2)))
        y = (at >= places).astype(float)
        assert close(((y - big) ** 2).mean(), big * (1 - big), 5e-3)
        assert close(np.abs(y - (big > 0.5)).mean(), min(big, 1 - big), 5e-3)
    for delta, empty in ((1.2, True), (1.45, True), (1.6, False)):
        line = ((t[None] >= s[:, None]) & (t[None] < s[:, None] + delta)).astype(float)
        assert close(line.mean(0).sum() * dt, delta, 3e-3)
        assert (not np.median(line, axis=0).any()) == empty
        assert close(line.mean(0).max(), min(1, delta / (2 * w)), 3e-3)


def spread(s: float) -> float:
    """2 JS of N(0, 1) and N(0, s²)."""

    def density(t, u):
        return math.exp(-t * t / (2 * u * u)) / (u * math.sqrt(2 * math.pi))

    def f(t):
        p, q = density(t, 1), density(t, s)
        return p * math.log(2 * p / (p + q)) + (q * math.log(2 * q / (p + q)) if q > 0 else 0)

    cuts = sorted({0.0, s / 2, s, 2 * s, 4 * s, 8 * s, 1.0, 3.0, max(11.0, 8 * s)})
    return 2 * sum(quad(f, a, b, limit=100)[0] for a, b in zip(cuts, cuts[1:], strict=False))


@pytest.mark.proves("prop-cycle-pix2pix")
def test_adversarial_plus_l1():
    def total(s, weight):
        return spread(s) + weight * math.sqrt(2 / math.pi) * math.sqrt(1 + s * s)

    def without(weight):
        return math.log(4) + weight * math.sqrt(2 / math.pi)

    assert close(spread(1.0), 0, 1e-9) and close(spread(1e-5), math.log(4), 1e-3)
    xi = np.random.default_rng(0).normal(size=(2, 400_000))
    assert close(np.abs(xi[0] - 0.6 * xi[1]).mean(), math.sqrt(2 / math.pi) * math.sqrt(1.36), 4e-3)
    best = {}
    for weight in (0.5, 1, 5):
        grid = np.geomspace(1e-3, 1.5, 60)
        values = [total(s, weight) for s in grid]
        k = int(np.argmin(values))
        best[weight] = grid[k]
        assert 0.01 < grid[k] < 0.99 and values[k] < min(without(weight), total(1, weight)) - 1e-3
        assert all(total(s, weight) > total(1, weight) for s in (1.1, 2.0))
        slope = (total(1 + 1e-3, weight) - total(1 - 1e-3, weight)) / 2e-3
        assert close(slope, weight / math.sqrt(math.pi), 1e-4)
        assert abs(slope - weight * math.sqrt(2 / math.pi)) > 0.1  # without the 1/√2
    assert close(best[1], 0.69, 0.05) and close(best[5], 0.35, 0.05)
    assert spread(0.01) <= math.log(4) - math.log(2) * math.erf(0.01 / math.sqrt(2)) + 1e-9  # the bound of the proof
    limit = math.log(4) / (math.sqrt(2) - 1) * math.sqrt(math.pi / 2)
    assert close(limit, 4.195, 1e-3)
    assert without(1.01 * limit) < total(1, 1.01 * limit) and without(0.99 * limit) > total(1, 0.99 * limit)


# ------------------------------------------------------------------------------------------------------------- patches


def discriminator(layers: list[tuple[int, int]], normalised: bool = False) -> nn.Sequential:
    """One channel, positive taps, padding 1."""
    parts: list[nn.Module] = []
    for kernel, stride in layers:
        conv = nn.Conv2d(1, 1, kernel, stride, 1, bias=False)
        nn.init.uniform_(conv.weight, 0.5, 1.0)
        parts += [conv] + ([nn.InstanceNorm2d(1)] if normalised else [])
    return nn.Sequential(*parts)


def reach(net: nn.Module, side: int) -> tuple[int, int, int, Tensor]:
    """Logits per side, and first and last row of the input that the middle logit depends on, with its gradient."""
    x = torch.randn(1, 1, side, side).requires_grad_()
    out = net(x)
    j = out.shape[-1] // 2
    (gradient,) = torch.autograd.grad(out[0, 0, j, j], x)
    rows = gradient[0, 0].abs().sum(1).nonzero().flatten()
    return out.shape[-1], int(rows[0]), int(rows[-1]), gradient


def backwards(layers: list[tuple[int, int]]) -> int:
    r = 1
    for kernel, stride in reversed(layers):
        r = stride * (r - 1) + kernel
    return r


@pytest.mark.proves("prop-cycle-field")
def test_windows_of_a_patchgan():
    widths = {}
    for m in (1, 2, 3, 4):
        layers = [(4, 2)] * m + [(4, 1)] * 2
        jumps = np.cumprod([1] + [s for _, s in layers])
        forward = 1 + sum((k - 1) * jumps[i] for i, (k, _) in enumerate(layers))
        side = 2**m * 12 if m < 4 else 192
        number, first, last, _ = reach(discriminator(layers), side)
        j = number // 2
        assert number == side // 2**m - 2
        assert first == max(0, 2**m * j - (3 * 2**m - 1))
        if first > 0 and last < side - 1:
            assert last - first + 1 == forward
        assert forward == backwards(layers) == 9 * 2**m - 2
        widths[m] = forward
        # The stride after the layer in the place of the one before it, a common slip.
        assert 1 + sum((k - 1) * jumps[i + 1] for i, (k, _) in enumerate(layers)) > forward
    assert widths == {1: 16, 2: 34, 3: 70, 4: 142} and backwards([(4, 2)] * 5 + [(4, 1)] * 2) == 286
    number, first, last, _ = reach(discriminator([(4, 2)] * 3 + [(4, 1)] * 2), 256)
    assert number == 30 and last - first + 1 == 70
    four = [(4, 2)] * 4 + [(4, 1)]
    number, first, last, _ = reach(discriminator(four), 256)
    assert last - first + 1 == backwards(four) == 94 == 6 * 2**4 - 2 and number == 15
    assert 6 * 2**3 - 2 == backwards([(4, 2)] * 3 + [(4, 1)]) != 70
    mixed = [(7, 1), (3, 2), (5, 3), (2, 2)]
    jumps = np.cumprod([1] + [s for _, s in mixed])
    assert backwards(mixed) == 1 + sum((k - 1) * jumps[i] for i, (k, _) in enumerate(mixed))


def test_instance_normalisation_sees_the_whole_picture():
    layers = [(4, 2), (4, 2), (4, 1)]
    plain, normal = reach(discriminator(layers), 64)[3], reach(discriminator(layers, True), 64)[3]
    assert plain[0, 0, :4].abs().max() == 0 < normal[0, 0, :4].abs().max()


def windows(law: dict[tuple, float], r: int) -> list[dict[tuple, float]]:
    """Law of the window of width r at each position."""
    n = len(next(iter(law)))
    found: list[dict[tuple, float]] = []
    for i in range(n - r + 1):
        one: Counter = Counter()
        for row, p in law.items():
            one[row[i : i + r]] += p
        found.append(dict(one))
    return found


def pair(a: dict, b: dict) -> tuple[list[float], list[float]]:
    keys = sorted(set(a) | set(b))
    return [a.get(k, 0.0) for k in keys], [b.get(k, 0.0) for k in keys]


def average(laws: list[dict]) -> dict:
    total: Counter = Counter()
    for one in laws:
        for key, p in one.items():
            total[key] += p / len(laws)
    return dict(total)


def markov(law: dict[tuple, float], order: int) -> dict[tuple, float]:
    """The Markov law of this order with the same windows of width order + 1."""
    n = len(next(iter(law)))
    wide, narrow = windows(law, order + 1), windows(law, order) if order else []
    made = {}
    for row in product((0, 1), repeat=n):
        p = wide[0].get(row[: order + 1], 0.0)
        for i in range(1, n - order):
            if p == 0:
                break
            below = narrow[i].get(row[i : i + order], 0.0) if order else 1.0
            p = p * wide[i].get(row[i : i + order + 1], 0.0) / below if below else 0.0
        if p:
            made[row] = p
    return made


def entropy(law: dict) -> float:
    return -sum(p * math.log(p) for p in law.values() if p)


@pytest.mark.proves("thm-cycle-patch")
def test_what_patches_can_tell():
    rng = np.random.default_rng(0)
    rows = list(product((0, 1), repeat=6))
    real, fake = (dict(zip(rows, rng.dirichlet(np.ones(64)), strict=True)) for _ in range(2))
    r = 3
    # 1: the best scores, found by Newton's method on the mean over positions, reach the value of the averaged laws.
    keys = list(product((0, 1), repeat=r))

    def counts(law):
        return sum(
            p * np.array([sum(row[i : i + r] == k for i in range(4)) / 4 for k in keys]) for row, p in law.items()
        )

    p, q = counts(real), counts(fake)
    a = np.zeros(8)
    for _ in range(30):
        d = 1 / (1 + np.exp(-a))
        a -= (q * d - p * (1 - d)) / ((p + q) * d * (1 - d))
    least = (p * np.logaddexp(0, -a) + q * np.logaddexp(0, a)).sum()
    mean_p, mean_q = pair(average(windows(real, r)), average(windows(fake, r)))
    assert close(least, math.log(4) - 2 * js(mean_p, mean_q))
    d = p / (p + q)
    delta = ((p - q) ** 2 / (p + q)).sum()
    squares = losses.get("least_squares")
    at_real, at_fake = (torch.from_numpy(np.repeat(d, np.round(w * 1e5).astype(int))) for w in (p, q))
    assert close(squares.discriminator(at_real, at_fake), 0.25 - delta / 8, 1e-4)
    assert close(squares.discriminator(torch.tensor(0.5), torch.tensor(0.5)), 0.25)  # of a blind one
    # 2: who knows the position sees more.
    by_place = np.mean([js(*pair(x, y)) for x, y in zip(windows(real, r), windows(fake, r), strict=True)])
    assert by_place > js(mean_p, mean_q) + 1e-3
    assert js(*pair(real, fake)) > by_place + 1e-3  # and the whole picture still more
    # 3a: two ends.
    n = 6
    ends = {(x, *(0,) * (n - 2), y): 0.25 for x in (0, 1) for y in (0, 1)}
    copies = {(x, *(0,) * (n - 2), x): 0.5 for x in (0, 1)}
    for width in range(1, n):
        for x, y in zip(windows(ends, width), windows(copies, width), strict=True):
            assert close(js(*pair(x, y)), 0)
    assert close(js(*pair(ends, copies)), 0.75 * math.log(4 / 3))
    # 3b: circular padding.
    row = (0, 0, 1, 0, 1, 1)

    def seen(shift, circular):
        moved = row[shift:] + row[:shift]
        moved += moved[: r - 1] if circular else ()
        return Counter(moved[i : i + r] for i in range(len(moved) - r + 1))

    assert all(seen(shift, True) == seen(0, True) for shift in range(6))
    assert seen(1, False) != seen(0, False)  # without the padding translates differ at the border
    # 4: Markov laws are determined; the Markov law has the largest entropy; one Markov law is not enough.
    chain = markov(real, r - 1)
    assert close(sum(chain.values()), 1)
    for x, y in zip(windows(real, r), windows(chain, r), strict=True):
        assert close(js(*pair(x, y)), 0, 1e-8)
    again = markov(chain, r - 1)
    assert all(close(again[k], chain[k]) for k in chain)
    assert entropy(chain) > entropy(real) + 1e-2
    assert all(close(markov(ends, 2)[k], ends[k]) for k in ends) and entropy(ends) > entropy(copies) + 0.5
    assert js(*pair(chain, real)) > 1e-2  # equal windows, one of the two Markov, and not equal


@pytest.mark.proves("prop-cycle-logits")
def test_mean_of_losses_and_loss_of_the_mean():
    a = (2 * torch.randn(7)).requires_grad_()
    for sign in (-1, 1):
        assert softplus(sign * a.mean()) < softplus(sign * a).mean() - 1e-3
    assert close((a.mean() - 1).square(), (a - 1).square().mean() - a.var(correction=0))
    (each,) = torch.autograd.grad(losses.non_saturating_generator(a), a)
    (same,) = torch.autograd.grad(losses.non_saturating_generator(a.mean()), a)
    assert torch.allclose(each, -torch.sigmoid(-a.detach()) / 7)
    assert torch.allclose(same, -torch.sigmoid(-a.detach().mean()).expand(7) / 7)
    assert not torch.allclose(each, same, atol=1e-2)
    # 3: two ends, whose windows agree, and a law whose windows do not. Scores of 2 windows; all pictures enumerated.
    ends = {(x, y): 0.25 for x in (0, 1) for y in (0, 1)}
    copies = {(x, x): 0.5 for x in (0, 1)}
    other = {(0, 0): 0.7, (1, 0): 0.3}

    def loss(score: Tensor, real: dict, fake: dict, mean_first: bool, squares: bool) -> Tensor:
        total = torch.zeros(())
        for law, is_real in ((real, True), (fake, False)):
            for row, p in law.items():
                logits = score[list(row)]
                logits = logits.mean() if mean_first else logits
                if squares:
                    total = total + p * 0.5 * (logits - float(is_real)).square().mean()
                else:
                    total = total + p * softplus(-logits if is_real else logits).mean()
        return total

    for squares, middle in ((False, 0.0), (True, 0.5)):
        for mean_first in (False, True):
            start = torch.full((2,), middle, requires_grad=True)
            (g,) = torch.autograd.grad(loss(start, ends, copies, mean_first, squares), start)
            assert g.abs().max() < 1e-12
            base = loss(start, ends, copies, mean_first, squares)
            for _ in range(20):
                assert loss(start + torch.randn(2), ends, copies, mean_first, squares) >= base - 1e-12
            (g,) = torch.autograd.grad(loss(start, ends, other, mean_first, squares), start)
            assert g.abs().max() > 1e-2


# ----------------------------------------------------------------------------------------------------------- the cycle


def pushed(masses, g, n: int) -> np.ndarray:
    out = np.zeros(n)
    for i, m in enumerate(masses):
        out[g[i]] += m
    return out


def exact_pairs(a, b) -> list[tuple]:
    """All (G, F) between finite sets with both laws right and both cycles right almost surely, by trying all maps."""
    found = []
    for g in product(range(len(b)), repeat=len(a)):
        if not np.allclose(pushed(a, g, len(b)), b):
            continue
        for f in product(range(len(a)), repeat=len(b)):
            forth = all(f[g[i]] == i for i in range(len(a)) if a[i] > 0)
            if forth and np.allclose(pushed(b, f, len(a)), a) and all(g[f[j]] == j for j in range(len(b)) if b[j] > 0):
                found.append((g, f))
    return found


@pytest.mark.proves("thm-cycle-exact")
def test_what_exactness_means():
    cases = (
        ([0.5, 0.25, 0.25], [0.25, 0.5, 0.25], 2),
        ([0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4], 1),
        ([0.25] * 4, [0.25] * 4, 24),
        ([0.5, 0.5], [0.5, 0.25, 0.25], 0),
        ([0.4, 0.6], [0.5, 0.5], 0),
    )
    for a, b, expected in cases:
        pairs = exact_pairs(a, b)
        assert len(pairs) == expected
        for g, _ in pairs:
            assert sorted(g) == list(range(len(b))) and all(close(a[i], b[g[i]]) for i in range(len(a)))
    # 1: one law and one cycle imply the others; a cycle alone does not.
    a, b = [0.5, 0.25, 0.25], [0.25, 0.5, 0.25]
    half, alone = 0, 0
    for g in product(range(3), repeat=3):
        for f in product(range(3), repeat=3):
            if all(f[g[i]] == i for i in range(3)):
                if np.allclose(pushed(a, g, 3), b):
                    half += 1
                    assert np.allclose(pushed(b, f, 3), a) and all(g[f[j]] == j for j in range(3))
                else:
                    alone += 1
    assert half == 2 and alone == 4
    # 3: a pair between the interval and the square: alternate binary digits go to the two coordinates.
    bits = 16
    u = np.random.default_rng(0).integers(0, 2**bits, size=20_000)
    x = sum(((u >> (2 * k)) & 1) << k for k in range(bits // 2))
    y = sum(((u >> (2 * k + 1)) & 1) << k for k in range(bits // 2))
    back = sum((((x >> k) & 1) << (2 * k)) | (((y >> k) & 1) << (2 * k + 1)) for k in range(bits // 2))
    assert (back == u).all()
    cells = np.histogram2d(x / 256, y / 256, bins=4, range=((0, 1), (0, 1)))[0] / len(u)
    assert np.abs(cells - 1 / 16).max() < 0.01


@pytest.mark.proves("thm-cycle-automorphism")
def test_solutions_up_to_automorphisms():
    rng = np.random.default_rng(0)
    # 1, for inexact pairs, on finite sets of points in the plane; T exchanges points of equal mass.
    a, b = rng.dirichlet(np.ones(4)), np.array([0.3, 0.3, 0.2, 0.2])
    at_a, at_b = rng.normal(size=(4, 2)), np.array([[1.0, 0.5], [-1.0, 0.5], [2.0, -1.0], [-2.0, -1.0]])
    mirror = (1, 0, 3, 2)  # keeps distances: the points are mirrored
    swap = (1, 0, 2, 3)  # does not
    stretch = max(
        np.linalg.norm(at_b[swap[i]] - at_b[swap[j]]) / np.linalg.norm(at_b[i] - at_b[j])
        for i in range(4)
        for j in range(4)
        if i != j
    )

    def parts(g, f):
        forth = sum(a[i] * np.linalg.norm(at_a[f[g[i]]] - at_a[i]) for i in range(4))
        back = sum(b[j] * np.linalg.norm(at_b[g[f[j]]] - at_b[j]) for j in range(4))
        return js(pushed(a, g, 4), b), js(pushed(b, f, 4), a), forth, back

    changed = 0
    for _ in range(200):
        g, f = rng.integers(4, size=4), rng.integers(4, size=4)
        old = parts(g, f)
        for t in (mirror, swap):
            inverse = np.argsort(t)
            new = parts(np.array(t)[g], f[inverse])
            assert np.allclose(new[:3], old[:3])
            if t is mirror:
                assert close(new[3], old[3])
            else:
                assert new[3] <= stretch * old[3] + 1e-9
                changed += abs(new[3] - old[3]) > 1e-3
        wrong = parts(np.array(mirror)[g], f)  # T without its inverse
        changed += abs(wrong[2] - old[2]) > 1e-3
    assert changed > 100
    # 2: all exact pairs are one of them followed by an automorphism.
    pairs = exact_pairs([0.25, 0.25, 0.3, 0.2], [0.3, 0.25, 0.2, 0.25])
    shuffles = [
        t for t in permutations(range(4)) if np.allclose(pushed([0.3, 0.25, 0.2, 0.25], t, 4), [0.3, 0.25, 0.2, 0.25])
    ]
    g, f = pairs[0]
    made = {(tuple(t[g[i]] for i in range(4)), tuple(f[np.argsort(t)[j]] for j in range(4))) for t in shuffles}
    assert made == set(pairs) and len(pairs) == 2
    # Continuous: rotations of the normal law; a shift of the interval; both laws and both cycles stay right.
    x = torch.randn(50_000, 2)
    turn = torch.tensor([[0.6, -0.8], [0.8, 0.6]])
    assert torch.allclose((x @ turn.T @ turn), x)
    covariance = (x @ turn.T).T @ (x @ turn.T) / len(x)
    assert (covariance - torch.eye(2)).abs().max() < 0.03
    shear = torch.tensor([[1.0, 0.5], [0.0, 1.0]])
    assert ((x @ shear.T).T @ (x @ shear.T) / len(x) - torch.eye(2)).abs().max() > 0.2  # no automorphism
    u = torch.rand(50_000)
    for moved in (1 - u, (u + 0.3) % 1):
        assert (torch.histc(moved, 10, 0, 1) / len(u) - 0.1).abs().max() < 0.01


@pytest.mark.proves("prop-cycle-identity")
def test_what_the_identity_loss_excludes():
    rng = np.random.default_rng(0)
    n = 40
    x, y = rng.normal(size=(n, 2)), rng.normal(size=(n, 2)) + np.array([1.0, 0.5])
    # 1: a function that mirrors A and leaves B alone.
    table = {tuple(p): tuple(-p) for p in x} | {tuple(p): tuple(p) for p in y}
    assert all(np.allclose(table[tuple(p)], p) for p in y) and all(np.allclose(table[tuple(p)], -p) for p in x)
    # 2: linear maps, for three norms; the bound needs both summands.
    tight = 0.0
    for order in (1, 2, np.inf):
        cost = np.linalg.norm(x[:, None] - y[None], ord=order, axis=-1)
        i, j = linear_sum_assignment(cost)
        distance = cost[i, j].mean()
        for _ in range(60):
            m = np.eye(2) + rng.normal(size=(2, 2)) * rng.choice([0.05, 1.0])
            lipschitz = np.linalg.norm(m, ord=order)
            moved = np.linalg.norm(x @ m.T - x, ord=order, axis=1).mean()
            identity = np.linalg.norm(y @ m.T - y, ord=order, axis=1).mean()
            assert moved <= identity + (1 + lipschitz) * distance + 1e-9
            tight = max(tight, moved - identity - distance, moved - (1 + lipschitz) * distance)
    assert tight > 0  # W₁ alone, or the bound without I(G), would fail
    # The bound is reached: one point each, on a line, with the map z ↦ y − L (z − y).
    p, q, steep = 0.0, 1.0, 3.0
    assert close(abs((q - steep * (p - q)) - p), (1 + steep) * abs(p - q))
    # 3: rows of bits with windows of 3; g is the identity on windows of B, and anything on the others.
    meadow = [tuple(rng.integers(2, size=8)) for _ in range(6)]
    horses = [(*row[:3], 2, 2, *row[5:]) for row in meadow]  # two pixels of another colour
    zebras = [(*row[:3], 3, 3, *row[5:]) for row in meadow]

    def all_windows(rows):
        return [row[i : i + 3] for row in rows for i in range(6)]

    known = set(all_windows(zebras))

    def g(w):
        return w[1] if w in known else 7

    assert all(g(w) == w[1] for w in all_windows(zebras))
    kept = np.mean([g(w) == w[1] for w in all_windows(horses)])
    share = np.mean([w in known for w in all_windows(horses)])  # of the absolutely continuous part
    assert kept == share and 0.2 < share < 0.8


# --------------------------------------------------------------------------------------------------------- hidden bits


@pytest.mark.proves("prop-cycle-counting")
def test_too_few_pictures():
    b = np.array([0.4, 0.3, 0.2, 0.1])
    for inside in (1, 2, 3):
        bound = 1 - np.sort(b)[::-1][:inside].sum()
        least = 1.0
        for f in product(range(inside + 1), repeat=4):
            left = sum(b[j] for j in range(4) if f[j] >= inside)
            # Given F, the best G returns the most frequent picture with each value.
            right = sum(max((b[j] for j in range(4) if f[j] == v), default=0) for v in range(inside + 1))
            least = min(least, left + 1 - right)
        assert close(least, bound)
    # With room outside A a perfect cycle is possible, and all of the price is paid there.
    assert close(sum(b[j] for j, v in enumerate((0, 1, 2, 3)) if v >= 2), 1 - b[:2].sum())
    assert 1 - 2 / 4 > 1 - b[:2].sum() + 0.1  # the formula for equal masses would be wrong here
    rng = np.random.default_rng(0)  # random maps
    for _ in range(50):
        f, g = rng.dirichlet(np.ones(4), size=4), rng.dirichlet(np.ones(4), size=4)  # F(y) in 0..3, of which 0, 1 are A
        price = (b * f[:, 2:].sum(1)).sum() + 1 - (b[:, None] * f * g.T).sum()
        assert price >= 1 - b[:2].sum()


@pytest.mark.proves("thm-cycle-capacity")
def test_the_capacity_of_invisible_ink():
    rng = np.random.default_rng(0)
    # 1 and 2 in one dimension, where everything can be computed: S = 0.5 and several noises.
    power = 0.5
    u = (np.arange(800) + 0.5) / 800
    for sigma in (0.3, 1.0, 3.0):
        for code in ((2 * u - 1) * math.sqrt(3 * power), math.sqrt(power) * np.sign(u - 0.5), np.sin(4 * math.pi * u)):
            assert close((code**2).mean(), power, 1e-3)
            y = np.linspace(-2 - 7 * sigma, 2 + 7 * sigma, 2001)
            given = np.exp(-((y[None] - code[:, None]) ** 2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))
            marginal = given.mean(0)
            h = -(marginal * np.log(marginal)).sum() * (y[1] - y[0])
            information = h - 0.5 * math.log(2 * math.pi * math.e * sigma**2)
            assert 0 <= information <= 0.5 * math.log(1 + power / sigma**2) + 1e-6
            best = (given * u[:, None]).mean(0) / marginal
            error = ((best[None] - u[:, None]) ** 2 * given).mean(0).sum() * (y[1] - y[0])
            assert error >= (1 + power / sigma**2) ** -1 / (2 * math.pi * math.e)
            assert error >= math.exp(-2 * information) / (2 * math.pi * math.e)
            assert error <= 1 / 12 + 1e-6  # 4: a reader is never worse off than with ½
    # A Gaussian signal reaches the ceiling, so half of it would be wrong.
    assert 0.5 * math.log(1 + 4.0) > 0.25 * math.log(1 + 4.0)
    s = rng.normal(size=400_000) * 2
    received = s + rng.normal(size=400_000)
    correlation = np.corrcoef(s, received)[0, 1]
    assert close(-0.5 * math.log(1 - correlation**2), 0.5 * math.log(5), 5e-3)
    # 3: the simple code in many dimensions.
    d, n, power, sigma = 192, 20_000, 1.0, 10.0
    u = rng.random(n)
    mean = np.concatenate([rng.normal(size=(2000, d)).mean(1) for _ in range(n // 2000)])
    read = 0.5 + ((2 * u - 1) * math.sqrt(3 * power) + sigma * mean) / (2 * math.sqrt(3 * power))
    error = ((read - u) ** 2).mean()
    assert close(error, sigma**2 / (12 * power * d), 0.05 * 0.05)
    assert abs(error - sigma**2 / (12 * power)) > 1  # without the d
    assert close(((0.5 - u) ** 2).mean(), 1 / 12, 2e-3)
    assert close(math.sqrt(100 / (12 * 12288)), 0.026, 1e-3) and close(math.sqrt(1 / 12), 0.289, 1e-3)


# ---------------------------------------------------------------------------------------------------------- the machine


@pytest.mark.proves("prop-cycle-pool")
def test_the_age_of_a_fake():
    size, n, runs = 5, 40, 40_000
    rng = np.random.default_rng(0)
    pool = np.tile(np.arange(size), (runs, 1))
    shown = np.zeros((runs, n), int)
    shown[:, :size] = 1
    for step in range(size, n):
        heads = rng.random(runs) < 0.5
        slot = rng.integers(size, size=runs)
        out = np.where(heads, step, pool[np.arange(runs), slot])
        pool[~heads, slot[~heads]] = step
        shown[np.arange(runs), out] += 1
    age = step - out
    rho = 1 / (2 * size)
    assert abs((age == 0).mean() - 0.5) < 0.01
    for t in (1, 2, 10, n - 1 - size):
        expected = 0.5 * rho * (1 - rho) ** (t - 1)
        assert abs((age == t).mean() - expected) < 5 * math.sqrt(expected / runs)
    assert abs((out < size).mean() - 0.5 * (1 - rho) ** (n - 1 - size)) < 0.004
    assert shown[:, size:].max() == 1 and shown[:, :size].max() == 2  # never twice, but for the first
    # Exactly, by the law: sums to one, mean B, tail; and a buffer that is drawn from always would have mean 2B.
    t = np.arange(1, 4000)
    law = 0.5 * rho * (1 - rho) ** (t - 1)
    assert close(law.sum(), 0.5) and close((t * law).sum(), size) and close((t * law).sum() / 0.5, 2 * size)
    assert close(law[20:].sum(), 0.5 * (1 - rho) ** 20)
    assert abs(0.5 * rho - 0.5 / size) > 0.04  # with 1/B for the rate: the coin forgotten


@pytest.mark.proves("prop-cycle-norm")
def test_what_instance_normalisation_erases():
    h = torch.randn(3, 4, 8, 8)
    norm = nn.InstanceNorm2d(4, affine=True)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    assert torch.allclose(norm(h + torch.randn(3, 4, 1, 1)), norm(h))
    scaled = nn.InstanceNorm2d(4, eps=norm.eps / 9, affine=True)
    scaled.load_state_dict(norm.state_dict())
    assert torch.allclose(norm(3 * h), scaled(h))
    assert torch.allclose(norm(h)[:1], norm(h[:1])) and torch.allclose(norm(h), norm.eval()(h))  # 4
    running = nn.InstanceNorm2d(4, track_running_stats=True)
    running(h)
    assert not torch.allclose(running(h), running.eval()(h), atol=1e-2)
    assert not torch.allclose(nn.BatchNorm2d(4)(h)[:1], nn.BatchNorm2d(4)(h[:1]), atol=1e-3)

    # 2: tints do not pass a convolution with reflection padding and the normalisation; they pass one with zeros.
    def translator(padding: str) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(3, 8, 7, padding=3, padding_mode=padding), nn.InstanceNorm2d(8), nn.ReLU(),
            nn.Conv2d(8, 3, 3, padding=1, padding_mode=padding), nn.Tanh(),
        )  # fmt: skip

    x, tint = torch.randn(2, 3, 16, 16), torch.tensor([0.5, -0.2, 0.1]).view(1, 3, 1, 1)
    for padding in ("reflect", "circular"):
        g = translator(padding)
        assert torch.allclose(g(x + tint), g(x))
        assert not torch.allclose(g(x + torch.randn(2, 3, 16, 16)), g(x), atol=1e-2)
    g = translator("zeros")
    assert not torch.allclose(g(x + tint), g(x), atol=1e-3)
    # The bound on the identity loss: tints ±0.4 with equal chance, for any such translator; it is reached.
    g = translator("reflect")
    kappa = torch.tensor([[0.4, 0.4, 0.0], [-0.4, -0.4, 0.0]]).view(2, 3, 1, 1)
    y = x[:1] + kappa
    identity = (g(y) - y).abs().sum((1, 2, 3)).mean()
    bound = 16 * 16 * 2 * 0.4
    assert identity >= bound - 1e-9
    assert close((x[:1] - y).abs().sum((1, 2, 3)).mean(), bound)
    # 3: one pixel.
    one = torch.randn(5, 4, 1, 1)
    by_hand = nn.GroupNorm(4, 4)  # a group per channel: the same formula, and it takes a single pixel
    by_hand.load_state_dict(norm.state_dict())
    assert torch.allclose(by_hand(h), norm(h))
    assert torch.allclose(by_hand(one), norm.bias.view(1, 4, 1, 1).expand(5, 4, 1, 1))
    with pytest.raises(ValueError, match="more than 1 spatial element"):
        norm.train()(one)


@pytest.mark.proves("prop-cycle-unet")
@pytest.mark.parametrize("leaky", [True, False])
def test_a_unet_can_copy(leaky):
    c, m = 3, 26
    first, last = nn.Conv2d(c, m, 4, 2, 1), nn.ConvTranspose2d(m + 5, c, 4, 2, 1)
    for layer in (first, last):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    k = 0
    with torch.no_grad():
        for channel in range(c):
            for i in (1, 2):
                for j in (1, 2):
                    for sign in (1.0, -1.0):
                        first.weight[k, channel, i, j] = sign
                        last.weight[k, channel, i, j] = sign
                        k += 1
    assert k == 8 * c

    def unet(x: Tensor, rectified: bool = True) -> Tensor:
        skip = first(x)
        skip = nn.functional.leaky_relu(skip, 0.2) if leaky else skip
        joined = torch.cat([skip, torch.randn(len(x), 5, *skip.shape[2:])], 1)  # whatever the deeper layers return
        return last(joined.relu() if rectified else joined)

    x = torch.randn(2, c, 12, 8)
    assert torch.allclose(unet(x), x)
    assert not torch.allclose(unet(x, rectified=False), x, atol=0.1)
    with torch.no_grad():
        first.weight[1::2] = 0  # 4C filters only, without their negatives: half of the numbers are lost
    assert not torch.allclose(unet(x), x, atol=0.1)
