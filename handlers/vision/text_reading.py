"""The text of an image: found, turned the way it is to be read, and read in reading order within limits.

Pages lie on their side or upside down. The shape of the pieces tells whether the page lies on its side; which of the
two ways is up tells the recognizer, which is sure of upright text and unsure of anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Protocol

import numpy as np
from PIL import Image

from handlers.common.deadline import Deadline
from handlers.common.errors import BackendTimeout
from handlers.vision.backend import FoundText
from handlers.vision.geometry import Floats, Rectangle
from handlers.vision.reading_order import rows_in_reading_order
from handlers.vision.text_detection import Regions
from handlers.vision.text_recognition import Reading, cut_out

_TALL = 1.5
"""From this ratio of height to width on, a piece may be a line of text on its side."""

_SURE = 0.8
_READABLE = 0.5
_PIECES_TRIED = 3


@dataclass(frozen=True, slots=True)
class ReadingLimits:
    """Limits of reading an image. Reading ends after the region that exceeds a limit.

    Attributes:
        max_columns: The columns of pixels that the recognizer looks at, at its line height of 48 pixels. The limit gives
            the same answer on every machine. Default: 160,000, which is 500 words or 50 lines of 200 characters.
        max_seconds: The seconds that reading takes, for slow machines. Finding the regions is not included: that is one
            pass over a picture of limited size. Default: 10.
    """

    max_columns: int = 160_000
    max_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class PageText:
    """The text of an image, as far as it was read.

    Attributes:
        pieces: The pieces of text, in no particular order.
        unread_regions: The number of regions that look like text and were not read.
    """

    pieces: list[FoundText]
    unread_regions: int


class Detector(Protocol):
    """Interface of a detector: regions of an image with text."""

    def find(self, image: Image.Image) -> Regions:
        """Find them."""
        ...


class Recognizer(Protocol):
    """Interface of a recognizer: the text of an upright line."""

    def read(self, line: Image.Image) -> Reading:
        """Read it."""
        ...


Read = Callable[[Rectangle, int], FoundText]
"""Reads a rectangle whose text is turned by a number of quarter turns clockwise."""


class TextReader:
    """Reader of the text of an image.

    Args:
        detector: Finds it.
        recognizer: Reads it.
        limits: How much of an image is read. Default: `ReadingLimits()`.
    """

    def __init__(
        self, detector: Detector, recognizer: Recognizer, *, limits: ReadingLimits | None = None
    ) -> None:
        self._detector = detector
        self._recognizer = recognizer
        self._limits = limits or ReadingLimits()

    def read(self, image: Image.Image, *, deadline: Deadline) -> PageText:
        """Read the pieces of text of an image in reading order, until all are read or a limit is reached.

        Args:
            image: In mode RGB.
            deadline: When reading must have ended, besides the limits.

        Raises:
            BackendTimeout: There is no time to read even the first piece.
        """
        found = self._detector.find(image)
        until = deadline.at_most(self._limits.max_seconds)
        columns = 0

        @cache
        def read_one(rectangle: Rectangle, quarter_turns: int) -> FoundText:
            nonlocal columns
            if until.seconds_left() <= 0 or columns >= self._limits.max_columns:
                raise BackendTimeout("The image holds more text than can be read in time. Send a part of it.")
            corners = _turned(rectangle, quarter_turns)
            reading = self._recognizer.read(cut_out(image, corners))
            columns += reading.columns
            return FoundText(reading.text.strip(), reading.confidence, _within(image, corners))

        turns = _page_turns(found.rectangles, read_one)
        pieces: list[FoundText] = []
        for rectangle in _in_reading_order(found.rectangles, turns):
            try:
                pieces.append(_best_reading(rectangle, turns, read_one))
            except BackendTimeout:
                if not pieces:
                    raise
                break
        unread = len(found.rectangles) - len(pieces) + found.dropped
        return PageText([piece for piece in pieces if piece.text and piece.confidence >= _READABLE], unread)


def _page_turns(rectangles: Sequence[Rectangle], read: Read) -> int:
    """Return the number of clockwise quarter turns of the page's text from upright."""
    longest = sorted(rectangles, key=lambda rectangle: -max(rectangle.width, rectangle.height))[
        :_PIECES_TRIED
    ]
    lengths = {True: 0.0, False: 0.0}
    for rectangle in rectangles:
        lengths[_is_tall(rectangle)] += max(rectangle.width, rectangle.height)
    likely, other = (1, 3) if lengths[True] > lengths[False] else (0, 2)
    confidence = _mean_confidence(longest, likely, read)
    if confidence >= _SURE:
        return likely
    return other if _mean_confidence(longest, other, read) > confidence else likely


def _best_reading(rectangle: Rectangle, page_turns: int, read: Read) -> FoundText:
    """The piece read as the page lies; if that is unsure and the piece lies across the page, in all its ways."""
    piece = read(rectangle, page_turns)
    is_across = _is_tall(rectangle) if page_turns % 2 == 0 else _is_tall(_on_its_side(rectangle))
    if piece.confidence >= _SURE or not is_across:
        return piece
    others = [read(rectangle, page_turns + 1), read(rectangle, page_turns + 3)]
    return max([piece, *others], key=lambda reading: reading.confidence)


def _mean_confidence(rectangles: Sequence[Rectangle], turns: int, read: Read) -> float:
    if not rectangles:
        return 1.0
    return sum(read(rectangle, turns).confidence for rectangle in rectangles) / len(rectangles)


def _in_reading_order(rectangles: Sequence[Rectangle], turns: int) -> list[Rectangle]:
    corners = [[(x, y) for x, y in _turned(rectangle, turns).tolist()] for rectangle in rectangles]
    return [rectangles[index] for row in rows_in_reading_order(corners) for index in row]


def _turned(rectangle: Rectangle, quarter_turns: int) -> Floats:
    return np.roll(rectangle.corners(), -quarter_turns, axis=0)


def _is_tall(rectangle: Rectangle) -> bool:
    return rectangle.height >= _TALL * rectangle.width


def _on_its_side(rectangle: Rectangle) -> Rectangle:
    return replace(rectangle, width=rectangle.height, height=rectangle.width)


def _within(image: Image.Image, corners: Floats) -> tuple[tuple[float, float], ...]:
    inside = np.clip(corners, 0, image.size)
    return tuple((x, y) for x, y in inside.tolist())
