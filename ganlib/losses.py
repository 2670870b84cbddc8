r"""Adversarial losses: pure functions on logits, in pairs.

One convention for the whole course: **every loss is minimised**, by the player whose name it carries. The
discriminator returns a logit :math:`a(x)` and :math:`D(x) = \sigma(a(x))` is the probability it gives to "real".
With logits,

.. math::  -\log D = \operatorname{softplus}(-a), \qquad -\log(1 - D) = \operatorname{softplus}(a),

which are exact for any :math:`a`. ``log(sigmoid(a) + 1e-8)`` is not: at :math:`a = -30` its gradient is
:math:`10^{-5}` where it should be 1, so the loss dies just where the generator needs it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import softplus

from ganlib.errors import unknown


@dataclass(frozen=True)
class Loss:
    """A pair of losses, one per player.

    Attributes:
        name: the word on the command line, e.g. ``"non_saturating"``.
        discriminator: ``(real_logits, fake_logits) -> scalar``, each argument of any shape (mean over all entries).
        generator: ``fake_logits -> scalar``.
        middle: the output of an optimal discriminator where real and generated samples are equally frequent.
        logits: the outputs are logits of a probability; if not, they are logged as they are.
    """

    name: str
    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]
    middle: float = 0.0
    logits: bool = True


def cross_entropy_discriminator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """−E[log D(x)] − E[log(1 − D(G(z)))]: minus the value function of the game.

    Args:
        real_logits: logits of real samples, any shape.
        fake_logits: logits of generated samples, any shape.

    Returns:
        Scalar ≥ 0; 2 log 2 ≈ 1.386 for a discriminator that always answers ½.

    Source: Goodfellow et al. (2014), equation (1), with the sign turned.
    """
    return softplus(-real_logits).mean() + softplus(fake_logits).mean()


def minimax_generator(fake_logits: Tensor) -> Tensor:
    """E[log(1 − D(G(z)))], the generator's half of the minimax game. Saturates where D(G(z)) → 0.

    Args:
        fake_logits: logits of generated samples, any shape.

    Returns:
        Scalar ≤ 0; −log 2 at D = ½.

    Source: Goodfellow et al. (2014), equation (1).
    """
    return -softplus(fake_logits).mean()


def non_saturating_generator(fake_logits: Tensor) -> Tensor:
    """−E[log D(G(z))]. Its gradient with respect to the logit tends to −1 where D(G(z)) → 0.

    Args:
        fake_logits: logits of generated samples, any shape.

    Returns:
        Scalar ≥ 0; log 2 at D = ½.

    Source: Goodfellow et al. (2014), section 3, last paragraph.
    """
    return softplus(-fake_logits).mean()


def least_squares_discriminator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """½E[(D(x) − 1)²] + ½E[D(G(z))²], where D is the raw output: the 0/1 coding.

    Args:
        real_logits: raw outputs for real samples, any shape.
        fake_logits: raw outputs for generated samples, any shape.

    Returns:
        Scalar ≥ 0; ¼ for a discriminator that always answers ½.

    Source: Mao et al. (2017), equation (2) with a = 0, b = 1 (their equation (9)).
    """
    return 0.5 * (real_logits - 1).square().mean() + 0.5 * fake_logits.square().mean()


def least_squares_generator(fake_logits: Tensor) -> Tensor:
    """½E[(D(G(z)) − 1)²], where D is the raw output: the 0/1 coding.

    Args:
        fake_logits: raw outputs for generated samples, any shape.

    Returns:
        Scalar ≥ 0; ⅛ at an output of ½.

    Source: Mao et al. (2017), equation (2) with c = 1 (their equation (9)).
    """
    return 0.5 * (fake_logits - 1).square().mean()


minimax = Loss("minimax", cross_entropy_discriminator, minimax_generator)
non_saturating = Loss("non_saturating", cross_entropy_discriminator, non_saturating_generator)
least_squares = Loss("least_squares", least_squares_discriminator, least_squares_generator, 0.5, logits=False)

# A new loss is two functions and one entry here.
LOSSES = {loss.name: loss for loss in (minimax, non_saturating, least_squares)}


def names() -> list[str]:
    """The names `get` knows."""
    return sorted(LOSSES)


def get(name: str | Loss) -> Loss:
    """The pair of losses called `name`; a `Loss` passes through.

    Raises:
        GanlibError: no loss has that name; the message lists those that exist.
    """
    if isinstance(name, Loss):
        return name
    if name not in LOSSES:
        raise unknown("loss", name, LOSSES)
    return LOSSES[name]
