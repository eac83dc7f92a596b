"""The AWS_PROXY integration: invokes a Lambda function with the whole request and answers as it says."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Mapping

from local_cloud.functions.errors import FunctionServiceError, RequestTooLarge
from local_cloud.functions.invoker import Invoker
from local_cloud.functions.result import InvocationResult
from local_cloud.gateway.definition import Integration
from local_cloud.gateway.deployed import function_policy
from local_cloud.gateway.errors import (
    BAD_FUNCTION_ANSWER,
    CONFIGURATION,
    INTEGRATION_TIMEOUT,
    REQUEST_TOO_LARGE,
    GatewayError,
    UnsupportedFeatureError,
)
from local_cloud.gateway.event import build_event
from local_cloud.gateway.exchange import TRACE_HEADER, Exchange
from local_cloud.gateway.integration_roles import refusal
from local_cloud.gateway.limits import check_event
from local_cloud.gateway.permissions import InvokePermissions, source_arn
from local_cloud.gateway.reserved_headers import refuse_reserved
from local_cloud.gateway.response import function_response
from local_cloud.gateway.streaming import streamed_response
from local_cloud.iam.permissions import Need
from local_cloud.iam.refusals import message_of
from local_cloud.messages import Response

_LAMBDA_URI = re.compile(
    r"arn:aws:apigateway:[a-z0-9-]+:lambda:path//?(?:2015-03-31|(?P<streamed>2021-11-15))/functions/"
    r"(?P<function>arn:aws:lambda:[a-z0-9-]+:\d{12}:function:[^/]+)/"
    r"(?(streamed)response-streaming-invocations|invocations)"
)
_LAMBDA_PATH = re.compile(r":lambda:path//?20\d\d-\d\d-\d\d/functions/")
_STAGE_VARIABLE = re.compile(r"\$\{stageVariables\.([A-Za-z0-9_]+)\}")
# Whose words are Lambda's: what it says when a handler cannot be loaded, ends or takes too long.
_ERRORS_OF_LAMBDA = ("Runtime.", "Sandbox.", "Function.")
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
# What the console writes into every Lambda integration; it changes nothing for a proxy.
_HARMLESS_CONTENT_HANDLING = (None, "CONVERT_TO_TEXT")


class LambdaProxy:
    """Carries out AWS_PROXY integrations."""

    def __init__(self, invoker: Invoker) -> None:
        self._invoker = invoker
        self._permissions = InvokePermissions(function_policy)

    async def respond(self, exchange: Exchange, integration: Integration) -> Response:
        """Invoke the function of an integration."""
        if integration.content_handling not in _HARMLESS_CONTENT_HANDLING:
            raise UnsupportedFeatureError(f"content handling {integration.content_handling} of AWS_PROXY")
        function_arn = self.function(exchange, integration)
        payload = _encode(build_event(exchange)).encode("utf-8", "replace")
        respond = self._respond_streamed if integration.streams else self._respond_whole
        response = await respond(exchange, integration, function_arn, payload)
        return response.with_headers(*response.headers, (TRACE_HEADER, exchange.full_trace()))

    async def _respond_whole(
        self, exchange: Exchange, integration: Integration, function_arn: str, payload: bytes
    ) -> Response:
        result = await self.invoke(exchange, integration, function_arn, payload)
        if result.function_error is not None:
            raise GatewayError(
                BAD_FUNCTION_ANSWER, f"{_name(function_arn)} failed: {failure(result.payload)}"
            )
        return function_response(result.payload, exchange.stage.api, exchange.request.header("accept"))

    async def _respond_streamed(
        self, exchange: Exchange, integration: Integration, function_arn: str, payload: bytes
    ) -> Response:
        check_event(payload)
        try:
            stream = await self._invoker.invoke_streamed(
                function_arn, payload, trace_header=exchange.full_trace()
            )
        except FunctionServiceError as error:
            raise GatewayError(CONFIGURATION, f"{error.code}: {error.message}") from error
        name, seconds = _name(function_arn), integration.timeout_seconds
        return await streamed_response(exchange, stream, name=name, timeout_seconds=seconds, failure=failure)

    async def invoke(
        self, exchange: Exchange, integration: Integration, function_arn: str, payload: bytes
    ) -> InvocationResult:
        """Invoke a function and wait for it as long as the integration may take."""
        check_event(payload)
        started = time.perf_counter()
        try:
            async with asyncio.timeout(integration.timeout_seconds):
                result = await self._invoker.invoke(function_arn, payload, trace_header=exchange.full_trace())
        except TimeoutError:
            raise GatewayError(
                INTEGRATION_TIMEOUT,
                f"{_name(function_arn)} took longer than {integration.timeout_seconds:g} s; it runs on",
            ) from None
        except RequestTooLarge as error:
            raise GatewayError(REQUEST_TOO_LARGE, error.message) from error
        except FunctionServiceError as error:
            raise GatewayError(CONFIGURATION, f"{error.code}: {error.message}") from error
        finally:
            exchange.integration_seconds = time.perf_counter() - started
        exchange.integration_status = 200
        return result

    def function(self, exchange: Exchange, integration: Integration) -> str:
        """Return the function that an integration names, once it is certain that it may be invoked."""
        refuse_reserved(integration, of_function=True)
        uri = with_stage_variables(integration.uri, exchange.stage.variables)
        match = _LAMBDA_URI.fullmatch(uri)
        if match is None:
            if is_lambda_uri(uri):
                raise GatewayError(CONFIGURATION, f"the integration names no function: {uri}")
            raise UnsupportedFeatureError(
                f"AWS_PROXY integration with {uri.partition(':apigateway:')[2] or uri}"
            )
        if (match["streamed"] is not None) != integration.streams:
            mode = "STREAM" if integration.streams else "BUFFERED"
            raise GatewayError(CONFIGURATION, f"responseTransferMode {mode} does not fit the URI {uri}")
        if integration.http_method != "POST":
            raise GatewayError(
                CONFIGURATION,
                f"Lambda takes POST only; the integration's HTTP method is {integration.http_method}",
            )
        function_arn = match["function"]
        if integration.credentials:
            role = with_stage_variables(integration.credentials, exchange.stage.variables)
            if refused := refusal(exchange, role, [Need("lambda:InvokeFunction", (function_arn,))]):
                raise GatewayError(CONFIGURATION, message_of(refused))
            return function_arn
        api = exchange.stage.api
        source = source_arn(api, exchange.stage.name, exchange.request.method, exchange.routed)
        if not self._permissions.allow(function_arn, source=source, account_id=api.account_id):
            raise GatewayError(CONFIGURATION, f"no permission on {_name(function_arn)} for {source}")
        return function_arn


def with_stage_variables(uri: str, variables: Mapping[str, str]) -> str:
    """Fill in `${stageVariables.name}`; a variable that the stage lacks is empty."""
    return _STAGE_VARIABLE.sub(lambda match: variables.get(match[1], ""), uri) if "${" in uri else uri


def is_lambda_uri(uri: str) -> bool:
    """Return whether a URI is an invocation address of Lambda, for any function."""
    return _LAMBDA_PATH.search(uri) is not None


def named_function(uri: str) -> str | None:
    """Return the ARN of the function that a URI of API Gateway names, or None if it names none."""
    match = _LAMBDA_URI.fullmatch(uri)
    return match["function"] if match else None


def _name(function_arn: str) -> str:
    return function_arn.split(":function:", 1)[1]


def failure(payload: bytes) -> str:
    """Return what the developer's log says of a function's error.

    A handler's own words may hold what it was sent, and are in the function's log only.
    """
    try:
        error = json.loads(payload)
        kind, text = str(error.get("errorType") or "an error"), str(error.get("errorMessage") or "")
    except (ValueError, AttributeError):
        return "an error"
    own_words = not kind.startswith(_ERRORS_OF_LAMBDA)
    return (f"{kind}; its log has the rest" if own_words else f"{kind}: {text}")[:300]
