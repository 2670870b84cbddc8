"""Two domains: what batches they give, paired and not, and how the truth is asked for."""

import pytest
import torch

from ganlib.data import Images
from ganlib.data.domains import Domains, Truth, varied
from ganlib.errors import GanlibError


def numbered(count, first=0, shape=(3, 4, 4)):
    """Image i is filled with the byte first + i."""
    pixels = torch.arange(first, first + count, dtype=torch.uint8).view(count, 1, 1, 1).expand(count, *shape)
    return Images(pixels, name="numbered")


def number(images):
    return ((images[:, 0, 0, 0] + 1) * 127.5).round().long()


def add_hundred(side, index):
    this = index if side == "a" else index + 100
    other = (this + 100) % 200
    images = other.to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 4, 4)
    return Truth(images, torch.ones(len(index), 1, 4, 4, dtype=torch.bool), {"n": other}, ("n",), ("colour",))


def test_unpaired_batches_draw_independently():
    domains = Domains(numbered(10), numbered(20, first=100), "two")
    torch.manual_seed(0)
    drawn = [domains.batch(10) for _ in range(100)]
    a, b = (torch.cat([number(getattr(batch, side)) for batch in drawn]) for side in ("images", "other"))
    assert drawn[0].images.shape == drawn[0].other.shape == (10, 3, 4, 4) and drawn[0].images.dtype == torch.float32
    assert drawn[0].labels is None and len(domains) == 10
    assert set(a.tolist()) == set(range(10)) and set(b.tolist()) == set(range(100, 120))
    assert torch.corrcoef(torch.stack([a, b]).float())[0, 1].abs() < 5 / 1000**0.5


def test_paired_batches_keep_pairs_together():
    domains = Domains(numbered(10), numbered(10, first=100), "two", paired=True)
    torch.manual_seed(0)
    batch = domains.batch(9)
    assert torch.equal(number(batch.other), number(batch.images) + 100) and len(set(number(batch.images).tolist())) > 3
    torch.manual_seed(0)
    assert torch.equal(domains.batch(9).images, batch.images), "follows torch's seed"


def test_what_it_says_and_where_it_is():
    domains = Domains(numbered(10), numbered(20), "two", add_hundred)
    assert repr(domains) == "Domains('two': 10 and 20 images, 3×4×4, cpu)"
    assert repr(Domains(numbered(10), numbered(10), "two", paired=True)) == "Domains('two': 10 pairs, 3×4×4, cpu)"
    assert domains.shape == (3, 4, 4) and domains.device == torch.device("cpu")
    moved = domains.to("meta")
    assert moved.a.device.type == moved.b.device.type == moved.device.type == "meta" and domains.device.type == "cpu"
    assert moved.name == "two" and moved.truth("a", torch.tensor([1])).images.device.type == "meta"


def test_truth_is_asked_by_side_and_index():
    domains = Domains(numbered(10), numbered(20, first=100), "two", add_hundred)
    truth = domains.truth("a", torch.tensor([3, 3, 7]))
    assert truth.images[:, 0, 0, 0].tolist() == [103, 103, 107] == truth.attributes["n"].tolist()
    assert truth.determined == ("n",) and truth.free == ("colour",) and truth.mask.dtype == torch.bool
    assert domains.truth("b", slice(2, 4)).images[:, 0, 0, 0].tolist() == [2, 3]
    assert len(domains.truth("a").images) == 10 and len(domains.truth("b").images) == 20


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda d: Domains(numbered(3), numbered(3, shape=(3, 8, 8)), "two"),
            "the two domains of two must have images of one shape, not 3×4×4 and 3×8×8",
        ),
        (lambda d: Domains(numbered(3), numbered(3).to("meta"), "two"), "of two must be on one device, not on cpu and"),
        (lambda d: Domains(numbered(3), numbered(4), "two", paired=True), "as many images each; two has 3 and 4"),
        (lambda d: d.batch(0), "batch size must be a whole number 1 or more, not 0"),
        (lambda d: d.batch(11), "batch size 11 is larger than the 10 images"),
        (lambda d: Domains(d.a, d.a, "two", paired=True).batch(11), "batch size 11 is larger than the 10 pairs of"),
        (lambda d: d.truth("c"), "unknown side of the domains 'c'; known: a, b"),
        (lambda d: Domains(d.a, d.b, "folders").truth("a"), "the truth of folders is not known"),
        (lambda d: d.truth("a", torch.tensor([10])), "must number the 10 images of domain a from 0, not run from 10"),
        (lambda d: d.truth("b", torch.tensor([-1, 4])), "the 20 images of domain b from 0, not run from -1 to 4"),
        (lambda d: d.truth("a", 3), "index must be an int64 tensor (n,) with at least one number, or a slice, not 3"),
        (lambda d: d.truth("a", torch.zeros(2)), "or a slice, not torch.float32 (2,)"),
        (lambda d: d.truth("a", slice(5, 5)), "or a slice, not torch.int64 (0,)"),
        (lambda d: d.to("warp"), "cannot move the numbered images to device 'warp'"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, message):
    domains = Domains(numbered(10), numbered(20, first=100), "two", add_hundred)
    with pytest.raises(GanlibError) as error:
        call(domains)
    assert message in str(error.value) and "\n" not in str(error.value)


