"""The benchmark of architectures: nine pairs that differ by nothing else, a judge with floors, runs that are kept."""

import json
import sys

import pytest
import torch

import ganlib
from benchmarks import architectures, common
from ganlib import recipes
from tools import records

CPU = torch.device("cpu")


@pytest.fixture(scope="module", autouse=True)
def small():
    tiny = recipes.get(architectures.RECIPE).options | {"latent_dim": 8, "w_dim": 8, "width": 4, "widest": 8}
    recipe = recipes.Recipe(
        architectures.RECIPE, "stylegan2", data="avatars", size=32, steps=2, batch=4, options=tiny, ema=100
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(architectures, "TRAINING", 50)
        patch.setattr(architectures.recipes, "get", lambda name: recipe)
        yield


def run(monkeypatch, folder, *words):
    monkeypatch.setattr(common, "RESULTS", folder)
    sizes = ["--steps", "1", "--n", "200", "--pairs", "100", "--seeds", "1", "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", ["architectures.py", *sizes, *words])
    architectures.main()
    return json.loads((folder / "architectures.json").read_text(encoding="utf-8"))


def test_all_pairs_play_and_only_the_architectures_differ():
    rows = architectures.ROWS
    assert len(rows) == 9 and set(rows["skip-residual"].items()) == {
        ("generator", "skip"),
        ("discriminator", "residual"),
    }
    usual = recipes.get(architectures.RECIPE).options
    for name, row in rows.items():
        assert set(row) == set(architectures.PLAYERS)
        assert architectures.settings(name)["options"] == usual | row
        game = ganlib.build("stylegan2", (3, 32, 32), **usual | row)
        assert game.generator.synthesis.architecture == row["generator"]
        assert game.discriminator.architecture == row["discriminator"]


def test_the_judge_knows_the_floor_and_the_least_length():
    judge = architectures.Judge(400, 100, CPU)
    floor = judge.references()
    ganlib.seed(0)
    gan = ganlib.build("stylegan2", (3, 32, 32), **recipes.get(architectures.RECIPE).options)
    found = judge(gan, seed=0)
    assert found == judge(gan, seed=0)  # whatever was drawn in between
    assert found["FID"] > 2 * floor["FID"] and found["recall"] < floor["recall"]
    assert found["length by variance"] > 0.7


def test_runs_are_kept_and_go_on(monkeypatch, tmp_path, capsys):
    first = run(monkeypatch, tmp_path, "--rows", "skip-residual")
    assert list(first["results"]) == ["skip-residual"] and first["references"]["FID"] > 0
    (kept,) = first["results"]["skip-residual"]["runs"]
    assert kept["seconds"] > 0 and set(kept["parameters"]) == set(architectures.PLAYERS)
    played = []
    broken = {"seed": 0, "parameters": {"generator": 1, "discriminator": 2}, "seconds": None, "found": None}
    monkeypatch.setattr(architectures, "play", lambda name, judge, seed, steps: played.append(name) or broken)
    both = run(monkeypatch, tmp_path, "--rows", "skip-residual", "plain-plain")
    assert played == ["plain-plain"] and list(both["results"]) == ["plain-plain", "skip-residual"]
    assert both["results"]["skip-residual"] == first["results"]["skip-residual"]
    assert "(1/1 †)" in both["tables"]["pairs"]["rows"][0][0]
    with pytest.raises(SystemExit):
        run(monkeypatch, tmp_path, "--steps", "3")
    assert "expected the same here" in capsys.readouterr().err


def test_the_table_has_a_chinese_side(monkeypatch, tmp_path):
    found = {"seed": 0, "parameters": {"generator": 1, "discriminator": 2}, "seconds": 0.1, "found": {"FID": 12.5}}
    monkeypatch.setattr(architectures, "play", lambda name, judge, seed, steps: found)
    machine = common.machine(CPU)  # once, not for each of nine runs
    monkeypatch.setattr(common, "machine", lambda device: machine)
    made = run(monkeypatch, tmp_path)
    known = records.chinese(common.Path(__file__).parents[2])
    table = made["tables"]["pairs"]
    assert len(table["rows"]) == 10
    for word in [table["title"], *table["head"], *(row[0] for row in table["rows"])]:
        assert word in known or word in ("FID",), word
