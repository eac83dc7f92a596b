"""Integration of a method with a web server."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Final

from constructs import Construct

from constructs_lib.api.integration import Backend, Caller
from constructs_lib.api.mapped_responses import DEFAULT_STATUSES, check_statuses, mapped_responses
from constructs_lib.api.request_parameters import check_headers, request_parameters
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import check_choice, check_range, check_type
from constructs_lib.errors import ConflictError, InvalidArgumentError
from constructs_lib.references import expression_of
from constructs_lib.routes.definitions import MAX_TIMEOUT_MS, HttpMethod, IntegrationDefinition
from constructs_lib.templates import escaped, has_reference

_WHERE: Final = "HttpIntegration"
_URL: Final = r"https?://[^/?#\s]+(/[^?#\s]*)?"
_HOST: Final = re.compile(r"https?://(\[[^\]]*\]|[^/:]*)")


class HttpIntegration:
    """Pass requests to a web server (`HTTP_PROXY`), or map its answers (`HTTP`).

    Variables of the URL are filled with those of the route's path: with the route `/orders/{id}`, `{id}` in the URL is the
    same value. `${stageVariables.host}` is a variable of the stage.

    As a proxy, the server gets headers, query and body as they are, and answers CORS headers itself. With `proxy=False`,
    API Gateway maps the status by `statuses` and passes the body on.

    API Gateway calls public addresses. It cannot read a secret of Secrets Manager for a header: protect the server by
    `client_certificate=True` of the `Stage`, or put a function in between.

    Args:
        url: URL of the server, without a query. It may hold references, such as the DNS name of a load balancer.
        proxy: Whether requests and answers pass unchanged. Default: True.
        http_method: HTTP method of the request to the server. Default: that of the route.
        headers: Values of the headers that the server gets besides, by their names: text in single quotes, or where the value
            comes from, such as `method.request.header.Accept` or `context.requestId`. Not for secrets. Default: none.
        statuses: With `proxy=False`, the pattern of the server's statuses by the status of the answer; None for all others.
            Default: 400 for 4xx, 502 for 5xx, 200 for all others.
        timeout_ms: Timeout in milliseconds, 50-29000. Default: 29000.

    Raises:
        ConstructError: An argument is not valid, or API Gateway cannot reach the URL.

    Example:
        >>> orders = HttpIntegration("https://orders.shop.example/v1/orders/{id}")
        >>> method = api.resource_for("/orders/{id}").add_method("GET", orders, authorization=Public())
        >>> method.definition.request_parameters
        (('method.request.path.id', True),)
    """

    def __init__(
        self,
        url: str,
        *,
        proxy: bool = True,
        http_method: HttpMethod | None = None,
        headers: Mapping[str, str] | None = None,
        statuses: Mapping[int, str | None] | None = None,
        timeout_ms: int = MAX_TIMEOUT_MS,
    ) -> None:
        _check_url(url)
        check_range(_WHERE, "timeout_ms", timeout_ms, 50, MAX_TIMEOUT_MS)
        if http_method is not None:
            check_choice(_WHERE, "http_method", http_method, HttpMethod)
        check_headers(_WHERE, headers)
        if proxy and statuses is not None:
            raise ConflictError(
                _WHERE, "a proxy passes statuses on", "leave statuses out, or pass proxy=False"
            )
        self._statuses = DEFAULT_STATUSES if statuses is None else dict(statuses)
        check_statuses(_WHERE, self._statuses)
        self._url = url
        self._proxy = proxy
        self._http_method = http_method
        self._headers = dict(headers or {})
        self._timeout_ms = timeout_ms

    @property
    def url(self) -> str:
        """URL of the server."""
        return self._url

    @property
    def timeout_ms(self) -> int:
        """Timeout in milliseconds."""
        return self._timeout_ms

    @property
    def max_body_bytes(self) -> int | None:
        """See `Integration`."""
        return None

    def definition(self, where: str, scope: Construct, caller: Caller) -> IntegrationDefinition:
        """Return it as data; see `Integration`."""
        _check_reachable(where, self._url, AwsStack.of(scope))
        first, further = (None, ()) if self._proxy else mapped_responses(scope, self._statuses, {})
        return IntegrationDefinition(
            type="HTTP_PROXY" if self._proxy else "HTTP",
            target=expression_of(self._url, scope),
            http_method=self._http_method or caller.http_method,
            timeout_ms=self._timeout_ms,
            request_parameters=request_parameters(where, "url", self._url, caller.path, self._headers),
            response=first,
            further_responses=further,
        )

    def bind(self, scope: Construct, caller: Caller) -> Backend:  # noqa: ARG002
        """Create nothing; see `Integration`."""
        references = (self._url,) if has_reference(self._url) else ()
        return Backend(uri=escaped(self._url), references=references)


def _check_url(url: str) -> None:
    check_type(_WHERE, "url", url, str, remedy="pass a URL, such as 'https://orders.shop.example/orders'")
    if re.fullmatch(_URL, url) is None:
        raise InvalidArgumentError(
            _WHERE,
            f"url {url!r} is not valid",
            "write it as 'https://HOST/PATH', without a query: API Gateway passes the query of the request on",
        )


def _check_reachable(where: str, url: str, stack: AwsStack) -> None:
    """Check that the host is not private; the local cloud calls this machine."""
    environment = stack.environment
    found = _HOST.match(url)
    host = "" if found is None else found[1].strip("[]").lower()
    if environment is not None and environment.is_local:
        return
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")) or _is_private(host):
        raise ConflictError(
            where,
            f"url '{url}' is at the private address '{host}', which API Gateway does not reach",
            "use a public address; in the local cloud (ENVIRONMENT=local), addresses of this machine work",
        )


def _is_private(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False
