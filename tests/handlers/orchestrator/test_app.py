from __future__ import annotations

import io
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.response import StreamingBody

from handlers.common.aws_api import Tries
from handlers.common.deadline import Deadline
from handlers.common.errors import (
    BackendError,
    BackendTimeout,
    BackendUnavailable,
    PayloadTooLarge,
    ServiceError,
)
from handlers.common.functions import Functions
from handlers.orchestrator.app import create_service
from handlers.orchestrator.catalogue import Catalogue
from tests.support import aws
from tests.support.events import REQUEST_ID, Answer, Context, ask, authorized, problem, proxy_event

CANARY = "canary-7f3e"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:{}:live"
ARNS = {key: ARN.format(key) for key in ("vision", "embeddings")}
OPERATIONS = [
    {"name": "vision.text", "service": "vision", "path": "/vision/text"},
    {"name": "vision.labels", "service": "vision", "path": "/vision/labels"},
    {"name": "embeddings", "service": "embeddings", "path": "/embeddings"},
    {"name": "embeddings.similarity", "service": "embeddings", "path": "/embeddings/similarity"},
]
NAMES = "vision.text, vision.labels, embeddings, embeddings.similarity"


class FakeLambda:
    """Lambda with functions that return configured answers, or raise."""

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Any] = {"vision": {}, "embeddings": {}, **answers}
        self.events: list[tuple[str, dict[str, Any]]] = []
        self._lock = threading.Lock()

    def call(self, operation: str, parameters: Mapping[str, Any], **options: Any) -> dict[str, Any]:
        assert operation == "invoke"
        assert parameters["InvocationType"] == "RequestResponse"
        assert options["deadline"].seconds_left() > 0
        key = parameters["FunctionName"].split(":")[-2]
        with self._lock:
            self.events.append((key, json.loads(parameters["Payload"])))
        answer = self.answers[key]
        if isinstance(answer, Exception):
            raise answer
        failed = {"FunctionError": "Unhandled"} if "errorType" in answer else {}
        return {"StatusCode": 200, "Payload": json.dumps(answer).encode(), **failed}


def catalogue() -> Catalogue:
    return Catalogue(OPERATIONS)


def orchestrate(fake: FakeLambda, *events: dict[str, Any]) -> list[Answer]:
    """The answers of one worker to some events."""
    functions = Functions(ARNS, api=fake)  # type: ignore[arg-type]
    service = create_service(catalogue, lambda: functions)
    return [ask(service, event) for event in events]


def dispatch(service: str, value: object = None) -> dict[str, Any]:
    body = json.dumps({"service": service, "input": {} if value is None else value})
    return proxy_event(body, resource="/ai-service")


LIST = proxy_event(method="GET", resource="/ai-service", headers={})


def test_get_lists_the_services_and_calls_no_function() -> None:
    fake = FakeLambda(vision=BackendUnavailable(), embeddings=BackendTimeout())
    [answer] = orchestrate(fake, LIST)
    assert (answer.status, answer.body) == (200, {"services": OPERATIONS})
    assert fake.events == []


