"""Pyramids: averages of every size, and one tensor that loses nothing."""

import torch

from ganvas.layers.pyramid import flatten, pyramid, unflatten


def test_every_size_is_the_average_of_the_next():
    images = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    smallest, middle, largest = pyramid(images)
    assert torch.equal(largest, images)
    for small, large in ((smallest, middle), (middle, largest)):
        by_hand = large.reshape(2, 3, *(n for size in small.shape[2:] for n in (size, 2)))
        torch.testing.assert_close(small, by_hand.mean((3, 5)))
    assert smallest.shape[-1] == 4


def test_flattening_keeps_every_number_once_and_memory_in_order():
    images = torch.randn(2, 3, 16, 16).contiguous(memory_format=torch.channels_last)
    scales = pyramid(images)
    flat = flatten(scales)
    assert flat.shape == (2, 3 * (4**2 + 8**2 + 16**2), 1, 1)
    back = unflatten(flat, channels=3, resolution=16)
    for scale, other in zip(scales, back, strict=True):
        assert torch.equal(scale, other)
        assert other[:1].is_contiguous(memory_format=torch.channels_last)
