"""Attributes against the exact law, and each planted fault seen by what should see it."""

import math

import pytest
import torch

import ganlib
from ganlib import metrics
from ganlib.data import avatars
from ganlib.errors import GanlibError
from ganlib.metrics.attributes import (
    attribute_tv,
    avatar_law,
    conditional_accuracy,
    discriminability,
    distances,
    tv_floor,
    within_class_diversity,
)
from ganlib.metrics.base import Features, Samples


def lots(n, seed=0):
    """Attributes of n portraits, none of which has to be painted."""
    return avatars.attributes_of(avatars.lots(n, torch.Generator().manual_seed(seed)))


# -- the law -----------------------------------------------------------------------------------------------------------
def test_the_law_is_that_of_the_sampler():
    law, table, n = avatar_law(), lots(200_000), 200_000
    assert set(law) == {(name,) for name in avatars.ATTRIBUTES}
    for (name,), p in law.items():
        shares = torch.bincount(table[name], minlength=len(p)) / n
        assert p.sum() == pytest.approx(1, abs=1e-12) and len(p) == len(avatars.ATTRIBUTES[name])
        assert ((shares - p).abs() < 5 * (p * (1 - p) / n).sqrt()).all()
    assert law[("turn",)].tolist() == [0.25, 0.5, 0.25] and law[("glasses",)].tolist() == [176 / 256, 80 / 256]
    assert law[("hair_length",)].tolist() == [86 / 256, 85 / 256, 85 / 256]  # 256 is no multiple of 3


def test_joint_tables_and_what_was_left_out():
    pair = ("hair_length", "glasses")
    joint = avatar_law([pair])[pair]
    assert torch.allclose(joint, torch.outer(*avatar_law(pair).values())) and joint.shape == (3, 2)
    without = [("hair_length", "long"), ("glasses", True)]
    left = avatar_law([pair], without)[pair]
    assert left[2, 1] == 0 and left.sum() == pytest.approx(1)
    assert torch.allclose(left[:2] / left[0, 0], joint[:2] / joint[0, 0])
    alone = avatar_law(["glasses", "smile"], without)
    assert torch.allclose(alone[("glasses",)], left.sum(0)) and alone[("smile",)].tolist() == [0.5, 0.5]
    assert alone[("glasses",)][1] < 80 / 256
    turned = avatar_law([pair[::-1]], without)[pair[::-1]]
    assert torch.allclose(turned, left.T)
    integers = avatars._lots_without(50_000, torch.Generator().manual_seed(1), {"hair_length": 2, "glasses": 1})
    found = attribute_tv(avatars.attributes_of(integers), avatar_law([pair, "glasses"], without))
    assert found.value < 3 * found.floor


# -- total variation ---------------------------------------------------------------------------------------------------
def test_a_perfect_sampler_gets_the_floor():
    found = [attribute_tv(lots(500, seed)) for seed in range(40)]
    values = torch.tensor([result.value for result in found])
    assert values.mean() == pytest.approx(found[0].floor, abs=5 * values.std().item() / math.sqrt(40))
    assert found[0].floor != pytest.approx(attribute_tv(lots(400)).floor, rel=0.05) and found[0].n_fake == 500
    assert set(found[0].details) == set(avatars.ATTRIBUTES)


def test_the_floor_is_the_exact_mean():
    for n, p in ((1, [0.5, 0.5]), (7, [0.2, 0.3, 0.5]), (10, [0.1] * 10), (12, [0.0, 1.0])):
        total = 0.0
        for q in p:
            for x in range(n + 1):
                total += 0.5 * math.comb(n, x) * q**x * (1 - q) ** (n - x) * abs(x / n - q)
        assert tv_floor(n, torch.tensor(p)) == pytest.approx(total, rel=1e-6, abs=1e-12)
    # For many samples √(p(1-p) 2 / πn): the mean of the size of a normal number.
    assert tv_floor(10**6, torch.tensor([0.5, 0.5])) == pytest.approx(0.5 * math.sqrt(2 / math.pi / 10**6), rel=1e-4)


def test_wrong_colours_and_missing_values_are_seen_where_they_are():
    table = lots(4000)
    honest = attribute_tv(table)
    painted = attribute_tv(table | {"hair_colour": torch.where(table["hair_colour"] == 4, 5, table["hair_colour"])})
    assert painted.details["hair_colour"] == pytest.approx(1 / 8, abs=0.02)  # no blue any more, twice as much green
    same = {name: value for name, value in painted.details.items() if name != "hair_colour"}
    assert same == {name: value for name, value in honest.details.items() if name != "hair_colour"}

    # Glasses go to everyone with blue hair and to as few others as keeps their share: alone nothing shows it.
    pair = ("hair_colour", "glasses")
    law = avatar_law(["glasses", pair])
    tied = table | {"glasses": torch.where(table["hair_colour"] < 3, 1, 0)}
    tied["glasses"][(table["hair_colour"] == 2).nonzero()[:250, 0]] = 0
    found = attribute_tv(tied, law)
    assert found.details["glasses"] < 0.02 and found.details["hair_colour × glasses"] > 0.3

    collapsed = attribute_tv({name: column[:1].expand(4000) for name, column in table.items()})
    assert collapsed.value > 0.5
    twice = attribute_tv({name: column[:200].repeat(20) for name, column in table.items()})
    assert twice.value > 3 * twice.floor  # duplicates: as good as 200, which is no 4,000


