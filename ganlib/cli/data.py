"""`ganlib data`: list, look at and fetch data sets."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ganlib.cli.pictures import at_least_one, picture, writable_png


def add_to(commands: Any) -> None:
    """Put the commands of this file among the others."""
    sets = commands.add_parser("data", help="list or look at data sets", description="List or look at data sets.")
    of_data = sets.add_subparsers(required=True, metavar="COMMAND")
    of_data.add_parser("list", help="names of all data sets, and what they are").set_defaults(run=list_sets)

    command = of_data.add_parser("preview", help="write a picture of some samples")
    _of_a_set(command, "the picture to write (default: NAME.png)")
    command.add_argument("--n", type=int, default=100, help="how many samples (default %(default)s)")
    command.add_argument("--seed", type=int, default=0, help="which samples (default %(default)s)")
    command.set_defaults(run=preview)

    command = of_data.add_parser("describe", help="count images, classes and attributes")
    _of_a_set(command, "the figure of the attributes, where there are any (default: NAME-attributes.png)")
    command.set_defaults(run=describe)

    command = of_data.add_parser("download", help="fetch a data set ahead of time")
    command.add_argument("names", metavar="NAME", nargs="+", help="data sets, see `ganlib data list`")
    command.add_argument("--quiet", action="store_true", help="no progress bar")
    command.set_defaults(run=download)


def _of_a_set(command: argparse.ArgumentParser, out: str) -> None:
    """The arguments of a command that looks at one data set."""
    command.add_argument(
        "name", metavar="NAME", help="a data set, see `ganlib data list`, or the path of your own folder, zip or .npz"
    )
    command.add_argument("--size", type=int, help="height and width in pixels (default: the set's own)")
    command.add_argument("--split", help="train (default) or test")
    command.add_argument("--path", help="where the files are, for a set that asks for them")
    command.add_argument("--out", metavar="PNG", help=out)


# -- commands ----------------------------------------------------------------------------------------------------------
def list_sets(args: argparse.Namespace) -> None:
    """`ganlib data list`."""
    from ganlib import data

    width = max(map(len, data.names()))
    for name in data.names():
        print(f"{name:{width}}  {data.describe(name)}")


def preview(args: argparse.Namespace) -> None:
    """`ganlib data preview`: what a data set looks like."""
    import torch

    from ganlib import training

    samples = _load(args)
    at_least_one(n=args.n)
    training.seed(args.seed)
    count = f"{len(samples)} samples of " if hasattr(samples, "__len__") else "samples of "
    print(f"{args.name}: {count}shape {tuple(samples.shape)}")
    batch = samples.batch(min(args.n, len(samples)) if hasattr(samples, "__len__") else args.n)
    shown = batch.images if batch.other is None else torch.cat([batch.images, batch.other])  # first one domain
    print(picture(shown, Path(args.out or f"{_file_name(args.name)}.png")))


def describe(args: argparse.Namespace) -> None:
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
            path = writable_png(path.with_name(f"{path.stem}{side}{path.suffix}"))
            viz.histograms(part).savefig(path, dpi=120)
            print(f"the shares of these {len(vocabulary)} attributes: {path}")


def download(args: argparse.Namespace) -> None:
    """`ganlib data download`: fetch ahead of time what `load` would fetch."""
    from ganlib import data

    for name in args.names:
        for path in data.download_all(name, progress=None if not args.quiet else False):
            print(path)


# -- helpers -----------------------------------------------------------------------------------------------------------
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
