"""How fast are the data sets? Painting the embedded ones, decoding a folder of photographs, handing out batches.

python benchmarks/data.py  # prints and writes benchmarks/results/data.{json,md}
python benchmarks/data.py --steps 256 --sizes 32 --rounds 1 --no-write
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import common
from ganlib import data
from ganlib.data import avatars, digits, files, pairs
from ganlib.device import resolve

PHOTO = (640, 480)  # width and height of the photographs that are decoded, in pixels
BATCH = 64


def work(images: int, size: int, device: torch.device, folder: Path) -> dict[str, Callable[[], object]]:
    """What is timed for images of one size: its name and a function that makes `images` of them."""
    faces = avatars.lots(images, torch.Generator().manual_seed(0))
    found = {
        "paint avatars": lambda: avatars.render(faces, size, device),
        "paint horses": lambda: pairs.render(pairs.scenes(images, 0), size, "horse", device=device),
    }
    if device.type == "cpu":
        found["paint digits"] = lambda: digits.render(images, size, 0)
        found["decode photographs"] = lambda: files.decoded(files.source(folder), size)
    pixels = data.Images(avatars.render(faces, size).to(device))
    found[f"batches of {BATCH} avatars"] = lambda: [pixels.batch(BATCH) for _ in range(images // BATCH)]
    return found


def photographs(folder: Path, images: int) -> None:
    """Write JPEG files of the size that a telephone sends."""
    from PIL import Image

    faces = avatars.render(avatars.lots(16, torch.Generator().manual_seed(0)), 128)
    faces = [Image.fromarray(face.permute(1, 2, 0).numpy()).resize(PHOTO) for face in faces]
    for i in range(images):
        faces[i % len(faces)].save(folder / f"{i:05}.jpg", quality=90)


def measure(images: int, sizes: Sequence[int], rounds: int, device: torch.device) -> dict:
    """Time everything, each in `rounds` rounds after one that warms up, with an empty cache.

    Returns:
        A JSON-able record: per size and work the median of images per second.
    """
    rows: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "photographs"
        folder.mkdir()
        decoded = max(16, images // 16)
        photographs(folder, decoded)
        before = os.environ.get("GANLIB_CACHE")
        try:
            for size in sizes:
                for name, function in work(images, size, device, folder).items():
                    times = []
                    for i in range(rounds + 1):
                        os.environ["GANLIB_CACHE"] = f"{scratch}/{size}-{i}"  # what is kept would be read back
                        times.append(common.seconds(function, device))
                    count = decoded if name.startswith("decode") else images
                    rows.setdefault(name, {})[str(size)] = count / statistics.median(times[1:])
        finally:
            os.environ.pop("GANLIB_CACHE") if before is None else os.environ.update(GANLIB_CACHE=before)
    return {
        "benchmark": "data",
        **common.machine(device),
        "images": images,
        "rounds": rounds,
        "photographs": f"JPEG, {PHOTO[0]}×{PHOTO[1]}",
        "images_per_s": rows,
    }


def table(record: dict) -> str:
    """The record as Markdown."""
    sizes = list(next(iter(record["images_per_s"].values())))
    head = (
        f"Images per second. {common.where(record)} Medians of {record['rounds']} rounds of {record['images']:,} "
        f"images (photographs: {record['photographs']}).\n\n"
    )
    rows = [[name, *(f"{row[size]:,.0f}" for size in sizes)] for name, row in record["images_per_s"].items()]
    return head + common.markdown(["work", *(f"{size}×{size}" for size in sizes)], rows)


def main() -> None:
    parser = common.options(__doc__, steps=4096, rounds=5)
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 64, 128], help="in pixels (default 32 64 128)")
    args = parser.parse_args()
    record = measure(args.steps, args.sizes, args.rounds, resolve(args.device))
    common.finish(record, table(record), not args.no_write)


if __name__ == "__main__":
    main()
