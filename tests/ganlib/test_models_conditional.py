"""Networks that know a condition: counts, designs, whose encoder it is, and what padding may change (nothing)."""

from functools import partial

import pytest
import torch
from torch import nn

from ganlib import models, zoo
from ganlib.data import avatars, captions
from ganlib.errors import GanlibError
from ganlib.models.acgan import FORMS, ClassifyingDiscriminator, acgan, trained
from ganlib.models.conditional import DESIGNS, conditional, headless
from ganlib.models.layers import LINEAR, is_normalised, on_each, spectral_norm
from ganlib.models.text import TextEncoder

LABELS = partial(nn.Embedding, 10)
TEXT = partial(TextEncoder, len(captions.WORDS))


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_the_classic_counts():
    generator, discriminator = conditional("mlp", (1, 28, 28), 100, LABELS)
    linear = lambda *widths: sum(a * b + b for a, b in zip(widths[:-1], widths[1:], strict=True))
    embedding, scales = 10 * 10, 2 * (256 + 512 + 1024)
    assert count(generator) == embedding + linear(110, 256, 512, 1024, 784) + scales == 1_492_596
    assert count(discriminator) == embedding + linear(794, 1024, 512, 256, 1) == 1_470_565
    assert [m.p for m in discriminator.modules() if isinstance(m, nn.Dropout)] == [0.4] * 3
    norms = [m for m in generator.modules() if isinstance(m, nn.BatchNorm1d)]
    assert len(norms) == 3 and all(m.momentum == 0.2 and m.eps == 1e-5 for m in norms)


def test_a_condition_joins_each_pixel_of_the_last_images():
    _, discriminator = conditional("dcgan-small", (3, 32, 32), 8, LABELS, 10)
    trunk, (into, _, _, out) = discriminator.trunk, discriminator.match
    assert (trunk.features, trunk.places) == (2048, 16) and into.weight.shape == (128, 128 + 10, 1)
    x, c = torch.rand(3, 3, 32, 32), torch.tensor([0, 4, 9])
    images = trunk.layers[:-1](x)  # (3, 128, 4, 4), before they are laid flat
    maps = discriminator.encoder(c)[..., None, None].expand(-1, -1, 4, 4)
    hidden = nn.functional.conv2d(torch.cat([images, maps], 1), into.weight[..., None], into.bias)
    by_hand = nn.functional.leaky_relu(hidden, 0.2).flatten(1) @ out.weight[0] + out.bias
    assert torch.allclose(discriminator(x, c), by_hand, atol=1e-5)
    _, discriminator = conditional("resnet-small", (3, 32, 32), 8, LABELS, 10)  # sums over its last images
    assert discriminator.trunk.places == 1


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize(
    ("model", "shape"),
    [("mlp", (1, 28, 28)), ("mlp-toy", (2,)), ("dcgan-small", (1, 16, 16)), ("dcgan-small", (3, 64, 64)),
     ("resnet-small", (3, 32, 32)), ("maxout", (2,))],
)  # fmt: skip
@pytest.mark.parametrize("norm", ["batch", "spectral"])
def test_every_design_on_every_network(design, model, shape, norm):
    generator, discriminator = conditional(model, shape, 8, LABELS, 4, design, norm)
    c = torch.randint(10, (5,))
    fake = generator(torch.randn(5, 8), c)
    logits = discriminator(fake, c)
    assert fake.shape == (5, *shape) and logits.shape == ((5, 2) if design == "two-branch" else (5,))
    encoders = [m for network in (generator, discriminator) for m in network.modules() if isinstance(m, nn.Embedding)]
    assert len(encoders) == 2 and encoders[0] is not encoders[1]  # one each
    logits.sum().backward()
    assert all(p.grad is not None for network in (generator, discriminator) for p in network.parameters())
    judged = [m for m in discriminator.modules() if isinstance(m, LINEAR)]
    assert all(is_normalised(m) == (norm == "spectral") for m in judged)
    assert not any(is_normalised(m) for m in generator.modules())
    other = discriminator.eval()(fake, (c + 1) % 10)
    assert not torch.equal(other, discriminator(fake, c))
    if design == "two-branch":  # the first branch does not look at the condition
        assert torch.equal(other[:, 0], discriminator(fake, c)[:, 0])


