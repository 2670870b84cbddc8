"""Exponential moving average of the weights that sampling uses."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from ganlib.errors import GanlibError
from ganlib.gans.base import GAN


class EMA:
    """A twin of the game whose sampling networks follow the trained ones smoothly.

    The half-life is counted in **images**, so that it means the same at any batch size: after `half_life` images an old
    weight counts half. It grows from zero with the images seen, or a short run would keep its random initialisation.

    Buffers go by kind: batch-norm means and variances are averaged like the weights they belong to; anything else
    (counters, spectral-norm vectors, fade-in) is copied, since an average of it has no meaning.

    Args:
        gan: the game that is trained; networks that sampling does not need are shared with it, not copied.
        half_life: in images, > 0.
        ramp: the half-life never exceeds this fraction of the images seen.

    Source: Karras et al. (2018), section 2 (averaged generator); half-life and ramp as in Karras et al. (2020b).
    """

    def __init__(self, gan: GAN, half_life: float, ramp: float = 0.05):
        if not half_life > 0:
            raise GanlibError(
                f"ema_half_life={half_life} was given; expected a positive number of images, or None for off"
            )
        self.half_life, self.ramp = half_life, ramp
        averaged = set(gan.averaged())
        shared = {id(child): child for child in gan.children() if child not in averaged}
        self.gan = copy.deepcopy(gan, shared)
        twins = dict(self.gan.named_parameters()) | dict(self.gan.named_buffers())
        lives = dict(gan.named_parameters()) | dict(gan.named_buffers())
        own = {name: (twin, lives[name]) for name, twin in twins.items() if twin is not lives[name]}
        smooth = {n for n, (twin, _) in own.items() if isinstance(twin, torch.nn.Parameter)}
        smooth |= {n for n in own if n.rsplit(".", 1)[-1] in ("running_mean", "running_var")}
        self._own = own
        self._smooth = [[own[n][i].data for n in own if n in smooth] for i in (0, 1)]
        self._copied = [own[n] for n in own if n not in smooth]
        for name in smooth:
            own[name][0].requires_grad_(False)

    @torch.no_grad()
    def update(self, images: int, images_seen: int) -> None:
        """Follow one step of training that showed `images` images, `images_seen` in all."""
        half_life = min(self.half_life, self.ramp * images_seen)
        torch._foreach_lerp_(*self._smooth, 1 - 0.5 ** (images / max(half_life, 1e-8)))
        for twin, live in self._copied:
            twin.copy_(live)

    def state_dict(self) -> dict[str, Tensor]:
        """The averaged tensors by name."""
        return {name: twin.detach() for name, (twin, _) in self._own.items()}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Put back what `state_dict` returned."""
        for name, (twin, _) in self._own.items():
            twin.copy_(state[name])
