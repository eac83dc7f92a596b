"""Connected regions and smallest rectangles, against slow and obvious ways to find them."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.vision.geometry import Rectangle, Runs, connected_runs, convex_hull, outline, smallest_rectangle

masks = st.integers(1, 12).flatmap(
    lambda width: st.lists(st.lists(st.booleans(), min_size=width, max_size=width), min_size=1, max_size=12)
)
coordinates = st.integers(-50, 50)
point_lists = st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=30)


def flood_filled(mask: npt.NDArray[np.bool_]) -> set[frozenset[tuple[int, int]]]:
    waiting = {(int(y), int(x)) for y, x in np.argwhere(mask)}
    regions = set()
    while waiting:
        open_pixels = [waiting.pop()]
        region = set(open_pixels)
        while open_pixels:
            y, x = open_pixels.pop()
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & waiting
            waiting -= near
            region |= near
            open_pixels += near
        regions.add(frozenset(region))
    return regions


def pixels_of(runs: Runs) -> set[frozenset[tuple[int, int]]]:
    regions: dict[int, set[tuple[int, int]]] = {}
    for row, start, end, region in zip(runs.rows, runs.starts, runs.ends, runs.regions, strict=True):
        regions.setdefault(int(region), set()).update((int(row), x) for x in range(start, end))
    assert sorted(regions) == list(range(runs.region_count))
    return {frozenset(region) for region in regions.values()}


@given(masks)
def test_regions_are_those_of_a_flood_fill(rows: list[list[bool]]) -> None:
    mask = np.array(rows, dtype=np.bool_)
    assert pixels_of(connected_runs(mask)) == flood_filled(mask)


def test_a_spiral_is_one_region() -> None:
    # Many runs that only connect far away: the worst case for joining neighbours.
    mask = np.zeros((81, 81), dtype=np.bool_)
    y, x, dy, dx = 0, 0, 0, 1
    mask[0, 0] = True
    for length in range(80, 0, -2):
        for _ in range(2 if length < 80 else 3):
            for _ in range(length):
                y, x = y + dy, x + dx
                mask[y, x] = True
            dy, dx = dx, -dy
    assert connected_runs(mask).region_count == 1


def test_pixels_that_touch_at_a_corner_are_connected() -> None:
    assert connected_runs(np.eye(3, dtype=np.bool_)).region_count == 1


def test_an_empty_mask_has_no_regions() -> None:
    runs = connected_runs(np.zeros((4, 5), dtype=np.bool_))
    assert (runs.region_count, len(runs.rows)) == (0, 0)


@given(point_lists)
def test_the_hull_has_all_points_on_its_inner_side(points: list[tuple[int, int]]) -> None:
    hull = convex_hull(np.array(points, dtype=np.float64))
    if len(hull) < 3:
        return
    for corner, following in zip(hull, np.roll(hull, -1, axis=0), strict=True):
        (ax, ay), (bx, by) = corner, following
        assert all((bx - ax) * (y - ay) - (by - ay) * (x - ax) >= 0 for x, y in points)


@given(point_lists)
def test_the_smallest_rectangle_holds_all_points_and_is_no_larger_than_the_upright_one(
    points: list[tuple[int, int]],
) -> None:
    array = np.array(points, dtype=np.float64)
    rectangle = smallest_rectangle(array)
    across = np.array([math.cos(rectangle.angle), math.sin(rectangle.angle)])
    down = np.array([-across[1], across[0]])
    away = array - (rectangle.center_x, rectangle.center_y)
    assert (np.abs(away @ across) <= rectangle.width / 2 + 1e-6).all()
    assert (np.abs(away @ down) <= rectangle.height / 2 + 1e-6).all()
    upright = np.ptp(array, axis=0)
    assert rectangle.width * rectangle.height <= upright[0] * upright[1] + 1e-6


@given(
    st.floats(1, 100),
    st.floats(1, 100),
    st.floats(-math.pi / 4 + 0.01, math.pi / 4 - 0.01),
    st.floats(-50, 50),
)
def test_a_turned_rectangle_is_found_again(width: float, height: float, angle: float, shift: float) -> None:
    rectangle = Rectangle(shift, -shift, width, height, angle)
    found = smallest_rectangle(rectangle.corners())
    assert (found.center_x, found.center_y) == pytest.approx((shift, -shift), abs=1e-6)
    assert (found.width, found.height, found.angle) == pytest.approx((width, height, angle), abs=1e-6)


def test_corners_go_round_from_the_top_left() -> None:
    corners = Rectangle(center_x=5, center_y=3, width=4, height=2, angle=0).corners()
    assert corners.tolist() == [[3, 2], [7, 2], [7, 4], [3, 4]]


def test_a_rectangle_turned_clockwise_has_its_right_side_lower() -> None:
    _, top_right, _, _ = Rectangle(0, 0, 10, 2, math.radians(20)).corners()
    assert top_right[1] > -1


def test_growing_and_scaling() -> None:
    assert Rectangle(1, 2, 4, 2, 0.1).grown(3) == Rectangle(1, 2, 10, 8, 0.1)
    assert Rectangle(1, 2, 4, 2, 0.1).scaled(2) == Rectangle(2, 4, 8, 4, 0.1)


def test_the_outline_of_a_region_has_the_outer_corners_of_its_pixels() -> None:
    # Two runs in row 4, one in row 5.
    points = outline(np.array([4, 4, 5]), np.array([2, 8, 3]), np.array([4, 9, 5]))
    assert sorted(map(tuple, points.tolist())) == sorted(
        [(2, 4), (2, 5), (9, 4), (9, 5), (3, 5), (3, 6), (5, 5), (5, 6)]
    )
