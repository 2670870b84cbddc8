"""The Inception Score: two references, its ends, and numbers that stay finite."""

import numpy as np
import pytest
import torch

from ganlib.errors import GanlibError
from ganlib.metrics.base import Features
from ganlib.metrics.inception_score import inception_score


def logits(n=500, classes=7, seed=0):
    return 3 * torch.randn(n, classes, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("splits", [1, 3, 10])  # 500 has no third
def test_it_agrees_with_torch_fidelity(splits):
    from torch_fidelity.metric_isc import isc_features_to_metric

    theirs = isc_features_to_metric(logits(), splits=splits, rng_seed=2020)
    ours = inception_score(logits(), splits=splits, seed=2020)
    assert ours.value == pytest.approx(theirs["inception_score_mean"], rel=1e-9)
    assert ours.details["std"] == pytest.approx(theirs["inception_score_std"], rel=1e-9)
    twice = inception_score(logits().softmax(1) + 1e-3, splits=splits, seed=2020)  # softmax of a softmax
    assert twice.value < 0.7 * ours.value


def test_it_agrees_with_torchmetrics_on_the_same_splits(monkeypatch):
    from torchmetrics.image.inception import InceptionScore

    theirs = InceptionScore(feature=torch.nn.Identity(), splits=10).set_dtype(torch.float64)
    theirs.update(logits().double())
    monkeypatch.setattr(torch, "randperm", lambda n: torch.from_numpy(np.random.RandomState(0).permutation(n)))
    mean, std = theirs.compute()
    ours = inception_score(logits())
    assert ours.value == pytest.approx(mean.item(), rel=1e-6)
    assert ours.error == pytest.approx(std.item() / 10**0.5, rel=1e-6)  # their divisor is splits − 1


def test_its_ends():
    sure = 1e4 * torch.eye(5).repeat(200, 1)  # every class, without a doubt
    assert inception_score(sure, splits=1).value == pytest.approx(5, rel=1e-9)
    assert inception_score(torch.zeros(1000, 5)).value == pytest.approx(1, rel=1e-12)  # sure of none
    assert inception_score(sure[:1].expand(1000, 5)).value == pytest.approx(1, rel=1e-12)  # one class only
    assert inception_score(sure[:1].expand(1000, 5)).error == 0


def test_two_classes_by_hand():
    p = torch.tensor([[0.99, 0.01], [0.05, 0.95], [0.5, 0.5]]).double()
    mean = p.mean(0)
    right = ((p * (p / mean).log()).sum(1).mean()).exp()
    assert inception_score(p.log() + 4, splits=1, allow_small=True).value == pytest.approx(right.item(), rel=1e-6)
    before = (p * (p / mean).log()).sum(1).exp().mean()  # exp before the mean
    assert abs(before - right) > 0.01


def test_probabilities_of_zero_give_a_number():
    far = torch.tensor([[0.0, -2000.0, -1e30], [0.0, -1e5, -1e20]]).repeat(50, 1)  # the last class underflows in all
    assert inception_score(far).value == pytest.approx(1, rel=1e-9)


def test_what_it_does_not_depend_on():
    value = inception_score(logits(), splits=1).value
    for same in (logits() + 5, logits()[:, torch.randperm(7)], logits().flip(0)):
        assert inception_score(same, splits=1).value == pytest.approx(value, rel=1e-6)


def test_sorted_samples_are_shuffled():
    by_class = (1e3 * torch.eye(5)).repeat_interleave(200, 0)  # a split as it comes would hold one class, and score 1
    assert inception_score(by_class, splits=5).value > 4.8


def test_features_bring_their_logits():
    found = inception_score(Features(torch.ones(500, 2), "digits", "none", logits()))
    assert found.value == inception_score(logits()).value
    assert str(found).startswith(f"IS {found.value:.4g} ± {found.error:.2g} (n_fake 500, features digits")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: inception_score(Features(torch.ones(500, 2), "vgg")), "'vgg' without logits"),
        (lambda: inception_score(logits().softmax(1)), "as probabilities do"),
        (lambda: inception_score(logits(n=69)), "IS was given 69 samples; expected at least 70"),
        (lambda: inception_score(logits(n=1)), "splits must be a whole number from 1 to 1, not 10"),
        (lambda: inception_score(logits(), splits=0), "splits must be a whole number from 1 to 500, not 0"),
        (lambda: inception_score(torch.ones(500, 1)), "at least 2 classes"),
        (lambda: inception_score(torch.full((500, 3), torch.nan)), "NaN"),
        (lambda: inception_score(torch.ones(0, 3)), r"shape \(0, 3\)"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(GanlibError, match=words):
        call()
