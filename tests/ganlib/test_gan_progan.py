"""ProGAN and what all games that grow share: when they grow, what they resume to, the two losses."""

import math

import pytest
import torch
from torch.nn.functional import softplus

import ganlib
from ganlib import recipes
from ganlib.data.batch import Batch
from ganlib.errors import GanlibError
from ganlib.gans.growing import GrowingGAN
from ganlib.models.equalised import down, up
from ganlib.models.progressive import faded
from ganlib.penalties import gradient_norms, gradient_penalty
from ganlib.training import checkpoint

SHAPE = (3, 16, 16)
SMALL = {"latent_dim": 4, "width": 4, "widest": 6}
GAMES = ["progan", "stylegan"]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


class Noise:
    """Random images. Remembers how many were asked for."""

    shape = SHAPE

    def __init__(self):
        self.sizes = []

    def to(self, device):
        return self

    def batch(self, n):
        self.sizes.append(n)
        return Batch(torch.rand(n, *SHAPE) * 2 - 1)


def built(name="progan", **options):
    return ganlib.build(name, SHAPE, **SMALL | {"start": 4, "fade": 16, "stable": 24} | options)


def trainer(gan=None, batch=8, **options):
    ganlib.seed(0)
    options = {"device": "cpu", "progress": False, "log_every": 1} | options
    return ganlib.Trainer(built() if gan is None else gan, Noise(), batch, **options)


def at(gan, images, batch=8):
    """The game after so many images."""
    gan.schedule(images, batch)
    return gan


# -- when it grows -----------------------------------------------------------------------------------------------------
def test_growth_follows_the_images_seen():
    """24 images of 4×4, then 16 of fading 8×8 in and 24 of it as a whole, and so on."""
    gan = built()
    law = {0: (0, 1.0), 23: (0, 1.0), 24: (1, 0.0), 32: (1, 0.5), 40: (1, 1.0), 63: (1, 1.0)}
    law |= {64: (2, 0.0), 76: (2, 0.75), 80: (2, 1.0), 10**9: (2, 1.0)}
    assert {images: gan.grown(images) for images in law} == law
    for images, (level, alpha) in law.items():
        at(gan, images)
        to_images = gan.generator.to_images
        assert (to_images.level.item(), to_images.alpha.item()) == (level, alpha)
        assert gan.stage == (level, alpha < 1)
        assert gan.growth[0] == level and (gan.growth[1] is to_images.alpha) == (alpha < 1)


def test_it_may_begin_later_grow_at_once_or_not_at_all():
    assert [built(start=8).grown(images) for images in (0, 24, 40)] == [(1, 1.0), (2, 0.0), (2, 1.0)]
    assert [built(fade=0).grown(images) for images in (0, 23, 24, 47, 48)] == [(n, 1.0) for n in (0, 0, 1, 1, 2)]
    assert [built(grow=False).grown(images) for images in (0, 10**9)] == [(2, 1.0)] * 2
    assert built(start=16).grown(0) == (2, 1.0)
    networks = {n: p.shape for n, p in built().named_parameters()}
    assert {n: p.shape for n, p in built(grow=False).named_parameters()} == networks  # a fair comparison


