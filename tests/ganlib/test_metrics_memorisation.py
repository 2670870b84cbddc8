"""Copies are found, and nobody is accused who did not copy."""

import itertools
import math

import pytest
import torch

import ganlib
from ganlib.errors import GanlibError
from ganlib.metrics import memorisation as module
from ganlib.metrics.base import Features
from ganlib.metrics.memorisation import memorisation, nearest


def cloud(n, seed, d=6):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


TRAIN, HELD = cloud(800, 0), cloud(400, 1)
PHOTOS = torch.rand(120, 3, 4, 4, generator=torch.Generator().manual_seed(0)) * 1.98 - 0.99


# -- neighbours --------------------------------------------------------------------------------------------------------
def test_neighbours_are_the_nearest(monkeypatch):
    samples = cloud(60, 2)
    apart = torch.cdist(samples.double(), TRAIN.double(), compute_mode="donot_use_mm_for_euclid_dist")
    distances, index = nearest(samples.double(), TRAIN.double())
    assert torch.equal(index, apart.argmin(1)) and torch.allclose(distances, apart.min(1).values, rtol=1e-12)
    monkeypatch.setattr(module, "BLOCK", 1000)  # blocks of one sample
    again = nearest(samples.double(), TRAIN.double())
    assert torch.equal(again[1], index) and torch.equal(again[0], distances)


def test_a_copy_is_at_distance_0_far_from_the_origin_too():
    far = TRAIN + 10_000
    distances, index = nearest(far[:50], far)
    assert torch.equal(distances, torch.zeros(50)) and torch.equal(index, torch.arange(50))
    exact = TRAIN.double()  # and near copies are not blurred by |x|² - 2xy + |y|²
    assert nearest(exact[:50] + 1e-9, exact)[0].tolist() == pytest.approx([1e-9 * math.sqrt(6)] * 50, rel=1e-3)


def test_as_near_as_the_threshold_is_not_suspicious():
    """k of m + 1 is the probability to be *nearer* than the k-th smallest of m; a tie is no accusation."""
    training = torch.zeros(1, 1)
    held = torch.arange(1.0, 200.0)[:, None]  # at the distances 1, 2, …; the second smallest of 199 is the threshold
    fake = torch.tensor([2.0, -2.0]).repeat(100)[:, None]
    assert memorisation(training, held, fake).value == 0
    assert memorisation(training, held, fake * 0.999).value == 1


def test_repeats_are_found_in_blocks_too(monkeypatch):
    samples = torch.cat([cloud(40, 3), cloud(40, 3)[10:], cloud(40, 3)[:5] + 1e-5]).double()
    expected = torch.arange(75) < 40
    for block in (2**24, 1000, 1):
        monkeypatch.setattr(module, "BLOCK", block)
        assert torch.equal(module._no_repeats(samples, 1e-4), expected)
    assert module._no_repeats(samples, 1e-8).sum() == 45 and module._no_repeats(samples[:1], 0).all()


# -- who copied --------------------------------------------------------------------------------------------------------
def test_copies_are_found():
    found = memorisation(TRAIN, HELD, TRAIN[:300])
    assert found.value == 1 == found.details["copies"] and found.details["p"] < 1e-30 and found.details["z"] < -20
    assert (found.n_real, found.n_fake) == (800, 300) and found.floor == pytest.approx(4 / 401)
    nearly = memorisation(TRAIN, HELD, TRAIN[:300] + 0.02 * cloud(300, 3))
    assert nearly.value > 0.99 and nearly.details["copies"] == 0
    one = memorisation(TRAIN, HELD, TRAIN[:1].repeat(300, 1))
    assert one.value == 1


def test_a_few_copies_among_good_or_poor_samples_are_found():
    for others in (cloud(285, 4), 3 * cloud(285, 4)):
        found = memorisation(TRAIN, HELD, torch.cat([TRAIN[:15], others]))
        assert found.details["copies"] == 0.05 and found.value >= 0.05 and found.details["p"] < 1e-3
    assert found.details["z"] > 5  # as a whole the poor ones are far: z alone would not accuse


