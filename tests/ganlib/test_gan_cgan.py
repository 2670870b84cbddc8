"""CGAN: which pairs are judged with which weight, wrong conditions, whose gradient, and samples to order."""

import math

import pytest
import torch

import ganlib
from ganlib import losses
from ganlib.cli import onnx
from ganlib.data import avatars, captions
from ganlib.data.batch import Batch
from ganlib.data.images import Images
from ganlib.errors import GanlibError
from ganlib.gans.cgan import CGAN
from ganlib.gans.conditional import Captions, Labels
from ganlib.metrics.path_length import path_length
from ganlib.models.conditional import conditional
from ganlib.models.layers import evaluating


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def faces():
    return ganlib.load("captioned-avatars", size=16, n=200, split="test")


def small(**options):
    return ganlib.build("cgan", (2,), **{"model": "mlp-small", "latent_dim": 4, "classes": 8} | options)


def labelled(n=16, classes=8):
    return Batch(torch.randn(n, 2), torch.randint(classes, (n,)))


def of_captions(faces, **options):
    options = {"model": "dcgan-small", "condition": "captions", "condition_dim": 16, "latent_dim": 4} | options
    return ganlib.build("cgan", faces, **options)


# -- the losses --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["non_saturating", "hinge", "least_squares"])
@pytest.mark.parametrize("weights", [(1.0, 0.0), (1.0, 1.0), (0.5, 0.5), (0.7, 0.2)])
def test_three_kinds_of_pairs_with_their_weights(name, weights):
    gan, batch = small(fake=weights[0], wrong=weights[1], loss=name), labelled()
    gan.discriminator.eval()
    torch.manual_seed(1)
    terms, stats = gan.discriminator_loss(batch)
    torch.manual_seed(1)
    fake = gan.generator(gan.latent(16), batch.labels)
    wrong = gan.conditions.other(batch.labels)
    real_logits, fake_logits, wrong_logits = (
        gan.discriminator(x, c) for x, c in ((batch.images, batch.labels), (fake, batch.labels), (batch.images, wrong))
    )
    found = sum(terms.values())
    by_hand = {
        "non_saturating": lambda r, f, w: (
            (-r.sigmoid().log()).mean()
            + weights[0] * (-(1 - f.sigmoid()).log()).mean()
            + weights[1] * (-(1 - w.sigmoid()).log()).mean()
        ),
        "hinge": lambda r, f, w: (
            (1 - r).clamp(min=0).mean()
            + weights[0] * (1 + f).clamp(min=0).mean()
            + weights[1] * (1 + w).clamp(min=0).mean()
        ),
        "least_squares": lambda r, f, w: (
            ((1 - r) ** 2 / 2).mean() + weights[0] * (f**2 / 2).mean() + weights[1] * (w**2 / 2).mean()
        ),
    }[name](real_logits, fake_logits, wrong_logits)
    assert found.item() == pytest.approx(by_hand.item(), abs=1e-5)
    assert set(terms) == {"real, right", "fake, right"} | ({"real, wrong"} if weights[1] else set())
    assert "accuracy" in stats


def test_halves_of_every_loss_make_up_the_pair():
    real, fake = torch.randn(7, dtype=torch.float64), torch.randn(5, dtype=torch.float64)
    for loss in [*losses.LOSSES.values(), *map(losses.f_gan, losses.DIVERGENCES)]:
        both = loss.discriminator(real, fake)
        assert (loss.accepts(real) + loss.rejects(fake)).item() == pytest.approx(both.item(), abs=1e-12), loss.name
        assert (loss.accepts(fake) + loss.rejects(real)).item() != pytest.approx(both.item(), abs=1e-3), loss.name


