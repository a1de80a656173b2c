"""What people give: each is used rightly, or refused in one sentence."""

import numpy as np
import pytest
from PIL import ExifTags, Image

from ganvas.core.errors import ConfigError, DataError
from ganvas.style.inputs import gather, load, share_of


def refused(source, part, role="photo", error=DataError):
    with pytest.raises(error) as caught:
        load(source, role)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_and_damaged_files_are_named(tmp_path):
    refused(tmp_path / "no.jpg", "no.jpg: cannot be opened: No such file")
    (tmp_path / "text.jpg").write_text("hello")
    refused(str(tmp_path / "text.jpg"), "text.jpg: not a picture, but a text")
    (tmp_path / "empty.png").write_bytes(b"")
    refused(tmp_path / "empty.png", "0 bytes")
    refused(tmp_path, "Is a directory")


def test_pictures_that_come_with_ganvas_have_names():
    assert load("builtin:flow", "painting").size == (512, 512)
    refused(
        "builtin:monet",
        "choose NAME from astronaut, cat, flow, glass, wash, woodcut",
        error=ConfigError,
    )


def test_too_small_is_refused_and_very_wide_is_read():
    refused(Image.new("RGB", (1, 1)), "1 x 1 px: a photo needs at least 16 px")
    refused(Image.new("RGB", (300, 8)), "a painting needs", role="painting")
    assert load(Image.new("RGB", (20_000, 300)), "photo").size == (300, 20_000)


def test_arrays_of_bytes_and_of_floats(photo):
    pixels = np.asarray(photo)
    for array in (pixels, pixels / 255, (pixels / 255).astype(np.float32)):
        assert np.array_equal(load(array, "photo").colors, pixels)
    grey = load(pixels[..., 0], "photo").colors
    assert grey.shape == pixels.shape
    assert np.array_equal(grey[..., 2], pixels[..., 0])
    both = np.dstack([pixels, np.full(pixels.shape[:2], 7, np.uint8)])
    assert np.all(load(both, "photo").alpha == 7)


def test_arrays_that_are_no_pictures():
    broken = np.zeros((20, 20, 3))
    broken[3, 3, 0] = np.nan
    refused(broken, "not finite")
    refused(np.full((20, 20, 3), 9.0), "must lie in [0, 1]")
    refused(np.zeros((20, 20, 3), np.int64), "int64")
    refused(np.zeros((20, 20, 2), np.uint8), "(20, 20, 2)")


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "CMYK", "RGBA", "I;16", "YCbCr"])
def test_pillow_modes(mode, photo):
    deep = Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) * 257)
    found = load(deep if mode == "I;16" else photo.convert(mode), "photo")
    grey = np.asarray(photo.convert("L").convert("RGB"), float)
    wanted = grey if mode in ("L", "LA", "1", "I;16") else np.asarray(photo, float)
    if mode in ("1", "P"):  # Few colours: right on average, not point by point.
        assert np.abs(found.colors.mean((0, 1)) - wanted.mean((0, 1))).max() < 12
    else:
        assert np.abs(found.colors - wanted).mean() < 4


def test_a_phones_photo_is_turned_upright(photo, tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    photo.save(tmp_path / "phone.jpg", exif=exif, quality=95)
    upright = np.asarray(photo.transpose(Image.Transpose.ROTATE_270), float)
    with Image.open(tmp_path / "phone.jpg") as opened:
        for source in (tmp_path / "phone.jpg", opened):
            found = load(source, "photo")
            assert found.size == (64, 48)
            assert np.abs(found.colors - upright).mean() < 4


def test_masks_must_have_the_photos_shape_but_not_its_size(photo, painting):
    gather(photo, painting, Image.new("L", (128, 96), 255), None)
    with pytest.raises(ConfigError, match="64 x 64 px does not fit a photo of 64 x 48 px"):
        gather(photo, painting, Image.new("L", (64, 64)), None)
    with pytest.raises(ConfigError, match="does not fit"):
        gather(photo, painting, (), Image.new("L", (64, 64)))
    mask = Image.new("L", (64, 48))
    with pytest.raises(ConfigError, match="3 masks for 2 paintings"):
        gather(photo, [painting, painting], [mask] * 3, None)
    with pytest.raises(ConfigError, match="at least one painting"):
        gather(photo, [], (), None)


def test_a_mask_is_its_brightness_and_its_opacity():
    mask = Image.new("RGBA", (20, 20), (255, 255, 255, 255))
    mask.paste((255, 255, 255, 0), (0, 0, 10, 20))
    mask.paste((0, 0, 0, 255), (10, 0, 20, 10))
    share = share_of(load(mask, "mask"), (10, 10))
    assert share.shape == (1, 1, 10, 10)
    assert share[..., :5].max() == 0
    assert share[..., :5, 5:].max() == 0
    assert share[..., 5:, 5:].min() == 1
