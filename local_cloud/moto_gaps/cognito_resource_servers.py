"""Resource servers of a Cognito user pool, whose scopes an access token carries.

moto 5.2.5 makes and describes them, but has no UpdateResourceServer and no DeleteResourceServer.
"""

from __future__ import annotations

from typing import Any


def apply() -> None:
    """Add the two operations."""
    from moto.cognitoidp.responses import CognitoIdpResponse

    CognitoIdpResponse.update_resource_server = _update
    CognitoIdpResponse.delete_resource_server = _delete


def _update(response: Any) -> Any:
    from moto.core.responses import ActionResult

    server = _found(response)
    server.name = response._get_param("Name")
    server.scopes = response._get_param("Scopes") or []
    return ActionResult({"ResourceServer": server.to_json()})


def _delete(response: Any) -> Any:
    from moto.core.responses import EmptyResult

    server = _found(response)
    pool = response.backend.describe_user_pool(response._get_param("UserPoolId"))
    del pool.resource_servers[server.identifier]
    return EmptyResult()


def _found(response: Any) -> Any:
    pool_id, identifier = response._get_param("UserPoolId"), response._get_param("Identifier")
    return response.backend.describe_resource_server(pool_id, identifier)
