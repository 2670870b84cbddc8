"""Figure of mode coverage, in both languages: ``python book/figures/modes.py [folder]``.

It shows benchmarks/results/modes.json beside what was published; `python benchmarks/modes.py` draws it too.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import drawing
import matplotlib.pyplot as plt
from drawing import FAKE, GRID, REAL, SOFT

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks import common, modes
from benchmarks.common import mean

WORDS = {
    "en": {
        "ring": "ring of 8 modes",
        "grid": "grid of 25 modes",
        "quality": "high quality, %",
        "modes": "modes found",
        "published": "published",
        "here": "measured here",
        "perfect": "a perfect sampler",
    },
    "zh": {
        "ring": "圆环，8 个模式",
        "grid": "网格，25 个模式",
        "quality": "高质量样本，%",
        "modes": "找到的模式数",
        "published": "已发表",
        "here": "本课程所测",
        "perfect": "完美采样器",
    },
}


def rows(record: dict[str, Any], law: str) -> dict[str, tuple[bool, dict[str, Sequence[float]]]]:
    """Name → whether it was measured here, and mean with standard error of modes and of quality in percent."""
    found = {}
    for entry in record["results"][law].values():
        quality = [100 * value for value in mean(entry["high quality"])]
        found[entry["title"]] = True, {"modes": mean(entry["modes"]), "quality": quality}
    for title, source, count, quality, _ in modes.PUBLISHED[law]:
        found[f"{title} ({source})"] = False, {"modes": count, "quality": quality}
    return found


def dots(words: dict[str, str]) -> plt.Figure:
    """Modes and quality, two panels for each law, a line a method, with standard errors; dotted: a perfect sampler.

    Narrow, so that it can be read on a phone.
    """
    record = common.result("modes")
    laws = {law: rows(record, law) for law in modes.LAWS}
    names = list(dict.fromkeys(name for found in laws.values() for name in found))
    height = 2 + 0.5 * len(names)
    figure, grid = plt.subplots(2, 2, figsize=(6.6, height), layout="constrained", sharey=True)
    for panels, (law, found) in zip(grid, laws.items(), strict=True):
        perfect = record["tables"][law]["rows"][-1]
        panels[0].set_title(words[law], loc="left")
        for axes, what, best in zip(panels, ("modes", "quality"), (perfect[2], perfect[4]), strict=True):
            for title, (here, values) in found.items():
                middle, *error = values[what]
                colour, label = (FAKE, words["here"]) if here else (SOFT, words["published"])
                axes.errorbar(
                    middle, names.index(title), xerr=error or None, fmt="o", color=colour, ms=5, lw=1.5, label=label
                )
            axes.axvline(float(best), color=REAL, ls=":", lw=1.5, label=words["perfect"])
            axes.set(xlabel=words[what], xlim=(0, float(best) * 1.06))
            axes.set_yticks(range(len(names)), names)
            axes.grid(color=GRID, lw=0.7)
    grid[0, 0].invert_yaxis()  # in the order of the tables; all panels share it
    shown = {label: handle for handle, label in zip(*grid[0, 0].get_legend_handles_labels(), strict=True)}
    figure.legend(shown.values(), shown.keys(), loc="outside lower center", ncols=3)
    return figure


if __name__ == "__main__":
    drawing.write("modes", {"": dots}, WORDS)
