"""As fast as the device allows, without a word of it in any game: precision, CUDA graphs, compilation.

A GAN's networks are small and its step is many short kernels, so that on a GPU most of the time goes into launching
them one by one. A CUDA graph launches a phase as a whole, second derivatives included.

A phase is captured after a few plays of the ordinary kind. Those are real training steps: nothing is played for
warming up alone, so no weight, optimiser state or running statistic has to be put back afterwards.
"""

from __future__ import annotations

import contextlib
import os
import random
import warnings
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ganlib.data.batch import Batch
from ganlib.device import keep_freed_memory
from ganlib.errors import GanlibError, say, unknown
from ganlib.gans.base import GAN
from ganlib.models.equalised import EqualisedConv2d
from ganlib.training import optimizers as optim

PRECISIONS = ("auto", "fp32", "tf32", "bf16", "fp16")
WARM_UP = 3  # plays before a capture: kernels are chosen, optimisers have their state, scalers their scale
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def choose_precision(asked: str, device: torch.device, half_safe: bool) -> str:
    """The precision to train in.

    ``fp32``: IEEE single precision throughout. ``tf32``: the same, but matrix products and convolutions may round their
    inputs to 10 bits of mantissa, as NVIDIA's chips from Ampere on can. ``bf16``, ``fp16``: autocast to that type with
    TF32 where float32 is kept; fp16 with a loss scaler, since its smallest normal number is only 6·10⁻⁵.

    Args:
        asked: one of `PRECISIONS`. ``"auto"`` is bf16 where the GPU computes in it; else fp16 on a GPU if the game is
            safe in it; else fp32.
        device: where the game is played.
        half_safe: `GAN.half_safe` of the game.

    Raises:
        GanlibError: an unknown word, or one that this device cannot do.
    """
    if asked not in PRECISIONS:
        raise unknown("precision", asked, PRECISIONS)
    modern = device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)
    if asked == "auto":
        if device.type != "cuda":
            return "fp32"
        return "bf16" if modern else "fp16" if half_safe else "fp32"
    if asked == "tf32" and not modern:
        raise GanlibError(f"precision 'tf32' was asked for, but {_chip(device)} has none; use 'fp32'")
    if asked == "bf16" and device.type == "cuda" and not modern:
        raise GanlibError(f"precision 'bf16' was asked for, but {_chip(device)} has none; use 'fp16' or 'fp32'")
    return asked


