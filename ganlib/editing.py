"""Editing: where to go in the space of styles for more of an attribute."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad, softplus

from ganlib.errors import GanlibError


def direction(
    w: Tensor,
    values: Tensor,
    without: Sequence[Tensor] = (),
    *,
    logistic: bool = False,
    ridge: float = 1e-3,
) -> Tensor:
    """Where to go in W for more of an attribute: ``gan.sample(w=w + 3 * direction(w, read))``.

    The gradient of a linear prediction of the attribute. What comes along, e.g. hair that is grey where glasses are
    worn, can be held: moving along the direction leaves the predictions of the others as they are.

    Args:
        w: styles (N, w_dim).
        values: of the attribute, as read from their images: (N,), numbers or booleans.
        without: of attributes that are to be held, likewise; fewer than w_dim.
        logistic: predict the log odds of a boolean, and not its value by least squares.
        ridge: weight of the squared slopes, in units of the mean variance of w.

    Returns:
        (w_dim,) of length 1, in the type of w.

    Raises:
        GanlibError: values that do not fit, that are all the same, or, for `logistic`, that are not 0 and 1; or an
            attribute that the held ones determine.

    *Source*: Shen et al. (2020), "conditional manipulation", there of directions found by support vector machines.
    """
    if not isinstance(w, Tensor) or w.ndim != 2 or not math.isfinite(ridge) or ridge <= 0:
        given = tuple(w.shape) if isinstance(w, Tensor) else type(w).__name__
        raise GanlibError(f"w {given} and ridge={ridge} were given; expected styles (N, w_dim), and ridge > 0")
    centred = (w.detach() - w.detach().mean(0)).double()
    penalty = ridge * centred.square().mean()
    found, *held = (_slopes(centred, y, logistic, penalty) for y in (values, *without))
    if held:
        basis = torch.linalg.qr(torch.stack(held, 1)).Q  # (w_dim, held)
        left = found - basis @ (basis.T @ found)
        if left.norm() <= 1e-6 * found.norm():
            raise GanlibError(f"the attribute goes along with the {len(held)} that are held; expected another one")
        found = left
    return (found / found.norm()).to(w.dtype)


def _slopes(x: Tensor, values: Tensor, logistic: bool, penalty: Tensor) -> Tensor:
    """The slopes of a linear prediction of values (N,) at centred x (N, d), float64: (d,)."""
    y = torch.as_tensor(values).detach().to(x)
    if y.shape != x.shape[:1] or not y.isfinite().all() or (y == y[0]).all():
        raise GanlibError(f"values of shape {tuple(y.shape)} were given; expected {len(x)} finite ones, not all equal")
    eye = penalty * torch.eye(x.shape[1]).to(x)
    if not logistic:
        return torch.linalg.solve(x.T @ x / len(x) + eye, x.T @ (y - y.mean()) / len(x))
    if not ((y == 0) | (y == 1)).all():
        raise GanlibError("logistic=True was given with values other than 0 and 1; expected booleans")
    x = torch.cat([x, torch.ones_like(x[:, :1])], 1)  # an offset, which costs nothing
    eye = pad(eye, (0, 1, 0, 1))
    v = torch.zeros_like(x[0])
    loss = lambda v: softplus((1 - 2 * y) * (x @ v)).mean() + v @ eye @ v / 2
    for _ in range(100):
        p = (x @ v).sigmoid()
        slope = x.T @ (p - y) / len(x) + eye @ v
        if slope.norm() <= 1e-10 * len(v):
            break
        step = torch.linalg.solve((x.T * (p * (1 - p))) @ x / len(x) + eye, slope)
        size = 1.0
        while size > 1e-6 and loss(v - size * step) > loss(v) - 1e-4 * size * (slope @ step):
            size /= 2
        v = v - size * step
    return v[:-1]
