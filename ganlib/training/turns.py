"""Whose turn it is: the mover's weights are free, all others frozen."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from ganlib.gans.base import GAN, Phase, Player


class Turns:
    """Freezes the players that do not move.

    Backward then stops at the first frozen weight: the generator's turn costs no gradients of the discriminator's
    weights. What was frozen before (a pretrained trunk) stays frozen.

    Args:
        gan: the game.
        players: its players.
        keeps: whether a turn may keep a pass for a later one, whose player then is free in both; see `Phase.keeps`.
    """

    def __init__(self, gan: GAN, players: Mapping[str, Player], keeps: bool = False):
        self._movable = [p for p in gan.parameters() if p.requires_grad]
        self._keeps = keeps
        self._own = {name: {id(p) for p in player.parameters()} for name, player in players.items()}

    def of(self, phase: Phase) -> None:
        """From here on the phase's player moves, until the next call."""
        free = [self._own[player] for player in (phase.player, *(phase.keeps if self._keeps else ()))]
        for p in self._movable:
            p.requires_grad_(any(id(p) in own for own in free))

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Turns are taken inside; outside all is as it was."""
        try:
            yield
        finally:
            for p in self._movable:
                p.requires_grad_(True)
