"""Features: what may be measured and what is refused, and statistics that are found again."""

import builtins
import re
import sys
import types
from dataclasses import replace

import pytest
import torch

import ganlib
from ganlib import zoo
from ganlib.data import Images, avatars
from ganlib.data.images import resized
from ganlib.errors import GanlibError
from ganlib.metrics import features
from ganlib.metrics.base import Features
from ganlib.metrics.features import as_bytes, attributes, choose, extract, statistics


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GANLIB_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def portraits():
    return ganlib.load("avatars", size=32, n=300, split="test")


@pytest.fixture
def numbers():
    return ganlib.load("digits", n=300, split="test")


# -- extractors --------------------------------------------------------------------------------------------------------
def test_the_extractor_is_chosen_by_the_data_set(portraits, numbers):
    for data, name, d, classes in ((numbers, "digits", 64, 10), (portraits, "avatars", 128, 8)):
        seen = extract(data)
        assert isinstance(seen, Features) and (seen.extractor, seen.resizer, len(seen)) == (name, "none", 300)
        assert seen.values.shape == (300, d) and seen.logits.shape == (300, classes)
        assert seen.values.dtype == torch.float32 and seen.values.isfinite().all() and not seen.values.requires_grad
        assert (seen.values.std(0) > 0).all()  # no feature is the same for all images
        assert (seen.logits.argmax(1) == data.labels).float().mean() > 0.95
        for tensor in (data.pixels, data.normalised(), data.normalised().double()):
            torch.testing.assert_close(extract(tensor, data=data).values, seen.values, atol=0, rtol=0)
            assert extract(tensor, name).extractor == extract(tensor, data=name).extractor == name


def test_the_batch_changes_nothing_but_rounding(portraits):
    torch.testing.assert_close(
        extract(portraits, batch=7).values, extract(portraits, batch=300).values, atol=1e-5, rtol=1e-5
    )


def test_other_sizes_are_resized_and_say_so():
    large = ganlib.load("avatars", size=64, n=200, split="test")
    seen = extract(large)
    assert seen.resizer == "antialiased bilinear 64→32"
    small = extract(resized(large.pixels, 32), "avatars")
    assert small.resizer == "none" and torch.equal(small.values, seen.values)
    assert (attributes(seen)["hair_colour"] == large.attributes["hair_colour"]).float().mean() > 0.95
    naive = extract(large.pixels[..., ::2, ::2], "avatars")  # without antialiasing the features are others
    assert (naive.values - seen.values).norm() > 0.1 * seen.values.norm()


def test_the_digits_features_see_the_hand(numbers):
    """A network that only told digits apart was nearly blind to it: its means were 0.25, 0.35 and 0.5 apart."""
    data = ganlib.load("digits", n=2000)
    values = extract(data).values
    for habit in ("thickness", "slant", "tilt"):
        high = data.attributes[habit] > data.attributes[habit].median()
        assert (values[high].mean(0) - values[~high].mean(0)).norm() > 1, habit


def test_attributes_are_read(portraits):
    read = attributes(portraits)
    assert read.keys() == avatars.ATTRIBUTES.keys()
    right = [(read[name] == truth).float().mean().item() for name, truth in portraits.attributes.items()]
    assert sum(right) / len(right) > 0.97
    from_features = attributes(extract(portraits))
    assert all(torch.equal(read[name], from_features[name]) for name in read)
    bare = avatars.portrait(32, glasses=False), avatars.portrait(32, glasses=True)
    assert attributes(torch.cat(bare))["glasses"].tolist() == [0, 1]


def test_features_see_what_an_image_lacks(portraits):
    """Light augmentation must not have made the features blind: more grain or blur, further away."""
    images, mean = portraits.normalised(), extract(portraits).values.mean(0)
    torch.manual_seed(0)
    grain = torch.randn_like(images)
    soft = torch.nn.functional.avg_pool2d(images, 3, 1, 1, count_include_pad=False)
    for spoil in (lambda a: (images + 0.3 * a * grain).clamp(-1, 1), lambda a: torch.lerp(images, soft, a)):
        away = [(extract(spoil(a), "avatars").values.mean(0) - mean).norm().item() for a in (0, 0.25, 0.5, 1)]
        assert away[0] < 1e-3 and away[1] < away[2] < away[3] and away[3] > 1


# -- what is refused ---------------------------------------------------------------------------------------------------
GOOD = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 1.9 - 0.95