def test_two_branches_one_sees_samples_only_the_other_matches_them():
    gan, batch = small(design="two-branch", wrong=0.5), labelled()
    torch.manual_seed(1)
    terms, _ = gan.two_branch_loss(batch)
    torch.manual_seed(1)
    fake = gan.generator(gan.latent(16), batch.labels)
    wrong = gan.conditions.other(batch.labels)
    (real, right), (false, asked), (_, bad) = (
        gan.discriminator(x, c).unbind(1)
        for x, c in ((batch.images, batch.labels), (fake, batch.labels), (batch.images, wrong))
    )
    entropy = lambda logits, value: torch.nn.functional.binary_cross_entropy_with_logits(
        logits, torch.full_like(logits, value)
    )
    expected = {
        "real, alone": entropy(real, 1.0),
        "fake, alone": entropy(false, 0.0),
        "real, right": entropy(right, 1.0),
        "fake, right": entropy(asked, 0.0),
        "real, wrong": 0.5 * entropy(bad, 0.0),
    }
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(
        {name: term.item() for name, term in expected.items()}, abs=1e-5
    )
    torch.manual_seed(1)
    terms, _ = gan.generator_loss(batch)
    torch.manual_seed(1)
    real, match = gan.discriminator(gan.generator(gan.latent(16), batch.labels), batch.labels).unbind(1)
    assert terms["generator, alone"].item() == pytest.approx(entropy(real, 1.0).item(), abs=1e-5)
    assert terms["generator, match"].item() == pytest.approx(entropy(match, 1.0).item(), abs=1e-5)


@pytest.mark.parametrize("design", ["concat", "two-branch", "projection"])
def test_each_player_gets_only_its_own_gradient_and_all_of_it(design):
    gan, found = small(design=design, wrong=1.0), {}
    trainer = ganlib.Trainer(gan, ganlib.load("ring"), 64, device="cpu", progress=False)
    for number, phase in enumerate(trainer.phases):
        gan.zero_grad(set_to_none=True)
        trainer.turns.of(phase)
        sum(phase.loss(labelled(64))[0].values()).backward()
        found[number] = {
            name.split(".")[0] for name, p in gan.named_parameters() if p.grad is not None and p.grad.any()
        }
        own = [p for name, p in gan.named_parameters() if name.split(".")[0] == phase.player]
        assert all(p.grad is not None for p in own)  # its own embedding of the labels too
    assert found[1] == {"generator"} and "discriminator" in found[0]
    assert found[0] - {"discriminator"} <= {"generator"}  # where its pass is kept, it is zeroed before its own turn


def test_the_generator_answers_for_the_pairs_that_were_judged():
    gan, first, second = small(), labelled(), labelled()
    seen = []
    gan.discriminator.register_forward_pre_hook(lambda module, given: seen.append([x.clone() for x in given]))
    gan.discriminator_loss(first)
    gan.generator_loss(second)
    judged, answered = seen  # one pass of real and generated samples, then one of generated ones
    assert torch.equal(judged[0][16:], answered[0]) and torch.equal(answered[1], first.labels)
    assert gan.step_cache == {}
    gan.generator_loss(second)  # with nothing judged before
    assert torch.equal(seen[-1][1], second.labels)


# -- conditions --------------------------------------------------------------------------------------------------------
def test_wrong_labels_are_never_right_and_all_others_are_as_likely():
    labels = torch.randint(5, (20_000,))
    wrong = Labels(5).other(labels)
    assert not (wrong == labels).any() and wrong.min() == 0 and wrong.max() == 4
    table = torch.zeros(5, 5).index_put((labels, wrong), torch.ones(20_000), accumulate=True)
    shares = table / table.sum(1, keepdim=True)
    assert shares[~torch.eye(5, dtype=torch.bool)].sub(0.25).abs().max() < 0.03
    matching = Labels(5, may_match=True).other(labels)
    assert (matching == labels).float().mean().item() == pytest.approx(0.2, abs=0.02)
    assert torch.equal(matching.sort().values, labels.sort().values)  # those of other rows


def test_wrong_captions_are_those_of_other_rows(faces):
    said = faces.batch(50).captions
    wrong = Captions().other(said)
    assert torch.equal(wrong[1:], said[:-1]) and torch.equal(wrong[0], said[-1])
    assert (wrong != said).any(1).all()


def test_data_decide_how_many_classes_there_are(faces):
    digits = ganlib.load("digits", n=50)
    assert ganlib.build("cgan", digits).conditions.classes == 10
    assert ganlib.build("cgan", faces).recipe["options"]["classes"] == 8
    assert ganlib.build("cgan", ganlib.load("grid"), model="mlp-small").conditions.classes == 25
    assert ganlib.build("cgan", faces, classes=12).conditions.classes == 12
    assert ganlib.build("gan", digits).recipe["shape"] == [1, 28, 28]
    assert ganlib.build("cgan", Images(digits.pixels, digits.labels)).conditions.classes == 10


