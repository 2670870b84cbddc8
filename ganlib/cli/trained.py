"""`ganlib sample`, `ganlib evaluate` and `ganlib export`: what can be done with a run."""

from __future__ import annotations

import argparse
import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ganlib.cli.pictures import at_least_one, columns, draw, picture
from ganlib.cli.runs import read_record
from ganlib.errors import GanlibError

EVALUATION = "evaluation.json"
ZOO = "zoo:"  # before the name of a game that comes with the library


def add_to(commands: Any) -> None:
    """Put the commands of this file among the others."""
    command = commands.add_parser("sample", help="draw samples from a run", description="Draw samples from a run.")
    command.add_argument("checkpoint", metavar="RUN", help="the run's folder, a checkpoint file, or zoo:NAME")
    command.add_argument("--n", type=int, default=64, help="how many (default %(default)s)")
    command.add_argument("--seed", type=int, default=0, help="same seed, same samples (default %(default)s)")
    asked = "may be given several times, each for an equal part of the samples"
    command.add_argument("--label", type=int, action="append", metavar="K", help=f"of this class; {asked}")
    command.add_argument("--caption", action="append", metavar="TEXT", help=f"as 'red eyes, blue hair' says; {asked}")
    command.add_argument(
        "--psi", metavar="PSI", help="truncation of styles: 0.7, or one a layer: 0.5,0.5,1,1 (below 0: --psi=-1)"
    )
    command.add_argument("--noise", metavar="KIND", help="of a game with noise in its layers: fresh, fixed or none")
    command.add_argument(
        "--mix",
        metavar="LAYERS",
        help="a row has one style, but in these layers, as 0-3 or 4,5, each column has its own",
    )
    command.add_argument("--out", metavar="PNG", help="the picture to write (default: RUN/samples.png)")
    command.set_defaults(run=sample)

    command = commands.add_parser(
        "evaluate",
        help="measure a run's samples",
        description="Measure samples of a run against real ones, with a second set of real ones beside them.",
    )
    command.add_argument("checkpoint", metavar="RUN", help="the run's folder")
    command.add_argument("--data", metavar="NAME", help="what to compare with (default: what the run was trained on)")
    command.add_argument(
        "--split", choices=("train", "test"), help="of that data (default: test, where there is one apart)"
    )
    command.add_argument("--n", type=int, help="how many samples (default 1000, or half of a smaller data set)")
    command.add_argument("--seed", type=int, default=0, help="of all that is drawn (default %(default)s)")
    command.add_argument(
        "--metric", metavar="METRIC", action="append", help="one of them only; may be given several times"
    )
    command.add_argument(
        "--extractor", metavar="NAME", default="auto", help="of features (default: the one meant for the data)"
    )
    command.add_argument("--allow-small", action="store_true", help="measure with fewer samples than a metric asks for")
    command.add_argument("--json", action="store_true", help="print the result as JSON")
    command.set_defaults(run=evaluate)

    command = commands.add_parser(
        "export",
        help="write a run's generator as ONNX",
        description="Write the network that draws samples (averaged weights, evaluation mode) as ONNX: "
        "z (n, latent_dim), and labels or captions where the game has them → samples in [-1, 1], for any n.",
    )
    command.add_argument("checkpoint", metavar="RUN", help="the run's folder, a checkpoint file, or zoo:NAME")
    command.add_argument("--out", metavar="ONNX", help="the file to write (default: RUN/model.onnx)")
    command.add_argument("--force", action="store_true", help="replace a file that is there")
    command.set_defaults(run=export)


def trained(run: str) -> Any:
    """The game of a run's folder, of a checkpoint file, or of the library (``zoo:NAME``), to be sampled."""
    from ganlib import training, zoo

    return zoo.load(run.removeprefix(ZOO), "game") if run.startswith(ZOO) else training.load_gan(run)


def _beside(run: str, name: str) -> Path:
    """A file in the run's folder; in the current one for a game of the library."""
    path = Path() if run.startswith(ZOO) else Path(run)
    return (path if path.is_dir() else path.parent) / name


def sample(args: argparse.Namespace) -> None:
    """`ganlib sample`."""
    gan = trained(args.checkpoint)
    at_least_one(n=args.n)
    asked = _conditions(gan, args.n, labels=args.label, captions=args.caption) | _styles(gan, args.psi, args.noise)
    make = gan.sample if args.mix is None else _mixing(gan, args.mix)
    target = Path(args.out) if args.out else _beside(args.checkpoint, "samples.png")
    print(picture(draw(lambda n: make(n, **asked), args.n, args.seed), target))


def _styles(gan: Any, psi: str | None, noise: str | None) -> dict[str, Any]:
    """What `gan.sample` is asked for about its styles."""
    asked = {name: value for name, value in (("psi", psi), ("noise", noise)) if value is not None}
    for name in asked:
        if name not in inspect.signature(gan.sample).parameters:
            raise GanlibError(f"--{name} was given, but the game {gan.name!r} has no styles")
    if psi is not None:
        try:
            asked["psi"] = float(psi) if "," not in psi else [float(each) for each in psi.split(",")]
        except ValueError:
            raise GanlibError(
                f"--psi {psi} was given; expected a number, or as many as layers, as 0.5,0.5,1,1"
            ) from None
    return asked


