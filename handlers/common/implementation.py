"""Implementation of an operation: the typed Python function behind it, and how requests reach that function."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Union, get_type_hints

from pydantic import BaseModel

from handlers.common.contract import Operation
from handlers.common.errors import InvalidRequest, PayloadTooLarge, UnsupportedMediaType
from handlers.common.event_stream import EventStream
from handlers.common.guardrails import Guarded, Guardrail
from handlers.common.invocation import Invocation
from handlers.common.proxy_request import JSON, ProxyRequest
from handlers.common.responses import Reply, plain
from handlers.common.strict_json import read_json_object
from handlers.common.validation import validated


@dataclass(frozen=True, slots=True)
class Implementation:
    """An operation of a contract and the function that does its work.

    Attributes:
        operation: The operation.
        function: The function.
        wants_invocation: Whether the function takes the Invocation too.
        guardrail: What judges requests and results. Default: none.
    """

    operation: Operation
    function: Callable[..., Any]
    wants_invocation: bool
    guardrail: Guardrail | None = None

    @classmethod
    def of_function(
        cls, operation: Operation, function: Callable[..., Any], guardrail: Guardrail | None = None
    ) -> Implementation:
        """Compare the function's annotations with the operation.

        Raises:
            TypeError: The function takes another request or returns another response than the operation says.
        """
        types = get_type_hints(function)
        result = types.pop("return", None)
        parameters = [types.get(parameter) for parameter in inspect.signature(function).parameters]
        wants_invocation = parameters[-1:] == [Invocation]
        request = [] if operation.request_model is None else [operation.request_model]
        if (parameters[:-1] if wants_invocation else parameters) != request:
            expected = "".join(f"request: {model.__name__}, " for model in request)
            raise TypeError(
                f"operation {operation.name}: the parameters of {function.__name__} differ from the contract; write "
                f"({expected}invocation: Invocation), or leave invocation out"
            )
        allowed, expected = _results(operation)
        if result not in allowed:
            raise TypeError(
                f"operation {operation.name}: the result of {function.__name__} differs from the contract; annotate it "
                f"with {expected}"
            )
        return cls(operation, function, wants_invocation, guardrail)

    def call_http(
        self, request: ProxyRequest, invocation: Invocation
    ) -> Reply[dict[str, object]] | EventStream[Any]:
        """Call the function with an HTTP request; return its reply, with the result as plain data.

        An operation that streams returns its events instead, if the request asks for them.

        Raises:
            ServiceError: The request cannot be read, does not fit the model, or the function refuses it.
        """
        model = self.operation.request_model
        return self._call(None if model is None else self._read(model, request), invocation)

    def check_size(self, value: object) -> None:
        """Check the input of a direct invocation against the limit of an HTTP body, so that no caller avoids the limit.

        Raises:
            PayloadTooLarge: Written as compact JSON, the input has more than `max_body_bytes` bytes.
        """
        limit = self.operation.max_body_bytes
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        if len(text) > limit or len(text.encode("utf-8", "surrogatepass")) > limit:
            raise PayloadTooLarge(f"`input` is larger than {limit:,} bytes.")

    def call_direct(self, value: object, invocation: Invocation) -> dict[str, object]:
        """Call the function with the input of a direct invocation.

        Raises:
            ServiceError: The input does not fit the model, or the function refuses it.
        """
        if not isinstance(value, dict):
            raise InvalidRequest("`input` should be an object.")
        model = self.operation.request_model
        if model is None and value:
            raise InvalidRequest("`input` should be an empty object: the operation takes none.")
        answer = self._call(None if model is None else validated(model, value), invocation)
        if isinstance(answer, EventStream):
            raise TypeError(f"operation {self.operation.name}: a direct invocation cannot stream")
        return answer.result or {}

    def _call(
        self, request: BaseModel | None, invocation: Invocation
    ) -> Reply[dict[str, object]] | EventStream[Any]:
        invocation.metered.begin(request)
        guarded = self._guarded(invocation)
        if guarded is not None and request is not None:
            request = guarded.value(request, "INPUT")
        arguments: list[object] = [] if request is None else [request]
        if self.wants_invocation:
            arguments.append(invocation)
        answer = self.function(*arguments)
        if isinstance(answer, EventStream):
            if guarded is not None:
                answer.events.close()
                raise TypeError(f"operation {self.operation.name}: a guardrail of a service judges no stream")
            return answer
        reply = answer if isinstance(answer, Reply) else Reply(answer)
        result = plain(reply.result)
        invocation.metered.result(result)
        if guarded is not None:
            result = plain(guarded.value(reply.result, "OUTPUT"))
        return Reply(None if reply.result is None else result, reply.headers, reply.status)

    def _guarded(self, invocation: Invocation) -> Guarded | None:
        if self.guardrail is None:
            return None
        name = self.operation.name.partition(".")[0]
        return self.guardrail.around(invocation.metered, name=name, deadline=invocation.deadline)

    def _read(self, model: type[BaseModel], request: ProxyRequest) -> BaseModel:
        media_type = request.media_type()
        if media_type == JSON:
            self._refuse_fields_in_query(model, request)
            return validated(
                model, read_json_object(request.body_bytes(max_bytes=self.operation.max_body_bytes))
            )
        field = self.operation.raw_bodies.get(media_type)
        if field is None:
            raise UnsupportedMediaType(f"Send {' or '.join([JSON, *self.operation.raw_bodies])}.")
        if request.body is not None and not request.body_is_base64:
            # Bytes that the gateway took for text are damaged beyond repair.
            raise UnsupportedMediaType(
                f"Raw bodies of this type are not enabled here. Send {JSON} with base64."
            )
        values = self._query_values(model, request)
        values[field] = request.body_bytes(max_bytes=self.operation.max_body_bytes)
        return validated(model, values, from_text=True)

    def _refuse_fields_in_query(self, model: type[BaseModel], request: ProxyRequest) -> None:
        for name in _wire_names(model):
            if name in request.query:
                raise InvalidRequest(f"{name} belongs in the JSON body, not in the query string.")

    def _query_values(self, model: type[BaseModel], request: ProxyRequest) -> dict[str, object]:
        raw_fields = set(self.operation.raw_bodies.values())
        values: dict[str, object] = {}
        for name in _wire_names(model):
            found = request.query.get(name, ())
            if found and name in raw_fields:
                raise InvalidRequest(f"{name} is the body itself and cannot be in the query string.")
            if len(found) > 1:
                raise InvalidRequest(f"{name} is in the query string more than once.")
            if found:
                values[name] = found[0]
        return values


def _results(operation: Operation) -> tuple[tuple[object, ...], str]:
    """Return the annotations that a function may have for its result, and the words for them."""
    response, event = operation.response_model, operation.event_model
    if response is None:
        return (dict[str, object], Reply[dict[str, object]]), "dict[str, object] or Reply[dict[str, object]]"
    reply: Any = Reply[response]  # type: ignore[valid-type]
    if event is None:
        return (response, reply), f"{response.__name__} or Reply[{response.__name__}]"
    stream: Any = EventStream[event]  # type: ignore[valid-type]
    words = f"Reply[{response.__name__}] | EventStream[{event.__name__}]"
    return (Union[reply, stream], Union[response, stream]), words  # noqa: UP007


def _wire_names(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]
