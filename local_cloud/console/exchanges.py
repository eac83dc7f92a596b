"""Requests that the gateway has answered, and invocations of functions, as the console shows them."""

from __future__ import annotations

import itertools
import re
import time
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from local_cloud.functions.definition import FunctionDefinition
from local_cloud.functions.invocation import Invocation
from local_cloud.functions.result import InvocationResult
from local_cloud.gateway.exchange import Exchange
from local_cloud.messages import Headers, Response, first_header

_LARGEST_KEPT = 512 * 1024
_LARGEST_SHOWN = 64 * 1024

_ROOT = re.compile(r"Root=([^;]+)")
_SECRET_HEADERS = frozenset({"authorization", "cookie", "set-cookie", "x-amz-security-token", "x-api-key"})
_SECRET_START = 12
_numbers = itertools.count(1)


class Bodies(NamedTuple):
    """Bodies of a request and of its answer; None if both are too large together to be kept."""

    sent: bytes | None
    answer: bytes | None

    @classmethod
    def of(cls, sent: bytes, answer: bytes) -> Bodies:
        """Return the bodies to keep."""
        return cls(sent, answer) if len(sent) + len(answer) <= _LARGEST_KEPT else cls(None, None)

    @property
    def size(self) -> int:
        """Size of both, in bytes."""
        return len(self.sent or b"") + len(self.answer or b"")


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that the gateway has answered, and its place in the order of all."""

    exchange: Exchange
    response: Response
    bodies: Bodies
    ended_at: float = field(default_factory=time.time)
    number: int = field(default_factory=lambda: next(_numbers))

    @classmethod
    def of(cls, exchange: Exchange, response: Response) -> Answered:
        """Return the record of a request, which has its bodies once."""
        bodies = Bodies.of(exchange.request.body, response.body)
        exchange.request = replace(exchange.request, body=b"")
        return cls(exchange, Response(response.status, response.headers, stream=response.stream), bodies)

    @property
    def root(self) -> str:
        """Root of the trace, which its invocations and executions have too."""
        return trace_root(self.exchange.trace or self.exchange.trace_header)


@dataclass(frozen=True, slots=True)
class Invoked:
    """An invocation with a result."""

    definition: FunctionDefinition
    bodies: Bodies
    result: InvocationResult
    request_id: str
    root: str
    ended_at: float = field(default_factory=time.time)

    @classmethod
    def of(cls, definition: FunctionDefinition, invocation: Invocation, result: InvocationResult) -> Invoked:
        """Return the record of an invocation."""
        bodies, root = Bodies.of(invocation.payload, result.payload), trace_root(invocation.trace_header)
        return cls(definition, bodies, replace(result, payload=b""), invocation.request_id, root)


def trace_root(header: str) -> str:
    """Return the root of an X-Ray trace header; empty if it has none."""
    found = _ROOT.search(header)
    return found[1] if found else ""


def request_row(answered: Answered) -> dict[str, Any]:
    """Return what the list of requests shows of one."""
    exchange, response = answered.exchange, answered.response
    answers_itself = exchange.step != "integration" or exchange.error is not None
    return {
        "id": exchange.request_id,
        "number": answered.number,
        "at": exchange.received_at,
        "ms": round((answered.ended_at - exchange.received_at) * 1000, 1),
        "method": exchange.request.method,
        "path": exchange.path,
        "query": exchange.request.query,
        "route": None if exchange.method is None else exchange.method.resource_path,
        "api": exchange.stage.api.name,
        "stage": exchange.stage.name,
        "status": response.status,
        "bytes": len(answered.bodies.answer or b"") if response.stream is None else response.length,
        "streamed": response.stream is not None,
        "refused": {"step": exchange.step, "why": exchange.note} if answers_itself else None,
    }


def request_details(answered: Answered) -> dict[str, Any]:
    """Return everything that is known of a request, without its invocations and executions."""
    exchange, response = answered.exchange, answered.response
    error, seconds = exchange.error, exchange.integration_seconds
    bodies, answer_type = answered.bodies, first_header(response.headers, "content-type")
    return {
        **request_row(answered),
        "note": exchange.note,
        "step": exchange.step,
        "error": None if error is None else {"type": error[0], "message": error[1]},
        "validation_error": exchange.validation_error,
        "integration_ms": None if seconds is None else round(seconds * 1000, 1),
        "caller": (exchange.authorizer or {}).get("claims", exchange.authorizer),
        "request_headers": _headers(exchange.request.headers),
        "request_body": shown(bodies.sent, exchange.request.header("content-type")),
        "response_headers": _headers(response.headers),
        "response_body": None if response.stream is not None else shown(bodies.answer, answer_type),
    }


def invocation_row(invoked: Invoked) -> dict[str, Any]:
    """Return what lists of invocations show of one."""
    result = invoked.result
    return {
        "function": invoked.definition.name,
        "request_id": invoked.request_id,
        "at": invoked.ended_at - result.duration_ms / 1000,
        "ms": round(result.duration_ms, 1),
        "init_ms": None if result.init_ms is None else round(result.init_ms, 1),
        "used_mb": result.used_mb,
        "memory_mb": invoked.definition.memory_mb,
        "failed": result.function_error is not None,
    }


def invocation_details(invoked: Invoked) -> dict[str, Any]:
    """Return everything that is known of an invocation."""
    result = invoked.result
    return {
        **invocation_row(invoked),
        "version": result.executed_version,
        "event": shown(invoked.bodies.sent, "application/json"),
        "answer": shown(invoked.bodies.answer, "application/json"),
        "log": result.log_tail,
    }


def shown(body: bytes | None, content_type: str | None) -> dict[str, Any]:
    """Return a body for the page: its text, or its size where it is binary, too large or dropped."""
    if body is None:
        return {"text": None, "bytes": None, "type": content_type}
    try:
        text = body[:_LARGEST_SHOWN].decode("utf-8", "strict" if len(body) <= _LARGEST_SHOWN else "ignore")
    except UnicodeDecodeError:
        return {"text": None, "bytes": len(body), "type": content_type}
    return {"text": text, "bytes": len(body), "type": content_type, "cut": len(body) > _LARGEST_SHOWN}


def _headers(headers: Headers) -> list[list[str]]:
    """Return headers with their secrets cut short."""
    return [
        [name, f"{value[:_SECRET_START]}… ({len(value)} characters)"]
        if name.lower() in _SECRET_HEADERS and len(value) > _SECRET_START
        else [name, value]
        for name, value in headers
    ]
