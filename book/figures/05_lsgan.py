"""Figures of chapter 05, in both languages: ``python book/figures/05_lsgan.py [folder]``."""

from __future__ import annotations

import drawing
import matplotlib.pyplot as plt
import numpy as np
from drawing import FAKE, REAL

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

if __name__ == "__main__":
    drawing.write("05-lsgan", FIGURES, WORDS)
