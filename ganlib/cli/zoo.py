"""`ganlib zoo`: the trained models that come with the library."""

from __future__ import annotations

import argparse
import shlex
from typing import Any

WHAT = {"game": "games, to be sampled or translated with", "network": "networks, which judge images"}


def add_to(commands: Any) -> None:
    """Put the command of this file among the others."""
    command = commands.add_parser(
        "zoo",
        help="list trained models, or show one",
        description="List the trained games and networks that come with the library: images, size, data, what each is "
        "worth. Or show all that is known of one. Where another command takes a run, it takes zoo:NAME too.",
    )
    command.add_argument("model", metavar="NAME", nargs="?", help="one of them (default: all, a line each)")
    command.set_defaults(run=zoo)


def zoo(args: argparse.Namespace) -> None:
    """`ganlib zoo`."""
    if args.model is None:
        _all()
    else:
        _one(args.model)


def _all() -> None:
    from ganlib import zoo
    from ganlib.zoo import cards

    records = {name: zoo.record(name) for name in zoo.list()}
    rows = {
        name: (name, cards.shape(made), f"{cards.megabytes(name):.1f} MB", cards.data(made), cards.worth(made))
        for name, made in records.items()
    }
    widths = [max(map(len, column)) for column in zip(*rows.values(), strict=True)]
    for kind, what in WHAT.items():
        print(f"{what}:")
        for name in zoo.list(kind):
            print("", *(f"{cell:{width}}" for cell, width in zip(rows[name], widths, strict=True)), sep="  ")


def _one(name: str) -> None:
    from ganlib import gans, zoo
    from ganlib.zoo import cards

    made = zoo.record(name)
    kind = zoo.kind_of(made)
    print(f"{name}: {made['game']['gan'] if kind == 'game' else 'a network'}\n")
    for what, answer in cards.facts(name):
        print(f"{what:12} {answer}")
    print("\nmade by")
    for words in cards.commands(made):
        print(f"  {shlex.join(words)}")
    print("\nmeasured")
    for each in cards.measures(made):
        real = f", real images {each.floor}" if each.floor else ""
        print(f"  {each.name:28} {each!s:18} (n {each.n}{real})")
    for what, value in cards.details(made).items():
        print(f"    {what:40} {value:.4g}")
    usage = gans.get(made["game"]["gan"]).usage.replace("RUN", f"zoo:{name}") if kind == "game" else ""
    print("\nuse: " + " · ".join(filter(None, [usage, f"ganlib.zoo.load({name!r})"])))
