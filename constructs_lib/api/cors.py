"""CORS: origins whose web pages may call an API, and the responses to preflight requests."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from constructs_lib.checks import check_choice, check_pattern, check_range
from constructs_lib.errors import ConflictError, InvalidArgumentError, UnsafeSettingError
from constructs_lib.routes.definitions import IntegrationDefinition, ResponseDefinition

CorsMethod = Literal["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"]
"""HTTP methods that a page may use. Preflights need no entry."""

DEFAULT_HEADERS: Final = (
    "Authorization",
    "Content-Type",
    "X-Amz-Content-Sha256",
    "X-Amz-Date",
    "X-Amz-Security-Token",
    "X-Api-Key",
)
"""Default request headers that a page may send: those of API Gateway's authorizations."""

MAX_AGE_SECONDS: Final = 86_400
"""The longest time that a browser keeps the answer to a preflight."""

_WHERE: Final = "Cors"
_HOST: Final = r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:\d{1,5})?"
_ORIGIN: Final = rf"(https?|[a-z][a-z0-9+.-]*-extension)://{_HOST}"
_ON_THIS_MACHINE: Final = r"http://(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?"
_ALLOW_ORIGIN: Final = "Access-Control-Allow-Origin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cors:
    """Cross-origin resource sharing: responses to preflights, and errors that pages can read.

    Every path with a method gets an open OPTIONS method with a mock integration. API Gateway's own errors get
    the headers too. Responses of Lambda functions pass unchanged, so a function must send
    `Access-Control-Allow-Origin` itself.

    Attributes:
        origins: Origins of the pages, exactly as browsers send them, such as `https://shop.example`. `["*"]`
            is any.
        methods: HTTP methods that pages may use. Default: all.
        headers: Request headers that pages may send. Those that the contract of a service names for a route are allowed
            there too. Default: `DEFAULT_HEADERS`.
        max_age_seconds: Seconds for which a browser caches the preflight response, 0-86400. Default: 600.
        allow_credentials: Whether browsers may send cookies and client certificates. Tokens in a header do
            not need it. Default: False.

    Raises:
        UnsafeSettingError: if any origin may send credentials, or an origin is unencrypted and on another machine.
        ConstructError: if an argument is not valid.

    Example:
        >>> cors = Cors(origins=["https://shop.example"], methods=["GET", "POST"])
        >>> api = RestApi(stack, "api", name="shop", cors=cors)
        >>> method = api.root.add_method("GET", LambdaIntegration(function), authorization=Public())
        >>> [route.http_method for route in api.definition.routes]
        ['GET', 'OPTIONS']
    """

    origins: Sequence[str]
    methods: Sequence[CorsMethod] = get_args(CorsMethod)
    headers: Sequence[str] = DEFAULT_HEADERS
    max_age_seconds: int = 600
    allow_credentials: bool = False

    def __post_init__(self) -> None:
        for argument in ("origins", "methods", "headers"):
            values = getattr(self, argument)
            if isinstance(values, str) or (not values and argument != "headers"):
                raise InvalidArgumentError(
                    _WHERE, f"{argument} {values!r} is not a list of strings", "pass at least one"
                )
            if len(set(values)) < len(values):
                raise ConflictError(_WHERE, f"{argument} names something twice", "remove one of the two")
            object.__setattr__(self, argument, tuple(values))
        self._check_origins()
        for method in self.methods:
            check_choice(_WHERE, "methods", method, CorsMethod)
        for header in self.headers:
            check_pattern(
                _WHERE, "headers", header, r"[A-Za-z0-9_-]+", "name each header, such as 'Content-Type'"
            )
        check_range(_WHERE, "max_age_seconds", self.max_age_seconds, 0, MAX_AGE_SECONDS)

    @property
    def preflight(self) -> IntegrationDefinition:
        """Integration that answers preflights, as data."""
        headers = {
            **self._origin_headers,
            "Access-Control-Allow-Methods": f"'{','.join((*self.methods, 'OPTIONS'))}'",
            "Access-Control-Max-Age": f"'{self.max_age_seconds}'",
        }
        if self.headers:
            headers["Access-Control-Allow-Headers"] = f"'{','.join(self.headers)}'"
        return IntegrationDefinition(
            type="MOCK",
            target="preflight",
            http_method="",
            timeout_ms=29_000,
            request_template='{"statusCode":204}',
            response=ResponseDefinition(
                status_code=204, headers=tuple(headers.items()), template=self._template
            ),
        )

    @property
    def error_headers(self) -> dict[str, str]:
        """Headers of API Gateway's own errors, which cannot depend on the request's origin.

        With several origins, any page may read the errors, unless the request had credentials. They contain
        fixed text and the request's id only.
        """
        if len(self.origins) == 1:
            return self._origin_headers
        return {_ALLOW_ORIGIN: "'*'"}

    @property
    def response_headers(self) -> dict[str, str]:
        """Headers of the mapped responses of integrations that are not proxies."""
        return self._origin_headers

    @property
    def response_template(self) -> str | None:
        """Start of the mapping templates of such responses. None if there is one origin."""
        return self._template

    @property
    def _origin_headers(self) -> dict[str, str]:
        headers = {_ALLOW_ORIGIN: f"'{self.origins[0]}'"}
        if self.origins != ("*",):
            headers["Vary"] = "'Origin'"
        if self.allow_credentials:
            headers["Access-Control-Allow-Credentials"] = "'true'"
        return headers

    @property
    def _template(self) -> str | None:
        """Answers with the request's origin if it is one of several; with another, the first one stays."""
        if len(self.origins) == 1:
            return None
        is_allowed = " || ".join(f'$origin == "{origin}"' for origin in self.origins)
        return "\n".join(
            (
                '#set($origin = $input.params().header.get("Origin"))',
                # API Gateway passes an absent header as an empty string, which is true in a condition.
                '#if(!$origin || $origin == "")#set($origin = $input.params().header.get("origin"))#end',
                f"#if({is_allowed})#set($context.responseOverride.header.{_ALLOW_ORIGIN} = $origin)#end",
            )
        )

    def _check_origins(self) -> None:
        if "*" in self.origins:
            if len(self.origins) > 1:
                raise ConflictError(
                    _WHERE, "origins has '*' and others, which '*' covers", "name the origins, or only '*'"
                )
            if self.allow_credentials:
                raise UnsafeSettingError(
                    _WHERE,
                    "origins ['*'] with allow_credentials would let any page act for the user who has it open",
                    "name the origins",
                )
            return
        for origin in self.origins:
            check_pattern(
                _WHERE,
                "origins",
                origin,
                _ORIGIN,
                "write it as browsers send it, without a path, such as 'https://shop.example'",
            )
            if origin != origin.lower():
                raise InvalidArgumentError(
                    _WHERE,
                    f"origins {origin!r} never arrives: browsers send lower case",
                    f"use {origin.lower()!r}",
                )
            if origin.startswith("http:"):
                self._check_unencrypted(origin)

    def _check_unencrypted(self, origin: str) -> None:
        if re.fullmatch(_ON_THIS_MACHINE, origin) is None:
            raise UnsafeSettingError(
                _WHERE,
                f"origins {origin!r} is not encrypted, so an attacker in the network can replace the page",
                f"use 'https:{origin.removeprefix('http:')}'",
            )
