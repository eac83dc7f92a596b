"""One operation of a service: a typed Python function, and where and how it can be called."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from handlers.common.errors import InvalidRequest, PayloadTooLarge, UnsupportedMediaType
from handlers.common.invocation import Invocation
from handlers.common.proxy_request import JSON, ProxyRequest
from handlers.common.responses import Reply, plain
from handlers.common.strict_json import read_json_object
from handlers.common.validation import validated

HttpMethod = Literal["GET", "POST"]
_NO_INPUT = {"type": "object", "properties": {}, "additionalProperties": False}


@dataclass(frozen=True, slots=True)
class Operation:
    """What `Service.operation` made of a function.

    Attributes:
        name: The operation's name in direct invocations, such as `vision.text`.
        method: Its HTTP method.
        path: Its route, such as `/vision/text`; None for one that is only invoked directly.
        summary: One sentence for people.
        accepts: Media types besides JSON, each with the request field that takes the raw body.
        max_body_bytes: The largest body it reads.
        function: The function itself.
        request_model: The model of its request; None when it takes none.
        response_model: The model of its response; None when that is an object of no fixed shape.
        wants_invocation: Whether the function takes the Invocation too.
    """

    name: str
    method: HttpMethod
    path: str | None
    summary: str
    accepts: Mapping[str, str]
    max_body_bytes: int
    function: Callable[..., Any]
    request_model: type[BaseModel] | None
    response_model: type[BaseModel] | None
    wants_invocation: bool

    @classmethod
    def of_function(
        cls,
        function: Callable[..., Any],
        *,
        name: str,
        method: HttpMethod,
        path: str | None,
        summary: str,
        accepts: Mapping[str, str],
        max_body_bytes: int,
    ) -> Operation:
        """Reads the request and response models off the function's annotations.

        Raises:
            TypeError: A parameter is neither a model nor the Invocation, the result is neither a model nor a mapping,
                or `accepts` names a field that the request model does not have.
        """
        types = get_type_hints(function)
        result = types.pop("return", None)
        if get_origin(result) is Reply:
            (result,) = get_args(result)
        parameters = [types.get(parameter) for parameter in inspect.signature(function).parameters]
        wants_invocation = parameters[-1:] == [Invocation]
        requests = parameters[:-1] if wants_invocation else parameters
        request_model = requests[0] if requests else None
        if len(requests) > 1 or (requests and not _is_model(request_model)):
            raise TypeError(
                f"operation {name}: annotate the parameters as (request: Model, invocation: Invocation)"
            )
        response_model = result if _is_model(result) else None
        if response_model is None and not str(result).startswith("dict["):
            raise TypeError(
                f"operation {name}: annotate the result with a model, Reply[Model] or dict[str, object]"
            )
        fields = request_model.model_fields if request_model is not None else {}
        for media_type, field in accepts.items():
            if field not in fields:
                raise TypeError(
                    f"operation {name}: accepts {media_type} as {field!r}, which is no field of the request"
                )
        return cls(
            name=name,
            method=method,
            path=path,
            summary=summary,
            accepts=dict(accepts),
            max_body_bytes=max_body_bytes,
            function=function,
            request_model=request_model,
            response_model=response_model,
            wants_invocation=wants_invocation,
        )

    def describe(self) -> dict[str, object]:
        """The operation for a list of services: where it is, and the JSON schemas of its input and output."""
        request, response = self.request_model, self.response_model
        output = {"type": "object"} if response is None else response.model_json_schema(mode="serialization")
        return {
            "name": self.name,
            "method": self.method,
            "path": self.path,
            "description": self.summary,
            "content_types": [JSON, *self.accepts] if request is not None else [],
            "input": request.model_json_schema() if request is not None else _NO_INPUT,
            "output": output,
        }

    def call_http(
        self, request: ProxyRequest, invocation: Invocation
    ) -> tuple[dict[str, object], Reply[Any]]:
        """Calls the function with what came over HTTP; returns the result as plain data, and the reply it is of.

        Raises:
            ServiceError: The request cannot be read, does not fit the model, or the function refuses it.
        """
        model = self.request_model
        return self._call(None if model is None else self._read(model, request), invocation)

    def check_size(self, value: object) -> None:
        """Checks the input of a direct invocation against the limit of an HTTP body, so that no caller avoids the limit.

        Raises:
            PayloadTooLarge: Written as compact JSON, the input has more than `max_body_bytes` bytes.
        """
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        if (
            len(text) > self.max_body_bytes
            or len(text.encode("utf-8", "surrogatepass")) > self.max_body_bytes
        ):
            raise PayloadTooLarge(f"`input` is larger than {self.max_body_bytes:,} bytes.")

    def call_direct(self, value: object, invocation: Invocation) -> dict[str, object]:
        """Calls the function with the input of a direct invocation.

        Raises:
            ServiceError: The input does not fit the model, or the function refuses it.
        """
        if not isinstance(value, dict):
            raise InvalidRequest("`input` should be an object.")
        model = self.request_model
        if model is None and value:
            raise InvalidRequest("`input` should be an empty object: the operation takes none.")
        result, _ = self._call(None if model is None else validated(model, value), invocation)
        return result

    def _call(
        self, request: BaseModel | None, invocation: Invocation
    ) -> tuple[dict[str, object], Reply[Any]]:
        arguments: list[object] = [] if request is None else [request]
        if self.wants_invocation:
            arguments.append(invocation)
        answer = self.function(*arguments)
        reply = answer if isinstance(answer, Reply) else Reply(answer)
        return plain(reply.result), reply

    def _read(self, model: type[BaseModel], request: ProxyRequest) -> BaseModel:
        media_type = request.media_type()
        if media_type == JSON:
            self._refuse_fields_in_query(model, request)
            return validated(model, read_json_object(request.body_bytes(max_bytes=self.max_body_bytes)))
        field = self.accepts.get(media_type)
        if field is None:
            raise UnsupportedMediaType(f"Send {' or '.join([JSON, *self.accepts])}.")
        if request.body is not None and not request.body_is_base64:
            # Bytes that the gateway took for text are damaged beyond repair.
            raise UnsupportedMediaType(
                f"Raw bodies of this type are not enabled here. Send {JSON} with base64."
            )
        values = self._query_values(model, request)
        values[field] = request.body_bytes(max_bytes=self.max_body_bytes)
        return validated(model, values, from_text=True)

    def _refuse_fields_in_query(self, model: type[BaseModel], request: ProxyRequest) -> None:
        for name in _wire_names(model):
            if name in request.query:
                raise InvalidRequest(f"{name} belongs in the JSON body, not in the query string.")

    def _query_values(self, model: type[BaseModel], request: ProxyRequest) -> dict[str, object]:
        raw_fields = set(self.accepts.values())
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


def _is_model(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _wire_names(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]
