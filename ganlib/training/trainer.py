"""One loop that plays any game."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from ganlib.data.batch import Source
from ganlib.device import resolve
from ganlib.errors import GanlibError
from ganlib.gans.base import GAN, Phase
from ganlib.training import checkpoint, rng
from ganlib.training.ema import EMA
from ganlib.training.history import History, tensorboard_writer
from ganlib.training.interrupt import deferred_interrupt


class TrainingDiverged(GanlibError):
    """A loss or a weight became NaN or infinite."""


class Trainer:
    """Plays a game: phase after phase, step after step.

    Args:
        gan: the game.
        data: where batches come from; moved to the device as a whole.
        batch_size: samples per phase.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, …
        ema_half_life: average the sampling weights with this half-life, in images; None for off.
        out: folder for `checkpoint.pt` and TensorBoard's files; None keeps everything in memory.
        checkpoint_every: save to `out` every so many steps and at the end of `fit`.
        log_every: steps per window of `history`; the only time the host waits for the device.
        callbacks: functions of the trainer, called before the first step and after each one.
        progress: show a bar with the losses and the time left.
        tensorboard: write the history to `out`/tensorboard as well.
        log_gradients: log the norm of each player's gradient as ``"|grad| player"``.

    Attributes:
        step: steps taken.
        images_seen: real samples shown to the first phase of each step.
        history: window means of every term and stat.

    Raises:
        GanlibError: anything of the above that cannot work, before the first step.
    """

    def __init__(
        self,
        gan: GAN,
        data: Source,
        batch_size: int = 128,
        *,
        device: str | torch.device = "auto",
        ema_half_life: float | None = None,
        out: str | Path | None = None,
        checkpoint_every: int = 1000,
        log_every: int = 50,
        callbacks: Sequence[Callable[[Trainer], object]] = (),
        progress: bool = True,
        tensorboard: bool = False,
        log_gradients: bool = False,
    ):
        if not isinstance(gan, GAN) or not hasattr(data, "batch"):
            given = f"{type(gan).__name__} and {type(data).__name__}"
            raise GanlibError(f"Trainer was given {given}; expected a GAN and then the data")
        counts = {"batch_size": batch_size, "log_every": log_every, "checkpoint_every": checkpoint_every}
        for name, value in counts.items():
            if value < 1:
                raise GanlibError(f"{name}={value} was given; expected at least 1")
        if hasattr(data, "__len__") and batch_size > len(data):
            raise GanlibError(f"batch_size={batch_size} is larger than the data set, which has {len(data)} samples")
        expected = tuple(gan.recipe.get("shape", data.shape))
        if expected != tuple(data.shape):
            raise GanlibError(f"the data have shape {tuple(data.shape)}, the networks expect {expected}")
        self.device = resolve(device)
        self.gan, self.data, self.batch_size = gan.to(self.device), data.to(self.device), batch_size
        self.log_every, self.checkpoint_every, self.callbacks = log_every, checkpoint_every, list(callbacks)
        self.progress, self.log_gradients = progress, log_gradients
        self.out = checkpoint.writable(out) if out is not None else None
        self.writer = tensorboard_writer(self.out) if tensorboard else None
        self.step = self.images_seen = 0
        self.history = History()
        self.phases, self.players = gan.phases(), gan.players()
        self._movable = [p for p in gan.parameters() if p.requires_grad]  # a frozen trunk stays frozen
        self._own = {name: {id(p) for p in player.parameters()} for name, player in self.players.items()}
        self.optimizers = {name: self._optimizer(name) for name in self.players}
        self.ema = EMA(gan, ema_half_life) if ema_half_life is not None else None

    # -- the loop ------------------------------------------------------------------------------------------------------
    def fit(self, steps: int) -> Trainer:
        """Take `steps` more steps.

        Ctrl-C lets the step finish, saves to `out` and raises KeyboardInterrupt; a second one stops at once.

        Raises:
            GanlibError: `steps` is not positive.
            TrainingDiverged: a loss or a weight became NaN or infinite; `out` keeps the last good checkpoint.
        """
        if steps < 1:
            raise GanlibError(f"steps={steps} was given; expected at least 1")
        bar = tqdm(total=steps, disable=not self.progress, dynamic_ncols=True)
        self.gan.train()
        with bar, deferred_interrupt() as interrupted, self._unfrozen_at_the_end():
            if self.step == 0:
                self._call_back()
            for _ in range(steps):
                self._take_step()
                bar.update()
                if self.step % self.log_every == 0:
                    bar.set_postfix({name: f"{value:.3f}" for name, value in self._read().items()})
                self._call_back()
                if self.out and self.step % self.checkpoint_every == 0:
                    self.save()
                if interrupted:
                    break
            self._read()
            if self.out and self.step % self.checkpoint_every:
                self.save()
        if interrupted:
            raise KeyboardInterrupt(f"stopped at step {self.step}" + (f"; saved to {self.out}" if self.out else ""))
        return self

    def _take_step(self) -> None:
        self.batch_size = self.gan.schedule(self.images_seen) or self.batch_size
        self.gan.step_cache.clear()
        for name, player in self.players.items():
            if player.learning_rate is not None:
                for group in self.optimizers[name].param_groups:
                    group["lr"] = group["initial_lr"] * player.learning_rate(self.step)
        for phase in self.phases:
            if self.step % phase.every == 0:
                self._freeze_all_but(phase.player)
                for _ in range(phase.repeats(self.step) if callable(phase.repeats) else phase.repeats):
                    self._play(phase)
        self.step += 1
        self.images_seen += self.batch_size
        if self.ema:
            self.ema.update(self.batch_size, self.images_seen)

    def _play(self, phase: Phase) -> None:
        optimizer = self.optimizers[phase.player]
        terms, stats = phase.loss(self.data.batch(self.batch_size))
        optimizer.zero_grad(set_to_none=True)
        (sum(terms.values()) * phase.every).backward()
        if self.log_gradients:
            grads = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
            stats = {**stats, f"|grad| {phase.player}": torch.nn.utils.get_total_norm(grads)}
        optimizer.step()
        if phase.after_step:
            phase.after_step()
        self.history.add({**terms, **stats})

    def _freeze_all_but(self, player: str) -> None:
        # Backward then stops at the first frozen weight: G's phase costs no gradients of D's weights.
        for p in self._movable:
            p.requires_grad_(id(p) in self._own[player])

    @contextlib.contextmanager
    def _unfrozen_at_the_end(self) -> Iterator[None]:
        try:
            yield
        finally:
            for p in self._movable:
                p.requires_grad_(True)

    def _call_back(self) -> None:
        for callback in self.callbacks:
            callback(self)

    def _read(self) -> dict[str, float]:
        """Close the history's window: the host waits for the device here and nowhere else."""
        means = self.history.flush(self.step)
        self._check_finite(means)
        if self.writer:
            for name, value in means.items():
                self.writer.add_scalar(name, value, self.step)
        return means

    def _check_finite(self, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            if not math.isfinite(value):
                kept = self.out is not None and (self.out / checkpoint.FILE).is_file()
                last = f"the last good state is in {str(self.out)!r}" if kept else "no checkpoint had been written"
                raise TrainingDiverged(f"{name!r} is {value} at step {self.step}; {last}")

    # -- setting up ----------------------------------------------------------------------------------------------------
    def _optimizer(self, name: str) -> torch.optim.Optimizer:
        lazy = {phase.every for phase in self.phases if phase.player == name and phase.every > 1}
        if len(lazy) > 1:
            raise GanlibError(
                f"player {name!r} has the lazy intervals {sorted(lazy)}; its optimiser can serve only one"
            )
        every = lazy.pop() if lazy else None
        optimizer = self.players[name].optimizer(self.players[name].parameters(), every / (every + 1) if every else 1.0)
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        return optimizer

    # -- sampling, saving, resuming ------------------------------------------------------------------------------------
    def sample(self, n: int | None = None, **inputs: Tensor) -> Tensor:
        """What the game makes now: ``gan.sample`` with the averaged weights if they are kept."""
        return (self.ema.gan if self.ema else self.gan).sample(n, **inputs)

    def state_dict(self) -> dict[str, Any]:
        """Everything a run is: networks, average, optimisers, step, history and random state."""
        return {
            "recipe": self.gan.recipe,
            "gan": self.gan.state_dict(),
            "ema": self.ema.state_dict() if self.ema else None,
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "step": self.step,
            "images_seen": self.images_seen,
            "batch_size": self.batch_size,
            "history": self.history.state_dict(),
            "rng": rng.state(),
        }

    def save(self, path: str | Path | None = None) -> Path:
        """Write a checkpoint, atomically; by default `out`/checkpoint.pt.

        Raises:
            TrainingDiverged: something is NaN or infinite. Nothing is written: the last good checkpoint stays.
        """
        path = self._place(path)
        path = path / checkpoint.FILE if path.is_dir() else path
        self._check_finite(self.history.means())
        self._check_finite(
            {name: x.sum().item() for name, x in self.gan.state_dict().items() if not x.isfinite().all()}
        )
        checkpoint.write(path, self.state_dict())
        return path

    def resume(self, path: str | Path | None = None) -> Trainer:
        """Go on from a checkpoint: on the CPU with equal threads, to the same bytes as if it had never stopped.

        Raises:
            GanlibError: the file is missing, damaged or of another architecture. The trainer is left as it was.
        """
        path = self._place(path)
        state = checkpoint.read(path)
        what = f"checkpoint {str(path)!r}"
        checkpoint.check_fit(self.gan, state["gan"], what)
        if (self.ema is None) != (state["ema"] is None):
            has, wants = ("no", "keeps one") if self.ema else ("a", "keeps none")
            raise GanlibError(f"{what} has {has} weight average, but this trainer {wants}")
        self.gan.load_state_dict(state["gan"])
        if self.ema:
            self.ema.load_state_dict(state["ema"])
        for name, optimizer_state in state["optimizers"].items():
            self.optimizers[name].load_state_dict(optimizer_state)
        self.step, self.images_seen, self.batch_size = state["step"], state["images_seen"], state["batch_size"]
        self.history.load_state_dict(state["history"], self.device)
        rng.restore(state["rng"])
        return self

    def _place(self, path: str | Path | None) -> Path:
        if path is None and self.out is None:
            raise GanlibError("no path was given, and the trainer has no out folder; expected one of the two")
        return Path(path) if path is not None else self.out
