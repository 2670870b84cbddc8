"""Gradient penalties against closed forms and finite differences, and the ways in which public code gets them wrong."""

import contextlib
import math

import pytest
import torch
from torch import nn

from ganlib import penalties
from ganlib.errors import GanlibError
from ganlib.penalties import between, clip_weights, gradient_norms, gradient_penalty, spectral_norm_regularisation

SHAPES = [(2,), (1, 28, 28), (3, 8, 8)]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def linear(*w):
    """f(x) = w·x, whose gradient is w everywhere."""
    w = torch.tensor(w, dtype=torch.float64)
    return lambda x: x @ w


def pair(n, *shape, dtype=torch.float64):
    return torch.randn(n, *shape, dtype=dtype), torch.randn(n, *shape, dtype=dtype)


# -- values ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("target", "one_sided"), [(1.0, False), (1.0, True), (0.0, False), (7.0, True)])
def test_a_linear_critic_costs_its_slope(target, one_sided):
    value = gradient_penalty(linear(3.0, -4.0), *pair(6, 2), target=target, one_sided=one_sided)
    expected = 0.0 if one_sided and target > 5 else (5.0 - target) ** 2
    assert value.ndim == 0 and value.item() == pytest.approx(expected, abs=1e-12)


def test_below_the_target_only_the_two_sided_penalty_bites():
    flat = linear(0.3, 0.4)
    assert gradient_penalty(flat, *pair(6, 2)).item() == pytest.approx(0.25, abs=1e-12)
    assert gradient_penalty(flat, *pair(6, 2), one_sided=True).item() == 0


@pytest.mark.parametrize("shape", SHAPES)
def test_a_quadratic_critic_has_its_own_slope_at_every_sample(shape):
    """f(x) = ½|x|² has ∇f(x) = x: the norm is over everything but the batch (norm(dim=1) of an image is not)."""
    x = torch.randn(5, *shape, dtype=torch.float64)
    norms = gradient_norms(lambda x: 0.5 * x.square().flatten(1).sum(1), x)
    assert norms.shape == (5,)
    assert torch.allclose(norms, x.flatten(1).square().sum(1).sqrt(), rtol=1e-12)


def test_it_looks_between_the_samples():
    """f′ = 1 + sin πx is 1 at the real points (0) and at the generated ones (2): only between is there a cost, ½."""
    n = 20_000
    real, fake = torch.zeros(n, 1, dtype=torch.float64), torch.full((n, 1), 2.0, dtype=torch.float64)
    critic = lambda x: x - torch.cos(math.pi * x) / math.pi
    assert gradient_penalty(critic, real, fake).item() == pytest.approx(0.5, abs=0.01)  # the mean of sin² over a period
    for one_end in (real, fake):  # what ε = 1 or ε = 0 would see
        assert gradient_penalty(critic, one_end, one_end).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_one_epsilon_per_pair(shape):
    real, fake = pair(64, *shape)
    e = ((between(real, fake) - fake) / (real - fake)).flatten(1)
    assert torch.allclose(e, e[:, :1].expand_as(e), atol=1e-6)  # all pixels of a sample share one ε
    e = e[:, 0]
    assert e.min() >= 0 and e.max() <= 1
    assert e.std().item() == pytest.approx(12**-0.5, abs=0.06)  # U(0, 1), and not one ε for the whole batch
    assert not torch.equal(between(real, fake), between(real, fake))


def test_a_score_may_keep_its_axis():
    torch.manual_seed(1)
    flat = gradient_penalty(linear(3.0, -4.0), *pair(6, 2))
    torch.manual_seed(1)
    assert gradient_penalty(lambda x: linear(3.0, -4.0)(x)[:, None], *pair(6, 2)) == flat


# -- gradients ---------------------------------------------------------------------------------------------------------
def smooth(*sizes):
    layers = [
        layer for n_in, n_out in zip(sizes, sizes[1:], strict=False) for layer in (nn.Linear(n_in, n_out), nn.Tanh())
    ]
    return nn.Sequential(nn.Flatten(), *layers[:-1]).double()


@pytest.mark.parametrize("one_sided", [False, True])
@pytest.mark.parametrize("shape", [(2,), (3, 2, 2)])
def test_the_gradient_with_respect_to_the_weights_equals_finite_differences(shape, one_sided):
    critic = smooth(math.prod(shape), 8, 8, 1)
    real, fake = pair(7, *shape)

    def penalty():
        torch.manual_seed(3)  # the same ε each time
        return gradient_penalty(critic, real, fake, target=0.1, one_sided=one_sided)

    penalty().backward()
    checked = 0
    for name, weight in critic.named_parameters():
        if name == "5.bias":
            continue  # a constant added to f does not change its slope
        for i in torch.randperm(weight.numel())[:6].tolist():
            flat = weight.data.view(-1)
            value, h = flat[i].item(), 1e-6
            ends = []
            for moved in (value + h, value - h):
                flat[i] = moved
                ends.append(penalty().item())
            flat[i] = value
            assert weight.grad.view(-1)[i].item() == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-5, abs=1e-8)
            checked += abs(weight.grad.view(-1)[i].item()) > 1e-6
    assert checked >= 15  # the gradient does reach the weights of every layer


