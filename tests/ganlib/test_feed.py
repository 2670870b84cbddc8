"""Data that do not fit on the device: batch by batch, to the same numbers."""

import pytest
import torch

import ganlib
from ganlib.data.batch import Batch
from ganlib.data.images import DoesNotFit, Images
from ganlib.errors import GanlibError
from ganlib.training import Trainer
from ganlib.training.feed import FromHost, feed

from .games import Cloud, Cycle, Growing, PenalisedCritic


class TooLarge(Cloud):
    def to(self, device):
        raise DoesNotFit(f"the 9,000 images need 99.0 GB, more than device {str(device)!r} has free")


def run(data, game=PenalisedCritic, **options):
    ganlib.seed(0)
    return Trainer(game(), data, 16, device="cpu", ema_half_life=100, progress=False, **options)


@pytest.mark.parametrize("game", [PenalisedCritic, Cycle, Growing])
def test_the_same_run_from_the_host_as_from_the_device(game, capfd):
    resident = run(Cloud(), game).fit(8)
    assert capfd.readouterr() == ("", "")
    hosted = run(TooLarge(), game).fit(8)
    said = capfd.readouterr().err
    assert said.count("\n") == 1 and "need 99.0 GB" in said and "stay in the host's memory" in said
    assert isinstance(hosted.data, FromHost) and hosted.data.shape == (2,)
    for mine, other in zip(resident.gan.state_dict().values(), hosted.gan.state_dict().values(), strict=True):
        assert torch.equal(mine, other)
    assert resident.history.state_dict()["series"] == hosted.history.state_dict()["series"]


def test_in_parts_and_resumed_from_the_host(tmp_path):
    whole = run(TooLarge(), accumulate=4).fit(4)
    whole.save(tmp_path / "half.safetensors")
    whole.fit(4)
    again = run(TooLarge(), accumulate=4).resume(tmp_path / "half.safetensors").fit(4)
    for mine, other in zip(whole.gan.parameters(), again.gan.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_every_part_of_a_batch_is_moved_and_the_rest_left():
    class Captioned(TooLarge):
        def batch(self, n):
            return Batch(torch.zeros(n, 2), torch.zeros(n, dtype=torch.int64), ["a word"] * n, torch.ones(n, 2))

    batch = feed(Captioned(), torch.device("meta")).batch(3)
    assert all(part.device.type == "meta" for part in (batch.images, batch.labels, batch.other))
    assert batch.captions == ["a word"] * 3


def test_a_set_keeps_its_length(capfd):
    class Large(Images):
        def to(self, device):
            raise DoesNotFit("too large")

    fed = feed(Large(torch.zeros(7, 1, 4, 4, dtype=torch.uint8)), torch.device("cpu"))
    assert len(fed) == 7 and fed.shape == (1, 4, 4) and len(fed.batch(5)) == 5


def test_other_errors_are_not_taken_for_it():
    class Broken(Cloud):
        def to(self, device):
            raise GanlibError("this machine has no such device")

    with pytest.raises(GanlibError, match="no such device"):
        run(Broken())
