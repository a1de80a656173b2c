"""One picture: drafts, size limits, backgrounds, squares, grids, PNGs; several threads."""

import concurrent.futures
import io
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ganvas.core import images
from ganvas.core.errors import UnreadablePicture
from ganvas.core.images import Picture

WHITE = "#ffffff"


def encode(pixels: np.ndarray, kind: str = "PNG", **options) -> io.BytesIO:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    file.seek(0)
    return file


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def smooth(height: int, width: int) -> np.ndarray:
    """Red grows to the right, green downwards: the place can be told from the colour."""
    red = np.linspace(0, 255, width)[None].repeat(height, 0)
    green = np.linspace(0, 255, height)[:, None].repeat(width, 1)
    return np.rint(np.dstack([red, green, 0 * red + 90])).astype(np.uint8)


def picture(pixels: np.ndarray, alpha: np.ndarray | None = None) -> Picture:
    height, width = pixels.shape[:2]
    return Picture(pixels, alpha, width, height, "PNG", "RGBA", 8, False, False)


class TestRead:
    def test_a_stream_stays_open_for_its_owner(self):
        file = encode(noise(5, 6))
        np.testing.assert_array_equal(images.read(file).pixels, noise(5, 6))
        assert not file.closed

    def test_a_path_and_a_stream_are_the_same(self, tmp_path):
        path = tmp_path / "a.png"
        path.write_bytes(encode(noise(5, 6)).getvalue())
        one, other = images.read(path), images.read(encode(noise(5, 6)))
        np.testing.assert_array_equal(one.pixels, other.pixels)
        assert (one.width, one.height) == (6, 5)

    def test_a_missing_file_is_a_reason(self, tmp_path):
        with pytest.raises(UnreadablePicture, match="cannot be opened: No such file"):
            images.read(tmp_path / "gone.png")

    @pytest.mark.parametrize("at_least_px", [1, 20, 63, 64, 65, 200, 512, 513, 4000])
    def test_a_draft_is_smaller_but_never_too_small(self, at_least_px):
        file = encode(smooth(512, 768), "JPEG", quality=95)
        whole = images.read(file)
        file.seek(0)
        draft = images.read(file, at_least_px=at_least_px)
        assert (draft.width, draft.height) == (768, 512)
        short = min(draft.pixels.shape[:2])
        assert short >= min(at_least_px, 512)
        assert short == max(64, 512 // 2 ** int(np.log2(max(1, 512 / at_least_px))))
        factor = 512 // short
        blocks = whole.pixels.reshape(short, factor, 768 // factor, factor, 3).mean(axis=(1, 3))
        np.testing.assert_allclose(draft.pixels, blocks, atol=4)

    def test_only_jpegs_are_drafted(self):
        assert images.read(encode(noise(64, 64)), at_least_px=8).pixels.shape == (64, 64, 3)

    def test_the_limit_of_size_is_exact_and_ours(self):
        file = encode(noise(10, 100))
        assert images.read(file, max_megapixels=0.001).width == 100
        with pytest.raises(UnreadablePicture, match=r"more than 0\.0009 megapixels"):
            images.read(encode(noise(10, 100)), max_megapixels=0.0009)

    def test_pillows_own_limit_does_not_count(self, monkeypatch):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
        assert images.read(encode(noise(10, 100))).width == 100
        assert Image.MAX_IMAGE_PIXELS == 10

    def test_every_16_bit_level_is_rounded_not_cut(self):
        levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
        found = images.read(encode(levels)).pixels[..., 0]
        np.testing.assert_array_equal(found, np.rint(levels.astype(float) * 255 / 65535))

    def test_threads_neither_disturb_each_other_nor_the_process(self):
        filters, limit = list(warnings.filters), Image.MAX_IMAGE_PIXELS
        files = [encode(noise(40, 50, seed)).getvalue() for seed in range(40)]

        def read(seed: int) -> np.ndarray:
            return images.read(io.BytesIO(files[seed]), max_megapixels=1 + seed).pixels

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for seed, pixels in enumerate(pool.map(read, range(40))):
                np.testing.assert_array_equal(pixels, noise(40, 50, seed))
        assert warnings.filters == filters
        assert limit == Image.MAX_IMAGE_PIXELS

    def test_a_failure_leaves_pillow_as_it_was(self):
        filters, limit = list(warnings.filters), Image.MAX_IMAGE_PIXELS
        with pytest.raises(UnreadablePicture):
            images.read(io.BytesIO(b"nothing of the kind"), max_megapixels=3)
        assert (warnings.filters, Image.MAX_IMAGE_PIXELS) == (filters, limit)


class TestOver:
    def test_an_opaque_picture_is_itself(self):
        pixels = noise(4, 5)
        assert images.over(picture(pixels), "#123456") is pixels

    def test_opacity_mixes_linearly(self):
        pixels = noise(16, 16)
        alpha = np.arange(256, dtype=np.uint8).reshape(16, 16)
        mixed = images.over(picture(pixels, alpha), "#ff8000")
        share = alpha[..., None] / 255
        expected = pixels * share + np.array([255, 128, 0]) * (1 - share)
        np.testing.assert_allclose(mixed, expected, atol=0.51)
        assert tuple(mixed[0, 0]) == (255, 128, 0)
        np.testing.assert_array_equal(mixed[15, 15], pixels[15, 15])


class TestFit:
    def test_crop_takes_the_middle(self):
        pixels = smooth(64, 192)
        square = images.fit(pixels, size_px=(64, 64), how="crop", background=WHITE)
        np.testing.assert_array_equal(square, pixels[:, 64:128])
        tall = images.fit(
            pixels.swapaxes(0, 1).copy(), size_px=(64, 64), how="crop", background=WHITE
        )
        np.testing.assert_array_equal(tall, pixels.swapaxes(0, 1)[64:128])

    def test_stretch_keeps_the_corners(self):
        square = images.fit(smooth(40, 160), size_px=(32, 32), how="stretch", background=WHITE)
        assert square[0, 0, :2].max() < 12
        assert square[-1, -1, :2].min() > 243
        np.testing.assert_allclose(square[..., :2], smooth(32, 32)[..., :2], atol=6)

    @pytest.mark.parametrize(("height", "width"), [(20, 80), (80, 20), (41, 80)])
    def test_pad_keeps_shape_and_fills_with_the_background(self, height, width):
        pixels = np.full((height, width, 3), 7, np.uint8)
        square = images.fit(pixels, size_px=(40, 40), how="pad", background="#0a141e")
        inside = (square == 7).all(axis=2)
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        assert (len(rows), len(columns)) == (round(height / 2), round(width / 2))
        assert inside.sum() == len(rows) * len(columns)
        assert abs(rows[0] - (39 - rows[-1])) <= 1
        assert abs(columns[0] - (39 - columns[-1])) <= 1
        assert (square[~inside] == [10, 20, 30]).all()

    @pytest.mark.parametrize("factor", [2, 5, 8, 31])
    def test_fine_patterns_become_their_mean(self, factor):
        board = np.indices((32 * factor, 32 * factor)).sum(axis=0) % 2 * np.uint8(255)
        pixels = np.dstack([board] * 3).astype(np.uint8)
        square = images.fit(pixels, size_px=(32, 32), how="crop", background=WHITE)
        np.testing.assert_allclose(square[2:-2, 2:-2], 127.5, atol=9)

    @pytest.mark.parametrize("size_px", [16, 47, 64])
    def test_shrinking_agrees_with_the_mean_of_what_a_pixel_covers(self, size_px):
        pixels = np.rint(smooth(256, 256) * 0.9).astype(np.uint8)
        square = images.fit(pixels, size_px=(size_px, size_px), how="crop", background=WHITE)
        covers = np.eye(256).repeat(size_px, axis=1).reshape(256, size_px, 256).mean(axis=2)
        means = np.einsum("yi,yxc,xj->ijc", covers, pixels.astype(float), covers, optimize=True)
        np.testing.assert_allclose(square, means, atol=2)

    def test_the_same_size_changes_nothing(self):
        for how in ("crop", "pad", "stretch"):
            square = images.fit(noise(33, 33), size_px=(33, 33), how=how, background=WHITE)
            np.testing.assert_array_equal(square, noise(33, 33))

    @pytest.mark.parametrize(
        ("size_px", "kept"),
        [((96, 64), np.s_[:, 62:130]), ((64, 96), np.s_[:, 19:172]), ((32, 96), np.s_[17:81])],
    )
    def test_crop_to_an_oblong_keeps_the_largest_middle_of_its_shape(self, size_px, kept):
        pixels = smooth(102, 192) if size_px != (32, 96) else smooth(98, 192)
        cut = images.fit(pixels, size_px=size_px, how="crop", background=WHITE)
        alone = images.fit(
            np.ascontiguousarray(pixels[kept]), size_px=size_px, how="stretch", background=WHITE
        )
        np.testing.assert_array_equal(cut, alone)

    @pytest.mark.parametrize(("height", "width"), [(90, 60), (60, 90), (45, 10)])
    def test_pad_to_an_oblong_touches_two_sides(self, height, width):
        pixels = np.full((height, width, 3), 7, np.uint8)
        inside = images.fit(pixels, size_px=(60, 40), how="pad", background=WHITE)[..., 0] == 7
        scale = min(60 / height, 40 / width)
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        assert (len(rows), len(columns)) == (round(scale * height), round(scale * width))
        assert len(rows) == 60 or len(columns) == 40
        assert abs(rows[0] - (59 - rows[-1])) <= 1
        assert abs(columns[0] - (39 - columns[-1])) <= 1

    @settings(deadline=None, max_examples=60)
    @given(
        height=st.integers(1, 90),
        width=st.integers(1, 90),
        size_px=st.tuples(st.integers(1, 70), st.integers(1, 70)),
        how=st.sampled_from(["crop", "pad", "stretch"]),
    )
    def test_any_shape_becomes_any_other_and_one_colour_stays_one(
        self, height, width, size_px, how
    ):
        pixels = np.full((height, width, 3), (200, 17, 90), np.uint8)
        fitted = images.fit(pixels, size_px=size_px, how=how, background="#c8115a")
        assert fitted.shape == (*size_px, 3)
        assert (fitted == (200, 17, 90)).all()


class TestGrid:
    @pytest.mark.parametrize(
        ("num", "columns", "rows_columns"),
        [(1, None, (1, 1)), (5, None, (2, 3)), (16, None, (4, 4)), (5, 2, (3, 2)), (3, 5, (1, 5))],
    )
    @pytest.mark.parametrize("channels", [1, 3])
    def test_pictures_lie_row_by_row_on_white(self, num, columns, rows_columns, channels):
        pictures = noise(num * 4, 6).reshape(num, 4, 6, 3)[..., :channels]
        sheet = images.grid(pictures, columns=columns, margin_px=3)
        rows, columns = rows_columns
        assert sheet.shape == (rows * 7 + 3, columns * 9 + 3, channels)
        white = np.ones(sheet.shape[:2], bool)
        for k, one in enumerate(pictures):
            top, left = k // columns * 7 + 3, k % columns * 9 + 3
            np.testing.assert_array_equal(sheet[top : top + 4, left : left + 6], one)
            white[top : top + 4, left : left + 6] = False
        assert (sheet[white] == 255).all()


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_a_written_png_is_read_back(tmp_path, channels, mode):
    pixels = noise(9, 7)[..., :channels]
    images.write_png(tmp_path / "a.png", pixels)
    with Image.open(tmp_path / "a.png") as image:
        assert (image.format, image.mode) == ("PNG", mode)
        np.testing.assert_array_equal(np.asarray(image).reshape(9, 7, channels), pixels)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
