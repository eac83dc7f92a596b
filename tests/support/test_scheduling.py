"""Order and priority of the tests."""

from __future__ import annotations

import os

import pytest

from tests.support.scheduling import FIRST, NICENESS, give_way, rank

LONGEST, OTHER = f"{FIRST[0]}test_services.py::test_a", "tests/docs/test_pages.py::test_b"


def test_the_tests_that_take_longest_begin_first() -> None:
    assert sorted([OTHER, "tests/tools/test_make.py::test_c", LONGEST], key=rank)[0] == LONGEST
    assert rank(OTHER) == len(FIRST)


@pytest.mark.parametrize(
    ("worker", "tests", "niceness"),
    [
        ("gw0", [LONGEST, LONGEST], 0),
        ("gw0", [LONGEST, OTHER], NICENESS),
        ("gw0", [OTHER, OTHER, LONGEST], NICENESS),
        ("", [OTHER], 0),
    ],
    ids=["the longest", "after the longest", "others", "without xdist"],
)
def test_a_worker_gives_way_to_the_one_with_the_tests_that_take_longest(
    worker: str, tests: list[str], niceness: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = {"niceness": 0}
    monkeypatch.setattr(os, "getpriority", lambda which, who: process["niceness"])
    monkeypatch.setattr(os, "setpriority", lambda which, who, value: process.update(niceness=value))
    if worker:
        monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
    else:
        monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    for node_id in tests:
        give_way(node_id)
    assert process["niceness"] == niceness
