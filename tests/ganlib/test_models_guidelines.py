"""DCGAN with one piece of advice broken: it is broken where it says, and everything else is as it was."""

import pytest
import torch
from torch import nn

from ganlib import models
from ganlib.errors import GanlibError
from ganlib.models import guidelines

SHAPE = (3, 32, 32)
NAMES = list(guidelines.NETWORKS)


def pair(name, shape=SHAPE):
    torch.manual_seed(0)
    return models.networks(name, shape, 10)


def kinds(network):
    return [type(layer).__name__ for layer in network.layers]


def count(network):
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("shape", [(1, 16, 16), SHAPE])
@pytest.mark.parametrize("name", NAMES)
def test_shapes(name, shape):
    generator, discriminator = pair(name, shape)
    fake = generator(torch.randn(7, 10))
    assert fake.shape == (7, *shape) and discriminator(fake).shape == (7,)
    assert fake.abs().max() <= 1 or name == "dcgan-small-unbounded"
    discriminator(fake).sum().backward()
    learnt = [*generator.parameters(), *discriminator.parameters()]
    assert all(p.grad is not None for p in learnt)


def differences(name):
    """The kinds of layers that the plain pair has and this has not, and the other way round, for both networks."""
    found = []
    for ours, plain in zip(pair(name), pair("dcgan-small"), strict=True):
        mine, theirs = kinds(ours), kinds(plain)
        gone = {kind: theirs.count(kind) - mine.count(kind) for kind in {*mine, *theirs}}
        found.append({kind: -n for kind, n in gone.items() if n})
    return found


@pytest.mark.parametrize(
    ("name", "generator", "discriminator"),
    [
        ("pooling", {"ConvTranspose2d": -3, "Upsample": 3, "Conv2d": 3}, {"MaxPool2d": 3}),
        ("bare", {"BatchNorm2d": -3}, {"BatchNorm2d": -2}),
        ("dense", {"Linear": 1, "BatchNorm1d": 1, "ReLU": 1}, {"Linear": 1, "LeakyReLU": 1}),
        ("tanh", {"ReLU": -3, "Tanh": 3}, {}),
        ("unbounded", {"Tanh": -1}, {}),
        ("relu", {}, {"LeakyReLU": -3, "ReLU": 3}),
        ("usual-start", {}, {}),
        ("no-offset", {}, {}),
    ],
)
def test_what_is_broken_and_nothing_else(name, generator, discriminator):
    assert differences(f"dcgan-small-{name}") == [generator, discriminator]


def test_every_rule_is_tested_above():
    (marks,) = [m for m in test_what_is_broken_and_nothing_else.pytestmark if m.name == "parametrize"]
    assert [f"dcgan-small-{case[0]}" for case in marks.args[1]] == NAMES


def test_pooling_halves_and_doubles_where_strides_did():
    generator, discriminator = pair("dcgan-small-pooling")
    assert all(m.stride == (1, 1) for n in (generator, discriminator) for m in n.modules() if isinstance(m, nn.Conv2d))
    sides = []
    for layer in discriminator.layers:
        layer.register_forward_hook(lambda module, args, out: sides.append(out.shape[-1]) if out.ndim == 4 else None)
    discriminator(torch.randn(2, *SHAPE))
    assert sides[1] == 16 and sides[-1] == 4


def test_numbers_that_are_learnt():
    plain = [count(n) for n in pair("dcgan-small")]
    for name in ("tanh", "unbounded", "relu", "usual-start"):
        assert [count(n) for n in pair(f"dcgan-small-{name}")] == plain
    assert [count(n) for n in pair("dcgan-small-no-offset")] == [plain[0], plain[1] - 32]
    # 2,048 × 512 there and back; each offset takes the place of a scale and an offset (the last layers have one anew)
    dense = [count(n) for n in pair("dcgan-small-dense")]
    assert dense == [plain[0] - 10 * 2048 + 10 * 512 + 2 * 512 + 512 * 2048, plain[1] - 2048 + 2048 * 512 + 512 + 512]
    bare = [count(n) for n in pair("dcgan-small-bare")]
    assert bare == [plain[0] - 2 * (128 + 64 + 32) + 2048 + 64 + 32 + 3, plain[1] - 2 * (64 + 128) + 64 + 128 + 1]


def test_initial_weights_are_the_papers_but_for_the_rule_that_says_otherwise():
    for name in NAMES:
        for network in pair(name):
            weights = [m.weight for m in network.modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]
            spread = [w.std().item() for w in weights if w.numel() > 500]
            papers = spread == pytest.approx([0.02] * len(spread), rel=0.15)
            assert papers == (name != "dcgan-small-usual-start"), (name, spread)


def test_without_an_offset_contrast_is_invisible():
    x = 100 * torch.randn(6, *SHAPE)  # far above what batch normalisation adds to a variance
    for name, seen in (("dcgan-small-no-offset", False), ("dcgan-small", True)):
        _, discriminator = pair(name)
        first = discriminator.layers[0]
        with torch.no_grad():
            if first.bias is not None:
                first.bias.normal_(0, 100)
            change = (discriminator(x) - discriminator(0.25 * x)).abs().max()
        assert (change > 1e-2) == seen


def test_no_other_normalisation():
    with pytest.raises(GanlibError, match="norm=layer was asked for; expected dcgan-small"):
        models.networks("dcgan-small-bare", SHAPE, 10, norm="layer")
