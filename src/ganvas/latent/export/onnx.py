"""ONNX: the generator for onnxruntime, in browsers, phones, C++, C#, Java and JavaScript."""

import contextlib
import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ganvas.core.errors import MissingExtraError
from ganvas.core.files import write_bytes
from ganvas.latent.export.check import difference, probe
from ganvas.latent.load import load_generator
from ganvas.latent.stations import class_names
from ganvas.models.base import Generator
from ganvas.runs.folder import writing

try:
    import onnxruntime
    import onnxscript  # noqa: F401  # torch's exporter needs it and would only say so half-way
    from onnx import helper
except ImportError as error:
    raise MissingExtraError(error.name or "onnx", "export", "writing ONNX files") from None


def write(run: str | Path, out: Path, *, root: Path) -> float:
    """Write the network, and return how far its pictures are from torch's."""
    G = load_generator(run, root=root)
    model = to_onnx(G)
    largest = difference(G, pictures(model, *probe(G)))
    with writing(out):
        write_bytes(out, model)
    return largest


def to_onnx(G: Generator) -> bytes:
    """Return an ONNX model: z [batch, z], and label [batch] with classes, to images in [-1, 1].

    The metadata entry `ganvas` is JSON with z_dim, channels, resolution and class_names.
    """
    z, label = probe(G)
    inputs = (z,) if label is None else (z, label)
    batch = torch.export.Dim("batch")
    with _quiet():
        program = torch.onnx.export(
            _Clamped(G),
            inputs,
            dynamo=True,
            dynamic_shapes=({0: batch},) * len(inputs),
            input_names=["z", "label"][: len(inputs)],
            output_names=["images"],
            verbose=False,
        )
    assert program is not None, "the dynamo exporter returns the program"
    model = program.model_proto
    facts = {"z_dim": G.z_dim, "channels": G.channels, "resolution": G.resolution}
    about = json.dumps(facts | {"class_names": class_names(G)})
    helper.set_model_props(model, {"ganvas": about})
    data: bytes = model.SerializeToString()
    return data


def pictures(
    model: bytes, z: Float[Tensor, "b z"], label: Int[Tensor, " b"] | None = None
) -> Float[np.ndarray, "b c h w"]:
    """Run an ONNX model in onnxruntime, on the CPU."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    given = {"z": z} if label is None else {"z": z, "label": label}
    (images,) = session.run(["images"], {name: tensor.numpy() for name, tensor in given.items()})
    found: Float[np.ndarray, "b c h w"] = images
    return found


class _Clamped(nn.Module):
    """Pictures that no reader has to clamp: not every architecture ends in tanh."""

    def __init__(self, G: Generator) -> None:
        super().__init__()
        self.G = G

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        images: Tensor = self.G(z, label).clamp(-1, 1)
        return images


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's notes on torchvision and on its own deprecations to itself."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
