"""Spectral normalisation beside torch's and singular values; true norms of convolutions beside dense matrices."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn.functional import normalize
from torch.nn.utils import parametrizations

from ganlib import models
from ganlib.errors import GanlibError
from ganlib.models import layers
from ganlib.models.layers import SpectralNorm, on_each, operator_norm, sigmas, spectral_norm, untracked


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


KINDS = {
    "linear": (lambda: nn.Linear(7, 5), lambda: torch.randn(3, 7)),
    "conv": (lambda: nn.Conv2d(2, 6, 3, stride=2, padding=1), lambda: torch.randn(3, 2, 6, 6)),
    "transposed": (lambda: nn.ConvTranspose2d(4, 3, 4, 2, 1), lambda: torch.randn(3, 4, 5, 5)),
    "embedding": (lambda: nn.Embedding(9, 4), lambda: torch.arange(9)),
}


def matrix(weight, kind):
    return (weight.transpose(0, 1) if kind == "transposed" else weight).flatten(1)


def vectors(layer):
    """Ours or torch's."""
    part = layer.parametrizations.weight[0]
    return (part.u, part.v) if isinstance(part, SpectralNorm) else (part._u, part._v)


# -- beside torch's ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", KINDS)
def test_weights_and_gradients_are_those_of_torch_round_by_round(kind):
    make, given = KINDS[kind]
    ours, theirs = (layer := make()), copy.deepcopy(layer)
    torch.manual_seed(5)
    spectral_norm(ours)
    torch.manual_seed(5)
    parametrizations.spectral_norm(theirs)
    for moved in range(6):
        assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(vectors(ours), vectors(theirs), strict=True)), moved
        x = given()
        for layer in (ours, theirs):
            layer.zero_grad()
            layer(x).square().sum().backward()
        a, b = (layer.parametrizations.weight.original for layer in (ours, theirs))
        assert torch.allclose(a.grad, b.grad, rtol=1e-4, atol=1e-5)
        for layer in (ours, theirs):
            torch.optim.SGD(layer.parameters(), 0.05).step()
        assert torch.allclose(ours.eval().weight, theirs.eval().weight, atol=1e-6)
        ours.train(), theirs.train()
    assert not torch.allclose(a, layer.weight, atol=1e-3)  # it has been divided


def test_fifteen_rounds_come_before_the_first_use():
    weight = torch.randn(5, 7).double()
    torch.manual_seed(5)
    norm = SpectralNorm(weight)
    torch.manual_seed(5)
    theirs = parametrizations._SpectralNorm(weight)
    torch.manual_seed(5)
    u, v = (normalize(weight.new_empty(n).normal_(), dim=0) for n in (5, 7))
    for _ in range(15):
        u = normalize(weight @ v, dim=0)
        v = normalize(weight.T @ u, dim=0)
    assert torch.allclose(norm.u, u, atol=1e-12) and torch.allclose(norm.v, v, atol=1e-12)
    assert torch.allclose(theirs._u, u, atol=1e-12)
    further = normalize(weight @ v, dim=0)
    assert (further - u).abs().max() > 1e-9  # a sixteenth would be seen


# -- what it is --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", KINDS)
def test_the_largest_singular_value_becomes_one(kind):
    layer = KINDS[kind][0]().double()
    offset = None if kind == "embedding" else layer.bias.clone()
    before = layer.weight.detach().clone()
    spectral_norm(layer, n_power_iterations=300)
    layer(KINDS[kind][1]().to(before.dtype if kind != "embedding" else torch.long))
    values = torch.linalg.svdvals(matrix(layer.eval().weight, kind))
    assert values[0].item() == pytest.approx(1, abs=1e-9) and values[1] < 0.999
    assert torch.allclose(layer.weight * torch.linalg.matrix_norm(matrix(before, kind), 2), before)
    assert offset is None or torch.equal(layer.bias, offset)
    if kind == "transposed":  # one row per output channel; the rows of the stored tensor are inputs
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() != pytest.approx(1, abs=1e-3)


