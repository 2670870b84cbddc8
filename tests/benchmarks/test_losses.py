"""The benchmark of losses: the same game for all but for the loss, tables with all rates, one tiny run end to end."""

import json
import sys

import pytest
import torch

import ganlib
from benchmarks import common, losses, modes
from ganlib.gans.gan import VanillaGAN

CPU = torch.device("cpu")


def run(monkeypatch, folder, *words):
    monkeypatch.setattr(common, "RESULTS", folder)
    monkeypatch.setattr(losses, "SAMPLES", 600)
    monkeypatch.setattr(losses, "RATES", dict.fromkeys(losses.DATA, (1e-3,)))
    monkeypatch.setattr(sys, "argv", ["losses.py", "--steps", "2", "--seeds", "2", "--looks", "1", *words])
    losses.main()
    return json.loads((folder / "losses.json").read_text(encoding="utf-8"))


def record(**results):
    machine = {"device": "cpu", "cpu": "", "cores": 2, "threads": 2, "torch": "", "python": "", "matmul_gflops": 1.0}
    results = {data: results.get(data, {}) for data in losses.DATA}
    return {"benchmark": "losses", **machine, "date": "", "protocol": {"seeds": 2}, "results": results}


# -- what plays --------------------------------------------------------------------------------------------------------
def test_all_losses_of_the_library_play():
    assert set(losses.LOSSES) == set(ganlib.losses.names())


@pytest.mark.parametrize("data", losses.DATA)
def test_only_loss_and_rate_differ(data):
    played = [losses.recipe(loss, data, rate) for loss in losses.LOSSES for rate in losses.RATES[data]]
    assert len(losses.RATES[data]) == 3
    same = [{key: value for key, value in p.options.items() if key not in ("lr", "loss")} for p in played]
    assert all(options == same[0] for options in same)
    assert len({(p.gan, p.steps, p.batch, p.ema, p.schedule) for p in played}) == 1
    shape = ganlib.load(data).shape
    for p in played:
        game = ganlib.build(p.gan, shape, **p.options)
        assert type(game) is VanillaGAN and game.loss.name == p.options["loss"]
        for player in game.players().values():
            assert player.optimizer([torch.nn.Parameter(torch.zeros(1))], 1.0).defaults["lr"] == p.options["lr"]


# -- the tables --------------------------------------------------------------------------------------------------------
def test_tables_have_a_column_for_each_rate_and_say_what_broke_down():
    played = losses.recipe("hinge", "digits", 1e-3)
    entry = {"settings": modes.settings(played), "diverged": 1, "FID": [12.0, None]}
    kept = record(digits={"hinge": {"0.001": entry, "0.0003": entry | {"diverged": 0, "FID": [3.0, 5.0]}}})
    found = losses.tables(kept)["digits"]
    assert found["head"] == ["Loss", "0.0001", "0.0003", "0.001"]
    assert found["rows"] == [["Hinge", "–", "4.0 ± 1.0", "12.0 (1/2 seeds)"]]
    text = losses.table(kept)
    assert "no FID: Hinge on digits at 0.001: 1." in text and "| Hinge | – | 4.0 ± 1.0 |" in text
    assert losses.tables(kept)["ring modes"]["rows"] == []


def test_what_is_missing_and_what_has_changed_is_measured_again():
    entry = {"settings": modes.settings(losses.recipe("hinge", "ring", 1e-3))}
    kept = record(ring={"hinge": {"0.001": entry, "0.003": entry}})  # the second with another rate
    lacking = losses.missing(kept, "ring")
    assert len(lacking) == 3 * 6 - 1 and ("hinge", 1e-3) not in lacking and ("hinge", 3e-3) in lacking
    assert len(losses.missing(kept, "grid")) == 3 * 6 and ("hinge", 1e-3) in losses.missing(kept, "ring", steps=7)


# -- end to end --------------------------------------------------------------------------------------------------------
def test_tiny_runs_are_kept_and_the_next_ones_add_to_them(monkeypatch, tmp_path, capsys):
    run(monkeypatch, tmp_path, "--losses", "pearson", "--data", "digits", "--device", "cpu")
    kept = run(monkeypatch, tmp_path, "--losses", "hinge", "--data", "digits", "ring", "--device", "cpu")
    digits, ring = kept["results"]["digits"], kept["results"]["ring"]
    assert list(digits) == ["hinge", "pearson"] and list(ring) == ["hinge"] and kept["results"]["grid"] == {}
    assert all(20 < value < 2000 for value in digits["hinge"]["0.001"]["FID"])  # far from digits after two steps
    assert len(ring["hinge"]["0.001"]["modes"]) == 2 and kept["tables"] == losses.tables(kept)
    assert (tmp_path / "losses.md").read_text(encoding="utf-8") in capsys.readouterr().out
    with pytest.raises(SystemExit):
        run(monkeypatch, tmp_path, "--losses", "hinge", "--device", "cpu", "--seeds", "3")
    assert "losses.json holds runs with seeds 2; expected the same here, or --fresh" in capsys.readouterr().err


def test_a_run_that_breaks_down_has_no_fid():
    """A rate of 1e30 makes NaN; all seeds are lost, and the row says so instead of failing."""
    found = losses.measure_digits(losses.recipe("pearson", "digits", 1e30, steps=3), 2, CPU)
    assert found["FID"] == [None, None] and found["diverged"] == 2


# -- what is committed -------------------------------------------------------------------------------------------------
def test_committed_result():
    kept = common.result("losses")
    assert kept["protocol"]["seeds"] >= 5 and not any(losses.missing(kept, data) for data in losses.DATA)
    assert (common.RESULTS / "losses.md").read_text(encoding="utf-8") == losses.table(kept)
    assert kept["tables"] == losses.tables(kept)
