"""CycleGAN and Pix2Pix: losses by hand, who learns from what, the history of fakes, and what is shown."""

import math
import statistics

import pytest
import torch
from torch import nn

import ganlib
from ganlib.data.batch import Batch
from ganlib.data.domains import Domains
from ganlib.data.images import Images
from ganlib.errors import GanlibError
from ganlib.gans.cyclegan import CycleGAN, ImagePool
from ganlib.gans.pix2pix import Pix2Pix
from ganlib.gans.translation import adversarial

SMALL = {"width": 4, "blocks": 1, "layers": 1}


def domains(n=20, size=16, paired=False, channels=3):
    draw = lambda seed: torch.randint(256, (n, channels, size, size), generator=torch.Generator().manual_seed(seed))
    a, b = (Images(draw(seed).to(torch.uint8), name=f"set {seed}") for seed in (0, 1))
    return Domains(a, b, "drawn", paired=paired)


def trainer(name, data=None, **options):
    ganlib.seed(0)
    data = data or domains(paired=name == "pix2pix")
    gan = ganlib.build(name, data.shape, **SMALL | options)
    return ganlib.Trainer(gan, data, 4, device="cpu", progress=False, log_every=1)


# -- CycleGAN ----------------------------------------------------------------------------------------------------------
class Add(nn.Module):
    """x ↦ x + a number that is learned."""

    def __init__(self, value):
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))

    def forward(self, x):
        return x + self.value


class Times(nn.Module):
    """x ↦ a number that is learned · x: one output a pixel."""

    def __init__(self, value):
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))

    def forward(self, x):
        return self.value * x


def toy(**options):
    """On 2×2 images: a → a + 1, b → b − 3, D_a = 2x, D_b = 3x."""
    return CycleGAN(Add(1.0), Add(-3.0), Times(2.0), Times(3.0), (1, 2, 2), **{"pool": 0} | options)


A = torch.tensor([[0.0, 1.0], [2.0, 3.0]]).view(1, 1, 2, 2)
B = torch.tensor([[4.0, 4.0], [5.0, 7.0]]).view(1, 1, 2, 2)


def test_the_losses_by_hand():
    gan = toy()
    terms, _ = gan.generators_loss(Batch(A, other=B))
    # Translations: a + 1 = 1 2 3 4 and b − 3 = 1 1 2 4; there and back every pixel is 2 less.
    assert terms["fool b"].item() == pytest.approx(((3 - 1) ** 2 + (6 - 1) ** 2 + (9 - 1) ** 2 + (12 - 1) ** 2) / 4)
    assert terms["fool a"].item() == pytest.approx(((2 - 1) ** 2 * 2 + (4 - 1) ** 2 + (8 - 1) ** 2) / 4)
    assert terms["cycle"].item() == pytest.approx(10 * (2 + 2))
    assert terms["identity"].item() == pytest.approx(5 * (3 + 1))  # b2a on a, a2b on b
    assert set(gan.step_cache) == {"a", "b"} and not any(x.requires_grad for x in gan.step_cache.values())
    terms, stats = gan.discriminator_b_loss(Batch(A, other=B))
    real, fake = (12 - 1) ** 2 * 2 + (15 - 1) ** 2 + (21 - 1) ** 2, 3**2 + 6**2 + 9**2 + 12**2
    assert terms["discriminator b"].item() == pytest.approx(0.5 * (real + fake) / 4)
    assert stats["D_b(real)"].item() == 15 and stats["D_b(fake)"].item() == 7.5
    terms, _ = gan.discriminator_a_loss(Batch(A, other=B))
    real, fake = 1 + 1 + 9 + 25, 2**2 + 2**2 + 4**2 + 8**2
    assert terms["discriminator a"].item() == pytest.approx(0.5 * (real + fake) / 4)
    assert gan.step_cache == {}  # each was judged once


def test_each_round_trip_goes_by_both_translators_in_order():
    """With translators that do not commute: among shifts, as above, a wrong way back may come as near."""
    gan = CycleGAN(Add(1.0), Times(2.0), Times(2.0), Times(3.0), (1, 2, 2), pool=0)
    terms, _ = gan.generators_loss(Batch(A, other=B))
    assert terms["cycle"].item() == pytest.approx(10 * ((A + 2).mean() + (B + 1).mean()).item())  # 2(a + 1), 2b + 1
    assert terms["identity"].item() == pytest.approx(5 * (A.mean() + 1).item())  # 2a on a, b + 1 on b


