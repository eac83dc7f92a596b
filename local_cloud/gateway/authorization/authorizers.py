"""Finds out whether a request may reach its method, in the way that the method asks for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from local_cloud.functions.invoker import Invoker
from local_cloud.gateway.authorization.cognito import authorize_token
from local_cloud.gateway.authorization.iam import authorize_signature
from local_cloud.gateway.authorization.lambda_authorizer import LambdaAuthorizers
from local_cloud.gateway.authorization.resource_policy import require_policy
from local_cloud.gateway.definition import DEFAULT_TIMEOUT_SECONDS
from local_cloud.gateway.errors import AUTHORIZER_CONFIGURATION, GatewayError
from local_cloud.gateway.exchange import Exchange
from local_cloud.gateway.lambda_proxy import PolicyReader


class Authorizers:
    """Authorizes requests to methods of all APIs."""

    def __init__(
        self,
        invoker: Invoker,
        read_policy: PolicyReader,
        *,
        clock: Callable[[], float] = time.monotonic,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> None:
        self._lambda = LambdaAuthorizers(invoker, read_policy, clock=clock, timeout_seconds=timeout_seconds)

    async def authorize(self, exchange: Exchange) -> None:
        """Let a request pass if its caller may invoke the method, and note on the exchange who that is."""
        match exchange.routed.authorization:
            case "NONE":
                require_policy(exchange)
            case "AWS_IAM":
                authorize_signature(exchange)
            case "CUSTOM":
                await self._lambda.authorize(exchange, _authorizer(exchange, "TOKEN", "REQUEST"))
            case "COGNITO_USER_POOLS":
                authorize_token(exchange, _authorizer(exchange, "COGNITO_USER_POOLS"))
                require_policy(exchange)
            case kind:
                raise GatewayError(AUTHORIZER_CONFIGURATION, f"there is no authorization {kind}")

    async def close(self) -> None:
        """Abandon the functions without a waiting request."""
        await self._lambda.close()


def _authorizer(exchange: Exchange, *kinds: str) -> Mapping[str, Any]:
    """Return the method's authorizer as it was deployed."""
    method = exchange.routed
    authorizer = exchange.stage.api.authorizers.get(method.authorizer_id or "")
    if authorizer is None or authorizer.get("type") not in kinds:
        raise GatewayError(
            AUTHORIZER_CONFIGURATION,
            f"the deployment has no authorizer {method.authorizer_id} of the type {' or '.join(kinds)}",
        )
    return authorizer
