"""The benchmark runs, compares like with like, and its committed result keeps the promise."""

import json
from pathlib import Path

import torch

import ganlib
from benchmarks import throughput


def test_runs_and_reports():
    record = throughput.measure(steps=2, rounds=1, batch=8, workers=(0,), device=torch.device("cpu"), images=64, runs=1)
    assert set(record["loops"]) == {"tutorial, 0 workers", "ganlib"}
    assert all(row["ms_per_step"] > 0 for row in record["loops"].values())
    assert "| ganlib |" in throughput.table(record)


def test_the_tutorial_loop_learns_on_the_same_images():
    """A baseline that did no work would make any trainer look fast."""
    images = ganlib.load("digits", n=64)
    ganlib.seed(0)
    steps, (generator, discriminator) = throughput.tutorial_loop(images.pixels, 8, 16, 0, torch.device("cpu"))
    before = [p.clone() for p in [*generator.parameters(), *discriminator.parameters()]]
    steps(2)
    after = [*generator.parameters(), *discriminator.parameters()]
    assert all(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
    sample, _ = throughput.PILImages(images.pixels)[0]
    assert torch.allclose(sample, images.pixels[0] / 127.5 - 1, atol=1e-6)


def test_committed_result():
    record = json.loads((Path(throughput.__file__).parent / "results" / "throughput.json").read_text())
    assert record["batch"] == 64 and record["rounds"] >= 5
    assert record["speedup"]["tutorial, 0 workers"] >= 1.7
    assert 0 < record["import_s"]["added by ganlib"] <= 0.3
