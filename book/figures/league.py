"""Figures of the league table, in both languages: ``python book/figures/league.py [folder]``.

They show benchmarks/results/league.json, which `python benchmarks/league.py` makes; it draws them too.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib import font_manager

from ganlib import viz

HERE = Path(__file__).parent
RECORD = HERE.parents[1] / "benchmarks" / "results" / "league.json"
COLOURS = {"images": "#1d4ed8", "seconds": "#c2410c"}
INK, SOFT = "#1f2937", "#64748b"

font_manager.fontManager.addfont(viz.FONT)
STYLE = {
    "font.family": [font_manager.FontProperties(fname=viz.FONT).get_name(), "DejaVu Sans"],
    "font.size": 12.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.unicode_minus": False,
    "legend.frameon": False,
    "figure.facecolor": "white",  # a fixed light ground keeps the colours right in dark mode
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
    "svg.hashsalt": "league",
}
WORDS = {
    "en": {
        "avatars": "avatars",
        "digits": "digits",
        "images": "equal training images",
        "seconds": "equal training time",
        "floor": "real images",
        "axis": "FID (smaller is better)",
    },
    "zh": {
        "avatars": "头像",
        "digits": "手写数字",
        "images": "训练图像数相同",
        "seconds": "训练时间相同",
        "floor": "真实图像",
        "axis": "FID（越小越好）",
    },
}


def values(rows: dict[str, Any], budget: str) -> dict[str, list[float]]:
    """Title → FID of each seed."""
    found = {row["title"]: [run[budget]["FID"] for run in row["runs"] if run[budget]] for row in rows.values()}
    return {title: each for title, each in found.items() if each}


def ranking(record: dict[str, Any], words: dict[str, str]) -> plt.Figure:
    """FID of each method with both budgets, a panel a data set: every seed a small dot, their mean a large one."""
    sets = [data for data, rows in record["runs"].items() if values(rows, "images")]
    height = 1.5 + 0.45 * max(len(record["runs"][data]) for data in sets)
    figure, panels = plt.subplots(1, len(sets), figsize=(4.6 * len(sets), height), layout="constrained", squeeze=False)
    for data, axes in zip(sets, panels[0], strict=True):
        first = values(record["runs"][data], "images")
        titles = sorted(first, key=lambda title: -statistics.fmean(first[title]))
        for budget, shift in (("images", 0.13), ("seconds", -0.13)):
            for y, title in enumerate(titles):
                each = values(record["runs"][data], budget).get(title, [])
                axes.plot(each, [y + shift] * len(each), "o", color=COLOURS[budget], ms=4, alpha=0.45, mew=0)
                if each:
                    label = words[budget] if y == 0 else None
                    axes.plot(statistics.fmean(each), y + shift, "o", color=COLOURS[budget], ms=9, label=label)
        axes.axvline(record["floors"][data]["FID"], color=SOFT, ls=":", lw=1.5, label=words["floor"])
        axes.set(xscale="log", xlabel=words["axis"], title=words[data], yticks=range(len(titles)), yticklabels=titles)
        axes.set_ylim(-0.6, len(titles) - 0.4)
        axes.grid(axis="x", which="both", color="#e2e8f0", lw=0.7)
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def main(folder: Path) -> None:
    """Write the figure in both languages into `folder`."""
    record = json.loads(RECORD.read_text("utf-8"))
    folder.mkdir(parents=True, exist_ok=True)
    with plt.rc_context(STYLE):
        for language, words in WORDS.items():
            figure = ranking(record, words)
            figure.savefig(folder / f"league-{language}.svg", metadata={"Date": None, "Creator": None})
            plt.close(figure)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "_static" / "figures")
