"""The benchmark of growing: what rows differ by, when runs are judged, a judge that sees collapse, tiny runs."""

import dataclasses
import json
import sys

import pytest
import torch

import ganlib
from benchmarks import common, league, progressive
from tools import records

CPU = torch.device("cpu")
TINY = {"latent_dim": 4, "width": 4, "widest": 4, "fade": 32, "stable": 64}
GROWN = [[0, 0.25], [4, 0.5], [8, 1.0]]  # costs of a step from steps 0, 4 and 8 on


@pytest.fixture(scope="module", autouse=True)
def small():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(league, "TRAINING", 200)
        entrants = progressive.entrants
        patch.setattr(
            progressive,
            "entrants",
            lambda: {
                name: dataclasses.replace(recipe, options=recipe.options | TINY) for name, recipe in entrants().items()
            },
        )
        yield


@pytest.fixture(scope="module")
def judge():
    return progressive.Judge(200, CPU)


# -- what plays --------------------------------------------------------------------------------------------------------
def test_only_what_the_title_says_differs():
    rows = progressive.entrants()
    fixed, growing, own = (rows[name].options for name in ("fixed", "growing", "own-size"))
    changed = lambda a, b: {key for key in a.keys() | b.keys() if a.get(key, True) != b.get(key, True)}
    assert changed(fixed, growing) == {"grow"} and changed(growing, own) == {"full_size_slopes"}
    games = {name: ganlib.build(recipe.gan, (3, 32, 32), **recipe.options) for name, recipe in rows.items()}
    shapes = {name: {key: p.shape for key, p in game.named_parameters()} for name, game in games.items()}
    assert shapes["fixed"] == shapes["growing"] == shapes["own-size"]
    assert [games[name].stage for name in rows] == [(3, False), (0, False), (0, False)]
    assert [games[name].full_size_slopes for name in rows] == [True, True, False]


def test_runs_are_judged_after_equal_time_and_equal_images():
    """Batches of 16: 64 images of 4×4, 32 of fading 8×8, 64 of 8×8, and so on; time in steps at full size."""
    rows = progressive.entrants()
    fixed = progressive.plan(rows["fixed"], 1.0, 480, 16)
    assert fixed["time"] == [4, 8, 15, 22, 30] and fixed["images"] == 30
    assert fixed["seen"] == {4: 64, 8: 128, 15: 240, 22: 352, 30: 480}
    grown = progressive.plan(rows["growing"], GROWN, 480, 16)
    assert grown["time"] == [9, 12, 20, 28, 35] and grown["images"] == 30  # 4 × ¼ + 4 × ½ = 3 is the time of 8 steps
    assert grown["seen"][30] == 480 and grown["seen"][35] == 560


# -- who judges --------------------------------------------------------------------------------------------------------
def test_smaller_real_faces_are_worse_and_as_various(judge):
    found = judge.references()
    assert list(found) == [*(f"real images of {side}×{side}" for side in (4, 8, 16)), "real images"]
    distances = [each["FID"] for each in found.values()]
    assert distances == sorted(distances, reverse=True) and distances[0] > 5 * distances[-1]
    assert found["real images"]["diversity"] == pytest.approx(1, abs=0.1)
    assert not progressive.collapsed(found["real images"])


def test_collapse_is_seen(judge):
    faces = judge.held.normalised(slice(200, 400))
    one, few = judge(faces[:1].expand(200, -1, -1, -1)), judge(faces[:2].repeat(100, 1, 1, 1))
    every = judge(faces)
    assert progressive.collapsed(one) and one["diversity"] < 1e-6 and one["FID"] > 5 * every["FID"]
    assert one["diversity"] < few["diversity"] < 0.8 < every["diversity"] and not progressive.collapsed(every)
    assert progressive.collapsed(None)


# -- one run -----------------------------------------------------------------------------------------------------------
class Counts:
    """A judge that says how many images it was given and how large they were."""

    data, n, device = "avatars", 200, CPU

    def __call__(self, samples):
        return {"FID": float(len(samples)), "diversity": float(samples.shape[-1])}


WHEN = {"time": [1, 3], "images": 2, "seen": {1: 16, 2: 32, 3: 48}}


def test_a_run_is_judged_at_each_step_of_its_plan():
    recipe = progressive.entrants()["growing"]
    runs = [progressive.play(recipe, Counts(), seed, WHEN, 16) for seed in (0, 0)]
    assert runs[0] == runs[1]
    assert runs[0]["time"] == [1, 3] and runs[0]["images"] == 2
    assert [(look["step"], look["images"]) for look in runs[0]["looks"]] == [(1, 16), (2, 32), (3, 48)]
    assert all(look["found"] == {"FID": 200, "diversity": 32} for look in runs[0]["looks"])  # at full size, though 4×4


def test_a_run_that_breaks_down_has_found_nothing_from_there_on(monkeypatch):
    steps = ganlib.Trainer.fit

    def fit(self, n):
        if self.step:
            raise ganlib.training.TrainingDiverged("the loss is NaN")
        return steps(self, n)

    monkeypatch.setattr(ganlib.Trainer, "fit", fit)
    looks = progressive.play(progressive.entrants()["fixed"], Counts(), 0, WHEN, 16)["looks"]
    assert [look["found"] is None for look in looks] == [False, True, True]


def test_the_cost_is_by_the_game_at_full_size(monkeypatch):
    asked = []

    def in_turn(loops, steps, rounds, device):
        asked.append(list(loops))
        return {name: [1.0] if name == "fixed" else [0.5] for name in loops}

    monkeypatch.setattr(common, "in_turn", in_turn)
    rows = progressive.entrants()
    assert league.cost(rows["fixed"], "avatars", 160, 16, CPU, rows["fixed"]) == 1
    assert league.cost(rows["growing"], "avatars", 32, 16, CPU, rows["fixed"]) == 0.5
    assert asked == [["fixed", "growing"]]


