"""Samples to order on the command line, and how many classes a run has."""

import json

import pytest
import torch

from ganlib import cli, data, training
from ganlib.data import avatars

TINY = ["--batch", "8", "--steps", "2", "--set", "latent_dim=4", "--device", "cpu", "--quiet"]


def run(*words):
    return cli.main([str(word) for word in words])


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A run with labels, one with captions, one without conditions."""
    home, patch = tmp_path_factory.mktemp("runs"), pytest.MonkeyPatch()
    patch.setattr(avatars, "COUNTS", {"train": 60, "test": 20})
    assert run("train", "cgan", "--data", "optdigits", "--set", "model=mlp-small", "--out", home / "digits", *TINY) == 0
    captions = ["--set", "condition=captions", "--set", "model=dcgan-small"]
    assert (
        run("train", "cgan", "--data", "captioned-avatars", "--size", 16, *captions, "--out", home / "faces", *TINY)
        == 0
    )
    assert run("train", "gan", "--data", "ring", "--set", "model=mlp-small", "--out", home / "points", *TINY) == 0
    patch.undo()
    return home


def test_the_record_says_what_the_data_decided(home):
    for name, classes in (("digits", 10), ("faces", 8)):
        options = json.loads((home / name / "run.json").read_text())["options"]
        assert options["classes"] == classes and options["design"] == "concat"
    assert run("train", "--resume", "--out", home / "digits", "--steps", 3, "--quiet") == 0


def test_labels_and_captions_to_order(home, tmp_path, monkeypatch, capsys):
    drawn = []
    monkeypatch.setattr("ganlib.cli.trained.picture", lambda samples, path: drawn.append(samples) or path)
    digits, faces = (training.load_gan(home / name) for name in ("digits", "faces"))
    assert run("sample", home / "digits", "--n", 5, "--label", 8, "--label", 3, "--seed", 4) == 0
    training.seed(4)
    assert torch.equal(drawn[-1], digits.sample(5, labels=[8, 8, 8, 3, 3]))
    assert run("sample", home / "faces", "--n", 2, "--caption", "red eyes, blue hair", "--caption", "卷发") == 0
    training.seed(0)
    assert torch.equal(drawn[-1], faces.sample(2, captions=["red eyes, blue hair", "卷发"]))
    assert run("sample", home / "digits", "--n", 5) == 0 and drawn[-1].shape == (5, 1, 8, 8)


@pytest.mark.parametrize(
    ("name", "words", "sentence"),
    [
        ("points", ["--label", 1], "--label was given, but the game 'gan' takes no labels"),
        ("points", ["--caption", "curls"], "--caption was given, but the game 'gan' takes no captions"),
        ("digits", ["--label", 10], "label 10 was given; expected 0 to 9"),
        ("digits", ["--caption", "curls"], "captions were given, but this 'cgan' was trained with labels"),
        ("digits", ["--n", 1, "--label", 1, "--label", 2], "2 labels were given for --n 1; expected no more than"),
        ("faces", ["--caption", "blu hair"], "'blu hair' is not in the captions' vocabulary; did you mean 'blue hair'"),
    ],
)
def test_what_cannot_be_asked_for_is_one_sentence(home, capsys, name, words, sentence):
    assert run("sample", home / name, *words) == 2
    assert sentence in capsys.readouterr().err


def test_data_that_do_not_fit_make_no_folder(tmp_path, capsys):
    for words, sentence in (
        (["--data", "optdigits", "--set", "classes=9"], "'optdigits' has 10 classes, cgan was built for 9"),
        (["--data", "swiss-roll"], "'swiss-roll' has no labels; cgan learns from images with labels"),
    ):
        assert run("train", "cgan", *words, "--set", "model=mlp-small", "--out", tmp_path / "run", *TINY) == 2
        assert sentence in capsys.readouterr().err and not (tmp_path / "run").exists()


def test_captioned_images_are_measured_as_images(home, monkeypatch, capsys):
    monkeypatch.setattr(avatars, "COUNTS", {"train": 60, "test": 20})
    assert data.has_test_split("captioned-avatars")
    words = ["--n", 10, "--metric", "sliced-wasserstein", "--json"]
    assert run("evaluate", home / "faces", *words) == 0
    assert json.loads(capsys.readouterr().out)["n_generated"] == 10
