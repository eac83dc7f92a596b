"""Cognito user pools: what an update must not change, tags, resource servers, and sign-up.

moto 5.2.5 drops at each UpdateUserPool the tags that the update does not name, and what only CreateUserPool can set (how
users are named). Terraform then plans to replace the pool with every user. It has no operations on tags, no
UpdateResourceServer and no DeleteResourceServer. It lets anyone sign up where only administrators create users.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.cognitoidp.exceptions import NotAuthorizedError
from moto.cognitoidp.models import CognitoIdpBackend, CognitoIdpUserPool
from moto.cognitoidp.responses import CognitoIdpResponse
from moto.core.responses import ActionResult, EmptyResult

from local_cloud.patches import checks, extends, replaces

_ONLY_AT_CREATION = ("AliasAttributes", "UsernameAttributes", "UsernameConfiguration")
_TAGS = "UserPoolTags"


@extends(CognitoIdpUserPool)
def _update_extended_config(
    original: Callable[..., None], pool: Any, extended_config: dict[str, Any]
) -> None:
    before = getattr(pool, "extended_config", None) or {}
    original(pool, extended_config)
    unchanged = [*_ONLY_AT_CREATION, *(() if extended_config.get(_TAGS) else (_TAGS,))]
    pool.extended_config.update({name: before[name] for name in unchanged if name in before})


@checks(CognitoIdpBackend, "sign_up")
def _check_sign_up(backend: Any, client_id: str, *_: Any, **__: Any) -> None:
    for pool in list(backend.user_pools.values()):
        if client_id in pool.clients and _is_admin_only(pool):
            raise NotAuthorizedError("SignUp is not permitted for this user pool")


def _is_admin_only(pool: Any) -> bool:
    settings = (pool.extended_config or {}).get("AdminCreateUserConfig") or {}
    return bool(settings.get("AllowAdminCreateUserOnly"))


@replaces(CognitoIdpResponse)
def _tag_resource(response: Any) -> Any:
    settings = _pool_settings(response)
    settings[_TAGS] = {**(settings.get(_TAGS) or {}), **response._get_param("Tags")}
    return EmptyResult()


@replaces(CognitoIdpResponse)
def _untag_resource(response: Any) -> Any:
    settings, gone = _pool_settings(response), response._get_param("TagKeys")
    settings[_TAGS] = {key: value for key, value in (settings.get(_TAGS) or {}).items() if key not in gone}
    return EmptyResult()


@replaces(CognitoIdpResponse)
def _list_tags_for_resource(response: Any) -> Any:
    return ActionResult({"Tags": _pool_settings(response).get(_TAGS) or {}})


def _pool_settings(response: Any) -> Any:
    """Return the settings of the pool that an ARN names, in which its tags are."""
    arn = response._get_param("ResourceArn")
    return response.backend.describe_user_pool(arn.rpartition("/")[2]).extended_config


@replaces(CognitoIdpResponse)
def _update_resource_server(response: Any) -> Any:
    server = _server(response)
    server.name = response._get_param("Name")
    server.scopes = response._get_param("Scopes") or []
    return ActionResult({"ResourceServer": server.to_json()})


@replaces(CognitoIdpResponse)
def _delete_resource_server(response: Any) -> Any:
    server = _server(response)
    pool = response.backend.describe_user_pool(response._get_param("UserPoolId"))
    del pool.resource_servers[server.identifier]
    return EmptyResult()


def _server(response: Any) -> Any:
    pool_id, identifier = response._get_param("UserPoolId"), response._get_param("Identifier")
    return response.backend.describe_resource_server(pool_id, identifier)
