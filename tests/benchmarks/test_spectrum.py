"""The spectrum against a sum written out; a grid found where it was drawn and nowhere else."""

import math

import pytest
import torch
from spectrum import FAINTEST, LUMINANCE, by_radius, log_power, peaks
from torch import Tensor
from torch.nn import functional as F

from ganvas.layers.resample import Blur, upsample


def noise(num: int, size: int, channels: int = 1) -> Tensor:
    return torch.randn(num, channels, size, size, generator=torch.manual_seed(0))


def insert_zeros(pictures: Tensor) -> Tensor:
    sparse = pictures.new_zeros(*pictures.shape[:2], *(2 * side for side in pictures.shape[2:]))
    sparse[:, :, ::2, ::2] = pictures
    return sparse


def peak(pictures: Tensor, period_px: int) -> float:
    return peaks(log_power(pictures), period_px).mean().item()


def test_it_is_the_sum_of_waves_under_a_window() -> None:
    (picture,) = noise(1, 8, channels=3).double()
    grey = sum(weight * colour for weight, colour in zip(LUMINANCE, picture, strict=True))
    bell = [math.sin(math.pi * k / 8) ** 2 for k in range(8)]
    for down, across in ((0, 0), (1, 0), (3, 2), (4, 4), (5, 7)):
        total = 0j
        for y in range(8):
            for x in range(8):
                turn = -2 * math.pi * (down * y + across * x) / 8
                value = (grey[y, x] - grey.mean()).item() * bell[y] * bell[x]
                total += value * complex(math.cos(turn), math.sin(turn))
        power = abs(total) ** 2 / sum(b * b for b in bell) ** 2
        found = log_power(picture[None])[0, down, across].item()
        assert found == pytest.approx(10 * math.log10(power), abs=1e-6)


def test_the_scale_is_that_of_white_noise() -> None:
    powers = 10 ** (log_power(0.5 * noise(200, 16)) / 10)
    assert powers[:, 2:-1, 2:-1].mean().item() == pytest.approx(0.25, rel=0.03)


@pytest.mark.parametrize("period_px", [2, 4])
def test_a_drawn_checkerboard_stands_out_at_its_own_period(period_px: int) -> None:
    squares = torch.arange(32) * 2 // period_px % 2
    board = 2.0 * (squares[:, None] ^ squares) - 1
    pictures = noise(20, 32)
    gained = {p: peak(pictures + board, p) - peak(pictures, p) for p in (2, 4, 8)}
    assert gained.pop(period_px) > 4
    assert max(abs(other) for other in gained.values()) < 1


def test_noise_has_no_peaks_but_the_bias_of_waves_without_a_phase() -> None:
    # At 2 px sine and cosine are one: log power is on average ln 2 less, though power is not.
    pictures = noise(400, 32)
    assert peak(pictures, 2) == pytest.approx(-10 * math.log10(2), abs=0.9)
    assert peak(pictures, 4) == pytest.approx(0, abs=0.3)


def test_nothing_but_a_checkerboard_is_one_frequency_and_its_smear() -> None:
    signs = (-1.0) ** torch.arange(32)
    spectrum = log_power((0.5 * signs[:, None] * signs)[None, None])[0]
    # Of a window w the wave in the middle has (sum w)^2 / sum w^2; for Hann's that is 2 n / 3.
    top, bottom = 10 * math.log10(0.25 * (64 / 3) ** 2), 10 * math.log10(FAINTEST)
    assert spectrum[16, 16].item() == pytest.approx(top, abs=1e-6)
    # One of the three waves of 2 px has it, and the smear is no neighbour.
    assert peaks(spectrum[None], 2).item() == pytest.approx((top - bottom) / 3)
    spectrum[15:18, 15:18] = bottom
    assert spectrum.max().item() == pytest.approx(bottom)


def test_zeros_between_pixels_copy_the_spectrum_and_resizing_does_not() -> None:
    waves = noise(20, 64)
    spectra = log_power(insert_zeros(waves - waves.mean((2, 3), keepdim=True)))
    for shifts, dims in ((64, 1), (64, 2), ((64, 64), (1, 2))):
        torch.testing.assert_close(spectra, spectra.roll(shifts, dims), atol=0.01, rtol=0)
    bright = insert_zeros(waves + 3)
    assert peak(bright, 2) > 20
    assert peak(bright, 4) < 1
    assert peak(insert_zeros(bright), 4) > 20
    assert peak(upsample(waves + 3), 2) < 3
    assert peak(bright, 2) - peak(Blur()(bright), 2) > 10


def test_stamps_of_three_overlap_unevenly_and_stamps_of_four_do_not() -> None:
    for side, corner in ((3, [[4.0, 2.0], [2.0, 1.0]]), (4, [[4.0, 4.0], [4.0, 4.0]])):
        ones = torch.ones(1, 1, 8, 8)
        stamped = F.conv_transpose2d(ones, torch.ones(1, 1, side, side), stride=2, padding=1)
        torch.testing.assert_close(
            stamped[0, 0, 1:11, 1:11], torch.tensor(corner).tile(5, 5), rtol=0, atol=0
        )


def test_the_curve_is_the_mean_over_directions() -> None:
    waves = torch.fft.fftfreq(16, 1 / 16)
    radius = torch.hypot(waves[:, None], waves)
    torch.testing.assert_close(by_radius(radius.round()), torch.arange(9.0))
    lonely = torch.zeros(16, 16)
    lonely[0, 1] = 1
    # Eight frequencies round to one wave a picture.
    assert by_radius(lonely).tolist() == pytest.approx([0, 1 / 8, *[0] * 7])