def test_false_alarms_are_as_rare_as_they_say():
    """Fresh samples of the law, many times: the share's mean is the floor, and p < α happens with probability ≤ α."""
    found = []
    for seed in range(300):
        g = torch.Generator().manual_seed(seed)
        draw = lambda n, g=g: torch.rand(n, 2, generator=g) ** 2  # a law of uneven density
        found.append(memorisation(draw(150), draw(120), draw(100), quantile=0.05))
    shares, p = (torch.tensor(x) for x in ([r.value for r in found], [r.details["p"] for r in found]))
    assert shares.mean() == pytest.approx(found[0].floor, abs=4 * shares.std().item() / math.sqrt(300))
    assert found[0].floor == 6 / 121
    for alpha in (0.05, 0.2, 0.5):
        rate = (p <= alpha).float().mean().item()
        assert rate <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / 300)
    assert (p <= 0.2).float().mean() > 0.05  # and it is not mute
    z = torch.tensor([r.details["z"] for r in found])
    assert z.mean().abs() < 0.3 and 0.7 < z.std() < 1.3


def test_held_out_real_images_are_not_accused_and_copies_of_images_are():
    train = ganlib.load("digits", size=8, n=1500).normalised().flatten(1)
    test = ganlib.load("digits", size=8, n=600, split="test").normalised().flatten(1)
    fresh = memorisation(train, test[:300], test[300:])
    assert fresh.details["p"] > 0.01 and abs(fresh.details["z"]) < 4
    copied = memorisation(train, test[:300], train[:300] + 0.01 * cloud(300, 1, 64))
    assert copied.value > 0.95 and copied.details["p"] < 1e-20
    poor = memorisation(train, test[:300], cloud(300, 2, 64).clamp(-1, 1))
    assert poor.value == 0 and poor.details["p"] == 1 and poor.details["z"] > 10


def test_images_need_not_be_flattened():
    train = ganlib.load("digits", size=8, n=300)
    test = ganlib.load("digits", size=8, n=300, split="test").normalised()
    fake = torch.cat([train.normalised()[:50], test[200:]])
    flat = memorisation(train.normalised().flatten(1), test[:200].flatten(1), fake.flatten(1))
    for kept_as in (train.normalised(), train.pixels):
        found = memorisation(kept_as, test[:200], fake)
        assert found.value == flat.value and found.details["p"] == flat.details["p"]


def test_invariances():
    torch.manual_seed(0)
    fake = torch.cat([TRAIN[:20], cloud(180, 5)])
    found = memorisation(TRAIN, HELD, fake)
    moved = memorisation(*(2 * x + 3 for x in (TRAIN, HELD, fake)))
    assert moved.value == found.value and moved.details["p"] == found.details["p"]
    mixed = memorisation(TRAIN.flip(0), HELD[torch.randperm(400)], fake.flip(0))
    assert mixed.value == found.value and mixed.details["z"] == pytest.approx(found.details["z"])
    named = memorisation(*(Features(x, "digits", "none") for x in (TRAIN, HELD, fake)))
    assert named.extractor == "digits" and named.value == found.value


def test_a_collapsed_generator_is_not_accused_of_copying():
    """80 fresh samples, three of which happen to be near, are no evidence, however often they are repeated."""
    alone = (memorisation(TRAIN, HELD, cloud(80, seed), allow_small=True) for seed in itertools.count(20))
    seed, few = next((seed, r) for seed, r in enumerate(alone, start=20) if r.value >= 3 / 80)
    assert few.details["p"] > 0.01
    fake = cloud(80, seed).repeat(25, 1)
    for rounding in (0, 1e-6):  # features of one image in two batches differ in their last digit
        found = memorisation(TRAIN, HELD, fake + rounding * cloud(2000, 9))
        assert found.value == few.value and found.error == few.error
        assert (found.n_fake, found.details["distinct"]) == (2000, 80) and "distinct 80" in str(found)
        assert found.details["p"] == few.details["p"] and found.details["z"] == pytest.approx(few.details["z"])
    apart = memorisation(TRAIN, HELD, fake + 0.02 * cloud(2000, 9))  # as if they were independent
    assert apart.details["distinct"] == 2000 and apart.details["p"] < 1e-3 and "distinct" not in str(apart)
    copies = memorisation(TRAIN, HELD, TRAIN[:80].repeat(25, 1))
    assert copies.value == 1 and copies.details["p"] < 1e-30


