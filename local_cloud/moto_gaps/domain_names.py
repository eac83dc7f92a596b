"""Custom domain names of API Gateway.

moto 5.2.5 does not find a wildcard name, keeps the base path mappings of a deleted domain name for the next one, makes a
name twice, and drops mutual TLS (rejected here, because it would not be enforced).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from moto.apigateway.exceptions import ConflictException
from moto.apigateway.models import APIGatewayBackend
from moto.apigateway.responses import APIGatewayResponse

from local_cloud.patches import extends

_BY_NAME = (
    "get_domain_name", "delete_domain_name", "create_base_path_mapping", "get_base_path_mapping",
    "get_base_path_mappings", "update_base_path_mapping", "delete_base_path_mapping",
)  # fmt: skip


@extends(APIGatewayResponse)
def _create_domain_name(original: Callable[[Any], Any], response: Any) -> Any:
    if response._get_param("mutualTlsAuthentication"):
        raise NotImplementedError("mutual TLS of a custom domain name (mutualTlsAuthentication)")
    if response._get_param("domainName") in response.backend.domain_names:
        raise ConflictException("The domain name you provided already exists.")
    return original(response)


@extends(APIGatewayBackend)
def _delete_domain_name(original: Callable[..., None], backend: Any, domain_name: str) -> None:
    original(backend, domain_name)
    backend.base_path_mappings.pop(domain_name, None)


@extends(APIGatewayBackend, *_BY_NAME)
def _by_name(
    original: Callable[..., Any], backend: Any, domain_name: str, *arguments: Any, **options: Any
) -> Any:
    """Let a method take the name as it stands in a URL, such as `%2A.example.com`."""
    return original(backend, unquote(domain_name), *arguments, **options)
