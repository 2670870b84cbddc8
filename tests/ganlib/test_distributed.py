"""Two processes play as one does: the same gradients, one writer, no hang."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ganlib.errors import GanlibError
from ganlib.training.distributed import World

SCRIPT = Path(__file__).with_name("play_together.py")


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def launch(tasks, folder, size=2, timeout=300):
    """Run the script in `size` processes; exit codes and standard errors."""
    env = os.environ | {"WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    processes = [
        subprocess.Popen(
            [sys.executable, SCRIPT, tasks, folder],
            env=env | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(size)
    ]
    try:
        ends = [process.communicate(timeout=timeout)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [process.returncode for process in processes], ends


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """What two processes did, and what one did."""
    folder = tmp_path_factory.mktemp("together")
    # `equal` replaces torch's random functions, so it comes last.
    for size, tasks in {2: "apart,normalised,resumed,stops,equal", 1: "alone,equal"}.items():
        codes, ends = launch(tasks, folder, size)
        assert codes == [0] * size, "\n".join(ends)
    return folder


@pytest.mark.parametrize("game", ["non-saturating", "wgan-gp", "lazy"])
def test_two_processes_are_one_with_the_same_batch(game, played):
    one, two, other = (load_file(played / f"equal-{name}.safetensors") for name in ("1-0", "2-0", "2-1"))
    gradients = [key for key in one if key.startswith(f"{game}.gradient")]
    weights = [key for key in one if key.startswith(f"{game}.weight")]
    assert len(gradients) >= 8 and len(weights) >= 8
    # Each process's own gradients are others': without the average the test would fail.
    assert any(not torch.allclose(one[key], two[key.replace("gradient", "own")], atol=1e-3) for key in gradients)
    for key in gradients:
        assert torch.allclose(one[key], two[key], rtol=0, atol=1e-6), key
    for key in weights:
        assert torch.allclose(one[key], two[key], rtol=0, atol=1e-5), key
        assert torch.equal(two[key], other[key]), key
    assert torch.allclose(one[f"{game}.history"], two[f"{game}.history"], rtol=0, atol=1e-5)


def test_each_process_sees_samples_of_its_own(played):
    first, second = (load_file(played / f"apart-2-{rank}.safetensors") for rank in (0, 1))
    assert first["seen"].shape == (8, 2)  # half a batch of 16
    assert not torch.equal(first["seen"], second["seen"])
    assert all(torch.equal(first[key], second[key]) for key in first if key != "seen")


def test_only_process_0_writes(played):
    assert (played / "out-0").is_dir()
    assert not (played / "out-1").exists()


def test_running_statistics_are_those_of_all(played):
    first, second = (load_file(played / f"normalised-2-{rank}.safetensors") for rank in (0, 1))
    assert any("running_mean" in key for key in first)
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_a_dead_process_ends_the_run_with_an_error(tmp_path):
    begun = time.monotonic()
    codes, ends = launch("dies", tmp_path)
    assert codes[1] == 9 and codes[0] == 1
    assert "process 0 of 2 lost another one" in ends[0]
    assert time.monotonic() - begun < 100


def test_nan_in_one_process_ends_all(tmp_path):
    codes, ends = launch("diverges", tmp_path)
    assert codes == [1, 1]
    assert all("TrainingDiverged" in end and "no checkpoint had been written" in end for end in ends)


def test_the_batch_must_be_shared_equally():
    world = World(0, 4, torch.device("cpu"))
    assert world.share(64) == 16 and world.share(64, 8) == 16
    with pytest.raises(GanlibError, match="batch_size=66 was given; expected a multiple of 4: 4 processes"):
        world.share(66)
    with pytest.raises(GanlibError, match=r"expected a multiple of 12: 4 processes × 3 parts \(accumulate\)"):
        world.share(64, 3)


def test_a_world_of_one_exchanges_nothing():
    world = World.join("cpu")
    assert (world.rank, world.size) == (0, 1)
    tensor = torch.ones(3)
    world.average_([tensor])
    assert torch.equal(tensor, torch.ones(3))
    assert world.gather("x") == ["x"] and world.agree(None) is None and world.share_out(lambda: 5) == 5


# Without a GPU `--multi_gpu` starts two processes all the same, and ganlib chooses what they talk through. (torchrun
# itself is tested in test_cli.py.)
ACCELERATE = (
    "-m accelerate.commands.launch --multi_gpu --num_processes 2 --num_machines 1 --mixed_precision no "
    "--dynamo_backend no --main_process_port"
).split()
NOTEBOOK = """
import sys
from accelerate import notebook_launcher
sys.argv = ["play_together.py", "apart", {folder!r}]
def cell():
    import runpy
    runpy.run_path({script!r}, run_name="__main__")
notebook_launcher(cell, num_processes=2, use_port="{port}")
"""


@pytest.mark.parametrize("launcher", ["accelerate", "notebook"])
def test_common_launchers_start_a_run(launcher, tmp_path):
    port = free_port()
    if launcher == "notebook":
        command = ["-c", NOTEBOOK.format(folder=str(tmp_path), script=str(SCRIPT), port=port)]
    else:
        command = [*ACCELERATE, port, SCRIPT, "apart", tmp_path]
    done = subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} >= {"apart-2-0.safetensors", "apart-2-1.safetensors", "out-0"}
    assert not (tmp_path / "out-1").exists()
