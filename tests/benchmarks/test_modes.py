"""The mode-coverage benchmark: the published protocol and rows, merging, and one tiny run from end to end."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

import ganlib
from benchmarks import common, modes
from ganlib.recipes import Recipe

CPU = torch.device("cpu")
PROTOCOL = {"seeds": 2, "samples": 2500}
PUBLISHED = [name for name, recipe in modes.entrants("ring").items() if recipe.options["model"] == "maxout"]


def entry(name, law, found, quality=0.97):
    recipe, n = modes.entrants(law)[name], len(found)
    curve = {"step": [1, 2], "modes": [[1.0, 0.5], [modes.mean(found)[0], 0.1]], "high quality": [[0.1, 0.1]] * 2}
    measures = {"modes": found, "at least half": found, "high quality": [quality] * n, "reverse KL": [0.1] * n}
    return {"title": recipe.modes, "settings": modes.settings(recipe), "diverged": 0, **measures, "curve": curve}


def record(**results):
    machine = {"device": "cpu", "cpu": "", "cores": 2, "threads": 2, "torch": "", "python": "", "matmul_gflops": 1.0}
    results = {law: results.get(law, {}) for law in modes.LAWS}
    return {"benchmark": "modes", **machine, "date": "", "protocol": PROTOCOL, "results": results}


def run(monkeypatch, folder, *words):
    monkeypatch.setattr(common, "RESULTS", folder)
    monkeypatch.setattr(modes, "draw", lambda: None)
    monkeypatch.setattr(sys, "argv", ["modes.py", "--steps", "2", "--seeds", "2", "--looks", "1", *words])
    modes.main()
    return json.loads((folder / "modes.json").read_text(encoding="utf-8"))


# -- end to end --------------------------------------------------------------------------------------------------------
def test_a_tiny_run_is_kept_and_the_next_one_adds_to_it(monkeypatch, tmp_path, capsys):
    run(monkeypatch, tmp_path, "--recipes", "pacgan3-modes", "--data", "ring", "--device", "cpu")
    kept = run(monkeypatch, tmp_path, "--recipes", "gan-modes", "--data", "ring", "--device", "cpu")
    assert list(kept["results"]["ring"]) == ["gan-modes", "pacgan3-modes"] and kept["results"]["grid"] == {}
    for row in kept["results"]["ring"].values():
        assert all(len(row[measure]) == 2 for measure in modes.MEASURES) and row["curve"]["step"] == [2]
        assert row["machine"]["device"] == "cpu" and row["settings"]["steps"] == 2
    assert (tmp_path / "modes.md").read_text(encoding="utf-8") in capsys.readouterr().out
    assert (tmp_path / "modes.svg").stat().st_size > 1000
    with pytest.raises(SystemExit):
        run(monkeypatch, tmp_path, "--recipes", "gan-modes", "--data", "ring", "--device", "cpu", "--seeds", "3")
    assert "modes.json holds runs with seeds 2; expected the same here, or --fresh" in capsys.readouterr().err


def test_what_another_run_keeps_meanwhile_stays(monkeypatch, tmp_path):
    measure = modes.measure

    def slow(recipe, law, *rest):
        if law == "ring":  # while the row of the ring is measured, another run keeps one of the grid
            monkeypatch.setattr(modes, "measure", measure)
            run(monkeypatch, tmp_path, "--recipes", "gan-modes", "--data", "grid", "--device", "cpu")
        return measure(recipe, law, *rest)

    monkeypatch.setattr(modes, "measure", slow)
    kept = run(monkeypatch, tmp_path, "--recipes", "gan-modes", "--data", "ring", "--device", "cpu")
    assert list(kept["results"]["ring"]) == list(kept["results"]["grid"]) == ["gan-modes"]
    again = run(monkeypatch, tmp_path, "--recipes", "gan-modes", "--data", "ring", "--device", "cpu", "--fresh")
    assert list(again["results"]["ring"]) == ["gan-modes"] and again["results"]["grid"] == {}


def test_averages_and_rates_are_those_of_the_recipe(monkeypatch):
    asked = {}

    class Noted(ganlib.Seeds):
        def __init__(self, *args, **options):
            asked.update(options, batch=args[2])
            super().__init__(*args, **options)

    monkeypatch.setattr(ganlib, "Seeds", Noted)
    options = {"model": "mlp-small", "latent_dim": 3}
    recipe = Recipe("own", "gan", steps=4, batch=16, ema=100.0, schedule="linear_decay(2, 4)", options=options)
    found = modes.measure(recipe, "grid", 2, 2, CPU)
    assert found["curve"]["step"] == [2, 4] and asked["batch"] == 16 and asked["ema_half_life"] == 100
    assert asked["learning_rate"](3) == 0.5
    modes.measure(replace(recipe, ema=0.0, schedule=None), "grid", 2, 1, CPU)
    assert asked["ema_half_life"] is None and asked["learning_rate"] is None


def test_a_recipe_competes_by_its_key_alone(monkeypatch):
    made = {
        "a": Recipe("a", "gan", modes="A"),
        "b": Recipe("b", "gan", modes="B", data="grid", schedule="cosine(7)"),
        "c": Recipe("c", "gan", data="ring"),
    }
    monkeypatch.setattr(modes.recipes, "shipped", lambda: made)
    assert list(modes.entrants("ring")) == ["a"] and list(modes.entrants("grid")) == ["a", "b"]
    assert {name: r.steps for name, r in modes.entrants("grid", 9).items()} == {"a": 9, "b": 3000}


def test_what_is_missing_is_measured_and_what_has_changed_too():
    kept = record(ring={name: entry(name, "ring", [8, 8]) for name in ("gan-modes", "lsgan-modes")})
    kept["results"]["ring"]["lsgan-modes"]["settings"]["options"] = {"loss": "minimax"}
    lacking = [recipe.name for recipe in modes.missing(kept, "ring")]
    assert lacking == [name for name in modes.entrants("ring") if name != "gan-modes"]
    assert [recipe.name for recipe in modes.missing(kept, "grid")] == list(modes.entrants("grid"))
    assert "gan-modes" in [recipe.name for recipe in modes.missing(kept, "ring", steps=7)]


# -- the protocol ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", PUBLISHED)
def test_the_protocol_has_the_published_networks_and_optimiser(name):
    recipe = modes.entrants("grid")[name]
    gan = ganlib.build(recipe.gan, (2,), **recipe.options)
    packing = recipe.options.get("packing", 1)
    generator, critic = gan.generator, gan.critic if "wgan" in recipe.gan else gan.discriminator
    assert [tuple(p.shape) for p in generator.parameters() if p.ndim == 2] == [(400, 2), *[(400, 400)] * 3, (2, 400)]
    assert [tuple(p.shape) for p in critic.parameters() if p.ndim == 2] == [
        (1000, 2 * packing),
        (1000, 200),
        (1000, 200),
        (1, 200),
    ]
    assert recipe.batch == 100 * packing and gan.latent_dim == 2 and recipe.ema == 0 and recipe.schedule is None
    # Three come with the optimisers of their own authors.
    own = {"wgan": (5e-5, None), "wgan-gp": (1e-4, (0.5, 0.9)), "sngan": (2e-4, (0.5, 0.999))}
    for player in gan.players().values():
        (group,) = player.optimizer([torch.nn.Parameter(torch.zeros(1))], 1.0).param_groups
        assert (group["lr"], group.get("betas")) == own.get(recipe.gan, (1e-4, (0.8, 0.999)))


def test_the_protocol_is_played_by_all_methods_that_have_landed():
    assert len(PUBLISHED) >= 8
    assert len({modes.entrants("ring")[name].modes for name in PUBLISHED}) == len(PUBLISHED)
    assert len({modes.entrants("ring")[name].steps for name in PUBLISHED}) == 1  # one budget


def test_the_laws_are_the_published_ones():
    ring, grid = map(ganlib.load, modes.LAWS)
    assert len(ring.modes) == 8 and ring.std.unique().tolist() == pytest.approx([0.01])
    assert len(grid.modes) == 25 and grid.std.unique().tolist() == pytest.approx([0.05])


class Given(torch.nn.Module):
    def __init__(self, samples):
        super().__init__()
        self.samples = samples

    def sample(self, z):
        return self.samples


def test_every_run_is_judged_by_the_same_latents(monkeypatch):
    drawn = []

    class Noted(Given):
        def sample(self, z):
            drawn.append(z)
            return self.samples

    judged = modes.judged
    monkeypatch.setattr(modes, "judged", lambda gan, law, z: judged(Noted(law.sample(2500)), law, z))
    recipe = Recipe("own", "gan", steps=1, batch=4, ema=0.0, options={"model": "mlp-small", "latent_dim": 2})
    for law in ("ring", "grid"):
        modes.measure(recipe, law, 2, 1, CPU)
    assert len(drawn) == 4 and all(torch.equal(z, drawn[0]) for z in drawn) and drawn[0].shape == (2500, 2)


def test_a_run_that_broke_down_has_found_nothing(monkeypatch):
    fit = ganlib.Seeds.fit

    def broken(self, steps):
        fit(self, steps)
        self.diverged[1] = 1
        return self

    monkeypatch.setattr(ganlib.Seeds, "fit", broken)
    monkeypatch.setattr(modes, "judged", lambda gan, law, z: dict.fromkeys(modes.MEASURES, 1.0))
    recipe = Recipe("own", "gan", steps=1, batch=4, ema=0.0, options={"model": "mlp-small", "latent_dim": 2})
    found = modes.measure(recipe, "ring", 2, 1, CPU)
    assert found["modes"] == [1.0, 0.0] and found["reverse KL"] == [1.0, None] and found["diverged"] == 1


def test_judging_knows_the_perfect_the_collapsed_and_the_lost():
    ring = ganlib.load("ring")
    perfect = modes.judged(Given(ring.sample(2500, torch.Generator().manual_seed(0))), ring, None)
    assert (perfect["modes"], perfect["at least half"]) == (8, 8)
    assert perfect["high quality"] == pytest.approx(0.9889, abs=0.01) and 0 < perfect["reverse KL"] < 0.01
    one = modes.judged(Given(torch.tensor([[1.0, 0.0]]).expand(2500, 2)), ring, None)
    assert (one["modes"], one["high quality"]) == (1, 1)
    assert one["reverse KL"] == pytest.approx(2.0794, abs=1e-3)  # log 8
    far = modes.judged(Given(torch.zeros(2500, 2)), ring, None)
    assert (far["modes"], far["high quality"], far["reverse KL"]) == (0, 0, None)
    assert modes.judged(Given(torch.full((2500, 2), torch.nan)), ring, None) == far


# -- the table ---------------------------------------------------------------------------------------------------------
def test_the_table_has_the_perfect_sampler_and_the_published_rows():
    text = modes.table(record(ring={"gan-modes": entry("gan-modes", "ring", [6, 7])}))
    assert "| a perfect sampler | – | 8.0 | 8.0 | 98.89 | 0.0014 |" in text
    assert "| a perfect sampler | – | 25.0 | 25.0 | 98.89 | 0.0049 |" in text
    steps = modes.entrants("ring")["gan-modes"].steps
    assert f"| GAN | {steps:,} | 6.5 ± 0.5 | 6.5 ± 0.5 | 97.0 ± 0.0 | 0.100 ± 0.000 |" in text
    lin, veegan = "(Lin 2018) | 400,000", "(Srivastava 2017) | –"
    assert f"| PacGAN, m = 4 {lin} | 24.8 ± 0.2 | – | 93.6 ± 0.6 | 0.04 ± 0.01 |" in text
    assert f"| VEEGAN {veegan} | 8.0 | – | 52.9 | – |" in text and f"| ALI {veegan} | 2.8 | – | 0.13 | – |" in text
    assert sum(line.startswith("| ") and " 201" in line for line in text.splitlines()) == 18
    assert "| gan-modes | ring | gan | 100 | 0.0 | None | model maxout, latent_dim 2, lr 0.0001, beta1 0.8 |" in text


def test_a_share_of_the_seeds_is_named():
    assert modes.part([1.0, None]) == " (1/2 seeds)" and modes.part([1.0]) == modes.part([None]) == ""


def test_the_goal_needs_both_laws_and_the_quality():
    good = {"ring": [8, 8], "grid": [25, 24.6]}
    kept = record(**{law: {"gan-modes": entry("gan-modes", law, found)} for law, found in good.items()})
    assert modes.reached(kept) == ["GAN"] and "or more: GAN." in modes.table(kept)
    kept["results"]["grid"]["gan-modes"]["high quality"] = [0.94, 0.95]
    assert modes.reached(kept) == [] and "no method here" in modes.table(kept)
    assert modes.reached(record(ring={"gan-modes": entry("gan-modes", "ring", [8, 8])})) == []


# -- what is committed -------------------------------------------------------------------------------------------------
def test_committed_result():
    kept = common.result("modes")
    assert kept["protocol"]["seeds"] >= 10 and kept["protocol"]["samples"] == 2500
    assert (common.RESULTS / "modes.md").read_text(encoding="utf-8") == modes.table(kept)
    assert kept["tables"] == modes.tables(kept) and (common.RESULTS / "modes.svg").exists()
    assert kept["results"]["ring"]["r3gan-ring"]["title"] in modes.reached(kept)
    lacking = {law: [recipe.name for recipe in modes.missing(kept, law)] for law in modes.LAWS}
    assert not any(lacking.values()), "rows that are not there or have other settings: run `python benchmarks/modes.py`"


def test_the_figure_of_the_site_is_drawn_in_both_languages(tmp_path):
    script = modes.FIGURE
    subprocess.run([sys.executable, script, tmp_path], check=True)
    for language in ("en", "zh"):
        drawn, shown = (f / f"modes-{language}.svg" for f in (tmp_path, script.parents[1] / "_static" / "figures"))
        lines = [len(file.read_text("utf-8").splitlines()) for file in (drawn, shown)]  # digits differ by machine
        assert lines[0] == lines[1], "run `python book/figures/modes.py`"
