"""Custom domain names: which API and stage a request to one of them is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from local_cloud.moto_backends import every

_ROOT = "(none)"


@dataclass(frozen=True, slots=True)
class MappedRequest:
    """API, stage and path of a request to a custom domain name.

    Attributes:
        base_path: What of the path is the mapping's, with a slash before it; empty for the root.
        path: The escaped path below the stage.
    """

    api_id: str
    stage: str
    base_path: str
    path: str


def is_custom_domain(host: str) -> bool:
    """Return whether a host name is a custom domain name."""
    return _backend_of(host) is not None


def map_request(host: str, path: str) -> MappedRequest | None:
    """Find the API for a path of a custom domain name; None if no base path of it matches.

    The longest base path wins. A mapping without a stage takes it from the path.
    """
    backend = _backend_of(host)
    if backend is None:
        return None
    mappings = backend.base_path_mappings.get(_name_in(backend, host)) or {}
    segments = path.lstrip("/").split("/")
    for length in range(len(segments), -1, -1):
        base = "/".join(segments[:length])
        mapping = mappings.get(base or _ROOT)
        if mapping is None:
            continue
        base_path, rest, stage = f"/{base}" if base else "", segments[length:], mapping.stage
        if not stage:
            stage, rest = (rest[0], rest[1:]) if rest else ("", [])
            base_path = f"{base_path}/{stage}"
        return MappedRequest(mapping.rest_api_id, stage, base_path, "/" + "/".join(rest))
    return None


def _backend_of(host: str) -> Any:
    from moto.apigateway.models import apigateway_backends

    return next(
        (backend for backend in every(apigateway_backends) if _name_in(backend, host) is not None), None
    )


def _name_in(backend: Any, host: str) -> str | None:
    """Return a backend's own name for a host: the same, or `*.example.com` for one of its children."""
    wanted = host.lower()
    if wanted in backend.domain_names:
        return wanted
    wildcard = f"*.{wanted.partition('.')[2]}"
    return wildcard if wildcard in backend.domain_names else None
