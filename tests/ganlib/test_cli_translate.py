"""`ganlib translate` and what is behind it: pictures of any kind and size, and nothing written by halves."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import ganlib
from ganlib import cli, translation
from ganlib.errors import GanlibError
from ganlib.gans.cyclegan import CycleGAN
from ganlib.models.translation import PatchDiscriminator, ResNetTranslator

from .test_gan_translation import SMALL, trainer


def run(*words):
    return cli.main([str(word) for word in words])


class Pointwise(nn.Module):
    """x ↦ −x, on sides that are multiples of 4, at least 8."""

    channels, multiple, least = 3, 4, 8

    def __init__(self):
        super().__init__()
        self.layers = nn.Conv2d(3, 3, 1, bias=False)
        nn.init.zeros_(self.layers.weight)
        self.layers.weight.data[range(3), range(3)] = -1.0

    def forward(self, x):
        assert all(n % 4 == 0 and n >= 8 for n in x.shape[2:])
        return self.layers(x)


def game(network=None):
    network = network or Pointwise()
    return CycleGAN(network, Pointwise(), PatchDiscriminator(3, 2, 1), PatchDiscriminator(3, 2, 1), (3, 16, 16), pool=0)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Runs of three games."""
    folder = tmp_path_factory.mktemp("runs")
    for name in ("cyclegan", "pix2pix"):
        trainer(name, **({"model": "resnet"} if name == "pix2pix" else {})).fit(1).save(folder / f"{name}.safetensors")
    points = ganlib.load("ring")
    gan = ganlib.build("gan", points.shape, model="mlp-small", latent_dim=2)
    ganlib.Trainer(gan, points, 8, device="cpu", progress=False).fit(1).save(folder / "gan.safetensors")
    return folder


def pattern(height=20, width=30):
    rows, columns = torch.arange(height).view(-1, 1), torch.arange(width)
    return (
        torch.stack([rows * 8 % 256 + 0 * columns, columns * 8 % 256 + 0 * rows, rows * columns % 256], 2)
        .byte()
        .numpy()
    )


# -- pictures ----------------------------------------------------------------------------------------------------------
def test_a_pixel_for_a_pixel():
    """Nothing is scaled, turned or shifted by one: the negative of a picture is its negative."""
    for height, width in ((20, 30), (8, 9), (41, 17)):
        image = pattern(height, width)
        made = translation.picture(game(), Image.fromarray(image))
        assert made.mode == "RGB" and made.size == (width, height)
        assert np.array_equal(np.asarray(made), 255 - image)


@pytest.mark.parametrize("kind", ["L", "LA", "P", "P transparent", "RGBA", "CMYK", "I;16", "1", "EXIF", "GIF"])
def test_every_kind_of_picture(kind, tmp_path):
    image, path = Image.fromarray(pattern()), tmp_path / "x.png"
    expected = np.asarray(image)
    if kind == "L":
        image = image.convert("L")
        expected = np.asarray(image.convert("RGB"))
    elif kind in ("LA", "RGBA"):
        image = image.convert(kind)
        image.putalpha(Image.fromarray(np.tile(np.array([[0, 255]], dtype=np.uint8), (20, 15))))
        expected = np.asarray(image.convert("RGB")).copy()
        expected[:, ::2] = 255  # transparent: white
    elif kind.startswith("P"):
        image = image.quantize(16)
        expected = np.asarray(image.convert("RGB")).copy()
        if kind != "P":
            index = np.asarray(image)
            image.info["transparency"] = 3
            expected[index == 3] = 255
    elif kind == "CMYK":
        image, path = image.convert("CMYK"), tmp_path / "x.tif"
        expected = np.asarray(image.convert("RGB"))
    elif kind == "I;16":
        grey = np.asarray(image.convert("L"))
        image = Image.fromarray(grey.astype(np.uint16) * 257)
        expected = np.stack([grey] * 3, 2)
    elif kind == "1":
        image = image.convert("1")
        expected = np.asarray(image.convert("RGB"))
    elif kind == "EXIF":
        path = tmp_path / "x.png"
        exif = Image.Exif()
        exif[0x0112] = 6  # shown turned by 90° to the right
        image.save(path, exif=exif)
        expected = np.rot90(expected, -1)
    elif kind == "GIF":
        path = tmp_path / "x.gif"
        frames = [image.quantize(16), Image.new("P", image.size, 1)]
        expected = np.asarray(frames[0].convert("RGB"))
        frames[0].save(path, save_all=True, append_images=frames[1:])
    if kind not in ("EXIF", "GIF"):
        image.save(path)
    with Image.open(path) as opened:
        made = np.asarray(translation.picture(game(), opened)).astype(int)
    assert made.shape == expected.shape and np.abs(made - (255 - expected)).max() <= 1