def test_z_is_that_of_the_ranks():
    near, usual = nearest(cloud(120, 7), TRAIN)[0], nearest(HELD, TRAIN)[0]
    wins = (near[:, None] > usual).double().sum().item()
    z = (wins - 120 * 400 / 2) / math.sqrt(120 * 400 * 521 / 12)
    assert memorisation(TRAIN, HELD, cloud(120, 7)).details["z"] == pytest.approx(z, abs=0.01)


def test_p_is_the_share_of_orders():
    """Of all orders of 3 generated and 5 held-out distances, those with so many made ones before the k-th other."""
    k, n, m = 2, 3, 5
    held = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0]).view(-1, 1)
    orders = list(itertools.combinations(range(n + m), n))  # places of the generated ones
    for count, made in enumerate(([2.5, 6.0, 7.0], [1.5, 6.0, 7.0], [0.5, 1.5, 7.0], [0.5, 0.6, 1.5])):
        before = lambda places: sum(place - i < k for i, place in enumerate(places))  # held-out ones before: place - i
        share = sum(before(places) >= count for places in orders) / len(orders)
        found = memorisation(torch.zeros(1, 1), held, torch.tensor(made).view(-1, 1), quantile=1 / 3, allow_small=True)
        assert found.value == count / n and found.details["p"] == pytest.approx(share, rel=1e-9)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: memorisation(TRAIN, HELD[:98], HELD), "98 held-out samples were given; expected at least 99"),
        (lambda: memorisation(TRAIN, HELD[:5], HELD, quantile=0.1), "expected at least 9 for a quantile of 0.1"),
        (lambda: memorisation(TRAIN, HELD, HELD[:99]), "was given 99 samples; expected at least 100"),
        (lambda: memorisation(TRAIN, HELD, HELD, quantile=1), "quantile=1 was given"),
        (lambda: memorisation(TRAIN, HELD, HELD[:, :2]), "dimension 6, the fake ones 2"),
        (lambda: memorisation(TRAIN, HELD, HELD / 0), "400 of 400 fake features hold"),
        (lambda: memorisation(TRAIN[:0], HELD, HELD), "with at least one row"),
        (lambda: memorisation(Features(TRAIN, "digits"), Features(HELD, "digits"), HELD), "extractor 'digits'"),
        (
            lambda: memorisation(PHOTOS, PHOTOS, (PHOTOS + 1) / 2),
            r"generated images are floats from .* as if in .0, 1.",
        ),
        (lambda: memorisation((PHOTOS + 1) * 127.5, PHOTOS, PHOTOS), "training images are floats from .* as if bytes"),
        (
            lambda: memorisation(PHOTOS, PHOTOS * 2, PHOTOS),
            "held-out images are floats from -1.* to 1.*; expected uint8",
        ),
        (lambda: nearest(HELD, TRAIN[:, :3]), r"expected \(n, d\) and \(N, d\)"),
    ],
)
def test_bad_input_is_one_sentence(call, sentence):
    with pytest.raises(GanlibError, match=sentence):
        call()


def test_one_sample_if_it_is_allowed():
    found = memorisation(TRAIN[:1], HELD[:99], TRAIN[:1], allow_small=True)
    assert found.value == 1 and found.details["p"] == pytest.approx(1 / 100)