def _chip(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"device {str(device)!r}"


class Engine:
    """How a trainer's phases are computed on its device.

    Args:
        gan: the game, already on the device.
        device: the device.
        optimizers: one per player.
        precision: one of `PRECISIONS`.
        graphs: capture phases as CUDA graphs; what cannot be captured is played as usual, and one line says why.
        compile: compile the phases' losses; likewise.
        deterministic: allow only algorithms that give the same bits each time, even if they are slower.

    Attributes:
        precision: the one chosen.
    """

    def __init__(
        self,
        gan: GAN,
        device: torch.device,
        optimizers: Mapping[str, torch.optim.Optimizer],
        precision: str = "auto",
        graphs: bool = True,
        compile: bool = False,
        deterministic: bool = False,
    ):
        self.device, self.deterministic, self.compiles = device, deterministic, compile
        self.precision = choose_precision(precision, device, gan.half_safe)
        self._dtype = DTYPES.get(self.precision)
        # A scaler each: one player's overflow must not shrink the other's steps.
        scaled = optimizers if self.precision == "fp16" else {}
        self.scalers = {name: torch.amp.GradScaler(device.type) for name in scaled}
        self._stream = torch.cuda.Stream(device) if graphs and device.type == "cuda" else None
        if self._stream is not None and not all(map(optim.can_be_captured, optimizers.values())):
            say("no CUDA graphs: an optimiser has no form that can be captured")
            self._stream = None
        for optimizer in optimizers.values() if self._stream is not None else ():
            optim.make_capturable(optimizer, device)
        self._pool: Any = None
        self._stage: tuple = ()
        self._plays: dict[str, int] = {}
        self._against: dict[str, str] = {}  # why something is not captured; "" where nothing speaks against it
        self._captured: dict[str, tuple[Any, Any, Any]] = {}
        if device.type == "cpu":
            keep_freed_memory()
        if _wants_channels_last(gan, device, self._dtype):
            gan.to(memory_format=torch.channels_last)
        if deterministic and device.type == "cuda":
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with it

    # -- around a fit --------------------------------------------------------------------------------------------------
    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """What holds while a trainer trains; what the process had set before is put back."""
        if self.device.type != "cuda":
            with self._deterministically():
                yield
            return
        matmul, cudnn = torch.get_float32_matmul_precision(), torch.backends.cudnn
        before = cudnn.allow_tf32, cudnn.benchmark
        torch.set_float32_matmul_precision("highest" if self.precision == "fp32" else "high")
        cudnn.allow_tf32, cudnn.benchmark = self.precision != "fp32", not self.deterministic
        try:
            with self._deterministically(), self._on_own_stream():
                yield
        finally:
            torch.set_float32_matmul_precision(matmul)
            cudnn.allow_tf32, cudnn.benchmark = before

    @contextlib.contextmanager
    def _deterministically(self) -> Iterator[None]:
        before = torch.are_deterministic_algorithms_enabled()
        torch.use_deterministic_algorithms(self.deterministic or before)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before)

    @contextlib.contextmanager
    def _on_own_stream(self) -> Iterator[None]:
        # A capture may not depend on another stream's work, so everything from the first step on is on this one.
        if self._stream is None:
            yield
            return
        outside = torch.cuda.current_stream(self.device)
        self._stream.wait_stream(outside)
        try:
            with torch.cuda.stream(self._stream):
                yield
        finally:
            outside.wait_stream(self._stream)

    @property
    def keeps_passes(self) -> bool:
        """Whether a turn can keep a pass, with what its gradient needs, for a later turn; see `Phase.keeps`.

        Neither a CUDA graph nor compiled code hands its intermediate results to the next one. Whether graphs are used
        must not change a run's numbers, so no pass is kept on a GPU at all.
        """
        return self.device.type == "cpu" and not self.compiles

    # -- precision -----------------------------------------------------------------------------------------------------
    def autocast(self) -> contextlib.AbstractContextManager:
        """What a phase's loss is computed under. Games and penalties keep islands of full precision inside."""
        if self._dtype is None:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, self._dtype)

    def backward(self, loss: Tensor, player: str) -> None:
        """Differentiate, scaled if the precision needs it."""
        (self.scalers[player].scale(loss) if self.scalers else loss).backward()

    def update(self, optimizer: torch.optim.Optimizer, player: str) -> None:
        """Step, unless scaled gradients have overflowed: then only the scale changes."""
        if self.scalers:
            self.scalers[player].step(optimizer)
            self.scalers[player].update()
        else:
            optimizer.step()

    def scale(self, player: str) -> Tensor | float:
        """By how much the player's gradients are too large at this moment."""
        return self.scalers[player]._get_scale_async() if self.scalers else 1.0

    # -- graphs --------------------------------------------------------------------------------------------------------
    def run(self, name: str, function: Callable, *args: Any) -> Any:
        """Call ``function(*args)``, after a few times as a captured graph.

        Args:
            name: what it is, for the user; the same name stands for the same kernels on the same shapes.
            function: kernels only. Its Python runs while it is captured and never again, so whatever it changes must
                be in tensors, or be returned.
            args: batches, dictionaries and lists of tensors are copied to where the graph reads them; anything else
                must be the same in every call.

        Returns:
            What `function` returned; from a graph, tensors that its next replay overwrites.
        """
        if name in self._captured:
            graph, made, static = self._captured[name]
            _copy(static, args)
            graph.replay()
            return made
        plays = self._plays[name] = self._plays.get(name, 0) + 1
        if self._stream is None or plays < WARM_UP:
            return function(*args)
        if plays == WARM_UP:
            made, self._against[name] = self._watched(function, args)
            if self._against[name]:
                say(f"{name} is played without a CUDA graph: {self._against[name]}")
            return made
        if self._against[name]:
            return function(*args)
        try:
            static = _static(args)
            graph, made = self._capture(lambda: function(*_shallow(static)))
        except Exception as error:
            self._against[name] = (str(error).strip() or type(error).__name__).splitlines()[0]
            say(f"{name} is played without a CUDA graph: {self._against[name]}")
            return function(*args)
        self._captured[name] = graph, made, static
        graph.replay()
        return made

    def _watched(self, function: Callable, args: tuple) -> tuple[Any, str]:
        """Call ``function(*args)``; what it returned, and why it must not be captured, if so.

        Looking first is safer than trying: after a capture that broke off, torch's allocator and generators may still
        believe in it.
        """
        generators, mode = _cpu_random_state(), torch.cuda.get_sync_debug_mode()
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                made = function(*args)
            finally:
                torch.cuda.set_sync_debug_mode(mode)
        waits = [w for w in seen if "synchronizing CUDA operation" in str(w.message)]
        for other in seen:
            if other not in waits:
                warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
        if waits:
            return made, f"it waits for the device, at {waits[0].filename}:{waits[0].lineno}"
        if _cpu_random_state() != generators:
            return made, "it draws random numbers on the CPU, which a graph would freeze"
        return made, ""

    def _capture(self, function: Callable[[], Any]) -> tuple[Any, Any]:
        graph = torch.cuda.CUDAGraph()
        self._pool = self._pool or torch.cuda.graph_pool_handle()
        # Other threads (a data loader's, another process group's watchdog) may go on using the device.
        with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
            made = function()
        return graph, made

    def enter(self, *stage: Hashable) -> None:
        """Say what the shapes depend on: the batch size, the resolution. Where it changes, all graphs are dropped.

        What was compiled is dropped too: torch keeps eight variants of a function and compiles no ninth, so that the
        last stages of a game that grows, its dearest, would go without.
        """
        if stage != self._stage:
            if self.compiles and self._stage:
                torch.compiler.reset()
            self._stage = stage
            self.forget()

    def forget(self) -> None:
        """Drop all graphs: tensors they point to have been replaced (a checkpoint was loaded)."""
        self._captured.clear()
        self._pool = None  # a pool whose graphs have all gone must not be used again while anything still lies in it
        self._plays.clear()
        self._against.clear()

    # -- compilation ---------------------------------------------------------------------------------------------------
    def prepared(self, loss: Callable) -> Callable:
        """The phase's loss, compiled from the second call on if that was asked for and is possible."""
        if not self.compiles:
            return loss
        name, compiled, state = getattr(loss, "__name__", "a phase"), torch.compile(loss), {}

        def first(batch: Batch) -> Any:
            with _Derivatives() as within:
                made = loss(batch)
            state["call"] = compiled_if_possible
            if within.found:
                # Asked to differentiate compiled code twice, PyTorch says in the backward pass that it cannot, too late
                # to turn back; some versions do not say it and leave the gradient out.
                eager_from_now("it differentiates a derivative")
            return made

        def compiled_if_possible(batch: Batch) -> Any:
            try:
                return compiled(batch)
            except Exception as error:
                eager_from_now(str(error).strip().splitlines()[0])
                return loss(batch)

        def eager_from_now(reason: str) -> None:
            say(f"{name} is played without compilation: {reason}")
            state["call"] = loss

        state["call"] = first
        return lambda batch: state["call"](batch)

    # -- saving --------------------------------------------------------------------------------------------------------
    def state_dict(self) -> dict[str, Any]:
        """The scalers' scales."""
        return {name: scaler.state_dict() for name, scaler in self.scalers.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put back what `state_dict` returned; a run may go on in another precision."""
        for name, scaler in self.scalers.items():
            if name in state:
                scaler.load_state_dict(state[name])
        self.forget()


class _Derivatives(TorchFunctionMode):
    """Notices derivatives that are made to be differentiated again, as a gradient penalty's are."""

    found = False

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if func is torch.autograd.grad and (kwargs or {}).get("create_graph"):
            self.found = True
        return func(*args, **(kwargs or {}))


def _wants_channels_last(gan: nn.Module, device: torch.device, dtype: torch.dtype | None) -> bool:
    # Measured (benchmarks/results/cpu.md): pays for plain convolutions on the CPU and, in half precision, on
    # tensor cores; grouped convolutions are many times slower in it.
    convolutions = [m for m in gan.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d | EqualisedConv2d)]
    fits = device.type == "cpu" or (device.type == "cuda" and dtype is not None)
    return fits and bool(convolutions) and all(getattr(m, "groups", 1) == 1 for m in convolutions)


