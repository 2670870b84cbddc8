r"""Adversarial losses: pure functions on logits, in pairs.

One convention for the whole course: **every loss is minimised**, by the player whose name it carries. The
discriminator returns a logit :math:`a(x)` and :math:`D(x) = \sigma(a(x))` is the probability it gives to "real".
With logits,

.. math::  -\log D = \operatorname{softplus}(-a), \qquad -\log(1 - D) = \operatorname{softplus}(a),

which are exact for any :math:`a`. ``log(sigmoid(a) + 1e-8)`` is not: at :math:`a = -30` its gradient is
:math:`10^{-5}` where it should be 1, so the loss dies just where the generator needs it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

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
        accepts: the discriminator's half for what it should accept, ``logits -> scalar``, and
        rejects: its half for what it should reject: ``discriminator(real, fake) = accepts(real) + rejects(fake)``. For
            games that weigh more than two kinds of samples; None where the loss does not fall into halves.
    """

    name: str
    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]
    middle: float = 0.0
    logits: bool = True
    accepts: Callable[[Tensor], Tensor] | None = None
    rejects: Callable[[Tensor], Tensor] | None = None


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


def hinge_discriminator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """E[max(0, 1 − D(x))] + E[max(0, 1 + D(G(z)))], where D is the raw output: no reward beyond ±1.

    Args:
        real_logits: raw outputs for real samples, any shape.
        fake_logits: raw outputs for generated samples, any shape.

    Returns:
        Scalar ≥ 0; 2 for a discriminator that always answers 0 (or any other number between −1 and 1).

    Source: Lim and Ye (2017), the geometric GAN; Miyato et al. (2018), section 4, with the sign turned.
    """
    return relu(1 - real_logits).mean() + relu(1 + fake_logits).mean()


def pearson_discriminator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """−E[T(x)] + E[T(G(z))²/4 + T(G(z))], where T is the raw output: minus f-GAN's lower bound on a Pearson χ².

    Args:
        real_logits: raw outputs for real samples, any shape.
        fake_logits: raw outputs for generated samples, any shape.

    Returns:
        Scalar, 0 for an output of 0; at its best −χ²(p_r‖p_θ) = −E[(p_r/p_θ − 1)²] over generated samples.

    Source: Nowozin et al. (2016), section 2.2 with the row "Pearson χ²" of their tables 1 and 2, the sign turned.
    """
    return (0.25 * fake_logits.square() + fake_logits).mean() - real_logits.mean()


