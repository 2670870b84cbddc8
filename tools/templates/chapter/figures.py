"""Figures of chapter @@NUMBER@@, in both languages: ``python book/figures/@@MODULE@@.py [folder]``.

Text is drawn as outlines and dates are left out: running this again gives the same files. The Chinese font is the one
that ganlib ships, so nothing needs to be installed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib import font_manager

from ganlib import viz

HERE = Path(__file__).parent
REAL, FAKE, JUDGE, INK, SOFT = "#1d4ed8", "#c2410c", "#0f766e", "#1f2937", "#64748b"

font_manager.fontManager.addfont(viz.FONT)
STYLE = {
    "font.family": [font_manager.FontProperties(fname=viz.FONT).get_name(), "DejaVu Sans"],
    "mathtext.fontset": "stix",
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
    "svg.hashsalt": "@@CHAPTER@@",
}

WORDS = {
    "en": {"distance": "mean squared distance", "constant": "constant $c$", "variance": "variance"},
    "zh": {"distance": "均方距离", "constant": "常数 $c$", "variance": "方差"},
}


def example(words: dict[str, str]) -> plt.Figure:
    """TODO: what this figure shows. The mean squared distance of four points from a constant."""
    values = np.array([-1.0, 0.0, 2.0, 3.0])
    constants = np.linspace(-3, 5, 161)
    distances = ((values[:, None] - constants) ** 2).mean(0)
    figure, axes = plt.subplots(figsize=(6.6, 3.3), layout="constrained")
    axes.plot(constants, distances, color=REAL, lw=2.4)
    axes.plot(values.mean(), values.var(), "o", color=FAKE, ms=7, label=words["variance"])
    axes.set(xlabel=words["constant"], ylabel=words["distance"], ylim=(0, None))
    axes.legend(loc="upper center")
    return figure


FIGURES = {"example": example}


def main(folder: Path) -> None:
    """Write every figure in both languages into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with plt.rc_context(STYLE):
        for name, draw in FIGURES.items():
            for language, words in WORDS.items():
                figure = draw(words)
                file = folder / f"@@CHAPTER@@-{name}-{language}.svg"
                figure.savefig(file, metadata={"Date": None, "Creator": None})
                plt.close(figure)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "_static" / "figures")
