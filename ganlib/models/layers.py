"""What several networks share."""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.utils import parametrize

from ganlib.device import full_precision
from ganlib.errors import GanlibError

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
LINEAR = (nn.Linear, nn.Embedding, nn.Conv1d, nn.Conv2d, nn.Conv3d, *TRANSPOSED)
START = 15  # rounds of power iteration before the first use, as torch takes
BLOCK = 16  # inputs that look for a convolution's norm at once


def logits(layers: nn.Sequential, x: Tensor) -> Tensor:
    """Run a discriminator's layers, the last one in full precision even under autocast.

    Losses look at differences of logits. In bfloat16 a score near 100 knows steps of ½ only, and in float16 it may
    overflow; one small layer in float32 costs next to nothing.

    Args:
        layers: the discriminator's layers; the last one makes the logits.
        x: their input.

    Returns:
        What ``layers(x)`` returns, in float32 at least.
    """
    *body, last = layers
    for layer in body:
        x = layer(x)
    with full_precision(x):
        return last(x.to(torch.promote_types(x.dtype, torch.float32)))


def normalised(norm: str, channels: int) -> list[nn.Module]:
    """The normalisation of a discriminator's images, as a list of at most one layer.

    Args:
        norm: ``"batch"`` or ``"layer"``; anything else is none.
        channels: of the images.
    """
    if norm == "batch":
        return [nn.BatchNorm2d(channels)]
    # One group is layer normalisation over (C, H, W), with a scale and an offset for each channel.
    return [nn.GroupNorm(1, channels)] if norm == "layer" else []


@contextlib.contextmanager
def evaluating(*modules: nn.Module) -> Iterator[None]:
    """Evaluation mode inside, each submodule's own mode again outside.

    Sampling in training mode would let one image depend on the others of its batch, through batch normalisation, and
    would move the running statistics.
    """
    modes = {part: part.training for module in modules for part in module.modules()}
    try:
        for module in modules:
            module.eval()
        yield
    finally:
        for part, mode in modes.items():
            part.training = mode


@contextlib.contextmanager
def untracked(network: nn.Module) -> Iterator[None]:
    """What a pass would remember stays as it is inside: the running means of modules that have an attribute
    ``track_running_stats``, though batch normalisation still uses the batch's own, and spectral norm's vectors.

    For a pass in another player's turn, after which the network's own turn makes a pass of the same latents.
    """
    parts = [part for part in network.modules() if getattr(part, "track_running_stats", False)]
    spectral = [part for part in network.modules() if isinstance(part, SpectralNorm)]
    try:
        for part in parts:
            part.track_running_stats = False
        with evaluating(*spectral):
            yield
    finally:
        for part in parts:
            part.track_running_stats = True


def mixing(network: nn.Module) -> nn.Module | None:
    """The first layer that lets the samples of a batch influence each other; None if there is none.

    A layer of your own that does so says it with an attribute ``mixes_samples = True``; batch normalisation is known.
    """
    for part in network.modules():
        if isinstance(part, BATCH_NORMS) or getattr(part, "mixes_samples", False):
            return part
    return None


