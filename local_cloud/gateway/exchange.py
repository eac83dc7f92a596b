"""One request on its way through the gateway: what is known of it so far."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from local_cloud.gateway.definition import ApiDefinition, Method
from local_cloud.gateway.errors import NO_ROUTE, GatewayError
from local_cloud.messages import Request, first_header

TRACE_HEADER = "X-Amzn-Trace-Id"


def new_request_id() -> str:
    """Return the value of `x-amzn-RequestId`."""
    return str(uuid4())


def new_extended_request_id() -> str:
    """Return the value of `x-amz-apigw-id`."""
    return base64.b64encode(os.urandom(11)).decode()


@dataclass(frozen=True, slots=True)
class DeployedStage:
    """A stage and the deployment it serves, looked up anew for each request.

    Attributes:
        settings: moto's stage: variables, method settings and logs apply as soon as they are changed.
        is_canary: The deployment is the one of the stage's canary.
        overrides: Stage variables that have another value there.
    """

    name: str
    api: ApiDefinition
    settings: Any
    is_canary: bool = False
    overrides: Mapping[str, str] = field(default_factory=dict)

    @property
    def variables(self) -> Mapping[str, str]:
        """The stage variables."""
        variables: Mapping[str, str] = self.settings.variables or {}
        return {**variables, **self.overrides} if self.overrides else variables


@dataclass(slots=True)
class Exchange:
    """A request, where it goes, and what has been found out about it.

    Attributes:
        path: The escaped path below the stage, as sent.
        domain_name: The host name that the function sees.
        base_path: What a custom domain name's mapping took from the path; None for the API's default endpoint.
        request_id: The id in `x-amzn-RequestId`.
        extended_request_id: The id in `x-amz-apigw-id`.
        received_at: When it came, in seconds since 1970.
        step: The step that it is at; the last one, once it is answered.
        method: The method that answers it, once routed.
        path_parameters: The values in its path, once routed.
        authorizer: What an authorizer has said of the caller: `requestContext.authorizer`.
        identity: Further members of `requestContext.identity`.
        usage_identifier_key: The API key that an authorizer has named.
        trace: The trace header that a function gets.
        integration_status: What the integration answered, for the access log.
        error: The fault it ended with: its type and its text.
        validation_error: What is wrong with the body, in the words of the validator.
        note: What the developer's log says about it.
    """

    request: Request
    stage: DeployedStage
    path: str
    domain_name: str
    base_path: str | None = None
    request_id: str = field(default_factory=new_request_id)
    extended_request_id: str = field(default_factory=new_extended_request_id)
    received_at: float = field(default_factory=time.time)
    step: str = ""
    method: Method | None = None
    path_parameters: dict[str, str] = field(default_factory=dict)
    authorizer: dict[str, Any] | None = None
    identity: dict[str, Any] = field(default_factory=dict)
    usage_identifier_key: str | None = None
    trace: str = ""
    integration_status: int | None = None
    integration_seconds: float | None = None
    error: tuple[str, str | None] | None = None
    validation_error: str | None = None
    note: str = ""

    @property
    def routed(self) -> Method:
        """The method that answers; only steps after routing may ask."""
        if self.method is None:
            raise GatewayError(NO_ROUTE, "not routed")
        return self.method

    @property
    def event_path(self) -> str:
        """The path as functions see it: slashes at the start count once, and a custom domain's base path is part of it."""
        return f"{self.base_path or ''}/" + self.path.lstrip("/")

    @property
    def context_path(self) -> str:
        """The path as sent: with the stage, or under a custom domain name with the base path."""
        prefix = f"/{self.stage.name}" if self.base_path is None else self.base_path
        return f"{prefix}{self.path}"

    @property
    def trace_header(self) -> str:
        """The client's trace header, or a new root that belongs to this request."""
        sent = first_header(self.request.headers, TRACE_HEADER)
        if sent and "Root=" in sent:
            return sent
        return f"Root=1-{int(self.received_at):08x}-{self.request_id.replace('-', '')[:24]}"

    def full_trace(self) -> str:
        """Return the trace header with the parent and the sampling decision that AWS adds."""
        if not self.trace:
            header = self.trace_header
            if "Parent=" not in header:
                header += f";Parent={os.urandom(8).hex()}"
            if "Sampled=" not in header:
                header += f";Sampled={1 if self.stage.settings.tracing_enabled else 0}"
            self.trace = header
        return self.trace