def test_size_is_that_of_the_shorter_side():
    image = Image.fromarray(pattern(20, 30))
    assert translation.picture(game(), image, size=40).size == (60, 40)
    assert translation.picture(game(), image.rotate(90, expand=True), size=10).size == (10, 15)
    with pytest.raises(GanlibError, match="size must be a whole number 8 or more, not 4"):
        translation.picture(game(), image, size=4)
    with pytest.raises(GanlibError, match="the picture has 4×30 pixels, fewer than 8"):
        translation.picture(game(), image.resize((4, 30)))


def test_grey_games_get_and_give_grey():
    ganlib.seed(0)
    gan = ganlib.build("cyclegan", (1, 16, 16), **SMALL)
    assert translation.picture(gan, Image.fromarray(pattern())).mode == "L"
    with pytest.raises(GanlibError, match="images of 2 channels; expected 3, or 1"):
        translation.picture(ganlib.build("cyclegan", (2, 16, 16), **SMALL), Image.fromarray(pattern()))


@pytest.mark.parametrize(("height", "width"), [(70, 90), (24, 200), (33, 64), (131, 25)])
def test_tiles_make_the_same_as_the_whole(height, width):
    """Where the network looks at no more than a pixel, whatever the weights of the tiles: they add up to one."""
    x = torch.rand(2, 3, height, width) * 2 - 1
    calls = []
    gan = game()
    gan.a2b.register_forward_hook(lambda *_: calls.append(1))
    assert torch.allclose(translation.whole_or_tiled(gan, x, tile=32), -x, atol=1e-6)
    assert len(calls) > 2


