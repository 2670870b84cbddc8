"""How fast is the trainer, against the loop that tutorials use? And what does `import ganlib` cost?

The tutorial loops are our own writing of the usual ones: a DataLoader over PIL images with ToTensor + Normalize for
every sample, a discriminator that ends in a sigmoid with BCELoss, an optimiser without options, gradients computed for
networks that do not move, `.item()` on both losses at each step. The one for WGAN-GP takes a step of the critic on each
batch, with fakes that are not cut off from the generator, and one of the generator on every fifth. Networks, batch size
and images are the same on both sides, and the loops take turns in one process, so that a machine whose speed drifts
favours none. A step is the same work for all: one of each player, or five of the critic and one of the generator.

    python benchmarks/throughput.py  # prints and writes benchmarks/results/throughput.{json,md}
    python benchmarks/throughput.py --games mlp --steps 50 --rounds 3 --no-write
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

sys.path.insert(0, str(Path(__file__).parents[1]))

import ganlib
from benchmarks import common
from ganlib.device import resolve

LATENT = 100


@dataclass(frozen=True)
class Game:
    """What is played: a title, `ganlib.build`'s name and options, the images, and how much of --steps it takes."""

    title: str
    name: str
    data: str
    size: int
    share: float
    options: dict[str, Any] = field(default_factory=dict)

    def images(self, n: int) -> ganlib.data.Images:
        return ganlib.load(self.data, size=self.size, n=n)

    def build(self, shape: Sequence[int]) -> ganlib.GAN:
        return ganlib.build(self.name, shape, latent_dim=LATENT, **self.options)


GAMES = {
    "mlp": Game("MLP GAN, digits 28", "gan", "digits", 28, 1.0, {"model": "mlp"}),
    "dcgan-32": Game("DCGAN-32, avatars", "gan", "avatars", 32, 0.1, {"model": "dcgan"}),
    "dcgan-64": Game("DCGAN-64, avatars", "gan", "avatars", 64, 0.1, {"model": "dcgan"}),
    "wgan-gp": Game("WGAN-GP, MLP, n_critic 5, digits 28", "wgan-gp", "digits", 28, 0.2, {"model": "mlp"}),
}
ON_CPU = ("mlp", "dcgan-32", "wgan-gp")


# -- the tutorials' way ------------------------------------------------------------------------------------------------
class PILImages(Dataset):
    """The same images, handed out as torchvision hands them out: one PIL image at a time, then the transforms."""

    def __init__(self, pixels: Tensor):
        from torchvision import transforms

        channels = pixels.shape[1]
        self.pixels = pixels.cpu().permute(0, 2, 3, 1).squeeze(-1).contiguous().numpy()
        self.transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize([0.5] * channels, [0.5] * channels)]
        )

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        from PIL import Image

        return self.transform(Image.fromarray(self.pixels[index])), 0


def endless(pixels: Tensor, batch: int, workers: int) -> Iterator[Tensor]:
    """Batches from a DataLoader, epoch after epoch."""
    loader = DataLoader(PILImages(pixels), batch, shuffle=True, drop_last=True, num_workers=workers)
    while True:
        for images, _ in loader:
            yield images


def tutorial_gan(generator: nn.Module, logits: nn.Module, batches: Iterator[Tensor], device: torch.device):
    """A function that takes n steps of the tutorials' loop for a GAN."""
    discriminator = nn.Sequential(logits, nn.Sigmoid())
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    bce = nn.BCELoss()

    def steps(n: int) -> None:
        for _ in range(n):
            real = next(batches).to(device)
            valid, wrong = torch.ones(len(real), device=device), torch.zeros(len(real), device=device)
            optimizer_g.zero_grad()
            fake = generator(torch.randn(len(real), LATENT, device=device))
            g_loss = bce(discriminator(fake), valid)
            g_loss.backward()
            optimizer_g.step()
            optimizer_d.zero_grad()
            d_loss = (bce(discriminator(real), valid) + bce(discriminator(fake.detach()), wrong)) / 2
            d_loss.backward()
            optimizer_d.step()
            g_loss.item(), d_loss.item()

    return steps