def test_data_that_do_not_fit_are_refused_before_training(faces):
    plain = Images(faces.pixels)
    for data, options, words in (
        (plain, {}, "the data set 'images' has no labels; cgan learns from images with labels"),
        (faces, {"classes": 4}, "'avatars' has 8 classes, cgan was built for 4; expected classes=8, or ganlib.build"),
        (ganlib.load("avatars", size=16, n=200, split="test"), {"condition": "captions"}, "'avatars' has no captions"),
    ):
        gan = ganlib.build("cgan", data, model="dcgan-small", **options)
        with pytest.raises(GanlibError, match=words):
            ganlib.Trainer(gan, data, 8, device="cpu", progress=False)
    law = ganlib.load("ring")
    with pytest.raises(GanlibError, match="'ring' has 8 classes, cgan was built for 3"):
        ganlib.Seeds(lambda: small(classes=3), law, 8, [0], device="cpu", progress=False)
    gan, state = small(), torch.get_rng_state()
    gan.check_data(law)
    assert torch.equal(torch.get_rng_state(), state)  # to look changes no run


# -- samples -----------------------------------------------------------------------------------------------------------
def test_samples_of_a_class():
    gan = small()
    z = torch.randn(6, 4)
    with evaluating(gan.generator):
        expected = gan.generator(z, torch.full((6,), 3))
    assert torch.equal(gan.sample(z=z, labels=3), expected)
    assert torch.equal(gan.sample(z=z, labels=[3] * 6), expected)
    assert torch.equal(gan.sample(z=z, labels=torch.full((6,), 3, dtype=torch.int32)), expected)
    assert not torch.equal(gan.sample(z=z, labels=4), expected)
    torch.manual_seed(2)
    asked = gan.sample(6, labels=3)
    torch.manual_seed(2)
    z = gan.latent(6)
    assert torch.equal(asked, gan.sample(z=z, labels=3))
    assert gan.sample(labels=[1, 2]).shape == (2, 2) and gan.sample(labels=1).shape == (1, 2)
    torch.manual_seed(2)
    anything = gan.sample(6)  # the same latents, of any class
    drawn = [k for x, latent in zip(anything, z, strict=True) for k in range(8)
             if torch.allclose(gan.sample(z=latent[None], labels=k)[0], x, atol=1e-6)]  # fmt: skip
    assert len(drawn) == 6 and len(set(drawn)) > 1


def test_samples_of_captions(faces):
    gan = of_captions(faces)
    z = torch.randn(2, 4)
    one = gan.sample(z=z, captions="blue hair, red eyes")
    assert torch.equal(one, gan.sample(z=z, captions=["blue hair, red eyes"] * 2))
    assert torch.equal(one, gan.sample(z=z, captions=captions.tokens(["Blue hair; red eyes"] * 2)))
    assert not torch.equal(one, gan.sample(z=z, captions="green hair, red eyes"))
    assert gan.sample(captions=["蓝色头发", "glasses"]).shape == (2, 3, 16, 16) and gan.sample(3).shape == (
        3,
        3,
        16,
        16,
    )
    drawn = gan.inputs(40)["captions"]
    assert all(len(avatars.parse(captions.text(row))) == 3 for row in drawn)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"labels": 8}, "label 8 was given; expected 0 to 7"),
        ({"labels": [0, -1]}, "label -1 was given; expected 0 to 7"),
        ({"labels": "curls"}, "labels 'curls' were given; expected one whole number, or one for each sample"),
        ({"labels": 1.5}, "labels 1.5 were given; expected one whole number, or one for each sample"),
        ({"n": 3, "labels": [1, 2]}, "2 labels were given for 3 samples; expected one for all, or 3"),
        ({"captions": "blue hair"}, "captions were given, but this 'cgan' was trained with labels"),
        ({"n": 2, "z": torch.zeros(2, 4)}, "sample.. takes either n"),
        ({}, "sample.. takes either n"),
        ({"n": 0}, "n=0 samples were asked for"),
    ],
)
def test_samples_that_cannot_be_asked_for(inputs, words):
    with pytest.raises(GanlibError, match=words):
        small().sample(**inputs)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"captions": "blu hair"}, "'blu hair' is not in the captions' vocabulary; did you mean 'blue hair'"),
        ({"captions": torch.full((1, 3), 200)}, "tokens outside the vocabulary were given; expected 0 to 127"),
        ({"captions": torch.zeros(3)}, "expected int64 .N, L. tokens"),
        ({"labels": 1}, "labels were given, but this 'cgan' was trained with captions"),
        ({"n": 3, "captions": ["curls", "glasses"]}, "2 captions were given for 3 samples"),
    ],
)
def test_captions_that_cannot_be_asked_for(faces, inputs, words):
    with pytest.raises(GanlibError, match=words):
        of_captions(faces).sample(**inputs)


