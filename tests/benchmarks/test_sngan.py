"""The benchmark of SNGAN: the same networks and budget in seconds for all, tables by rate and by time, tiny runs."""

import json
import sys

import pytest
import torch

import ganlib
from benchmarks import common, sngan
from ganlib.metrics import features
from ganlib.models import layers

CPU = torch.device("cpu")


def run(monkeypatch, folder, *words):
    monkeypatch.setattr(common, "RESULTS", folder)
    monkeypatch.setattr(sngan, "RATES", (1e-3,))
    monkeypatch.setattr(sngan, "costs", lambda names, device: {name: cost(name) for name in [sngan.REFERENCE, *names]})
    sizes = ["--steps", "4", "--n", "200", "--seeds", "2", "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", ["sngan.py", *sizes, *words])
    sngan.main()
    return json.loads((folder / "sngan.json").read_text(encoding="utf-8"))


def cost(name):
    ratio = 1.0 if name == sngan.REFERENCE else 2.0
    return {"ratio": ratio, "seconds": ratio / 4}


def record(**results):
    """From row → rate → FIDs of each seed at the looks."""
    machine = {"device": "cpu", "cpu": "", "cores": 2, "threads": 2, "torch": "", "python": "", "matmul_gflops": 1.0}
    rows = {
        name: {
            f"{rate:g}": {
                "settings": sngan.settings(name, rate),
                "runs": [
                    {"seed": seed, "steps": sngan.ends(80, cost(name)["ratio"]), "FID": fids}
                    for seed, fids in enumerate(runs)
                ],
            }
            for rate, runs in rates.items()
        }
        for name, rates in results.items()
    }
    return {"benchmark": "sngan", **machine, "date": "", "features": "avatars", "floor": 0.5} | {
        "protocol": {"steps": 80, "n": 100, "seeds": 2},
        "cost": {name: cost(name) for name in sngan.ROWS},
        "results": rows,
    }


# -- what plays --------------------------------------------------------------------------------------------------------
def sizes(name):
    gan = ganlib.build(sngan.recipe(name, 1e-3).gan, (3, 32, 32), **sngan.recipe(name, 1e-3).options)
    judge = gan.discriminator if name == "sngan" else gan.critic
    return [sum(p.numel() for p in net.parameters()) for net in (gan.generator, judge)], judge


def test_networks_are_the_same_but_for_what_holds_the_critic():
    (generator, critic), judge = sizes("sngan")
    assert all(layers.is_normalised(part) for part in judge.modules() if isinstance(part, layers.LINEAR))
    assert sizes("wgan-gp-bare")[0] == [generator, critic]  # the critic of SNGAN without the division
    assert not any(layers.is_normalised(p) for p in sizes("wgan-gp-bare")[1].modules() if isinstance(p, layers.LINEAR))
    layered, judge = sizes("wgan-gp")
    assert layered[0] == generator and 0 < layered[1] - critic < 1000
    assert any(isinstance(part, torch.nn.GroupNorm) for part in judge.modules())


@pytest.mark.parametrize("name", list(sngan.ROWS))
def test_one_turn_each_and_the_rate_asked_for(name):
    played = sngan.recipe(name, 5e-4)
    gan = ganlib.build(played.gan, (3, 32, 32), **played.options)
    assert [phase.repeats for phase in gan.phases()] == [1, 1] and played.batch == sngan.BATCH
    for player in gan.players().values():
        made = player.optimizer([torch.nn.Parameter(torch.zeros(1))], 1.0).defaults
        assert made["lr"] == 5e-4 and made["betas"] == (played.options["beta1"], played.options["beta2"])


def test_all_have_the_same_time():
    assert sngan.ends(80, 1.0) == [10, 20, 40, 80] and sngan.ends(80, 2.0) == [5, 10, 20, 40]
    assert sngan.ends(1, 3.0) == [1, 1, 1, 1]


def test_a_step_is_timed_in_turn_with_the_reference(monkeypatch):
    asked = []

    def in_turn(loops, steps, rounds, device):
        asked.append(list(loops))
        return {name: [0.5, 0.7, 0.6] if name == "sngan" else [1.0, 1.4, 3.0] for name in loops}

    monkeypatch.setattr(common, "in_turn", in_turn)
    found = sngan.costs(["wgan-gp"], CPU)
    assert asked == [["sngan", "wgan-gp"]] and found["sngan"] == {"ratio": 1.0, "seconds": 0.6}
    assert found["wgan-gp"] == {"ratio": pytest.approx(2), "seconds": pytest.approx(1.2)}


# -- one run -----------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def real():
    return features.extract(ganlib.load("avatars", size=32, n=200, split="test"))


def test_a_run_is_judged_at_each_of_its_steps_and_is_a_run_of_its_seed(real):
    runs = [sngan.play("sngan", 1e-3, seed, [1, 3], real, CPU) for seed in (0, 0, 1)]
    assert runs[0] == runs[1] and runs[0]["steps"] == [1, 3]
    assert len({*runs[0]["FID"], *runs[2]["FID"]}) == 4 and min(runs[0]["FID"]) > 50


