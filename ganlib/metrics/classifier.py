"""A small classifier that judges generated images: which classes are there, and how sure one can be.

A classifier that has only seen digits calls anything a digit, with confidence. This one also learns what is none:
noise, shuffled pixels, two images on top of each other. What it does not know gets low confidence in every class.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganlib.data.images import Images
from ganlib.device import seeded
from ganlib.errors import GanlibError
from ganlib.gans.base import evaluating
from ganlib.metrics.base import Metric, Result, Samples
from ganlib.metrics.features import to_bytes
from ganlib.metrics.reading import checked_images

BATCH = 64  # images of each kind in a step


class Classifier(nn.Module):
    """Two strided convolutions and two linear layers; one more output than there are classes, for "none of them".

    Args:
        shape: (C, H, W) of an image; H and W at least 8.
        classes: number of classes, ≥ 2.
        width: channels of the first convolution.
    """

    def __init__(self, shape: tuple[int, int, int], classes: int, width: int = 16):
        super().__init__()
        channels, height, width_ = shape
        if min(height, width_) < 8 or classes < 2:
            raise GanlibError(
                f"images {tuple(shape)} of {classes} classes were given; expected 8×8 or larger, 2 classes or more"
            )
        self.shape, self.classes = tuple(shape), classes
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, 4, 2, 1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(width, 2 * width, 4, 2, 1),
            nn.BatchNorm2d(2 * width),
            nn.LeakyReLU(0.1),
            nn.Flatten(),
            nn.Linear(2 * width * (height // 4) * (width_ // 4), 64),
            nn.LeakyReLU(0.1),
            nn.Linear(64, classes + 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, H, W) in [-1, 1] → logits (N, classes + 1); the last one is "none of them"."""
        if x.ndim != 4 or tuple(x.shape[1:]) != self.shape:
            raise GanlibError(
                f"images of shape {tuple(x.shape)} were given; this classifier expects (N, {str(self.shape)[1:]}"
            )
        return self.layers(x)

    @torch.no_grad()
    def probabilities(self, images: Tensor, batch_size: int = 1000) -> Tensor:
        """Probability of each class.

        Args:
            images: (N, C, H, W), floats in [-1, 1].
            batch_size: images at once.

        Returns:
            (N, classes) on the CPU; a row sums to one minus the probability of "none of them".
        """
        device = next(self.parameters()).device
        with evaluating(self):
            parts = [self(part.to(device)).softmax(1)[:, :-1].cpu() for part in images.split(batch_size)]
        return torch.cat(parts)


def train_classifier(
    data: Images, steps: int = 300, *, seed: int = 0, device: str | torch.device = "cpu"
) -> Classifier:
    """Train a classifier on labelled images; a few seconds for 28×28.

    The same seed, machine and number of threads give the same classifier, and the caller's random state is left alone.

    Args:
        data: images with labels.
        steps: Adam steps of 64 images and 64 of what is none.
        seed: for the weights, the batches and the nonsense.
        device: where to train.

    Returns:
        The classifier, in eval mode.

    Raises:
        GanlibError: images without labels, or fewer than one step.
    """
    if data.labels is None:
        raise GanlibError(f"the data set {data.name!r} has no labels; a classifier needs them")
    if steps < 1:
        raise GanlibError(f"steps={steps} was given; expected at least 1")
    device = torch.device(device)
    data, classes = data.to(device), max(len(data.classes), int(data.labels.max()) + 1)
    with seeded(seed, device):
        net = Classifier(data.shape, classes).to(device)
        optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
        for _ in range(steps):
            batch, other = data.batch(min(BATCH, len(data))), data.batch(min(BATCH, len(data)))
            none = nonsense(other.images, other.labels)
            logits = net(torch.cat([perturbed(batch.images), none]))
            target = torch.cat([batch.labels, batch.labels.new_full((len(none),), classes)])
            optimizer.zero_grad()
            F.cross_entropy(logits, target).backward()
            optimizer.step()
            schedule.step()
    return net.eval()


def perturbed(images: Tensor) -> Tensor:
    """The images, some with grain: a generator's grain does not make a digit unreadable.

    Args:
        images: (N, C, H, W) in [-1, 1].
    """
    grain = 0.3 * torch.rand(len(images), 1, 1, 1, device=images.device)
    return (images + grain * torch.randn_like(images)).clamp(-1, 1)