def test_other_laws_scores_and_readers():
    digits = torch.arange(1000) % 10
    law = {"digit": torch.full((10,), 0.1)}
    assert attribute_tv({"digit": digits}, law).value == pytest.approx(0, abs=1e-6)
    scores = torch.nn.functional.one_hot(digits, 10).float()
    assert attribute_tv({"digit": scores}, law).value == pytest.approx(0, abs=1e-6)
    images = torch.zeros(1000, 1, 2, 2)
    found = attribute_tv(images, law, reader=lambda part: {"digit": torch.zeros(len(part)).long()})
    assert found.value == pytest.approx(0.9) and found.n_fake == 1000


# -- asked and read ----------------------------------------------------------------------------------------------------
def test_conditional_accuracy():
    asked = torch.arange(400) % 4
    read = torch.where(torch.arange(400) % 8 == 1, 0, asked)  # half of the ones come out as zeros
    found = conditional_accuracy(asked, read)
    assert found.value == 0.875 and found.details == {"class 0": 1, "class 1": 0.5, "class 2": 1, "class 3": 1}
    assert found.error == pytest.approx(math.sqrt(0.875 * 0.125 / 400), rel=0.01)
    assert 0 < conditional_accuracy(asked, asked).error < 1 / 400  # all of 400 are not all there are
    with pytest.raises(GanlibError, match="asked 3 was asked for, of 2 classes that are read"):
        conditional_accuracy(asked, torch.rand(400, 2))
    images = torch.zeros(400, 1, 2, 2)
    constant = conditional_accuracy(asked, images, reader=lambda part: torch.zeros(len(part), 4))
    assert constant.value == 0.25
    both = conditional_accuracy({"a": asked, "b": asked}, {"a": asked, "b": read, "c": asked})
    assert both.value == 0.9375 and both.details == {"a": 1, "b": 0.875}
    one = conditional_accuracy(torch.tensor([2]), torch.tensor([2]), allow_small=True)
    assert one.value == 1 and one.error == 0.25


# -- variety in a class ------------------------------------------------------------------------------------------------
def test_discriminability_against_resolution():
    """Stripes of two pixels are gone at half the size; the brightness of the whole is not."""
    n, size = 200, 16
    labels = torch.arange(n) % 2
    stripes = torch.ones(1, size, size)
    stripes[:, :, ::2] = -1
    fine = 0.5 * labels.view(n, 1, 1, 1) * stripes
    coarse = 0.5 * labels.view(n, 1, 1, 1).expand(n, 1, size, size)
    of_fine = lambda x: (x.diff(dim=3).abs().mean((1, 2, 3)) > 0.25).long()
    of_coarse = lambda x: (x.mean((1, 2, 3)) > 0.25).long()
    found = discriminability(labels, fine, [4, 8, 16], reader=of_fine)
    assert [found[s].value for s in (4, 8, 16)] == [0.5, 0.5, 1.0]  # chance, chance, all
    kept = discriminability(labels, coarse, [1, 16], reader=of_coarse)
    assert kept[1].value == kept[16].value == 1
    assert found[16] == conditional_accuracy(labels, fine, reader=of_fine)
    for sizes in ([], [0], [17]):
        with pytest.raises(GanlibError, match="expected one or more, from 1 to 16 pixels"):
            discriminability(labels, fine, sizes, reader=of_fine)


def test_within_class_diversity():
    g = torch.Generator().manual_seed(0)
    labels = torch.arange(300) % 3
    real, fake = torch.randn(300, 5, generator=g), torch.randn(300, 5, generator=g)
    found = within_class_diversity(real, labels, fake, labels)
    assert found.value == pytest.approx(1, abs=0.1) and found.details.keys() == {"class 0", "class 1", "class 2"}
    assert within_class_diversity(real, labels, 0.5 * real + 3, labels).value == pytest.approx(0.5, rel=1e-5)
    collapsed = fake.clone()
    collapsed[labels == 1] = fake[1]
    seen = within_class_diversity(real, labels, collapsed, labels).details
    assert seen["class 1"] == 0 and seen["class 0"] > 0.9
    duplicated = fake[:30].repeat(10, 1)  # 10 different ones a class: 1 in 10 of the pairs is equal
    assert within_class_diversity(real, labels, duplicated, labels).value == pytest.approx(0.9, abs=0.15)
    whole = within_class_diversity(Features(real, "digits", "none"), labels, Features(real, "digits", "none"), labels)
    assert whole.value == 1 and whole.extractor == "digits"
    # far apart classes change nothing: only pairs of one class are looked at
    apart = 100 * labels.unsqueeze(1)
    assert within_class_diversity(real + apart, labels, fake + apart, labels).value == pytest.approx(
        found.value, rel=1e-3
    )