def tutorial_wgan_gp(
    generator: nn.Module, critic: nn.Module, batches: Iterator[Tensor], device: torch.device, n_critic: int = 5
):
    """A function that takes n steps of the tutorials' loop for WGAN-GP, a step being n_critic batches."""
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=1e-4, betas=(0.0, 0.9))
    optimizer_c = torch.optim.Adam(critic.parameters(), lr=1e-4, betas=(0.0, 0.9))

    def penalty(real: Tensor, fake: Tensor) -> Tensor:
        mix = torch.rand(len(real), 1, 1, 1, device=device)
        points = (mix * real + (1 - mix) * fake).requires_grad_(True)
        scores = critic(points)
        (gradient,) = torch.autograd.grad(scores, points, torch.ones_like(scores), create_graph=True, retain_graph=True)
        return ((gradient.reshape(len(real), -1).norm(2, dim=1) - 1) ** 2).mean()

    def steps(n: int) -> None:
        for i in range(n * n_critic):
            real = next(batches).to(device)
            optimizer_c.zero_grad()
            fake = generator(torch.randn(len(real), LATENT, device=device))
            c_loss = critic(fake).mean() - critic(real).mean() + 10 * penalty(real.data, fake.data)
            c_loss.backward()
            optimizer_c.step()
            c_loss.item()
            if (i + 1) % n_critic == 0:
                optimizer_g.zero_grad()
                g_loss = -critic(generator(torch.randn(len(real), LATENT, device=device))).mean()
                g_loss.backward()
                optimizer_g.step()
                g_loss.item()

    return steps


# -- both in turn ------------------------------------------------------------------------------------------------------
def settings(device: torch.device) -> dict[str, dict[str, Any]]:
    """The trainer's settings that are compared: on a CPU only its defaults."""
    if device.type != "cuda":
        return {"ganlib": {}}
    half = common.half(device)
    return {
        "ganlib, eager fp32": {"precision": "fp32", "graphs": False},
        "ganlib, compiled fp32": {"precision": "fp32", "graphs": False, "compile": True},
        "ganlib, graphs fp32": {"precision": "fp32"},
        f"ganlib, graphs {half}": {"precision": half},
        f"ganlib, graphs {half}, compiled": {"precision": half, "compile": True},
    }


def names(workers: Sequence[int], device: torch.device) -> list[str]:
    """The ways of playing that are compared, the tutorials' first."""
    return [*(f"tutorial, {w} workers" for w in workers), *settings(device)]


def loop(name: str, game: Game, images: ganlib.data.Images, batch: int, device: torch.device) -> common.Loop:
    """One way of playing a game: a function that takes n steps."""
    ganlib.seed(0)
    gan = game.build(images.shape).to(device)
    if name in settings(device):
        return ganlib.Trainer(gan, images, batch, device=device, progress=False, **settings(device)[name]).fit
    batches = endless(images.pixels, batch, int(name.split()[1]))
    if game.name == "wgan-gp":
        return tutorial_wgan_gp(gan.generator, gan.critic, batches, device)
    return tutorial_gan(gan.generator, gan.discriminator, batches, device)


def worker(job: str) -> None:
    """A process of `play`: takes as many steps as each line of its input says, and prints a line when it is done."""
    job = json.loads(job)
    game, device = GAMES[job["game"]], torch.device(job["device"])
    steps = loop(job["name"], game, game.images(job["images"]), job["batch"], device)
    for line in sys.stdin:
        common.seconds(lambda line=line: steps(int(line)), device)  # waits for the device
        print("done", flush=True)


