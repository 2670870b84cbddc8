"""`ganlib train` and `ganlib recipes`."""

from __future__ import annotations

import argparse
import json
import platform
from dataclasses import replace
from pathlib import Path
from typing import Any

from ganlib import recipes
from ganlib.cli.pictures import at_least_one, draw, picture
from ganlib.cli.runs import RECORD, read_record, status
from ganlib.errors import GanlibError, say

# What a run is made with. --resume goes on with the same: another value would be another run.
SETTINGS = {"data": None, "size": None, "batch": 128, "ema": 10_000.0, "schedule": None, "seed": 0}
# How it is computed and kept. --resume takes these from the record too, but may change them.
MANNER = {"steps": 3000, "device": "auto", "precision": "auto", "accumulate": 1, "deterministic": False}
MANNER |= {"compile": False, "graphs": True, "checkpoint_every": 1000, "keep": 2, "tensorboard": False}
MANNER |= {"early_stop": False}
LOOK = 250  # steps between two looks at whether the game has gone wrong


def add_to(commands: Any) -> None:
    """Put the commands of this file among the others."""
    command = commands.add_parser(
        "train",
        help="train a GAN",
        description="Train a GAN. What it is made with is in a recipe; flags and --set change single values of it.",
        epilog="`ganlib recipes` lists the recipes, `ganlib recipes NAME` shows what one sets and what --set knows. "
        "On several GPUs: torchrun --nproc-per-node 2 -m ganlib train RECIPE …",
    )
    command.set_defaults(run=train)
    command.add_argument(
        "recipe", metavar="RECIPE", nargs="?", help="a recipe, a method, my.toml or my.toml:NAME; not with --resume"
    )
    command.add_argument(
        "--out", metavar="FOLDER", help=f"for checkpoints, samples.png and {RECORD} (default: runs/RECIPE, or -2, …)"
    )
    command.add_argument("--resume", action="store_true", help="go on with the run in --out, as it was started")
    command.add_argument("--quiet", action="store_true", help="no progress bar")

    made = command.add_argument_group("what the run is made with")
    _add(made, "data", metavar="NAME", help="a data set, see `ganlib data list`, or a path to your own images")
    _add(made, "size", type=int, metavar="PIXELS", help="height and width of the images")
    _add(made, "batch", type=int, metavar="N", help="samples per phase, over all processes")
    _add(made, "ema", type=float, metavar="IMAGES", help="half-life of the weight average, 0 for none")
    schedule = "factor on the learning rates over the steps, e.g. 'linear_decay(1000, 3000)'; see ganlib.gans.schedules"
    _add(made, "schedule", metavar="TEXT", help=schedule)
    _add(made, "seed", type=int, metavar="N", help="seed of everything random (default 0)")
    _add(made, "set", action="append", metavar="KEY=VALUE", help="an option of the method; may be given several times")

    how = command.add_argument_group("how it is computed")
    switch = argparse.BooleanOptionalAction
    _add(how, "steps", type=int, metavar="N", help="train until this step")
    _add(how, "device", help="auto (default), cpu, cuda or cuda:N")
    _add(how, "precision", help="auto (default), fp32, tf32, bf16 or fp16")
    _add(how, "accumulate", type=int, metavar="PARTS", help="cut each batch into so many parts: less memory")
    _add(how, "deterministic", action=switch, help="only algorithms that give the same bits each time")
    _add(how, "compile", action=switch, help="compile the losses with torch.compile")
    _add(how, "graphs", action=switch, help="CUDA graphs on a GPU (default on)")
    _add(how, "checkpoint_every", type=int, metavar="N", help="steps between checkpoints (default 1000)")
    _add(how, "keep", type=int, metavar="N", help="how many checkpoints to keep (default 2)")
    _add(how, "early_stop", action=switch, help="stop when samples are constant or the discriminator has won")
    _add(how, "tensorboard", action=switch, help="write FOLDER/tensorboard too")

    command = commands.add_parser(
        "recipes", help="list recipes, or show one", description="List recipes, or show all that one sets."
    )
    command.add_argument("recipe", metavar="NAME", nargs="?", help="a recipe, a method, my.toml or my.toml:NAME")
    command.set_defaults(run=show)


