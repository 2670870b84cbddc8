"""Precision and captured phases, as far as a machine without a GPU can tell; test_cuda.py does the rest."""

import contextlib
import platform
import random
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from torch import nn

import ganlib
from ganlib.data.batch import Batch
from ganlib.device import full_precision
from ganlib.errors import GanlibError
from ganlib.gans.base import Phase, Player
from ganlib.training import Trainer, acceleration, optimizers
from ganlib.training.acceleration import WARM_UP, Engine, choose_precision

from .games import GAMES, Cloud, Cycle, Growing, Lazy, PenalisedCritic


def trainer(game=PenalisedCritic, data=None, **options):
    ganlib.seed(0)
    return Trainer(game(), data or Cloud(), 16, device="cpu", progress=False, **options)


def weights(t):
    return list(t.gan.state_dict().values())


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


# -- which precision ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("asked", "capability", "half_safe", "chosen"),
    [
        ("auto", None, True, "fp32"),  # a CPU
        ("auto", (9, 0), True, "bf16"),
        ("auto", (8, 0), False, "bf16"),
        ("auto", (7, 5), True, "fp16"),  # Colab's T4
        ("auto", (7, 5), False, "fp32"),
        ("auto", (6, 1), True, "fp16"),
        ("fp32", (9, 0), True, "fp32"),
        ("tf32", (8, 6), True, "tf32"),
        ("fp16", (7, 5), False, "fp16"),  # asked for is asked for
        ("bf16", None, True, "bf16"),
    ],
)
def test_which_precision(asked, capability, half_safe, chosen, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    device = torch.device("cpu" if capability is None else "cuda")
    assert choose_precision(asked, device, half_safe) == chosen


@pytest.mark.parametrize("asked", ["tf32", "bf16"])
def test_what_the_chip_has_not(asked, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla T4")
    with pytest.raises(GanlibError, match=f"precision '{asked}' was asked for, but Tesla T4 has none; use"):
        choose_precision(asked, torch.device("cuda"), True)
    with pytest.raises(GanlibError, match="precision 'tf32' was asked for, but device 'cpu' has none"):
        trainer(precision="tf32")
    with pytest.raises(GanlibError, match="unknown precision 'half'"):
        trainer(precision="half")


def gradients(precision, steps=1):
    ganlib.seed(0)
    gan = ganlib.build("gan", (1, 8, 8), model="mlp-small", latent_dim=8)
    ganlib.seed(1)
    data = ganlib.data.Images(torch.randint(256, (64, 1, 8, 8), dtype=torch.uint8))
    t = Trainer(gan, data, 16, device="cpu", progress=False, precision=precision).fit(steps)
    # A fused step has divided the scaled gradients by their scale.
    return {name: torch.cat([p.grad.flatten() for p in player.parameters()]) for name, player in t.players.items()}, t


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_gives_the_same_gradient_but_for_rounding(precision, monkeypatch):
    # The usual first scale, 65,536, is made to overflow and to shrink in the first steps.
    monkeypatch.setattr(torch.amp, "GradScaler", lambda device, real=torch.amp.GradScaler: real(device, 256.0))
    full, _ = gradients("fp32")
    half, t = gradients(precision)
    assert t.engine.precision == precision
    for name in full:
        assert half[name].dtype == torch.float32  # the weights and what they learn from stay whole
        away = (half[name] - full[name]).norm() / full[name].norm()
        assert 1e-5 < away < 0.06, (name, away)  # it rounds, and no more: other seeds are 0.012 to 0.041 away


def test_losses_see_logits_in_full_precision():
    seen = []

    class Watched(ganlib.gans.get("gan")):
        def generator_loss(self, batch):
            fake = self.generator(self.latent(len(batch)))
            logits = self.discriminator(fake)
            with full_precision(logits):
                seen.append((logits.dtype, self.discriminator(fake.float()).dtype))
            return {"generator": self.loss.generator(logits)}, {}

    ganlib.seed(0)
    gan = Watched(*ganlib.models.networks("mlp-small", (2,), 4), latent_dim=4)
    Trainer(gan, ganlib.load("ring"), 16, device="cpu", progress=False, precision="bf16").fit(1)
    assert seen == [(torch.float32, torch.float32)]


def test_an_overflow_is_skipped_and_the_scale_shrinks():
    class Overflows(PenalisedCritic):
        def generator_loss(self, batch):
            self.n = getattr(self, "n", 0) + 1
            terms, stats = super().generator_loss(batch)
            return {k: v.float() * (1e30 if self.n == 3 else 1) for k, v in terms.items()}, stats

    t = trainer(Overflows, precision="fp16").fit(2)
    t.engine.scalers["critic"].update(16.0)  # small enough for its penalty
    before, scale = [p.clone() for p in t.gan.generator.parameters()], t.engine.scale("generator").item()
    t.fit(1)
    assert all(torch.equal(a, b) for a, b in zip(before, t.gan.generator.parameters(), strict=True))
    assert t.engine.scale("generator").item() == scale / 2
    assert t.engine.scale("critic").item() == 16  # the other player's stays
    t.fit(1)
    assert not any(torch.equal(a, b) for a, b in zip(before, t.gan.generator.parameters(), strict=True))


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_resumes_to_the_same_bytes(precision, tmp_path):
    whole = trainer(precision=precision, ema_half_life=100).fit(10)
    whole.save(tmp_path / "half.safetensors")
    if precision == "fp16":
        assert whole.engine.state_dict()["critic"]["scale"] > 1
        whole.engine.scalers["critic"].update(1024.0)
        whole.save(tmp_path / "half.safetensors")
    whole.fit(10)
    again = trainer(precision=precision, ema_half_life=100).resume(tmp_path / "half.safetensors")
    if precision == "fp16":
        assert again.engine.state_dict()["critic"]["scale"] == 1024
    assert same(weights(whole), weights(again.fit(10)))


def test_a_run_may_go_on_in_another_precision(tmp_path):
    trainer(precision="fp16").fit(4).save(tmp_path / "x.safetensors")
    assert trainer(precision="fp32").resume(tmp_path / "x.safetensors").fit(2).step == 6
    trainer(precision="fp32").fit(4).save(tmp_path / "y.safetensors")
    assert trainer(precision="fp16").resume(tmp_path / "y.safetensors").fit(2).step == 6


# -- captured phases ---------------------------------------------------------------------------------------------------
class Replay:
    """Stands for a CUDA graph: each replay does again what was captured, and puts it where the capture had it."""

    def __init__(self, function):
        self.function, self.made, self.replays = function, ({}, [], []), 0

    def replay(self):
        self.replays += 1
        values, gradients, caches = self.function() or ({}, [], [])
        self.made[0].update(values)
        self.made[1][:], self.made[2][:] = gradients, caches


@pytest.fixture
def captured(monkeypatch):
    """Trainers that capture on the CPU; the list of what they captured."""
    found = []

    def capture(self, function):
        graph = Replay(function)
        found.append(graph)
        return graph, graph.made

    real = Engine.__init__

    def init(self, *args, **options):
        real(self, *args, **options)
        self._stream = object()

    monkeypatch.setattr(Engine, "__init__", init)
    monkeypatch.setattr(Engine, "_capture", capture)
    monkeypatch.setattr(acceleration, "_cpu_random_state", lambda: ())  # here the games draw on the CPU
    monkeypatch.setattr(torch.cuda, "get_sync_debug_mode", lambda: 0)
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", lambda mode: None)
    return found


@pytest.mark.parametrize("game", GAMES)
def test_captured_phases_play_the_same_game(game, captured, monkeypatch, capsys):
    t = trainer(game, log_every=7, ema_half_life=100).fit(30)
    assert captured and all(graph.replays for graph in captured)
    monkeypatch.undo()
    plain = trainer(game, log_every=7, ema_half_life=100).fit(30)
    assert same(weights(t), weights(plain)) and same(t.ema.state_dict().values(), plain.ema.state_dict().values())
    assert t.history.rows() == plain.history.rows()
    assert capsys.readouterr().err == ""


def test_a_phase_is_captured_after_its_warm_up(captured):
    t = trainer(Lazy)
    for steps, graphs in ((WARM_UP, 0), (1, 4), (10, 4)):  # gradients and update of two players; r1 and path are lazy
        t.fit(steps)
        assert len(captured) == graphs
    t.fit(16 * WARM_UP + 2 - t.step)
    assert len(captured) == 8


def test_another_stage_or_batch_size_is_captured_anew(captured):
    t = trainer(Growing).fit(13)  # 200 images at batch 16; then the batch is 8
    assert t.batch_size == 16 and len(captured) == 4
    t.fit(10)
    assert t.batch_size == 8 and len(captured) == 8 and captured[0].replays < 13 * 5

    class Staged(PenalisedCritic):
        @property
        def stage(self):
            return self.resolution

        def schedule(self, images_seen, batch_size):
            self.resolution = 4 if images_seen < 160 else 8

    captured.clear()
    trainer(Staged).fit(20)
    assert len(captured) == 8


def test_graphs_that_replace_others_have_a_pool_of_their_own(monkeypatch):
    """torch: "use_count > 0 INTERNAL ASSERT FAILED" for a pool without graphs in which a tensor is left."""
    handles, used = iter("abc"), []

    @contextlib.contextmanager
    def graph(graph, pool, **options):
        used.append(pool)
        yield

    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: next(handles))
    monkeypatch.setattr(torch.cuda, "CUDAGraph", object)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    engine = trainer().engine
    for stage in ("first", "first", "second", "second"):
        engine.enter(stage)
        engine._capture(lambda: None)
    engine.forget()
    engine._capture(lambda: None)
    assert used == list("aabbc")


def test_resuming_drops_what_was_captured(captured, tmp_path):
    """An optimiser gets new tensors from a checkpoint; a graph would go on writing to the old ones."""
    t = trainer().fit(6)
    assert t.engine._captured
    t.save(tmp_path / "x.safetensors")
    t.resume(tmp_path / "x.safetensors")
    assert not t.engine._captured
    t.fit(6)
    assert len(captured) == 8


def test_what_cannot_be_captured_is_played_as_usual_with_one_line(captured, monkeypatch, capsys):
    def refuse(self, function):
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nmore")

    monkeypatch.setattr(Engine, "_capture", refuse)
    t = trainer().fit(10)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 4 and len(set(said)) == 4  # once for each, not at each step
    assert said[0] == (
        "ganlib: critic's phase 0 is played without a CUDA graph: "
        "CUDA error: operation not permitted when stream is capturing"
    )
    assert same(weights(t), weights(_plain(10)))


def _plain(steps):
    t = trainer()
    t.engine._stream = None
    return t.fit(steps)


@pytest.mark.parametrize("draw", [lambda: torch.rand(1), lambda: np.random.rand(), lambda: random.random()])
def test_random_numbers_of_the_cpu_are_not_frozen(draw, captured, monkeypatch, capsys):
    monkeypatch.undo()  # the fixture looks away, for the games here draw on the CPU
    modes = {"get_sync_debug_mode": lambda: 0, "set_sync_debug_mode": lambda mode: None}
    for name, function in modes.items():
        monkeypatch.setattr(torch.cuda, name, function)
    engine = Engine(PenalisedCritic(), torch.device("cpu"), {})
    engine._stream, drawn = object(), []
    for _ in range(WARM_UP + 2):
        engine.run("the phase", lambda: drawn.append(draw()))
    said = capsys.readouterr().err
    assert said == (
        "ganlib: the phase is played without a CUDA graph: it draws random numbers on the CPU, "
        "which a graph would freeze\n"
    )
    assert len(set(map(float, drawn))) == WARM_UP + 2


def test_a_phase_that_waits_for_the_device_is_not_captured(captured, monkeypatch, capsys):
    class Waiting(PenalisedCritic):
        def generator_loss(self, batch):
            if mode == ["warn"]:
                warnings.warn("called a synchronizing CUDA operation (Triggered internally at …)", stacklevel=1)
                warnings.warn("something else", stacklevel=1)
            return super().generator_loss(batch)

    mode = ["default"]
    monkeypatch.setattr(torch.cuda, "get_sync_debug_mode", lambda: mode[0])
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", lambda new: mode.__setitem__(0, new))
    with pytest.warns(UserWarning, match="something else"):
        trainer(Waiting).fit(WARM_UP + 2)
    said = capsys.readouterr().err
    assert said.startswith("ganlib: generator's phase 1 is played without a CUDA graph: it waits for the device, at ")
    assert "test_acceleration.py:" in said and said.count("\n") == 1
    assert mode == ["default"] and len(captured) == 3


def test_what_phases_hand_each_other_reaches_a_captured_phase_from_an_ordinary_one(captured, monkeypatch):
    """The maker of a step's cache falls back, its reader is captured: the reader must not see old tensors."""
    real = Engine._capture

    def capture(self, function):
        if self._plays["translators's phase 0"] == WARM_UP + 1 and not captured:
            captured.append(None)
            raise RuntimeError("no")
        return real(self, function)

    monkeypatch.setattr(Engine, "_capture", capture)
    mixed = trainer(Cycle).fit(20)
    assert "translators's phase 0" not in mixed.engine._captured and "judges's phase 1" in mixed.engine._captured
    monkeypatch.undo()
    assert same(weights(mixed), weights(trainer(Cycle).fit(20)))


def test_a_batch_made_elsewhere_is_copied_to_where_the_graph_reads(captured):
    engine = Engine(PenalisedCritic(), torch.device("cpu"), {})
    engine._stream = object()
    seen = []

    def read(batch):
        seen.append((batch.images, batch.images.sum().item()))
        return {}, [], []

    for i in range(WARM_UP + 4):
        engine.run("x", read, Batch(torch.full((2, 2), float(i)), labels=torch.tensor([i, i])))
    replayed = seen[WARM_UP:]
    assert [total for _, total in replayed] == [4.0 * i for i in range(WARM_UP, WARM_UP + 4)]
    assert len({images.data_ptr() for images, _ in replayed}) == 1


def test_a_batch_of_words_cannot_be_captured(captured, capsys):
    engine = Engine(PenalisedCritic(), torch.device("cpu"), {})
    engine._stream = object()
    for _ in range(WARM_UP + 2):
        engine.run("x", lambda batch: ({}, [], []), Batch(torch.zeros(1, 2), captions=["red eyes"]))
    assert "its batch holds something other than tensors" in capsys.readouterr().err


# -- optimisers --------------------------------------------------------------------------------------------------------
def test_a_capturable_optimiser_goes_on_where_a_plain_one_stopped(tmp_path):
    """A run of a GPU resumed on a CPU, and the other way round: the file holds no habit of the machine."""
    plain, other = trainer(Cycle).fit(12), trainer(Cycle)
    saved = {name: optimizers.state(optimizer) for name, optimizer in plain.optimizers.items()}
    assert all("fused" not in g and "capturable" not in g for s in saved.values() for g in s["param_groups"])
    for name, optimizer in other.optimizers.items():
        optimizer.param_groups[0]["lr"] = torch.tensor(1.0)  # as a captured one has it
        optimizers.load(optimizer, saved[name])
        assert isinstance(optimizer.param_groups[0]["lr"], torch.Tensor) and optimizer.param_groups[0]["fused"]
        assert optimizer.param_groups[0]["lr"].item() == pytest.approx(plain.optimizers[name].param_groups[0]["lr"])
    optimizers.set_rates(other.optimizers, other.players, 20)
    assert other.optimizers["judges"].param_groups[0]["lr"].item() == pytest.approx(1e-3)


def test_an_optimiser_that_cannot_be_captured_is_said(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: object())
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    gan = PenalisedCritic()
    engine = Engine(gan, torch.device("cuda"), {"critic": torch.optim.SGD(gan.parameters(), 0.1)})
    assert engine._stream is None
    assert capsys.readouterr().err == "ganlib: no CUDA graphs: an optimiser has no form that can be captured\n"


# -- the rest of the engine --------------------------------------------------------------------------------------------
def test_convolutions_are_kept_channels_last_and_saved_as_others(tmp_path):
    def conv():
        ganlib.seed(0)
        gan = ganlib.build("gan", (3, 16, 16), model="dcgan-small", latent_dim=8)
        data = ganlib.data.Images(torch.randint(256, (64, 3, 16, 16), dtype=torch.uint8))
        return Trainer(gan, data, 16, device="cpu", progress=False, ema_half_life=100)

    t = conv()
    weight = t.gan.discriminator.layers[2].weight
    assert weight.is_contiguous(memory_format=torch.channels_last) and not weight.is_contiguous()
    t.fit(3).save(tmp_path / "x.safetensors")
    t.fit(3)
    again = conv().resume(tmp_path / "x.safetensors")
    assert again.gan.discriminator.layers[2].weight.is_contiguous(memory_format=torch.channels_last)
    assert same(weights(t), weights(again.fit(3)))

    class Grouped(PenalisedCritic):
        def __init__(self):
            super().__init__()
            self.extra = nn.Conv2d(4, 4, 3, groups=2)

    assert trainer(Grouped).gan.extra.weight.is_contiguous()


def test_deterministic_algorithms_only_while_training():
    seen = []
    t = trainer(deterministic=True, callbacks=[lambda t: seen.append(torch.are_deterministic_algorithms_enabled())])
    assert not torch.are_deterministic_algorithms_enabled()
    t.fit(2)
    assert seen == [True] * 3 and not torch.are_deterministic_algorithms_enabled()


def test_compiled_losses_play_the_same_game(monkeypatch, capsys):
    real = torch.compile
    monkeypatch.setattr(torch, "compile", lambda loss: real(loss, backend="aot_eager"))
    ganlib.seed(0)
    data = ganlib.load("ring")

    def play(**options):
        ganlib.seed(0)
        gan = ganlib.build("gan", (2,), model="mlp-small", latent_dim=4)
        return Trainer(gan, data, 16, device="cpu", progress=False, **options).fit(5)

    plain, compiled = play(), play(compile=True)
    assert capsys.readouterr().err == ""
    for one, other in zip(weights(plain), weights(compiled), strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_another_stage_is_compiled_anew(monkeypatch):
    """Whatever torch's limit of variants of a function, which a game that grows would come to with its last stages."""

    class Staged(PenalisedCritic):
        stage = "4"

        def schedule(self, images_seen, batch_size):
            self.stage = str(4 + images_seen // 48)  # three steps each

        def fake(self, n):
            return {"4": 1.0, "5": 2.0, "6": 3.0, "7": 4.0}[self.stage] * super().fake(n)

    real, made = torch.compile, []
    keep = lambda graph, _: made.append(graph) or graph
    monkeypatch.setattr(torch, "compile", lambda loss: real(loss, backend=keep))
    with torch._dynamo.config.patch(recompile_limit=1):
        t = trainer(Staged, compile=True).fit(12)
    assert len(made) == 4 and same(weights(t), weights(trainer(Staged).fit(12)))


def test_a_loss_that_cannot_be_compiled_is_played_as_usual(monkeypatch, capsys):
    def never(loss):
        def call(batch):
            raise RuntimeError("no compiler was found\nat line 7")

        return call

    monkeypatch.setattr(torch, "compile", never)
    t, plain = trainer(Cycle, compile=True).fit(3), trainer(Cycle).fit(3)
    said = capsys.readouterr().err.splitlines()
    reason = "is played without compilation: no compiler was found"
    assert said == [f"ganlib: translate {reason}", f"ganlib: judge {reason}"]
    assert same(weights(t), weights(plain))


def test_a_loss_that_fails_compiled_or_not_says_why(monkeypatch):
    """The eager loss's own error comes through, on the first call and on later ones."""
    monkeypatch.setattr(torch, "compile", lambda loss: loss)
    engine = trainer(compile=True).engine
    for good_calls in (0, 1, 2):
        calls = []

        def loss(batch, calls=calls, good_calls=good_calls):
            calls.append(batch)
            if len(calls) > good_calls:
                raise ZeroDivisionError("mine")
            return {}, {}

        prepared = engine.prepared(loss)
        for _ in range(good_calls):
            prepared(None)
        with pytest.raises(ZeroDivisionError, match="mine"):
            prepared(None)


@pytest.mark.parametrize(("game", "loss"), [(PenalisedCritic, "critic_loss"), (Lazy, "r1")])
def test_a_penalty_is_not_compiled(game, loss, monkeypatch, capsys):
    """With torch's own compilation: the error would come in the backward pass, and once it did not come at all."""
    real = torch.compile
    monkeypatch.setattr(torch, "compile", lambda loss: real(loss, backend="aot_eager"))
    t, plain = trainer(game, compile=True).fit(2), trainer(game).fit(2)
    said = capsys.readouterr().err.splitlines()
    assert f"ganlib: {loss} is played without compilation: it differentiates a derivative" in said
    for one, other in zip(weights(t), weights(plain), strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_no_needless_gradients():
    """The generator's turn makes no gradients of the critic's weights, and the critic's none of the generator's."""
    t = trainer()
    seen = {}

    real = t.engine.backward

    def backward(loss, player):
        for p in t.gan.parameters():
            p.grad = None
        real(loss, player)
        seen[player] = {name for name, p in t.gan.named_parameters() if p.grad is not None}

    t.engine.backward = backward
    t.fit(1)
    assert all(name.startswith("critic") for name in seen["critic"]) and len(seen["critic"]) == 4
    assert all(name.startswith("generator") for name in seen["generator"]) and len(seen["generator"]) == 4


def test_two_parts_of_one_player_share_an_optimiser():
    class Twice(PenalisedCritic):
        def phases(self):
            return [*super().phases(), Phase("critic", self.critic_loss)]

    t = trainer(Twice)
    assert list(t.optimizers) == ["critic", "generator"]
    t.fit(3)
    assert t.data.drawn == 3 * 7


def test_a_player_of_an_unknown_optimiser_has_its_own_rate():
    class Plain(PenalisedCritic):
        def players(self):
            sgd = lambda parameters, c=1.0: torch.optim.SGD(parameters, 0.1 * c)
            half = lambda step: 0.5**step
            return {name: Player(player.modules, sgd, half) for name, player in super().players().items()}

    t = trainer(Plain).fit(3)
    assert t.optimizers["critic"].param_groups[0]["lr"] == pytest.approx(0.1 * 0.25)


@pytest.mark.skipif(sys.platform != "linux" or platform.libc_ver()[0] != "glibc", reason="a habit of glibc")
def test_freed_memory_is_kept_for_the_next_step():
    code = """if True:
        import resource, torch
        from ganlib.device import keep_freed_memory

        def faults():
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            for _ in range(20):
                torch.empty(1 << 20).fill_(1.0)  # 4 MB, 1,024 pages
            return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 20

        torch.set_num_threads(1)
        before = faults()
        keep_freed_memory()
        faults()
        print(before, faults())
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = map(float, done.stdout.split())
    assert after < before / 4  # before: 1,024 where a page has 4 kB, 2 and more where the system gives large ones
