"""How fast is the trainer, against the loop that tutorials use? And what does `import ganlib` cost?

The tutorial loop is our own writing of the usual one: a DataLoader over PIL images with ToTensor + Normalize for every
sample, a discriminator that ends in a sigmoid with BCELoss, an optimiser of Adam's defaults, gradients computed for
networks that do not move, `.item()` on both losses at each step. Networks, batch size and images are the same, and the
two take turns in one process, so that a machine whose speed drifts favours neither.

    python benchmarks/throughput.py  # prints and writes benchmarks/results/throughput.{json,md}
    python benchmarks/throughput.py --steps 50 --rounds 3 --no-write
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import ganlib
from ganlib import models
from ganlib.device import resolve

RESULTS = Path(__file__).parent / "results"


class PILImages(Dataset):
    """The same digits, handed out as torchvision hands out MNIST: one PIL image at a time, then the transforms."""

    def __init__(self, pixels: Tensor):
        from torchvision import transforms

        self.pixels = pixels.cpu().squeeze(1).numpy()
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.5], [0.5])])

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        from PIL import Image

        return self.transform(Image.fromarray(self.pixels[index], mode="L")), 0


def tutorial_loop(
    pixels: Tensor, latent_dim: int, batch: int, workers: int, device: torch.device
) -> Callable[[int], None]:
    """A function that takes n steps of the tutorial loop."""
    generator, logits = models.networks("mlp", tuple(pixels.shape[1:]), latent_dim)
    generator, discriminator = generator.to(device), nn.Sequential(logits, nn.Sigmoid()).to(device)
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    bce = nn.BCELoss()
    loader = DataLoader(PILImages(pixels), batch, shuffle=True, drop_last=True, num_workers=workers)

    def endless():
        while True:
            yield from loader

    batches = endless()

    def steps(n: int) -> None:
        for _ in range(n):
            real = next(batches)[0].to(device)
            valid, wrong = torch.ones(batch, device=device), torch.zeros(batch, device=device)
            optimizer_g.zero_grad()
            fake = generator(torch.randn(batch, latent_dim, device=device))
            g_loss = bce(discriminator(fake), valid)
            g_loss.backward()
            optimizer_g.step()
            optimizer_d.zero_grad()
            d_loss = (bce(discriminator(real), valid) + bce(discriminator(fake.detach()), wrong)) / 2
            d_loss.backward()
            optimizer_d.step()
            g_loss.item(), d_loss.item()

    return steps, (generator, discriminator)


def trainer_loop(images, latent_dim: int, batch: int, device: torch.device) -> Callable[[int], None]:
    """A function that takes n steps of ganlib's trainer, as a lab uses it (losses logged, no weight average)."""
    gan = ganlib.build("gan", images.shape, model="mlp", latent_dim=latent_dim)
    trainer = ganlib.Trainer(gan, images, batch, device=device, progress=False)
    return lambda n: trainer.fit(n)


def seconds(loop: Callable[[int], None], steps: int, device: torch.device) -> float:
    """Time of `steps` steps."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    loop(steps)
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def import_seconds(statement: str, after: str, runs: int) -> float:
    """Median time that one statement takes in a fresh interpreter which has run another one before."""
    code = f"import time; {after}; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    times = [float(subprocess.check_output([sys.executable, "-c", code], text=True)) for _ in range(runs)]
    return statistics.median(times)


def measure(
    steps: int,
    rounds: int,
    batch: int,
    workers: tuple[int, ...],
    device: torch.device,
    images: int = 8192,
    runs: int = 5,
) -> dict:
    """Time the loops in turn.

    Returns:
        A JSON-able record: per loop the median milliseconds per step and images per second, and the ratios.
    """
    ganlib.seed(0)
    data = ganlib.load("digits", n=images)
    loops = {f"tutorial, {w} workers": tutorial_loop(data.pixels, 100, batch, w, device)[0] for w in workers}
    loops["ganlib"] = trainer_loop(data, 100, batch, device)
    times: dict[str, list[float]] = {name: [] for name in loops}
    for loop in loops.values():
        seconds(loop, max(5, steps // 5), device)
    for _ in range(rounds):
        for name, loop in loops.items():
            times[name].append(seconds(loop, steps, device) / steps)
    rows = {
        name: {"ms_per_step": 1e3 * statistics.median(t), "images_per_s": batch / statistics.median(t)}
        for name, t in times.items()
    }
    ratios = {
        name: statistics.median(a / b for a, b in zip(times[name], times["ganlib"], strict=True))
        for name in loops
        if name != "ganlib"
    }
    # The short names are imported on first use, so use them: `import ganlib` alone would flatter us.
    base = import_seconds("import torch", "pass", runs)
    added = import_seconds("import ganlib; ganlib.load, ganlib.build, ganlib.Trainer", "import torch", runs)
    return {
        "benchmark": "throughput",
        "network": "mlp (1,489,936 + 533,505 parameters)",
        "batch": batch,
        "steps": steps,
        "rounds": rounds,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "loops": rows,
        "speedup": ratios,
        "import_s": {"torch": base, "added by ganlib": added},
    }


def table(record: dict) -> str:
    """The record as Markdown."""
    lines = [
        f"Device {record['device']}, {record['threads']} threads, torch {record['torch']}, batch {record['batch']}, "
        f"{record['rounds']} rounds of {record['steps']} steps in turn, medians.",
        "",
        "| loop | ms per step | images/s | time relative to ganlib |",
        "|---|---:|---:|---:|",
    ]
    for name, row in record["loops"].items():
        ratio = record["speedup"].get(name, 1.0)
        lines.append(f"| {name} | {row['ms_per_step']:.2f} | {row['images_per_s']:.0f} | {ratio:.2f} |")
    cost = record["import_s"]
    added = f"`import ganlib` and its short names adds {cost['added by ganlib']:.3f} s to `import torch`"
    lines += ["", f"{added} ({cost['torch']:.2f} s)."]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=100, help="steps per round (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=7, help="rounds (default %(default)s)")
    parser.add_argument("--batch", type=int, default=64, help="batch size (default %(default)s)")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2], help="DataLoader workers (default 0 2)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default %(default)s)")
    parser.add_argument("--no-write", action="store_true", help="print only")
    args = parser.parse_args()
    record = measure(args.steps, args.rounds, args.batch, tuple(args.workers), resolve(args.device))
    print(table(record))
    if not args.no_write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "throughput.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        (RESULTS / "throughput.md").write_text(table(record), encoding="utf-8")


if __name__ == "__main__":
    main()