def test_a_flat_critic_gets_a_finite_gradient():
    """The slope of √ at 0 is infinite: one dead ReLU is enough to turn all weights into NaN."""

    def gradients(norms):
        critic = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))
        with torch.no_grad():
            critic[0].bias.fill_(-100)  # dead everywhere
        (norms(critic, torch.randn(5, 2)) - 1).square().mean().backward()
        return torch.cat([p.grad.flatten() for p in critic.parameters() if p.grad is not None])

    def naive(critic, x):
        x.requires_grad_()
        (g,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
        return g.square().sum(1).sqrt()

    assert gradients(gradient_norms).isfinite().all()
    assert gradients(naive).isnan().any()
    dead = lambda x: (x.sum(1) - 100).relu()
    assert gradient_penalty(dead, *pair(4, 2)).item() == 1  # exact: no ε under the root


def test_the_points_are_cut_off_from_the_generator():
    real, fake = (x.requires_grad_() for x in pair(4, 2))
    critic = smooth(2, 4, 1)
    gradient_penalty(critic, real, fake).backward()
    assert real.grad is None and fake.grad is None
    assert critic[1].weight.grad.abs().max() > 0


# -- precision and devices ---------------------------------------------------------------------------------------------
def test_an_island_of_full_precision():
    critic = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1))
    seen = []
    critic[0].register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    real, fake = pair(9, 2, dtype=torch.float32)
    values, grads = [], []
    for enabled in (False, True):
        torch.manual_seed(5)
        critic.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            assert critic(real).dtype == (torch.bfloat16 if enabled else torch.float32)  # so autocast is on
            seen.clear()
            value = gradient_penalty(critic, real, fake)
        value.backward()
        assert seen == [torch.float32] and value.dtype == torch.float32
        values.append(value.item())
        grads.append(critic[0].weight.grad.clone())
    assert values[0] == values[1] and torch.equal(*grads)


@pytest.mark.parametrize(
    ("given", "computed"),
    [(torch.bfloat16, torch.float32), (torch.float16, torch.float32), (torch.float64, torch.float64)],
)
def test_only_half_types_are_promoted(given, computed):
    real, fake = pair(4, 2, dtype=given)
    assert between(real, fake).dtype == computed
    assert gradient_penalty(lambda x: x.sum(1), real, fake).dtype == computed
    assert gradient_penalty(lambda x: x.sum(1), real.to(torch.float32), fake.to(torch.bfloat16)).dtype == torch.float32


def test_nothing_is_read_and_nothing_drawn_elsewhere(monkeypatch):
    """Meta tensors have no values: reading one, branching on one or mixing in one of the CPU raises."""
    monkeypatch.setattr(penalties, "full_precision", lambda like: contextlib.nullcontext())  # autocast knows no "meta"
    critic = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1)).to("meta")
    real, fake = torch.empty(2, 5, 2, device="meta")
    value = gradient_penalty(critic, real, fake, one_sided=True)
    value.backward()
    assert value.is_meta and critic[0].weight.grad.is_meta
    with pytest.raises(RuntimeError):
        value.item()
    with pytest.raises(RuntimeError):
        torch.rand(5, 1) * real  # what drawing ε on the CPU would do


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_cuda_graph_can_hold_it():
    critic = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1)).cuda()
    real, fake = torch.randn(2, 64, 2, device="cuda")
    optimizer = torch.optim.Adam(critic.parameters(), lr=1e-2, capturable=True)

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cuda", torch.bfloat16):
            value = gradient_penalty(critic, real, fake)
        value.backward()
        optimizer.step()
        return value

    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    optimizer.zero_grad(set_to_none=True)
    with torch.cuda.graph(graph):
        value = step()
    values = []
    for _ in range(300):
        graph.replay()
        values.append(value.item())
    assert value.dtype == torch.float32
    assert values[0] != values[1] and values[-1] < 0.1 * values[0]  # fresh ε each time, and it learns