# -- the report --------------------------------------------------------------------------------------------------------
GOOD = {"FID": 10.0, "recall": 0.5, "diversity": 0.9, "TV": 0.1}


def record(**results):
    """From row → for each seed what was found at the end of images and at the end of time."""
    machine = {"device": "cpu", "cpu": "", "cores": 2, "threads": 1, "torch": "", "python": "", "matmul_gflops": 1.0}
    rows = progressive.entrants()
    made = {
        name: {
            "settings": progressive.settings(rows[name]),
            "runs": [
                {
                    "seed": seed,
                    "looks": [
                        {"step": step, "images": 16 * step, "found": each}
                        for step, each in zip((10, 30), found, strict=True)
                    ],
                    "time": [10, 30],
                    "images": 10,
                }
                for seed, found in enumerate(runs)
            ],
        }
        for name, runs in results.items()
    }
    protocol = {"images": 160, "batch": 16, "n": 200, "seeds": 2, "threads": 1}
    cost = {"fixed": 1.0, "growing": [[0, 0.25], [5, 0.75]], "own-size": 1.0}
    references = {"real images of 4×4": GOOD | {"FID": 90.0}, "real images": GOOD | {"FID": 5.0}}
    return {"benchmark": "progressive", **machine, "date": "", "protocol": protocol, "results": made} | {
        "features": "some",
        "references": references,
        "cost": cost,
    }


def test_tables():
    bad = GOOD | {"diversity": 0.2}
    found = progressive.tables(record(fixed=[[GOOD, GOOD], [GOOD, bad]], growing=[[GOOD, None], [bad, GOOD]]))
    assert found["images"]["head"] == ["Training", "FID", "Recall", "Diversity", "Attribute TV", "Collapsed", "Time"]
    same = ["10.0 ± 0.0", "0.500 ± 0.000"]
    assert found["images"]["rows"][0] == [
        "full size throughout",
        *same,
        "0.900 ± 0.000",
        "0.100 ± 0.000",
        "0/2",
        "1.00",
    ]
    assert found["images"]["rows"][1][-3:] == ["0.100 ± 0.000", "1/2", "0.50"]  # 5 × ¼ + 5 × ¾ of 10
    assert found["time"]["rows"][0][-2:] == ["1/2", "480"]
    lost = ["10.0 (1/2 †)", "0.500 (1/2 †)", "0.900 (1/2 †)", "0.100 (1/2 †)"]
    assert found["time"]["rows"][1] == ["growing", *lost, "1/2", "480"]
    assert found["time"]["rows"][-1] == ["real images", "5.0", "0.500", "0.900", "0.100", "–", "–"]


def test_figure_has_a_line_for_each_seed():
    kept = record(growing=[[GOOD, GOOD], [GOOD, None], [None, None]])
    lines = progressive.figure(kept).axes[0].get_lines()
    assert [list(line.get_xdata()) for line in lines[:3]] == [[0.5, 2.0], [0.5], []]
    assert "| growing |" in progressive.report(kept) and len(lines) == 5


def test_what_is_missing_is_played_seed_by_seed():
    kept = record(fixed=[[GOOD, GOOD], [GOOD, GOOD]], growing=[[GOOD, GOOD]])
    assert progressive.missing(kept) == [(0, "own-size"), (1, "growing"), (1, "own-size")]
    kept["results"]["growing"]["settings"]["ema"] = -1  # the recipe has changed since
    assert (0, "growing") in progressive.missing(kept)
    results = progressive.joined(kept["results"], "growing", {"seed": 0})
    assert list(results) == ["fixed", "growing"] and len(results["growing"]["runs"]) == 1


def test_tables_have_chinese_words():
    kept = record(**{name: [[GOOD, GOOD]] for name in progressive.ROWS})
    kept["references"] = {f"real images of {side}×{side}": GOOD for side in progressive.SIDES} | {"real images": GOOD}
    words = records.chinese(common.RESULTS.parents[1])
    for made in progressive.tables(kept).values():
        said = [made["title"], *made["head"], *(row[0] for row in made["rows"])]
        assert [word for word in said if word not in {*words, "FID"}] == []


# -- end to end --------------------------------------------------------------------------------------------------------
def run(monkeypatch, folder, *words):
    monkeypatch.setattr(common, "RESULTS", folder)
    monkeypatch.setattr(common, "in_turn", lambda loops, *_: {name: [0.5] for name in loops})
    sizes = ["--images", "32", "--batch", "16", "--n", "200", "--seeds", "1", "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", ["progressive.py", *sizes, *words])
    progressive.main()
    return json.loads((folder / "progressive.json").read_text(encoding="utf-8"))


def test_tiny_runs_are_kept_and_not_played_again(monkeypatch, tmp_path, capsys):
    kept = run(monkeypatch, tmp_path)
    assert list(kept["results"]) == list(progressive.ROWS) and kept["tables"] == progressive.tables(kept)
    assert kept["cost"] == {"fixed": 1.0, "growing": 1.0, "own-size": 1.0} and progressive.missing(kept) == []
    assert kept["results"]["growing"]["runs"][0]["looks"][-1]["found"]["FID"] > 50
    assert (tmp_path / "progressive.svg").exists() and "growing, seed 0" in capsys.readouterr().err
    monkeypatch.setattr(progressive, "play", None)
    assert run(monkeypatch, tmp_path) == kept
    with pytest.raises(SystemExit):
        run(monkeypatch, tmp_path, "--seeds", "3")
    assert "progressive.json holds runs with seeds 1; expected the same here" in capsys.readouterr().err
