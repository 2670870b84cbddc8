"""Your own images: a folder, a zip, an ``.npz``, or a data set of the Hugging Face hub.

Pictures of any size and kind become square RGB images: turned as their EXIF data say, put on white where they are
transparent, scaled by an antialiasing filter (Lanczos) until the short side fits, and cut to the middle. That is done
once, in parallel, and kept in the cache folder. What is larger than a quarter of the memory is mapped from there: only
the images of a batch are read.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
import shutil
import stat
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from tqdm import tqdm

from ganlib.data import cache
from ganlib.data.download import size_text
from ganlib.data.images import Images, resized, whole
from ganlib.errors import GanlibError, unknown

VERSION = 1  # of what `picture` does: raise it whenever a byte of its results changes
SUFFIXES = ("avif", "bmp", "gif", "jfif", "jpeg", "jpg", "pgm", "png", "pnm", "ppm", "tif", "tiff", "webp")
SMALLEST = 8  # pixels of the short side; smaller pictures are counters and spacers of web pages, no photos
BOMB = 200  # times its own size that a zip may hold
CHUNK = 256  # pictures decoded at a time
HEADER = 1024  # bytes of a mapped file before the pixels


@dataclass(frozen=True)
class Source:
    """Pictures that have not been decoded yet.

    Args:
        name: what messages call them.
        entries: their names, each with a stamp that changes when the picture does.
        open: an entry's name to its picture, opened but not decoded.
        ignored: names of what lies among them and is no picture.
    """

    name: str
    entries: dict[str, str]
    open: Callable[[str], Image.Image]
    ignored: tuple[str, ...] = ()

    def only(self, names: list[str]) -> Source:
        """The same pictures, but only these."""
        return replace(self, entries={name: self.entries[name] for name in names})


class Unreadable(Exception):
    """Why a picture cannot be used."""


# -- one picture -------------------------------------------------------------------------------------------------------
def rgb(image: Image.Image) -> Image.Image:
    """A picture of any kind in RGB: turned as its EXIF data say, and on white where it is transparent.

    Args:
        image: opened by Pillow, not necessarily decoded, and not changed. Of several frames, the first is taken.

    Raises:
        Unreadable: it is too small or too large, or nobody knows what its values mean.
    """
    width, height = image.size
    if min(width, height) < SMALLEST:
        raise Unreadable(f"has {width}×{height} pixels, fewer than {SMALLEST} on a side")
    limit = Image.MAX_IMAGE_PIXELS
    if limit and width * height > limit:
        raise Unreadable(f"has {width:,}×{height:,} pixels, more than the {limit:,} that Pillow deems safe to decode")
    image = ImageOps.exif_transpose(image)
    if image.mode == "F" or image.mode.startswith("I"):
        values = np.asarray(image)
        if image.mode == "F" or values.min() < 0 or values.max() > 65535:
            raise Unreadable("has values beyond 16 bits, of which nobody knows which is white")
        image = Image.fromarray(((values.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8))
    elif transparent(image):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def transparent(image: Image.Image) -> bool:
    """Whether a picture says of its pixels how transparent they are."""
    return image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info


def moving(image: Image.Image) -> bool:
    """Whether a picture is a film, of which only the first frame is taken."""
    return image.format in ("GIF", "WEBP", "PNG", "AVIF") and getattr(image, "n_frames", 1) > 1


def why_not(error: Exception) -> str:
    """What is wrong with a picture, from what was raised when it was read: the end of a sentence that names it."""
    if isinstance(error, Unreadable):
        return str(error)
    if isinstance(error, UnidentifiedImageError):
        return "is no image, whatever its name says"
    # What a decoder raises on damaged bytes is not limited to any list.
    return f"cannot be read ({str(error).splitlines()[0] if str(error) else type(error).__name__})"


def picture(image: Image.Image, size: int) -> np.ndarray:
    """A picture of any size and kind as a square RGB image.

    Args:
        image: see `rgb`.
        size: height and width of the result in pixels.

    Returns:
        uint8 (size, size, 3).

    Raises:
        Unreadable: see `rgb`.
    """
    image = rgb(image)
    width, height = image.size  # the EXIF data may have turned it
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    # Scaling only the middle gives what scaling everything and then cutting gives; a strip of 9×900,000 pixels
    # would become a very large picture on the way.
    image = image.resize((size, size), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side))
    return np.asarray(image)


def _read(source: Source, name: str, size: int) -> tuple[np.ndarray | None, str, bool]:
    """(pixels or None, why not, whether there are more frames)."""
    try:
        with source.open(name) as image:
            more = moving(image)
            return picture(image, size), "", more
    except Exception as error:
        return None, why_not(error), False


# -- many pictures -----------------------------------------------------------------------------------------------------
def source(path: str | Path) -> Source:
    """The pictures of a folder, with all folders below it, or of a zip, in the order of their names.

    Hidden files and files whose names are not those of images are left aside. Links are followed, each folder once.

    Args:
        path: the folder or the zip.

    Returns:
        What is there.

    Raises:
        GanlibError: nothing there, no zip, or a zip that is damaged, encrypted, or out to do harm.
    """
    path = Path(path).expanduser()
    try:
        if path.is_dir():
            return _in_folder(path)
        if path.is_file():
            return _in_zip(path)
    except OSError as error:
        raise GanlibError(f"cannot read {str(path)!r}: {error.strerror or error}") from None
    raise GanlibError(f"{str(path)!r} is neither a folder nor a file; expected a folder of images or a zip")


def _is_image(name: str) -> bool:
    parts = PurePosixPath(name).parts
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    return not hidden and name.rpartition(".")[2].lower() in SUFFIXES


def _in_folder(folder: Path) -> Source:
    found: dict[str, str] = {}
    ignored, seen = [], set()
    for here, below, names in os.walk(folder, followlinks=True):
        identity = os.path.realpath(here)
        if identity in seen:  # a link led back: go no deeper
            below.clear()
            continue
        seen.add(identity)
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in names:
            file = Path(here, name)
            relative = file.relative_to(folder).as_posix()
            if not _is_image(relative):
                ignored.append(relative)
                continue
            try:
                status = file.stat()
            except OSError:  # a link to nowhere: reading it will say so
                found[relative] = ""
                continue
            if stat.S_ISREG(status.st_mode):
                found[relative] = f"{identity}/{name} {status.st_size} {status.st_mtime_ns}"
            else:
                ignored.append(relative)
    entries = {name: found[name] for name in sorted(found)}
    return Source(f"folder {str(folder)!r}", entries, lambda name: Image.open(folder / name), tuple(sorted(ignored)))


def _in_zip(path: Path) -> Source:
    name = f"zip {str(path)!r}"
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise GanlibError(f"{str(path)!r} is no zip, or a damaged one: {error}") from None
    infos = [info for info in archive.infolist() if not info.is_dir()]
    for info in infos:
        parts = PurePosixPath(info.filename.replace("\\", "/")).parts
        if ".." in parts or parts[:1] == ("/",) or ":" in parts[0]:
            raise GanlibError(
                f"{name} holds the entry {info.filename!r}, which points outside of it; such a file is not opened"
            )
        if info.flag_bits & 1:
            raise GanlibError(f"{name} is encrypted (entry {info.filename!r}); unpack it and pass path= to the folder")
    unpacked, packed = sum(info.file_size for info in infos), path.stat().st_size
    free = shutil.disk_usage(path.parent).free
    if unpacked > BOMB * packed or unpacked > free:
        raise GanlibError(
            f"{name} has {size_text(packed)} and claims to hold {size_text(unpacked)}, more than "
            f"{f'{BOMB} times as much' if unpacked > BOMB * packed else f'the free disk ({size_text(free)})'}; "
            f"it is not opened"
        )
    place = f"{path.resolve()} {packed} {path.stat().st_mtime_ns}"
    entries = {
        info.filename: f"{place} {info.file_size} {info.CRC}"
        for info in sorted(infos, key=lambda info: info.filename)
        if _is_image(info.filename)
    }
    ignored = tuple(info.filename for info in infos if info.filename not in entries)
    return Source(name, entries, lambda entry: Image.open(io.BytesIO(archive.read(entry))), ignored)


def decoded(source: Source, size: int, on_error: str = "raise") -> tuple[Tensor, Tensor]:
    """Pictures as square RGB images, from the cache or put there.

    Args:
        source: which pictures.
        size: height and width of the images in pixels, 8 to 1024.
        on_error: ``"raise"`` stops at the first picture that cannot be used; ``"skip"`` leaves such pictures out and
            says how many there are.

    Returns:
        pixels uint8 (N, 3, size, size), mapped from the disk if they are larger than a quarter of the memory; and
        bool (pictures,), which pictures they are.

    Raises:
        GanlibError: no pictures, one that cannot be used, a value out of range, or no room on the disk.
    """
    size = whole(f"size of the images of {source.name}", size, 8, 1024)
    if on_error not in ("raise", "skip"):
        raise unknown("on_error", on_error, ("raise", "skip"))
    if not source.entries:
        raise GanlibError(
            f"{source.name} holds no images (files ending in {', '.join(SUFFIXES)})"
            f"{f', only others, e.g. {source.ignored[0]!r}' if source.ignored else ''}"
        )
    if source.ignored:
        cache.say(f"{source.name}: other files left aside: {len(source.ignored):,}, e.g. {source.ignored[0]!r}")
    listing = json.dumps([VERSION, size, on_error, source.name, list(source.entries.items())])
    name = f"images-{size}px-{hashlib.sha256(listing.encode('utf-8', 'surrogateescape')).hexdigest()[:32]}"
    bytes_needed = len(source.entries) * 3 * size * size
    with cache.lock(name):
        if bytes_needed <= _memory() // 4:
            stored = cache.tensors(name, lambda: _in_memory(source, size, on_error))
        else:
            stored = _mapped(source, size, on_error, cache.folder() / f"{name}.mapped.safetensors")
    kept = stored["kept"].bool()
    if not kept.all():
        bad = [entry for entry, good in zip(source.entries, kept.tolist(), strict=True) if not good]
        cache.say(
            f"{source.name}: left out {len(bad):,} of {len(kept):,} pictures, which cannot be used, e.g. {bad[0]!r}"
        )
    return stored["pixels"], kept


def _memory() -> int:
    """Bytes of memory in this machine."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return 8 << 30


