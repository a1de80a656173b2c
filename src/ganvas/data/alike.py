"""Pictures that look alike: saved anew, made smaller, brightened, or cropped a little.

A perceptual hash of 64 bits finds candidates (Zauner 2010, Implementation and Benchmarking of
Perceptual Image Hash Functions), and a fit by least squares decides (Lucas and Kanade 1981).

Measured at 64 px, in percent. Found: of copies of 600 pictures (300 of monet), saved as JPEG of
quality 60, halved, brightened by a tenth, cropped by 3 %. Grouped: pictures of the set itself:
faces that differ in a mouth, keys that are drawn twice, calm water, strokes for 1.

              JPEG  half  brighter  cropped  grouped
    vangogh    100   100       100       90   0 of 829
    monet      100   100       100       94   0 of 300
    eurosat     86    99       100       78   4 of 2,200
    sign       100   100       100       92   0 of 2,062
    emoji      100   100        92       82  15 of 865
    fluent     100   100        93       73  62 of 1,651
    digits     100    95       100       54  126 of 5,000

Of 200 copies among a whole set (all but monet) as many were found, give or take 4, but 12 of
cropped digits: there candidates must be nearer. 50,000 pictures take 4 s of one core and 40 MB.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import cache

import numpy as np
from jaxtyping import Bool, Float, Int64, UInt8, UInt64

FREQUENCIES = 12
"""Waves across a picture that are compared; finer detail is lost when it is saved anew."""
SIDE = 2 * FREQUENCIES
HASHED = 8
MOST_BITS = 10
"""Bits of 64 in which the hashes of candidates may differ."""
MOST_LEFT = 0.025
"""Share of a picture's variance that another one may leave unexplained."""
NOISE = 0.1
"""Unexplained variance, in levels of 8 bits squared, that anything may leave."""

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_TURN_BITS = 4
_WINDOW = 64
ANYWAY_PAIRS = 5_000
_BLOCK = 128

Small = Float[np.ndarray, "n c s s"]
Pairs = Int64[np.ndarray, "pairs 2"]


def group(images: UInt8[np.ndarray, "n h w c"], order: Sequence[int]) -> list[list[int]]:
    """Group pictures, given as prepared rows, that look alike; those without a like are left out.

    A group begins with its picture that comes first in `order` (a permutation: the best first), and
    each of the others was compared with that one. The work grows with n, not with its square.
    """
    pairs = candidates(hashes(images))
    likes = defaultdict(list)
    for a, b in pairs[confirmed(images, pairs)].tolist():
        likes[a].append(b)
        likes[b].append(a)
    groups, taken = [], set[int]()
    for first in order:
        if first in likes and first not in taken:
            found = [first, *sorted({*likes[first]} - taken)]
            taken.update(found)
            groups += [found] if len(found) > 1 else []
    return groups


def hashes(images: UInt8[np.ndarray, "n h w c"]) -> UInt64[np.ndarray, " n"]:
    """Return for each picture which of its 8 x 8 slowest waves are above their median."""
    found, wave = np.empty(len(images), np.uint64), waves(SIDE, HASHED)
    colours = _LUMA if images.shape[3] == 3 else np.ones(1, np.float32)
    for start in range(0, len(images), _BLOCK):
        grey = np.einsum("nchw,c->nhw", reduced(images[start : start + _BLOCK]), colours)
        strength = (wave @ grey @ wave.T).reshape(len(grey), -1)
        strength[:, 0] = 0  # The mean: brightness is no likeness.
        bits = strength > np.median(strength, axis=1, keepdims=True)
        found[start : start + len(bits)] = np.packbits(bits, axis=1).view(np.uint64)[:, 0]
    return found


