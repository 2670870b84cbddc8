"""Features, results and the entries of METRICS that are computed from features."""

import json
import sys

import pytest
import torch

import ganlib
import ganlib.metrics
from ganlib import zoo
from ganlib.data.images import Images
from ganlib.device import seeded
from ganlib.errors import GanlibError
from ganlib.metrics.base import Features, Result, Samples, as_features, enough, pair, share_error
from ganlib.metrics.classifier import train_classifier
from ganlib.metrics.inception_score import inception_score
from ganlib.metrics.kid import kid
from ganlib.metrics.memorisation import memorisation
from ganlib.metrics.path_length import path_length
from ganlib.metrics.precision_recall import density_coverage, precision_recall
from ganlib.metrics.transport import sliced_wasserstein, wasserstein


def test_a_result_prints_what_it_was_computed_from():
    full = Result("FID", 12.3, 0.4, 10000, 10000, "avatars", "none", 0.31)
    assert str(full) == "FID 12.3 ± 0.4 (n_real 10000, n_fake 10000, features avatars, resizer none, floor 0.31)"
    assert float(full) == 12.3
    assert str(Result("IS", 2.5, n_fake=100)) == "IS 2.5 (n_fake 100)"
    assert full.table() == {"result": str(full), "generated": 12.3, "error": 0.4, "real": 0.31}


def test_the_line_ends_with_what_the_value_depends_on():
    found = Result("KID", 2.5, n_fake=9, floor=0.1, details={"m": 20_000, "e": 1e-4, "a": 3.0}, settings=("m", "e"))
    assert str(found) == "KID 2.5 (n_fake 9, floor 0.1, m 20000, e 0.0001)"
    assert found.table().items() >= {"m": 20_000, "e": 1e-4}.items()


@pytest.mark.parametrize(
    ("call", "end"),
    [
        (lambda x: precision_recall(x, x, k=4)[0], "features given, k 4)"),
        (lambda x: density_coverage(x, x)[1], "features given, k 5)"),
        (lambda x: kid(x, x, subset_size=30), "features given, subset_size 30)"),
        (lambda x: inception_score(x, splits=7), "features given, splits 7)"),
        (lambda x: memorisation(x, x[:110], x[:130]), "features given, floor 0.00901, quantile 0.01, n_held_out 110)"),
        (
            lambda x: memorisation(*[x.tanh().view(-1, 1, 1, 4)] * 3),
            "n_fake 200, floor 0.00995, quantile 0.01, n_held_out 200)",
        ),
        (lambda x: path_length(lambda z: z, latent=lambda n: torch.randn(n, 4), n=100), "epsilon 0.0001, trim 0.01)"),
        (lambda x: wasserstein(x, x), "W1 0 (n_real 200, n_fake 200)"),  # points are no features
        (lambda x: sliced_wasserstein(x, x), "sliced W2 0 (n_real 200, n_fake 200, projections 256)"),
    ],
)
def test_lines_say_their_settings(call, end):
    torch.manual_seed(0)
    assert str(call(torch.randn(200, 4))).endswith(end)


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
            "resizer None, the fake ones 'area'",
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
    lines = [value for value in found.values() if isinstance(value, str)]
    floors = [found[key] for key in found if key.split()[-1] == "real"]
    word = "floor" if name in ("fid", "kid") else "real"  # where real samples are what is aimed at, no floor
    assert [f"{word} {floor:.3g}" in line for floor, line in zip(floors, lines, strict=True)] == [True] * len(lines)
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
    counted = lambda images, *args, **said: seen.append(len(images)) or extract(images, *args, **said)
    monkeypatch.setattr(features, "extract", counted)
    samples = drawn(150)
    for name in ENTRIES:
        metric = ganlib.metrics.get(name)
        assert not metric.lacks(samples) and metric.measure(samples)
    assert seen == [150] * 3


def test_samples_of_a_network_without_bounds_are_cut():
    class Loud(torch.nn.Module):
        def forward(self, z):
            return 3 * z.view(-1, 1, 8, 8)

    gan = ganlib.build("gan", (1, 8, 8), model="mlp-small", latent_dim=64)
    gan.generator = Loud()
    made = ganlib.metrics.samples(gan, ganlib.load("digits", n=20, size=8), 10).generated
    assert made.max() == 1 and made.min() == -1


# -- what slipped through ----------------------------------------------------------------------------------------------
def test_two_units_are_not_compared():
    pixels = torch.randint(256, (200, 8), dtype=torch.uint8)
    with pytest.raises(GanlibError, match="types uint8 and float32 were given; expected both in the same units"):
        pair(pixels, pixels / 127.5 - 1)
    assert pair(pixels, pixels.int())[1].values.dtype == torch.float64
    with pytest.raises(GanlibError, match="fake features are complex"):
        pair(torch.zeros(9, 2), torch.zeros(9, 2, dtype=torch.complex64))


@pytest.mark.parametrize("n", [1, 10, 200])
def test_the_error_of_a_share_solves_wilsons_equation(n):
    for share in (0.0, 0.3, 1.0):
        middle, error = (share + 1 / (2 * n)) / (1 + 1 / n), share_error(share, n)
        for p in (middle - error, middle + error):  # where the share is one standard error of p away from p
            assert (share - p) ** 2 == pytest.approx(p * (1 - p) / n, abs=1e-12)
    assert share_error(0.5, 10_000) == pytest.approx(0.005, rel=1e-3)


