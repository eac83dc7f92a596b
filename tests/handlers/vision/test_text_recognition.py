"""CTC decoding, and cutting lines out of images."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from handlers.vision.geometry import Rectangle
from handlers.vision.text_recognition import TextRecognizer, cut_out, decode

CHARACTERS = "abcde "
BLANK = 0


def steps_for(indices: list[int], probability: float = 0.9) -> npt.NDArray[np.float32]:
    count = len(CHARACTERS) + 1
    steps = np.full((len(indices), count), (1 - probability) / (count - 1), dtype=np.float32)
    steps[np.arange(len(indices)), indices] = probability
    return steps


def path_for(text: str, repeats: list[int]) -> list[int]:
    """A path that a network could take: each character for some steps, blanks where the same one follows."""
    path: list[int] = []
    for position, character in enumerate(text):
        if position and text[position - 1] == character:
            path.append(BLANK)
        path += [CHARACTERS.index(character) + 1] * repeats[position % len(repeats)]
    return path


@given(st.text(alphabet=CHARACTERS, max_size=20), st.lists(st.integers(1, 4), min_size=1))
def test_decoding_undoes_repeats_and_blanks(text: str, repeats: list[int]) -> None:
    assert decode(steps_for(path_for(text, repeats)), CHARACTERS).text == text


@given(st.lists(st.integers(0, len(CHARACTERS)), max_size=30))
def test_every_path_decodes_to_its_changes(path: list[int]) -> None:
    expected = "".join(
        CHARACTERS[after - 1] for before, after in pairwise([BLANK, *path]) if after not in {BLANK, before}
    )
    reading = decode(steps_for(path), CHARACTERS)
    assert reading.text == expected
    assert reading.confidence == pytest.approx(0.9 if expected else 0.0)


def test_confidence_is_the_mean_over_the_characters_and_not_over_the_blanks() -> None:
    steps = np.concatenate([steps_for([1], 0.8), steps_for([BLANK, BLANK], 1.0), steps_for([2], 0.6)])
    assert decode(steps, CHARACTERS).confidence == pytest.approx(0.7)


def test_an_empty_answer_is_no_text() -> None:
    reading = decode(np.empty((0, 7), dtype=np.float32), CHARACTERS)
    assert (reading.text, reading.confidence) == ("", 0.0)


class FakeNetwork:
    def __init__(self) -> None:
        self.batches: list[npt.NDArray[np.float32]] = []

    def __call__(self, batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        self.batches.append(batch)
        return steps_for([1, BLANK, 3])[np.newaxis]


@pytest.mark.parametrize(
    ("size", "width"),
    [
        ((10, 48), 320),
        ((400, 48), 416),
        ((800, 96), 416),
        ((20_000, 10), 3200),
        ((1, 500), 320),
        ((1, 1), 320),
    ],
)
def test_lines_are_brought_to_the_height_of_the_network(size: tuple[int, int], width: int) -> None:
    network = FakeNetwork()
    reading = TextRecognizer(network, CHARACTERS).read(Image.new("RGB", size))
    assert network.batches[0].shape == (1, 3, 48, width)
    assert reading.text == "ac"


def test_the_network_gets_blue_first_and_grey_behind_the_line() -> None:
    network = FakeNetwork()
    TextRecognizer(network, CHARACTERS).read(Image.new("RGB", (48, 48), (255, 0, 0)))
    assert network.batches[0][0, :, 0, 0].tolist() == [-1, -1, 1]
    assert network.batches[0][0, :, 0, 48].tolist() == [0, 0, 0]


def drawn_line(angle_degrees: float, *, width: int = 120, height: int = 24) -> tuple[Image.Image, Rectangle]:
    """A line with a red start and a blue end on white, turned clockwise, and where it is."""
    line = Image.new("RGB", (width, height), "green")
    draw = ImageDraw.Draw(line)
    draw.rectangle([0, 0, 19, height], fill="red")
    draw.rectangle([width - 20, 0, width, height], fill="blue")
    page = Image.new("RGB", (300, 300), "white")
    page.paste(line, (150 - width // 2, 150 - height // 2))
    page = page.rotate(-angle_degrees, Image.Resampling.BICUBIC, fillcolor="white")
    return page, Rectangle(150, 150, width, height, math.radians(angle_degrees))


def assert_upright(line: Image.Image) -> None:
    middle = line.height // 2
    red, green, blue = (line.getpixel((round(line.width * share), middle)) for share in (0.08, 0.5, 0.92))
    assert isinstance(red, tuple)
    assert isinstance(green, tuple)
    assert isinstance(blue, tuple)
    assert (red[0] > 200, green[1] > 100, blue[2] > 200) == (True, True, True)
    assert (red[2] < 60, blue[0] < 60) == (True, True)


@pytest.mark.parametrize("angle", [-40, -5, 0, 3, 30])
def test_a_turned_line_is_cut_out_upright(angle: float) -> None:
    page, rectangle = drawn_line(angle)
    line = cut_out(page, rectangle.corners())
    assert line.size == (120, 24)
    assert_upright(line)


@pytest.mark.parametrize("quarter_turns", [1, 2, 3])
def test_a_line_that_starts_at_another_corner_is_turned_upright(quarter_turns: int) -> None:
    page, _ = drawn_line(0)
    turned = page.rotate(-90 * quarter_turns)
    upright_sides = quarter_turns % 2 == 0
    lying = Rectangle(150, 150, *((120, 24) if upright_sides else (24, 120)), 0)
    assert_upright(cut_out(turned, np.roll(lying.corners(), -quarter_turns, axis=0)))


def test_a_large_line_is_reduced_before_it_is_turned() -> None:
    page = Image.new("RGB", (4000, 3000), "white")
    line = cut_out(page, Rectangle(2000, 1500, 3000, 960, 0.1).corners())
    assert line.size == (300, 96)


@pytest.mark.parametrize(
    "rectangle",
    [
        Rectangle(0, 0, 50, 20, 0.2),
        Rectangle(300, 300, 80, 80, 0),
        Rectangle(-500, -500, 20, 10, 0),
        Rectangle(900, 5, 9, 9, 0),
    ],
)
def test_what_is_outside_of_the_image_does_not_matter(rectangle: Rectangle) -> None:
    line = cut_out(Image.new("RGB", (300, 300), "white"), rectangle.corners())
    assert line.width >= 1
    assert line.height >= 1