def test_one_round_per_pass_in_training_and_none_in_evaluation():
    layer, x = spectral_norm(nn.Linear(6, 6)), torch.randn(2, 6)
    w = layer.parametrizations.weight.original.detach()
    w.normal_()  # so that the vectors have somewhere to go
    u, v = (t.clone() for t in vectors(layer))
    layer(x)
    u = normalize(w @ v, dim=0)
    v = normalize(w.T @ u, dim=0)
    assert torch.allclose(vectors(layer)[0], u, atol=1e-6) and torch.allclose(vectors(layer)[1], v, atol=1e-6)
    assert (normalize(w @ v, dim=0) - u).abs().max() > 1e-3  # so two rounds would be seen
    layer.eval()
    kept, first = [t.clone() for t in vectors(layer)], layer(x)
    for _ in range(5):
        assert torch.equal(layer(x), first)  # a score does not depend on what was judged before
    assert all(torch.equal(a, b) for a, b in zip(vectors(layer), kept, strict=True))
    with untracked(layer.train()):
        layer(x)
    assert all(torch.equal(a, b) for a, b in zip(vectors(layer), kept, strict=True)) and layer.training
    assert layer.parametrizations.weight[0].training


def test_the_gradient_knows_that_the_norm_depends_on_the_weight():
    layer = spectral_norm(nn.Linear(5, 4).double(), 500)
    x, w = torch.randn(3, 5).double(), layer.parametrizations.weight.original
    layer(x).pow(3).sum().backward()
    layer.eval()
    plain = layer.weight.detach().requires_grad_()
    (g,) = torch.autograd.grad(nn.functional.linear(x, plain, layer.bias).pow(3).sum(), plain)
    u, v = vectors(layer)
    sigma = torch.linalg.matrix_norm(w, 2)
    assert torch.allclose(w.grad, (g - (g * plain).sum() * torch.outer(u, v)) / sigma, atol=1e-9)
    assert not torch.allclose(w.grad, g / sigma, rtol=1e-2)  # as if σ were a constant
    assert (w.grad * w).sum().abs() < 1e-8  # the norm of the trained weight makes no difference, so it has no gradient


def test_two_passes_before_one_backward_pass():
    layer = spectral_norm(nn.Linear(4, 1))
    (layer(torch.randn(3, 4)).mean() - layer(torch.randn(3, 4)).mean()).backward()
    assert layer.parametrizations.weight.original.grad.abs().sum() > 0


def test_real_and_generated_samples_are_judged_by_the_same_weights():
    """Two passes in training mode are two networks; `on_each` makes one."""
    discriminator = models.networks("mlp-small", (2,), 4, "spectral")[1]
    for part in discriminator.modules():
        if isinstance(part, SpectralNorm):
            part.v.copy_(normalize(torch.randn_like(part.v), dim=0))  # far from having converged
    x = torch.randn(8, 2)
    a, b = on_each(discriminator, x, x)
    assert torch.allclose(a, b, atol=1e-6)
    assert not torch.allclose(discriminator(x), discriminator(x), rtol=1e-3)


def test_under_autocast_the_norm_is_that_of_full_precision():
    layer, x = spectral_norm(nn.Linear(64, 64)), torch.randn(4, 64)
    twin = copy.deepcopy(layer)
    plain = twin(x)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = layer(x)
        weight = layer.eval().weight
    assert plain.dtype == torch.float32 and rounded.dtype == torch.bfloat16
    assert weight.dtype == torch.float32 and torch.equal(weight, twin.eval().weight)


def test_copies_states_and_freezing():
    network = layers.spectrally_normalised(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1)))
    x = torch.randn(3, 4)
    twin = copy.deepcopy(network)
    assert torch.equal(network(x), twin(x))  # the same round from the same vectors
    other = layers.spectrally_normalised(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1)))
    other.load_state_dict(network.state_dict())
    assert torch.equal(other(x), network(x))
    assert {name.rsplit(".", 1)[-1] for name in network.state_dict()} == {"bias", "original", "u", "v"}
    network.requires_grad_(False)
    assert not network(x).requires_grad and not network[0].weight.requires_grad
    network(x.requires_grad_()).sum().backward()  # what a generator needs
    assert x.grad.abs().sum() > 0 and all(p.grad is None for p in network.parameters())


def test_sigmas_are_those_of_the_weights_that_are_trained():
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(16, 2)).double()
    expected = [torch.linalg.matrix_norm(m.weight.flatten(1), 2).item() for m in (network[0], network[2])]
    network = nn.ModuleDict({"body": layers.spectrally_normalised(network, 300)})
    network["body"](torch.randn(1, 1, 4, 4).double())
    found = sigmas(network)
    assert list(found) == ["body.0", "body.2"]
    assert [s.item() for s in found.values()] == pytest.approx(expected, rel=1e-9)
    assert sigmas(nn.Linear(2, 2)) == {}


