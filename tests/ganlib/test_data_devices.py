"""The painted sets on another device: at most one grey level off, on at most one value of 10,000."""

import pytest
import torch

from ganlib.data import avatars, paintings, pairs
from ganlib.data.parallel import beside, in_parts

PEOPLE = avatars.lots(64, torch.Generator().manual_seed(0))
HANDS = torch.empty(64, paintings.PAINT_DRAWS, dtype=torch.uint8).random_(
    0, 256, generator=torch.Generator().manual_seed(0)
)
SETS = {
    "avatars": lambda device: avatars.render(PEOPLE, 64, device),
    "horses": lambda device: pairs.render(pairs.scenes(64, 0), 64, "horse", device=device)["pixels"],
    "zebras": lambda device: pairs.render(pairs.scenes(64, 0), 64, "zebra", device=device)["pixels"],
    "paintings": lambda device: paintings.render(PEOPLE, HANDS, 64, device),
}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", SETS)
def test_a_gpu_paints_the_same(name):
    here, there = SETS[name]("cpu"), SETS[name]("cuda")
    assert there.device.type == "cuda"
    off = (here.int() - there.cpu().int()).abs()
    assert off.max() <= 1 and (off > 0).float().mean() <= 1e-4


def test_new_tensors_are_made_where_one_is():
    """All constants of a drawing come from here: without it a GPU would meet tensors of the CPU."""
    for device in ("cpu", "meta"):
        with beside(torch.empty(1, device=device)):
            assert (
                torch.arange(3).device.type == torch.tensor([1.0]).device.type == torch.zeros(2).device.type == device
            )
    assert torch.zeros(1).device.type == "cpu"


def test_the_parts_cover_everything_once_and_come_in_order():
    before = torch.get_num_threads()
    inside = []
    found = in_parts(10, 3, lambda here: inside.append(torch.get_num_threads()) or range(10)[here], torch.device("cpu"))
    assert [list(part) for part in found] == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]
    assert set(inside) == {1} and torch.get_num_threads() == before
