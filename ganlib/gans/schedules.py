"""Schedules: by how much a learning rate is multiplied, as a function of the trainer's step (0 for the first).

Player(self.generator, adam(2e-4, 0.5), learning_rate=linear_decay(50_000, 100_000))
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable

from ganlib.errors import GanlibError, unknown

Schedule = Callable[[int], float]


def constant(factor: float = 1.0) -> Schedule:
    """The same factor at every step.

    Args:
        factor: ≥ 0.

    Raises:
        GanlibError: `factor` is negative or not finite.
    """
    _expect(0 <= factor < math.inf, f"constant({factor})", "a finite factor ≥ 0")
    return lambda step: factor


def linear_decay(start: int, end: int) -> Schedule:
    """1 until `start`, then down a straight line, 0 from `end` on.

    Args:
        start: the last step at the full rate.
        end: the first step at rate 0.

    Raises:
        GanlibError: not 0 ≤ start < end.

    Source: Zhu et al. (2017, CycleGAN), section 4, "Training details": 100 epochs each.
    """
    _expect(0 <= start < end, f"linear_decay({start}, {end})", "0 ≤ start < end")
    return lambda step: min(1.0, max(0.0, (end - step) / (end - start)))


def cosine(steps: int, floor: float = 0.0) -> Schedule:
    """Half a cosine, from 1 at step 0 to `floor` from step `steps` on.

    Args:
        steps: how long the descent takes.
        floor: where it ends, in [0, 1].

    Raises:
        GanlibError: a value outside its range.

    Source: Loshchilov & Hutter (2017), equation (5), without restarts.
    """
    _expect(steps >= 1 and 0 <= floor <= 1, f"cosine({steps}, {floor})", "steps ≥ 1 and a floor in [0, 1]")
    return lambda step: floor + (1 - floor) * (1 + math.cos(math.pi * min(step / steps, 1.0))) / 2


def warm_up(steps: int) -> Schedule:
    """Up a straight line, 1/steps in the first step, 1 from the last of the `steps` on.

    Args:
        steps: how long the ascent takes.

    Raises:
        GanlibError: `steps` is below 1.

    Source: Goyal et al. (2017), section 2.2, gradual warmup, from near 0 instead of from a smaller batch's rate.
    """
    _expect(steps >= 1, f"warm_up({steps})", "steps ≥ 1")
    return lambda step: min(1.0, (step + 1) / steps)


def product(*schedules: Schedule) -> Schedule:
    """Several schedules at once, multiplied: ``product(warm_up(500), cosine(20_000))``."""
    return lambda step: math.prod(schedule(step) for schedule in schedules)


def read(text: str) -> Schedule:
    """A schedule that is written down as Python would write it: ``"product(warm_up(500), cosine(20_000))"``.

    Args:
        text: calls of this file's functions, with numbers or other calls as arguments; nothing else is executed.

    Raises:
        GanlibError: it is no such text, or a function refuses its arguments.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        tree = None
    if not isinstance(tree, ast.Call):
        raise GanlibError(f"the schedule {text!r} was given; expected a call such as linear_decay(1000, 3000)")
    try:
        return _call(tree)
    except (GanlibError, TypeError) as error:  # TypeError: wrong number of arguments
        raise GanlibError(f"the schedule {text!r} was given: {error}") from None


def _call(tree: ast.expr) -> Schedule:
    known = {made.__name__: made for made in (constant, cosine, linear_decay, product, warm_up)}
    name = ast.unparse(tree.func)
    if name not in known:
        raise unknown("schedule", name, known)
    values = [_call(a) if isinstance(a, ast.Call) else _number(a) for a in tree.args]
    named = {word.arg: _number(word.value) for word in tree.keywords if word.arg}
    if any(callable(value) != (name == "product") for value in values):
        raise GanlibError(f"{name} takes {'schedules' if name == 'product' else 'numbers'}, not {ast.unparse(tree)}")
    return known[name](*values, **named)


def _number(tree: ast.expr) -> float:
    try:
        value = ast.literal_eval(tree)
    except ValueError:
        value = None
    if type(value) not in (int, float):
        raise GanlibError(f"{ast.unparse(tree)} is no number")
    return value


def _expect(holds: bool, given: str, expected: str) -> None:
    if not holds:
        raise GanlibError(f"{given} was given; expected {expected}")
