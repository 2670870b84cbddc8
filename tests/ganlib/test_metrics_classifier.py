"""The judge of generated digits: it must recognise real ones and refuse what is none."""

import pytest
import torch

import ganlib
from ganlib import metrics
from ganlib.data import Images
from ganlib.errors import GanlibError
from ganlib.metrics import classifier as module
from ganlib.metrics.classifier import (
    Classifier,
    class_coverage,
    nonsense,
    shuffled,
    shuffled_blocks,
    train_classifier,
)
from ganlib.metrics.features import to_bytes

SIZE = 16  # quick; the lab itself judges 28×28


@pytest.fixture(scope="module")
def judge():
    return train_classifier(ganlib.load("digits", size=SIZE, n=4000), steps=250)


@pytest.fixture(scope="module")
def unseen():
    return ganlib.load("digits", size=SIZE, n=1000, split="test")


def good(seen):  # what lab 02 asserts
    return len(seen.present) >= 9 and seen.confidence >= 0.8


def test_real_digits_it_has_not_seen_are_recognised(judge, unseen):
    images = unseen.normalised()
    right = (judge.probabilities(images).argmax(1) == unseen.labels).float().mean().item()
    assert right > 0.95
    assert good(class_coverage(images, judge))


@pytest.mark.parametrize(
    "control", ["noise", "binary noise", "shuffled", "blocks", "grey", "one class", "nine dropped", "overlaid"]
)
def test_controls_fail(judge, unseen, control):
    images = unseen.normalised()
    torch.manual_seed(1)
    made = {
        "noise": lambda: torch.rand_like(images) * 2 - 1,
        "binary noise": lambda: torch.rand_like(images).round() * 2 - 1,
        "shuffled": lambda: shuffled(images),
        "blocks": lambda: shuffled_blocks(images),
        "grey": lambda: torch.zeros_like(images),
        "one class": lambda: images[unseen.labels == 3],
        "nine dropped": lambda: images[unseen.labels < 1],
        "overlaid": lambda: torch.maximum(images, images.roll(3, 0)),
    }[control]()
    seen = class_coverage(made, judge)
    assert not good(seen)
    if control in ("noise", "binary noise", "shuffled", "grey"):
        assert seen.present == () and seen.confidence < 0.2
    if control == "one class":
        assert seen.present == (3,) and seen.confidence > 0.8  # sure, and still refused


def test_the_same_seed_gives_the_same_judge_and_leaves_the_random_state_alone():
    data = ganlib.load("digits", size=SIZE, n=500)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, two, other = (train_classifier(data, steps=3, seed=seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert not all(torch.equal(one[key], other[key]) for key in one)


def test_it_fits_8_by_8_and_colour():
    pixels = torch.randint(0, 256, (40, 3, 8, 8), dtype=torch.uint8)
    net = train_classifier(Images(pixels, torch.arange(40) % 2, ("a", "b")), steps=2)
    p = net.probabilities(torch.zeros(5, 3, 8, 8))
    assert p.shape == (5, 2) and (p.sum(1) < 1).all() and not net.training


def test_coverage_counts_what_is_confident():
    class Fixed(Classifier):
        def probabilities(self, images, batch_size=1000):
            return self.table

    net = Fixed((1, 8, 8), 3)
    net.table = torch.tensor([[0.9, 0.0, 0.0]] * 97 + [[0.0, 0.6, 0.0]] * 2 + [[0.1, 0.1, 0.4]])
    seen = class_coverage(torch.zeros(100, 1, 8, 8), net)
    assert seen.present == (0, 1) and seen.shares == pytest.approx((0.97, 0.02, 0.0))
    assert seen.confidence == pytest.approx((97 * 0.9 + 2 * 0.6 + 0.4) / 100)
    assert class_coverage(torch.zeros(100, 1, 8, 8), net, sure=0.3, least=0.01).present == (0, 1, 2)


def test_the_floor_is_of_images_that_the_classifier_was_not_trained_on(monkeypatch):
    torch.manual_seed(0)
    seen, train = [], module.train_classifier
    monkeypatch.setattr(module, "train_classifier", lambda data, **said: seen.append(data) or train(data, 1, **said))
    noise = Images(torch.randint(256, (160, 1, 8, 8), dtype=torch.uint8), torch.randint(2, (160,)), ("a", "b"))
    gan = ganlib.build("gan", (1, 8, 8), model="mlp-small", latent_dim=4)
    drawn = metrics.samples(gan, noise, 50)
    metrics.get("classes").measure(drawn)
    rows = lambda images: {row.numpy().tobytes() for row in to_bytes(images)}
    trained = rows(seen[0].normalised())
    assert not trained & rows(drawn.real) and trained >= rows(drawn.other) and len(trained) == 110
    assert seen[0].classes == ("a", "b")
    for row, label in zip(seen[0].pixels, seen[0].labels, strict=True):  # each with its own label
        assert noise.labels[(noise.pixels == row).flatten(1).all(1)].tolist() == [label]


def test_shuffling_keeps_the_pixels_and_loses_the_order():
    images = torch.rand(4, 1, 10, 10)
    for mixed in (shuffled(images), shuffled_blocks(images)):
        assert not torch.equal(mixed, images)
        torch.testing.assert_close(mixed.flatten(1).sort(1).values, images.flatten(1).sort(1).values)
    assert torch.equal(shuffled_blocks(images)[..., 8:], images[..., 8:])  # the edge that does not fit
    assert nonsense(images, torch.zeros(4, dtype=torch.long)).shape == images.shape


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: train_classifier(Images(torch.zeros(4, 1, 8, 8, dtype=torch.uint8))), "has no labels"),
        (lambda: train_classifier(ganlib.load("optdigits", n=50), steps=0), "steps=0 was given"),
        (lambda: Classifier((1, 4, 4), 10), "expected 8×8 or larger"),
        (lambda: Classifier((1, 8, 8), 2)(torch.zeros(1, 1, 9, 9)), r"expects \(N, 1, 8, 8\)"),
        (lambda: class_coverage(torch.zeros(0, 1, 8, 8), Classifier((1, 8, 8), 2)), "with at least one image"),
        (lambda: class_coverage(torch.rand(9, 1, 8, 8) * 255, Classifier((1, 8, 8), 2)), "as if bytes"),
        (lambda: class_coverage(torch.full((9, 1, 8, 8), torch.nan), Classifier((1, 8, 8), 2)), "NaN or infinity"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(GanlibError, match=words):
        call()
