import io
import struct
import subprocess
import sys

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from keras_sketch.curation import decode
from keras_sketch.curation.decode import check_image, decode_image
from keras_sketch.errors import BadDataError, InvalidArgumentError

BLOCKS = np.kron(np.arange(6, dtype=np.uint8).reshape(2, 3) * 45 + 10, np.ones((16, 16), np.uint8))
COLOURS = np.stack([BLOCKS, BLOCKS[::-1], BLOCKS[:, ::-1]], axis=-1)


def encoded(image, form, **options):
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, form, **options)
    return file.getvalue()


def on_white(image):
    rgba = image.convert("RGBA")
    white = Image.new("RGBA", rgba.size, "white")
    return np.asarray(Image.alpha_composite(white, rgba).convert("RGB"))


def noise(height=7, width=9, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def tiff(orientation, order="<", kind=3, before=1):
    """A TIFF header whose first directory holds other tags before and after the orientation."""
    value = struct.pack(order + "HH", orientation, 0) if kind == 3 else struct.pack(order + "I", orientation)
    entries = [struct.pack(order + "HHI", 0x0100 + tag, 4, 1) + struct.pack(order + "I", 7) for tag in range(before)]
    entries.append(struct.pack(order + "HHI", 0x0112, kind, 1) + value)
    entries.append(struct.pack(order + "HHI", 0x0128, 3, 1) + struct.pack(order + "HH", 2, 0))
    start = b"II*\0" if order == "<" else b"MM\0*"
    body = struct.pack(order + "H", len(entries)) + b"".join(entries) + bytes(4)
    return start + struct.pack(order + "I", 8) + body


def segment(marker, payload):
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def with_segments(jpeg, *segments):
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


JPEG = encoded(COLOURS, "JPEG", quality=95, subsampling=0)
XMP = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x>Exif\0\0II*\0</x>")
COMMENT = segment(0xFE, b"Exif\0\0MM\0* a comment")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_orientations_are_turned_as_pillow_and_opencv_turn_them(orientation, order):
    contents = with_segments(JPEG, segment(0xE1, b"Exif\0\0" + tiff(orientation, order)))
    ours = check_image(contents)
    pillow = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(contents))))
    opencv = cv2.imdecode(np.frombuffer(contents, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert ours.shape == pillow.shape == opencv.shape
    assert np.abs(ours.astype(int) - pillow).max() <= 3
    assert np.abs(ours.astype(int) - opencv).max() <= 3


EXIF_6 = segment(0xE1, b"Exif\0\0" + tiff(6, ">"))


@pytest.mark.parametrize(
    "segments",
    [
        [EXIF_6],
        [XMP, EXIF_6],
        [COMMENT, XMP, segment(0xE2, b"ICC_PROFILE\0" + bytes(65000)), EXIF_6, XMP],
        [b"\xff\xff\xff", EXIF_6],
        [b"\xff\x01", COMMENT, b"\xff", EXIF_6],
        [EXIF_6, segment(0xE1, b"Exif\0\0" + tiff(3))],
        [segment(0xE1, b"Exif\0\0" + tiff(6, ">", kind=4, before=10))],
        [segment(0xE1, b"Exif\0\0" + tiff(6, "<", kind=4, before=0))],
    ],
    ids=["alone", "after XMP", "after ICC", "padded", "bare marker", "second ignored", "LONG, big", "LONG, little"],
)
def test_the_orientation_is_found_among_odd_segments(segments):
    quarter_turn_clockwise = np.rot90(check_image(JPEG), -1)
    np.testing.assert_array_equal(check_image(with_segments(JPEG, *segments)), quarter_turn_clockwise)


@pytest.mark.parametrize(
    "payload",
    [
        b"Exif\0\0",
        b"Exif\0\0II",
        b"Exif\0\0" + tiff(6)[:9],
        b"Exif\0\0" + tiff(6)[:20],
        b"Exif\0\0" + b"XX" + tiff(6)[2:],
        b"Exif\0\0" + b"II*\0\xff\xff\xff\xff" + tiff(6)[8:],
        b"Exif\0\0" + b"II*\0" + struct.pack("<IH", 8, 65535) + bytes(30),
        b"Exif\0\0" + tiff(0),
        b"Exif\0\0" + tiff(9),
    ],
    ids=["empty", "order", "count", "entries", "unknown order", "far offset", "many entries", "value 0", "value 9"],
)
def test_exif_that_makes_no_sense_turns_nothing(payload):
    np.testing.assert_array_equal(check_image(with_segments(JPEG, segment(0xE1, payload))), check_image(JPEG))


def test_any_bytes_decode_or_raise_bad_data():
    rng = np.random.default_rng(1)
    originals = [
        with_segments(JPEG, XMP, EXIF_6),
        encoded(noise(channels=4), "PNG"),
        encoded(Image.fromarray(noise()).quantize(8), "GIF", transparency=1),
        encoded(Image.fromarray(noise()).quantize(8), "BMP"),
    ]
    for original in originals:
        for _ in range(40):
            damaged = np.frombuffer(original, np.uint8).copy()
            damaged[rng.integers(0, len(damaged), 3)] = rng.integers(0, 256, 3)
            damaged = damaged[: rng.integers(1, len(damaged) + 1)] if rng.random() < 0.5 else damaged
            try:
                assert check_image(damaged.tobytes()).ndim == 3
            except BadDataError as error:
                assert len(str(error)) < 120


@pytest.mark.parametrize("order", ["<", ">"])
def test_damaged_exif_never_stops_a_readable_picture(order):
    rng = np.random.default_rng(2)
    payload = np.frombuffer(b"Exif\0\0" + tiff(6, order), np.uint8)
    for _ in range(60):
        damaged = payload.copy()
        damaged[rng.integers(6, len(damaged), 4)] = rng.integers(0, 256, 4)
        assert sorted(check_image(with_segments(JPEG, segment(0xE1, damaged.tobytes()))).shape) == [3, 32, 48]


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "RGBA", "LA", "PA"])
def test_png_is_what_a_person_sees_on_white(mode):
    rgb = Image.fromarray(noise())
    image = {
        "P": lambda: rgb.quantize(5),
        "RGBA": lambda: Image.fromarray(noise(channels=4)),
        "LA": lambda: Image.fromarray(noise(channels=2), "LA"),
        "PA": lambda: rgb.quantize(5),
    }.get(mode, lambda: rgb.convert(mode))()
    contents = encoded(image, "PNG", **({"transparency": 2} if mode == "PA" else {}))
    expected = on_white(Image.open(io.BytesIO(contents)))
    assert np.abs(decode_image(contents).numpy().astype(int) - expected).max() <= 1
    checked = check_image(contents)
    assert checked.shape[-1] == (1 if mode in ("L", "1", "LA") else 3)
    assert np.abs(checked.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_png_with_one_transparent_colour_lies_on_white(mode):
    image = Image.fromarray(noise()).convert(mode)
    colour = image.getpixel((0, 0))
    contents = encoded(image, "PNG", transparency=colour)
    pixels = np.asarray(image).reshape(7, 9, -1)
    transparent = (pixels == colour).all(axis=-1, keepdims=True)
    np.testing.assert_array_equal(check_image(contents), np.where(transparent, 255, pixels))


def test_a_drawing_on_a_transparent_ground_is_dark_on_white():
    rgba = np.zeros((8, 8, 4), np.uint8)
    rgba[3, :, 3] = 255
    expected = np.where(np.arange(8)[:, None, None] == 3, 0, np.full((8, 8, 3), 255))
    np.testing.assert_array_equal(check_image(encoded(rgba, "PNG")), expected)
    index = np.where(rgba[..., 3] > 0, 1, 0).astype(np.uint8)
    gif = Image.fromarray(index, "P")
    gif.putpalette([0, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(check_image(encoded(gif, "GIF", transparency=0)), expected)


@pytest.mark.parametrize("options", [{}, {"transparency": 2}, {"transparency": 2, "comment": b"made by hand!" * 30}])
def test_gif(options):
    contents = encoded(Image.fromarray(noise()).quantize(6), "GIF", **options)
    np.testing.assert_array_equal(check_image(contents), on_white(Image.open(io.BytesIO(contents))))


@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
def test_bmp(mode):
    image = Image.fromarray(noise())
    image = image.quantize(6) if mode == "P" else image.convert(mode)
    np.testing.assert_array_equal(check_image(encoded(image, "BMP")), np.asarray(image.convert("RGB")))


def test_sixteen_bits_keep_the_upper_eight():
    samples = np.arange(63, dtype=np.uint16).reshape(7, 9) * 1000 + 255
    np.testing.assert_array_equal(check_image(encoded(Image.fromarray(samples), "PNG"))[..., 0], samples >> 8)


def test_cmyk_becomes_rgb():
    contents = encoded(Image.fromarray(COLOURS).convert("CMYK"), "JPEG", quality=95, subsampling=0)
    assert np.abs(check_image(contents).astype(int) - COLOURS).max() <= 6


def test_grey_is_the_luminance_that_pillow_computes():
    image = Image.fromarray(noise(40, 50))
    grey = decode_image(encoded(image, "PNG"), channels=1).numpy()
    np.testing.assert_array_equal(grey[..., 0], np.asarray(image.convert("L")))


def test_every_grey_level_survives():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for channels in (1, 3):
        decoded = decode_image(encoded(levels, "PNG"), channels=channels).numpy()
        np.testing.assert_array_equal(decoded, np.repeat(levels[..., None], channels, axis=-1))


def test_other_channel_counts_are_refused():
    with pytest.raises(InvalidArgumentError, match="`channels` must be 1 or 3"):
        decode_image(b"", channels=4)


def test_in_a_pipeline_it_gives_the_same_pixels():
    import tensorflow as tf

    contents = with_segments(JPEG, EXIF_6)
    dataset = tf.data.Dataset.from_tensors(contents).map(decode_image)
    assert dataset.element_spec.shape.as_list() == [None, None, 3]
    np.testing.assert_array_equal(next(iter(dataset)), check_image(contents))


ANIMATED = encoded(
    Image.fromarray(noise()), "GIF", save_all=True, append_images=[Image.fromarray(noise(seed=1))], duration=50
)


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        (b"", "empty"),
        (b"Not an image,\njust a letter.\n" * 20, "but text"),
        (bytes(100), "but zeros"),
        (encoded(noise(), "TIFF"), "but a TIFF"),
        (encoded(noise(), "WEBP"), "but a WebP"),
        (ANIMATED, "animated"),
        (JPEG[: len(JPEG) // 2], "JPEG is damaged, truncated"),
        (JPEG[:-2], "JPEG is damaged, truncated"),
        (JPEG[:4], "JPEG"),
        (encoded(noise(), "PNG")[:-30], "PNG is damaged, truncated"),
        (encoded(noise(), "PNG")[:20], "PNG ends before its header"),
        (encoded(noise(), "BMP")[:-5], "BMP is damaged, truncated"),
        (encoded(noise(), "BMP")[:20], "BMP ends before its header"),
        (encoded(noise(), "GIF")[:-40], "GIF ends"),
        (b"GIF89a", "GIF ends before its header"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_used_is_refused_with_a_reason(contents, reason):
    with pytest.raises(BadDataError, match=reason):
        check_image(contents)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP"])
def test_an_absurd_declared_size_is_refused_before_decoding(form, monkeypatch):
    contents = encoded(noise(), form)
    monkeypatch.setattr(decode, "MAX_PIXELS", 7 * 9)
    check_image(contents)
    monkeypatch.setattr(decode, "MAX_PIXELS", 7 * 9 - 1)
    monkeypatch.setattr(decode, "_compiled", lambda channels: pytest.fail("it was decoded"))
    with pytest.raises(BadDataError, match=f"the {form} declares 9 x 7 pixels"):
        check_image(contents)


@pytest.mark.parametrize("form", ["PNG", "BMP", "GIF"])
def test_a_large_image_is_the_same_in_bands_and_windows(form):
    image = Image.fromarray(noise(1100, 1000, 4))
    image = image if form == "PNG" else image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    contents = encoded(image, form)
    expected = on_white(Image.open(io.BytesIO(contents)))
    assert 1100 * 1000 > 2**20
    assert np.abs(check_image(contents).astype(int) - expected).max() <= 1
    luminance = np.asarray(Image.fromarray(check_image(contents)).convert("L"))
    np.testing.assert_array_equal(check_image(contents, 1)[..., 0], luminance)


def test_a_progressive_jpeg_of_hundreds_of_scans_is_refused():
    progressive = encoded(Image.new("L", (2000, 2000)), "JPEG", progressive=True)
    scan = progressive[progressive.rindex(b"\xff\xda") : -2]
    with pytest.raises(BadDataError, match="JPEG goes over its 4000000 pixels 906 times"):
        check_image(progressive[:-2] + 900 * scan + progressive[-2:])


def test_a_file_that_is_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(decode, "MAX_BYTES", len(JPEG))
    check_image(JPEG)
    with pytest.raises(BadDataError, match="the file has 0 MiB, more than 0"):
        check_image(JPEG + b"x")


def test_importing_loads_no_tensorflow():
    code = "import sys, keras_sketch.curation.decode; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
