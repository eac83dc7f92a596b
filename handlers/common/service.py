"""A service: the operations of one Lambda function behind one handler.

An event goes through these stages:

1. What is it? An API Gateway proxy event, a direct event `{"operation", "input"}`, or `{"operation": "describe"}`.
2. Which operation? By route and method, or by name.
3. Its request, read strictly and checked against the model.
4. The operation's function, which may ask for its backend; only now is a model loaded.
   A direct event may give the input by reference (`inputFrom`: the key of an object in the payload bucket, or for each
   field `KEY#FIELD`) and have the output put there (`outputTo`): then only keys travel through a workflow's state and its logs.
5. The answer: a proxy response, or for a direct event the output object itself. An error becomes a JSON problem,
   or, for a direct event, an exception whose class name and message are safe to show.

Whatever goes wrong, one log line says which operation ended how and in what time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from handlers.common.cors import allowed_origins, cors_headers
from handlers.common.deadline import Deadline
from handlers.common.errors import InvalidRequest, MethodNotAllowed, NotFound, UnknownOperation
from handlers.common.invocation import Invocation
from handlers.common.logs import InvocationLine, InvocationLog
from handlers.common.once import Once
from handlers.common.operation import HttpMethod, Operation
from handlers.common.payloads import Payloads
from handlers.common.proxy_request import ProxyRequest
from handlers.common.responses import checked_json, problem_response, proxy_response

F = TypeVar("F", bound=Callable[..., Any])

MAX_BODY_BYTES = 4_500_000
"""What fits into a Lambda event of 6 MB when it travels as base64."""

DESCRIBE = "describe"

_REQUEST_ID = re.compile(r"[A-Za-z0-9_=:-]{1,128}")


class Service:
    """The operations of one function.

    Args:
        name: The service's name in logs.
        payloads: Gives the bucket for inputs and outputs that travel by reference. Left out, PAYLOAD_BUCKET names it.

    Example:
        >>> service = Service("language")
        >>> @service.operation("language.analysis", path="/language/analysis", summary="Analyses a text.")
        ... def analyse(request: AnalysisRequest) -> AnalysisResponse: ...
        >>> handler = service.handler
    """

    def __init__(self, name: str, *, payloads: Callable[[], Payloads] | None = None) -> None:
        self.name = name
        self._log = InvocationLog(name)
        self._operations: dict[str, Operation] = {}
        self._payloads = payloads or Once(Payloads.from_environment)

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The operations, in the order they were added."""
        return tuple(self._operations.values())

    def operation(
        self,
        name: str,
        *,
        path: str | None,
        summary: str,
        method: HttpMethod = "POST",
        accepts: Mapping[str, str] | None = None,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> Callable[[F], F]:
        """Adds a function as an operation.

        The function takes its request model (or nothing), and after it the Invocation if it wants it, and returns a
        response model or a dict. Both models are read off its annotations.

        Args:
            name: Its name in direct invocations, such as `vision.text`.
            path: Its route, such as `/vision/text`; None for an operation that is only invoked directly.
            summary: One sentence for people.
            method: Its HTTP method.
            accepts: Media types besides JSON, each with the request field that takes the raw body, as in
                `{"image/png": "image"}`. The request's other fields are then read from the query string.
            max_body_bytes: The largest body it reads. What is larger is refused before it is parsed.

        Returns:
            A decorator that leaves the function as it is.

        Raises:
            TypeError: The function's annotations do not fit; the decorator raises it.
            ValueError: The name, or the method on this path, is taken.
        """

        def add(function: F) -> F:
            added = Operation.of_function(
                function,
                name=name,
                method=method,
                path=path,
                summary=summary,
                accepts=accepts or {},
                max_body_bytes=max_body_bytes,
            )
            if name in {*self._operations, DESCRIBE}:
                raise ValueError(f"operation {name}: the name is taken")
            if path is not None and any(
                (other.path, other.method) == (path, method) for other in self.operations
            ):
                raise ValueError(f"operation {name}: {method} {path} is taken")
            self._operations[name] = added
            return function

        return add

    def handler(self, event: object, context: object) -> dict[str, object]:
        """The Lambda entry point.

        Args:
            event: A proxy event, a direct event, or `{"operation": "describe"}`.
            context: Lambda's context.

        Returns:
            A proxy response for a proxy event; else the operation's output.

        Raises:
            ServiceError: A direct event failed.
        """
        if isinstance(event, dict) and "httpMethod" in event:
            return self._handle_http(ProxyRequest.from_event(event), context)
        return self._handle_direct(event, context)

    def describe(self) -> dict[str, object]:
        """All operations that have a route, with their schemas."""
        return {"services": [one.describe() for one in self.operations if one.path is not None]}

    def _handle_http(self, request: ProxyRequest, context: object) -> dict[str, object]:
        request_id = request.request_id or _lambda_request_id(context)
        line = self._log.begin(request_id)
        cors = cors_headers(request.headers.get("origin", ()), allowed_origins())
        try:
            operation = self._route(request)
            line.operation = operation.name
            invocation = Invocation(request_id, Deadline.of_context(context), request.source_ip, request)
            result, reply = operation.call_http(request, invocation)
            response = proxy_response(result, reply.status, {**reply.headers, **cors})
        except Exception as error:  # noqa: BLE001 - whatever fails, the caller gets a problem and the log the place
            return problem_response(line.failure(error), request_id, cors)
        line.success()
        return response

    def _handle_direct(self, event: object, context: object) -> dict[str, object]:
        fields: Mapping[str, object] = event if isinstance(event, dict) else {}
        request_id = _request_id_of(fields) or _lambda_request_id(context)
        line = self._log.begin(request_id)
        try:
            output = self._call_direct(fields, Invocation(request_id, Deadline.of_context(context)), line)
        except Exception as error:  # noqa: BLE001 - as above
            problem = line.failure(error)
        else:
            line.success()
            return output
        # Raised here, without the frames and causes that the runtime would otherwise send to the caller.
        raise problem.with_traceback(None) from None

    def _call_direct(
        self, event: Mapping[str, object], invocation: Invocation, line: InvocationLine
    ) -> dict[str, object]:
        name = event.get("operation")
        if not isinstance(name, str):
            raise InvalidRequest("The event should be an object with `operation` and `input`.")
        if name == DESCRIBE:
            line.operation = DESCRIBE
            return self.describe()
        operation = self._operations.get(name)
        if operation is None:
            names = ", ".join(self._operations)
            raise UnknownOperation(f"There is no operation of this name. There is: {names}.")
        line.operation = name
        value = event.get("input")
        if "inputFrom" in event:
            value = self._payloads().read_input(event["inputFrom"], value, deadline=invocation.deadline)
        else:
            operation.check_size(value)
        output = operation.call_direct(value, invocation)
        if "outputTo" in event:
            return self._payloads().write(event["outputTo"], output, deadline=invocation.deadline)
        checked_json(output)
        return output

    def _route(self, request: ProxyRequest) -> Operation:
        paths = {operation.path for operation in self.operations}
        path = request.resource if request.resource in paths else request.plain_path()
        methods: dict[str, Operation] = {
            operation.method: operation for operation in self.operations if operation.path == path
        }
        if not methods:
            raise NotFound
        if request.method not in methods:
            raise MethodNotAllowed(tuple(methods))
        return methods[request.method]


def _lambda_request_id(context: object) -> str:
    return str(getattr(context, "aws_request_id", None) or "unknown")


def _request_id_of(event: Mapping[str, object]) -> str | None:
    """The id under which the caller of a direct event already logs, if it is fit for a log."""
    value = event.get("requestId")
    return value if isinstance(value, str) and _REQUEST_ID.fullmatch(value) else None