# -- bad input ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("critic", "real", "fake", "words"),
    [
        (linear(1.0, 1.0), (4, 2), (5, 2), r"real samples of shape \(4, 2\) and generated ones of shape \(5, 2\) were"),
        (linear(1.0, 1.0), (4, 2), (4, 3), r"expected two batches of one shape \(N, \.\.\.\)"),
        (linear(1.0, 1.0), (4,), (4,), r"of shape \(4,\) and generated ones of shape \(4,\)"),
        (lambda x: x, (4, 2), (4, 2), r"the critic returned the shape \(4, 2\) for 4 samples; expected one number per"),
        (lambda x: x.sum(), (4, 2), (4, 2), r"the critic returned the shape \(\) for 4 samples"),
        (lambda x: x.mean(0), (2, 2, 2), (2, 2, 2), r"the critic returned the shape \(2, 2\) for 2 samples"),
        (lambda x: x.sum(1)[None], (4, 2), (4, 2), r"the critic returned the shape \(1, 4\) for 4 samples"),
    ],
)
def test_bad_input(critic, real, fake, words):
    with pytest.raises(GanlibError, match=words):
        gradient_penalty(critic, torch.zeros(real, dtype=torch.float64), torch.zeros(fake, dtype=torch.float64))


# -- weights -----------------------------------------------------------------------------------------------------------
def test_clipping_puts_every_number_back_into_the_box_and_leaves_the_rest():
    critic = nn.Sequential(nn.Conv2d(1, 4, 3), nn.GroupNorm(1, 4), nn.Flatten(), nn.Linear(16, 1))
    before = {name: p.detach().clone() for name, p in critic.named_parameters()}
    places = [p.data_ptr() for p in critic.parameters()]
    optimizer = torch.optim.RMSprop(critic.parameters())
    clip_weights(critic, 0.1)
    assert {name for name, p in critic.named_parameters() if not torch.equal(p, before[name])} >= {
        "0.weight",
        "1.weight",
    }
    for name, p in critic.named_parameters():
        assert torch.equal(p, before[name].clamp(-0.1, 0.1)) and p.requires_grad and p.grad is None
    assert critic[1].weight.eq(0.1).all()  # the scales of a normalisation too
    assert places == [p.data_ptr() for group in optimizer.param_groups for p in group["params"]]  # in place
    for wrong in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(GanlibError, match=f"limit={wrong} was given; expected a positive number"):
            clip_weights(critic, wrong)


def layered():
    return nn.Sequential(nn.Conv2d(2, 6, 3), nn.ReLU(), nn.ConvTranspose2d(6, 3, 2), nn.Flatten(), nn.Linear(12, 1))


def matrices(network):
    first, last = network[0].weight.flatten(1), network[4].weight
    return [first, network[2].weight.transpose(0, 1).flatten(1), last]  # one row per output channel


def test_the_penalty_on_spectral_norms_is_half_the_sum_of_their_squares():
    network, vectors = layered().double(), {}
    for _ in range(200):
        value = spectral_norm_regularisation(network, vectors)
    found = [torch.linalg.svd(m, full_matrices=False) for m in matrices(network)]
    assert value.item() == pytest.approx(sum(s[0].item() ** 2 for _, s, _ in found) / 2, rel=1e-9)
    assert list(vectors) == ["0", "2", "4"] and value.dtype == torch.float64
    value.backward()
    for p, (u, s, v) in zip(matrices(network), found, strict=True):
        gradient = s[0] * torch.outer(u[:, 0], v[0])
        (grad,) = torch.autograd.grad(torch.linalg.matrix_norm(p, 2).square() / 2, p)
        assert torch.allclose(gradient, grad, atol=1e-8)  # σuvᵀ
    kernel = network[0].weight.grad.flatten(1)
    u, s, v = found[0]
    assert torch.allclose(kernel, s[0] * torch.outer(u[:, 0], v[0]), atol=1e-8)
    assert network[0].bias.grad is None


def test_its_power_iteration_goes_on_where_it_was():
    network, vectors = layered().double(), {}
    spectral_norm_regularisation(network, vectors)
    kept = {name: u.clone() for name, u in vectors.items()}
    places, state = [u.data_ptr() for u in vectors.values()], torch.get_rng_state()
    spectral_norm_regularisation(network, vectors)
    assert torch.equal(torch.get_rng_state(), state)  # nothing is drawn again
    assert places == [u.data_ptr() for u in vectors.values()]
    for m, name in zip(matrices(network), vectors, strict=True):
        v = nn.functional.normalize(m.T @ kept[name], dim=0)
        assert torch.allclose(vectors[name], nn.functional.normalize(m @ v, dim=0), atol=1e-12)  # one round
    two = [spectral_norm_regularisation(network, vectors) for _ in range(2)]
    sum(two).backward()  # the first call's vectors are still there for it


def test_without_layers_there_is_nothing_to_regularise():
    with pytest.raises(GanlibError, match="ReLU has no layer with a weight; expected linear layers or convolutions"):
        spectral_norm_regularisation(nn.ReLU())
