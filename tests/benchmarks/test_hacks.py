"""The benchmark of advice: each row changes one thing, effects are taken seed by seed, and one tiny run end to end."""

import json
import sys

import pytest
import torch

import ganlib
from benchmarks import common, hacks, modes
from ganlib.metrics.modes import mode_coverage

CPU = torch.device("cpu")


def run(monkeypatch, folder, *words):
    monkeypatch.setattr(common, "RESULTS", folder)
    monkeypatch.setattr(sys, "argv", ["hacks.py", "--steps", "2", "--seeds", "2", "--looks", "1", *words])
    hacks.main()
    return json.loads((folder / "hacks.json").read_text(encoding="utf-8"))


def entry(name, found, quality=0.5, divergence=0.1):
    row, n = hacks.ROWS[name], len(found)
    return {
        "title": row.title,
        "settings": modes.settings(hacks.recipe(row, 2)),
        "scale": row.scale,
        "diverged": 0,
        "modes": found,
        "high quality": quality if isinstance(quality, list) else [quality] * n,
        "reverse KL": [divergence] * n,
    }


def record(**results):
    machine = {"device": "cpu", "cpu": "", "cores": 2, "threads": 2, "torch": "", "python": "", "matmul_gflops": 1.0}
    return {"benchmark": "hacks", **machine, "date": "", "protocol": {"seeds": 2, "steps": 2}, "results": results}


# -- the rows ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", [name for name in hacks.ROWS if name != "plain"])
def test_a_row_changes_what_it_says_and_nothing_else(name):
    """Against the row that it is compared with: one option (and what goes with it), or the game, the data, averages."""
    row, other = hacks.ROWS[name], hacks.ROWS[hacks.ROWS[name].against]
    changed = {key for key in row.options | other.options if row.options.get(key) != other.options.get(key)}
    assert (
        len(changed - {"noise_images", "fake_target", "beta2", "lookahead_rate"})
        + (row.scale != other.scale)
        + (row.ema != other.ema)
        == 1
    )
    shape = ganlib.load("ring").shape
    game, plain = (ganlib.build(r.gan, shape, **hacks.PLAIN | r.options) for r in (row, other))
    assert game.latent_dim == plain.latent_dim
    for player, same in zip(game.players().values(), plain.players().values(), strict=True):
        ours, theirs = (p.optimizer([torch.nn.Parameter(torch.zeros(1))], 1.0).defaults for p in (player, same))
        differ = {key for key in ours if ours[key] != theirs[key]}
        assert (
            differ <= {"lr"} if name in ("rates", "slow") else differ <= {"betas"} if "momentum" in name else not differ
        )


def test_the_plain_row_is_the_original_gan_with_the_settings_of_all():
    assert hacks.ROWS["plain"].options == {} and hacks.ROWS["plain"].gan == "ganhacks"
    assert set(hacks.PLAIN) == {"model", "latent_dim", "lr", "beta1"}


def test_wide_data_are_the_same_modes_further_apart():
    law = ganlib.load("ring")
    wide = hacks.scaled(law, 10.0)
    assert torch.allclose(wide.modes, 10 * law.modes) and wide.std == pytest.approx(10 * law.std)
    samples = law.sample(2500, torch.Generator().manual_seed(0))
    for bad in (0.0, 0.4):  # of good samples, and of some that fall between the modes
        moved = samples + bad * law.modes[0]
        found, there = mode_coverage(moved, law), mode_coverage(10 * moved, wide)
        assert found.value == there.value and found.details["high quality"] == there.details["high quality"]


# -- the effect --------------------------------------------------------------------------------------------------------
def test_effects_are_differences_seed_by_seed():
    """Both rows scatter by 2 modes over the seeds, their difference not at all: means apart would hide it."""
    kept = record(
        plain=entry("plain", [2.0, 6.0], [0.2, 0.6]),
        norm=entry("norm", [3.0, 7.0], [0.1, 0.5]),
        **{"norm-together": entry("norm-together", [3.0, 7.0], [0.3, 0.7])},
    )
    assert hacks.effects(kept, "norm")["modes"] == (1.0, 0.0)
    assert hacks.effects(kept, "norm")["high quality"] == pytest.approx((-0.1, 0.0))
    assert hacks.effects(kept, "norm-together")["modes"] == (
        0.0,
        0.0,
    )  # against batches apart, not against the plain GAN
    assert hacks.effects(kept, "plain")["modes"] == ()
    rows = hacks.tables(kept)[""]["rows"]
    assert rows[0] == ["the plain GAN", "4.0 ± 2.0", "40.0 ± 20.0", "0.10 ± 0.00", "–", "–"]
    assert rows[1] == [
        "batch norm in D, batches apart",
        "5.0 ± 2.0",
        "30.0 ± 20.0",
        "0.10 ± 0.00",
        "+1.0 ± 0.0",
        "−10.0 ± 0.0",
    ]
    assert rows[2][-2:] == ["+0.0 ± 0.0", "+20.0 ± 0.0"]


def test_a_reverse_kl_that_some_seeds_lack_is_left_out_of_both_sides():
    kept = record(plain=entry("plain", [2.0, 6.0]), noise=entry("noise", [2.0, 6.0]))
    kept["results"]["noise"]["reverse KL"] = [None, 0.3]
    assert hacks.effects(kept, "noise")["reverse KL"] == pytest.approx((0.2,))
    kept["results"]["noise"]["diverged"] = 1
    assert "counted as 0 modes: noise of 0.1 on all samples: 1." in hacks.table(kept)


# -- end to end --------------------------------------------------------------------------------------------------------
def test_a_tiny_run_is_kept_and_the_next_one_adds_to_it(monkeypatch, tmp_path, capsys):
    run(monkeypatch, tmp_path, "--rows", "wide", "--device", "cpu")
    kept = run(monkeypatch, tmp_path, "--rows", "plain", "--device", "cpu")
    assert list(kept["results"]) == ["plain", "wide"] and kept["results"]["wide"]["scale"] == 10
    assert kept["tables"] == hacks.tables(kept)
    assert (tmp_path / "hacks.md").read_text(encoding="utf-8") in capsys.readouterr().out
    with pytest.raises(SystemExit):
        run(monkeypatch, tmp_path, "--rows", "plain", "--device", "cpu", "--seeds", "3")
    assert "hacks.json holds runs with seeds 2; expected the same here, or --fresh" in capsys.readouterr().err


def test_what_is_missing_and_what_has_changed_is_measured_again():
    kept = record(plain=entry("plain", [8.0]), wide=entry("wide", [8.0]), noise=entry("noise", [8.0]))
    kept["results"]["wide"]["scale"] = 5.0
    kept["results"]["noise"]["settings"]["options"] = {}
    assert hacks.missing(kept, 2) == [name for name in hacks.ROWS if name != "plain"]
    assert hacks.missing(kept, 3) == list(hacks.ROWS)


# -- what is committed -------------------------------------------------------------------------------------------------
def test_committed_result():
    kept = common.result("hacks")
    assert kept["protocol"]["seeds"] >= 10 and hacks.missing(kept, hacks.STEPS) == []
    assert (common.RESULTS / "hacks.md").read_text(encoding="utf-8") == hacks.table(kept)
    assert kept["tables"] == hacks.tables(kept)
