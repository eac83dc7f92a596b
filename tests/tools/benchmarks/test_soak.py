"""`make soak` in small: the same mix of requests, judged in the same way."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.benchmarks import soak, soak_mix


def test_everything_is_as_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    soaked = soak.soak(tmp_path, requests=200, concurrency=16)
    soak.show(soaked)
    printed = capsys.readouterr().out
    assert soaked.problems == [], printed
    assert sum(counter.total() for counter in soaked.tally.statuses.values()) == 200
    assert "nothing wrong" in printed


def test_the_mix_has_every_kind_in_an_order_that_stays_the_same() -> None:
    assert sum(kind.share for kind in soak_mix.KINDS) == 1_000
    for requests in (100, 400, 10_000):
        order = soak_mix.plan(requests)
        assert len(order) == requests
        assert {kind.name for kind in order} == {kind.name for kind in soak_mix.KINDS}
        assert [kind.name for kind in order] == [kind.name for kind in soak_mix.plan(requests)]


def footprint(**changes: float) -> soak.Footprint:
    values = {"server_mb": 100.0, "largest_worker_mb": 15.0, "workers": 5, "dead": 0, "files": 30}
    return soak.Footprint(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("late", "after", "problem"),
    [
        ({"server_mb": 165.0}, {}, "the memory of the server has grown by 65.0 MB; 64 MB are allowed"),
        ({"largest_worker_mb": 32.0}, {}, "the memory of the largest worker has grown by 17.0 MB; 16 MB are allowed"),
        ({}, {"workers": 6}, "there are 6 workers where there were 5"),
        ({}, {"workers": 4}, "there are 4 workers where there were 5"),
        ({}, {"dead": 2}, "2 processes have ended and were not reaped"),
        ({}, {"files": 71}, "the server has 71 files and connections open where it had 30"),
    ],
)  # fmt: skip
def test_what_is_left_behind_is_a_problem(
    late: dict[str, float], after: dict[str, float], problem: str
) -> None:
    found = soak.problems_of_processes(footprint(), footprint(), footprint(**late), footprint(**after))
    assert list(found) == [problem]


def test_a_wrong_status_and_the_answer_of_another_are_problems() -> None:
    good = next(kind for kind in soak_mix.KINDS if kind.name == "good")
    order = soak_mix.Order("POST", "/items", number=7)
    assert soak_mix.judge(good, order, 200, b'{"number": 7}') is None
    assert soak_mix.judge(good, order, 500, b"{}") == "answered 500 instead of 200: b'{}'"
    assert (
        soak_mix.judge(good, order, 200, b'{"number": 8}')
        == "got the answer of another request: b'{\"number\": 8}'"
    )
    assert soak_mix.judge(good, order, 200, b"<html>") == "the body of the 200 is not JSON: b'<html>'"


def test_the_command_line_says_what_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        soak.main(["--requests", "99"])
    assert ended.value.code == 2
    assert "use at least 100 requests, and a concurrency from 1 to 64" in capsys.readouterr().err
