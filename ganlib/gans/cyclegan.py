"""The CycleGAN of Zhu et al. (2017): chapter 11."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from ganlib import losses
from ganlib.data.images import whole
from ganlib.errors import unknown
from ganlib.gans.base import Batch, Phase, Player, adam, rmsprop, turns, weight
from ganlib.gans.translation import TranslationGAN, adversarial, distance
from ganlib.models.layers import on_each
from ganlib.models.translation import PatchDiscriminator, translator
from ganlib.penalties import clip_weights


class ImagePool(nn.Module):
    """A history of translations: the discriminator sees some older ones, and forgets less of what it has learned.

    Until it is full, every image is stored and passes through. From then on each image of a batch passes through with
    probability ½; otherwise it takes the place of a stored one, drawn at random, which comes out in its stead. The
    images of a batch never draw the same place. So a stored image leaves with probability n/2 · 1/size per batch of n
    images, however old it is.

    Its content is a buffer, so that a checkpoint has it. Shapes and addresses are fixed and nothing is read back to the
    host: a CUDA graph can play it.

    Args:
        size: images that it holds; 0 lets everything pass.
        shape: (C, H, W) of one.

    *Source*: Shrivastava et al. (2017), section 2.3; Zhu et al. (2017), section 4, "Training details", and the authors'
    code for what is exchanged.
    """

    def __init__(self, size: int, shape: Sequence[int]):
        super().__init__()
        self.size = whole("pool", size, 0)
        self.register_buffer("images", torch.zeros(size, *shape))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))  # images stored so far

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """images: (N, *shape) → as many, some of them older."""
        if not self.size:
            return images
        return torch.cat([self._exchange(part) for part in images.to(self.images.dtype).split(self.size)])

    def _exchange(self, images: Tensor) -> Tensor:
        """At most `size` images: each has a place of its own."""
        n, device = len(images), images.device
        full = self.count >= self.size
        order = self.count + torch.arange(n, device=device)
        places = torch.where(full, torch.rand(self.size, device=device).argsort()[:n], order % self.size)
        kept = torch.where(full, torch.rand(n, device=device) < 0.5, order < self.size).view(-1, 1, 1, 1)
        stored = self.images[places]
        self.images.index_copy_(0, places, torch.where(kept, images, stored))
        self.count.add_(n).clamp_(max=self.size)
        return torch.where(kept & full, stored, images)


class CycleGAN(TranslationGAN):
    """Two generators, each the way back of the other, and a discriminator of each domain.

    The generators learn together, with one optimiser, since the cycle's term has a gradient in both. Each discriminator
    is a player of its own.

    Args:
        a2b: (N, C, H, W) → (N, C, H, W) in [−1, 1], from domain a to domain b.
        b2a: the way back.
        discriminator_a: (N, C, H, W) → raw outputs of any shape, high for real images of a.
        discriminator_b: likewise of b.
        shape: (C, H, W) of the training images.
        cycle: λ, the weight of the cycle's terms.
        identity: weight of the terms that ask a generator to leave images of its own target alone; ½λ in the paper's
            experiments with paintings, and in the authors' code for all.
        pool: how many translations of each direction are kept to be shown again; 0 for none.
        loss: ``"lsgan"``, ``"wasserstein"``, or a pair of `losses` or its name. The mean over patches is taken of the
            losses, not of the outputs.
        cycle_norm: ``"l1"`` or ``"l2"``, how the cycle's error is measured.
        halve_discriminator: halve the discriminators' losses, as the paper does to slow them down. Adam and RMSProp
            divide by the gradient's size, so that with them it changes nothing but the weight of ε.
        n_critic: turns of each discriminator per turn of the generators; with more than one each sees fresh
            translations, not those that the generators have just been judged by.
        clip: c, if every number of the discriminators is to be kept in [−c, c]; 0 for no limit.
        lr: learning rate, all players.
        beta1: Adam's β₁, all players; its β₂ is 0.999.
        optimizer: ``"adam"`` or ``"rmsprop"``.

    Raises:
        GanlibError: a value that does not fit.

    Source: Zhu et al. (2017), equations (1) to (3) and section 4. Other values make the losses of DiscoGAN, Kim et al.
    (2017), section 2, and of DualGAN, Yi et al. (2017), equations (1) to (3); see the recipes.
    """

    name = "cyclegan"
    local_buffers = ("pool_a.images", "pool_b.images")

    def __init__(
        self,
        a2b: nn.Module,
        b2a: nn.Module,
        discriminator_a: nn.Module,
        discriminator_b: nn.Module,
        shape: Sequence[int],
        cycle: float = 10.0,
        identity: float = 5.0,
        pool: int = 50,
        loss: str | losses.Loss = "lsgan",
        cycle_norm: str = "l1",
        halve_discriminator: bool = True,
        n_critic: int = 1,
        clip: float = 0.0,
        lr: float = 2e-4,
        beta1: float = 0.5,
        optimizer: str = "adam",
    ):
        optimizers = {"adam": lambda: adam(lr, beta1), "rmsprop": lambda: rmsprop(lr)}
        if optimizer not in optimizers:
            raise unknown("optimizer", optimizer, optimizers)
        super().__init__()
        self.a2b, self.b2a = a2b, b2a
        self.discriminator_a, self.discriminator_b = discriminator_a, discriminator_b
        self.pool_a, self.pool_b = ImagePool(pool, shape), ImagePool(pool, shape)
        self.cycle, self.identity, self.clip = (
            weight("cycle", cycle),
            weight("identity", identity),
            weight("clip", clip),
        )
        self.loss, self.distance = adversarial(loss), distance(cycle_norm)
        self.share = 0.5 if halve_discriminator else 1.0
        self.n_critic, self.optimizer = turns("n_critic", n_critic), optimizers[optimizer]()

    @classmethod
    def build(
        cls,
        shape: Sequence[int],
        model: str = "resnet",
        width: int = 64,
        blocks: int = 9,
        downs: int = 0,
        layers: int = 3,
        cycle: float = 10.0,
        identity: float = 5.0,
        pool: int = 50,
        loss: str = "lsgan",
        cycle_norm: str = "l1",
        halve_discriminator: bool = True,
        n_critic: int = 1,
        clip: float = 0.0,
        lr: float = 2e-4,
        beta1: float = 0.5,
        optimizer: str = "adam",
    ) -> CycleGAN:
        """A game on images of a given shape.

        Args:
            shape: (C, H, W) of one image.
            model: name of the generators.
            width: channels of the generators' and discriminators' first layers.
            blocks: residual blocks of a resnet.
            downs: halvings of the side in a generator; 0 for 2 in a resnet, for as many as fit in a unet.
            layers: halvings of the discriminators; 3 make patches of 70 pixels, 2 of 34.
            cycle: weight of the way there and back.
            identity: weight of leaving alone what is in the target domain.
            pool: translations kept to be shown to the discriminators again.
            loss: name of the adversarial losses.
            cycle_norm: how the way back is compared, l1 or l2.
            halve_discriminator: halve the discriminators' losses, as in the paper.
            n_critic: turns of the discriminators per turn of the generators.
            clip: bound on every number of the discriminators, 0 for none.
            lr: learning rate, for all players.
            beta1: Adam's beta1, for all players.
            optimizer: adam or rmsprop.
        """
        generators = [translator(model, shape, width, blocks, downs) for _ in range(2)]
        discriminators = [PatchDiscriminator(shape[0], width, layers) for _ in range(2)]
        discriminators[0].check(shape)
        options = (cycle, identity, pool, loss, cycle_norm, halve_discriminator, n_critic, clip, lr, beta1, optimizer)
        return cls(*generators, *discriminators, shape, *options)

    def translators(self) -> dict[str, nn.Module]:
        return {"a2b": self.a2b, "b2a": self.b2a}

    def players(self) -> dict[str, Player]:
        return {
            "generators": Player([self.a2b, self.b2a], self.optimizer),
            "discriminator_a": Player(self.discriminator_a, self.optimizer),
            "discriminator_b": Player(self.discriminator_b, self.optimizer),
        }

    def phases(self) -> list[Phase]:
        after = self.clip_discriminators if self.clip else None
        return [
            Phase("generators", self.generators_loss),
            Phase("discriminator_a", self.discriminator_a_loss, self.n_critic, after_step=after),
            Phase("discriminator_b", self.discriminator_b_loss, self.n_critic, after_step=after),
        ]

    def clip_discriminators(self) -> None:
        clip_weights(self.discriminator_a, self.clip)
        clip_weights(self.discriminator_b, self.clip)

    def generators_loss(self, batch: Batch) -> tuple[dict, dict]:
        a, b = batch.images, batch.other
        fake_b, fake_a = self.a2b(a), self.b2a(b)
        self.step_cache |= {"a": fake_a.detach(), "b": fake_b.detach()}  # for the discriminators' turns
        terms = {
            "fool a": self.loss.generator(self.discriminator_a(fake_a)),
            "fool b": self.loss.generator(self.discriminator_b(fake_b)),
        }
        if self.cycle:
            terms["cycle"] = self.cycle * (self.distance(self.b2a(fake_b), a) + self.distance(self.a2b(fake_a), b))
        if self.identity:
            terms["identity"] = self.identity * (l1_loss(self.b2a(a), a) + l1_loss(self.a2b(b), b))
        return terms, {}

    def discriminator_a_loss(self, batch: Batch) -> tuple[dict, dict]:
        fake = self.fakes("a", batch)
        real_outputs, fake_outputs = on_each(self.discriminator_a, batch.images, self.pool_a(fake))
        loss = self.share * self.loss.discriminator(real_outputs, fake_outputs)
        return {"discriminator a": loss}, outputs("a", real_outputs, fake_outputs)

    def discriminator_b_loss(self, batch: Batch) -> tuple[dict, dict]:
        fake = self.fakes("b", batch)
        real_outputs, fake_outputs = on_each(self.discriminator_b, batch.other, self.pool_b(fake))
        loss = self.share * self.loss.discriminator(real_outputs, fake_outputs)
        return {"discriminator b": loss}, outputs("b", real_outputs, fake_outputs)

    def fakes(self, side: str, batch: Batch) -> Tensor:
        """Translations to a domain, without a way back to the generator: those of this step, or fresh ones."""
        if self.n_critic == 1:
            return self.step_cache.pop(side)
        with torch.no_grad():
            return self.b2a(batch.other) if side == "a" else self.a2b(batch.images)

    def band(self, batch: Batch, direction: str) -> tuple[Tensor, Tensor, Tensor]:
        images = batch.images if direction == "a2b" else batch.other
        made = self.translate(images, direction)
        return images, made, self.translate(made, "b2a" if direction == "a2b" else "a2b")


def outputs(side: str, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """What a discriminator says, on the average, of real and of translated images."""
    return {f"D_{side}(real)": real.detach().mean(), f"D_{side}(fake)": fake.detach().mean()}


GANS = {CycleGAN.name: CycleGAN}