def test_the_catalogue_is_the_file_in_the_archive(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.json"
    file.write_text(json.dumps(OPERATIONS))
    assert Catalogue.from_file(file).operations_for(None) == OPERATIONS


def as_tenant(event: dict[str, Any], services: str) -> dict[str, Any]:
    context = event["requestContext"] | {"authorizer": authorized("acme", "acme", services=services)}
    return event | {"requestContext": context}


@pytest.mark.parametrize(
    ("services", "names"),
    [
        ("*", NAMES),
        ("vision", "vision.text, vision.labels"),
        ("embeddings,chat", "embeddings, embeddings.similarity"),
    ],
)
def test_a_tenant_sees_the_services_that_it_may_use(services: str, names: str) -> None:
    listed, unknown = orchestrate(
        FakeLambda(), as_tenant(LIST, services), as_tenant(dispatch("poetry"), services)
    )
    assert ", ".join(one["name"] for one in listed.body["services"]) == names
    assert unknown.body == problem("unknown_service", f"Unknown service. Available: {names}.")


def test_a_service_that_the_tenant_may_not_use_is_not_called() -> None:
    fake = FakeLambda()
    denied, served = orchestrate(
        fake, as_tenant(dispatch("embeddings"), "vision"), as_tenant(dispatch("vision.text"), "vision")
    )
    assert (denied.status, denied.body["code"]) == (403, "forbidden")
    assert served.status == 200
    assert [key for key, _ in fake.events] == ["vision"]


def test_post_calls_the_function_of_the_name_and_says_who_answered() -> None:
    fake = FakeLambda(embeddings={"results": [1]})
    [answer] = orchestrate(fake, dispatch("embeddings.similarity", {"query": "é", "candidates": ["b"]}))
    assert (answer.status, answer.body) == (
        200,
        {"service": "embeddings.similarity", "output": {"results": [1]}},
    )
    sent = {
        "operation": "embeddings.similarity",
        "input": {"query": "é", "candidates": ["b"]},
        "requestId": REQUEST_ID,
    }
    assert fake.events == [("embeddings", sent)]


@pytest.mark.parametrize("name", [CANARY, ".", "describe", "Vision.text", " vision", "vision"])
def test_an_unknown_service_is_a_404_with_the_names_that_exist(name: str) -> None:
    fake = FakeLambda()
    [answer] = orchestrate(fake, dispatch(name))
    assert (answer.status, answer.body) == (
        404,
        problem("unknown_service", f"Unknown service. Available: {NAMES}."),
    )
    assert CANARY not in answer.raw + answer.log
    assert fake.events == []


@pytest.mark.parametrize(
    ("kind", "message", "status", "code"),
    [
        ("InvalidRequest", "text is required.", 400, "invalid_request"),
        ("PayloadTooLarge", "image is too large.", 413, "payload_too_large"),
        ("UnprocessableInput", "The image is empty.", 422, "unprocessable_input"),
        ("InternalError", "The service failed.", 500, "internal_error"),
        ("BackendError", "The AI backend failed.", 502, "backend_error"),
        ("BackendUnavailable", "The AI backend is busy.", 503, "backend_unavailable"),
        ("BackendTimeout", "Too slow.", 504, "backend_timeout"),
    ],
)
def test_an_error_of_a_service_keeps_its_status_and_message(
    kind: str, message: str, status: int, code: str
) -> None:
    failure = {
        "errorType": kind,
        "errorMessage": message,
        "stackTrace": [f"File {CANARY}"],
        "requestId": "r-1",
    }
    [answer] = orchestrate(FakeLambda(vision=failure), dispatch("vision.text"))
    assert (answer.status, answer.body) == (status, problem(code, message))
    assert ("Retry-After" in answer.headers) == (status == 503)
    assert CANARY not in answer.raw + answer.log
    assert answer.log_line["error_detail"] == f"function vision: {kind}, its request r-1"


@pytest.mark.parametrize(
    ("kind", "status", "code", "message"),
    [
        ("KeyError", 502, "backend_error", "The service failed."),
        ("Runtime.ExitError", 502, "backend_error", "The service failed."),
        ("Runtime.ImportModuleError", 502, "backend_error", "The service failed."),
        ("MethodNotAllowed", 502, "backend_error", "The service failed."),
        ("Sandbox.Timedout", 504, "backend_timeout", "The service did not answer in time. Try again later."),
    ],
)
def test_a_crash_of_a_service_says_nothing_of_its_cause(
    kind: str, status: int, code: str, message: str
) -> None:
    failure = {"errorType": kind, "errorMessage": f"RequestId: 1 Error: {CANARY}"}
    [answer] = orchestrate(FakeLambda(vision=failure), dispatch("vision.text"))
    assert (answer.status, answer.body) == (status, problem(code, message))
    assert CANARY not in answer.raw + answer.log


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "HEAD"])
def test_other_methods_are_a_405(method: str) -> None:
    [answer] = orchestrate(FakeLambda(), proxy_event(method=method, resource="/ai-service"))
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, POST")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"service": "vision.text"}', "input is required."),
        ('{"service": "vision.text", "input": []}', "input should be an object."),
        ('{"service": "", "input": {}}', "service should not be empty."),
        ('{"service": 5, "input": {}}', "service should be a string."),
        (
            '{"service": "vision.text", "input": {}, "canary-7f3e": 1}',
            "the request has a field that is not known; it takes service, input.",
        ),
    ],
)
def test_a_wrong_request_calls_no_function(body: str, message: str) -> None:
    fake = FakeLambda()
    [answer] = orchestrate(fake, proxy_event(body, resource="/ai-service"))
    assert (answer.status, answer.body) == (400, problem("invalid_request", message))
    assert fake.events == []


