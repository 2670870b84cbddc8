"""What was measured during training, kept on the device until somebody looks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganlib.errors import GanlibError

if TYPE_CHECKING:
    from ganlib.training.distributed import World


class History:
    """Means over windows of steps, one series per name.

    `add` only adds on the device; `flush` is the one place where the host waits for it.
    """

    def __init__(self) -> None:
        self._series: dict[str, tuple[list[int], list[float]]] = {}
        self._window: dict[str, tuple[Tensor, int]] = {}

    @torch.no_grad()
    def add(self, values: Mapping[str, Tensor]) -> None:
        """Add scalars of one phase to the current window."""
        known = [name for name in values if name in self._window]
        if known:
            torch._foreach_add_([self._window[name][0] for name in known], [values[name] for name in known])
        for name, value in values.items():
            total, count = self._window.get(name) or (value.detach().clone(), 0)
            self._window[name] = (total, count + 1)

    def means(self, world: World | None = None) -> dict[str, float]:
        """The current window's means, over all processes if there are several; one transfer for all of them."""
        if not self._window:
            return {}
        means = torch.stack([total.float() / count for total, count in self._window.values()])
        if world is not None:
            world.average_([means])
        return dict(zip(self._window, means.tolist(), strict=True))

    def flush(self, step: int, world: World | None = None) -> dict[str, float]:
        """Close the window at `step` and return its means. A window that holds a NaN or an infinity stays open."""
        means = self.means(world)
        if all(math.isfinite(value) for value in means.values()):
            for name, value in means.items():
                steps, values = self._series.setdefault(name, ([], []))
                steps.append(step)
                values.append(value)
            self._window.clear()
        return means

    def record(self, step: int, name: str, value: float) -> None:
        """Add one number that was measured between two steps, for itself: no window, no mean.

        Raises:
            GanlibError: the name is that of a loss or stat of the game, or has a value for this step already.
        """
        last = max(self.steps(name), default=-1)
        if name == "step" or name in self._window or step <= last:
            raise GanlibError(
                f"{name!r} was to be recorded at step {step}, but that name is taken in the history; choose another one"
            )
        steps, values = self._series.setdefault(name, ([], []))
        steps.append(step)
        values.append(value)

    def rows(self) -> list[dict[str, float]]:
        """One row per window: its step and the means of what was measured in it."""
        rows: dict[int, dict[str, float]] = {}
        for name, (steps, values) in self._series.items():
            for step, value in zip(steps, values, strict=True):
                rows.setdefault(step, {"step": step})[name] = value
        return [rows[step] for step in sorted(rows)]

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
            "window": {name: [total.clone(), count] for name, (total, count) in self._window.items()},
        }

    def load_state_dict(self, state: dict, device: torch.device | str = "cpu") -> None:
        """Put back what `state_dict` returned."""
        self._series = {name: (list(s), list(v)) for name, (s, v) in state["series"].items()}
        self._window = {name: (total.to(device), count) for name, (total, count) in state["window"].items()}
