"""One loop that plays any game."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from ganlib.data.batch import Batch, Source
from ganlib.errors import GanlibError
from ganlib.gans.base import GAN, Phase
from ganlib.training import checkpoint, rng
from ganlib.training import optimizers as optim
from ganlib.training import state as run_state
from ganlib.training.acceleration import Engine
from ganlib.training.checks import check
from ganlib.training.distributed import World
from ganlib.training.ema import EMA
from ganlib.training.feed import FromHost, feed
from ganlib.training.folder import RunFolder
from ganlib.training.history import History
from ganlib.training.interrupt import deferred_interrupt
from ganlib.training.progress import progress as progress_bar
from ganlib.training.turns import Turns


class Trainer:
    """Plays a game: phase after phase, step after step.

    Args:
        gan: the game.
        data: where batches come from; moved to the device as a whole if it fits.
        batch_size: samples per phase, over all processes.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, …
        accumulate: cut each batch into so many parts, one after the other, and add their gradients: less memory.
        precision, graphs, compile, deterministic: how phases are computed; see `acceleration.Engine`.
        learning_rate: a factor on every player's rate as a function of the step, e.g. one of `gans.schedules`.
        ema_half_life: average the sampling weights with this half-life, in images; None for off.
        out: folder for checkpoints and logs; None keeps everything in memory.
        checkpoint_every: save to `out` every so many steps and at the end of `fit`.
        keep: how many checkpoints `out` keeps.
        log_every: steps per window of `history`; the only time the host waits for the device.
        callbacks: functions of the trainer, called before the first step and after each one (by process 0).
        progress: show a bar with the losses and the time left, or lines where there is no terminal.
        tensorboard: write the history to `out`/tensorboard as well.
        log_gradients: log the norm of each player's gradient as ``"|grad| player"``.

    Attributes:
        step: steps taken.
        images_seen: real samples shown to the first phase of each step.
        batch_size: samples per phase in this step, which is `usual_batch` unless the game wants another size now.
        history: window means of every term and stat.
        engine: how phases are computed; ``engine.precision`` says in which precision.

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
        precision: str = "auto",
        accumulate: int = 1,
        graphs: bool = True,
        compile: bool = False,
        deterministic: bool = False,
        learning_rate: Callable[[int], float] | None = None,
        ema_half_life: float | None = None,
        out: str | Path | None = None,
        checkpoint_every: int = 1000,
        keep: int = 2,
        log_every: int = 50,
        callbacks: Sequence[Callable[[Trainer], object]] = (),
        progress: bool = True,
        tensorboard: bool = False,
        log_gradients: bool = False,
    ):
        check(gan, data, batch_size, log_every, checkpoint_every, keep, accumulate, tensorboard and out is None)
        self.world = World.join(device)
        self.world.share(batch_size, accumulate)
        self.device, self.accumulate = self.world.device, accumulate
        self.batch_size = self.usual_batch = batch_size
        self.gan, self.data = gan.to(self.device), feed(data, self.device)
        self.log_every, self.checkpoint_every = log_every, checkpoint_every
        self.callbacks = list(callbacks) if self.world.rank == 0 else []
        self.progress, self.log_gradients = progress and self.world.rank == 0, log_gradients
        self.out = Path(out) if out is not None else None
        self.folder = RunFolder(out, keep, tensorboard) if out is not None and self.world.rank == 0 else None
        self.step = self.images_seen = 0
        self.stopped: str | None = None
        self._wish: str | None = None
        self.history = History()
        self.world.start_equal(gan)
        rng.part(self.world.rank)
        self.phases, self.players = gan.phases(), optim.scheduled(gan.players(), learning_rate)
        self.optimizers = optim.make(self.players, self.phases)
        self.engine = Engine(gan, self.device, self.optimizers, precision, graphs, compile, deterministic)
        self.turns = Turns(gan, self.players, keeps=self.engine.keeps_passes and accumulate == 1)
        self.ema = EMA(gan, ema_half_life) if ema_half_life is not None else None
        self._losses = [self.engine.prepared(phase.loss) for phase in self.phases]

    # -- the loop ------------------------------------------------------------------------------------------------------
    def fit(self, steps: int) -> Trainer:
        """Take `steps` more steps, or fewer if a callback calls `stop`.

        Ctrl-C or SIGTERM lets the step finish, saves to `out` and raises KeyboardInterrupt; a second one stops at once.

        Raises:
            GanlibError: `steps` is not positive, or `out` cannot be used.
            TrainingDiverged: a loss or a weight became NaN or infinite; `out` keeps the last good checkpoint.
        """
        if steps < 1:
            raise GanlibError(f"steps={steps} was given; expected at least 1")
        target, self.stopped, self._wish = self.step + steps, None, None
        self.gan.train()
        folder = self.folder.training(self, target) if self.folder else contextlib.nullcontext()
        bar = progress_bar(steps, self.progress)
        with folder, self.turns.taken(), self.engine.running(), bar, deferred_interrupt() as interrupted:
            for callback in self.callbacks if self.step == 0 else ():
                callback(self)
            while self.step < target and not self.stopped:
                self._take_step()
                bar.update()
                if window := self.step % self.log_every == 0:
                    bar.note(self._read())
                for callback in self.callbacks:
                    callback(self)
                if interrupted:
                    self.stop("interrupted")
                if self.out and self.step % self.checkpoint_every == 0:
                    self.save(must=self.step == target or self._wish is not None)
                if self.world.size == 1 or window:  # all stop at the same step, or one would wait for another for ever
                    self.stopped = self.world.agree(self._wish)
            self._read()
            if self.out and self.step % self.checkpoint_every:
                self.save()
            if self.stopped == "interrupted":
                raise KeyboardInterrupt(f"stopped at step {self.step}" + (f"; saved to {self.out}" if self.out else ""))
        return self

    def stop(self, reason: str) -> None:
        """End `fit` after this step, or after this window if there are several processes; for callbacks."""
        self._wish = self._wish or reason

    def _take_step(self) -> None:
        self.batch_size = self.gan.schedule(self.images_seen, self.usual_batch) or self.usual_batch
        self._share = self.world.share(self.batch_size, self.accumulate)
        self.engine.enter(self.batch_size, self.gan.stage)
        self._caches = [{} for _ in range(self.accumulate)]
        optim.set_rates(self.optimizers, self.players, self.step)
        for number, phase in enumerate(self.phases):
            if self.step % phase.every == 0:
                for _ in range(phase.repeats(self.step) if callable(phase.repeats) else phase.repeats):
                    self._play(number, phase)
        self.gan.step_cache = {}
        self.step += 1
        self.images_seen += self.batch_size
        self.world.average_buffers(self.gan)
        if self.ema:
            self.ema.update(self.batch_size, self.images_seen)

    def _play(self, number: int, phase: Phase) -> None:
        """One turn: the gradients of a fresh batch, averaged over all processes, and a step down them."""
        self.turns.of(phase)
        batch = self.data.batch(self._share) if isinstance(self.data, FromHost) else None
        name, args = f"{phase.player}'s phase {number}", (number, phase, batch, self._caches)
        values, gradients, caches = self.engine.run(name, self._gradients, *args)
        self._caches = [dict(cache) for cache in caches]
        self.world.average_(gradients)
        if self.log_gradients:
            norm = torch.nn.utils.get_total_norm(gradients) / self.engine.scale(phase.player)
            values = {**values, f"|grad| {phase.player}": norm}
        self.engine.run(f"{phase.player}'s step {number}", self._update, phase)
        self.history.add(values)

    def _gradients(self, number: int, phase: Phase, batch: Batch | None, caches: list[dict]) -> tuple[dict, list, list]:
        optimizer, found = self.optimizers[phase.player], []
        optimizer.zero_grad(set_to_none=True)
        parts = (batch or self.data.batch(self._share)).parts(self.accumulate)
        for part, self.gan.step_cache in zip(parts, caches, strict=True):  # noqa: B020
            with self.engine.autocast():
                terms, stats = self._losses[number](part)
            self.engine.backward(sum(terms.values()) * (phase.every / self.accumulate), phase.player)
            found.append({name: value.detach() for name, value in {**terms, **stats}.items()})
        values = {name: sum(part[name] for part in found) / len(found) for name in found[0]} if parts[1:] else found[0]
        gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        return values, gradients, caches

    def _update(self, phase: Phase) -> None:
        self.engine.update(self.optimizers[phase.player], phase.player)
        if phase.after_step:
            phase.after_step()

    def _read(self) -> dict[str, float]:
        """Close the history's window: the host waits for the device here and nowhere else."""
        means = self.history.flush(self.step, self.world)
        run_state.check_finite(self, means)
        if self.folder and means:
            self.folder.log(self.step, means)
        return means

    # -- sampling, saving, resuming ------------------------------------------------------------------------------------
    def sample(self, n: int | None = None, **inputs: Tensor) -> Tensor:
        """What the game makes now: ``gan.sample`` with the averaged weights if they are kept."""
        return (self.ema.gan if self.ema else self.gan).sample(n, **inputs)

    def preview(self, n: int) -> Tensor:
        """About n samples for people to look at, made from the trainer's data where the game needs inputs."""
        return (self.ema.gan if self.ema else self.gan).preview(n, self.data)

    def save(self, path: str | Path | None = None, must: bool = True) -> Path | None:
        """Write a checkpoint, atomically.

        Args:
            path: the file to write; by default a new one in `out`, where `fit` writes them by itself.
            must: raise if `out` cannot be written to; otherwise one line says so.

        Returns:
            The file; None where nothing was written: for `must` = False, and in all processes but one.

        Raises:
            GanlibError: no place to write to, or it cannot be written to. What stood there before still stands.
            TrainingDiverged: something is NaN or infinite. Nothing is written.
        """
        self._place(path)
        state = run_state.of(self)  # all processes take part, one writes
        if self.world.rank:
            return None
        if path is None:
            return self.folder.save(self.step, state, self.history, must)
        return checkpoint.write(path, state)

    def resume(self, path: str | Path | None = None) -> Trainer:
        """Go on from a checkpoint: on the CPU with equal threads, to the same bytes as if it had never stopped.

        Args:
            path: a file, or a run's folder, of which the newest whole checkpoint is taken; by default `out`.

        Raises:
            GanlibError: there is none, it is damaged or of another architecture. The trainer is left as it was.
        """
        path = self._place(path)
        run_state.put_back(self, self.world.share_out(lambda: checkpoint.read(path)), f"checkpoint {str(path)!r}")
        return self

    def _place(self, path: str | Path | None) -> Path:
        if path is None and self.out is None:
            raise GanlibError("no path was given, and the trainer has no out folder; expected one of the two")
        return Path(path) if path is not None else self.out
