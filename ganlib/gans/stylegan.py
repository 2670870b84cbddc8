"""The style-based GAN of Karras et al. (2019): chapter 13."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from ganlib.data.images import whole
from ganlib.errors import GanlibError
from ganlib.gans.base import evaluating
from ganlib.gans.growing import GrowingGAN
from ganlib.models.progressive import ProgressiveDiscriminator, last_level
from ganlib.models.stylegan import StyleGenerator


class StyleGAN(GrowingGAN):
    """A generator that turns z into a style for each of its layers, and a discriminator as in ProGAN.

    See `GrowingGAN` for its arguments; its generator is a `StyleGenerator`.

    Source: Karras et al. (2019), with the non-saturating loss and R1 of their appendix C.
    """

    name = "stylegan"

    @classmethod
    def build(
        cls,
        shape: Sequence[int],
        latent_dim: int = 128,
        width: int = 32,
        widest: int = 256,
        depth: int = 8,
        mixing: float = 0.9,
        mapping_lr: float = 0.01,
        group: int = 4,
        blurred: bool = True,
        start: int = 8,
        fade: int = 600_000,
        stable: int = 600_000,
        largest_batch: int = 1,
        grow: bool = True,
        loss: str = "non_saturating",
        penalty_weight: float = 10.0,
        drift: float = 0.001,
        full_size_slopes: bool = True,
        lr: float = 1e-3,
        beta1: float = 0.0,
        beta2: float = 0.99,
    ) -> StyleGAN:
        """A game on images of a given shape.

        Args:
            shape: (C, size, size) of one image, with a size from 8 to 1024 that is a power of 2.
            latent_dim: length of the latent vector z and of the style w.
            width: channels at full size; they double with each halving of the side.
            widest: the largest number of channels.
            depth: layers of the mapping from z to w.
            mixing: share of the samples with styles of two latents, in training.
            mapping_lr: factor on the learning rate of the mapping.
            group: samples whose spread the discriminator sees.
            blurred: blur in the discriminator before each halving.
            start: sides of the first images in pixels.
            fade: real images during which a level is faded in.
            stable: real images for which a level is played as a whole.
            largest_batch: factor on the batch of small images, at most; it doubles with each halving of the side.
            grow: begin with small images, or else play at full size from the beginning.
            loss: name of the losses, with a gradient penalty or with R1.
            penalty_weight: lambda of the gradient penalty, or gamma of R1.
            drift: weight of the critic's mean square score, under wgan-gp only.
            full_size_slopes: penalise slopes per distance of images at full size, or else of the level's.
            lr: Adam's learning rate, for both players.
            beta1: Adam's beta1, for both players.
            beta2: Adam's beta2, for both players.
        """
        return cls(
            StyleGenerator(shape, latent_dim, width, widest, depth, mixing, mapping_lr),
            ProgressiveDiscriminator(shape, width, widest, group, blurred),
            *(latent_dim, last_level(shape), start, fade, stable, largest_batch, grow),
            *(loss, penalty_weight, drift, full_size_slopes, lr, beta1, beta2),
        )

    @torch.no_grad()
    def sample(
        self,
        n: int | None = None,
        z: Tensor | None = None,
        w: Tensor | None = None,
        psi: float | Sequence[float] = 1.0,
        noise: str | None = None,
    ) -> Tensor:
        """Generated samples.

        Args:
            n: how many, from fresh latents; or
            z: latents (N, latent_dim); or
            w: styles (N, latent_dim), or (N, layers, latent_dim) with one for each layer.
            psi: ψ, how far from the mean style, 1 for as far as in training; a number, or one for each layer.
            noise: ``"fresh"``, ``"fixed"``, the same for all samples, or ``"none"``. By default fresh for fresh
                latents, whose samples then follow the law that the discriminator was shown, and fixed for those that
                are given: equal styles make equal images. So the authors measure FID and path length, the latter with
                noise that is drawn once a batch.

        Returns:
            (N, *shape) in [−1, 1].

        Raises:
            GanlibError: none or several of n, z and w are given, or one of another shape; or psi or noise is wrong.

        *Source*: ψ: Karras et al. (2019), appendix B.
        """
        if n is z is w is None:
            raise GanlibError("sample() takes one of n, a number of samples, z, their latents, and w, their styles")
        noise = ("fixed" if n is None else "fresh") if noise is None else noise
        with evaluating(self.generator):
            return self._drawn(self._styles(n, z, w), psi, noise)

    @torch.no_grad()
    def mix(
        self,
        one: Tensor,
        two: Tensor,
        layers: Iterable[int],
        psi: float | Sequence[float] = 1.0,
        noise: str = "fixed",
    ) -> Tensor:
        """Samples with the styles of `one`, but in some layers those of `two`.

        Layers 2ℓ and 2ℓ + 1 are those of images with sides of 4·2^ℓ: the first few say what is coarse.

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
        """What `sample` was asked for, as styles (N, layers, latent_dim)."""
        if w is None:
            w = self.generator.mapping(self.latents(n, z))
        elif n is not None or z is not None:
            raise GanlibError("sample() takes one of n, a number of samples, z, their latents, and w, their styles")
        w = self.generator.for_layers(w.to(self.device))
        if w.shape[1:] != (expected := (self.generator.n_layers, self.latent_dim)):
            raise GanlibError(
                f"styles of shape {tuple(w.shape)} were given; expected (N, {expected[1]}) or (N, *{expected})"
            )
        return w

    def _drawn(self, w: Tensor, psi: float | Sequence[float], noise: str) -> Tensor:
        return self.generator.synthesis(self.generator.truncated(w, psi), noise=noise)


GANS = {StyleGAN.name: StyleGAN}
