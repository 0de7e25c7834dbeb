"""Image files as they should not be: made, not found, and always the same ones for a seed.

`mutated_images(count, seed)` goes through `KINDS` in turn. `write_files` puts them into class folders under odd names,
beside what is no regular file at all.
"""

import functools
import io
import os
import random as stdlib_random
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageDraw

SIDES = (65_535, 20_000, 2**31 - 1, 2**31, 2**32 - 1, 46_341, 9_000, 0)


class Mutated(NamedTuple):
    """One file: its kind, a name that may be wrong about its format, and its bytes."""

    kind: str
    suffix: str
    contents: bytes


def picture(random: stdlib_random.Random) -> Image.Image:
    """A photo's texture or a doodle, 8 to 120 pixels a side."""
    width, height = random.randint(8, 120), random.randint(8, 120)
    if random.random() < 0.5:
        small = np.frombuffer(random.randbytes(60), np.uint8).reshape(4, 5, 3)
        return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    image = Image.new("RGB", (width, height), "white")
    points = [(random.randrange(width), random.randrange(height)) for _ in range(9)]
    ImageDraw.Draw(image).line(points, "black", random.randint(1, 4))
    return image


def encoded(image: Image.Image, form: str, **options) -> bytes:
    """The bytes of a file that Pillow writes."""
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def plain(random: stdlib_random.Random, form: str | None = None) -> bytes:
    """A file that nothing is wrong with."""
    form, image = form or random.choice(["PNG", "JPEG", "JPEG", "GIF", "BMP"]), picture(random)
    options = {"quality": random.randint(20, 98), "progressive": random.random() < 0.3} if form == "JPEG" else {}
    return encoded(image.quantize(random.randint(2, 256)) if form == "GIF" else image, form, **options)


def chunk(name: bytes, data: bytes) -> bytes:
    """A PNG's chunk with its check sum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(
    width: int, height: int, depth: int, colour: int, pixels: bytes, interlaced: bool = False, more: bytes = b""
) -> bytes:
    """A PNG of these declared facts and this compressed data, whether they belong together or not."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + more + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@functools.cache
def blank_png(width: int, height: int, depth: int, colour: int) -> bytes:
    """A well-formed PNG of zeros: a thousandth of what it unpacks to."""
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    packer, row = zlib.compressobj(9), bytes(1 + (width * channels * depth + 7) // 8)
    return png(width, height, depth, colour, b"".join(map(packer.compress, [row] * height)) + packer.flush())


def adam7(image: np.ndarray) -> bytes:
    """An interlaced PNG of uint8 `[H, W, 3]`."""
    passes = [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1)]
    parts = [image[top::down, left::across] for top, down, left, across in passes]
    rows = b"".join(b"\0" + row.tobytes() for part in parts if part.size for row in part)
    return png(image.shape[1], image.shape[0], 8, 2, zlib.compress(rows), interlaced=True)


def bit_flips(random):
    """1 to 100 bits, in the header or anywhere."""
    contents = bytearray(plain(random))
    end = random.choice([64, len(contents)])
    for _ in range(random.choice([1, 2, 5, 20, 100])):
        contents[random.randrange(min(end, len(contents)))] ^= 1 << random.randrange(8)
    return bytes(contents)


def truncated(random):
    """Cut at any byte, the first ones included."""
    contents = plain(random)
    return contents[: random.choice([0, 1, 2, 9, 25, random.randrange(len(contents)), len(contents) - 1])]


def wrong_header(random):
    """The beginning of one format before the rest of another, or before nothing that makes sense."""
    start, rest = plain(random), random.choice([plain(random), random.randbytes(500)])
    cut = random.choice([2, 4, 8, 20, 60])
    return start[:cut] + rest[random.choice([0, cut]) :]


