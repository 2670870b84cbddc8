"""What games have in common whose generator has a style for each layer: how they are sampled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from ganlib.data.images import whole
from ganlib.errors import GanlibError
from ganlib.gans.base import LatentGAN, evaluating


class Styled(LatentGAN):
    """A game whose generator is a `models.stylegan.StyleBased`; before another game's class it takes its samples over.

    Source: Karras et al. (2019), sections 2 and 3.1 and appendix B.
    """

    @torch.no_grad()
    def sample(
        self,
        n: int | None = None,
        z: Tensor | None = None,
        w: Tensor | None = None,
        psi: float | Sequence[float] = 1.0,
        noise: str | Sequence[Tensor] | None = None,
    ) -> Tensor:
        """Generated samples.

        Args:
            n: how many, from fresh latents; or
            z: latents (N, latent_dim); or
            w: styles (N, w_dim), or (N, layers, w_dim) with one for each layer.
            psi: ψ, how far from the mean style, 1 for as far as in training; a number, or one for each layer.
            noise: ``"fresh"``, ``"fixed"``, the same for all samples, or ``"none"``; where the generator takes them,
                images of noise, one for each layer that has some. By default fresh for fresh latents, whose samples
                then follow the law that the discriminator was shown, and fixed for those that are given: equal styles
                make equal images. So the authors measure FID and path length, the latter with noise that is drawn once
                a batch.

        Returns:
            (N, *shape) in [−1, 1].

        Raises:
            GanlibError: none or several of n, z and w are given, or one of another shape; or psi or noise is wrong.
        """
        if n is z is w is None:
            raise GanlibError("sample() takes one of n, a number of samples, z, their latents, and w, their styles")
        if noise is None:
            noise = "fixed" if n is None else "fresh"
        with evaluating(self.generator):
            return self._drawn(self._styles(n, z, w), psi, noise)

    @torch.no_grad()
    def mix(
        self,
        one: Tensor,
        two: Tensor,
        layers: Iterable[int],
        psi: float | Sequence[float] = 1.0,
        noise: str | Sequence[Tensor] = "fixed",
    ) -> Tensor:
        """Samples with the styles of `one`, but in some layers those of `two`.

        The first few layers say what is coarse. In StyleGAN, layers 2ℓ and 2ℓ + 1 make images with sides of 4·2^ℓ; in
        StyleGAN2 it is 2ℓ − 1 and 2ℓ, and the last one has nothing left to say but the colours.

        Args:
            one: latents (N, latent_dim).
            two: as many.
            layers: which, counted from 0, e.g. ``range(4)``.
            psi: see `sample`.
            noise: see `sample`.

        Returns:
            (N, *shape) in [−1, 1].

        Raises:
            GanlibError: there is no such layer, or the latents do not fit.
        """
        if len(one) != len(two):
            raise GanlibError(f"{len(one)} and {len(two)} latents were given; expected as many of one as of the other")
        if not isinstance(layers, Iterable):
            raise GanlibError(f"layers={layers!r} was given; expected several, e.g. range(4) or [{layers!r}]")
        numbers = [whole("layer", layer, 0, self.generator.n_layers - 1) for layer in layers]
        with evaluating(self.generator):
            w, other = self._styles(None, one, None).clone(), self._styles(None, two, None)
            w[:, numbers] = other[:, numbers]
            return self._drawn(w, psi, noise)

    def _styles(self, n: int | None, z: Tensor | None, w: Tensor | None) -> Tensor:
        """What `sample` was asked for, as styles (N, layers, w_dim)."""
        if w is None:
            w = self.generator.mapping(self.latents(n, z))
        elif n is not None or z is not None:
            raise GanlibError("sample() takes one of n, a number of samples, z, their latents, and w, their styles")
        w = self.generator.for_layers(w.to(self.device))
        if w.shape[1:] != (expected := (self.generator.n_layers, self.generator.w_dim)):
            raise GanlibError(
                f"styles of shape {tuple(w.shape)} were given; expected (N, {expected[1]}) or (N, *{expected})"
            )
        return w

    def _drawn(self, w: Tensor, psi: float | Sequence[float], noise: str | Sequence[Tensor]) -> Tensor:
        return self.generator.synthesis(self.generator.truncated(w, psi), noise=noise).clamp(-1, 1)