def candidates(found: UInt64[np.ndarray, " n"]) -> Pairs:
    """Return pairs of indices, the lower first, whose hashes differ in few bits.

    Sorted by their hash, turned by 4 bits and sorted again, and so on, near ones come near each
    other (Manku et al. 2007, Detecting Near-Duplicates for Web Crawling): each is compared with the
    next 64 only. Where that makes more than a pair for each picture, as among thousands of digits,
    fewer bits may differ; where all are alike, some pairs are passed over.
    """
    num, most_bits = len(found), MOST_BITS
    most_pairs = ANYWAY_PAIRS + num
    pairs = np.empty(0, np.int64)
    for turn in range(0, 64, _TURN_BITS):
        order = np.argsort(found << np.uint64(turn) | found >> np.uint64(-turn % 64), stable=True)
        row, parts = found[order], [pairs]
        for gap in range(1, min(_WINDOW, num - 1) + 1):
            (near,) = np.nonzero(np.bitwise_count(row[gap:] ^ row[:-gap]) <= most_bits)
            a, b = order[near], order[near + gap]
            parts.append(np.minimum(a, b) * num + np.maximum(a, b))
        # With the index numpy sorts: its table of hashes takes minutes where all are alike.
        pairs, _ = np.unique(np.concatenate(parts), return_index=True)
        bits = np.bitwise_count(found[pairs // num] ^ found[pairs % num])
        while most_bits and np.count_nonzero(bits <= most_bits) > most_pairs:
            most_bits -= 1
        pairs = pairs[bits <= most_bits]
    pairs = pairs[:: 1 + len(pairs) // most_pairs]
    return np.stack([pairs // num, pairs % num], axis=1) if num else np.empty((0, 2), np.int64)


def confirmed(images: UInt8[np.ndarray, "n h w c"], pairs: Pairs) -> Bool[np.ndarray, " pairs"]:
    """Say which pairs are alike: one of the two, changed a little, is nearly the other."""
    verdicts = [np.empty(0, bool)]
    for start in range(0, len(pairs), _BLOCK):
        block = pairs[start : start + _BLOCK]
        known, places = np.unique(block, return_inverse=True)
        small = reduced(images[known])
        a, b = (small[places.reshape(-1, 2)[:, side]] for side in (0, 1))
        verdicts.append(_explains(a, b) | _explains(b, a))
    return np.concatenate(verdicts)


def reduced(images: UInt8[np.ndarray, "n h w c"]) -> Small:
    """Draw the slow waves of pictures on a grid of SIDE x SIDE; levels stay those of uint8."""
    rows, columns = (_slow(side) for side in images.shape[1:3])
    small: Small = rows @ np.moveaxis(images, 3, 1).astype(np.float32) @ columns.T
    return small


def waves(side: int, num: int) -> Float[np.ndarray, "num side"]:
    """Return the first waves of the DCT-II over `side` pixels, each as long as 1."""
    at = (np.arange(side) + 0.5) / side
    found: np.ndarray = np.cos(np.pi * np.arange(num)[:, None] * at) * np.sqrt(2 / side)
    found[0] /= np.sqrt(2)
    return found.astype(np.float32)


@cache
def _slow(side: int) -> Float[np.ndarray, "s side"]:
    num = min(FREQUENCIES, side)
    matrix: np.ndarray = waves(SIDE, num).T @ waves(side, num) * np.float32(np.sqrt(SIDE / side))
    return matrix


def _explains(a: Small, b: Small) -> Bool[np.ndarray, " n"]:
    """Whether b is nearly a, made brighter, lighter, moved and enlarged by a little.

    To first order such a picture is a sum of a, a constant, a's two slopes, and its slope outwards
    (Lucas and Kanade 1981): least squares, whose rest is compared with b's variance.
    """
    down, across = np.gradient(a, axis=(2, 3))
    at = np.linspace(-1, 1, SIDE, dtype=np.float32)
    outwards = down * at[:, None] + across * at
    basis = np.stack([a, np.ones_like(a), down, across, outwards], axis=1).reshape(len(a), 5, -1)
    wanted = b.reshape(len(b), -1, 1)
    square = basis @ basis.mT + np.eye(5, dtype=np.float32)  # A flat picture has no slopes.
    rest = wanted - basis.mT @ np.linalg.solve(square, basis @ wanted)
    left, whole = rest.var(axis=(1, 2)), wanted.var(axis=(1, 2))
    is_nearly: np.ndarray = left + NOISE <= MOST_LEFT * whole
    return is_nearly
