"""The order in which people read pieces of text that lie about on a page.

Pieces at the same height form a row, read from the side where their text starts. Blocks of prose beside each other
are columns, read one after the other; short pieces beside each other, such as the names and prices of a receipt, are
rows. The page may be turned or askew: the pieces' own direction says how it is to be held.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

Corners = Sequence[tuple[float, float]]
"""The corners of a piece of text in pixels, going round: where its text starts at the top, ends at the top, ends at
the bottom, starts at the bottom."""

_PROSE_RATIO = 8.0  # the width of a line of prose, in line heights: about sixteen letters
_PROSE_LINES = 3
_MAX_DEPTH = 4
_GUTTERS_TRIED = 8


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece as it lies when the page is held upright."""

    index: int
    left: float
    right: float
    middle: float
    height: float


def rows_in_reading_order(pieces: Sequence[Corners]) -> list[list[int]]:
    """Sort pieces of text into rows.

    Args:
        pieces: The corners of each.

    Returns:
        The rows from first to last, each with the indices of its pieces from first to last.
    """
    angle = _page_angle(pieces)
    upright = [_upright(index, corners, angle) for index, corners in enumerate(pieces)]
    return [[piece.index for piece in row] for row in _rows_of_blocks(upright, _MAX_DEPTH)]


def text_of_rows(rows: Sequence[Sequence[int]], texts: Sequence[str]) -> str:
    """Write the rows one below the other, with a space between the pieces of a row."""
    return "\n".join(" ".join(texts[index] for index in row) for row in rows)


def _page_angle(pieces: Sequence[Corners]) -> float:
    """The direction of the text, in radians, such that half of it (by length) is turned further."""
    angles: list[tuple[float, float]] = []
    for (start_x, start_y), (end_x, end_y), *_ in pieces:
        angles.append(
            (math.atan2(end_y - start_y, end_x - start_x), math.hypot(end_x - start_x, end_y - start_y))
        )
    if not angles:
        return 0.0
    # Angles are on a circle: they are compared by how far they are from the longest piece's.
    reference = max(angles, key=lambda angle: angle[1])[0]
    offsets = sorted(
        ((angle - reference + math.pi) % (2 * math.pi) - math.pi, length) for angle, length in angles
    )
    half = sum(length for _, length in offsets) / 2
    for offset, length in offsets:
        half -= length
        if half <= 0:
            return reference + offset
    return reference


def _upright(index: int, corners: Corners, angle: float) -> _Piece:
    cos, sin = math.cos(angle), math.sin(angle)
    points = [(x * cos + y * sin, y * cos - x * sin) for x, y in corners]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    (start_x, start_y), _, _, (below_x, below_y) = points
    height = math.hypot(below_x - start_x, below_y - start_y)
    return _Piece(index, min(xs), max(xs), (min(ys) + max(ys)) / 2, max(height, 1e-9))


def _rows_of_blocks(pieces: list[_Piece], depth: int) -> list[list[_Piece]]:
    gutter = _gutter(pieces) if depth > 0 else None
    if gutter is None:
        return _rows(pieces)
    # Pieces that cross the gutter, such as headlines, end the columns above them.
    rows: list[list[_Piece]] = []
    columns: list[_Piece] = []
    for piece in sorted(pieces, key=lambda piece: piece.middle):
        if piece.left < gutter < piece.right:
            rows += [*_rows_of_columns(columns, gutter, depth), [piece]]
            columns = []
        else:
            columns.append(piece)
    return rows + _rows_of_columns(columns, gutter, depth)


def _rows_of_columns(pieces: list[_Piece], gutter: float, depth: int) -> list[list[_Piece]]:
    left = [piece for piece in pieces if piece.right <= gutter]
    right = [piece for piece in pieces if piece.right > gutter]
    return _rows_of_blocks(left, depth - 1) + _rows_of_blocks(right, depth - 1)


def _gutter(pieces: list[_Piece]) -> float | None:
    """Return the x of the vertical line that crosses the fewest pieces and has prose on both sides, or None."""
    if len(pieces) < 2 * _PROSE_LINES:
        return None
    line_height = median(piece.height for piece in pieces)
    edges = sorted([(piece.left, 1) for piece in pieces] + [(piece.right, -1) for piece in pieces])
    gaps: list[tuple[int, float, float]] = []
    crossing = 0
    for (here, step), (there, _) in pairwise(edges):
        crossing += step
        if there - here >= line_height:
            gaps.append((crossing, here - there, (here + there) / 2))
    for _, _, place in heapq.nsmallest(_GUTTERS_TRIED, gaps):
        left = [piece for piece in pieces if piece.right <= place]
        right = [piece for piece in pieces if piece.left >= place]
        if _is_prose(left) and _is_prose(right):
            return place
    return None


def _is_prose(pieces: list[_Piece]) -> bool:
    return (
        len(pieces) >= _PROSE_LINES
        and median((piece.right - piece.left) / piece.height for piece in pieces) >= _PROSE_RATIO
    )


def _rows(pieces: list[_Piece]) -> list[list[_Piece]]:
    rows: list[list[_Piece]] = []
    for piece in sorted(pieces, key=lambda piece: piece.middle):
        if rows and _same_row(rows[-1], piece):
            rows[-1].append(piece)
        else:
            rows.append([piece])
    return [sorted(row, key=lambda piece: piece.left) for row in rows]


def _same_row(row: list[_Piece], piece: _Piece) -> bool:
    """Return whether the middle of each is inside the other, for the last piece of the row and the new one."""
    last = row[-1]
    return piece.middle - last.middle < min(piece.height, last.height) / 2
