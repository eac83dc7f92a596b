from __future__ import annotations

import base64
import json
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from handlers.common.admission import Admission
from handlers.common.contract import LARGEST_BODY_BYTES, Contract, Operation
from handlers.common.errors import ServiceError
from handlers.common.event_stream import EventStream
from handlers.common.invocation import Invocation
from handlers.common.models import RequestModel, ResponseModel
from handlers.common.responses import MAX_RESPONSE_BYTES
from handlers.common.service import Service
from tests.support.events import REQUEST_ID, ask, ask_for_events, authorized, problem, proxy_event
from tests.support.probe import fail, probe_service

CANARY = "canary-7f3e"
NOT_FOUND = "There is nothing at this path."
FAILED = "The service failed. The request id finds the cause in its log."


class Word(RequestModel):
    word: str


class Number(ResponseModel):
    number: float


def test_a_json_request_is_answered() -> None:
    answer = ask(probe_service(), proxy_event('{"text": "abc", "count": 2}'))
    assert answer.status == 200
    assert answer.body == {"size": 6, "request_id": REQUEST_ID, "nothing": None}


def test_the_log_has_one_line_without_what_was_sent() -> None:
    answer = ask(probe_service(), proxy_event(json.dumps({"text": CANARY})))
    line = answer.log_line
    assert {
        key: line[key] for key in ("level", "message", "service", "request_id", "operation", "status")
    } == {
        "level": "INFO",
        "message": "invocation",
        "service": "probe",
        "request_id": REQUEST_ID,
        "operation": "probe",
        "status": 200,
    }
    assert line["duration_ms"] >= 0
    assert CANARY not in answer.log


def test_the_log_has_the_hash_of_the_caller_and_not_the_caller() -> None:
    event = proxy_event('{"text": "abc"}')
    described = authorized("users", "1f2e3d4c")
    event["requestContext"]["authorizer"] = described
    answer = ask(probe_service(), event)
    assert answer.log_line["caller"] == described["caller"]
    assert "1f2e3d4c" not in answer.log
    assert "caller" not in ask(probe_service(), proxy_event('{"text": "abc"}')).log_line


def test_only_the_first_invocation_is_a_cold_start() -> None:
    service = probe_service()
    cold = [ask(service, proxy_event(method="GET")).log_line["cold_start"] for _ in range(3)]
    assert cold == [True, False, False]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{}", "text is required."),
        ('{"text": 5}', "text should be a string."),
        ('{"text": null}', "text should be a string."),
        ('{"text": " \\n"}', "text should hold more than white space."),
        ('{"text": "a", "count": "2"}', "count should be an integer."),
        ('{"text": "a", "count": true}', "count should be an integer."),
        ('{"text": "a", "count": 2.5}', "count should be an integer."),
        ('{"text": "a", "count": 10}', "count should be at most 9."),
        ('{"text": "a", "mode": "canary-7f3e"}', "mode should be 'plain' or 'fancy'."),
        ('{"text": "a", "mode": "fancy"}', "mode cannot be fancy yet."),
        ('{"text": "a", "points": {}}', "points should be an array."),
        ('{"text": "a", "points": ["canary-7f3e"]}', "points[0] should be an object."),
        ('{"text": "a", "points": [{"x": 1}, {"x": "canary-7f3e"}]}', "points[1].x should be a number."),
        (
            '{"text": "a", "points": [{"x": 1, "canary-7f3e": 2}]}',
            "points[0] has a field that is not known.",
        ),
        (
            '{"text": "a", "canary-7f3e": 1}',
            "the request has a field that is not known; it takes text, count, mode, points, labels.",
        ),
        ('{"text": "a", "labels": {"canary-7f3e": "x"}}', "labels should be an integer."),
        (
            '{"count": 0, "mode": 1, "points": 1, "labels": 1, "a": 1, "b": 2, "c": 3}',
            "text is required; count should be at least 1; mode should be 'plain' or 'fancy'; points should be an array; labels should be an object; and 1 more.",
        ),
    ],
)
def test_a_request_that_does_not_fit_is_told_where_and_why_but_not_what(body: str, message: str) -> None:
    answer = ask(probe_service(), proxy_event(body))
    assert (answer.status, answer.body) == (400, problem("invalid_request", message))
    assert CANARY not in answer.raw + answer.log


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (json.dumps({"text": "a" * 21}), "text should have at most 20 characters."),
        (json.dumps({"text": "a", "points": [{"x": 1}] * 3}), "points should have at most 2 items."),
        (json.dumps({"text": "a" * 10_000}), "The body is larger than 10,000 bytes."),
    ],
)
def test_too_much_is_a_413(body: str, message: str) -> None:
    answer = ask(probe_service(), proxy_event(body))
    assert (answer.status, answer.body) == (413, problem("payload_too_large", message))


