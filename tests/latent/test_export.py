"""Exports make the pictures of the run, in other runtimes, and refuse what they cannot hold."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from test_load import trained

from ganvas.core.errors import ConfigError, GanvasError, MissingExtraError, RunError
from ganvas.latent.export import check
from ganvas.latent.export import keras as to
from ganvas.latent.export.api import chosen_format, export
from ganvas.latent.export.onnx import pictures, to_onnx
from ganvas.models import registry
from ganvas.models.base import seeded_latents
from ganvas.runs.generator_file import save_generator

# Keras' torch backend makes arrays of tensors in a way that numpy 2 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def saved(folder: Path, arch: str, **settings: Any) -> Path:
    G, header = trained(arch, **settings)
    path = folder / f"{arch}.safetensors"
    save_generator(path, G.state_dict(), header)
    return path


def expected(arch: str, z: torch.Tensor, label: torch.Tensor | None, **settings: Any) -> np.ndarray:
    G, _ = trained(arch, **settings)
    with torch.no_grad():
        images: np.ndarray = G(z, label).clamp(-1, 1).numpy()
    return images


@pytest.mark.parametrize("arch", registry.names())
def test_onnx_makes_the_same_pictures_in_batches_of_any_size(arch: str, tmp_path: Path) -> None:
    source = saved(tmp_path, arch, num_classes=2)
    done = export(source, tmp_path / "g.onnx")
    assert done.max_difference is not None
    assert done.max_difference < 1e-4
    assert done.num_bytes == (tmp_path / "g.onnx").stat().st_size
    model = (tmp_path / "g.onnx").read_bytes()
    about = onnx.load(tmp_path / "g.onnx")
    (props,) = about.metadata_props
    facts = {"z_dim": 7, "channels": 3, "resolution": 32, "class_names": ["c0", "c1"]}
    assert (props.key, json.loads(props.value)) == ("ganvas", facts)
    assert [one.name for one in about.graph.input] == ["z", "label"]
    for num in (1, 4):
        z = 3 * seeded_latents(range(num), 7)  # far out: linear outputs leave [-1, 1]
        label = torch.arange(num) % 2
        images = pictures(model, z, label)
        assert abs(images).max() <= 1
        np.testing.assert_allclose(
            images, expected(arch, z, label, num_classes=2), rtol=0, atol=1e-4
        )


def test_a_generator_without_classes_has_one_input() -> None:
    G, _ = trained("mlp")
    model = to_onnx(G)
    assert [one.name for one in onnx.load_from_string(model).graph.input] == ["z"]
    z = seeded_latents([3], 7)
    np.testing.assert_allclose(pictures(model, z), expected("mlp", z, None), rtol=0, atol=1e-4)


KERAS = [
    ("mlp", {"num_classes": 2}),
    ("mlp", {"norm": "none", "out": "linear"}),
    ("dcgan", {"num_classes": 2, "width": 8}),
    ("dcgan", {"width": 8, "blur": True, "norm_g": "none"}),
    ("dcgan", {"width": 8, "variant": "pooling", "num_classes": 3}),
    ("mlp", {"resolution": "20x30"}),
    ("dcgan", {"width": 8, "resolution": "24x32"}),
    ("dcgan", {"width": 8, "variant": "pooling", "resolution": "48x32"}),
]


@pytest.mark.parametrize(("arch", "settings"), KERAS, ids=str)
def test_keras_layers_make_the_same_pictures(
    arch: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    done = export(saved(tmp_path, arch, **settings), tmp_path / "g.keras")
    assert done.max_difference is not None
    assert done.max_difference < 1e-4
    model = to.keras.saving.load_model(tmp_path / "g.keras", compile=False)
    assert {type(layer).__module__.split(".")[0] for layer in model.layers} == {"keras"}
    for num in (1, 3):
        z = 3 * seeded_latents(range(num), 7)
        label = torch.arange(num) % 2 if "num_classes" in settings else None
        images = to.pictures(model, z, label)
        np.testing.assert_allclose(images, expected(arch, z, label, **settings), rtol=0, atol=1e-4)


def test_keras_refuses_what_it_has_no_layers_for(tmp_path: Path) -> None:
    for arch in set(registry.names()) - {"mlp", "dcgan"}:
        with pytest.raises(ConfigError, match=f"only mlp and dcgan .* this is a {arch}: .* onnx"):
            export(saved(tmp_path, arch), tmp_path / "g.keras")
    assert not (tmp_path / "g.keras").exists()


def test_the_generator_file_is_copied_as_it_is(tmp_path: Path) -> None:
    source = saved(tmp_path, "mlp")
    done = export(source, tmp_path / "copy.safetensors", format="safetensors")
    assert done.max_difference is None
    assert (tmp_path / "copy.safetensors").read_bytes() == source.read_bytes()
    source.write_bytes(source.read_bytes()[:5000])
    with pytest.raises(RunError, match="damaged"):
        export(source, tmp_path / "other.safetensors")
    assert not (tmp_path / "other.safetensors").exists()


def test_a_network_that_makes_other_pictures_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = saved(tmp_path, "mlp")
    monkeypatch.setattr(to, "_filled", lambda layer, hidden, *weights: layer(hidden))
    with pytest.raises(GanvasError, match="makes other pictures"):
        export(source, tmp_path / "g.keras")
    assert not (tmp_path / "g.keras").exists()
    G, _ = trained("mlp")
    wrong = np.full((len(check.SEEDS), 3, 32, 32), np.nan, np.float32)
    with pytest.raises(GanvasError, match="differ by nan"):
        check.difference(G, wrong)


@pytest.mark.parametrize(
    ("library", "ending", "extra"), [("onnxruntime", "onnx", "export"), ("keras", "keras", "keras")]
)
def test_a_missing_library_is_named_with_its_extra(
    library: str, ending: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, f"ganvas.latent.export.{ending}")
    with pytest.raises(MissingExtraError, match=rf"needs {library}.*'ganvas\[{extra}\]'"):
        export(saved(tmp_path, "mlp"), tmp_path / f"g.{ending}")


@pytest.mark.parametrize("format", [None, "onnx"])
def test_a_name_must_say_what_it_is(format: str | None) -> None:
    assert chosen_format(Path("a.ONNX"), format) == "onnx"
    with pytest.raises(ConfigError, match=r"a\.pt must end in .*\.onnx"):
        chosen_format(Path("a.pt"), format)
    with pytest.raises(ConfigError, match="choose from safetensors, onnx, keras, html"):
        chosen_format(Path("a.onnx"), "pickle")
