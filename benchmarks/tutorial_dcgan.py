"""The DCGAN of PyTorch's tutorial, written as plainly as there: the baseline to beat.

Layers, start, loss, optimisers and loop are the tutorial's: fp32, binary cross-entropy behind a
sigmoid, D's two passes with a backward each, and every loss read with `.item()` at every step.
Only the data differs: pictures already in memory. At 32 px one pair of layers is left out.

    python benchmarks/tutorial_dcgan.py builtin:digits --resolution 32 --minutes 2 -o digits.png
"""

import argparse
import itertools
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

Z_DIM = 100
BATCH = 64


def build_generator(resolution: int, channels: int, width: int = 64) -> nn.Sequential:
    """z [b 100 1 1] -> 4x4 -> ... -> pictures in [-1, 1]."""
    widths = [width * 2**k for k in range(resolution.bit_length() - 3)][::-1]
    layers = [nn.ConvTranspose2d(Z_DIM, widths[0], 4, 1, 0, bias=False)]
    for before, after in itertools.pairwise(widths):
        layers += [nn.BatchNorm2d(before), nn.ReLU(True)]
        layers += [nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False)]
    layers += [nn.BatchNorm2d(widths[-1]), nn.ReLU(True)]
    layers += [nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1, bias=False), nn.Tanh()]
    return nn.Sequential(*layers)


def build_discriminator(resolution: int, channels: int, width: int = 64) -> nn.Sequential:
    """Pictures -> ... -> 4x4 -> the probability of being real."""
    widths = [width * 2**k for k in range(resolution.bit_length() - 3)]
    layers = [nn.Conv2d(channels, widths[0], 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)]
    for before, after in itertools.pairwise(widths):
        layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False)]
        layers += [nn.BatchNorm2d(after), nn.LeakyReLU(0.2, inplace=True)]
    return nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, 1, 0, bias=False), nn.Sigmoid())


def init_weights(layer: nn.Module) -> None:
    """N(0, 0.02) for convolutions, N(1, 0.02) for the scales of batch norm."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, 0.02)
        nn.init.constant_(layer.bias, 0)


def batches(images: Tensor, batch_size: int) -> Iterator[Tensor]:
    """Shuffled epochs without end; images are uint8 or float in [-1, 1], [n c h w]."""
    while True:
        for chosen in torch.randperm(len(images)).split(batch_size):
            batch = images[chosen]
            yield batch.float() / 127.5 - 1 if batch.dtype == torch.uint8 else batch


def tutorial_steps(
    images: Tensor, *, seed: int = 0, width: int = 64, device: str = "cpu"
) -> Iterator[tuple[nn.Sequential, float, float]]:
    """Train on pictures in memory: yield (G, loss of D, loss of G) after every step, for ever."""
    channels, resolution = images.shape[1:3]
    shape = {"channels": channels, "resolution": resolution, "width": width}
    return steps_over(batches(images, BATCH), **shape, seed=seed, device=device)


def steps_over(
    batches: Iterable[Tensor],
    *,
    channels: int,
    resolution: int,
    seed: int = 0,
    width: int = 64,
    device: str = "cpu",
) -> Iterator[tuple[nn.Sequential, float, float]]:
    """Yield (G, loss of D, loss of G) after the step of each batch of floats in [-1, 1]."""
    torch.manual_seed(seed)
    G = build_generator(resolution, channels, width).to(device).apply(init_weights)
    D = build_discriminator(resolution, channels, width).to(device).apply(init_weights)
    criterion = nn.BCELoss()
    optimizer_d = torch.optim.Adam(D.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizer_g = torch.optim.Adam(G.parameters(), lr=2e-4, betas=(0.5, 0.999))

    for batch in batches:
        D.zero_grad()
        real = batch.to(device)
        label = torch.full((len(real),), 1.0, device=device)
        output = D(real).view(-1)
        loss_d_real = criterion(output, label)
        loss_d_real.backward()
        output.mean().item()

        fake = G(torch.randn(len(real), Z_DIM, 1, 1, device=device))
        label.fill_(0.0)
        output = D(fake.detach()).view(-1)
        loss_d_fake = criterion(output, label)
        loss_d_fake.backward()
        output.mean().item()
        loss_d = loss_d_real + loss_d_fake
        optimizer_d.step()

        G.zero_grad()
        label.fill_(1.0)
        output = D(fake).view(-1)
        loss_g = criterion(output, label)
        loss_g.backward()
        output.mean().item()
        optimizer_g.step()
        yield G, loss_d.item(), loss_g.item()


def train(
    images: Tensor, minutes: float, seed: int, *, width: int = 64, device: str = "cpu"
) -> nn.Sequential:
    """Train for `minutes` and return the generator, which the tutorial uses in training mode."""
    end = time.monotonic() + 60 * minutes
    for G, _, _ in tutorial_steps(images, seed=seed, width=width, device=device):
        if time.monotonic() >= end:
            return G
    raise AssertionError("the steps never end")


def main() -> None:
    """Train on prepared pictures and write a grid of 64."""
    from ganvas.core.images import grid, write_png
    from ganvas.core.pixels import to_arrays
    from ganvas.data.config import DataConfig
    from ganvas.data.store import prepare

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images")
    parser.add_argument("--resolution", type=int, choices=(32, 64), default=64)
    parser.add_argument("--channels", type=int, choices=(1, 3), default=3)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--out", type=Path, required=True)
    given = parser.parse_args()
    data = DataConfig(resolution=given.resolution, channels=given.channels)
    images = torch.tensor(prepare(given.images, data).images).permute(0, 3, 1, 2).contiguous()
    G = train(images, given.minutes, given.seed)
    with torch.no_grad():
        write_png(given.out, grid(to_arrays(G(torch.randn(64, Z_DIM, 1, 1)))))


if __name__ == "__main__":
    main()
