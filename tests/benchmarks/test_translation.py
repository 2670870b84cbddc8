"""The benchmark of translations: what it measures on known translators, its tables, and runs that are kept."""

import json
import sys

import pytest
import torch

import ganlib
from benchmarks import common, translation
from ganlib.data import pairs
from ganlib.metrics.segmenter import train_segmenter
from ganlib.metrics.translation import domain_classifier

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def scenes():
    return translation.scenes_of(ganlib.load("horses-zebras", size=32, split="test", n=100), 100)


@pytest.fixture(scope="module")
def readers():
    domains = ganlib.load("horses-zebras", size=32, n=200)
    return translation.Readers(domain_classifier(domains, 60), train_segmenter(domains, 15))


def test_the_limits(scenes, readers):
    found = translation.limits(scenes, readers)
    for way in translation.WAYS:
        same, right = found["identity"][way], found["truth"][way]
        assert same["domain"] < 0.1 and right["domain"] > 0.8
        assert same["background"] == 0 and right["background"] == pytest.approx(0, abs=1e-6)
        assert right["iou"] > 0.7 and right["iou"] > same["iou"] > 0.6 and "cycle" not in right
        assert same["cycle"][0] == 0  # Gaussian noise has a mean deviation of √(2/π), and half the range is the unit
        assert same["cycle"][2] == pytest.approx(0.05 * 0.798 / 2, rel=0.05)


def test_what_is_hidden_is_lost_under_noise(scenes, readers):
    """A translation to grey that hides the colours in a thousandth of a step, and a way back that finds them."""

    def hides(images, way):
        grey = images.mean(1, keepdim=True).expand_as(images)
        if way == "a2b":
            return grey * 0.999 + 0.001 * (images - grey)
        return (grey + (images - grey) * 1000).clamp(-1, 1)

    found = translation.judged(hides, translation.WAYS, scenes, readers)["a2b"]
    assert found["cycle"][0] < 0.01 < 0.3 < found["cycle"][1]  # the least noise, of 0.02, destroys it
    honest = translation.judged(lambda images, way: images, translation.WAYS, scenes, readers)["a2b"]
    assert honest["cycle"][1] < 0.01 < found["shown"]


def test_rows_are_recipes_with_one_change():
    for name in translation.ROWS:
        assert translation.recipe(name, 5).steps == 5
    full, other = (translation.recipe(name, None).options for name in ("full", "no-cycle"))
    assert other == full | {"cycle": 0.0}


RUN = {
    way: {"domain": 0.9, "background": 0.01, "iou": 0.5, "cycle": [0.02] * 5, "shown": 0.1} for way in ("a2b", "b2a")
}
RUN["b2a"] = RUN["b2a"] | {"domain": 0.8, "iou": 0.7}


def record(**rows):
    results = {
        name: {
            "settings": translation.settings(name, None),
            "runs": [{"seed": i, "found": f} for i, f in enumerate(found)],
        }
        for name, found in rows.items()
    }
    only = {way: {key: RUN[way][key] for key in ("domain", "background", "iou")} for way in RUN}
    machine = {"device": "cpu", "cpu": "x", "cores": 2, "threads": 1, "matmul_gflops": 1, "torch": "2", "python": "3"}
    protocol = {"steps": None, "n": 50, "seeds": 2, "threads": 1}
    return machine | {
        **{"benchmark": "translation", "date": "today", "protocol": protocol},
        **{"limits": {"identity": RUN, "truth": only}, "results": results},
    }


def test_tables():
    found = translation.tables(
        record(full=[RUN, RUN], pix2pix=[{"a2b": {k: RUN["a2b"][k] for k in ("domain", "background", "iou")}}, None])
    )
    assert found[""]["rows"][:2] == [
        ["CycleGAN", "90.0 ± 0.0", "80.0 ± 0.0", "1.0 ± 0.0", "0.60 ± 0.00", "2.0 ± 0.0"],
        ["Pix2Pix, with pairs (1/2 †)", "90.0", "–", "1.0", "0.50", "–"],
    ]
    assert found[""]["rows"][-1] == ["the hidden counterpart", "90.0", "80.0", "1.0", "0.60", "–"]
    assert found["noise"]["rows"] == [["CycleGAN", *["2.0 ± 0.0"] * 5, "10.0 ± 0.0"]]
    assert "| CycleGAN | 90.0 ± 0.0 |" in translation.table(record(full=[RUN, RUN]))


def test_what_is_missing_is_played_seed_by_seed():
    todo = translation.missing(record(full=[RUN]), None, 2)
    assert len(todo) == 2 * len(translation.ROWS) - 1 and (0, "full") not in todo
    assert [seed for seed, _ in todo] == sorted(seed for seed, _ in todo)
    kept = record(full=[RUN])
    kept["results"]["full"]["settings"]["options"] = {}  # the recipe has changed since
    assert (0, "full") in translation.missing(kept, None, 2)


def test_tiny_runs_are_kept(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    monkeypatch.setattr(common, "peak_flops", lambda *_: 1e9)
    monkeypatch.setattr(pairs, "COUNTS", {"train": 60, "test": 40})
    monkeypatch.setattr(translation, "domain_classifier", lambda domains: domain_classifier(domains, 2))
    monkeypatch.setattr(translation, "train_segmenter", lambda domains: train_segmenter(domains, 2))
    for row in ("pix2pix", "full"):
        words = ["translation.py", "--steps", "2", "--n", "30", "--seeds", "1", "--device", "cpu", "--rows", row]
        monkeypatch.setattr(sys, "argv", words)
        translation.main()
    kept = json.loads((tmp_path / "translation.json").read_text("utf-8"))
    assert list(kept["results"]) == ["full", "pix2pix"] and kept["tables"] == translation.tables(kept)
    assert set(kept["results"]["pix2pix"]["runs"][0]["found"]) == {"a2b"}
    assert (tmp_path / "translation.md").read_text("utf-8") in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["translation.py", "--steps", "3", "--n", "30", "--seeds", "1"])
    with pytest.raises(SystemExit):
        translation.main()
    assert "translation.json holds runs with steps 2; expected the same here" in capsys.readouterr().err


def test_broken_runs_are_said(monkeypatch, scenes, readerss):
    def fit(self, steps):
        raise ganlib.training.TrainingDiverged("NaN")

    monkeypatch.setattr(ganlib.Trainer, "fit", fit)
    monkeypatch.setattr(pairs, "COUNTS", {"train": 60, "test": 40})
    assert translation.play("full", 2, 0, scenes, readers, CPU) == {"seed": 0, "found": None}
