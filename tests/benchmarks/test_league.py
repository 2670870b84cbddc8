"""The league: who competes, what a run is measured for, what is kept, and the committed record."""

import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import ganlib
from benchmarks import common, league
from ganlib.recipes import Recipe

CPU = torch.device("cpu")
PROTOCOL = {"images": 64, "batch": 16, "n": 200, "seeds": 2}


@pytest.fixture(scope="module")
def judge():
    return league.Judge("digits", 200, CPU)


def test_a_recipe_competes_by_its_key_alone():
    found = league.entrants()
    assert {"gan-league", "lsgan-league", "pacgan-league", "r1gan-league", "r3gan-league", "wgan-gp-league"} <= set(
        found
    )
    assert "gan-digits" not in found
    assert len({recipe.league for recipe in found.values()}) == len(found)  # titles tell them apart


def test_all_have_the_same_networks_but_for_what_the_method_needs():
    sizes = {}
    for name, recipe in league.entrants().items():
        gan = ganlib.build(recipe.gan, (3, 32, 32), **recipe.options)
        sizes[name] = sum(p.numel() for player in gan.players().values() for p in player.parameters())
        assert recipe.options.get("model") == ("dcgan-small" if "model" in ganlib.gans.options(recipe.gan) else None)
        assert recipe.batch == 64
    for name, size in sizes.items():
        more = 0.08 if league.entrants()[name].gan in ("cgan", "acgan") else 0.01  # a class takes some numbers to say
        assert -0.01 < size / sizes[league.REFERENCE] - 1 < more, name


def test_the_judge_tells_good_from_bad(judge):
    real = ganlib.load("digits", size=32, n=200, seed=5).normalised()
    good, noise = judge(real), judge(torch.rand(200, 1, 32, 32) * 2 - 1)
    for name in ("FID", "KID", "TV"):
        assert good[name] < noise[name]
    for name in ("precision", "recall", "density", "coverage"):
        assert good[name] > noise[name]
    assert judge.floor["FID"] == pytest.approx(good["FID"], rel=0.5)
    draws = torch.distributions.Multinomial(200, torch.full((10,), 0.1)).sample((2000,)) / 200
    assert judge.floor["TV"] == pytest.approx((draws - 0.1).abs().sum(1).mean().item() / 2, rel=0.03)


def test_the_judge_reads_the_attributes_of_avatars():
    judge = league.Judge("avatars", 200, CPU)
    one_face = ganlib.load("avatars", size=32, n=1).normalised().expand(200, -1, -1, -1)
    assert judge(one_face)["TV"] > 3 * judge.floor["TV"]


@pytest.mark.parametrize("name, turns", [("gan-league", 1), ("wgan-gp-league", 5)])
def test_a_run_is_measured_at_both_budgets(judge, name, turns):
    recipe = league.entrants()[name]
    if turns > 1:
        recipe = replace(recipe, options=recipe.options | {"n_critic": turns})
    run = league.play(recipe, judge, 0, images=320, steps=3, batch=16)
    assert run["images"]["images"] == 320  # real images that the critic saw, in all of its turns
    assert run["images"]["steps"] == 320 / (16 * turns)
    assert run["time"]["steps"] == 3 and run["time"]["images"] == 3 * 16 * turns
    assert all(math.isfinite(run[budget][name]) for budget in league.BUDGETS for name in league.MEASURES)


def test_the_cost_is_the_ratio_to_the_reference(monkeypatch):
    asked = []

    def in_turn(loops, steps, rounds, device):
        asked.append(list(loops))
        assert all(loop.__self__.step == 0 for loop in loops.values())
        return {name: [0.5, 0.6, 0.7] if name == "gan-league" else [1.5, 1.2, 2.1] for name in loops}

    monkeypatch.setattr(common, "in_turn", in_turn)
    recipes = league.entrants()
    assert league.cost(recipes["gan-league"], "digits", 320, 16, CPU) == 1
    assert league.cost(recipes["r1gan-league"], "digits", 320, 16, CPU) == pytest.approx(3)
    assert asked == [["gan-league", "r1gan-league"]]
    assert league.duration(3.0, 7) == 21 and league.affordable(3.0, 20.0) == 7 and league.affordable(3.0, 0.1) == 1


SMALL = {"latent_dim": 4, "width": 4, "widest": 4, "fade": 32, "stable": 64}


def growing(**options):
    return replace(league.entrants()["progan-league"], options=SMALL | options)


