"""Equalised layers, pixel norm, the minibatch statistic, up, down and blur: each against its formula."""

import math

import pytest
import torch
from torch.nn.functional import conv2d, interpolate, linear

from ganlib.errors import GanlibError
from ganlib.gans.base import adam
from ganlib.models.equalised import (
    EqualisedConv2d,
    EqualisedLinear,
    MinibatchStd,
    PixelNorm,
    blur,
    down,
    pixel_norm,
    up,
)
from ganlib.models.layers import mixing, on_each


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


# -- equalised learning rate -------------------------------------------------------------------------------------------
def test_weights_are_standard_normal_and_scaled_where_they_are_used():
    conv, x = EqualisedConv2d(32, 64), torch.randn(4, 32, 16, 16)
    assert conv.weight.std().item() == pytest.approx(1, rel=0.02) and not conv.bias.any()
    conv.bias.data.normal_()
    expected = conv2d(x, conv.weight * math.sqrt(2 / (32 * 9)), conv.bias, padding=1)
    assert torch.allclose(conv(x), expected, atol=1e-5)
    last = EqualisedConv2d(32, 3, kernel=1, gain=1.0)
    assert torch.allclose(last(x), conv2d(x, last.weight / math.sqrt(32)), atol=1e-5)
    dense, z = EqualisedLinear(256, 512), torch.randn(200, 256)
    assert torch.allclose(dense(z), linear(z, dense.weight * math.sqrt(2 / 256)), atol=1e-5)
    assert dense(z).relu().square().mean().item() == pytest.approx(1, rel=0.05)  # He: the second moment is kept


def test_a_multiplier_slows_a_layer_down_and_changes_nothing_else():
    z, layers = torch.randn(500, 256), {}
    for rate in (1.0, 0.01):
        layer = layers[rate] = EqualisedLinear(256, 256, lr_multiplier=rate)
        assert layer.weight.std().item() == pytest.approx(1 / rate, rel=0.02)
        assert layer(z).var().item() == pytest.approx(2, rel=0.05)
        layer.bias.data.fill_(3.0)
        assert layer(torch.zeros(1, 256)).mean().item() == pytest.approx(3 * rate)


@pytest.mark.parametrize("size", [1e-3, 1e3])
def test_adam_moves_every_layer_by_the_rate(size):
    """Whatever the gradient and however many inputs: the weight that is used moves by lr · scale, its size by lr."""
    for n, rate in ((8, 1.0), (512, 1.0), (512, 0.01)):
        layer = EqualisedLinear(n, 8, lr_multiplier=rate).double()
        before = layer.scaled()[0].detach()
        optimizer = adam(1e-3, 0.0, 0.99)(layer.parameters(), 1.0)
        (size * layer(torch.randn(16, n).double()).sum()).backward()
        optimizer.step()
        moved = (layer.scaled()[0] - before).abs().median().item()
        assert moved == pytest.approx(1e-3 * rate * math.sqrt(2 / n), rel=0.02)


# -- pixel norm --------------------------------------------------------------------------------------------------------
def test_pixel_norm_by_hand():
    x = torch.tensor([[3.0, 4.0], [0.0, 0.0], [-1.0, -1.0]]).view(3, 2, 1, 1)
    rms = math.sqrt(12.5)
    expected = torch.tensor([[3 / rms, 4 / rms], [0, 0], [-1, -1]]).view(3, 2, 1, 1)
    assert torch.allclose(pixel_norm(x), expected, atol=1e-6)
    assert torch.allclose(pixel_norm(x.flatten(1)), expected.flatten(1), atol=1e-6)  # latents too


def test_pixel_norm_is_of_each_pixel_and_keeps_the_type():
    x = torch.randn(2, 5, 3, 3) * torch.rand(2, 1, 3, 3).add(0.1).mul(100)
    y = PixelNorm()(x)
    assert torch.allclose(y.square().mean(1), torch.ones(2, 3, 3), atol=1e-5)
    assert torch.allclose(pixel_norm(7 * x), y, atol=1e-5)
    assert pixel_norm(x.bfloat16()).dtype == torch.bfloat16


# -- the minibatch statistic -------------------------------------------------------------------------------------------
def test_the_statistic_is_that_of_the_samples_own_group():
    """Groups are (0, 1), (2, 3) and (4, 5). With samples and groups exchanged, 0 would share with 3."""
    x = torch.tensor([0.0, 2.0, 10.0, 16.0, 5.0, 5.0]).view(6, 1, 1, 1)
    y = MinibatchStd(2)(x)
    assert y.shape == (6, 2, 1, 1) and y[:, :1].equal(x)
    assert torch.allclose(y[:, 1].flatten(), torch.tensor([1.0, 1, 3, 3, 0, 0]), atol=2e-4)
    moved = x.clone()
    moved[3] += 1.0
    changed = (MinibatchStd(2)(moved)[:, 1] != y[:, 1]).flatten()
    assert changed.tolist() == [False, False, True, True, False, False]


