"""The cost of the penalty can be measured, and both sides differ in the penalty alone."""

import pytest
import torch

from benchmarks import common, penalty
from ganlib.gans.wgan_gp import WGANGP

CPU = torch.device("cpu")


def test_runs_and_reports():
    record = penalty.measure(steps=2, rounds=1, batch=8, device=CPU, games=["mlp"], images=16)
    game = record["games"]["mlp"]
    assert game["parameters"] == 533_505 and set(game["timed"]) == {"critic", "whole step"}
    for part in game["timed"].values():
        assert part["eager"]["ratio"] > 0 and min(part["eager"]["ms_per_step"].values()) > 0
    assert set(record["tables"]) == {"critic", "step"}
    for made in record["tables"].values():
        assert [row[0] for row in made["rows"]] == ["MLP, digits 28"] and len(made["rows"][0]) == len(made["head"])
    text = penalty.table(record)
    assert "| MLP, digits 28 |" in text and "batch 8" in text


def test_a_gpu_has_a_table_for_each_setting():
    times = {"ms_per_step": {"without": 1.0, "with": 2.0}, "ratio": 2.0}
    timed = {part: {"eager": times, "CUDA graphs, bf16": times} for part in penalty.WHOLE}
    made = penalty.tables({"mlp": {"title": "MLP", "products": 2.3, "timed": timed}})
    assert set(made) == {"critic eager", "critic CUDA-graphs-bf16", "step eager", "step CUDA-graphs-bf16"}
    assert made["critic eager"]["rows"] == [["MLP", "1.0", "2.0", "2.00", "2.30"]]


@pytest.mark.parametrize("whole, turns", [(False, 1), (True, 6)])
def test_both_sides_play_the_same_game(whole, turns):
    game, shape = penalty.GAMES["mlp"], (1, 28, 28)
    two = [penalty.build(game, side, whole, shape) for side in penalty.SIDES]
    for gan in two:
        assert isinstance(gan, WGANGP) and sum(phase.repeats for phase in gan.phases()) == turns
    assert all(torch.equal(a, b) for a, b in zip(*(gan.parameters() for gan in two), strict=True))


def test_the_sides_differ_in_the_penalty_alone():
    game, images = penalty.GAMES["mlp"], penalty.GAMES["mlp"].images(8)
    terms = {}
    for side in penalty.SIDES:
        gan = penalty.build(game, side, False, images.shape)
        torch.manual_seed(3)
        terms[side], _ = gan.critic_loss(images.batch(8))
    assert torch.equal(terms["with"]["-W"], terms["without"]["-W"])
    assert set(terms["with"]) - set(terms["without"]) == {"penalty"} and terms["with"]["penalty"] > 0
    # Page 07: 6N products without, twice that with; the first layer, whose input needs no gradient, makes it more.
    assert 1.8 < penalty.products(game, "with", images) / penalty.products(game, "without", images) < 2.6


# -- what is committed -------------------------------------------------------------------------------------------------
def test_committed_result():
    kept = common.result("penalty")
    assert set(kept["games"]) >= set(penalty.ON_CPU) and kept["protocol"]["rounds"] >= 11
    assert kept["tables"] == penalty.tables(kept["games"])
    assert (common.RESULTS / "penalty.md").read_text(encoding="utf-8") == penalty.table(kept)
    for game in kept["games"].values():  # lab 07: more than the products say for the critic alone, less for the whole
        alone, whole = (game["timed"][part]["eager"]["ratio"] for part in penalty.WHOLE)
        assert 1.5 < whole < alone < 3