def _add(group: Any, name: str, **options: Any) -> None:
    # It leaves no trace unless it was given: what was said must be told from what is usual.
    group.add_argument(f"--{name.replace('_', '-')}", dest=name, default=argparse.SUPPRESS, **options)


# -- recipes -----------------------------------------------------------------------------------------------------------
def show(args: argparse.Namespace) -> None:
    """`ganlib recipes`: what there is, or what one sets."""
    from ganlib import gans

    if args.recipe is None:
        listed = recipes.shipped()
        about = {name: recipe.about.get("en", "") for name, recipe in listed.items()}
        about |= {n: (gans.get(n).__doc__ or "").splitlines()[0] for n in gans.names() if n not in listed}
        for name in sorted(about):
            print(f"{name:{max(map(len, about))}}  {about[name]}")
        return
    recipe = recipes.get(args.recipe)
    print("\n".join([f"{recipe.name}: {recipe.about.get('en', recipe.gan)}", *filter(None, [recipe.about.get("zh")])]))
    print(f"from {recipe.file or 'the method alone'}\n")
    missing = {"data": "not set: say --data", "size": "the data set's own", "schedule": "the rate stays"}
    for key in ("gan", "data", "size", "steps", "batch", "ema", "schedule"):
        value = getattr(recipe, key)
        print(f"{key:8}  {missing[key] if value is None else value}")
    print("\nwhat --set knows, with this recipe's values:")
    meanings, options = recipes.meanings(recipe.gan), gans.options(recipe.gan)
    width = max(map(len, meanings), default=0)
    for key, text in meanings.items():
        value, usual = recipe.options.get(key, options[key].default), options[key].default
        print(f"  {key:{width}} = {str(value):14} {text}" + ("" if value == usual else f"; default {usual}"))


# -- train -------------------------------------------------------------------------------------------------------------
def train(args: argparse.Namespace) -> None:
    """`ganlib train`: a new run, or more steps of an old one."""
    import torch

    from ganlib import data, gans, training
    from ganlib.device import resolve
    from ganlib.gans import schedules
    from ganlib.training import checkpoint, folder
    from ganlib.training.acceleration import choose_precision

    record, out = _resumed(args) if args.resume else _new(args)
    settings, manner, options = record["settings"], record["manner"], record["options"]
    # What can be refused is refused before the folder is made.
    at_least_one(steps=manner["steps"])
    if not settings["ema"] >= 0:
        raise GanlibError(f"--ema {settings['ema']} was given; expected a number of images, or 0 for no average")
    schedule = schedules.read(settings["schedule"]) if settings["schedule"] is not None else None
    choose_precision(manner["precision"], resolve(manner["device"]), half_safe=True)
    if not args.resume and folder.is_run(out):
        raise GanlibError(f"{str(out)!r} already holds a run; add --resume to go on with it, or choose another --out")
    size = {"size": settings["size"]} if settings["size"] else {}
    images = data.load(settings["data"], **size, **gans.get(record["gan"]).data_options)
    training.seed(settings["seed"])
    gan = gans.build(record["gan"], images, **options)
    record["options"] = gan.recipe["options"]  # all of them, with what the data have decided
    trainer = training.Trainer(
        gan,
        images,
        settings["batch"],
        learning_rate=schedule,
        ema_half_life=settings["ema"] or None,
        out=out,
        progress=not args.quiet,
        callbacks=[training.Watch(LOOK, stop=manner["early_stop"])],
        **{key: value for key, value in manner.items() if key not in ("steps", "early_stop")},
    )
    first = trainer.world.rank == 0
    if args.resume and checkpoint.in_folder(out):
        trainer.resume()
    elif args.resume and first:
        say(f"{str(out)!r} holds no checkpoint yet; the run starts again from step 0")
    if trainer.step >= manner["steps"]:
        raise GanlibError(
            f"--steps {manner['steps']} was given, but the run in {str(out)!r} is already at {trainer.step}"
        )
    if first:
        several = f" · {trainer.world.size} processes" if trainer.world.size > 1 else ""
        print(
            f"{record['recipe']} on {settings['data']} {tuple(images.shape)} · {trainer.device} · "
            f"{trainer.engine.precision}{several} · seed {settings['seed']} · "
            f"step {trainer.step} → {manner['steps']} · {out}",
            flush=True,
        )
        device = trainer.device
        record["device"] = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
        record |= {"processes": trainer.world.size, "torch": torch.__version__, "python": platform.python_version()}
        text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
        checkpoint.replace(out / RECORD, text.encode())
    try:
        trainer.fit(manner["steps"] - trainer.step)
    except torch.OutOfMemoryError:
        raise GanlibError(
            f"batches of {settings['batch']} do not fit into the memory of {trainer.device}; "
            f"expected a smaller --batch, or --accumulate {2 * manner['accumulate']}"
        ) from None
    if first:
        if trainer.stopped:
            print(f"stopped at step {trainer.step}: {trainer.stopped}")
        print(" · ".join(f"{name} {trainer.history[name][-1]:.3f}" for name in trainer.history.names()))
        print(f"samples: {picture(draw(trainer.preview, 64, settings['seed']), out / 'samples.png')}")
        print(f"more:    {trainer.gan.usage.replace('RUN', str(out))}")
    if trainer.world.size > 1:
        torch.distributed.destroy_process_group()


