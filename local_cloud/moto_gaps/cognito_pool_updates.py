"""What an update of a Cognito user pool must not change.

moto 5.2.5 forgets at each UpdateUserPool what only CreateUserPool can say (how users are named), so that Terraform plans to
replace the pool, and with it every user. It also forgets tags that the update does not name.
"""

from __future__ import annotations

from typing import Any

_ONLY_AT_CREATION = ("AliasAttributes", "UsernameAttributes", "UsernameConfiguration")
_TAGS = "UserPoolTags"


def apply() -> None:
    """Keep these settings."""
    from moto.cognitoidp.models import CognitoIdpUserPool

    original = CognitoIdpUserPool.update_extended_config

    def update_extended_config(pool: Any, extended_config: dict[str, Any]) -> None:
        before = getattr(pool, "extended_config", None) or {}
        original(pool, extended_config)
        kept = [*_ONLY_AT_CREATION, *(() if extended_config.get(_TAGS) else (_TAGS,))]
        pool.extended_config.update({name: before[name] for name in kept if name in before})

    CognitoIdpUserPool.update_extended_config = update_extended_config
