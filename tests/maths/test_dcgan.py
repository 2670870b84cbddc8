"""Every statement of chapter 04, checked by numbers, each beside a plausible wrong variant.

The linear algebra is checked against PyTorch's layers with small integers, so that sums are exact and "equal" means
equal. The networks whose parameters are counted and whose variances are measured are the library's own.
"""

import math
from itertools import product

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor, nn
from torch.nn import functional as F

from ganlib import losses
from ganlib.models.dcgan import DCGANDiscriminator, DCGANGenerator

TINY = 1e-30  # stands for ε = 0, which PyTorch refuses
#        k  s  p  d
CASES = ((3, 1, 0, 1), (3, 2, 1, 1), (4, 2, 1, 1), (5, 2, 2, 1), (5, 3, 1, 1), (3, 2, 2, 2), (2, 3, 0, 1), (3, 3, 1, 2))


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


def whole(*shape: int) -> Tensor:
    """Random whole numbers as floats."""
    return torch.randint(-9, 10, shape).double()


def matrix(w: Tensor, n: int, s: int = 1, p: int = 0, d: int = 1) -> Tensor:
    """The matrix of a one-dimensional convolution, entry by entry from its definition: (m, n)."""
    k = len(w)
    rows = []
    for j in range(n + 2 * p):  # as long as the kernel lies within the padded input
        if s * j + d * (k - 1) > n + 2 * p - 1:
            break
        row = torch.zeros(n)
        for t in range(k):
            i = s * j + d * t - p
            if 0 <= i < n:
                row[i] += w[t]
        rows.append(row)
    return torch.stack(rows) if rows else torch.zeros(0, n)


def size(n: int, k: int, s: int, p: int, d: int = 1) -> int:
    """The formula of the page."""
    return (n + 2 * p - d * (k - 1) - 1) // s + 1


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


# ---------------------------------------------------------------------------------------------- convolution as a matrix


@pytest.mark.proves("prop-dcgan-matrix")
@pytest.mark.parametrize(("k", "s", "p", "d"), CASES)
def test_matrix_of_a_convolution(k, s, p, d):
    n, w, x = 11, whole(k), whole(11)
    by_torch = F.conv1d(x[None, None], w[None, None], stride=s, padding=p, dilation=d)[0, 0]
    a = matrix(w, n, s, p, d)
    assert torch.equal(a @ x, by_torch)
    assert not torch.equal(matrix(w.flip(0), n, s, p, d) @ x, by_torch)  # the convolution of the mathematicians
    if s == 1:
        assert all(torch.equal(a[1:, 1:].diagonal(o), a[:-1, :-1].diagonal(o)) for o in range(-len(a) + 2, n - 1))
    else:  # one row down is s columns to the right
        assert torch.equal(a[1:, s:], a[:-1, :-s])
        assert not torch.equal(a[1:, 1:], a[:-1, :-1])
    entered = matrix(torch.ones(k), n, s, p, d)[1, :s]
    assert entered.any() == (p > 0)  # with padding a row is more than the row above it, moved: taps enter on the left


@pytest.mark.proves("prop-dcgan-matrix")
@pytest.mark.parametrize(("k", "s", "p", "d"), CASES)
def test_matrix_in_two_dimensions(k, s, p, d):
    height, width, w = 8, 9, whole(k, k)
    x = whole(height, width)
    y = F.conv2d(x[None, None], w[None, None], stride=s, padding=p, dilation=d)[0, 0]
    shifts = [matrix(torch.eye(k)[t], height, s, p, d) for t in range(k)]  # 1 where output row j reads input row i
    a = sum(torch.kron(shift, matrix(w[t], width, s, p, d)) for t, shift in enumerate(shifts))
    assert torch.equal((a @ x.flatten()).reshape(y.shape), y)
    wrong = sum(torch.kron(matrix(w[t], height, s, p, d), matrix(torch.eye(k)[t], width, s, p, d)) for t in range(k))
    assert not torch.equal((wrong @ x.flatten()).reshape(y.shape), y)  # rows and columns of the kernel exchanged
    u, v = whole(k), whole(k)
    rank_one = F.conv2d(x[None, None], torch.outer(u, v)[None, None], stride=s, padding=p, dilation=d)[0, 0]
    both = torch.kron(matrix(u, height, s, p, d), matrix(v, width, s, p, d))
    assert torch.equal((both @ x.flatten()).reshape(y.shape), rank_one)
    if s == 1:  # blocks and, within a block, entries are constant along diagonals
        blocks = a.reshape(y.shape[0], y.shape[1], height, width)
        assert torch.equal(blocks[1:, :, 1:], blocks[:-1, :, :-1])
        assert torch.equal(blocks[:, 1:, :, 1:], blocks[:, :-1, :, :-1])


@pytest.mark.proves("prop-dcgan-sizes")
def test_sizes():
    wrong = 0
    for k, s, p, d in product((1, 3, 4, 5), (1, 2, 3), (0, 2), (1, 2)):
        extent = d * (k - 1) + 1
        found: dict[int, list[int]] = {}
        for n in range(1, 19):
            if n + 2 * p < extent:
                continue
            m = len(matrix(torch.ones(k), n, s, p, d))  # counted by sliding the kernel
            assert (
                m == size(n, k, s, p, d) == F.conv1d(torch.ones(1, 1, n), torch.ones(1, 1, k), None, s, p, d).shape[-1]
            )
            wrong += m != math.ceil((n + 2 * p - extent) / s) + 1
            found.setdefault(m, []).append(n)
            q = (n + 2 * p - extent) % s
            assert n == s * (m - 1) + extent - 2 * p + q
            if q < max(s, d):
                back = F.conv_transpose1d(torch.ones(1, 1, m), torch.ones(1, 1, k), None, s, p, q, 1, d)
                assert back.shape[-1] == n
            unread = (matrix(torch.ones(k), n + 2 * p, s, 0, d) != 0).any(0).nonzero().max()
            assert n + 2 * p - 1 - unread == q  # the last q columns of the padded input are read by no window
        for m in sorted(found)[1:-1]:
            first = s * (m - 1) + extent - 2 * p
            assert found[m] == list(range(max(first, 1), first + s))
    assert wrong > 50  # ⌈·⌉ in the place of ⌊·⌋
    assert size(5, 3, 2, 1) == size(6, 3, 2, 1) == 3  # the page's example


