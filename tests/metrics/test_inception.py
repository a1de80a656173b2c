"""FID's Inception: the names and shapes of the published file, its pools, and what is refused."""

import hashlib
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ganvas.core.errors import ConfigError
from ganvas.metrics import inception
from ganvas.metrics.inception import FILE, SHA256, Inception, Mixed, load_inception

SHAPES = {
    "Conv2d_1a_3x3.conv.weight": (32, 3, 3, 3),
    "Conv2d_4a_3x3.bn.running_var": (192,),
    "Mixed_5b.branch5x5_2.conv.weight": (64, 48, 5, 5),
    "Mixed_5b.branch_pool.conv.weight": (32, 192, 1, 1),
    "Mixed_5d.branch3x3dbl_3.conv.weight": (96, 96, 3, 3),
    "Mixed_5d.branch1x1.conv.weight": (64, 288, 1, 1),
    "Mixed_6a.branch3x3.conv.weight": (384, 288, 3, 3),
    "Mixed_6b.branch7x7_2.conv.weight": (128, 128, 1, 7),
    "Mixed_6c.branch7x7dbl_4.conv.weight": (160, 160, 7, 1),
    "Mixed_6e.branch7x7dbl_5.conv.weight": (192, 192, 1, 7),
    "Mixed_7a.branch3x3_2.conv.weight": (320, 192, 3, 3),
    "Mixed_7a.branch7x7x3_4.conv.weight": (192, 192, 3, 3),
    "Mixed_7b.branch1x1.conv.weight": (320, 1280, 1, 1),
    "Mixed_7b.branch3x3_2b.conv.weight": (384, 384, 3, 1),
    "Mixed_7c.branch3x3dbl_3a.conv.weight": (384, 384, 1, 3),
    "Mixed_7c.branch_pool.conv.weight": (192, 2048, 1, 1),
}
"""Of torchvision's inception_v3, whose names the published file has."""


@pytest.fixture(scope="module")
def network() -> Inception:
    torch.manual_seed(0)
    return Inception().eval()


def test_names_and_shapes_are_those_of_the_published_file(network: Inception) -> None:
    state = network.state_dict()
    for name, shape in SHAPES.items():
        assert tuple(state[name].shape) == shape, name
    # The file has 566 tensors, two of them the classifier's; 94 convolutions with 6 each.
    assert len(state) == 564
    # The published size without the top is 21,768,352; it has no BatchNorm factors.
    factors = sum(state[name].numel() for name in state if name.endswith("bn.weight"))
    assert sum(p.numel() for p in network.parameters()) - factors == 21_768_352


@torch.no_grad()
def test_sizes_between_the_blocks_are_those_of_the_paper(network: Inception) -> None:
    sizes = {}
    handles = [
        layer.register_forward_hook(
            lambda _m, _i, out, name=name: sizes.__setitem__(name, tuple(out.shape[1:]))
        )
        for name, layer in network.named_children()
    ]
    vectors = network(torch.rand(1, 1, 40, 40) * 2 - 1)
    for handle in handles:
        handle.remove()
    assert vectors.shape == (1, 2048)
    assert sizes["Conv2d_2b_3x3"] == (64, 147, 147)
    assert sizes["Conv2d_4a_3x3"] == (192, 71, 71)
    assert sizes["Mixed_5d"] == (288, 35, 35)
    assert sizes["Mixed_6e"] == (768, 17, 17)
    assert sizes["Mixed_7c"] == (2048, 8, 8)


@torch.no_grad()
def test_pools_are_those_of_the_network_of_2015(network: Inception) -> None:
    """The last channels of a block follow its pool: a mean without the border, or a maximum."""

    def pooled(block: Mixed, hidden: Tensor) -> Tensor:
        return block.get_submodule("branch_pool")(hidden)

    border = torch.ones(1, 1, 8, 8)
    count = F.avg_pool2d(border, 3, 1, 1)
    for name, channels in (("Mixed_5b", 192), ("Mixed_7b", 1280), ("Mixed_7c", 2048)):
        block = network.get_submodule(name)
        hidden = torch.rand(1, channels, 8, 8, generator=torch.manual_seed(0))
        expected = F.avg_pool2d(hidden, 3, 1, 1) / count
        if name == "Mixed_7c":
            expected = F.max_pool2d(hidden, 3, 1, 1)
        width = block.get_submodule("branch_pool.conv").out_channels
        torch.testing.assert_close(block(hidden)[:, -width:], pooled(block, expected))


@torch.no_grad()
def test_the_file_is_checked_and_its_classifier_is_left_out(
    network: Inception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / FILE
    torch.save(network.state_dict() | {"fc.weight": torch.zeros(1008, 2048)}, path)
    with pytest.raises(ConfigError, match=f"is not {FILE}.*not with 6726825d"):
        load_inception(path)
    with pytest.raises(ConfigError, match="there is no file"):
        load_inception(tmp_path / "other.pth")
    assert SHA256[:8] in FILE
    monkeypatch.setattr(inception, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    loaded = load_inception(path)
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    images = torch.rand(1, 3, 32, 32, generator=torch.manual_seed(0)) * 2 - 1
    assert torch.equal(loaded(images), network(images))