def with_nan(value):
    images = GOOD.clone()
    images[2, 1, 3, 4] = value
    return images


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (GOOD / 2 + 0.5, r"floats from 0\.\d+ to 0\.9\d+, as if in \[0, 1\]; expected uint8 .* or floats in \[-1, 1\]"),
        ((GOOD + 1) * 127.5, r"floats from 6\.\d+ to 248\.\d+, as if bytes; expected uint8"),
        (GOOD * 3, r"floats from -2\.\d+ to 2\.\d+; expected uint8 .*clamp"),
        (GOOD.long(), r"are int64; expected uint8 from 0 to 255, or floats"),
        (GOOD > 0, r"are bool; expected uint8"),
        (with_nan(float("nan")), r"1 of 4 images .* hold NaN or infinity"),
        (with_nan(float("-inf")), r"1 of 4 images .* hold NaN or infinity"),
        (GOOD[:0], r"shape \(0, 3, 32, 32\); expected \(N, C, H, W\) with at least one image"),
        (GOOD[0], r"shape \(3, 32, 32\); expected \(N, C, H, W\)"),
        (GOOD[:, :1], r"1 channels \(shape \(4, 1, 32, 32\)\); expected 3"),
        (torch.cat([GOOD, GOOD[:, :1]], 1), r"4 channels .*; expected 3"),
        (GOOD.permute(0, 2, 3, 1), r"32 channels .*; expected 3; with the channels last, give images\.permute"),
        ([GOOD[:2], GOOD[:, :1]], r"a list of shapes \(2, 3, 32, 32\), \(4, 1, 32, 32\); expected one tensor"),
        ([], r"are a list; expected one tensor"),
        (GOOD.numpy(), r"are a ndarray; expected a tensor"),
        (GOOD[..., :16], r"images of 32×16 pixels; expected square ones"),
    ],
)
def test_images_of_another_kind_are_refused(images, words):
    with pytest.raises(GanlibError, match=words):
        extract(images, "avatars")


def test_floats_become_the_bytes_they_stand_for():
    pixels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    floats = Images(pixels).normalised()
    assert as_bytes(pixels) is pixels and torch.equal(as_bytes(floats), pixels)
    assert torch.equal(as_bytes(floats * (1 + 0.9 / 255)).flatten()[[0, -1]], torch.tensor([0, 255], dtype=torch.uint8))
    with pytest.raises(GanlibError, match="expected 1 or 3"):
        as_bytes(torch.zeros(2, 2, 8, 8, dtype=torch.uint8))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: extract(GOOD), r"'auto' was given a tensor; expected images of a data set, data= with one, or"),
        (lambda: extract(GOOD, data=torch.zeros(1)), r"'auto' was given a tensor; expected images of a data set"),
        (
            lambda: extract(GOOD, data="horses"),
            r"no extractor is meant for 'horses'; .*, extractor='inception' .*--extractor inc",
        ),
        (lambda: extract(GOOD, "avatar"), r"unknown extractor 'avatar' \(did you mean 'avatars'\?\)"),
        (lambda: extract(GOOD, "digits"), r"3 channels .*; expected 1"),
        (lambda: extract(GOOD, "digits", data="avatars"), r"digits was given images of 'avatars'; expected .* digits"),
        (lambda: extract(GOOD, data="digits"), r"extractor digits have 3 channels"),
        (
            lambda: extract(Images(as_bytes(GOOD[:, :1]), name="optdigits"), "digits"),
            r"digits was given images of 'optdigits'",
        ),
        (lambda: extract(Images(as_bytes(GOOD), name="stacked-digits")), r"'stacked-digits'; .*extractor='inception'"),
        (lambda: extract(Images(as_bytes(GOOD), name="my photos")), r"'my photos'; expected .*--extractor inception\)"),
        (lambda: extract(Images(as_bytes(GOOD[:, :1]), name="mnist")), r"'mnist'; expected one that takes any images"),
        (lambda: features.identity("avatar"), r"unknown extractor 'avatar' \(did you mean 'avatars'\?\)"),
        (lambda: extract(GOOD, "avatars", batch=0), r"batch must be a whole number 1 or more"),
        (
            lambda: attributes(Features(torch.zeros(3, 64), "digits")),
            r"extractor digits were given; expected .* avatars",
        ),
    ],
)
def test_an_extractor_that_does_not_fit_is_refused(call, words):
    with pytest.raises(GanlibError, match=words):
        call()