def test_a_game_that_grows_is_measured_at_each_stage(monkeypatch):
    """Its first steps, of 4×4, are no measure for those of 32×32."""
    stages = []

    def in_turn(loops, steps, rounds, device):
        gan = loops["progan-league"].__self__.gan
        for images in (0, 10**9):  # however long the clock runs, it is of this stage
            gan.schedule(images, 16)
            stages.append(gan.stage)
        level, fading = gan.stage
        return {"gan-league": [1.0], "progan-league": [0.25 * 2**level + (0.5 if fading else 0.0)]}

    monkeypatch.setattr(common, "in_turn", in_turn)
    cost = league.cost(growing(), "digits", 480, 16, CPU)
    assert stages == [
        stage for s in ((0, False), *((n, f) for n in (1, 2, 3) for f in (True, False))) for stage in (s, s)
    ]
    assert cost == [[0, 0.25], [4, 1.0], [6, 0.5], [10, 1.5], [12, 1.0], [16, 2.5], [18, 2.0]]
    each = [next(each for first, each in reversed(cost) if first <= step) for step in range(40)]
    for steps in range(1, 40):
        assert league.duration(cost, steps) == sum(each[:steps])
        assert league.affordable(cost, sum(each[:steps])) == steps
    assert league.affordable(cost, 31.0) == 25 and round(31 / cost[0][1]) == 124  # what the first steps promise
    short = league.cost(growing(), "digits", 16, 16, CPU)  # both budgets end before it grows
    assert short == 0.25


def test_larger_batches_of_small_images_are_counted(judge):
    options = {"largest_batch": 4, "start": 8, "fade": 16, "stable": 16}
    run = league.play(growing(**options), judge, 0, images=100, steps=2, batch=16)
    assert (run["images"]["images"], run["images"]["steps"]) == (64 + 16 + 16 + 16, 4)
    assert (run["time"]["images"], run["time"]["steps"]) == (64 + 16, 2)


def test_the_judge_takes_images_that_no_run_has_seen(monkeypatch):
    asked, load = [], ganlib.load
    monkeypatch.setattr(league.ganlib, "load", lambda *args, **options: asked.append(options) or load(*args, **options))
    judge = league.Judge("digits", 200, CPU)
    assert [(options["split"], options["n"]) for options in asked] == [("test", 400)]
    assert not (judge.real.values[:, None] == judge.other.values[None]).all(2).any()  # the two halves share none
    assert "digits, sha256 " in judge.features and judge.features.endswith("32→28")


@pytest.mark.parametrize("value", [1.0, 0.0, 3.0])
def test_a_generator_that_makes_one_colour_is_judged_too(judge, value):
    assert judge(torch.full((200, 1, 32, 32), value))["FID"] > judge.floor["FID"]


def test_rates_averages_and_turns_that_change_are_the_recipes(judge, monkeypatch):
    class Noted(ganlib.Trainer):
        def __init__(self, *args, **options):
            asked.update(options)
            super().__init__(*args, **options)

        def fit(self, steps):
            fits.append(steps)
            return super().fit(steps)

    asked, fits = {}, []
    monkeypatch.setattr(league.ganlib, "Trainer", Noted)
    monkeypatch.setattr(ganlib.gans.gan.VanillaGAN, "phases", changing(ganlib.gans.gan.VanillaGAN.phases))
    options = league.entrants()["gan-league"].options
    recipe = Recipe("own", "gan", ema=70.0, schedule="linear_decay(3, 9)", options=options, league="own")
    run = league.play(recipe, judge, 0, images=16 * 10, steps=1, batch=16)
    assert asked["learning_rate"](6) == 0.5 and asked["ema_half_life"] == 70
    assert run["images"]["images"] == 160 and sum(fits) == 6  # 3 + 3 + 1 + 1 + 1 + 1 turns of 16 images
    assert run["time"]["images"] == 48 and fits == [1, 5]


def changing(phases):
    def changed(self):
        first, *rest = phases(self)
        return [replace(first, repeats=lambda step: 3 if step < 2 else 1), *rest]

    return changed


def test_a_seed_is_a_run(judge):
    recipe = league.entrants()["gan-league"]
    runs = [league.play(recipe, judge, seed, 64, 1, 16)["images"]["FID"] for seed in (0, 0, 1)]
    assert runs[0] == runs[1] != runs[2]


def test_a_run_that_breaks_down_is_told(judge):
    recipe = Recipe("wild", "gan", options={"model": "dcgan-small", "lr": 1e30}, league="wild")
    run = league.play(recipe, judge, 0, 64 * 16, 60, 16)
    assert run["images"] is None and run["time"] is None


# -- the record --------------------------------------------------------------------------------------------------------
@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    return tmp_path


def made(fid, broken=False, seed=0):
    end = dict.fromkeys(league.MEASURES, 0.5) | {"FID": fid, "images": 64, "steps": 3}
    return {"seed": seed, "parameters": 1234567, "images": None if broken else end, "time": end}


def record():
    row = lambda title, runs: {"title": title, "settings": {}, "runs": runs}
    runs = {"worse": row("WORSE", [made(9.0), made(11.0, seed=1)]), "half": row("HALF", [made(5.0), made(1, True, 1)])}
    floors = {data: dict.fromkeys(league.MEASURES, 0.25) for data in league.DATA}
    machine = {"device": "cpu", "cpu": "x", "cores": 2, "threads": 2, "torch": "2", "python": "3", "date": "d"}
    return machine | {
        "matmul_gflops": 1.0,
        "protocol": PROTOCOL,
        "features": {"digits": "digits, resizer none"},
        "cost": {"avatars": {}, "digits": {"worse": 0.5, "half": 0.5}},
        "floors": floors,
        "runs": {"avatars": {}, "digits": runs},
    }