# ------------------------------------------------------------------------------------------- the transposed convolution


@pytest.mark.proves("thm-dcgan-adjoint")
@pytest.mark.parametrize(("k", "s", "p", "d"), CASES)
def test_adjoint(k, s, p, d):
    n, n_in, n_out = 10, 2, 3
    m = size(n, k, s, p, d)
    q = (n + 2 * p - d * (k - 1) - 1) % s
    w, x, y = whole(n_out, n_in, k, k), whole(1, n_in, n, n), whole(1, n_out, m, m)
    forward = F.conv2d(x, w, stride=s, padding=p, dilation=d)
    back = F.conv_transpose2d(y, w, stride=s, padding=p, output_padding=q, dilation=d)  # the same tensor w
    assert (forward * y).sum() == (x * back).sum()
    flipped = F.conv_transpose2d(y, w.flip(-1, -2), stride=s, padding=p, output_padding=q, dilation=d)
    assert (forward * y).sum() != (x * flipped).sum()
    # The definition itself: a stamp for every input pixel. One channel, one dimension.
    t = matrix(w[0, 0, 0], n, s, p, d).T
    stamps = torch.zeros(n)
    for j, tap in product(range(m), range(k)):
        if 0 <= s * j + d * tap - p < n:
            stamps[s * j + d * tap - p] += w[0, 0, 0, tap] * y[0, 0, 0, j]
    assert torch.equal(t @ y[0, 0, 0], stamps)
    # 2. The gradient of a convolution with respect to its input, and the other way round.
    leaf = x.clone().requires_grad_()
    loss = (F.conv2d(leaf, w, stride=s, padding=p, dilation=d) ** 3).sum()
    (gradient,) = torch.autograd.grad(loss, leaf)
    assert torch.equal(gradient, F.conv_transpose2d(3 * forward**2, w, None, s, p, q, 1, d))
    leaf = y.clone().requires_grad_()
    (gradient,) = torch.autograd.grad((F.conv_transpose2d(leaf, w, None, s, p, q, 1, d) * x).sum(), leaf)
    assert torch.equal(gradient, forward)


@pytest.mark.proves("thm-dcgan-adjoint")
def test_layout_and_no_inverse():
    convolution, transposed = nn.Conv2d(2, 5, 3, bias=False), nn.ConvTranspose2d(5, 2, 3, bias=False)
    assert convolution.weight.shape == transposed.weight.shape == (5, 2, 3, 3)
    assert nn.ConvTranspose2d(2, 5, 3).weight.shape != convolution.weight.shape  # "out, in" is for convolutions only
    a = matrix(whole(3), 8, 2, 1)
    assert not torch.allclose(a.T @ a, torch.eye(8))  # a transpose is no inverse
    haar = matrix(torch.tensor([0.5, 0.5]).sqrt(), 8, 2)  # orthonormal rows: one side only
    assert torch.allclose(haar @ haar.T, torch.eye(4))
    assert not torch.allclose(haar.T @ haar, torch.eye(8))


@pytest.mark.proves("prop-dcgan-two-views")
@pytest.mark.parametrize(("k", "s", "p", "d"), (*CASES, (2, 2, 2, 1), (3, 2, 3, 1)))
def test_fractionally_strided(k, s, p, d):
    m, w = 4, whole(k, k)
    y = whole(m, m)
    for q in range(s):
        wanted = F.conv_transpose2d(y[None, None], w[None, None], None, s, p, q, 1, d)[0, 0]
        spread = torch.zeros(s * (m - 1) + 1, s * (m - 1) + 1)
        spread[::s, ::s] = y
        border = d * (k - 1) - p
        around = F.pad(spread, (border, border + q, border, border + q))  # negative: cut off
        found = F.conv2d(around[None, None], w.flip(0, 1)[None, None], dilation=d)[0, 0]
        assert torch.equal(found, wanted)
        assert not torch.equal(F.conv2d(around[None, None], w[None, None], dilation=d)[0, 0], wanted)  # not flipped
    if border != p:
        wrong = F.conv2d(F.pad(spread, (p,) * 4)[None, None], w.flip(0, 1)[None, None], dilation=d)
        assert wrong.shape[-1] != F.conv_transpose2d(y[None, None], w[None, None], None, s, p, 0, 1, d).shape[-1]


@pytest.mark.proves("prop-dcgan-two-views")
def test_the_two_examples():
    two, three, w = whole(1, 1, 2, 2), whole(1, 1, 3, 3), whole(1, 1, 3, 3)
    assert F.conv_transpose2d(two, w).shape == (1, 1, 4, 4)
    assert torch.equal(F.conv_transpose2d(two, w), F.conv2d(two, w.flip(-1, -2), padding=2))  # wide: k − 1 = 2 zeros
    assert F.conv_transpose2d(three, w, stride=2, padding=1).shape == (1, 1, 5, 5)
    spread = torch.zeros(1, 1, 5, 5)
    spread[..., ::2, ::2] = three
    assert torch.equal(F.conv_transpose2d(three, w, stride=2, padding=1), F.conv2d(spread, w.flip(-1, -2), padding=1))
    # The share of multiplications by inserted zeros, far from the border: 1 − 1/s².
    for s in (2, 3):
        grid = torch.zeros(60, 60)
        grid[::s, ::s] = 1
        patches = grid.unfold(0, 6, 1).unfold(1, 6, 1)  # a kernel of 6, which both strides divide
        assert torch.isclose(1 - patches.mean(), torch.tensor(1 - 1 / s**2), atol=1e-9)


# ------------------------------------------------------------------------------------------------------ checkerboards

STRIDES = ((2, 2), (3, 2), (4, 2), (5, 2), (6, 2), (3, 3), (4, 3), (5, 3), (6, 3), (2, 3), (7, 4))


