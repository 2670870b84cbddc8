"""Images, and load(): names, options, bad input."""

import dataclasses
import inspect
import subprocess
import sys
import time

import pytest
import torch

import ganlib
from ganlib import data
from ganlib.data import Batch, Images
from ganlib.data.images import resized
from ganlib.errors import GanlibError

SETS = [
    "digits",
    "fashion-mnist",
    "grid",
    "horses-zebras",
    "mixture-1d",
    "mnist",
    "optdigits",
    "ring",
    "stacked-digits",
    "swiss-roll",
    "two-moons",
]


@pytest.fixture
def images():
    pixels = torch.arange(6, dtype=torch.uint8).view(6, 1, 1, 1).expand(6, 2, 3, 4) * 51
    return Images(pixels, torch.arange(6) % 3, ("a", "b", "c"), "six", {"height": torch.arange(6.0)})


def test_batch_is_frozen_and_has_a_length():
    batch = Batch(torch.zeros(5, 2))
    assert len(batch) == 5 and batch.labels is None and batch.captions is None and batch.other is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        batch.labels = torch.zeros(5)


def test_images_know_what_they_are(images):
    assert len(images) == 6 and images.shape == (2, 3, 4) and images.device == torch.device("cpu")
    assert repr(images) == "Images('six': 6 images of 3 classes, 2×3×4, cpu)"


def test_normalised_spans_exactly_minus_one_to_one():
    every_byte = Images(torch.arange(256, dtype=torch.uint8).view(256, 1, 1, 1))
    values = every_byte.normalised().flatten()
    assert values.dtype == torch.float32 and values[0] == -1 and values[255] == 1
    torch.testing.assert_close(values, torch.arange(256) / 127.5 - 1, rtol=0, atol=2e-7)
    assert torch.equal(every_byte.normalised(torch.tensor([3, 3, 200])).flatten(), values[[3, 3, 200]])
    assert torch.equal(every_byte.normalised(slice(10, 13)).flatten(), values[10:13])
    assert every_byte.pixels.flatten().tolist() == list(range(256)), "normalising must not touch the bytes"


def test_batch_draws_pairs_of_image_and_label(images):
    torch.manual_seed(0)
    drawn = [images.batch(6) for _ in range(200)]
    values = torch.cat([batch.images[:, 0, 0, 0] for batch in drawn])
    labels = torch.cat([batch.labels for batch in drawn])
    which = ((values + 1) * 2.5).round().long()
    assert drawn[0].images.shape == (6, 2, 3, 4) and drawn[0].images.dtype == torch.float32
    assert torch.equal(which % 3, labels)
    counts = torch.bincount(which, minlength=6)  # 200 each, standard deviation 12.9
    assert (counts - 200).abs().max() < 5 * 12.9
    assert any(len(set(batch.images[:, 0, 0, 0].tolist())) < 6 for batch in drawn), "drawn with replacement"


def test_batch_follows_torchs_seed(images):
    torch.manual_seed(3)
    first = images.batch(5)
    torch.manual_seed(3)
    again, other = images.batch(5), images.batch(5)
    assert torch.equal(first.images, again.images) and not torch.equal(first.images, other.images)


def test_images_without_labels_make_batches_without():
    assert Images(torch.zeros(3, 1, 2, 2, dtype=torch.uint8)).batch(3).labels is None


@pytest.mark.parametrize(
    "n, message",
    [
        (0, "batch size must be a whole number 1 or more, not 0"),
        (-4, "batch size must be a whole number 1 or more, not -4"),
        (2.0, "batch size must be a whole number 1 or more, not 2.0"),
        (True, "batch size must be a whole number 1 or more, not True"),
        (7, "batch size 7 is larger than the 6 images of the data set 'six'"),
    ],
)
def test_bad_batch_size(images, n, message):
    with pytest.raises(GanlibError) as error:
        images.batch(n)
    assert str(error.value) == message


def test_a_batch_costs_little():
    """A training step of a small GAN takes 3 ms: drawing its batch must not touch the images that were not drawn."""
    images = Images(torch.zeros(20_000, 1, 28, 28, dtype=torch.uint8), torch.zeros(20_000, dtype=torch.int64))
    spent = []
    for _ in range(50):
        before = time.perf_counter()
        images.batch(64)
        spent.append(time.perf_counter() - before)
    assert min(spent) < 5e-4  # about 5e-5 on one core


