"""The pipe: who is augmented, that parts of a batch agree with the whole, and order."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ganvas.augment import pipe
from ganvas.augment.config import AugmentConfig
from ganvas.augment.operations import OPERATIONS

ALL = tuple(OPERATIONS)


def pictures(num, size=8):
    images = torch.rand(num, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return images.contiguous(memory_format=torch.channels_last)


def drawn(num, operations=ALL, size=8, seed=0):
    return pipe.draw(
        num,
        AugmentConfig(operations=operations),
        resolution=size,
        generator=torch.Generator().manual_seed(seed),
    )


@settings(max_examples=30, deadline=None)
@given(cut=st.integers(1, 7), p=st.floats(0, 1), seed=st.integers(0, 99))
def test_parts_of_a_batch_agree_with_the_whole(cut, p, seed):
    images, draws = pictures(8), drawn(8, seed=seed)
    whole = pipe.apply(images, draws, p)
    parts = [pipe.apply(images[part], draws[part], p) for part in (slice(0, cut), slice(cut, None))]
    assert torch.equal(torch.cat(parts), whole)


def test_a_sample_does_not_depend_on_the_others():
    images, draws = pictures(4), drawn(4)
    spoilt = images.clone()
    spoilt[2] = float("nan")
    whole, others = pipe.apply(images, draws, 1.0), pipe.apply(spoilt, draws, 1.0)
    keep = [0, 1, 3]
    assert torch.equal(whole[keep], others[keep])


def test_p_zero_is_the_identity():
    images, draws = pictures(8), drawn(8)
    assert pipe.apply(images, draws, 0.0) is images
    assert torch.equal(pipe.apply(images, draws, torch.tensor(0.0)), images)


def test_p_one_augments_every_sample():
    images = pictures(64, 16)
    changed = pipe.apply(images, drawn(64, ("scale",), 16), 1.0)
    assert (changed != images).any(dim=(1, 2, 3)).all()


def test_points_pass_where_nothing_is_configured():
    points = torch.randn(5, 2, 1, 1)
    assert pipe.apply(points, drawn(5, (), 1), torch.tensor(0.7)) is points


@pytest.mark.parametrize("name", [name for name in ALL if name != "flip"])
def test_raising_p_only_adds_augmented_samples(name):
    images, draws = pictures(200, 16), drawn(200, (name,), 16)
    little, much, all_of_them = (pipe.apply(images, draws, p) for p in (0.3, 0.7, 1.0))
    was = (little != images).any(dim=(1, 2, 3))
    now = (much != images).any(dim=(1, 2, 3))
    assert (now | ~was).all()
    assert torch.equal(little[was], all_of_them[was])
    assert was.sum() < now.sum()


def test_each_operation_is_decided_on_its_own():
    draws = drawn(4000, ("flip", "color", "cutout"))
    chosen = torch.stack([chance < 0.4 for _, chance, _ in draws.steps]).double()
    assert torch.allclose(chosen.mean(1), torch.tensor(0.4).double(), atol=0.03)
    assert torch.allclose(torch.corrcoef(chosen), torch.eye(3).double(), atol=0.06)


def test_operations_follow_the_order_of_the_configuration():
    images, draws = pictures(6), drawn(6, ("rotate90", "translation"))
    (_, _, turns), (_, _, shifts) = draws.steps
    by_hand = OPERATIONS["translation"].apply(OPERATIONS["rotate90"].apply(images, turns), shifts)
    assert torch.equal(pipe.apply(images, draws, 1.0), by_hand)
    assert not torch.equal(pipe.apply(images, pipe.Draws(draws.steps[::-1]), 1.0), by_hand)


def test_equal_generators_draw_equally():
    images = pictures(8)
    first, second, other = (pipe.apply(images, drawn(8, seed=seed), 0.5) for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_draws_move_as_a_whole():
    moved = drawn(3).to("meta")
    assert {tensor.device.type for _, *numbers in moved.steps for tensor in numbers} == {"meta"}


def test_autocast_does_not_touch_the_pixels():
    images, draws = pictures(8), drawn(8)
    exact = pipe.apply(images, draws, 1.0)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(pipe.apply(images, draws, 1.0), exact)


def test_flat_pictures_are_jittered_less_in_colour_and_moved_as_far():
    draws = drawn(6, ("translation", "color"))
    (_, chance, shift), (_, _, jitter) = draws.fitted(0.5).steps
    assert torch.equal(chance, draws.steps[0][1])
    assert torch.equal(shift, draws.steps[0][2])
    assert torch.equal(jitter, draws.steps[1][2] / 2)
