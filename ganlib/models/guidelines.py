"""DCGAN with one piece of its advice broken: chapter 04 measures what each is worth.

Each function takes the small pair of `dcgan_small` and changes its layers where it says, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from torch import nn

from ganlib.errors import GanlibError
from ganlib.models.dcgan import _start, dcgan_small

HIDDEN = 512  # units of a fully connected hidden layer


def change(network: nn.Module, kind: type | tuple, new: Callable[[nn.Module], Sequence[nn.Module]]) -> None:
    """Put `new(layer)` in the place of each layer of a kind, with the paper's initial weights."""
    made = [[layer] if not isinstance(layer, kind) else new(layer) for layer in network.layers]
    for old, replacement in zip(network.layers, made, strict=True):
        for layer in replacement:
            if layer is not old:
                layer.apply(_start)
    network.layers = nn.Sequential(*[layer for replacement in made for layer in replacement])


def pooling(generator: nn.Module, discriminator: nn.Module) -> None:
    """Convolutions of stride 1, enlargement (nearest) and maximum pooling instead of strides."""

    def conv(layer: nn.Module) -> nn.Module:
        return nn.Conv2d(layer.in_channels, layer.out_channels, 3, 1, 1, bias=layer.bias is not None)

    change(generator, nn.ConvTranspose2d, lambda layer: [nn.Upsample(scale_factor=2), conv(layer)])
    change(discriminator, nn.Conv2d, lambda layer: [conv(layer), nn.MaxPool2d(2)])


def bare(generator: nn.Module, discriminator: nn.Module) -> None:
    """No batch normalisation; every layer has an offset instead."""

    def offset(layer: nn.Module) -> list[nn.Module]:
        if isinstance(layer, nn.Linear):
            return [nn.Linear(layer.in_features, layer.out_features)]
        return [type(layer)(layer.in_channels, layer.out_channels, 4, 2, 1)]

    for network in (generator, discriminator):
        change(network, nn.BatchNorm2d, lambda layer: [])
        change(network, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d), offset)


def dense(generator: nn.Module, discriminator: nn.Module) -> None:
    """A fully connected hidden layer at the generator's beginning and one at the discriminator's end."""

    def first(layer: nn.Linear) -> list[nn.Module]:
        into = nn.Linear(layer.in_features, HIDDEN, bias=False)
        return [into, nn.BatchNorm1d(HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, layer.out_features, bias=False)]

    def last(layer: nn.Linear) -> list[nn.Module]:
        return [nn.Linear(layer.in_features, HIDDEN), nn.LeakyReLU(0.2), nn.Linear(HIDDEN, 1, bias=False)]

    change(generator, nn.Linear, first)
    change(discriminator, nn.Linear, last)


def tanh(generator: nn.Module, discriminator: nn.Module) -> None:
    """tanh instead of ReLU in the generator."""
    change(generator, nn.ReLU, lambda layer: [nn.Tanh()])


def unbounded(generator: nn.Module, discriminator: nn.Module) -> None:
    """No tanh at the generator's end."""
    change(generator, nn.Tanh, lambda layer: [])


def relu(generator: nn.Module, discriminator: nn.Module) -> None:
    """ReLU instead of LeakyReLU in the discriminator."""
    change(discriminator, nn.LeakyReLU, lambda layer: [nn.ReLU()])


def usual_start(generator: nn.Module, discriminator: nn.Module) -> None:
    """The initial weights that PyTorch gives, not the paper's."""
    for network in (generator, discriminator):
        for layer in network.layers:
            if hasattr(layer, "reset_parameters"):
                layer.reset_parameters()


def no_offset(generator: nn.Module, discriminator: nn.Module) -> None:
    """No offset in the discriminator's first convolution, as in much code: it cannot see contrast."""
    discriminator.layers[0].register_parameter("bias", None)


def broken(
    rule: Callable[[nn.Module, nn.Module], None], shape: Sequence[int], latent_dim: int = 100, norm: str = "batch"
) -> tuple[nn.Module, nn.Module]:
    """The small convolutional pair with one piece of advice broken.

    Args:
        rule: one of `RULES`.
        shape: (C, size, size) of one image.
        latent_dim: length of z.
        norm: only ``"batch"``.

    Raises:
        GanlibError: another normalisation is asked for, or the images do not fit.
    """
    if norm != "batch":
        raise GanlibError(f"norm={norm} was asked for; expected dcgan-small: the broken ones are the original GAN's")
    networks = dcgan_small(shape, latent_dim)
    rule(*networks)
    return networks


RULES = (pooling, bare, dense, tanh, unbounded, relu, usual_start, no_offset)
NETWORKS = {f"dcgan-small-{rule.__name__.replace('_', '-')}": partial(broken, rule) for rule in RULES}
