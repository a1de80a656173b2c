"""Keras: mlp and dcgan as models of Keras' own layers, for TensorFlow, JAX and PyTorch."""

import math
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ganvas.core.errors import ConfigError, MissingExtraError
from ganvas.core.files import write_bytes
from ganvas.latent.export.check import difference, probe
from ganvas.latent.load import load_generator
from ganvas.layers.resample import Blur
from ganvas.models.base import Generator
from ganvas.models.dcgan import networks as dcgan
from ganvas.models.mlp import networks as mlp
from ganvas.runs.folder import writing

# Keras would look for TensorFlow; torch is there. Who has set a backend keeps it.
os.environ.setdefault("KERAS_BACKEND", "torch")
try:
    import keras
except ImportError as error:
    raise MissingExtraError(error.name or "keras", "keras", "writing Keras models") from None

LAST = {"data_format": "channels_last"}
"""TensorFlow convolves nothing else on a CPU."""


def write(run: str | Path, out: Path, *, root: Path) -> float:
    """Write the model, and return how far its pictures are from torch's."""
    G = load_generator(run, root=root)
    model = to_keras(G)
    largest = difference(G, pictures(model, *probe(G)))
    with writing(out), tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.keras")
        model.save(file)
        write_bytes(out, file.read_bytes())
    return largest


def to_keras(G: Generator) -> Any:
    """Return a functional model: z [b, z], and label [b] with classes, to images [b, h, w, c].

    They are in [-1, 1]. Raises ConfigError for other networks than mlp and dcgan.
    """
    match G:
        case mlp.Generator():
            shape = (G.channels, *G.size)
            body = [*G.hidden, G.pixels, G.out, nn.Unflatten(1, shape)]
        case dcgan.Generator():
            body = list(G.body)
        case _:
            raise ConfigError(
                f"only mlp and dcgan are made of layers that Keras has; this is a "
                f"{type(G).__module__.split('.')[-2]}: export it as onnx"
            )
    inputs = hidden = keras.Input((G.z_dim,), name="z")
    if G.latent.embedding is not None:
        label = keras.Input((), name="label", dtype="int32")
        inputs = [hidden, label]
        hidden = _join(hidden, label, G.latent.embedding)
    for layer in body:
        hidden = _translated(layer, hidden)
    images = keras.ops.clip(hidden, -1.0, 1.0)
    return keras.Model(inputs, images, name="generator")


def pictures(model: Any, z: Tensor, label: Tensor | None = None) -> Float[np.ndarray, "b c h w"]:
    """Run a Keras model, and put its channels where ours are."""
    given = z.numpy() if label is None else [z.numpy(), label.numpy()]
    images = keras.ops.convert_to_numpy(model(given, training=False))
    moved: Float[np.ndarray, "b c h w"] = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    return moved


def _join(z: Any, label: Any, embedding: nn.Embedding) -> Any:
    """`layers.condition.LabelledLatent`: the embedding has the mean square of z."""
    size = embedding.embedding_dim
    table = keras.layers.Embedding(embedding.num_embeddings, size)
    unit = keras.layers.UnitNormalization()(_filled(table, label, embedding.weight))
    return keras.layers.Concatenate()([z, keras.layers.Rescaling(math.sqrt(size))(unit)])


def _translated(layer: nn.Module, hidden: Any) -> Any:
    """Apply the Keras layer that computes the same, with the same weights."""
    new = keras.layers
    match layer:
        case nn.Linear():
            dense = new.Dense(layer.out_features, use_bias=layer.bias is not None)
            return _filled(dense, hidden, layer.weight.T, layer.bias)
        case nn.Conv2d() | nn.ConvTranspose2d():
            return _convolved(layer, hidden)
        case nn.BatchNorm1d() | nn.BatchNorm2d():
            norm = new.BatchNormalization(momentum=1 - (layer.momentum or 0), epsilon=layer.eps)
            weights = (layer.weight, layer.bias, layer.running_mean, layer.running_var)
            return _filled(norm, hidden, *weights)
        case nn.LeakyReLU():
            return new.LeakyReLU(negative_slope=layer.negative_slope)(hidden)
        case nn.ReLU():
            return new.ReLU()(hidden)
        case nn.Tanh():
            return new.Activation("tanh")(hidden)
        case nn.Upsample(scale_factor=2):
            return new.UpSampling2D(2, **LAST)(hidden)
        case nn.Unflatten():
            channels_first = new.Reshape(tuple(layer.unflattened_size))(hidden)
            return new.Permute((2, 3, 1))(channels_first)
        case Blur():
            return _blurred(layer, hidden)
    assert isinstance(layer, nn.Identity), f"{layer} has no counterpart yet"
    return hidden


def _convolved(layer: nn.Conv2d | nn.ConvTranspose2d, hidden: Any) -> Any:
    transposed = isinstance(layer, nn.ConvTranspose2d)
    kind = keras.layers.Conv2DTranspose if transposed else keras.layers.Conv2D
    convolution = kind(
        layer.out_channels,
        layer.kernel_size,
        strides=layer.stride,
        padding="same" if layer.padding[0] else "valid",
        use_bias=layer.bias is not None,
        **LAST,
    )
    # [out, in, h, w], transposed [in, out, h, w], to [h, w, in, out], transposed [h, w, out, in].
    return _filled(convolution, hidden, layer.weight.permute(2, 3, 1, 0), layer.bias)


def _blurred(layer: Blur, hidden: Any) -> Any:
    padded = keras.ops.pad(hidden, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="symmetric")
    blur = keras.layers.DepthwiseConv2D(3, use_bias=False, trainable=False, **LAST)
    point = nn.functional.pad(torch.ones(1, 1, 1, 1), (1, 1, 1, 1))
    kernel = layer(point)[0, 0]
    return _filled(blur, padded, kernel[..., None, None].expand(3, 3, hidden.shape[-1], 1))


def _filled(layer: Any, hidden: Any, *weights: Tensor | None) -> Any:
    """Apply a layer, then give it its weights: it has none before it has met its input."""
    result = layer(hidden)
    layer.set_weights([one.detach().cpu().numpy() for one in weights if one is not None])
    return result
