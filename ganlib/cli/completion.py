"""`ganlib completion`: a script that lets the shell complete commands, options and names."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from ganlib.errors import GanlibError

SHELLS = ("bash", "zsh")


def add_to(commands: Any) -> None:
    """Put the commands of this file among the others."""
    command = commands.add_parser(
        "completion",
        help="print a script for the shell's Tab key",
        description="Print a script that lets the shell complete commands, options, recipes and data sets.",
        epilog='bash: put  eval "$(ganlib completion bash)"  into ~/.bashrc. '
        "zsh: ganlib completion zsh > FOLDER/_ganlib, with FOLDER in fpath.",
    )
    command.add_argument("shell", choices=SHELLS, help="the shell")
    command.set_defaults(run=completion)


def completion(args: argparse.Namespace) -> None:
    """`ganlib completion`."""
    try:
        import shtab
    except ImportError:
        raise GanlibError("the package shtab is not installed; expected it from: pip install shtab") from None
    from ganlib import cli, data, gans, metrics, recipes, zoo
    from ganlib.training.acceleration import PRECISIONS

    parser = cli.parser()
    names = {"recipe": sorted({*recipes.shipped(), *gans.names()}), "precision": PRECISIONS, "metric": metrics.names()}
    names["model"] = zoo.list()
    names |= dict.fromkeys(("data", "name", "names"), data.names())
    for command, action in _actions(parser):
        # Choices for the script alone: the parser itself must not refuse a path.
        if action.dest in names and "plot" not in command:
            action.choices = names[action.dest]
        elif action.metavar in ("RUN", "FOLDER"):
            action.complete = shtab.DIRECTORY
        elif action.metavar in ("PNG", "ONNX"):
            action.complete = shtab.FILE
    print(shtab.complete(parser, args.shell))


def _actions(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.Action]]:
    """All options of all commands, each with the command's words."""
    for action in parser._actions:
        yield parser.prog, action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)
