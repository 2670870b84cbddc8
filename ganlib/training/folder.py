"""A run's folder: its checkpoints, its log, its state, and the lock that keeps a second process out."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from ganlib.errors import GanlibError, say
from ganlib.training import checkpoint
from ganlib.training.history import History

if TYPE_CHECKING:
    from ganlib.training.trainer import Trainer

LOG, TABLE, STATUS, LOCK = "history.jsonl", "history.csv", "status.json", ".lock"


class RunFolder:
    """Where a run keeps what outlives its process.

    ``checkpoint-STEP.safetensors`` (the newest ones), ``history.jsonl`` (a line per window, written as it closes),
    ``history.csv`` (the same as a table, written with each checkpoint), ``status.json`` (what the run is doing).

    Args:
        path: the folder, made if it is not there.
        keep: how many checkpoints to keep, ≥ 1.
        tensorboard: write the history for TensorBoard too.

    Raises:
        GanlibError: the folder cannot be written to, or TensorBoard is not installed.
    """

    def __init__(self, path: str | Path, keep: int = 2, tensorboard: bool = False):
        self.path, self.keep = checkpoint.writable(path), keep
        self._lock = FileLock(self.path / LOCK)
        self._writer = _tensorboard(self.path / "tensorboard") if tensorboard else None

    @contextmanager
    def training(self, trainer: Trainer, target: int) -> Iterator[None]:
        """Hold the folder while `trainer` goes on to step `target`, and write down how that ended.

        Raises:
            GanlibError: another process is training here; or the folder holds a run that has come further than the
                trainer, which would overwrite it.
        """
        try:
            self._lock.acquire(timeout=1)  # `ganlib runs` may hold it for a moment
        except Timeout:
            raise GanlibError(f"another process is training in {str(self.path)!r}; choose another folder") from None
        with contextlib.ExitStack() as stack:
            stack.callback(self._lock.release)
            if newer := checkpoint.newer(self.path, trainer.step):
                raise GanlibError(
                    f"{str(self.path)!r} already holds a run, up to {newer.name}, and this one is at step "
                    f"{trainer.step}; resume that one, or choose another folder"
                )
            # A run that was killed may have logged more than its checkpoint holds; it will log that again.
            lines = "".join(json.dumps(row) + "\n" for row in trainer.history.rows())
            try:
                checkpoint.replace(self.path / LOG, lines.encode())
            except OSError as error:
                raise GanlibError(f"cannot write to the output folder {str(self.path)!r}: {error.strerror}") from None
            self._begun, self._before = (trainer.step, time.time()), _seconds(self.path, trainer.step)
            self._say("running", trainer.step, target)
            state = "failed"
            try:
                yield
                state = f"stopped: {trainer.stopped}" if trainer.stopped else "finished"
            except KeyboardInterrupt:
                state = "interrupted"
                raise
            except Exception as error:
                state = f"failed: {error}"
                raise
            finally:
                self._say(state, trainer.step, target)

    def _say(self, state: str, step: int, target: int) -> None:
        """Write `status.json`; a disk that is full ends no run."""
        begun, since = self._begun
        now = time.time()
        rate = (step - begun) / max(now - since, 1e-9)
        status = {"state": state, "step": step, "target": target, "steps_per_s": rate, "updated": now}
        if self._before is not None:
            status["seconds"] = self._before + now - since
        try:
            checkpoint.replace(self.path / STATUS, (json.dumps(status, indent=2) + "\n").encode())
        except OSError as error:
            say(f"could not write {str(self.path / STATUS)!r} ({error.strerror})")

    def log(self, step: int, means: dict[str, float]) -> None:
        """Add a window's means, or what was measured between two steps, to the log."""
        try:
            with open(self.path / LOG, "a", encoding="utf-8") as file:
                file.write(json.dumps({"step": step} | means) + "\n")
        except OSError as error:
            say(f"could not write {str(self.path / LOG)!r} at step {step} ({error.strerror}); training goes on")
        if self._writer:
            for name, value in means.items():
                self._writer.add_scalar(name, value, step)

    def save(self, step: int, state: dict[str, Any], history: History, must: bool) -> Path | None:
        """Write a checkpoint and the table of the history.

        Args:
            step: the step it belongs to.
            state: what the trainer is.
            history: what it measured.
            must: raise if it cannot be written; otherwise one line says so, and training goes on.

        Returns:
            The checkpoint, or None if it could not be written.

        Raises:
            GanlibError: it could not be written, and `must`. The older checkpoints are whole.
        """
        try:
            path = checkpoint.add(self.path, step, state, self.keep)
            checkpoint.replace(self.path / TABLE, _table(history).encode("utf-8"))
        except OSError as error:
            last = next(iter(checkpoint.in_folder(self.path)), None)
            kept = f"the last one kept is {last.name}" if last else "there is none yet"
            text = f"could not write the checkpoint of step {step} ({error.strerror or error}); {kept}"
            if must:
                raise GanlibError(text) from None
            say(f"{text}; training goes on")
            return None
        return path


