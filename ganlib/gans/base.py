"""What a GAN is here: players (who learns) and phases (whose turn it is). One trainer plays every game.

class WGAN(GAN):
    def players(self):                                    # who owns which parameters, and how they learn
        return {"critic": Player(self.critic, adam(1e-4, 0.0, 0.9)),
                "generator": Player(self.generator, adam(1e-4, 0.0, 0.9))}
    def phases(self):                                     # whose turn it is
        return [Phase("critic", self.critic_loss, repeats=5), Phase("generator", self.generator_loss)]
    def critic_loss(self, batch):                         # -> (terms, stats)
        ...
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ganlib import losses, models
from ganlib.data.batch import Batch, Source
from ganlib.errors import GanlibError
from ganlib.models.layers import evaluating, untracked

__all__ = ["GAN", "Batch", "LatentGAN", "Phase", "Player", "adam", "evaluating", "rmsprop", "turns", "weight"]

Terms = Mapping[str, Tensor]
PhaseLoss = Callable[[Batch], tuple[Terms, Terms]]
OptimizerFactory = Callable[[Iterable[nn.Parameter], float], torch.optim.Optimizer]


def adam(lr: float, beta1: float = 0.9, beta2: float = 0.999) -> OptimizerFactory:
    """Fused Adam, with the correction that lazy regularisation needs.

    Args:
        lr: learning rate.
        beta1: decay of the first moment.
        beta2: decay of the second moment.

    Returns:
        A function of the parameters and of the lazy factor c = k/(k+1) (1 if nothing is lazy). A player who also has a
        term on every k-th step makes k+1 updates where it would have made k, so lr → lr·c, β → β^c.

    Raises:
        GanlibError: a rate or a decay outside its range.

    Source: Kingma & Ba (2015); Karras et al. (2020), appendix B, "Lazy regularization".
    """
    if not lr > 0 or not 0 <= beta1 < 1 or not 0 <= beta2 < 1:
        raise GanlibError(f"Adam(lr={lr}, beta1={beta1}, beta2={beta2}) was given; expected lr > 0 and 0 ≤ beta < 1")
    return lambda parameters, c=1.0: torch.optim.Adam(parameters, lr=lr * c, betas=(beta1**c, beta2**c), fused=True)


def rmsprop(lr: float, alpha: float = 0.99) -> OptimizerFactory:
    """RMSProp: each coordinate's gradient divided by the root of a running mean of its squares, with no momentum.

    The running mean begins at 0 and is not corrected for it, so the first step is 1/√(1 − α) times as long as the rate
    says: ten times at 0.99.

    Args:
        lr: learning rate.
        alpha: decay of the running mean of squares.

    Returns:
        A function of the parameters and of the lazy factor, as for `adam`: lr → lr·c, α → α^c.

    Raises:
        GanlibError: the rate or the decay outside its range.

    Source: Tieleman & Hinton (2012), lecture 6.5 of a course; α and ε are torch's.
    """
    if not lr > 0 or not 0 <= alpha < 1:
        raise GanlibError(f"RMSprop(lr={lr}, alpha={alpha}) was given; expected lr > 0 and 0 ≤ alpha < 1")
    return lambda parameters, c=1.0: torch.optim.RMSprop(parameters, lr=lr * c, alpha=alpha**c)


def turns(name: str, value: int) -> int:
    """A number of turns in a row.

    Args:
        name: what the option is called.
        value: what was given.

    Raises:
        GanlibError: it is no whole number of at least 1.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise GanlibError(f"{name}={value} was given; expected a whole number of at least 1")
    return value


def weight(name: str, value: float) -> float:
    """The weight of a term.

    Raises:
        GanlibError: it is negative or not finite.
    """
    if not 0 <= value < math.inf:
        raise GanlibError(f"{name}={value} was given; expected a finite number, 0 or more")
    return value


