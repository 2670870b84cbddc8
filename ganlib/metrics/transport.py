"""How far one cloud of samples has to be moved to become another."""

from __future__ import annotations

import os

from torch import Tensor

from ganlib.errors import GanlibError
from ganlib.metrics.base import Metric, Samples

PROJECTIONS = 256


def sliced_wasserstein(x: Tensor, y: Tensor, *, projections: int = PROJECTIONS, seed: int = 0) -> float:
    """The sliced Wasserstein-2 distance: root mean square, over directions, of the distance of the projections.

    Args:
        x: (N, *shape).
        y: (M, *shape).
        projections: random directions, all of length 1.
        seed: of the directions.

    Returns:
        The distance, in the units of the samples, ≥ 0; 0 only for equal clouds. It shrinks with the dimension d like
        1/√d, so compare it with a distance between real samples, not with another data set's.

    Raises:
        GanlibError: samples of different shapes, or the package pot is missing.

    *Source*: Bonneel et al. (2015), by the package POT.
    """
    if x.shape[1:] != y.shape[1:] or not len(x) or not len(y):
        raise GanlibError(f"samples of shapes {tuple(x.shape)} and {tuple(y.shape)} were given; expected clouds alike")
    for backend in ("TENSORFLOW", "JAX", "CUPY"):  # POT would import each that it finds
        os.environ.setdefault(f"POT_BACKEND_DISABLE_{backend}", "1")
    try:
        import ot
    except ImportError:
        raise GanlibError("the package pot is not installed; expected it from: pip install pot") from None
    x, y = (cloud.detach().flatten(1).cpu().double().numpy() for cloud in (x, y))
    return float(ot.sliced_wasserstein_distance(x, y, n_projections=projections, seed=seed))


def _measure(samples: Samples) -> dict[str, float]:
    return {
        "generated": sliced_wasserstein(samples.generated, samples.real, seed=samples.seed),
        "real": sliced_wasserstein(samples.other, samples.real, seed=samples.seed),
    }


METRICS = {
    "sliced-wasserstein": Metric(
        f"distance to real samples along {PROJECTIONS} directions, smaller is better; real to real is the floor",
        _measure,
        lambda samples: "",
    )
}