def test_the_losses_of_disco_and_dual_gan_by_hand():
    terms, _ = toy(loss="non_saturating", cycle=2.5, cycle_norm="l2", identity=0.0).generators_loss(Batch(A, other=B))
    assert set(terms) == {"fool a", "fool b", "cycle"} and terms["cycle"].item() == pytest.approx(2.5 * (4 + 4))
    assert terms["fool b"].item() == pytest.approx(sum(math.log1p(math.exp(-y)) for y in (3, 6, 9, 12)) / 4)
    gan = toy(loss="wasserstein", cycle=500.0, identity=0.0, clip=0.01, optimizer="rmsprop", halve_discriminator=False)
    terms, _ = gan.generators_loss(Batch(A, other=B))
    assert terms["fool b"].item() == pytest.approx(-7.5) and terms["cycle"].item() == pytest.approx(500 * 4)
    terms, _ = gan.discriminator_b_loss(Batch(A, other=B))
    assert terms["discriminator b"].item() == pytest.approx(7.5 - 15)
    gan.phases()[1].after_step()
    assert gan.discriminator_a.value.item() == gan.discriminator_b.value.item() == pytest.approx(0.01)


def test_losses_are_averaged_over_patches_not_outputs():
    """Averaging the outputs of D first would be another loss: smaller, by their variance."""
    loss, patches = adversarial("lsgan"), torch.tensor([[0.0, 2.0]])
    assert loss.generator(patches).item() == 1 and loss.generator(patches.mean(1)).item() == 0


@pytest.mark.parametrize(("phase", "moves"), [(0, {"a2b", "b2a"}), (1, {"discriminator_a"}), (2, {"discriminator_b"})])
def test_each_turn_moves_its_own_player(phase, moves):
    t = trainer("cyclegan")
    before = {name: p.clone() for name, p in t.gan.named_parameters()}
    t.gan.train()
    t._share, t._caches = 4, [{"a": torch.rand(4, 3, 16, 16), "b": torch.rand(4, 3, 16, 16)}]
    with t.turns.taken():
        t._play(phase, t.phases[phase])
    moved = {name.split(".")[0] for name, p in t.gan.named_parameters() if not torch.equal(p, before[name])}
    assert moved == moves
    assert all((p.grad is not None) == (name.split(".")[0] in moves) for name, p in t.gan.named_parameters())


def test_the_cycle_teaches_both_generators():
    """What an optimiser for each of them, with a loss for each, would not do."""
    t = trainer("cyclegan", identity=0.0)
    for network in (t.gan.discriminator_a, t.gan.discriminator_b):
        network.requires_grad_(False)
    terms, _ = t.gan.generators_loss(t.data.batch(4))
    terms["cycle"].backward()
    for network in (t.gan.a2b, t.gan.b2a):
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_halving_is_invisible_to_adam():
    """Its steps do not see a factor of the loss; those of plain descent do."""
    found = [trainer("cyclegan", halve_discriminator=halve).fit(3).gan for halve in (True, False)]
    other = trainer("cyclegan", lr=1e-4).fit(3).gan
    for name, p in found[0].discriminator_a.named_parameters():
        q, r = (dict(gan.discriminator_a.named_parameters())[name] for gan in (found[1], other))
        assert (p - q).abs().max() < 2e-5 < 1e-4 < (p - r).abs().max()


def test_turns_and_fresh_fakes():
    t = trainer("cyclegan", n_critic=3)
    seen = []
    t.gan.pool_a.register_forward_pre_hook(lambda _, args: seen.append(args[0].clone()))
    t.fit(1)
    assert len(seen) == 3 and not torch.equal(seen[0], seen[1])


@pytest.mark.parametrize("name", ["cyclegan", "pix2pix"])
def test_a_resumed_run_is_the_same_to_the_byte(name, tmp_path):
    options = {"pool": 6} if name == "cyclegan" else {"model": "resnet"}
    whole = trainer(name, **options).fit(6)
    first = trainer(name, **options).fit(3)
    first.save(tmp_path / "x.safetensors")
    again = trainer(name, **options)
    again.resume(tmp_path / "x.safetensors")
    again.fit(3)
    for mine, other in zip(whole.gan.state_dict().values(), again.gan.state_dict().values(), strict=True):
        assert torch.equal(mine, other)
    if name == "cyclegan":
        assert whole.gan.pool_a.count == 6 and whole.gan.pool_a.images.abs().sum() > 0


# -- the history -------------------------------------------------------------------------------------------------------
def numbered(first, n):
    return torch.arange(first, first + n, dtype=torch.float32).view(n, 1, 1, 1)


