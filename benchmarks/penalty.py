"""What the gradient penalty costs: a step with it against the same step without it.

Measured are the critic's step alone, and a whole step of WGAN-GP: five of the critic and one of the generator. Both
sides have the same networks, images and optimisers, make their fakes anew, and take turns in one process. Beside the
time stands what the count of products promises: how many times as many multiplications the step with the penalty
makes. On a GPU each is played as written ("eager"), compiled where that can be (without the penalty: a second backward
pass is not compiled), and as CUDA graphs.

    python benchmarks/penalty.py  # prints and writes benchmarks/results/penalty.{json,md}
    python benchmarks/penalty.py --games mlp --steps 2 --rounds 1 --no-write
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

sys.path.insert(0, str(Path(__file__).parents[1]))

import ganlib
from benchmarks import common
from benchmarks.throughput import Game
from ganlib.device import resolve
from ganlib.gans.base import Batch, Phase
from ganlib.gans.wgan_gp import WGANGP
from ganlib.models.layers import on_each

LATENT = 100
GAMES = {
    "mlp": Game("MLP, digits 28", "wgan-gp", "digits", 28, 1.0, {"model": "mlp"}),
    "dcgan-32": Game("DCGAN, avatars 32", "wgan-gp", "avatars", 32, 0.1, {"model": "dcgan"}),
    "resnet-small": Game("ResNet, 32 channels, avatars 32", "wgan-gp", "avatars", 32, 0.1, {"model": "resnet-small"}),
    "resnet": Game("ResNet, 128 channels, avatars 32", "wgan-gp", "avatars", 32, 0.1, {"model": "resnet"}),
}
ON_CPU = ("mlp", "dcgan-32", "resnet-small")
WHOLE = {"critic": False, "whole step": True}


class Fined(WGANGP):
    """WGAN-GP.

    Attributes:
        whole: play the generator's phase too, and five steps of the critic; else one step of the critic is all.
    """

    whole = True

    def phases(self) -> list[Phase]:
        return super().phases() if self.whole else [Phase("critic", self.critic_loss)]


class Unfined(Fined):
    """The same without a penalty. A weight of 0 would not do: the penalty would still be computed."""

    def critic_loss(self, batch: Batch) -> tuple[dict, dict]:
        with torch.no_grad():
            fake = self.generator(self.latent(len(batch)))
        real_scores, fake_scores = on_each(self.critic, batch.images, fake)
        w = real_scores.mean() - fake_scores.mean()
        return {"-W": -w}, {"W": w.detach()}


SIDES = {"without": Unfined, "with": Fined}


def settings(device: torch.device) -> dict[str, dict[str, Any]]:
    """How steps are computed: on a CPU as written; on a GPU in three ways, and in half precision."""
    if device.type != "cuda":
        return {"eager": {}}
    half = common.half(device)
    return {
        "eager": {"precision": "fp32", "graphs": False},
        "compiled": {"precision": "fp32", "graphs": False, "compile": True},
        "CUDA graphs": {"precision": "fp32"},
        f"CUDA graphs, {half}": {"precision": half},
    }


def build(game: Game, side: str, whole: bool, shape: Sequence[int]) -> Fined:
    """One side of a comparison; both sides begin with the same weights."""
    ganlib.seed(0)
    gan = SIDES[side].build(shape, latent_dim=LATENT, **game.options)
    gan.whole = whole
    return gan


class Products(TorchDispatchMode):
    """Counts the floating-point operations in products and convolutions, those of backward passes included.

    torch's own counter also asks which layer they belong to, and cannot where a gradient is taken in a layer's input.
    """

    total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if func.overloadpacket in flop_registry:
            self.total += flop_registry[func.overloadpacket](*args, **(kwargs or {}), out_val=out)
        return out


def products(game: Game, side: str, images: ganlib.data.Images) -> int:
    """Floating-point operations in products and convolutions of a critic's step on four images; all grow like N."""
    gan = build(game, side, False, images.shape)
    gan.generator.requires_grad_(False)
    with Products() as counter:
        terms, _ = gan.critic_loss(images.batch(4))
        sum(terms.values()).backward()
    return counter.total


