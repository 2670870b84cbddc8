"""Features, results and the entries of METRICS that are computed from features."""

import json

import pytest
import torch

import ganlib
import ganlib.metrics
from ganlib.errors import GanlibError
from ganlib.metrics.base import Features, Result, Samples, as_features, enough, pair


def test_a_result_prints_what_it_was_computed_from():
    full = Result("FID", 12.3, 0.4, 10000, 10000, "avatars", "none", 0.31)
    assert str(full) == "FID 12.3 ± 0.4 (n_real 10000, n_fake 10000, features avatars, resizer none, floor 0.31)"
    assert float(full) == 12.3
    assert str(Result("IS", 2.5, n_fake=100)) == "IS 2.5 (n_fake 100)"
    assert full.table() == {"result": str(full), "generated": 12.3, "error": 0.4, "real": 0.31}


def test_rows_of_features_keep_what_made_them():
    some = Features(torch.arange(12.0).view(4, 3), "avatars", "bilinear", torch.arange(8.0).view(4, 2))[[0, 2]]
    assert (len(some), some.extractor, some.resizer) == (2, "avatars", "bilinear")
    assert some.values[1, 0] == 6 and some.logits[1, 0] == 4


def test_pairs_are_float64_and_without_gradient():
    real, fake = pair(torch.ones(2, 3, requires_grad=True), torch.ones(4, 3).half())
    assert real.values.dtype == fake.values.dtype == torch.float64 and not real.values.requires_grad


@pytest.mark.parametrize(
    ("real", "fake", "words"),
    [
        (torch.ones(5, 3), torch.ones(5, 4), "dimension 3, the fake ones 4"),
        (Features(torch.ones(5, 3), "digits"), torch.ones(5, 3), "extractor 'digits', the fake ones 'given'"),
        (
            Features(torch.ones(5, 3)),
            Features(torch.ones(5, 3), resizer="area"),
            "resizer 'none', the fake ones 'area'",
        ),
        (torch.ones(0, 3), torch.ones(5, 3), r"real features have shape \(0, 3\)"),
        (torch.ones(5, 3), torch.ones(5, 1, 8, 8), r"fake features have shape \(5, 1, 8, 8\)"),
        (torch.ones(5, 3), torch.tensor([[1.0, torch.nan], [0, 0]]), "1 of 2 fake features hold NaN"),
        (torch.ones(5, 3), torch.tensor([[1.0, torch.inf], [torch.nan, 0]]), "2 of 2 fake features"),
        (Features(torch.ones(1, 1), logits=torch.tensor([[torch.nan]])), torch.ones(1, 1), "real logits hold NaN"),
        ([[1.0]], torch.ones(5, 3), "are a list; expected Features or a tensor"),
    ],
)
def test_what_cannot_be_compared_is_refused(real, fake, words):
    with pytest.raises(GanlibError, match=words):
        pair(real, fake)


def test_too_few_samples_are_refused_unless_allowed():
    enough("FID", 9, 9, "of its rank")
    enough("FID", 8, 9, "of its rank", allow_small=True)
    with pytest.raises(GanlibError, match="FID was given 8 samples; expected at least 9, since of its rank"):
        enough("FID", 8, 9, "of its rank")


def test_whole_numbers_are_features_too():
    assert as_features(torch.ones(2, 2, dtype=torch.uint8), "real").values.dtype == torch.float64


ENTRIES = ["fid", "kid", "inception-score", "precision-recall", "density-coverage"]


def drawn(n):
    data = ganlib.load("digits", n=2 * n)
    real = data.normalised()
    return Samples(data, torch.rand_like(real[:n]) * 2 - 1, real[:n], real[n:], seed=0)


@pytest.mark.parametrize("name", ENTRIES)
def test_evaluate_gets_each_metric(name):
    torch.manual_seed(0)
    samples, metric = drawn(150), ganlib.metrics.get(name)
    assert metric.lacks(samples) == ""
    found = metric.measure(samples)
    json.dumps(found)
    assert any("n_fake 150" in str(value) for value in found.values())
    pairs = [(found[key], found[key.replace("generated", "real")]) for key in found if "generated" in key]
    for generated, real in pairs:  # noise is found to be worse, or farther from real, than real
        assert generated > real + 0.01 if name in ("fid", "kid") else generated < real


@pytest.mark.parametrize("name", ENTRIES)
def test_evaluate_passes_over_what_does_not_fit(name):
    metric = ganlib.metrics.get(name)
    assert "it needs" in metric.lacks(drawn(4))
    toy = ganlib.load("ring")
    points = toy.sample(10)
    assert metric.lacks(Samples(toy, points, points, points, 0)) == "it holds no images"
    other = ganlib.load("optdigits", n=300)  # no extractor knows the hand that wrote these
    images = other.normalised()
    assert "no extractor is meant for 'optdigits'" in metric.lacks(Samples(other, images, images, images, 0))


def test_features_are_extracted_once_for_all_metrics(monkeypatch):
    from ganlib.metrics import features

    seen, extract = [], features.extract
    monkeypatch.setattr(features, "extract", lambda images, **said: seen.append(len(images)) or extract(images, **said))
    samples = drawn(150)
    for name in ENTRIES:
        metric = ganlib.metrics.get(name)
        assert not metric.lacks(samples) and metric.measure(samples)
    assert seen.count(150) == 3 and set(seen) == {1, 150}


def test_samples_of_a_network_without_bounds_are_cut():
    class Loud(torch.nn.Module):
        def forward(self, z):
            return 3 * z.view(-1, 1, 8, 8)

    gan = ganlib.build("gan", (1, 8, 8), model="mlp-small", latent_dim=64)
    gan.generator = Loud()
    made = ganlib.metrics.samples(gan, ganlib.load("digits", n=20, size=8), 10).generated
    assert made.max() == 1 and made.min() == -1
