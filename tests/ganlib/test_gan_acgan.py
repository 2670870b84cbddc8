"""ACGAN: what a generated sample is called in whose turn, logits instead of probabilities, trunks from the zoo."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy, softplus

import ganlib
from ganlib import zoo
from ganlib.data.batch import Batch
from ganlib.data.images import Images
from ganlib.errors import GanlibError
from ganlib.models.acgan import FORMS


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def small(**options):
    return ganlib.build("acgan", (2,), **{"model": "mlp-small", "latent_dim": 4, "classes": 3} | options)


class Answers(torch.nn.Module):
    """A discriminator that says what it was given, real ones first."""

    def __init__(self, real, fake):
        super().__init__()
        self.real, self.fake = (torch.nn.Parameter(torch.tensor(rows)) for rows in (real, fake))

    def forward(self, x):
        return torch.cat([self.real, self.fake])[-len(x) :]


REAL = [[2.0, 3.0, -1.0, 0.5], [-1.0, 0.0, 1.0, 4.0]]  # real or not, then three classes
FAKE = [[-0.5, 1.0, 2.0, 0.0], [1.0, -2.0, 0.3, 0.7]]
LABELS = torch.tensor([0, 2])


def log_share(row, k):
    return row[k] - math.log(sum(map(math.exp, row)))


def test_what_a_generated_sample_is_called_in_whose_turn():
    """By hand: with n classes the one that was asked for; with n+1 the last one, in the discriminator's turn only."""
    batch = Batch(torch.randn(2, 2), LABELS)
    of_real = -(log_share(REAL[0][1:], 0) + log_share(REAL[1][1:], 2)) / 2
    asked_for = -(log_share(FAKE[0][1:], 0) + log_share(FAKE[1][1:], 2)) / 2
    for form, more in (("n", []), ("n+1", [0.9]), ("single", [])):
        gan = small(form=form, aux_weight=2.0)
        real, fake = ([row + more for row in rows] for rows in (REAL, FAKE))
        gan.discriminator = Answers(real, fake)
        terms, stats = gan.discriminator_loss(batch)
        logits = torch.tensor(REAL)[:, 0], torch.tensor(FAKE)[:, 0]
        expected = {"discriminator": (softplus(-logits[0]).mean() + softplus(logits[1]).mean()).item()}
        if not more:
            expected["classes, real"] = 2 * of_real
            if form == "n":
                expected["classes, fake"] = 2 * asked_for
        else:
            last = -(log_share(fake[0][1:], 3) + log_share(fake[1][1:], 3)) / 2
            expected["classes, real"] = -(log_share(real[0][1:], 0) + log_share(real[1][1:], 2))
            expected["classes, fake"] = 2 * last
        assert {name: term.item() for name, term in terms.items()} == pytest.approx(expected, abs=1e-5)
        assert stats["class accuracy(x)"] == 1 and stats["class accuracy(G(z))"] == 0.5
        terms, _ = gan.generator_loss(batch)
        asked = -(log_share(fake[0][1:], 0) + log_share(fake[1][1:], 2))
        found = {name: term.item() for name, term in terms.items()}
        assert found == pytest.approx(
            {"generator": softplus(-logits[1]).mean().item(), "generator, classes": asked}, abs=1e-5
        )


def test_a_single_head_is_the_cross_entropy_of_all_its_classes():
    """Salimans et al.: real samples by their class, generated ones by the last; and the generator's own class."""
    gan = small(form="single")
    batch = Batch(torch.randn(6, 2), torch.randint(3, (6,)))
    torch.manual_seed(1)
    terms, _ = gan.discriminator_loss(batch)
    torch.manual_seed(1)
    fake = gan.generator(gan.latent(6), batch.labels)
    head = lambda x: gan.discriminator.classes(gan.discriminator.trunk(x))  # (6, 4)
    last = torch.full((6,), 3)
    expected = cross_entropy(head(batch.images), batch.labels) + cross_entropy(head(fake), last)
    assert sum(terms.values()).item() == pytest.approx(expected.item(), abs=1e-5)
    torch.manual_seed(1)
    gan.step_cache.clear()
    terms, _ = gan.generator_loss(batch)
    assert sum(terms.values()).item() == pytest.approx(cross_entropy(head(fake), batch.labels).item(), abs=1e-5)


def test_no_softmax_before_the_cross_entropy():
    """A softmax there would leave log(e + 9) - 1 = 1.461 of ten classes, however sure the discriminator is."""
    floor = math.log(math.e + 9) - 1
    gan = ganlib.build("acgan", (2,), model="mlp-small", latent_dim=4)
    batch = Batch(torch.randn(50, 2), torch.zeros(50, dtype=torch.int64))
    optimizer = torch.optim.Adam(gan.discriminator.parameters(), 1e-2)
    for _ in range(20):
        optimizer.zero_grad()
        terms = gan.discriminator_loss(batch)[0]
        terms["classes, real"].backward()
        optimizer.step()
    assert terms["classes, real"].item() < 0.1 < floor
    outputs = gan.discriminator(batch.images)[:, 1:]
    assert cross_entropy(outputs.softmax(1), batch.labels).item() == pytest.approx(floor, abs=0.02)  # with the bug


