"""Penalties on a critic's gradient: pure functions of the critic and two batches, without their weight.

What is compared with 1 and then differentiated once more must not be rounded to three digits. So everything here is
computed in full precision, whatever autocast says outside, and on the device of its inputs, without waiting for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ganlib.device import full_precision
from ganlib.errors import GanlibError
from ganlib.models.layers import BATCH_NORMS


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
    for part in critic.modules():
        if isinstance(part, BATCH_NORMS):
            raise GanlibError(
                f"the {name} has batch normalisation ({type(part).__name__}), which mixes the samples of a batch, "
                "but the gradient penalty is per sample; expected layer normalisation or none"
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
