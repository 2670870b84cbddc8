"""What keeps a critic tame: penalties on its gradient and on its weights, without their own weight, and clipping.

What is compared with 1 and then differentiated once more must not be rounded to three digits. So everything here is
computed in full precision, whatever autocast says outside, and on the device of its inputs, without waiting for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, MutableMapping

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from ganlib.device import full_precision
from ganlib.errors import GanlibError
from ganlib.models.layers import BATCH_NORMS, LINEAR, START, TRANSPOSED, mixing


def penalised(critic: nn.Module, weight: float, name: str = "critic") -> None:
    """Refuse a critic that cannot be penalised, or a weight that is none.

    Args:
        critic: what the penalty differentiates.
        weight: of the penalty, at least 0.
        name: what the error calls the critic.

    Raises:
        GanlibError: a negative or infinite weight, or a critic with batch normalisation.
    """
    if not 0 <= weight < math.inf:
        raise GanlibError(f"penalty_weight={weight} was given; expected a number of at least 0")
    per_sample(critic, "the gradient penalty is per sample", name)


def per_sample(critic: nn.Module, reason: str, name: str = "critic") -> None:
    """Refuse a critic whose score of a sample depends on the others of its batch.

    Args:
        critic: the network.
        reason: why it must not, for the error.
        name: what the error calls it.

    Raises:
        GanlibError: it has batch normalisation, or another layer that mixes samples.
    """
    part = mixing(critic)
    if isinstance(part, BATCH_NORMS):
        raise GanlibError(
            f"the {name} has batch normalisation ({type(part).__name__}), which mixes the samples of a batch, "
            f"but {reason}; expected layer normalisation or none"
        )
    if part is not None:
        raise GanlibError(
            f"the {name} has a layer that mixes the samples of a batch ({type(part).__name__}), but {reason}; "
            "expected one without"
        )


def between(real: Tensor, fake: Tensor) -> Tensor:
    """Random points on the lines between two batches: εx + (1 − ε)x̃ with one ε ~ U(0, 1) per pair.

    Args:
        real: points (N, d) or images (N, C, H, W).
        fake: as many samples of the same shape.

    Returns:
        Points of the same shape, in float32 at least, cut off from what made `real` and `fake`.

    Raises:
        GanlibError: the two batches are not of one shape.

    *Source*: Gulrajani et al. (2017), section 4, "Sampling distribution".
    """
    if real.shape != fake.shape or real.ndim < 2:
        raise GanlibError(
            f"real samples of shape {tuple(real.shape)} and generated ones of shape {tuple(fake.shape)} were given; "
            "expected two batches of one shape (N, ...)"
        )
    real, fake = (x.detach().to(torch.promote_types(x.dtype, torch.float32)) for x in (real, fake))
    e = torch.rand(len(real), *[1] * (real.ndim - 1), dtype=real.dtype, device=real.device)  # (N, 1, …, 1)
    return e * real + (1 - e) * fake


def gradient_norms(critic: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """How steep the critic is at each sample: the Euclidean norm of ∇f(x) over all that is not the batch.

    Args:
        critic: (N, …) → one number per sample, (N,) or (N, 1). Samples of a batch must not influence each other.
        x: where to look, (N, d) or (N, C, H, W).

    Returns:
        (N,) in float32 at least. It can be differentiated with respect to the critic's weights.

    Raises:
        GanlibError: the critic does not return one number per sample.
    """
    with full_precision(x):
        x = x.detach().to(torch.promote_types(x.dtype, torch.float32)).requires_grad_()
        scores = critic(x)
        if scores.shape[:1] != x.shape[:1] or scores.numel() != len(x):
            raise GanlibError(
                f"the critic returned the shape {tuple(scores.shape)} for {len(x)} samples; "
                "expected one number per sample"
            )
        # The sum over the batch differentiates every score by its own sample.
        (gradient,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
        # √ has an infinite slope at 0, so √Σg² turns the critic's weights into NaN where it is flat, and √(Σg² + ε) is
        # wrong everywhere else. vector_norm is exact, and takes 0 for its derivative at 0 (a subgradient).
        return torch.linalg.vector_norm(gradient.flatten(1), dim=1)


def gradient_penalty(
    critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, target: float = 1.0, one_sided: bool = False
) -> Tensor:
    """E[(‖∇f(x̂)‖ − target)²] at random points x̂ on the lines between real and generated samples, without its weight λ.

    Args:
        critic: (N, …) → one number per sample, (N,) or (N, 1). Samples of a batch must not influence each other.
        real: points (N, d) or images (N, C, H, W).
        fake: as many samples of the same shape.
        target: the norm that costs nothing.
        one_sided: only norms above the target cost.

    Returns:
        Scalar ≥ 0, in float32 at least. Its gradient reaches the critic's weights, not `real` and `fake`.

    Raises:
        GanlibError: the batches are not of one shape, or the critic does not return one number per sample.

    *Source*: Gulrajani et al. (2017), equation (3); one-sided: Petzka et al. (2018).
    """
    excess = gradient_norms(critic, between(real, fake)) - target  # (N,)
    return (excess.relu() if one_sided else excess).square().mean()


# -- weights -----------------------------------------------------------------------------------------------------------
@torch.no_grad()
def clip_weights(module: nn.Module, limit: float) -> None:
    """Put every parameter back into [−limit, limit], offsets and the scales of normalisations included.

    In place, so that optimisers, averages and CUDA graphs go on with the same tensors.

    Args:
        module: the critic.
        limit: c > 0.

    Raises:
        GanlibError: the limit is not positive and finite.

    *Source*: Arjovsky et al. (2017), algorithm 1, line 7.
    """
    if not 0 < limit < math.inf:
        raise GanlibError(f"limit={limit} was given; expected a positive number")
    for parameter in module.parameters():
        parameter.clamp_(-limit, limit)


def spectral_norm_regularisation(
    module: nn.Module, vectors: MutableMapping[str, Tensor] | None = None, n_power_iterations: int = 1
) -> Tensor:
    """½ Σ σ(W)² over the weights of all layers: what spectral normalisation replaces by a hard bound, as a penalty.

    Its gradient by a weight is σ u vᵀ. A kernel counts as the matrix with one row per output channel.

    Args:
        module: the network.
        vectors: the state of the power iterations, kept by the caller: the layer's name → u. Each call moves it on in
            place; a u that is missing is drawn, and gets 15 rounds more. Without it every call begins anew.
        n_power_iterations: rounds per call.

    Returns:
        Scalar ≥ 0, in float32 at least, without its weight λ.

    Raises:
        GanlibError: there is no layer with a weight.

    *Source*: Yoshida and Miyato (2017), section 3.
    """
    vectors = {} if vectors is None else vectors
    total = None
    for name, layer in module.named_modules():
        if not isinstance(layer, LINEAR):
            continue
        with full_precision(layer.weight):
            matrix = layer.weight.transpose(0, 1 if isinstance(layer, TRANSPOSED) else 0).flatten(1)
            matrix = matrix.to(torch.promote_types(matrix.dtype, torch.float32))
            with torch.no_grad():
                rounds = n_power_iterations
                if name not in vectors:
                    vectors[name] = normalize(torch.randn_like(matrix[:, 0]), dim=0)
                    rounds += START
                for _ in range(rounds):
                    v = normalize(matrix.T @ vectors[name], dim=0)
                    vectors[name].copy_(normalize(matrix @ v, dim=0))
                u = vectors[name].clone()  # for the backward pass: the next call moves the other one
            half = torch.dot(u, matrix @ v).square() / 2
        total = half if total is None else total + half
    if total is None:
        raise GanlibError(f"{type(module).__name__} has no layer with a weight; expected linear layers or convolutions")
    return total
