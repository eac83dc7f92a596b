"""Invocation: data for an operation besides its request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from handlers.common.caller import Caller
from handlers.common.deadline import Deadline
from handlers.common.errors import InternalError, InvalidRequest
from handlers.common.metered import Metered, not_metered
from handlers.common.proxy_request import ProxyRequest


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of an operation.

    Attributes:
        request_id: The id that the caller sees and that the log lines carry.
        deadline: When the answer must be ready.
        source_ip: The caller's address as API Gateway saw it (never a header's word); None for a direct invocation.
        http: The HTTP request; None for a direct invocation.
        caller: The caller whom API Gateway has authorized, also of the request that a direct invocation is a part of. None
            for every other direct invocation, and for a route without authorization.
        streams: Whether the answer may be a stream of events. Default: False.
        charge: The reservation of the workflow that a direct invocation is a task of. None for every other one.
        metered: Metering of the call. An operation that its contract meters by what it uses reserves with it.
    """

    request_id: str
    deadline: Deadline
    source_ip: str | None = None
    http: ProxyRequest | None = None
    caller: Caller | None = None
    streams: bool = False
    charge: object = None
    metered: Metered = field(default_factory=not_metered)

    @property
    def http_request(self) -> ProxyRequest:
        """The HTTP request, for an operation that has no direct invocations.

        Raises:
            InvalidRequest: It was invoked directly.
        """
        if self.http is None:
            raise InvalidRequest("This operation is for HTTP.")
        return self.http

    @property
    def authorized_caller(self) -> Caller:
        """The caller, for an operation that belongs to its callers.

        Raises:
            InternalError: Its route has no authorization.
        """
        if self.caller is None:
            raise InternalError(detail="the route needs an authorization, as the operation is its caller's")
        return self.caller

    def event(self, operation: str, request: Mapping[str, object]) -> dict[str, object]:
        """Return the direct event that calls an operation of another function as a part of this invocation.

        What that operation is metered by is metered here, except for language models: they are metered there, for the same
        caller or workflow.

        Args:
            operation: Name of the operation.
            request: Its input.
        """
        parts = {"caller": None if self.caller is None else self.caller.to_json(), "charge": self.charge}
        return {
            "operation": operation,
            "input": request,
            "requestId": self.request_id,
            **{name: part for name, part in parts.items() if part is not None},
        }
