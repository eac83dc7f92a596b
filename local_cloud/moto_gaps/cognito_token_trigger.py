"""Pre token generation trigger of a Cognito user pool: a function that adds claims to ID tokens, or removes them.

moto 5.2.5 stores the trigger and never invokes it. Event version V1_0 is implemented. Other versions and a change of the
user's groups are answered with 501. Cognito's limit of 5 seconds does not apply here, as a first start may take longer.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.models import lambda_backends
from moto.cognitoidp.models import CognitoIdpBackend, CognitoIdpUserPool
from moto.core.exceptions import JsonRESTError

from local_cloud.gateway.deployed import function_policy
from local_cloud.iam.resource_policies import allows_service
from local_cloud.patches import extends

_SERVICE = "cognito-idp.amazonaws.com"
_TRIGGER = "PreTokenGeneration"
_DETAILS = "claimsOverrideDetails"
_GROUPS = "groupOverrideDetails"
_ACCESS_DENIED = "AccessDeniedException"
_SOURCES = {
    "REFRESH_TOKEN": "RefreshTokens",
    "REFRESH_TOKEN_AUTH": "RefreshTokens",
    "NEW_PASSWORD_REQUIRED": "NewPasswordChallenge",
}
_READ_ONLY = frozenset(
    {
        *("acr", "amr", "at_hash", "aud", "auth_time", "azp", "cognito:username", "exp", "iat", "identities"),
        *("iss", "jti", "nbf", "nonce", "origin_jti", "sub", "token_use"),
    }
)
"""Claims that no trigger changes, as Cognito's documentation lists them."""

_source: ContextVar[str] = ContextVar("trigger_source", default="TokenGeneration_Authentication")


@extends(CognitoIdpUserPool)
def _create_id_token(
    original: Callable[..., tuple[str, int]], pool: Any, client_id: str, username: str, origin_jti: str
) -> tuple[str, int]:
    function_arn = _function_arn(pool)
    if function_arn is None:
        return original(pool, client_id, username, origin_jti)
    details = _invoke(function_arn, pool.arn, _event(pool, client_id, username))
    token, seconds = original(pool, client_id, username, origin_jti)
    changed = _with_claims(token, details, pool.json_web_key)
    pool.id_tokens[changed] = pool.id_tokens.pop(token)
    return changed, seconds


@extends(CognitoIdpBackend, "initiate_auth", "admin_initiate_auth", "respond_to_auth_challenge")
def _note_source(original: Callable[..., Any], backend: Any, *arguments: Any) -> Any:
    """Note what a token is made for, by the flow or challenge that is among the arguments."""
    found = next(
        (_SOURCES[given] for given in arguments if isinstance(given, str) and given in _SOURCES), None
    )
    noted = _source.set(f"TokenGeneration_{found or 'Authentication'}")
    try:
        return original(backend, *arguments)
    finally:
        _source.reset(noted)


def _function_arn(pool: Any) -> str | None:
    """Return the function of a pool's trigger; None for no trigger."""
    triggers = (pool.extended_config or {}).get("LambdaConfig") or {}
    versioned = triggers.get(f"{_TRIGGER}Config") or {}
    if (version := versioned.get("LambdaVersion", "V1_0")) != "V1_0":
        raise NotImplementedError(f"pre token generation events of version {version}; use V1_0")
    function_arn = versioned.get("LambdaArn") or triggers.get(_TRIGGER)
    return None if function_arn is None else str(function_arn)


def _event(pool: Any, client_id: str, username: str) -> dict[str, Any]:
    user = pool._get_user(username)
    groups = {
        "groupsToOverride": sorted(group.group_name for group in user.groups),
        "iamRolesToOverride": sorted(group.role_arn for group in user.groups if group.role_arn),
        "preferredRole": None,
    }
    attributes = {entry["Name"]: entry["Value"] for entry in user.attributes}
    return {
        "version": "1",
        "triggerSource": _source.get(),
        "region": pool.region,
        "userPoolId": pool.id,
        "userName": user.username,
        "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": client_id},
        "request": {
            "userAttributes": {
                **attributes,
                "cognito:user_status": str(getattr(user.status, "value", user.status)),
            },
            "groupConfiguration": groups,
        },
        "response": {_DETAILS: None},
    }


def _invoke(function_arn: str, pool_arn: str, event: dict[str, Any]) -> dict[str, Any]:
    """Invoke the trigger; returns the claims that it changes."""
    _, _, _, region, account_id, *_ = function_arn.split(":")
    allowed = allows_service(
        function_policy(function_arn),
        service=_SERVICE,
        action="lambda:InvokeFunction",
        resource=function_arn,
        source=pool_arn,
        account_id=pool_arn.split(":")[4],
    )
    if not allowed:
        raise _unexpected(_ACCESS_DENIED)
    headers: dict[str, str] = {}
    try:
        payload = lambda_backends[account_id][region].invoke(
            function_arn, None, json.dumps(event), {}, headers
        )
    except LambdaClientError as error:
        raise _unexpected(str(error.error_type)) from None
    if "x-amz-function-error" in headers:
        message = json.loads(payload).get("errorMessage")
        raise _error("UserLambdaValidationException", f"{_TRIGGER} failed with error {message}.")
    return _details(payload, event)


def _details(payload: bytes, event: dict[str, Any]) -> dict[str, Any]:
    """Read what the trigger returned."""
    try:
        content = json.loads(payload)
    except ValueError:
        raise _invalid("Invalid lambda function output : Invalid JSON") from None
    response = content.get("response") if isinstance(content, dict) else None
    details = response.get(_DETAILS) if isinstance(response, dict) else None
    if not isinstance(response, dict) or not isinstance(details, dict | None):
        raise _invalid("Unrecognizable lambda output")
    details = details or {}
    added, suppressed = details.get("claimsToAddOrOverride") or {}, details.get("claimsToSuppress") or []
    if not _are_texts(added.items() if isinstance(added, dict) else [(added,)]):
        raise _invalid("Unrecognizable lambda output")
    if not isinstance(suppressed, list) or not _are_texts([suppressed]):
        raise _invalid("Unrecognizable lambda output")
    if details.get(_GROUPS, event["request"]["groupConfiguration"]) != event["request"]["groupConfiguration"]:
        raise NotImplementedError(f"a pre token generation trigger that changes {_GROUPS}")
    return {"added": added, "suppressed": suppressed}


def _are_texts(rows: Any) -> bool:
    return all(isinstance(value, str) for row in rows for value in row)


def _with_claims(token: str, details: dict[str, Any], key: Any) -> str:
    """Return a token with the claims of the trigger; one that is both added and suppressed is suppressed."""
    from joserfc import jwt

    header, payload = (json.loads(_decoded(part)) for part in token.split(".")[:2])
    added = {name: value for name, value in details["added"].items() if _may_change(name)}
    suppressed = {name for name in details["suppressed"] if _may_change(name)}
    claims = {name: value for name, value in {**payload, **added}.items() if name not in suppressed}
    return str(jwt.encode(header, claims, key))


def _may_change(claim: str) -> bool:
    return claim not in _READ_ONLY and not claim.startswith("dev:")


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _unexpected(code: str) -> Exception:
    return _error("UnexpectedLambdaException", f"{_TRIGGER} invocation failed due to error {code}.")


def _invalid(message: str) -> Exception:
    return _error("InvalidLambdaResponseException", message)


def _error(code: str, message: str) -> Exception:
    error: Exception = JsonRESTError(code, message)
    return error
