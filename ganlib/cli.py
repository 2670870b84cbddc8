"""The command line: train, sample, look at data.

ganlib train gan --data digits --steps 3000 --out runs/first
ganlib sample runs/first
ganlib data preview digits
"""

from __future__ import annotations

import argparse
import inspect
import json
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ganlib.errors import GanlibError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 when it worked, 2 for bad input (one sentence on standard error), 130 after Ctrl-C.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        args = _parser(arguments).parse_args(arguments)
        args.run(args)
    except GanlibError as error:
        print(f"ganlib: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        print(f"ganlib: {stop}" if str(stop) else "ganlib: interrupted", file=sys.stderr)
        return 130
    return 0


# What a run is made with, beside the options of its game. run.json keeps it: --resume goes on with the same.
SETTINGS = {"data": None, "size": None, "batch_size": 128, "ema": 10_000.0, "seed": 0}
RECORD = "run.json"


# -- commands ----------------------------------------------------------------------------------------------------------
def train(args: argparse.Namespace) -> None:
    """`ganlib train`: a new run, or more steps of an old one."""
    import torch

    from ganlib import data, gans, training
    from ganlib.device import resolve
    from ganlib.training import checkpoint

    out = Path(args.out)
    has_run = bool(checkpoint.in_folder(out))
    if has_run and not args.resume:
        raise GanlibError(f"{str(out)!r} already holds a run; add --resume to go on with it, or choose another --out")
    if args.resume and not has_run:
        raise GanlibError(f"--resume was given, but {str(out)!r} holds no run to go on with")
    if args.steps < 1:
        raise GanlibError(f"--steps {args.steps} was given; expected at least 1")
    device = resolve(args.device)
    settings, commands = _settings(args, out)
    images = data.load(settings["data"], **({"size": settings["size"]} if settings["size"] else {}))
    training.seed(settings["seed"])
    trainer = training.Trainer(
        gans.build(args.gan, images.shape, **{name: settings[name] for name in gans.options(args.gan)}),
        images,
        settings["batch_size"],
        device=device,
        ema_half_life=settings["ema"] or None,
        out=out,
        checkpoint_every=args.checkpoint_every,
        progress=not args.quiet,
        tensorboard=args.tensorboard,
    )
    if args.resume:
        trainer.resume()
        if trainer.step >= args.steps:
            raise GanlibError(
                f"--steps {args.steps} was given, but the run in {str(out)!r} is already at {trainer.step}"
            )
    print(
        f"{args.gan} on {settings['data']} {images.shape} · {device} · seed {settings['seed']} · "
        f"step {trainer.step} → {args.steps}"
    )
    facts = {
        "commands": [*commands, ["ganlib", *args.arguments]],
        "gan": args.gan,
        "settings": settings,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
    (out / RECORD).write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    trainer.fit(args.steps - trainer.step)
    print(" · ".join(f"{name} {trainer.history[name][-1]:.3f}" for name in trainer.history.names()))
    print(f"samples: {_picture(_draw(trainer.sample, 64, settings['seed']), out / 'samples.png')}")
    print(f"more:    ganlib sample {out}")


def _settings(args: argparse.Namespace, out: Path) -> tuple[dict[str, Any], list[list[str]]]:
    """What the run is made with, and the commands that made it so far: from the command line, or from its record."""
    from ganlib import gans

    defaults = SETTINGS | {name: parameter.default for name, parameter in gans.options(args.gan).items()}
    given = {name: getattr(args, name) for name in defaults if hasattr(args, name)}
    if not args.resume:
        if "data" not in given:
            raise GanlibError("--data was not given; expected the name of a data set, see `ganlib data list`")
        return defaults | given, []
    try:
        record = json.loads((out / RECORD).read_text("utf-8"))
        settings, commands, gan = record["settings"], record["commands"], record["gan"]
    except (OSError, ValueError, KeyError):
        raise GanlibError(
            f"{str(out / RECORD)!r} is missing or damaged; it says what the run was made with, and --resume needs it"
        ) from None
    if gan != args.gan:
        raise GanlibError(f"train {args.gan} was given, but the run in {str(out)!r} is of {gan!r}")
    for name, value in given.items():
        if value != settings[name]:
            raise GanlibError(
                f"--{name.replace('_', '-')} {value} was given, but the run in {str(out)!r} was started with "
                f"{settings[name]}; leave it out, or choose another --out"
            )
    return settings, commands


def sample(args: argparse.Namespace) -> None:
    """`ganlib sample`: draw from a checkpoint."""
    from ganlib import training

    path = Path(args.checkpoint)
    gan = training.load_gan(path)
    if args.n < 1:
        raise GanlibError(f"--n {args.n} was given; expected at least 1")
    target = Path(args.out) if args.out else (path if path.is_dir() else path.parent) / "samples.png"
    print(_picture(_draw(gan.sample, args.n, args.seed), target))


def data_list(args: argparse.Namespace) -> None:
    """`ganlib data list`."""
    from ganlib import data

    width = max(map(len, data.names()))
    for name in data.names():
        print(f"{name:{width}}  {data.describe(name)}")


def data_preview(args: argparse.Namespace) -> None:
    """`ganlib data preview`: what a data set looks like."""
    import torch

    from ganlib import training

    samples = _load(args)
    if args.n < 1:
        raise GanlibError(f"--n {args.n} was given; expected at least 1")
    training.seed(args.seed)
    count = f"{len(samples)} samples of " if hasattr(samples, "__len__") else "samples of "
    print(f"{args.name}: {count}shape {tuple(samples.shape)}")
    batch = samples.batch(min(args.n, len(samples)) if hasattr(samples, "__len__") else args.n)
    shown = batch.images if batch.other is None else torch.cat([batch.images, batch.other])  # first one domain
    print(_picture(shown, Path(args.out or f"{_file_name(args.name)}.png")))


def data_describe(args: argparse.Namespace) -> None:
    """`ganlib data describe`: what is in a data set, in numbers, and its attributes as a figure."""
    from ganlib import data, viz

    if args.name in data.names():
        print(data.describe(args.name))
    samples = _load(args)
    print(samples)
    for mode in () if getattr(samples, "modes", None) is None else samples.modes:
        print("mode at " + ", ".join(f"{number:.3f}" for number in mode))
    parts = {"-a": samples.a, "-b": samples.b} if hasattr(samples, "b") else {"": samples}
    for side, part in parts.items():
        if side:
            print(f"\ndomain {side[1:]}: {part}")
        for name, counts in _counts(part).items():
            print(f"{name}: {counts}")
        if vocabulary := getattr(part, "vocabulary", None):
            path = Path(args.out or f"{_file_name(args.name)}-attributes.png")
            path = _writable_png(path.with_name(f"{path.stem}{side}{path.suffix}"))
            viz.histograms(part).savefig(path, dpi=120)
            print(f"the shares of these {len(vocabulary)} attributes: {path}")


def data_download(args: argparse.Namespace) -> None:
    """`ganlib data download`: fetch ahead of time what `load` would fetch."""
    from ganlib import data

    for name in args.names:
        for path in data.download_all(name, progress=None if not args.quiet else False):
            print(path)


# -- helpers -----------------------------------------------------------------------------------------------------------
def _draw(function: Any, n: int, seed: int) -> Any:
    """n samples that depend on the seed alone."""
    from ganlib import training

    training.seed(seed)
    return function(n)


def _load(args: argparse.Namespace) -> Any:
    """The data set that a command names."""
    from ganlib import data

    options = {name: getattr(args, name) for name in ("size", "split", "path") if getattr(args, name) is not None}
    return data.load(args.name, **options)


def _file_name(name: str) -> str:
    """What a file about a data set is called; a set may be given by its path."""
    return Path(name).resolve().stem if "/" in name or "\\" in name or Path(name).exists() else name


def _counts(samples: Any) -> dict[str, str]:
    """How many images each class and each named value of an attribute has, in words."""
    found = {}
    if getattr(samples, "labels", None) is not None and samples.classes:
        found["class"] = (samples.labels, samples.classes)
    for name, values in getattr(samples, "vocabulary", {}).items():
        found[name] = (samples.attributes[name], values)
    return {
        name: _shares(column.bincount(minlength=len(values)).tolist(), values)
        for name, (column, values) in found.items()
    }


def _shares(counts: list[int], values: Sequence[str]) -> str:
    if len(values) > 30:
        return f"{len(values):,} values with {min(counts):,} to {max(counts):,} images each"
    return ", ".join(f"{value} {count:,}" for value, count in zip(values, counts, strict=True))


def _writable_png(path: Path) -> Path:
    from ganlib.training.checkpoint import writable

    if path.suffix.lower() != ".png":
        raise GanlibError(f"--out {str(path)!r} was given; expected a name that ends in .png")
    writable(path.parent)
    return path


def _picture(samples: Any, path: Path) -> Path:
    """Write samples as a PNG: images as a grid of fixed contrast, points on the plane as a scatter plot."""
    path = _writable_png(path)
    if samples.ndim == 4:
        from torchvision.utils import save_image

        save_image(samples.cpu(), path, nrow=max(1, round(len(samples) ** 0.5)), normalize=True, value_range=(-1, 1))
    else:
        from ganlib import viz

        viz.points(samples).savefig(path, dpi=120)
    return path


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ganlib",
        description="Train GANs, draw from them, look at data.",
        epilog="Each command has its own --help.",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _train_parser(commands, arguments)

    command = commands.add_parser("sample", help="draw samples from a run", description="Draw samples from a run.")
    command.add_argument("checkpoint", metavar="RUN", help="the run's folder, or a checkpoint file")
    command.add_argument("--n", type=int, default=64, help="how many (default %(default)s)")
    command.add_argument("--seed", type=int, default=0, help="same seed, same samples (default %(default)s)")
    command.add_argument("--out", metavar="PNG", help="the picture to write (default: RUN/samples.png)")
    command.set_defaults(run=sample)

    sets = commands.add_parser("data", help="list or look at data sets", description="List or look at data sets.")
    of_data = sets.add_subparsers(required=True, metavar="COMMAND")
    of_data.add_parser("list", help="names of all data sets, and what they are").set_defaults(run=data_list)

    command = of_data.add_parser("preview", help="write a picture of some samples")
    _of_a_set(command, "the picture to write (default: NAME.png)")
    command.add_argument("--n", type=int, default=100, help="how many samples (default %(default)s)")
    command.add_argument("--seed", type=int, default=0, help="which samples (default %(default)s)")
    command.set_defaults(run=data_preview)

    command = of_data.add_parser("describe", help="count images, classes and attributes")
    _of_a_set(command, "the figure of the attributes, where there are any (default: NAME-attributes.png)")
    command.set_defaults(run=data_describe)

    command = of_data.add_parser("download", help="fetch a data set ahead of time")
    command.add_argument("names", metavar="NAME", nargs="+", help="data sets, see `ganlib data list`")
    command.add_argument("--quiet", action="store_true", help="no progress bar")
    command.set_defaults(run=data_download)
    return parser


def _of_a_set(command: argparse.ArgumentParser, out: str) -> None:
    """The arguments of a command that looks at one data set."""
    command.add_argument(
        "name", metavar="NAME", help="a data set, see `ganlib data list`, or the path of your own folder, zip or .npz"
    )
    command.add_argument("--size", type=int, help="height and width in pixels (default: the set's own)")
    command.add_argument("--split", help="train (default) or test")
    command.add_argument("--path", help="where the files are, for a set that asks for them")
    command.add_argument("--out", metavar="PNG", help=out)


def _train_parser(commands: Any, arguments: Sequence[str]) -> None:
    """`train GAN`: the common options, and those that the game's own `build` takes, read from its signature."""
    from ganlib import gans, losses, models

    train_parser = commands.add_parser(
        "train",
        help="train a GAN",
        description="Train a GAN. `ganlib train GAN --help` shows its options.",
    )
    games = train_parser.add_subparsers(required=True, metavar="GAN", title="GANs")
    named = arguments[1] if len(arguments) > 1 and arguments[0] == "train" else "-"
    if not named.startswith("-"):
        gans.get(named)  # an unknown name gets the course's error, not argparse's
    for name in gans.names():
        summary = inspect.getdoc(gans.get(name)).splitlines()[0]
        command = games.add_parser(name, help=summary, description=summary)
        command.add_argument(
            "--steps", type=int, default=3000, metavar="N", help="train until this step (default 3000)"
        )
        command.add_argument(
            "--out", required=True, metavar="FOLDER", help=f"folder for checkpoints, samples.png and {RECORD}"
        )
        command.add_argument("--resume", action="store_true", help="go on with the run in --out, as it was started")
        command.add_argument(
            "--checkpoint-every", type=int, default=1000, metavar="N", help="steps between checkpoints (default 1000)"
        )
        command.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default auto)")
        command.add_argument("--tensorboard", action="store_true", help="write FOLDER/tensorboard")
        command.add_argument("--quiet", action="store_true", help="no progress bar")

        run = command.add_argument_group("what the run is made with")
        _setting(
            run,
            "data",
            str,
            "NAME",
            "a data set, see `ganlib data list`, or a path to your own images; needed for a new run",
        )
        _setting(run, "size", int, "PIXELS", "height and width of the images (default: the set's own)")
        _setting(run, "batch_size", int, "N", "samples per phase", SETTINGS["batch_size"])
        _setting(run, "ema", float, "IMAGES", "half-life of the weight average, 0 for none", SETTINGS["ema"])
        _setting(run, "seed", int, "N", "seed of everything random", SETTINGS["seed"])

        own = command.add_argument_group(f"options of {name}")
        described = _described(gans.get(name).build)
        choices = {"model": f": {', '.join(models.names())}", "loss": f": {', '.join(losses.names())}"}
        for option, parameter in gans.options(name).items():
            metavar = "NAME" if option in choices else "X"
            text = f"{described[option]}{choices.get(option, '')}"
            _setting(own, option, type(parameter.default), metavar, text, parameter.default)
        command.set_defaults(run=train, gan=name, arguments=list(arguments))


def _setting(group: Any, name: str, kind: type, metavar: str, text: str, default: Any = None) -> None:
    """An option that leaves no trace unless it was given: `_settings` must tell what was said from what is usual."""
    text += "" if default is None else f" (default {default})"
    group.add_argument(
        f"--{name.replace('_', '-')}", dest=name, type=kind, metavar=metavar, default=argparse.SUPPRESS, help=text
    )


def _described(function: Any) -> dict[str, str]:
    """Argument name to its line in a docstring's Args."""
    lines = [line.strip() for line in inspect.getdoc(function).partition("Args:")[2].splitlines()]
    return {name: text.strip(" .") for name, colon, text in (line.partition(":") for line in lines) if colon}


if __name__ == "__main__":
    sys.exit(main())
