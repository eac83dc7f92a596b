"""Speed of streamed answers, from the times of their pieces."""

from __future__ import annotations

import pytest

from tools.benchmarks.models import Speed


def test_the_rate_is_that_of_the_tokens_after_the_first() -> None:
    assert Speed.of([0.5, 0.75, 1.0]) == Speed(first_ms=500, per_second=4)


def test_a_slow_answer_does_not_move_the_median() -> None:
    speeds = [Speed(50, 90), Speed(60, 80), Speed(900, 2)]
    assert Speed.median(speeds) == Speed(first_ms=60, per_second=80)


def test_an_answer_of_nothing_has_no_speed() -> None:
    with pytest.raises(IndexError):
        Speed.of([])