def _seconds(path: Path, step: int) -> float | None:
    """How long a run was trained up to a step from which it goes on; None where nobody counted."""
    if not step:
        return 0.0
    try:
        found, saved = status(path), (path / checkpoint.name(step)).stat().st_mtime
        killed = found["state"] in ("running", "killed")  # what it said last is when it began
        return found["seconds"] + (max(0.0, saved - found["updated"]) if killed else 0.0)
    except (GanlibError, OSError, KeyError):
        return None


def _table(history: History) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["step", *history.names()])
    writer.writeheader()
    writer.writerows(history.rows())
    return text.getvalue()


def _tensorboard(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise GanlibError("tensorboard=True was given, but the package tensorboard is not installed") from None
    return SummaryWriter(folder)


# -- looking at runs ---------------------------------------------------------------------------------------------------
def is_run(path: str | Path) -> bool:
    """Whether a folder is one that a trainer has written to."""
    return (Path(path) / STATUS).is_file() or bool(checkpoint.in_folder(path))


def status(path: str | Path) -> dict[str, Any]:
    """What a run is doing: state, step, target, steps_per_s, updated (seconds since 1970), seconds (trained so far).

    A run whose process is gone without a word is "killed": only a process that lives can hold the folder's lock.

    Raises:
        GanlibError: the folder holds no run, or its status cannot be read.
    """
    path = Path(path)
    if not is_run(path):
        raise GanlibError(f"{str(path)!r} holds no run")
    try:
        found = json.loads((path / STATUS).read_text("utf-8"))
        found["state"], found["step"], found["target"], found["updated"], found["steps_per_s"]
    except (OSError, ValueError, KeyError, TypeError):
        raise GanlibError(f"{str(path / STATUS)!r} is missing or damaged") from None
    if found["state"] == "running" and not _locked(path):
        found["state"] = "killed"
    return found


def _locked(path: Path) -> bool:
    lock = FileLock(path / LOCK)
    try:
        lock.acquire(timeout=0.2, poll_interval=0.02)  # another process may be asking the same at this moment
    except (Timeout, OSError):
        return True
    lock.release()
    return False


def log(path: str | Path) -> list[dict[str, float]]:
    """The rows of a run's log: step and what was measured. A last line that was being written is left out.

    Raises:
        GanlibError: there is no log.
    """
    path = Path(path) / LOG
    try:
        lines = path.read_text("utf-8").splitlines(keepends=True)
        rows: dict[int, dict[str, float]] = {}
        for row in (json.loads(line) for line in lines if line.endswith("\n")):
            rows.setdefault(row["step"], {}).update(row)  # a window and a measurement may share a step
        return [rows[step] for step in sorted(rows)]
    except FileNotFoundError:
        raise GanlibError(f"there is no log at {str(path)!r}") from None
    except (ValueError, KeyError, TypeError):
        raise GanlibError(f"{str(path)!r} is damaged: it has a line that is not a row of a log") from None
