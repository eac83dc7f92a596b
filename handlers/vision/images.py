"""Images from strangers: what they are is read off their first bytes, and how large, before anything decodes them.

The result is pixels only, upright and in RGB. Metadata, further frames and data after the image are dropped.

- Formats: PNG, JPEG, WebP and GIF; of an animation the first frame.
- At most 4.5 MB and 25 million pixels, so that a small file cannot fill the memory.
- Transparent parts become white, or black where what is drawn is light itself.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from PIL import ExifTags, Image, ImageStat

from handlers.common.errors import PayloadTooLarge, UnprocessableInput, UnsupportedMediaType

MAX_BYTES = 4_500_000
MAX_PIXELS = 25_000_000
MAX_SIDE = 20_000

# Cameras write about ten scans into a progressive JPEG. Each costs a pass over all pixels, however few bytes it has.
_MAX_JPEG_SCANS = 100
_MAX_JPEG_SEGMENTS = 1_000

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_FIRST_SIDEWAYS_ORIENTATION = 5
_HALF = 128


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded image.

    Attributes:
        pixels: In mode RGB, upright; smaller than the image itself where `enough` allowed it.
        width: The width of the upright image, in pixels.
        height: Its height, in pixels.
    """

    pixels: Image.Image
    width: int
    height: int


def read_picture(data: bytes, *, enough: int | None = None) -> Picture:
    """Decode an image.

    Args:
        data: The file.
        enough: How many pixels the shorter side needs; a JPEG that is larger is decoded smaller, which is faster. By
            default all pixels are decoded.

    Raises:
        PayloadTooLarge: It has too many bytes or pixels.
        UnsupportedMediaType: It is none of the formats.
        UnprocessableInput: It is damaged or incomplete.
    """
    if len(data) > MAX_BYTES:
        raise PayloadTooLarge(f"The image is larger than {MAX_BYTES:,} bytes.")
    size_in_header = _READERS.get(image_format(data))
    if size_in_header is None:
        raise UnsupportedMediaType("The image is not a PNG, JPEG, WebP or GIF file.")
    _check_size(*size_in_header(data))
    with warnings.catch_warnings():
        # Pillow warns of large images and odd metadata. What matters of that is checked here.
        warnings.simplefilter("ignore")
        return _decode(data, enough)


def png_of(picture: Picture, *, max_side: int) -> bytes:
    """Return a picture as PNG, scaled down so that its longer side has at most some pixels."""
    pixels = picture.pixels.copy()
    pixels.thumbnail((max_side, max_side))
    file = io.BytesIO()
    pixels.save(file, "PNG")
    return file.getvalue()


def image_format(data: bytes) -> str | None:
    """The format that the first bytes of a file say it has, by Pillow's name; None if it is not one that is read."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    return None


def _decode(data: bytes, enough: int | None) -> Picture:
    try:
        image = Image.open(io.BytesIO(data), formats=[image_format(data) or ""])
        width, height = image.size
    except Image.DecompressionBombError:
        raise _too_many_pixels() from None
    except Exception:  # noqa: BLE001 - a decoder may raise anything at bytes that were made to break it
        raise _damaged() from None
    # Once more with the decoder's own view: the first frame of a GIF may be larger than its header says.
    _check_size(width, height)
    try:
        if enough is not None:
            image.draft(None, (enough, enough))
        image.load()
        pixels = _in_rgb(image)
        orientation = _orientation(image)
    except Exception:  # noqa: BLE001 - as above
        raise _damaged() from None
    if orientation in _TURNS:
        pixels = pixels.transpose(_TURNS[orientation])
    if orientation >= _FIRST_SIDEWAYS_ORIENTATION:
        width, height = height, width
    pixels.info = {}  # Pillow would write comments and the like into what is made of the pixels
    return Picture(pixels, width, height)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation from 1 to 8; 1 where there is none or it cannot be read."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # noqa: BLE001 - an image with broken metadata is still an image
        return 1
    return value if isinstance(value, int) and value in _TURNS else 1


def _in_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # Pillow would cut 16-bit values off at 255; a palette of transparent values is not worth the trouble here.
        return image.point(lambda value: value * (1 / 256)).convert("L").convert("RGB")
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        return _on_background(image.convert("RGBA"))
    return image.convert("RGB")


def _on_background(image: Image.Image) -> Image.Image:
    alpha = image.getchannel("A")
    if alpha.getextrema() == (255, 255):
        return image.convert("RGB")
    visible = ImageStat.Stat(image.convert("L"), mask=alpha.point(lambda value: 255 if value >= _HALF else 0))
    is_light = visible.count[0] > 0 and visible.mean[0] >= _HALF
    background = Image.new("RGB", image.size, "black" if is_light else "white")
    background.paste(image, mask=alpha)
    return background


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise _damaged()
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise _too_many_pixels()


def _too_many_pixels() -> PayloadTooLarge:
    return PayloadTooLarge(
        f"The image has more than {MAX_PIXELS:,} pixels, or a side of more than {MAX_SIDE:,}. Send it smaller."
    )


def _damaged() -> UnprocessableInput:
    return UnprocessableInput("The image is damaged or incomplete and cannot be decoded.")


def _png_size(data: bytes) -> tuple[int, int]:
    if data[12:16] != b"IHDR":
        raise _damaged()
    width, height = _unpacked(">II", data, 16)
    return width, height


def _gif_size(data: bytes) -> tuple[int, int]:
    width, height = _unpacked("<HH", data, 6)
    return width, height


def _webp_size(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        low_width, high_width, low_height, high_height = _unpacked("<HBHB", data, 24)
        return 1 + low_width + (high_width << 16), 1 + low_height + (high_height << 16)
    if kind == b"VP8L":
        (bits,) = _unpacked("<I", data, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = _unpacked("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise _damaged()


def _jpeg_size(data: bytes) -> tuple[int, int]:
    # In the compressed data itself FF is always followed by 00 or a restart marker, so this counts scans.
    if data.count(b"\xff\xda") > _MAX_JPEG_SCANS:
        raise _damaged()
    position = 2
    for _ in range(_MAX_JPEG_SEGMENTS):
        marker, length = _unpacked(">HH", data, position)
        if marker == 0xFFFF:  # a fill byte
            position += 1
        elif 0xFFC0 <= marker <= 0xFFCF and marker not in {0xFFC4, 0xFFC8, 0xFFCC}:  # a frame header
            height, width = _unpacked(">HH", data, position + 5)
            return width, height
        elif marker < 0xFFC0 or length < 2:  # no marker, or a length that leads backwards
            break
        else:
            position += 2 + length
    raise _damaged()


def _unpacked(layout: str, data: bytes, offset: int) -> tuple[int, ...]:
    try:
        return struct.unpack_from(layout, data, offset)
    except struct.error:
        raise _damaged() from None


_READERS: dict[str | None, Callable[[bytes], tuple[int, int]]] = {
    "PNG": _png_size,
    "JPEG": _jpeg_size,
    "WEBP": _webp_size,
    "GIF": _gif_size,
}