# -- Inception: its weights need a download, so a stand-in takes its place --------------------------------------------
@pytest.fixture
def fidelity(monkeypatch):
    """A package with the names and the contract of torch-fidelity's."""

    class FeatureExtractorInceptionV3(torch.nn.Module):
        fails = None

        def __init__(self, name, features_list, feature_extractor_weights_path=None, **kwargs):
            super().__init__()
            assert feature_extractor_weights_path is None and not kwargs
            if self.fails:
                raise self.fails
            self.features_list = features_list

        def forward(self, x):
            assert x.dtype == torch.uint8 and x.ndim == 4 and x.shape[1] == 3
            mean = x.float().mean((1, 2, 3))[:, None]
            out = {"2048": mean.repeat(1, 2048), "logits_unbiased": mean.repeat(1, 1008)}
            return tuple(out[name] for name in self.features_list)

    package, module = types.ModuleType("torch_fidelity"), types.ModuleType("feature_extractor_inceptionv3")
    module.FeatureExtractorInceptionV3 = FeatureExtractorInceptionV3
    module.URL_INCEPTION_V3 = "https://example.org/inception.pth"
    package.feature_extractor_inceptionv3 = module
    monkeypatch.setitem(sys.modules, "torch_fidelity", package)
    monkeypatch.setitem(sys.modules, "torch_fidelity.feature_extractor_inceptionv3", module)
    monkeypatch.setattr(features.importlib.metadata, "version", lambda package: "0.4.0")
    return FeatureExtractorInceptionV3


def test_inception_is_asked_as_torch_fidelity_wants(fidelity):
    photos = Images(as_bytes(GOOD), name="cifar10")
    seen = extract(photos)
    assert (seen.extractor, seen.resizer) == ("inception", "TensorFlow's bilinear, 32×32→299×299")
    assert seen.values.shape == (4, 2048) and seen.logits.shape == (4, 1008)
    torch.testing.assert_close(seen.values[:, 0], photos.pixels.float().mean((1, 2, 3)))
    assert (
        choose(GOOD, "inception") == choose(GOOD, "inception", "horses") == choose(GOOD, data="celeba") == "inception"
    )
    with pytest.raises(GanlibError, match="2 channels .*; expected 1 or 3"):
        extract(GOOD[:, :2], "inception")
    assert statistics(photos).mean.shape == (2048,)


def test_inception_takes_grey_images_and_says_what_it_did(fidelity):
    grey = Images(as_bytes(GOOD[:, :1]), name="mnist")
    seen, three = extract(grey, "inception"), extract(grey.pixels.repeat(1, 3, 1, 1), "inception")
    assert (
        torch.equal(seen.values, three.values) and seen.resizer == f"{three.resizer}, grey repeated to three channels"
    )
    assert statistics(grey, "inception").resizer == seen.resizer
    optdigits = ganlib.load("optdigits", n=300)
    gan = ganlib.build("gan", optdigits.shape, model="mlp-small", latent_dim=4)
    found = ganlib.metrics.evaluate(gan, optdigits, 150, extractor="inception", chosen=["kid"])
    assert found["features"] == "inception, torch-fidelity 0.4.0"
    assert "features inception, resizer TensorFlow's bilinear, 8×8→299×299, grey" in found["metrics"]["kid"]["result"]


@pytest.mark.parametrize("fails", [OSError("<urlopen error>"), RuntimeError("size mismatch\nfor fc"), EOFError()])
def test_weights_of_inception_that_do_not_come_are_named(fidelity, fails):
    fidelity.fails = fails
    with pytest.raises(
        GanlibError, match=r"Inception-v3, which torch-fidelity downloads once .*could not be loaded: \S"
    ):
        extract(GOOD, "inception")


def test_weights_that_do_not_come_are_asked_for_once(fidelity, monkeypatch):
    asked, load = [], features.EXTRACTORS["inception"].load
    counted = replace(features.EXTRACTORS["inception"], load=lambda device: asked.append(device) or load(device))
    monkeypatch.setitem(features.EXTRACTORS, "inception", counted)
    fidelity.fails = OSError("no network")
    gan = ganlib.build("gan", (3, 32, 32), model="mlp-small", latent_dim=4)
    found = ganlib.metrics.evaluate(gan, Images(as_bytes(GOOD.repeat(60, 1, 1, 1)), name="cifar10"), 110)
    assert len(asked) == 1 and found["features"] is None
    for name in ("fid", "kid", "inception-score", "precision-recall", "density-coverage"):
        assert "could not be loaded: no network" in found["left out"][name]


