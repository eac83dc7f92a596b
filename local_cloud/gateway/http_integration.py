"""The HTTP and HTTP_PROXY integrations: send the request to a web server, and map or pass on its answer."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qsl, quote, urlencode

from local_cloud import outbound
from local_cloud.gateway.definition import Integration
from local_cloud.gateway.errors import (
    CONFIGURATION,
    INTEGRATION_FAILURE,
    INTEGRATION_TIMEOUT,
    GatewayError,
    UnsupportedFeatureError,
)
from local_cloud.gateway.event import multi_value_headers
from local_cloud.gateway.exchange import TRACE_HEADER, Exchange
from local_cloud.gateway.lambda_proxy import with_stage_variables
from local_cloud.gateway.mapped_integration import MappedIntegration, default_headers, filled
from local_cloud.gateway.reserved_headers import refuse_reserved
from local_cloud.messages import Response

_MOST_THREADS = 64
# Never sent, not even if a mapping sets them; and of the client's headers these are not sent either.
_NOT_SENT = frozenset({
    "connection", "content-length", "expect", "keep-alive", "proxy-authenticate", "proxy-connection", "te",
    "transfer-encoding", "via",
})  # fmt: skip
_NOT_PASSED_ON = frozenset({"content-encoding", "host"})


class HttpIntegrations:
    """Carries out HTTP and HTTP_PROXY integrations."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix="http-integration")

    async def respond(self, exchange: Exchange, integration: Integration) -> Response:
        """Call the server of an integration."""
        if integration.connection_type == "VPC_LINK":
            raise UnsupportedFeatureError("VPC links")
        refuse_reserved(integration, of_function=False)
        mapping = MappedIntegration(exchange, integration)
        is_proxy = integration.kind == "HTTP_PROXY"
        body = exchange.request.body if is_proxy else mapping.body()
        url, headers = _target(mapping, body, is_proxy=is_proxy)
        started = time.perf_counter()
        try:
            answer = await asyncio.get_running_loop().run_in_executor(
                self._threads,
                lambda: outbound.send(
                    mapping.method,
                    url,
                    headers,
                    body or None,
                    seconds=integration.timeout_seconds,
                ),
            )
        except outbound.TooSlowError as error:
            raise GatewayError(INTEGRATION_TIMEOUT, str(error)) from error
        except outbound.UnreachableError as error:
            raise GatewayError(INTEGRATION_FAILURE, str(error)) from error
        finally:
            exchange.integration_seconds = time.perf_counter() - started
        exchange.integration_status = answer.status
        if is_proxy:
            return Response(answer.status, answer.headers, answer.body)
        response = mapping.response(str(answer.status), answer.headers, answer.body)
        return response.with_headers(*response.headers, (TRACE_HEADER, exchange.full_trace()))

    def close(self) -> None:
        """Give up the threads; requests that are under way end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _target(mapping: MappedIntegration, body: bytes, *, is_proxy: bool) -> tuple[str, list[tuple[str, str]]]:
    """Return the address and the headers of the request."""
    exchange = mapping.exchange
    path, mapped_headers, query = mapping.parameters()
    if is_proxy:
        sent = parse_qsl(exchange.request.query, keep_blank_values=True)
        mapped_names = {name for name, _ in query}
        query = [*((name, value) for name, value in sent if name not in mapped_names), *query]
    escaped = {name: quote(value, safe="/:@!$&'()*+,;=%") for name, value in path.items()}
    uri = filled(with_stage_variables(mapping.integration.uri, exchange.stage.variables), escaped)
    if query:
        uri += f"{'&' if '?' in uri else '?'}{urlencode(query)}"
    try:
        url = outbound.resolve(uri, f"http://127.0.0.1:{exchange.request.port}")
    except outbound.NotAllowedError as error:
        raise UnsupportedFeatureError(f"HTTP integration: {error}") from None
    except ValueError as error:
        raise GatewayError(CONFIGURATION, str(error)) from None
    headers = _passed_on(exchange) if is_proxy else _made(exchange, body)
    names = {name.lower() for name in mapped_headers}
    remaining = [(name, value) for name, value in headers if name.lower() not in names]
    return url, [
        (name, value)
        for name, value in (*remaining, *mapped_headers.items())
        if name.lower() not in _NOT_SENT
    ]


def _passed_on(exchange: Exchange) -> list[tuple[str, str]]:
    headers = [
        (name, value)
        for name, values in multi_value_headers(exchange).items()
        if name.lower() not in _NOT_PASSED_ON
        for value in values
    ]
    return [*headers, ("x-amzn-apigateway-api-id", exchange.stage.api.api_id)]


def _made(exchange: Exchange, body: bytes) -> list[tuple[str, str]]:
    defaults = default_headers(exchange) | {"x-amzn-apigateway-api-id": exchange.stage.api.api_id}
    return [(name, value) for name, value in defaults.items() if body or name != "Content-Type"]
