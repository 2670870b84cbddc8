"""Pairs of domains made of real images: those of the CycleGAN paper by name, and your own folders.

The zips are those of the authors' server. Their checksums are published, with TensorFlow Datasets
(https://www.tensorflow.org/datasets/catalog/cycle_gan), so what another server sends is either the same or refused.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ganlib.data import files
from ganlib.data.domains import Domains
from ganlib.data.download import fetch
from ganlib.data.images import Images, whole
from ganlib.data.real import check_mirror
from ganlib.errors import GanlibError, unknown

# Folders with the zips in them, in the order in which they are tried: the authors' server, its old address, and copies.
MIRRORS = [
    "https://efrosgans.eecs.berkeley.edu/cyclegan/datasets/",
    "http://efrosgans.eecs.berkeley.edu/cyclegan/datasets/",
    "https://people.eecs.berkeley.edu/~taesung_park/CycleGAN/datasets/",
]
MORE_MIRRORS = {"horse2zebra": ["https://huggingface.co/datasets/kerls/cyclegan-horse2zebra/resolve/main/"]}

# Name: the first line of its documentation, and the SHA-256 of its zip. In a paired set, image i of A and image i of B
# show the same.
SETS = {
    "horse2zebra": (
        "Photographs of horses and of zebras, unpaired (117 MB download, once).",
        "a74d9d392eecca9966b51287a76ca126af473d9de4f3e8fc0e9cda08fa1730a1",
    ),
    "apple2orange": (
        "Photographs of apples and of oranges, unpaired (78 MB download, once).",
        "845a191e9af8926408ea597001cd03a452e3300a1f44a79fe329b3d59f6e3eb8",
    ),
    "summer2winter_yosemite": (
        "Photographs of Yosemite in summer and in winter, unpaired (133 MB download, once).",
        "167fe1726807a9d22bd106b4a6c0bd7953b688af924ac1bf967439c4961e49f9",
    ),
    "monet2photo": (
        "Paintings by Monet and photographs of landscapes, unpaired (305 MB download, once).",
        "88f91b00fc228f97c9411fbf1880ec1d119c98f1722e4cfcfaa2fb35fac05b04",
    ),
    "cezanne2photo": (
        "Paintings by Cézanne and photographs of landscapes, unpaired (280 MB download, once).",
        "3a6c10ca21f9485862f1cbd707744b9dc258954a04631271d23a3605eeb63cff",
    ),
    "ukiyoe2photo": (
        "Ukiyo-e prints and photographs of landscapes, unpaired (293 MB download, once).",
        "02a2a2fb5ecf425ca1bf86aca7304377da64a2a1d3b86df54eb65e4068bf3b08",
    ),
    "vangogh2photo": (
        "Paintings by Van Gogh and photographs of landscapes, unpaired (307 MB download, once).",
        "362c3473e70be0944bda08d49d660eafdc2854df55d697835b8186d1d79caaff",
    ),
    "iphone2dslr_flower": (
        "Photographs of flowers by a phone and by a camera, unpaired (340 MB download, once).",
        "8fcb5e374d631b107e1d961b8c4cd0a186aa2a4ff3e279923f4c426128de7113",
    ),
    "facades": (
        "Photographs of façades and drawings of their parts, paired (35 MB download, once).",
        "9a31ebf3a31b9b5cd195dd5bf62e9308e00cb94604d1019e3889ac84248695c0",
    ),
    "maps": (
        "Aerial photographs and maps of the same places, paired (1.5 GB download, once).",
        "639534f69dbf9f36bef8d6292a7698006361221f83f0285d7c9ca78afe6e8a9e",
    ),
}
PAIRED = ("facades", "maps")


def domains(
    path: str | None = None,
    size: int = 64,
    split: str = "train",
    n: int | None = None,
    paired: bool = False,
    on_error: str = "raise",
    augment: bool | None = None,
) -> Domains:
    """Two domains of your own pictures: a folder or a zip with trainA and trainB in it, or train/A and train/B.

    Args:
        path: the folder or the zip; for ``split="test"`` with testA and testB, or test/A and test/B.
        size: height and width of the images in pixels, 8 to 1024.
        split: ``"train"`` or ``"test"``.
        n: only the first n of each domain.
        paired: whether images of the same name belong together; ``1_A.jpg`` and ``1_B.jpg`` count as the same.
        on_error: ``"raise"`` stops at the first picture that cannot be used; ``"skip"`` leaves such pictures out, which
            is not possible where they are paired.
        augment: whether batches show crops and mirror images, see `ganlib.data.domains.varied`; None for those of the
            train split.

    Returns:
        Domains of images (n, 3, size, size).

    Raises:
        GanlibError: no such folder or zip, no images of a domain, one that cannot be used, names that do not pair, or a
            value out of range.
    """
    source = files.source(files.given("domains", path))
    return _domains(source, Path(path).expanduser().resolve().stem, size, split, n, paired, on_error, augment)


def sides(source: files.Source, split: str) -> dict[str, list[str]]:
    """The names of the pictures of both domains.

    Args:
        source: a folder or a zip.
        split: ``"train"`` or ``"test"``.

    Returns:
        ``"A"`` and ``"B"``, each with its entries; a domain that is not there has none.
    """
    found: dict[str, list[str]] = {}
    for side in "AB":
        places = f"/{split}{side}/", f"/{split}/{side}/"
        found[side] = [entry for entry in source.entries if any(place in f"/{entry}" for place in places)]
    return found


def _domains(
    source: files.Source,
    name: str,
    size: int,
    split: str,
    n: int | None,
    paired: bool,
    on_error: str,
    augment: bool | None,
) -> Domains:
    if split not in ("train", "test"):
        raise unknown(f"split of {name}", split, ("train", "test"))
    if paired and on_error == "skip":
        raise GanlibError(
            "on_error='skip' was given, but leaving one picture out would shift the pairs; remove the pair"
        )
    entries = sides(source, split)
    for side, found in entries.items():
        if not found:
            raise GanlibError(
                f"{source.name} holds no images in {split}{side} or {split}/{side}; expected {split}A and {split}B, "
                f"or {split}/A and {split}/B"
            )
    if paired:
        stems = [[Path(entry).stem.removesuffix(f"_{side}") for entry in found] for side, found in entries.items()]
        if stems[0] != stems[1]:
            odd = sorted(set(stems[0]) ^ set(stems[1]))
            raise GanlibError(
                f"the images of {source.name} do not pair: {split}A has {len(stems[0])}, {split}B has {len(stems[1])}"
                f"{f', and {odd[0]!r} is in one of them only' if odd else ''}; pass paired=False to use them unpaired"
            )
    if n is not None:
        n = whole("number of images", n, 1)
        least = min(map(len, entries.values()))
        if n > least:
            raise GanlibError(f"{n} images are more than the {least} of the smaller domain of {source.name}")
    a, b = (
        Images(files.decoded(source.only(found[:n]), size, on_error)[0], name=f"{name} {side}")
        for side, found in entries.items()
    )
    return Domains(a, b, name, paired=paired, augment=split == "train" if augment is None else augment)


def _by_name(name: str) -> Callable[..., Domains]:
    """The function that loads the set of this name."""

    def load(
        size: int = 256,
        split: str = "train",
        n: int | None = None,
        paired: bool = name in PAIRED,
        mirror: str | None = None,
        augment: bool | None = None,
    ) -> Domains:
        check_mirror(mirror)
        if split not in ("train", "test"):
            raise unknown(f"split of {name}", split, ("train", "test"))
        size = whole(f"size of {name}", size, 8, 1024)
        path = fetch(name, f"{name}.zip", SETS[name][1], _mirrors(name) if mirror is None else [mirror])
        return _domains(files.source(path), name, size, split, n, paired, "raise", augment)

    load.__name__ = load.__qualname__ = name
    load.__doc__ = f"""{SETS[name][0]}

    Args:
        size: height and width of the images in pixels, 8 to 1024.
        split: ``"train"`` or ``"test"``.
        n: only the first n of each domain.
        paired: whether a batch has images that belong together.
        mirror: address of a folder with {name}.zip, instead of the known ones.
        augment: whether batches show crops and mirror images, as in the paper; None for those of the train split.

    Returns:
        Domains of images (n, 3, size, size).

    Raises:
        GanlibError: a value out of range, an unknown split, no mirror in reach, or only damaged files there.

    *Source*: Zhu, Park, Isola and Efros, Unpaired image-to-image translation using cycle-consistent adversarial
    networks (2017).
    """
    return load


def _mirrors(name: str) -> list[str]:
    return MIRRORS + MORE_MIRRORS.get(name, [])


DATASETS = {"domains": domains} | {name: _by_name(name) for name in SETS}
DOWNLOADS = {name: lambda name=name: [(_mirrors(name), f"{name}.zip", SETS[name][1])] for name in SETS}
