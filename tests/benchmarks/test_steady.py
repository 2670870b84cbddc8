"""Nothing in a steady step makes the host wait; a loop that does is caught."""

import pytest
import torch
from torch.profiler import profile

import ganlib
from benchmarks import common, steady, throughput

CPU = torch.device("cpu")
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", ["mlp", "wgan-gp"])
def test_the_host_waits_for_nothing(name, device):
    record = steady.measure(2, 8, torch.device(device), [name], images=64)
    game = record["games"][name]
    assert game["waits"] == {}
    assert {"aten::mm", "aten::addmm"} & {row["name"] for row in game["operations"]} or device == "cuda"
    assert "waits for nothing" in steady.table(record)


def test_the_tutorial_loop_is_caught():
    game = throughput.GAMES["mlp"]
    loop = throughput.loop("tutorial, 0 workers", game, game.images(64), 8, CPU)
    with profile(acc_events=True) as profiler:
        loop(2)
    assert steady.waits(profiler.events(), CPU)["aten::item"] >= 4  # two losses a step


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_window_that_reads_the_losses_is_caught():
    """The trainer's own read, at the end of each window of the history, is a wait."""
    game = throughput.GAMES["mlp"]
    images = game.images(64)
    trainer = ganlib.Trainer(game.build(images.shape), images, 8, device="cuda", progress=False, log_every=2)
    assert steady.window(trainer, 4)[1]


def test_committed_result():
    games = common.result("steady")["games"]
    assert {"mlp", "dcgan-32", "wgan-gp"} <= set(games) and all(game["waits"] == {} for game in games.values())
