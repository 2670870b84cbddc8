"""One optimiser per player: made with the lazy correction, given its rate, saved without what is the machine's."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ganlib.errors import GanlibError
from ganlib.gans.base import Phase, Player
from ganlib.gans.schedules import constant, product

# How a step is computed, not what it computes: a checkpoint of one machine goes on with another one's.
OF_THE_MACHINE = ("fused", "foreach", "capturable", "differentiable")


def make(
    players: Mapping[str, Player],
    phases: Sequence[Phase],
    parameters: Mapping[str, Sequence[Tensor]] | None = None,
) -> dict[str, torch.optim.Optimizer]:
    """An optimiser per player, corrected once for the player's lazy phases (c = k/(k+1)).

    Args:
        players: by name.
        phases: of the same game.
        parameters: what each player's optimiser moves; by default the player's own.

    Raises:
        GanlibError: one player has two lazy intervals: no single correction is right for both.
    """
    made = {}
    for name, player in players.items():
        lazy = {phase.every for phase in phases if phase.player == name and phase.every > 1}
        if len(lazy) > 1:
            raise GanlibError(
                f"player {name!r} has the lazy intervals {sorted(lazy)}; its optimiser can serve only one"
            )
        every = lazy.pop() if lazy else None
        made[name] = player.optimizer(
            parameters[name] if parameters else player.parameters(), every / (every + 1) if every else 1.0
        )
        for group in made[name].param_groups:
            group.setdefault("initial_lr", group["lr"])
    return made


def scheduled(players: Mapping[str, Player], schedule: Callable[[int], float] | None) -> dict[str, Player]:
    """The players with one more schedule for all of them; it multiplies a player's own.

    Args:
        players: of a game.
        schedule: the factor on every learning rate, as a function of the trainer's step; None for no change.
    """
    if schedule is None:
        return dict(players)
    if not callable(schedule):
        raise GanlibError(
            f"learning_rate={schedule!r} was given; expected a function of the step that gives the factor on every "
            f"player's learning rate, e.g. cosine(10_000)"
        )
    own = {name: player.learning_rate or constant() for name, player in players.items()}
    return {name: replace(player, learning_rate=product(own[name], schedule)) for name, player in players.items()}


def set_rates(optimizers: Mapping[str, torch.optim.Optimizer], players: Mapping[str, Player], step: int) -> None:
    """Give each optimiser the learning rate that its player's schedule says for `step`.

    Raises:
        GanlibError: the schedule gives a factor that is negative or not finite.
    """
    for name, player in players.items():
        if player.learning_rate is not None:
            factor = player.learning_rate(step)
            if not 0 <= factor < math.inf:
                raise GanlibError(
                    f"the schedule of player {name!r} gives {factor} at step {step}; expected a finite factor ≥ 0"
                )
            for group in optimizers[name].param_groups:
                _set_rate(group, group["initial_lr"] * factor)


def _set_rate(group: dict[str, Any], rate: float) -> None:
    if isinstance(group["lr"], Tensor):  # a CUDA graph reads it from the device
        group["lr"].fill_(rate)
    else:
        group["lr"] = rate


def can_be_captured(optimizer: torch.optim.Optimizer) -> bool:
    """Whether a CUDA graph can take the optimiser's steps."""
    return all("capturable" in group for group in optimizer.param_groups)


def make_capturable(optimizer: torch.optim.Optimizer, device: torch.device) -> None:
    """Move what the optimiser's step reads, its count and its rate, to the device, so that a CUDA graph can take it."""
    for group in optimizer.param_groups:
        group["capturable"] = True
        group["lr"] = torch.as_tensor(group["lr"], dtype=torch.float32).to(device, copy=True)
    optimizer._warned_capturable_if_run_uncaptured = True  # a few steps before the capture are meant to be


def state(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The optimiser's state for a checkpoint, without what belongs to the machine."""
    saved = optimizer.state_dict()
    groups = [{k: v for k, v in group.items() if k not in OF_THE_MACHINE} for group in saved["param_groups"]]
    for group in groups:
        group["lr"] = float(group["lr"])
    return {"state": saved["state"], "param_groups": groups}


def load(optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> None:
    """Put back what `state` returned; how steps are computed stays as on this machine."""
    own = [dict(group) for group in optimizer.param_groups]
    groups = [
        {k: tuple(v) if isinstance(v, list) and k != "params" else v for k, v in group.items()}
        | {k: mine[k] for k in OF_THE_MACHINE if k in mine}
        for group, mine in zip(saved["param_groups"], own, strict=True)
    ]
    optimizer.load_state_dict({"state": saved["state"], "param_groups": groups})
    # A fused step walks through memory, whatever the strides say: moments must lie as their weights do (channels_last).
    for parameter, moments in optimizer.state.items():
        for name, moment in moments.items():
            if isinstance(moment, Tensor) and moment.shape == parameter.shape:
                moments[name] = torch.empty_like(parameter, dtype=moment.dtype).copy_(moment)
    for group, mine in zip(optimizer.param_groups, own, strict=True):
        rate, group["lr"] = group["lr"], mine["lr"]
        _set_rate(group, rate)
