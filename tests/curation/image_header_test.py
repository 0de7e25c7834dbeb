import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from keras_sketch.curation.image_header import Header, read_header
from keras_sketch.errors import BadDataError


def encoded(mode, form, **options):
    file = io.BytesIO()
    Image.fromarray(np.zeros((5, 300, 3), np.uint8)).convert(mode).save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("mode", "form", "channels"),
    [
        ("RGB", "PNG", 3),
        ("RGBA", "PNG", 3),
        ("P", "PNG", 3),
        ("L", "PNG", 1),
        ("LA", "PNG", 1),
        ("RGB", "JPEG", 3),
        ("CMYK", "JPEG", 3),
        ("L", "JPEG", 1),
        ("P", "GIF", 3),
        ("RGB", "BMP", 3),
        ("L", "BMP", 3),
    ],
)
def test_format_size_and_channels(mode, form, channels):
    assert read_header(encoded(mode, form)) == Header(form, 300, 5, channels)


def test_progressive_jpeg_with_comments_and_junk_between_segments():
    contents = encoded("RGB", "JPEG", progressive=True, comment=b"\xff\xc0 not a frame" * 9)
    assert read_header(contents[:2] + b"junk\xff\xff" + contents[2:]) == Header("JPEG", 300, 5, 3, passes=10)


def test_a_png_with_hundreds_of_compressed_texts_is_refused():
    contents, text = encoded("RGB", "PNG"), b"zTXtkey\0\0" + zlib.compress(bytes(1000))
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    assert read_header(contents[:33] + 100 * chunk + contents[33:]).width == 300
    with pytest.raises(BadDataError, match="PNG has more than 100 compressed texts"):
        read_header(contents[:33] + 101 * chunk + contents[33:])


def test_a_bmp_whose_size_tensorflow_would_read_otherwise_is_refused():
    contents = encoded("RGB", "BMP")
    with pytest.raises(BadDataError, match="BMP has the header of OS/2"):
        read_header(contents[:14] + struct.pack("<IHHHH", 12, 300, 5, 1, 24) + contents[26:])


def test_every_truncation_gives_a_header_or_a_reason():
    for mode, form in (("RGB", "PNG"), ("RGB", "JPEG"), ("P", "GIF"), ("RGB", "BMP")):
        contents = encoded(mode, form)
        for length in range(min(len(contents), 700)):
            try:
                assert read_header(contents[:length]).width == 300
            except BadDataError as error:
                assert "\n" not in str(error)