@pytest.mark.proves("thm-dcgan-checkerboard")
@pytest.mark.parametrize(("k", "s"), STRIDES)
def test_taps_per_pixel(k, s):
    m, p = 12, 1
    ones = torch.ones(1, 1, k, k)
    reached = F.conv_transpose2d(torch.ones(1, 1, m, m), ones, stride=s, padding=p)[0, 0]
    inner = range(k, len(reached) - k)
    taps = [math.ceil((k - r) / s) for r in range(s)]
    for i, j in product(inner, inner):
        assert reached[i, j] == taps[(i + p) % s] * taps[(j + p) % s]
    values = {reached[i, i].item() for i in inner}
    assert values == {(k // s) ** 2, math.ceil(k / s) ** 2}
    assert (len(values) == 1) == (k % s == 0)
    assert sum(taps) == k
    # 4. The same counts in the gradient of a convolution with respect to its input.
    x = torch.zeros(1, 1, len(reached), len(reached), requires_grad=True)
    y = F.conv2d(x, ones, stride=s, padding=p)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(gradient[0, 0], reached)
    assert (k < s) == (reached[k:-k, k:-k].min() == 0)  # some pixels are read by nobody


@pytest.mark.proves("thm-dcgan-checkerboard")
@pytest.mark.parametrize(("k", "s"), STRIDES)
def test_a_constant_image(k, s):
    m, p, w, value = 12, 1, whole(2, 1, k, k), torch.tensor([3.0, -2.0])
    y = value[None, :, None, None].expand(1, 2, m, m)
    out = F.conv_transpose2d(y, w, stride=s, padding=p)[0, 0]
    inner = range(k, len(out) - k)
    sums = [[(value[:, None, None] * w[:, 0, r::s, c::s]).sum() for c in range(s)] for r in range(s)]
    assert all(out[i, j] == sums[(i + p) % s][(j + p) % s] for i, j in product(inner, inner))
    assert any(out[i, j] != sums[0][0] for i, j in product(inner, inner))  # an even kernel alone does not make it flat
    # Phase by phase, each an ordinary convolution with every s-th tap: pixel shuffle.
    picture, kernel = whole(1, 1, m, m), w[:1]
    whole_one = F.conv_transpose2d(picture, kernel, stride=s)[0, 0]
    for r, c in product(range(min(s, k)), range(min(s, k))):
        part = F.conv_transpose2d(picture, kernel[..., r::s, c::s])[0, 0]
        assert torch.equal(whole_one[r::s, c::s], part)


@pytest.mark.proves("thm-dcgan-checkerboard")
def test_random_kernels():
    for k, s in ((3, 2), (4, 2), (5, 2)):
        w = torch.randn(40_000, k) * 0.02
        power = torch.stack([w[:, r::s].sum(1).square().mean() for r in range(s)])
        taps = torch.tensor([math.ceil((k - r) / s) for r in range(s)])
        assert torch.allclose(power / 0.02**2, taps.double(), rtol=0.05)
        assert (power.max() / power.min() > 1.3) == (k % s != 0)
        first, second = w[:, 0::s].sum(1), w[:, 1::s].sum(1)
        assert (first - second).abs().min() > 0  # no single kernel is flat, whatever k is


@pytest.mark.proves("prop-dcgan-resize")
@pytest.mark.parametrize(("k", "s", "p"), ((3, 2, 1), (5, 2, 2), (3, 3, 1), (4, 2, 0), (1, 2, 0)))
def test_resize_convolution(k, s, p):
    m, v, y = 7, whole(1, 1, k, k), whole(1, 1, 7, 7)
    resized = F.interpolate(y, scale_factor=s, mode="nearest")
    wanted = F.conv2d(resized, v, padding=p)
    box = torch.ones(1, 1, s, s)
    kernel = F.conv_transpose2d(box, v.flip(-1, -2))  # the polynomials' product of the box and the flipped v
    assert kernel.shape[-1] == s + k - 1
    assert torch.equal(F.conv_transpose2d(y, kernel, stride=s, padding=k - 1 - p), wanted)
    if k > 1:
        not_flipped = F.conv_transpose2d(box, v)
        assert not torch.equal(F.conv_transpose2d(y, not_flipped, stride=s, padding=k - 1 - p), wanted)
    for r, c in product(range(s), range(s)):
        assert kernel[0, 0, r::s, c::s].sum() == v.sum()
    flat = F.conv2d(F.interpolate(torch.ones(1, 1, m, m), scale_factor=s), v, padding=p)[0, 0]
    assert (flat[k:-k, k:-k] == v.sum()).all()


@pytest.mark.proves("prop-dcgan-resize")
@pytest.mark.parametrize(("k", "s"), ((4, 2), (5, 2), (7, 3), (3, 3)))
def test_every_flat_kernel_is_a_resize_convolution(k, s):
    generator = np.random.default_rng(k)
    box, w = np.ones(s), generator.normal(size=k)
    for flat in (False, True):
        if flat:  # the same sum for every phase
            w[:s] += 1 - np.array([w[r::s].sum() for r in range(s)])
        quotient, rest = np.polydiv(w[::-1], box)  # the highest power first
        assert np.allclose(rest, 0) == flat
    assert len(quotient) == k - s + 1
    v = torch.from_numpy(quotient.copy())  # ṽ_u = v_{k′−1−u}, and the highest power comes first: v itself
    y = torch.randn(1, 1, 6)
    wanted = F.conv_transpose1d(y, torch.from_numpy(w)[None, None], stride=s)
    padding = len(v) - 1
    found = F.conv1d(y.repeat_interleave(s, -1), v[None, None], padding=padding)
    assert torch.allclose(found, wanted)
    if padding:
        assert not torch.allclose(F.conv1d(y.repeat_interleave(s, -1), v.flip(0)[None, None], padding=padding), wanted)


@pytest.mark.proves("prop-dcgan-resize")
def test_bilinear_is_a_transposed_convolution():
    y = torch.randn(1, 1, 9, 9)
    tap = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
    found = F.conv_transpose2d(y, torch.outer(tap, tap)[None, None], stride=2, padding=1)
    wanted = F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=False)
    assert torch.allclose(found[..., 1:-1, 1:-1], wanted[..., 1:-1, 1:-1])
    assert not torch.allclose(found, wanted)  # at the border bilinear repeats the last pixel, not zeros


# ------------------------------------------------------------------------------------------------------- architecture


def reach(layers: list[tuple[int, int, int, int]]) -> tuple[int, int, int]:
    """(receptive field, jump, how far left of J·j it begins), by the page's sums."""
    field, jump, left = 1, 1, 0
    for k, s, p, d in layers:
        field, left, jump = field + d * (k - 1) * jump, left + p * jump, jump * s
    return field, jump, left


@pytest.mark.proves("prop-dcgan-receptive")
@pytest.mark.parametrize("layers", ([(4, 2, 1, 1)] * 3, [(3, 1, 1, 1), (5, 2, 0, 1), (3, 1, 2, 2)], [(7, 3, 2, 1)] * 2))
def test_receptive_field(layers):
    x = torch.ones(1, 1, 90, requires_grad=True)
    h = x
    for k, s, p, d in layers:
        h = F.conv1d(h, torch.rand(1, 1, k) + 0.1, None, s, p, d)
    field, jump, left = reach(layers)
    for j in range(len(h[0, 0]) // 2, len(h[0, 0]) // 2 + 3):
        (slope,) = torch.autograd.grad(h[0, 0, j], x, retain_graph=True)
        read = slope[0, 0].nonzero().flatten()
        assert (read.min(), read.max()) == (jump * j - left, jump * j - left + field - 1)
    assert field != 1 + sum(d * (k - 1) for k, _, _, d in layers)  # the jumps forgotten


@pytest.mark.proves("prop-dcgan-receptive")
def test_receptive_fields_of_dcgan():
    network = DCGANDiscriminator((3, 64, 64), width=2).double().eval()  # in training the batch is the field
    x = torch.randn(2, 3, 64, 64, requires_grad=True)
    h, found = x, []
    for layer in network.layers:
        h = layer(h)
        if isinstance(layer, nn.Conv2d):
            middle = h.shape[-1] // 2
            (slope,) = torch.autograd.grad(h[0, :, middle, middle].sum(), x, retain_graph=True)
            columns = slope[0].abs().sum((0, 1)).nonzero()
            found.append((columns.max() - columns.min() + 1).item())
            assert slope[1].abs().max() == 0
    layers = [(4, 2, 1, 1)] * 4
    assert found == [reach(layers[: i + 1])[0] for i in range(4)] == [4, 10, 22, 46]
    assert reach([*layers, (4, 1, 0, 1)])[0] == 94
    assert reach([*layers[:3], (4, 1, 0, 1)])[0] == 46  # 32×32
    h = network.train().layers[:5](x)  # up to the first normalisation, the third convolution's input
    (slope,) = torch.autograd.grad(h[0, 0, 8, 8], x)
    assert slope[1].abs().max() > 0


def parameters(pixels: int, width: int, z: int = 100, k: int = 4, per_unit: bool = False) -> tuple[int, int]:
    """Layer by layer: (generator, discriminator without an offset), 3-channel images of 32 or 64 pixels."""
    top = {32: 4, 64: 8}[pixels]
    halves = [top // 2**i for i in range(top.bit_length())]  # 8, 4, 2, 1
    pairs = [(a * width, b * width) for a, b in zip(halves[:-1], halves[1:], strict=True)]
    generator = z * top * width * 16 + 2 * top * width * (16 if per_unit else 1)
    generator += sum(a * b * k * k + 2 * b for a, b in pairs) + width * 3 * k * k
    discriminator = 3 * width * k * k + sum(a * b * k * k + 2 * a for a, b in pairs) + top * width * 16
    return generator, discriminator


@pytest.mark.proves("prop-dcgan-counts")
@pytest.mark.parametrize(("pixels", "width"), ((32, 16), (32, 32), (64, 16), (64, 64), (64, 128)))
def test_parameters(pixels, width):
    torch.set_default_dtype(torch.float32)  # half the time: only shapes matter
    g, d = DCGANGenerator((3, pixels, pixels), 100, width), DCGANDiscriminator((3, pixels, pixels), width)
    square, of_g, of_d = {64: (672, 12_878, 204), 32: (160, 6_462, 124)}[pixels]
    assert (count(g), count(d) - width) == parameters(pixels, width)
    assert count(g) == square * width**2 + of_g * width
    assert count(d) == square * width**2 + of_d * width + width  # the last: the offset of the first convolution
    if width == 16:
        assert count(DCGANDiscriminator((3, pixels, pixels), width, offset=False)) == count(d) - width
        assert count(DCGANDiscriminator((3, pixels, pixels), width, norm="layer")) == count(d)
    averages = sum(b.numel() for name, b in g.named_buffers() if "running" in name)
    assert averages == {64: 30, 32: 14}[pixels] * width
    offsets = sum(m.out_channels for m in g.modules() if isinstance(m, nn.ConvTranspose2d))
    assert count(g) + offsets != square * width**2 + of_g * width  # what bias=True would add


def test_numbers_of_the_page():
    assert parameters(64, 64) == (3_576_704, 2_765_568)
    assert parameters(64, 128) == (12_658_432, 11_036_160)
    assert parameters(64, 128, k=5, per_unit=True) == (18_885_760, 17_232_768)  # as in the authors' code
    assert parameters(32, 32) == (370_624, 167_808)
    assert count(DCGANDiscriminator((3, 64, 64), 64)) == 2_765_632
    # z as a picture of 1×1, and the projection as its transposed convolution: the same numbers.
    project, linear = nn.ConvTranspose2d(7, 5, 4, bias=False), nn.Linear(7, 5 * 16, bias=False)
    linear.weight.data = project.weight.data.permute(1, 2, 3, 0).reshape(80, 7)
    z = torch.randn(3, 7)
    assert torch.allclose(project(z[..., None, None]), linear(z).view(3, 5, 4, 4))


# ------------------------------------------------------------------------------------------------- batch normalisation


def batch_norm(u: Tensor, gamma: float = 1.0, beta: float = 0.0, eps: float = 0.0) -> Tensor:
    """From the definition; the M values of one channel."""
    mean = u.mean()
    return gamma * (u - mean) / ((u - mean).square().mean() + eps).sqrt() + beta


@pytest.mark.proves("thm-dcgan-bn")
@pytest.mark.parametrize("eps", (0.0, 0.3))
def test_gradient_through_batch_norm(eps):
    m, gamma = 7, 1.7
    u = torch.randn(m, requires_grad=True)
    if eps:
        layer = nn.BatchNorm1d(1, eps=eps)
        layer.weight.data.fill_(gamma)
        assert torch.allclose(layer(u[:, None])[:, 0], batch_norm(u, gamma, 0.0, eps))  # the biased variance
    jacobian = torch.autograd.functional.jacobian(lambda a: batch_norm(a, gamma, 0.4, eps), u)
    with torch.no_grad():
        sigma = (u.var(correction=0) + eps).sqrt()
        hat = (u - u.mean()) / sigma
        formula = gamma / sigma * (torch.eye(m) - (1 + torch.outer(hat, hat)) / m)
        assert torch.allclose(jacobian, formula)
        assert not torch.allclose(jacobian, gamma / sigma * (torch.eye(m) - torch.outer(hat, hat) / m), atol=1e-2)
        assert not torch.allclose(jacobian, gamma / sigma * torch.eye(m), atol=1e-2)  # mean and variance as constants
        off = jacobian - torch.diag(jacobian.diagonal())
        assert (off != 0).sum() == m * (m - 1)  # every output depends on every value
        g = torch.randn(m)
        pulled = jacobian.T @ g
        assert torch.allclose(pulled, gamma / sigma * (g - g.mean() - hat * (g @ hat) / m))
        assert abs(pulled.sum()) < 1e-12
        assert torch.isclose(pulled @ hat, gamma / sigma * eps / sigma**2 * (g @ hat), atol=1e-12)
        basis = torch.linalg.qr(torch.stack([torch.ones(m), hat], 1)).Q
        projection = gamma / sigma * (g - basis @ (basis.T @ g))
        assert torch.allclose(pulled, projection) == (eps == 0)


@pytest.mark.proves("prop-dcgan-bn-invariance")
def test_weights_before_batch_norm():
    h, target = torch.randn(40, 5), torch.randn(40)

    def loss(w, b, eps=0.0):
        return (batch_norm(h @ w + b, 1.3, 0.2, eps).tanh() - target).square().mean()

    w, b = torch.randn(5, requires_grad=True), torch.tensor(0.3, requires_grad=True)
    value = loss(w, b)
    g, of_offset = torch.autograd.grad(value, (w, b))
    assert g.norm() > 0.01 and abs(of_offset) < 1e-12
    assert torch.isclose(loss(5 * w, b - 4), value)
    assert not torch.isclose(loss(-w, b), value, atol=1e-3)  # a positive factor only
    assert torch.isclose(loss(5 * w, b, 0.25), loss(w, b, 0.01))  # ε/c²
    assert not torch.isclose(loss(5 * w, b, 0.25), loss(w, b, 0.25), atol=1e-4)
    assert abs(w @ g) < 1e-12
    longer = (5 * w).detach().requires_grad_()
    (shorter,) = torch.autograd.grad(loss(longer, b), longer)
    assert torch.allclose(shorter, g / 5)
    assert not torch.allclose(shorter, g, atol=1e-3)
    eta = 0.7
    moved = w - eta * g
    assert torch.isclose(moved @ moved, w @ w + eta**2 * g @ g)
    unit = (w / w.norm()).detach().requires_grad_()
    (at_unit,) = torch.autograd.grad(loss(unit, b), unit)
    assert torch.allclose(moved / w.norm(), unit - eta / (w @ w) * at_unit)  # the effective rate η/|w|²


@pytest.mark.proves("prop-dcgan-bn-eval")
def test_running_averages():
    rho, steps = 0.1, 60
    layer = nn.BatchNorm1d(1, momentum=rho)
    means, variances, m = [], [], 8
    for step in range(steps):
        u = 3 + 0.1 * step + torch.randn(m, 1)
        layer(u)
        means.append(u.mean())
        variances.append(u.var(correction=1))
    weights = rho * (1 - rho) ** torch.arange(steps - 1, -1, -1)
    assert torch.isclose(layer.running_mean, (weights * torch.stack(means)).sum())
    assert torch.isclose(layer.running_var, (1 - rho) ** steps + (weights * torch.stack(variances)).sum())  # from 1
    biased = (1 - rho) ** steps + (weights * torch.stack(variances)).sum() * (m - 1) / m
    assert not torch.isclose(layer.running_var, biased, rtol=1e-2)
    assert not torch.isclose(layer.running_mean, (rho * (1 - weights / rho) * torch.stack(means)).sum(), rtol=1e-2)
    # Variance of the average of independent batches, and its lag behind a drift, from the weights.
    many = rho * (1 - rho) ** torch.arange(2_000)
    assert torch.isclose(many.sum(), torch.tensor(1.0))
    assert torch.isclose(many.square().sum(), torch.tensor(rho / (2 - rho)))
    assert torch.isclose(1 / many.square().sum(), torch.tensor(19.0))
    assert torch.isclose((many * torch.arange(2_000)).sum(), torch.tensor((1 - rho) / rho))  # 9 batches behind
    # Evaluation: an affine map, sample by sample, that the others of the batch do not touch.
    layer.eval()
    u = torch.randn(5, 1)
    assert torch.equal(layer(u)[:1], layer(u[:1]))
    layer.train()
    assert not torch.allclose(layer(u)[:2], layer(u[:2]), atol=1e-2)


@pytest.mark.proves("prop-dcgan-bn-eval")
def test_unbiased_variance():
    for m in (2, 4):  # all samples of size m from a law on three values, exactly
        law = torch.tensor([0.0, 1.0, 4.0])
        samples = torch.tensor(list(product(law.tolist(), repeat=m)))
        truth = law.var(correction=0)
        assert torch.isclose(samples.var(1, correction=1).mean(), truth)
        assert torch.isclose(samples.var(1, correction=0).mean(), truth * (m - 1) / m)


@pytest.mark.proves("prop-dcgan-contrast")
@pytest.mark.parametrize("norm", ("batch", "layer"))
def test_blind_to_contrast(norm):
    x = torch.rand(6, 3, 16, 16) * 2 - 1
    blind = DCGANDiscriminator((3, 16, 16), 8, norm, offset=False).double()
    seeing = DCGANDiscriminator((3, 16, 16), 8, norm).double()
    norms = [part for network in (blind, seeing) for part in network.modules() if hasattr(part, "eps")]
    assert 0.05 < seeing.layers[0].bias.abs().max() < 48**-0.5 < 0.145  # where PyTorch starts it
    seeing.layers[0].bias.data.normal_(0, 0.05)  # as training will make it
    for c in (0.2, 3.0):
        for part in norms:
            part.eps = TINY
        assert torch.allclose(blind(c * x), blind(x), rtol=1e-9)
        assert not torch.allclose(seeing(c * x), seeing(x), atol=1e-2)
        assert not torch.allclose(blind(-c * x), blind(x), atol=1e-2)  # a positive factor only
        each = torch.linspace(0.5, 2, 6).view(6, 1, 1, 1)
        assert torch.allclose(blind(each * x), blind(x), rtol=1e-9) == (norm == "layer")  # one for each image
        # With ε only the first normalisation knows c, as ε/c².
        first = next(part for part in blind.modules() if hasattr(part, "eps"))
        first.eps = 1e-2
        scaled = blind(c * x)
        first.eps = 1e-2 / c**2
        assert torch.allclose(scaled, blind(x), rtol=1e-9)
        first.eps = 1e-2
        assert not torch.allclose(scaled, blind(x), rtol=1e-3)
    for part in norms:
        part.eps = TINY
    for network, sees in ((blind, False), (seeing, True)):
        leaf = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(losses.non_saturating.generator(network(leaf)), leaf)
        along = (leaf * slope).sum((1, 2, 3))
        size_of = slope.norm() * leaf.norm()
        assert (abs(along.sum()) > 1e-6 * size_of) == sees
        if norm == "layer":
            assert (along.abs().max() > 1e-6 * size_of) == sees  # for each image by itself
    if norm == "batch":  # in evaluation the scale is fixed, and contrast is seen
        blind.eval()
        assert not torch.allclose(blind(3 * x), blind(x), atol=1e-2)


@pytest.mark.proves("prop-dcgan-contrast")
def test_a_batch_of_its_own_hides_mean_and_contrast():
    # Normalisation as the very first layer: no affine change of a whole batch is seen.
    first = nn.BatchNorm2d(3, eps=TINY)
    x = torch.randn(4, 3, 5, 5)
    scale, shift = torch.tensor([0.3, 2.0, 1.1]).view(3, 1, 1), torch.tensor([0.5, -1.0, 0.0]).view(3, 1, 1)
    assert torch.allclose(first(scale * x + shift), first(x))
    together = first(torch.cat([x, scale * x + shift]))
    assert not torch.allclose(together[:4], together[4:], atol=0.1)  # in one batch with the reals it is seen


# ---------------------------------------------------------------------------------------------------- initial variance


@pytest.mark.proves("prop-dcgan-init")
def test_variance_of_one_layer():
    tau, alpha, repeats = 0.02, 0.2, 4_000
    x = torch.randn(1, 6, 8, 8) + 0.5  # fixed, not centred: the mean square counts
    w = tau * torch.randn(repeats, 6, 4, 4)
    y = F.conv2d(x, w, stride=2, padding=1)[0, :, 2, 2]
    inputs = x[0, :, 3:7, 3:7]
    wanted = tau**2 * 96 * inputs.square().mean()
    assert torch.isclose(y.square().mean(), wanted, rtol=0.06)
    assert not torch.isclose(y.square().mean(), tau**2 * 96 * inputs.var(), rtol=0.06)  # the variance is not enough
    assert torch.isclose(F.leaky_relu(y, alpha).square().mean(), (1 + alpha**2) / 2 * wanted, rtol=0.1)
    # Transposed: k²/s² taps reach a pixel, not k².
    w = tau * torch.randn(6, repeats, 4, 4)
    y = F.conv_transpose2d(x, w, stride=2, padding=1)[0, :, 7, 8]  # rows 7 + 1 − t even: 3, 4; columns 8 + 1 − t: 3, 4
    wanted = tau**2 * (6 * 4) * x[0, :, 3:5, 3:5].square().mean()
    assert torch.isclose(y.square().mean(), wanted, rtol=0.06)
    assert not torch.isclose(y.square().mean(), 4 * wanted, rtol=0.5)
    # Different channels are uncorrelated.
    assert abs((y[::2] * y[1::2]).mean()) < 0.06 * wanted


GAINS = {"generator": (100, 2048, 1024, 512, 256), "discriminator": (48, 1024, 2048, 4096, 8192)}  # numbers summed


@pytest.mark.proves("prop-dcgan-init")
def test_variance_through_dcgan():
    torch.set_default_dtype(torch.float32)
    tau = 0.02
    assert [round(tau**2 * n, 4) for n in GAINS["generator"]] == [0.04, 0.8192, 0.4096, 0.2048, 0.1024]
    assert [round(tau**2 * n, 4) for n in GAINS["discriminator"]] == [0.0192, 0.4096, 0.8192, 1.6384, 3.2768]
    he = [round(math.sqrt(2 / (1.04 * n)), 3) for n in GAINS["discriminator"][:4]]  # LeakyReLU follows
    assert he == [0.200, 0.043, 0.031, 0.022]
    he = [round(math.sqrt(2 / n), 4) for n in GAINS["generator"][:4]]  # ReLU follows
    assert he == [0.1414, 0.0312, 0.0442, 0.0625]

    def before_tanh(network, z, margin):  # the mean square, away from the border, where fewer taps arrive
        inner = slice(margin, 64 - margin)
        return network.layers[:-1](z)[:, :, inner, inner].square().mean()

    def without(network):
        parts = [nn.Identity() if isinstance(part, nn.BatchNorm2d) else part for part in network.layers]
        network.layers = nn.Sequential(*parts)
        return network

    with torch.no_grad():
        z = torch.randn(12, 100)
        normalised = torch.stack([before_tanh(DCGANGenerator((3, 64, 64)), z, 1) for _ in range(4)]).mean()
        plain = torch.stack([before_tanh(without(DCGANGenerator((3, 64, 64))), z, 31) for _ in range(4)]).mean()
    chain = 0.04 * math.prod(tau**2 * n / 2 for n in GAINS["generator"][1:])
    assert abs(normalised.sqrt().item() - 0.226) < 0.03  # √(0.1024 · ½)
    assert abs(plain.sqrt().item() / math.sqrt(chain) - 1) < 0.2
    assert 0.0040 < math.sqrt(chain) < 0.0044
    assert normalised / plain > 1_000
    with torch.no_grad():
        faces = torch.rand(6, 3, 64, 64) * 2 - 1
        logits = torch.stack([DCGANDiscriminator((3, 64, 64))(faces) for _ in range(6)])
    assert abs(logits.square().mean() / (0.52 * 3.2768) - 1) < 0.5  # 1.7; six draws of the last layer are few


def test_he_for_transposed_layers():
    layer = nn.ConvTranspose2d(64, 3, 4, 2, 1)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    wrong, right = math.sqrt(2 / 48), math.sqrt(2 / 256)  # 3·16 against 64·16/4
    assert abs(layer.weight.std().item() / wrong - 1) < 0.1
    assert abs(wrong / right - 2.31) < 0.01


# ----------------------------------------------------------------------------------------------- momentum and the log


@pytest.mark.proves("prop-dcgan-momentum")
def test_momentum_in_a_game():
    def growth(beta, eta):
        # (θ, φ, momentum of θ, momentum of φ): φ moves first and θ answers.
        up = np.array([[1.0, 0, 0, 0], [eta * (1 - beta), 1, 0, eta * beta], [0, 0, 1, 0], [1 - beta, 0, 0, beta]])
        down = np.array([[1.0, -eta * (1 - beta), -eta * beta, 0], [0, 1, 0, 0], [0, 1 - beta, beta, 0], [0, 0, 0, 1]])
        return np.abs(np.linalg.eigvals(down @ up)).max()

    for beta in (0.0, 0.5, 0.9):
        for eta in (2e-3, 1e-3):
            wanted = eta**2 * beta / (1 - beta)
            assert abs(growth(beta, eta) - 1 - wanted) < 100 * (eta / (1 - beta)) ** 4 + 1e-12
            assert beta == 0 or abs(growth(beta, eta) - 1 - eta**2 / (1 - beta)) > 0.05 * wanted
        # The characteristic equation, the same as for heavy-ball momentum with q = (η(1 − β))² (chapter 03).
        equation = np.polymul(np.polymul([1, -1], [1, -1]), np.polymul([1, -beta], [1, -beta]))
        q = (eta * (1 - beta)) ** 2
        assert abs(np.abs(np.roots(np.polyadd(equation, [q, 0, 0, 0]))).max() - growth(beta, eta)) < 1e-7
        assert abs(beta * q / (1 - beta) ** 3 - wanted) < 1e-12
    # The matrices are the loop itself.
    theta, phi, m, v, beta, eta = 1.0, 0.4, 0.0, 0.0, 0.9, 0.05
    lengths = []
    for _ in range(3_000):
        v = beta * v + (1 - beta) * theta  # ascent on θφ in φ
        phi += eta * v
        m = beta * m + (1 - beta) * phi  # descent in θ
        theta -= eta * m
        lengths.append(math.hypot(theta, phi))
    rate = (lengths[-1] / lengths[999]) ** (1 / 2_000)
    assert abs(rate - growth(beta, eta)) < 1e-4
    assert growth(0.0, 0.05) < 1 + 1e-9 < growth(0.5, 0.05) < growth(0.9, 0.05)


REAL, FAKE = torch.tensor([40, 25, 20, 10, 5, 0]), torch.tensor([10, 5, 30, 15, 25, 15])


@pytest.mark.proves("prop-dcgan-three")
def test_means_of_the_optimal_discriminator():
    p, q = REAL / 100, FAKE / 100
    best = p / (p + q)
    on_real, on_fake = (p * best).sum(), (q * best).sum()
    delta = ((p - q).square() / (p + q)).sum()
    assert torch.isclose(on_real + on_fake, torch.tensor(1.0))
    assert torch.isclose(on_real, 0.5 + delta / 4) and torch.isclose(on_fake, 0.5 - delta / 4)
    variation = (p - q).abs().sum() / 2
    assert variation**2 <= delta / 2 <= variation
    assert not torch.isclose(on_real - on_fake, variation, rtol=1e-2)  # not the total variation
    other = best.clamp(0.05, 0.7)
    assert not torch.isclose((p * other).sum() + (q * other).sum(), torch.tensor(1.0), atol=1e-3)


@pytest.mark.proves("prop-dcgan-three")
def test_offset_and_one_step():
    features = torch.randn(60, 3)
    labels = torch.arange(60) < 30

    def judge(w, b):
        logits = features @ w + b
        return logits[labels], logits[~labels]

    w = torch.randn(3)
    b = minimize_scalar(lambda b: losses.minimax.discriminator(*judge(w, b)).item(), options={"xtol": 1e-12}).x
    sums = sum(a.sigmoid().mean() for a in judge(w, b))
    assert torch.isclose(sums, torch.tensor(1.0), atol=1e-6)
    assert not torch.isclose(sum(a.sigmoid().mean() for a in judge(w, b + 1)), torch.tensor(1.0), atol=1e-2)

    # One step: L_D falls by η|∇|²; the third number moves by −η⟨∇ mean D(G(z)), ∇L_D⟩, up or down.
    signs = set()
    for start in (-2.0, 2.0):
        parts = [w.clone().requires_grad_(), torch.tensor(start, requires_grad=True)]
        loss = losses.minimax.discriminator(*judge(*parts))
        of_loss = torch.autograd.grad(loss, parts)
        second = judge(*parts)[1].sigmoid().mean()
        of_mean = torch.autograd.grad(second, parts)
        eta = 1e-5
        after = [part - eta * g for part, g in zip(parts, of_loss, strict=True)]
        change = losses.minimax.discriminator(*judge(*after)) - loss
        assert torch.isclose(change, -eta * sum(g.square().sum() for g in of_loss), rtol=1e-3)
        third = judge(*after)[1].sigmoid().mean()
        wanted = -eta * sum((g * h).sum() for g, h in zip(of_mean, of_loss, strict=True))
        assert torch.isclose(third - second, wanted, rtol=1e-3)
        # Only the offset: down if the two means add up to more than one, else up.
        only = judge(parts[0], parts[1] - eta * of_loss[1])[1].sigmoid().mean()
        total = sum(a.sigmoid().mean() for a in judge(*parts))
        assert (only < second) == (total > 1)
        signs.add((only < second).item())
    assert signs == {True, False}


# --------------------------------------------------------------------------------------------------- vector arithmetic


@pytest.mark.proves("prop-dcgan-arithmetic")
def test_arithmetic_of_latents():
    k, repeats = 100, 40_000
    for n in (1, 3):
        a, b, c = (torch.randn(repeats // 10, n, k).mean(1) for _ in range(3))
        squares = (a - b + c).square().sum(1)
        assert abs(squares.mean() / k / (3 / n) - 1) < 0.01
        assert (abs(squares.mean() / k - 1) < 0.01) == (n == 3)
    # The paper's uniform latents: for n = 3 the usual size, though not the usual law.
    one, three = torch.rand(repeats, 10) * 2 - 1, sum(torch.rand(3, 3, repeats, 10) * 2 - 1).mean(0)
    assert abs(three.square().mean() * 3 - 1) < 0.01
    assert three.pow(4).mean() > 1.3 * one.pow(4).mean()
    # Chosen examples: half-spaces. Mean and covariance of the combination, in three dimensions.
    vectors = [F.normalize(torch.tensor(v), dim=0) for v in ([1.0, 0, 0], [1.0, 1, 0], [0.0, 1, 2])]
    for n in (1, 3):
        means = []
        for v in vectors:
            z = torch.randn(repeats, n, 3)
            z = z * (z @ v).sign()[..., None]  # z and −z are equally likely: the one in the half-space
            assert ((z @ v) > 0).all()
            means.append(z.mean(1))
        combined = means[0] - means[1] + means[2]
        wanted = math.sqrt(2 / math.pi) * (vectors[0] - vectors[1] + vectors[2])
        assert torch.allclose(combined.mean(0), wanted, atol=0.03)
        assert wanted.norm() < 3 * math.sqrt(2 / math.pi) < 2.4 < 3  # the mean is short beside a latent
        covariance = (3 * torch.eye(3) - 2 / math.pi * sum(torch.outer(v, v) for v in vectors)) / n
        assert torch.allclose(combined.T.cov(), covariance, atol=0.06)
        assert not torch.allclose(combined.T.cov(), 3 / n * torch.eye(3), atol=0.06)
    # An affine score obeys the arithmetic exactly, for every n; a curved one does not.
    weights, groups = torch.randn(5), [torch.randn(2, 5) for _ in range(3)]
    total = groups[0].mean(0) - groups[1].mean(0) + groups[2].mean(0)
    for score, exact in ((lambda z: z @ weights + 0.7, True), (lambda z: (z @ weights).tanh(), False)):
        values = [score(z).mean() for z in groups]
        assert torch.isclose(score(total), values[0] - values[1] + values[2]) == exact


# ------------------------------------------------------------------------------------------------- claims of exercises


def test_sizes_that_double():
    found = [(k, p, q) for k in range(2, 7) for p in range(7) for q in (0, 1) if k - 2 * p + q == 2]
    assert found == [(2, 0, 0), (3, 1, 1), (4, 1, 0), (5, 2, 1), (6, 2, 0)]
    for k, p, q in found:
        for m in (3, 5, 8):
            y, w = torch.ones(1, 1, m), torch.ones(1, 1, k)
            assert F.conv_transpose1d(y, w, stride=2, padding=p, output_padding=q).shape[-1] == 2 * m


@pytest.mark.parametrize(("k", "p"), ((3, 0), (3, 1), (4, 1), (5, 2), (5, 1)))
def test_a_last_layer_against_checkerboards(k, p):
    w, c = whole(k), 3.0
    out = F.conv_transpose1d(torch.full((1, 1, 12), c), w[None, None], stride=2, padding=p)
    total, sign = w.sum(), (w * (-1.0) ** torch.arange(k)).sum()
    for i in range(k, out.shape[-1] - k):
        assert out[0, 0, i] == c / 2 * (total + (-1) ** (i + p) * sign)
        if p % 2:  # without the padding in the sign
            assert (out[0, 0, i] == c / 2 * (total + (-1) ** i * sign)) == (sign == 0)
    for v, flat in (([0.5, 0.5], True), ([1.0, 2.0, 1.0], True), ([1.0, 1.0, 1.0], False), ([1.0], False)):
        after = F.conv1d(out, torch.tensor(v)[None, None])[0, 0, k:-k]
        assert bool((after == after[0]).all()) == (flat or sign == 0)
    edge = F.conv1d(torch.tensor([[[0.0, 0, 1, 1]]]), torch.tensor([[[0.5, 0.5]]]))
    assert edge.flatten().tolist() == [0, 0.5, 1]


def test_one_latent_many_times():
    torch.set_default_dtype(torch.float32)
    g = DCGANGenerator((3, 32, 32), 100, 16)
    z, other = torch.randn(1, 100), torch.randn(1, 100)
    with torch.no_grad():
        g(torch.randn(64, 100))  # some running statistics
        one, many = g(z), g(z.expand(64, -1))
        assert torch.allclose(one, many[:1], atol=1e-5)
        assert not torch.allclose(one, g(other), atol=1e-2)
        assert not torch.allclose(one, g(torch.cat([z, torch.randn(63, 100)]))[:1], atol=1e-2)
        per_unit = nn.Sequential(nn.Linear(100, 64, bias=False), nn.BatchNorm1d(64))
        assert torch.allclose(per_unit(z.expand(8, -1)), torch.zeros(8, 64), atol=1e-3)  # the offset, whatever z is
        with pytest.raises(ValueError):
            per_unit(z)  # PyTorch refuses a single value per channel