def test_the_tables():
    tables = league.tables(record())
    assert set(tables) == {"digits images", "digits time"}
    rows = tables["digits images"]["rows"]
    assert [row[0] for row in rows] == ["HALF (1/2 †)", "WORSE", "real images"]  # by FID, the real ones last
    assert rows[1][1] == "10.00 ± 1.00" and rows[1][2] == "0.500 ± 0.000" and rows[1][-1] == "1,234,567"
    assert [row[0] for row in tables["digits time"]["rows"]] == ["HALF", "WORSE", "real images"]
    text = league.table(record())
    for words in ("Digits, 64 training images each", "as long as the GAN takes for 64 images", "| real images |"):
        assert words in text


def test_what_is_missing_is_played_seed_by_seed():
    kept = {"runs": {"digits": {}}, "cost": {"digits": {}}}
    names = list(league.entrants())
    todo = [(recipe.name, seed) for recipe, seed in league.missing(kept, "digits", 2)]
    assert todo == [(name, seed) for seed in range(2) for name in names]
    for name in names:
        kept["runs"]["digits"][name]["runs"] = [{"seed": 0}, {"seed": 1}]
    assert not list(league.missing(kept, "digits", 2))
    assert [(r.name, s) for r, s in league.missing(kept, "digits", 2, ["gan-league"])] == [
        ("gan-league", 0),
        ("gan-league", 1),
    ]
    kept["runs"]["digits"]["gan-league"]["runs"] = [{"seed": 0}, {"seed": 1}]
    kept["cost"]["digits"] = {"gan-league": 0.5, "wgan-gp-league": 0.7}
    kept["runs"]["digits"]["wgan-gp-league"]["settings"]["options"] = {"lr": 1.0}  # its recipe has changed since
    assert {r.name for r, _ in league.missing(kept, "digits", 2)} == {"wgan-gp-league"}
    assert kept["cost"]["digits"] == {"gan-league": 0.5}  # of what has changed the cost is measured anew


def test_the_whole_league_in_small(results, monkeypatch, capsys):
    one = {"gan-league": league.entrants()["gan-league"]}
    monkeypatch.setattr(league, "entrants", lambda: one)
    drawn = []
    monkeypatch.setattr(league, "draw", lambda: drawn.append("figure"))
    words = "--images 32 --batch 16 --n 200 --seeds 2 --data digits --device cpu".split()
    for again in ([], ["--recipes", "gan-league"]):
        monkeypatch.setattr(sys, "argv", ["league.py", *words, *again])
        league.main()
        kept = json.loads((results / "league.json").read_text())
        assert [run["seed"] for run in kept["runs"]["digits"]["gan-league"]["runs"]] == [0, 1]
        assert kept["tables"]["digits images"]["rows"][0][0] == "GAN" and (results / "league.md").exists()
    assert capsys.readouterr().err.count("digits: gan-league, seed") == 4  # asked for anew, all are played again
    assert len(drawn) == 2


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_game_competes_or_the_page_says_why_not(language):
    absent = set(ganlib.gans.names()) - {recipe.gan for recipe in league.entrants().values()}
    page = (Path(league.__file__).parents[1] / "book" / language / "league.md").read_text("utf-8")
    assert absent == {"ganhacks", "unrolled", "cyclegan", "pix2pix"} and all(
        f"`{name}`" in page.split("## ")[0] for name in absent
    )


def test_committed_record():
    kept = common.result("league")
    for data in league.DATA:
        assert set(kept["runs"][data]) == set(league.entrants()), "run `python benchmarks/league.py`"
        for name, row in kept["runs"][data].items():
            recipe = league.entrants()[name]
            assert row["settings"] == {key: getattr(recipe, key) for key in league.SETTINGS}
            assert len(row["runs"]) >= 3
        best = league.ranked(kept, data, "images")[0][1]["FID"]
        assert kept["floors"][data]["FID"] < min(best)
    assert kept["tables"] == league.tables(kept)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_chapter_15_reports_what_the_record_says(language):
    kept = common.result("league")
    page = (Path(league.__file__).parents[1] / "book" / language / "15-evaluation.md").read_text("utf-8")
    (line,) = [line for line in page.splitlines() if line.startswith("> FID")]
    values = {title: values for title, values, _ in league.ranked(kept, "avatars", "images")}["GAN"]
    for name, (_, digits) in league.HEADS.items():
        assert common.shown(common.mean(values[name]), digits) in line, name
    assert f"{kept['floors']['avatars']['FID']:.2f}" in line
    assert kept["features"]["avatars"].split("sha256 ")[1][:8] in line
