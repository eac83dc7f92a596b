"""Text maps become rectangles: what is kept, what is noise, and where the rectangles are on the image."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw

from handlers.vision.text_detection import DetectionSettings, Regions, TextDetector, regions_of

Map = npt.NDArray[np.float32]
PLAIN = DetectionSettings(growth=0)


def text_map(height: int, width: int, *boxes: tuple[int, int, int, int], value: float = 0.9) -> Map:
    drawn = np.zeros((height, width), dtype=np.float32)
    for left, top, right, bottom in boxes:
        drawn[top:bottom, left:right] = value
    return drawn


class FakeNetwork:
    """Network for which every dark pixel is text; it records its inputs."""

    def __init__(self) -> None:
        self.batches: list[Map] = []

    def __call__(self, batch: Map) -> Map:
        self.batches.append(batch)
        dark: Map = (batch.mean(axis=1, keepdims=True) < 0).astype(np.float32)
        return dark


def test_a_box_becomes_its_rectangle() -> None:
    (found,) = regions_of(text_map(100, 200, (20, 30, 120, 50)), PLAIN).rectangles
    assert (found.center_x, found.center_y, found.width, found.height) == (70, 40, 100, 20)


def test_a_rectangle_grows_by_area_over_perimeter() -> None:
    (found,) = regions_of(text_map(100, 200, (20, 30, 120, 50)), DetectionSettings(growth=1.5)).rectangles
    margin = 1.5 * (100 * 20) / (2 * (100 + 20))
    assert (found.width, found.height) == pytest.approx((100 + 2 * margin, 20 + 2 * margin))


def test_a_turned_line_keeps_its_angle() -> None:
    page = Image.new("L", (300, 200))
    ImageDraw.Draw(page).line([(50, 60), (250, 130)], fill=255, width=16)
    (found,) = regions_of(np.asarray(page, dtype=np.float32) / 255, PLAIN).rectangles
    assert math.degrees(found.angle) == pytest.approx(math.degrees(math.atan2(70, 200)), abs=0.5)


@pytest.mark.parametrize(
    ("case", "drawn"),
    [
        ("too unlikely", text_map(50, 50, (10, 10, 40, 20), value=0.45)),
        ("below the threshold", text_map(50, 50, (10, 10, 40, 20), value=0.25)),
        ("too thin", text_map(50, 50, (10, 10, 40, 12))),
        ("too small", text_map(50, 50, (10, 10, 12, 12))),
        ("nothing", text_map(50, 50)),
    ],
)
def test_noise_is_left_out(case: str, drawn: Map) -> None:
    assert regions_of(drawn, PLAIN) == Regions([])


def test_of_too_many_regions_the_largest_are_kept() -> None:
    drawn = text_map(60, 60, (0, 0, 10, 10), (20, 0, 50, 20), (0, 30, 20, 50))
    found = regions_of(drawn, DetectionSettings(growth=0, max_regions=2))
    sizes = sorted((rectangle.width, rectangle.height) for rectangle in found.rectangles)
    assert (sizes, found.dropped) == ([(20, 20), (30, 20)], 1)


def test_regions_at_the_edges_of_the_map_are_measured_within_their_rows() -> None:
    # The sums behind the means run over the whole map: a region that ends a row must not take from the next.
    drawn = text_map(40, 40, (20, 0, 40, 10), (0, 30, 40, 40))
    assert len(regions_of(drawn, DetectionSettings(growth=0, region_threshold=0.89)).rectangles) == 2


def test_rectangles_are_in_pixels_of_the_image() -> None:
    page = Image.new("RGB", (2000, 1000), "white")
    ImageDraw.Draw(page).rectangle([400, 300, 1199, 399], fill="black")
    network = FakeNetwork()
    (found,) = TextDetector(network, DetectionSettings(longest_side=1000, growth=0)).find(page).rectangles
    assert network.batches[0].shape == (1, 3, 512, 1024)
    assert (found.center_x, found.center_y) == pytest.approx((800, 350), abs=2)
    assert (found.width, found.height) == pytest.approx((800, 100), abs=4)


def test_a_small_image_is_enlarged() -> None:
    page = Image.new("RGB", (64, 32), "white")
    ImageDraw.Draw(page).rectangle([8, 8, 39, 15], fill="black")
    network = FakeNetwork()
    (found,) = TextDetector(network, DetectionSettings(growth=0)).find(page).rectangles
    assert network.batches[0].shape == (1, 3, 320, 640)
    assert (found.width, found.height) == pytest.approx((32, 8), abs=1)


@pytest.mark.parametrize("size", [(1, 1), (20_000, 1), (1, 20_000), (31, 33)])
def test_any_shape_of_image_is_taken(size: tuple[int, int]) -> None:
    network = FakeNetwork()
    TextDetector(network).find(Image.new("RGB", size, "white"))
    height, width = network.batches[0].shape[2:]
    assert (height % 32, width % 32) == (0, 0)
    assert max(height, width) <= 1280


def test_what_is_added_to_fill_the_grid_is_never_text() -> None:
    # A black image: the map is full, and so would be what was added at its edges.
    page = Image.new("RGB", (1000, 650), "black")
    (found,) = TextDetector(FakeNetwork(), DetectionSettings(growth=0)).find(page).rectangles
    assert (found.width, found.height) == pytest.approx((1000, 650))


def test_the_network_gets_blue_first() -> None:
    network = FakeNetwork()
    TextDetector(network).find(Image.new("RGB", (640, 640), (255, 0, 0)))
    blue, green, red = network.batches[0][0, :, 0, 0]
    assert (blue, green, red) == pytest.approx(
        (-0.485 / 0.229, -0.456 / 0.224, (1 - 0.406) / 0.225), rel=1e-5
    )