def test_projection_is_an_inner_product_and_a_linear_function_of_the_features():
    _, discriminator = conditional("dcgan-small", (3, 32, 32), 8, LABELS, design="projection")
    discriminator.eval()
    x, c = torch.randn(6, 3, 32, 32), torch.arange(6)
    features = discriminator.trunk(x)
    assert features.shape == (6, 128 * 4 * 4)
    v, psi = discriminator.encoder.weight, discriminator.realness.weight
    expected = torch.stack([v[k] @ f + psi[0] @ f for k, f in zip(c, features, strict=True)])
    assert torch.allclose(discriminator(x, c), expected, atol=1e-5)
    assert (discriminator(x, c) - (features @ psi.T).squeeze(1)).abs().max() < 1  # v begins short
    wide, features = nn.Embedding(10, 2048), discriminator.train().trunk(x)
    assert ((wide(c) * features).sum(1)).abs().max() > 10  # as an embedding usually begins, in training


def test_logits_are_made_in_full_precision():
    x, c = torch.rand(4, 3, 16, 16), torch.arange(4)
    for design in DESIGNS:
        _, discriminator = conditional("dcgan-small", (3, 16, 16), 8, LABELS, 4, design)
        with torch.autocast("cpu", torch.bfloat16):
            assert discriminator(x, c).dtype == torch.float32
    for form in FORMS:
        _, discriminator = acgan("dcgan-small", (3, 16, 16), 8, LABELS, 10, form)
        with torch.autocast("cpu", torch.bfloat16):
            assert discriminator(x).dtype == torch.float32


def test_pairs_pass_together_or_each_by_itself():
    _, together = conditional("mlp-small", (2,), 4, LABELS)
    _, apart = conditional("dcgan-small", (1, 16, 16), 4, LABELS)
    for network, shape, passes in ((together, (2,), 1), (apart, (1, 16, 16), 3)):
        network.eval()
        pairs = [(torch.randn(n, *shape), torch.randint(10, (n,))) for n in (3, 4, 5)]
        seen = []
        network.register_forward_hook(lambda module, given, made, seen=seen: seen.append(len(made)))
        outputs = on_each(network, *pairs)
        assert len(seen) == passes and [len(out) for out in outputs] == [3, 4, 5]
        assert all(torch.allclose(out, network(*pair), atol=1e-6) for out, pair in zip(outputs, pairs, strict=True))


# -- text --------------------------------------------------------------------------------------------------------------
def test_padding_changes_nothing():
    encoder = TEXT(16)
    said = captions.tokens(["blue hair", "red eyes, blue hair, no glasses, 微笑"])
    alone = captions.tokens("blue hair")
    assert torch.allclose(encoder(said)[:1], encoder(alone), atol=1e-6)  # sums of two rows or of one
    longer = torch.cat([said, said.new_zeros(2, 9)], 1)
    assert torch.allclose(encoder(longer), encoder(said), atol=1e-6)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.allclose(encoder(longer), encoder(said), atol=1e-6)
    encoder.tokens.weight.data[0] = 7.0  # whatever stands for no word
    assert torch.allclose(encoder(said)[:1], encoder(alone), atol=1e-6)
    assert encoder(said.new_zeros(1, 4)).isfinite().all()  # an empty caption


def test_which_word_belongs_to_which_is_seen_and_the_order_of_phrases_hardly():
    encoder = TEXT(16)
    one, other = (encoder(captions.tokens(text)) for text in ("red eyes, blue hair", "blue eyes, red hair"))
    assert (one - other).abs().max() > 1e-2  # the same words


def test_text_for_both_players_and_for_many_phrases():
    generator, discriminator = conditional("dcgan-small", (3, 16, 16), 8, TEXT, 32, "projection")
    c = captions.tokens(["blue hair", "红色眼睛，戴眼镜"])
    fake = generator(torch.randn(2, 8), c)
    discriminator(fake, c).sum().backward()
    assert discriminator.encoder.tokens.weight.grad.abs().sum() > 0
    made = generator.encoder(captions.tokens(list(avatars.SAID)))
    assert torch.pdist(made).min() > 1e-4  # no two phrases look the same


