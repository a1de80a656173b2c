"""Every kind of picture a person may have, good, odd and broken, with what must come of it.

Each usable one shows the same four quadrants. What is expected is worked out here from the
definitions of the formats with numpy and struct, not with the code under test.
"""

import io
import struct
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from encoders import chunk, exif, linear_profile, lying, png, save, through_linear_profile, tiff
from PIL import Image, ImageCms
from sources import zipped

HEIGHT, WIDTH = 32, 48
COLOURS = (
    (("red"), (255, 0, 0)),
    ("green", (0, 255, 0)),
    ("blue", (0, 0, 255)),
    ("sand", (250, 200, 90)),
)
RGB = np.array([rgb for _, rgb in COLOURS], np.uint8).reshape(2, 2, 3)
GREY = np.array([[0, 85], [170, 255]], np.uint8)
ALPHA = np.array([[255, 0], [64, 255]], np.uint8)


@dataclass(frozen=True)
class Case:
    """A file: its name, its bytes, and the outcome."""

    name: str
    data: bytes
    reason: str | None = None
    """A part of the reason why it is skipped; None when it is used."""
    quadrants: np.ndarray = field(default_factory=lambda: RGB)
    """Colours [2 2 3] or grey levels [2 2] of the upright picture."""
    alpha: np.ndarray | None = None
    tolerance: int = 0
    size: tuple[int, int] = (WIDTH, HEIGHT)
    facts: dict[str, Any] = field(default_factory=dict)


