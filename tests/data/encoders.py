"""Files of pictures made by hand: bytes as the formats define them, not by the code under test."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image


def save(picture: np.ndarray | Image.Image, kind: str, **options: Any) -> bytes:
    """Encode with Pillow."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png(rows: np.ndarray, depth: int, colour_type: int, *, key: tuple[int, ...] = ()) -> bytes:
    """Encode by hand: 16-bit samples, or packed ones below 8 bits, with a transparent colour."""
    height, width = rows.shape[:2]
    if depth == 16:
        lines = [row.astype(">u2").tobytes() for row in rows]
    else:
        shifts = np.arange(depth - 1, -1, -1)
        lines = [np.packbits(row[:, None] >> shifts & 1).tobytes() for row in rows]
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + (chunk(b"tRNS", struct.pack(f">{len(key)}H", *key)) if key else b"")
        + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + line for line in lines)))
        + chunk(b"IEND", b"")
    )


def chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def tiff(samples: np.ndarray, *, order: str, bits: int = 16, photometric: int = 1) -> bytes:
    """Encode one uncompressed strip by hand; `order` is "<" (Intel) or ">" (Motorola)."""
    height, width = samples.shape[:2]
    data = samples.astype(f"{order}u2").tobytes()
    if bits == 12:
        digits = "".join(f"{level:03x}" for level in samples.flat)
        data = bytes.fromhex(digits)
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: 0, 277: 1}
    tags |= {278: height, 279: len(data)}
    tags[273] = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, tags[tag]) for tag in sorted(tags))
    head = b"II*\0" if order == "<" else b"MM\0*"
    return head + struct.pack(f"{order}IH", 8, len(tags)) + entries + b"\0\0\0\0" + data


def lying(upright: np.ndarray, orientation: int) -> np.ndarray:
    """How a camera stores an upright picture, by the EXIF table: where row 0 and column 0 lie."""
    turned = upright.swapaxes(0, 1)
    return {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: turned,
        6: turned[::-1],
        7: turned[::-1, ::-1],
        8: turned[:, ::-1],
    }[orientation]


def exif(orientation: int) -> Image.Exif:
    """The smallest EXIF block that says how a picture lies."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def linear_profile() -> bytes:
    """An ICC profile of linear light, its red and blue primaries being sRGB's blue and red."""
    columns = {
        b"bXYZ": (0.4360, 0.2225, 0.0139),
        b"gXYZ": (0.3851, 0.7169, 0.0971),
        b"rXYZ": (0.1431, 0.0606, 0.7141),
        b"wtpt": (0.9642, 1.0, 0.8249),
    }
    blocks = {
        name: b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(v * 65536)) for v in values)
        for name, values in columns.items()
    }
    blocks |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), b"curv\x00\x00\x00\x00\x00\x00\x00\x00")
    start = 128 + 4 + 12 * len(blocks)
    table, body = b"", b""
    for name, block in blocks.items():
        table += name + struct.pack(">II", start + len(body), len(block))
        body += block
    header = bytearray(128)
    struct.pack_into(">I", header, 0, start + len(body))
    header[8:12] = b"\x02\x10\0\0"
    header[12:24] = b"mntrRGB XYZ "
    header[36:40] = b"acsp"
    header[68:80] = struct.pack(">3i", 63190, 65536, 54061)
    return bytes(header) + struct.pack(">I", len(blocks)) + table + body


def through_linear_profile(rgb: np.ndarray) -> np.ndarray:
    """What `linear_profile` means: swap red and blue, then sRGB's own curve."""
    linear = rgb[..., ::-1] / 255
    curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(curved * 255).astype(np.uint8)
