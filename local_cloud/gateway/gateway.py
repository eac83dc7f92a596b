"""Gateway: executes REST APIs, from a request to a stage through the steps to the answer."""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable

from local_cloud.functions.invoker import Invoker
from local_cloud.gateway.access_log import AccessLog
from local_cloud.gateway.api_keys import ApiKeys
from local_cloud.gateway.authorization.lambda_authorizer import LambdaAuthorizers
from local_cloud.gateway.aws_service import AwsApis, AwsServices
from local_cloud.gateway.deployed import Draw, find_stage
from local_cloud.gateway.domains import map_request
from local_cloud.gateway.errors import CONFIGURATION, FORBIDDEN, GatewayError, UnsupportedFeatureError
from local_cloud.gateway.exchange import DeployedStage, Exchange, new_extended_request_id, new_request_id
from local_cloud.gateway.gateway_responses import gateway_response, plain_response
from local_cloud.gateway.http_integration import HttpIntegrations
from local_cloud.gateway.lambda_proxy import LambdaProxy
from local_cloud.gateway.limits import check_edge
from local_cloud.gateway.reserved_headers import sendable
from local_cloud.gateway.steps import authorize, integrate, open_api, route, validate
from local_cloud.gateway.streaming import whole
from local_cloud.gateway.throttle import Throttles
from local_cloud.gateway.waf import WebAcls
from local_cloud.messages import Request, Response, json_response

_log = logging.getLogger(__name__)


class RestApiGateway:
    """The data plane of API Gateway.

    Args:
        invoker: Runs Lambda functions.
        draw: Decides which requests go to a stage's canary.
        aws_apis: Answers calls of AWS's APIs, for integrations with AWS services.
        on_answer: Called with each request that has been answered, on the loop; it must be quick. Default: none.
    """

    def __init__(
        self,
        invoker: Invoker,
        draw: Draw = random.random,
        aws_apis: AwsApis | None = None,
        on_answer: Callable[[Exchange, Response], None] | None = None,
    ) -> None:
        self._draw = draw
        self._web_acls = WebAcls()
        self._lambda_proxy = LambdaProxy(invoker)
        self._aws_services = AwsServices(aws_apis, self._lambda_proxy)
        self._http_integrations = HttpIntegrations()
        self._authorizers = LambdaAuthorizers(invoker)
        self._api_keys = ApiKeys()
        self._throttles = Throttles()
        self._access_log = AccessLog()
        self._on_answer = on_answer

    async def handle(
        self,
        request: Request,
        *,
        api_id: str,
        stage: str,
        path: str,
        host: str | None = None,
        base_path: str | None = None,
    ) -> tuple[Response, str]:
        """Answer a request to a deployed REST API.

        Args:
            request: The request.
            api_id: The API.
            stage: The stage's name.
            path: The escaped path below the stage.
            host: The host name that the client used, where that is one of the API's; by default the function sees
                the name that the API has on AWS.
            base_path: What the mapping of a custom domain name took from the path; None for the default endpoint.

        Returns:
            The answer, and a note on it for the developer's log.
        """
        try:
            check_edge(request)
            deployed = find_stage(api_id, stage, self._draw)
        except GatewayError as error:
            return _with_ids(
                plain_response(error.fault), new_request_id(), new_extended_request_id()
            ), error.reason
        exchange = Exchange(
            request=request,
            stage=deployed,
            path=path,
            domain_name=host or _domain_name(api_id, deployed),
            base_path=base_path,
        )
        answer = await self._answer(exchange, self._take_steps)
        response = _with_ids(answer, exchange.request_id, exchange.extended_request_id)
        if response.stream is None:
            self._record(exchange, response)
        else:
            response.stream.when_finished(lambda: self._record(exchange, response))
        return response, f"{deployed.api.name}/{stage} {exchange.note}"

    async def handle_domain(self, request: Request, *, host: str) -> tuple[Response, str]:
        """Answer a request to a custom domain name."""
        mapped = map_request(host, request.path)
        if mapped is None:
            refused = _with_ids(plain_response(FORBIDDEN), new_request_id(), new_extended_request_id())
            return refused, f"no base path mapping of {host} matches {request.path}"
        return await self.handle(
            request,
            api_id=mapped.api_id,
            stage=mapped.stage,
            path=mapped.path,
            host=host,
            base_path=mapped.base_path,
        )

    async def try_out(self, exchange: Exchange) -> tuple[Response, str]:
        """Validate and integrate a request that is routed; returns the answer and a note on it."""

        async def take_steps(exchange: Exchange) -> Response:
            validate(exchange)
            return await self._integrate(exchange)

        response = await self._answer(exchange, take_steps)
        if response.stream is not None:
            response, cut_off = await whole(response, response.stream)
            exchange.note = cut_off or exchange.note
        return _with_ids(response, exchange.request_id, exchange.extended_request_id), exchange.note

    def _record(self, exchange: Exchange, response: Response) -> None:
        self._access_log.record(exchange, response)
        if self._on_answer is not None:
            self._on_answer(exchange, response)

    def close(self) -> None:
        """Give up on requests of integrations that are still running."""
        self._http_integrations.close()

    async def _answer(
        self, exchange: Exchange, take_steps: Callable[[Exchange], Awaitable[Response]]
    ) -> Response:
        try:
            try:
                return _final(await take_steps(exchange))
            except GatewayError as error:
                exchange.note = error.reason
                return _final(gateway_response(exchange, error.fault))
        except GatewayError as error:
            exchange.note = error.reason
            return plain_response(error.fault)
        except UnsupportedFeatureError as error:
            exchange.note = f"not in the local cloud yet: {error.feature}"
            return _unsupported(error)
        except Exception:  # noqa: BLE001 - a mistake of ours must not end the connection without an answer
            _log.exception("%s %s failed inside the gateway", exchange.request.method, exchange.path)
            exchange.note = "failed inside the gateway; the server's log has the error"
            return plain_response(CONFIGURATION)

    async def _take_steps(self, exchange: Exchange) -> Response:
        exchange.step = "web ACL"
        blocked = open_api(exchange, self._web_acls)
        if blocked is not None:
            return blocked
        exchange.step = "route"
        route(exchange)
        exchange.note = exchange.routed.resource_path
        exchange.step = "authorization"
        await authorize(exchange, self._authorizers)
        exchange.step = "API key"
        if exchange.routed.api_key_required:
            self._api_keys.check(exchange)
        exchange.step = "throttle"
        self._throttles.check(exchange.stage.settings, exchange.routed, exchange.request.method)
        exchange.step = "validation"
        validate(exchange)
        exchange.step = "integration"
        return await self._integrate(exchange)

    async def _integrate(self, exchange: Exchange) -> Response:
        return await integrate(exchange, self._lambda_proxy, self._aws_services, self._http_integrations)


def _final(response: Response) -> Response:
    """Return a response whose status code ends an exchange; after any other, the client would wait for one."""
    if not 200 <= response.status <= 599:
        raise GatewayError(CONFIGURATION, f"{response.status} is not the status code of a final response")
    return response


def _domain_name(api_id: str, stage: DeployedStage) -> str:
    return f"{api_id}.execute-api.{stage.api.region}.amazonaws.com"


def _with_ids(response: Response, request_id: str, extended_request_id: str) -> Response:
    ids = (("x-amzn-RequestId", request_id), ("x-amz-apigw-id", extended_request_id))
    return response.with_headers(*sendable(response.headers), *ids)


def _unsupported(error: UnsupportedFeatureError) -> Response:
    message = f"The local cloud does not have this feature yet: {error.feature}"
    return json_response(501, {"message": message, "feature": error.feature})
