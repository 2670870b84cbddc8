"""Separability: how well hyperplanes in a latent space tell which attributes the images have."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ganlib.device import seeded
from ganlib.errors import GanlibError
from ganlib.metrics.base import Result, enough, jackknife


def separability(
    latents: Tensor,
    verdicts: Mapping[str, Tensor],
    *,
    keep: float = 0.5,
    seed: int = 0,
    allow_small: bool = False,
) -> Result:
    """exp(Σ H(Yᵢ | Xᵢ)): how many verdicts on the attributes remain possible, if one knows the sides of hyperplanes.

    Yᵢ is what a reader says of an image, Xᵢ what a linear support vector machine says of its latent: for two values the
    side of a hyperplane, for more of them the value whose hyperplane, against all others, it is farthest above. 1 is
    perfect. An attribute that all or no images have adds nothing, in whatever space: a generator that has lost it
    separates it perfectly.

    Args:
        latents: (N, d), of the N images; of any space, e.g. z or w. The scale of a coordinate does not matter.
        verdicts: attribute → logits (N, values), as ``zoo.load("avatars").logits`` makes them of features, or what was
            read, the numbers of the values, bool or integers of at least 0, (N,).
        keep: share of the samples that is kept for an attribute given by logits: those of which the reader is surest.
        seed: of which half of the samples the hyperplanes are fitted on. The entropies are those of the other half:
            with few points in many dimensions any verdicts can be separated, on the points themselves.
        allow_small: also for fewer than 1,000 samples.

    Returns:
        The score with its standard error. Details: ``unseparated``, exp(Σ H(Yᵢ)), what hyperplanes get that know
        nothing, and for each attribute H(Y | X) in nats.

    Raises:
        GanlibError: numbers of samples that differ, none, too few, latents or logits that are not finite, a single
            logit, verdicts that are no numbers of values, or a share that is none.

    *Source*: Karras et al., StyleGAN (2019), section 4.2; the authors' code fits and measures on the same samples.
    """
    n = len(latents)
    if latents.ndim != 2 or not latents.isfinite().all():
        raise GanlibError(f"latents {tuple(latents.shape)} were given; expected finite numbers (N, d)")
    if not verdicts or any(len(given) != n or given.ndim not in (1, 2) for given in verdicts.values()):
        given = {name: tuple(each.shape) for name, each in verdicts.items()}
        raise GanlibError(f"verdicts {given} were given; expected ({n},) or ({n}, values) for at least one attribute")
    for name, each in verdicts.items():
        if each.ndim == 2 and (each.shape[1] < 2 or not each.isfinite().all()):
            raise GanlibError(
                f"logits {tuple(each.shape)} of {name!r} were given; expected finite ones of 2 or more values"
            )
        if each.ndim == 1 and (each.is_floating_point() or each.is_complex() or (n and each.min() < 0)):
            raise GanlibError(
                f"verdicts on {name!r} of type {each.dtype} were given, the least of them {each.min()}; expected the "
                "numbers of values, bool or integers of at least 0"
            )
    if not 0 < keep <= 1:
        raise GanlibError(f"keep={keep} was given; expected a share above 0, at most 1")
    enough("separability()", n, 1000, "hyperplanes are fitted on half of them", allow_small)
    with seeded(seed):
        first = torch.randperm(n) < n // 2  # the half to fit on
    x, found = latents.detach().cpu().double(), {}
    for name, given in verdicts.items():
        read, kept = _read(given.detach().cpu(), keep)
        on, off = first & kept, ~first & kept
        if not on.any() or not off.any():
            raise GanlibError(f"{n} samples were given; expected enough for two halves of {name!r}")
        found[name] = read[off], _sides(x[on], read[on], x[off], int(read.max()) + 1), off[~first].nonzero()[:, 0]

    def score(rows: Tensor, sides: bool = True) -> float:
        inside = torch.zeros(n - n // 2, dtype=torch.bool)
        inside[rows] = True
        return math.exp(sum(_entropy(y[inside[at]], x[inside[at]] * sides) for y, x, at in found.values()))

    every = torch.arange(n - n // 2)
    details = {name: _entropy(y, x) for name, (y, x, _) in found.items()}
    details["unseparated"] = score(every, sides=False)
    error = jackknife(score, len(every)) if len(every) >= 20 else None
    return Result("separability", score(every), error, n_fake=n, details=details, shown=("unseparated",))


def _read(given: Tensor, keep: float) -> tuple[Tensor, Tensor]:
    """The verdicts, and which of them are kept: bool (N,)."""
    if given.ndim == 1:
        return given.long(), torch.ones(len(given), dtype=torch.bool)
    sure, read = given.double().softmax(1).max(1)
    kept = torch.zeros(len(given), dtype=torch.bool)
    kept[sure.argsort(descending=True, stable=True)[: max(1, round(keep * len(given)))]] = True
    return read, kept


def _sides(x: Tensor, y: Tensor, new: Tensor, values: int) -> Tensor:
    """What hyperplanes fitted to y at x (N, d) say at new points: int64."""
    mean, std = x.mean(0), x.std(0, correction=0).clamp_min(1e-12)
    x, new = (torch.cat([(each - mean) / std, torch.ones(len(each), 1).double()], 1) for each in (x, new))
    sides = 2.0 * one_hot(y, values) - 1  # (N, values)
    return torch.stack([new @ hyperplane(x, sides[:, value].double()) for value in range(values)], 1).argmax(1)


def hyperplane(x: Tensor, side: Tensor, c: float = 1.0, rounds: int = 100) -> Tensor:
    """The v that minimises |v|²/2 + c Σ max(0, 1 − side ⟨v, x⟩)², a linear support vector machine.

    The function is piecewise quadratic: Newton's steps, shortened where they go too far, come to its minimum.

    Args:
        x: float64 (N, d); a column of ones makes an offset.
        side: float64 (N,), ±1.
        c: weight of the samples.
        rounds: steps, at most.

    Returns:
        (d,).

    *Source*: Keerthi and DeCoste (2005).
    """
    loss = lambda v: v.square().sum() / 2 + c * (1 - side * (x @ v)).clamp_min(0).square().sum()
    v, eye = torch.zeros(x.shape[1]).double(), torch.eye(x.shape[1]).double()
    for _ in range(rounds):
        near = x[inside := side * (x @ v) < 1]
        step = torch.linalg.solve(eye + 2 * c * near.T @ near, 2 * c * near.T @ side[inside]) - v
        if step.norm() <= 1e-9 * (1 + v.norm()):
            break
        size, here = 1.0, loss(v)
        slope = (v + 2 * c * near.T @ (near @ v - side[inside])) @ step
        while size > 1e-6 and loss(v + size * step) > here + 1e-4 * size * slope:
            size /= 2
        v = v + size * step
    return v


def _entropy(y: Tensor, x: Tensor) -> float:
    """H(Y | X) of pairs, in nats."""
    if not len(y):
        return 0.0
    table = (
        torch.zeros(int(y.max()) + 1, int(x.max()) + 1).double().index_put_((y, x), torch.ones(len(y)).double(), True)
    )
    joint, alone = table / len(y), table.sum(0) / len(y)
    return max(0.0, torch.special.entr(joint).sum().item() - torch.special.entr(alone).sum().item())
