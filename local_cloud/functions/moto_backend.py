"""Executor in the place where moto would start a container, so that every way to invoke runs the same code.

moto's extension point is a `LambdaBackend` subclass with its own `invoke`: the HTTP API ends there, and with it boto3
and Step Functions. Services inside of moto (SNS, log subscriptions, streams) call `LambdaFunction.invoke` instead, and
do not wait for the answer on AWS; `_invoke_later` takes its place. Written against moto 5.2.5, where moreover the HTTP
handler looks for the qualifier under the wrong name, so that it ignores it or takes it from the event, and refuses
answers of more than 6,000,000 bytes; `_invoke_over_http` takes its place.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar
from urllib.parse import unquote
from uuid import uuid4

from moto.awslambda import models as lambda_models
from moto.awslambda import urls as lambda_urls
from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.responses import LambdaResponse
from moto.sqs.models import Queue

from local_cloud.functions import event_sources
from local_cloud.functions.errors import FunctionServiceError, ServiceUnavailable
from local_cloud.functions.executor import FunctionExecutor
from local_cloud.functions.invoker import call_context, require_json
from local_cloud.functions.role_checks import require_reading, require_sending, require_trust
from local_cloud.patches import extends

_T = TypeVar("_T")


_executor: FunctionExecutor | None = None


def _run(
    function: str, payload: bytes, headers: Mapping[str, str], response_headers: dict[str, str]
) -> bytes:
    """Run a function as the request's headers say, and say in the response's headers what came of it."""
    given = {name.lower(): value for name, value in headers.items()}
    kind = given.get("x-amz-invocation-type", "RequestResponse")
    try:
        require_json(payload := payload or b"{}")
        if _executor is None or _executor.loop.is_closed():
            raise ServiceUnavailable("No local cloud runs the functions; start it and call again.")
        context = call_context(given.get("x-amzn-trace-id"), given.get("x-amz-client-context"))
        if kind == "DryRun":
            _wait(_executor, _call(_executor.resolve, function))
            return b""
        if kind == "Event":
            request_id = _wait(_executor, _call(_executor.events.put, function, payload, **context))
            response_headers["x-amzn-requestid"] = request_id
            return b""
        request_id = response_headers["x-amzn-requestid"] = str(uuid4())
        result = _wait(_executor, _executor.invoke(function, payload, request_id=request_id, **context))
    except FunctionServiceError as error:
        raise _MotoError(error) from error
    response_headers["x-amz-executed-version"] = result.executed_version
    if result.function_error is not None:
        response_headers["x-amz-function-error"] = result.function_error
    if given.get("x-amz-log-type") == "Tail":
        response_headers["x-amz-log-result"] = base64.b64encode(result.log_tail.encode()).decode()
    return result.payload


def _wake_event_sources() -> None:
    """Have the executor look into the queues; from any thread, and without waiting for it."""
    if _executor is not None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            _executor.loop.call_soon_threadsafe(_executor.event_sources.wake)


def _wait(executor: FunctionExecutor, work: Coroutine[Any, Any, _T]) -> _T:
    with contextlib.suppress(RuntimeError):  # no loop runs on this thread
        if asyncio.get_running_loop() is executor.loop:
            work.close()
            raise ServiceUnavailable(
                "moto was called on the loop that runs the functions; call it from a thread."
            )
    return asyncio.run_coroutine_threadsafe(work, executor.loop).result()


async def _call(function: Any, *arguments: Any, **options: Any) -> Any:
    return function(*arguments, **options)


class _MotoError(LambdaClientError):  # type: ignore[misc] # moto ships no types
    """Exception with which moto answers an error of the executor."""

    def __init__(self, error: FunctionServiceError) -> None:
        super().__init__(error.code, error.message)
        self.code = error.status
        self.description = json.dumps({"__type": error.code, "message": error.message, **error.content})


class LocalLambdaBackend(lambda_models.LambdaBackend):  # type: ignore[misc] # moto ships no types
    """moto's Lambda backend, whose functions run on this machine."""

    @property
    def _url_module(self) -> Any:  # moto looks for it next to the class
        return lambda_urls

    def create_function(self, spec: dict[str, Any]) -> Any:
        """Create a function whose role Lambda may assume."""
        self._check_role(str(spec.get("FunctionName")), str(spec.get("Role")), spec)
        return super().create_function(spec)

    def update_function_configuration(
        self, function_name: str, qualifier: str, body: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Change a function, to a role that Lambda may assume if to another one."""
        if "Role" in body or "DeadLetterConfig" in body:
            role = body.get("Role") or self.get_function(function_name, qualifier).role
            self._check_role(function_name, role, body)
        updated: dict[str, Any] | None = super().update_function_configuration(function_name, qualifier, body)
        return updated

    def create_event_source_mapping(self, spec: dict[str, Any]) -> Any:
        """Let a function read a queue or a stream, if its role may; the executor reads queues instead of moto."""
        if spec.get("FunctionName") and spec.get("EventSourceArn"):
            require_reading(self.get_function(spec["FunctionName"]).role, spec["EventSourceArn"])
        return self._mapped(super().create_event_source_mapping(spec))

    def update_event_source_mapping(self, uuid: str, spec: dict[str, Any]) -> Any:
        """Change a mapping."""
        return self._mapped(super().update_event_source_mapping(uuid, spec))

    def _mapped(self, mapping: Any) -> Any:
        if mapping is not None:
            event_sources.keep_from_moto(self, mapping)
            _wake_event_sources()
        return mapping

    def _check_role(self, function_name: str, role_arn: str, settings: dict[str, Any]) -> None:
        name = function_name.rpartition("function:")[2].partition(":")[0]
        require_trust(role_arn, f"arn:aws:lambda:{self.region_name}:{self.account_id}:function:{name}")
        if target := (settings.get("DeadLetterConfig") or {}).get("TargetArn"):
            require_sending(role_arn, target)

    def invoke(
        self, function_name: str, qualifier: str | None, body: Any, headers: Any, response_headers: Any
    ) -> bytes:
        """Run a function and wait for it, unless the headers ask for something else."""
        payload = body if isinstance(body, bytes) else (body or "").encode()
        if not function_name.startswith("arn:"):
            prefix = f"arn:aws:lambda:{self.region_name}:{self.account_id}:function:"
            function_name = prefix + function_name.rpartition("function:")[2]
        qualified = qualifier and ":" not in function_name.partition(":function:")[2]
        function = f"{function_name}:{qualifier}" if qualified else function_name
        return _run(function, payload, headers, response_headers)


def _invoke_later(self: Any, body: str, _request_headers: Any, _response_headers: Any) -> bytes:
    arn = f"arn:aws:lambda:{self.region}:{self.account_id}:function:{self.function_name}:{self.version}"
    return _run(arn, body.encode(), {"X-Amz-Invocation-Type": "Event"}, {})


def _invoke_over_http(self: Any) -> tuple[int, dict[str, str], bytes]:
    function_name = unquote(self.path.rsplit("/", 2)[-2])
    qualifier = self.querystring.get("Qualifier", [None])[0]
    headers: dict[str, str] = {}
    payload = self.backend.invoke(function_name, qualifier, self.raw_body, self.headers, headers)
    kind = self.headers.get("X-Amz-Invocation-Type", "RequestResponse")
    status = {"Event": 202, "DryRun": 204}.get(kind, 200)
    headers["content-type"] = "application/json"
    headers["status"] = str(status)
    return status, headers, payload


@extends(LambdaResponse, "_enrich_response")
def _keep_request_id(original: Any, headers: dict[str, str], body: Any) -> Any:
    """Answer an invocation with the request ID that its function has."""
    own_id = {name: value for name, value in headers.items() if name == "x-amzn-requestid"}
    headers, body = original(headers, body)
    return headers | own_id, body


@extends(Queue)
def _add_message(original: Any, queue: Any, message: Any) -> None:
    original(queue, message)
    _wake_event_sources()


def install(executor: FunctionExecutor) -> None:
    """Have moto's Lambda backend run its functions with this executor, on whose loop moto must not be called."""
    global _executor
    _executor = executor
    backends = lambda_models.lambda_backends
    backends.backend = LocalLambdaBackend
    for account in backends.values():
        account.backend = LocalLambdaBackend
        for backend in account.values():
            backend.__class__ = LocalLambdaBackend
    lambda_models.LambdaFunction.invoke = _invoke_later
    LambdaResponse.invoke = _invoke_over_http
    _wake_event_sources()
