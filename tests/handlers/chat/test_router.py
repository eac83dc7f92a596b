"""Router and circuits: which target answers, with DynamoDB as moto has it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from handlers.chat.backend import TextPiece
from handlers.chat.circuits import Circuits
from handlers.chat.parameters import Rejection
from handlers.chat.router import Router
from handlers.chat.routes import Routes, Target
from handlers.common.aws_api import AwsApi
from handlers.common.deadline import Deadline
from handlers.common.errors import (
    BackendError,
    BackendTimeout,
    BackendUnavailable,
    InvalidRequest,
    ServiceError,
)
from tests.support import aws
from tests.support.chat import ENDED, FakeModel, request, route

FIRST, SECOND = Target("openai", "one", "https://one.example/v1"), Target("bedrock", "two")
BUSY = BackendUnavailable(retry_after_seconds=9)


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def dynamodb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with mock_aws():
        client = aws.client("dynamodb")
        client.create_table(
            TableName="circuits",
            KeySchema=[{"AttributeName": "circuit", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "circuit", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield client


@pytest.fixture
def circuits(dynamodb: Any, clock: Clock) -> Circuits:
    api = AwsApi("dynamodb", make_client=lambda *_: dynamodb)
    return Circuits("circuits", api=api, clock=clock, report=lambda *_: pytest.fail("DynamoDB works"))


Reports = list[tuple[str, ServiceError]]


def router_of(
    circuits: Circuits, first: FakeModel, second: FakeModel, reports: Reports | None = None
) -> Router:
    models = {FIRST: first, SECOND: second}
    reported: Reports = [] if reports is None else reports
    return Router(
        Routes((route(FIRST, SECOND),)),
        backend=models.__getitem__,
        circuits=lambda: circuits,
        report=lambda name, error: reported.append((name, error)),
    )


def answered_by(router: Router, **fields: Any) -> Target:
    return router.complete(request(**fields), deadline=Deadline.after(25)).target


@pytest.mark.parametrize("error", [BUSY, BackendTimeout(), BackendError()])
def test_the_next_target_answers_when_one_fails(circuits: Circuits, error: ServiceError) -> None:
    first, second = FakeModel(error), FakeModel("Hello!")
    reports: Reports = []
    assert answered_by(router_of(circuits, first, second, reports)) == SECOND
    assert reports == [("openai:one", error)]
    # The first leaves time for the second.
    assert first.seconds[0] <= 12 < second.seconds[0]


def test_what_the_caller_did_wrong_is_not_tried_again(circuits: Circuits) -> None:
    second = FakeModel("Hello!")
    with pytest.raises(InvalidRequest):
        answered_by(router_of(circuits, FakeModel(InvalidRequest("no")), second))
    assert second.requests == []


def test_a_target_that_does_not_support_the_request_is_passed_over(circuits: Circuits) -> None:
    first = FakeModel("Hello!", rejects=Rejection("seed", "It has no seed; remove it."))
    assert answered_by(router_of(circuits, first, FakeModel("Hello!"))) == SECOND
    assert first.requests == []
    second = FakeModel("Hello!", rejects=Rejection("tools", "No tools."))
    with pytest.raises(InvalidRequest) as raised:
        answered_by(router_of(circuits, first, second))
    assert (raised.value.param, raised.value.message) == (
        "seed",
        "seed is not supported. It has no seed; remove it.",
    )


def test_if_all_fail_the_last_error_is_the_answer(circuits: Circuits) -> None:
    with pytest.raises(BackendUnavailable) as raised:
        answered_by(router_of(circuits, FakeModel(BackendTimeout()), FakeModel(BUSY)))
    assert raised.value.retry_after_seconds == 9


def test_a_target_that_failed_often_cools_down(circuits: Circuits, clock: Clock) -> None:
    first, second = FakeModel(BUSY), FakeModel("Hello!")
    router = router_of(circuits, first, second)
    for _ in range(4):
        assert answered_by(router) == SECOND
    assert len(first.requests) == 2
    clock.now += 31
    # One request tries it, and it is left alone again.
    for _ in range(2):
        assert answered_by(router) == SECOND
    assert len(first.requests) == 3
    clock.now += 31
    first.answer = "Hello!"
    for _ in range(2):
        assert answered_by(router) == FIRST


def test_only_one_instance_tries_a_target_after_its_cooldown(circuits: Circuits, clock: Clock) -> None:
    until = Deadline.after(25)
    options: dict[str, Any] = {"failures": 1, "open_seconds": 30, "deadline": until}
    circuits.failed(circuits.look("fast/0", **options), open_seconds=30, deadline=until)
    assert circuits.look("fast/0", **options).wait_seconds == 30
    clock.now += 30
    tries = [circuits.look("fast/0", **options).wait_seconds for _ in range(3)]
    assert tries == [0, 30, 30]


def test_a_success_closes_a_circuit_unless_someone_failed_since(circuits: Circuits, dynamodb: Any) -> None:
    until = Deadline.after(25)
    options: dict[str, Any] = {"failures": 3, "open_seconds": 30, "deadline": until}
    circuits.failed(circuits.look("fast/0", **options), open_seconds=30, deadline=until)
    seen = circuits.look("fast/0", **options)
    circuits.failed(seen, open_seconds=30, deadline=until)
    circuits.succeeded(seen, deadline=until)
    assert circuits.look("fast/0", **options).failures == 2
    circuits.succeeded(circuits.look("fast/0", **options), deadline=until)
    assert dynamodb.scan(TableName="circuits")["Items"] == []


def test_if_all_cool_down_the_caller_learns_how_long(circuits: Circuits, clock: Clock) -> None:
    router = router_of(circuits, FakeModel(BUSY), FakeModel(BUSY))
    for _ in range(2):
        with pytest.raises(BackendUnavailable):
            answered_by(router)
    clock.now += 10
    with pytest.raises(BackendUnavailable) as raised:
        answered_by(router)
    assert raised.value.message == "All targets of the model are cooling down. Try again later."
    assert raised.value.retry_after_seconds == 20


def test_without_its_table_all_targets_are_tried(clock: Clock) -> None:
    class Broken:
        def call(self, *_: Any, **__: Any) -> dict[str, Any]:
            raise BackendUnavailable

    reported: list[str] = []
    circuits = Circuits(
        "circuits",
        api=Broken(),  # type: ignore[arg-type]
        clock=clock,
        report=lambda name, _: reported.append(name),
    )
    assert answered_by(router_of(circuits, FakeModel(BUSY), FakeModel("Hello!"))) == SECOND
    assert reported == ["circuits"] * 3


def test_a_stream_comes_from_the_first_target_whose_first_piece_comes(circuits: Circuits) -> None:
    first, second = FakeModel(BUSY), FakeModel("Hello!")
    reports: Reports = []
    router = router_of(circuits, first, second, reports)
    stream = router.stream(request(), deadline=Deadline.after(240))
    assert (stream.target, list(stream)) == (SECOND, [TextPiece("Hello!"), ENDED])
    assert reports == [("openai:one", BUSY)]
    # The first piece of one target is awaited for as long as the whole answer of a buffered one.
    assert first.seconds[0] <= 12 < second.seconds[0]
    assert (first.closed, second.closed) == (1, 1)


def test_after_the_first_piece_no_other_target_is_tried_and_the_failure_counts(circuits: Circuits) -> None:
    first, second = FakeModel("", pieces=[TextPiece("Hel"), BUSY]), FakeModel("Hello!")
    router = router_of(circuits, first, second)
    for _ in range(2):
        stream = router.stream(request(), deadline=Deadline.after(240))
        pieces = iter(stream)
        assert (stream.target, next(pieces)) == (FIRST, TextPiece("Hel"))
        with pytest.raises(BackendUnavailable):
            next(pieces)
    assert second.requests == []
    assert router.stream(request(), deadline=Deadline.after(240)).target == SECOND


def test_a_stream_counts_as_a_success_when_it_is_complete(circuits: Circuits, dynamodb: Any) -> None:
    first, second = FakeModel(BUSY), FakeModel("Hello!")
    router = router_of(circuits, first, second)
    router.stream(request(), deadline=Deadline.after(240)).close()
    first.answer = "Hello!"
    stream = router.stream(request(), deadline=Deadline.after(240))
    assert len(dynamodb.scan(TableName="circuits")["Items"]) == 1
    assert list(stream)[-1] == ENDED
    assert dynamodb.scan(TableName="circuits")["Items"] == []


def test_closing_a_stream_ends_the_target_s_work_at_any_time(circuits: Circuits, dynamodb: Any) -> None:
    for read in range(3):
        first = FakeModel("", pieces=[TextPiece("a"), TextPiece("b"), TextPiece("c"), ENDED])
        stream = router_of(circuits, first, FakeModel("")).stream(request(), deadline=Deadline.after(240))
        pieces = iter(stream)
        for _ in range(read):
            next(pieces)
        stream.close()
        assert first.closed == 1
    assert dynamodb.scan(TableName="circuits")["Items"] == []


def test_a_target_that_answers_nothing_has_failed(circuits: Circuits) -> None:
    router = router_of(circuits, FakeModel("", pieces=[]), FakeModel("Hello!"))
    assert router.stream(request(), deadline=Deadline.after(240)).target == SECOND
