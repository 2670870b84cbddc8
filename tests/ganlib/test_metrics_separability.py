"""Separability: exact values, invariance, what is held out, and what cannot be measured."""

import math

import pytest
import torch

from ganlib.errors import GanlibError
from ganlib.metrics.separability import hyperplane, separability

N = 4000


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def h(p):
    return -p * math.log(p) - (1 - p) * math.log(1 - p)


def halves(z):
    return {"right": (z[:, 0] > 0).long(), "up": (z[:, 1] > 0.5).long()}


def test_the_hyperplane_is_the_minimum():
    x = torch.cat([torch.randn(200, 3), torch.ones(200, 1)], 1).double()
    side = (x[:, 0] + 0.5 * torch.randn(200) > 0.3).double() * 2 - 1
    v = hyperplane(x, side, c=0.7).requires_grad_()
    loss = v.square().sum() / 2 + 0.7 * (1 - side * (x @ v)).clamp_min(0).square().sum()
    (gradient,) = torch.autograd.grad(loss, v)
    assert gradient.norm() < 1e-8
    assert v[0] > 5 * v[1:3].abs().max()


def test_what_a_hyperplane_knows_and_what_it_does_not():
    z = torch.randn(N, 5)
    found = separability(z, halves(z))
    assert 1 <= found.value < 1.15 and found.details["unseparated"] == pytest.approx(2 * math.exp(h(0.3085)), rel=0.02)
    even = {"far": (z[:, 0].abs() > 0.6745).long()}  # half of the samples, on both sides
    assert separability(z, even).value == pytest.approx(2, rel=0.01)
    assert separability(z.abs(), even).value < 1.1  # in another space it is on one side
    other = separability(z * torch.tensor([1e3, 1e-3, -1.0, 7.0, 1.0]) + 7, halves(z))
    assert other.value == pytest.approx(found.value, abs=0.01)
    assert str(found).startswith("separability 1.0") and "unseparated" in str(found)


def test_a_reader_that_errs():
    z = torch.randn(N, 3)
    wrong = torch.rand(N) < 0.1
    found = separability(z, {"right": ((z[:, 0] > 0) ^ wrong).long()})
    assert math.log(found.value) == pytest.approx(h(0.1), abs=0.04)
    assert found.details["right"] == pytest.approx(math.log(found.value)) and 0.005 < found.error < 0.1


def test_more_than_two_values():
    z = torch.randn(N, 4)
    corners = torch.tensor([[1.0, 0], [-0.5, 0.87], [-0.5, -0.87]])
    three = (z[:, :2] @ corners.T).argmax(1)
    assert separability(z, {"third": three}).value < 1.25
    assert separability(z[:, 2:], {"third": three}).value == pytest.approx(3, rel=0.02)


def test_points_are_held_out():
    """Half of 80 points in 100 dimensions: any verdicts can be separated on the points themselves."""
    z, verdicts = torch.randn(80, 100), torch.randint(2, (80,))
    x = torch.cat([z, torch.ones(80, 1)], 1).double()
    assert (x @ hyperplane(x, 2.0 * verdicts.double() - 1)).gt(0).equal(verdicts.bool())
    assert separability(z, {"luck": verdicts}, allow_small=True).value > 1.8


def test_only_what_the_reader_is_sure_of_is_kept():
    z = torch.randn(N, 3)
    blurred = z[:, 0] + 0.5 * torch.randn(N)
    logits = {"right": torch.stack([-blurred, blurred], 1)}
    every, half = (separability(z, logits, keep=keep).value for keep in (1.0, 0.5))
    assert every == pytest.approx(separability(z, {"right": (blurred > 0).long()}).value)
    assert half < 1 + 0.4 * (every - 1)


def test_an_attribute_that_is_lost_adds_nothing():
    z = torch.randn(N, 3)
    assert separability(z, {"glasses": torch.zeros(N).long()}).value == 1


@pytest.mark.parametrize(
    ("z", "verdicts", "options", "words"),
    [
        (torch.randn(2000), {"a": torch.zeros(2000)}, {}, r"latents \(2000,\) were given"),
        (torch.full((2000, 2), math.nan), {"a": torch.zeros(2000)}, {}, "expected finite numbers"),
        (torch.randn(2000, 2), {}, {}, "for at least one attribute"),
        (torch.randn(2000, 2), {"a": torch.zeros(1999)}, {}, r"expected \(2000,\) or \(2000, values\)"),
        (torch.randn(2000, 2), {"a": torch.zeros(2000).long()}, {"keep": 0.0}, "keep=0.0 was given"),
        (
            torch.randn(2000, 2),
            {"a": torch.zeros(2000, 1)},
            {},
            r"logits \(2000, 1\) of 'a' were given; expected finite",
        ),
        (torch.randn(2000, 2), {"a": torch.full((2000, 2), math.nan)}, {}, "expected finite ones of 2 or more values"),
        (torch.randn(2000, 2), {"a": torch.rand(2000)}, {}, "verdicts on 'a' of type torch.float32 were given"),
        (
            torch.randn(2000, 2),
            {"a": torch.randint(2, (2000,)) * 2 - 1},
            {},
            "the least of them -1; expected the numbers",
        ),
        (torch.randn(999, 2), {"a": torch.zeros(999).long()}, {}, "was given 999 samples; expected at least 1000"),
    ],
)
def test_what_cannot_be_measured(z, verdicts, options, words):
    with pytest.raises(GanlibError, match=words):
        separability(z, verdicts, **options)
