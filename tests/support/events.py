"""Lambda events and contexts for the handlers' tests, as API Gateway and Lambda make them."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

from handlers.common.error_format import PROBLEM
from handlers.common.service import Service
from handlers.common.streaming_runtime import StreamedResponse

REQUEST_ID = "0d6b7e4e-9a53-4d5d-8f0e-2f6f6a3c9c11"


@dataclass(frozen=True)
class Context:
    """Context that the runtime passes to a handler."""

    aws_request_id: str = "lambda-request-id"
    remaining_ms: int = 25_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


def proxy_event(
    body: str | None = None,
    *,
    method: str = "POST",
    resource: str = "/probe",
    path: str | None = None,
    headers: Mapping[str, str] | None = None,
    multi_headers: Mapping[str, list[str]] | None = None,
    query: Mapping[str, list[str]] | None = None,
    base64: bool = False,
) -> dict[str, Any]:
    """A REST API's proxy event: every key is there, null where it is empty."""
    headers = {"Content-Type": "application/json"} if headers is None else headers
    return {
        "resource": resource,
        "path": resource if path is None else path,
        "httpMethod": method,
        "headers": dict(headers) or None,
        "multiValueHeaders": dict(multi_headers or {name: [value] for name, value in headers.items()})
        or None,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} if query else None,
        "multiValueQueryStringParameters": dict(query) if query else None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "requestId": REQUEST_ID,
            "identity": {"sourceIp": "203.0.113.7"},
            "stage": "prod",
        },
        "body": body,
        "isBase64Encoded": base64,
    }


def authorized(tenant: str, principal: str, **more: str) -> dict[str, str]:
    """The context of the project's authorizer, for a caller who may use everything."""
    return {
        "principalId": principal,
        "tenant": tenant,
        "key": "k1",
        "caller": "aB3+/fghijklmnopqrstuvwx",
        "services": "*",
        "models": "*",
        "limits": "[]",
        **more,
    }


@dataclass(frozen=True)
class Answer:
    """Result of a handler for a proxy event, and the log lines that it wrote."""

    status: int
    headers: dict[str, str]
    body: Any
    raw: str
    log: str

    @property
    def log_line(self) -> dict[str, Any]:
        """The only line of the log."""
        line: dict[str, Any] = json.loads(self.log)
        return line


def ask(service: Service, event: Mapping[str, Any], context: object = None) -> Answer:
    """Send the service a proxy event and check the form that every response has."""
    log = io.StringIO()
    with contextlib.redirect_stdout(log):
        response = service.handler(dict(event), context or Context())
    assert set(response) == {"statusCode", "headers", "body", "isBase64Encoded"}
    assert response["isBase64Encoded"] is False
    status, headers, raw = response["statusCode"], response["headers"], response["body"]
    assert isinstance(status, int)
    assert isinstance(headers, dict)
    assert isinstance(raw, str)
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    body = json.loads(raw, parse_constant=_refuse)
    if status >= 400:
        form = service.contract.error_format
        assert set(body) == ({"code", "message", "requestId"} if form is PROBLEM else {"error"})
    return Answer(status, headers, body, raw, log.getvalue())


@dataclass(frozen=True)
class Streamed:
    """Answer of a function that streams.

    Attributes:
        status: The HTTP status.
        headers: The HTTP headers.
        events: The type and the data of each event that was read; none of an answer that is not streamed.
        log_line: The only line of the log.
    """

    status: int
    headers: dict[str, str]
    events: list[tuple[str | None, str]]
    log_line: dict[str, Any]


def ask_for_events(service: Service, event: Mapping[str, Any], *, read: int | None = None) -> Streamed:
    """Pass the service a proxy event as a function that streams gets it, and read the answer as the runtime client does.

    Args:
        service: The service.
        event: The event.
        read: Chunks to read before the caller disconnects. Default: all.
    """
    log = io.StringIO()
    with contextlib.redirect_stdout(log):
        response = service.streaming_handler(dict(event), Context(remaining_ms=240_000))
        if isinstance(response, StreamedResponse):
            chunks = response.chunks
            assert isinstance(chunks, Generator)
            received = b"".join(itertools.islice(chunks, read)).decode()
            chunks.close()
            status, headers = response.status, dict(response.headers)
        else:
            received, status, headers = "", response["statusCode"], response["headers"]  # type: ignore[assignment]
    assert received.endswith("\n\n") or not received
    return Streamed(
        status, headers, [_event(one) for one in received.split("\n\n")[:-1]], json.loads(log.getvalue())
    )


def _event(text: str) -> tuple[str | None, str]:
    *kind, data = text.split("\n")
    assert data.startswith("data: ")
    return kind[0].removeprefix("event: ") if kind else None, data.removeprefix("data: ")


def problem(code: str, message: str) -> dict[str, str]:
    """The body of an error."""
    return {"code": code, "message": message, "requestId": REQUEST_ID}


def call(service: Service, operation: str, value: object, context: object = None) -> dict[str, object]:
    """Send the service a direct event."""
    with contextlib.redirect_stdout(io.StringIO()):
        return service.handler({"operation": operation, "input": value}, context or Context())


def _refuse(constant: str) -> None:
    raise AssertionError(f"the response holds {constant}")
