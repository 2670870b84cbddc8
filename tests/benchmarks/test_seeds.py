"""The benchmark runs, and its committed result keeps the promise."""

import json
from pathlib import Path

import torch

from benchmarks import seeds


def test_runs_and_reports():
    record = seeds.measure(steps=2, rounds=1, batch=8, counts=[1, 2], device=torch.device("cpu"))
    assert set(record["ms_per_step"]) == {"alone", "1", "2"} and record["relative"]["alone"] == 1
    assert "| one alone |" in seeds.table(record) and "| 2 |" in seeds.table(record)


def test_the_game_is_the_one_that_was_promised():
    gan = seeds.build()
    hidden = [[tuple(p.shape) for p in net.parameters()] for net in (gan.generator, gan.discriminator)]
    assert all((128, 128) in shapes and len(shapes) == 6 for shapes in hidden)


def test_committed_result():
    record = json.loads((Path(seeds.__file__).parent / "results" / "seeds.json").read_text())
    assert record["device"] == "cpu" and record["batch"] == 128 and record["rounds"] >= 5
    assert record["relative"]["10"] <= 5
