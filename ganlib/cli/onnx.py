"""A game's sampling network as ONNX, and the proof that it still draws the same."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings

import torch

from ganlib.errors import GanlibError
from ganlib.gans.base import GAN, evaluating

TOLERANCE = 1e-3  # of samples in [-1, 1]: a quarter of a grey level is 2e-3


def convert(gan: GAN) -> bytes:
    """The generator in evaluation mode, as the content of an ONNX file.

    Args:
        gan: the game, with the weights to sample with.

    Returns:
        The model: inputs ``z`` (n, latent_dim) and what else the generator takes, ``labels`` (n,) or ``captions``
        (n, L), output ``samples`` (n, *shape), for any n; its metadata say which game.

    Raises:
        GanlibError: the game has no generator of latents, or a package is missing.
    """
    if not hasattr(gan, "generator") or not hasattr(gan, "inputs"):
        raise GanlibError(f"the game {gan.name!r} has no generator that makes samples of latents; nothing to export")
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise GanlibError(
            f"the package {error.name} is not installed; expected it from: pip install onnx onnxscript onnxruntime"
        ) from None
    inputs = gan.inputs(2)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with evaluating(gan.generator), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            gan.generator,
            tuple(inputs.values()),
            input_names=list(inputs),
            output_names=["samples"],
            dynamic_shapes=tuple({0: "n"} | ({1: "L"} if name == "captions" else {}) for name in inputs),
            dynamo=True,
            verbose=False,
        )
    if isinstance(program.model.graph.inputs[0].shape[0], int):
        raise GanlibError(f"the generator of {gan.name!r} works for one number of samples only; expected any number")
    program.model.metadata_props["ganlib"] = json.dumps(gan.recipe)
    return program.model_proto.SerializeToString()


def difference(gan: GAN, content: bytes) -> float | None:
    """The largest difference between samples of the model and of the game, from the same latents.

    Args:
        gan: what was converted.
        content: what `convert` returned.

    Returns:
        The difference, or None where onnxruntime is not installed.

    Raises:
        GanlibError: it is larger than `TOLERANCE`.
    """
    try:
        import onnxruntime
    except ImportError:
        return None
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    largest = 0.0
    for n in (1, 7):  # neither is the size it was converted with
        inputs = gan.inputs(n)
        made = torch.from_numpy(session.run(None, {name: given.cpu().numpy() for name, given in inputs.items()})[0])
        largest = max(largest, (made - gan.sample(**inputs).cpu()).abs().max().item())
    if not largest <= TOLERANCE:
        raise GanlibError(f"the ONNX model differs from torch by {largest:.1e}; expected at most {TOLERANCE}")
    return largest