@pytest.mark.parametrize("low, high", [(-1, -1), (0, 0), (1, 1), (0, 1)])
def test_a_generator_that_looks_like_another_range_is_measured(low, high):
    class Plain(torch.nn.Module):
        def forward(self, z):
            return torch.linspace(low, high, 64).view(1, 1, 8, 8).expand(len(z), -1, -1, -1)

    gan = ganlib.build("gan", (1, 8, 8), model="mlp-small", latent_dim=4)
    gan.generator = Plain()
    found = ganlib.metrics.evaluate(gan, ganlib.load("digits", n=300, size=8), 150)
    assert found["metrics"]["fid"]["generated"] > 3 * found["metrics"]["fid"]["real"]


def test_what_is_left_out_is_said_with_the_reason():
    gan = ganlib.build("gan", (1, 8, 8), model="mlp-small", latent_dim=4)
    data = ganlib.load("digits", n=200, size=8)
    found = ganlib.metrics.evaluate(gan, data, 50)
    assert found["left out"]["fid"].startswith(
        "it needs 65 samples, and 50 were drawn; expected more, by n= or --n, or"
    )
    assert found["left out"]["modes"] == "it is no mixture with known modes"
    assert set(found["metrics"]) | set(found["left out"]) == set(ganlib.metrics.names())
    own = Images(data.pixels)  # of no known set
    assert "no extractor is meant" in ganlib.metrics.evaluate(gan, own, 50)["left out"]["kid"]
    with pytest.raises(GanlibError, match="names no metric; expected one or more of"):
        ganlib.metrics.evaluate(gan, data, 50, chosen=[])


def test_few_samples_are_measured_where_that_is_allowed():
    gan = ganlib.build("gan", (1, 8, 8), model="mlp-small", latent_dim=4)
    data = ganlib.load("digits", n=200, size=8)
    with pytest.raises(
        GanlibError, match=r"'kid' cannot be computed on digits: it needs 100 samples.* --n, .*--allow-small"
    ):
        ganlib.metrics.evaluate(gan, data, 20, chosen=["kid"])
    found = ganlib.metrics.evaluate(gan, data, 20, chosen=ENTRIES, allow_small=True)
    assert set(found["metrics"]) == set(ENTRIES) and found["allow_small"]
    for n, metric in ((1, "kid"), (5, "density-coverage"), (9, "inception-score")):  # not to be had at any price
        with pytest.raises(GanlibError, match=f"it needs {n + 1} samples at the very least, and {n} were drawn"):
            ganlib.metrics.evaluate(gan, data, n, chosen=[metric], allow_small=True)
    ring = ganlib.load("ring")
    points = ring.sample(20)
    modes = ganlib.metrics.get("modes")
    few = Samples(ring, points, points, points, 0, allow_small=True)
    assert modes.lacks(few) == "" and modes.measure(few)["modes"] == 8


def test_features_by_the_extractor_that_was_asked_for():
    gan = ganlib.build("gan", (1, 8, 8), model="mlp-small", latent_dim=4)
    data = ganlib.load("digits", n=400, size=8)
    found = ganlib.metrics.evaluate(gan, data, 150, extractor="digits")
    assert "features digits" in found["metrics"]["kid"]["result"] and "fid" in found["metrics"]
    with pytest.raises(GanlibError, match="unknown extractor 'digit'"):
        ganlib.metrics.evaluate(gan, data, 150, extractor="digit")
    with pytest.raises(GanlibError, match="extractor avatars was given images of 'digits'"):
        ganlib.metrics.evaluate(gan, data, 150, extractor="avatars")


def test_an_evaluation_records_whose_weights_saw_the_images():
    gan = ganlib.build("gan", (1, 8, 8), model="mlp-small", latent_dim=4)
    data = ganlib.load("digits", n=400, size=8)
    found = ganlib.metrics.evaluate(gan, data, 150, chosen=["kid"])
    assert found["features"] == f"digits, sha256 {zoo.record('digits')['sha256']}"
    found = ganlib.metrics.evaluate(gan, data, 150, chosen=["sliced-wasserstein"])
    assert found["features"] is None  # nothing looked at any


def test_no_gpu_is_seeded_on_the_way(monkeypatch):
    def refuse(seed):
        raise AssertionError("all GPUs were seeded")

    monkeypatch.setattr(torch.cuda, "manual_seed_all", refuse)
    before = torch.get_rng_state()
    with seeded(3):
        inside = torch.rand(4)
    assert torch.equal(torch.get_rng_state(), before)
    drawn(150)
    train_classifier(ganlib.load("digits", n=20, size=8), 1)
    monkeypatch.undo()
    torch.manual_seed(3)
    assert torch.equal(inside, torch.rand(4))


def test_without_pot_the_rest_is_measured(monkeypatch):
    monkeypatch.setitem(sys.modules, "ot", None)
    gan = ganlib.build("gan", (1, 8, 8), model="mlp-small", latent_dim=4)
    found = ganlib.metrics.evaluate(gan, ganlib.load("digits", n=300, size=8), 150)
    assert "pip install pot" in found["left out"]["sliced-wasserstein"] and "fid" in found["metrics"]
