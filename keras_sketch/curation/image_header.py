"""What an image file says about itself before anybody decodes it: format, size, channels, number of frames."""

from __future__ import annotations

import dataclasses
import struct

from keras_sketch.errors import BadDataError

MAX_PIXELS = 50 << 20
"""Images that declare more are refused before they are decoded: 150 MiB as RGB, up to four times that on the way."""

MAX_BYTES = 1 << 27
"""Larger files are not read."""

MAX_PASSES = 50
"""How often a progressive JPEG may go over `MAX_PIXELS` pixels (the usual encoders: 10), a smaller one more often."""

MAX_TEXTS = 100
"""Compressed texts in a PNG, which are unpacked with it."""

_OTHERS = (
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL"),
    (b"\x1f\x8b", "a gzip file"),
)


@dataclasses.dataclass(frozen=True)
class Header:
    """The declared facts of an image file.

    Attributes:
        format: `"PNG"`, `"JPEG"`, `"GIF"` or `"BMP"`.
        width: In pixels, before any EXIF rotation.
        height: In pixels.
        channels: 1 where a PNG or JPEG stores grey (with or without alpha), otherwise 3.
        passes: How often a decoder goes over the pixels: the scans of a progressive JPEG.
    """

    format: str
    width: int
    height: int
    channels: int = 3
    passes: int = 1


def read_header(contents: bytes) -> Header:
    """Reads the declared facts of a PNG, JPEG, GIF or BMP file.

    Raises:
        BadDataError: It is empty, something else, too short for its header, or an animated GIF.
    """
    if not contents:
        raise BadDataError("the file is empty")
    for magic, reader in _READERS.items():
        if contents.startswith(magic):
            try:
                return reader(contents)
            except (struct.error, IndexError) as error:
                raise BadDataError(f"the {reader.__name__.lstrip('_').upper()} ends before its header does") from error
    raise BadDataError(f"not a PNG, JPEG, GIF or BMP image but {_what(contents)}")


def _what(contents: bytes) -> str:
    for magic, name in _OTHERS:
        if contents.startswith(magic):
            return name
    if contents[:4] == b"RIFF" and contents[8:12] == b"WEBP":
        return "a WebP"
    if contents[4:8] == b"ftyp":
        return "an AVIF, HEIC or video"
    start = contents[:512]
    if not start.strip(b"\0"):
        return "zeros"
    printable = sum(32 <= byte < 127 or byte in b"\t\r\n" for byte in start)
    return "text" if printable >= 0.95 * len(start) else "unknown bytes"


def _png(contents: bytes) -> Header:
    width, height, _, colour_type = struct.unpack_from(">IIBB", contents, 16)
    if contents.count(b"zTXt") + contents.count(b"iTXt") > MAX_TEXTS:
        raise BadDataError(f"the PNG has more than {MAX_TEXTS} compressed texts")
    return Header("PNG", width, height, 1 if colour_type in (0, 4) else 3)


def _bmp(contents: bytes) -> Header:
    (size,) = struct.unpack_from("<i", contents, 14)
    if size < 40:
        raise BadDataError("the BMP has the header of OS/2")
    width, height = struct.unpack_from("<ii", contents, 18)
    return Header("BMP", abs(width), abs(height))


def _jpeg(contents: bytes) -> Header:
    position = 2
    while True:
        position = contents.find(b"\xff", position)
        if position < 0:
            raise BadDataError("the JPEG has no frame header")
        marker = contents[position + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width, channels = struct.unpack_from(">HHB", contents, position + 5)
            passes = contents.count(b"\xff\xda") if marker in (0xC2, 0xCA) else 1
            return Header("JPEG", width, height, 1 if channels == 1 else 3, passes)
        if marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD8:
            position += 1
        elif marker in (0xD9, 0xDA):
            raise BadDataError("the JPEG has no frame header")
        else:
            position += 2 + max(2, struct.unpack_from(">H", contents, position + 2)[0])


def _gif(contents: bytes) -> Header:
    width, height, flags = struct.unpack_from("<HHB", contents, 6)
    position = 13 + _palette_bytes(flags)
    frames = 0
    while position < len(contents) and contents[position] != 0x3B:
        if contents[position] == 0x21:
            position += 2
        elif contents[position] == 0x2C:
            frames += 1
            left, top, columns, rows, flags = struct.unpack_from("<HHHHB", contents, position + 1)
            if frames > 1:
                raise BadDataError("the GIF is animated")
            if (left, top, columns, rows) != (0, 0, width, height):
                raise BadDataError("the picture in the GIF does not fill its canvas")
            position += 11 + _palette_bytes(flags)
        else:
            raise BadDataError("the GIF is damaged")
        while contents[position]:
            position += 1 + contents[position]
        position += 1
    return Header("GIF", width, height)


def _palette_bytes(flags: int) -> int:
    return 3 * 2 ** (flags % 8 + 1) if flags >= 128 else 0


_READERS = {b"\x89PNG\r\n\x1a\n": _png, b"\xff\xd8": _jpeg, b"GIF8": _gif, b"BM": _bmp}
