"""The table of faults is whole, and every test that it names is there."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.faults.rows import ROWS, Row

PROJECT = Path(__file__).parent.parent.parent
NUMBERS = {
    "A": (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 14, 15, 16, 18, 19, 20),
    "B": (21, 22, 25, 26, 27, 28, 29, 31, 32, 35, 36),
    "C": (37, 38, 39, 40, 41, 42, 43, 45, 46, 47, 50, 51, 52, 53, 54),
    "D": (55, 58, 59, 60, 62, 63, 64, 66, 67, 68, 70),
    "F": (85, 87, 88, 89, 90),
}


@cache
def functions_of(file: str) -> frozenset[str]:
    tree = ast.parse((PROJECT / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_every_row_is_in_the_table() -> None:
    found = {part: tuple(number for number, row in ROWS.items() if row.part == part) for part in NUMBERS}
    assert found == NUMBERS
    assert len(ROWS) == sum(map(len, NUMBERS.values()))


@pytest.mark.parametrize("row", ROWS.values(), ids=[f"{number}-{row.title}" for number, row in ROWS.items()])
def test_the_tests_of_a_row_are_there(row: Row) -> None:
    assert row.tests, "a row without a test"
    assert len(set(row.tests)) == len(row.tests)
    for test in row.tests:
        file, _, name = test.partition("::")
        assert name.startswith("test_")
        assert name in functions_of(file), f"{file} has no test {name}"