# -- varied images -----------------------------------------------------------------------------------------------------
def test_varied_images_are_crops_of_enlarged_ones_half_of_them_mirrored():
    """On an image whose brightness is its place, what is seen says where the crop lies and which way it looks."""
    size, n = 256, 200
    x = (torch.arange(size) + 0.5) / size - 0.5
    places = torch.stack([x.expand(size, size), x.view(-1, 1).expand(size, size), torch.zeros(size, size)])
    torch.manual_seed(0)
    seen = varied(places.expand(n, -1, -1, -1))
    assert seen.shape == (n, 3, size, size) and seen.is_contiguous()
    inner = seen[:, :, 20:-20, 20:-20]  # away from the rim, which is continued by its last pixel
    across, down = inner[:, 0].diff(dim=2), inner[:, 1].diff(dim=1)
    expected = torch.full((n,), 1 / 286)
    torch.testing.assert_close(across.mean((1, 2)).abs(), expected, atol=0, rtol=2e-3)
    torch.testing.assert_close(down.mean((1, 2)), expected, atol=0, rtol=2e-3)  # never upside down
    mirrored = (across < 0).float().mean((1, 2))
    assert set(mirrored.tolist()) == {0.0, 1.0} and 0.38 < mirrored.mean() < 0.62
    for axis in (0, 1):  # the middle of the crop, in pixels of the enlarged image: -15 to 15, all as likely
        middle = 286 * seen[:, axis, 127:129, 127:129].mean((1, 2))
        assert 13 < middle.max() < 15.1 and -15.1 < middle.min() < -13 and middle.std() == pytest.approx(8.9, abs=0.9)
    assert torch.corrcoef(torch.stack([286 * seen[:, axis, 128, 128] for axis in (0, 1)]))[0, 1].abs() < 0.25


def test_varied_images_stay_in_range_and_small_ones_are_possible():
    images = (torch.rand(8, 3, 9, 12) > 0.5).float() * 2 - 1  # bicubic interpolation overshoots at edges
    made = varied(images)
    assert made.shape == images.shape and made.min() >= -1 and made.max() <= 1


def test_domains_vary_batches_and_the_images_of_a_pair_alike():
    pixels = torch.randint(256, (6, 3, 16, 16), dtype=torch.uint8)
    a, b = Images(pixels, name="a"), Images(255 - pixels, name="b")
    torch.manual_seed(0)
    batch = Domains(a, b, "two", paired=True, augment=True).to("cpu").batch(6)
    torch.testing.assert_close(batch.images, -batch.other, atol=0.01, rtol=0)
    assert not any(torch.equal(image, known) for image in batch.images for known in a.normalised())
    unpaired = Domains(a, a, "two", augment=True).batch(6)
    assert all((one - other).abs().max() > 0.1 for one, other in zip(unpaired.images, unpaired.other, strict=True))
    plain = Domains(a, b, "two", paired=True).batch(6)
    assert all(any(torch.equal(image, known) for known in a.normalised()) for image in plain.images)
