"""Keep a run's game in the zoo: ``python -m tools.keep_game RUN NAME``.

Writes ``ganlib/zoo/trained/NAME.safetensors`` and ``NAME.json`` from the newest checkpoint of a run of ``ganlib train``
and from what ``ganlib evaluate`` has found of it, or from a file that says what it is worth (``--measured``). The
weights are kept as they are where that takes no more than 4 MB, in half precision otherwise.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from ganlib import zoo
from ganlib.cli.runs import read_record
from ganlib.cli.trained import EVALUATION, earlier
from ganlib.errors import GanlibError
from ganlib.training import checkpoint
from ganlib.training.folder import STATUS

LARGEST = 4_000_000  # bytes of a file of weights: whoever installs the library carries it
OF_RUN = ("commands", "recipe", "settings", "device", "processes", "torch", "python")  # what of a run's record is told


def keep(run: str | Path, name: str, folder: str | Path, measured: Any = None) -> dict[str, Any]:
    """Make the two files of a game from a run of ``ganlib train``.

    Args:
        run: the run's folder; its newest whole checkpoint is taken, with the averaged weights.
        name: what the game is to be called.
        folder: where to.
        measured: what it is worth, as JSON can hold it; None for what ``ganlib evaluate`` has found of this step.

    Returns:
        The record.

    Raises:
        GanlibError: there is no such run, nothing was measured, the weights are too many, or the folder cannot be
            written.
    """
    run, folder = Path(run), Path(folder)
    state, ran, gan = checkpoint.read(run), read_record(run), checkpoint.load_gan(run)
    if measured is None:
        measured = [found for found in earlier(run / EVALUATION) if found.get("step") == state["step"]]
    if not measured:
        raise GanlibError(f"nothing is measured of step {state['step']} of {str(run)!r}; run `ganlib evaluate` first")
    tensors = {key: value.contiguous() for key, value in zoo.sampling(gan).items()}
    raw, precision = save(tensors), "float32"
    if len(raw) > LARGEST:
        raw, precision = save({key: _half(key, value) for key, value in tensors.items()}), "float16"
    if len(raw) > LARGEST:
        raise GanlibError(f"the weights take {len(raw):,} bytes; expected at most {LARGEST:,}: a smaller generator")
    made = {
        "game": state["recipe"],
        "parameters": sum(value.numel() for value in tensors.values()),
        "precision": precision,
        "sha256": hashlib.sha256(raw).hexdigest(),
        "training": {key: ran[key] for key in OF_RUN if key in ran}
        | {"steps": state["step"], "images": state["images_seen"], "date": _day(run)}
        | ({} if (seconds := _seconds(run, state["step"], ran)) is None else {"seconds": seconds}),
        "measured": measured,
    }
    checkpoint.writable(folder)
    checkpoint.replace(folder / f"{name}.safetensors", raw)
    checkpoint.replace(folder / f"{name}.json", (json.dumps(made, indent=2, ensure_ascii=False) + "\n").encode())
    return made


def _half(key: str, value: Tensor) -> Tensor:
    """A tensor in half precision, if it is one of floats."""
    half = value.half() if value.is_floating_point() else value
    if not half.isfinite().all():
        raise GanlibError(f"{key!r} has values beyond what half precision holds; expected at most 65,504")
    return half


def _seconds(run: Path, step: int, ran: dict[str, Any]) -> int | None:
    """How long it took; None where the run's folder does not say."""
    try:
        found = json.loads((run / STATUS).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if found["step"] != step:
        return None
    if "seconds" not in found and len(ran["commands"]) == 1:  # its pace is that of the whole run
        return round(step / found["steps_per_s"])
    return round(found["seconds"]) if "seconds" in found else None


def _day(run: Path) -> str:
    """When the run ended."""
    newest = checkpoint.in_folder(run)[0] if run.is_dir() else run
    return datetime.date.fromtimestamp(newest.stat().st_mtime).isoformat()


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser("python -m tools.keep_game", description="Keep a run's game in the zoo.")
    parser.add_argument("run", metavar="RUN", help="the run's folder")
    parser.add_argument("name", metavar="NAME", help="what the game is to be called")
    parser.add_argument("--measured", metavar="JSON", help="a file that says what it is worth (default: evaluations)")
    args = parser.parse_args(arguments)
    try:
        measured = json.loads(Path(args.measured).read_text("utf-8")) if args.measured else None
        made = keep(args.run, args.name, zoo.FOLDER, measured)
    except (GanlibError, OSError, ValueError) as error:
        parser.error(str(error))
    print(f"{args.name}: {made['parameters']:,} parameters, step {made['training']['steps']:,}")


if __name__ == "__main__":
    main()
