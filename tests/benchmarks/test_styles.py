"""The benchmark of styles: what rows differ by, a judge that knows the corner, tiny runs that are kept."""

import json
import math
import sys

import pytest
import torch

import ganlib
from benchmarks import common, styles
from ganlib import recipes
from tools import records

CPU = torch.device("cpu")


@pytest.fixture(scope="module", autouse=True)
def small():
    tiny = recipes.get(styles.RECIPE).options | {"latent_dim": 8, "width": 4, "widest": 8, "fade": 4, "stable": 4}
    recipe = recipes.Recipe(styles.RECIPE, "stylegan", data="avatars", size=32, steps=2, batch=4, options=tiny)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(styles, "TRAINING", 50)
        patch.setattr(styles.recipes, "get", lambda name: recipe)
        yield


def run(monkeypatch, folder, *words):
    monkeypatch.setattr(common, "RESULTS", folder)
    sizes = ["--steps", "1", "--n", "200", "--pairs", "100", "--seeds", "1", "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", ["styles.py", *sizes, *words])
    styles.main()
    return json.loads((folder / "styles.json").read_text(encoding="utf-8"))


def test_only_what_the_title_says_differs():
    rows = styles.ROWS
    assert len({json.dumps(styles.settings(row)) for row in rows.values()}) == len(rows)
    for name, row in rows.items():
        assert set(row.options) <= {"mixing", "loss", "penalty_weight"}
        assert bool(row.without) == ("without" in row.title)
        game = ganlib.build("stylegan", (3, 32, 32), **recipes.get(styles.RECIPE).options | row.options)
        assert game.generator.mixing == (0.0 if "no mixing" in row.title else 0.9)
        assert game.wgan_gp == (name != "r1")


def test_glasses_among_the_long_haired_are_counted():
    read = {"hair_length": torch.tensor([2, 2, 2, 2, 0, 1]), "glasses": torch.tensor([1, 0, 0, 0, 1, 1])}
    assert styles.glasses(read) == {"long": 4 / 6, "both": 0.25, "others": 1.0}
    assert styles.glasses({"hair_length": torch.zeros(3), "glasses": torch.ones(3)}) == {"long": 0.0, "others": 1.0}


def test_the_judge_knows_the_corner_and_the_floors():
    full, corner = (styles.Judge(without, 400, 100, CPU) for without in styles.REAL)
    assert full.references()["both"] == pytest.approx(5 / 16, abs=0.13)
    assert corner.references()["both"] < 0.03
    assert ((corner.data.attributes["hair_length"] == 2) & (corner.data.attributes["glasses"] == 1)).sum() == 0

    ganlib.seed(0)
    gan = ganlib.build("stylegan", (3, 32, 32), **recipes.get(styles.RECIPE).options)
    found = full(gan, seed=0)
    assert found == full(gan, seed=0)  # whatever was drawn in between
    assert found["length W"] > 0.7 and found["length Z"] > 0.7 * math.pi**2 / 8
    assert found["separability W"] < found["separability of none"] + 0.5


def test_runs_are_kept_and_go_on(monkeypatch, tmp_path, capsys):
    first = run(monkeypatch, tmp_path, "--rows", "corner")
    assert list(first["results"]) == ["corner"] and list(first["references"]) == [styles.REAL[styles.CORNER]]
    played = []
    monkeypatch.setattr(
        styles, "play", lambda row, judge, seed, steps: played.append(row) or {"seed": 0, "found": None}
    )
    both = run(monkeypatch, tmp_path, "--rows", "corner", "full")
    assert played == [styles.ROWS["full"]] and list(both["results"]) == ["full", "corner"]
    assert both["results"]["corner"] == first["results"]["corner"]
    assert "(1/1 †)" in both["tables"]["corner"]["rows"][0][0]
    with pytest.raises(SystemExit):
        run(monkeypatch, tmp_path, "--steps", "3")
    assert "expected the same here" in capsys.readouterr().err


def test_the_tables_have_a_chinese_side(monkeypatch, tmp_path):
    monkeypatch.setattr(styles, "play", lambda row, judge, seed, steps: {"seed": seed, "found": {"FID": 12.5}})
    made = run(monkeypatch, tmp_path)
    assert list(made["tables"]) == ["corner", "spaces"] and set(made["references"]) == set(styles.REAL.values())
    known = records.chinese(common.Path(__file__).parents[2])
    for table in made["tables"].values():
        for word in [table["title"], *table["head"], *(row[0] for row in table["rows"])]:
            assert word in known or word in ("FID",), word