def test_to_moves_everything_and_leaves_the_original(images):
    moved = images.to("meta")
    assert {t.device.type for t in (moved.pixels, moved.labels, moved.attributes["height"])} == {"meta"}
    assert moved.name == "six" and moved.classes == images.classes and images.device.type == "cpu"
    assert images.to("cpu").pixels.data_ptr() == images.pixels.data_ptr()


def test_device_that_is_not_there(images):
    with pytest.raises(GanlibError, match="cannot move the six images to device 'warp': "):
        images.to("warp")
    with pytest.raises(GanlibError, match="cannot move ring to device 'warp': "):
        data.load("ring").to("warp")
    if not torch.cuda.is_available():
        with pytest.raises(GanlibError, match="cannot move the six images to device 'cuda': "):
            images.to("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_batches_on_cuda(images):
    batch = images.to("cuda").batch(4)
    assert batch.images.is_cuda and batch.labels.is_cuda
    which = ((batch.images[:, 0, 0, 0] + 1) * 2.5).round().long()
    assert torch.equal(which % 3, batch.labels)
    for name in ("ring", "grid", "mixture-1d", "swiss-roll", "two-moons"):
        law = data.load(name).to("cuda")
        points = law.batch(100).images
        assert points.is_cuda and points.shape == (100, *law.shape)
        generator = torch.Generator("cuda").manual_seed(0)
        assert torch.equal(law.sample(9, generator), law.sample(9, generator.manual_seed(0)))
        if law.modes is not None:
            assert law.log_prob(points).isfinite().all()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"pixels": torch.zeros(3, 1, 2, 2)}, "uint8"),
        ({"pixels": torch.zeros(3, 2, 2, dtype=torch.uint8)}, r"\(3, 2, 2\)"),
        ({"pixels": torch.zeros(0, 1, 2, 2, dtype=torch.uint8)}, "at least one image"),
        ({"labels": torch.tensor([0, 1])}, "3 images need as many labels"),
        ({"labels": torch.zeros(3)}, "int64"),
        ({"labels": torch.tensor([0, 1, 2])}, "2 classes"),
        ({"labels": torch.tensor([-1, 0, 1])}, "from -1"),
        ({"attributes": {"slant": torch.zeros(4)}}, "3 images need as many slant"),
    ],
)
def test_images_refuse_what_does_not_fit(change, message):
    good = {"pixels": torch.zeros(3, 1, 2, 2, dtype=torch.uint8), "labels": torch.tensor([0, 1, 1])}
    good |= {"classes": ("a", "b"), "attributes": {"slant": torch.zeros(3)}}
    Images(**good)
    with pytest.raises(GanlibError, match=message):
        Images(**(good | change))


def test_resized_is_antialiased():
    checks = (torch.arange(16).view(16, 1) + torch.arange(16)).remainder(2).mul(255).to(torch.uint8).view(1, 1, 16, 16)
    assert resized(checks, 16) is checks
    small = resized(checks, 4).float()
    assert small.shape == (1, 1, 4, 4) and (small - 127.5).abs().max() < 4, "plain subsampling would give 0 or 255"
    assert torch.equal(resized(torch.full((2, 3, 8, 8), 200, dtype=torch.uint8), 12)[0, 0], torch.full((12, 12), 200))


def test_names_and_descriptions():
    assert data.names() == sorted(data.names()) and set(SETS) <= set(data.names())
    for name in data.names():
        assert 20 < len(data.describe(name)) < 110 and data.describe(name).endswith(".")
    assert ganlib.load is data.load


