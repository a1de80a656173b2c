"""Labels: joined to the latent in a generator, projected on the features in a discriminator."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from ganvas.layers.equalized import EqualizedLinear

Classes = Int[Tensor, " b"] | Float[Tensor, "b e"]
"""Labels; or a row of an embedding for each sample, which may lie between those of two classes."""


class LabelledLatent(nn.Module):
    """Joins a latent with the learned embedding of its label: [z, e(label)].

    The embedding has as many numbers as z and the same mean square, 1, so that neither half
    drowns the other. Without classes z passes through. Every generator that knows classes has one,
    so that `latent.space` can go from class to class.
    """

    def __init__(self, z_dim: int, num_classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_classes, z_dim) if num_classes else None
        self.out_dim = 2 * z_dim if num_classes else z_dim

    def forward(self, z: Float[Tensor, "b z"], label: Classes | None) -> Float[Tensor, "b out"]:
        """Return the input of the generator's first layer."""
        if self.embedding is None:
            return z
        assert label is not None, "a generator with classes needs labels"
        row = label if label.is_floating_point() else self.embedding(label)
        return torch.cat([z, F.normalize(row, dim=1) * math.sqrt(z.shape[1])], dim=1)


class ProjectionHead(nn.Module):
    """The last layer of a discriminator (projection discriminator, 1802.05637).

    logit = w . features + b + e(label) . features: is it real, plus is it of this class.
    With `equalized` learning rate w and e are drawn from N(0, 1) and scaled when used.
    """

    def __init__(
        self, num_features: int, num_classes: int, *, bias: bool = True, equalized: bool = False
    ) -> None:
        super().__init__()
        start = 0.0 if bias else None
        self.linear = (
            EqualizedLinear(num_features, 1, bias=start)
            if equalized
            else nn.Linear(num_features, 1, bias=bias)
        )
        self.embedding = nn.Embedding(num_classes, num_features) if num_classes else None
        scale = 1 / math.sqrt(num_features)
        self.scale = scale if equalized else 1.0
        if self.embedding is not None and not equalized:
            nn.init.normal_(self.embedding.weight, std=scale)

    def forward(
        self, features: Float[Tensor, "b f"], label: Int[Tensor, " b"] | None
    ) -> Float[Tensor, " b"]:
        """Score feature vectors."""
        logits: Tensor = self.linear(features).squeeze(1)
        if self.embedding is None:
            return logits
        assert label is not None, "a discriminator with classes needs labels"
        of_class: Tensor = (self.embedding(label) * features).sum(dim=1)
        return logits + self.scale * of_class
