"""Tags of a Cognito user pool.

moto 5.2.5 keeps the tags that a pool is made with, but has no operation to read, add or remove them.
"""

from __future__ import annotations

from typing import Any

_TAGS = "UserPoolTags"


def apply() -> None:
    """Add the three operations."""
    from moto.cognitoidp.responses import CognitoIdpResponse

    CognitoIdpResponse.tag_resource = _tag
    CognitoIdpResponse.untag_resource = _untag
    CognitoIdpResponse.list_tags_for_resource = _list


def _tag(response: Any) -> Any:
    from moto.core.responses import EmptyResult

    settings = _settings(response)
    settings[_TAGS] = {**(settings.get(_TAGS) or {}), **response._get_param("Tags")}
    return EmptyResult()


def _untag(response: Any) -> Any:
    from moto.core.responses import EmptyResult

    settings, gone = _settings(response), response._get_param("TagKeys")
    settings[_TAGS] = {key: value for key, value in (settings.get(_TAGS) or {}).items() if key not in gone}
    return EmptyResult()


def _list(response: Any) -> Any:
    from moto.core.responses import ActionResult

    return ActionResult({"Tags": _settings(response).get(_TAGS) or {}})


def _settings(response: Any) -> Any:
    """Return the settings of the pool that an ARN names, in which its tags are."""
    arn = response._get_param("ResourceArn")
    return response.backend.describe_user_pool(arn.rpartition("/")[2]).extended_config
