"""Contract of a service: its operations with their routes, models, limits and summaries, written once.

`app.py` implements a contract, `main.py` deploys it, the OpenAPI document and the dispatcher's catalogue are made from
it. It imports pydantic only, so that reading a contract loads no model and no client of AWS.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel

from handlers.common.error_format import PROBLEM, ErrorFormat
from handlers.common.metering import FREE, MeteredBy
from handlers.common.prompts import Prompt
from handlers.common.proxy_request import JSON

HttpMethod = Literal["GET", "POST"]

DEFAULT_MAX_BODY_BYTES = 65_536
"""What AWS WAF inspects of a body. A larger limit takes the route out of the firewall's size rule."""

LARGEST_BODY_BYTES = 4_500_000
"""What fits into a Lambda event of 6 MB when it travels as base64."""

PromptOf = Callable[[Mapping[str, Any], str], Prompt | None]
"""Returns the prompt that a call sends to a language model, by its request and the AI backend; None if it sends none."""

_NAME = re.compile(r"[a-z][a-z0-9-]*")
_OPERATION_NAME = re.compile(r"[a-z][a-z0-9_-]*(\.[a-z][a-z0-9_]*)?")
_PATH = re.compile(r"(/([A-Za-z0-9._-]+|\{[a-z_]+\}))+")
_NO_INPUT: Mapping[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Operation:
    """One operation of a service: a route, and the same by name in direct invocations.

    Attributes:
        name: The name in direct invocations and workflows, such as `vision.text`.
        service: The name of its service.
        method: The HTTP method.
        path: The route, such as `/vision/text`; None for an operation that is only invoked directly.
        summary: One sentence for people.
        request_model: The model of the request; None if it takes none.
        response_model: The model of the response; None if it is an object of no fixed shape.
        status: The HTTP status of a successful answer.
        raw_bodies: Media types besides JSON, each with the request field that takes the raw body, as in
            `{"image/png": "image"}`. The request's other fields are then read from the query string.
        max_body_bytes: The largest body in bytes, 1-4,500,000. Larger ones are rejected with 413 before they are parsed.
        request_headers: The headers that it reads, each with whether it is required.
        request_example: A request for the documentation; None if there is none.
        gateway_validates: Whether API Gateway rejects bodies that do not fit the request model.
        event_model: The model of the events if the request asks for a stream; None if the answer is never streamed.
        error_schema: JSON schema of its errors.
        metered_by: What its calls are metered by; None if the contract does not say.
        prompt: Returns the prompt that a call sends to a language model, besides what it is metered by. The tokens are
            metered where the model is called. None if no call sends one.
        serves_uncounted: Whether it is served when its calls cannot be metered; otherwise they are rejected with 503.
        read_only: Whether calls change nothing but the caller's budget.
        idempotent: Whether a repeated call has no further effect.
        query: Parameters of the query string, each with its description; all are optional.
        answers_other_methods: Whether the function answers the other methods of the path too, with 405.
    """

    name: str
    service: str
    method: HttpMethod
    path: str | None
    summary: str
    request_model: type[BaseModel] | None
    response_model: type[BaseModel] | None
    status: int = 200
    raw_bodies: Mapping[str, str] = field(default_factory=dict)
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES
    request_headers: Mapping[str, bool] = field(default_factory=dict)
    request_example: Mapping[str, Any] | None = None
    gateway_validates: bool = True
    event_model: type[BaseModel] | None = None
    error_schema: Mapping[str, Any] = field(default_factory=lambda: PROBLEM.schema)
    metered_by: MeteredBy | None = None
    prompt: PromptOf | None = None
    serves_uncounted: bool = False
    read_only: bool = False
    idempotent: bool = False
    query: Mapping[str, str] = field(default_factory=dict)
    answers_other_methods: bool = False

    @property
    def media_types(self) -> tuple[str, ...]:
        """The media types of the request body; none for an operation without a request."""
        return () if self.request_model is None else (JSON, *self.raw_bodies)

    def describe(self) -> dict[str, Any]:
        """Return the operation as plain data: route, summary, limits and the JSON schemas of input and output."""
        request, response = self.request_model, self.response_model
        return {
            "name": self.name,
            "service": self.service,
            "method": self.method,
            "path": self.path,
            "description": self.summary,
            "content_types": list(self.media_types),
            "max_body_bytes": self.max_body_bytes,
            "input": dict(_NO_INPUT) if request is None else request.model_json_schema(),
            "output": {"type": "object"}
            if response is None
            else response.model_json_schema(mode="serialization"),
            "metered_by": None if self.metered_by is None else self.metered_by.to_json(),
        }


class Contract:
    """A service's operations, and what they need.

    Args:
        name: The service's name: its folder in `handlers/`, the first part of its operations' names, and the tag of its
            routes in the OpenAPI document.
        summary: One sentence on the service. Default: none.
        raw_bodies: The `raw_bodies` of its operations that set none. Default: JSON only.
        max_body_bytes: The `max_body_bytes` of its operations that set none. Default: 65,536.
        aws_actions: The IAM actions that its AWS backend needs, on all resources, such as `rekognition:DetectText`.
            Default: none.
        bedrock_models: The ids of the foundation models that its AWS backend invokes. Default: none.
        for_all_callers: Whether every authorized caller may use it, independent of the rights of its tenant. Default: False.
        error_format: Format of its errors over HTTP. Default: `PROBLEM`. With another one, API Gateway does not validate
            bodies, as its errors would have the project's own format.
        read_only: Whether calls of its operations change nothing but the caller's budget. Default: False; operations for
            GET are read-only.

    Raises:
        ValueError: An argument is not valid.

    Example:
        >>> class Greeting(BaseModel):
        ...     name: str
        >>> greeting = Contract("greeting")
        >>> greet = greeting.post("/greeting", Greeting, Greeting, summary="Greet a person by name.")
        >>> greet.name, greet.max_body_bytes
        ('greeting', 65536)
    """

    def __init__(
        self,
        name: str,
        *,
        summary: str = "",
        raw_bodies: Mapping[str, str] | None = None,
        max_body_bytes: int = DEFAULT_MAX_BODY_BYTES,
        aws_actions: Sequence[str] = (),
        bedrock_models: Sequence[str] = (),
        for_all_callers: bool = False,
        error_format: ErrorFormat = PROBLEM,
        read_only: bool = False,
    ) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"contract {name!r}: the name is not valid; use lower case letters, digits and '-'"
            )
        _check_max_body_bytes(f"contract {name}", max_body_bytes)
        self.name = name
        self.summary = summary
        self.aws_actions = tuple(aws_actions)
        self.bedrock_models = tuple(bedrock_models)
        self.for_all_callers = for_all_callers
        self.error_format = error_format
        self._read_only = read_only
        self._raw_bodies = dict(raw_bodies or {})
        self._max_body_bytes = max_body_bytes
        self._operations: dict[str, Operation] = {}

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The operations, in the order they were added."""
        return tuple(self._operations.values())

    def __iter__(self) -> Iterator[Operation]:
        return iter(self.operations)

    def get(
        self,
        path: str,
        response_model: type[BaseModel] | None,
        *,
        summary: str,
        name: str | None = None,
        metered_by: MeteredBy = FREE,
        serves_uncounted: bool = False,
        query: Mapping[str, str] | None = None,
    ) -> Operation:
        """Add an operation for GET, which takes no request body. It is read-only.

        Args:
            path: The route, such as `/jobs/{job}`.
            response_model: The model of the response.
            summary: One sentence for people.
            name: The name in direct invocations. Default: the service's name.
            metered_by: What its calls are metered by. Default: `FREE`.
            serves_uncounted: Whether it is served when its calls cannot be metered. Default: False.
            query: Parameters of the query string, each with its description. Default: none.

        Raises:
            ValueError: An argument is not valid, or the name or the route exists already.
        """
        return self._add(
            "GET",
            path,
            None,
            response_model,
            summary=summary,
            name=name,
            metered_by=metered_by,
            serves_uncounted=serves_uncounted,
            read_only=True,
            query=query or {},
        )

    def post(
        self,
        path: str,
        request_model: type[BaseModel],
        response_model: type[BaseModel] | None,
        *,
        summary: str,
        name: str | None = None,
        status: int = 200,
        raw_bodies: Mapping[str, str] | None = None,
        max_body_bytes: int | None = None,
        request_headers: Mapping[str, bool] | None = None,
        request_example: Mapping[str, Any] | None = None,
        event_model: type[BaseModel] | None = None,
        metered_by: MeteredBy | None = None,
        prompt: PromptOf | None = None,
        serves_uncounted: bool = False,
        read_only: bool | None = None,
        idempotent: bool = False,
        answers_other_methods: bool = False,
    ) -> Operation:
        """Add an operation for POST.

        Args:
            path: The route, such as `/vision/text`.
            request_model: The model of the request.
            response_model: The model of the response.
            summary: One sentence for people.
            name: The name in direct invocations. Default: the service's name.
            status: The HTTP status of a successful answer. Default: 200.
            raw_bodies: Media types besides JSON, each with the request field that takes the raw body. Default: the
                contract's.
            max_body_bytes: The largest body in bytes. Default: the contract's.
            request_headers: The headers that it reads, each with whether it is required. Default: none.
            request_example: A request for the documentation. Default: none.
            event_model: The model of the events of a streamed answer (`text/event-stream`), for an operation that streams
                when the request asks for it. Default: none.
            metered_by: What its calls are metered by. A stack with a `Meter` requires it. Default: none.
            prompt: Returns the prompt that a call sends to a language model. Default: no call sends one.
            serves_uncounted: Whether it is served when its calls cannot be metered. Default: False, it answers 503.
            read_only: Whether calls change nothing but the caller's budget. Default: the contract's.
            idempotent: Whether a repeated call has no further effect, as with the same `Idempotency-Key`. Default: False;
                what is read-only is idempotent.
            answers_other_methods: Whether the function answers the other methods of the path too, with 405. Default: False,
                API Gateway answers them as unknown paths.

        Raises:
            ValueError: An argument is not valid, or the name or the route exists already.
        """
        return self._add(
            "POST",
            path,
            request_model,
            response_model,
            summary=summary,
            name=name,
            status=status,
            raw_bodies=self._raw_bodies if raw_bodies is None else raw_bodies,
            max_body_bytes=self._max_body_bytes if max_body_bytes is None else max_body_bytes,
            request_headers=request_headers or {},
            request_example=request_example,
            event_model=event_model,
            metered_by=metered_by,
            prompt=prompt,
            serves_uncounted=serves_uncounted,
            read_only=self._read_only if read_only is None else read_only,
            idempotent=idempotent,
            answers_other_methods=answers_other_methods,
        )

    def direct(
        self,
        request_model: type[BaseModel],
        response_model: type[BaseModel] | None,
        *,
        name: str,
        summary: str,
        metered_by: MeteredBy | None = None,
        prompt: PromptOf | None = None,
    ) -> Operation:
        """Add an operation without a route, which workflows and other functions invoke.

        Args:
            request_model: The model of the request.
            response_model: The model of the response.
            name: The name in direct invocations.
            summary: One sentence for people.
            metered_by: What its calls are metered by. Default: none.
            prompt: Returns the prompt that a call sends to a language model. Default: no call sends one.

        Raises:
            ValueError: An argument is not valid, or the name exists already.
        """
        return self._add(
            "POST",
            None,
            request_model,
            response_model,
            summary=summary,
            name=name,
            max_body_bytes=LARGEST_BODY_BYTES,
            metered_by=metered_by,
            prompt=prompt,
        )

    def _add(
        self,
        method: HttpMethod,
        path: str | None,
        request_model: type[BaseModel] | None,
        response_model: type[BaseModel] | None,
        *,
        summary: str,
        name: str | None,
        read_only: bool = False,
        idempotent: bool = False,
        **more: Any,
    ) -> Operation:
        added = Operation(
            name=self.name if name is None else name,
            service=self.name,
            method=method,
            path=path,
            summary=summary,
            request_model=request_model,
            response_model=response_model,
            gateway_validates=self.error_format is PROBLEM,
            error_schema=self.error_format.schema,
            read_only=read_only,
            idempotent=idempotent or read_only,
            **more,
        )
        self._check(added)
        self._operations[added.name] = added
        return added

    def _check(self, added: Operation) -> None:
        where = f"operation {added.name}"
        if not _OPERATION_NAME.fullmatch(added.name):
            raise ValueError(f"{where}: the name is not valid; write it as 'service.operation'")
        if added.name in self._operations:
            raise ValueError(f"{where}: the name exists already; give each operation its own name")
        if added.path is not None:
            if not _PATH.fullmatch(added.path):
                raise ValueError(
                    f"{where}: path {added.path!r} is not valid; write it as '/service/operation'"
                )
            if any((one.path, one.method) == (added.path, added.method) for one in self):
                raise ValueError(f"{where}: {added.method} {added.path} exists already; use another path")
        if not added.summary:
            raise ValueError(f"{where}: the summary is empty; write one sentence on what it does")
        _check_max_body_bytes(where, added.max_body_bytes)
        fields = {} if added.request_model is None else added.request_model.model_fields
        for media_type, name in added.raw_bodies.items():
            if name not in fields:
                raise ValueError(
                    f"{where}: raw_bodies[{media_type!r}] is {name!r}, which is not a field of the request; use one of "
                    f"{', '.join(fields)}"
                )
        if added.request_example is not None and added.request_model is not None:
            added.request_model.model_validate(added.request_example)


def _check_max_body_bytes(where: str, value: int) -> None:
    if not 1 <= value <= LARGEST_BODY_BYTES:
        raise ValueError(
            f"{where}: max_body_bytes is {value}; use 1-{LARGEST_BODY_BYTES}, which a Lambda event can carry"
        )
