"""Figures of chapter 15, in both languages: ``python book/figures/15_evaluation.py [folder]``."""

from __future__ import annotations

import drawing
import matplotlib.pyplot as plt
import numpy as np
from drawing import FAKE, JUDGE, REAL, SOFT
from scipy.special import gammaln

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

if __name__ == "__main__":
    drawing.write("15-evaluation", FIGURES, WORDS)