def _mixing(gan: Any, layers: str) -> Callable[..., Any]:
    """A function that makes n samples in rows of one style and columns of another in some layers."""
    if not hasattr(gan, "mix"):
        raise GanlibError(f"--mix was given, but the game {gan.name!r} has no styles")
    parts = [re.fullmatch(r"(\d+)(?:-(\d+))?", part) for part in layers.split(",")]
    ranges = [range(int(part[1]), int(part[2] or part[1]) + 1) for part in parts if part]
    if not all(parts) or not all(ranges) or any(each[-1] >= gan.generator.n_layers for each in ranges):
        raise GanlibError(
            f"--mix {layers} was given; expected layers from 0 to {gan.generator.n_layers - 1}, as 0-3 or 4,5"
        )
    numbers = [number for each in ranges for number in each]

    def mixed(n: int, **asked: Any) -> Any:
        across = columns(n)
        one, two = gan.latent(-(-n // across)), gan.latent(across)
        return gan.mix(one.repeat_interleave(across, 0)[:n], two.repeat(len(one), 1)[:n], numbers, **asked)

    return mixed


def _conditions(gan: Any, n: int, **given: list[Any] | None) -> dict[str, list[Any]]:
    """What `gan.sample` is asked for: each of the conditions for an equal part of n samples, one after the other."""
    asked = {kind: conditions for kind, conditions in given.items() if conditions}
    for kind, conditions in asked.items():
        if kind not in inspect.signature(gan.sample).parameters:
            raise GanlibError(f"--{kind.removesuffix('s')} was given, but the game {gan.name!r} takes no {kind}")
        if len(conditions) > n:
            raise GanlibError(f"{len(conditions)} {kind} were given for --n {n}; expected no more than samples")
    return {kind: [some[i * len(some) // n] for i in range(n)] for kind, some in asked.items()}


def evaluate(args: argparse.Namespace) -> None:
    """`ganlib evaluate`: the result is printed and added to those in RUN/evaluation.json."""
    from ganlib import metrics
    from ganlib.training import checkpoint

    run = Path(args.checkpoint)
    gan, step = checkpoint.load_gan(run), checkpoint.read(run)["step"]
    target = _beside(args.checkpoint, EVALUATION)
    before = earlier(target)
    real, split = _real(args.data, args.split, run, gan)
    found = {"step": step, "split": split} | metrics.evaluate(
        gan,
        real,
        args.n,
        seed=args.seed,
        chosen=args.metric,
        extractor=args.extractor,
        allow_small=args.allow_small,
    )
    checkpoint.writable(target.parent)
    checkpoint.replace(target, (json.dumps([*before, found], indent=2, ensure_ascii=False) + "\n").encode())
    if args.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    print(
        f"step {step} · {found['n_generated']} generated · {found['n_real']} real, of {found['real']}"
        + (f" ({split})" if split else "")
        + f" · seed {found['seed']}"
    )
    for name, values in found["metrics"].items():
        print(f"\n{name}: {values['of']}")
        for key, value in values.items():
            if key != "of":
                print(f"  {key:20} {value:.4g}" if isinstance(value, float) else f"  {key:20} {value}")
    for name, why in found["left out"].items():
        print(f"\n{name} left out: {why}")
    print(f"\nadded to {target}")


def earlier(path: Path) -> list[Any]:
    """The evaluations that a run has had."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError):
        found = None
    if not isinstance(found, list):
        raise GanlibError(f"{str(path)!r} is damaged; expected a list of evaluations: move it away")
    return found


def _real(name: str | None, split: str | None, run: Path, gan: Any) -> tuple[Any, str | None]:
    """What to compare with, and its split: the named data set in the size of the samples, or that of the run.

    Images that the run was not trained on, where the data set has some: copies of the others are no merit.
    """
    from ganlib import data

    if name is None:
        settings = read_record(run if run.is_dir() else run.parent)["settings"]
        name, size = settings["data"], settings["size"]
    else:
        shape = gan.recipe["shape"]
        size = shape[-1] if len(shape) == 3 else None
    split = split or ("test" if data.has_test_split(name) else None)
    return data.load(name, **{key: value for key, value in (("size", size), ("split", split)) if value}), split


def export(args: argparse.Namespace) -> None:
    """`ganlib export`: nothing is written unless onnxruntime, where it is there, gives the same samples as torch."""
    from ganlib.cli import onnx
    from ganlib.training import checkpoint

    gan = trained(args.checkpoint)
    target = Path(args.out) if args.out else _beside(args.checkpoint, "model.onnx")
    if target.suffix != ".onnx":
        raise GanlibError(f"--out {str(target)!r} was given; expected a name that ends in .onnx")
    if target.exists() and not args.force:
        raise GanlibError(f"{str(target)!r} is there already; add --force to replace it, or choose another --out")
    content = onnx.convert(gan)
    difference = onnx.difference(gan, content)
    checkpoint.writable(target.parent)
    checkpoint.replace(target, content)
    print(f"{target} ({len(content) / 1e6:.1f} MB)")
    if difference is None:
        print("not verified: the package onnxruntime is not installed")
    else:
        print(f"onnxruntime and torch differ by at most {difference:.1e}")
