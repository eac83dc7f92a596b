"""Calls of tools: the event that API Gateway would send for the route, and what answers it.

A function gets the request's own context, so that it authorizes, limits and meters the caller as at its route. A workflow
gets the input that the mapping template of its route writes (`constructs_lib/workflows/http_templates.py`).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast
from urllib.parse import quote

import fastjsonschema
from mcp_types import Tool

from handlers.common.aws_api import AwsApi, Tries, reading_answer
from handlers.common.caller import Caller
from handlers.common.deadline import Deadline
from handlers.common.errors import (
    BackendUnavailable,
    InternalError,
    InvalidRequest,
    PayloadTooLarge,
    ServiceError,
)
from handlers.common.functions import Functions
from handlers.common.proxy_request import JSON, ProxyRequest
from handlers.mcp.tools import ToolRoute

# One attempt only, as for functions.
_CHOICES: Final = tuple(Tries(1, 1, seconds) for seconds in (26, 20, 14, 9, 5, 2.5, 1))
_TOO_LARGE: Final = "The input is too large."
_REFUSALS: Final = {
    "ValidationException": lambda: PayloadTooLarge(_TOO_LARGE),
    "InvalidExecutionInput": lambda: PayloadTooLarge(_TOO_LARGE),
    "StateMachineDoesNotExist": lambda: InternalError(detail="the state machine does not exist"),
}
_TIMED_OUT: Final = (504, "workflow_timeout", "The workflow did not end in time. Try again later.")
_FAILED: Final = (
    502,
    "workflow_failed",
    "A step of the workflow failed. The request id finds the cause in its log.",
)
_BUDGET_EXCEEDED: Final = "BudgetExceeded"
_BUDGET_CAUSE: Final = re.compile(r"([1-9][0-9]{0,7}) (.{1,300})")


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer of a route.

    Attributes:
        status: HTTP status.
        body: The body.
        headers: The headers of an error, by their names in lower case.
    """

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """True if it is an error."""
        return self.status >= 400

    @classmethod
    def of_error(cls, error: ServiceError, request_id: str) -> Answer:
        """Return the answer for an error, in the project's own format."""
        body = {"code": error.code, "message": error.message, "requestId": request_id}
        return cls(error.status, body, {name.lower(): value for name, value in error.headers.items()})


class Workflows:
    """The workflows that AI_WORKFLOWS names.

    Args:
        arns: The ARN of each state machine, by the name of its operation.
        api: Step Functions. Default: created from the environment.
    """

    def __init__(self, arns: Mapping[str, str], *, api: AwsApi | None = None) -> None:
        self._arns = dict(arns)
        self._api = api or AwsApi("stepfunctions", choices=_CHOICES)

    @classmethod
    def from_environment(cls) -> Workflows:
        """Return the workflows of AI_WORKFLOWS, a JSON object of names and ARNs."""
        return cls(json.loads(os.environ.get("AI_WORKFLOWS") or "{}"))

    def run(
        self, route: ToolRoute, value: Mapping[str, object], request_id: str, *, deadline: Deadline
    ) -> Answer:
        """Run a workflow and wait for its end.

        Raises:
            ServiceError: Step Functions fails, or refuses the input.
        """
        execution = self._api.call(
            "start_sync_execution",
            {
                "stateMachineArn": self._arns[route.workflow or ""],
                "input": json.dumps(value, ensure_ascii=False),
            },
            deadline=deadline,
            refusals=_REFUSALS,
        )
        with reading_answer(f"workflow {route.workflow}"):
            if execution["status"] == "SUCCEEDED":
                return Answer(200, cast("dict[str, Any]", json.loads(execution["output"])))
            return _failure(route, execution, request_id)


