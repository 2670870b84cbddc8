"""`ganlib translate`: pictures through a run of a game that translates."""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import Any

from ganlib.cli.trained import trained
from ganlib.errors import GanlibError


def add_to(commands: Any) -> None:
    """Put the command of this file among the others."""
    command = commands.add_parser(
        "translate",
        help="translate pictures with a run",
        description="Translate pictures with a run of a game that translates, e.g. cyclegan. PNGs of the same names go "
        "into the folder --out. Any picture that Pillow reads will do: it is turned as its EXIF data say, and put on "
        "white where it is transparent; of a film the first frame is taken. What has more than 1024×1024 pixels is "
        "translated in overlapping tiles; since the networks normalise each tile by itself, its colours may differ "
        "from those of a smaller copy (--size).",
    )
    command.add_argument("checkpoint", metavar="RUN", help="the run's folder, a checkpoint file, or zoo:NAME")
    command.add_argument("pictures", metavar="PICTURE", nargs="+", help="a file, or a folder of pictures")
    command.add_argument("--out", metavar="FOLDER", required=True, help="where the translations go")
    command.add_argument("--direction", metavar="WAY", help="a2b or b2a (default: a2b, or the only one of the run)")
    command.add_argument(
        "--size", type=int, metavar="PIXELS", help="scale the shorter side to so many (default: as it is)"
    )
    command.add_argument("--force", action="store_true", help="replace files that are there")
    command.add_argument("--device", default="auto", help="auto (default), cpu, cuda or cuda:N")
    command.set_defaults(run=translate)


def translate(args: argparse.Namespace) -> None:
    """`ganlib translate`: nothing is written before all pictures, names and options are known to be good."""
    from PIL import Image

    from ganlib import translation
    from ganlib.data import files
    from ganlib.data.images import whole
    from ganlib.device import resolve
    from ganlib.gans.translation import TranslationGAN
    from ganlib.training import checkpoint

    device = resolve(args.device)
    gan = trained(args.checkpoint)
    if not isinstance(gan, TranslationGAN):
        raise GanlibError(f"{args.checkpoint!r} is a run of {gan.name!r}; expected one of a game that translates")
    gan.to(device).translator(args.direction)
    if args.size is not None:
        whole("--size", args.size, files.SMALLEST)
    paths = pictures(args.pictures)
    targets = targets_in(Path(args.out), paths, args.force)
    remarks = [checked(path) for path in paths]
    checkpoint.writable(args.out)
    for path, target, remark in zip(paths, targets, remarks, strict=True):
        content = io.BytesIO()
        with Image.open(path) as image:
            translation.picture(gan, image, args.direction, args.size).save(content, "PNG")
        checkpoint.replace(target, content.getvalue())
        print(f"{target}  from {path}{remark}", flush=True)


def pictures(given: list[str]) -> list[Path]:
    """The files that are meant, each once; those of a folder in the order of their names."""
    from ganlib.data import files

    found: dict[Path, Path] = {}
    for word in given:
        path = Path(word)
        if path.is_dir():
            inside = [path / entry for entry in files.source(path).entries]
            if not inside:
                raise GanlibError(f"the folder {word!r} holds no pictures; expected some, or another folder")
        elif path.is_file():
            inside = [path]
        else:
            raise GanlibError(f"there is no picture {word!r}; expected a file or a folder")
        for file in inside:
            found.setdefault(file.resolve(), file)
    return list(found.values())


def targets_in(out: Path, pictures: list[Path], force: bool) -> list[Path]:
    """Where what is made of each goes: pictures of the same name get numbers."""
    targets, taken = [], set()
    inputs = {path.resolve() for path in pictures}
    for path in pictures:
        number, name = 1, path.stem
        while name.lower() in taken:  # some file systems take a and A for the same
            number += 1
            name = f"{path.stem}-{number}"
        taken.add(name.lower())
        target = out / f"{name}.png"
        if target.resolve() in inputs:
            raise GanlibError(f"{str(target)!r} would replace one of the given pictures; choose another --out")
        if target.exists() and not force:
            raise GanlibError(f"{str(target)!r} is there already; add --force to replace it, or choose another --out")
        targets.append(target)
    return targets


def checked(path: Path) -> str:
    """What is to be said of a picture that can be used, as the end of a line.

    Raises:
        GanlibError: it cannot be used.
    """
    from PIL import Image

    from ganlib.data import files

    try:
        with Image.open(path) as image:
            said = [f"the first of {image.n_frames} frames"] if files.moving(image) else []
            said += ["on white where it is transparent"] if files.transparent(image) else []
            files.rgb(image)
    except Exception as error:
        raise GanlibError(f"{str(path)!r} {files.why_not(error)}; nothing was written") from None
    return f" ({', '.join(said)})" if said else ""
