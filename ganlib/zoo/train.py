"""Training of the zoo's feature networks: ``python -m ganlib.zoo.train digits --out FOLDER``.

The data are drawn afresh for each step, so no image is seen twice. They come from streams of their own: no image that
`ganlib.load` gives for a seed below 2³⁰ was trained on. (torch takes the lower 32 bits of a seed; the data sets use
twice their seed, and the number after it.)
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

import ganlib
from ganlib.data import avatars, cache, digits
from ganlib.data.images import Images, whole
from ganlib.data.parallel import one_thread
from ganlib.device import seeded
from ganlib.errors import GanlibError, unknown
from ganlib.zoo.networks import FeatureNetwork

STREAM = 2**31  # of the training images
CHUNK = 5120  # images drawn at once
BATCH = 128
RATE = 4e-3  # the highest learning rate of the cycle
TESTED = 20_000  # images that the accuracy is measured on

Drawn = tuple[Tensor, dict[str, Tensor]]  # uint8 (N, C, size, size), and int64 (N,) for each question


@dataclass(frozen=True)
class Plan:
    """What a network is, and what it learns from.

    Attributes:
        network: what it is built with.
        draw: n and a generator → fresh images and the truth about them.
        truth: the same truth about the images of a data set.
        version: of the drawings.
        images: how many it sees.
    """

    network: dict[str, Any]
    draw: Callable[[int, torch.Generator], Drawn]
    truth: Callable[[Images], dict[str, Tensor]]
    version: int
    images: int


# Fifths of what a hand does: limits between which a fifth of the digits lies, from 50,000 of them. A network that only
# tells the digits apart would soon see nothing else, and its features would not notice a pen twice as thick.
FIFTHS = {
    "slant": (0.0145, 0.1027, 0.1782, 0.2655),
    "tilt": (-0.0918, -0.0481, -0.0104, 0.0332),
    "width": (0.3586, 0.4051, 0.4452, 0.4934),
    "height": (0.6703, 0.7009, 0.7278, 0.7593),
    "thickness": (0.0725, 0.0806, 0.0897, 0.1024),
}


def handwriting(labels: Tensor, attributes: dict[str, Tensor]) -> dict[str, Tensor]:
    """What is asked about drawn digits: which one, in which of all styles, in which fifth each habit of the hand lies.

    Args:
        labels: int64 (N,).
        attributes: of the same digits, as `ganlib.data.digits.draw` returns them.
    """
    style = torch.tensor(digits.FIRST_STYLE)[labels] + attributes["style"]
    fifths = {name: torch.bucketize(attributes[name], torch.tensor(limits)) for name, limits in FIFTHS.items()}
    return {"digit": labels, "style": style} | fifths


def _digits(n: int, generator: torch.Generator) -> Drawn:
    labels = torch.arange(n) % 10
    parts = [digits.draw(part, 28, generator) for part in labels.split(64)]
    attributes = {name: torch.cat([known[name] for _, known in parts]) for name in parts[0][1]}
    return torch.cat([pixels for pixels, _ in parts]), handwriting(labels, attributes)


def _avatars(n: int, generator: torch.Generator) -> Drawn:
    integers = avatars.lots(n, generator)
    return avatars.render(integers, 32), avatars.attributes_of(integers)


PLANS = {
    "digits": Plan(
        {
            "shape": [1, 28, 28],
            "heads": {"digit": 10, "style": sum(map(len, digits.STYLES))} | dict.fromkeys(FIFTHS, 5),
            "width": 16,
            "features": 64,
        },
        _digits,
        lambda data: handwriting(data.labels, data.attributes),
        digits.VERSION,
        40 * CHUNK,
    ),
    "avatars": Plan(
        {
            "shape": [3, 32, 32],
            "heads": {name: len(values) for name, values in avatars.ATTRIBUTES.items()},
            "width": 24,
            "features": 128,
        },
        _avatars,
        lambda data: data.attributes,
        avatars.VERSION,
        50 * CHUNK,
    ),
}


def augmented(images: Tensor) -> Tensor:
    """Half of the images with a little grain and blur, all moved by up to a pixel.

    Generated images have such faults; features should still say what they show. More would hide the faults from them.

    Args:
        images: (N, C, H, W) in [-1, 1].
    """
    n, channels = images.shape[:2]
    strength = torch.rand(2, n, 1, 1, 1) * (torch.rand(n, 1, 1, 1) < 0.5)
    kernel = torch.tensor([1.0, 2.0, 1.0]) / 4
    kernel = (kernel[:, None] * kernel).expand(channels, 1, 3, 3)
    around = F.pad(images, (1, 1, 1, 1), mode="replicate")
    soft = F.conv2d(around, kernel, groups=channels)
    images = images + 0.5 * strength[0] * (soft - images) + 0.1 * strength[1] * torch.randn_like(images)
    down, right = torch.randint(3, (2,)).tolist()  # the whole batch by as much: over many batches it is the same
    height, width = images.shape[2:]
    moved = F.pad(images, (1, 1, 1, 1), mode="replicate")
    return moved[..., down : down + height, right : right + width].clamp(-1, 1)


def train(name: str, *, seed: int = 0, images: int | None = None, progress: bool = False) -> FeatureNetwork:
    """Train a network of the zoo on fresh images, in float32 on the CPU.

    The same seed and machine give the same weights, and the caller's random state is left alone. One thread computes:
    with two, sums come in another order, and on a busy machine it takes longer.

    Args:
        name: one of `PLANS`.
        seed: of weights, images and batches, below 2³¹.
        images: how many it sees, rounded to full batches of 128; None for what the plan says.
        progress: whether to draw a bar.

    Returns:
        The network in eval mode.

    Raises:
        GanlibError: no such network, or numbers out of range.
    """
    from tqdm import tqdm

    if name not in PLANS:
        raise unknown("network of the zoo", name, PLANS)
    plan, seed = PLANS[name], whole("seed", seed, 0, 2**31 - 1)
    steps = whole("images", plan.images if images is None else images, 2 * BATCH) // BATCH
    generator = torch.Generator().manual_seed(STREAM + seed)
    with one_thread(), seeded(seed), tqdm(total=steps, disable=not progress) as bar:
        net = FeatureNetwork(**plan.network)
        optimizer = torch.optim.AdamW(net.parameters(), RATE, weight_decay=1e-3)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
        for first in range(0, steps * BATCH, CHUNK):
            n = min(CHUNK, steps * BATCH - first)
            pixels, truth = plan.draw(n, generator)
            for index in torch.randperm(n).split(BATCH):
                logits = net.logits(net(augmented(pixels[index] / 127.5 - 1)))
                loss = sum(F.cross_entropy(logits[question], truth[question][index]) for question in logits)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                bar.update()
            bar.set_postfix(loss=f"{loss.item():.3f}")
    return net.eval().requires_grad_(False)


@torch.no_grad()
def accuracy(net: FeatureNetwork, pixels: Tensor, truth: dict[str, Tensor]) -> dict[str, float]:
    """Share of right answers to each question.

    Args:
        net: in eval mode.
        pixels: uint8 (N, C, size, size).
        truth: int64 (N,) for each question.
    """
    features = torch.cat([net(part / 127.5 - 1) for part in pixels.split(500)])
    return {name: (answer == truth[name]).double().mean().item() for name, answer in net.answers(features).items()}


def publish(name: str, folder: Path, *, seed: int = 0, images: int | None = None) -> dict[str, Any]:
    """Train a network, test it on images that it has not seen, and write its two files.

    Args:
        name: one of `PLANS`.
        folder: where to.
        seed: see `train`.
        images: see `train`.

    Returns:
        The record.

    Raises:
        GanlibError: see `train`; or the folder cannot be written.
    """
    from safetensors.torch import save

    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)  # before the minutes of training
    except OSError as error:
        raise GanlibError(f"{folder} was given ({error.strerror}); expected a folder to write to") from None
    start = time.perf_counter()
    net = train(name, seed=seed, images=images, progress=True)
    seconds, plan = time.perf_counter() - start, PLANS[name]
    steps = (images or plan.images) // BATCH
    size = net.shape[1]
    test = ganlib.load(name, size=size, split="test", n=TESTED)
    right = {key: round(share, 5) for key, share in accuracy(net, test.pixels, plan.truth(test)).items()}
    raw = save({key: value.contiguous() for key, value in net.state_dict().items()})
    command = f"python -m ganlib.zoo.train {name} --out FOLDER --seed {seed}"
    record = {
        "network": plan.network,
        "parameters": sum(p.numel() for p in net.parameters()),
        "sha256": hashlib.sha256(raw).hexdigest(),
        "training": {
            "command": command if images is None else f"{command} --images {images}",
            "seed": seed,
            "data": f"{name}, version {plan.version} of the drawings, {size}×{size}, each image once",
            "n": steps * BATCH,
            "batch": BATCH,
            "steps": steps,
            "device": "cpu, one thread",
            "seconds": round(seconds),
            "date": datetime.date.today().isoformat(),
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "test": {
            "data": f"ganlib.load({name!r}, size={size}, split='test', n={TESTED})",
            "n": TESTED,
            "accuracy": right,
            "mean": round(sum(right.values()) / len(right), 5),
        },
    }
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    for file, content in ((f"{name}.safetensors", raw), (f"{name}.json", text.encode())):
        if not cache.write(folder / file, content):
            raise GanlibError(f"{folder} was given; expected a folder to write to")
    return record


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser("python -m ganlib.zoo.train", description="Train a feature network of the zoo.")
    parser.add_argument("name", choices=PLANS)
    parser.add_argument("--out", required=True, metavar="FOLDER", help="where its two files go")
    parser.add_argument("--seed", type=int, default=0, help="(default %(default)s)")
    parser.add_argument("--images", type=int, help="images that it sees (default: as many as the network in the zoo)")
    args = parser.parse_args(arguments)
    try:
        record = publish(args.name, Path(args.out), seed=args.seed, images=args.images)
    except GanlibError as error:
        parser.error(str(error))
    print(json.dumps(record["test"], indent=2))


if __name__ == "__main__":
    main()