def test_the_statistic_is_a_mean_over_features_and_pixels():
    x = torch.randn(8, 3, 4, 5)
    y = MinibatchStd(4)(x)[:, 3]  # (8, 4, 5)
    for i in range(8):
        group = x[i // 4 * 4 : i // 4 * 4 + 4].double()
        by_hand = sum(
            math.sqrt(((v := group[:, c, h, w]) - v.mean()).square().mean().item() + 1e-8)
            for c in range(3)
            for h in range(4)
            for w in range(5)
        )
        assert torch.allclose(y[i], torch.tensor(by_hand / 60), rtol=1e-5)


@pytest.mark.parametrize(("n", "size"), [(8, 4), (6, 3), (7, 1), (2, 2), (9, 3), (1, 1)])
def test_groups_are_of_the_largest_size_that_fits(n, size):
    values = MinibatchStd(4).eval()(torch.randn(n, 2, 2, 2))[:, 2, 0, 0]
    assert len(values.unique()) == (n // size if size > 1 else 1)
    assert values.view(-1, size).eq(values[::size, None]).all()
    if size == 1:
        assert torch.allclose(values, torch.full((n,), 1e-4))
        with pytest.raises(GanlibError, match=f"a batch of {n} was given"):  # in training that would be no guard
            MinibatchStd(4)(torch.randn(n, 2, 2, 2))
        with torch.no_grad():  # nothing is learned
            MinibatchStd(4)(torch.randn(n, 2, 2, 2))


def test_a_collapsed_batch_has_a_gradient():
    x = torch.ones(4, 2, 2, 2, requires_grad=True)
    MinibatchStd(4)(x).sum().backward()
    assert x.grad.isfinite().all()


def test_real_and_generated_samples_are_never_in_one_group():
    layer = torch.nn.Sequential(MinibatchStd(4))
    assert mixing(layer) is layer[0]
    a, b = torch.randn(2, 1, 2, 2), torch.randn(2, 1, 2, 2)
    assert on_each(layer, a, b)[0].equal(layer(a)) and not layer(torch.cat([a, b]))[:2].equal(layer(a))


@pytest.mark.parametrize("group", [0, 1.5, True])
def test_a_group_is_a_number_of_samples(group):
    with pytest.raises(GanlibError, match="group must be a whole number 1 or more"):
        MinibatchStd(group)


# -- up, down, blur ----------------------------------------------------------------------------------------------------
def test_up_copies_and_down_takes_means():
    x = torch.arange(4.0).view(1, 1, 2, 2)
    assert up(x)[0, 0].tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]
    assert down(x).item() == 1.5
    x = torch.randn(2, 3, 8, 8)
    assert down(up(x)).equal(x) and up(x, 1).equal(x) and down(x, 1).equal(x)
    assert not torch.allclose(up(down(x)), x, atol=0.1)  # the detail has gone
    assert torch.allclose(down(x, 4), down(down(x)), atol=1e-6) and up(x, 4).equal(up(up(x)))


def test_blur_is_the_binomial_filter():
    x = torch.zeros(1, 2, 5, 5)
    x[0, 1, 2, 2] = 16.0
    y = blur(x)
    assert not y[0, 0].any()  # channels keep to themselves
    assert y[0, 1, 1:4, 1:4].tolist() == [[1, 2, 1], [2, 4, 2], [1, 2, 1]] and y.sum() == 16
    flat = blur(torch.ones(1, 1, 4, 4))[0, 0]
    assert flat[1:3, 1:3].eq(1).all() and flat[0, 0] == 9 / 16  # zeros outside


@pytest.mark.parametrize("frequency", [0.0, math.pi / 3, math.pi / 2, math.pi])
def test_blur_takes_the_highest_frequency_away(frequency):
    wave = torch.cos(frequency * torch.arange(12, dtype=torch.float64)).expand(1, 1, 12, 12)
    expected = math.cos(frequency / 2) ** 2 * wave
    assert torch.allclose(blur(wave)[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1], atol=1e-12)


def test_up_and_blur_are_bilinear_inside():
    x = torch.randn(2, 3, 6, 6)
    bilinear = interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    assert torch.allclose(blur(up(x))[..., 1:-1, 1:-1], bilinear[..., 1:-1, 1:-1], atol=1e-6)


@pytest.mark.parametrize("function", [blur, up, down, pixel_norm, MinibatchStd(2)])
def test_all_can_be_differentiated_twice(function):
    x = torch.randn(2, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(function, x)