@pytest.mark.parametrize(("largest", "factors"), [(1, (1, 1, 1)), (2, (2, 2, 1)), (4, (4, 2, 1)), (100, (4, 2, 1))])
def test_small_images_may_come_in_larger_batches(largest, factors):
    gan = built(largest_batch=largest)
    assert tuple(gan.schedule(images, 8) // 8 for images in (0, 24, 64)) == factors


def test_the_trainer_follows():
    t = trainer(built(largest_batch=4))
    seen, stages = [], []
    for _ in range(6):
        seen.append(t.images_seen)
        t.fit(1)
        stages.append((t.batch_size, t.gan.stage))
    assert seen == [0, 32, 48, 64, 72, 80]
    assert stages == [(32, (0, False)), (16, (1, True)), (16, (1, False)), *[(8, (2, True))] * 2, (8, (2, False))]
    assert t.data.sizes == [32, 32, 16, 16, 16, 16, 8, 8, 8, 8, 8, 8]
    assert t.history["side"] == [4, 8, 8, 16, 16, 16] and t.history["alpha"] == [1, 0.5, 1, 0, 0.5, 1]
    assert t.engine._stage == (8, (2, False))  # what a CUDA graph is captured for


# -- optimisers, checkpoints, averages ---------------------------------------------------------------------------------
def test_adam_begins_with_a_level_and_goes_on_for_the_others():
    t = trainer()
    steps = lambda part: [
        t.optimizers["discriminator"].state[p]["step"].item() if p in t.optimizers["discriminator"].state else 0
        for p in part.parameters()
    ]
    d = t.gan.discriminator
    t.fit(3)
    assert set(steps(d.end)) == {3} and set(steps(d.blocks[0])) == {0} and set(steps(d.from_images[1])) == {0}
    unborn = [p.detach().clone() for p in d.blocks[1].parameters()]
    t.fit(2)
    assert set(steps(d.end)) == {5} and set(steps(d.blocks[0])) == {2} and set(steps(d.from_images[0])) == {5}
    assert all(a.equal(b) for a, b in zip(unborn, d.blocks[1].parameters(), strict=True))
    t.fit(2)
    assert set(steps(d.blocks[0])) == {4} and set(steps(d.from_images[0])) == {5}  # it fades no more


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("half", [2, 4, 8])  # before and in the middle of a fade; before the last
def test_resumes_to_the_same_bytes(name, half, tmp_path):
    options = {"ema_half_life": 30.0}
    whole = trainer(built(name), **options).fit(half)
    whole.save(tmp_path / "half.safetensors")
    stage = whole.gan.stage
    assert whole.gan.grown(whole.images_seen) == {2: (0, 1.0), 4: (1, 0.5), 8: (2, 0.0)}[half]
    whole.fit(4)  # over the next boundary
    again = trainer(built(name), **options)
    ganlib.seed(9)
    again.resume(tmp_path / "half.safetensors").fit(4)
    assert again.gan.stage == whole.gan.stage != stage
    for one, other in ((whole.gan, again.gan), (whole.ema.gan, again.ema.gan)):
        assert all(x.equal(other.state_dict()[key]) for key, x in one.state_dict().items())
    for player, optimizer in whole.optimizers.items():
        states = again.optimizers[player].state_dict()["state"]
        assert states.keys() == optimizer.state_dict()["state"].keys()
        for number, moments in optimizer.state_dict()["state"].items():
            assert all(x.equal(states[number][key]) for key, x in moments.items())


@pytest.mark.parametrize("name", GAMES)
def test_what_is_not_born_has_no_gradient_no_moments_and_an_average_that_is_itself(name):
    t = trainer(built(name, largest_batch=2), ema_half_life=4.0)
    initial = {key: p.detach().clone() for key, p in t.gan.named_parameters()}
    born, average = dict.fromkeys(initial, 0), dict(t.ema.gan.named_parameters())
    for _ in range(6):  # 4×4 twice, 8×8 fading, 8×8, 16×16 fading
        before = {key: p.detach().clone() for key, p in average.items()}
        t.fit(1)
        keep = 0.5 ** (t.batch_size / min(4.0, 0.05 * t.images_seen))
        for key, p in t.gan.named_parameters():
            player = key.partition(".")[0]
            born[key] += p.grad is not None
            steps = t.optimizers[player].state.get(p, {"step": 0})["step"]
            assert steps == born[key], key
            if not born[key]:
                assert p.equal(initial[key]) and average[key].equal(initial[key]), key
            elif player == "generator":
                assert torch.allclose(average[key], keep * before[key] + (1 - keep) * p, atol=1e-5), key
        if t.step == 2:
            assert {"discriminator.blocks.0.0.0.weight", "discriminator.from_images.1.0.weight"} <= {
                key for key, times in born.items() if not times
            }
    assert t.gan.stage == (2, True) and all(born.values())


def test_resumes_with_the_batches_of_its_level(tmp_path):
    whole = trainer(built(largest_batch=4)).fit(2)  # 32 and 16 images
    whole.save(tmp_path / "half.safetensors")
    whole.fit(2)
    again = trainer(built(largest_batch=4), batch=4)  # the checkpoint's is 8
    again.resume(tmp_path / "half.safetensors").fit(2)
    for t in (whole, again):
        assert (t.images_seen, t.batch_size, t.usual_batch) == (32 + 2 * 16 + 8, 8, 8)
    assert all(x.equal(again.gan.state_dict()[key]) for key, x in whole.gan.state_dict().items())


@pytest.mark.parametrize("name", GAMES)
def test_a_checkpoint_and_the_average_know_how_far_it_has_grown(name, tmp_path):
    t = trainer(built(name), ema_half_life=1e3).fit(5)
    assert t.gan.grown(32) == (1, 0.5)  # that of the last step
    z = torch.randn(3, 4)
    images = t.sample(z=z)
    assert images.shape == (3, *SHAPE) and not images.equal(t.gan.sample(z=z))  # averaged weights
    t.save(tmp_path / "x.safetensors")
    gan = checkpoint.load_gan(tmp_path / "x.safetensors")
    assert gan.stage == (1, True) and gan.judge(torch.rand(2, 3, 8, 8)).shape == (2,)
    # Weights lie in memory otherwise, and the first AdaIN makes roundings of a nearly constant image a thousand times
    # as large.
    assert torch.allclose(gan.sample(z=z), images, atol=2e-3)
    gan.generator.to_images.grow(2, 1.0)
    assert not torch.allclose(gan.sample(z=z), images, atol=0.1)


def test_samples_of_small_images_are_enlarged():
    gan = built()
    images = gan.sample(5)
    assert images.shape == (5, *SHAPE) and images.abs().max() <= 1
    assert images.equal(up(images[..., ::4, ::4], 4))


# -- the losses --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("images", [0, 32, 64 + 16])
def test_the_critic_of_wgan_gp(images):
    gan, batch = at(built(penalty_weight=3.0, drift=0.5), images), Batch(torch.rand(8, *SHAPE) * 2 - 1)
    torch.manual_seed(1)
    terms, stats = gan.discriminator_loss(batch)
    torch.manual_seed(1)
    level, alpha = gan.growth
    fake = gan.generator(gan.latent(8), level, alpha).detach()
    judge = lambda x: gan.discriminator(x, level, alpha)
    real = faded(batch.images, level, alpha)
    assert terms["discriminator"].item() == pytest.approx((judge(fake).mean() - judge(real).mean()).item(), abs=1e-5)
    unit = 2 ** (gan.last - level)  # a slope of 1 at full size
    penalty = 3 * gradient_penalty(judge, real, fake, target=unit).item() / unit**2
    assert terms["penalty"].item() == pytest.approx(penalty, rel=1e-4)
    assert terms["drift"].item() == pytest.approx(0.5 * judge(real).square().mean().item(), rel=1e-4)
    assert set(terms) == {"discriminator", "penalty", "drift"} and set(stats) == {"W", "|grad D|", "side", "alpha"}
    assert stats["W"].item() == -terms["discriminator"].item() and stats["side"] == fake.shape[-1]
    assert not any(value.requires_grad for value in stats.values())
    gan.step_cache = {}
    torch.manual_seed(1)
    generator, _ = gan.generator_loss(batch)
    assert generator["generator"].item() == pytest.approx(-judge(fake).mean().item(), abs=1e-5)


@pytest.mark.parametrize("images", [0, 32])
def test_the_discriminator_under_r1(images):
    gan, batch = at(built(loss="non_saturating", penalty_weight=3.0), images), Batch(torch.rand(8, *SHAPE) * 2 - 1)
    torch.manual_seed(1)
    terms, stats = gan.discriminator_loss(batch)
    torch.manual_seed(1)
    fake = gan.generator(gan.latent(8), *gan.growth).detach()
    real = faded(batch.images, *gan.growth)
    loss = softplus(-gan.judge(real)).mean() + softplus(gan.judge(fake)).mean()
    assert terms["discriminator"].item() == pytest.approx(loss.item(), rel=1e-5)
    r1 = 1.5 * gradient_norms(gan.judge, real).square().mean() / 4 ** (gan.last - gan.growth[0])
    assert set(terms) == {"discriminator", "R1"} and terms["R1"].item() == pytest.approx(r1.item(), rel=1e-4)
    assert "D(x)" in stats
    gan.step_cache = {}
    torch.manual_seed(1)
    generator, _ = gan.generator_loss(batch)
    assert generator["generator"].item() == pytest.approx(softplus(-gan.judge(fake)).mean().item(), rel=1e-5)


@pytest.mark.parametrize("loss", ["wgan-gp", "non_saturating"])
def test_the_penalty_goes_on_where_it_was(loss):
    """At each change of level, for the terms and their gradients; in pixels of the level it would jump."""
    for full in (True, False):
        gan, batch = built(loss=loss, full_size_slopes=full, drift=0.0), Batch(torch.rand(8, *SHAPE) * 2 - 1)
        for parameter in gan.discriminator.parameters():
            parameter.data.mul_(3)  # slopes far from 0
        for boundary in (24, 64):
            found = []
            for stage in ((gan.grown(boundary - 1)[0], 1.0), (gan.grown(boundary)[0], 0.0)):
                gan.generator.to_images.grow(*stage)
                gan._read_stage()
                gan.zero_grad()
                torch.manual_seed(1)  # the same latents and places between
                terms, stats = gan.discriminator_loss(batch)
                sum(terms.values()).backward()
                found.append((terms, stats["|grad D|"], gan.discriminator.end[-1].weight.grad.clone()))
            (before, slope, moved), (after, new_slope, new_moved) = found
            penalty = "penalty" if loss == "wgan-gp" else "R1"
            assert torch.allclose(before["discriminator"], after["discriminator"], rtol=1e-4, atol=1e-5)
            assert new_slope.item() == pytest.approx(slope.item() * (1 if full else 0.5), rel=1e-4)
            assert torch.allclose(before[penalty], after[penalty], rtol=1e-3) == full
            assert torch.allclose(moved, new_moved, rtol=1e-3, atol=1e-4) == full


def test_slopes_are_those_of_images_at_full_size():
    """As in the authors' code, whose discriminator gets enlarged images and makes them smaller itself."""
    gan = at(built(), 32)
    level, alpha = gan.growth
    x = torch.randn(4, 3, 8, 8)
    judge = lambda enlarged: gan.discriminator(down(enlarged), level, alpha)
    assert torch.allclose(gan.slopes(x), gradient_norms(judge, up(x)), rtol=1e-4)


def test_each_player_gets_only_its_own_gradient():
    t = trainer(built(), ema_half_life=10.0)
    at(t.gan, 32)
    for phase in t.phases:
        t.turns.of(phase)
        t.gan.zero_grad()
        terms, _ = phase.loss(Batch(torch.rand(4, *SHAPE)))
        t.gan.step_cache = {}
        sum(terms.values()).backward()
        moved = {name.partition(".")[0] for name, p in t.gan.named_parameters() if p.grad is not None}
        assert moved == {phase.player}


def test_the_penalty_sees_what_a_sample_does_to_the_others_of_its_group():
    """As in the authors' code: the gradient is of the sum of all scores."""
    gan, x = at(built(), 10**6), torch.randn(4, *SHAPE, requires_grad=True)
    (whole,) = torch.autograd.grad(gan.judge(x).sum(), x)
    (own,) = torch.autograd.grad(gan.judge(x)[0], x)
    assert own[1].abs().max() > 0
    norms = gradient_norms(gan.judge, x)
    assert torch.allclose(norms, whole.flatten(1).norm(dim=1), rtol=1e-4)
    assert norms[0].item() != pytest.approx(own[0].norm().item(), rel=1e-4)


# -- beside the trainer ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("options", [{"precision": "bf16"}, {"accumulate": 2}])
def test_half_precision_and_parts(name, options):
    t = trainer(built(name), **options).fit(5)  # into the fade
    assert all(math.isfinite(value) for key in t.history.names() for value in t.history[key])
    assert all(p.dtype == torch.float32 for p in t.gan.parameters())


def test_many_seeds_at_once():
    many = ganlib.Seeds(built, Noise(), 8, [0, 3], device="cpu", progress=False, log_every=1).fit(5)
    ganlib.seed(3)
    alone = ganlib.Trainer(built(), Noise(), 8, device="cpu", progress=False, log_every=1).fit(5)
    for key in ("discriminator", "generator", "side", "alpha"):
        assert many.history[key][:, 1].tolist() == pytest.approx(alone.history[key], rel=2e-3, abs=2e-4), key


@pytest.mark.parametrize("name", GAMES)
def test_exports_what_it_samples(name):
    pytest.importorskip("onnxscript")
    from ganlib.cli import onnx

    gan = at(built(name, **{"depth": 1} if name == "stylegan" else {}), 32)
    assert onnx.difference(gan, onnx.convert(gan)) < 1e-5


@pytest.mark.parametrize("name", sorted(n for n, r in recipes.shipped().items() if r.gan in GAMES and r.data))
def test_recipes_grow_to_the_end(name):
    recipe = recipes.get(name)
    gan = ganlib.build(recipe.gan, (3, recipe.size, recipe.size), **recipe.options)
    images, steps, whole = 0, recipe.steps, 0
    for _ in range(steps):
        whole += gan.stage == (gan.last, False)
        images += gan.schedule(images, recipe.batch)
    assert whole > steps / 10  # some of the time is left for images that are whole


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"start": 5}, r"start=5 was given; expected the side of the first images, of \(4, 8, 16\)"),
        ({"start": 32}, "start=32"),
        ({"fade": -1}, "fade must be a whole number 0 or more"),
        ({"stable": 0}, "stable must be a whole number 1 or more"),
        ({"largest_batch": 0}, "largest_batch must be a whole number 1 or more"),
        ({"loss": "wgan_gp"}, "unknown loss 'wgan_gp'"),
        ({"penalty_weight": -1.0}, "penalty_weight=-1.0 was given"),
        ({"drift": math.nan}, "drift=nan was given"),
        ({"latent_dim": 0}, "latent_dim must be a whole number 1 or more"),
        ({"width": 0}, "width must be a whole number 1 or more"),
        ({"lr": 0.0}, r"Adam\(lr=0.0"),
    ],
)
def test_bad_input(options, words):
    with pytest.raises(GanlibError, match=words):
        built(**options)


