"""How sure a classifier is of each generated image, and how many classes it sees among all (Inception Score)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganlib.data.images import whole
from ganlib.errors import GanlibError
from ganlib.metrics.base import Features, Metric, Result, Samples, as_features, enough, lacks_features

SPLITS = 10


def inception_score(
    fake: Features | Tensor, *, splits: int = SPLITS, seed: int = 0, allow_small: bool = False
) -> Result:
    """exp of the mean divergence KL(p(y|x) ‖ p(y)), averaged over splits; larger is better, from 1 to the classes.

    It looks at no real image: a generator that makes one perfect image of each class gets the maximum.
    The samples are shuffled as torch-fidelity does, so the same seed gives its number.

    Args:
        fake: features that come with logits, or the logits (N, classes) themselves, before any softmax.
        splits: parts of the samples; each gets a score of its own.
        seed: of the shuffling.
        allow_small: accept splits of fewer samples than classes.

    Returns:
        A result whose error is the standard error of the mean over splits; ``details["std"]`` is the standard deviation
        over splits (divisor: splits), which papers print after ±.

    Raises:
        GanlibError: no logits, or probabilities; fewer samples than splits × classes (of the 1008 outputs of Inception
            only 1000 are classes).

    *Source*: Salimans et al. (2016), section 4.
    """
    if isinstance(fake, Features) and fake.logits is None:
        raise GanlibError(f"features of {fake.extractor!r} without logits were given; expected those of a classifier")
    logits = fake.logits if isinstance(fake, Features) else fake
    extractor, resizer = (fake.extractor, fake.resizer) if isinstance(fake, Features) else ("given", None)
    logits = as_features(logits, "fake").values
    n, classes = logits.shape
    if classes < 2:
        raise GanlibError("logits of one class were given; expected at least 2 classes")
    if (logits >= 0).all() and torch.allclose(logits.sum(1), logits.new_ones(n), atol=1e-4):
        raise GanlibError("rows that sum to one were given, as probabilities do; expected logits, before any softmax")
    splits = whole("splits", splits, 1, n)
    if isinstance(fake, Features) and len(fake) != n:
        raise GanlibError(f"{len(fake)} features with {n} rows of logits were given; expected one row each")
    why = f"a split scores no higher than its number of samples, and there are {classes} classes and {splits} splits"
    enough("IS", n, _least(classes, splits), why, allow_small)
    order = torch.from_numpy(np.random.RandomState(seed).permutation(n)).to(logits.device)
    log_p = logits[order].log_softmax(1)
    bounds = [i * n // splits for i in range(splits + 1)]
    scores = [_score(log_p[start:stop]) for start, stop in zip(bounds, bounds[1:], strict=False)]
    return Result(
        "IS",
        float(np.mean(scores)),
        float(np.std(scores, ddof=1)) / splits**0.5 if splits > 1 else None,
        n_fake=n,
        extractor=extractor,
        resizer=resizer,
        details={"std": float(np.std(scores)), "splits": splits},
        settings=("splits",),
    )


def _least(classes: int, splits: int = SPLITS) -> int:
    return splits * (1000 if classes == 1008 else classes)


def _score(log_p: Tensor) -> float:
    """log_p: (N, classes). Means are taken of logarithms, so that a probability of 0 gives 0·(a number), not NaN."""
    log_mean = log_p.logsumexp(0) - math.log(len(log_p))
    return float((log_p.exp() * (log_p - log_mean)).sum(1).mean().exp())


def _measure(samples: Samples) -> dict[str, Any]:
    generated, real, _ = samples.features
    said = {"seed": samples.seed, "allow_small": samples.allow_small}
    found, same = (inception_score(part, **said) for part in (generated, real))
    return replace(found, floor=same.value, rises=True).table()


def _lacks(samples: Samples) -> str:
    return lacks_features(samples, lambda d, classes: _least(classes), possible=SPLITS, logits=True)


METRICS = {
    "inception-score": Metric(
        "how sure a classifier is of each sample and how many classes it sees, larger is better up to real",
        _measure,
        _lacks,
    )
}
