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

BATCH = 8  # images of a step: their many pixels say enough, and more steps are worth more


class Segmenter(nn.Module):
    """A small U-Net with three halvings; what comes from below is added to what is there.

    Args:
        channels: of an image.
        width: channels at full resolution.
    """

    def __init__(self, channels: int, width: int = 16):
        super().__init__()
        self.channels = channels
        widths = [width, 2 * width, 4 * width, 4 * width]
        self.downs = nn.ModuleList(
            _block(n_in, n_out, 1 if n_in == channels else 2)
            for n_in, n_out in zip([channels, *widths], widths, strict=False)
        )
        self.bottom = _block(widths[-1], widths[-1])
        self.ups = nn.ModuleList(nn.Conv2d(widths[i + 1], widths[i], 1) for i in range(3))
        self.mixed = nn.ModuleList(_block(widths[i], widths[i]) for i in range(3))
        self.last = nn.Conv2d(width, 1, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, H, W) in [-1, 1] → logits (N, 1, H, W), above 0 where the animal is."""
        if x.ndim != 4 or x.shape[1] != self.channels:
            raise GanlibError(
                f"images of shape {tuple(x.shape)} were given; this segmenter expects (N, {self.channels}, H, W)"
            )
        height, width = x.shape[2:]
        x = F.pad(x, (0, -width % 8, 0, -height % 8), "replicate")
        seen = [x := down(x) for down in self.downs]
        x = self.bottom(x)
        for i in (2, 1, 0):
            x = self.mixed[i](seen[i] + F.interpolate(self.ups[i](x), scale_factor=2.0))
        return self.last(x)[..., :height, :width]


def _block(n_in: int, n_out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU())


def train_segmenter(
    domains: Domains, steps: int = 600, *, n: int = 1000, seed: int = 0, device: str | torch.device = "cpu"
) -> Segmenter:
    """Train a segmenter on real images of both domains; some twenty seconds for 32×32.

    The same seed, machine and number of threads give the same segmenter, and the caller's random state is left alone.

    Args:
        domains: what it learns from; their truth must know silhouettes.
        steps: Adam steps of 8 images.
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
        raise GanlibError(f"the truth of {domains.name} knows no silhouettes; expected drawn animals")
    images = torch.cat([part.normalised(slice(n)) for part in (domains.a, domains.b)]).to(device)
    inside = torch.cat([truth.silhouette for truth in truths]).to(device)
    clear = torch.cat([truth.silhouette | ~truth.mask for truth in truths]).to(device)  # pixels that can be judged
    with seeded(seed, device):
        net = Segmenter(domains.shape[0]).to(device)
        optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 8e-3, total_steps=steps)
        for _ in range(steps):
            rows = torch.randint(len(images), (BATCH,), device=device)
            logits, target = net(spoiled(images[rows])), inside[rows].to(images.dtype)
            optimizer.zero_grad()
            F.binary_cross_entropy_with_logits(logits, target, weight=clear[rows].to(images.dtype)).backward()
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
