"""Table of a REST API's routes in Markdown, for reviews of a deployment. This module imports no bindings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from constructs_lib.api.openapi_document import DocumentedRoute
from constructs_lib.routes.definitions import ApiDefinition, AuthorizerDefinition, RouteDefinition

COLUMNS: Final = ("Method", "Path", "Callers", "Service", "Largest body", "Timeout", "Summary")

_NOT_SET: Final = "-"


def routes_document(
    definition: ApiDefinition,
    *,
    name: str,
    documentation: Mapping[tuple[str, str], DocumentedRoute],
    stages: Sequence[str],
) -> str:
    """Return the table, sorted by path and method, without the preflights of CORS.

    Args:
        definition: The API.
        name: Its name.
        documentation: The documentation of the routes, by their keys.
        stages: A sentence on each stage.
    """
    rows = [COLUMNS, ("---",) * len(COLUMNS), *_rows(definition, documentation)]
    table = "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)
    return "\n\n".join([f"# Routes of {name}", *stages, f"{table}\n"])


def _rows(
    definition: ApiDefinition, documentation: Mapping[tuple[str, str], DocumentedRoute]
) -> Iterator[tuple[str, ...]]:
    authorizers = {one.name: one for one in definition.authorizers}
    for route in definition.routes:
        if route.integration.target == "preflight":
            continue
        documented = documentation.get(route.key, DocumentedRoute()).documentation
        yield (
            route.http_method,
            f"`{route.path}`",
            _callers(route, authorizers, sends_key=not definition.authorizers_name_keys),
            documented.tag or f"`{route.integration.target}`",
            _NOT_SET if documented.max_body_bytes is None else f"{documented.max_body_bytes:,} bytes",
            f"{route.integration.timeout_ms / 1000:g} s",
            documented.summary or _NOT_SET,
        )


def _callers(
    route: RouteDefinition, authorizers: Mapping[str, AuthorizerDefinition], *, sends_key: bool
) -> str:
    name = route.authorization.authorizer
    if name is not None:
        callers = f"{name} ({_kind(authorizers[name])})"
    else:
        callers = "IAM (SigV4)" if route.authorization.type == "AWS_IAM" else "anyone"
    return f"{callers}, API key" if route.api_key_required and sends_key else callers


def _kind(authorizer: AuthorizerDefinition) -> str:
    return "Cognito" if authorizer.type == "COGNITO_USER_POOLS" else "Lambda authorizer"
