"""What a run is at a moment, and how to put it back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ganlib.errors import GanlibError, say
from ganlib.training import checkpoint, rng
from ganlib.training import optimizers as optim

if TYPE_CHECKING:
    from ganlib.training.trainer import Trainer


class TrainingDiverged(GanlibError):
    """A loss or a weight became NaN or infinite."""

    exit_code = 3


def check_finite(trainer: Trainer, values: Mapping[str, float]) -> None:
    """Raise TrainingDiverged, with the name of what is wrong and the place of the last good state."""
    for name, value in values.items():
        if not math.isfinite(value):
            kept = trainer.out is not None and checkpoint.in_folder(trainer.out)
            last = f"the last good state is in {str(trainer.out)!r}" if kept else "no checkpoint had been written"
            raise TrainingDiverged(f"{name!r} is {value} at step {trainer.step}; {last}")


def of(trainer: Trainer) -> dict[str, Any]:
    """Everything a run is: networks, average, optimisers, scales, step, history, and each process's random state.

    All processes of a run call it together.

    Raises:
        TrainingDiverged: something is NaN or infinite, and must not take the place of a good state.
    """
    check_finite(trainer, trainer.history.means(trainer.world))
    tensors = trainer.gan.state_dict()
    check_finite(trainer, {name: x.sum().item() for name, x in tensors.items() if not x.isfinite().all()})
    own = {name: tensors[name].cpu() for name in trainer.gan.local_buffers}
    return {
        "recipe": trainer.gan.recipe,
        "gan": tensors,
        "ema": trainer.ema.state_dict() if trainer.ema else None,
        "optimizers": {name: optim.state(optimizer) for name, optimizer in trainer.optimizers.items()},
        "scalers": trainer.engine.state_dict(),
        "step": trainer.step,
        "images_seen": trainer.images_seen,
        "batch_size": trainer.usual_batch,
        "history": trainer.history.state_dict(),
        "processes": trainer.world.gather({"rng": rng.state(trainer.device), "buffers": own}),
    }


def put_back(trainer: Trainer, state: dict[str, Any], what: str) -> None:
    """Make the trainer what it was when `of` returned `state`.

    Args:
        trainer: of the same game and options; the device, the precision and the number of processes may differ.
        state: what `of` returned.
        what: where it comes from, for messages.

    Raises:
        GanlibError: it is of another architecture. The trainer is left as it was.
    """
    if "optimizers" not in state:
        raise GanlibError(f"{what} holds the weights of a game and no more; a run goes on from its own checkpoints")
    checkpoint.check_fit(trainer.gan, state["gan"], what)
    if (trainer.ema is None) != (state["ema"] is None):
        has, wants = ("no", "keeps one") if trainer.ema else ("a", "keeps none")
        raise GanlibError(f"{what} has {has} weight average, but this trainer {wants}")
    world, processes = trainer.world, state["processes"]
    trainer.gan.load_state_dict(state["gan"])
    if trainer.ema:
        trainer.ema.load_state_dict(state["ema"])
    for name, saved in state["optimizers"].items():
        optim.load(trainer.optimizers[name], saved)
    trainer.engine.load_state_dict(state["scalers"])
    trainer.step, trainer.images_seen = state["step"], state["images_seen"]
    trainer.batch_size = trainer.usual_batch = state["batch_size"]
    trainer.history.load_state_dict(state["history"], trainer.device)
    if len(processes) != world.size and world.rank == 0:
        say(
            f"{what} is of {len(processes)} processes, now there are {world.size}: the run goes on, "
            f"but not to the same bytes"
        )
    own = processes[world.rank % len(processes)]
    trainer.gan.load_state_dict(own["buffers"], strict=False)
    rng.restore(own["rng"], trainer.device)
    if world.rank >= len(processes):
        rng.part(world.rank)  # it has no state of its own, only a copy of another's