def _in_memory(source: Source, size: int, on_error: str) -> dict[str, Tensor]:
    pixels = torch.empty(len(source.entries), 3, size, size, dtype=torch.uint8)
    kept = torch.zeros(len(source.entries), dtype=torch.uint8)
    filled = 0
    for images, good in _chunks(source, size, on_error, kept):
        pixels[filled : filled + good] = images
        filled += good
    return {"pixels": pixels[:filled].clone() if filled < len(pixels) else pixels, "kept": kept}


def _mapped(source: Source, size: int, on_error: str, path: Path) -> dict[str, Tensor]:
    """The images in a file too large for the memory. Its length is checked, but not every byte."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)  # safetensors maps the file; nothing is read yet
    except FileNotFoundError:
        pass
    except (SafetensorError, OSError) as error:
        cache.say(f"{path} is damaged ({str(error).splitlines()[0]}); making it again")
    count = len(source.entries)
    needed = HEADER + count * (3 * size * size + 1)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if needed > shutil.disk_usage(path.parent).free:
            raise OSError(None, "No space left on device")
        kept = torch.zeros(count, dtype=torch.uint8)
        filled = 0
        with open(temporary, "wb") as file:
            file.seek(HEADER)
            for images, good in _chunks(source, size, on_error, kept):
                file.write(images.numpy())
                filled += good
            file.write(kept.numpy())
            end = filled * 3 * size * size
            header = {
                "pixels": {"dtype": "U8", "shape": [filled, 3, size, size], "data_offsets": [0, end]},
                "kept": {"dtype": "U8", "shape": [count], "data_offsets": [end, end + count]},
            }
            file.seek(0)
            file.write((HEADER - 8).to_bytes(8, "little") + json.dumps(header).ljust(HEADER - 8).encode())
        os.replace(temporary, path)
        return load_file(path)
    except OSError as error:
        raise GanlibError(
            f"cannot keep the {size_text(needed)} of decoded images of {source.name} in {path.parent}: "
            f"{error.strerror or error}; make room there, set GANLIB_CACHE to another folder, or take a smaller size"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)  # still there only if something went wrong, Ctrl-C included


def _chunks(source: Source, size: int, on_error: str, kept: Tensor) -> Iterator[tuple[Tensor, int]]:
    """Decode the pictures in order, a chunk at a time; fills `kept`. Pillow lets threads work in parallel."""
    names = list(source.entries)
    moving: list[str] = []
    first_bad = ""
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    bar = tqdm(
        desc=f"decoding {source.name}",
        total=len(names),
        disable=not sys.stderr.isatty(),
        unit=" images",
        dynamic_ncols=True,
    )
    with warnings.catch_warnings(), ThreadPoolExecutor(workers) as pool, bar:
        warnings.simplefilter("ignore")  # Pillow warns of odd EXIF data and, before we refuse it, of a large picture
        for first in range(0, len(names), CHUNK):
            part = names[first : first + CHUNK]
            good = []
            read = pool.map(lambda name: _read(source, name, size), part)
            for i, (name, (pixels, why, moves)) in enumerate(zip(part, read, strict=True), first):
                if pixels is None:
                    if on_error == "raise":
                        pool.shutdown(cancel_futures=True)
                        raise GanlibError(
                            f"{name!r} in {source.name} {why}; remove it, or pass on_error='skip' to leave such "
                            f"pictures out"
                        )
                    first_bad = first_bad or f"{name!r} {why}"
                    continue
                good.append(pixels)
                kept[i] = 1
                if moves:
                    moving.append(name)
            bar.update(len(part))
            if good:
                yield torch.from_numpy(np.stack(good)).permute(0, 3, 1, 2).contiguous(), len(good)
    if not kept.any():
        raise GanlibError(f"none of the {len(names):,} pictures of {source.name} can be used: {first_bad}")
    if moving:
        cache.say(
            f"{source.name}: moving pictures, of which only the first frame is taken: {len(moving):,}, "
            f"e.g. {moving[0]!r}"
        )


def _images(source: Source, size: int, n: int | None, labels: bool, on_error: str, name: str) -> Images:
    """A folder or a zip as a data set."""
    chosen = list(source.entries)
    classes: tuple[str, ...] = ()
    if labels:
        loose = [entry for entry in chosen if "/" not in entry]
        if loose:
            raise GanlibError(
                f"labels=True needs every image in a sub-folder, but {loose[0]!r} of {source.name} is not"
            )
        classes = tuple(sorted({entry.partition("/")[0] for entry in chosen}))
        if len(classes) < 2:
            raise GanlibError(
                f"labels=True needs at least two sub-folders with images, but {source.name} has {len(classes)}"
            )
    if n is not None:
        n = whole("number of images", n, 1)
        if n > len(chosen):
            raise GanlibError(f"{n} images are more than the {len(chosen)} of {source.name}")
        source = source.only(chosen := chosen[:n])
    pixels, kept = decoded(source, size, on_error)
    numbers = None
    if labels:
        numbers = torch.tensor([classes.index(entry.partition("/")[0]) for entry in chosen])[kept]
    return Images(pixels, numbers, classes, name)


# -- the data sets -----------------------------------------------------------------------------------------------------
def folder(
    path: str | None = None, size: int = 64, n: int | None = None, labels: bool = False, on_error: str = "raise"
) -> Images:
    """Your own pictures: all images of a folder and of the folders below it.

    Any size and kind will do: they are turned as their EXIF data say, put on white, scaled and cut to the middle.
    Hidden files and other files are left aside, with one line that counts them. That is done once and kept in the cache
    folder, until a file's name, size or time of change is another.

    Args:
        path: the folder.
        size: height and width of the images in pixels, 8 to 1024.
        n: only the first n, in the order of their names.
        labels: whether the sub-folders are classes; then there must be two or more, and no image outside of them.
        on_error: ``"raise"`` stops at the first picture that cannot be used: damaged, no image, smaller than 8 pixels,
            or larger than Pillow deems safe; ``"skip"`` leaves such pictures out and says how many there are.

    Returns:
        Images (n, 3, size, size), mapped from the disk if they are larger than a quarter of the memory.

    Raises:
        GanlibError: no such folder, no images in it, one that cannot be used, or a value out of range.
    """
    where = Path(given("folder", path)).expanduser()
    if not where.is_dir():
        raise GanlibError(f"path of folder must be a folder of images, but {str(path)!r} is {_what(where)}")
    return _images(source(where), size, n, labels, on_error, where.resolve().name or "folder")


def zip_file(
    path: str | None = None, size: int = 64, n: int | None = None, labels: bool = False, on_error: str = "raise"
) -> Images:
    """Your own pictures: all images of a zip, as of a folder.

    Args:
        path: the zip.
        size: height and width of the images in pixels, 8 to 1024.
        n: only the first n, in the order of their names.
        labels: whether the sub-folders are classes; then there must be two or more, and no image outside of them.
        on_error: ``"raise"`` stops at the first picture that cannot be used; ``"skip"`` leaves such pictures out.

    Returns:
        Images (n, 3, size, size), mapped from the disk if they are larger than a quarter of the memory.

    Raises:
        GanlibError: no zip, an encrypted or damaged one, one with entries that point outside of it or that holds more
            than 200 times its size, no images in it, one that cannot be used, or a value out of range.
    """
    where = Path(given("zip", path)).expanduser()
    if not where.is_file():
        raise GanlibError(f"path of zip must be a zip file, but {str(path)!r} is {_what(where)}")
    return _images(source(where), size, n, labels, on_error, where.stem)


def npz(path: str | None = None, size: int | None = None, n: int | None = None) -> Images:
    """Your own arrays: an .npz with images and, if you like, labels.

    The images are called ``images``, ``x`` or ``arr_0``: uint8 (N, H, W), (N, H, W, C) or (N, C, H, W) with C = 1 or 3.
    The labels are called ``labels`` or ``y``: whole numbers (N,), 0 or more. Nothing in the file is executed.

    Args:
        path: the file.
        size: None for what is there; another height and width, 8 to 1024, is reached by cutting to the middle and
            antialiased bilinear interpolation.
        n: only the first n.

    Returns:
        Images (n, C, H, W), with labels if there are any.

    Raises:
        GanlibError: no such file, a damaged one, arrays of another kind, or a value out of range.
    """
    where = Path(given("npz", path)).expanduser()
    if size is not None:
        size = whole("size of npz", size, 8, 1024)
    if not where.is_file():
        raise GanlibError(f"path of npz must be an .npz file, but {str(path)!r} is {_what(where)}")
    try:
        with zipfile.ZipFile(where) as archive:
            unpacked = sum(info.file_size for info in archive.infolist())
        if unpacked > _memory():
            raise GanlibError(f"{str(path)!r} holds {size_text(unpacked)}, more than this machine's memory")
        with np.load(where, allow_pickle=False) as arrays:
            keys = {kind: next((key for key in known if key in arrays), None) for kind, known in NPZ_KEYS.items()}
            if keys["images"] is None:
                raise GanlibError(
                    f"{str(path)!r} needs an array called {' or '.join(NPZ_KEYS['images'])}; "
                    f"it has {', '.join(arrays.files) or 'none'}"
                )
            pixels = arrays[keys["images"]]
            labels = None if keys["labels"] is None else arrays[keys["labels"]]
    except GanlibError:
        raise
    except Exception as error:  # numpy, zipfile and zlib have a dozen errors for damaged bytes, and MemoryError
        raise GanlibError(f"cannot read {str(path)!r} as an .npz: {str(error).splitlines()[0]}") from None
    found = f"{keys['images']} of {str(path)!r} is {pixels.dtype} {pixels.shape}"
    if pixels.dtype == np.uint8 and pixels.ndim == 3:
        pixels = pixels[:, None]
    elif pixels.ndim == 4 and pixels.shape[-1] in (1, 3):
        pixels = pixels.transpose(0, 3, 1, 2)
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1] not in (1, 3) or 0 in pixels.shape:
        raise GanlibError(f"{found}; expected uint8 (N, H, W), (N, H, W, C) or (N, C, H, W) with C = 1 or 3")
    if labels is not None:
        if labels.shape[:1] != pixels.shape[:1] or labels.size != len(pixels) or labels.dtype.kind not in "iu":
            raise GanlibError(
                f"{keys['labels']} of {str(path)!r} is {labels.dtype} {labels.shape}; "
                f"expected whole numbers ({len(pixels)},), one for each image"
            )
        labels = torch.from_numpy(labels.reshape(-1).astype(np.int64))
    if n is not None:
        n = whole("number of images", n, 1)
        if n > len(pixels):
            raise GanlibError(f"{n} images are more than the {len(pixels)} of {str(path)!r}")
        pixels, labels = pixels[:n], None if labels is None else labels[:n]
    pixels = torch.from_numpy(np.ascontiguousarray(pixels))
    if size is not None:
        height, width = pixels.shape[-2:]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        pixels = resized(pixels[:, :, top : top + side, left : left + side], size)
    return Images(pixels, labels, (), where.stem)


NPZ_KEYS = {"images": ("images", "x", "arr_0"), "labels": ("labels", "y")}


def huggingface(
    dataset: str | None = None,
    split: str = "train",
    column: str | None = None,
    size: int = 64,
    n: int | None = None,
    labels: str | None = None,
    on_error: str = "raise",
) -> Images:
    """A set of images of the Hugging Face hub, through the package datasets.

    Args:
        dataset: its name on the hub, e.g. ``"huggan/flowers-102-categories"``.
        split: the name of one of its splits.
        column: which column has the images; None for the only one that has any.
        size: height and width of the images in pixels, 8 to 1024.
        n: only the first n.
        labels: which column has the classes, None for no labels.
        on_error: ``"raise"`` stops at the first picture that cannot be used; ``"skip"`` leaves such pictures out.

    Returns:
        Images (n, 3, size, size), mapped from the disk if they are larger than a quarter of the memory.

    Raises:
        GanlibError: the package is not there, or it cannot load the set, no such column, or a value out of range.
    """
    dataset = given("huggingface", dataset, "dataset")
    try:
        from datasets import load_dataset  # a folder called datasets in the working folder has no such function
    except ImportError:
        raise GanlibError(
            "load('huggingface', …) needs the package datasets; install it with: pip install datasets"
        ) from None
    try:
        rows = load_dataset(dataset, split=split)
    except Exception as error:  # the network, the name, the split, the set's own code
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise GanlibError(f"cannot load {dataset!r}, split {split!r}, from the Hugging Face hub: {why}") from None
    features: dict[str, Any] = dict(rows.features)
    columns = [name for name, feature in features.items() if type(feature).__name__ == "Image"]
    if column is None and len(columns) != 1:
        raise GanlibError(
            f"{dataset!r} has {len(columns)} columns of images; pass column= one of {', '.join(columns or features)}"
        )
    column = columns[0] if column is None else column
    for name in (column, labels):
        if name is not None and name not in features:
            raise unknown(f"column of {dataset!r}", name, features)
    count = len(rows)
    if n is not None:
        count = whole("number of images", n, 1)
        if count > len(rows):
            raise GanlibError(f"{count} images are more than the {len(rows)} of {dataset!r}")
    stamp = f"{getattr(rows, '_fingerprint', '')} {column}"
    pictures = Source(
        f"data set {dataset!r} ({split})",
        {str(row): stamp for row in range(count)},
        lambda row: _as_picture(rows[int(row)][column]),
    )
    pixels, kept = decoded(pictures, size, on_error)
    numbers, classes = None, ()
    if labels is not None:
        try:
            numbers = torch.tensor([int(label) for label in rows[labels][:count]])[kept]
        except (TypeError, ValueError):
            raise GanlibError(f"column {labels!r} of {dataset!r} does not hold the numbers of classes") from None
        classes = tuple(getattr(features[labels], "names", None) or ())
    return Images(pixels, numbers, classes, dataset)


def _as_picture(value: Any) -> Image.Image:
    if not isinstance(value, Image.Image):
        raise Unreadable(f"is no picture but a {type(value).__name__}")
    return value.copy()  # closing ours must not close what the set may hand out again


def given(name: str, value: Any, option: str = "path") -> Any:
    """The value of an option that a data set cannot do without, or an error that says so."""
    if value is None or not isinstance(value, str | os.PathLike):
        raise GanlibError(f"data set {name!r} needs {option}=, not {value!r}")
    return value


def _what(path: Path) -> str:
    return "a folder" if path.is_dir() else "a file" if path.exists() else "not there"


DATASETS = {"folder": folder, "zip": zip_file, "npz": npz, "huggingface": huggingface}
