"""What the figures of the book have in common: the font, the colours, and how they are written.

Text is drawn as outlines and dates are left out: drawing a figure again gives the same file. The Chinese font is the
one that ganlib ships, so nothing needs to be installed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib import font_manager
from matplotlib.figure import Figure

from ganlib import viz

FOLDER = Path(__file__).parents[1] / "_static" / "figures"
REAL, FAKE, JUDGE, INK, SOFT, GRID = "#1d4ed8", "#c2410c", "#0f766e", "#1f2937", "#64748b", "#e2e8f0"

font_manager.fontManager.addfont(viz.FONT)
STYLE = {
    "font.family": font_manager.FontProperties(fname=viz.FONT).get_name(),  # one alone, or formulas take another
    "mathtext.fontset": "stix",
    "font.size": 12.5,
    "axes.titlesize": 12.5,
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
}


def folder() -> Path:
    """Where a script writes: the folder that it was given, or the site's."""
    return Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER


def write(page: str, figures: Mapping[str, Callable[[dict[str, str]], Figure]], words: Mapping[str, dict]) -> None:
    """Draw figures in every language, as ``PAGE-NAME-LANGUAGE.svg`` in `folder`.

    Args:
        page: what the names begin with.
        figures: name → function of the words; ``""`` for a page's only figure, ``PAGE-LANGUAGE.svg``.
        words: language → the words in a figure.
    """
    folder().mkdir(parents=True, exist_ok=True)
    with plt.rc_context(STYLE | {"svg.hashsalt": page}):
        for name, draw in figures.items():
            for language, said in words.items():
                figure = draw(said)
                file = "-".join(filter(None, (page, name, language)))
                figure.savefig(folder() / f"{file}.svg", metadata={"Date": None, "Creator": None})
                plt.close(figure)
