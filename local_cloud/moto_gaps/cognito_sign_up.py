"""Sign-up to a Cognito user pool in which only administrators create users.

moto 5.2.5 lets anyone sign up to it.
"""

from __future__ import annotations

from typing import Any


def apply() -> None:
    """Reject the sign-up."""
    from moto.cognitoidp.exceptions import NotAuthorizedError
    from moto.cognitoidp.models import CognitoIdpBackend

    original = CognitoIdpBackend.sign_up

    def sign_up(backend: Any, client_id: str, *arguments: Any, **options: Any) -> Any:
        for pool in list(backend.user_pools.values()):
            if client_id in pool.clients and _is_admin_only(pool):
                raise NotAuthorizedError("SignUp is not permitted for this user pool")
        return original(backend, client_id, *arguments, **options)

    CognitoIdpBackend.sign_up = sign_up


def _is_admin_only(pool: Any) -> bool:
    settings = (pool.extended_config or {}).get("AdminCreateUserConfig") or {}
    return bool(settings.get("AllowAdminCreateUserOnly"))
