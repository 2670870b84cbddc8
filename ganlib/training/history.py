"""What was measured during training, kept on the device until somebody looks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganlib.errors import GanlibError


class History:
    """Means over windows of steps, one series per name.

    `add` only adds on the device; `flush` is the one place where the host waits for it.
    """

    def __init__(self) -> None:
        self._series: dict[str, tuple[list[int], list[float]]] = {}
        self._window: dict[str, tuple[Tensor, int]] = {}

    def add(self, values: Mapping[str, Tensor]) -> None:
        """Add scalars of one phase to the current window."""
        for name, value in values.items():
            total, count = self._window.get(name, (0.0, 0))
            self._window[name] = (total + value.detach(), count + 1)

    def means(self) -> dict[str, float]:
        """The current window's means; one transfer for all of them."""
        if not self._window:
            return {}
        totals = torch.stack([torch.as_tensor(t, dtype=torch.float32) for t, _ in self._window.values()]).tolist()
        counts = [count for _, count in self._window.values()]
        return {name: total / count for name, total, count in zip(self._window, totals, counts, strict=True)}

    def flush(self, step: int) -> dict[str, float]:
        """Close the window at `step` and return its means. A window that holds a NaN or an infinity stays open."""
        means = self.means()
        if all(math.isfinite(value) for value in means.values()):
            for name, value in means.items():
                steps, values = self._series.setdefault(name, ([], []))
                steps.append(step)
                values.append(value)
            self._window.clear()
        return means

    def names(self) -> list[str]:
        """The names of the series, in the order they first appeared."""
        return list(self._series)

    def steps(self, name: str) -> list[int]:
        """The step at which each window of `name` closed."""
        return list(self._series[name][0]) if name in self._series else []

    def __getitem__(self, name: str) -> list[float]:
        """The window means of `name`."""
        if name not in self._series:
            raise KeyError(f"history holds no {name!r}; it holds {', '.join(self._series) or 'nothing yet'}")
        return list(self._series[name][1])

    def __contains__(self, name: str) -> bool:
        return name in self._series

    def state_dict(self) -> dict:
        """Series and open window, for a checkpoint."""
        return {
            "series": {name: [list(s), list(v)] for name, (s, v) in self._series.items()},
            "window": {name: [torch.as_tensor(total).clone(), count] for name, (total, count) in self._window.items()},
        }

    def load_state_dict(self, state: dict, device: torch.device | str = "cpu") -> None:
        """Put back what `state_dict` returned."""
        self._series = {name: (list(s), list(v)) for name, (s, v) in state["series"].items()}
        self._window = {name: (total.to(device), count) for name, (total, count) in state["window"].items()}


def tensorboard_writer(out: Path | None) -> Any:
    """A TensorBoard writer for `out`/tensorboard.

    Raises:
        GanlibError: there is no folder to write to, or the package is not installed.
    """
    if out is None:
        raise GanlibError("tensorboard=True was given without out=; expected a folder to write to")
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise GanlibError("tensorboard=True was given, but the package tensorboard is not installed") from None
    return SummaryWriter(out / "tensorboard")
