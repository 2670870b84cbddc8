"""Horses and zebras: the same bytes everywhere, one meadow for both, and factors that are what they are said to be."""

import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganlib import data
from ganlib.data import cache
from ganlib.data.pairs import ANIMALS, AREAS, BYTES, DRAWS, OWN, VALUES, VERSION, draw, render, scenes
from ganlib.errors import GanlibError

X86 = platform.machine() in ("x86_64", "AMD64")
REFERENCE = Path(__file__).parent / "data" / "horses-zebras-first-20.png"  # stream 0, 32×32
CHECKSUMS = {
    "horse": "d705f04d358f23bf04dfb370ca64565b13a00282696da9d5170164549c76545f",
    "zebra": "113e4762f5c80b135d768b4de97d230bdb1d98d93b2bf661403d79a9517ca6e3",
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GANLIB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(autouse=True)
def threads():
    """Tests that change torch's number of threads leave it as it was."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def known(values):
    """The numbers and nothing else: what `draw` returns beside images and areas."""
    return {name: rows for name, rows in values.items() if name not in ("pixels", *AREAS)}


# ------------------------------------------------------------------------------------------- the same bytes everywhere


@pytest.mark.parametrize("animal", ANIMALS)
def test_first_scenes_are_the_known_ones(animal):
    """To the byte on x86-64; elsewhere at most one grey level off, on at most one value of 10,000."""
    assert cache._digest({"draws": scenes(40, 0)})[:16] == "30352af429472bea"
    sheet = torch.from_numpy(np.asarray(Image.open(REFERENCE)).copy())  # two rows of ten horses, two of zebras
    expected = sheet.view(2, 2, 32, 10, 32, 3).permute(0, 1, 3, 5, 2, 4).reshape(2, 20, 3, 32, 32)
    off = (render(scenes(20, 0), 32, animal)["pixels"].int() - expected[ANIMALS.index(animal)].int()).abs()
    assert off.max() <= (0 if X86 else 1) and (off > 0).float().mean() <= 1e-4
    if X86:
        assert cache._digest(render(scenes(40, 0), 64, animal)) == CHECKSUMS[animal], (
            "pixels, masks or attributes changed: raise VERSION, renew the checksums and the reference"
        )


def test_threads_and_chunks_change_nothing():
    draws = scenes(23, 5)
    expected = render(draws, 32, "zebra")
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        *drawn, values = draw(draws, 32, "zebra")
        assert same(dict(zip(("pixels", *AREAS), drawn, strict=True)) | values, expected), f"{count} threads"
    for chunk in (1, 4, 100):
        assert same(render(draws, 32, "zebra", chunk), expected), f"chunks of {chunk}"
        assert torch.get_num_threads() == 3, "left as it was"


@pytest.mark.skipif(not X86, reason="names instruction sets of x86-64")
def test_instruction_sets_change_nothing():
    code = (
        "import torch; from ganlib.data.cache import _digest;"
        "from ganlib.data.pairs import render, scenes;"
        "print(torch.backends.cpu.get_cpu_capability(), _digest(render(scenes(40, 0), 64, 'horse')),"
        "_digest(render(scenes(40, 0), 64, 'zebra')))"
    )
    running = {
        level: subprocess.Popen(
            [sys.executable, "-c", code], env=os.environ | {"ATEN_CPU_CAPABILITY": level}, stdout=-1, text=True
        )
        for level in {"default", "avx2"} - {torch.backends.cpu.get_cpu_capability().lower()}
    }
    for process in running.values():
        assert process.communicate(timeout=120)[0].split()[1:] == [*CHECKSUMS.values()]


def test_seed_split_count_and_size():
    few = data.load("horses-zebras", size=16, n=12)
    assert torch.equal(data.load("horses-zebras", size=16, n=7).a.pixels, few.a.pixels[:7])
    streams = [few.a, few.b]
    for options in ({"seed": 1}, {"split": "test"}):
        other = data.load("horses-zebras", size=16, n=12, **options)
        streams += [other.a, other.b]
    heads = [images.attributes["head"] for images in streams]
    for i in range(len(heads)):
        for j in range(i):
            assert not torch.equal(heads[i], heads[j]), "each domain, split and seed has scenes of its own"
    large = data.load("horses-zebras", size=64, n=12)
    shrunk = torch.nn.functional.avg_pool2d(large.a.pixels.float(), 4)
    assert (shrunk - few.a.pixels.float()).abs().mean() < 12, "the same scenes at each size"
    assert same(large.a.attributes, few.a.attributes)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    data.load("horses-zebras", size=16, n=3)
    assert torch.equal(torch.get_rng_state(), state)


# -------------------------------------------------------------------------------------------------- what the truth says


@pytest.mark.parametrize("side", ["a", "b"])
@pytest.mark.parametrize("size", [32, 64])
def test_pictures_of_a_scene_differ_only_where_the_animal_is(side, size):
    domains = data.load("horses-zebras", size=size, n=60)
    index = torch.tensor([5, 0, 59, 7, *range(20, 50)])
    truth = domains.truth(side, index)
    mine = getattr(domains, side).pixels[index]
    assert truth.images.shape == mine.shape and truth.mask.shape == (len(index), 1, size, size)
    assert torch.equal(mine * ~truth.mask, truth.images * ~truth.mask), "the meadow is equal to the last byte"
    different = (mine != truth.images).any(1, keepdim=True) & truth.mask
    share = different.sum((1, 2, 3)) / truth.mask.sum((1, 2, 3))
    assert share.min() > 0.8, "an animal is another animal"
    area = truth.mask.float().mean((1, 2, 3))
    assert 0.05 < area.min() and area.max() < 0.45


def test_the_hidden_counterpart_is_drawn_from_the_same_scene():
    domains = data.load("horses-zebras", size=32, n=30)
    truth = domains.truth("a", torch.arange(30))
    assert not (truth.images == domains.b.pixels).flatten(1).all(1).any(), "training sees other scenes in b"
    paired = data.load("horses-zebras", size=32, n=30, paired=True)
    assert torch.equal(paired.a.pixels, domains.a.pixels) and torch.equal(paired.b.pixels, truth.images)
    torch.manual_seed(2)
    batch = paired.batch(8)
    outside = (batch.images - batch.other).abs().amax(1)[:, :2].amax()
    assert outside == 0, "pairs come together: the sky is the same"
    assert torch.equal(paired.truth("b", torch.arange(30)).images, paired.a.pixels), "and back"


def test_determined_and_free_factors():
    domains = data.load("horses-zebras", size=16, n=400)
    for side, mine, other in (("a", "horse", "zebra"), ("b", "zebra", "horse")):
        truth = domains.truth(side, torch.arange(400))
        seen = getattr(domains, side).attributes
        assert truth.free == OWN[other] and not set(truth.free) & set(truth.determined)
        assert set(truth.attributes) == {*truth.determined, *OWN["horse"], *OWN["zebra"]}
        assert set(seen) == {*truth.determined, *OWN[mine]}, "training knows nothing of the hidden animal"
        assert all(torch.equal(seen[name], truth.attributes[name]) for name in seen)
        for free in truth.free:
            for name in seen:
                pair = torch.stack([truth.attributes[free].double(), seen[name].double()])
                assert torch.corrcoef(pair)[0, 1].abs() < 5 / 400**0.5, f"{free} and {name} are independent"


def test_free_factors_change_their_animal_and_no_other():
    draws = scenes(8, 3)
    before = {animal: draw(draws, 32, animal)[0] for animal in ANIMALS}
    for animal, other in (ANIMALS, ANIMALS[::-1]):
        changed = draws.clone()
        for name in OWN[animal]:
            changed[:, BYTES[name]] = 255 - changed[:, BYTES[name]]
        assert (draw(changed, 32, animal)[0] != before[animal]).flatten(1).any(1).all()
        assert torch.equal(draw(changed, 32, other)[0], before[other])


# -------------------------------------------------------------------------------------------- what the images are like


def test_domains_and_attributes():
    domains = data.load("horses-zebras", size=16, n=300)
    assert domains.shape == (3, 16, 16) and len(domains) == 300 and not domains.paired
    assert repr(domains) == "Domains('horses-zebras': 300 and 300 images, 3×16×16, cpu)"
    assert domains.a.name == "horses" and domains.b.name == "zebras"
    values = known(render(scenes(300, 0), 16, "horse"))
    assert set(VALUES) < set(values)
    for name, rows in values.items():
        assert rows.shape == (300,)
        if name in VALUES:
            assert rows.dtype == torch.int64 and set(rows.tolist()) == set(range(len(VALUES[name]))), name
        else:
            assert rows.dtype == torch.float32 and rows.isfinite().all() and len(rows.unique()) > 50, name


@pytest.mark.parametrize("size", [16, 33, 64, 256])
def test_no_animal_is_cut_off(size):
    draws = scenes(8 if size > 64 else 150, 2)
    for animal in ANIMALS:
        mask = render(draws, size, animal)["mask"][:, 0]
        border = torch.cat([mask[:, 0], mask[:, -1], mask[:, :, 0], mask[:, :, -1]], 1)
        assert not border.any() or size < 64, "the rim of small pictures may catch the last bit of an edge"
        assert mask.flatten(1).any(1).all()


def test_attributes_are_what_the_pixels_show():
    """Each measured again from the image alone, or from the mask."""
    draws = scenes(300, 4)
    horse, zebra = render(draws, 64, "horse"), render(draws, 64, "zebra")
    mask, pixels = horse["mask"][:, 0], horse["pixels"].float()
    grid = torch.arange(64)
    columns, rows = mask.any(1), mask.any(2)
    bottom = 64 - rows.flip(1).int().argmax(1)
    assert (bottom / 64 - horse["y"]).abs().max() < 0.04
    left, right = columns.int().argmax(1), 64 - columns.flip(1).int().argmax(1)
    assert correlation((right - left).float(), horse["size"]) > 0.5
    ahead = torch.where(horse["facing"] == 1, right / 64 - horse["x"], horse["x"] - left / 64)
    behind = torch.where(horse["facing"] == 1, horse["x"] - left / 64, right / 64 - horse["x"])
    assert (ahead > behind).float().mean() > 0.97, "the head reaches further than the tail"
    top = mask.float().argmax(1).float()  # of each column; the head's height is told by the front columns
    front = torch.where((horse["facing"] == 1).unsqueeze(1), (right - 4).unsqueeze(1), (left + 3).unsqueeze(1))
    height = (bottom - top.gather(1, front).squeeze(1)) / 64 / horse["size"]
    grazing = horse["pose"] == 2
    assert (
        height[grazing].max() < height[~grazing].min() + 0.25 and height[grazing].mean() < 0.6 * height[~grazing].mean()
    )
    grass = pixels[:, :, -3:].mean((2, 3))
    assert torch.equal(grass[:, 1] - grass[:, 0] > 20, horse["time"] == 0), "green by day"
    middle = (horse["x"] * 64).long(), ((horse["y"] - 0.83 * horse["size"]) * 64).long()
    coat = pixels[torch.arange(300), :, middle[1], middle[0]]
    names = [VALUES["coat"][k] for k in horse["coat"]]
    light = {name: coat[[n == name for n in names]].mean() for name in VALUES["coat"]}
    assert light["white"] > light["palomino"] > light["chestnut"] > light["brown"] > light["black"]
    body = zebra["pixels"].float().mean(1)[torch.arange(300), middle[1]]  # the row through the trunk
    inside = (grid / 64 - zebra["x"].unsqueeze(1)).abs() < 0.22 * zebra["size"].unsqueeze(1)
    swing = torch.where(inside, body, body.mean()).diff(dim=1).abs().sum(1)
    assert correlation(swing, 1 / zebra["stripe_width"]) > 0.3, "narrower stripes change more often"
    contrast = (torch.where(inside, body, 128.0).amax(1) - torch.where(inside, body, 128.0).amin(1)).min()
    assert contrast > 70, "every zebra is striped"


def correlation(a, b):
    return torch.corrcoef(torch.stack([a, b]))[0, 1].item()


def test_speed():
    """In processor time, so that what else is running hardly counts; one quiet core draws about 1,200 a second."""
    draws = scenes(192, 0)
    render(draws, 64, "zebra")
    spent = []
    for _ in range(4):
        before = time.process_time()
        render(draws, 64, "zebra")
        spent.append(time.process_time() - before)
    assert 192 / min(spent) >= 400


# ------------------------------------------------------------------------------------------------ cache and bad input


def test_second_load_reads_the_files(own_cache, monkeypatch):
    first = data.load("horses-zebras", size=16, n=20)
    names = {f"{animal}s-{VERSION}-train-16px-20-seed0.safetensors" for animal in ANIMALS}
    assert {path.name for path in own_cache.iterdir()} == names
    paired = data.load("horses-zebras", size=16, n=20, paired=True)
    assert len(list(own_cache.iterdir())) == 3, "the horses are the same, the zebras are not"
    assert torch.equal(paired.a.pixels, first.a.pixels) and not torch.equal(paired.b.pixels, first.b.pixels)
    monkeypatch.setattr("ganlib.data.pairs.render", lambda *_: pytest.fail("rendered again"))
    second = data.load("horses-zebras", size=16, n=20)
    assert torch.equal(second.b.pixels, first.b.pixels) and same(second.b.attributes, first.b.attributes)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"size": 8}, "size of horses-zebras must be a whole number from 16 to 256, not 8"),
        ({"size": 64.0}, "size of horses-zebras must be a whole number from 16 to 256, not 64.0"),
        ({"split": "all"}, "unknown split of horses-zebras 'all'; known: test, train"),
        ({"n": 0}, "number of horses-zebras must be a whole number 1 or more, not 0"),
        ({"n": 10**14}, "100,000,000,000,000 scenes do not fit into this machine's memory"),
        ({"seed": -1}, "seed of horses-zebras must be a whole number from 0 to"),
        ({"paired": "yes"}, "paired of horses-zebras must be True or False, not 'yes'"),
        ({"coat": "bay"}, "'horses-zebras' takes no option 'coat'; it takes size, split, n, seed, paired"),
    ],
)
def test_bad_input_is_one_clear_sentence(options, message):
    with pytest.raises(GanlibError) as error:
        data.load("horses-zebras", **options)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_scene_is_its_bytes():
    draws = scenes(5, 9)
    assert draws.shape == (5, DRAWS) and draws.dtype == torch.uint8 and torch.equal(scenes(3, 9), draws[:3])