def test_each_player_gets_only_its_own_gradient():
    for form in FORMS:
        gan, found = small(form=form, classes=8), {}
        trainer = ganlib.Trainer(gan, ganlib.load("ring"), 64, device="cpu", progress=False)
        batch = Batch(torch.randn(64, 2), torch.arange(64) % 8)
        for number, phase in enumerate(trainer.phases):
            gan.zero_grad(set_to_none=True)
            trainer.turns.of(phase)
            sum(phase.loss(batch)[0].values()).backward()
            found[number] = {n.split(".")[0] for n, p in gan.named_parameters() if p.grad is not None}
        assert found == {0: {"discriminator"}, 1: {"generator"}}
        assert gan.generator.encoder.weight.grad.any(1).all()


@pytest.mark.parametrize("form", FORMS)
def test_trains_on_images_and_resumes_to_the_same_bytes(form, tmp_path):
    data = ganlib.load("avatars", size=16, n=100, split="test")

    def run():
        ganlib.seed(0)
        gan = ganlib.build("acgan", data, model="dcgan-small", latent_dim=8, form=form, lr=1e-3)
        return ganlib.Trainer(gan, data, 8, device="cpu", progress=False, ema_half_life=100, log_every=1)

    whole = run().fit(2)
    whole.save(tmp_path / "half.safetensors")
    whole.fit(2)
    again = run()
    ganlib.seed(9)
    again.resume(tmp_path / "half.safetensors").fit(2)
    pairs = zip(whole.gan.state_dict().values(), again.gan.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert all(math.isfinite(value) for name in whole.history.names() for value in whole.history[name])
    assert whole.gan.conditions.classes == 8 and whole.sample(labels=[0, 7]).shape == (2, 3, 16, 16)
    assert ganlib.load_gan(tmp_path / "half.safetensors").sample(3, labels=7).shape == (3, 3, 16, 16)


@pytest.mark.parametrize("frozen", [False, True])
def test_a_trunk_of_the_zoo_learns_on_or_stays(frozen):
    data = ganlib.load("digits", n=100)
    gan = ganlib.build("acgan", data, model="mlp-small", trunk="digits", frozen=frozen, lr=1e-3)
    network = zoo.load("digits")
    before = {name: x.clone() for name, x in gan.discriminator.trunk.state_dict().items()}
    assert torch.equal(before["layers.0.0.weight"], network.layers[0][0].weight)
    trainer = ganlib.Trainer(gan, data, 16, device="cpu", progress=False, log_every=1).fit(2)
    after = gan.discriminator.trunk.state_dict()
    assert all(torch.equal(after[name], x) for name, x in before.items()) == frozen
    assert not torch.equal(gan.discriminator.classes.weight, torch.zeros(()))
    assert math.isfinite(trainer.history["generator"][-1])
    twin = ganlib.build("acgan", (1, 28, 28), **{"model": "mlp-small", "trunk": "digits", "frozen": frozen})
    twin.load_state_dict(gan.state_dict())  # as a checkpoint is read


def test_many_seeds_play_it_as_one_does():
    torch.set_default_dtype(torch.float64)
    try:
        law, game = ganlib.load("ring"), lambda: small(classes=8, form="n+1", lr=1e-3)
        runs = ganlib.Seeds(game, law, 8, [0, 1], device="cpu", progress=False).fit(3)
        ganlib.seed(1)
        alone = ganlib.Trainer(game(), law, batch_size=8, device="cpu", progress=False).fit(3).gan.state_dict()
        for name, tensor in runs.gans[1].state_dict().items():
            assert torch.allclose(tensor, alone[name], atol=1e-9), name
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("form", FORMS)
def test_it_learns_to_obey(form):
    law = ganlib.load("ring")
    gan = small(model="mlp-toy", classes=8, form=form, lr=1e-3, latent_dim=32)  # a few would say too little of a class
    ganlib.Trainer(gan, law, 64, device="cpu", progress=False).fit(200)
    labels = torch.arange(800) % 8
    near = torch.cdist(gan.sample(labels=labels), law.modes).argmin(1)
    assert (near == labels).float().mean() > 0.5  # by chance 0.125


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: small(form="2n"), "unknown form of ACGAN '2n'"),
        (lambda: small(aux_weight=-1.0), "aux_weight=-1.0 was given; expected 0 or more"),
        (lambda: small(classes=1), "classes must be a whole number 2 or more"),
        (lambda: small().sample(2, captions="curls"), "captions were given, but this 'acgan' was trained with labels"),
        (lambda: small().sample(2, labels=3), "label 3 was given; expected 0 to 2"),
        (
            lambda: ganlib.Trainer(small(), Images(torch.zeros(9, 1, 2, 2, dtype=torch.uint8)), 4, device="cpu"),
            "the data have shape",
        ),
        (
            lambda: ganlib.Trainer(small(), ganlib.load("ring"), 4, device="cpu"),
            "'ring' has 8 classes, acgan was built",
        ),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(GanlibError, match=words):
        call()
