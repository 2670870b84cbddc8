"""`ganlib runs`: what runs there are, how they stand, and their curves."""

from __future__ import annotations

import argparse
import json
from datetime import datetime
from pathlib import Path
from typing import Any

from ganlib.cli.pictures import writable_png
from ganlib.errors import GanlibError

RECORD = "run.json"


def add_to(commands: Any) -> None:
    """Put the commands of this file among the others."""
    group = commands.add_parser(
        "runs",
        help="list runs, or plot their curves",
        description="List the runs below a folder (`ganlib runs FOLDER`, by default runs), or plot their curves.",
    )
    of_runs = group.add_subparsers(required=True, metavar="COMMAND")
    command = of_runs.add_parser("list", help="a table: recipe, data, state, step, speed; also plain `ganlib runs`")
    command.add_argument("folder", metavar="FOLDER", nargs="?", default="runs", help="where to look (default: runs)")
    command.set_defaults(run=table)

    command = of_runs.add_parser("plot", help="the curves of runs, over each other; also of those still running")
    command.add_argument("runs", metavar="RUN", nargs="+", help="folders of runs")
    command.add_argument("--name", action="append", help="what to draw; may be given several times (default: all)")
    command.add_argument(
        "--out", metavar="PNG", help="the picture (default: RUN/curves.png, or curves.png for several)"
    )
    command.set_defaults(run=plot)


# -- what a run's folder says ------------------------------------------------------------------------------------------
def read_record(run: Path) -> dict[str, Any]:
    """What a run was made with, from its record.

    Raises:
        GanlibError: the record is missing or damaged.
    """
    try:
        record = json.loads((run / RECORD).read_text("utf-8"))
        for key in ("commands", "recipe", "gan", "options", "manner"):
            record[key]
        for key in ("data", "size", "batch", "ema", "seed"):
            record["settings"][key]
    except (OSError, ValueError, KeyError, TypeError):
        raise GanlibError(f"{str(run / RECORD)!r} is missing or damaged; it says what the run was made with") from None
    return record


def status(run: Path) -> dict[str, Any]:
    """How a run stands; "unknown" if its status is lost. While it runs, its log knows more than its status."""
    from ganlib.training import folder

    try:
        found = folder.status(run)
    except GanlibError:
        return {"state": "unknown"}
    if found["state"] in ("running", "killed") and (run / folder.LOG).is_file():
        rows, seen = folder.log(run), (run / folder.LOG).stat().st_mtime
        if rows and rows[-1]["step"] > found["step"]:
            rate = (rows[-1]["step"] - found["step"]) / max(seen - found["updated"], 1e-9)
            found |= {"step": int(rows[-1]["step"]), "steps_per_s": rate, "updated": seen}
    return found


def _below(folder: Path) -> list[Path]:
    """The folders of all runs in a folder, or the folder itself."""
    from ganlib.training import checkpoint
    from ganlib.training.folder import STATUS

    return sorted({file.parent for name in (STATUS, f"checkpoint-*{checkpoint.SUFFIX}") for file in folder.rglob(name)})


# -- commands ----------------------------------------------------------------------------------------------------------
def table(args: argparse.Namespace) -> None:
    """`ganlib runs list`."""
    folder = Path(args.folder)
    runs = _below(folder)
    if not runs:
        raise GanlibError(f"there is no run below the folder {args.folder!r}")
    rows = [("run", "recipe", "data", "state", "step", "steps/s", "when")]
    for run in runs:
        try:
            record = read_record(run)
        except GanlibError:
            record = {"recipe": "?", "settings": {"data": "?"}}
        now, name = status(run), run.resolve().name if run == folder else run.relative_to(folder).as_posix()
        how_far = ("?", "?", "?")
        if "step" in now:
            when = datetime.fromtimestamp(now["updated"]).strftime("%Y-%m-%d %H:%M")
            how_far = (f"{now['step']}/{now['target']}", f"{now['steps_per_s']:.1f}", when)
        rows.append((name, record["recipe"], str(record["settings"]["data"]), now["state"], *how_far))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def plot(args: argparse.Namespace) -> None:
    """`ganlib runs plot`."""
    from ganlib import viz

    histories = {run: _history(Path(run)) for run in dict.fromkeys(args.runs)}
    first, *others = histories.values()
    shared = [name for name in first.names() if all(name in other for other in others)]
    if not shared:
        raise GanlibError(f"nothing to draw: {', '.join(histories)} logged nothing that all have in common")
    out = args.out or ("curves.png" if others else Path(args.runs[0]) / "curves.png")
    figure = viz.curves(histories, args.name or shared, by="name")
    path = writable_png(Path(out))
    figure.savefig(path, dpi=120)
    print(path)


def _history(run: Path) -> Any:
    """The log of a run, also of one that is still running, in the form that is drawn."""
    from ganlib.training import History, folder

    if not folder.is_run(run):
        raise GanlibError(f"{str(run)!r} holds no run")
    series: dict[str, tuple[list, list]] = {}
    for row in folder.log(run):
        for name, value in row.items():
            if name != "step":
                steps, values = series.setdefault(name, ([], []))
                steps.append(row["step"])
                values.append(value)
    history = History()
    history.load_state_dict({"series": series, "window": {}})
    return history
