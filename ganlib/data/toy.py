"""Toy distributions in one and two dimensions, drawn afresh for every batch.

They show what a picture cannot: whether all modes are there, and how far the learned law is from the true one. Where
the density has a closed form, ``log_prob`` gives it exactly.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from numbers import Real

import torch
from torch import Tensor

from ganlib.data.batch import Batch
from ganlib.data.images import whole
from ganlib.errors import GanlibError, unknown


def _positive(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < value < math.inf:
        raise GanlibError(f"{name} must be a number above 0, not {value!r}")
    return float(value)


class Toy:
    """A distribution over points: what all toys have in common.

    Attributes:
        name: what the law is called.
        shape: (d,), the shape of one point.
        device: where points are drawn.
        modes: float (K, d) centres, or None for a law without separate modes.
        std: float (K,) standard deviation of each mode, or None.
        weights: float (K,) probability of each mode, or None.
    """

    name: str
    shape: tuple[int]
    device: torch.device
    modes: Tensor | None = None
    std: Tensor | None = None
    weights: Tensor | None = None

    def __init__(self, name: str, dimension: int) -> None:
        self.name = name
        self.shape = (dimension,)
        self.device = torch.device("cpu")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}: points of R^{self.shape[0]}, {self.device})"

    def to(self, device: torch.device | str) -> Toy:
        """The same law, drawn on another device.

        Args:
            device: e.g. ``"cuda"``.

        Returns:
            A new distribution; this one stays where it is.

        Raises:
            GanlibError: this machine has no such device.
        """
        moved = copy.copy(self)
        try:
            moved.device = torch.empty(0, device=device).device
            for key, value in vars(self).items():
                if isinstance(value, Tensor):
                    setattr(moved, key, value.to(device))
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            raise GanlibError(
                f"cannot move {self.name} to device {str(device)!r}: {str(error).splitlines()[0]}"
            ) from error
        return moved

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Independent points.

        Args:
            n: how many.
            generator: where the randomness comes from, on the law's device; None for torch's global one.

        Returns:
            float32 (n, d).

        Raises:
            GanlibError: n is below 1.
        """
        return self._draw(whole("number of points", n, 1), generator)[0]

    def batch(self, n: int) -> Batch:
        """Fresh points for a training step.

        Args:
            n: how many.

        Returns:
            A batch with images float32 (n, d) and, where the law has parts, labels int64 (n,): the part of each point.

        Raises:
            GanlibError: n is below 1.
        """
        return Batch(*self._draw(whole("batch size", n, 1), None))

    def log_prob(self, x: Tensor) -> Tensor:
        """The exact log density, in nats.

        Args:
            x: float (..., d).

        Returns:
            float (...).

        Raises:
            GanlibError: the density has no closed form, or x has the wrong dimension.
        """
        raise GanlibError(f"the density of {self.name} has no closed form; ring, grid and mixture-1d have one")

    def _draw(self, n: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor | None]:
        """Points (n, d) and the number of the mode of each, or None."""
        raise NotImplementedError

    def _uniform(self, n: int, generator: torch.Generator | None) -> Tensor:
        return torch.rand(n, generator=generator, device=self.device)

    def _noise(self, n: int, generator: torch.Generator | None) -> Tensor:
        return torch.randn(n, *self.shape, generator=generator, device=self.device)