def on_each(network: nn.Module, *batches: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """What a network says of each batch: ``(network(a), network(b), ...)``, in one pass where that is the same.

    One pass over all samples costs less than several. It is another computation where a layer looks at the whole batch:
    batch normalisation would then see real and generated samples together. Such networks get each batch by itself.

    Args:
        network: (N, *shape) → (N, ...). Which layers mix the samples of a batch: see `mixing`.
        batches: each (N, *shape); N may differ. Of a network with several inputs, a tuple of them each, as samples with
            their labels: ``on_each(network, (x, c), (y, d))``.

    Returns:
        One output per batch, in order.
    """
    given = [batch if isinstance(batch, tuple) else (batch,) for batch in batches]
    if mixing(network) is not None or len({tuple(part.shape[1:] for part in parts) for parts in given}) > 1:
        return tuple(network(*parts) for parts in given)
    return network(*map(torch.cat, zip(*given, strict=True))).split([len(parts[0]) for parts in given])


# -- spectral norms ----------------------------------------------------------------------------------------------------
class SpectralNorm(nn.Module):
    """W ↦ W/σ, with σ = uᵀWv near the largest singular value: a parametrisation, see `spectral_norm`.

    The vectors u and v come nearer to the singular ones by one round of power iteration, u ∝ Wv and v ∝ Wᵀu, whenever
    the weight is used in training mode. In evaluation mode they rest: otherwise a sample's score would depend on how
    many were judged before it. They are no functions of W to autograd, so that dσ = uᵀ dW v.

    Args:
        weight: W, of two or more axes; a kernel counts as the matrix with one row per output channel.
        n_power_iterations: rounds per pass.
        dim: the axis of the output channels.

    *Source*: Miyato et al. (2018), algorithm 1. There a round begins with v; here, as in torch, with u, and σ is made
    from the newer v.
    """

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0):
        super().__init__()
        self.n_power_iterations, self.dim = n_power_iterations, dim
        matrix = self.matrix(weight.detach())
        for name, length in zip("uv", matrix.shape, strict=True):
            self.register_buffer(name, normalize(matrix.new_empty(length).normal_(), dim=0))
        self.iterate(matrix, START)

    def matrix(self, weight: Tensor) -> Tensor:
        """The weight as a matrix: (output channels, all else)."""
        return weight.transpose(0, self.dim).flatten(1)

    @torch.no_grad()
    def iterate(self, matrix: Tensor, rounds: int) -> None:
        for _ in range(rounds):  # in place: a CUDA graph reads and writes these addresses
            self.u.copy_(normalize(matrix @ self.v, dim=0))
            self.v.copy_(normalize(matrix.T @ self.u, dim=0))

    def forward(self, weight: Tensor) -> Tensor:
        with full_precision(weight):
            matrix = self.matrix(weight)
            if self.training:
                self.iterate(matrix, self.n_power_iterations)
            # Copies, for a second pass before the backward one would change what the first one has kept.
            return weight / torch.dot(self.u.clone(), matrix @ self.v.clone())


def spectral_norm(module: nn.Module, n_power_iterations: int = 1) -> nn.Module:
    """Divide a layer's weight by its largest singular value, wherever it is used; the offset stays.

    The numbers are those of ``torch.nn.utils.parametrizations.spectral_norm``. Beyond that, they are computed in full
    precision under autocast, and `ganlib.Seeds` can play them.

    A convolution's kernel counts as a matrix, whose norm is not that of the convolution: see `operator_norm`.

    Args:
        module: a linear layer, an embedding or a convolution.
        n_power_iterations: rounds of power iteration per pass in training mode.

    Returns:
        The same module. What is trained is ``module.parametrizations.weight.original``, what is used
        ``module.weight``.

    Raises:
        GanlibError: the module has no such weight, or has been normalised already.

    *Source*: Miyato et al. (2018), section 2.1 and appendix A.
    """
    if not isinstance(module, LINEAR):
        raise GanlibError(f"{type(module).__name__} was given; expected a linear layer, an embedding or a convolution")
    if is_normalised(module):
        raise GanlibError(f"the weight of {module} is normalised already; expected one that is not")
    if not isinstance(n_power_iterations, int) or n_power_iterations < 1:
        raise GanlibError(f"n_power_iterations={n_power_iterations} was given; expected a whole number of at least 1")
    norm = SpectralNorm(module.weight, n_power_iterations, dim=1 if isinstance(module, TRANSPOSED) else 0)
    parametrize.register_parametrization(module, "weight", norm)
    return module


def is_normalised(layer: nn.Module) -> bool:
    """Whether a layer's weight is made from another one: by `spectral_norm`, or by one of torch's two."""
    return parametrize.is_parametrized(layer, "weight") or hasattr(layer, "weight_orig")


def spectrally_normalised(network: nn.Module, n_power_iterations: int = 1) -> nn.Module:
    """The same network with `spectral_norm` on every layer, the last one included."""
    for part in [part for part in network.modules() if isinstance(part, LINEAR)]:
        spectral_norm(part, n_power_iterations)
    return network


