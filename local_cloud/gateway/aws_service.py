"""The AWS integration: calls an AWS service, or a Lambda function with a mapped event, and maps what it answers.

The services are those of this local cloud. As on AWS the integration's role must let the call through; if it does
not, the service's own refusal is what gets mapped, and the developer's log says which right is missing.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from urllib.parse import quote, urlencode

from local_cloud.functions.result import InvocationResult
from local_cloud.gateway.definition import Integration
from local_cloud.gateway.errors import (
    CONFIGURATION,
    INTEGRATION_TIMEOUT,
    GatewayError,
    UnsupportedFeatureError,
)
from local_cloud.gateway.exchange import TRACE_HEADER, Exchange
from local_cloud.gateway.integration_roles import refusal
from local_cloud.gateway.lambda_proxy import LambdaProxy, is_lambda_uri, with_stage_variables
from local_cloud.gateway.mapped_integration import MappedIntegration, default_headers, filled
from local_cloud.gateway.service_calls import (
    ServiceCall,
    ServiceRequest,
    Target,
    input_fault,
    parse_target,
    path_and_query,
    service_call,
)
from local_cloud.iam.calls import Credential, read_call
from local_cloud.iam.needs import needs_of
from local_cloud.iam.refusals import message_of, refusal_response
from local_cloud.messages import Request, Response, first_header, json_object

AwsApis = Callable[[Request], Awaitable[Response]]

_NOT_IMPLEMENTED = 501
_INVOCATION_TYPE = "X-Amz-Invocation-Type"


class AwsServices:
    """Carries out AWS integrations."""

    def __init__(self, aws_apis: AwsApis | None, lambda_proxy: LambdaProxy) -> None:
        self._aws_apis = aws_apis
        self._lambda_proxy = lambda_proxy

    async def respond(self, exchange: Exchange, integration: Integration) -> Response:
        """Call the service of an integration."""
        mapping = MappedIntegration(exchange, integration)
        call = self._call_function if is_lambda_uri(integration.uri) else self._call_service
        response = await call(mapping, mapping.body())
        headers = (*response.headers, (TRACE_HEADER, exchange.full_trace()))
        return Response(response.status, headers, response.body)

    async def _call_function(self, mapping: MappedIntegration, body: bytes) -> Response:
        exchange, integration = mapping.exchange, mapping.integration
        _, headers, _ = mapping.parameters()
        payload = body or b"{}"
        try:
            json.loads(payload)
        except (ValueError, RecursionError):
            raise GatewayError(CONFIGURATION, "the function's event is not JSON") from None
        kind = first_header(headers.items(), _INVOCATION_TYPE)
        function_arn = self._lambda_proxy.function(exchange, integration)
        if kind not in (None, "RequestResponse"):
            accepted = await self._invoke_later(mapping, function_arn, payload, kind)
            return mapping.response(None, accepted.headers, accepted.body)
        result = await self._lambda_proxy.invoke(exchange, integration, function_arn, payload)
        headers_of_result = (("Content-Type", "application/json"),)
        return mapping.response(_error_message(result), headers_of_result, result.payload)

    async def _invoke_later(
        self, mapping: MappedIntegration, function_arn: str, payload: bytes, kind: str
    ) -> Response:
        """Hand an event over to Lambda, which answers before the function has run."""
        exchange = mapping.exchange
        target = Target("lambda", exchange.stage.api.region, None, None, "")
        request = ServiceRequest(
            method="POST",
            path=f"/2015-03-31/functions/{quote(function_arn, safe='')}/invocations",
            query=(),
            headers={"Content-Type": "application/json", _INVOCATION_TYPE: kind},
            body=payload,
        )
        answer = await self._send(mapping, target, ServiceCall(request, "rest"))
        exchange.integration_status = answer.status
        if answer.status >= 400:
            raise GatewayError(CONFIGURATION, f"Lambda refused the event: {answer.body[:300]!r}")
        return answer

    async def _call_service(self, mapping: MappedIntegration, body: bytes) -> Response:
        exchange = mapping.exchange
        target, call = _service_call(mapping, body)
        role = with_stage_variables(mapping.integration.credentials or "", exchange.stage.variables)
        api_call = read_call(
            _signed(call.request, target, exchange),
            Credential("", target.region, target.service),
            exchange.stage.api.account_id,
        )
        if api_call is None:
            raise UnsupportedFeatureError(f"AWS integration with {target.service}: an unknown operation")
        refused = refusal(exchange, role or None, needs_of(api_call))
        if refused is not None:
            exchange.note = f"{exchange.routed.resource_path}: {message_of(refused)}"
            answer = _as_json(refusal_response(message_of(refused), api_call), call)
        elif call.protocol == "json" and (fault := input_fault(target.service, call.request)) is not None:
            answer = fault
        else:
            answer = _as_json(await self._send(mapping, target, call), call)
        exchange.integration_status = answer.status
        return mapping.response(str(answer.status), answer.headers, answer.body)

    async def _send(self, mapping: MappedIntegration, target: Target, call: ServiceCall) -> Response:
        if self._aws_apis is None:
            raise UnsupportedFeatureError("AWS integration in a gateway without AWS APIs")
        exchange, seconds = mapping.exchange, mapping.integration.timeout_seconds
        started = time.perf_counter()
        try:
            async with asyncio.timeout(seconds):
                answer = await asyncio.shield(self._aws_apis(_signed(call.request, target, exchange)))
        except TimeoutError:
            raise GatewayError(
                INTEGRATION_TIMEOUT, f"{target.service} took longer than {seconds:g} s; the call runs on"
            ) from None
        finally:
            exchange.integration_seconds = time.perf_counter() - started
        if answer.status == _NOT_IMPLEMENTED:  # a response of the method would say something else
            raise UnsupportedFeatureError(
                f"AWS integration with {target.service}: {json_object(answer.body).get('message', '')}"
            )
        return answer


def _service_call(mapping: MappedIntegration, body: bytes) -> tuple[Target, ServiceCall]:
    """Return the target and the request, with all that the mappings and the templates set."""
    path_values, headers, query = mapping.parameters()
    uri = with_stage_variables(mapping.integration.uri, mapping.exchange.stage.variables)
    target = parse_target(filled(uri, path_values))
    path, own_query = path_and_query(target)
    mapped_names = {name.lower() for name in headers}
    defaults = default_headers(mapping.exchange).items()
    request = ServiceRequest(
        method=mapping.method,
        path=path,
        query=(*own_query, *query),
        headers={name: value for name, value in defaults if name.lower() not in mapped_names} | headers,
        body=body,
    )
    return target, service_call(target, request)


def _signed(request: ServiceRequest, target: Target, exchange: Exchange) -> Request:
    """Return the request as the APIs of this cloud take it: they read the service from the signature, and no more."""
    scope = f"APIGATEWAY/20200101/{target.region}/{target.service}/aws4_request"
    port = exchange.request.port
    headers = {
        **request.headers,
        "Host": f"127.0.0.1:{port}",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        "Content-Length": str(len(request.body)),
    }
    return Request(
        method=request.method,
        path=request.path,
        query=urlencode(request.query),
        headers=tuple(headers.items()),
        body=request.body,
        peer="127.0.0.1",
        protocol="HTTP/1.1",
        port=port,
    )


def _as_json(answer: Response, call: ServiceCall) -> Response:
    """Return an answer of a query API as the JSON that it gives to who accepts JSON, as API Gateway does."""
    if call.protocol != "query" or "json" not in (call.request.header("accept") or ""):
        return answer
    if not answer.body.lstrip().startswith(b"<"):
        return answer
    from xml.parsers.expat import ExpatError

    import xmltodict  # type: ignore[import-untyped]

    try:
        content = xmltodict.parse(answer.body, xml_attribs=False)
    except ExpatError:
        return answer
    if isinstance(content, dict):
        content = content.get("ErrorResponse", content)
    headers = tuple((name, value) for name, value in answer.headers if name.lower() != "content-type")
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(answer.status, (*headers, ("Content-Type", "application/json")), body)


def _error_message(result: InvocationResult) -> str | None:
    """Return the message of a function's error, with which its responses are chosen; None for success."""
    if result.function_error is None:
        return None
    return str(json_object(result.payload).get("errorMessage", ""))
