"""Figure of the league table, in both languages: ``python book/figures/league.py [folder]``.

It shows benchmarks/results/league.json, which `python benchmarks/league.py` makes; it draws the figure too.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import drawing
import matplotlib.pyplot as plt
from drawing import FAKE, GRID, REAL, SOFT
from matplotlib.ticker import LogLocator

RECORD = Path(__file__).parents[2] / "benchmarks" / "results" / "league.json"
COLOURS = {"images": REAL, "time": FAKE}
WORDS = {
    "en": {
        "avatars": "avatars",
        "digits": "digits",
        "images": "equal training images",
        "time": "equal training time",
        "floor": "real images",
        "axis": "FID (smaller is better)",
    },
    "zh": {
        "avatars": "人像",
        "digits": "手写数字",
        "images": "训练图像数相同",
        "time": "训练时间相同",
        "floor": "真实图像",
        "axis": "FID（越小越好）",
    },
}


def values(rows: dict[str, Any], budget: str) -> dict[str, list[float]]:
    """Title → FID of each seed."""
    found = {row["title"]: [run[budget]["FID"] for run in row["runs"] if run[budget]] for row in rows.values()}
    return {title: each for title, each in found.items() if each}


def ranking(words: dict[str, str]) -> plt.Figure:
    """FID of each method with both budgets, a panel a data set: every seed a small dot, their mean a large one."""
    record = json.loads(RECORD.read_text("utf-8"))
    sets = [data for data, rows in record["runs"].items() if values(rows, "images")]
    height = 1.5 + 0.45 * max(len(record["runs"][data]) for data in sets)
    figure, panels = plt.subplots(1, len(sets), figsize=(4.6 * len(sets), height), layout="constrained", squeeze=False)
    for data, axes in zip(sets, panels[0], strict=True):
        first = values(record["runs"][data], "images")
        titles = sorted(first, key=lambda title: -statistics.fmean(first[title]))
        for budget, shift in (("images", 0.13), ("time", -0.13)):
            for y, title in enumerate(titles):
                each = values(record["runs"][data], budget).get(title, [])
                axes.plot(each, [y + shift] * len(each), "o", color=COLOURS[budget], ms=5, alpha=0.45, mew=0)
                if each:
                    label = words[budget] if y == 0 else None
                    axes.plot(statistics.fmean(each), y + shift, "o", color=COLOURS[budget], ms=8, label=label)
        axes.axvline(record["floors"][data]["FID"], color=SOFT, ls=":", lw=1.5, label=words["floor"])
        axes.set(xscale="log", xlabel=words["axis"], title=words[data], yticks=range(len(titles)), yticklabels=titles)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("")
        axes.set_ylim(-0.6, len(titles) - 0.4)
        axes.grid(axis="x", color=GRID, lw=0.7)
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


if __name__ == "__main__":
    drawing.write("league", {"": ranking}, WORDS)
