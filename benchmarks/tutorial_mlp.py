"""The fully connected GAN of many courses, written as plainly as there: the baseline to beat.

Pictures come one by one through a DataLoader that turns each from PIL into a tensor, without
worker processes; every loss is read with `.item()` at every step.
"""

import itertools
from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset


class Pictures(Dataset):
    """Random pictures in memory: the lesson's data set, and a source for ganvas' loop."""

    num_classes = 0

    def __init__(self, resolution: int, channels: int, num: int = 2048) -> None:
        self.resolution, self.channels = resolution, channels
        shape = (num, resolution, resolution, channels)
        self.pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)

    def __len__(self) -> int:
        return len(self.pixels)

    def batch(self, indices: np.ndarray) -> tuple[np.ndarray, None]:
        """Many at once, as bytes: what ganvas asks a source for."""
        return self.pixels[indices], None

    def __getitem__(self, index: int) -> Tensor:
        """ToTensor and Normalize(0.5, 0.5) of one PIL picture, as torchvision does them."""
        picture = Image.fromarray(self.pixels[index].squeeze())
        levels = torch.from_numpy(np.array(picture, np.uint8, copy=True))
        levels = levels.view(self.resolution, self.resolution, self.channels)
        return (levels.permute(2, 0, 1).contiguous().float().div(255) - 0.5) / 0.5


def lesson_steps(pictures: Pictures, batch_size: int) -> Iterator[tuple[float, float]]:
    """Yield (loss of D, loss of G) after every step, for ever."""
    sizes, pixels = (100, 256, 512, 1024), pictures.channels * pictures.resolution**2
    hidden = []
    for before, after in itertools.pairwise(sizes):
        hidden += [nn.Linear(before, after), nn.BatchNorm1d(after, momentum=0.2)]
        hidden += [nn.LeakyReLU(0.2, inplace=True)]
    G = nn.Sequential(*hidden, nn.Linear(sizes[-1], pixels), nn.Tanh())
    D = nn.Sequential(
        *(nn.Flatten(), nn.Linear(pixels, 512), nn.LeakyReLU(0.2, inplace=True)),
        *(nn.Linear(512, 256), nn.LeakyReLU(0.2, inplace=True), nn.Linear(256, 1), nn.Sigmoid()),
    )
    criterion = nn.BCELoss()
    optimizer_g = torch.optim.Adam(G.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizer_d = torch.optim.Adam(D.parameters(), lr=2e-4, betas=(0.5, 0.999))
    loader = DataLoader(pictures, batch_size, shuffle=True, drop_last=True)

    for real in itertools.chain.from_iterable(itertools.repeat(loader)):
        ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)
        fake = G(torch.randn(len(real), 100))
        optimizer_d.zero_grad()
        loss_d = criterion(D(real), ones) + criterion(D(fake.detach()), zeros)
        loss_d.backward()
        optimizer_d.step()

        optimizer_g.zero_grad()
        loss_g = criterion(D(fake), ones)
        loss_g.backward()
        optimizer_g.step()
        yield loss_d.item(), loss_g.item()