def test_the_pool_fills_and_then_exchanges():
    pool = ImagePool(6, (1, 1, 1))
    assert torch.equal(pool(numbered(0, 4)), numbered(0, 4))
    assert torch.equal(pool(numbered(4, 4)), numbered(4, 4))  # two find room
    assert pool.images.flatten().tolist() == [0, 1, 2, 3, 4, 5] and pool.count == 6
    everything = set(range(6))
    for step in range(2, 200):
        new = set(range(4 * step, 4 * step + 4))
        shown = {int(x) for x in pool(numbered(4 * step, 4)).flatten()}
        kept = {int(x) for x in pool.images.flatten()}
        assert len(shown) == 4 and len(kept) == 6  # nothing is lost or doubled, whatever places were drawn
        assert shown | kept == everything | new
        everything = kept


def test_half_are_new_and_age_is_geometric():
    size, n = 5, 2
    pool, shown, ages = ImagePool(size, (1, 1, 1)), 0, []
    for step in range(8_000):
        found = pool(torch.full((n, 1, 1, 1), float(step))).flatten()
        if step > 100:
            fresh = found == step
            shown += fresh.sum().item()
            ages += (step - found[~fresh]).tolist()
    total = 2 * 7_899
    assert shown / total == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(total))
    leave = n / (2 * size)  # a stored image's chance to come out, in each step
    assert statistics.fmean(ages) == pytest.approx(1 / leave, rel=0.05)
    for age in (1, 2, 5, 10):
        share = sum(a == age for a in ages) / len(ages)
        assert share == pytest.approx(leave * (1 - leave) ** (age - 1), abs=0.01)
    assert abs(statistics.fmean(ages) - size) < abs(statistics.fmean(ages) - 2 * size)  # n = 1 would have age 2·size


def test_pools_of_other_sizes():
    assert torch.equal(ImagePool(0, (1, 1, 1))(numbered(0, 4)), numbered(0, 4))
    pool = ImagePool(3, (1, 1, 1))
    assert torch.equal(pool(numbered(0, 3)), numbered(0, 3))
    shown = pool(numbered(3, 8)).flatten().tolist()  # a batch larger than the pool
    assert len(shown) == 8 and {*shown, *pool.images.flatten().tolist()} == set(range(11))
    with pytest.raises(GanlibError, match="pool must be a whole number 0 or more, not -1"):
        ImagePool(-1, (1, 1, 1))
    assert not pool(torch.zeros(1, 1, 1, 1, requires_grad=True)).requires_grad


# -- Pix2Pix -----------------------------------------------------------------------------------------------------------
class Sum(nn.Module):
    """Input and translation ↦ their sum, pixel by pixel."""

    def forward(self, x):
        return x.sum(1, keepdim=True)


@pytest.mark.parametrize("direction", ["a2b", "b2a"])
def test_pix2pix_by_hand(direction):
    x, y = (A, B) if direction == "a2b" else (B, A)
    gan = Pix2Pix(Add(1.0), Sum(), direction, loss="lsgan")
    terms, _ = gan.generator_loss(Batch(A, other=B))
    assert terms["pair"].item() == pytest.approx(100 * (x + 1 - y).abs().mean().item())
    assert terms["fool"].item() == pytest.approx((2 * x + 1 - 1).square().mean().item())
    terms, stats = gan.discriminator_loss(Batch(A, other=B))
    expected = ((A + B - 1).square().mean() + (2 * x + 1).square().mean()) / 2
    assert terms["discriminator"].item() == pytest.approx(expected.item()) and gan.step_cache == {}
    assert stats["D(real)"].item() == (A + B).mean()
    terms, _ = Pix2Pix(Add(1.0), Sum(), direction, pair_norm="l2").generator_loss(Batch(A, other=B))
    assert terms["pair"].item() == pytest.approx(100 * (x + 1 - y).square().mean().item(), rel=1e-6)
    assert set(Pix2Pix(Add(1.0), Sum(), pair=0.0).generator_loss(Batch(A, other=B))[0]) == {"fool"}


def test_pix2pix_learns_a_negative():
    coarse = domains(size=4).a.pixels.repeat_interleave(4, 2).repeat_interleave(4, 3)
    data = Domains(Images(coarse), Images(255 - coarse), "negatives", paired=True)
    ganlib.seed(0)
    gan = ganlib.build("pix2pix", data.shape, model="resnet", width=8, blocks=1, layers=1, lr=5e-3)
    t = ganlib.Trainer(gan, data, 8, device="cpu", progress=False)
    x = data.a.normalised(torch.arange(20))
    before, after = (gan.translate(x) + x).abs().mean(), (t.fit(60).gan.translate(x) + x).abs().mean()
    assert after < 0.5 * before