@dataclass(frozen=True)
class Player:
    """Who owns which parameters, and how they learn.

    Attributes:
        modules: one module or several; their parameters move in this player's phases and in no other.
        optimizer: makes the optimiser from the parameters and the lazy factor, e.g. ``adam(2e-4, 0.5)``.
        learning_rate: optional factor on the learning rate as a function of the trainer's step, e.g. a linear decay.
    """

    modules: nn.Module | Sequence[nn.Module]
    optimizer: OptimizerFactory
    learning_rate: Callable[[int], float] | None = None

    def parameters(self) -> list[nn.Parameter]:
        """The player's parameters, each once."""
        modules = [self.modules] if isinstance(self.modules, nn.Module) else self.modules
        return list(dict.fromkeys(p for module in modules for p in module.parameters()))


@dataclass(frozen=True)
class Phase:
    """One turn: `player` takes a step down `loss`.

    Attributes:
        player: a key of `GAN.players`.
        loss: ``batch -> (terms, stats)``; the sum of the terms is minimised, both are logged.
        repeats: steps in a row, each on a fresh batch; a number or a function of the trainer's step (WGAN's warm-up).
        every: k plays the phase on every k-th step only, weighted by k (lazy regularisation).
        after_step: called after each optimiser step (weight clipping, tracking a mean).
        keeps: players whose passes in this turn a later turn of the step goes on with, through `GAN.step_cache`. Where
            passes can be kept, these players are not frozen in this turn.
    """

    player: str
    loss: PhaseLoss
    repeats: int | Callable[[int], int] = 1
    every: int = 1
    after_step: Callable[[], None] | None = None
    keeps: tuple[str, ...] = ()


class GAN(nn.Module, ABC):
    """A game. A subclass says who plays (`players`), whose turn it is (`phases`) and how to sample.

    Being an nn.Module, its networks, running means and buffers are saved, moved and averaged together.

    Attributes:
        name: the word on the command line and in checkpoints.
        recipe: what `ganlib.build` was called with, so that a checkpoint can build the same game again.
        step_cache: what one phase made and another needs in the same step; empty before and after every step.
        half_safe: whether float16 with a loss scaler is safe; bfloat16 always is. A critic's scores have no bound, and
            float16 ends at 65,504.
        local_buffers: buffers that differ from process to process on purpose, e.g. a history of fakes; all other
            floating-point buffers are averaged over the processes of a run.
        data_options: what a data set is loaded with for this game, where the command line loads it.
        usage: the command that makes more of a trained run.
    """

    name: ClassVar[str]
    half_safe: ClassVar[bool] = True
    local_buffers: ClassVar[tuple[str, ...]] = ()
    data_options: ClassVar[dict[str, Any]] = {}
    usage: ClassVar[str] = "ganlib sample RUN"

    def __init__(self) -> None:
        super().__init__()
        self.recipe: dict[str, Any] = {}
        self.step_cache: dict[str, Tensor] = {}

    @abstractmethod
    def players(self) -> dict[str, Player]:
        """Who plays."""

    @abstractmethod
    def phases(self) -> list[Phase]:
        """Whose turn it is, in order, within one step."""

    @abstractmethod
    def sample(self, n: int | None = None, **inputs: Tensor) -> Tensor:
        """Generated samples (N, *shape) in [−1, 1], in evaluation mode and without gradients."""

    @classmethod
    def choices(cls) -> dict[str, list[str]]:
        """The words that an option of ``build`` may be."""
        return {"model": models.names(), "loss": losses.names()}

    def check_data(self, data: Source) -> None:
        """Called before the first step.

        Raises:
            GanlibError: the game cannot be played on these data, though their samples have the right shape.
        """
        return None

    def drawn(self, n: int, data: Source) -> Tensor:
        """n generated samples (n, *shape); what they are made from, if the game needs more than noise, is `data`'s."""
        return self.sample(n)

    def preview(self, n: int, data: Source) -> Tensor:
        """About n samples for people to look at, in as many rows as columns."""
        return self.drawn(n, data)

    def averaged(self) -> tuple[nn.Module, ...]:
        """The modules that sampling needs and whose weights the trainer averages over time."""
        return (self.get_submodule("generator"),)

    @classmethod
    def told_by(cls, data: Source) -> dict[str, Any]:
        """Options of ``build`` that a data set decides where nobody else has, e.g. how many classes there are."""
        return {}

    def schedule(self, images_seen: int, batch_size: int) -> int | None:
        """Called before every step. Sets what changes as training goes on (resolution, fade-in).

        Args:
            images_seen: real samples shown so far.
            batch_size: what the trainer was given.

        Returns:
            The batch size of this step; None for the trainer's.
        """
        return None

    @property
    def stage(self) -> Hashable:
        """What changes the course of the computation as training goes on, e.g. the resolution; None if nothing does.

        A phase that was captured or compiled for one stage is not used in another.
        """
        return None

    @property
    def device(self) -> torch.device:
        """Where the game is played."""
        return next(self.parameters()).device