def _given(args: argparse.Namespace, names: Any) -> dict[str, Any]:
    return {name: getattr(args, name) for name in names if hasattr(args, name)}


def _new(args: argparse.Namespace) -> tuple[dict[str, Any], Path]:
    """The record and the folder of a new run: from its recipe and the command line."""
    if args.recipe is None:
        raise GanlibError("train was given no recipe; expected a name, see `ganlib recipes`")
    recipe = recipes.get(args.recipe)
    recipe = replace(recipe, **_given(args, ("data", "size", "batch", "ema", "schedule", "steps")))
    if recipe.data is None:
        raise GanlibError("--data was not given; expected the name of a data set, see `ganlib data list`")
    tried = {key: getattr(recipe, key) for key in ("data", "size", "batch", "ema", "schedule")}
    record = {
        "commands": [["ganlib", *args.arguments]],
        "recipe": args.recipe,
        "gan": recipe.gan,
        "settings": SETTINGS | tried | _given(args, ["seed"]),
        "options": dict(recipe.options) | recipes.parse(recipe.gan, getattr(args, "set", [])),
        "manner": MANNER | _given(args, MANNER) | {"steps": recipe.steps},
    }
    return record, Path(args.out) if args.out else _free(Path("runs") / recipe.name)


def _free(folder: Path) -> Path:
    """The folder, or the first of folder-2, folder-3, … that holds no run."""
    from ganlib.training.folder import is_run

    number, tried = 1, folder
    while is_run(tried):
        number += 1
        tried = folder.with_name(f"{folder.name}-{number}")
    return tried


def _resumed(args: argparse.Namespace) -> tuple[dict[str, Any], Path]:
    """The record and the folder of a run that goes on; what was said on the command line must agree with it."""
    from ganlib.training import folder

    if args.out is None:
        raise GanlibError("--resume was given without --out; expected the folder of the run to go on with")
    out = Path(args.out)
    if not folder.is_run(out):
        raise GanlibError(f"--resume was given, but {str(out)!r} holds no run to go on with")
    if status(out)["state"] == "running":
        raise GanlibError(f"another process is training in {str(out)!r}")
    record = read_record(out)
    if args.recipe not in (None, record["recipe"]):
        raise GanlibError(f"train {args.recipe} was given, but the run in {str(out)!r} is of {record['recipe']!r}")
    record["settings"] = SETTINGS | record["settings"]
    asked = [(f"--{key}", value, record["settings"][key]) for key, value in _given(args, SETTINGS).items()]
    chosen = recipes.parse(record["gan"], getattr(args, "set", []))
    asked += [(f"--set {key}", value, record["options"].get(key)) for key, value in chosen.items()]
    for flag, value, before in asked:
        if value != before:
            raise GanlibError(
                f"{flag} {value} was given, but the run in {str(out)!r} was started with "
                f"{'none' if before is None else before}; leave it out, or "
                f"choose another --out"
            )
    record["manner"] = MANNER | record["manner"] | _given(args, MANNER)
    record["commands"] = [*record["commands"], ["ganlib", *args.arguments]]
    return record, out
