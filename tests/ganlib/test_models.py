"""Networks: counts, shapes, modes, errors."""

import pytest
import torch
from torch import nn

from ganlib import models
from ganlib.errors import GanlibError
from ganlib.models import guidelines
from ganlib.models.dcgan import DCGANDiscriminator
from ganlib.models.layers import is_normalised, on_each
from ganlib.models.maxout import Maxout
from ganlib.models.minibatch import MinibatchDiscrimination
from ganlib.models.resnet import Down, Pool, Up
from ganlib.models.toy import Signs
from ganlib.penalties import penalised


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_the_classic_counts():
    generator, discriminator = models.networks("mlp", (1, 28, 28), 100)
    statistics = sum(b.numel() for n, b in generator.named_buffers() if not n.endswith("num_batches_tracked"))
    assert (count(generator), statistics, count(discriminator)) == (1_489_936, 3_584, 533_505)
    assert sum(n.endswith("num_batches_tracked") for n, _ in generator.named_buffers()) == 3


def test_the_small_counts():
    generator, discriminator = models.networks("mlp-small", (1, 28, 28), 64)
    # 64·256+256 + 256·256+256 + 256·784+784 and 784·256+256 + 256·256+256 + 256+1
    assert (count(generator), count(discriminator)) == (283_920, 267_009)


