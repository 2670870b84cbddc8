"""Many seeds of one small game at once.

A small network leaves a processor idle: most of a step is the cost of calling, not of computing. So the weights of all
seeds are stacked, and each phase is one call of its loss under `torch.func.vmap`. What vmap cannot do, drawing each
seed's own random numbers and differentiating inside a loss, steps out of it for a moment (`_SeedBySeed`).
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from tqdm import tqdm

from ganlib.data.batch import Batch, Source
from ganlib.data.images import whole
from ganlib.device import keep_freed_memory, resolve
from ganlib.errors import GanlibError
from ganlib.gans.base import GAN, Phase
from ganlib.training import optimizers as optim
from ganlib.training import rng
from ganlib.training.ema import EMA


class Seeds:
    """Plays the same game once per seed, all in step; each seed goes where a run alone would go.

    A run alone is ``ganlib.seed(s); Trainer(build(), data, batch_size).fit(steps)``. The random numbers are the same,
    the weights equal up to rounding; but where a generator draws by itself, as StyleGAN its noise, it draws here once
    more in each step, and a seed goes another way of the same law. There are no checkpoints. It plays games

    * whose optimisers treat each weight by itself, as Adam, SGD and RMSprop do: one that takes the norm of a weight
      matrix would mix the seeds, and cannot be recognised;
    * whose data and losses draw from torch's global generator, the losses with `rand`, `randn`, `randint`, `randperm`;
    * whose losses keep what lasts in buffers: plain attributes that they set are set in the first seed's game only.

    Args:
        build: makes the game; called once per seed, after `ganlib.seed`.
        data: where batches come from; moved to the device as a whole.
        batch_size: samples per phase and seed.
        seeds: which seeds, each once.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, …
        learning_rate: a factor on every player's rate as a function of the step, as for the trainer.
        ema_half_life: average the sampling weights with this half-life, in images of one seed; None for off.
        log_every: steps per window of `history`.
        progress: show a bar.

    Attributes:
        gans: one game per seed; their weights are views of the stacked ones.
        averaged: the games to sample from, ``seeds.averaged[0].sample(1000)``: with averaged weights if they are kept.
        step: steps taken.
        history: name of a term or stat → float32 (windows, seeds), window means; ``.mean(1)`` is the mean over seeds.
        steps: name → the step at which each window closed.
        diverged: seed → the step at which it was found to be NaN or infinite. This touches no other seed.

    Raises:
        GanlibError: anything of the above that cannot work.
    """

    def __init__(
        self,
        build: Callable[[], GAN],
        data: Source,
        batch_size: int = 128,
        seeds: Iterable[int] = range(10),
        *,
        device: str | torch.device = "auto",
        learning_rate: Callable[[int], float] | None = None,
        ema_half_life: float | None = None,
        log_every: int = 50,
        progress: bool = True,
    ):
        if not callable(build) or isinstance(build, GAN) or not hasattr(data, "batch"):
            given = f"{type(build).__name__} and {type(data).__name__}"
            raise GanlibError(f"Seeds was given {given}; expected a function that makes a GAN and then the data")
        self.seeds, self.batch_size = list(seeds), whole("batch size", batch_size, 1)
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise GanlibError(f"seeds {self.seeds} were given; expected one seed or more, each once")
        self.log_every, self.progress = whole("log_every", log_every, 1), progress
        self.device = resolve(device)
        self.data = data.to(self.device)
        self.step = self.images_seen = 0
        self.history: dict[str, Tensor] = {}
        self.steps: dict[str, list[int]] = {}
        self.diverged: dict[int, int] = {}
        self._window: dict[str, tuple[Tensor, int]] = {}
        self._generators = [torch.default_generator]
        if self.device.type == "cuda":
            torch.cuda.init()
            index = torch.cuda.current_device() if self.device.index is None else self.device.index
            self._generators.append(torch.cuda.default_generators[index])
        self.gans: list[GAN] = []
        self._random_states: list[list[Tensor]] = []
        before = rng.state()
        try:
            for seed in self.seeds:
                rng.seed(seed)
                self.gans.append(self._checked(build()).to(self.device).train())
                self._random_states.append([generator.get_state() for generator in self._generators])
        finally:
            rng.restore(before)
        states = [_state(gan) for gan in self.gans]
        if any({n: x.shape for n, x in s.items()} != {n: x.shape for n, x in states[0].items()} for s in states):
            raise GanlibError("build() made networks of several architectures; expected the same for every seed")
        self._stacks = {name: torch.stack([state[name].detach() for state in states]) for name in states[0]}
        for i in range(len(self.gans)):
            self._adopt(i)
        self._averages = [EMA(gan, ema_half_life) for gan in self.gans] if ema_half_life is not None else []
        self.averaged = [average.gan for average in self._averages] or self.gans
        self._players = optim.scheduled(self.gans[0].players(), learning_rate)
        self._phases = [gan.phases() for gan in self.gans]
        names = {id(x): name for name, x in states[0].items()}
        self._own = {name: [names[id(p)] for p in player.parameters()] for name, player in self._players.items()}
        self._movable = [name for name, x in states[0].items() if x.requires_grad]  # a frozen trunk stays frozen
        stacks = {
            player: [self._stacks[name].requires_grad_(name in self._movable) for name in own]
            for player, own in self._own.items()
        }
        self._optimizers = optim.make(self._players, self._phases[0], stacks)
        self._index = torch.arange(len(self.seeds), device=self.device)
        keep_freed_memory()
        self._places = [  # where the first game, whose losses are called, keeps each weight and buffer
            (tensors, key, names[id(x)], x)
            for module in self.gans[0].modules()
            for tensors in (module._parameters, module._buffers)
            for key, x in tensors.items()
            if x is not None
        ]

    def fit(self, steps: int) -> Seeds:
        """Take `steps` more steps with every seed. The global random state stays as it was.

        Raises:
            GanlibError: a loss that cannot be played for many seeds at once, or no seed is finite any more.
        """
        steps = whole("steps", steps, 1)
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            for _ in tqdm(range(steps), disable=not self.progress, dynamic_ncols=True):
                before = _other_random_state() if self.step == 0 else None
                self._take_step()
                if before and before != _other_random_state():
                    raise GanlibError("the game or the data draw from Python or NumPy; many seeds need torch")
                if self.step % self.log_every == 0:
                    self._read()
        self._read()
        return self

    # -- the loop, as the trainer's ------------------------------------------------------------------------------------
    def _take_step(self) -> None:
        if type(self.gans[0]).schedule is not GAN.schedule:
            for batch_size in self._each(lambda i: self.gans[i].schedule(self.images_seen, self.batch_size)):
                if batch_size not in (None, self.batch_size):
                    raise GanlibError(f"the game asks for batches of {batch_size}; many seeds keep {self.batch_size}")
        optim.set_rates(self._optimizers, self._players, self.step)
        cache: dict[str, Tensor] = {}
        for number, phase in enumerate(self._phases[0]):
            if self.step % phase.every == 0:
                for name in self._movable:
                    self._stacks[name].requires_grad_(name in self._own[phase.player])
                for _ in range(phase.repeats(self.step) if callable(phase.repeats) else phase.repeats):
                    cache = self._play(phase, cache)
                    if phase.after_step:
                        self._each(lambda i, number=number: self._phases[i][number].after_step())
        self.step += 1
        self.images_seen += self.batch_size
        for average in self._averages:
            average.update(self.batch_size, self.images_seen)

    def _play(self, phase: Phase, cache: dict[str, Tensor]) -> dict[str, Tensor]:
        def one_seed(index: Tensor, stacks: dict, batch: dict, cache: dict) -> tuple:
            gan.step_cache = dict(cache)
            for tensors, key, name, _ in self._places:
                tensors[key] = stacks[name]
            with _SeedBySeed(self, index):
                terms, stats = phase.loss(Batch(**batch))
                loss = sum(terms.values()) * phase.every
            if loss.ndim:
                raise GanlibError(f"a loss of {phase.player} has the shape {tuple(loss.shape)}; expected a scalar")
            replaced = {
                name: tensors[key] for tensors, key, name, _ in self._places if tensors[key] is not stacks[name]
            }
            return loss, {**terms, **stats}, dict(gan.step_cache), replaced

        gan, batch = self.gans[0], self._batch()
        try:
            losses, logged, cache, replaced = torch.func.vmap(one_seed)(self._index, self._stacks, batch, cache)
        except (RuntimeError, ValueError) as error:
            if isinstance(error, GanlibError) or "vmap" not in str(error):
                raise
            reason = str(error).splitlines()[0]
            raise GanlibError(f"a loss of {phase.player} cannot be played for many seeds at once: {reason}") from error
        finally:
            gan.step_cache = {}
            for tensors, key, _, own in self._places:
                tensors[key] = own
        optimizer = self._optimizers[phase.player]
        optimizer.zero_grad(set_to_none=True)
        losses.sum().backward()  # a seed's weights are in its own loss only, so each gets its own gradient
        optimizer.step()
        for name, x in replaced.items():  # buffers that the loss has set, not filled
            self._stacks[name].copy_(x.detach())
        for name, values in logged.items():
            total, count = self._window.get(name, (0.0, 0))
            self._window[name] = (total + values.detach(), count + 1)
        return cache

    def _batch(self) -> dict[str, Tensor]:
        batches = self._each(lambda i: self.data.batch(self.batch_size), adopt=False)
        stacked = {}
        for field in fields(Batch):
            parts = [getattr(batch, field.name) for batch in batches]
            if isinstance(parts[0], Tensor):
                stacked[field.name] = torch.stack(parts)
            elif parts[0] is not None:
                raise GanlibError(f"{field.name} are of type {type(parts[0]).__name__}; many seeds need tensors")
        return stacked

    def _each(self, function: Callable[[int], Any], adopt: bool = True) -> list[Any]:
        """What a function of i returns for each seed, called with that seed's random state."""
        results = []
        for i in range(len(self.seeds)):
            for generator, state in zip(self._generators, self._random_states[i], strict=True):
                generator.set_state(state)
            results.append(function(i))
            self._random_states[i] = [generator.get_state() for generator in self._generators]
            if adopt:
                self._adopt(i)
        return results

    def _read(self) -> None:
        """Close the window of the history."""
        bad = torch.zeros(len(self.seeds), dtype=torch.bool)
        for name, (total, count) in self._window.items():
            means = (total / count).float().cpu()[None]
            self.history[name] = torch.cat([self.history[name], means]) if name in self.history else means
            self.steps.setdefault(name, []).append(self.step)
            bad |= ~means[0].isfinite()
        self._window.clear()
        for i in bad.nonzero().flatten().tolist():
            if self.seeds[i] not in self.diverged:
                self.diverged[self.seeds[i]] = self.step
                warnings.warn(f"seed {self.seeds[i]} is not finite at step {self.step}; the others go on", stacklevel=3)
        if len(self.diverged) == len(self.seeds):
            raise GanlibError(f"at step {self.step} no seed is finite any more")

    # -- setting up ----------------------------------------------------------------------------------------------------
    def _checked(self, gan: GAN) -> GAN:
        if not isinstance(gan, GAN):
            raise GanlibError(f"build() returned {type(gan).__name__}; expected a GAN")
        expected = tuple(gan.recipe.get("shape", self.data.shape))
        if expected != tuple(self.data.shape):
            raise GanlibError(f"the data have shape {tuple(self.data.shape)}, the networks expect {expected}")
        gan.check_data(self.data)
        return gan

    @torch.no_grad()
    def _adopt(self, i: int) -> None:
        """Make each weight and buffer of the i-th game a view of its stack, with the value it has now."""
        for name, x in _state(self.gans[i]).items():
            view = self._stacks[name].data[i]
            if x.data_ptr() != view.data_ptr():
                view.copy_(x)
                x.data = view


