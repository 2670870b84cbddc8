"""Make a game of the zoo anew: ``make zoo NAME``, or ``python -m tools.retrain_game NAME``.

The commands of its record train it into runs/NAME; `tools.measure_game` measures the run, `tools.keep_game` puts the
game in the place of the old one, and its sheet on the page of the zoo is drawn. What was stopped half way goes on where
it was; a run that is finished is measured and kept as it is.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

from ganlib import zoo
from ganlib.errors import GanlibError
from ganlib.training import folder
from ganlib.zoo import cards
from tools import keep_game, measure_game

ROOT = Path(__file__).resolve().parent.parent


def planned(commands: list[list[str]], out: Path) -> list[list[str]]:
    """The commands that are still to be run so that a folder holds the whole training.

    Args:
        commands: those of a record, the first of which begins the run.
        out: the run's folder.
    """
    here = [_into(words, out) for words in commands]
    if not folder.is_run(out):
        return here
    now = folder.status(out)
    unfinished = now["state"] != "finished" and not now["state"].startswith("stopped")
    done = now["target"] if unfinished else now["step"]  # resumed, a run goes to where it was going
    rest = [words for words in here[1:] if int(words[words.index("--steps") + 1]) > done]
    return [["ganlib", "train", "--resume", "--out", str(out)], *rest] if unfinished else rest


def _into(words: list[str], out: Path) -> list[str]:
    """A command with its run in a folder."""
    if "--out" not in words:
        return [*words, "--out", str(out)]
    place = words.index("--out") + 1
    return [*words[:place], str(out), *words[place + 1 :]]


def retrain(name: str) -> None:
    """Train, measure and keep a game, and draw its sheet.

    Raises:
        GanlibError: there is no such game, or a command failed.
    """
    made, out = zoo.record(name), Path("runs") / name
    if zoo.kind_of(made) == "network":
        raise GanlibError(
            f"{name!r} is a network, on which the metrics depend; expected a game, one of "
            f"{', '.join(zoo.list('game'))} (`{made['training']['command']}` makes a network anew, beside this one)"
        )
    for words in planned(cards.commands(made), out):
        _run(words, "-m", *words)
    keep_game.keep(out, name, zoo.FOLDER, [measure_game.measure(out)])
    _run(["python", "book/figures/zoo.py"], "book/figures/zoo.py")
    print(f"{name}: {cards.worth(zoo.record(name))}; before, {cards.worth(made)}")


def _run(said: list[str], *arguments: str) -> None:
    print(shlex.join(said), flush=True)
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, check=False)
    if done.returncode:
        raise GanlibError(f"`{shlex.join(said)}` ended with {done.returncode}; expected 0, see above")


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser("python -m tools.retrain_game", description="Make a game of the zoo anew.")
    parser.add_argument("name", metavar="NAME", help=f"one of {', '.join(zoo.list('game'))}")
    args = parser.parse_args(arguments)
    try:
        retrain(args.name)
    except GanlibError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
