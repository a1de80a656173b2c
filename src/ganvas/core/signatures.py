"""What a file is by its first bytes, whatever its name says."""

import codecs

HEAD_BYTES = 64
"""So many first bytes are enough for every answer here."""

_READ = {
    "PNG": (0, b"\x89PNG\r\n\x1a\n"),
    "JPEG": (0, b"\xff\xd8\xff"),
    "GIF": (0, b"GIF8"),
    "WebP": (8, b"WEBP"),
    "BMP": (0, b"BM"),
    "TIFF": (0, b"II*\0"),
    "TIFF (big-endian)": (0, b"MM\0*"),
    "BigTIFF": (0, b"II+\0"),
    "BigTIFF (big-endian)": (0, b"MM\0+"),
    "AVIF": (4, b"ftypavif"),
    "AVIF sequence": (4, b"ftypavis"),
}
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_OTHER_PICTURES = {
    "Photoshop": (0, b"8BPS"),
    "JPEG 2000": (4, b"jP  \r\n"),
    "JPEG XL": (0, b"\xff\x0a"),
    "JPEG XL container": (4, b"JXL \r\n"),
    "camera raw (CR3)": (4, b"ftypcrx"),
    "icon": (0, b"\0\0\1\0"),
    "SVG": (0, b"<svg"),
}
_OTHERS = {
    "a PDF": (0, b"%PDF"),
    "a zip archive": (0, b"PK\3\4"),
    "a rar archive": (0, b"Rar!"),
    "a 7z archive": (0, b"7z\xbc\xaf"),
    "a gzip archive": (0, b"\x1f\x8b"),
    "a video": (4, b"ftyp"),
    "an AVI video": (8, b"AVI "),
    "a Matroska video": (0, b"\x1aE\xdf\xa3"),
}


def looks_like_picture(head: bytes) -> bool:
    """Whether these first bytes begin a picture of a format that `images.read` may take."""
    return not _is_text(head) and (_find(_READ, head) is not None or is_heif(head))


def is_heif(head: bytes) -> bool:
    """Whether this is HEIC, as phones make it, which needs an extra library."""
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS


def why_not(head: bytes) -> str:
    """The reason, in words, why a file that begins so could not be opened as a picture."""
    if not head:
        return "empty: the file has 0 bytes"
    if looks_like_picture(head):
        return f"damaged, or a rare kind of {_find(_READ, head) or 'HEIC'}"
    if (picture := _find(_OTHER_PICTURES, head)) is not None:
        return f"a picture in {picture} format, which is not read: save it as PNG or JPEG"
    if (other := _find(_OTHERS, head)) is not None:
        return f"not a picture, but {other}"
    return "not a picture, but a text" if _is_text(head) else "not a picture"


def _find(table: dict[str, tuple[int, bytes]], head: bytes) -> str | None:
    return next((name for name, (at, magic) in table.items() if head[at:].startswith(magic)), None)


def _is_text(head: bytes) -> bool:
    # Incremental, because the last character may be cut in two.
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        return all(
            letter.isprintable() or letter in "\t\r\n\ufeff" for letter in decoder.decode(head)
        )
    except UnicodeDecodeError:
        return False
