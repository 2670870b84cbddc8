"""`ganlib project`: the images that a run's generator can make nearest to given pictures."""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import Any

from ganlib.cli.trained import trained
from ganlib.cli.translate import checked, pictures, targets_in
from ganlib.errors import GanlibError


def add_to(commands: Any) -> None:
    """Put the command of this file among the others."""
    command = commands.add_parser(
        "project",
        help="find pictures among the images of a run",
        description="Find, for each picture, the style and the noise whose image comes nearest to it, in a run of a "
        "game with styles, e.g. stylegan2. The images go as PNGs of the same names into the folder --out. Of a picture "
        "the largest square in the middle is taken, in the size of the run.",
    )
    command.add_argument("checkpoint", metavar="RUN", help="the run's folder, a checkpoint file, or zoo:NAME")
    command.add_argument("pictures", metavar="PICTURE", nargs="+", help="a file, or a folder of pictures")
    command.add_argument("--out", metavar="FOLDER", required=True, help="where the images go")
    command.add_argument("--distance", default="pixels", help="pixels (default), or a network of the zoo: avatars")
    command.add_argument("--steps", type=int, default=1000, help="of Adam (default %(default)s)")
    command.add_argument("--seed", type=int, default=0, help="of all that is drawn (default %(default)s)")
    command.add_argument("--force", action="store_true", help="replace files that are there")
    command.add_argument("--device", default="auto", help="auto (default), cpu, cuda or cuda:N")
    command.set_defaults(run=project)


def project(args: argparse.Namespace) -> None:
    """`ganlib project`: nothing is written before all pictures, names and options are known to be good."""
    import torch
    from PIL import Image

    from ganlib import projection
    from ganlib.data import files
    from ganlib.device import resolve
    from ganlib.gans.styles import Styled
    from ganlib.metrics.features import to_bytes
    from ganlib.training import checkpoint

    device = resolve(args.device)
    gan = trained(args.checkpoint)
    if not isinstance(gan, Styled) or gan.recipe["shape"][0] != 3:
        raise GanlibError(f"{args.checkpoint!r} is a run of {gan.name!r}; expected one with styles, of colour images")
    gan, size = gan.to(device), gan.recipe["shape"][-1]
    paths = pictures(args.pictures)
    targets = targets_in(Path(args.out), paths, args.force)
    remarks = [checked(path) for path in paths]
    given = []
    for path in paths:
        with Image.open(path) as image:
            given.append(torch.from_numpy(files.picture(image, size).copy()).permute(2, 0, 1))
    real = torch.stack(given) / 127.5 - 1
    takes_noise = hasattr(gan.generator.synthesis, "sides")
    found = projection.project(gan, real, args.distance, steps=args.steps, noise=takes_noise, seed=args.seed)
    checkpoint.writable(args.out)
    made = to_bytes(found.images).permute(0, 2, 3, 1).cpu().numpy()
    for path, target, remark, pixels, distance in zip(paths, targets, remarks, made, found.distance, strict=True):
        content = io.BytesIO()
        Image.fromarray(pixels).save(content, "PNG")
        checkpoint.replace(target, content.getvalue())
        print(f"{target}  from {path}{remark}, distance {distance:.3g}", flush=True)