def nonsense(images: Tensor, labels: Tensor) -> Tensor:
    """As many images that belong to no class, with much of the statistics of real ones.

    Args:
        images: real ones to spoil, (N, C, H, W) in [-1, 1].
        labels: their classes, (N,).

    Returns:
        (N, C, H, W): in turn noise, shuffled pixels, shuffled 4×4 blocks, two images of different classes overlaid,
        a flat grey.
    """
    n = len(images)
    strength = 1.5 * torch.rand(n, 1, 1, 1, device=images.device)
    noise = (strength * torch.randn_like(images)).clamp(-1, 1)
    flat = (2 * torch.rand(n, 1, 1, 1, device=images.device) - 1).expand_as(images)
    neighbours = torch.maximum(images, images.roll(1, 0))
    overlaid = torch.where((labels == labels.roll(1))[:, None, None, None], noise, neighbours)
    kinds = (noise, shuffled(images), shuffled_blocks(images), overlaid, flat)
    return torch.cat([kind[i :: len(kinds)] for i, kind in enumerate(kinds)])


def shuffled_blocks(images: Tensor, side: int = 4) -> Tensor:
    """Each image with its blocks of `side`² pixels in an order of its own; an edge that does not fit stays in place."""
    n, channels, height, width = images.shape
    tall, wide = height // side, width // side
    made = images.clone()
    inner = made[..., : side * tall, : side * wide]
    blocks = (
        inner.reshape(n, channels, tall, side, wide, side).transpose(3, 4).flatten(2, 3)
    )  # (N, C, blocks, side, side)
    order = torch.rand(n, tall * wide, device=images.device).argsort(1)[:, None, :, None, None]
    blocks = blocks.gather(2, order.expand_as(blocks)).unflatten(2, (tall, wide))
    inner.copy_(blocks.transpose(3, 4).reshape_as(inner))
    return made


def shuffled(images: Tensor) -> Tensor:
    """Each image with its pixels in an order of its own: the same brightness, no shape. (N, C, H, W) → the same."""
    n, channels, height, width = images.shape
    order = torch.rand(n, 1, height * width, device=images.device).argsort(2).expand(n, channels, -1)
    return images.flatten(2).gather(2, order).view_as(images)


@dataclass(frozen=True)
class Coverage:
    """What a classifier sees in a set of images.

    Attributes:
        present: classes that are there, in order.
        shares: for each class, the share of all images that are confidently of it.
        confidence: mean over all images of the largest class probability.
    """

    present: tuple[int, ...]
    shares: tuple[float, ...]
    confidence: float

    @property
    def count(self) -> int:
        """How many classes are there."""
        return len(self.present)

    @property
    def classes(self) -> int:
        """How many there could be."""
        return len(self.shares)


def class_coverage(images: Tensor, classifier: Classifier, *, least: float = 0.02, sure: float = 0.5) -> Coverage:
    """Which classes are present among images.

    Args:
        images: (N, C, H, W), floats in [-1, 1]; with fewer than 1/`least` of them one image makes a class present.
        classifier: from `train_classifier`.
        least: a class is present if at least this share of all images is confidently of it.
        sure: "confidently" means a probability of at least this.

    Raises:
        GanlibError: no images, or images that do not fit the classifier.
    """
    images = checked_images(images, "judged")
    confidence, label = classifier.probabilities(images).max(1)
    counts = torch.bincount(label[confidence >= sure], minlength=classifier.classes).tolist()
    shares = tuple(count / len(images) for count in counts)
    present = tuple(i for i, share in enumerate(shares) if share >= least and share > 0)
    return Coverage(present, shares, confidence.mean().item())


def _measure(samples: Samples) -> dict[str, float | int]:
    data = samples.data
    if samples.unseen is not None:  # it is surest of images that it was trained on, and the floor would be too high
        data = Images(data.pixels[samples.unseen], data.labels[samples.unseen], data.classes, data.name)
    classifier = train_classifier(data, seed=samples.seed)
    made, real = (class_coverage(to_bytes(images), classifier) for images in (samples.generated, samples.real))
    line = Result(
        "classes found",
        made.count,
        n_real=len(samples.real),
        n_fake=len(samples.generated),
        reader="a classifier trained on the data",
        floor=real.count,
        details={"of": made.classes, "confidence": made.confidence},
        shown=("of", "confidence"),
        rises=True,
    )
    return {
        "result": str(line),
        "classes": made.classes,
        "generated": made.count,
        "real": real.count,
        "confidence generated": made.confidence,
        "confidence real": real.confidence,
    }


def _lacks(samples: Samples) -> str:
    if not isinstance(samples.data, Images):
        return "it holds no images"
    if samples.data.labels is None:
        return "its images have no labels"
    return ""


METRICS = {
    "classes": Metric(
        "classes that a classifier, trained on other real images and on nonsense, sees in at least 2% of the samples, "
        "and its mean confidence; the nearer to real the better",
        _measure,
        _lacks,
    )
}
