"""Truncation, noise, mixed styles and projection on the command line."""

import numpy as np
import pytest
import torch
from PIL import Image

import ganlib
from ganlib import cli, training
from ganlib.data.batch import Batch

SHAPE, LAYERS = (3, 16, 16), 6


class Noise:
    shape = SHAPE

    def to(self, device):
        return self

    def batch(self, n):
        return Batch(torch.rand(n, *SHAPE) * 2 - 1)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A game with styles and one without."""
    home = tmp_path_factory.mktemp("runs")
    for name, options in (("stylegan", {"depth": 1, "grow": False}), ("progan", {})):
        torch.manual_seed(0)
        gan = ganlib.build(name, SHAPE, latent_dim=4, width=4, widest=6, **options)
        if name == "stylegan":
            gan.generator.w_mean.normal_()
            for layer in gan.generator.synthesis.layers:
                layer.noise.strength.data.fill_(0.3)
        ganlib.Trainer(gan, Noise(), 4, device="cpu", progress=False).save(home / f"{name}.safetensors")
    return home


def run(*words):
    return cli.main([str(word) for word in words])


@pytest.fixture
def drawn(monkeypatch):
    drawn = []
    monkeypatch.setattr("ganlib.cli.trained.picture", lambda samples, path: drawn.append(samples) or path)
    return drawn


def test_styles_to_order(home, drawn):
    path = home / "stylegan.safetensors"
    gan = training.load_gan(path)
    psi = [0.0, 0.5, 0.5, 1.0, 1.0, 2.0]
    for words, asked in (
        (["--psi", 0.7], {"psi": 0.7}),
        (["--psi", ",".join(map(str, psi))], {"psi": psi}),
        (["--noise", "none", "--psi", -1], {"noise": "none", "psi": -1.0}),
        (["--noise", "fixed"], {"noise": "fixed"}),
        ([], {}),
    ):
        assert run("sample", path, "--n", 3, "--seed", 4, *words) == 0
        training.seed(4)
        assert torch.equal(drawn[-1], gan.sample(3, **asked)), words
    assert not any(torch.equal(one, drawn[-1]) for one in drawn[:-1])  # each option changes something


def test_a_grid_of_mixtures(home, drawn):
    """Seven samples in rows of three: a row shares its coarse styles, a column the fine ones."""
    path = home / "stylegan.safetensors"
    gan = training.load_gan(path)
    assert run("sample", path, "--n", 7, "--seed", 4, "--mix", "2-3,5", "--noise", "none", "--psi", 0.5) == 0
    training.seed(4)
    rows, columns = gan.latent(3), gan.latent(3)
    for i, image in enumerate(drawn[-1]):
        one = gan.mix(rows[i // 3, None], columns[i % 3, None], [2, 3, 5], psi=0.5, noise="none")
        assert torch.allclose(image, one[0], atol=1e-5)
    assert len(drawn[-1]) == 7


@pytest.mark.parametrize(
    ("name", "words", "sentence"),
    [
        ("progan", ["--psi", 0.7], "--psi was given, but the game 'progan' has no styles"),
        ("progan", ["--noise", "none"], "--noise was given, but the game 'progan' has no styles"),
        ("progan", ["--mix", 0], "--mix was given, but the game 'progan' has no styles"),
        ("stylegan", ["--psi", "x"], "--psi x was given; expected a number, or as many as layers"),
        ("stylegan", ["--psi", "0.5,"], "--psi 0.5, was given; expected a number"),
        ("stylegan", ["--psi", "1,1"], "psi=[1.0, 1.0] was given; expected a number, or one for each of 6 layers"),
        ("stylegan", ["--psi", "nan"], "psi=nan was given; expected a number"),
        ("stylegan", ["--noise", "loud"], "unknown noise 'loud'; known: fixed, fresh, none"),
        ("stylegan", ["--mix", "a"], "--mix a was given; expected layers from 0 to 5, as 0-3 or 4,5"),
        ("stylegan", ["--mix", "4-6"], "--mix 4-6 was given; expected layers from 0 to 5"),
        ("stylegan", ["--mix", "3-2"], "--mix 3-2 was given; expected layers from 0 to 5"),
        ("stylegan", ["--mix", "0-2000000000000"], "expected layers from 0 to 5"),
        ("stylegan", ["--noise", ""], "unknown noise ''"),
        ("stylegan", ["--label", 1], "--label was given, but the game 'stylegan' takes no labels"),
    ],
)
def test_what_cannot_be_asked_for_is_one_sentence(home, capsys, name, words, sentence):
    assert run("sample", home / f"{name}.safetensors", *words) == 2
    assert sentence in capsys.readouterr().err


# -- projection --------------------------------------------------------------------------------------------------------
def picture(path, height=24, width=30):
    rows, columns = np.mgrid[:height, :width] * 8 % 256
    Image.fromarray(np.stack([rows, columns, rows], 2).astype(np.uint8)).save(path)
    return path


@pytest.mark.parametrize("name", ["stylegan", "stylegan2"])
def test_pictures_are_projected(name, home, tmp_path, capsys):
    path = home / f"{name}.safetensors"
    if name == "stylegan2":
        gan = ganlib.build(name, SHAPE, latent_dim=4, w_dim=4, width=4, widest=6, depth=1)
        ganlib.Trainer(gan, Noise(), 4, device="cpu", progress=False).save(path)
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    picture(folder / "a.jpg"), picture(folder / "b.png", 16, 16)
    words = ["project", path, folder, "--out", out, "--steps", 2, "--device", "cpu"]
    assert run(*words) == 0
    assert sorted(file.name for file in out.iterdir()) == ["a.png", "b.png"]
    for file in out.iterdir():
        with Image.open(file) as image:
            assert image.size == (16, 16) and image.mode == "RGB"
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2 and said[0].startswith(f"{out / 'a.png'}  from {folder / 'a.jpg'}, distance ")
    assert run(*words) == 2 and "is there already; add --force" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "words", "sentence"),
    [
        ("progan", [], "is a run of 'progan'; expected one with styles, of colour images"),
        ("stylegan", ["--steps", 0], "steps must be a whole number 1 or more"),
        ("stylegan", ["--distance", "lpips"], "unknown distance 'lpips'; known: avatars, digits, pixels"),
        ("stylegan", ["--distance", "digits"], "this network expects (N, 1, 28, 28)"),
    ],
)
def test_what_cannot_be_projected_is_one_sentence(home, tmp_path, capsys, name, words, sentence):
    file = picture(tmp_path / "a.png")
    assert run("project", home / f"{name}.safetensors", file, "--out", tmp_path / "out", *words) == 2
    assert sentence in capsys.readouterr().err and not (tmp_path / "out").exists()
