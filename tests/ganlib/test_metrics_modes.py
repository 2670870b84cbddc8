"""Mode coverage: exact ceilings and floors of a perfect sampler, and each planted fault seen by what should see it."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

import ganlib
from ganlib import metrics
from ganlib.data.toy import GaussianMixture
from ganlib.errors import GanlibError
from ganlib.metrics.base import Features, Samples
from ganlib.metrics.features import to_bytes
from ganlib.metrics.modes import mode_coverage, reverse_kl, reverse_kl_floor, stacked_coverage

N = 2500  # of the published test


def drawn(law, n=N, seed=0):
    return law.sample(n, torch.Generator().manual_seed(seed))


def uniform(modes):
    return torch.full((modes,), 1 / modes, dtype=torch.float64)


# -- a perfect sampler -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "modes"), [("ring", 8), ("grid", 25)])
def test_a_perfect_sampler_reaches_the_ceiling_and_the_floor(name, modes):
    law = ganlib.load(name)
    found = [mode_coverage(drawn(law, seed=seed), law) for seed in range(40)]
    assert all(result.value == result.details["modes"] == modes for result in found)
    assert all(result.details["at least half"] == modes for result in found)
    mean = lambda key: sum(result.details[key] for result in found) / len(found)
    ceiling = 1 - math.exp(-9 / 2)
    assert (
        found[0].details["high quality ceiling"]
        == pytest.approx(ceiling, abs=1e-12)
        == pytest.approx(0.98889, abs=1e-5)
    )
    assert mean("high quality") == pytest.approx(ceiling, abs=5 * math.sqrt(ceiling * (1 - ceiling) / (40 * N)))
    floor = found[0].details["reverse KL floor"]
    # 2 N KL is nearly chi-squared with K - 1 degrees of freedom.
    assert mean("reverse KL") == pytest.approx(floor, abs=5 * math.sqrt(2 * (modes - 1) / 40) / (2 * N))
    assert floor == pytest.approx({"ring": 0.0014, "grid": 0.0049}[name], abs=5e-5)


def test_the_ceiling_in_other_dimensions():
    line = ganlib.load("mixture-1d")
    assert mode_coverage(drawn(line), line).details["high quality ceiling"] == pytest.approx(math.erf(3 / math.sqrt(2)))
    law = GaussianMixture(torch.eye(5) * 10, 0.5)
    found = mode_coverage(drawn(law, 20_000), law)
    assert found.details["high quality"] == pytest.approx(found.details["high quality ceiling"], abs=0.01)
    assert found.details["high quality ceiling"] < 0.9  # the wrong formula, 1 - exp(-9/2), would say 0.989


def test_the_floor_is_the_exact_mean():
    for weights in (uniform(3), torch.tensor([0.7, 0.2, 0.1], dtype=torch.float64)):
        for n in (1, 2, 5):
            total = 0.0  # over all outcomes of n throws
            for i in range(n + 1):
                for j in range(n + 1 - i):
                    counts = torch.tensor([i, j, n - i - j])
                    ways = math.factorial(n) / math.prod(math.factorial(int(c)) for c in counts)
                    total += ways * float((weights**counts).prod()) * reverse_kl(counts, weights)
            assert reverse_kl_floor(n, weights) == pytest.approx(total, rel=1e-12)
    assert reverse_kl_floor(1, uniform(8)) == pytest.approx(math.log(8))
    assert reverse_kl_floor(10**5, uniform(8)) == pytest.approx(7 / (2 * 10**5), rel=1e-3)
    assert reverse_kl_floor(26_000, uniform(1000)) == pytest.approx(0.0194, abs=2e-4)
    assert reverse_kl_floor(10, uniform(1)) == pytest.approx(0, abs=1e-12)


def test_the_floor_by_simulation():
    generator = torch.Generator().manual_seed(0)
    found = [
        reverse_kl(torch.bincount(torch.randint(25, (500,), generator=generator), minlength=25), uniform(25))
        for _ in range(400)
    ]
    error = torch.tensor(found).std().item() / 20
    assert sum(found) / 400 == pytest.approx(reverse_kl_floor(500, uniform(25)), abs=4 * error)
    assert abs(sum(found) / 400 - reverse_kl_floor(450, uniform(25))) > 4 * error


def test_reverse_kl_is_the_reverse_one():
    weights = torch.tensor([0.5, 0.25, 0.25], dtype=torch.float64)
    assert reverse_kl(torch.tensor([2, 1, 1]), weights) == pytest.approx(0, abs=1e-15)
    assert reverse_kl(torch.tensor([7, 0, 0]), weights) == pytest.approx(math.log(2))  # the other one is infinite
    assert math.isnan(reverse_kl(torch.tensor([0, 0, 0]), weights))


# -- planted faults ----------------------------------------------------------------------------------------------------
def test_each_fault_is_seen_by_what_should_see_it():
    ring = ganlib.load("ring")
    points = drawn(ring, 4000)
    mode = torch.cdist(points, ring.modes).argmin(1)
    perfect = mode_coverage(points, ring)

    dropped = mode_coverage(points[mode != 3], ring)
    assert dropped.value == 7 and dropped.details["high quality"] > 0.98
    assert dropped.details["reverse KL"] == pytest.approx(math.log(8 / 7), abs=0.01)

    starved = mode_coverage(torch.cat([points[mode != 3], points[mode == 3][:5]]), ring)  # counted, but hardly there
    assert starved.value == 8 and starved.details["at least half"] == 7 and starved.details["reverse KL"] > 0.1

    wide = mode_coverage(ring.modes[mode] + 3 * (points - ring.modes[mode]), ring)  # three times the spread
    assert wide.value == 8 and wide.details["high quality"] == pytest.approx(1 - math.exp(-1 / 2), abs=0.03)

    sharp = mode_coverage(ring.modes[mode], ring)  # too good: no spread at all is above the ceiling
    assert sharp.details["high quality"] == 1 > perfect.details["high quality ceiling"]

    one = mode_coverage(points[:1].repeat(4000, 1), ring)  # a single sample, duplicated
    assert one.value == 1 and one.details["reverse KL"] == pytest.approx(math.log(8))

    off = mode_coverage(torch.zeros(100, 2), ring)
    assert off.value == 0 == off.details["high quality"] and math.isnan(off.details["reverse KL"])


def test_distance_is_in_standard_deviations_of_each_mode():
    law = GaussianMixture([[0.0, 0.0], [10.0, 0.0]], [0.1, 2.0])
    points = torch.tensor([[0.29, 0.0], [0.31, 0.0], [10.0, 5.9], [10.0, 6.1], [3.9, 0.0]])
    found = mode_coverage(points, law, allow_small=True)
    assert found.details["high quality"] == pytest.approx(2 / 5)
    # 4.5 is nearer to 10 in that mode's deviations, though 0 is nearer in the plane
    assert mode_coverage(torch.tensor([[4.5, 0.0]]), law, allow_small=True).value == 1
    # the round rule, not one per axis
    corner = torch.tensor([[0.25, 0.25]])
    assert mode_coverage(corner, law, allow_small=True).value == 0


def test_invariances():
    grid = ganlib.load("grid")
    points = drawn(grid)
    found = mode_coverage(points, grid)
    order = torch.randperm(N, generator=torch.Generator().manual_seed(1))
    assert mode_coverage(points[order], grid) == found == mode_coverage(Features(points), grid)
    moved = GaussianMixture(3 * grid.modes + 5, 3 * grid.std)
    again = mode_coverage(3 * points + 5, moved)
    assert again.value == found.value and again.details["high quality"] == pytest.approx(
        found.details["high quality"], abs=1e-3
    )


def test_unequal_weights_are_the_truth():
    law = GaussianMixture([[0.0], [10.0]], 0.5, [9, 1])
    found = mode_coverage(drawn(law, 5000), law).details
    assert found["at least half"] == 2 and found["reverse KL"] < 0.002
    even = torch.cat([law.modes[:1].repeat(500, 1), law.modes[1:].repeat(500, 1)])
    assert mode_coverage(even, law).details["reverse KL"] == pytest.approx(
        0.5 * math.log(0.5 / 0.9) + 0.5 * math.log(5)
    )


# -- stacked digits ----------------------------------------------------------------------------------------------------
def dotted(classes, size=8):
    """Stacked images whose digits can be read without a network: digit d is d bright pixels."""
    digits = torch.stack([classes // 100, classes // 10 % 10, classes % 10], 1)
    images = -torch.ones(len(classes), 3, size * size)
    images[torch.arange(size * size) < digits.unsqueeze(2)] = 1
    return images.view(-1, 3, size, size)


def count_dots(images):
    return (images > 0).flatten(1).sum(1)


def test_stacked_digits_of_a_perfect_sampler_and_faults():
    classes = torch.randint(1000, (26_000,), generator=torch.Generator().manual_seed(0))
    images = dotted(classes)
    assert images.shape[1:] == (3, 8, 8)
    found = stacked_coverage(images, count_dots)
    assert found.value == 1000 == found.details["modes"] and found.n_fake == 26_000
    assert found.details["reverse KL"] == pytest.approx(found.details["reverse KL floor"], abs=0.003)
    scores = lambda part: torch.nn.functional.one_hot(count_dots(part), 10).float()
    assert stacked_coverage(images, scores) == replace(found, reader=None)
    assert found.reader == "count_dots" and "reader count_dots" in str(found)
    assert stacked_coverage(to_bytes(images), count_dots) == found

    dropped = stacked_coverage(images[classes % 10 != 7], count_dots)
    assert dropped.value == 900 and dropped.details["reverse KL"] == pytest.approx(math.log(10 / 9) + 0.0194, abs=0.003)
    one = stacked_coverage(images[:1].expand(10_000, -1, -1, -1), count_dots)
    assert one.value == 1 == one.details["at least half"] and one.details["reverse KL"] == pytest.approx(math.log(1000))


def test_the_class_is_that_of_the_data_set():
    data = ganlib.load("stacked-digits", n=200)
    truth = torch.stack([data.labels // 100, data.labels // 10 % 10, data.labels % 10], 1).flatten()
    asked = []

    def oracle(images):
        start = sum(asked)
        asked.append(len(images))
        assert images.shape[1:] == (1, 28, 28)
        return truth[start : start + len(images)]

    found = stacked_coverage(data.normalised(), oracle, allow_small=True)
    assert found.value == len(data.labels.unique())


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda law: mode_coverage(torch.randn(79, 2), law), "was given 79 samples; expected at least 80"),
        (lambda law: mode_coverage(torch.randn(99, 3), law), "points of 3 numbers were given; ring has points of 2"),
        (lambda law: mode_coverage(torch.full((99, 2), torch.nan), law), "99 of 99 generated features hold NaN"),
        (lambda law: mode_coverage(torch.randn(0, 2), law), "expected .N, d. with at least one row"),
        (lambda law: mode_coverage(torch.randn(99, 2), ganlib.load("two-moons")), "expected a mixture of Gaussians"),
        (lambda law: mode_coverage(torch.randn(99, 2), law, radius=0), "radius=0 standard deviations"),
        (lambda law: reverse_kl_floor(0, law.weights), "n=0 samples"),
        (lambda law: stacked_coverage(torch.zeros(5, 1, 8, 8), count_dots), "images of 1 channels were given"),
        (lambda law: stacked_coverage(torch.zeros(5, 3, 8, 8), count_dots), "expected at least 10000"),
        (lambda law: stacked_coverage(torch.zeros(5, 3, 8, 8).int(), count_dots), "are int32; expected uint8"),
        (lambda law: stacked_coverage(torch.rand(5, 3, 8, 8), count_dots), r"as if in \[0, 1\]"),
        (lambda law: stacked_coverage(torch.full((5, 3, 8, 8), 7.0), count_dots), "from 7 to 7, as if bytes"),
        (lambda law: stacked_coverage(torch.full((5, 3, 8, 8), -2.0), count_dots), "from -2 to -2; expected uint8"),
        (lambda law: stacked_coverage(torch.full((5, 3, 8, 8), torch.nan), count_dots), "5 of 5 generated images"),
        (
            lambda law: stacked_coverage(
                torch.zeros(5, 3, 8, 8), lambda x: x[:, 0, 0, 0].long() + 10, allow_small=True
            ),
            "run from 10 to 10; expected 0 to 9",
        ),
        (
            lambda law: stacked_coverage(torch.zeros(5, 3, 8, 8), lambda x: x[:1, 0, 0, 0].long(), allow_small=True),
            "gave 1 answers for 15 images",
        ),
    ],
)
def test_bad_input_is_one_sentence(call, sentence):
    with pytest.raises(GanlibError, match=sentence):
        call(ganlib.load("ring"))


def test_one_sample_if_it_is_allowed():
    ring = ganlib.load("ring")
    found = mode_coverage(ring.modes[:1], ring, allow_small=True)
    assert found.value == 1 == found.details["high quality"] and float(found) == 1.0
    assert str(found) == "modes 1 (at least half 1, high quality 1, reverse KL 2.079, n_fake 1, radius 3)"


# -- ganlib evaluate ---------------------------------------------------------------------------------------------------
def test_evaluate_reads_stacked_digits_with_the_zoo(monkeypatch):
    def extract(images, extractor):
        assert extractor == "digits"
        return SimpleNamespace(logits=torch.nn.functional.one_hot(count_dots(images.int() - 128), 10).float())

    monkeypatch.setattr(metrics.features, "extract", extract)
    real = dotted(torch.randint(1000, (10_000,), generator=torch.Generator().manual_seed(0)))
    metric, samples = (
        metrics.get("stacked-modes"),
        Samples(SimpleNamespace(name="stacked-digits"), real[:1], real, real, 0),
    )
    assert metric.lacks(samples).startswith("it needs 10000 samples, and 1 were drawn")
    found = metric.measure(Samples(samples.data, real[:1].expand_as(real), real, real, 0))
    assert found["counted generated"] == 1 and found["counted real"] == found["modes"] == 1000
    assert found["reader"].startswith("digits, sha256 ")


def test_evaluate_knows_them():
    ring = ganlib.load("ring")
    points = drawn(ring, 1000)
    metric = metrics.get("modes")
    samples = Samples(ring, torch.zeros(1000, 2), points, points, 0)
    assert metric.lacks(samples) == ""
    found = metric.measure(samples)
    assert found["modes"] == found["counted real"] == 8 and found["counted generated"] == 0
    assert found["result"].startswith("modes 0 (at least half 0, ") and found["radius"] == 3
    assert found["reverse KL generated"] is None and found["high quality real"] > 0.97
    untrained = ganlib.build("gan", (2,), latent_dim=2)
    told = metrics.evaluate(untrained, ring, 100, chosen=["modes"])["metrics"]["modes"]
    assert told["high quality real"] > 0.9 and told["counted generated"] < 8
    few = Samples(ring, points[:50], points[:50], points[:50], 0)
    assert metric.lacks(few).startswith("it needs 80 samples, and 50 were drawn")
    moons = ganlib.load("two-moons")
    assert metric.lacks(Samples(moons, points, points, points, 0)) == "it is no mixture with known modes"
    stacked = metrics.get("stacked-modes")
    assert stacked.lacks(samples) == "it holds no stacked digits"
    data = ganlib.load("stacked-digits", n=100)
    images = data.normalised()
    assert stacked.lacks(Samples(data, images, images, images, 0)).startswith(
        "it needs 10000 samples, and 100 were drawn"
    )