def test_every_maker_of_images_documents_its_options():
    for name in data.names():
        maker = data._maker(name)
        for option in inspect.signature(maker).parameters:
            assert f"    {option}: " in maker.__doc__, f"{name}: option {option} is not in its documentation"


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: data.load("digts"), "unknown data set 'digts' (did you mean 'digits'?); known: "),
        (lambda: data.load(None), "unknown data set None; known: "),
        (lambda: data.describe("x"), "unknown data set 'x'; known: "),
        (lambda: data.load("ring", size=28), "'ring' takes no option 'size'; it takes modes, radius, std"),
        (lambda: data.load("ring", split="test"), "'ring' takes no option 'split'"),
        (lambda: data.load("grid", n=100), "'grid' takes no option 'n'; it takes side, spacing, std"),
        (lambda: data.load("digits", modes=8), "'digits' takes no option 'modes'; it takes size, split, n, seed"),
        (lambda: data.load("optdigits", mirror="http://x"), "'optdigits' takes no option 'mirror'"),
        (lambda: data.load("digits", size=7), "size of digits must be a whole number from 8 to 256, not 7"),
        (lambda: data.load("digits", size=257), "size of digits must be a whole number from 8 to 256, not 257"),
        (lambda: data.load("digits", size=28.0), "size of digits must be a whole number from 8 to 256, not 28.0"),
        (lambda: data.load("digits", size="28"), "size of digits must be a whole number from 8 to 256, not '28'"),
        (lambda: data.load("digits", n=0), "number of digits must be a whole number 1 or more, not 0"),
        (lambda: data.load("digits", n=10**14), "100,000,000,000,000 digits of 28×28 pixels do not fit into"),
        (lambda: data.load("digits", seed=-1), "seed of digits must be a whole number from 0 to"),
        (lambda: data.load("digits", split="all"), "unknown split of digits 'all'; known: test, train"),
        (lambda: data.load("optdigits", split="tset"), "unknown split of optdigits 'tset' (did you mean 'test'?)"),
        (lambda: data.load("optdigits", size=4), "size of optdigits must be a whole number from 8 to 256, not 4"),
        (lambda: data.load("optdigits", n=1438), "1438 images are more than the 1437 of this split of optdigits"),
        (lambda: data.load("mnist", split="valid"), "unknown split of mnist 'valid'; known: test, train"),
        (lambda: data.load("mnist", size=0), "size of mnist must be a whole number from 8 to 256, not 0"),
        (
            lambda: data.load("mnist", mirror="ftp://x"),
            "mirror must be an address that starts with http:// or https://",
        ),
    ],
)
def test_bad_input_is_one_clear_sentence(call, message):
    with pytest.raises(GanlibError) as error:
        call()
    assert message in str(error.value) and "\n" not in str(error.value)


def test_optdigits_are_scikit_learns():
    from sklearn.datasets import load_digits

    bunch = load_digits()
    full = data.load("optdigits", split="all")
    train, test = data.load("optdigits"), data.load("optdigits", split="test")
    assert full.shape == (1, 8, 8) and (len(full), len(train), len(test)) == (1797, 1437, 360)
    assert torch.equal(full.pixels, torch.cat([train.pixels, test.pixels]))
    assert full.labels.tolist() == bunch.target.tolist() and full.classes == tuple("0123456789")
    back = full.pixels[:, 0].double() * 16 / 255
    assert (back - torch.from_numpy(bunch.images)).abs().max() < 0.04 and full.pixels.max() == 255
    for part in (train, test):  # no class is missing or rare in either split
        assert torch.bincount(part.labels, minlength=10).min() > 0.09 * len(part)
    first = data.load("optdigits", size=28, n=12)
    assert first.shape == (1, 28, 28) and torch.equal(first.labels, full.labels[:12])
    assert torch.equal(first.pixels, resized(full.pixels[:12], 28))


def test_importing_is_lazy():
    """Neither the import nor the list of names may load the heavy packages that only some sets need."""
    code = (
        "import sys, ganlib.data; ganlib.data.names(); ganlib.data.load('ring').batch(4);"
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'torchvision', 'sklearn', 'matplotlib', 'scipy'}))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_new_file_is_a_new_data_set(tmp_path, monkeypatch):
    (tmp_path / "shapes_of_a_test.py").write_text(
        "def squares(side=3):\n    'Squares.'\n    return side\nDATASETS = {'squares': squares}\n"
    )
    monkeypatch.setattr(data, "__path__", [*data.__path__, str(tmp_path)])
    data._makers.cache_clear()
    try:
        assert "squares" in data.names() and data.load("squares", side=5) == 5
        with pytest.raises(GanlibError, match="takes no option 'n'; it takes side"):
            data.load("squares", n=3)
    finally:
        data._makers.cache_clear()
        sys.modules.pop("ganlib.data.shapes_of_a_test", None)


@pytest.mark.parametrize("name", ["digits", "stacked-digits", "avatars", "horses-zebras", "photos-paintings"])
def test_the_same_pixels_whatever_the_default_type_is(name, tmp_path, monkeypatch):
    """The cache has one name for a set, so it must have one content."""
    found = []
    for dtype in (torch.float32, torch.float64):
        monkeypatch.setenv("GANLIB_CACHE", str(tmp_path / str(dtype)))
        torch.set_default_dtype(dtype)
        try:
            samples = ganlib.load(name, n=8, size=32)
        finally:
            torch.set_default_dtype(torch.float32)
        found.append(samples.b.pixels if hasattr(samples, "b") else samples.pixels)
    assert torch.equal(*found)