def test_paths_between_latents_need_one_condition():
    gan = small()
    with pytest.raises(GanlibError, match="'cgan' takes conditions; expected lambda z: gan.sample"):
        path_length(gan, n=100)
    found = path_length(lambda z: gan.sample(z=z, labels=3), lambda x: x, n=100, latent=gan.latent)
    assert 0 < found.value < 1e3


# -- training ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("options", [{}, {"design": "projection", "norm": "spectral", "loss": "hinge", "wrong": 1.0}])
def test_many_seeds_play_it_as_one_does(options):
    torch.set_default_dtype(torch.float64)
    try:
        law, game = ganlib.load("ring"), lambda: small(lr=1e-3, **options)
        runs = ganlib.Seeds(game, law, 8, [0, 1], device="cpu", progress=False).fit(3)
        ganlib.seed(1)
        alone = ganlib.Trainer(game(), law, batch_size=8, device="cpu", progress=False).fit(3).gan.state_dict()
        for name, tensor in runs.gans[1].state_dict().items():
            assert torch.allclose(tensor, alone[name], atol=1e-9), name
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("design", ["concat", "two-branch", "projection"])
def test_captions_train_save_and_resume_to_the_same_bytes(design, faces, tmp_path):
    def run():
        ganlib.seed(0)
        gan = of_captions(faces, design=design, fake=0.5, wrong=0.5, lr=1e-3)
        return ganlib.Trainer(gan, faces, 8, device="cpu", progress=False, ema_half_life=100, log_every=1)

    whole = run().fit(2)
    whole.save(tmp_path / "half.safetensors")
    whole.fit(2)
    again = run()
    ganlib.seed(9)
    again.resume(tmp_path / "half.safetensors").fit(2)
    pairs = zip(whole.gan.state_dict().values(), again.gan.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert all(math.isfinite(value) for name in whole.history.names() for value in whole.history[name])
    loaded, z = ganlib.load_gan(tmp_path / "half.safetensors"), torch.randn(2, 4)
    assert loaded.recipe["options"]["design"] == design
    assert loaded.sample(z=z, captions="curls").shape == (2, 3, 16, 16)


def test_it_learns_to_obey():
    """Labelled points of the ring: each class at its own place, from the first few hundred steps on."""
    law = ganlib.load("ring")
    gan = small(model="mlp-toy", lr=1e-3, wrong=0.5, fake=0.5)
    ganlib.Trainer(gan, law, 128, device="cpu", progress=False).fit(300)
    labels = torch.arange(800) % 8
    near = torch.cdist(gan.sample(labels=labels), law.modes).argmin(1)
    assert (near == labels).float().mean() > 0.8


def test_onnx_takes_conditions(faces):
    pytest.importorskip("onnxruntime")
    for gan in (small(), of_captions(faces)):
        assert onnx.difference(gan, onnx.convert(gan)) < 1e-4


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"wrong": -1.0}, "the weights fake=1.0, wrong=-1.0 were given; expected fake > 0 and wrong ≥ 0"),
        ({"fake": 0.0}, "the weights fake=0.0"),
        ({"condition": "label"}, r"unknown condition 'label' \(did you mean 'labels'\?\)"),
        ({"design": "concatenate"}, "unknown design of a conditional discriminator"),
        ({"classes": 1}, "classes must be a whole number 2 or more, not 1"),
        ({"loss": losses.Loss("odd", lambda r, f: r.mean(), lambda f: f.mean())}, "'odd' does not fall into halves"),
    ],
)
def test_bad_input(options, words):
    with pytest.raises(GanlibError, match=words):
        small(**options)


def test_conditions_and_networks_of_ones_own():
    kind = Labels(3)
    gan = CGAN(*conditional("mlp-small", (2,), 4, kind.encoder), 4, kind)
    assert gan.sample(5, labels=2).shape == (5, 2)