def play(name: str, steps: int, rounds: int, batch: int, device: torch.device, images: int) -> dict[str, Any]:
    """Time one pair of networks: part → setting → side → milliseconds per step, and how many times as long it takes."""
    game = GAMES[name]
    data = game.images(images)
    counts = {side: products(game, side, data) for side in SIDES}
    timed: dict[str, Any] = {}
    for part, whole in WHOLE.items():
        timed[part] = {}
        for setting, options in settings(device).items():
            loops = {}
            for side in SIDES:
                gan = build(game, side, whole, data.shape)
                loops[side] = ganlib.Trainer(gan, data, batch, device=device, progress=False, **options).fit
            share = max(2, round(steps * game.share / (5 if whole else 1)))
            times = common.in_turn(loops, share, rounds, device)
            timed[part][setting] = {
                "ms_per_step": {side: 1e3 * statistics.median(t) for side, t in times.items()},
                "ratio": common.ratio(times["with"], times["without"]),
            }
    parameters = sum(p.numel() for p in build(game, "with", False, data.shape).critic.parameters())
    return {
        "title": game.title,
        "parameters": parameters,
        "products": counts["with"] / counts["without"],
        "timed": timed,
    }


TITLES = {
    "critic": "A step of the critic with and without the gradient penalty, batch {batch}",
    "whole step": "Five steps of the critic and one of the generator, batch {batch}",
}


def tables(games: dict[str, Any]) -> dict[str, Any]:
    """What pages and labs show of the record: a table for the critic's step and one for the whole, for each setting.

    Their keys are ``"critic"`` and ``"step"``; on a GPU with the setting behind, whose name then heads the rows.
    """
    made = {}
    all_settings = next(iter(games.values()))["timed"]["critic"]
    for part, title in TITLES.items():
        for setting in all_settings:
            alone = len(all_settings) == 1
            rows = []
            for game in games.values():
                row = game["timed"][part][setting]
                ms, promised = row["ms_per_step"], [f"{game['products']:.2f}"] if part == "critic" else []
                rows.append(
                    [game["title"], f"{ms['without']:.1f}", f"{ms['with']:.1f}", f"{row['ratio']:.2f}", *promised]
                )
            head = ["Networks" if alone else setting, "Without, ms", "With, ms", "Ratio"]
            head += ["Ratio of products"] if part == "critic" else []
            key = [part.split()[-1], *([] if alone else [setting.replace(",", "").replace(" ", "-")])]
            made[" ".join(key)] = {"title": title, "head": head, "rows": rows}
    return made


def measure(
    steps: int, rounds: int, batch: int, device: torch.device, games: Sequence[str], images: int = 2048
) -> dict[str, Any]:
    """Time the games.

    Returns:
        A JSON-able record.
    """
    played = {name: play(name, steps, rounds, batch, device, images) for name in games}
    return {
        "benchmark": "penalty",
        **common.machine(device),
        "commit": common.commit(),
        "protocol": {"batch": batch, "rounds": rounds, "n_critic": 5},
        "games": played,
        "tables": tables(played),
    }


def table(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    protocol = record["protocol"]
    parts = [f"{common.where(record)} Medians of {protocol['rounds']} rounds in turn.\n"]
    for made in record["tables"].values():
        parts.append(f"**{made['title'].format(**protocol)}**\n")
        parts.append(common.markdown(made["head"], made["rows"]))
    return "\n".join(parts)


def main() -> None:
    parser = common.options(__doc__, steps=40, rounds=11)
    parser.add_argument("--batch", type=int, default=64, help="batch size (default %(default)s)")
    parser.add_argument("--games", nargs="+", choices=GAMES, help=f"default: all; on a CPU {' '.join(ON_CPU)}")
    args = parser.parse_args()
    device = resolve(args.device)
    games = args.games or (GAMES if device.type == "cuda" else ON_CPU)
    record = measure(args.steps, args.rounds, args.batch, device, tuple(games))
    common.finish(record, table(record), not args.no_write)


if __name__ == "__main__":
    main()
