"""Portraits and their paintings: the same person in other colours, the same bytes everywhere, a truth that holds."""

import os
import platform
import subprocess
import sys

import pytest
import torch

from ganlib import data
from ganlib.data import avatars, cache, paintings
from ganlib.data.paintings import PAINT_DRAWS, painterly, render
from ganlib.errors import GanlibError

X86 = platform.machine() in ("x86_64", "AMD64")
CHECKSUM = "b440cf596791814267508eacf931b04a16db8b5e994bf5f6366555c9af6ae55d"  # of CODE
CODE = """
import torch
from ganlib.data import avatars, cache, paintings
generator = torch.Generator().manual_seed(0)
people = avatars.lots(20, generator)
draws = torch.empty(20, paintings.PAINT_DRAWS, dtype=torch.uint8).random_(0, 256, generator=generator)
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GANLIB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def hand(n=12):
    """The choices of a painter."""
    return torch.empty(n, PAINT_DRAWS, dtype=torch.uint8).random_(0, 256, generator=torch.Generator().manual_seed(0))


def photographs(n=12, size=64):
    """Portraits as floats from 0 to 1."""
    return avatars.render(avatars.lots(n, torch.Generator().manual_seed(7)), size).float() / 255


@pytest.mark.skipif(not X86, reason="other processors may round one grey level off")
def test_instruction_sets_threads_and_parts_change_nothing(monkeypatch):
    code = CODE + "print(cache._digest({'pixels': paintings.render(people, draws, 32)}))"
    running = [
        subprocess.Popen([sys.executable, "-c", code], env=os.environ | extra, stdout=-1, text=True)
        for extra in ({"ATEN_CPU_CAPABILITY": "default", "OMP_NUM_THREADS": "3"}, {"ATEN_CPU_CAPABILITY": "avx2"})
    ]
    here = {}
    exec(CODE, here)
    for part in (2000, 60_000):
        monkeypatch.setattr(paintings, "PART", part)
        found = cache._digest({"pixels": render(here["people"], here["draws"], 32)})
        assert found == CHECKSUM, "the paintings changed: raise VERSION and renew the checksum"
    assert [process.communicate(timeout=120)[0].split() for process in running] == [[CHECKSUM]] * 2


def test_a_painting_shows_the_same_in_other_colours():
    photos, draws = photographs(), hand()
    painted = painterly(photos, draws)
    assert painted.shape == photos.shape and 0 <= painted.min() and painted.max() <= 1
    coarse = lambda images: torch.nn.functional.avg_pool2d(images.mean(1, keepdim=True), 4).flatten(1)
    match = torch.corrcoef(torch.cat([coarse(photos), coarse(painted)]))[:12, 12:]
    assert match.diagonal().min() > 0.9 and (match.argmax(1) == torch.arange(12)).all()
    warmth = lambda images: (images[:, 0] - images[:, 2]).mean((1, 2))
    assert (warmth(painted) > warmth(photos) + 0.02).all()
    assert not torch.equal(painterly(photos, 255 - draws), painted), "another hand, another painting"
    assert torch.equal(photos, photographs()), "the photograph itself is left alone"


@pytest.mark.parametrize("size", [16, 64, 256])
def test_strokes_show_on_a_wall_and_stop_at_an_edge(size):
    draws = hand(3)
    wall = torch.full((3, 3, size, size), 0.5)
    assert (painterly(wall, draws).flatten(2).std(2) > 0.01).all()
    wall[..., size // 2 :] = 0.1
    halves = painterly(wall, draws).unflatten(3, (2, size // 2))
    assert halves[..., 0, :].amin() > halves[..., 1, :].amax() + 0.1, "no stroke runs from one side to the other"


@pytest.mark.parametrize(
    "images, draws, message",
    [
        (torch.zeros(2, 3, 8, 9), None, "images must be float (N, 3, S, S), not torch.float32 (2, 3, 8, 9)"),
        (torch.zeros(2, 3, 32, 32, dtype=torch.uint8), None, "not torch.uint8 (2, 3, 32, 32)"),
        (torch.zeros(2, 3, 8, 8), None, "images must be from 16 to 256 pixels a side, not 8"),
        (
            torch.zeros(2, 3, 32, 32),
            torch.zeros(2, 4),
            f"draws must be uint8 (2, {PAINT_DRAWS}), not torch.float32 (2, 4)",
        ),
    ],
)
def test_what_cannot_be_painted(images, draws, message):
    with pytest.raises(GanlibError) as error:
        painterly(images, torch.zeros(2, PAINT_DRAWS, dtype=torch.uint8) if draws is None else draws)
    assert message in str(error.value) and "\n" not in str(error.value)


# -------------------------------------------------------------------------------------------------------- the data set
def test_two_domains_of_different_people():
    domains = data.load("photos-paintings", size=16, n=30)
    assert repr(domains) == "Domains('photos-paintings': 30 and 30 images, 3×16×16, cpu)"
    assert not torch.equal(domains.a.attributes["skin"], domains.b.attributes["skin"])
    assert domains.a.vocabulary["glasses"] == ("no", "yes")
    batch = domains.batch(7)
    assert batch.images.shape == batch.other.shape == (7, 3, 16, 16)
    few = data.load("photos-paintings", size=16, n=10)
    assert torch.equal(few.a.pixels, domains.a.pixels[:10]) and torch.equal(few.b.pixels, domains.b.pixels[:10])
    streams = [data.load("photos-paintings", size=16, n=30, **o) for o in ({}, {"seed": 1}, {"split": "test"})]
    tables = [side.attributes["hair_colour"] for found in streams for side in (found.a, found.b)]
    tables.append(data.load("avatars", size=16, n=30).attributes["hair_colour"])
    assert all(not torch.equal(tables[i], tables[j]) for i in range(len(tables)) for j in range(i))


@pytest.mark.parametrize("side", ["a", "b"])
def test_the_truth_is_the_same_person_in_the_other_domain(side):
    domains, index = data.load("photos-paintings", size=32, n=20), torch.tensor([3, 0, 19])
    truth = domains.truth(side, index)
    mine = getattr(domains, side)
    assert all(torch.equal(truth.attributes[name], mine.attributes[name][index]) for name in avatars.ATTRIBUTES)
    assert truth.mask.all() and set(truth.determined) == set(avatars.ATTRIBUTES)
    if side == "b":
        people = avatars.lots(20, torch.Generator().manual_seed(2**32 - 2))
        assert torch.equal(truth.images, avatars.render(people, 32)[index]) and truth.free == ()
    grey = lambda pixels: torch.nn.functional.avg_pool2d(pixels.float().mean(1, keepdim=True), 4).flatten(1)
    match = torch.corrcoef(torch.cat([grey(truth.images), grey(mine.pixels)]))[:3, 3:]
    assert match.argmax(1).tolist() == index.tolist()


def test_pairs_show_the_same_person():
    domains = data.load("photos-paintings", size=16, n=20, paired=True)
    assert torch.equal(domains.truth("a").images, domains.b.pixels)
    assert torch.equal(domains.truth("b").images, domains.a.pixels)


@pytest.mark.parametrize(("options", "words"), [
    ({"size": 8}, "size of photos-paintings must be a whole number from 16 to 256, not 8"),
    ({"n": 0}, "number of photos-paintings must be a whole number 1 or more, not 0"),
    ({"split": "val"}, "unknown split of photos-paintings 'val'"),
    ({"paired": "yes"}, "paired of photos-paintings must be True or False, not 'yes'"),
])  # fmt: skip
def test_bad_options_are_named(options, words, own_cache):
    with pytest.raises(GanlibError) as error:
        data.load("photos-paintings", **options)
    assert words in str(error.value) and not own_cache.exists()