class Calls:
    """Calls tools.

    Args:
        functions: Returns the functions.
        workflows: Returns the workflows.
        report: Called with the operation and the error of a call that was not answered.
    """

    def __init__(
        self,
        functions: Callable[[], Functions],
        workflows: Callable[[], Workflows],
        report: Callable[[str, ServiceError], None],
    ) -> None:
        self._functions = functions
        self._workflows = workflows
        self._report = report
        self._checks: dict[str, Callable[[object], object]] = {}

    def call(
        self,
        tool: Tool,
        route: ToolRoute,
        arguments: Mapping[str, object],
        http: ProxyRequest,
        caller: Caller | None,
        *,
        request_id: str,
        deadline: Deadline,
    ) -> Answer:
        """Call a tool; what goes wrong is an answer too."""
        try:
            if caller is not None and route.service is not None:
                caller.require_service(route.service)
            if route.workflow is not None:
                value = self._workflow_input(tool, route, arguments, http, caller, request_id)
                return self._workflows().run(route, value, request_id, deadline=deadline)
            event = event_of(tool, route, arguments, http)
            response = self._functions().call(str(route.function), event, deadline=deadline)
            with reading_answer(f"function {route.function}"):
                headers = {name.lower(): str(value) for name, value in response["headers"].items()}
                return Answer(int(response["statusCode"]), json.loads(response["body"]), headers)
        except ServiceError as error:
            if error.status >= 500:
                self._report(route.operation, error)
            return Answer.of_error(error, request_id)

    def _workflow_input(
        self,
        tool: Tool,
        route: ToolRoute,
        arguments: Mapping[str, object],
        http: ProxyRequest,
        caller: Caller | None,
        request_id: str,
    ) -> dict[str, object]:
        # API Gateway checks bodies for workflows.
        self._check_input(tool, arguments)
        event = event_of(tool, route, arguments, http)
        body = str(event["body"] or "{}")
        if len(body.encode("utf-8", "surrogatepass")) > route.max_body_bytes:
            raise PayloadTooLarge(_TOO_LARGE)
        kind, _, principal = ("", "", "") if caller is None else caller.principal.partition(":")
        context = http.context.get("authorizer")
        described = context if isinstance(context, dict) else {}
        return {
            "body": json.loads(body),
            "path": event["pathParameters"] or {},
            "query": event["queryStringParameters"] or {},
            "caller": {
                "kind": kind,
                "principal": principal,
                "sourceIp": http.source_ip or "",
                "tenant": str(described.get("tenant") or ""),
                "key": str(described.get("key") or ""),
                "pseudonym": str(described.get("caller") or ""),
                "limits": str(described.get("limits") or ""),
            },
            "requestId": request_id,
        }

    def _check_input(self, tool: Tool, arguments: Mapping[str, object]) -> None:
        check = self._checks.get(tool.name)
        if check is None:
            check = self._checks[tool.name] = fastjsonschema.compile(
                {"$schema": "http://json-schema.org/draft-07/schema", **tool.input_schema},
                use_default=False,
                detailed_exceptions=False,
            )
        try:
            check(dict(arguments))
        except fastjsonschema.JsonSchemaValueException:
            raise InvalidRequest("The arguments do not fit the tool's input schema.") from None


def event_of(
    tool: Tool, route: ToolRoute, arguments: Mapping[str, object], http: ProxyRequest
) -> dict[str, object]:
    """Return API Gateway's event for a call of a route by the caller of a request.

    Raises:
        InvalidRequest: An argument of the path, the query or a header is missing or not a text, or is unknown.
    """
    outside = {*route.in_path, *route.in_query, *route.in_headers}
    given = {*arguments, *tool.input_schema.get("required", ())}
    body = {name: value for name, value in arguments.items() if name not in outside}
    path_parameters = {name: quote(_text(arguments, name), safe="") for name in route.in_path}
    query = {name: _text(arguments, name) for name in route.in_query if name in given}
    headers = {header: _text(arguments, name) for name, header in route.in_headers.items() if name in given}
    if route.method == "GET" and body:
        raise InvalidRequest("The arguments do not fit the tool's input schema.")
    path = route.path
    for name, value in path_parameters.items():
        path = path.replace(f"{{{name}}}", value)
    headers |= {"Content-Type": JSON} if route.method != "GET" else {}
    return {
        "resource": route.path,
        "path": path,
        "httpMethod": route.method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": query or None,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} or None,
        "pathParameters": path_parameters or None,
        "stageVariables": None,
        "requestContext": {
            **http.context,
            "resourcePath": route.path,
            "httpMethod": route.method,
            "path": f"{http.context_path.removesuffix(http.resource)}{path}",
        },
        "body": None
        if route.method == "GET"
        else json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        "isBase64Encoded": False,
    }


def _text(arguments: Mapping[str, object], name: str) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidRequest(f"{name} is required and should be a string.")
    return value


def _failure(route: ToolRoute, execution: Mapping[str, Any], request_id: str) -> Answer:
    name = str(execution.get("error", ""))
    chosen = _TIMED_OUT if execution["status"] == "TIMED_OUT" else route.errors.get(name, _FAILED)
    status, code, message = chosen
    headers = {"retry-after": "5"} if status in (429, BackendUnavailable.status) else {}
    cause = _BUDGET_CAUSE.fullmatch(str(execution.get("cause", ""))) if name == _BUDGET_EXCEEDED else None
    if cause is not None:
        headers, message = {"retry-after": cause[1]}, cause[2]
    return Answer(status, {"code": code, "message": message, "requestId": request_id}, headers)
