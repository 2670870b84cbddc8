"""Whether samples are copies of training images: how near the nearest one is, against data that was held out."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganlib.errors import GanlibError
from ganlib.metrics.base import Features, Result, enough, pair, share_error
from ganlib.metrics.reading import flattened

BLOCK = 2**24  # distances at once: 128 MB
REPEAT = 1e-3  # of the median held-out distance: what is nearer to an earlier sample than that repeats it


def memorisation(
    training: Features | Tensor,
    held_out: Features | Tensor,
    fake: Features | Tensor,
    *,
    quantile: float = 0.01,
    allow_small: bool = False,
) -> Result:
    """Share of generated samples that are suspiciously near to a training sample.

    Suspicious is what is nearer to its nearest training sample than nearly all held-out samples are to theirs: nearer
    than the k-th smallest of m such distances, with k the whole part of quantile · (m + 1). Fresh samples of the data's
    law are so with probability k / (m + 1), whatever the law, the features and the number of training samples; less
    often where distances are equal.

    Args:
        training: (N, d), what the generator was trained on, as features or as pixels that were flattened; or images
            (N, C, H, W), uint8 or floats in [-1, 1], and then all three.
        held_out: (m, d), real samples that it has not seen, drawn like the training samples.
        fake: (n, d), generated samples.
        quantile: share of held-out samples that counts as suspicious.
        allow_small: also for fewer than 100 generated samples.

    Returns:
        The share with its standard error; the floor is k / (m + 1). Details: ``p``, the probability of so many
        suspicious samples or more if the generator draws from the data's law, each sample independent of the others:
        accuse it below 0.001, say. Repeats of a sample count once in p, z and the error, or a generator that has
        collapsed to a few images would be accused of copying them; of one that varies its few images slightly p knows
        nothing: look at recall first. ``distinct``: how many samples repeat no other; the line shows it if some do.
        ``z`` of Meehan et al.: far below 0 if samples as a whole are nearer than held-out ones, above if they are
        further; ``copies``, the share at distance 0; ``median`` and ``median held out`` distances; ``n_held_out``, the
        m. Who copies a few images and makes all others poor hides the copies from z, not from the share. Where more
        than `quantile` of the held-out samples are in the training set themselves, only z can tell.

    Raises:
        GanlibError: too few samples to have a quantile, features that differ or are not finite, images of another
            range.

    *Source*: Meehan, Chaudhuri and Dasgupta (2020), whose three samples these are and whose z this is, over the whole
    space; p follows from exchangeable ranks, as in conformal prediction, see Bates et al. (2023).
    """
    images = isinstance(training, Tensor) and training.ndim == 4
    training, held_out, fake = (
        flattened(given, which)
        for given, which in ((training, "training"), (held_out, "held-out"), (fake, "generated"))
    )
    training, held_out = pair(training, held_out)
    _, fake = pair(training, fake)
    if not 0 < quantile < 1:
        raise GanlibError(f"quantile={quantile} was given; expected a number between 0 and 1")
    n, m = len(fake), len(held_out)
    k = math.floor(round(quantile * (m + 1), 9))
    if k < 1:
        least = math.ceil(round(1 / quantile, 9)) - 1
        raise GanlibError(f"{m} held-out samples were given; expected at least {least} for a quantile of {quantile}")
    enough("memorisation()", n, 100, "the share of fewer says little", allow_small)
    near, _ = nearest(fake.values, training.values)
    usual, _ = nearest(held_out.values, training.values)
    near, usual = near.cpu(), usual.cpu()
    threshold = usual.kthvalue(k).values
    suspicious = near < threshold
    once = _no_repeats(fake.values, REPEAT * usual.median().item()).cpu()
    count, n = int(suspicious[once].sum()), int(once.sum())

    from scipy import stats  # it takes a while to import

    # The k-th smallest of m uniform numbers is beta(k, m + 1 - k), so the count is beta-binomial. Its sf() in scipy is
    # one minus a sum: for small p nothing but rounding.
    p = min(1.0, float(stats.betabinom.pmf(range(count, n + 1), n, k, m + 1 - k).sum()))
    rank = float(stats.mannwhitneyu(near[once].numpy(), usual.numpy()).statistic)
    share = suspicious.double().mean().item()
    details = {
        "p": p,
        "z": (rank - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12),
        "copies": (near == 0).double().mean().item(),
        "median": near.median().item(),
        "median held out": usual.median().item(),
        "quantile": quantile,
        "n_held_out": m,
        "distinct": n,
    }
    return Result(
        "memorised share",
        share,
        share_error(share, n),
        len(training),
        len(fake),
        None if images else training.extractor,
        training.resizer,
        floor=k / (m + 1),
        details=details,
        settings=("quantile", "n_held_out", "distinct") if n < len(fake) else ("quantile", "n_held_out"),
    )


def _no_repeats(samples: Tensor, apart: float) -> Tensor:
    """Which samples (n, d) are further than `apart` from all earlier ones: bool (n,)."""
    centred = samples - samples.mean(0)
    squares = centred.square().sum(1)
    limit = apart**2 + 1e-12 * squares.max()  # no less than what the squares and products round
    rows, found = max(1, BLOCK // len(samples)), []
    for start in range(0, len(samples), rows):
        part = centred[start : start + rows]
        apart2 = squares[start : start + rows, None] + squares - 2 * part @ centred.T
        found.append(~(apart2 <= limit).tril(start - 1).any(1))
    return torch.cat(found)


def nearest(samples: Tensor, training: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest training sample of each sample.

    Args:
        samples: (n, d), on the device of `training`; flatten images first.
        training: (N, d).

    Returns:
        Euclidean distances (n,), 0 exactly for a copy, and the training samples' numbers, int64 (n,).

    Raises:
        GanlibError: samples of different dimensions, or none.
    """
    if samples.ndim != 2 or training.ndim != 2 or samples.shape[1] != training.shape[1] or not len(training):
        raise GanlibError(
            f"samples {tuple(samples.shape)} and training samples {tuple(training.shape)} were given; "
            "expected (n, d) and (N, d)"
        )
    middle = training.mean(0)  # centred, the squares below cancel less
    training_centred = training - middle
    squares = training_centred.square().sum(1)
    found = []
    for part in samples.split(max(1, BLOCK // len(training))):
        found.append((squares - 2 * (part - middle) @ training_centred.T).argmin(1))
    index = torch.cat(found)
    # Distances by squares and products round: they choose the neighbour, then its distance is taken again.
    parts = zip(samples.split(4096), index.split(4096), strict=True)
    return torch.cat([(part - training[chosen]).norm(dim=1) for part, chosen in parts]), index
