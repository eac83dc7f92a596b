"""Parameters of the requests that API Gateway sends: variables of the route's path, and headers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from constructs_lib.checks import check_mapping, check_pattern
from constructs_lib.errors import InvalidArgumentError, UnsafeSettingError
from constructs_lib.functions.plaintext_secrets import find_secret
from constructs_lib.templates import without_references

_VARIABLE: Final = re.compile(r"(?<!\$)\{([A-Za-z0-9._-]+)\+?\}")
_SOURCE: Final = r"'[^']*'|method\.request\.(header|path|querystring)\.[A-Za-z0-9._$-]+|stageVariables\.\w+|context\.[\w.]+"


def request_parameters(
    where: str, argument: str, target: str, route_path: str, headers: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    """Return the parameters of a request, by API Gateway's names.

    Args:
        where: The route, for errors.
        argument: The name of the argument that has the target.
        target: URL or path with variables such as `{id}`, which are filled with those of the route's path.
        route_path: Path of the route.
        headers: Sources of headers by their names.

    Raises:
        InvalidArgumentError: A variable of the target is not one of the route's path.
    """
    path_variables = _VARIABLE.findall(route_path)
    variables = dict.fromkeys(_VARIABLE.findall(without_references(target)))
    for name in variables:
        if name not in path_variables:
            raise InvalidArgumentError(
                where,
                f"{argument} has {{{name}}}, which is not a variable of '{route_path}'",
                f"use {', '.join(f'{{{one}}}' for one in path_variables)}"
                if path_variables
                else "write the path out",
            )
    parameters = {f"integration.request.path.{name}": f"method.request.path.{name}" for name in variables}
    parameters |= {f"integration.request.header.{name}": source for name, source in headers.items()}
    return tuple(parameters.items())


def check_headers(where: str, headers: Mapping[str, str] | None) -> None:
    """Check the sources of headers.

    Raises:
        ConstructError: A name or a source is not valid, or a header holds a secret.
    """
    check_mapping(where, "headers", headers)
    for name, source in (headers or {}).items():
        _check_header(where, name, source)


def _check_header(where: str, name: str, source: str) -> None:
    check_pattern(where, "the name of a header", name, r"[A-Za-z0-9_-]+", "use letters, digits, '-' and '_'")
    check_pattern(
        where,
        f"header {name}:",
        source,
        _SOURCE,
        "write text in single quotes, or a source such as 'method.request.header.Accept' or 'context.requestId'",
    )
    secret = find_secret(source.strip("'"))
    if secret is not None:
        raise UnsafeSettingError(
            where,
            f"header {name} holds {secret} in plain text",
            "API Gateway reads no secrets: pass client_certificate=True to the Stage, or put a function in between",
        )