# -- the auxiliary classifier ------------------------------------------------------------------------------------------
def test_the_counts_of_acgan():
    generator, discriminator = acgan("mlp", (1, 28, 28), 100, LABELS, 10)
    assert count(generator) == 10 * 100 + 1_489_936
    assert count(discriminator) == 784 * 1024 + 1024 + 1024 * 512 + 512 + 512 * 256 + 256 + 257 + 2570 == 1_462_795
    sizes = {form: count(acgan("mlp", (1, 28, 28), 100, LABELS, 10, form)[1]) for form in FORMS}
    assert sizes["n+1"] - sizes["n"] == 257 and sizes["single"] == sizes["n+1"] - 257


def test_noise_times_embedding():
    generator, _ = acgan("mlp-small", (2,), 4, LABELS, 10)
    z, c = torch.randn(5, 4), torch.arange(5)
    assert torch.equal(generator(z, c), generator.network(z * generator.encoder.weight[c]))
    assert not torch.equal(generator(z, c), generator(z, c + 1))
    assert torch.equal(generator(0 * z, c), generator(0 * z, c + 1))  # no latent, no class


def test_the_single_head_gives_the_softmax_of_all_its_classes():
    _, discriminator = acgan("mlp-small", (2,), 4, LABELS, 10, "single")
    x = torch.randn(6, 2)
    outputs = discriminator(x)
    probabilities = discriminator.classes(discriminator.trunk(x)).softmax(1)  # (6, 11)
    assert torch.allclose(outputs[:, 0].sigmoid(), 1 - probabilities[:, 10], atol=1e-6)
    share = probabilities[:, :10] / (1 - probabilities[:, 10:])
    assert torch.allclose(outputs[:, 1:].softmax(1), share, atol=1e-6)
    assert not torch.allclose(outputs[:, 0].sigmoid(), probabilities[:, :10].amax(1), atol=1e-2)


@pytest.mark.parametrize("name", ["digits", "avatars"])
def test_a_trained_trunk(name):
    network = zoo.load(name)
    x = torch.rand(3, *network.shape) * 2 - 1
    trunk = trained(name, network.shape)
    assert trunk.training and all(p.requires_grad for p in trunk.parameters())
    assert torch.allclose(trunk.eval()(x), network(x), atol=1e-5)
    frozen = trained(name, network.shape, frozen=True)
    before = frozen(x)
    frozen.train()
    assert torch.equal(frozen(x), before) and not any(p.requires_grad for p in frozen.parameters())
    assert not any(m.training for m in frozen.modules())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: conditional("mlp", (2,), 4, LABELS, design="concatenate"), "unknown design of a conditional"),
        (lambda: conditional("mpl", (2,), 4, LABELS), r"unknown model 'mpl' \(did you mean 'mlp'\?\)"),
        (lambda: conditional("dcgan-small", (1, 28, 28), 4, LABELS), "DCGAN needs"),
        (lambda: headless(nn.Linear(2, 1)), "Linear was given; expected layers that end in a linear one"),
        (lambda: acgan("mlp", (2,), 4, LABELS, 10, "n+2"), "unknown form of ACGAN 'n.2'"),
        (lambda: acgan("mlp", (1, 32, 32), 4, LABELS, 10, trunk="digits"), "the trunk 'digits' expects .1, 28, 28."),
        (lambda: acgan("mlp", (1, 28, 28), 4, LABELS, 10, trunk="digit"), "unknown network of the zoo 'digit'"),
        (lambda: acgan("mlp", (2,), 4, LABELS, 10, frozen=True), "frozen=True was given without a trunk"),
        (lambda: conditional("mlp", (2,), 4, LABELS, design="projection")[1](torch.zeros(1, 3), torch.zeros(1).long()),
         "samples of shape .3,. were given; the discriminator expects .2,."),
    ],
)  # fmt: skip
def test_bad_input(call, words):
    with pytest.raises(GanlibError, match=words):
        call()


def test_a_layer_is_normalised_once():
    body, last = headless(models.networks("resnet-small", (3, 16, 16), 4, "spectral")[1])
    assert is_normalised(last)
    discriminator = ClassifyingDiscriminator(body, spectral_norm(nn.Linear(32, 1)), 10)
    assert discriminator(torch.zeros(2, 3, 16, 16)).shape == (2, 11)