def test_what_cannot_be_normalised():
    with pytest.raises(GanlibError, match="BatchNorm1d was given; expected a linear layer, an embedding or a convol"):
        spectral_norm(nn.BatchNorm1d(3))
    for done in (spectral_norm, parametrizations.spectral_norm, nn.utils.spectral_norm):
        with pytest.raises(GanlibError, match="is normalised already"):
            spectral_norm(done(nn.Linear(2, 2)))
    with pytest.raises(GanlibError, match="n_power_iterations=0 was given; expected a whole number of at least 1"):
        spectral_norm(nn.Linear(2, 2), 0)


# -- the norm of the operator ------------------------------------------------------------------------------------------
def dense(layer, size):
    """The matrix of x ↦ A(x) − A(0), column by column."""
    twin = copy.deepcopy(layer).double()
    basis = torch.eye(layer.in_channels * math.prod(size)).double().unflatten(1, (layer.in_channels, *size))
    with torch.no_grad():
        return (twin(basis) - twin(torch.zeros_like(basis[:1]))).flatten(1).T


CONVOLUTIONS = [
    nn.Conv2d(2, 3, 3, padding=1),
    nn.Conv2d(3, 2, 4, stride=2, padding=1),
    nn.Conv2d(2, 4, 3, stride=3, padding=2, dilation=2, groups=2, bias=False),
    nn.Conv2d(2, 3, (1, 5), padding=(0, 2), padding_mode="reflect"),
    nn.Conv2d(2, 3, 3, stride=2, padding=1, padding_mode="circular"),
    nn.ConvTranspose2d(3, 2, 4, 2, 1),
    nn.ConvTranspose2d(2, 2, 3, 2, 1, output_padding=1, bias=False),
    nn.Conv1d(2, 3, 3, padding=1),
]
CIRCULANT = [
    nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular"),
    nn.Conv2d(3, 2, (3, 5), padding="same", padding_mode="circular", bias=False),
    nn.Conv2d(1, 1, 1, padding_mode="circular"),
]


@pytest.mark.parametrize("layer", CONVOLUTIONS + CIRCULANT, ids=str)
def test_the_norm_of_a_convolution_is_that_of_its_matrix(layer):
    size = (6, 5)[-len(layer.kernel_size) :]
    expected = torch.linalg.matrix_norm(dense(layer, size), 2).item()
    state = torch.get_rng_state()
    found = operator_norm(layer, size).item()
    assert found == pytest.approx(expected, rel=1e-9 if layer in CIRCULANT else 1e-6)
    assert found <= expected * (1 + 1e-9)  # power iteration never says too much
    assert torch.equal(torch.get_rng_state(), state)
    assert layer.weight.dtype == torch.float32 and layer.weight.requires_grad


def test_it_is_not_the_norm_of_the_kernel_as_a_matrix():
    """At stride 1 it is at most √(k_h k_w) times as large; here it lies strictly between."""
    layer = nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular")
    kernel = torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item()
    true = operator_norm(layer, 8).item()
    assert 1.1 * kernel < true < 3 * kernel
    with torch.no_grad():
        layer.weight.copy_(layer.weight[:, :, :1, :1].expand(-1, -1, 3, 3))  # the same in all nine places
    kernel = torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item()
    assert operator_norm(layer, 8).item() == pytest.approx(3 * kernel, rel=1e-5)  # the bound is reached


def test_looking_at_a_normalised_layer_does_not_move_it():
    layer = spectral_norm(nn.Conv2d(2, 3, 3, padding=1))
    kept = [t.clone() for t in vectors(layer)]
    found = operator_norm(layer, 6)
    assert all(torch.equal(a, b) for a, b in zip(vectors(layer), kept, strict=True)) and layer.training
    expected = torch.linalg.matrix_norm(dense(layer.eval(), (6, 6)), 2)
    assert found.item() == pytest.approx(expected.item(), rel=1e-4)


def test_the_norm_of_a_linear_layer_and_of_nothing():
    layer = nn.Linear(5, 3)
    assert operator_norm(layer).item() == pytest.approx(torch.linalg.svdvals(layer.weight)[0].item(), rel=1e-6)
    zero = nn.Conv2d(1, 1, 3)
    nn.init.zeros_(zero.weight)
    assert operator_norm(zero, 4).item() == 0
    with pytest.raises(GanlibError, match="ReLU was given; expected a linear layer or a convolution"):
        operator_norm(nn.ReLU())
    for size in (None, 0, (4,), (4, 4, 4)):
        with pytest.raises(GanlibError, match="was given; expected that of the input's 2 axes, in pixels"):
            operator_norm(zero, size)
