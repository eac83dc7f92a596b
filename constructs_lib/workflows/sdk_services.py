"""IAM prefixes of the services that Step Functions calls."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

_SERVICES: Final = Path(__file__).with_name("sdk_services.json")

_OPTIMIZED: Final[Mapping[str, Sequence[str]]] = {
    "apigateway": ["execute-api"],
    "eks": [],
    "http": ["states"],
}
"""IAM prefixes of integrations that differ from the service's name. Kubernetes authorizes the calls of `eks`."""


def iam_prefixes(service: str) -> Sequence[str]:
    """Return the IAM prefixes of the service of a Task's `Resource`, of which one must be allowed.

    The names of SDK integrations are a snapshot (`sdk_services.json`).

    Args:
        service: Part before the action, such as `sqs` or `aws-sdk:sesv2`.

    Returns:
        The prefixes. Empty for a service that is not known, or that IAM does not authorize.
    """
    name = service.removeprefix("aws-sdk:")
    if name == service and name in _OPTIMIZED:
        return _OPTIMIZED[name]
    if name == service and name in _prefixes():
        return [name]
    return _sdk_services().get(name, ())


@cache
def _prefixes() -> frozenset[str]:
    return frozenset(prefix for prefixes in _sdk_services().values() for prefix in prefixes)


@cache
def _sdk_services() -> Mapping[str, Sequence[str]]:
    names: Mapping[str, Sequence[str]] = json.loads(_SERVICES.read_text(encoding="utf-8"))["names"]
    return names