# -- both --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["cyclegan", "pix2pix"])
def test_translating_and_showing(name):
    t = trainer(name, **({"model": "resnet"} if name == "pix2pix" else {}))
    t.fit(2)
    x = torch.rand(2, 3, 24, 32) * 2 - 1
    y = t.gan.translate(x)
    assert y.shape == x.shape and not y.requires_grad and t.gan.training
    assert torch.equal(t.sample(images=x), y) and torch.equal(t.gan.translate(x, "a2b"), y)
    assert t.gan.drawn(50, t.data).shape == (50, 3, 16, 16)  # more than the 20 there are
    for n, k in ((64, 6), (1, 6), (200, 12)):
        assert t.preview(n).shape == (k * k, 3, 16, 16)
    first, made, compared = t.preview(36).view(6, 6, 3, 16, 16)[:3]
    assert torch.allclose(made, t.gan.translate(first), atol=1e-6)
    if name == "cyclegan":
        assert torch.allclose(compared, t.gan.translate(made, "b2a"), atol=1e-6)
        back = t.preview(36).view(6, 6, 3, 16, 16)[3:]
        assert torch.allclose(back[1], t.gan.translate(back[0], "b2a"), atol=1e-6)
    else:
        rows = [((compared[i] - t.data.b.normalised(torch.arange(20))).abs().amax((1, 2, 3))) for i in range(6)]
        assert all(row.min() == 0 for row in rows)  # the pairs' other halves
    for wrong in ({"n": 4}, {}, {"n": 4, "images": x}):
        with pytest.raises(GanlibError, match=r"makes no samples out of nothing; expected images"):
            t.sample(**wrong)
    with pytest.raises(GanlibError, match="unknown direction of the game .* 'a2c'"):
        t.gan.translate(x, "a2c")
    with pytest.raises(GanlibError, match=r"expected \(N, C, H, W\)"):
        t.gan.translate(x[0])


def test_averages_and_snapshots():
    data = domains()
    ganlib.seed(0)
    gan, x = ganlib.build("cyclegan", data.shape, **SMALL), torch.rand(2, 3, 16, 16)
    shots = ganlib.Snapshots(2, images=x, direction="b2a")
    t = ganlib.Trainer(gan, data, 4, device="cpu", progress=False, ema_half_life=50, callbacks=[shots])
    t.callbacks.append(ganlib.Watch(2))
    t.fit(4)
    assert [step for step, _ in shots.frames] == [0, 2, 4] and "spread" in t.history
    assert set(t.ema.state_dict()) == {n for n in gan.state_dict() if n.startswith(("a2b", "b2a"))}
    assert not torch.equal(t.sample(images=x), gan.sample(images=x))


def test_what_the_data_must_be():
    with pytest.raises(GanlibError, match="'cyclegan' translates between two domains and was given 'set 0'; expected"):
        trainer("cyclegan", domains().a)
    with pytest.raises(GanlibError, match="drawn was given unpaired, and the game 'pix2pix' learns from pairs"):
        trainer("pix2pix", domains())
    assert trainer("cyclegan", domains(paired=True)).fit(1).step == 1  # pairs do no harm


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("cyclegan", {"cycle": -1.0}, "cycle=-1.0 was given; expected a finite number, 0 or more"),
        ("cyclegan", {"identity": math.inf}, "identity=inf was given"),
        ("cyclegan", {"loss": "lsgn"}, "unknown loss 'lsgn' .*did you mean 'lsgan'"),
        ("cyclegan", {"cycle_norm": "l3"}, "unknown distance 'l3'"),
        ("cyclegan", {"optimizer": "sgd"}, "unknown optimizer 'sgd'"),
        ("cyclegan", {"n_critic": 0}, "n_critic=0 was given"),
        ("cyclegan", {"layers": 4}, "at least 48"),
        ("cyclegan", {"model": "dcgan"}, "unknown model 'dcgan'.*; known: resnet, unet"),
        ("pix2pix", {"direction": "a2c"}, "unknown direction 'a2c'"),
        ("pix2pix", {"pair": math.nan}, "pair=nan was given"),
    ],
)
def test_wrong_values(name, options, words):
    with pytest.raises(GanlibError, match=words):
        ganlib.build(name, (3, 16, 16), **SMALL | options)