def test_tiles_overlap_by_what_the_network_sees():
    """A convolutional network without normalisation: away from the picture's rim tiles change little or nothing."""
    torch.manual_seed(0)
    network = ResNetTranslator(3, 4, 1, 1)
    for part in list(network.modules()):
        for name, child in part.named_children():
            if isinstance(child, nn.InstanceNorm2d):
                setattr(part, name, nn.Identity())
            elif isinstance(child, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(child.weight, 0.0, 1 / (child.weight[0].numel() ** 0.5))
    x = torch.rand(1, 3, 64, 256) * 2 - 1
    whole = translation.whole_or_tiled(game(network), x)
    tiled = translation.whole_or_tiled(game(network), x, tile=96)
    apart = (whole - tiled).abs().amax((0, 1, 2))
    assert (apart < 1e-5).float().mean() > 0.3  # what one tile alone covers, beyond the reach of its rim
    assert apart.max() < 0.3 * (whole - x).abs().max()
    normalised = game(ResNetTranslator(3, 4, 1, 1))
    bright = torch.cat([x[..., :128] * 0.1 - 0.9, x[..., 128:]], 3)  # dark on the left
    whole = translation.whole_or_tiled(normalised, bright)
    tiled = translation.whole_or_tiled(normalised, bright, tile=96)
    assert ((whole - tiled).abs().amax((0, 1, 2)) > 0).all()  # each tile is normalised by itself


# -- the command -------------------------------------------------------------------------------------------------------
def test_files_folders_and_names(runs, tmp_path, capsys):
    inside = tmp_path / "in"
    (inside / "more").mkdir(parents=True)
    for name in ("a.png", "b.jpg", "more/A.png", "notes.txt"):
        path = inside / name
        if path.suffix == ".txt":
            path.write_text("no picture")
        else:
            Image.fromarray(pattern()).save(path)
    image = Image.fromarray(pattern()).convert("RGBA")
    image.putalpha(128)
    image.save(tmp_path / "c.webp")
    out = tmp_path / "out"
    words = ["translate", runs / "cyclegan.safetensors", inside, inside / "a.png", tmp_path / "c.webp", "--out", out]
    assert run(*words) == 0
    assert {path.name for path in out.iterdir()} == {"a.png", "b.png", "A-2.png", "c.png"}
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 4 and "(on white where it is transparent)" in said[3] and str(out / "A-2.png") in said[2]
    for path in out.iterdir():
        with Image.open(path) as image:
            assert image.format == "PNG" and image.mode == "RGB" and image.size == (30, 20)
    gan = ganlib.load_gan(runs / "cyclegan.safetensors")
    expected = translation.picture(gan, Image.fromarray(pattern()))
    with Image.open(out / "a.png") as image:
        assert np.array_equal(np.asarray(image), np.asarray(expected))

    before = (out / "a.png").read_bytes()
    assert run(*words, "--direction", "b2a") == 2
    assert "is there already; add --force to replace it" in capsys.readouterr().err
    assert (out / "a.png").read_bytes() == before
    assert run(*words, "--direction", "b2a", "--size", 16, "--force") == 0
    with Image.open(out / "a.png") as image:
        assert image.size == (24, 16)


def test_what_is_refused_leaves_nothing_behind(runs, tmp_path, capsys):
    good, out = tmp_path / "good.png", tmp_path / "out"
    Image.fromarray(pattern()).save(good)
    (tmp_path / "bad.png").write_bytes(good.read_bytes()[:-60])
    (tmp_path / "text.png").write_text("no picture")
    Image.fromarray(pattern(20, 4)).save(tmp_path / "thin.png")
    (tmp_path / "empty").mkdir()
    cyclegan, pix2pix = runs / "cyclegan.safetensors", runs / "pix2pix.safetensors"
    for words, sentence in (
        ([cyclegan, good, tmp_path / "bad.png"], "bad.png' cannot be read"),
        ([cyclegan, good, tmp_path / "text.png"], "text.png' is no image, whatever its name says; nothing was"),
        ([cyclegan, good, tmp_path / "thin.png"], "has 4×20 pixels, fewer than 8 on a side"),
        ([cyclegan, good, tmp_path / "none.png"], "there is no picture"),
        ([cyclegan, tmp_path / "empty"], "holds no pictures"),
        ([runs / "gan.safetensors", good], "is a run of 'gan'; expected one of a game that translates"),
        ([runs / "none.safetensors", good], "there is no checkpoint"),
        ([pix2pix, good, "--direction", "b2a"], "unknown direction of the game 'pix2pix' 'b2a'"),
        ([cyclegan, good, "--size", 2], "--size must be a whole number 8 or more, not 2"),
        ([cyclegan, good, "--device", "tpu"], "unknown device 'tpu'"),
    ):
        assert run("translate", *words, "--out", out) == 2
        assert sentence in capsys.readouterr().err
        assert not out.exists()
    assert run("translate", cyclegan, good, "--out", tmp_path, "--force") == 2
    assert "would replace one of the given pictures" in capsys.readouterr().err
    assert run("translate", cyclegan, good, "--out", good) == 2
    assert "cannot write to the output folder" in capsys.readouterr().err


def test_films_say_which_frame(runs, tmp_path, capsys):
    frames = [Image.fromarray(pattern()).quantize(16), Image.new("P", (30, 20), 1)]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    assert run("translate", runs / "pix2pix.safetensors", tmp_path / "film.gif", "--out", tmp_path / "out") == 0
    assert "the first of 2 frames" in capsys.readouterr().out


def test_other_commands_and_games_that_translate(runs, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(ganlib.data.pairs, "COUNTS", {"train": 12, "test": 12})
    monkeypatch.setenv("GANLIB_CACHE", str(tmp_path / "cache"))
    for name in ("cyclegan", "pix2pix"):
        out = tmp_path / name
        words = [f"--set={key}={value}" for key, value in SMALL.items()]
        words += ["--data", "horses-zebras", "--size", 16, "--batch", 2, "--steps", 2, "--device", "cpu", "--quiet"]
        assert run("train", name, "--out", out, *words) == 0
        with Image.open(out / "samples.png") as image:
            assert image.width == image.height == 6 * 18 + 2
        assert f"ganlib translate {out} PICTURE" in capsys.readouterr().out
        assert run("sample", out) == 2 and "makes no samples out of nothing" in capsys.readouterr().err
        assert run("export", out) == 2 and "nothing to export" in capsys.readouterr().err
        assert run("evaluate", out) == 2 and "Domains was given; expected" in capsys.readouterr().err
        assert run("train", "--resume", "--out", out, "--steps", 3, "--quiet") == 0
        capsys.readouterr()
    words = ["--set=layers=1", "--data", "optdigits", "--out", tmp_path / "x", "--quiet"]
    assert run("train", "cyclegan", *words) == 2
    assert "translates between two domains and was given" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
    assert run("train", "pix2pix", *words) == 2
    assert "takes no option 'paired'" in capsys.readouterr().err