def spread(quadrants: np.ndarray) -> np.ndarray:
    """Blow four values up to a picture."""
    return quadrants.repeat(HEIGHT // 2, axis=0).repeat(WIDTH // 2, axis=1)


def usable() -> Iterator[Case]:
    """All that must be used, and rightly."""
    yield from _pngs()
    yield from _jpegs()
    yield from _other_formats()
    yield from _tiffs()
    yield from _odd_names()


def _pngs() -> Iterator[Case]:
    rgb, grey, alpha = spread(RGB), spread(GREY), spread(ALPHA)
    rgba = np.dstack([rgb, alpha])
    palette = Image.fromarray(rgb).quantize(4)
    levels16 = np.array([[0, 129], [0x8000, 0xFFFF]])
    rgb16 = np.array([[[0xFFFF, 0, 0], [0, 0xFFFF, 0]], [[0, 0, 0xFFFF], [64250, 51400, 23130]]])
    yield Case("rgb.png", save(rgb, "PNG"), facts={"mode": "RGB", "grey": False, "bit_depth": 8})
    yield Case("rgba.png", save(rgba, "PNG"), alpha=ALPHA, facts={"mode": "RGBA"})
    yield Case("opaque rgba.png", save(np.dstack([rgb, alpha | 255]), "PNG"))
    yield Case("palette.png", save(palette, "PNG"), facts={"mode": "P"})
    index = palette.getpixel((40, 4))
    hole = np.array([[255, 0], [255, 255]], np.uint8)
    yield Case("palette hole.png", save(palette, "PNG", transparency=index), alpha=hole)
    see_through = bytearray([255] * 4)
    see_through[palette.getpixel((4, 4))] = 77
    half = np.array([[77, 255], [255, 255]], np.uint8)
    yield Case(
        "palette alpha.png", save(palette, "PNG", transparency=bytes(see_through)), alpha=half
    )
    one_bit = np.array([[0, 255], [255, 0]], np.uint8)
    yield Case(
        "1 bit.png",
        save(Image.fromarray(spread(one_bit)).convert("1"), "PNG"),
        quadrants=one_bit,
        facts={"mode": "1", "grey": True, "bit_depth": 1},
    )
    yield Case("grey.png", save(grey, "PNG"), quadrants=GREY, facts={"grey": True})
    yield Case(
        "grey as rgb.png", save(np.dstack([grey] * 3), "PNG"), quadrants=GREY, facts={"grey": True}
    )
    almost = np.dstack([grey] * 3)
    almost[31, 47, 2] -= 1
    yield Case("almost grey.png", save(almost, "PNG"), quadrants=GREY, facts={"grey": False})
    la = np.dstack([grey, alpha])
    yield Case("grey alpha.png", save(la, "PNG"), quadrants=GREY, alpha=ALPHA, facts={"grey": True})
    keyed = png(spread(GREY // 85), 2, 0, key=(2,))
    hole = np.array([[255, 255], [0, 255]], np.uint8)
    yield Case("grey 2 bits, key.png", keyed, quadrants=GREY, alpha=hole)
    expected = np.array([[0, 1], [128, 255]], np.uint8)  # 129 / 257 = 0.502
    yield Case(
        "grey 16.png", png(spread(levels16), 16, 0), quadrants=expected, facts={"bit_depth": 16}
    )
    yield Case(
        "grey 16 key.png",
        png(spread(levels16), 16, 0, key=(0x8000,)),
        quadrants=expected,
        alpha=hole,
    )
    yield Case("rgb 16.png", png(spread(rgb16), 16, 2), tolerance=1, facts={"bit_depth": 16})
    rgb16_keyed = png(spread(rgb16), 16, 2, key=(0, 0, 0xFFFF))
    yield Case("rgb 16 key.png", rgb16_keyed, alpha=hole, tolerance=1)
    rgba16 = np.dstack([spread(rgb16), spread(ALPHA.astype(int) * 257)])
    yield Case("rgba 16.png", png(rgba16, 16, 6), alpha=ALPHA, tolerance=1)
    frames = [Image.fromarray(255 - rgb)] * 2
    animated = save(rgb, "PNG", save_all=True, append_images=frames, duration=50)
    yield Case("animated.png", animated, facts={"animated": True})
    late = (
        save(lying(rgb, 6), "PNG")[:-12]
        + chunk(b"eXIf", exif(6).tobytes()[6:])
        + chunk(b"IEND", b"")
    )
    yield Case("exif behind the pixels.png", late)
    yield Case("bad profile.png", save(rgb, "PNG", icc_profile=b"nonsense" * 30))
    yield Case(
        "ill-fitting profile.png", save(grey, "PNG", icc_profile=_lab_profile()), quadrants=GREY
    )
    profiled = save(rgb, "PNG", icc_profile=linear_profile())
    yield Case("linear profile.png", profiled, quadrants=through_linear_profile(RGB), tolerance=2)
    grey_profiled = save(grey, "PNG", icc_profile=linear_profile())
    curved = through_linear_profile(np.dstack([GREY] * 3))[..., 0]
    yield Case("grey, rgb profile.png", grey_profiled, quadrants=curved, tolerance=2)
    yield Case(
        "one pixel.png",
        save(rgb[:1, :1], "PNG"),
        quadrants=RGB[:1, :1].repeat(2, 0).repeat(2, 1),
        size=(1, 1),
    )
    yield Case(
        "thin.png",
        save(np.full((1, 3000), 9, np.uint8), "PNG"),
        quadrants=np.full((2, 2), 9, np.uint8),
        size=(3000, 1),
    )


def _jpegs() -> Iterator[Case]:
    rgb, grey = spread(RGB), spread(GREY)
    best: dict[str, Any] = {"quality": 95, "subsampling": 0}
    yield Case("rgb.jpg", save(rgb, "JPEG", **best), tolerance=4, facts={"format": "JPEG"})
    yield Case("progressive.jpeg", save(rgb, "JPEG", progressive=True, **best), tolerance=4)
    yield Case(
        "grey.jpg", save(grey, "JPEG", **best), quadrants=GREY, tolerance=4, facts={"grey": True}
    )
    cmyk = save(Image.fromarray(rgb).convert("CMYK"), "JPEG", **best)
    yield Case("cmyk.jpg", cmyk, tolerance=5, facts={"mode": "CMYK"})
    for k in range(1, 9):
        yield Case(f"exif {k}.jpg", save(lying(rgb, k), "JPEG", exif=exif(k), **best), tolerance=4)
    yield Case("exif 9.jpg", save(rgb, "JPEG", exif=exif(9), **best), tolerance=4)
    damaged = b"Exif\0\0MM\0*\xff\xff\xff\xff\x01\x12\0\x03"
    yield Case("damaged exif.jpg", save(rgb, "JPEG", exif=damaged, **best), tolerance=4)
    profiled = save(rgb, "JPEG", icc_profile=linear_profile(), **best)
    yield Case("linear profile.jpg", profiled, quadrants=through_linear_profile(RGB), tolerance=14)
    other = Image.fromarray(255 - rgb)
    phone = save(rgb, "MPO", save_all=True, append_images=[other], **best)
    yield Case("phone.jpg", phone, tolerance=4, facts={"format": "JPEG", "animated": False})


def _other_formats() -> Iterator[Case]:
    rgb, alpha = spread(RGB), spread(ALPHA)
    rgba, frames = np.dstack([rgb, alpha]), [Image.fromarray(255 - rgb)] * 2
    yield Case("lossy.webp", save(rgb, "WEBP", quality=95), tolerance=12)
    yield Case("alpha.webp", save(rgba, "WEBP", lossless=True, exact=True), alpha=ALPHA)
    animated = save(rgb, "WEBP", save_all=True, append_images=frames, lossless=True)
    yield Case("animated.webp", animated, facts={"animated": True})
    yield Case("exif 6.webp", save(lying(rgb, 6), "WEBP", lossless=True, exif=exif(6)))
    yield Case("rgb.avif", save(rgb, "AVIF", quality=95, subsampling="4:4:4"), tolerance=6)
    yield Case(
        "alpha.avif", save(rgba, "AVIF", quality=100, subsampling="4:4:4"), alpha=ALPHA, tolerance=6
    )
    turned = save(lying(rgb, 8), "AVIF", quality=95, subsampling="4:4:4", exif=exif(8))
    yield Case("exif 8.avif", turned, tolerance=6)
    yield Case("rgb.bmp", save(rgb, "BMP"))
    yield Case("palette.bmp", save(Image.fromarray(rgb).quantize(4), "BMP"))
    one_bit = np.array([[255, 0], [0, 255]], np.uint8)
    one = Image.fromarray(spread(one_bit)).convert("1")
    yield Case("1 bit.bmp", save(one, "BMP"), quadrants=one_bit, facts={"grey": True})
    palette = Image.fromarray(rgb).quantize(4)
    yield Case("still.gif", save(palette, "GIF"), facts={"animated": False})
    hole = np.array([[255, 255], [255, 0]], np.uint8)
    index = palette.getpixel((40, 30))
    yield Case("hole.gif", save(palette, "GIF", transparency=index), alpha=hole)
    many = save(rgb, "GIF", save_all=True, append_images=frames)
    yield Case("animated.gif", many, facts={"animated": True})


def _tiffs() -> Iterator[Case]:
    rgb = spread(RGB)
    image = Image.fromarray(rgb)
    yield Case("rgb.tif", save(rgb, "TIFF"))
    yield Case("lzw.tiff", save(rgb, "TIFF", compression="tiff_lzw"))
    yield Case("jpeg.tif", save(rgb, "TIFF", compression="jpeg", quality=95), tolerance=40)
    yield Case("cmyk.tif", save(image.convert("CMYK"), "TIFF"), facts={"mode": "CMYK"})
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    in_lab = ImageCms.profileToProfile(image, srgb, lab, outputMode="LAB")
    yield Case("lab.tif", save(in_lab, "TIFF"), tolerance=24, facts={"mode": "LAB"})
    yield Case("exif 5.tif", save(lying(rgb, 5), "TIFF", exif=exif(5)))
    yield Case("exif 3.tif", save(lying(rgb, 3), "TIFF", exif=exif(3)))
    pages = save(image, "TIFF", save_all=True, append_images=[Image.fromarray(255 - rgb)])
    yield Case("pages.tif", pages, facts={"animated": True})
    levels = spread(np.array([[0, 129], [0x8000, 0xFFFF]]))
    expected = np.array([[0, 1], [128, 255]], np.uint8)
    facts = {"bit_depth": 16, "grey": True}
    yield Case("grey 16.tif", tiff(levels, order="<"), quadrants=expected, facts=facts)
    yield Case("grey 16 motorola.tif", tiff(levels, order=">"), quadrants=expected, facts=facts)
    negative = tiff(levels, order="<", photometric=0)
    yield Case("grey 16 white is 0.tif", negative, quadrants=255 - expected, facts=facts)
    levels12 = spread(np.array([[0, 0x111], [0x800, 0xFFF]]))
    expected = np.array([[0, 17], [128, 255]], np.uint8)  # 4095 / 255 = 16.06
    yield Case("grey 12.tif", tiff(levels12, order="<", bits=12), quadrants=expected)


def _odd_names() -> Iterator[Case]:
    rgb = spread(RGB)
    jpeg = save(rgb, "JPEG", quality=95, subsampling=0)
    yield Case("png called.jpg", save(rgb, "PNG"), facts={"format": "PNG"})
    yield Case("jpeg called.png", jpeg, tolerance=4, facts={"format": "JPEG"})
    yield Case("UPPER.JPG", jpeg, tolerance=4)
    yield Case("Mixed.PnG", save(rgb, "PNG"))
    yield Case("no ending", save(rgb, "PNG"))
    yield Case("strange ending.dat", save(rgb, "WEBP", lossless=True))
    yield Case("two.txt.png", save(rgb, "PNG"))
    yield Case("фото з Одеси \U0001f600 #1 100%.png", save(rgb, "PNG"))
    yield Case("a/b/c/d/e/deep.png", save(rgb, "PNG"))
    yield Case("-rf.png", save(rgb, "PNG"))
    yield Case("$(echo) 'quoted' \"twice\".png", save(rgb, "PNG"))
    yield Case("n" * 250 + ".png", save(rgb, "PNG"))


def unusable() -> Iterator[Case]:
    """All that must be skipped, with a part of the reason."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    yield Case("empty.png", b"", "empty: the file has 0 bytes")
    yield Case("empty", b"", "empty: the file has 0 bytes")
    for kind, reason in (
        ("PNG", "cut off"),
        ("JPEG", "cut off"),
        ("BMP", "cut off"),
        ("GIF", "cut off"),
        ("TIFF", "cut off"),
        ("WebP", "damaged"),
        ("AVIF", "damaged"),
    ):
        whole = save(noise, kind)
        yield Case(f"half.{kind.lower()}", whole[: len(whole) // 2], reason)
        yield Case(f"only the head.{kind.lower()}", whole[:20], "a")
    broken = bytearray(save(noise, "PNG"))
    broken[200] ^= 1
    yield Case("flipped bit.png", bytes(broken), "damaged")
    yield Case("noise.jpg", rng.bytes(500), "not a picture")
    yield Case("zeros.png", bytes(500), "not a picture")
    yield Case("text.jpg", b"Dear diary, today I took no pictures at all.\n" * 3, "but a text")
    yield Case("page.png", b"<!DOCTYPE html><title>404</title>", "but a text")
    yield Case("notes.txt", "Нотатки\n".encode() * 20, "not a picture, but a text")
    yield Case("BMW.txt", b"BMW is no bitmap, however it begins.\n" * 3, "but a text")
    yield Case("labels.csv", b"name,label\na,1\n", "not a picture")
    yield Case("Thumbs.db", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(80), "not a picture")
    yield Case(".DS_Store", b"\0\0\0\1Bud1" + bytes(80), "not a picture")
    yield Case("._rgb.png", b"\0\5\x16\7" + bytes(80), "macOS")
    yield Case("__MACOSX/._rgb.png", b"\0\5\x16\7" + bytes(80), "macOS")
    yield Case(".hidden.png", save(noise, "PNG"), "hidden")
    yield Case(".thumbnails/small.png", save(noise, "PNG"), "hidden")
    yield Case("drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG")
    yield Case("paper.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3" + bytes(60), "a PDF")
    yield Case("pdf called.jpg", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3" + bytes(60), "a PDF")
    yield Case("layers.psd", b"8BPS\0\1" + bytes(60), "Photoshop")
    yield Case("photo.jp2", save(noise, "JPEG2000"), "JPEG 2000")
    yield Case("photo.jxl", b"\xff\x0a" + rng.bytes(60), "JPEG XL")
    yield Case("icon.ico", save(noise, "ICO"), "icon")
    yield Case("jp2 called.png", save(noise, "JPEG2000"), "JPEG 2000")
    yield Case("icon called.png", save(noise, "ICO"), "icon")
    yield Case("ppm called.png", save(noise, "PPM"), "not a picture")
    yield Case("clip.mp4", b"\0\0\0\x20ftypisom" + bytes(60), "a video")
    yield Case("phone.heic", b"\0\0\0\x18ftypheic" + bytes(60), "ganvas[heif]")
    yield Case("heic called.jpg", b"\0\0\0\x18ftypheic" + bytes(60), "ganvas[heif]")
    yield Case("camera.NEF", save(noise, "TIFF"), "raw picture")
    yield Case("more.zip", zipped({"a.png": save(noise, "PNG")}), "an archive inside")
    yield Case("more.tar.gz", _tarred(save(noise, "PNG")), "an archive inside")
    yield Case("zip called.png", zipped({"a.png": b""}), "a zip archive")
    yield Case("huge.png", _claiming(png(GREY // 255, 1, 0), 12_000, 10_000), "too large")
    yield Case("vast.png", _claiming(png(GREY // 255, 1, 0), 60_000, 60_000), "too large")
    yield Case("huge.bmp", _huge_bmp(), "too large")
    yield Case("no width.png", _claiming(png(GREY // 255, 1, 0), 0, 32), "damaged")
    yield Case("float.tif", save(np.ones((4, 4), np.float32), "TIFF"), "32-bit numbers")
    yield Case("int32.tif", save(np.ones((4, 4), np.int32), "TIFF"), "32-bit numbers")


def _tarred(data: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        info = tarfile.TarInfo("a.png")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def _claiming(data: bytes, width: int, height: int) -> bytes:
    """A small PNG whose header claims another size."""
    header = struct.pack(">II", width, height) + data[24:29]
    return data[:8] + chunk(b"IHDR", header) + data[33:]


def _huge_bmp() -> bytes:
    data = bytearray(save(np.zeros((2, 2), np.uint8), "BMP"))
    struct.pack_into("<ii", data, 18, 20_000, 20_000)
    return bytes(data)


def _lab_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