@torch.no_grad()
def sigmas(network: nn.Module) -> dict[str, Tensor]:
    """The largest singular value of each weight that `spectral_norm` divides, as its vectors see it: uᵀWv.

    Args:
        network: with normalised layers.

    Returns:
        The layer's name → σ of the weight that is trained, a scalar.
    """
    found = {}
    for name, part in network.named_modules():
        if isinstance(part, SpectralNorm):
            layer, weight = name.rpartition(".parametrizations.")[0], network.get_submodule(name.rpartition(".")[0])
            found[layer] = torch.dot(part.u, part.matrix(weight.original) @ part.v)
    return found


def operator_norm(layer: nn.Module, size: int | tuple[int, ...] | None = None, rounds: int = 1000) -> Tensor:
    """How much a linear layer can lengthen its input: the largest ‖A(x) − A(0)‖/‖x‖.

    For a linear layer the largest singular value of its weight. A convolution with circular padding and stride 1 that
    keeps the size falls into one small matrix per frequency, so its norm is exact too. Any other convolution gets power
    iteration, x ∝ AᵀAx; autograd's backward pass is Aᵀ, of a convolution the transposed one. A convolution's largest
    singular values lie close together, so that one x would take long: 16 of them, kept orthogonal, go at once. What
    they find is never too much.

    Args:
        layer: a linear layer or a convolution, transposed or not, of any stride, padding and dilation.
        size: height and width of a convolution's input in pixels, or one number for both; its norm depends on it.
        rounds: of power iteration, at most; it ends before where nothing changes any more.

    Returns:
        Scalar float64, computed in double precision.

    Raises:
        GanlibError: another kind of layer, or no size for a convolution.

    *Source*: frequencies: Sedghi et al. (2019); power iteration with the two convolutions: Tsuzuku et al. (2018), Gouk
    et al. (2021).
    """
    if isinstance(layer, nn.Linear):
        return torch.linalg.matrix_norm(_plain(layer).weight, 2)
    if not isinstance(layer, (nn.Conv1d, nn.Conv2d, nn.Conv3d, *TRANSPOSED)):
        raise GanlibError(f"{type(layer).__name__} was given; expected a linear layer or a convolution")
    axes = len(layer.kernel_size)
    size = (size,) * axes if isinstance(size, int) else size
    if size is None or len(size) != axes or min(size) < 1:
        raise GanlibError(f"size={size} was given; expected that of the input's {axes} axes, in pixels")
    plain = _plain(layer)
    if _circulant(plain, size):
        frequencies = torch.fft.fftn(plain.weight, s=size, dim=tuple(range(2, 2 + axes)))  # (out, in, *size)
        return torch.linalg.matrix_norm(frequencies.flatten(2).permute(2, 0, 1), 2).max()
    generator = torch.Generator().manual_seed(0)  # nobody's random numbers change because somebody has looked
    shape = (layer.in_channels, *size)
    x = torch.randn(min(BLOCK, math.prod(shape)), *shape, dtype=torch.float64, generator=generator)
    x, sigma = x.to(plain.weight.device), plain.weight.new_zeros(())
    with torch.enable_grad(), full_precision(x):
        for _ in range(rounds):
            basis = torch.linalg.qr(x.flatten(1).T).Q.T  # of the space that the inputs span
            x = basis.unflatten(1, shape).requires_grad_()
            made = plain(x)
            before, sigma = sigma, torch.linalg.matrix_norm(made.detach().flatten(1), 2)
            if sigma - before <= 1e-12 * sigma:
                break
            (x,) = torch.autograd.grad(made, x, made.detach())
    return sigma


def _plain(layer: nn.Module) -> nn.Module:
    """A twin in double precision and without offset."""
    twin = copy.deepcopy(layer).eval()  # in training mode a normalised weight would move while one looks at it
    twin = twin.double().requires_grad_(False)
    if twin.bias is not None:
        twin.bias.zero_()
    return twin


def _circulant(layer: nn.Module, size: tuple[int, ...]) -> bool:
    """Whether a convolution commutes with turning its input round, so that frequencies do not mix."""
    if layer.padding_mode != "circular" or {*layer.stride, *layer.dilation, layer.groups} != {1}:
        return False
    if any(k > n for k, n in zip(layer.kernel_size, size, strict=True)):
        return False
    same = layer.padding == "same"
    return same or all(2 * p == k - 1 for p, k in zip(layer.padding, layer.kernel_size, strict=True))
