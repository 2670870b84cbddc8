"""The reader of silhouettes: it must find animals it has not seen, in either coat, and nothing where there are none."""

import pytest
import torch

import ganlib
from ganlib.errors import GanlibError
from ganlib.metrics.segmenter import Segmenter, spoiled, train_segmenter
from ganlib.metrics.translation import silhouette_iou

SIZE = 24  # quick, and no power of two


@pytest.fixture(scope="module")
def reader():
    return train_segmenter(ganlib.load("horses-zebras", size=SIZE, n=300), 150)


@pytest.fixture(scope="module", params=["a", "b"])
def unseen(request):
    domains = ganlib.load("horses-zebras", size=SIZE, split="test", n=100)
    return getattr(domains, request.param).normalised(), domains.truth(request.param)


def test_animals_it_has_not_seen_are_found(reader, unseen):
    images, truth = unseen
    found = silhouette_iou(images, truth, reader=reader)
    assert found.value > 0.8 and found.floor > 0.8 and abs(found.value - found.floor) < 0.1
    assert found.reader == "Segmenter" and found.error < 0.02 and not reader.training
    torch.manual_seed(0)
    assert silhouette_iou(spoiled(images), truth, reader=reader).value > 0.7 * found.value


@pytest.mark.parametrize("control", ["another scene", "aside", "grey", "noise"])
def test_controls_fail(reader, unseen, control):
    images, truth = unseen
    torch.manual_seed(1)
    made = {
        "another scene": lambda: images.roll(1, 0),
        "aside": lambda: images.roll(3, 3),
        "grey": lambda: torch.zeros_like(images),
        "noise": lambda: torch.rand_like(images) * 2 - 1,
    }[control]()
    assert silhouette_iou(made, truth, reader=reader).value < 0.55


def test_the_same_seed_gives_the_same_reader_and_leaves_the_random_state_alone():
    domains = ganlib.load("horses-zebras", size=16, n=20)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, two, other = (train_segmenter(domains, 2, seed=seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert not all(torch.equal(one[key], other[key]) for key in one)


def test_it_takes_images_of_any_size():
    net = Segmenter(3, 4).eval()
    x = torch.rand(2, 3, 24, 40) * 2 - 1
    for height, width in ((24, 40), (17, 33), (24, 1)):
        assert net(x[..., :height, :width]).shape == (2, 1, height, width)
    with pytest.raises(GanlibError, match=r"\(2, 1, 24, 40\) were given; this segmenter expects \(N, 3, H, W\)"):
        net(x[:, :1])


def test_spoiled_images_are_images():
    torch.manual_seed(0)
    x = torch.rand(64, 3, 16, 16) * 2 - 1
    y = spoiled(x)
    assert y.shape == x.shape and y.abs().max() <= 1 and 0.1 < (y - x).abs().mean() < 0.5


def test_what_does_not_fit_is_said():
    domains = ganlib.load("horses-zebras", size=16, n=20)
    with pytest.raises(GanlibError, match="steps must be a whole number 1 or more"):
        train_segmenter(domains, 0)
    with pytest.raises(GanlibError, match="the truth of photos-paintings knows no silhouettes; expected drawn animals"):
        train_segmenter(ganlib.load("photos-paintings", size=16, n=20))