@pytest.mark.parametrize("body", [None, "", "{", '{"text": NaN}', '{"text": ' + "[" * 5_000])
def test_a_body_that_is_no_json_is_a_400(body: str | None) -> None:
    answer = ask(probe_service(), proxy_event(body))
    assert (answer.status, answer.body["code"]) == (400, "invalid_json")


def test_a_type_that_is_not_read_is_a_415_that_says_what_is() -> None:
    plain = ask(probe_service(), proxy_event("x", headers={"Content-Type": "text/plain"}))
    assert (plain.status, plain.body) == (415, problem("unsupported_media_type", "Send application/json."))
    gif = proxy_event("AAEC", resource="/probe/picture", headers={"Content-Type": "image/gif"}, base64=True)
    assert ask(probe_service(), gif).body == problem(
        "unsupported_media_type", "Send application/json or image/png or image/jpeg."
    )


def picture_event(body: str | None, **changes: Any) -> dict[str, Any]:
    options: dict[str, Any] = {"base64": True, "headers": {"Content-Type": "image/png"}, **changes}
    return proxy_event(body, resource="/probe/picture", **options)


def test_a_raw_body_becomes_the_field_and_the_query_the_others() -> None:
    answer = ask(
        probe_service(), picture_event("AAECAw==", query={"most": ["7"], "deep": ["true"], "utm": ["x"]})
    )
    assert (answer.status, answer.body) == (200, {"size": 4, "most": 7, "deep": True})


def test_the_same_as_base64_in_json() -> None:
    event = picture_event(
        '{"picture": "AAECAw==", "most": 7}', base64=False, headers={"Content-Type": "application/json"}
    )
    assert ask(probe_service(), event).body == {"size": 4, "most": 7, "deep": False}


@pytest.mark.parametrize(
    ("event", "status", "message"),
    [
        (
            picture_event("AA==", query={"most": ["7", "8"]}),
            400,
            "most is in the query string more than once.",
        ),
        (picture_event("AA==", query={"most": ["canary-7f3e"]}), 400, "most should be an integer."),
        (picture_event("AA==", query={"most": ["70"]}), 400, "most should be at most 9."),
        (
            picture_event("AA==", query={"picture": ["AA=="]}),
            400,
            "picture is the body itself and cannot be in the query string.",
        ),
        (picture_event(""), 400, "picture should not be empty."),
        (picture_event(None), 400, "picture should not be empty."),
        (picture_event("A"), 400, "The body arrived as base64 that cannot be decoded."),
        (
            picture_event("\ufffdPNG", base64=False),
            415,
            "Raw bodies of this type are not enabled here. Send application/json with base64.",
        ),
        (picture_event(base64.b64encode(bytes(1001)).decode()), 413, "The body is larger than 1,000 bytes."),
        (
            picture_event('{"picture": "data:image/png;base64,AA=="}', base64=False, headers={}),
            400,
            "picture should be standard base64 with padding, without line breaks or a data: prefix.",
        ),
        (
            picture_event('{"picture": ""}', base64=False, headers={}),
            400,
            "picture should not be empty.",
        ),
        (
            picture_event('{"picture": 7}', base64=False, headers={}),
            400,
            "picture should be a base64 string.",
        ),
        (
            picture_event('{"picture": "AA=="}', base64=False, headers={}, query={"most": ["7"]}),
            400,
            "most belongs in the JSON body, not in the query string.",
        ),
    ],
)
def test_a_picture_that_cannot_be_read_is_refused(event: dict[str, Any], status: int, message: str) -> None:
    answer = ask(probe_service(), event)
    assert (answer.status, answer.body["message"]) == (status, message)


