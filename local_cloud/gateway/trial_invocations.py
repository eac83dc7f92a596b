"""TestInvokeMethod: calls a method of an API as it is defined now, without a deployment, authorization and throttling."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from local_cloud.gateway.exchange import DeployedStage, Exchange
from local_cloud.gateway.snapshot import take_snapshot
from local_cloud.messages import Request

if TYPE_CHECKING:
    from local_cloud.gateway.gateway import RestApiGateway

_STAGE = "test-invoke-stage"
_SOURCE = "test-invoke-source-ip"


def install(gateway: RestApiGateway, loop: asyncio.AbstractEventLoop) -> None:
    """Let moto's API Gateway answer TestInvokeMethod with a data plane; one that was there before is replaced."""
    from moto.apigateway.responses import APIGatewayResponse

    def test_invoke_method(response: Any) -> str:
        exchange = _exchange(response)
        started = time.perf_counter()
        answer, note = asyncio.run_coroutine_threadsafe(gateway.try_out(exchange), loop).result()
        headers: dict[str, list[str]] = {}
        for name, value in answer.headers:
            headers.setdefault(name, []).append(value)
        return json.dumps(
            {
                "status": answer.status,
                "body": answer.body.decode("utf-8", "replace"),
                "headers": {name: values[-1] for name, values in headers.items()},
                "multiValueHeaders": headers,
                "log": f"Execution log for request {exchange.request_id}\n{note}\n",
                "latency": round((time.perf_counter() - started) * 1000),
            }
        )

    APIGatewayResponse.test_invoke_method = test_invoke_method


def _exchange(response: Any) -> Exchange:
    from moto.apigateway.exceptions import NotFoundException
    from moto.apigateway.models import Stage

    _, _, api_id, _, resource_id, _, http_method, *_ = response.path.split("/")
    backend = response.backend
    api, resource = backend.get_rest_api(api_id), backend.get_resource(api_id, resource_id)
    declared = http_method if http_method in resource.resource_methods else "ANY"
    backend.get_method(api_id, resource_id, declared)
    definition = take_snapshot(api, "")
    given = response._get_param
    target = given("pathWithQueryString") or quote(resource.get_path(), safe="/{}+")
    path, _, query = target.partition("?")
    method = "POST" if http_method == "ANY" else http_method
    found = definition.router.find(path, method)
    if found is None or found[0].resource_id != resource_id:
        raise NotFoundException(f"Invalid path for the resource: {path}")
    headers = [(name, value) for name, value in (given("headers") or {}).items()]
    for name, values in (given("multiValueHeaders") or {}).items():
        headers += [(name, value) for value in values]
    request = Request(
        method=method,
        path=path,
        query=query,
        headers=tuple(headers),
        body=(given("body") or "").encode(),
        peer=_SOURCE,
        protocol="HTTP/1.1",
        port=int(response.parsed_url.port or 443),
    )
    stage = Stage(name=_STAGE, deployment_id="", variables=given("stageVariables") or {})
    exchange = Exchange(
        request=request,
        stage=DeployedStage(_STAGE, definition, stage),
        path=path,
        domain_name=f"testPrefix.testDomainName-{api_id}",
    )
    exchange.method, exchange.path_parameters = found
    return exchange