def huge_declared(random):
    """An ordinary file that declares an enormous picture, or none."""
    form = random.choice(["PNG", "JPEG", "GIF", "BMP"])
    contents, (width, height) = bytearray(plain(random, form)), (random.choice(SIDES) for _ in range(2))
    if form == "PNG":
        return png(width, height, random.choice([8, 16]), random.choice([0, 2, 6]), bytes(contents[40:]))
    if form == "GIF":
        for place in (6, contents.index(b"\x2c\0\0\0\0") + 5):
            struct.pack_into("<HH", contents, place, width & 0xFFFF, height & 0xFFFF)
    elif form == "JPEG":
        place = max(contents.find(b"\xff\xc0"), contents.find(b"\xff\xc2"))
        struct.pack_into(">HH", contents, place + 5, height & 0xFFFF, width & 0xFFFF)
    else:
        signs = random.choice([0xFFFFFFFF, 0]), random.choice([0xFFFFFFFF, 0])
        struct.pack_into("<II", contents, 18, width & 0xFFFFFFFF ^ signs[0], height & 0xFFFFFFFF ^ signs[1])
        contents[14] = random.choice([40, 40, 12])
    return bytes(contents)


def bomb(random):
    """Well-formed, small, and more pixels than are allowed."""
    return blank_png(*random.choice([(20_000, 20_000, 1, 0), (9_000, 9_000, 8, 0)]))


def large_bomb(random):
    """A megabyte that unpacks to 1.2 GB."""
    return blank_png(20_000, 20_000, 8, 2)


def sixteen_bits(random):
    """16-bit PNGs: grey, RGB, with alpha."""
    channels = random.choice([1, 3, 4])
    size = random.randint(1, 60), random.randint(1, 60)
    samples = np.frombuffer(random.randbytes(2 * size[0] * size[1] * channels), np.uint16)
    return cv2.imencode(".png", samples.reshape(*size, channels))[1].tobytes()


def cmyk(random):
    """CMYK, and YCCK by Adobe's mark."""
    contents = encoded(picture(random).convert("CMYK"), "JPEG", progressive=random.random() < 0.5)
    place = contents.find(b"Adobe")
    return contents[: place + 11] + bytes([random.choice([0, 2, 1])]) + contents[place + 12 :]


def palette(random):
    """Palettes with and without transparency, one that is too short, two and four colours."""
    colours = random.choice([2, 4, 16, 256])
    options = {"transparency": random.randrange(colours)} if random.random() < 0.5 else {}
    contents = encoded(picture(random).quantize(colours), random.choice(["PNG", "GIF"]), **options)
    if contents.startswith(b"\x89PNG") and random.random() < 0.3:
        place = contents.index(b"PLTE") - 4
        length = struct.unpack_from(">I", contents, place)[0]
        return contents[:place] + chunk(b"PLTE", contents[place + 8 : place + 11]) + contents[place + 12 + length :]
    return contents


def grey(random):
    """One bit, grey, grey with alpha, RGB with alpha, interlaced."""
    mode = random.choice(["1", "L", "LA", "RGBA", "interlaced"])
    return adam7(np.asarray(picture(random))) if mode == "interlaced" else encoded(picture(random).convert(mode), "PNG")


def animated(random):
    """Animated GIF, PNG and WebP; the frames of a GIF may differ in size."""
    frames, form = [picture(random) for _ in range(random.randint(2, 6))], random.choice(["GIF", "GIF", "PNG", "WEBP"])
    if form != "GIF" or random.random() < 0.5:
        frames = [frame.resize(frames[0].size) for frame in frames]
    return encoded(frames[0], form, save_all=True, append_images=frames[1:], duration=40)


def exif(random):
    """An EXIF orientation 1 to 8, or one that makes no sense: loops, offsets beyond the file, random bytes."""
    order, value = random.choice("<>"), random.choice([*range(1, 9), *range(1, 9), 0, 9, 65_535])
    count, first = random.choice([1, 1, 1, 0, 65_535]), random.choice([8, 8, 8, 0, 2**32 - 1, 30])
    tiff = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", first, count)
    tiff += struct.pack(order + "HHIHHI", 0x0112, random.choice([3, 3, 4, 0]), 1, value, 0, random.choice([0, 8]))
    if random.random() < 0.2:
        tiff = tiff[: random.randrange(len(tiff))] + random.randbytes(9)
    block = b"Exif\0\0" + tiff
    length = random.choice([len(block) + 2] * 5 + [0, 2, 65_535])
    contents = plain(random, "JPEG")
    return contents[:2] + b"\xff\xe1" + struct.pack(">H", length) + block + contents[2:]


