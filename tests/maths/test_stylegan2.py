"""Every statement of chapter 14, checked by numbers, each beside a plausible wrong variant.

The layers are a few lines written from the formulas of the page, so that they do not share a fault with ganlib.
"""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.integrate import quad
from torch import Tensor


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
    return abs(a - b) <= tolerance * max(abs(a), abs(b)) + 1e-9  # relative, so that small numbers are tested too


# ------------------------------------------------------------------------------------------------- droplets


def normalise(x: Tensor) -> Tensor:
    return (x - x.mean()) / x.var(correction=0).sqrt()


@pytest.mark.proves("prop-stylegan2-spike")
def test_a_spike_scales_the_rest():
    x = torch.randn(24, 24).flatten()
    pixels = len(x)
    mean, sigma = x.mean(), x.var(correction=0).sqrt()
    assert torch.allclose(normalise(7 * x + 3), normalise(x))  # no amplitude of the channel itself gets through
    for size in (1, 9, 100):
        share = size / pixels
        delta = x[:size].mean() - mean
        for height in (-5.0, 0.3, 40.0):
            y = x.clone()
            y[:size] += height
            variance = sigma**2 + 2 * share * delta * height + share * (1 - share) * height**2
            assert close(y.mean(), mean + share * height) and close(y.var(correction=0), variance)
            t = sigma / variance.sqrt()
            rest = t * normalise(x)[size:] - share * height / variance.sqrt()
            if size == 1:  # without the offset of the mean, a formula that one writes down too quickly
                assert not torch.allclose(normalise(y)[size:], t * normalise(x)[size:], atol=1e-4)
            assert torch.allclose(normalise(y)[size:], rest)
        flat = x.clone()  # the same mean inside and outside, so that δ = 0
        flat[:size] -= flat[:size].mean() - flat[size:].mean()
        deviation = flat.var(correction=0).sqrt()
        for t in (0.9, 0.5, 0.02):
            height = deviation * math.sqrt((1 / t**2 - 1) / (share * (1 - share)))
            y = flat.clone()
            y[:size] += height
            made = normalise(y)
            offset = math.sqrt(share / (1 - share)) * math.sqrt(1 - t * t)
            assert torch.allclose(made[size:], t * normalise(flat)[size:] - offset)
            assert close(made[:size].mean(), math.sqrt((1 - share) / share) * math.sqrt(1 - t * t))
            assert made.max() <= math.sqrt(pixels - 1)
            if size == 1:  # √M / h is right to first order only
                assert t > 0.1 or abs(math.sqrt(pixels) * deviation / height / t - 1) < 0.01
    lonely = torch.zeros(pixels)
    lonely[5] = 1.0
    assert close(normalise(lonely).max(), math.sqrt(pixels - 1))
    # two channels of equal pattern: a pair of spikes sets any ratio of their amplitudes below the normalisation
    one, two = x.clone(), x.clone()
    one[0] += 10.0
    two[0] += 300.0
    ratio = normalise(one)[5:].std() / normalise(two)[5:].std()
    assert ratio > 5 and close(normalise(x)[5:].std() / normalise(3 * x)[5:].std(), 1)


# ------------------------------------------------------------------------------------------------- the layer