@pytest.mark.parametrize("name", GAMES)
def test_a_level_that_is_none(name):
    gan, alpha = built(name), torch.tensor(0.5)
    z, x = gan.latent(4), torch.zeros(4, *SHAPE)
    for ask, given in ((gan.generator, z), (gan.discriminator, x), (faded, x)):
        for level in (-1, 3):
            with pytest.raises(GanlibError, match=rf"level {level} was given; expected one from 0 to 2"):
                ask(given, level)
        with pytest.raises(GanlibError, match="level 0 that is being faded in was given; expected one from 1 to 2"):
            ask(given, 0, alpha)
    for level, share, words in ((3, 1.0, "level 3 was given"), (1, 1.5, r"alpha=1.5 was given; expected a share")):
        with pytest.raises(GanlibError, match=words):
            gan.generator.to_images.grow(level, share)
    with pytest.raises(GanlibError, match="last=1 was given; expected 2, the generator's last level"):
        GrowingGAN(gan.generator, gan.discriminator, gan.latent_dim, 1)


@pytest.mark.parametrize(("batch", "options"), [(61, {}), (4, {"accumulate": 4})])
def test_a_batch_whose_samples_cannot_be_compared(batch, options):
    """The statistic would be one number, and the guard against repetition off."""
    with pytest.raises(GanlibError, match="expected a multiple of a number from 2 to 4"):
        trainer(batch=batch, **options).fit(1)
    alone = built()
    assert alone.discriminator.eval()(torch.zeros(1, 3, 4, 4), 0).shape == (1,)  # a single image can be judged
    trainer(built(group=1), batch=batch, **options).fit(1)


def test_the_settings_of_the_paper():
    gan = ganlib.build("progan", SHAPE)
    assert (gan.penalty_weight, gan.drift, gan.fade, gan.stable) == (10, 0.001, 600_000, 600_000)
    group = ganlib.Trainer(gan, Noise(), 4, device="cpu", progress=False).optimizers["generator"].param_groups[0]
    assert group["lr"] == 1e-3 and group["betas"] == (0.0, 0.99)
