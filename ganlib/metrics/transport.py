"""How far one cloud of samples has to be moved to become another.

Two clouds drawn from one and the same law are not at distance 0. The mean exact W₁ between two clouds of n points falls
like n^(-1/2) on the line, a little slower in the plane, and like n^(-1/d) in d ≥ 3 dimensions (if the law has bounded
support and a density: Dudley 1969; Fournier and Guillin 2015): for images it hardly falls at all. So compare a distance
with the floor between two real clouds of the same size; in many dimensions measure along directions, or in a feature
space.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from ganlib.data.images import Images, whole
from ganlib.errors import GanlibError
from ganlib.metrics.base import Features, Metric, Result, Samples, first_order, pair
from ganlib.metrics.reading import flattened

PROJECTIONS = 256
MOST = 5000  # points of the larger cloud; the time grows like the cube


def sliced_wasserstein(
    real: Features | Tensor,
    fake: Features | Tensor,
    *,
    other: Features | Tensor | None = None,
    projections: int = PROJECTIONS,
    seed: int = 0,
) -> Result:
    """The sliced Wasserstein-2 distance: root mean square, over directions, of the distance of the projections.

    Args:
        real: (N, *shape); images (N, C, H, W) are uint8, or floats in [-1, 1], and measured in [-1, 1].
        fake: (M, *shape).
        other: more real samples (M, *shape), for the floor.
        projections: random directions, all of length 1.
        seed: of the directions.

    Returns:
        The distance, in the units of the samples, ≥ 0; 0 only for equal clouds. It shrinks with the dimension d like
        1/√d, so compare it with a distance between real samples, not with another data set's. Its standard error is
        that of first order for these directions.

    Raises:
        GanlibError: samples of different shapes, empty or not finite, images of another range, or the package pot is
            missing.

    *Source*: Bonneel et al. (2015), by the package POT.
    """
    ot, projections = _pot(), whole("projections", projections, 1)

    def distance(one: Tensor, two: Tensor) -> tuple[float, float | None]:
        one, two = one.cpu().numpy(), two.cpu().numpy()
        directions = ot.sliced.get_random_projections(one.shape[1], projections, seed)
        value = float(ot.sliced_wasserstein_distance(one, two, projections=directions))
        x, y = (torch.from_numpy(cloud @ directions) for cloud in (one, two))
        return value, _error(value, 2, _potentials(x, y), _potentials(y, x))

    return _result("sliced W2", real, fake, other, distance, projections=projections)


def wasserstein(
    real: Features | Tensor,
    fake: Features | Tensor,
    *,
    order: int = 1,
    other: Features | Tensor | None = None,
    allow_large: bool = False,
) -> Result:
    """The exact Wasserstein distance between two clouds: the least mean cost of moving one onto the other.

    Args:
        real: (N, *shape); images (N, C, H, W) are uint8, or floats in [-1, 1], and measured in [-1, 1].
        fake: (M, *shape).
        order: 1, the mean distance moved, or 2, its root mean square.
        other: more real samples (M, *shape), for the floor.
        allow_large: also for more than 5,000 points, which take minutes and a matrix of N·M numbers.

    Returns:
        The distance between the clouds, in the units of the samples. As an estimate for the laws that the clouds were
        drawn from it is too large, see the top of this file: beside it stands the floor. Its
        standard error is that of first order, from the prices of the dual problem.

    Raises:
        GanlibError: another order, samples of different shapes, empty, not finite or too many, images of another
            range, or pot is missing.

    *Source*: Kantorovich (1942); Bonneel et al. (2011), by the package POT; the error: del Barrio and Loubes (2019).
    """
    if order not in (1, 2):
        raise GanlibError(f"order={order!r} was given; expected 1 or 2")
    ot = _pot()

    def distance(one: Tensor, two: Tensor) -> tuple[float, float | None]:
        if max(len(one), len(two)) > MOST and not allow_large:
            raise GanlibError(
                f"wasserstein() was given clouds of {len(one)} and {len(two)} points; expected at most {MOST}, since "
                "more take minutes (allow_large=True computes it anyway)"
            )
        cost = torch.cdist(one, two, compute_mode="donot_use_mm_for_euclid_dist") ** order
        value, log = ot.emd2([], [], cost.cpu().numpy(), numItermax=10**8, log=True)
        if log["warning"]:
            raise GanlibError(f"the package pot found no optimal plan ({log['warning']}); expected one")
        value = max(0.0, float(value)) ** (1 / order)
        return value, _error(value, order, *(torch.as_tensor(log[prices]) for prices in ("u", "v")))

    return _result(f"W{order}", real, fake, other, distance)


def _potentials(x: Tensor, y: Tensor) -> Tensor:
    """How much each row of x moves the squared distance to y, the mean over directions (columns), up to a constant.

    On a line the derivative of the price is 2(x − T(x)), where T takes each point to that of y with the same rank.
    """
    n = len(x)
    points, order = x.sort(0)
    ranks = ((torch.arange(n) + 0.5) * len(y) / n).long()
    slope = 2 * (points - y.sort(0).values[ranks])
    steps = (slope[1:] + slope[:-1]) / 2 * points.diff(dim=0)
    prices = torch.cat([torch.zeros_like(slope[:1]), steps.cumsum(0)])
    return torch.zeros_like(prices).scatter(0, order, prices).mean(1)


def _error(value: float, order: int, *potentials: Tensor) -> float | None:
    """Of the root of a cost whose derivatives by the shares are the potentials; None at distance 0."""
    error = first_order(*potentials)
    return None if error is None or value == 0 else error / (order * value ** (order - 1))


def _pot() -> ModuleType:
    for backend in ("TENSORFLOW", "JAX", "CUPY"):  # POT would import each that it finds
        os.environ.setdefault(f"POT_BACKEND_DISABLE_{backend}", "1")
    try:
        import ot
    except ImportError:
        raise GanlibError("the package pot is not installed; expected it from: pip install pot") from None
    return ot


def _result(
    name: str,
    real: Features | Tensor,
    fake: Features | Tensor,
    other: Features | Tensor | None,
    distance: Callable[[Tensor, Tensor], tuple[float, float | None]],
    **details: float,
) -> Result:
    for cloud in (real, fake, other):
        if isinstance(cloud, Tensor) and isinstance(real, Tensor) and cloud.shape[1:] != real.shape[1:]:
            raise GanlibError(
                f"samples of shapes {tuple(real.shape)} and {tuple(cloud.shape)} were given; expected clouds alike"
            )
    real, fake, other = flattened(real, "real"), flattened(fake, "fake"), flattened(other, "other real")
    one, two = pair(real, fake)
    floor = None
    if other is not None:
        _, more = pair(real, other)
        if len(more) != len(two):
            raise GanlibError(f"the floor needs as many other real samples as fake ones, {len(two)}, not {len(more)}")
        floor = distance(one.values, more.values)[0]
    value, error = distance(one.values, two.values)
    sizes = len(one), len(two)
    seen = (one.extractor, one.resizer) if isinstance(real, Features) else (None, None)
    return Result(name, value, error, *sizes, *seen, floor, details=details, settings=tuple(details))


def _measure(samples: Samples, function: Callable[..., Result], **settings: int) -> dict[str, Any]:
    # Flat, since the range of what a game makes is known: it may look like another one where all of it is white.
    generated, real, other = (part.flatten(1) for part in (samples.generated, samples.real, samples.other))
    return function(real, generated, other=other, **settings).table()


def _lacks_pot(samples: Samples) -> str:
    try:
        _pot()
    except GanlibError as reason:
        return str(reason)
    return ""


def _lacks(samples: Samples) -> str:
    if isinstance(samples.data, Images):
        return "between clouds of images it tells nothing"
    if len(samples.generated) > MOST:
        return f"{len(samples.generated)} samples would take minutes; expected at most {MOST}"
    return _lacks_pot(samples)


METRICS = {
    "sliced-wasserstein": Metric(
        f"distance to real samples along {PROJECTIONS} directions, smaller is better; real to real is the floor",
        lambda s: _measure(s, sliced_wasserstein, seed=s.seed),
        _lacks_pot,
    ),
    "wasserstein-1": Metric(
        "exact distance to real samples, smaller is better; real to real is the floor",
        lambda s: _measure(s, wasserstein, order=1),
        _lacks,
    ),
    "wasserstein-2": Metric(
        "exact root mean square distance to real samples, smaller is better; real to real is the floor",
        lambda s: _measure(s, wasserstein, order=2),
        _lacks,
    ),
}
