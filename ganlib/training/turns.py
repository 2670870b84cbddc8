"""Whose turn it is: the mover's weights are free, all others frozen."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from ganlib.gans.base import GAN, Player


class Turns:
    """Freezes the players that do not move.

    Backward then stops at the first frozen weight: the generator's turn costs no gradients of the discriminator's
    weights. What was frozen before (a pretrained trunk) stays frozen.

    Args:
        gan: the game.
        players: its players.
    """

    def __init__(self, gan: GAN, players: Mapping[str, Player]):
        self._movable = [p for p in gan.parameters() if p.requires_grad]
        self._own = {name: {id(p) for p in player.parameters()} for name, player in players.items()}

    def of(self, player: str) -> None:
        """From here on `player` moves, until the next call."""
        for p in self._movable:
            p.requires_grad_(id(p) in self._own[player])

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Turns are taken inside; outside all is as it was."""
        try:
            yield
        finally:
            for p in self._movable:
                p.requires_grad_(True)
