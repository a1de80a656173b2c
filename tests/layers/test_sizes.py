"""Maps of squares and oblongs: the smallest, how often it is doubled, and what is refused."""

from itertools import product
from math import log2

import pytest

from ganvas.core.canvas import of, sides
from ganvas.layers.sizes import RESOLUTIONS, grid_of, nearest_oblong, problem_with_size, sizes_to


@pytest.mark.parametrize("resolution", [4, 8, 16, 64, 1024])
def test_a_square_begins_at_4x4(resolution):
    assert grid_of(resolution) == (4, 4)
    assert sizes_to(resolution) == [4 * 2**k for k in range(int(log2(resolution)) - 1)]


@pytest.mark.parametrize(
    ("resolution", "grid", "sizes"),
    [
        ("64x96", (6, 4), [4, 8, 16, 32, 64]),
        ("96x64", (4, 6), [4, 8, 16, 32, 64]),
        ("48x64", (4, 3), [4, 8, 16, 32, 64]),
        ("128x96", (3, 4), [4, 8, 16, 32, 64, 128]),
        ("64x128", (8, 4), [4, 8, 16, 32, 64]),
        ("80x112", (7, 5), [4, 8, 16, 32, 64]),
    ],
)
def test_an_oblong_is_its_grid_doubled(resolution, grid, sizes):
    assert grid_of(resolution) == grid
    assert sizes_to(resolution) == sizes
    assert sides(resolution) == tuple(side * sizes[-1] // 4 for side in grid)
    assert problem_with_size("resnet", resolution, RESOLUTIONS) is None


def test_every_oblong_of_a_grid_has_maps_that_double():
    for rows, columns, factor in product(range(3, 9), range(3, 9), (4, 16, 64)):
        if rows != columns:
            resolution = of(rows * factor, columns * factor)
            first, sizes = grid_of(resolution), sizes_to(resolution)
            assert 3 <= min(first) <= max(first) <= 8
            assert sides(resolution) == tuple(side * sizes[-1] // 4 for side in first)


@pytest.mark.parametrize(
    ("resolution", "nearest"),
    [("60x90", "64x96"), ("100x64", "128x80"), ("16x24", "32x48"), ("36x64", "32x56")],
)
def test_other_oblongs_are_refused_with_the_nearest(resolution, nearest):
    problem = problem_with_size("fastgan", resolution, (32, 64, 128))
    assert problem is not None
    assert problem.endswith(f"never becomes {resolution}: {nearest} is nearest")
    assert problem_with_size("fastgan", nearest, (32, 64, 128)) is None


@pytest.mark.parametrize(
    ("width", "height", "nearest"),
    [(2, 3, "64x96"), (3, 2, "96x64"), (3, 4, "48x64"), (9, 16, "64x112"), (1, 2, "64x128")],
)
def test_common_shapes_have_one_near_64_px(width, height, nearest):
    scale = 64 / min(width, height)
    assert nearest_oblong(scale * height, scale * width) == nearest
