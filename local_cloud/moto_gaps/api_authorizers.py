"""Authorizers: an expression that gets lost, and changes that moto refuses.

moto 5.2.5 misspells the identity validation expression on its way to the authorizer, so that it is dropped, and it
cannot change the user pools of an authorizer.
"""

from __future__ import annotations

from typing import Any

from local_cloud.moto_gaps.json_patch import Patchable, Scalar, apply_patch, integer

_PATCHABLE = Patchable(
    scalars={
        "name": Scalar("name"),
        "type": Scalar("type"),
        "authType": Scalar("auth_type"),
        "authorizerUri": Scalar("authorizer_uri"),
        "authorizerCredentials": Scalar("authorizer_credentials"),
        "authorizerResultTtlInSeconds": Scalar("authorizer_result_ttl", integer, default=300),
        "identitySource": Scalar("identity_source"),
        "identityValidationExpression": Scalar("identity_validation_expression"),
    },
    lists={"providerARNs": Scalar("provider_arns")},
)


def apply() -> None:
    """Keep the expression, and replace the update of authorizers."""
    from moto.apigateway.models import Authorizer

    original = Authorizer.__init__

    def init(authorizer: Any, *arguments: Any, **options: Any) -> None:
        original(authorizer, *arguments, **options)
        expression = options.get("identiy_validation_expression")
        authorizer.identity_validation_expression = authorizer.identity_validation_expression or expression

    def apply_operations(authorizer: Any, patch_operations: list[dict[str, Any]]) -> Any:
        apply_patch(authorizer, _PATCHABLE, patch_operations)
        return authorizer

    Authorizer.__init__ = init
    Authorizer.apply_operations = apply_operations
