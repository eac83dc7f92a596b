"""InvokeWithResponseStream, the operation of Lambda's API that returns a response as an event stream.

It is not carried out by moto: a WSGI application would hold a thread, and moto has no such operation.
"""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import parse_qs, unquote

from moto.core.eventstream import EventStreamEncoder

from local_cloud.functions.errors import FunctionServiceError
from local_cloud.functions.invoker import Invoker, call_context, require_json
from local_cloud.functions.response_stream import ResponseStream
from local_cloud.messages import BodyStream, Request, Response, json_response

_PATH = re.compile(r"/2021-11-15/functions/(?P<function>[^/]+)/response-streaming-invocations/?")
_SCOPE = re.compile(r"Credential=[^/]+/\d+/(?P<region>[a-z0-9-]+)/")


def is_stream_operation(request: Request) -> bool:
    """Return whether a request calls InvokeWithResponseStream."""
    return request.method == "POST" and _PATH.fullmatch(request.path) is not None


async def invoke_with_response_stream(functions: Invoker, request: Request) -> Response:
    """Carry out the operation."""
    payload = request.body or b"{}"
    try:
        require_json(payload)
        context = call_context(request.header("x-amzn-trace-id"), request.header("x-amz-client-context"))
        stream = await functions.invoke_streamed(_function(request), payload, **context)
        first = await stream.read()
    except FunctionServiceError as error:
        body = {**error.content, "message": error.message}
        return json_response(error.status, body, ("x-amzn-ErrorType", error.code))
    headers = (("Content-Type", "application/vnd.amazon.eventstream"),)
    with_log = request.header("x-amz-log-type") == "Tail"
    return Response(200, headers, stream=_EventStream(stream, first, with_log=with_log))


class _EventStream(BodyStream):
    """The response as frames."""

    def __init__(self, stream: ResponseStream, first: bytes | None, *, with_log: bool) -> None:
        super().__init__()
        self._stream = stream
        self._first = first
        self._with_log = with_log
        self._ended = False

    async def next_part(self) -> bytes | None:
        if self._ended:
            return None
        part, self._first = self._first, None
        if part is None:
            try:
                part = await self._stream.read()
            except FunctionServiceError as error:
                raise ConnectionError(error.message) from error
        if part is None:
            self._ended = True
            return _frame("InvokeComplete", "application/json", json.dumps(self._completion()).encode())
        return _frame("PayloadChunk", "application/octet-stream", part)

    def _completion(self) -> dict[str, str]:
        result = self._stream.result
        completion: dict[str, str] = {}
        if result is not None and result.function_error is not None:
            completion |= {"ErrorCode": result.function_error, "ErrorDetails": result.payload.decode()}
        if result is not None and self._with_log:
            completion["LogResult"] = base64.b64encode(result.log_tail.encode()).decode()
        return completion

    def close(self) -> None:
        self._stream.abandon()
        super().close()


def _function(request: Request) -> str:
    """Return the function that a request names, with its region and its qualifier."""
    match = _PATH.fullmatch(request.path)
    name = unquote(match["function"]) if match else ""
    scope = _SCOPE.search(request.header("authorization") or "")
    if not name.startswith("arn:") and scope is not None:
        name = f"arn:aws:lambda:{scope['region']}:{name if 'function:' in name else f'function:{name}'}"
    qualifier = parse_qs(request.query).get("Qualifier", [""])[0]
    qualified = name.rpartition("function:")[2].count(":") > 0
    return f"{name}:{qualifier}" if qualifier and not qualified else name


def _frame(event_type: str, content_type: str, payload: bytes) -> bytes:
    headers = {":event-type": event_type, ":content-type": content_type, ":message-type": "event"}
    frame: bytes = EventStreamEncoder().encode_message(headers, payload)
    return frame
