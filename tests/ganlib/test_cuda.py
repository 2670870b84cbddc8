"""What only a GPU can tell: captured graphs, half precision, the same bits again. Not run where there is none."""

import pytest
import torch

import ganlib
from ganlib.data.images import DoesNotFit
from ganlib.training import Trainer
from ganlib.training.acceleration import WARM_UP

from .games import Cloud, Cycle, Lazy, PenalisedCritic

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
SHAPE = (3, 32, 32)
GROWING = {"latent_dim": 16, "width": 8, "widest": 16, "start": 8, "fade": 256, "stable": 256}
LAZY = {"latent_dim": 16, "w_dim": 16, "width": 8, "widest": 16, "depth": 2, "r1_every": 4, "path_every": 2}


def pictures():
    pixels = torch.randint(256, (256, *SHAPE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return ganlib.data.Images(pixels)


MAKERS = {
    "ring": lambda: (ganlib.build("gan", (2,), model="mlp-small", latent_dim=4), ganlib.load("ring")),
    "mlp": lambda: (ganlib.build("gan", SHAPE, model="mlp", latent_dim=16), pictures()),  # batch norm in G
    "dcgan": lambda: (ganlib.build("gan", SHAPE, model="dcgan-small", latent_dim=16), pictures()),  # in both
    "wgan-gp": lambda: (ganlib.build("wgan-gp", SHAPE, model="mlp", latent_dim=16), pictures()),  # double backward
    "wgan": lambda: (ganlib.build("wgan", SHAPE, model="mlp", latent_dim=16), pictures()),  # clips in its steps
    "sngan": lambda: (ganlib.build("sngan", SHAPE, model="dcgan-small", latent_dim=16), pictures()),  # moves u and v
    "progan": lambda: (ganlib.build("progan", SHAPE, **GROWING), pictures()),  # through three levels
    "stylegan": lambda: (ganlib.build("stylegan", SHAPE, depth=2, **GROWING), pictures()),  # draws styles and noise
    "stylegan2": lambda: (ganlib.build("stylegan2", SHAPE, **LAZY), pictures()),  # two turns that come now and then
    "lazy": lambda: (Lazy(), Cloud()),
}


def trainer(name, **options):
    ganlib.seed(0)
    gan, data = MAKERS[name]()
    options = {"device": "cuda", "progress": False, "deterministic": True, "precision": "fp32"} | options
    return Trainer(gan, data, 32, **options)


def tensors(t):
    return t.gan.state_dict() | ({f"ema.{k}": v for k, v in t.ema.state_dict().items()} if t.ema else {})


@pytest.mark.parametrize("name", MAKERS)
def test_graphs_play_the_same_game(name, capsys):
    plain = trainer(name, graphs=False, ema_half_life=100).fit(40)
    fast = trainer(name, ema_half_life=100).fit(40)
    assert capsys.readouterr().err == ""  # nothing fell back
    assert len(fast.engine._captured) >= 4
    for key, value in tensors(plain).items():
        assert torch.allclose(value.double(), tensors(fast)[key].double(), rtol=1e-5, atol=1e-6), key
    for name_ in plain.history.names():
        assert fast.history[name_] == pytest.approx(plain.history[name_], rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("name", MAKERS)
def test_gradients_of_a_replay_are_those_of_the_ordinary_call(name):
    """After the same steps the next gradients agree, phase by phase."""
    found = []
    for graphs in (False, True):
        t = trainer(name, graphs=graphs).fit(WARM_UP + 2)
        taken = []
        average = t.world.average_
        t.world.average_ = lambda g, average=average, taken=taken: (average(g), taken.extend(x.clone() for x in g))
        t.fit(1)
        found.append([x for x in taken if x.ndim])
    assert found[0] and len(found[0]) == len(found[1])
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["dcgan", "wgan-gp", "sngan", "progan", "stylegan", "stylegan2"])
@pytest.mark.parametrize("graphs", [False, True])
def test_resumes_to_the_same_bytes(name, graphs, tmp_path):
    whole = trainer(name, graphs=graphs, ema_half_life=100).fit(20)
    whole.save(tmp_path / "half.safetensors")
    whole.fit(20)
    again = trainer(name, graphs=graphs, ema_half_life=100)
    ganlib.seed(9)
    again.resume(tmp_path / "half.safetensors").fit(20)
    assert all(torch.equal(a, b) for a, b in zip(tensors(whole).values(), tensors(again).values(), strict=True))


@pytest.mark.parametrize("precision", ["bf16", "fp16", "tf32"])
@pytest.mark.parametrize("name", ["mlp", "dcgan"])
def test_half_precision_under_graphs(name, precision, capsys):
    if precision != "fp16" and torch.cuda.get_device_capability() < (8, 0):
        pytest.skip(f"this GPU has no {precision}")
    t = trainer(name, precision=precision, deterministic=False).fit(60)
    assert capsys.readouterr().err == "" and len(t.engine._captured) == 4
    assert all(value.isfinite().all() for value in tensors(t).values())
    full = trainer(name).fit(60)
    for key in full.history.names():
        assert t.history[key][0] == pytest.approx(full.history[key][0], rel=0.15, abs=0.1)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("name", MAKERS)
def test_no_step_waits_for_the_device(name, precision):
    t = trainer(name, precision=precision, deterministic=False, log_every=1000, ema_half_life=100).fit(WARM_UP * 16 + 2)
    with t.engine.running():
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("error")
        try:
            for _ in range(5):
                t._take_step()
        finally:
            torch.cuda.set_sync_debug_mode("default")


def test_a_phase_that_waits_for_the_device_is_played_as_usual(capsys):
    """Indexing with a mask asks the device for a number; Cycle's history of fakes does."""
    ganlib.seed(0)
    t = Trainer(Cycle(), Cloud(), 16, device="cuda", progress=False).fit(10)
    said = capsys.readouterr().err
    assert "judges's phase 1 is played without a CUDA graph" in said
    assert t.step == 10 and all(value.isfinite().all() for value in t.gan.state_dict().values())


def test_data_that_do_not_fit_are_copied_batch_by_batch(monkeypatch, capsys):
    def full(self, device):
        raise DoesNotFit("the pictures need 999 GB")

    monkeypatch.setattr(ganlib.data.Images, "to", full)
    t = trainer("dcgan").fit(10)
    assert "stay in the host's memory" in capsys.readouterr().err
    assert len(t.engine._captured) == 4 and t.gan.device.type == "cuda"


def test_settings_of_the_process_come_back():
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark
    seen = []
    if torch.cuda.get_device_capability() < (8, 0):
        pytest.skip("this GPU has no TF32")
    t = trainer("mlp", precision="tf32", deterministic=False)
    t.callbacks.append(lambda t: seen.append(torch.get_float32_matmul_precision()))
    t.fit(1)
    assert set(seen) == {"high"}
    assert before == (
        torch.get_float32_matmul_precision(),
        torch.backends.cudnn.allow_tf32,
        torch.backends.cudnn.benchmark,
    )


def test_a_run_of_a_gpu_goes_on_on_a_cpu_and_back(tmp_path):
    trainer("dcgan").fit(5).save(tmp_path / "gpu.safetensors")
    there = trainer("dcgan", device="cpu").resume(tmp_path / "gpu.safetensors").fit(1)
    there.save(tmp_path / "cpu.safetensors")
    assert trainer("dcgan").resume(tmp_path / "cpu.safetensors").fit(WARM_UP + 3).step == 12


def test_captured_penalised_phase_of_a_hand_made_game(capsys):
    ganlib.seed(0)
    t = Trainer(PenalisedCritic(), Cloud(), 16, device="cuda", progress=False).fit(10)
    assert len(t.engine._captured) == 4 and capsys.readouterr().err == ""
