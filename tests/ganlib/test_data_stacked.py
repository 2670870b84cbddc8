"""Stacked digits: which digits they show, that all 1,000 classes occur, and the same bytes everywhere."""

import math
import platform
import time

import pytest
import torch

from ganlib import data
from ganlib.data import cache, digits
from ganlib.errors import GanlibError

from . import served_mnist

CHECKSUM = (
    "81d4eacbb52e01bb4ecd9489b93689ebfd913c3a3a808ad199e19d9ff17b46f9"  # pixels and labels of the first 500, on x86-64
)
FIRST = [493, 39, 737, 316, 698, 668, 436, 914]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_cache(shared, monkeypatch):
    monkeypatch.setenv("GANLIB_CACHE", str(shared))  # one for all: the 20,000 single digits are drawn once


def test_first_images_are_the_known_ones():
    images = data.load("stacked-digits", n=500)
    assert images.labels[:8].tolist() == FIRST
    if platform.machine() in ("x86_64", "AMD64"):  # elsewhere the digits themselves may be a grey level off
        assert cache._digest({"pixels": images.pixels, "labels": images.labels}) == CHECKSUM


def test_each_channel_is_the_digit_that_the_label_names():
    images = data.load("stacked-digits", n=300)
    single = data.load("digits")
    known = {row.numpy().tobytes(): int(label) for row, label in zip(single.pixels, single.labels, strict=True)}
    for image, label in zip(images.pixels, images.labels, strict=True):
        red, green, blue = (known[channel.numpy().tobytes()] for channel in image)
        assert label == 100 * red + 10 * green + blue
    assert images.shape == (3, 28, 28) and images.name == "stacked-digits" and images.labels.dtype == torch.int64
    assert images.classes[407] == "407" and images.classes[5] == "005" and len(images.classes) == 1000


def test_published_counts_and_all_modes():
    for split, count in (("train", 128_000), ("test", 26_000)):
        images = data.load("stacked-digits", size=8, split=split)
        assert len(images) == count
        seen = torch.bincount(images.labels, minlength=1000)
        spread = (seen.double() - count / 1000).square().mean().sqrt() / math.sqrt(count / 1000)
        assert seen.min() > 0 and 0.9 < spread < 1.1, "independent draws: counts spread as Poisson's do"
    digit = torch.stack([images.labels // 100, images.labels // 10 % 10, images.labels % 10]).double()
    correlation = torch.corrcoef(digit) - torch.eye(3)
    assert correlation.abs().max() < 5 / math.sqrt(len(images)), "the three channels know nothing of each other"


def test_seed_split_and_count():
    train = data.load("stacked-digits", size=8, n=60)
    assert torch.equal(data.load("stacked-digits", size=8, n=25).pixels, train.pixels[:25])
    assert torch.equal(data.load("stacked-digits", size=8, n=60).pixels, train.pixels)
    for other in ({"seed": 1}, {"split": "test"}):
        assert not torch.equal(data.load("stacked-digits", size=8, n=60, **other).labels, train.labels)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    data.load("stacked-digits", size=8, n=3)
    assert torch.equal(torch.get_rng_state(), state)


def test_from_mnist(tmp_path, monkeypatch):
    with served_mnist.mnist(tmp_path / "server", monkeypatch, tmp_path / "cache"):
        single = {split: data.load("mnist", split=split) for split in ("train", "test")}
        for split, source in single.items():
            images = data.load("stacked-digits", source="mnist", split=split, n=40)
            known = {tuple(row.flatten().tolist()): int(k) for row, k in zip(source.pixels, source.labels, strict=True)}
            read = [[known[tuple(channel.flatten().tolist())] for channel in image] for image in images.pixels]
            assert images.labels.tolist() == [100 * r + 10 * g + b for r, g, b in read]


def test_stacking_is_quick(monkeypatch):
    """Stacking copies bytes: 128,000 images of 28×28 take about a third of a second once the digits are there."""
    single = data.load("digits")
    monkeypatch.setattr(digits, "digits", lambda *_, **__: single)
    before = time.process_time()
    images = data.load("stacked-digits", n=32_000)
    assert time.process_time() - before < 1.5 and images.pixels.untyped_storage().nbytes() == 32_000 * 3 * 28 * 28


@pytest.mark.parametrize(
    "options, message",
    [
        ({"source": "minst"}, "unknown source of stacked digits 'minst' (did you mean 'mnist'?); known: digits, mnist"),
        ({"split": "all"}, "unknown split of stacked digits 'all'; known: test, train"),
        ({"size": 4}, "size of stacked digits must be a whole number from 8 to 256, not 4"),
        ({"n": 0}, "number of stacked digits must be a whole number 1 or more, not 0"),
        ({"n": 10**14}, "100,000,000,000,000 stacked digits of 28×28 pixels do not fit into this machine's memory"),
        ({"seed": -1}, "seed of stacked digits must be a whole number from 0 to"),
        ({"modes": 7}, "'stacked-digits' takes no option 'modes'; it takes size, split, n, seed, source"),
    ],
)
def test_bad_input_is_one_clear_sentence(options, message):
    with pytest.raises(GanlibError) as error:
        data.load("stacked-digits", **options)
    assert message in str(error.value) and "\n" not in str(error.value)
