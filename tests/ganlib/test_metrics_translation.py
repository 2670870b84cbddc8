"""Translations against the truth: the right answer, the identity, and faults between the two."""

import math
from dataclasses import replace

import pytest
import torch

import ganlib
from ganlib.errors import GanlibError
from ganlib.metrics.translation import (
    background_error,
    concordance,
    cycle_error,
    domain_accuracy,
    domain_classifier,
    factor_agreement,
    silhouette_iou,
)

N = 60


@pytest.fixture(scope="module", params=["a", "b"])
def scene(request):
    """Images of a domain, their truth, and the hidden counterparts as a perfect translator would return them."""
    domains = ganlib.load("horses-zebras", size=32, n=N)
    truth = domains.truth(request.param)
    return getattr(domains, request.param).normalised(), truth, truth.images / 127.5 - 1


def test_the_truth_is_right(scene):
    source, truth, right = scene
    kept = background_error(source, right, truth)
    assert kept.value == pytest.approx(0, abs=1e-7) and kept.error == pytest.approx(0, abs=1e-7) and kept.n_fake == N
    read = {name: truth.attributes[name] for name in truth.determined}
    found = factor_agreement(read, truth)
    assert found.value == 1 and set(found.details) == set(truth.determined) and len(found.details) > 10


def test_the_identity_keeps_the_background_and_changes_nothing(scene):
    source, truth, right = scene
    assert background_error(source, source, truth).value == 0
    assert domain_accuracy(torch.zeros(200).long(), 1).value == 0


def test_there_and_back():
    source = torch.rand(40, 3, 8, 8) * 2 - 1
    assert cycle_error(source, source).value == 0
    found = cycle_error(source.clamp(-0.9, 0.9), source.clamp(-0.9, 0.9) + 0.1)
    assert found.value == pytest.approx(0.05) and found.error == pytest.approx(0, abs=1e-8) and found.n_fake == 40
    with pytest.raises(GanlibError, match=r"shapes \(40, 3, 8, 8\) and \(39, 3, 8, 8\); expected the same"):
        cycle_error(source, source[1:])


def test_a_classifier_tells_the_domains_apart():
    domains = ganlib.load("horses-zebras", size=16, n=200)
    reader = domain_classifier(domains, 100)
    found = [domain_accuracy(images.normalised(), 1, reader=reader).value for images in (domains.a, domains.b)]
    assert found[0] < 0.1 and found[1] > 0.9


def test_faults_are_seen_by_what_should_see_them(scene):
    source, truth, right = scene
    # The whole picture a little darker: every background is wrong, by 0.1 of 2.
    darker = (right - 0.1).clamp(-1, 1)
    assert background_error(source, darker, truth).value == pytest.approx(0.05, abs=0.01)
    # Another scene's answer: the animal is not where it should be.
    elsewhere = right.roll(1, 0)
    assert background_error(source, elsewhere, truth).value > 0.05
    # What happens inside the mask is not the background's.
    noise = torch.where(truth.mask, torch.ones_like(right), source)
    assert background_error(source, noise, truth).value == 0


def bright(images):
    """A reader for images that are their silhouettes."""
    return images[:, :1] > 0


def outlined(silhouettes):
    return silhouettes.float().expand(-1, 3, -1, -1) * 2 - 1


def test_silhouettes(scene):
    _, truth, _ = scene
    true = truth.silhouette
    assert not (true & ~truth.mask).any() and 0.1 < true.float().mean() < truth.mask.float().mean() < 0.4
    iou = lambda seen, truth=truth: silhouette_iou(outlined(seen), truth, reader=bright)
    assert iou(true).value == 1 and iou(true).error == 0 and iou(true).reader == "bright"
    assert iou(truth.mask).value == 1, "the rim may be seen or not"
    assert iou(torch.zeros_like(true)).value == 0, "no animal"
    assert iou(torch.ones_like(true)).value < 0.2, "nothing but animal"
    assert [0.6 < iou(true.roll(1, 3)).value < 0.9, iou(true.roll(3, 3)).value < 0.6] == [True, True], "aside"
    assert iou(true.roll(1, 0)).value < 0.5, "another scene's"
    sides = [iou(true & (torch.arange(32) < 16 if left else torch.arange(32) >= 16)).value for left in (True, False)]
    assert sum(sides) == pytest.approx(1) and max(sides) < 0.8, "half of the animal"
    seen = replace(truth, images=((outlined(true.roll(3, 3)) + 1) * 127.5).to(torch.uint8))
    assert iou(true, seen).floor == iou(true.roll(3, 3)).value and "real 0." in str(iou(true, seen))


def test_silhouettes_by_hand(scene):
    _, truth, _ = scene
    inside, mask, seen = torch.zeros(3, 2, 1, 32, 32, dtype=torch.bool)
    inside[:, :, :4, :4], mask[:, :, :5, :4], seen[0, :, 1:7, :4] = True, True, True
    two = replace(truth, images=truth.images[:2], silhouette=inside, mask=mask)
    found = silhouette_iou(outlined(seen), two, reader=bright, allow_small=True)
    # 12 of 16 pixels are seen, 4 of the rim do not count, 8 are outside; in the second image none is seen.
    assert found.value == pytest.approx((12 / (16 + 8) + 0) / 2) and found.error == pytest.approx(0.25)