def play(
    name: str, steps: int, rounds: int, batch: int, workers: Sequence[int], device: torch.device, images: int
) -> dict[str, Any]:
    """Time one game: per loop the milliseconds per step, real images per second and the speed-up."""
    game = GAMES[name]
    steps = max(2, round(steps * game.share))
    gan = game.build(game.images(1).shape)
    turns = sum(phase.repeats for phase in gan.phases()[:-1])
    job = {"game": name, "batch": batch, "device": str(device), "images": images}
    with contextlib.ExitStack() as stack:
        processes = {}
        for way in names(workers, device):
            command = [sys.executable, __file__, "--worker", json.dumps(job | {"name": way})]
            processes[way] = stack.enter_context(common.Worker(command))
        times = common.in_turn(processes, steps, rounds, device)
    base = times[f"tutorial, {workers[0]} workers"]
    return {
        "title": game.title,
        "parameters": {name: sum(p.numel() for p in player.parameters()) for name, player in gan.players().items()},
        "steps": steps,
        "loops": {
            name: {
                "ms_per_step": 1e3 * statistics.median(t),
                "images_per_s": batch * turns / statistics.median(t),
                "speedup": common.ratio(base, t),
            }
            for name, t in times.items()
        },
    }


def import_seconds(statement: str, after: str, runs: int) -> float:
    """Median time that one statement takes in a fresh interpreter which has run another one before."""
    code = f"import time; {after}; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    times = [float(subprocess.check_output([sys.executable, "-c", code], text=True)) for _ in range(runs)]
    return statistics.median(times)


def measure(
    steps: int,
    rounds: int,
    batch: int,
    workers: Sequence[int],
    device: torch.device,
    games: Sequence[str],
    images: int = 8192,
    runs: int = 5,
) -> dict[str, Any]:
    """Time the games and the import.

    Returns:
        A JSON-able record. A speed-up is relative to the first tutorial loop.
    """
    played = {name: play(name, steps, rounds, batch, workers, device, images) for name in games}
    # The short names are imported on first use, so use them: `import ganlib` alone would flatter us.
    base = import_seconds("import torch", "pass", runs)
    added = import_seconds("import ganlib; ganlib.load, ganlib.build, ganlib.Trainer", "import torch", runs)
    return {
        "benchmark": "throughput",
        **common.machine(device),
        "batch": batch,
        "rounds": rounds,
        "games": played,
        "import_s": {"torch": base, "added by ganlib": added},
    }


def table(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    parts = [
        f"{common.where(record)} Batch {record['batch']}, medians of {record['rounds']} rounds in turn; speed relative "
        "to the tutorial loop. Images are the real ones that D or the critic sees.\n"
    ]
    for game in record["games"].values():
        count = ", ".join(f"{name} {n:,}" for name, n in game["parameters"].items())
        rows = [
            [name, f"{row['ms_per_step']:.2f}", f"{row['images_per_s']:,.0f}", f"{row['speedup']:.2f}"]
            for name, row in game["loops"].items()
        ]
        parts.append(f"**{game['title']}** ({count} parameters, rounds of {game['steps']} steps)\n")
        parts.append(common.markdown(["loop", "ms per step", "images/s", "speed"], rows))
    cost = record["import_s"]
    added = f"`import ganlib` and its short names adds {cost['added by ganlib']:.3f} s to `import torch`"
    return "\n".join([*parts, f"{added} ({cost['torch']:.2f} s).\n"])


def main() -> None:
    parser = common.options(__doc__, steps=40, rounds=21)
    parser.add_argument("--batch", type=int, default=64, help="batch size (default %(default)s)")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2], help="DataLoader workers (default 0 2)")
    parser.add_argument("--games", nargs="+", choices=GAMES, help=f"default: all; on a CPU {' '.join(ON_CPU)}")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        return worker(args.worker)
    device = resolve(args.device)
    games = args.games or (GAMES if device.type == "cuda" else ON_CPU)
    record = measure(args.steps, args.rounds, args.batch, args.workers, device, tuple(games))
    common.finish(record, table(record), not args.no_write)


if __name__ == "__main__":
    main()
