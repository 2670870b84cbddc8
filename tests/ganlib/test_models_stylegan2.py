"""The networks of StyleGAN2: both forms of its convolution, variances, resampling, ways to the image, sizes."""

import math

import pytest
import torch
from torch.nn.functional import conv2d, leaky_relu

from ganlib.errors import GanlibError
from ganlib.models.equalised import blur, down, up
from ganlib.models.stylegan2 import (
    ARCHITECTURES,
    ModulatedConv2d,
    ModulatedLayer,
    StyleGAN2Discriminator,
    StyleGAN2Generator,
    StyleGAN2Synthesis,
    added,
    convolved,
)

SHAPE = (3, 16, 16)


def synthesis(architecture="skip", w_dim=5):
    made = StyleGAN2Synthesis(SHAPE, w_dim, width=4, widest=6, architecture=architecture)
    for name, parameter in made.named_parameters():
        if name.endswith(("bias", "strength")):
            parameter.data.normal_()  # as after some training
    return made


# -- resampling --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kernel", [1, 3])
def test_up_and_down_are_what_they_save(kernel):
    """Inside, the same as convolving large images; of a 1×1 kernel at the border too."""
    weight, bias = torch.randn(5, 3, kernel, kernel).double(), torch.randn(5).double()
    x, inside = torch.randn(2, 3, 8, 8).double(), slice(kernel // 2 * 2, -(kernel // 2 * 2) or None)
    slow = conv2d(blur(up(x)), weight, bias, padding=kernel // 2)
    fast = convolved(x, weight, bias, "up")
    assert fast.shape == (2, 5, 16, 16)
    assert torch.allclose(fast[..., inside, inside], slow[..., inside, inside])
    slow = down(blur(conv2d(x, weight, padding=kernel // 2))) + bias[:, None, None]
    fast = convolved(x, weight, bias, "down")
    assert fast.shape == (2, 5, 4, 4)
    assert torch.allclose(fast[..., 1:-1, 1:-1], slow[..., 1:-1, 1:-1])
    assert torch.equal(convolved(x, weight, bias), conv2d(x, weight, bias, padding=kernel // 2))
    assert torch.equal(convolved(x, weight, bias, "stride"), convolved(x, weight, bias)[..., ::2, ::2])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_without_blur_features_are_only_left_out(architecture):
    """Nothing is filtered on the way down: a block's last convolution is the plain one at every other pixel."""
    torch.manual_seed(2)
    blurred, plain = (StyleGAN2Discriminator(SHAPE, 4, 6, 2, architecture, blurred=b).double() for b in (True, False))
    plain.load_state_dict(blurred.state_dict())
    x = torch.randn(4, *SHAPE).double()
    assert not torch.allclose(blurred(x), plain(x), atol=1e-3)
    features = plain.from_images[0](x)
    first, halving, bend = plain.blocks[0]
    weight, bias = halving.scaled()
    expected = bend(conv2d(first(features), weight, bias, padding=1)[..., ::2, ::2])
    assert torch.allclose(plain.blocks[0](features), expected)
    if architecture == "residual":
        weight, _ = plain.shortcuts[0].scaled()
        assert torch.allclose(plain.shortcuts[0](features), conv2d(features, weight)[..., ::2, ::2])


def test_the_filter_is_1331():
    x = torch.randn(1, 2, 8, 8).double()
    row = torch.tensor([1.0, 3, 3, 1]).double()
    kernel = torch.outer(row, row).expand(2, 1, 4, 4) / 64
    zeros = torch.zeros(1, 2, 16, 16).double()
    zeros[..., ::2, ::2] = x
    padded = torch.nn.functional.pad(zeros, (2, 1, 2, 1))
    assert torch.allclose(blur(up(x)), 4 * conv2d(padded, kernel, groups=2))
    assert torch.allclose(down(blur(x)), conv2d(x, kernel, stride=2, padding=1, groups=2))
    assert torch.allclose(blur(x, 4, 2), conv2d(x, kernel, padding=2, groups=2))


# -- modulation --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("resample", ["", "up"])
@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("demodulate", [True, False])
def test_both_forms_are_one(resample, kernel, demodulate):
    layer = ModulatedConv2d(6, 4, 5, kernel, resample, demodulate)
    layer.bias.data.normal_()
    x, w = torch.randn(3, 6, 8, 8, requires_grad=True), torch.randn(3, 5, requires_grad=True)
    scaled, grouped = layer(x, w), layer.grouped(x, w)
    assert scaled.shape == ((3, 4, 16, 16) if resample else (3, 4, 8, 8))
    assert torch.allclose(scaled, grouped, atol=1e-5)
    pull = torch.randn_like(scaled)
    inputs = [x, w, *layer.parameters()]
    for one, other in zip(*(torch.autograd.grad(y, inputs, pull) for y in (scaled, grouped)), strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-4 * other.abs().max())
    other = layer.grouped(x, w.flip(0))
    assert not torch.allclose(scaled[0], other[0], atol=1e-2) and torch.allclose(scaled[1], other[1], atol=1e-5)


def test_modulation_by_the_definition():
    """Equations (1) to (3), one sample and one output channel after the other."""
    layer, w = ModulatedConv2d(3, 2, 4), torch.randn(2, 4)
    layer.bias.data.normal_()
    x, made = torch.randn(2, 3, 5, 5), []
    for image, style in zip(x, w, strict=True):
        s = 1 + layer.style.weight @ style / math.sqrt(4)
        kernel = layer.weight / math.sqrt(3 * 9)
        kernel = torch.stack([k * s[:, None, None] / (k * s[:, None, None]).square().sum().sqrt() for k in kernel])
        made.append(conv2d(image[None], kernel, layer.bias, padding=1)[0])
    assert torch.allclose(layer(x, w), torch.stack(made), atol=1e-5)


def test_demodulated_outputs_have_variance_1():
    """Of independent inputs with variance 1, away from the border, whatever the style."""
    x, w = torch.randn(16, 32, 34, 34), torch.randn(16, 8)

    def variances(x, demodulate):
        y = ModulatedConv2d(32, 16, 8, demodulate=demodulate)(x, w)[..., 1:-1, 1:-1].detach()
        return y.var((0, 2, 3)), y.var((1, 2, 3)), y.var((2, 3)).std()  # of a channel, of a sample; their spread

    channels, samples, spread = variances(x, True)
    assert (channels - 1).abs().max() < 0.05 and (samples - 1).abs().max() < 0.05 and spread < 0.15
    assert variances(x[:, :1].expand_as(x), True)[2] > 0.3  # inputs that go together: there is no such law
    assert variances(x, False)[1].std() > 0.3  # styles decide


def test_a_style_that_is_longer_changes_nothing_when_demodulated():
    layer, x, w = ModulatedConv2d(6, 4, 5), torch.randn(2, 6, 8, 8), torch.randn(2, 5)
    y = layer(x, w)
    layer.style.weight.data.mul_(3)
    layer.style.bias.data.fill_(2.0)  # 1 + 2 + 3·style: three times as much
    assert torch.allclose(layer(x, w), y, atol=1e-5)
    assert not layer.bias.any() and layer.style(torch.zeros(1, 5)).eq(2).all()


def test_a_layer_adds_noise_and_offset_after_the_demodulation():
    layer, x, w = ModulatedLayer(4, 3, 5, 8), torch.randn(2, 4, 8, 8), torch.randn(2, 5)
    assert [p.shape for p in layer.noise.parameters()] == [(1, 1, 1)] and not layer.noise.strength.any()
    plain = layer.convolution(x, w)
    assert torch.allclose(layer(x, w, "fresh"), math.sqrt(2) * leaky_relu(plain, 0.2))
    layer.noise.strength.data.fill_(0.5)
    layer.convolution.bias.data = torch.tensor([1.0, 2.0, 3.0])
    noise = torch.randn(2, 1, 8, 8)
    expected = plain + torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1) + 0.5 * noise
    assert torch.allclose(layer(x, w, noise), math.sqrt(2) * leaky_relu(expected, 0.2), atol=1e-5)


def test_half_precision_scales_in_full():
    layer, x, w = ModulatedConv2d(8, 4, 5), torch.randn(2, 8, 8, 8), torch.randn(2, 5)
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(x.bfloat16(), w)
        assert y.dtype == torch.bfloat16 and layer.factors(w)[1].dtype == torch.float32
        assert torch.equal(layer.factors(w)[1], layer.factors(w.float())[1])
    assert torch.allclose(y.float(), layer(x, w), atol=0.05)


def test_the_sum_of_two_keeps_the_variance():
    x, y = torch.randn(2, 100_000)
    assert added(x, y).var().item() == pytest.approx(1, rel=0.02)


# -- ways to the image -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_shapes_of_every_architecture(architecture):
    generator = StyleGAN2Generator(SHAPE, 6, 5, 4, 6, depth=2, architecture=architecture).eval()
    images = generator(torch.randn(4, 6))
    assert images.shape == (4, *SHAPE) and images.abs().max() <= 1
    assert generator.n_layers == 6 and generator.synthesis.sides == [4, 8, 8, 16, 16]
    assert len(generator.synthesis.parts(torch.randn(1, 6, 5))) == (3 if architecture == "skip" else 1)
    for name, part in generator.synthesis.named_modules():
        if isinstance(part, ModulatedConv2d):  # images are as large as their styles say
            assert part.demodulate == (not name.startswith("to_images"))
    judge = StyleGAN2Discriminator(SHAPE, 4, 6, architecture=architecture)
    assert judge(images).shape == (4,)
    with pytest.raises(GanlibError, match=r"samples of shape \(3, 8, 8\) were given; the discriminator expects"):
        judge(images[..., ::2, ::2])
    with pytest.raises(GanlibError, match="unknown architecture 'resnet'; known: plain, residual, skip"):
        StyleGAN2Discriminator(SHAPE, architecture="resnet")


def test_the_image_of_skips_is_the_sum_of_enlarged_parts():
    g, w = synthesis(), torch.randn(2, 6, 5)
    small, middle, large = g.parts(w, "fixed")
    assert [part.shape[-1] for part in (small, middle, large)] == [4, 8, 16]
    assert torch.allclose(g(w, "fixed"), blur(up(blur(up(small)) + middle)) + large, atol=1e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_each_style_reaches_its_layers(architecture):
    """Style 2ℓ + 1 is that of the image of level ℓ and of the next level's first layer."""
    g, w = synthesis(architecture), torch.randn(1, 6, 5)
    seen = {}
    for name, part in g.named_modules():
        if isinstance(part, ModulatedConv2d):
            part.register_forward_pre_hook(lambda _, args, name=name: seen.update({name: args[1]}))
    g(w, "none")
    convolutions = {f"layers.{i}.convolution": i for i in range(5)}
    images = {f"to_images.{i}": 2 * i + 1 for i in range(3)} if architecture == "skip" else {"to_images.0": 5}
    assert {name: [i for i in range(6) if w[:, i].equal(style)] for name, style in seen.items()} == {
        name: [i] for name, i in (convolutions | images).items()
    }


def test_residual_blocks_go_round():
    g, w = synthesis("residual"), torch.randn(2, 6, 5)
    for layer in g.layers[1:]:  # nothing comes through the convolutions: the shortcuts alone
        layer.convolution.weight.data.zero_()
        layer.convolution.bias.data.zero_()
    x = g.layers[0](g.constant.expand(2, -1, -1, -1), w[:, 0], "none")
    for around in g.shortcuts:
        assert around.bias is None
        x = convolved(x, around.weight / math.sqrt(around.weight.shape[1]), resample="up") / math.sqrt(2)
    assert torch.allclose(g(w, "none"), g.to_images[0](x, w[:, 5]), atol=1e-4)


# -- noise -------------------------------------------------------------------------------------------------------------
def test_noise_to_order():
    g, w = synthesis(), torch.randn(2, 6, 5)
    maps = [layer.noise.fixed for layer in g.layers]
    assert torch.equal(g(w, maps), g(w, "fixed")) and not torch.allclose(g(w, "none"), g(w, "fixed"), atol=1e-3)
    assert not torch.equal(g(w), g(w)) and torch.equal(g.eval()(w), g(w, maps))
    own = [torch.randn(2, 1, side, side) for side in g.sides]
    one = torch.cat([g(w[i : i + 1], [m[i : i + 1] for m in own]) for i in range(2)])
    assert torch.allclose(g(w, own), one, atol=1e-5)
    for wrong in (own[1:], own[::-1]):
        with pytest.raises(GanlibError, match="images of noise of shapes"):
            g(w, wrong)
    with pytest.raises(GanlibError, match="unknown noise 'loud'"):
        g(w, "loud")


# -- sizes -------------------------------------------------------------------------------------------------------------
def counts(width, widest, latent=512):
    """The numbers that are learned, from the papers' tables and by nothing of ours.

    Karras et al. (2018), table 2, has the channels: at 64×64 `width`, twice as many with each halving of the side, at
    most `widest`. Karras et al. (2019), section 2 and appendix C: eight layers of 512 in the mapping. Karras et al.
    (2020), figures 2 and 7: the constant of 4×4; a convolution there and two at each larger size; each with an affine
    map of w, an offset for each channel and one strength of noise; at each size (skip) a 1×1 convolution to three
    colours with an affine map and offsets. The discriminator: 1×1 from three colours; at each size above 4×4 two
    convolutions, and 1×1 without offsets round them (residual); at 4×4 a convolution that sees one channel more (the
    minibatch statistic), and two layers.

    With 512 channels everywhere (config F, whose 2¹⁴/32 channels at 64×64 are 512) this is, by hand:
      mapping      8 · (512² + 512)                                     =  2,101,248
      constant     512 · 16                                             =      8,192
      a layer      9 · 512² + (512² + 512) + 512 + 1 = 2,622,465;  × 9  = 23,602,185
      an image     3 · 512 + (512² + 512) + 3        =   264,195;  × 5  =  1,320,975   G = 27,032,600
      from images  3 · 512 + 512                                        =      2,048
      a block      2 · (9 · 512² + 512) + 512²       = 4,981,760;  × 4  = 19,927,040
      4×4          9 · 513 · 512 + 512                                  =  2,364,416
      the end      16 · 512² + 512 + 512 + 1                            =  4,195,329   D = 26,488,833
    """
    n = {side: min(widest, width * 64 // side) for side in (4, 8, 16, 32, 64)}
    affine = lambda c: latent * c + c
    layer = lambda a, b: 9 * a * b + affine(a) + b + 1
    image = lambda c: 3 * c + affine(c) + 3
    generator = 8 * affine(latent) + 16 * n[4] + layer(n[4], n[4]) + image(n[4])
    discriminator = 3 * n[64] + n[64] + 9 * (n[4] + 1) * n[4] + n[4] + 16 * n[4] ** 2 + n[4] + n[4] + 1
    for side in (8, 16, 32, 64):
        below, here = n[side // 2], n[side]
        generator += layer(below, here) + layer(here, here) + image(here)
        discriminator += 9 * here**2 + here + 9 * here * below + below + here * below
    return generator, discriminator


@pytest.mark.parametrize(
    ("width", "widest", "expected"),
    [
        (512, 512, (27_032_600, 26_488_833)),
        # As above with 128 channels: 2,101,248 + 2,048 + 9 · 213,249 + 5 · 66,051 and 512 + 4 · 311,552 + 148,736 +
        # 262,401.
        (128, 128, (4_352_792, 1_657_857)),
        (128, 512, None),  # 512, 512, 512, 256, 128
    ],
)
def test_as_many_numbers_as_in_the_paper(width, widest, expected):
    shape = (3, 64, 64)
    with torch.device("meta"):  # nothing is computed
        networks = StyleGAN2Generator(shape, 512, 512, width, widest), StyleGAN2Discriminator(shape, width, widest)
    found = tuple(sum(p.numel() for p in network.parameters()) for network in networks)
    assert found == counts(width, widest) and (expected is None or found == expected)
