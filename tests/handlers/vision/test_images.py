"""Images from strangers: every format and colour model that is read, and files made to do harm."""

from __future__ import annotations

import io
import json
import resource
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from handlers.common.errors import PayloadTooLarge, ServiceError, UnprocessableInput, UnsupportedMediaType
from handlers.vision.images import MAX_BYTES, MAX_PIXELS, Picture, read_picture

DAMAGED = "The image is damaged or incomplete and cannot be decoded."
NOT_READ = "The image is not a PNG, JPEG, WebP or GIF file."
TOO_MANY_PIXELS = "The image has more than 25,000,000 pixels, or a side of more than 20,000. Send it smaller."

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def file_of(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def corners_picture(size: tuple[int, int] = (64, 48)) -> Image.Image:
    """Red at the top left, green at the top right, blue at the bottom left, white at the bottom right."""
    image = Image.new("RGB", size)
    half_width, half_height = size[0] // 2, size[1] // 2
    image.paste(RED, (0, 0, half_width, half_height))
    image.paste(GREEN, (half_width, 0, size[0], half_height))
    image.paste(BLUE, (0, half_height, half_width, size[1]))
    image.paste(WHITE, (half_width, half_height, size[0], size[1]))
    return image


def corner_colors(picture: Picture) -> list[tuple[int, ...]]:
    image = picture.pixels
    assert image.mode == "RGB"
    places = [
        (x, y)
        for y in (image.height // 4, image.height * 3 // 4)
        for x in (image.width // 4, image.width * 3 // 4)
    ]
    found = [image.getpixel(place) for place in places]
    return [tuple(round(value / 85) * 85 for value in color) for color in found if isinstance(color, tuple)]


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of_size(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 100_000)
    return (
        b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")
    )


def gif_of_size(width: int, height: int, frame: tuple[int, int] = (1, 1)) -> bytes:
    return (
        b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
        + b"," + struct.pack("<HHHHB", 0, 0, *frame, 0) + b"\x02\x02D\x01\x00;"
    )  # fmt: skip


def webp_of_size(width: int, height: int) -> bytes:
    sizes = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + sizes
    return b"RIFF" + struct.pack("<I", len(body)) + body


def jpeg_of_size(width: int, height: int) -> bytes:
    data = bytearray(file_of(Image.new("RGB", (16, 16)), "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def test_every_format_is_read() -> None:
    image = corners_picture()
    files = {
        "PNG": file_of(image, "PNG"),
        "interlaced WebP": file_of(image, "WEBP", lossless=True),
        "lossy WebP": file_of(image, "WEBP", quality=95),
        "JPEG": file_of(image, "JPEG", quality=95),
        "progressive JPEG": file_of(image, "JPEG", quality=95, progressive=True),
        "GIF": file_of(image, "GIF"),
    }
    for kind, data in files.items():
        picture = read_picture(data)
        assert (picture.width, picture.height, picture.pixels.size) == (64, 48, (64, 48)), kind
        assert corner_colors(picture) == [RED, GREEN, BLUE, WHITE], kind


def test_every_colour_model_is_read() -> None:
    image = corners_picture()
    files = {
        "palette": file_of(image.quantize(8), "PNG"),
        "RGBA": file_of(image.convert("RGBA"), "PNG"),
        "WebP with alpha": file_of(image.convert("RGBA"), "WEBP", lossless=True),
        "CMYK": file_of(image.convert("CMYK"), "JPEG", quality=95),
    }
    for kind, data in files.items():
        assert corner_colors(read_picture(data)) == [RED, GREEN, BLUE, WHITE], kind


@pytest.mark.parametrize("mode", ["1", "L", "LA"])
def test_shades_of_grey_are_read(mode: str) -> None:
    image = Image.new("L", (40, 20), 255)
    image.paste(0, (0, 0, 20, 20))
    pixels = read_picture(file_of(image.convert(mode), "PNG")).pixels
    assert (pixels.mode, pixels.getpixel((5, 10)), pixels.getpixel((35, 10))) == ("RGB", (0, 0, 0), WHITE)


def test_sixteen_bits_are_brought_down_to_eight_and_not_cut_off() -> None:
    image = Image.new("I;16", (3, 1))
    for x, value in enumerate((0, 0x8000, 0xFFFF)):
        image.putpixel((x, 0), value)
    pixels = read_picture(file_of(image, "PNG")).pixels
    assert [pixels.getpixel((x, 0)) for x in range(3)] == [(0, 0, 0), (128, 128, 128), (255, 255, 255)]


@pytest.mark.parametrize(("ink", "background"), [("black", WHITE), ("white", (0, 0, 0))])
def test_transparent_parts_differ_from_what_is_drawn(ink: str, background: tuple[int, int, int]) -> None:
    image = Image.new("RGBA", (60, 30), (0, 0, 0, 0))
    ImageDraw.Draw(image).rectangle([10, 10, 30, 20], fill=ink)
    for data in (file_of(image, "PNG"), file_of(image.quantize(4), "PNG"), file_of(image, "GIF")):
        assert read_picture(data).pixels.getpixel((50, 5)) == background


def test_a_wholly_transparent_image_is_white() -> None:
    assert read_picture(file_of(Image.new("RGBA", (9, 9)), "PNG")).pixels.getpixel((4, 4)) == WHITE


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_read(kind: str) -> None:
    frames = [Image.new("RGB", (20, 10), color) for color in ("red", "green", "blue")]
    data = file_of(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)
    assert read_picture(data).pixels.getpixel((5, 5)) == pytest.approx(RED, abs=3)


ORIENTATIONS = {
    1: [RED, GREEN, BLUE, WHITE],
    2: [GREEN, RED, WHITE, BLUE],
    3: [WHITE, BLUE, GREEN, RED],
    4: [BLUE, WHITE, RED, GREEN],
    5: [RED, BLUE, GREEN, WHITE],
    6: [BLUE, RED, WHITE, GREEN],
    7: [WHITE, GREEN, BLUE, RED],
    8: [GREEN, WHITE, RED, BLUE],
}


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_orientation_in_exif_is_applied(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = read_picture(file_of(corners_picture(), kind, exif=exif, quality=95))
    assert corner_colors(picture) == ORIENTATIONS[orientation]
    assert (picture.width, picture.height) == ((64, 48) if orientation < 5 else (48, 64))
    assert picture.pixels.size == (picture.width, picture.height)


@pytest.mark.parametrize("value", [0, 9, 65_535])
def test_an_orientation_that_does_not_exist_is_ignored(value: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = value
    assert corner_colors(read_picture(file_of(corners_picture(), "JPEG", exif=exif)))[0] == RED


def test_broken_exif_is_ignored() -> None:
    exif = b"Exif\0\0MM\0*\0\0\xff\xff" + b"\x7f" * 40
    assert corner_colors(read_picture(file_of(corners_picture(), "JPEG", exif=exif)))[0] == RED


def test_a_large_jpeg_can_be_decoded_smaller_with_its_own_size_told() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = read_picture(file_of(corners_picture((1600, 1200)), "JPEG", exif=exif), enough=256)
    assert (picture.width, picture.height) == (1200, 1600)
    assert 256 <= min(picture.pixels.size) < 1200
    assert corner_colors(picture) == ORIENTATIONS[6]


def test_formats_that_cannot_be_decoded_smaller_are_decoded_whole() -> None:
    assert read_picture(file_of(corners_picture((600, 400)), "PNG"), enough=256).pixels.size == (600, 400)


# --- refused ---


@pytest.mark.parametrize(
    ("case", "data"),
    [
        ("text", b"hello, this is not an image"),
        ("a zip file", b"PK\x03\x04" + b"\0" * 60),
        ("a PDF", b"%PDF-1.7\n%%EOF"),
        ("an SVG", b'<svg xmlns="http://www.w3.org/2000/svg"/>'),
        ("a script for a printer", b"%!PS-Adobe-3.0 EPSF-3.0\n"),
        ("a BMP", file_of(Image.new("RGB", (4, 4)), "BMP")),
        ("a TIFF", file_of(Image.new("RGB", (4, 4)), "TIFF")),
        ("another RIFF file", b"RIFF\x24\0\0\0WAVEfmt "),
        ("a PNG behind a zip file", b"PK\x03\x04" + file_of(Image.new("RGB", (4, 4)), "PNG")),
        ("one byte", b"\x89"),
        ("nothing", b""),
    ],
)
def test_other_formats_are_refused(case: str, data: bytes) -> None:
    with pytest.raises(UnsupportedMediaType) as caught:
        read_picture(data)
    assert caught.value.message == NOT_READ


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_truncated_files_are_refused(kind: str) -> None:
    noise = Image.effect_noise((80, 60), 90).convert("RGB")
    whole = file_of(noise, kind)
    for length in (16, 20, 30, len(whole) // 2):
        with pytest.raises(UnprocessableInput) as caught:
            read_picture(whole[:length])
        assert caught.value.message == DAMAGED


@pytest.mark.parametrize(
    ("case", "data"),
    [
        ("a script that starts like a GIF", b"GIF89a/*\1\0*/=0;alert(1)//" + b" " * 100),
        ("a web page in a PNG's clothes", b"\x89PNG\r\n\x1a\n<html><script>alert(1)</script></html>"),
        ("a PNG without a size", png_of_size(0, 10)),
        ("a JPEG that never gets to its image", b"\xff\xd8\xff\xe0" + b"\xff" * 2_000_000),
        ("a JPEG of ten thousand empty segments", b"\xff\xd8" + b"\xff\xfe\0\x02" * 10_000),
        ("a JPEG with a segment of no length", b"\xff\xd8\xff\xe0\0\0" + b"\0" * 50),
        ("a JPEG of a thousand scans", file_of(Image.new("RGB", (8, 8)), "JPEG") + b"\xff\xda\0\x02" * 1000),
        ("a WebP of an unknown kind", b"RIFF\x20\0\0\0WEBPVP9 " + b"\0" * 20),
    ],
)
def test_files_made_to_do_harm_are_refused(case: str, data: bytes) -> None:
    with pytest.raises(UnprocessableInput) as caught:
        read_picture(data)
    assert caught.value.message == DAMAGED


BOMBS: dict[str, Callable[[int, int], bytes]] = {
    "PNG": png_of_size,
    "JPEG": jpeg_of_size,
    "WEBP": webp_of_size,
    "GIF": gif_of_size,
}


@pytest.mark.parametrize("kind", BOMBS)
@pytest.mark.parametrize("size", [(5001, 5000), (20_001, 1), (1, 20_001), (16_000, 16_000)])
def test_too_many_pixels_are_refused(kind: str, size: tuple[int, int]) -> None:
    with pytest.raises(PayloadTooLarge) as caught:
        read_picture(BOMBS[kind](*size))
    assert caught.value.message == TOO_MANY_PIXELS


def test_a_frame_larger_than_the_header_says_is_refused() -> None:
    with pytest.raises(PayloadTooLarge) as caught:
        read_picture(gif_of_size(10, 10, frame=(60_000, 60_000)))
    assert caught.value.message == TOO_MANY_PIXELS


def test_bombs_take_little_memory() -> None:
    bombs = [make(50_000, 50_000).hex() for make in (png_of_size, jpeg_of_size, webp_of_size, gif_of_size)]
    bombs.append(gif_of_size(10, 10, frame=(60_000, 60_000)).hex())
    program = (
        "import json, resource, sys\n"
        "from handlers.common.errors import PayloadTooLarge\n"
        "from handlers.vision.images import read_picture\n"
        "bombs = json.load(sys.stdin)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for bomb in bombs:\n"
        "    try:\n"
        "        read_picture(bytes.fromhex(bomb))\n"
        "    except PayloadTooLarge:\n"
        "        print('refused', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(bombs),
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1_000_000_000, 1_000_000_000)),
    )
    grown = [line.split() for line in done.stdout.splitlines()]
    assert [word for word, _ in grown] == ["refused"] * len(bombs)
    assert all(int(kilobytes) < 50_000 for _, kilobytes in grown)


def test_as_many_pixels_as_are_allowed_are_read() -> None:
    data = file_of(Image.new("1", (5000, 5000), 1), "PNG")
    assert len(data) < 20_000
    picture = read_picture(data)
    assert picture.width * picture.height == MAX_PIXELS
    assert picture.pixels.getpixel((4999, 4999)) == WHITE


def test_too_many_bytes_are_refused() -> None:
    with pytest.raises(PayloadTooLarge) as caught:
        read_picture(b"\xff\xd8\xff" + b"\0" * MAX_BYTES)
    assert caught.value.message == "The image is larger than 4,500,000 bytes."


def test_what_follows_the_image_is_left_behind() -> None:
    image = corners_picture()
    picture = read_picture(file_of(image, "PNG") + b"PK\x03\x04<script>alert(1)</script>")
    assert picture.pixels.tobytes() == image.tobytes()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_metadata_is_left_behind(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    picture = read_picture(
        file_of(corners_picture(), kind, exif=exif, comment=b"taken at home", dpi=(72, 72))
    )
    assert picture.pixels.info == {}


STARTS = [
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    b"\xff\xd8\xff",
    b"GIF89a",
    b"RIFF\x40\0\0\0WEBPVP8 ",
    b"RIFF\x40\0\0\0WEBPVP8X",
    b"",
]


@given(st.sampled_from(STARTS), st.binary(max_size=200))
def test_any_bytes_are_an_image_or_one_of_our_errors(start: bytes, rest: bytes) -> None:
    try:
        picture = read_picture(start + rest)
    except ServiceError:
        return
    assert picture.pixels.mode == "RGB"


SMALL = {kind: file_of(corners_picture((24, 16)), kind) for kind in ("PNG", "JPEG", "WEBP", "GIF")}


@given(
    st.sampled_from(sorted(SMALL)),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_images_with_changed_bytes_are_read_or_refused(kind: str, changes: list[tuple[int, int]]) -> None:
    data = bytearray(SMALL[kind])
    for position, value in changes:
        data[position % len(data)] = value
    try:
        pixels = read_picture(bytes(data)).pixels
    except ServiceError as refusal:
        message = refusal.message
    else:
        message = "" if pixels.mode == "RGB" else pixels.mode
    assert message in {"", DAMAGED, NOT_READ, TOO_MANY_PIXELS}