def test_distances_are_over_different_pairs(monkeypatch):
    rows = torch.tensor([[0.0], [1.0], [3.0]])
    assert distances(rows).mean().item() == pytest.approx((1 + 2 + 3) / 3)
    big = torch.randn(50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    before = distances(big).mean().item()
    monkeypatch.setattr("ganlib.metrics.attributes.BLOCK", 7)
    assert distances(big).mean().item() == pytest.approx(before, rel=1e-12)
    assert before == pytest.approx(torch.pdist(big).mean().item())


Y = torch.arange(100) % 2
X = torch.randn(100, 3, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: avatar_law(["hat"]), "unknown attribute of avatars 'hat'"),
        (lambda: avatar_law(without=[("glasses", "maybe")]), "unknown glasses of avatars 'maybe'"),
        (lambda: attribute_tv(lots(99)), "was given 99 samples; expected at least 100"),
        (lambda: attribute_tv({}), "dict was read; expected a mapping"),
        (lambda: attribute_tv(Y), "Tensor was read; expected a mapping"),
        (lambda: attribute_tv(torch.zeros(9, 3, 4, 4)), "images were given without a reader; expected reader="),
        (lambda: attribute_tv({"smile": Y, "glasses": Y[:9]}), "glasses was read from 9 samples, others from 100"),
        (lambda: attribute_tv({"smile": Y + 1}), "the smile labels run from 1 to 2; expected 0 to 1"),
        (lambda: attribute_tv({"smile": torch.zeros(100, 3)}), "the smile scores are of 3 classes; expected 2"),
        (lambda: attribute_tv({"smile": torch.full((100, 2), math.nan)}), "the smile scores hold NaN"),
        (lambda: attribute_tv({"smile": Y}, {"glasses": torch.ones(2) / 2}), "of those read, 'glasses'"),
        (lambda: attribute_tv({"smile": Y}, {"smile": torch.ones(2)}), "sum 2; expected probabilities"),
        (lambda: attribute_tv(torch.zeros(0, 3, 4, 4), reader=lots), "with at least one image"),
        (lambda: conditional_accuracy(Y, Y[:5]), "100 labels were asked for and 5 read"),
        (lambda: conditional_accuracy(Y[:9], Y[:9]), "was given 9 samples; expected at least 100"),
        (lambda: conditional_accuracy(Y.float(), Y), "the asked labels are torch.float32; expected integers"),
        (lambda: conditional_accuracy({"a": Y}, Y), "expected a mapping of attributes to values to be read"),
        (lambda: conditional_accuracy({"a": Y}, {"b": Y}), "of those read, 'a'"),
        (lambda: conditional_accuracy(Y, torch.zeros(0).long()), "expected integers .N,. or scores"),
        (lambda: within_class_diversity(X, Y, X, Y[:9]), "100 fake samples have 9 labels"),
        (lambda: within_class_diversity(X, Y, X, Y + 1), "class 2, real, was given 0 samples; expected at least 10"),
        (lambda: within_class_diversity(X, Y, X[:1], Y[:1], allow_small=True), "class 0 has 1 fake samples"),
        (lambda: within_class_diversity(0 * X, Y, X, Y), "real samples of class 0 are all equal"),
        (lambda: within_class_diversity(X, Y, X / 0, Y), "100 of 100 fake features hold NaN"),
        (lambda: within_class_diversity(X, Y, X[:, :2], Y), "dimension 3, the fake ones 2"),
    ],
)
def test_bad_input_is_one_sentence(call, sentence):
    with pytest.raises(GanlibError, match=sentence):
        call()


def test_evaluate_compares_with_the_data(monkeypatch):
    data = ganlib.load("avatars", size=16, n=300, without=[("glasses", True), ("smile", True)])
    images = data.normalised()
    known = {image.numpy().tobytes(): i for i, image in enumerate(data.pixels)}
    oracle = lambda part: {k: v[[known[image.numpy().tobytes()] for image in part]] for k, v in data.attributes.items()}
    monkeypatch.setattr(metrics.features, "attributes", oracle)
    made = images[data.attributes["glasses"] == 0][:100].repeat(3, 1, 1, 1)
    metric, samples = metrics.get("attributes"), Samples(data, made, images, images, 0)
    found = metric.measure(samples)
    assert metric.lacks(samples) == "" and found["real"] == 0 < found["floor"] < found["generated"]
    share = (data.attributes["glasses"] == 1).double().mean().item()
    assert found["glasses generated"] == pytest.approx(share) and found["glasses real"] == 0
    assert found["reader"].startswith("avatars, sha256 ")


def test_evaluate_knows_it():
    metric = metrics.get("attributes")
    ring = ganlib.load("ring")
    points = ring.sample(100)
    assert metric.lacks(Samples(ring, points, points, points, 0)) == "it holds no avatars"
    data = ganlib.load("avatars", size=16, n=20)
    images = data.normalised()
    assert metric.lacks(Samples(data, images, images, images, 0)).startswith("it needs 100 samples, and 20 were drawn")