class GaussianMixture(Toy):
    """A mixture of round Gaussians.

    Args:
        means: (K, d) centres.
        std: one standard deviation for all, or one for each of the K.
        weights: K positive numbers, normalised to sum to 1; None for equal ones.
        name: what the law is called.

    Raises:
        GanlibError: the three do not fit each other, or are not positive where they must be.
    """

    def __init__(
        self,
        means: Tensor | Sequence[Sequence[float]],
        std: float | Sequence[float],
        weights: Sequence[float] | None = None,
        name: str = "mixture",
    ) -> None:
        try:
            self.modes = torch.as_tensor(means, dtype=torch.float32)
        except (TypeError, ValueError):
            raise GanlibError(f"means of {name} must be a table of K points of d numbers, not {means!r}") from None
        if self.modes.ndim != 2 or 0 in self.modes.shape or not self.modes.isfinite().all():
            raise GanlibError(f"means of {name} must be K finite points (K, d), not {tuple(self.modes.shape)}")
        count, dimension = self.modes.shape
        super().__init__(name, dimension)
        self.std = self._per_mode("std", std if isinstance(std, Sequence | Tensor) else [std] * count)
        weights = self._per_mode("weights", [1.0] * count if weights is None else weights)
        self.weights = weights / weights.sum()

    def _per_mode(self, what: str, values: Sequence[float] | Tensor) -> Tensor:
        if isinstance(values, str) or len(values) != len(self.modes):
            raise GanlibError(f"{what} of {self.name} must be {len(self.modes)} numbers, one a mode, not {values!r}")
        values = values.tolist() if isinstance(values, Tensor) else values
        return torch.tensor([_positive(f"{what} of {self.name}", value) for value in values])

    def _draw(self, n: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        # Inverse of the cumulative weights: `multinomial` waits for the device to check its input, this does not.
        edges = self.weights.cumsum(0)[:-1].contiguous()
        which = torch.bucketize(self._uniform(n, generator), edges, right=True)
        points = self.modes[which] + self.std[which].unsqueeze(1) * self._noise(n, generator)
        return points, which

    def log_prob(self, x: Tensor) -> Tensor:
        dimension = self.shape[0]
        if x.shape[-1:] != self.shape:
            raise GanlibError(f"{self.name} has points of {dimension} numbers (..., {dimension}), not {tuple(x.shape)}")
        squared = ((x.unsqueeze(-2) - self.modes) / self.std.unsqueeze(1)).square().sum(-1)  # (..., K)
        norm = dimension * (self.std.log() + 0.5 * math.log(2 * math.pi))
        return (self.weights.log() - norm - squared / 2).logsumexp(-1)


# The published tests of mode coverage. WGAN-GP's code divides its finished samples, noise included, by that number.
RINGS = {  # name: (radius, std)
    "pacgan": (1.0, 0.01),
    "unrolled": (2.0, 0.02),
    "wgan-gp": (2 / 1.414, 0.02 / 1.414),
}
GRIDS = {  # name: (spacing, std)
    "pacgan": (2.0, 0.05),
    "wgan-gp": (2 / 2.828, 0.05 / 2.828),
}


def _published(law: str, protocols: dict[str, tuple[float, float]], name: str) -> tuple[float, float]:
    if not isinstance(name, str) or name not in protocols:
        raise unknown(f"protocol of the {law}", name, protocols)
    return protocols[name]


class Ring(GaussianMixture):
    """Gaussians on a circle, equally likely: mode i sits at the angle 2πi / modes.

    Args:
        modes: how many.
        radius: of the circle; None for the protocol's.
        std: standard deviation of each mode; None for the protocol's.
        protocol: whose published test it is: ``"pacgan"`` (radius 1, std 0.01), ``"unrolled"`` (radius 2, std 0.02) or
            ``"wgan-gp"`` (radius 2, std 0.02, then all divided by 1.414, so that each coordinate has variance 1).

    Raises:
        GanlibError: a value that is not positive, or an unknown protocol.

    *Source*: Lin et al., PacGAN (2018), §4.1; Metz et al., Unrolled GAN (2017), appendix A; Gulrajani et al., WGAN-GP
    (2017), code ``gan_toy.py``, 8gaussians. No angle is used twice: the notebook published with Unrolled GAN (radius 1,
    std 0.01) divides the circle with both endpoints included, which leaves 7 distinct modes of 8, one twice as heavy.
    """

    def __init__(
        self, modes: int = 8, radius: float | None = None, std: float | None = None, protocol: str = "pacgan"
    ) -> None:
        published = _published("ring", RINGS, protocol)
        radius, std = (value if given is None else given for given, value in zip((radius, std), published, strict=True))
        modes, radius = whole("modes of the ring", modes, 1), _positive("radius of the ring", radius)
        angles = [2 * math.pi * i / modes for i in range(modes)]
        super().__init__([[radius * math.cos(a), radius * math.sin(a)] for a in angles], std, name="ring")


class Grid(GaussianMixture):
    """Gaussians on a square grid, equally likely, centred at the origin.

    Args:
        side: how many in a row; side² in all.
        spacing: between neighbours; None for the protocol's.
        std: standard deviation of each mode; None for the protocol's.
        protocol: whose published test it is: ``"pacgan"`` (modes at {-4, -2, 0, 2, 4}², std 0.05) or ``"wgan-gp"``
            (the same, all divided by 2.828, so that each coordinate has variance 1).

    Raises:
        GanlibError: a value that is not positive, or an unknown protocol.

    *Source*: Lin et al., PacGAN (2018), §4.1; Gulrajani et al., WGAN-GP (2017), code ``gan_toy.py``, 25gaussians.
    """

    def __init__(
        self, side: int = 5, spacing: float | None = None, std: float | None = None, protocol: str = "pacgan"
    ) -> None:
        published = _published("grid", GRIDS, protocol)
        spacing, std = (
            value if given is None else given for given, value in zip((spacing, std), published, strict=True)
        )
        side, spacing = whole("side of the grid", side, 1), _positive("spacing of the grid", spacing)
        ticks = [spacing * (i - (side - 1) / 2) for i in range(side)]
        super().__init__([[x, y] for x in ticks for y in ticks], std, name="grid")


class Mixture1D(GaussianMixture):
    """Gaussians on the line: two equal ones, at -2 and 2, unless told otherwise.

    Args:
        means: K centres.
        std: one standard deviation for all, or one for each of the K.
        weights: K positive numbers, normalised to sum to 1; None for equal ones.

    Raises:
        GanlibError: the three do not fit each other.
    """

    def __init__(
        self,
        means: Sequence[float] = (-2.0, 2.0),
        std: float | Sequence[float] = 0.5,
        weights: Sequence[float] | None = None,
    ) -> None:
        if not isinstance(means, Sequence | Tensor) or isinstance(means, str):
            raise GanlibError(f"means of mixture-1d must be a list of numbers, not {means!r}")
        super().__init__([[mean] for mean in means], std, weights, name="mixture-1d")


class SwissRoll(Toy):
    """A spiral in the plane, blurred: one connected, curved mode.

    The angle t is uniform on [3π/2, 9π/2], the point is (t cos t, t sin t) plus Gaussian noise, all times `scale`.

    Args:
        noise: standard deviation of the noise before scaling.
        scale: of the whole; 1/7.5 brings it to about [-2, 2].

    Raises:
        GanlibError: a value that is not positive.

    *Source*: Gulrajani et al., WGAN-GP (2017), toy experiments: noise 0.25, scale 1/7.5.
    """

    def __init__(self, noise: float = 0.25, scale: float = 1 / 7.5) -> None:
        super().__init__("swiss-roll", 2)
        self.noise, self.scale = (
            _positive("noise of the swiss roll", noise),
            _positive("scale of the swiss roll", scale),
        )

    def _draw(self, n: int, generator: torch.Generator | None) -> tuple[Tensor, None]:
        t = 1.5 * math.pi * (1 + 2 * self._uniform(n, generator))
        curve = torch.stack([t * t.cos(), t * t.sin()], 1)
        return self.scale * (curve + self.noise * self._noise(n, generator)), None


class TwoMoons(Toy):
    """Two interleaved half circles of radius 1, blurred.

    The upper moon is (cos t, sin t), the lower (1 - cos t, 0.5 - sin t), t uniform on [0, π]; both are moved by
    (-0.5, -0.25), so that their centre is the origin.

    Args:
        noise: standard deviation of the noise.

    Raises:
        GanlibError: noise is not positive.
    """

    def __init__(self, noise: float = 0.05) -> None:
        super().__init__("two-moons", 2)
        self.noise = _positive("noise of the two moons", noise)

    def _draw(self, n: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        t = math.pi * self._uniform(n, generator)
        which = torch.randint(2, (n,), generator=generator, device=self.device)
        sign = 1.0 - 2.0 * which  # 1 above, -1 below
        curve = torch.stack([sign * (t.cos() - 0.5), sign * (t.sin() - 0.25)], 1)
        return curve + self.noise * self._noise(n, generator), which


DATASETS = {"ring": Ring, "grid": Grid, "mixture-1d": Mixture1D, "swiss-roll": SwissRoll, "two-moons": TwoMoons}
