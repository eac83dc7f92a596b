"""Shapes in a text map: connected regions of pixels, and the rectangle with the smallest area around each.

Pixels are squares of side 1: the pixel in column x and row y covers x to x + 1 and y to y + 1. y points down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.floating]
Integers: TypeAlias = npt.NDArray[np.integer]
Mask: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Runs:
    """The horizontal runs of set pixels of a mask, by row and then by column.

    Attributes:
        rows: The row of each run.
        starts: Its first column.
        ends: The column after its last one.
        regions: The number of the connected region it belongs to, from 0.
        region_count: How many regions there are.
    """

    rows: Integers
    starts: Integers
    ends: Integers
    regions: Integers
    region_count: int


def connected_runs(mask: Mask) -> Runs:
    """Split a mask into its connected regions; pixels that touch at a corner are connected.

    The work grows with the pixels and, a little faster than linearly, with the runs; there is no Python loop over
    either, so that noise costs no more than text.
    """
    height, width = mask.shape
    padded = np.zeros((height, width + 2), dtype=np.int8)
    padded[:, 1:-1] = mask
    steps = np.diff(padded, axis=1)
    rows, starts = np.nonzero(steps == 1)
    ends = np.nonzero(steps == -1)[1]
    upper, lower = _touching_runs(rows, starts, ends, stride=width + 2)
    roots = _roots(len(rows), upper, lower)
    numbers, regions = np.unique(roots, return_inverse=True)
    return Runs(rows, starts, ends, regions, len(numbers))


def _touching_runs(
    rows: Integers, starts: Integers, ends: Integers, *, stride: int
) -> tuple[Integers, Integers]:
    """Pairs of runs in neighbouring rows that touch, also at a corner."""
    above = (rows - 1) * stride
    # Within a row the starts and the ends ascend, so the runs above that touch this one are a slice.
    first = np.searchsorted(rows * stride + ends, above + starts, side="left")
    last = np.searchsorted(rows * stride + starts, above + ends, side="right")
    counts = np.maximum(last - first, 0)
    lower = np.repeat(np.arange(len(rows)), counts)
    offsets = np.arange(len(lower)) - np.repeat(np.cumsum(counts) - counts, counts)
    return first[lower] + offsets, lower


def _roots(count: int, left: Integers, right: Integers) -> Integers:
    """The smallest member of each element's group, where left[i] and right[i] are in the same group."""
    parents = np.arange(count)
    while True:
        a, b = parents[left], parents[right]
        if np.array_equal(a, b):
            return parents
        # Every root with a smaller neighbour is hung below it: the roots at least halve in two rounds.
        np.minimum.at(parents, np.maximum(a, b), np.minimum(a, b))
        while True:
            grandparents = parents[parents]
            if np.array_equal(grandparents, parents):
                break
            parents = grandparents


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A rectangle that may be turned.

    Attributes:
        center_x: Its centre.
        center_y: Its centre.
        width: The length of the sides that are closer to horizontal.
        height: The length of the other sides.
        angle: How far the first sides are turned from horizontal, in radians, from -pi/4 to pi/4; clockwise on the
            screen is positive.
    """

    center_x: float
    center_y: float
    width: float
    height: float
    angle: float

    def grown(self, margin: float) -> Rectangle:
        """The rectangle with each side moved outwards."""
        return Rectangle(
            self.center_x, self.center_y, self.width + 2 * margin, self.height + 2 * margin, self.angle
        )

    def scaled(self, factor: float) -> Rectangle:
        """The rectangle in a coordinate system with units that are `factor` times smaller."""
        return Rectangle(
            self.center_x * factor,
            self.center_y * factor,
            self.width * factor,
            self.height * factor,
            self.angle,
        )

    def corners(self) -> Floats:
        """Corners of the rotated rectangle, as rows of x and y: top left, top right, bottom right, bottom left."""
        across = np.array([math.cos(self.angle), math.sin(self.angle)]) * self.width / 2
        down = np.array([-math.sin(self.angle), math.cos(self.angle)]) * self.height / 2
        corners: Floats = np.array([-across - down, across - down, across + down, -across + down])
        corners += (self.center_x, self.center_y)
        return corners


def smallest_rectangle(points: Floats) -> Rectangle:
    """The rectangle with the smallest area around points.

    Args:
        points: Rows of x and y; at least one.
    """
    hull = convex_hull(points)
    edges = np.roll(hull, -1, axis=0) - hull
    # A side of the smallest rectangle lies on an edge of the hull; all four directions of it are the same rectangle.
    angles = np.unique(np.arctan2(edges[:, 1], edges[:, 0]) % (math.pi / 2))
    across = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    down = np.stack([-across[:, 1], across[:, 0]], axis=1)
    x, y = hull @ across.T, hull @ down.T
    left, right, top, bottom = x.min(axis=0), x.max(axis=0), y.min(axis=0), y.max(axis=0)
    widths, heights = right - left, bottom - top
    best = int(np.argmin(widths * heights))
    center = across[best] * (left[best] + right[best]) / 2 + down[best] * (top[best] + bottom[best]) / 2
    angle, width, height = float(angles[best]), float(widths[best]), float(heights[best])
    if angle > math.pi / 4:
        angle, width, height = angle - math.pi / 2, height, width
    return Rectangle(float(center[0]), float(center[1]), width, height, angle)


def convex_hull(points: Floats) -> Floats:
    """The corners of the convex hull of points, without those on a straight side.

    Args:
        points: Rows of x and y; at least one.

    Returns:
        Rows of x and y in the order of going round; one or two where the points are the same or on a line.
    """
    ordered = [(float(x), float(y)) for x, y in np.unique(points, axis=0)]
    if len(ordered) < 3:
        return np.array(ordered)
    lower = _half_hull(ordered)
    upper = _half_hull(ordered[::-1])
    return np.array(lower[:-1] + upper[:-1])


def _half_hull(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    hull: list[tuple[float, float]] = []
    for x, y in points:
        while len(hull) > 1:
            (ax, ay), (bx, by) = hull[-2], hull[-1]
            if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                break
            hull.pop()
        hull.append((x, y))
    return hull


def outline(rows: Integers, starts: Integers, ends: Integers) -> Floats:
    """The corner points that can be on the convex hull of a region: of each row its leftmost and rightmost pixels.

    Args:
        rows: The row of each run of the region, ascending.
        starts: Its first column.
        ends: The column after its last one.
    """
    first = np.flatnonzero(np.diff(rows, prepend=-1))
    y = rows[first]
    left, right = np.minimum.reduceat(starts, first), np.maximum.reduceat(ends, first)
    xs = np.concatenate([left, left, right, right])
    ys = np.concatenate([y, y + 1, y, y + 1])
    return np.stack([xs, ys], axis=1).astype(np.float64)
