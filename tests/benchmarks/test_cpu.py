"""The table of settings can be made, leaves the process as it was, and says what ganlib's defaults rest on."""

import subprocess
import sys

import torch

from benchmarks import common, cpu


def test_runs_and_reports(monkeypatch):
    monkeypatch.setattr(cpu, "BATCH", 8)
    before = torch.get_num_threads(), torch.get_float32_matmul_precision()
    monkeypatch.setattr(cpu, "PARTS", {name: (cpu.PARTS[name][0], ("mlp",)) for name in ("threads", "matmul", "adam")})
    record = cpu.measure(steps=2, rounds=1, parts=["threads", "matmul", "adam"])
    assert (torch.get_num_threads(), torch.get_float32_matmul_precision()) == before
    assert set(record["ms_per_step"]["adam"]["mlp"]) == {"fused", "foreach", "for loop"}
    assert all(ms > 0 for games in record["ms_per_step"].values() for ms in games["mlp"].values())
    assert "| adam | mlp | fused |" in cpu.table(record)


def test_a_worker_takes_the_steps_it_is_told():
    job = [sys.executable, cpu.__file__, "--worker", "mlp"]
    made = subprocess.run(job, input="1\n2\n", capture_output=True, text=True, timeout=300)
    assert made.returncode == 0 and made.stdout == "done\ndone\n"


def test_committed_result():
    record = common.result("cpu")
    assert set(record["ms_per_step"]) == set(cpu.PARTS) and record["device"] == "cpu"
