"""Service: the implementation of a contract behind one Lambda handler.

An event goes through these stages:

1. What is it? An API Gateway proxy event, or a direct event `{"operation", "input"}`.
2. Which operation? By route and method, or by name. May the caller use the service?
3. The caller is admitted: the requests a minute of each user are limited (`admission.py`).
4. Its request, read strictly and checked against the model.
5. The operation's function, which may ask for its backend; only now is a model loaded.
   A direct event may give the input by reference (`inputFrom`: the presigned URL of an object, or for each field
   `URL#FIELD`) and have the output put into an object (`outputTo`): then no data travels through a workflow's state.
6. The answer: a proxy response, or for a direct event the output object itself. An error becomes a JSON problem,
   or, for a direct event, an exception whose class name and message are safe to show. An operation may answer with
   events (`EventStream`); the caller stays admitted until the last of them.

Each invocation writes one log line with the operation, its outcome and its duration, also after errors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from typing import Any, TypeVar, cast

from handlers.common.admission import Admission
from handlers.common.caller import Caller
from handlers.common.contract import Contract, Operation
from handlers.common.cors import allowed_origins, cors_headers
from handlers.common.deadline import Deadline
from handlers.common.errors import InvalidRequest, MethodNotAllowed, NotFound, UnknownOperation
from handlers.common.event_stream import EVENT_STREAM, EventStream, event
from handlers.common.guardrails import Guardrail
from handlers.common.implementation import Implementation
from handlers.common.invocation import Invocation
from handlers.common.logs import InvocationLine, InvocationLog
from handlers.common.once import Once
from handlers.common.payload_links import PayloadLinks
from handlers.common.proxy_request import ProxyRequest
from handlers.common.responses import HEADERS, checked_json, error_body, error_response, proxy_response
from handlers.common.streaming_runtime import StreamedResponse

F = TypeVar("F", bound=Callable[..., Any])

_REQUEST_ID = re.compile(r"[A-Za-z0-9_=:-]{1,128}")


class Service:
    """The functions that implement a contract.

    Args:
        contract: The contract.
        payloads: Returns what reads and writes inputs and outputs by reference. Default: `PayloadLinks()`.
        admission: Admits callers to the operations. Default: the limits that the environment describes.
        guardrail: Judges the texts of requests and results. Default: the one that the environment describes.

    Example:
        >>> service = Service(language)
        >>> @service.implements(analyse_text)
        ... def handle_analysis(request: AnalysisRequest) -> AnalysisResponse: ...
        >>> handler = service.handler
    """

    def __init__(
        self,
        contract: Contract,
        *,
        payloads: Callable[[], PayloadLinks] | None = None,
        admission: Admission | None = None,
        guardrail: Guardrail | None = None,
    ) -> None:
        self.contract = contract
        self._log = InvocationLog(contract.name)
        self._implementations: dict[str, Implementation] = {}
        self._payloads = payloads or Once(PayloadLinks)
        self._admission = admission or Admission.from_environment()
        self._guardrail = guardrail or Guardrail.from_environment()

    def implements(self, operation: Operation) -> Callable[[F], F]:
        """Make a function the implementation of an operation of the contract.

        The function takes the operation's request model (or nothing), and after it the Invocation if it wants it, and
        returns the response model.

        Args:
            operation: An operation of the contract.

        Returns:
            A decorator that leaves the function as it is.

        Raises:
            TypeError: The operation is not in the contract or is implemented already, or the function's annotations
                differ from it; the decorator raises it.
        """

        def add(function: F) -> F:
            if operation not in self.contract.operations:
                raise TypeError(f"operation {operation.name} is not in the contract {self.contract.name!r}")
            if operation.name in self._implementations:
                raise TypeError(f"operation {operation.name} is implemented twice; remove one of the two")
            self._implementations[operation.name] = Implementation.of_function(
                operation, function, self._guardrail
            )
            return function

        return add

    @property
    def handler(self) -> Callable[[object, object], dict[str, object]]:
        """The Lambda entry point; see `handle`.

        Raises:
            TypeError: An operation of the contract has no implementation.
        """
        self._check_complete()
        return self.handle

    @property
    def streaming_handler(self) -> Callable[[object, object], dict[str, object] | StreamedResponse]:
        """The entry point of a function with `response_streaming`; see `handle_streaming`.

        Raises:
            TypeError: An operation of the contract has no implementation.
        """
        self._check_complete()
        return self.handle_streaming

    def _check_complete(self) -> None:
        missing = [one.name for one in self.contract if one.name not in self._implementations]
        if missing:
            raise TypeError(
                f"service {self.contract.name}: {', '.join(missing)} has no implementation; add a function with "
                "@service.implements(...)"
            )

    def handle(self, event: object, context: object) -> dict[str, object]:
        """The Lambda entry point.

        Args:
            event: A proxy event or a direct event.
            context: Lambda's context.

        Returns:
            A proxy response for a proxy event; else the operation's output.

        Raises:
            ServiceError: A direct event failed.
        """
        if isinstance(event, dict) and "httpMethod" in event:
            return cast("dict[str, object]", self._handle_http(event, context, streams=False))
        return self._handle_direct(event, context)

    def handle_streaming(self, event: object, context: object) -> dict[str, object] | StreamedResponse:
        """Lambda entry point of a function that streams its responses: as `handle`, and operations may answer with events.

        Args:
            event: A proxy event.
            context: Lambda's context.

        Returns:
            A proxy response, or a response whose body the runtime client sends while it is produced.
        """
        if isinstance(event, dict) and "httpMethod" in event:
            return self._handle_http(event, context, streams=True)
        return self._handle_direct(event, context)

    def _handle_http(
        self, event: Mapping[str, object], context: object, *, streams: bool
    ) -> dict[str, object] | StreamedResponse:
        request = ProxyRequest.from_event(event)
        request_id = request.request_id or _lambda_request_id(context)
        line = self._log.begin(request_id)
        cors = cors_headers(request.headers.get("origin", ()), allowed_origins())
        try:
            caller = Caller.from_event(event)
            line.caller = None if caller is None else caller.pseudonym
            implementation = self._route(request)
            line.operation = implementation.operation.name
            if caller is not None and not self.contract.for_all_callers:
                caller.require_service(self.contract.name)
            deadline = Deadline.of_context(context)
            invocation = Invocation(request_id, deadline, request.source_ip, request, caller, streams)
            operation, report = implementation.operation, self._log.backend_failure
            with ExitStack() as admitted:
                around = self._admission.around(operation, invocation, report)
                answer = implementation.call_http(request, admitted.enter_context(around))
                if isinstance(answer, EventStream) and not streams:
                    answer.events.close()
                    raise TypeError(f"operation {line.operation}: this function is not one that streams")
                if isinstance(answer, EventStream):
                    chunks = self._chunks(answer, admitted.pop_all(), line, request_id)
                    head = {**HEADERS, "Content-Type": EVENT_STREAM, **answer.headers, **cors}
                    return StreamedResponse(chunks, headers=head)
            status = answer.status or implementation.operation.status
            response = proxy_response(answer.result, status, {**answer.headers, **cors})
        except Exception as error:  # noqa: BLE001 - the caller gets an error response, and the log the traceback
            return error_response(
                line.failure(error), request_id, cors, error_format=self.contract.error_format
            )
        line.success()
        return response

    def _chunks(
        self, stream: EventStream[Any], admitted: ExitStack, line: InvocationLine, request_id: str
    ) -> Iterator[bytes]:
        try:
            with admitted, closing(stream.events):
                for one in stream.events:
                    yield event(one.model_dump_json(exclude_unset=True))
            if stream.last is not None:
                yield event(stream.last)
        except GeneratorExit:
            line.disconnect()
            raise
        except Exception as error:  # noqa: BLE001 - as above; the status was sent
            body, _ = error_body(line.failure(error), request_id, self.contract.error_format)
            yield event(body, kind="error")
        else:
            line.success()

    def _handle_direct(self, event: object, context: object) -> dict[str, object]:
        fields: Mapping[str, object] = event if isinstance(event, dict) else {}
        request_id = _request_id_of(fields) or _lambda_request_id(context)
        line = self._log.begin(request_id)
        try:
            caller = Caller.from_json(fields["caller"]) if "caller" in fields else None
            line.caller = None if caller is None else caller.pseudonym
            deadline = Deadline.of_context(context)
            invocation = Invocation(request_id, deadline, caller=caller, charge=fields.get("charge"))
            output = self._call_direct(fields, invocation, line)
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
        implementation = self._implementations.get(name)
        if implementation is None:
            names = ", ".join(self._implementations)
            raise UnknownOperation(f"Unknown operation. Available: {names}.")
        line.operation = name
        value = event.get("input")
        if "inputFrom" in event:
            value = self._payloads().read_input(event["inputFrom"], value, deadline=invocation.deadline)
        else:
            implementation.check_size(value)
        around = self._admission.around(implementation.operation, invocation, self._log.backend_failure)
        with around as admitted:
            output = implementation.call_direct(value, admitted)
        if "outputTo" in event:
            return self._payloads().write(event["outputTo"], output, deadline=invocation.deadline)
        checked_json(output)
        return output

    def _route(self, request: ProxyRequest) -> Implementation:
        paths = {operation.path for operation in self.contract}
        path = request.resource if request.resource in paths else request.plain_path()
        methods: dict[str, Implementation] = {
            one.operation.method: one for one in self._implementations.values() if one.operation.path == path
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
