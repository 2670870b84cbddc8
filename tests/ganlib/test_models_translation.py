"""Networks from images to images: what they see, what they take, and that evaluation mode changes nothing."""

import math
from fractions import Fraction

import pytest
import torch
from torch import nn

from ganlib.errors import GanlibError
from ganlib.models.translation import (
    PatchDiscriminator,
    ResNetTranslator,
    UNet,
    receptive_field,
    translator,
)


def seen(network, size, channels=3):
    """The side of the smallest square that an output in the middle depends on, by gradients; no normalisation."""
    for part in list(network.modules()):
        for name, child in part.named_children():
            if isinstance(child, nn.InstanceNorm2d):
                setattr(part, name, nn.Identity())
            if isinstance(child, nn.ReLU | nn.LeakyReLU | nn.Tanh):  # no gradient may vanish by chance
                setattr(part, name, nn.Identity())
    for weight in network.parameters():
        nn.init.constant_(weight, 1e-2)  # nor may two paths cancel
    x = torch.zeros(1, channels, size, size, dtype=torch.float64, requires_grad=True)
    y = network.double()(x)[0, 0]
    sides = []
    for shift in range(4):  # with enlargements not every output sees equally much
        (gradient,) = torch.autograd.grad(y[y.shape[0] // 2 + shift, y.shape[1] // 2 + shift], x, retain_graph=True)
        rows = gradient[0].abs().sum((0, 2)).nonzero()
        sides.append((rows.max() - rows.min() + 1).item())
    return max(sides)


@pytest.mark.parametrize(("layers", "side"), [(1, 16), (2, 34), (3, 70), (4, 142)])
def test_the_patches_of_the_discriminator(layers, side):
    assert receptive_field(PatchDiscriminator(3, 4, layers)) == side
    assert receptive_field([(4, 2)] * layers + [(4, 1)] * 2) == side
    assert seen(PatchDiscriminator(3, 2, layers), 2 * side + 32) == side


def test_four_halvings_are_not_70_pixels():
    """What some code takes for the 70×70 discriminator."""
    conv = lambda n_in, stride: nn.Conv2d(n_in, 2, 4, stride, 1)
    other = nn.Sequential(conv(3, 2), *(conv(2, 2) for _ in range(3)), conv(2, 1))
    assert receptive_field(other) == seen(other, 256) == 94
    assert receptive_field(list(other)[0]) == 4 and receptive_field([(4, 2)] * 4) == 46


def test_the_field_of_a_translator_is_a_bound():
    assert receptive_field(ResNetTranslator(3, 2)) == 169
    for blocks, downs in ((0, 0), (1, 1), (2, 2)):
        network = ResNetTranslator(3, 2, blocks, downs)
        bound, found = receptive_field(network), seen(network, 96)
        assert bound - 2**downs < found <= bound
    assert receptive_field([(3, Fraction(1, 2)), (3, 1)]) == 4


def test_the_field_follows_the_recursion_backwards():
    """The other way round, from one output to the input: r ↦ s(r − 1) + k."""
    layers = [(7, 1), (4, 2), (3, 3), (5, 2), (1, 2), (2, 1)]
    side = 1
    for kernel, stride in reversed(layers):
        side = stride * (side - 1) + kernel
    assert receptive_field(layers) == side != receptive_field(layers[::-1])
    for wrong in ([(0, 1)], [(3, 0)], nn.ReLU()):
        with pytest.raises(GanlibError, match="was given; expected"):
            receptive_field(wrong)


@pytest.mark.parametrize(
    "make", [lambda c: ResNetTranslator(c, 4, 2), lambda c: UNet(c, 4, 3), lambda c: UNet(c, 4, 5)]
)
@pytest.mark.parametrize("channels", [1, 3, 4])  # code that pads by the number of channels works for one of these
def test_translators_keep_the_shape(make, channels):
    network = make(channels)
    for height, width in ((32, 32), (32, 64), (96, 32)):
        x = torch.rand(2, channels, height, width) * 2 - 1
        y = network(x)
        assert y.shape == x.shape and y.abs().max() <= 1
        y.square().sum().backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_evaluation_changes_nothing_but_dropout():
    x = torch.randn(3, 3, 32, 32)
    for network in (ResNetTranslator(3, 4, 1), UNet(3, 4, 4, dropout=0.0), PatchDiscriminator(3, 4, 2)):
        assert torch.equal(network.train()(x), network.eval()(x))
        assert not list(network.buffers())  # no running statistics
        assert torch.allclose(network(x)[1:2], network(x[1:2]), atol=1e-5)  # nor any other image of the batch
    network = UNet(3, 4, 4)
    assert not torch.equal(network.train()(x), network(x))
    assert torch.equal(network.eval()(x), network(x))
    noisy = UNet(3, 4, 4, always_drop=True).eval()
    assert not torch.equal(noisy(x), noisy(x))


def test_with_running_statistics_evaluation_would_differ():
    """So the test above can fail."""
    network = ResNetTranslator(3, 4, 1)
    for part in list(network.modules()):
        for name, child in part.named_children():
            if isinstance(child, nn.InstanceNorm2d):
                setattr(part, name, nn.InstanceNorm2d(child.num_features, track_running_stats=True))
    x = torch.randn(2, 3, 16, 16)
    assert not torch.allclose(network.train()(x), network.eval()(x), atol=1e-2)


def test_a_unet_can_pass_its_input_on():
    """Only the outermost layers have to do anything: the skip carries the rest."""
    torch.manual_seed(1)
    network = UNet(1, 8, 3, dropout=0.0).double()
    down, up = network.downs[0][0], network.ups[-1][1]
    with torch.no_grad():
        for weight in network.parameters():
            weight.zero_()
        for i in range(4):  # channel i holds the pixel (i // 2, i % 2) of each 2×2 square, channel i + 4 its negative
            for sign, channel in ((1.0, i), (-1.0, i + 4)):
                down.weight[channel, 0, 1 + i // 2, 1 + i % 2] = sign
                up.weight[channel, 0, 1 + i // 2, 1 + i % 2] = sign
    x = torch.rand(1, 1, 16, 16, dtype=torch.float64) * 2 - 1
    assert torch.allclose(network(x), torch.tanh(x), atol=1e-12)
    network.ups[-1][1].weight.data[:8].zero_()  # what comes from below is all that is left
    assert network(x).abs().max() == 0


def test_initial_weights_and_sizes():
    count = lambda network: sum(p.numel() for p in network.parameters())
    assert (count(ResNetTranslator(3)), count(UNet(3)), count(PatchDiscriminator(3))) == (
        11_372_931,
        54_404_675,
        2_763_841,
    )
    for part in UNet(3, 16, 5).modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            n = part.weight.numel()
            assert part.weight.std().item() == pytest.approx(0.02, abs=5 * 0.02 / math.sqrt(2 * n))


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: ResNetTranslator(3, 4, 1)(torch.zeros(1, 3, 30, 32)), r"\(3, 30, 32\) were given; .* multiples of 4"),
        (lambda: ResNetTranslator(3, 4, 1)(torch.zeros(1, 1, 32, 32)), r"\(1, 32, 32\) were given; .*expects \(3, h"),
        (lambda: ResNetTranslator(3, 4, 1)(torch.zeros(1, 3, 4, 4)), "at least 8"),
        (lambda: UNet(3, 4, 5)(torch.zeros(1, 3, 48, 64)), "the U-Net expects .* multiples of 32"),
        (lambda: PatchDiscriminator(3, 4, 3)(torch.zeros(1, 3, 16, 16)), "patch discriminator .* at least 24"),
        (lambda: UNet(3, 4, 4, dropout=1.0), r"dropout=1.0 was given; expected a rate in \[0, 1\)"),
        (lambda: ResNetTranslator(3, 4, -1), "blocks must be a whole number 0 or more"),
        (lambda: translator("resnett", (3, 32, 32)), "unknown model 'resnett' .*did you mean 'resnet'"),
        (lambda: translator("resnet", (2,)), "expected images"),
        (lambda: translator("unet", (3, 33, 32)), "multiples of 4"),
    ],
)
def test_what_does_not_fit_is_said(act, words):
    with pytest.raises(GanlibError, match=words):
        act()


def test_by_name():
    assert isinstance(translator("resnet", (3, 32, 32), 8, 2), ResNetTranslator)
    for size, downs in ((16, 4), (32, 5), (48, 4), (256, 8), (512, 8)):
        assert len(translator("unet", (3, size, size), 2).downs) == downs