def test_the_counts_of_dcgan():
    """At 64×64 with 100 latents, colour, 64 channels: the layers 4·4·100·512, 4·4·512·256, … and the scales between."""
    generator, discriminator = models.networks("dcgan", (3, 64, 64), 100)
    assert (count(generator), count(discriminator)) == (3_576_704, 2_765_632)
    assert count(DCGANDiscriminator((3, 64, 64), offset=False)) == 2_765_568
    assert generator.layers[0].weight.shape == (512 * 4 * 4, 100)  # "project and reshape", figure 1
    widths = [m.out_channels for m in generator.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert widths == [256, 128, 64, 3]
    assert [m.out_channels for m in discriminator.modules() if isinstance(m, nn.Conv2d)] == [64, 128, 256, 512]
    assert discriminator.layers[-1].weight.shape == (1, 512 * 4 * 4)  # "flattened and then fed into a single" output
    small, _ = models.networks("dcgan-small", (3, 64, 64), 100)
    assert small.layers[0].out_features == 256 * 4 * 4
    assert tuple(map(count, models.networks("dcgan", (3, 32, 32), 100))) == (1_068_928, 663_360)


def test_dcgan_grows_with_the_size_but_no_wider_than_the_papers():
    """Each doubling beyond 64 adds one layer of 512 → 512 channels in both, 4,194,304 weights and 1,024 of the norm."""
    for levels, size in ((5, 128), (6, 256)):
        generator, discriminator = models.networks("dcgan", (3, size, size), 100)
        widths = [m.out_channels for m in discriminator.modules() if isinstance(m, nn.Conv2d)]
        assert widths == [64, 128, 256, *[512] * (levels - 3)]
        widths = [m.out_channels for m in generator.modules() if isinstance(m, nn.ConvTranspose2d)]
        assert widths == [*[512] * (levels - 4), 256, 128, 64, 3]
        more = (levels - 4) * (4 * 4 * 512 * 512 + 2 * 512)
        assert (count(generator), count(discriminator)) == (3_576_704 + more, 2_765_632 + more)


JOINT = "mlp-toy-minibatch"  # judges a sample by its batch
CRITICS = [name for name in models.names() if name not in guidelines.NETWORKS]
JUDGES = [(name, "batch") for name in models.names() if name != JOINT]
JUDGES += [(name, norm) for name in CRITICS if name != JOINT for norm in ("layer", "none", "spectral")]


@pytest.mark.parametrize("name", CRITICS)
def test_without_batch_normalisation_a_network_is_otherwise_the_same(name):
    shape = (3, 32, 32)
    generator, discriminator = models.networks(name, shape, 10)
    pairs = {norm: models.networks(name, shape, 10, norm) for norm in ("layer", "none", "spectral")}
    for same, critic in pairs.values():
        assert not any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in critic.modules())
        assert list(same.state_dict()) == list(generator.state_dict())
    critic = pairs["layer"][1]
    assert count(critic) == count(discriminator)
    scaled = [m for m in discriminator.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    bare = count(discriminator) - sum(2 * m.num_features for m in scaled)
    if name.startswith("dcgan"):  # each convolution has an offset instead, as elsewhere each layer has anyway
        bare += sum(m.num_features for m in scaled)
    assert count(pairs["none"][1]) == count(pairs["spectral"][1]) == bare
    assert not any(isinstance(m, nn.GroupNorm | nn.LayerNorm) for m in pairs["none"][1].modules())
    layers = [m for m in pairs["spectral"][1].modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    assert layers and all(is_normalised(m) for m in layers)  # the last one too
    assert not any(is_normalised(m) for m in pairs["none"][1].modules())
    if name.startswith("dcgan"):  # where batch normalisation was, one group: all of (C, H, W) of one sample together
        kinds = [type(m).__name__.replace("GroupNorm", "BatchNorm2d") for m in critic.layers]
        assert kinds == [type(m).__name__ for m in discriminator.layers]
        assert all(m.num_groups == 1 for m in critic.modules() if isinstance(m, nn.GroupNorm))
        features = critic.layers[:4](torch.rand(2, *shape))[1]  # behind the first normalisation
        assert features.mean().abs() < 1e-5 and features.std().item() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(("name", "norm"), JUDGES)
def test_logits_are_made_in_full_precision(name, norm):
    discriminator = models.networks(name, (3, 16, 16), 10, norm)[1].eval()  # so that spectral normalisation rests
    x = torch.rand(4, 3, 16, 16) * 2 - 1
    inputs = []
    discriminator.layers[-2].register_forward_hook(lambda module, given, made: inputs.append(made))
    with torch.autocast("cpu", torch.bfloat16):
        logits = discriminator(x)
        plain = discriminator.layers[-1](inputs[0])  # what the last layer would make of it here
    assert logits.dtype == torch.float32 and plain.dtype == torch.bfloat16
    assert torch.equal(logits, discriminator.layers[-1](inputs[0].float()).flatten())
    assert not torch.equal(logits, plain.flatten())
    assert discriminator(x).dtype == torch.float32
    assert discriminator.double()(x.double()).dtype == torch.float64
    assert any(key.startswith("layers.0.") for key in discriminator.state_dict())  # the island has no name of its own


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_dcgan_sees_contrast(norm):
    """Without the first offset f(cx) = c f(x) up to the first normalisation, which divides the c out again."""
    discriminator = models.networks("dcgan", (1, 32, 32), 100, norm)[1]
    x = torch.rand(16, 1, 32, 32) * 2 - 1
    assert (discriminator(x / 4) - discriminator(x)).std() > 0.1 * discriminator(x).std()
    discriminator = DCGANDiscriminator((1, 32, 32), norm=norm, offset=False)
    for module in discriminator.modules():
        if hasattr(module, "eps"):
            module.eps = 1e-12
    torch.testing.assert_close(discriminator(x / 4), discriminator(x), rtol=1e-3, atol=1e-4)  # blind


def test_dcgan_starts_small_and_normalises_where_the_paper_does():
    generator, discriminator = models.networks("dcgan", (3, 32, 32), 100)
    drawn = [m for m in generator.modules() if isinstance(m, nn.ConvTranspose2d | nn.Linear)]
    assert len(drawn) == 4 and all(0.018 < m.weight.std() < 0.022 for m in drawn)
    kinds = [type(m).__name__ for m in discriminator.layers]
    assert kinds[:2] == ["Conv2d", "LeakyReLU"] and kinds[-1] == "Linear" and kinds.count("BatchNorm2d") == 2
    assert [type(m).__name__ for m in generator.layers].count("BatchNorm2d") == 3
    assert all(m.eps == 1e-5 for m in generator.modules() if isinstance(m, nn.BatchNorm2d))


SHAPES = [
    (name, shape)
    for name in ("mlp", "mlp-small", "mlp-toy", "mlp-toy-signs")
    for shape in [(1, 28, 28), (3, 8, 8), (2,)]
]
SHAPES += [(name, (channels, size, size)) for name in ("dcgan", "dcgan-small") for channels, size in ((1, 16), (3, 32))]
SHAPES += [("dcgan-small", (1, 128, 128)), ("dcgan-small", (3, 256, 256))]
SHAPES += [("resnet-small", shape) for shape in [(1, 16, 16), (3, 32, 32), (1, 64, 64)]]


@pytest.mark.parametrize(("name", "shape"), SHAPES)
def test_shapes_and_range(name, shape):
    generator, discriminator = models.networks(name, shape, 10)
    fake = generator(torch.randn(7, 10))
    assert fake.shape == (7, *shape)
    assert discriminator(fake).shape == (7,)
    assert discriminator(generator.eval()(torch.randn(1, 10))).shape == (1,)  # a batch of one stays a batch
    if len(shape) > 1:
        assert fake.abs().max() <= 1


def test_batch_norm_follows_the_keras_listing():
    """`BatchNorm1d(n, 0.8)` would set eps to 0.8; Keras' momentum 0.8 is torch's 0.2."""
    norms = [m for m in models.networks("mlp", (1, 28, 28), 100)[0].modules() if isinstance(m, nn.BatchNorm1d)]
    assert len(norms) == 3
    assert all(m.eps == 1e-5 and m.momentum == 0.2 for m in norms)
    assert [m.num_features for m in norms] == [256, 512, 1024]


def test_no_sigmoid_before_the_losses():
    for name in models.names():
        discriminator = models.networks(name, (1, 16, 16), 4)[1]
        assert not any(isinstance(m, nn.Sigmoid) for m in discriminator.modules())


class Deviation(nn.Module):
    """A layer of one's own that looks at the whole batch, as a minibatch standard deviation does."""

    mixes_samples = True

    def forward(self, x):
        return x / x.std(0, keepdim=True)


MIXING = [nn.BatchNorm1d(5), nn.SyncBatchNorm(5), Deviation()]


@pytest.mark.parametrize("layer", [*MIXING, nn.LayerNorm(5), nn.Dropout(0.0)])
def test_a_network_judges_batches_in_one_pass_only_where_no_layer_mixes_them(layer):
    network = nn.Sequential(nn.Linear(3, 5), layer, nn.Linear(5, 1), nn.Flatten(0)).double()
    real, fake = torch.randn(6, 3).double() + 2, torch.randn(4, 3).double()
    passes = []
    apart = network(real), network(fake)
    network.register_forward_hook(lambda module, given, made: passes.append(len(given[0])))
    together = on_each(network, real, fake)
    assert [scores.shape for scores in together] == [(6,), (4,)]
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(apart, together, strict=True))
    assert passes == ([6, 4] if layer in MIXING else [10])


def test_one_pass_leaves_the_gradients_of_the_real_loss_alone():
    """The gradient of a mean over real samples has nothing of the generated ones."""
    critic = models.networks("dcgan", (1, 16, 16), 4, norm="layer")[1].double()
    real, fake = torch.randn(2, 5, 1, 16, 16).double()
    (critic(real).mean() - 3 * critic(fake).mean()).backward()
    apart = [p.grad.clone() for p in critic.parameters()]
    critic.zero_grad()
    a, b = on_each(critic, real, fake)
    (a.mean() - 3 * b.mean()).backward()
    assert all(torch.allclose(p.grad, g, atol=1e-12) for p, g in zip(critic.parameters(), apart, strict=True))


def test_batches_of_different_shapes_get_the_networks_own_complaint():
    discriminator = models.networks("mlp", (1, 4, 4), 4)[1]
    with pytest.raises(GanlibError, match=r"samples of shape \(1, 5, 5\) were given"):
        on_each(discriminator, torch.zeros(2, 1, 4, 4), torch.zeros(2, 1, 5, 5))


def test_bad_input():
    with pytest.raises(GanlibError, match=r"unknown model 'dcgn'.*known: .*mlp"):
        models.networks("dcgn", (1, 28, 28), 100)
    with pytest.raises(GanlibError, match=r"unknown norm 'bach' \(did you mean 'batch'\?\)"):
        models.networks("mlp", (1, 28, 28), 100, "bach")
    with pytest.raises(GanlibError, match="latent_dim=0 was given"):
        models.networks("mlp", (1, 28, 28), 0)
    with pytest.raises(GanlibError, match=r"sample shape \(1, 0, 28\)"):
        models.networks("mlp", (1, 0, 28), 10)
    for shape in [(1, 28, 28), (3, 64, 32), (2,)]:
        with pytest.raises(
            GanlibError, match=r"DCGAN needs \(channels, size, size\) with a size of 16, 32, 64, 128 or 256"
        ):
            models.networks("dcgan", shape, 10)
    with pytest.raises(GanlibError, match=r"expects \(3, 32, 32\)"):
        models.networks("dcgan", (3, 32, 32), 10)[1](torch.zeros(2, 3, 64, 64))
    _, discriminator = models.networks("mlp", (1, 28, 28), 10)
    for wrong in [(1, 32, 32), (3, 28, 28), (1, 56, 14)]:  # the last has as many pixels
        with pytest.raises(GanlibError, match=r"expects \(1, 28, 28\)"):
            discriminator(torch.zeros(2, *wrong))


def test_the_networks_of_the_mode_coverage_test():
    """Published: G 2-400-400-400-400-2, D 2-200-200-200-1 of five pieces, all weights N(0, 0.02²)."""
    generator, discriminator = models.networks("maxout", (2,), 2)
    assert (count(generator), count(discriminator)) == (484_802, 405_201)
    linear = [m for net in (generator, discriminator) for m in net.modules() if isinstance(m, nn.Linear)]
    assert [m.bias is None for m in linear] == [True] * 4 + [False] * 5
    for m in linear:
        assert m.weight.std().item() == pytest.approx(0.02, rel=0.15) and (m.bias is None or not m.bias.any())
    norms = [m for m in generator.modules() if isinstance(m, nn.BatchNorm1d)]
    assert [(m.momentum, m.eps) for m in norms] == [(0.05, 1e-4)] * 4
    assert models.networks("maxout", (6,), 2)[1](torch.randn(5, 6)).shape == (5,)  # a pack of three points


def test_maxout_is_the_largest_of_its_pieces():
    layer = Maxout(3, 4, pieces=5)
    x = torch.randn(7, 3)
    pieces = x @ layer.weight.view(5, 4, 3).transpose(1, 2) + layer.bias.view(5, 1, 4)  # (5, 7, 4)
    assert torch.allclose(layer(x), pieces.max(0).values, atol=1e-6)


def test_the_counts_of_the_residual_networks():
    """By hand, w channels. G: 16·128·w + 16w, a block per doubling, 2w, 27w + 3. D: the first block, halvings, two.

    A block of G has two convolutions of 9w² + w, a shortcut of w² + w and two normalisations of 2w.
    """
    w = 128
    up, first, down, keep = 19 * w * w + 7 * w, 9 * w * w + 33 * w, 19 * w * w + 3 * w, 18 * w * w + 2 * w
    for size, doublings in ((16, 2), (32, 3), (64, 4)):
        generator, discriminator = models.networks("resnet", (3, size, size), 128, "none")
        assert count(generator) == 16 * 128 * w + 16 * w + doublings * up + 2 * w + 27 * w + 3
        assert count(discriminator) == first + (doublings - 2) * down + 2 * keep + w + 1
        scaled = models.networks("resnet", (3, size, size), 128)[1]
        assert count(scaled) == count(discriminator) + doublings * 2 * 2 * w  # all blocks but the first, twice
    assert (count(generator), count(discriminator)) == (1_516_675, 1_365_505)
    generator, discriminator = models.networks("resnet-small", (1, 32, 32), 64, "none")
    assert (count(generator), count(discriminator)) == (92_673, 66_209)


def test_a_residual_block_starts_from_a_shortcut_that_no_relu_cuts_off():
    """Pre-activation: with its branch at 0 a block that keeps the size is the identity, and others are linear."""
    for block, shape in (
        (Up(3, 5), (5, 8, 8)),
        (Down(3, 5, "none"), (5, 2, 2)),
        (Down(3, 3, "none", False), (3, 4, 4)),
    ):
        with torch.no_grad():
            for part in block.residual:
                if isinstance(part, nn.Conv2d):
                    part.weight.zero_()
                    part.bias.zero_()
        block.eval()
        x, y = torch.randn(2, 1, 3, 4, 4)
        zero = block(torch.zeros_like(x))
        assert block(x).shape[1:] == shape
        assert torch.allclose(block(x + 2 * y) - zero, block(x) - zero + 2 * (block(y) - zero), atol=1e-5)
    assert torch.equal(block(x), x)


def test_the_shortcuts_order_does_not_matter():
    x, conv = torch.randn(2, 3, 8, 8), nn.Conv2d(3, 5, 1)
    pool, larger = nn.AvgPool2d(2), nn.Upsample(scale_factor=2)
    assert torch.allclose(conv(pool(x)), pool(conv(x)), atol=1e-6)
    assert torch.allclose(conv(larger(x)), larger(conv(x)), atol=1e-6)
    edges = nn.Conv2d(3, 5, 3, padding=1)
    assert not torch.allclose(edges(pool(x)), pool(edges(x)), atol=1e-2)  # of 3×3 it would


def test_the_residual_discriminator_sums_under_spectral_normalisation_and_averages_elsewhere():
    x = torch.rand(2, 5, 8, 8)
    assert torch.allclose(Pool(True)(x), 64 * Pool(False)(x), rtol=1e-5)
    for norm in models.NORMS:
        pools = [m.total for m in models.networks("resnet-small", (1, 16, 16), 4, norm)[1].modules() if type(m) is Pool]
        assert pools == [norm == "spectral"]


def test_residual_networks_start_as_their_papers_do():
    generator, discriminator = models.networks("resnet", (3, 32, 32), 128, "none")
    for network in (generator, discriminator):
        for name, m in network.named_modules():
            if isinstance(m, nn.Conv2d | nn.Linear):
                fans = sum(nn.init._calculate_fan_in_and_fan_out(m.weight))
                gain = 2 if ".residual." in name else 1
                chance = 5 * (0.8 / m.weight.numel()) ** 0.5  # 5 standard deviations of the variance of n uniform ones
                assert m.weight.var().item() == pytest.approx(gain * 2 / fans, rel=chance), name
                assert not m.bias.any()


def test_residual_networks_want_images_of_their_sizes():
    for shape in [(2,), (3, 28, 28), (3, 32, 16), (3, 128, 128)]:
        with pytest.raises(GanlibError, match="need .channels, size, size. with a size of 16, 32 or 64"):
            models.networks("resnet", shape, 8)
    with pytest.raises(GanlibError, match=r"samples of shape \(1, 16, 16\) were given; the discriminator expects"):
        models.networks("resnet-small", (3, 16, 16), 8)[1](torch.zeros(2, 1, 16, 16))


def test_the_networks_for_the_plane():
    """12·128+128 + 2·(128·128+128) + 128·2+2, and with 2 inputs, one more layer and 1 output."""
    for name in ("mlp-toy", "mlp-toy-signs"):
        generator, discriminator = models.networks(name, (2,), 12)
        assert (count(generator), count(discriminator)) == (34_946, 50_049)


def test_the_first_layer_is_not_normalised():
    """Behind a normalisation a discriminator could not tell samples from others twice as large."""
    _, discriminator = models.networks("mlp-toy-norm", (2,), 12)
    kinds = [type(layer).__name__ for layer in discriminator.layers]
    assert kinds == ["Linear", "LeakyReLU", *["Linear", "BatchNorm1d", "LeakyReLU"] * 3, "Linear"]
    assert count(discriminator) == 50_049 + 3 * 2 * 128


def test_signs_leave_nothing_else_of_their_latents():
    z = torch.randn(50, 6)
    assert torch.equal(Signs(4)(z), torch.cat([torch.where(z[:, :4] < 0, -1.0, 1.0), z[:, 4:]], 1))
    generator = models.networks("mlp-toy-signs", (2,), 12)[0]
    assert torch.equal(generator(z := torch.randn(50, 12)), generator(z * torch.tensor([3.0] * 8 + [1.0] * 4)))
    assert not torch.allclose(generator(z), generator(z * torch.tensor([1.0] * 8 + [3.0] * 4)))


def test_only_with_signs_can_a_generator_jump():
    """Along a path of latents a continuous generator takes small steps; where a sign changes, this one leaps."""
    torch.manual_seed(0)
    ends = torch.randn(2, 12).double()
    path = torch.lerp(ends[0], ends[1], torch.linspace(0, 1, 10_001).double()[:, None])
    largest = {}
    for name in ("mlp-toy", "mlp-toy-signs"):
        steps = models.networks(name, (2,), 12)[0].double()(path).diff(dim=0).norm(dim=1)
        largest[name] = (steps.max() / steps.median()).item()
    assert largest["mlp-toy"] < 10 and largest["mlp-toy-signs"] > 1000


def test_minibatch_discrimination_says_how_close_the_others_are():
    torch.manual_seed(0)
    layer, f = MinibatchDiscrimination(6, kernels=4, dims=3).double(), torch.randn(7, 6).double()
    m = (f @ layer.compared.weight.T).view(7, 4, 3)
    expected = torch.zeros(7, 4).double()
    for i in range(7):
        for j in set(range(7)) - {i}:
            expected[i] += torch.exp(-(m[i] - m[j]).abs().sum(1)) / 6
    made = layer(f)
    assert torch.equal(made[:, :6], f) and torch.allclose(made[:, 6:], expected)
    assert 0.01 < expected.min() and expected.max() < 0.99
    assert torch.allclose(layer(f[:1].expand(5, 6))[:, 6:], torch.ones(5, 4).double())  # a collapsed batch
    assert torch.allclose(layer(f.flip(0)).flip(0), made)
    few = f[:3].clone().requires_grad_()
    assert torch.autograd.gradcheck(layer, few) and torch.autograd.gradgradcheck(layer, few)
    with pytest.raises(GanlibError, match="a batch of 1 was given; minibatch discrimination compares at least 2"):
        layer(f[:1])


def test_minibatch_discrimination_judges_real_and_generated_samples_apart():
    _, discriminator = models.networks("mlp-toy-minibatch", (2,), 12)
    assert count(discriminator) == 50_049 + 128 * 32 * 5 + 32  # mlp-toy's, T, and a longer last layer
    real, fake = torch.randn(8, 2), torch.randn(1, 2).expand(8, 2)
    apart = on_each(discriminator, real, fake)
    assert torch.allclose(apart[1], discriminator(fake)) and apart[1].std() < 1e-6
    assert not torch.allclose(apart[0], discriminator(torch.cat([real, fake]))[:8], atol=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        assert discriminator(real).dtype == torch.float32
    words = (
        r"has a layer that mixes the samples of a batch \(MinibatchDiscrimination\), but the gradient penalty is per"
    )
    with pytest.raises(GanlibError, match=words):
        penalised(discriminator, 1.0)
