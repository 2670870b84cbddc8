"""Two domains: what batches they give, paired and not, and how the truth is asked for."""

import pytest
import torch

from ganlib.data import Images
from ganlib.data.domains import Domains, Truth
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