def test_a_missing_package_is_named_with_the_command(monkeypatch):
    real = builtins.__import__

    def without(name, *args):
        if name.startswith("torch_fidelity"):
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    for call in (extract, statistics):
        with pytest.raises(GanlibError, match="torch-fidelity, which is not installed; .* pip install torch-fidelity"):
            call(GOOD, "inception")


def test_the_true_package_takes_what_it_is_given(monkeypatch):
    """Random weights in place of the downloaded ones: the way there and back is the package's own."""
    module = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    torch.manual_seed(0)
    monkeypatch.setattr(module.FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
    monkeypatch.setattr(module, "load_state_dict_from_url", lambda url, **_: {})
    seen = extract(GOOD[:2], "inception")
    assert seen.values.shape == (2, 2048) and seen.logits.shape == (2, 1008)
    assert seen.values.isfinite().all() and not torch.equal(seen.values[0], seen.values[1])


# -- statistics --------------------------------------------------------------------------------------------------------
@pytest.fixture
def counted(monkeypatch):
    """How often features were extracted."""
    calls = []
    real = features.extract
    monkeypatch.setattr(features, "extract", lambda *args, **options: calls.append(1) or real(*args, **options))
    return calls


def test_statistics_are_those_of_the_features(numbers):
    found, values = statistics(numbers), extract(numbers).values.double()
    assert (found.n, found.extractor, found.resizer) == (300, "digits", "none")
    assert found.mean.dtype == found.covariance.dtype == torch.float64
    torch.testing.assert_close(found.mean, values.sum(0) / 300)
    centred = values - values.mean(0)
    torch.testing.assert_close(found.covariance, centred.T @ centred / 299)
    assert not torch.allclose(found.covariance, centred.T @ centred / 300)


def test_statistics_are_kept_by_content(numbers, counted, folder):
    first = statistics(numbers)
    again = statistics(numbers.normalised(), "digits")  # the same images, however they are given
    assert len(counted) == 1 and torch.equal(first.mean, again.mean) and torch.equal(first.covariance, again.covariance)
    other = numbers.pixels.clone()
    other[7, 0, 3, 3] ^= 1
    for count, call in enumerate(
        (
            lambda: statistics(other, "digits"),  # one bit of one pixel
            lambda: statistics(numbers, n=200),
            lambda: statistics(numbers, n=200, seed=1),
            lambda: statistics(resized(numbers.pixels, 32), "digits"),
        ),
        start=2,
    ):
        call()
        assert len(counted) == count
    assert len(list(folder.glob("statistics-digits-*.safetensors"))) == 5
    assert not list(folder.glob(".statistics*"))  # nothing half-written


def test_other_weights_are_another_entry(numbers, counted, monkeypatch):
    statistics(numbers)
    record = zoo.record("digits") | {"sha256": "0" * 64}
    monkeypatch.setattr(zoo, "record", lambda name: record)
    with pytest.raises(GanlibError, match="is damaged"):  # not found among the statistics, so the weights are read
        statistics(numbers)


def test_the_draw_is_without_replacement_and_by_seed(numbers):
    assert torch.equal(statistics(numbers, n=50, seed=3).mean, statistics(numbers, n=50, seed=3).mean)
    assert not torch.equal(statistics(numbers, n=50, seed=3).mean, statistics(numbers, n=50, seed=4).mean)
    whole, drawn = statistics(numbers), statistics(numbers, n=300)
    torch.testing.assert_close(whole.mean, drawn.mean)  # all 300, each once


def test_a_damaged_entry_is_made_again(numbers, counted, folder, capsys):
    first = statistics(numbers)
    [path] = folder.glob("statistics-*.safetensors")
    raw = bytearray(path.read_bytes())
    raw[-3] ^= 1
    for damage in (bytes(raw), raw[: len(raw) // 2], b""):
        path.write_bytes(damage)
        capsys.readouterr()
        again = statistics(numbers)
        said = capsys.readouterr().err.strip().splitlines()
        assert len(said) == 1 and re.search(
            r"statistics-digits-\w+\.safetensors is damaged .*; making it again", said[0]
        )
        assert torch.equal(first.covariance, again.covariance)
    assert len(counted) == 4
    statistics(numbers)
    assert len(counted) == 4 and not capsys.readouterr().err


def test_statistics_refuse_too_few_or_too_many(numbers):
    with pytest.raises(GanlibError, match="one image were asked for; expected at least two"):
        statistics(numbers.pixels[:1], "digits")
    with pytest.raises(GanlibError, match="n must be a whole number from 2 to 300, not 301"):
        statistics(numbers, n=301)