def odd_jpeg(random):
    """Progressive, grey, declared arithmetic or lossless, with restart marks that are out of order."""
    image = np.asarray(picture(random))
    options = [cv2.IMWRITE_JPEG_PROGRESSIVE, random.randint(0, 1), cv2.IMWRITE_JPEG_RST_INTERVAL, random.randint(0, 3)]
    contents = bytearray(cv2.imencode(".jpg", image[..., 0] if random.random() < 0.3 else image, options)[1].tobytes())
    for mark in range(0xD0, 0xD8):
        place = contents.find(bytes([0xFF, mark]))
        if place > 0 and random.random() < 0.3:
            contents[place + 1] = random.randrange(0xD0, 0xD8)
    if random.random() < 0.3:
        place = max(contents.find(b"\xff\xc0"), contents.find(b"\xff\xc2"))
        contents[place + 1] = random.choice([0xC1, 0xC3, 0xC5, 0xC9, 0xCA, 0xCB, 0xC8])
    return bytes(contents)


def other_content(random):
    """Other formats, text, archives, nothing."""
    return random.choice(
        [
            lambda: encoded(picture(random), "WEBP"),
            lambda: encoded(picture(random), "TIFF"),
            lambda: b"\0\0\0\x18ftypheic" + random.randbytes(200),
            lambda: b"PK\x03\x04" + random.randbytes(200),
            lambda: b"Only text.\n" * random.randint(1, 50),
            lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            lambda: bytes(random.randint(0, 5000)),
            lambda: random.randbytes(random.randint(1, 3000)),
        ]
    )()


def largest(random):
    """Well-formed and just as large as is allowed, of every colour type."""
    colour = random.choice([0, 2, 4, 6])
    return blank_png(7240, 7240, random.choice([8, 16]), colour)


KINDS: tuple[Callable[[stdlib_random.Random], bytes], ...] = (
    *(plain, bit_flips, bit_flips, truncated, wrong_header, huge_declared, sixteen_bits, cmyk, palette, grey),
    *(animated, exif, odd_jpeg, other_content),
)
RARE = {999: largest, 500: large_bomb, 40: bomb}
"""Kinds that cost much, and of how many files one is of it."""

SUFFIXES = (".png", ".jpg", ".JPEG", ".gif", ".bmp", "", ".txt")


def mutated_images(count: int, seed: int = 0, real: tuple[bytes, ...] = ()) -> Iterator[Mutated]:
    """Yields files of every kind in turn; of `real` files, if given, every tenth with flipped bits or cut off."""
    for number in range(count):
        random = stdlib_random.Random(f"mutated {seed} {number}")
        make = next((RARE[every] for every in RARE if number % every == every - 1), KINDS[number % len(KINDS)])
        if real and number % 10 == 4:
            contents = bytearray(random.choice(real))
            for _ in range(random.choice([0, 1, 10])):
                contents[random.randrange(len(contents))] ^= 1 << random.randrange(8)
            cut = len(contents) if random.random() < 0.6 else random.randrange(len(contents))
            yield Mutated("real_damaged", ".jpg", bytes(contents[:cut]))
        else:
            yield Mutated(make.__name__, random.choice(SUFFIXES), make(random))


def write_files(folder: Path, files: Iterator[Mutated]) -> dict[str, Mutated]:
    """Writes files into two class folders, some under odd names, and beside them what is no regular file.

    Returns:
        What the folder's builder has to account for, by its id.
    """
    written = {}
    for number, file in enumerate(files):
        odd = {50: "two\nlines", 51: "żółw 🐢", 52: "caf\udce9", 53: "a,b\"c';%s{}"}.get(number % 100, file.kind)
        place = f"{'ab'[number % 2]}/{number:06d}-{odd}{file.suffix}"
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes(file.contents)
        written[place.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")] = file
    (folder / "a" / "folder.png").mkdir()
    (folder / "a" / "gone.png").symlink_to(folder / "nowhere")
    (folder / "a" / "round.png").symlink_to(folder / "a" / "round.png")
    (folder / "b" / "up").symlink_to(folder / "b", target_is_directory=True)
    os.mkfifo(folder / "b" / "pipe.jpg")
    with (folder / "b" / "large.bmp").open("wb") as large:
        large.truncate(3 << 30)
    return written | {
        name: Mutated("no_file", "", b"") for name in ("a/gone.png", "a/round.png", "b/pipe.jpg", "b/large.bmp")
    }
