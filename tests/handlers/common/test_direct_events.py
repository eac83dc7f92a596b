from __future__ import annotations

import contextlib
import io
import json

import pytest

from handlers.common.errors import (
    BackendUnavailable,
    InternalError,
    InvalidRequest,
    PayloadTooLarge,
    UnknownOperation,
)
from tests.support.events import Context, call
from tests.support.probe import fail, probe_service

CANARY = "canary-7f3e"


def test_a_direct_event_gets_the_output_itself() -> None:
    output = call(probe_service(), "probe", {"text": "abc"}, Context(aws_request_id="an-id"))
    assert output == {"size": 3, "request_id": "an-id", "nothing": None}


def test_a_direct_event_may_carry_the_id_that_its_caller_logs() -> None:
    service = probe_service()
    event = {"operation": "probe", "input": {"text": "a"}, "requestId": "caller-1"}
    with contextlib.redirect_stdout(io.StringIO()) as log:
        assert service.handler(event, Context())["request_id"] == "caller-1"
    assert json.loads(log.getvalue())["request_id"] == "caller-1"


@pytest.mark.parametrize("given", [7, "", "x" * 129, "a b", "line\nbreak", None])
def test_an_id_that_is_not_fit_for_a_log_is_replaced(given: object) -> None:
    event = {"operation": "probe", "input": {"text": "a"}, "requestId": given}
    with contextlib.redirect_stdout(io.StringIO()):
        assert probe_service().handler(event, Context())["request_id"] == "lambda-request-id"


@pytest.mark.parametrize(
    ("event", "error", "message"),
    [
        (None, InvalidRequest, "The event should be an object with `operation` and `input`."),
        ([], InvalidRequest, "The event should be an object with `operation` and `input`."),
        ({"Records": []}, InvalidRequest, "The event should be an object with `operation` and `input`."),
        (
            {"operation": "canary-7f3e", "input": {}},
            UnknownOperation,
            "Unknown operation. Available: probe, probe.picture, probe.state, probe.busy.",
        ),
        ({"operation": "probe"}, InvalidRequest, "`input` should be an object."),
        ({"operation": "probe", "input": []}, InvalidRequest, "`input` should be an object."),
        ({"operation": "probe", "input": {}}, InvalidRequest, "text is required."),
        (
            {"operation": "probe.state", "input": {"a": 1}},
            InvalidRequest,
            "`input` should be an empty object: the operation takes none.",
        ),
        (
            {"operation": "probe.busy", "input": {}},
            BackendUnavailable,
            "The AI backend is busy. Try again later.",
        ),
    ],
)
def test_a_direct_event_that_fails_raises_a_typed_error(
    event: object, error: type[Exception], message: str
) -> None:
    with contextlib.redirect_stdout(io.StringIO()), pytest.raises(error) as raised:
        probe_service().handler(event, Context())
    assert type(raised.value) is error
    assert str(raised.value) == message


@pytest.mark.parametrize("text", ["a" * 10_000, "\u00e9" * 5_000])
def test_the_limit_of_a_body_holds_for_the_input_of_a_direct_event(text: str) -> None:
    with pytest.raises(PayloadTooLarge) as raised:
        call(probe_service(), "probe", {"text": text})
    assert str(raised.value) == "`input` is larger than 10,000 bytes."


def test_a_direct_error_carries_neither_causes_nor_frames_of_the_work() -> None:
    with pytest.raises(InternalError) as raised:
        call(probe_service(fail), "probe", {"text": CANARY})
    assert str(raised.value) == "The service failed. The request id finds the cause in its log."
    assert (raised.value.__cause__, raised.value.__suppress_context__) == (None, True)
    frames = [entry.name for entry in raised.traceback]
    assert "fail" not in frames