def wasserstein_critic(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """E[f(G(z))] − E[f(x)]: minus the lower bound on W₁ that a critic f of slope at most 1 gives.

    Args:
        real_scores: f at real samples, any shape.
        fake_scores: f at generated samples, any shape.

    Returns:
        Scalar, 0 for a constant critic.

    Source: Arjovsky et al. (2017), equation (2), the sign turned.
    """
    return fake_scores.mean() - real_scores.mean()


def linear_generator(fake_logits: Tensor) -> Tensor:
    """−E[D(G(z))], where D is the raw output: its gradient with respect to each output is the same, −1/N.

    Which divergence it follows is the discriminator's choice: beside an optimal one of the cross-entropy it is
    KL(p_θ‖p_r), of the hinge loss 2 TV, of f-GAN's Pearson χ² 2 KL(p_r‖p_θ) (chapter 05).

    Args:
        fake_logits: logits or raw outputs for generated samples, any shape.

    Returns:
        Scalar, 0 at an output of 0.

    Source: Lim and Ye (2017) for the hinge loss; Sønderby et al. (2017) and Poole et al. (2016) for logits; Nowozin
    et al. (2016), section 3.2, for f-GAN.
    """
    return -fake_logits.mean()


@dataclass(frozen=True)
class Divergence:
    """An f-divergence E[f(p_r/p_θ)], the mean over p_θ, with what f-GAN needs to estimate it: a row of its tables.

    Attributes:
        name: the word that `f_gan` knows.
        f: convex function of the ratio u = p_r/p_θ > 0; the divergence is 0 at u = 1, but for ``"gan"``.
        conjugate: its Fenchel conjugate f*(t), for t in its domain.
        activation: g, from a raw output to the domain of f*. It increases: a large output means real.
        penalty: f*(g(v)), simplified so that it is finite for every raw output v of ordinary size.
        middle: the raw output v with g(v) = f′(1), which is the best where both laws are equally dense.

    Source: Nowozin et al. (2016), tables 1 and 2.
    """

    name: str
    f: Callable[[Tensor], Tensor]
    conjugate: Callable[[Tensor], Tensor]
    activation: Callable[[Tensor], Tensor]
    penalty: Callable[[Tensor], Tensor]
    middle: float = 0.0


LOG2 = math.log(2)

_ROWS = (
    Divergence(
        "kl",
        f=lambda u: u * u.log(),
        conjugate=lambda t: torch.exp(t - 1),
        activation=lambda v: v,
        penalty=lambda v: torch.exp(v - 1),
        middle=1.0,
    ),
    Divergence(
        "reverse_kl",
        f=lambda u: -u.log(),
        conjugate=lambda t: -1 - torch.log(-t),
        activation=lambda v: -torch.exp(-v),
        penalty=lambda v: v - 1,
    ),
    Divergence(
        "pearson",
        f=lambda u: (u - 1).square(),
        conjugate=lambda t: t.square() / 4 + t,
        activation=lambda v: v,
        penalty=lambda v: v.square() / 4 + v,
    ),
    Divergence(
        "squared_hellinger",
        f=lambda u: (u.sqrt() - 1).square(),
        conjugate=lambda t: t / (1 - t),
        activation=lambda v: -torch.expm1(-v),
        penalty=torch.expm1,
    ),
    Divergence(  # twice JS in the normalisation of this course
        "jensen_shannon",
        f=lambda u: u * u.log() - (u + 1) * torch.log((u + 1) / 2),
        conjugate=lambda t: -torch.log(2 - t.exp()),
        activation=lambda v: LOG2 - softplus(-v),
        penalty=lambda v: softplus(v) - LOG2,
    ),
    Divergence(  # 2 JS − log 4: the original game
        "gan",
        f=lambda u: u * u.log() - (u + 1) * torch.log(u + 1),
        conjugate=lambda t: -torch.log(-torch.expm1(t)),
        activation=lambda v: -softplus(-v),
        penalty=softplus,
    ),
)
DIVERGENCES = {row.name: row for row in _ROWS}


def f_gan(divergence: str, alternative: bool = True) -> Loss:
    """The pair of losses with which f-GAN trains against an f-divergence.

    The discriminator minimises −E[g(D(x))] + E[f*(g(D(G(z))))], minus a lower bound on the divergence.

    Args:
        divergence: a name in `DIVERGENCES`.
        alternative: the generator minimises −E[g(D(G(z)))] rather than −E[f*(g(D(G(z))))]: the loss of practice, which
            follows another divergence than the one that is named (chapter 05).

    Returns:
        The pair, on raw outputs of any shape; `get` and every method that takes a loss accept it.

    Raises:
        GanlibError: no divergence has that name; the message lists those that exist.

    Source: Nowozin et al. (2016), sections 2.2 to 2.4 with tables 1 and 2, and section 3.2 for the alternative.
    """
    if divergence not in DIVERGENCES:
        raise unknown("divergence", divergence, DIVERGENCES)
    row = DIVERGENCES[divergence]

    def discriminator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return row.penalty(fake_logits).mean() - row.activation(real_logits).mean()

    def generator(fake_logits: Tensor) -> Tensor:
        return -(row.activation if alternative else row.penalty)(fake_logits).mean()

    name = f"f_gan({divergence!r}{'' if alternative else ', alternative=False'})"
    halves = {"accepts": lambda a: -row.activation(a).mean(), "rejects": lambda a: row.penalty(a).mean()}
    return Loss(name, discriminator, generator, row.middle, logits=False, **halves)


# The discriminators' halves, each the mean of a function of the output.
_entropies = {"accepts": lambda a: softplus(-a).mean(), "rejects": lambda a: softplus(a).mean()}
_squares = {"accepts": lambda a: 0.5 * (a - 1).square().mean(), "rejects": lambda a: 0.5 * a.square().mean()}
_hinges = {"accepts": lambda a: relu(1 - a).mean(), "rejects": lambda a: relu(1 + a).mean()}
_pearson = {"accepts": lambda a: -a.mean(), "rejects": lambda a: (0.25 * a.square() + a).mean()}

minimax = Loss("minimax", cross_entropy_discriminator, minimax_generator, **_entropies)
non_saturating = Loss("non_saturating", cross_entropy_discriminator, non_saturating_generator, **_entropies)
least_squares = Loss("least_squares", least_squares_discriminator, least_squares_generator, 0.5, False, **_squares)
hinge = Loss("hinge", hinge_discriminator, linear_generator, logits=False, **_hinges)
kl = Loss("kl", cross_entropy_discriminator, linear_generator, **_entropies)
pearson = Loss("pearson", pearson_discriminator, linear_generator, logits=False, **_pearson)

# No entry below: its critic needs a bound on its slope, and each game that has one brings its own.
wasserstein = Loss("wasserstein", wasserstein_critic, linear_generator, logits=False)

# A new loss is two functions and one entry here; with its halves, conditional games can play it too.
LOSSES = {loss.name: loss for loss in (minimax, non_saturating, least_squares, hinge, kl, pearson)}


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
