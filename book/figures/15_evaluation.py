"""Figures of chapter 15, in both languages: ``python book/figures/15_evaluation.py [folder]``.

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
from scipy.special import gammaln

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
    "svg.hashsalt": "15-evaluation",
}

WORDS = {
    "en": {
        "axis": "$n$ (scale $1/n$)",
        "value": r"$\mathbb{E}[\mathrm{FID}_n]$",
        "model": "model",
        "floor": "real–real",
    },
    "zh": {"axis": "$n$（刻度 $1/n$）", "value": r"$\mathbb{E}[\mathrm{FID}_n]$", "model": "模型", "floor": "真–真"},
}


def expected_fid(n: np.ndarray, std: float) -> np.ndarray:
    """E FID_n of N(0, 1) and N(0, std²) with n samples of each, exactly (thm-eval-fid-bias, part 1)."""
    shrink = np.sqrt(2 / (n - 1)) * np.exp(gammaln(n / 2) - gammaln((n - 1) / 2))  # E s / σ
    return (1 - std) ** 2 + (1 + std**2) / n + 2 * (1 - shrink**2) * std


def bias(words: dict[str, str]) -> plt.Figure:
    """Expected FID against 1/n: the model of more variety is better, and has the steeper line."""
    inverse = np.linspace(1 / 400, 1 / 60, 200)
    figure, axes = plt.subplots(figsize=(6.6, 3.9), layout="constrained")
    lines = (
        (f"{words['model']} A, $\\sigma_\\theta=1.1$", 1.1, FAKE),
        (f"{words['model']} B, $\\sigma_\\theta=0.88$", 0.88, JUDGE),
        (words["floor"], 1.0, REAL),
    )
    for label, std, colour in lines:
        axes.plot(inverse, expected_fid(1 / inverse, std), color=colour, lw=2.2, label=label)
        near = expected_fid(np.array([200.0, 400.0]), std)  # two samples, extrapolated
        axes.plot([0, 1 / 400], [2 * near[1] - near[0], near[1]], "--", color=colour, lw=2.2)
        axes.plot(0, (1 - std) ** 2, "o", color=colour, ms=7, clip_on=False, zorder=3)
    axes.axvline(0.0044 / 0.6556, color=SOFT, lw=1, ls=":")
    sizes = [1000, 300, 149, 100, 70]
    axes.set_xticks([0, *(1 / size for size in sizes)], [r"$\infty$", *map(str, sizes)])
    axes.set(xlabel=words["axis"], ylabel=words["value"], xlim=(0, 1 / 60), ylim=(0, None))
    axes.legend(loc="upper left")
    return figure


FIGURES = {"bias": bias}


def main(folder: Path) -> None:
    """Write every figure in both languages into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with plt.rc_context(STYLE):
        for name, draw in FIGURES.items():
            for language, words in WORDS.items():
                figure = draw(words)
                file = folder / f"15-evaluation-{name}-{language}.svg"
                figure.savefig(file, metadata={"Date": None, "Creator": None})
                plt.close(figure)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "_static" / "figures")
