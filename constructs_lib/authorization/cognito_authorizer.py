"""Callers that have a token of a Cognito user pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, runtime_checkable

from cdktf import TerraformResource
from constructs import Construct, Node

from constructs_lib.authorization.authorizer import AuthorizerBackend, check_authorizer_name
from constructs_lib.checks import check_list, check_pattern, check_range, path_of
from constructs_lib.errors import ConflictError, InvalidArgumentError
from constructs_lib.references import expression_of
from constructs_lib.routes.definitions import AuthorizationDefinition, AuthorizerDefinition
from constructs_lib.stacks import check_same_stack
from constructs_lib.templates import has_reference

MAX_CACHE_TTL_SECONDS: Final = 3600
"""API Gateway's longest time for an authorizer's cached answer."""

_WHERE: Final = "CognitoAuthorizer"
_USER_POOL_ARN: Final = r"arn:aws[a-z-]*:cognito-idp:[a-z0-9-]+:\d{12}:userpool/[A-Za-z0-9-]+_[A-Za-z0-9]+"


@runtime_checkable
class AnyUserPool(Protocol):
    """A Cognito user pool in the stack: a `UserPool`, or an `aws_cognito_user_pool`."""

    @property
    def arn(self) -> str:
        """ARN; a reference."""

    @property
    def node(self) -> Node:
        """Node in the construct tree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CognitoAuthorizer:
    """Callers show a token of a Cognito user pool, which API Gateway verifies (`aws_api_gateway_authorizer`).

    Without scopes, API Gateway takes ID tokens; with scopes, access tokens that have one of them. One may be for
    several methods and APIs, and is made once in each.

    Attributes:
        name: Its name, unique in an API.
        user_pools: The user pools, one to 1000: resources of the stack, or ARNs of pools made elsewhere, which may be
            references to attributes, or one to a list of ARNs.
        scopes: The OAuth scopes of which a caller needs one. Default: none; see `with_scopes`.
        identity_header: The request's header that has the token. Default: `Authorization`.
        cache_ttl_seconds: How long API Gateway trusts a token that it verified, 0 to 3600; a token that was
            revoked stays good as long. Default: each request is verified.

    Raises:
        ConstructError: if an argument is not valid.

    Example:
        >>> staff = CognitoAuthorizer(
        ...     name="staff",
        ...     user_pools=["arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_Staff"],
        ... )
        >>> writer = staff.with_scopes("orders/write")
        >>> method = api.root.add_method("POST", LambdaIntegration(function), authorization=writer)
        >>> writer.definition().scopes
        ('orders/write',)
    """

    name: str
    user_pools: Sequence[AnyUserPool | str]
    scopes: Sequence[str] = ()
    identity_header: str = "Authorization"
    cache_ttl_seconds: int = 0

    def __post_init__(self) -> None:
        check_authorizer_name(_WHERE, self.name)
        where = f"{_WHERE} '{self.name}'"
        for argument, values in (("user_pools", self.user_pools), ("scopes", self.scopes)):
            if isinstance(values, str):
                raise InvalidArgumentError(
                    where, f"{argument} {values!r} is not a list", f"pass [{values!r}]"
                )
            check_list(where, argument, values)
            object.__setattr__(self, argument, tuple(values))
        check_range(where, "the number of user_pools", len(self.user_pools), 1, 1000)
        for pool in self.user_pools:
            if isinstance(pool, str) and has_reference(pool):
                continue
            if isinstance(pool, str):
                check_pattern(
                    where,
                    "user_pools",
                    pool,
                    _USER_POOL_ARN,
                    "pass the UserPool, or an ARN such as "
                    "'arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_Ab1'",
                )
            elif not isinstance(pool, AnyUserPool):
                raise InvalidArgumentError(
                    where,
                    f"user_pools has a {type(pool).__name__}",
                    "pass a UserPool, or its ARN",
                )
        if len(set(map(_target, self.user_pools))) < len(self.user_pools):
            raise ConflictError(where, "user_pools has a pool twice", "remove one of the two")
        for scope in self.scopes:
            check_pattern(
                where, "scopes", scope, r"[!#-\[\]-~]{1,256}", "use OAuth scopes, such as 'orders/read'"
            )
        check_header(where, "identity_header", self.identity_header)
        check_range(where, "cache_ttl_seconds", self.cache_ttl_seconds, 0, MAX_CACHE_TTL_SECONDS)

    def with_scopes(self, *scopes: str) -> CognitoAuthorizer:
        """Return the same authorizer for callers whose access token has one of these scopes."""
        return replace(self, scopes=scopes)

    def definition(self) -> AuthorizationDefinition:
        """Return it as data."""
        return AuthorizationDefinition(
            type="COGNITO_USER_POOLS", authorizer=self.name, scopes=tuple(self.scopes)
        )

    def authorizer(self, where: str, scope: Construct) -> AuthorizerDefinition:
        """Return the authorizer as data; see `AuthorizerSettings`."""
        for pool in self.user_pools:
            if isinstance(pool, Construct):
                check_same_stack(where, scope, pool)
        return AuthorizerDefinition(
            name=self.name,
            type="COGNITO_USER_POOLS",
            targets=tuple(expression_of(_target(pool), scope) for pool in self.user_pools),
            identity_sources=(f"method.request.header.{self.identity_header}",),
            cache_ttl_seconds=self.cache_ttl_seconds,
        )

    def backend(self) -> AuthorizerBackend:
        """Return the pools; see `AuthorizerSettings`."""
        arns = (pool if isinstance(pool, str) else pool.arn for pool in self.user_pools)
        found = (getattr(pool, "resource", pool) for pool in self.user_pools)
        origins = tuple(pool for pool in found if isinstance(pool, TerraformResource))
        references = tuple(pool for pool in self.user_pools if isinstance(pool, str) and has_reference(pool))
        return AuthorizerBackend(provider_arns=tuple(arns), origins=origins, references=references)

    def permit(self, scope: Construct, source_arn: str) -> tuple[TerraformResource, ...]:  # noqa: ARG002
        """Make nothing: API Gateway verifies tokens by the keys that Cognito publishes."""
        return ()


def check_header(where: str, argument: str, value: object) -> None:
    """Check the name of a header.

    Raises:
        InvalidArgumentError: if it is not valid.
    """
    check_pattern(where, argument, value, r"[A-Za-z0-9_-]+", "use a header's name, such as 'Authorization'")


def _target(pool: AnyUserPool | str) -> str:
    return pool if isinstance(pool, str) else f"cognito:{path_of(pool)}"
