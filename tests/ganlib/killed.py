"""Kill a run at many moments, resume it each time, and compare the bytes; for test_kill.py, and to be run by hand.

    python tests/ganlib/killed.py FOLDER [KILLS]

Each run is a child made by fork: torch is imported once. Prints one JSON line with what happened.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import torch
import torch._dynamo  # noqa: F401, optimisers import it on first use, for seconds in each child

sys.path.insert(0, str(Path(__file__).parents[2]))
import ganlib
from ganlib.training import Trainer, checkpoint
from tests.ganlib.games import Cloud, Cycle

STEPS, EVERY = 80, 4
STAGES = ("mkstemp", "write", "fsync", "replace", "replaced", "unlink")


def train(folder, die_at=None):
    """Go on with the run in `folder`, or begin it; with `die_at`, killed in the middle of that write."""
    torch.set_num_threads(1)
    ganlib.seed(0)
    t = Trainer(
        Cycle(),
        Cloud(),
        16,
        device="cpu",
        ema_half_life=200,
        out=folder,
        checkpoint_every=EVERY,
        log_every=6,
        progress=False,
    )
    if checkpoint.in_folder(folder):
        t.resume()
    if die_at:
        arm(*die_at)
    if t.step < STEPS:
        t.fit(STEPS - t.step)


def arm(stage, number):
    """Die at a stage of the `number`-th checkpoint from now."""
    die = lambda: os.kill(os.getpid(), signal.SIGKILL)
    real_write, count = checkpoint.write, [0]

    def write(path, state):
        count[0] += 1
        if count[0] < number:
            return real_write(path, state)
        if stage == "mkstemp":
            die()
        if stage == "write":
            real = os.fdopen

            class Half:
                def __init__(self, *args):
                    self.file = real(*args)

                def __enter__(self):
                    return self

                def __exit__(self, *_):
                    self.file.close()

                def write(self, content):
                    self.file.write(content[: len(content) // 2])
                    self.file.flush()
                    die()

            os.fdopen = Half
        if stage in ("fsync", "replace"):
            setattr(os, stage, lambda *_: die())
        if stage == "unlink":
            Path.unlink = lambda *_, **__: die()
        path = real_write(path, state)
        if stage == "replaced":
            die()
        return path

    checkpoint.write = write


def child(function, *args):
    """Run a function in a child; its process id."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    try:
        function(*args)
        os._exit(0)
    except BaseException:
        import traceback

        traceback.print_exc()
    os._exit(1)


def finish(folder):
    """Resume in a new process; the bytes of the last checkpoint."""
    _, code = os.waitpid(child(train, folder), 0)
    assert code == 0, f"the run in {folder} could not go on"
    newest = checkpoint.in_folder(folder)[0]
    assert newest.name == checkpoint.name(STEPS)
    return newest.read_bytes()


def main(folder, kills):
    chance = random.Random(0)
    begun = time.monotonic()
    unbroken = finish(folder / "unbroken")
    seconds = time.monotonic() - begun
    wrong, steps, half_written = [], [], 0
    for number in range(kills):
        run = folder / f"random-{number}"
        pid = child(train, run)
        time.sleep(chance.uniform(0.02, 1) * seconds)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        found = checkpoint.in_folder(run) if run.is_dir() else []
        steps.append(int(found[0].stem.split("-")[1]) if found else 0)
        half_written += bool(run.is_dir() and list(run.glob(".*safetensors*")))
        if finish(run) != unbroken:
            wrong.append(run.name)
        shutil.rmtree(run)
    for stage in STAGES:
        run = folder / stage
        _, code = os.waitpid(child(train, run, (stage, 4)), 0)
        assert code == signal.SIGKILL, f"the run was to die at {stage}, and ended with {code}"
        if finish(run) != unbroken:
            wrong.append(stage)
        assert not list(run.glob(".checkpoint-*")), f"a half-written file is left after {stage}"
    # One run, killed again and again.
    run, lives = folder / "again", 0
    while not (found := checkpoint.in_folder(run)) or found[0].name != checkpoint.name(STEPS):
        pid, lives = child(train, run), lives + 1
        # Longer and longer: where the machine has become busy since, a life of the first ones would save nothing.
        time.sleep(chance.uniform(0.2, 0.6) * seconds * (1 + lives / 50))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        assert lives < 200, "the run makes no headway"
    if finish(run) != unbroken:
        wrong.append("again")
    print(
        json.dumps(
            {
                "kills": kills,
                "stages": len(STAGES),
                "lives": lives,
                "resumed at": sorted(steps),
                "half-written files": half_written,
                "seconds of the unbroken run": round(seconds, 2),
                "wrong": wrong,
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 50)