def _state(gan: GAN) -> dict[str, Tensor]:
    return dict(gan.named_parameters()) | dict(gan.named_buffers())


def _other_random_state() -> tuple:
    return random.getstate(), np.random.get_state()[1].tobytes(), np.random.get_state()[2]


DRAWS = (torch.rand, torch.randn, torch.randint, torch.randperm)
LIKE = {torch.rand_like: torch.rand, torch.randn_like: torch.randn, torch.randint_like: torch.randint}
SHARED = "a loss differentiates by something that is the same for all seeds"


class _Outside(torch.autograd.Function):
    """Calls a function on the stacked tensors behind those that vmap shows: (dimensions, *tensors) → the same."""

    @staticmethod
    def forward(function: Callable, *tensors: Tensor) -> Any:
        raise GanlibError(SHARED)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Any) -> None:
        pass

    @staticmethod
    def vmap(info: Any, dims: tuple, function: Callable, *tensors: Tensor) -> tuple:
        return function(dims[1:], *tensors)


class _SeedBySeed(TorchFunctionMode):
    """Inside vmap: random numbers are each seed's own, and a loss may differentiate with `torch.autograd.grad`.

    Any other random function is refused by vmap itself.
    """

    def __init__(self, seeds: Seeds, index: Tensor):
        super().__init__()
        self.seeds, self.index = seeds, index

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: Mapping | None = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in LIKE:
            like, *bounds = args
            kwargs = {"dtype": like.dtype, "device": like.device} | kwargs
            func, args = LIKE[func], (*bounds, like.shape)
        if func in DRAWS and kwargs.get("generator") is None:
            return self.draw(func, args, **kwargs)
        if func in (torch.Tensor.requires_grad_, torch.Tensor.requires_grad.__set__):
            return self.differentiable(*args, **kwargs)
        if func is torch.autograd.grad:
            return self.grad(*args, **kwargs)
        return func(*args, **kwargs)

    def draw(self, func: Callable, args: tuple, requires_grad: bool = False, **kwargs: Any) -> Tensor:
        each = lambda dims, index: (torch.stack(self.seeds._each(lambda i: func(*args, **kwargs), adopt=False)), 0)
        drawn = _Outside.apply(each, self.index)
        return self.differentiable(drawn) if requires_grad else drawn

    def differentiable(self, x: Tensor, requires_grad: bool = True) -> Tensor:
        _Outside.apply(lambda dims, stacked: (stacked.requires_grad_(requires_grad), dims[0]), x)
        return x

    def grad(self, outputs: tuple, inputs: tuple, grad_outputs: Any = None, **options: Any) -> tuple:
        if grad_outputs is None:
            if any(y.ndim for y in outputs):
                raise GanlibError("a loss differentiates something that is no scalar, without grad_outputs")
            grad_outputs = [torch.ones_like(y) for y in outputs]
        weights = [grad_outputs] if isinstance(grad_outputs, Tensor) else grad_outputs
        n, m = len(inputs), len(inputs) + len(outputs)

        def together(dims: tuple, *stacked: Tensor) -> tuple:
            if None in dims[:m]:
                raise GanlibError(SHARED)
            # A seed's outputs depend on its own inputs only, so one gradient of all outputs holds each seed's.
            scaled = [
                (w.unsqueeze(to) if at is None else w.movedim(at, to)).expand_as(y)
                for y, to, w, at in zip(stacked[n:m], dims[n:m], stacked[m:], dims[m:], strict=True)
            ]
            return torch.autograd.grad(stacked[n:m], stacked[:n], scaled, **options), dims[:n]

        return _Outside.apply(together, *inputs, *outputs, *weights)
