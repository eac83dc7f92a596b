from __future__ import annotations

import threading

import pytest

from handlers.common.backend_choice import BackendChoice, UnknownBackend
from handlers.common.deadline import Deadline
from handlers.common.errors import MethodNotAllowed, ServiceError, error_named
from handlers.common.once import Once
from tests.support.events import Context


def test_threads_that_ask_at_once_get_one_value() -> None:
    created: list[object] = []
    everybody = threading.Barrier(8)

    def make() -> object:
        created.append(object())
        return created[-1]

    once, got = Once(make), []

    def ask() -> None:
        everybody.wait()
        got.append(once())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(created) == 1
    assert got == created * 8


def test_a_failure_is_not_kept() -> None:
    outcomes = iter([OSError("no memory"), "loaded"])

    def make() -> str:
        outcome = next(outcomes)
        if isinstance(outcome, OSError):
            raise outcome
        return outcome

    once = Once(make)
    with pytest.raises(OSError, match=r"^no memory$"):
        once()
    assert (once(), once()) == ("loaded", "loaded")


@pytest.mark.parametrize(("value", "backend"), [(None, "L"), ("", "L"), ("local", "L"), ("aws", "A")])
def test_the_environment_chooses_the_backend(
    monkeypatch: pytest.MonkeyPatch, value: str | None, backend: str
) -> None:
    monkeypatch.delenv("AI_BACKEND", raising=False)
    if value is not None:
        monkeypatch.setenv("AI_BACKEND", value)
    assert BackendChoice(local=lambda: "L", aws=lambda: "A")() == backend


def test_a_backend_that_there_is_not_is_a_mistake_of_the_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AI_BACKEND", "azure")
    with pytest.raises(UnknownBackend, match=r"^AI_BACKEND is 'azure'; set it to 'local' or 'aws'$"):
        BackendChoice(local=lambda: "L", aws=lambda: "A")()


def test_a_deadline_leaves_half_a_second_to_answer() -> None:
    now = [100.0]
    deadline = Deadline.after(3.0, clock=lambda: now[0])
    assert deadline.seconds_left() == 3.0
    now[0] = 104.0
    assert deadline.seconds_left() == 0.0
    assert 9 < Deadline.of_context(Context(remaining_ms=10_000)).seconds_left() <= 9.5
    assert Deadline.of_context(Context(remaining_ms=100)).seconds_left() == 0.0
    assert 24 < Deadline.of_context(None).seconds_left() <= 25


def every_error() -> list[type[ServiceError]]:
    found, waiting = [], [ServiceError]
    while waiting:
        waiting += (children := waiting.pop().__subclasses__())
        found += children
    return [error for error in found if error.__module__ == "handlers.common.errors"]


def test_every_error_that_a_function_can_raise_is_known_by_its_name() -> None:
    errors = every_error()
    assert len({error.code for error in errors}) == len(errors) >= 13
    for error in errors:
        assert error_named(error.__name__) is (None if error is MethodNotAllowed else error)
        assert 400 <= error.status <= 504
    assert error_named("ServiceError") is None
    assert error_named("KeyError") is None