def test_the_route_decides_and_not_the_path_as_it_was_typed() -> None:
    answer = ask(probe_service(), proxy_event('{"text": "a"}', resource="/probe", path="/base/probe"))
    assert answer.status == 200


@pytest.mark.parametrize("path", ["/probe", "/probe/", "/pro%62e"])
def test_behind_a_proxy_route_the_path_decides(path: str) -> None:
    assert ask(probe_service(), proxy_event('{"text": "a"}', resource="/{proxy+}", path=path)).status == 200


@pytest.mark.parametrize(
    "path", ["/nowhere", "/probe/..%2fprobe", "/%252e%252e/probe", "/PROBE", "/probe//picture"]
)
def test_another_path_is_a_404(path: str) -> None:
    answer = ask(probe_service(), proxy_event("{}", resource="/{proxy+}", path=path))
    assert (answer.status, answer.body) == (404, problem("not_found", NOT_FOUND))


@pytest.mark.parametrize("method", ["DELETE", "get", "HEAD", "OPTIONS", ""])
def test_another_method_is_a_405_that_names_the_right_ones(method: str) -> None:
    answer = ask(probe_service(), proxy_event(method=method))
    assert (answer.status, answer.body) == (
        405,
        problem("method_not_allowed", "This path takes POST, GET only."),
    )
    assert answer.headers["Allow"] == "POST, GET"


def test_a_header_does_not_override_the_method() -> None:
    event = proxy_event(
        method="GET", headers={"X-HTTP-Method-Override": "POST", "X-Method-Override": "DELETE"}
    )
    assert ask(probe_service(), event).body == {"state": "well"}


def test_a_busy_backend_is_a_503_with_retry_after() -> None:
    answer = ask(probe_service(), proxy_event(method="GET", resource="/probe/busy"))
    assert (answer.status, answer.headers["Retry-After"]) == (503, "7")
    assert answer.body == problem("backend_unavailable", "The AI backend is busy. Try again later.")
    assert answer.log_line["error_detail"] == "probe.call: Throttled 429"


def test_what_nobody_foresaw_is_a_500_whose_log_has_the_place_and_no_value() -> None:
    answer = ask(probe_service(fail), proxy_event(json.dumps({"text": CANARY})))
    assert (answer.status, answer.body) == (500, problem("internal_error", FAILED))
    line = answer.log_line
    assert (line["level"], line["status"], line["error_code"]) == ("ERROR", 500, "internal_error")
    assert line["error_types"] == ["KeyError", "ValueError"]
    assert any(frame.startswith("probe.py:") and frame.endswith(" fail") for frame in line["error_frames"])
    assert CANARY not in answer.raw + answer.log


def returning(value: dict[str, object]) -> Service:
    contract = Contract("returning")
    operation = contract.get("/probe", None, summary="Return a value.")
    service = Service(contract)

    @service.implements(operation)
    def handle() -> dict[str, object]:
        return value

    return service


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"bytes", {1, 2}, object(), "\ud800"])
def test_an_answer_that_json_cannot_hold_is_a_500(value: object) -> None:
    answer = ask(returning({"value": value}), proxy_event(method="GET"))
    assert (answer.status, answer.body) == (500, problem("internal_error", FAILED))


def test_a_response_model_refuses_a_number_that_is_not_finite() -> None:
    contract = Contract("numbers")
    operation = contract.post("/probe", Word, Number, summary="Read a number.")
    service = Service(contract)

    @service.implements(operation)
    def read(request: Word) -> Number:
        return Number(number=float(request.word))

    assert ask(service, proxy_event('{"word": "1.5"}')).body == {"number": 1.5}
    assert ask(service, proxy_event('{"word": "nan"}')).status == 500


