"""What may be done between two steps.

A callback is any function of the trainer; it is called before the first step and after each one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganlib.errors import GanlibError, say
from ganlib.training import checkpoint, rng
from ganlib.training.history import History

if TYPE_CHECKING:
    from ganlib.training.trainer import Trainer


BEST = "best" + checkpoint.SUFFIX


def to_uint8(images: Tensor) -> Tensor:
    """Images in [−1, 1] → uint8, on the CPU. The scale is fixed: no grid is brighter than another."""
    return ((images.detach() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu()


class Every:
    """Call a function of the trainer at step 0 and at every multiple of `steps`, without touching the random state.

    Args:
        steps: the interval, ≥ 1.
        function: what to call with the trainer.
    """

    def __init__(self, steps: int, function: Callable[[Trainer], object]):
        if steps < 1:
            raise GanlibError(f"a callback every {steps} steps was asked for; expected at least 1")
        self.steps, self.function = steps, function

    def __call__(self, trainer: Trainer) -> None:
        if trainer.step % self.steps == 0:
            with rng.untouched(trainer.device):  # a run is the same with and without its callbacks
                self.function(trainer)


class Snapshots(Every):
    """Keep what the game makes of fixed inputs as it learns.

    Args:
        steps: the interval.
        inputs: what ``trainer.sample`` gets, e.g. ``z=gan.latent(100)``.

    Attributes:
        frames: list of (step, uint8 images on the CPU (N, C, H, W), or points as they are).
    """

    def __init__(self, steps: int, **inputs: Tensor):
        super().__init__(steps, self.keep)
        self.inputs = inputs
        self.frames: list[tuple[int, Tensor]] = []

    def keep(self, trainer: Trainer) -> None:
        made = trainer.sample(**self.inputs)
        self.frames.append((trainer.step, to_uint8(made) if made.ndim == 4 else made.cpu()))


class Evaluate(Every):
    """Measure the game at step 0 and at every multiple of `steps`, and keep the best weights so far.

    What is measured stands in ``trainer.history``, and so in the run's log, table, figures and checkpoints. The best is
    read off the history too: a resumed run goes on from the best it had.

    Args:
        steps: the interval.
        measure: a function of the trainer that returns a number, or several by name. It may draw random numbers. With
            several processes it runs in process 0 alone, so it must not wait for the others.
        name: what one number is called; of several, the one that `best` is about.
        best: ``"min"`` or ``"max"``: each time `name` is lower (higher) than ever before, the weights that sampling
            uses are written to ``best.safetensors`` in the run's folder, where `load_gan` reads them. None for no such
            file.

    Raises:
        GanlibError: a value that does not fit. When called: `measure` returns something other than numbers, a name is
            taken in the history, or the trainer has no folder for the best.
    """

    def __init__(
        self,
        steps: int,
        measure: Callable[[Trainer], float | Mapping[str, float]],
        name: str = "value",
        best: str | None = None,
    ):
        super().__init__(steps, self.evaluate)
        if best not in (None, "min", "max"):
            raise GanlibError(f"best={best!r} was given; expected 'min', 'max' or None")
        self.measure, self.name, self.best = measure, name, best

    def best_so_far(self, history: History) -> tuple[int, float] | None:
        """Step and value of the best in a history, the first one of equals; None before there is any."""
        if self.best is None or self.name not in history:
            return None
        choose = min if self.best == "min" else max
        return choose(zip(history.steps(self.name), history[self.name], strict=True), key=lambda pair: pair[1])

    def evaluate(self, trainer: Trainer) -> None:
        if self.best and trainer.folder is None:
            raise GanlibError(f"best={self.best!r} was given, but the trainer has no out folder to keep the best in")
        values = self._measured(trainer)
        for name, value in values.items():
            trainer.history.record(trainer.step, name, value)
        if trainer.folder and values:
            trainer.folder.log(trainer.step, values)
        best = self.best_so_far(trainer.history)
        if best and best[0] == trainer.step:
            self._keep(trainer, best[1])

    def _measured(self, trainer: Trainer) -> dict[str, float]:
        found = self.measure(trainer)
        values = dict(found) if isinstance(found, Mapping) else {self.name: found}
        if self.best and self.name not in values:
            raise GanlibError(f"the best by {self.name!r} was asked for, but measured were {', '.join(values)}")
        for name, value in values.items():
            try:
                values[name] = float(value)
            except (TypeError, ValueError):
                raise GanlibError(f"measuring {name!r} gave {value!r}; expected a number") from None
        for name in [name for name, value in values.items() if not math.isfinite(value)]:
            say(f"{name!r} is {values.pop(name)} at step {trainer.step}; it is left out of the history")
        return values

    def _keep(self, trainer: Trainer, value: float) -> None:
        # The weights alone: a whole checkpoint takes all processes, and they are not here.
        state = {
            "recipe": trainer.gan.recipe,
            "gan": trainer.gan.state_dict(),
            "ema": trainer.ema.state_dict() if trainer.ema else None,
            "step": trainer.step,
            "best": {"name": self.name, "value": value, "of": self.best},
        }
        try:
            checkpoint.write(trainer.folder.path / BEST, state)
        except OSError as error:
            say(f"could not write {BEST} at step {trainer.step} ({error.strerror or error}); training goes on")