def _cpu_random_state() -> tuple:
    kind, keys, *rest = np.random.get_state()
    return torch.get_rng_state().numpy().tobytes(), (kind, keys.tobytes(), *rest), random.getstate()


def _static(tree: Any) -> Any:
    """The same with copies of its tensors, at addresses that stay."""
    if isinstance(tree, Tensor):
        return tree.clone()
    if isinstance(tree, Batch):
        if not all(part is None or isinstance(part, Tensor) for part in vars(tree).values()):
            raise GanlibError("its batch holds something other than tensors")
        return Batch(**{name: _static(part) for name, part in vars(tree).items()})
    if isinstance(tree, dict):
        return {name: _static(part) for name, part in tree.items()}
    return [_static(part) for part in tree] if isinstance(tree, list | tuple) else tree


def _shallow(tree: Any) -> Any:
    """The same tensors in dictionaries and lists of their own, to which a function may add."""
    if isinstance(tree, dict):
        return {name: _shallow(part) for name, part in tree.items()}
    return [_shallow(part) for part in tree] if isinstance(tree, list) else tree


def _copy(static: Any, given: Any) -> None:
    """Copy the tensors of `given` into those of `static`."""
    if isinstance(static, Tensor):
        static.copy_(given, non_blocking=True)
    elif isinstance(static, Batch | dict):
        mine, others = (vars(x) if isinstance(x, Batch) else x for x in (static, given))
        for name, part in mine.items():
            _copy(part, others[name])
    elif isinstance(static, list):
        for part, other in zip(static, given, strict=True):
            _copy(part, other)
