"""The command line: train, sample, translate, project, evaluate, export, look at runs, data and the zoo.

ganlib train gan-digits
ganlib sample runs/gan-digits
ganlib evaluate runs/gan-digits

One file per group of commands. Torch is imported by the commands that need it, not to show help.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from ganlib.cli import completion, data, project, runs, train, trained, translate, zoo
from ganlib.errors import GanlibError

__all__ = ["main"]

EPILOG = """\
Each command has its own --help.

exit codes:
  0    done
  1    internal error: a fault of ganlib (--debug, anywhere, shows where); or nobody read the output on
  2    bad input: one sentence says what was given and what was expected
  3    training diverged: a loss or a weight became NaN or infinite
  130  interrupted with Ctrl-C or SIGTERM; training has saved where it was
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: its words; by default those this process was started with.

    Returns:
        The exit code: 0 done, 1 internal error, 2 bad input, 3 training diverged, 130 interrupted.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    words = [word for word in arguments if word != "--debug"]
    if words[:1] == ["runs"] and words[1:2] not in (["list"], ["plot"], ["-h"], ["--help"]):
        words.insert(1, "list")  # `ganlib runs FOLDER`
    try:
        args = parser().parse_args(words)
        args.arguments = arguments
        args.run(args)
        sys.stdout.flush()
    except GanlibError as error:
        return _say(str(error), error.exit_code, debug)
    except KeyboardInterrupt as stop:
        return _say(str(stop) or "interrupted", 130, debug)
    except BrokenPipeError:  # `ganlib runs | head -1`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python would complain once more at its end
        return 1
    except Exception as error:
        first = (str(error).strip() or "no message").splitlines()[0]
        text = f"internal error: {type(error).__name__}: {first} (run again with --debug to see where)"
        return _say(text, 1, debug)
    return 0


def _say(text: str, code: int, debug: bool) -> int:
    if debug:
        import traceback

        traceback.print_exc()
    rank = os.environ.get("RANK", "0")  # of several processes, say which
    print(f"ganlib{'' if rank == '0' else f' (process {rank})'}: {text}", file=sys.stderr)
    return code


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, as the rest of the command line does."""

    def error(self, message: str) -> None:
        raise GanlibError(f"{message}; see `{self.prog} --help`")


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    made = _Parser(
        prog="ganlib",
        description="Train GANs, draw from them, translate pictures, measure them, look at data.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--debug", action="store_true", help="show where an error comes from; may stand anywhere")
    commands = made.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for group in (train, trained, translate, project, zoo, runs, data, completion):
        group.add_to(commands)
    return made