def test_background_error_by_hand(scene):
    source, truth, _ = scene
    mask = torch.zeros_like(truth.mask)
    mask[:, :, :16] = True  # the upper half may change
    moved = torch.zeros_like(source)
    moved[:, :, 16:] = 0.2
    moved[:, :, :16] = 0.7
    found = background_error(torch.zeros_like(source), moved, replace(truth, mask=mask))
    assert found.value == pytest.approx(0.1) and found.error == pytest.approx(0, abs=1e-9)


def test_domain_accuracy():
    read = torch.tensor([1] * 90 + [0] * 60)
    found = domain_accuracy(read, 1)
    assert found.value == 0.6 and found.error == pytest.approx(math.sqrt(0.24 / 150), rel=0.01)
    images = torch.linspace(-1, 1, 200).view(-1, 1, 1, 1).expand(-1, 3, 4, 4)
    bright = lambda part: torch.stack([-part.mean((1, 2, 3)), part.mean((1, 2, 3))], 1)
    assert domain_accuracy(images, 1, reader=bright).value == domain_accuracy(images, 0, reader=bright).value == 0.5


def test_factors_that_are_lost_are_seen_one_by_one(scene):
    _, truth, _ = scene
    read = {name: truth.attributes[name].clone() for name in ("pose", "facing", "x", "size")}
    flipped = factor_agreement(read | {"facing": 1 - read["facing"]}, truth)
    assert flipped.details == pytest.approx({"pose": 1, "facing": 0, "x": 1, "size": 1})
    assert flipped.value == pytest.approx(0.75)
    constant = factor_agreement({"x": torch.full((N,), 0.5)}, truth)
    assert constant.value == pytest.approx(0, abs=1e-6)
    other = factor_agreement({name: values.roll(1) for name, values in read.items()}, truth)
    assert other.value < 0.5
    images = torch.zeros(N, 3, 4, 4)
    scores = lambda part: {"facing": torch.zeros(len(part), 2)}
    always_left = factor_agreement(images, truth, reader=scores)
    assert always_left.value == pytest.approx((truth.attributes["facing"] == 0).float().mean().item())


def test_concordance():
    x = torch.randn(500, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert concordance(x, x) == pytest.approx(1) and concordance(-x, x) == pytest.approx(-1, abs=0.01)
    assert concordance(2 * x, x) == pytest.approx(4 / 5, abs=0.01)  # correlation would be 1
    v, shift = x.var(correction=0).item(), 0.7
    assert concordance(x + shift, x) == pytest.approx(2 * v / (2 * v + shift**2), rel=1e-9)
    assert concordance(torch.ones(5), torch.ones(5)) == 1 and concordance(torch.ones(5), torch.zeros(5)) == 0


def test_paintings_have_no_background_but_factors():
    domains = ganlib.load("photos-paintings", size=16, n=40)
    truth = domains.truth("a")
    found = factor_agreement({name: truth.attributes[name] for name in truth.determined}, truth)
    assert found.value == 1 and "hair_colour" in found.details
    with pytest.raises(GanlibError, match="a whole image may change; expected masks that leave a background"):
        background_error(domains.a.normalised(), truth.images / 127.5 - 1, truth)
    with pytest.raises(GanlibError, match="this truth knows no silhouettes; expected one of drawn animals"):
        silhouette_iou(truth.images, truth, reader=bright)


def test_one_image(scene):
    source, truth, right = scene
    one = replace(truth, images=truth.images[:1], mask=truth.mask[:1], silhouette=truth.silhouette[:1])
    with pytest.raises(GanlibError, match="was given 1 samples; expected at least 30"):
        background_error(source[:1], right[:1], one)
    found = background_error(source[:1], right[:1], one, allow_small=True)
    assert found.value == pytest.approx(0, abs=1e-7) and found.error is None
    outline = silhouette_iou(outlined(one.silhouette), one, reader=bright, allow_small=True)
    assert outline.value == 1 and outline.error is None


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda s, t, r: background_error(s, r[:5], t), r"shapes \(60, 3, 32, 32\), \(5, 3, 32, 32\) and"),
        (
            lambda s, t, r: background_error(s, 127.5 * (r + 1), t),
            "translated images are floats from .* as if bytes",
        ),
        (lambda s, t, r: background_error(s, r * math.nan, t), "translated images hold NaN or infinity"),
        (lambda s, t, r: background_error(s, t.images.int(), t), "the translated images are int32; expected uint8"),
        (lambda s, t, r: background_error(s[0], r, t), "the source images are .3, 32, 32.; expected a tensor"),
        (lambda s, t, r: silhouette_iou(r[:5], t, reader=bright), r"shapes \(5, 3, 32, 32\) and \(60, 3, 32, 32\)"),
        (lambda s, t, r: silhouette_iou(r, t, reader=torch.sign), r"\(60, 3, 32, 32\) were read; .* \(60, 1, 32, 32\)"),
        (lambda s, t, r: domain_accuracy(r, 1), "translated images were given without a reader"),
        (lambda s, t, r: domain_accuracy(torch.zeros(9).long(), 1), "was given 9 samples; expected at least 100"),
        (lambda s, t, r: factor_agreement({"coat": torch.zeros(N).long()}, t), "unknown determined factor 'coat'"),
        (lambda s, t, r: factor_agreement({"pose": torch.zeros(3).long()}, t), "pose was read from another number"),
        (lambda s, t, r: factor_agreement({"x": torch.full((N,), math.nan)}, t), "expected 60 finite numbers"),
        (lambda s, t, r: factor_agreement({}, t), "expected a mapping of factors"),
    ],
)
def test_bad_input_is_one_sentence(scene, call, sentence):
    with pytest.raises(GanlibError, match=sentence):
        call(*scene)