class LatentGAN(GAN):
    """A game whose generator makes samples of latent vectors; in `ConditionalGAN`, of conditions too.

    Both turns of a step are of the same latents. Where the generator's pass is made twice, what it draws by itself,
    such as StyleGAN's noise, is drawn anew.

    Args:
        generator: (N, latent_dim) → (N, *shape) in [−1, 1].
        latent_dim: length of z ~ N(0, I).
    """

    def __init__(self, generator: nn.Module, latent_dim: int):
        super().__init__()
        self.generator, self.latent_dim = generator, latent_dim

    def latent(self, n: int) -> Tensor:
        """z ~ N(0, I): (n, latent_dim)."""
        return torch.randn(n, self.latent_dim, device=self.device)

    def inputs(self, n: int) -> dict[str, Tensor]:
        """What the generator makes n samples of, in the order of its arguments; `sample` knows them by these names."""
        return {"z": self.latent(n)}

    def fakes(self, n: int, *conditions: Tensor) -> Tensor:
        """Samples for the discriminator's turn, from new latents: (n, *shape), without a way back to the generator.

        Args:
            n: how many.
            conditions: what the generator takes beside latents.
        """
        z = self.step_cache["z"] = self.latent(n)
        if not any(p.requires_grad for p in self.generator.parameters()):  # frozen: the pass will be made again
            with torch.no_grad(), untracked(self.generator):
                return self.generator(z, *conditions)
        fake = self.step_cache["fake"] = self.generator(z, *conditions)
        return fake.detach()

    def judged_fakes(self, n: int, *conditions: Tensor) -> Tensor:
        """Samples for the generator's turn: (n, *shape), those that the discriminator has judged last in this step.

        The generator has not moved since, so where its pass was kept (`Phase.keeps`) it is not made again. Samples from
        new latents if none have been judged.

        Args:
            n: how many.
            conditions: those that they were made of.
        """
        z, fake = self.step_cache.pop("z", None), self.step_cache.pop("fake", None)
        if fake is None:
            fake = self.generator(self.latent(n) if z is None else z, *conditions)
        return fake

    @torch.no_grad()
    def sample(self, n: int | None = None, z: Tensor | None = None) -> Tensor:
        """Generated samples.

        Args:
            n: how many, from fresh latents; or
            z: latents (N, latent_dim).

        Returns:
            (N, *shape) in [−1, 1].

        Raises:
            GanlibError: neither or both are given, or z has another length.
        """
        z = self.latents(n, z)
        with evaluating(self.generator):
            return self.generator(z)

    def latents(self, n: int | None, z: Tensor | None) -> Tensor:
        """The latents that `sample` was asked for: n fresh ones, or z itself; see there."""
        if (n is None) == (z is None):
            raise GanlibError("sample() takes either n, a number of samples, or z, their latents")
        if z is None:
            if n < 1:
                raise GanlibError(f"n={n} samples were asked for; expected at least 1")
            z = self.latent(n)
        if z.ndim != 2 or z.shape[1] != self.latent_dim:
            raise GanlibError(f"latents of shape {tuple(z.shape)} were given; expected (N, {self.latent_dim})")
        return z.to(self.device)
