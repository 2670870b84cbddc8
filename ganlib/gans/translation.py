"""What games that translate images have in common."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss, mse_loss

from ganlib import losses
from ganlib.data.batch import Batch, Source
from ganlib.errors import GanlibError, unknown
from ganlib.gans.base import GAN, evaluating
from ganlib.models.translation import TRANSLATORS

AT_ONCE = 8  # images that are translated together where there are many

DISTANCES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"l1": l1_loss, "l2": mse_loss}

# The squares as the papers weigh them beside their other terms; `losses.least_squares` has half of each.
_LSGAN = losses.Loss(
    "lsgan",
    lambda real, fake: 2 * losses.least_squares_discriminator(real, fake),
    lambda fake: 2 * losses.least_squares_generator(fake),
    middle=0.5,
    logits=False,
)
ADVERSARIAL = {"lsgan": _LSGAN, "wasserstein": losses.wasserstein}


def adversarial(name: str | losses.Loss) -> losses.Loss:
    """A pair of losses: ``"lsgan"``, ``"wasserstein"`` or one that `losses.get` knows.

    Raises:
        GanlibError: no such pair.
    """
    if isinstance(name, str) and name not in {*ADVERSARIAL, *losses.names()}:
        raise unknown("loss", name, {*ADVERSARIAL, *losses.names()})
    return ADVERSARIAL[name] if name in ADVERSARIAL else losses.get(name)


def distance(name: str) -> Callable[[Tensor, Tensor], Tensor]:
    """``"l1"``, the mean absolute difference, or ``"l2"``, the mean squared one.

    Raises:
        GanlibError: another name.
    """
    if name not in DISTANCES:
        raise unknown("distance", name, DISTANCES)
    return DISTANCES[name]


class TranslationGAN(GAN):
    """A game whose generators make images of one domain from images of another: of `a` images of `b`, or back."""

    usage: ClassVar[str] = "ganlib translate RUN PICTURE --out FOLDER"

    @abstractmethod
    def translators(self) -> dict[str, nn.Module]:
        """The generators by direction, ``"a2b"`` or ``"b2a"``; the first is the usual one."""

    @classmethod
    def choices(cls) -> dict[str, list[str]]:
        return {"model": sorted(TRANSLATORS), "loss": sorted([*ADVERSARIAL, *losses.names()])}

    def check_data(self, data: Source) -> None:
        if not hasattr(data, "paired"):
            raise GanlibError(
                f"the game {self.name!r} translates between two domains and was given {getattr(data, 'name', data)!r}; "
                f"expected data with two, e.g. horses-zebras"
            )

    def averaged(self) -> tuple[nn.Module, ...]:
        return tuple(self.translators().values())

    def translator(self, direction: str | None = None) -> nn.Module:
        """The generator of a direction, by default of the usual one.

        Raises:
            GanlibError: the game has no such direction.
        """
        known = self.translators()
        direction = next(iter(known)) if direction is None else direction
        if direction not in known:
            raise unknown(f"direction of the game {self.name!r}", direction, known)
        return known[direction]

    @torch.no_grad()
    def translate(self, images: Tensor, direction: str | None = None) -> Tensor:
        """Images in the other domain, in evaluation mode and without gradients.

        Args:
            images: (N, C, H, W) in [−1, 1], of any size that the generator takes.
            direction: ``"a2b"`` or ``"b2a"``; None for the usual one.

        Returns:
            (N, C, H, W) in [−1, 1], on the game's device.

        Raises:
            GanlibError: no such direction, or images that do not suit the generator.
        """
        network = self.translator(direction)
        if images.ndim != 4:
            raise GanlibError(f"images of shape {tuple(images.shape)} were given; expected (N, C, H, W)")
        with evaluating(network):
            return network(images.to(self.device))

    def sample(self, n: int | None = None, images: Tensor | None = None, direction: str | None = None) -> Tensor:
        """The translations of images.

        Args:
            n: must be left out: a translation is made of an image.
            images: see `translate`.
            direction: see `translate`.

        Raises:
            GanlibError: a number of samples instead of images; or see `translate`.
        """
        if n is not None or images is None:
            raise GanlibError(
                f"the game {self.name!r} makes no samples out of nothing; expected images, as in "
                f"sample(images=…, direction='{next(iter(self.translators()))}'), or pictures for `ganlib translate`"
            )
        return self.translate(images, direction)

    def drawn(self, n: int, data: Source) -> Tensor:
        """Translations of n images that are drawn from `data`, in the usual direction."""
        side = next(iter(self.translators()))[0]
        # One by one, since a small set may have fewer than n; a few at a time, since images may be large.
        images = torch.cat([_side(data.batch(1), side) for _ in range(n)])
        return torch.cat([self.translate(part) for part in images.split(AT_ONCE)])

    def preview(self, n: int, data: Source) -> Tensor:
        """Bands of three rows: images, their translations, and what those are compared with in training.

        Returns:
            (k², C, H, W) with k a multiple of 6, near √n: in rows of k they show every direction equally often.
        """
        side = 6 * max(1, math.isqrt(n) // 6)
        bands = []
        while len(bands) < side // 3:
            for direction in self.translators():
                batches = [data.batch(1) for _ in range(side)]
                batch = Batch(torch.cat([b.images for b in batches]), other=torch.cat([b.other for b in batches]))
                bands.append(torch.cat([part.to(self.device) for part in self.band(batch, direction)]))
        return torch.cat(bands)

    @abstractmethod
    def band(self, batch: Batch, direction: str) -> tuple[Tensor, Tensor, Tensor]:
        """Images, their translations, and what those are compared with in training: three times (N, C, H, W)."""


def _side(batch: Batch, side: str) -> Tensor:
    """The images of domain ``"a"`` or ``"b"``."""
    return batch.images if side == "a" else batch.other
