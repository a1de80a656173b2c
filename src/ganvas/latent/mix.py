"""Style mixing (1812.04948): the shapes of one picture in the colours of another."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from ganvas.core import images
from ganvas.core.errors import ConfigError
from ganvas.core.pixels import to_arrays
from ganvas.latent.generate import CPU_BATCH
from ganvas.latent.space import with_styles
from ganvas.latent.stations import Label, Station, stations
from ganvas.models.base import Generator


def mixed(
    G: Generator,
    rows: Sequence[Station],
    columns: Sequence[Station],
    *,
    fine_from: int | None = None,
    psi: float = 1.0,
    label: Label = None,
) -> Float[Tensor, "rows columns c h w"]:
    """Mix each row's picture with each column's; images in [-1, 1].

    Styles before number `fine_from` are the row's (coarse: what, where), those from it on the
    column's (fine: colours); the middle unless given. Raises ConfigError.
    """
    styles = with_styles(G).num_styles
    split = styles // 2 if fine_from is None else fine_from
    if not 0 <= split <= styles:
        raise ConfigError(f"fine styles from {split}: this generator's go from 0 to {styles}")
    with torch.inference_mode():
        space, points, labels = stations(G, [*rows, *columns], [label])
        w = space.typical(points, labels, psi).expand(-1, styles, -1)
        coarse, fine = w[: len(rows), None, :split], w[None, len(rows) :, split:]
        shape = (len(rows), len(columns), -1, -1)
        both = torch.cat([coarse.expand(shape), fine.expand(shape)], dim=2).flatten(0, 1)
        made = torch.cat([space.render(part) for part in torch.split(both, CPU_BATCH)])
    return made.view(len(rows), len(columns), *made.shape[1:])


def mix(
    G: Generator,
    rows: Sequence[Station],
    columns: Sequence[Station],
    *,
    fine_from: int | None = None,
    psi: float = 1.0,
    label: Label = None,
) -> UInt8[np.ndarray, "h w c"]:
    """Draw the mixtures, the rows' pictures to their left and the columns' above; see `mixed`."""
    one, all_styles = partial(mixed, G, psi=psi, label=label), with_styles(G).num_styles
    cells = one(rows, columns, fine_from=fine_from)
    above, left = one(columns[:1], columns, fine_from=0), one(rows, rows[:1], fine_from=all_styles)
    corner = torch.ones_like(above[:, :1])
    lines = torch.cat([torch.cat([corner, above], 1), torch.cat([left, cells], 1)])
    return images.grid(to_arrays(lines.flatten(0, 1)), columns=lines.shape[1])
