"""What a kept game is said to be worth: `tools.measure_game`."""

import functools
import json

import torch

import ganlib
from ganlib import cli, metrics, training
from ganlib.gans.conditional import ConditionalGAN
from ganlib.gans.translation import TranslationGAN
from tools import measure_game


def run_of(tmp_path, *words):
    out = tmp_path / "run"
    assert cli.main(["train", *words, "--steps", "1", "--device", "cpu", "--quiet", "--out", str(out)]) == 0
    return out


def test_captions_are_obeyed_as_real_faces_and_not_as_those_of_others(tmp_path, monkeypatch, capsys):
    """A game that draws what is said is as good as real faces; one that does not listen, as captions of others."""
    run = run_of(tmp_path, "cgan-avatars", "--batch", "4")
    data = ganlib.load("captioned-avatars", size=32, n=400, split="test")
    asked = []

    def sample(self, captions):
        start = sum(map(len, asked))
        asked.append(captions)
        return data.normalised(torch.arange(start, start + len(captions)))

    with monkeypatch.context() as patch:
        patch.setattr(ConditionalGAN, "sample", sample)
        right = measure_game.measure(run, 200)
    found = right["metrics"]["conditional accuracy"]
    assert right["step"] == 1 and right["n"] == 200 and found["generated"] > 0.95 and found["real"] > 0.95
    assert found["real, of others"] < 0.45 and found["hair_colour"] > 0.95
    assert right["metrics"]["fid"]["generated"] < 5  # the same images
    capsys.readouterr()
    measure_game.main([str(run), "--n", "200"])
    [wrong] = json.loads(capsys.readouterr().out)
    assert wrong["metrics"]["conditional accuracy"]["generated"] < 0.5 and wrong["metrics"]["fid"]["generated"] > 50


def test_labels_are_read_by_the_network_of_their_data(tmp_path):
    for data, size in (("digits", "28"), ("avatars", "16")):
        run = run_of(tmp_path / data, "acgan", "--data", data, "--size", size, "--batch", "4", "--set", "model=mlp")
        found = measure_game.measure(run, 200)["metrics"]["conditional accuracy"]
        assert found["generated"] < 0.5 < 0.7 < found["real"] and found["real, of others"] < 0.35


def test_translations_are_judged_in_both_directions(tmp_path, monkeypatch):
    run = run_of(
        tmp_path,
        "cyclegan-pairs",
        "--set",
        "width=4",
        "--size",
        "16",
        "--batch",
        "1",
        "--set",
        "layers=1",
        "--set",
        "downs=2",
    )
    monkeypatch.setattr(measure_game, "train_segmenter", functools.partial(measure_game.train_segmenter, steps=2, n=8))
    monkeypatch.setattr(measure_game, "domain_classifier", functools.partial(measure_game.domain_classifier, steps=60))
    test = ganlib.load("horses-zebras", size=16, split="test")
    sides = {"a2b": test.b, "b2a": test.a}
    hidden = {way: test.truth(way[0], torch.arange(40)).images / 127.5 - 1 for way in sides}
    given = []

    def translate(self, images, way):
        given.append(way)
        return hidden[way]

    monkeypatch.setattr(TranslationGAN, "translate", translate)
    found = measure_game.measure(run, 40)["metrics"]
    assert given == ["a2b", "b2a", "b2a", "a2b"]
    for way in sides:
        assert found[f"domain accuracy, {way}"]["generated"] > 0.9
        assert found[f"background error, {way}"]["generated"] < 1e-6
        assert found[f"cycle error, {way}"]["generated"] >= 0
        assert 0 <= found[f"silhouette IoU, {way}"]["generated"] == found[f"silhouette IoU, {way}"]["real"]


def test_a_game_that_is_told_nothing_is_measured_as_ganlib_evaluate_does(tmp_path):
    run = run_of(tmp_path, "gan", "--data", "digits", "--size", "28", "--batch", "4", "--set", "model=mlp-small")
    gan = training.load_gan(run)
    found = measure_game.of_game(gan, {"data": "digits", "size": None}, 100, 5, ["kid"])
    assert (
        found
        == metrics.evaluate(gan, ganlib.load("digits", split="test", n=200), 100, seed=5, chosen=["kid"])["metrics"]
    )
    assert found["kid"]["generated"] > 100  # it has learnt nothing yet
