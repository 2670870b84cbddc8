"""A small network that says where the animal is: which pixels of a picture belong to it.

It learns from both animals, so that it asks neither for stripes nor for a coat, and from pictures with grain, blur and
other colours, so that what a generator does badly is not read as an animal, or as none.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganlib.data.domains import Domains
from ganlib.data.images import whole
from ganlib.device import seeded
from ganlib.errors import GanlibError

BATCH = 64  # images of each domain in a step


class Segmenter(nn.Module):
    """A U-Net with two halvings below half of the images' size; the first layer takes squares of 2×2 pixels as one.

    Args:
        channels: of an image.
        width: channels of the first convolution.
    """

    def __init__(self, channels: int, width: int = 24):
        super().__init__()
        block = lambda n_in, n_out, stride=1: nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()
        )
        self.channels = channels
        self.first = nn.Sequential(nn.PixelUnshuffle(2), block(4 * channels, width))
        self.down = block(width, 2 * width, 2)
        self.bottom = nn.Sequential(
            block(2 * width, 2 * width, 2), block(2 * width, 2 * width), nn.UpsamplingNearest2d(scale_factor=2)
        )
        self.up = nn.Sequential(block(4 * width, 2 * width), nn.UpsamplingNearest2d(scale_factor=2))
        self.last = nn.Sequential(block(3 * width, width), nn.Conv2d(width, 4, 3, 1, 1), nn.PixelShuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, H, W) in [-1, 1] → logits (N, 1, H, W), above 0 where the animal is."""
        if x.ndim != 4 or x.shape[1] != self.channels:
            raise GanlibError(
                f"images of shape {tuple(x.shape)} were given; this segmenter expects (N, {self.channels}, H, W)"
            )
        height, width = x.shape[2:]
        first = self.first(F.pad(x, (0, -width % 8, 0, -height % 8), "replicate"))
        down = self.down(first)
        up = self.up(torch.cat([down, self.bottom(down)], 1))
        return self.last(torch.cat([first, up], 1))[..., :height, :width]


def train_segmenter(
    domains: Domains, steps: int = 300, *, n: int = 1000, seed: int = 0, device: str | torch.device = "cpu"
) -> Segmenter:
    """Train a segmenter on pictures of which the truth knows the silhouettes; about twenty seconds for 32×32.

    The same seed, machine and number of threads give the same segmenter, and the caller's random state is left alone.

    Args:
        domains: whose hidden counterparts it learns from: pictures of both domains.
        steps: Adam steps of 64 images of each domain.
        n: how many images of each domain it learns from, or all if there are fewer.
        seed: for the weights, the batches and what spoils them.
        device: where to train.

    Returns:
        The segmenter, in eval mode.

    Raises:
        GanlibError: domains without silhouettes, or fewer than one step.
    """
    steps, device = whole("steps", steps, 1), torch.device(device)
    truths = [domains.truth(side, slice(n)) for side in ("a", "b")]
    if any(truth.silhouette is None for truth in truths):
        raise GanlibError(f"the truth of {domains.name} knows no silhouettes; those of drawn animals do")
    pixels = [truth.images.to(device) for truth in truths]
    masks = [truth.silhouette.to(device) for truth in truths]
    with seeded(seed, device):
        net = Segmenter(domains.shape[0]).to(device)
        optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 8e-3, total_steps=steps)
        for _ in range(steps):
            rows = [torch.randint(len(side), (BATCH,), device=device) for side in pixels]
            images = torch.cat([side[chosen] for side, chosen in zip(pixels, rows, strict=True)]) / 127.5 - 1
            target = torch.cat([side[chosen] for side, chosen in zip(masks, rows, strict=True)]).to(images.dtype)
            optimizer.zero_grad()
            F.binary_cross_entropy_with_logits(net(spoiled(images)), target).backward()
            optimizer.step()
            schedule.step()
    return net.eval()


def spoiled(images: Tensor) -> Tensor:
    """The images as a generator might make them: with grain, some blurred, all in somewhat other colours.

    Args:
        images: (N, C, H, W) in [-1, 1].
    """
    draw = lambda channels=1: torch.rand(len(images), channels, 1, 1, device=images.device)
    blurred = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), "replicate"), 3, 1)
    images = torch.lerp(images, blurred, (2 * draw() - 1).clamp(min=0))
    images = (0.7 + 0.6 * draw()) * images + 0.4 * (draw(images.shape[1]) - 0.5)
    return (images + 0.2 * draw() * torch.randn_like(images)).clamp(-1, 1)
