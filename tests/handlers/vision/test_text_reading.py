"""Orientation of a page, with a detector and a recognizer that return the right answer."""

from __future__ import annotations

import pytest
from PIL import Image

from handlers.common.deadline import Deadline
from handlers.common.errors import BackendTimeout
from handlers.vision.geometry import Rectangle
from handlers.vision.text_detection import Regions
from handlers.vision.text_reading import ReadingLimits, TextReader
from handlers.vision.text_recognition import Reading

PAGE = (400, 400)
LINES = (Rectangle(200, 100, 300, 20, 0), Rectangle(180, 140, 260, 20, 0), Rectangle(150, 180, 200, 20, 0))


class FixedDetector:
    def __init__(self, *rectangles: Rectangle, dropped: int = 0) -> None:
        self.regions = Regions(list(rectangles), dropped)

    def find(self, image: Image.Image) -> Regions:
        assert image.mode == "RGB"
        return self.regions


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
    """Return a rectangle of a square page after clockwise quarter turns of the page."""
    for _ in range(quarter_turns):
        rectangle = Rectangle(
            PAGE[0] - rectangle.center_y, rectangle.center_x, rectangle.height, rectangle.width, 0
        )
    return rectangle


def read(
    image: Image.Image, *rectangles: Rectangle, recognizer: RedStartRecognizer | None = None
) -> list[str]:
    reader = TextReader(FixedDetector(*rectangles), recognizer or RedStartRecognizer())
    return [piece.text for piece in reader.read(image, deadline=Deadline.after(60)).pieces]


@pytest.mark.parametrize("quarter_turns", [0, 1, 2, 3])
def test_a_page_is_read_whichever_way_it_lies(quarter_turns: int) -> None:
    image = page_with(*LINES).rotate(-90 * quarter_turns)
    rectangles = [turned(line, quarter_turns) for line in LINES]
    reader = TextReader(FixedDetector(*rectangles), RedStartRecognizer())
    pieces = reader.read(image, deadline=Deadline.after(60)).pieces
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
    (piece,) = reader.read(Image.new("RGB", PAGE, "red"), deadline=Deadline.after(60)).pieces
    assert piece.corners == ((0, 0), (400, 0), (400, 20), (0, 20))


DENSE = [Rectangle(200, 5 + 9 * number, 300, 6, 0) for number in range(40)]
TOO_MUCH = "The image holds more text than can be read in time. Send a part of it."


class SteadyRecognizer:
    """Recognizer that needs a second and 400 columns for each line, and reads its height on the page."""

    def __init__(self) -> None:
        self.now = 0.0

    def read(self, line: Image.Image) -> Reading:
        self.now += 1
        shade = line.getpixel((line.width // 2, line.height // 2))
        assert isinstance(shade, tuple)
        return Reading(str(shade[1]), 0.95, columns=400)


def shaded(*rectangles: Rectangle) -> Image.Image:
    """A page whose lines are the greener the lower they are."""
    page = Image.new("RGB", PAGE, "white")
    for line in rectangles:
        page.paste(
            (0, round(line.center_y) // 2, 0), (0, round(line.center_y) - 3, 400, round(line.center_y) + 4)
        )
    return page


def read_dense(
    *rectangles: Rectangle, limits: ReadingLimits, seconds: float = 25, dropped: int = 0
) -> tuple[list[int], int]:
    """The shades of the lines that were read, and how many regions were not."""
    recognizer = SteadyRecognizer()
    reader = TextReader(FixedDetector(*rectangles, dropped=dropped), recognizer, limits=limits)
    deadline = Deadline.after(seconds, clock=lambda: recognizer.now)
    page = reader.read(shaded(*rectangles), deadline=deadline)
    return [int(piece.text) for piece in page.pieces], page.unread_regions


@pytest.mark.parametrize(
    ("limits", "seconds"),
    [
        (ReadingLimits(max_columns=4_000, max_seconds=1_000), 1_000),
        (ReadingLimits(max_columns=1_000_000, max_seconds=10), 1_000),
        (ReadingLimits(max_columns=1_000_000, max_seconds=1_000), 10),
    ],
    ids=["columns", "seconds", "deadline"],
)
def test_a_dense_page_is_read_from_its_start_up_to_a_limit(limits: ReadingLimits, seconds: float) -> None:
    shuffled = DENSE[::2] + DENSE[1::2][::-1]
    shades, unread = read_dense(*shuffled, limits=limits, seconds=seconds)
    # The three longest lines are read first, to see how the page lies; here all are as long, so that these are any three.
    assert len(shades) + unread == len(DENSE)
    start = [round(line.center_y) // 2 for line in DENSE]
    assert shades == start[: len(shades)]
    assert 7 <= len(shades) <= 10


def test_the_time_that_finding_takes_is_not_taken_from_reading() -> None:
    recognizer = SteadyRecognizer()

    class SlowDetector(FixedDetector):
        def find(self, image: Image.Image) -> Regions:
            recognizer.now += 15
            return super().find(image)

    reader = TextReader(SlowDetector(*DENSE), recognizer, limits=ReadingLimits(max_seconds=10))
    page = reader.read(shaded(*DENSE), deadline=Deadline.after(60, clock=lambda: recognizer.now))
    assert 7 <= len(page.pieces) <= 10


def test_a_page_within_the_limits_is_complete() -> None:
    shades, unread = read_dense(*DENSE, limits=ReadingLimits(max_columns=16_000, max_seconds=40), seconds=40)
    assert (len(shades), unread) == (40, 0)


def test_regions_that_the_detector_dropped_count_as_unread() -> None:
    shades, unread = read_dense(*DENSE[:2], limits=ReadingLimits(), dropped=7)
    assert (len(shades), unread) == (2, 7)


def test_no_time_for_a_single_piece_is_an_error() -> None:
    for limits, seconds in ((ReadingLimits(), 0.0), (ReadingLimits(max_seconds=0), 60.0)):
        with pytest.raises(BackendTimeout) as caught:
            read_dense(*DENSE, limits=limits, seconds=seconds)
        assert caught.value.message == TOO_MUCH


def test_a_page_without_text_needs_no_time() -> None:
    assert read_dense(limits=ReadingLimits(), seconds=0) == ([], 0)
