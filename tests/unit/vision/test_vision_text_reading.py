"""Which way up a page is, with a detector and a recognizer that know the truth."""

from __future__ import annotations

import pytest
from PIL import Image

from handlers.common.deadline import Deadline
from handlers.common.errors import BackendTimeout
from handlers.vision.geometry import Rectangle
from handlers.vision.text_reading import TextReader
from handlers.vision.text_recognition import Reading

PAGE = (400, 400)
LINES = (Rectangle(200, 100, 300, 20, 0), Rectangle(180, 140, 260, 20, 0), Rectangle(150, 180, 200, 20, 0))


class FixedDetector:
    def __init__(self, *rectangles: Rectangle) -> None:
        self.rectangles = list(rectangles)

    def find(self, image: Image.Image) -> list[Rectangle]:
        assert image.mode == "RGB"
        return self.rectangles


class RedStartRecognizer:
    """Sure of lines that start red, as the pages below are drawn; unsure of anything else."""

    def __init__(self) -> None:
        self.calls = 0

    def read(self, line: Image.Image) -> Reading:
        self.calls += 1
        start = line.getpixel((max(1, line.width // 20), line.height // 2))
        assert isinstance(start, tuple)
        return Reading(" text ", 0.95) if start[0] > 200 and start[1] < 100 else Reading("gibberish", 0.6)


def page_with(*rectangles: Rectangle, size: tuple[int, int] = PAGE) -> Image.Image:
    """Lines that start red and go on green."""
    page = Image.new("RGB", size, "white")
    for line in rectangles:
        left, top = line.center_x - line.width / 2, line.center_y - line.height / 2
        page.paste((0, 128, 0), (round(left), round(top), round(left + line.width), round(top + line.height)))
        page.paste(
            (255, 0, 0), (round(left), round(top), round(left + line.width / 4), round(top + line.height))
        )
    return page


def turned(rectangle: Rectangle, quarter_turns: int) -> Rectangle:
    """Where a rectangle of a square page is after clockwise quarter turns of the page."""
    for _ in range(quarter_turns):
        rectangle = Rectangle(
            PAGE[0] - rectangle.center_y, rectangle.center_x, rectangle.height, rectangle.width, 0
        )
    return rectangle


def read(
    image: Image.Image, *rectangles: Rectangle, recognizer: RedStartRecognizer | None = None
) -> list[str]:
    reader = TextReader(FixedDetector(*rectangles), recognizer or RedStartRecognizer())
    return [piece.text for piece in reader.read(image, deadline=Deadline.after(60))]


@pytest.mark.parametrize("quarter_turns", [0, 1, 2, 3])
def test_a_page_is_read_whichever_way_it_lies(quarter_turns: int) -> None:
    image = page_with(*LINES).rotate(-90 * quarter_turns)
    rectangles = [turned(line, quarter_turns) for line in LINES]
    reader = TextReader(FixedDetector(*rectangles), RedStartRecognizer())
    pieces = reader.read(image, deadline=Deadline.after(60))
    assert [piece.text for piece in pieces] == ["text"] * 3
    # The corners start where the text starts.
    upright_start = (50.0, 90.0)
    expected = {0: upright_start, 1: (310.0, 50.0), 2: (350.0, 310.0), 3: (90.0, 350.0)}[quarter_turns]
    assert pieces[0].corners[0] == pytest.approx(expected)


def test_an_upright_page_is_read_once() -> None:
    recognizer = RedStartRecognizer()
    read(page_with(*LINES), *LINES, recognizer=recognizer)
    assert recognizer.calls == len(LINES)


def test_a_line_across_an_upright_page_is_read_too() -> None:
    upwards = Rectangle(30, 200, 20, 200, 0)
    image = page_with(*LINES)
    image.paste((0, 128, 0), (20, 100, 40, 300))
    image.paste((255, 0, 0), (20, 250, 40, 300))
    assert read(image, *LINES, upwards) == ["text"] * 4


def test_a_tall_single_letter_stays_upright() -> None:
    letter = Rectangle(50, 300, 20, 40, 0)
    image = page_with(*LINES, letter)
    recognizer = RedStartRecognizer()
    assert read(image, *LINES, letter, recognizer=recognizer) == ["text"] * 4
    assert recognizer.calls == 4


def test_what_cannot_be_read_is_left_out() -> None:
    class Unsure(RedStartRecognizer):
        def read(self, line: Image.Image) -> Reading:
            assert line.mode == "RGB"
            return Reading("smudge", 0.4)

    assert read(page_with(*LINES), *LINES, recognizer=Unsure()) == []


def test_a_page_without_text_has_none() -> None:
    assert read(Image.new("RGB", PAGE)) == []


def test_corners_stay_within_the_image() -> None:
    over_the_edge = Rectangle(200, 5, 420, 30, 0)
    reader = TextReader(FixedDetector(over_the_edge), RedStartRecognizer())
    (piece,) = reader.read(Image.new("RGB", PAGE, "red"), deadline=Deadline.after(60))
    assert piece.corners == ((0, 0), (400, 0), (400, 20), (0, 20))


def test_more_text_than_there_is_time_for_is_an_error() -> None:
    reader = TextReader(FixedDetector(*LINES), RedStartRecognizer())
    with pytest.raises(BackendTimeout) as caught:
        reader.read(page_with(*LINES), deadline=Deadline.after(0))
    assert caught.value.message == "The image holds more text than can be read in time. Send a part of it."