@pytest.mark.parametrize("letter", ["x", '"', "é", "\U0001f600", "\x00"])
def test_an_answer_too_large_for_lambda_is_a_500_and_one_that_fits_is_not(letter: str) -> None:
    envelope = len(json.dumps({"statusCode": 200, "body": json.dumps({"v": ""})}))
    per_letter = len(json.dumps(json.dumps(letter, ensure_ascii=False)[1:-1])) - 2
    fits = (MAX_RESPONSE_BYTES - envelope) // per_letter
    assert ask(returning({"v": letter * fits}), proxy_event(method="GET")).status == 200
    answer = ask(returning({"v": letter * (fits + envelope)}), proxy_event(method="GET"))
    assert answer.body == problem(
        "response_too_large", "The answer is larger than one response can be. Ask for less at a time."
    )
    assert answer.status == 500


def test_the_largest_body_fits_into_a_lambda_event_as_base64() -> None:
    assert LARGEST_BODY_BYTES * 4 / 3 < 6_291_456 - 250_000


def test_functions_that_differ_from_the_contract_are_rejected() -> None:
    contract = Contract("new")
    operation = contract.post("/new", Word, Number, summary="New.")
    state = contract.get("/new", None, name="new.state", summary="New.")

    def two_requests(one: Word, other: Word) -> Number: ...
    def no_request(invocation: Invocation) -> Number: ...
    def other_request(word: str, invocation: Invocation) -> Number: ...
    def other_result(request: Word) -> str: ...
    def request_for_get(request: Word) -> dict[str, object]: ...
    def model_for_object() -> Number: ...

    signature = "; write (request: Word, invocation: Invocation), or leave invocation out"
    for implemented, function, message in (
        (operation, two_requests, f"the parameters of two_requests differ from the contract{signature}"),
        (operation, no_request, f"the parameters of no_request differ from the contract{signature}"),
        (operation, other_request, f"the parameters of other_request differ from the contract{signature}"),
        (
            operation,
            other_result,
            "the result of other_result differs from the contract; annotate it with Number or Reply[Number]",
        ),
        (
            state,
            request_for_get,
            "the parameters of request_for_get differ from the contract"
            + signature.replace("request: Word, ", ""),
        ),
        (
            state,
            model_for_object,
            "the result of model_for_object differs from the contract; annotate it with dict[str, object] or Reply[dict[str, object]]",
        ),
    ):
        with pytest.raises(TypeError) as refused:
            Service(contract).implements(implemented)(function)
        assert str(refused.value) == f"operation {implemented.name}: {message}"


def test_a_service_implements_each_operation_of_its_contract_once() -> None:
    contract, other = Contract("new"), Contract("other")
    operation = contract.post("/new", Word, Number, summary="New.")
    foreign = other.post("/other", Word, Number, summary="Other.")

    def number(request: Word) -> Number: ...

    service = Service(contract)
    with pytest.raises(TypeError) as refused:
        service.implements(foreign)(number)
    assert str(refused.value) == "operation other is not in the contract 'new'"
    with pytest.raises(TypeError) as refused:
        _ = service.handler
    assert str(refused.value) == (
        "service new: new has no implementation; add a function with @service.implements(...)"
    )
    service.implements(operation)(number)
    assert service.handler
    with pytest.raises(TypeError) as refused:
        service.implements(operation)(number)
    assert str(refused.value) == "operation new is implemented twice; remove one of the two"


def test_a_level_that_python_does_not_know_is_info(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "LOUD")
    assert ask(probe_service(), proxy_event(method="GET")).log_line["level"] == "INFO"


@pytest.mark.parametrize(
    ("services", "status"), [("*", 200), ("probe", 200), ("other,probe", 200), ("other", 403), ("", 403)]
)
def test_a_tenant_uses_the_services_that_it_may(services: str, status: int) -> None:
    event = proxy_event('{"text": "a"}')
    event["requestContext"]["authorizer"] = authorized("acme", "acme", services=services)
    answer = ask(probe_service(), event)
    assert answer.status == status
    if status == 403:
        message = "These credentials may not use the service probe."
        assert answer.body == problem("forbidden", message)


def test_what_is_wrong_with_a_request_is_not_said_to_a_tenant_without_the_service() -> None:
    event = proxy_event("{")
    event["requestContext"]["authorizer"] = authorized("acme", "acme", services="other")
    assert ask(probe_service(), event).body["code"] == "forbidden"


