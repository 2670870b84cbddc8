"""FLOPs and bytes are counted right, and the committed floors are plausible."""

import pytest
import torch
from torch.nn import functional as F

from benchmarks import common, floor

CPU = torch.device("cpu")


def counted(function):
    """What one call of a function costs: operation → calls, FLOPs, bytes, seconds at 1 FLOP/s and 1 byte/s."""
    with floor.Count({torch.float32: 1.0}, 1.0) as count:
        function()
    return {name.split(",")[0]: row for name, row in count.found.items()}


X, W = torch.randn(8, 4), torch.randn(3, 4)


@pytest.mark.parametrize(
    "function, name, flops, numbers",
    [
        (lambda: X @ W.T, "mm", 2 * 8 * 4 * 3, 32 + 12 + 24),
        (lambda: X + 1, "add", 0, 32 + 32),
        (lambda: X.clone().mul_(2), "mul_", 0, 32 + 32),
        (lambda: X.clone().zero_(), "zero_", 0, 32),
        (lambda: torch.ones_like(X), "ones_like", 0, 32),
        (lambda: X[torch.tensor([1, 5])], "index", 0, 2 * 2 + 8 + 8),  # two int64, two rows read and written
        (lambda: X[:1].expand(8, 4) + 1, "add", 0, 32 + 32),
        (lambda: F.conv2d(torch.ones(2, 3, 8, 8), torch.ones(5, 3, 4, 4)), "convolution", 2 * 2 * 25 * 5 * 48, 874),
    ],
)
def test_one_operation(function, name, flops, numbers):
    row = counted(function)[name]
    assert (row["calls"], row["flops"], row["bytes"]) == (1, flops, 4 * numbers)
    assert row["s"] == max(flops, 4 * numbers)  # whichever limits


def test_views_and_allocations_cost_nothing():
    assert counted(lambda: (X.T, X.view(4, 8), X[2:], torch.empty(10))) == {}


def test_backward_is_counted():
    w = W.clone().requires_grad_()
    found = counted(lambda: (X @ w.T).sum().backward())
    assert found["mm"]["calls"] == 2 and found["mm"]["flops"] == 2 * (2 * 8 * 4 * 3)


def test_fused_adam_reads_four_and_writes_three():
    w = torch.zeros(1000, requires_grad=True)
    w.grad = torch.ones(1000)
    optimizer = torch.optim.Adam([w], fused=True)
    optimizer.step()
    assert counted(optimizer.step)["_fused_adam_"]["bytes"] == pytest.approx(4 * 7 * 1000, rel=0.01)


def test_one_step_of_the_mlp_gan(monkeypatch):
    monkeypatch.setattr(common, "peak_flops", lambda dtype, device: 1e11)
    monkeypatch.setattr(floor, "bandwidth", lambda device: 1e10)
    record = floor.measure(2, 1, 8, CPU, ["mlp"], images=32)
    (game,) = record["games"]
    # D's turn: G forward, which is kept, D forward and backward twice (no gradient of the images); G's turn: D forward
    # and backward for the images alone, G backward (none of z). A multiplication and an addition per weight and sample.
    g, d = [100 * 256, 256 * 512, 512 * 1024, 1024 * 784], [784 * 512, 512 * 256, 256]
    expected = 2 * (3 * sum(d) - d[0]) + 2 * sum(d) + (3 * sum(g) - g[0])
    assert game["gflop"] == pytest.approx(2 * 8 * expected / 1e9, rel=1e-6)
    assert len(game["operations"]) == 10 and 0 < game["floor_ms"] and 0 < game["ratio"]
    assert sum(row["s"] for row in game["operations"].values()) <= game["floor_ms"] / 1e3
    assert "floor / measured" in floor.table(record)


def test_the_device_is_measured():
    assert 1e8 < common.peak_flops(torch.float32, CPU, n=128) < 1e14
    assert 1e7 < floor.bandwidth(CPU, 2**22) < 1e13


def test_committed_result():
    games = {game["title"]: game for game in common.result("floor")["games"]}
    assert {"MLP GAN, digits 28", "DCGAN-32, avatars"} <= set(games)
    # On a CPU caches can beat the floor, but not by much; far below it nothing would have been gained by counting.
    assert all(0.05 < game["ratio"] < 1.5 for game in games.values())


def test_committed_result_on_a_gpu():
    if not (common.RESULTS / "floor-gpu.json").exists():
        pytest.skip("no GPU has been at hand yet")
    ratios = {(g["title"], g["precision"]): g["ratio"] for g in common.result("floor-gpu")["games"]}
    assert ratios["DCGAN-64, avatars", "bf16"] >= 0.5