def test_a_run_that_breaks_down_has_no_fid_from_there_on(real, monkeypatch):
    steps = ganlib.Trainer.fit

    def fit(self, n):
        if self.step:
            raise ganlib.training.TrainingDiverged("the loss is NaN")
        return steps(self, n)

    monkeypatch.setattr(ganlib.Trainer, "fit", fit)
    found = sngan.play("sngan", 1e-3, 0, [1, 2, 3], real, CPU)["FID"]
    assert found[0] > 50 and found[1:] == [None, None]


# -- the report --------------------------------------------------------------------------------------------------------
GOOD, BAD = [[80.0, 40.0, 20.0, 10.0], [80.0, 40.0, 20.0, 12.0]], [[90.0, 80.0, 70.0, 60.0]] * 2
LOST = [[90.0, 9.0, None, None], [90.0, 9.0, 8.0, 7.0]]


def test_tables_by_rate_and_by_time():
    kept = record(**{"sngan": {2e-4: BAD, 1e-3: GOOD}, "wgan-gp": {1e-3: LOST, 5e-4: BAD}})
    found = sngan.tables(kept)
    assert found[""]["head"] == ["Method", "0.0002", "0.0005", "0.001", "Time of a step"]
    assert found[""]["rows"] == [
        ["SNGAN", "60.0 ± 0.0", "–", "11.0 ± 1.0", "1.00"],
        ["WGAN-GP", "–", "60.0 ± 0.0", "7.0 (1/2 †)", "2.00"],
        ["real images", "0.50", "–", "–", "–"],
    ]
    assert found["time"]["head"] == ["Method", "2 s", "5 s", "10 s", "20 s", "Rate"]  # 80 steps of a quarter second
    assert found["time"]["rows"][0] == ["SNGAN", "80.0 ± 0.0", "40.0 ± 0.0", "20.0 ± 0.0", "11.0 ± 1.0", "0.001"]
    assert found["time"]["rows"][1][-1] == "0.0005"  # a rate at which runs are lost is not the best one
    text = sngan.table(kept)
    assert "SNGAN 250 ms, WGAN-GP 500 ms" in text and "| SNGAN | 60.0 ± 0.0 |" in text


def test_the_figure_puts_the_looks_where_their_seconds_are():
    kept = record(**{"sngan": {2e-4: BAD, 1e-3: GOOD}, "wgan-gp": {1e-3: LOST}})
    (panel,) = sngan.figure(kept).axes
    lines = {line.get_label(): line for line in panel.get_lines()}
    assert {"SNGAN, 0.001", "WGAN-GP, 0.001"} < set(lines) and len(lines) == 3
    for label in ("SNGAN, 0.001", "WGAN-GP, 0.001"):
        assert list(lines[label].get_xdata()) == [2.5, 5, 10, 20]
    assert list(lines["SNGAN, 0.001"].get_ydata()) == [80, 40, 20, 11]
    assert list(lines["WGAN-GP, 0.001"].get_ydata()) == [90, 9, 8, 7]


def test_what_is_missing_is_played_seed_by_seed():
    kept = record(**{"sngan": {2e-4: GOOD, 5e-4: GOOD[:1], 1e-3: GOOD}})
    kept["results"]["sngan"]["0.001"]["settings"]["options"] = {}  # the row has changed since
    todo = sngan.missing(kept, 2)
    assert len(todo) == 2 * 9 - 3 and [seed for seed, *_ in todo] == sorted(seed for seed, *_ in todo)
    assert todo[0] == (0, "sngan", 1e-3) and {run[1:] for run in todo if run[0] == 1} >= {("sngan", 5e-4)}
    assert (0, "sngan", 5e-4) not in todo


# -- end to end --------------------------------------------------------------------------------------------------------
def test_tiny_runs_are_kept_and_the_next_ones_add_to_them(monkeypatch, tmp_path, capsys):
    run(monkeypatch, tmp_path, "--rows", "wgan-gp")
    kept = run(monkeypatch, tmp_path, "--rows", "sngan")
    assert list(kept["results"]) == ["sngan", "wgan-gp"] and kept["tables"] == sngan.tables(kept)
    for name, steps in (("sngan", [1, 1, 2, 4]), ("wgan-gp", [1, 1, 1, 2])):
        runs = kept["results"][name]["0.001"]["runs"]
        assert [each["seed"] for each in runs] == [0, 1] and all(each["steps"] == steps for each in runs)
    assert (tmp_path / "sngan.svg").exists()
    said = capsys.readouterr()
    assert (tmp_path / "sngan.md").read_text(encoding="utf-8") in said.out and "sngan at 0.001, seed 1" in said.err
    with pytest.raises(SystemExit):
        run(monkeypatch, tmp_path, "--seeds", "3")
    assert "sngan.json holds runs with seeds 2; expected the same here, or --fresh" in capsys.readouterr().err


# -- what is committed -------------------------------------------------------------------------------------------------
def test_committed_result():
    kept = common.result("sngan")
    assert kept["protocol"]["seeds"] >= 3 and sngan.missing(kept, kept["protocol"]["seeds"]) == []
    assert (common.RESULTS / "sngan.md").read_text(encoding="utf-8") == sngan.table(kept)
    assert kept["tables"] == sngan.tables(kept)