def test_a_service_for_all_callers_needs_no_grant() -> None:
    contract = Contract("open", for_all_callers=True)
    answer_nothing = contract.get("/open", None, summary="Answer.")
    service = Service(contract)

    @service.implements(answer_nothing)
    def handle() -> dict[str, object]:
        return {}

    event = proxy_event(method="GET", resource="/open")
    event["requestContext"]["authorizer"] = authorized("acme", "acme", services="")
    assert ask(service, event).status == 200


def test_a_caller_who_cannot_be_read_is_served_nothing() -> None:
    event = proxy_event('{"text": "a"}')
    event["requestContext"]["authorizer"] = {"principalId": "acme", "tenant": "acme", "key": "k1"}
    answer = ask(probe_service(lambda text: pytest.fail("served")), event)
    assert (answer.status, answer.body["code"]) == (500, "internal_error")
    assert answer.log_line["error_detail"] == "the authorizer's context is not complete"


def counting_service(numbers: Iterator[Number], admitted: list[str]) -> Service:
    """A service whose operation streams numbers."""
    contract = Contract("count")
    count = contract.post("/count", Word, Number, summary="Count.", event_model=Number)

    class Recording(Admission):
        @contextmanager
        def around(
            self,
            operation: Operation,  # noqa: ARG002
            invocation: Invocation,
            report: Callable[[str, ServiceError], None],  # noqa: ARG002
        ) -> Iterator[Invocation]:
            admitted.append("in")
            try:
                yield invocation
            except BaseException as error:
                admitted.append(type(error).__name__)
                raise
            admitted.append("out")

    service = Service(contract, admission=Recording(None))

    def events() -> Generator[Number, None, None]:
        for number in numbers:
            admitted.append("event")
            yield number

    @service.implements(count)
    def handle_count(request: Word) -> Number | EventStream[Number]:
        if request.word == "whole":
            return Number(number=0)
        return EventStream(events(), {"X-Word": "count"}, last="END")

    return service


COUNT = proxy_event('{"word": "up"}', resource="/count")


def test_events_are_sent_while_the_caller_is_admitted() -> None:
    admitted: list[str] = []
    numbers = iter([Number(number=1), Number(number=2)])
    answer = ask_for_events(counting_service(numbers, admitted), COUNT)
    assert answer.events == [(None, '{"number":1.0}'), (None, '{"number":2.0}'), (None, "END")]
    assert (answer.status, answer.headers["X-Word"]) == (200, "count")
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert answer.headers["Cache-Control"] == "no-store"
    assert admitted == ["in", "event", "event", "out"]


def test_admission_learns_how_a_stream_ended() -> None:
    def failing() -> Iterator[Number]:
        yield Number(number=1)
        raise RuntimeError(CANARY)

    admitted: list[str] = []
    answer = ask_for_events(counting_service(failing(), admitted), COUNT)
    assert answer.events[-1] == (
        "error",
        json.dumps(problem("internal_error", FAILED), separators=(",", ":")),
    )
    assert answer.log_line["error_types"][0] == "RuntimeError"
    assert admitted == ["in", "event", "RuntimeError"]
    admitted.clear()
    ask_for_events(counting_service(iter([Number(number=1)] * 2), admitted), COUNT, read=1)
    assert admitted == ["in", "event", "GeneratorExit"]


def test_a_function_that_does_not_stream_answers_events_with_an_error() -> None:
    service = counting_service(iter([]), [])
    assert ask(service, COUNT).status == 500
    assert ask(service, proxy_event('{"word": "whole"}', resource="/count")).body == {"number": 0.0}


def test_events_of_another_model_than_the_contract_s_are_refused() -> None:
    contract = Contract("count")
    count = contract.post("/count", Word, Number, summary="Count.", event_model=Number)
    with pytest.raises(TypeError, match=r"annotate it with Reply\[Number\] \| EventStream\[Number\]"):

        @Service(contract).implements(count)
        def handle_count(request: Word) -> Number:
            return Number(number=0)