def scaled(x: Tensor, w: Tensor, s: Tensor, eps: float = 1e-8, demodulate: bool = True) -> Tensor:
    """The activations are scaled: x (N, C, H, W), w (K, C, k, k), s (N, C)."""
    y = F.conv2d(x * s[:, :, None, None], w, padding=w.shape[-1] // 2)
    if not demodulate:
        return y
    d = torch.einsum("kcij,nc->nk", w**2, s**2).add(eps).rsqrt()
    return y * d[:, :, None, None]


def grouped(x: Tensor, w: Tensor, s: Tensor, eps: float = 1e-8) -> Tensor:
    """The weights are scaled, one group of channels for each sample."""
    n, c = s.shape
    own = w[None] * s[:, None, :, None, None]
    own = own / (own.square().sum((2, 3, 4), keepdim=True) + eps).sqrt()
    y = F.conv2d(x.reshape(1, n * c, *x.shape[2:]), own.flatten(0, 1), padding=w.shape[-1] // 2, groups=n)
    return y.reshape(n, -1, *x.shape[2:])


@pytest.mark.proves("prop-stylegan2-modulation")
def test_two_forms_of_one_convolution():
    x, w = torch.randn(3, 5, 8, 8, requires_grad=True), torch.randn(4, 5, 3, 3, requires_grad=True)
    s = (1 + 0.5 * torch.randn(3, 5)).requires_grad_()
    made, other = scaled(x, w, s), grouped(x, w, s)
    assert torch.allclose(made, other)
    loss = torch.randn_like(made)
    for one, two in zip(
        torch.autograd.grad((made * loss).sum(), (x, w, s)),
        torch.autograd.grad((other * loss).sum(), (x, w, s)),
        strict=True,
    ):
        assert torch.allclose(one, two)
    # one style for the whole batch, which a reshape in the wrong order amounts to, is another function
    assert not torch.allclose(made[1:], grouped(x, w, s[:1].expand(3, -1))[1:], atol=1e-2)
    single = [v.detach().float() for v in (x, w, s)]
    assert (scaled(*single) - grouped(*single)).abs().max() < 1e-5
    # a common factor of the style is forgotten, those of single channels are not
    for c in (0.01, 30.0):
        assert torch.allclose(scaled(x, w, c * s, 0), scaled(x, w, s, 0))
        assert torch.allclose(scaled(x, w, c * s, 1.0), scaled(x, w, s, 1 / c**2))
        assert torch.allclose(scaled(x, c * w, s, 0), scaled(x, w, s, 0))
        assert not torch.allclose(scaled(x, w, c * s, demodulate=False), scaled(x, w, s, demodulate=False))
    assert torch.allclose(scaled(x, w, -s, 0), -scaled(x, w, s, 0))
    (slope,) = torch.autograd.grad((scaled(x, w, s, 0) * loss).sum(), w)
    assert ((slope * w).sum((1, 2, 3)).abs() < 1e-9).all() and slope.norm() > 1
    # a spike is felt in the reach of the kernel only; after a normalisation by statistics it is felt everywhere
    spiked = x.detach().clone()
    spiked[:, 0, 1, 1] += 1000.0
    change = (scaled(spiked, w, s) - made).abs().amax((0, 1))
    assert change[:3, :3].min() > 1 and change[3:].max() == 0 and change[:, 3:].max() == 0
    old = F.instance_norm(F.conv2d(spiked, w, padding=1)) - F.instance_norm(F.conv2d(x, w, padding=1))
    assert old.abs()[:, :, 4:, 4:].max() > 0.3
    # noise behind the demodulation keeps its proportion; noise between convolution and normalisation does not
    noise, b = torch.randn(400, 1, 8, 8), 0.7
    many, style = x[:1].detach().expand(400, -1, -1, -1), s[:1].detach().expand(400, -1)
    shares = []
    for c in (1.0, 4.0):
        signal = F.conv2d(many * c * style[:, :, None, None], w, padding=1)
        whole = signal + b * noise
        gain = whole.var((2, 3), keepdim=True, correction=0).rsqrt()
        share = ((b * (noise - noise.mean((2, 3), keepdim=True))) * gain).square().mean()
        variance = signal[:1].var((2, 3), correction=0)
        within = b**2 * (1 - 1 / 64)
        assert close(share, (within / (variance + within)).mean(), 0.05)
        shares.append(share)
    assert shares[1] < 0.2 * shares[0]


@pytest.mark.proves("thm-stylegan2-demodulation")
def test_variance_behind_the_demodulation():
    n = 4 * 9
    w, s = torch.randn(6, n), 1 + torch.rand(n)
    a = w * s
    d = (a.square().sum(1) + 1e-8).rsqrt()
    # uncorrelated entries of variance 1, not independent and not of mean 0: x_i = e_i·q + 2 with common random size q
    signs = torch.where(torch.rand(200_000, n) < 0.5, -1.0, 1.0)
    size = torch.tensor([0.5, math.sqrt(2 - 0.25)])[torch.randint(2, (200_000, 1))]
    found = ((signs * size + 2) @ a.T * d).var(0)
    assert ((found - 1).abs() < 0.02).all()
    big = 0.3
    assert close(
        ((signs * size) @ a.T / (a.square().sum(1) + big).sqrt()).var(0)[0], 1 / (1 + big / a[0].square().sum()), 0.02
    )
    # correlated entries: the quotient, between the extreme eigenvalues, which are attained
    root = torch.randn(n, n)
    gamma = root @ root.T
    gamma = gamma / torch.outer(gamma.diagonal().sqrt(), gamma.diagonal().sqrt())
    values, vectors = torch.linalg.eigh(gamma)
    drawn = torch.randn(200_000, n) @ torch.linalg.cholesky(gamma).T
    exact = torch.einsum("ki,ij,kj->k", a, gamma, a) * d**2
    assert torch.allclose((drawn @ a.T * d).var(0), exact, rtol=0.02)
    assert exact.min() > values[0] and exact.max() < values[-1] and (exact - 1).abs().max() > 0.2
    assert close(vectors[:, -1] @ gamma @ vectors[:, -1], values[-1])
    ones = torch.ones(n)
    assert close(ones @ torch.ones(n, n) @ ones / ones.square().sum(), n)  # all inputs equal, all weights equal
    # on average over weights with symmetric signs it is 1 for every style; not so if the weights have one sign
    for kind, law in enumerate((gamma, torch.ones(n, n))):
        many = torch.randn(40_000, n)
        quotient = torch.einsum("ki,ij,kj->k", many * s, law, many * s) / (many * s).square().sum(1)
        assert close(quotient.mean(), 1, 0.03) and quotient.std() > (0.1, 1.0)[kind]
        many = many.abs()
        quotient = torch.einsum("ki,ij,kj->k", many * s, law, many * s) / (many * s).square().sum(1)
        assert kind == 0 or quotient.mean() > 10
    # variances that differ: the mean weighted by squared weights, 4/9 and 6/9 at a border padded by zeros
    weight = torch.randn(3000, 4, 3, 3)
    x = torch.randn(300, 4, 6, 6)
    made = scaled(x, weight, torch.ones(300, 4), 0)
    variance = made.var(0).mean(0)
    assert close(variance[2:4, 2:4].mean(), 1, 0.03)
    assert close(variance[0, 0], 4 / 9, 0.05) and close(variance[0, 2:4].mean(), 6 / 9, 0.05)


KERNEL = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=torch.float64) / 8


@pytest.mark.proves("prop-stylegan2-resample")
def test_a_kernel_with_the_right_gain():
    x = torch.randn(1, 1, 10, 10)
    holes = torch.zeros(1, 1, 20, 20)
    holes[:, :, ::2, ::2] = x
    kernel = torch.outer(KERNEL, KERNEL)[None, None]
    made = F.conv2d(F.pad(holes, (2, 1, 2, 1)), 4 * kernel)
    smooth = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    assert torch.allclose(made[:, :, 2:-2, 2:-2], smooth[:, :, 2:-2, 2:-2])
    assert close(kernel.sum(), 1)
    plain = F.conv2d(F.pad(holes, (2, 1, 2, 1)), kernel)
    assert torch.allclose(plain, made / 4)  # a quarter, so an eightfold enlargement is 64 times too dark
    flat = F.conv_transpose2d(torch.ones(1, 1, 10, 10), 4 * kernel, stride=2, padding=1)
    assert torch.allclose(flat[:, :, 2:-2, 2:-2], torch.ones(1, 1, 16, 16))
    assert torch.allclose(
        F.conv_transpose2d(x, 4 * kernel, stride=2, padding=1)[..., 2:-2, 2:-2], smooth[..., 2:-2, 2:-2]
    )
    # downwards the sum 1 is right: constants stay
    down = F.conv2d(F.pad(torch.ones(1, 1, 20, 20), (1, 1, 1, 1)), kernel, stride=2)
    assert torch.allclose(down[:, :, 1:-1, 1:-1], torch.ones(1, 1, 8, 8))
    # and it is a quarter of the transpose
    u, v = torch.randn(1, 1, 20, 20), torch.randn(1, 1, 10, 10)
    lowered = F.conv2d(u, kernel, stride=2, padding=1)
    raised = F.conv_transpose2d(v, 4 * kernel, stride=2, padding=1)
    assert close((lowered * v).sum(), (u * raised).sum() / 4)
    # white noise of variance 1 becomes noise of variance 25/64 in the interior
    white = F.interpolate(torch.randn(4000, 1, 6, 6), scale_factor=2, mode="bilinear")[:, :, 3:-3, 3:-3]
    assert close(white.var(0).mean(), 25 / 64, 0.02) and not close(white.var(0).mean(), 0.25, 0.3)


# ------------------------------------------------------------------------------------------------- lazy regularisation


def adam(gradients: np.ndarray, eta: float, beta: float) -> np.ndarray:
    """Displacements of Adam with β₁ = 0 and no ε, gradients at fixed parameters: (T, n) → (T, n)."""
    v, out = np.zeros(gradients.shape[1]), np.empty_like(gradients)
    for t, g in enumerate(gradients):
        v = beta * v + (1 - beta) * g * g
        out[t] = -eta * g / np.sqrt(v / (1 - beta ** (t + 1)) + 1e-300)
    return out


@pytest.mark.proves("thm-stylegan2-lazy")
def test_lazy_regularisation():
    assert close(16 / 17, 0.941, 1e-3) and close(0.99 ** (16 / 17), 0.9906, 1e-4)
    assert close(8 / 9, 0.889, 1e-3) and close(0.99 ** (8 / 9), 0.9911, 1e-4)
    rng = np.random.default_rng(0)
    for k in (4, 16):
        c, beta, eta = k / (k + 1), 0.9999, 1e-3
        assert close((0.99**c) ** (k + 1), 0.99**k) and close((k + 1) * c * eta, k * eta)
        # six coordinates: mean of g, deviation of g, mean of r, deviation of r
        kinds = np.array(
            [(1, 0.5, 0, 0), (0, 0, 1, 0.5), (1, 0, 1, 0), (1, 0, 1 / k, 0), (0.3, 1, -0.2, 0.4), (0.5, 2, -0.5, 0)]
        )
        periods = 40_000 // k
        g = kinds[:, 0] + kinds[:, 1] * rng.normal(size=(periods, k, 6))
        r = kinds[:, 2] + kinds[:, 3] * rng.normal(size=(periods, k, 6))
        eager = (g + r).reshape(-1, 6)
        lazy = np.concatenate([g, k * r[:, :1]], 1).reshape(-1, 6)
        # plain descent: the same mean, without any correction; the regulariser's noise counts k times as much
        assert np.allclose(eager.mean(0) * k, lazy.mean(0) * (k + 1), atol=0.05 * k)
        spread = lazy.reshape(-1, k + 1, 6).sum(1).var(0)
        assert np.allclose(spread, k * kinds[:, 1] ** 2 + k**2 * kinds[:, 3] ** 2, rtol=0.1)
        # Adam: displacement per period, and its ratio
        half = periods // 2
        steps = adam(lazy, c * eta, beta**c)
        slow = steps.reshape(-1, k + 1, 6).sum(1)[half:]
        fast = adam(eager, eta, beta).reshape(-1, k, 6).sum(1)[half:]
        both = kinds[:, 0] ** 2 + kinds[:, 1] ** 2, kinds[:, 2] ** 2 + kinds[:, 3] ** 2
        whole = (kinds[:, 0] + kinds[:, 2]) ** 2 + kinds[:, 1] ** 2 + kinds[:, 3] ** 2
        bound = np.sqrt(c * whole / (both[0] + k * both[1]))
        assert np.allclose(bound[:4], (math.sqrt(c), 1 / math.sqrt(k + 1), 2 * math.sqrt(c / (1 + k)), 1))
        assert (bound <= 1 + 1e-12).all()
        ratio = slow.mean(0)[:4] / fast.mean(0)[:4]
        assert np.allclose(ratio, bound[:4], rtol=0.03)
        assert (np.abs(ratio[:3] - 1) > 0.02).all()  # so the runs are not the same
        assert abs(slow.mean(0)[5]) < 0.15 * k * eta  # where the means cancel, neither run moves
        wrong = adam(np.concatenate([g, r[:, :1]], 1).reshape(-1, 6), c * eta, beta**c)  # weight k forgotten
        assert abs(wrong.reshape(-1, k + 1, 6).sum(1)[half:].mean(0)[5]) > 0.15 * k * eta
        # steps are in proportion to the rate: without the factor c the fourth coordinate overtakes the eager run
        assert close(ratio[3] / c, 1 / c, 0.01) and ratio[3] / c > 1.04
        assert np.allclose(np.sqrt((steps[half * k :] ** 2).mean(0)), c * eta, rtol=0.04)


# ------------------------------------------------------------------------------------------------- path length


def norm_mean(n: int) -> float:
    """E‖g‖ for g ~ N(0, I) in n dimensions."""
    return math.sqrt(2) * math.exp(math.lgamma((n + 1) / 2) - math.lgamma(n / 2))


def root_mean(weights: np.ndarray) -> float:
    """E√Q for Q = Σ λᵢgᵢ² with normal gᵢ, from the Laplace transform of Q."""

    def integrand(u: float) -> float:
        return -math.expm1(-0.5 * float(np.log1p(2 * weights * u * u).sum())) / u**2

    return (quad(integrand, 0, 1)[0] + quad(integrand, 1, math.inf)[0]) / math.sqrt(math.pi)


class Layers(torch.nn.Module):
    """A small generator of 3·4·4 numbers, whose three layers read a w each."""

    def __init__(self):
        super().__init__()
        self.reads = torch.nn.ModuleList(torch.nn.Linear(5, 24) for _ in range(3))
        self.mixes = torch.nn.ModuleList(torch.nn.Linear(24, 24) for _ in range(2))
        self.out = torch.nn.Linear(24, 48)

    def forward(self, w: Tensor) -> Tensor:  # (N, 3, 5) → (N, 3, 4, 4)
        h = self.reads[0](w[:, 0]).tanh()
        for read, mix, own in zip(self.reads[1:], self.mixes, w.unbind(1)[1:], strict=True):
            h = (mix(h) * (1 + read(own))).tanh()
        return self.out(h).unflatten(1, (3, 4, 4))


@pytest.mark.proves("prop-stylegan2-vjp")
def test_one_backward_pass():
    g = Layers()
    w = torch.randn(1, 3, 5, requires_grad=True)
    whole = torch.autograd.functional.jacobian(g, w).reshape(48, 3, 5)  # by one backward pass for each output
    y = torch.randn(3, 4, 4)
    (made,) = torch.autograd.grad((g(w)[0] * y).sum(), w)
    assert torch.allclose(made[0], torch.einsum("dln,d->ln", whole, y.flatten()))
    # and by differences along each coordinate of w
    for layer, i in ((0, 1), (2, 4)):
        step = torch.zeros(1, 3, 5)
        step[0, layer, i] = 1e-5
        slope = ((g(w + step) - g(w - step))[0] * y).sum() / 2e-5
        assert close(slope, made[0, layer, i], 1e-7)
    total = whole.sum(1)  # all layers read one w
    pixels = 16
    many = torch.randn(100_000, 48) / math.sqrt(pixels)
    lengths = (many @ total).square().sum(1)
    assert close(lengths.mean(), total.square().sum() / pixels, 0.02)
    assert close(lengths.var(), 2 * (total @ total.T).square().sum() / pixels**2, 0.05)
    assert not close(lengths.mean(), total.square().sum(), 0.5)
    # what the authors' code measures: the mean over the layers, an upper bound times L²
    rows = torch.einsum("sd,dln->sln", many[:1000], whole)
    code = rows.square().sum(2).mean(1)
    true = rows.sum(1).square().sum(1)
    assert (true <= 9 * code + 1e-12).all() and (true / code).max() < 8.9 and (true / code).std() > 0.3
    same = torch.ones(3, 1) * torch.randn(5)
    assert close(same.sum(0).square().sum(), 9 * same.square().sum(1).mean())
    # a weight of 2 for lengths with the small y is 2 / (P L) for the Jacobian of all layers and y ~ N(0, I)
    big = torch.einsum("sd,dln->sln", many[:1000] * math.sqrt(pixels), whole).square().sum((1, 2)).sqrt()
    a = 0.3
    assert torch.allclose(2 * (code.sqrt() - a) ** 2, 2 / (pixels * 3) * (big - a * math.sqrt(pixels * 3)) ** 2)


@pytest.mark.proves("thm-stylegan2-isometry")
def test_equal_singular_values_are_best():
    for n in (1, 2, 5, 512):
        assert n - 1 < norm_mean(n) ** 2 < n and close(norm_mean(n) * norm_mean(n + 1), n)
        assert close(torch.randn(4000, n).norm(dim=1).mean(), norm_mean(n), 0.03)
        assert n < 5 or close(1 - norm_mean(n) ** 2 / n, 1 / (2 * n), 0.06)
    n, d = 4, 9
    y = torch.randn(200_000, d)
    g = y[:, :n]
    least = 1 - norm_mean(n) ** 2 / n
    left, _ = torch.linalg.qr(torch.randn(d, n))
    right, _ = torch.linalg.qr(torch.randn(n, n))
    seen = []
    for values in ((1, 1, 1, 1), (1.2, 1, 0.9, 0.8), (2, 1, 0.5, 0.1), (1, 1, 0, 0), (1, 0, 0, 0)):
        s = torch.tensor(values, dtype=torch.float64)
        x = (y @ (left * s @ right)).norm(dim=1)
        f = s.norm()
        mu = root_mean(s.square().numpy()) / f  # the singular values alone, by an integral; no sample
        assert close(x.mean(), mu * f, 0.01) and close(x.square().mean(), f**2, 0.02)
        assert math.sqrt(2 / math.pi) <= mu + 1e-9 and mu <= norm_mean(n) / 2 + 1e-9
        effective = f**4 / (s**4).sum()
        assert close(x.var(), f**2 * (1 - mu**2), 0.03) and f**2 * (1 - mu**2) <= 2 * f**2 / effective
        # the best multiple of this matrix for a = 1, and what it leaves
        best = ((mu * x / f - 1) ** 2).mean()
        assert close(best, 1 - mu**2, 0.03) and 1 - mu**2 >= least - 1e-9
        for factor in (0.8, 1.25):
            assert ((factor * mu * x / f - 1) ** 2).mean() > best
        seen.append(1 - mu**2)
    assert close(seen[0], least, 1e-6) and all(b - a > 1e-3 for a, b in pairwise(seen[:3]))
    assert close(seen[4], 1 - 2 / math.pi, 1e-6)
    spread = torch.linspace(0.2, 1.8, 256)  # many unequal values: the leading term of the variance
    effective = spread.square().sum() ** 2 / (spread**4).sum()
    rest = 1 - root_mean(spread.square().numpy()) ** 2 / spread.square().sum()
    assert close(rest * 2 * effective, 1, 0.02) and effective < 170
    # the scale at the minimum is a·m/n, not a/√n
    scale = torch.linspace(0.35, 0.55, 401)
    penalty = torch.stack([((k * g.norm(dim=1) - 1) ** 2).mean() for k in scale])
    assert abs(scale[penalty.argmin()] - norm_mean(n) / n) < 2e-3 < abs(norm_mean(n) / n - 1 / math.sqrt(n))
    # in 512 dimensions half of the directions may be missing, and the penalty rises by half a thousandth of a²
    long = torch.randn(10_000, 512)
    half = long[:, :256].norm(dim=1)
    assert (half / half.mean()).var() < 0.0025 and (long.norm(dim=1) / norm_mean(512)).var() < 0.0012
    # two different w: unequal lengths are what is dear
    assert close(torch.cat([0.9 * long.norm(dim=1), 1.1 * long.norm(dim=1)]).div(norm_mean(512)).var(), 0.01, 0.15)


@pytest.mark.proves("prop-stylegan2-target")
def test_nothing_holds_the_target():
    x = torch.randn(1000, 3).norm(dim=1)
    for c in (0.1, 7.0):
        assert close(((c * x - c * 1.3) ** 2).mean(), c**2 * ((x - 1.3) ** 2).mean())
    # flow of the size F of the Jacobian and of a, by small steps, against the eigenvalues
    for n, gamma, kappa in ((2, 0.5, 1.0), (16, 1.0, 0.2), (512, 0.3, 3.0)):
        mu = norm_mean(n) / math.sqrt(n)
        matrix = np.array([[-2 * gamma, 2 * gamma * mu], [kappa * mu, -kappa]])
        assert close(np.linalg.det(matrix), 2 * gamma * kappa * (1 - mu**2)) and np.trace(matrix) < 0
        values = np.linalg.eigvals(matrix)
        assert (values.real < 0).all()
        f, a, dt = 1.0, 0.0, 0.01
        for _ in range(4000):
            f, a = f - dt * 2 * gamma * (f - a * mu), a + dt * kappa * (mu * f - a)
        rate = -math.log((f - dt * 2 * gamma * (f - a * mu)) / f) / dt
        assert close(rate, -values.max(), 0.02 * abs(values.max())) and f < 1
        assert -values.max() < 2 * (1 - mu**2) * min(gamma, kappa / 2) + 1e-12
    fixed = 1.0
    for _ in range(4000):  # a held at 1 holds the size too
        fixed -= 0.01 * 2 * 0.5 * (fixed - norm_mean(2) / math.sqrt(2))
    assert close(fixed, norm_mean(2) / math.sqrt(2), 1e-6)
    # the gradient through a does not matter where a is the mean
    jacobian = torch.randn(6, 3, requires_grad=True)
    lengths = (torch.randn(20_000, 6) @ jacobian).norm(dim=1)
    for decay in (0.01, 1.0):
        through = lengths.mean().detach() + decay * (lengths.mean() - lengths.mean().detach())
        one = torch.autograd.grad((lengths - through).square().mean(), jacobian, retain_graph=True)[0]
        two = torch.autograd.grad((lengths - lengths.mean().detach()).square().mean(), jacobian, retain_graph=True)[0]
        assert torch.allclose(one, two)
    # three parts of the penalty
    sizes = 1 + 0.3 * torch.rand(50, 1)
    table = sizes * torch.randn(50, 4000, 4).norm(dim=2)
    parts = table.var(1, correction=0).mean(), table.mean(1).var(correction=0), (table.mean() - 1.7) ** 2
    assert close(((table - 1.7) ** 2).mean(), sum(parts)) and min(parts) > 1e-3


def zigzag(t: Tensor, pieces: int) -> Tensor:
    u = (t * pieces) % 2
    return torch.minimum(u, 2 - u)


@pytest.mark.proves("prop-stylegan2-same")
def test_one_law_many_path_lengths():
    w = (torch.arange(100_000) + 0.5) / 100_000
    one, two = torch.rand(2, 200_000)
    t, eps = torch.rand(200_000), 1e-5
    at, after = one + t * (two - one), one + (t + eps) * (two - one)
    for pieces in (1, 2, 5):
        made = zigzag(w, pieces).sort().values
        assert (made - w).abs().max() < 1e-4  # the uniform law again
        length = ((zigzag(after, pieces) - zigzag(at, pieces)) / eps).square().mean()
        assert close(length, pieces**2 / 6, 0.01)  # E(w₂ − w₁)² = 1/6
        slope = (zigzag(w + 1e-9, pieces) - zigzag(w, pieces)).abs() / 1e-9
        assert ((slope - pieces).abs() < 1e-4).double().mean() > 0.999  # even, so the penalty cannot tell
        # the circle, run through K times at constant speed
        angle = 2 * math.pi * pieces * torch.stack([at, after])
        step = (angle[1].cos() - angle[0].cos()) ** 2 + (angle[1].sin() - angle[0].sin()) ** 2
        ratio = step.mean() / eps**2 / 2  # tr Cov = 1
        assert close(ratio, math.pi**2 * pieces**2 / 3, 0.01)
    # an isometry up to a factor: the path length is that of w, times s²
    s = 0.7
    q, _ = torch.linalg.qr(torch.randn(6, 2))
    a, b = torch.rand(2, 100_000, 2)
    bent = lambda v: torch.cat([(v @ q.T)[:, 1:], 0 * v[:, :1]], 1)  # noqa: E731 - drops a coordinate: no isometry
    step = s * (b - a) @ q.T
    assert close(step.square().sum(1).mean(), 2 * s**2 * 2 / 12, 0.02)
    assert (s * bent(b - a)).square().sum(1).mean() < 2 * s**2 * 2 / 12
    # contrast: c·g has c² times the path length
    assert close(((3 * at - 3 * after) / eps).square().mean(), 9 * ((at - after) / eps).square().mean())


# ------------------------------------------------------------------------------------------------- sums


@pytest.mark.proves("prop-stylegan2-sums")
def test_sums_of_paths():
    n = 400_000
    for r in (-0.5, 0.0, 0.8):
        x = torch.randn(n)
        t = r * x + math.sqrt(1 - r * r) * torch.randn(n)
        assert close(((x + t) / math.sqrt(2)).var(), 1 + r, 0.01)
        assert close((x + t).var(), 2 * (1 + r), 0.01)
    x = y = torch.randn(n)
    for _ in range(4):  # fresh branches of the variance of what they are added to
        branch = torch.randn(n)
        x, y = x + branch * x.std(), (y + branch * y.std()) / math.sqrt(2)
    assert close(x.var(), 16, 0.02) and close(y.var(), 1, 0.02)
    # the image is the sum of what the resolutions contribute
    up = lambda v: F.interpolate(v, scale_factor=2, mode="bilinear")  # noqa: E731
    parts = [torch.randn(64, 3, 4 * 2**k, 4 * 2**k) * (2.0 - 0.5 * k) for k in range(4)]
    image = parts[0]
    for part in parts[1:]:
        image = up(image) + part
    raised = []
    for k, part in enumerate(parts):
        for _ in range(3 - k):
            part = up(part)
        raised.append(part)
    assert torch.allclose(sum(raised), image)
    table = torch.stack([part.flatten() for part in raised])
    covariance = torch.cov(table)
    assert close(image.var(), covariance.sum(), 1e-6)
    assert close(image.var(), covariance.diagonal().sum(), 0.02)  # drawn independently
    deviations = covariance.diagonal().sqrt()
    assert image.std() < deviations.sum() * 0.8
    assert close((deviations / deviations.sum()).sum(), 1)
    # shares of half each of an image that is hardly there
    loud = torch.randn(1000)
    pair = torch.stack([loud, -loud + 0.01 * torch.randn(1000)])
    assert pair.sum(0).std() < 0.02 and abs(pair[0].std() / pair.std(1).sum() - 0.5) < 0.01
    assert close((loud + 3 * loud).std(), loud.std() + (3 * loud).std())  # equality when proportional


def generator_shapes(side: int, channels, n: int = 512) -> list[tuple[int, ...]]:
    """Every parameter of the authors' generator with skip connections, layer by layer."""
    shapes: list[tuple[int, ...]] = [shape for _ in range(8) for shape in ((n, n), (n,))]
    shapes.append((channels(4), 4, 4))

    def convolution(c: int, k: int, size: int) -> None:
        shapes.extend([(k, c, size, size), (c, n), (c,), (k,)])  # weights, affine map and its bias, bias
        if size == 3:
            shapes.append(())  # the strength of the noise

    at = 4
    while at <= side:
        if at > 4:
            convolution(channels(at // 2), channels(at), 3)
        convolution(channels(at), channels(at), 3)
        convolution(channels(at), 3, 1)
        at *= 2
    return shapes


def discriminator_shapes(side: int, channels) -> list[tuple[int, ...]]:
    """Every parameter of the authors' residual discriminator, from the pixels down."""
    shapes: list[tuple[int, ...]] = [(channels(side), 3, 1, 1), (channels(side),)]
    at = side
    while at > 4:
        c, k = channels(at), channels(at // 2)
        shapes += [(c, c, 3, 3), (c,), (k, c, 3, 3), (k,), (k, c, 1, 1)]
        at //= 2
    c = channels(4)
    return [*shapes, (c, c + 1, 3, 3), (c,), (c, 16 * c), (c,), (1, c), (1,)]


def count(shapes: list[tuple[int, ...]]) -> int:
    return sum(math.prod(shape) for shape in shapes)


@pytest.mark.proves("prop-stylegan2-count")
def test_numbers_of_parameters():
    n, levels = 512, 5  # 4 to 64
    expected = {128: (4_352_792, 1_657_857), 512: (27_032_600, 26_488_833)}
    for c, (generator, discriminator) in expected.items():
        made = count(generator_shapes(64, lambda _, c=c: c))
        formula = 8 * (n * n + n) + 16 * c
        formula += (2 * levels - 1) * (9 * c * c + n * c + 2 * c + 1) + levels * (n * c + 4 * c + 3)
        assert made == formula == generator
        made = count(discriminator_shapes(64, lambda _, c=c: c))
        assert made == 4 * c + (levels - 1) * (19 * c * c + 2 * c) + 25 * c * c + 12 * c + 1 == discriminator
    # the largest networks of the paper: tables that the authors' code prints, per layer and in all
    large = lambda side: min(512, 32_768 // side)  # noqa: E731
    assert count(discriminator_shapes(1024, large)) == 29_012_513
    assert count(generator_shapes(1024, large)) == 28_794_124 + 6 * 262_656  # the table has 2 dense layers, not 8
    assert count(generator_shapes(4, large)) == 8 * 262_656 + 8192 + 2_622_465 + 264_195
    small = lambda side: min(512, 16_384 // side)  # noqa: E731
    assert close(count(generator_shapes(1024, large)) / count(generator_shapes(1024, small)), 1.2, 0.03)
    # one affine map for two convolutions, or biases of the affine maps left out, would be seen
    assert made != 4 * c + (levels - 1) * (18 * c * c + 2 * c) + 25 * c * c + 12 * c + 1


# ------------------------------------------------------------------------------------------------- projection


@pytest.mark.proves("prop-stylegan2-inversion")
def test_even_jacobians_are_easy_to_invert():
    d, n, tau = 12, 3, 0.2
    left, _ = torch.linalg.qr(torch.randn(d, n))
    right, _ = torch.linalg.qr(torch.randn(n, n))
    errors = []
    for values in ((1.0, 1.0, 1.0), (1.5, 0.8, math.sqrt(3 - 2.25 - 0.64))):
        s = torch.tensor(values)
        assert close(s.square().sum(), 3)
        jacobian, b, w = left * s @ right, torch.randn(d), torch.randn(n)
        x = w @ jacobian.T + b + tau * torch.randn(100_000, d)
        found = (x - b) @ torch.linalg.pinv(jacobian).T
        rest = (x - b - found @ jacobian.T).square().sum(1)
        assert close(rest.mean(), (d - n) * tau**2, 0.02)
        error = (found - w).square().sum(1).mean()
        assert close(error, tau**2 * (1 / s**2).sum(), 0.03)
        errors.append(error)
        # the distance to the range is what is left; a picture of the range leaves nothing
        q, _ = torch.linalg.qr(jacobian)
        away = (x[0] - b) - q @ (q.T @ (x[0] - b))
        assert close(rest[0], away.square().sum(), 1e-8)
        # descent with the best constant rate
        kappa = s.max() / s.min()
        rate = 2 / (s.max() ** 2 + s.min() ** 2)
        factor = (kappa**2 - 1) / (kappa**2 + 1)
        w0 = w + right[s.argmin()] + right[s.argmax()]
        error = w0 - w
        for _ in range(5):
            after = error - rate * jacobian.T @ (jacobian @ error)
            assert after.norm() <= factor * error.norm() + 1e-12
            assert values[0] == 1 or close(after.norm() / error.norm(), factor, 1e-6)
            error = after
        for other in (0.8, 1.2):  # another rate has a worse worst case
            assert (1 - other * rate * s**2).abs().max() > factor + 0.01
    assert errors[1] > errors[0] * 1.5


@pytest.mark.proves("prop-stylegan2-autocorrelation")
def test_autocorrelation_of_noise_maps():
    def lag(v: Tensor, axis: int) -> Tensor:
        return (v * v.roll(1, axis)).mean((-2, -1))

    for law in (torch.randn(20_000, 16, 16), torch.randint(0, 2, (20_000, 16, 16)) * 2.0 - 1):
        kept = plain = law
        for level, side in enumerate((16, 8)):
            pixels = side * side
            for axis in (-1, -2):
                assert abs(lag(kept, axis).mean()) < 4 / math.sqrt(pixels * 20_000)
                assert close(lag(kept, axis).square().mean(), 1 / pixels, 0.05)
                assert close(lag(plain, axis).square().mean() * pixels, 16.0**-level, 0.05)
            plain = F.avg_pool2d(plain[:, None], 2)[:, 0]
            kept = 2 * F.avg_pool2d(kept[:, None], 2)[:, 0]
    # on a ring of two the two neighbours are one, and the variance is twice as large
    assert close(lag(torch.randn(100_000, 2, 2), -1).square().mean(), 2 / 4, 0.03)
    # normalised maps: never beyond 1, the wave, and the small negative mean of white noise
    wave = math.sqrt(2) * torch.cos(2 * math.pi * 3 * torch.arange(16) / 16).expand(16, 16)
    assert close(lag(wave, -1), math.cos(2 * math.pi * 3 / 16)) and close(lag(wave, -2), 1)
    white = torch.randn(40_000, 4, 4)
    white = white - white.mean((1, 2), keepdim=True)
    white = white / white.square().mean((1, 2), keepdim=True).sqrt()
    assert lag(white, -1).abs().max() <= 1 and abs(lag(white, -1).mean() + 1 / 15) < 4e-3
    # a coarse pattern under white noise: the finest level hardly sees it, a coarse one does
    big = F.interpolate(torch.randn(2000, 1, 8, 8), scale_factor=8).squeeze(1)
    mixed = 0.3 * big + math.sqrt(1 - 0.09) * torch.randn(2000, 64, 64)
    coarse = mixed
    for _ in range(3):
        coarse = 2 * F.avg_pool2d(coarse[:, None], 2)[:, 0]
    assert lag(mixed, -1).mean() < 0.09 and coarse.square().mean() > 5


@pytest.mark.proves("prop-stylegan2-direction")
def test_directions_of_attributes():
    n = 5
    root = torch.randn(n, n)
    sigma = root @ root.T + 0.3 * torch.eye(n)
    u, v, mean = torch.randn(3, n)
    w = mean + torch.randn(400_000, n) @ torch.linalg.cholesky(sigma).T
    score = (w - mean) @ u
    for label in (
        score + torch.randn(400_000),
        (score + 0.5 * torch.randn(400_000) > 0.7).double(),
        score.clamp(-1, 2),
    ):
        gap = label - label.mean()
        covariance = (w * gap[:, None]).mean(0)
        slope = torch.linalg.solve(torch.cov(w.T), covariance)
        assert F.cosine_similarity(slope, u, dim=0) > 0.999
        factor = (gap * score).mean() / (u @ sigma @ u)
        assert close(slope.norm(), factor.abs() * u.norm(), 0.03)
    label = (score > 0).double()
    means = w[label == 1].mean(0) - w[label == 0].mean(0)
    assert F.cosine_similarity(means, sigma @ u, dim=0) > 0.999 > 0.95 > F.cosine_similarity(means, u, dim=0)
    # an even response is not found
    even = score.square()
    nothing = torch.linalg.solve(torch.cov(w.T), (w * (even - even.mean())[:, None]).mean(0))
    assert nothing.norm() * score.std() < 0.03 * even.std() * u.norm()
    # the best direction that leaves the confounder alone, in both measures of a step, against random ones
    angle = (u @ v / u.norm() / v.norm()).acos()
    straight = u - (u @ v) / (v @ v) * v
    straight = straight / straight.norm()
    assert close(straight @ v, 0) and close(straight @ u, u.norm() * angle.sin())
    rho = u @ sigma @ v / ((u @ sigma @ u) * (v @ sigma @ v)).sqrt()
    typical = sigma @ (u - (u @ sigma @ v) / (v @ sigma @ v) * v)
    typical = typical / (typical @ torch.linalg.solve(sigma, typical)).sqrt()
    assert close(typical @ v, 0) and close(typical @ u, ((u @ sigma @ u) * (1 - rho**2)).sqrt())
    for _ in range(300):
        e = torch.randn(n)
        e = e - (e @ v) / (v @ v) * v
        assert e @ u / e.norm() <= straight @ u + 1e-12
        assert e @ u / (e @ torch.linalg.solve(sigma, e)).sqrt() <= typical @ u + 1e-12
    # the difference of the class means drags the confounder along by the covariance of the two
    assert close((sigma @ u) @ v, u @ sigma @ v) and abs((sigma @ u) @ v) > 0.1
