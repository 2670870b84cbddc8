"""Real images: handwritten digits that scikit-learn ships, MNIST and Fashion-MNIST by download."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

import torch
from torch import Tensor

from ganlib.data import cache
from ganlib.data.images import Images, resized, whole
from ganlib.errors import GanlibError, unknown

# Where the files of a set can be fetched, in the order in which they are tried; a mirror is a folder with the four
# files in it. The checksums are torchvision's.
MIRRORS = {
    "mnist": ["https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"],
    "fashion-mnist": ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"],
}
TIMEOUT = 20  # seconds without an answer after which a mirror is given up
OPTDIGITS_TRAIN = 1437  # of 1,797


def _images(
    pixels: Tensor, labels: Tensor, classes: tuple[str, ...], name: str, size: int | None, n: int | None
) -> Images:
    """The first n of a split, at the size asked for."""
    if n is not None:
        count = whole(f"number of {name} images", n, 1)
        if count > len(pixels):
            raise GanlibError(f"{count} images are more than the {len(pixels)} of this split of {name}")
        pixels, labels = pixels[:count].clone(), labels[:count].clone()  # a view would keep the rest in memory
    return Images(pixels if size is None else resized(pixels, size), labels, classes, name)


def optdigits(size: int | None = None, split: str = "train", n: int | None = None) -> Images:
    """1,797 real handwritten digits of 8×8 pixels, which scikit-learn ships: no download.

    Args:
        size: None for 8; another height and width, 8 to 256, is reached by antialiased bilinear interpolation.
        split: ``"train"``, the first 1,437 images; ``"test"``, the last 360; or ``"all"``. They are stored writer by
            writer, so the test images come mostly from hands that the training images do not show.
        n: only the first n of the split.

    Returns:
        Images (n, 1, size, size) with labels; the 17 grey levels of the source are spread over 0 to 255.

    Raises:
        GanlibError: a value out of range, or an unknown split.

    *Source*: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits (UCI, 1998), the test part.
    """
    parts = {"train": slice(OPTDIGITS_TRAIN), "test": slice(OPTDIGITS_TRAIN, None), "all": slice(None)}
    if split not in parts:
        raise unknown("split of optdigits", split, parts)
    if size is not None:
        size = whole("size of optdigits", size, 8, 256)
    from sklearn.datasets import load_digits

    bunch = load_digits()
    grey = torch.from_numpy(bunch.images).unsqueeze(1)[parts[split]]  # (N, 1, 8, 8), 0 to 16
    pixels = (grey * (255 / 16)).round().to(torch.uint8)
    labels = torch.from_numpy(bunch.target).to(torch.int64)[parts[split]]
    return _images(pixels, labels, tuple("0123456789"), "optdigits", size, n)


def mnist(size: int | None = None, split: str = "train", n: int | None = None, mirror: str | None = None) -> Images:
    """70,000 real handwritten digits of 28×28 pixels (12 MB download, once).

    Args:
        size: None for 28; another height and width, 8 to 256, is reached by antialiased bilinear interpolation.
        split: ``"train"``, 60,000 images, or ``"test"``, 10,000.
        n: only the first n of the split.
        mirror: address of a folder with the four files, instead of the known ones.

    Returns:
        Images (n, 1, size, size) with labels.

    Raises:
        GanlibError: a value out of range, an unknown split, no mirror in reach, or only damaged files there.

    *Source*: LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition (1998).
    """
    return _downloaded("mnist", "MNIST", tuple("0123456789"), size, split, n, mirror)


def fashion_mnist(
    size: int | None = None, split: str = "train", n: int | None = None, mirror: str | None = None
) -> Images:
    """70,000 real pictures of clothes of 28×28 pixels (31 MB download, once).

    Args:
        size: None for 28; another height and width, 8 to 256, is reached by antialiased bilinear interpolation.
        split: ``"train"``, 60,000 images, or ``"test"``, 10,000.
        n: only the first n of the split.
        mirror: address of a folder with the four files, instead of the known ones.

    Returns:
        Images (n, 1, size, size) with labels.

    Raises:
        GanlibError: a value out of range, an unknown split, no mirror in reach, or only damaged files there.

    *Source*: Xiao, Rasul and Vollgraf, Fashion-MNIST (2017).
    """
    classes = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat")
    classes += ("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
    return _downloaded("fashion-mnist", "FashionMNIST", classes, size, split, n, mirror)


def _downloaded(
    name: str,
    torchvision_name: str,
    classes: tuple[str, ...],
    size: int | None,
    split: str,
    n: int | None,
    mirror: str | None,
) -> Images:
    stems = {"train": "train", "test": "t10k"}
    if split not in stems:
        raise unknown(f"split of {name}", split, stems)
    if size is not None:
        size = whole(f"size of {name}", size, 8, 256)
    if mirror is not None and not str(mirror).startswith(("http://", "https://")):
        raise GanlibError(f"mirror must be an address that starts with http:// or https://, not {mirror!r}")
    from torchvision import datasets
    from torchvision.datasets import mnist as reader

    mirrors = MIRRORS[name] if mirror is None else [mirror]
    checksums = dict(getattr(datasets, torchvision_name).resources)
    tensors = []
    with tempfile.TemporaryDirectory() as unpacked:  # torchvision reads from files; the compressed ones are kept
        for stem, read in (
            ("images-idx3-ubyte", reader.read_image_file),
            ("labels-idx1-ubyte", reader.read_label_file),
        ):
            file = f"{stems[split]}-{stem}"
            content = _fetch(name, f"{file}.gz", checksums[f"{file}.gz"], mirrors)
            (Path(unpacked) / file).write_bytes(gzip.decompress(content))
            tensors.append(read(str(Path(unpacked) / file)))
    pixels, labels = tensors
    return _images(pixels.unsqueeze(1), labels, classes, name, size, n)


def _fetch(name: str, file: str, checksum: str, mirrors: list[str]) -> bytes:
    """A file from the cache folder or, failing that, from the first mirror that has it undamaged.

    A download is checked in memory, before it touches the disk: nothing damaged is kept, nothing good is overwritten.
    """
    path = cache.folder() / name / file
    try:
        content = path.read_bytes()
        if _md5(content) == checksum:
            return content
        cache.say(f"{path} is damaged (MD5 {_md5(content)} instead of {checksum}); fetching it again")
        path.unlink()
    except OSError:
        pass  # not there, or not readable: the mirrors will tell

    damaged, silent = [], []
    for mirror in mirrors:
        address = f"{mirror.rstrip('/')}/{file}"
        try:
            with urllib.request.urlopen(address, timeout=TIMEOUT) as answer:
                content = answer.read()
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            silent.append(f"{address}: {reason or type(error).__name__}")
            continue
        if _md5(content) == checksum:
            cache.write(path, content)
            return content
        damaged.append(f"{address} has {_md5(content)}")
    if damaged:
        raise GanlibError(
            f"the download of {file} ({name}) is corrupt: expected MD5 {checksum}, but {'; '.join(damaged)}; "
            f"nothing of it was kept, try again or pass another mirror="
        )
    raise GanlibError(
        f"cannot download {file} ({name}): {'; '.join(silent)}; "
        f"the data sets 'digits' and 'optdigits' come with ganlib and need no network"
    )


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


DATASETS = {"optdigits": optdigits, "mnist": mnist, "fashion-mnist": fashion_mnist}
