"""Both distances against torchmetrics, which looks at uint8 pictures through our network."""

import pytest
import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from ganvas.core.pixels import from_uint8
from ganvas.features.vgg import VGG19, embed, load_vgg19
from ganvas.metrics.frechet import frechet_distance
from ganvas.metrics.kid import kernel_distance

pytestmark = pytest.mark.slow  # torchmetrics takes seconds to import


class Embedding(nn.Module):
    """The last numbers of `embed`, as torchmetrics wants a network: uint8 pictures in."""

    def __init__(self, vgg: VGG19, num_features: int) -> None:
        super().__init__()
        self.vgg = vgg
        self.num_features = num_features

    def forward(self, pictures: Tensor) -> Tensor:
        return embed(self.vgg, from_uint8(pictures))[:, -self.num_features :]


@pytest.fixture(scope="module")
def pictures() -> tuple[Tensor, Tensor]:
    generator = torch.manual_seed(0)
    real, fake = torch.randint(0, 256, (2, 8, 3, 32, 32), generator=generator).byte()
    return real, fake // 2


@pytest.mark.filterwarnings("ignore:Metric .Kernel Inception Distance. will save")
@torch.no_grad()
def test_kernel_distance(pictures: tuple[Tensor, Tensor]) -> None:
    real, fake = pictures
    network = Embedding(load_vgg19(), 1408)
    theirs = KernelInceptionDistance(feature=network, subsets=1, subset_size=len(real))
    theirs.update(real, real=True)
    theirs.update(fake, real=False)
    ours, _ = kernel_distance(network(real), network(fake), seed=0)
    assert ours == pytest.approx(theirs.compute()[0].item(), rel=1e-4)


@torch.no_grad()
def test_frechet_distance(pictures: tuple[Tensor, Tensor]) -> None:
    real, fake = pictures
    network = Embedding(load_vgg19(), 128)
    theirs = FrechetInceptionDistance(feature=network)
    theirs.update(real, real=True)
    theirs.update(fake, real=False)
    ours = frechet_distance(network(real), network(fake))
    assert ours == pytest.approx(theirs.compute().item(), rel=1e-4)