def test_health_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_functions() -> Functions:
        raise AssertionError("the functions were called")

    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_VERSION", raising=False)
    service, event = (
        create_service(catalogue, no_functions),
        proxy_event(method="GET", resource="/health", headers={}),
    )
    assert ask(service, event).body == {"status": "ok", "version": "unpublished"}
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_VERSION", "7")
    assert ask(service, event).body == {"status": "ok", "version": "7"}


def payload(content: bytes) -> StreamingBody:
    return StreamingBody(io.BytesIO(content), len(content))


TRIES = (Tries(1, 1, 5),)


def test_a_function_is_invoked_as_lambda_wants_it() -> None:
    with aws.stubbed("lambda", TRIES) as (api, stub):
        stub.add_response(
            "invoke",
            {"StatusCode": 200, "Payload": payload(b'{"a": 1}'), "ExecutedVersion": "3"},
            {
                "FunctionName": ARNS["vision"],
                "InvocationType": "RequestResponse",
                "Payload": b'{"operation":"vision.text"}',
            },
        )
        called = Functions(ARNS, api=api).call(
            "vision", {"operation": "vision.text"}, deadline=Deadline.after(25)
        )
    assert called == {"a": 1}


@pytest.mark.parametrize(
    ("code", "status", "error", "message"),
    [
        ("TooManyRequestsException", 429, BackendUnavailable, "The AI backend is busy. Try again later."),
        ("ServiceException", 500, BackendUnavailable, "The AI backend is busy. Try again later."),
        ("ResourceConflictException", 409, BackendUnavailable, "The service is being updated. Try again."),
        ("SnapStartNotReadyException", 409, BackendUnavailable, "The service is starting. Try again."),
        ("RequestTooLargeException", 413, PayloadTooLarge, "The input is larger than a function takes."),
        ("ResourceNotFoundException", 404, BackendError, "The AI backend refused the call."),
        ("AccessDeniedException", 403, BackendError, "The AI backend refused the call."),
    ],
)
def test_what_lambda_refuses(code: str, status: int, error: type[ServiceError], message: str) -> None:
    with aws.stubbed("lambda", TRIES) as (api, stub):
        stub.add_client_error("invoke", code, ARNS["vision"], status)
        with pytest.raises(ServiceError) as raised:
            Functions(ARNS, api=api).call("vision", {}, deadline=Deadline.after(25))
    assert (type(raised.value), raised.value.message) == (error, message)


@pytest.mark.parametrize("content", [b"", b"null", b"[1]", b'"x"', b"not json"])
def test_a_function_that_answers_no_object_is_a_backend_error(content: bytes) -> None:
    with aws.stubbed("lambda", TRIES) as (api, stub):
        stub.add_response("invoke", {"StatusCode": 200, "Payload": payload(content)})
        with pytest.raises(BackendError, match=r"^The AI backend's answer cannot be used\.$"):
            Functions(ARNS, api=api).call("vision", {}, deadline=Deadline.after(25))


def test_an_input_larger_than_lambda_takes_is_not_sent() -> None:
    fake = FakeLambda()
    with pytest.raises(PayloadTooLarge, match=r"^The input is larger than 6,000,000 bytes\.$"):
        Functions(ARNS, api=fake).call(  # type: ignore[arg-type]
            "vision", {"input": "é" * 3_000_000}, deadline=Deadline.after(25)
        )
    assert fake.events == []


def test_the_functions_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AI_SERVICES", json.dumps(ARNS))
    assert Functions.from_environment().keys == ("vision", "embeddings")
    monkeypatch.delenv("AI_SERVICES")
    assert Functions.from_environment().keys == ()


@pytest.mark.parametrize("value", ["[]", '{"vision": 5}', '{"vision": ""}'])
def test_an_environment_that_makes_no_sense_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("AI_SERVICES", value)
    with pytest.raises(ValueError, match=r"^AI_SERVICES should be a JSON object of function keys and ARNs$"):
        Functions.from_environment()


def test_a_function_without_time_is_not_called() -> None:
    fake = FakeLambda()
    functions = Functions(ARNS)
    answer = ask(
        create_service(catalogue, lambda: functions), dispatch("vision.text"), Context(remaining_ms=400)
    )
    assert (answer.status, answer.body["code"]) == (504, "backend_timeout")
    assert fake.events == []
