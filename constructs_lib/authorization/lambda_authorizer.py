"""Callers that a Lambda function lets in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from cdktf import TerraformResource
from constructs import Construct

from constructs_lib.authorization.authorizer import AuthorizerBackend, check_authorizer_name
from constructs_lib.authorization.cognito_authorizer import MAX_CACHE_TTL_SECONDS
from constructs_lib.checks import check_choice, check_known, check_list, check_pattern, check_range
from constructs_lib.errors import ConflictError, InvalidArgumentError
from constructs_lib.functions.existing_function import ExistingFunction
from constructs_lib.functions.function import Function
from constructs_lib.routes.definitions import MAX_TIMEOUT_MS, AuthorizationDefinition, AuthorizerDefinition
from constructs_lib.stacks import check_same_stack

LambdaAuthorizerKind = Literal["TOKEN", "REQUEST"]
"""Event of the function: the token only, or the request without its body."""

BEARER_TOKEN: Final = r"^Bearer [A-Za-z0-9._~+/-]+=*$"  # noqa: S105 - a pattern
"""Default pattern of a token."""

_PRINCIPAL: Final = "apigateway.amazonaws.com"
_HEADER: Final = "method.request.header."
_SOURCE: Final = r"(method\.request\.(header|querystring)|stageVariables)\.[A-Za-z0-9._$-]+|context\.[A-Za-z][A-Za-z0-9._-]*"


@dataclass(frozen=True, slots=True, kw_only=True)
class LambdaAuthorizer:
    """A Lambda function decides who may call (`aws_api_gateway_authorizer`).

    API Gateway may call the function for this authorizer and nothing else (`aws_lambda_permission`). One may be for
    several methods and APIs, and is made once in each.

    Attributes:
        name: Its name, unique in an API.
        function: What decides. It has to answer within API Gateway's 29 s.
        kind: `TOKEN`: the function gets one header. `REQUEST`: it gets the request without its body. Default:
            `TOKEN`.
        identity_sources: What makes a caller, by API Gateway's name for it: `method.request.header.NAME`,
            `method.request.querystring.NAME`, `stageVariables.NAME` or `context.NAME`. A request without one of
            them is refused unasked. An empty list, for `REQUEST` without a cache, asks the function about every request.
            Default: the header `Authorization`.
        identity_validation: The regular expression that a token must match; others are refused unasked. Only
            for `TOKEN`. Default: a bearer token (`BEARER_TOKEN`).
        cache_ttl_seconds: Seconds for which API Gateway caches a result by identity, 0-3600. The cached
            policy applies to every method, so it must cover the whole stage, and a revoked caller stays
            authorized as long. Default: 0; no cache.

    Raises:
        ConstructError: if an argument is not valid, or AWS would ignore it.

    Example:
        >>> partners = LambdaAuthorizer(name="partners", function=function)
        >>> method = api.root.add_method("GET", LambdaIntegration(function), authorization=partners)
        >>> method.definition.authorization.type
        'CUSTOM'
    """

    name: str
    function: Function | ExistingFunction
    kind: LambdaAuthorizerKind = "TOKEN"
    identity_sources: Sequence[str] = (f"{_HEADER}Authorization",)
    identity_validation: str | None = None
    cache_ttl_seconds: int = 0

    def __post_init__(self) -> None:
        check_authorizer_name("LambdaAuthorizer", self.name)
        where = f"LambdaAuthorizer '{self.name}'"
        if not isinstance(self.function, Function | ExistingFunction):
            raise InvalidArgumentError(
                where,
                f"function is of type {type(self.function).__name__}",
                "pass a Function or an ExistingFunction",
            )
        check_choice(where, "kind", self.kind, LambdaAuthorizerKind)
        self._check_sources(where)
        if self.identity_validation is not None:
            self._check_validation(where, self.identity_validation)
        check_range(where, "cache_ttl_seconds", self.cache_ttl_seconds, 0, MAX_CACHE_TTL_SECONDS)
        timeout_seconds = self.function.timeout_seconds
        if timeout_seconds is not None and timeout_seconds * 1000 >= MAX_TIMEOUT_MS:
            raise ConflictError(
                where,
                f"function '{self.function.function_name}' may run {timeout_seconds} s and API Gateway "
                f"waits {MAX_TIMEOUT_MS // 1000} s for it",
                "lower its timeout_seconds; every request waits for it",
            )

    def definition(self) -> AuthorizationDefinition:
        """Return it as data."""
        return AuthorizationDefinition(type="CUSTOM", authorizer=self.name)

    def authorizer(self, where: str, scope: Construct) -> AuthorizerDefinition:
        """Return the authorizer as data; see `AuthorizerSettings`."""
        check_same_stack(where, scope, self.function)
        if self.function.response_streaming:
            raise ConflictError(
                where,
                f"authorizer '{self.name}' asks a function that streams its response",
                "pass a function without response_streaming",
            )
        self.function._check_permission(where, principal=_PRINCIPAL, source_arn="/authorizers/abc123")
        return AuthorizerDefinition(
            name=self.name,
            type=self.kind,
            targets=(self.function._target,),
            identity_sources=tuple(self.identity_sources),
            identity_validation=(self.identity_validation or BEARER_TOKEN) if self.kind == "TOKEN" else None,
            cache_ttl_seconds=self.cache_ttl_seconds,
        )

    def backend(self) -> AuthorizerBackend:
        """Return the function's alias; see `AuthorizerSettings`."""
        return AuthorizerBackend(uri=self.function._gateway_uri, references=self.function._references)

    def permit(self, scope: Construct, source_arn: str) -> tuple[TerraformResource, ...]:
        """Create the permission; see `AuthorizerSettings`."""
        permission = self.function.add_permission(
            scope, "permission", principal=_PRINCIPAL, source_arn=source_arn
        )
        return () if permission is None else (permission,)

    def _check_sources(self, where: str) -> None:
        sources = self.identity_sources
        check_list(where, "identity_sources", [] if isinstance(sources, str) else sources)
        if isinstance(sources, str):
            raise InvalidArgumentError(
                where, f"identity_sources {sources!r} is not a list", f"pass [{sources!r}]"
            )
        object.__setattr__(self, "identity_sources", tuple(sources))
        if not sources and (self.kind == "TOKEN" or self.cache_ttl_seconds):
            raise InvalidArgumentError(
                where,
                "has no identity_sources"
                + (
                    ", by which answers are cached"
                    if self.kind == "REQUEST"
                    else ", and its token is in none"
                ),
                "name what tells callers apart, such as 'method.request.header.Authorization'"
                + (", or leave cache_ttl_seconds out" if self.kind == "REQUEST" else ""),
            )
        for source in sources:
            check_pattern(
                where,
                "identity_sources",
                source,
                _SOURCE,
                "use 'method.request.header.NAME', 'method.request.querystring.NAME', 'stageVariables.NAME' or "
                "'context.NAME'",
            )
        if len(set(sources)) < len(sources):
            raise ConflictError(where, "identity_sources has a source twice", "remove one of the two")
        if self.kind == "TOKEN" and (len(sources) > 1 or not sources[0].startswith(_HEADER)):
            raise ConflictError(
                where,
                f"kind 'TOKEN' takes one header as its identity, not {', '.join(sources)}",
                f"pass ['{_HEADER}Authorization'], or kind='REQUEST'",
            )

    def _check_validation(self, where: str, pattern: str) -> None:
        if self.kind != "TOKEN":
            raise ConflictError(
                where, f"API Gateway ignores identity_validation of kind '{self.kind}'", "leave it out"
            )
        check_known(where, "identity_validation", pattern)
        try:
            re.compile(pattern)
        except re.error as error:
            raise InvalidArgumentError(
                where, f"identity_validation {pattern!r} is not a regular expression ({error})", "correct it"
            ) from None
