"""Loading generators: every architecture comes back as it was, and headers are not trusted."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganvas.core.canvas import Resolution
from ganvas.core.device import Numerics
from ganvas.core.errors import ConfigError, GanvasError, RunError
from ganvas.latent.fold import fold_batch_norm
from ganvas.latent.load import load_generator
from ganvas.models import registry
from ganvas.models.base import Generator, seeded_latents
from ganvas.runs.folder import RunFolder
from ganvas.runs.generator_file import load_generator_file, save_generator


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "generator.safetensors"


def trained(
    arch: str, *, num_classes: int = 0, resolution: Resolution = 32, **settings: Any
) -> tuple[Generator, dict]:
    """A generator whose BatchNorm statistics are not those of the start, and its header."""
    config = registry.config_class(arch).from_dict({"arch": arch, "z_dim": 7} | settings)
    torch.manual_seed(1)
    G, _ = registry.build(config, channels=3, resolution=resolution, num_classes=num_classes)
    for name, tensor in G.state_dict().items():
        if name.endswith("running_mean"):
            tensor.normal_()
        elif name.endswith("running_var"):
            tensor.uniform_(0.5, 2.0)
    header = {"model": config.to_dict(), "channels": 3, "resolution": resolution}
    header |= {"num_classes": num_classes, "class_names": [f"c{k}" for k in range(num_classes)]}
    return G.eval(), header | {"nimg": 8, "metrics": {}}


def pictures(G: Generator) -> Tensor:
    label = torch.tensor([0, 1, 0]) if G.num_classes else None
    with torch.no_grad():
        images: Tensor = G(seeded_latents([0, 1, 2], G.z_dim), label)
    return images


@pytest.mark.parametrize("num_classes", [0, 2])
@pytest.mark.parametrize("arch", registry.names())
def test_every_architecture_comes_back(path: Path, arch: str, num_classes: int) -> None:
    G, header = trained(arch, num_classes=num_classes)
    save_generator(path, G.state_dict(), header)
    before = torch.random.get_rng_state()
    loaded = load_generator(path)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())
    assert vars(loaded)["class_names"] == tuple(header["class_names"])
    assert all(torch.equal(v, G.state_dict()[k]) for k, v in loaded.state_dict().items())
    # In one memory layout the sums are rounded alike: not nearly, but exactly the same pictures.
    Numerics(torch.device("cpu"), "fp32").place(G)
    assert torch.equal(pictures(loaded), pictures(G))


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-5), ("bf16", 0.04)])
@pytest.mark.parametrize("arch", registry.names())
def test_a_fast_generator_makes_the_same_pictures(
    path: Path, monkeypatch: pytest.MonkeyPatch, arch: str, precision: str, tolerance: float
) -> None:
    G, header = trained(arch, num_classes=2)
    save_generator(path, G.state_dict(), header)
    monkeypatch.setattr("ganvas.latent.load.choose_precision", lambda device: precision)
    fast = load_generator(path, fast=True)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    assert {p.dtype for p in fast.parameters()} == {dtype}
    assert pictures(fast).dtype == torch.float32
    # Fresh networks may leave [-1, 1], and bf16 rounds large numbers by more.
    expected = pictures(G)
    tolerance *= max(1.0, expected.abs().max().item())
    torch.testing.assert_close(pictures(fast), expected, atol=tolerance, rtol=0)


def test_half_precision_files_are_loaded_as_float(path: Path) -> None:
    G, header = trained("mlp")
    half = {k: v.half() if v.is_floating_point() else v for k, v in G.state_dict().items()}
    save_generator(path, half, header)
    torch.testing.assert_close(pictures(load_generator(path)), pictures(G), rtol=0, atol=0.01)


def test_a_run_is_loaded_by_folder_name_number_and_file(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, None, "faces")
    run.write_config({"format": 1})
    with pytest.raises(RunError, match="has no generator yet"):
        load_generator(run.path)
    G, header = trained("mlp")
    save_generator(run.path / "generator.safetensors", G.state_dict(), header)
    for name in (run.path, str(run.path), "00001-faces", "1", run.path / "generator.safetensors"):
        torch.testing.assert_close(pictures(load_generator(name, root=tmp_path)), pictures(G))
    with pytest.raises(RunError, match="no run 'face'"):
        load_generator("face", root=tmp_path)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"resolution": 64}, "does not fit its own header: pixels"),
        ({"channels": 1}, "does not fit its own header: pixels"),
        ({"num_classes": 3}, "does not fit its own header"),
        ({"class_names": ["a"]}, "1 names for 0 classes"),
        ({"resolution": 10**9}, "resolution: 1000000000 is no size"),
        ({"resolution": "32x10000"}, "resolution: 32x10000 is no size"),
        ({"resolution": "32x50"}, "describes a network that cannot be"),
        ({"resolution": 512}, "describes a network that cannot be"),
        ({"model": {"arch": "os"}}, "no architecture 'os'; choose from"),
        ({"model": {"arch": "../mlp"}}, "no architecture"),
        ({"model": {"arch": "mlp", "cmd": "x"}}, "cmd is not a setting"),
        ({"model": {}}, "name no arch"),
        ({"model": "mlp"}, "name no arch"),
        ({"model": {"arch": ["mlp"]}}, "name no arch"),
        # 200 layers of 8192 x 8192 would be 54 GB.
        ({"model": {"arch": "mlp", "z_dim": 7, "hidden_g": [8192] * 200}}, "does not fit its own"),
    ],
)
def test_a_header_is_checked_before_anything_is_built(
    path: Path, changes: dict[str, Any], sentence: str
) -> None:
    G, header = trained("mlp")
    save_generator(path, G.state_dict(), header | changes)
    with pytest.raises(GanvasError, match=sentence):
        load_generator(path)


def test_a_missing_weight_is_named(path: Path) -> None:
    G, header = trained("mlp")
    tensors = G.state_dict()
    del tensors["pixels.bias"]
    save_generator(path, tensors, header)
    with pytest.raises(RunError, match=r"pixels.bias is missing where the network has \(3072,\)"):
        load_generator(path)


def test_an_unknown_device(path: Path) -> None:
    G, header = trained("mlp")
    save_generator(path, G.state_dict(), header)
    with pytest.raises(ConfigError, match="abacus"):
        load_generator(path, device="abacus")


def test_fast_loading_leaves_no_batch_norm_in_a_dcgan(path: Path) -> None:
    G, header = trained("dcgan")
    save_generator(path, G.state_dict(), header)
    fast = load_generator(path, fast=True)
    assert any(isinstance(m, nn.BatchNorm2d) for m in load_generator(path).modules())
    assert not any(isinstance(m, nn.BatchNorm2d) for m in fast.modules())
    assert load_generator_file(path)[0].keys() == G.state_dict().keys()


LAYERS = {
    "linear": (nn.Linear(4, 6), nn.BatchNorm1d(6), (5, 4)),
    "linear without bias": (nn.Linear(4, 6, bias=False), nn.BatchNorm1d(6), (5, 4)),
    "conv, no scales": (nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6, affine=False), (5, 4, 8, 8)),
    "conv": (nn.Conv2d(4, 6, 3, bias=False), nn.BatchNorm2d(6), (5, 4, 8, 8)),
    "grouped conv": (nn.Conv2d(4, 6, 3, groups=2), nn.BatchNorm2d(6), (5, 4, 8, 8)),
    "transposed": (nn.ConvTranspose2d(4, 6, 4, 2, 1), nn.BatchNorm2d(6), (5, 4, 8, 8)),
}
UNFOLDABLE = {
    "linear, no scales": (nn.Linear(4, 6), nn.BatchNorm1d(6, affine=False), (5, 4)),
    "grouped transposed": (nn.ConvTranspose2d(4, 6, 4, groups=2), nn.BatchNorm2d(6), (5, 4, 8, 8)),
    "after an activation": (nn.ReLU(), nn.BatchNorm2d(4), (5, 4, 8, 8)),
    "without statistics": (
        nn.Conv2d(4, 6, 3),
        nn.BatchNorm2d(6, track_running_stats=False),
        (5, 4, 8, 8),
    ),
}


@pytest.mark.parametrize("case", LAYERS | UNFOLDABLE)
def test_folding_changes_no_output(case: str) -> None:
    layer, norm, shape = (LAYERS | UNFOLDABLE)[case]
    torch.manual_seed(2)
    if norm.running_mean is not None and norm.running_var is not None:
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2.0)
    network = nn.Sequential(nn.Sequential(layer, norm, nn.ReLU()), nn.Flatten()).eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    folded = fold_batch_norm(network)
    images = torch.randn(shape)
    torch.testing.assert_close(folded(images), network(images), rtol=0, atol=1e-5)
    assert any(m is type(norm) for m in map(type, folded.modules())) == (case in UNFOLDABLE)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
