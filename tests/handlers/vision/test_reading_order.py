"""Reading order of pieces of text, as layouts that people meet."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.vision.reading_order import rows_in_reading_order, text_of_rows

Quad = tuple[tuple[float, float], ...]


def piece(left: float, top: float, width: float, height: float = 20) -> Quad:
    return ((left, top), (left + width, top), (left + width, top + height), (left, top + height))


def turned(quad: Quad, degrees: float) -> Quad:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return tuple((x * cos - y * sin, x * sin + y * cos) for x, y in quad)


RECEIPT = {
    "CORNER COFFEE": piece(30, 30, 200),
    "Espresso": piece(30, 60, 100),
    "2.80": piece(400, 60, 50),
    "Cappuccino": piece(30, 90, 120),
    "3.60": piece(400, 92, 50),
    "Muffin": piece(30, 120, 80),
    "2.95": piece(400, 119, 50),
    "TOTAL": piece(30, 150, 70),
    "9.35": piece(400, 150, 50),
}
RECEIPT_TEXT = "CORNER COFFEE\nEspresso 2.80\nCappuccino 3.60\nMuffin 2.95\nTOTAL 9.35"

COLUMNS = {
    "headline": piece(100, 10, 500, 30),
    **{f"left {line}": piece(30, 60 + 30 * line, 300) for line in range(4)},
    **{f"right {line}": piece(370, 60 + 30 * line, 300) for line in range(5)},
    "footer": piece(200, 230, 300),
}
COLUMNS_ORDER = [
    "headline", "left 0", "left 1", "left 2", "left 3", "right 0", "right 1", "right 2", "right 3", "right 4", "footer",
]  # fmt: skip


def text_of(layout: dict[str, Quad]) -> str:
    return text_of_rows(rows_in_reading_order(list(layout.values())), list(layout))


@pytest.mark.parametrize("degrees", [0, 5, -8, 90, 94, 180, 270])
def test_a_receipt_is_read_row_by_row_however_it_is_turned(degrees: float) -> None:
    assert text_of({text: turned(quad, degrees) for text, quad in RECEIPT.items()}) == RECEIPT_TEXT


@pytest.mark.parametrize("degrees", [0, 5, -5, 90, 180])
def test_columns_of_prose_are_read_one_after_the_other(degrees: float) -> None:
    layout = {text: turned(quad, degrees) for text, quad in COLUMNS.items()}
    assert text_of(layout).split("\n") == COLUMNS_ORDER


def test_three_columns() -> None:
    layout = {
        f"{column} {line}": piece(30 + 400 * column, 30 * line, 350)
        for line in range(4)
        for column in range(3)
    }
    expected = [f"{column} {line}" for column in range(3) for line in range(4)]
    assert text_of(layout).split("\n") == expected


def test_columns_start_again_below_a_headline_between_them() -> None:
    layout = {
        **{f"above left {line}": piece(30, 30 * line, 300) for line in range(3)},
        **{f"above right {line}": piece(370, 30 * line, 300) for line in range(3)},
        "between": piece(200, 100, 300),
        **{f"below left {line}": piece(30, 140 + 30 * line, 300) for line in range(3)},
        **{f"below right {line}": piece(370, 140 + 30 * line, 300) for line in range(3)},
    }
    assert text_of(layout).split("\n") == list(layout)


def test_pieces_of_one_row_are_read_from_where_text_starts() -> None:
    assert text_of({"c": piece(200, 3, 40), "a": piece(0, 0, 40), "b": piece(100, 5, 40)}) == "a b c"


def test_a_heading_in_large_letters_does_not_swallow_the_rows_beside_it() -> None:
    layout = {
        "BIG": piece(0, 0, 200, 100),
        "beside, above": piece(220, 0, 100),
        "beside, below": piece(220, 80, 100),
    }
    rows = text_of(layout).split("\n")
    assert rows.index("beside, above") < rows.index("beside, below")


def test_no_pieces_are_no_text() -> None:
    assert rows_in_reading_order([]) == []
    assert text_of_rows([], []) == ""


numbers = st.floats(-1e4, 1e4)
quads = st.tuples(*[st.tuples(numbers, numbers)] * 4)


@given(st.lists(quads, max_size=40))
def test_every_piece_is_read_exactly_once(pieces: list[Quad]) -> None:
    rows = rows_in_reading_order(pieces)
    assert sorted(index for row in rows for index in row) == list(range(len(pieces)))
    assert all(rows)
