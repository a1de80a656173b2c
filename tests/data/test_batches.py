"""Batches: every picture once an epoch, seekable to any position, with a hold-out set apart."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganvas.data.batches import Order, mirror_mask, split

pools = st.integers(1, 60).map(lambda n: np.arange(n, dtype=np.int64) * 3 + 7)
seeds = st.integers(0, 2**31 - 1)


@settings(deadline=None)
@given(pool=pools, seed=seeds, batch_size=st.integers(1, 130), epoch=st.integers(0, 10**6))
def test_each_epoch_shows_every_picture_once(pool, seed, batch_size, epoch):
    order = Order(pool, batch_size, seed)
    start, stop = epoch * len(pool), (epoch + 1) * len(pool)
    shown = np.concatenate([order.at(nimg) for nimg in range(start, stop, batch_size)])
    assert np.array_equal(np.sort(shown[: len(pool)]), pool)


@settings(deadline=None)
@given(
    pool=pools,
    seed=seeds,
    nimg=st.integers(0, 10**9),
    sizes=st.tuples(st.integers(1, 90), st.integers(1, 90)),
)
def test_a_position_shows_the_same_picture_in_batches_of_any_size(pool, seed, nimg, sizes):
    first, second = sizes
    whole = Order(pool, first + second, seed).at(nimg)
    parts = [Order(pool, first, seed).at(nimg), Order(pool, second, seed).at(nimg + first)]
    assert np.array_equal(whole, np.concatenate(parts))


def test_order_does_not_depend_on_what_was_asked_before():
    order = Order(np.arange(50), 16, seed=3)
    forwards = [order.at(nimg) for nimg in range(0, 1600, 16)]
    backwards = [Order(np.arange(50), 16, seed=3).at(nimg) for nimg in reversed(range(0, 1600, 16))]
    assert all(np.array_equal(a, b) for a, b in zip(forwards, backwards[::-1], strict=True))


def test_epochs_and_seeds_are_shuffled_differently():
    epochs = [Order(np.arange(40), 40, seed=5).at(40 * epoch).tolist() for epoch in range(20)]
    seeds = [Order(np.arange(40), 40, seed=seed).at(0).tolist() for seed in range(20)]
    assert len({tuple(order) for order in epochs + seeds}) == 39  # epoch 0 of seed 5 is in both
    assert list(range(40)) not in epochs


def test_every_place_of_an_epoch_is_equally_likely():
    num, epochs = 8, 4000
    order = Order(np.arange(num), num * epochs, seed=0).at(0).reshape(epochs, num)
    counts = np.stack([np.bincount(place, minlength=num) for place in order.T])
    # 6 sigma of a binomial(4000, 1/8)
    assert np.abs(counts - epochs / num).max() < 6 * np.sqrt(epochs / 8 * 7 / 8)


def test_order_is_the_same_for_ever():
    """A run continued with a later version must go on with the same pictures."""
    assert Order(np.arange(10), 12, seed=7).at(5).tolist() == [2, 5, 3, 7, 0, 9, 3, 1, 5, 8, 7, 6]
    assert mirror_mask(7, 5, 12).astype(int).tolist() == [0, 0, 0, 0, 0, 1, 0, 1, 1, 0, 0, 0]


@settings(deadline=None)
@given(num=st.integers(0, 3000), seed=seeds)
def test_split_is_a_partition_of_the_right_size(num, seed):
    train, holdout = split(num, seed)
    assert np.array_equal(np.sort(np.concatenate([train, holdout])), np.arange(num))
    assert len(holdout) == (0 if num < 100 else max(16, num * 5 // 100))


def test_split_depends_on_the_seed_and_spreads_over_the_folder():
    assert not np.array_equal(split(1000, 0)[1], split(1000, 1)[1])
    assert np.array_equal(split(1000, 0)[1], split(1000, 0)[1])
    assert 400 < split(10_000, 0)[1].mean() / 10 < 600


@settings(deadline=None)
@given(
    seed=seeds, nimg=st.integers(0, 10**9), sizes=st.tuples(st.integers(1, 50), st.integers(1, 50))
)
def test_mirroring_belongs_to_a_position(seed, nimg, sizes):
    first, second = sizes
    parts = [mirror_mask(seed, nimg, first), mirror_mask(seed, nimg + first, second)]
    assert np.array_equal(mirror_mask(seed, nimg, first + second), np.concatenate(parts))


def test_half_of_the_pictures_are_mirrored():
    mask = mirror_mask(0, 12345, 40_000)
    assert mask.mean() == pytest.approx(0.5, abs=0.015)
    assert (mask[1:] == mask[:-1]).mean() == pytest.approx(0.5, abs=0.015)
