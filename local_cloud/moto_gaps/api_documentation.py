"""Documentation of REST APIs: its parts, and the versions that stages show.

moto 5.2.5 has none of it. It has no address for other operations that it does not know either, which are answered with their
names.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from moto.apigateway.exceptions import BadRequestException, ConflictException, NotFoundException
from moto.apigateway.models import APIGatewayBackend
from moto.apigateway.responses import APIGatewayResponse
from moto.apigateway.urls import url_paths
from moto.apigateway.utils import create_id, deserialize_body

from local_cloud.moto_gaps.api_defaults import answer_page
from local_cloud.moto_gaps.openapi_document import PREFIX
from local_cloud.patches import extends, replaces

_FILTERS = ("type", "name", "path")
_OF_THE_WHOLE_API = ("API", "AUTHORIZER", "MODEL")

for _kind in ("restapis", "clientcertificates", "sdktypes"):
    url_paths[f"{{0}}/{_kind}$"] = url_paths[f"{{0}}/{_kind}/(?P<rest>.+)$"] = APIGatewayResponse.dispatch


@dataclass(slots=True)
class DocumentationPart:
    """A part of the documentation of an API, as API Gateway describes it."""

    location: Mapping[str, str]
    properties: str
    id: str = field(default_factory=create_id)

    def to_json(self) -> dict[str, Any]:
        """Describe it."""
        return asdict(self)


@dataclass(slots=True)
class DocumentationVersion:
    """A version of the documentation of an API."""

    version: str
    description: str | None
    created_date: int = field(default_factory=lambda: int(time.time()))

    def to_json(self) -> dict[str, Any]:
        """Describe it."""
        return {"version": self.version, "description": self.description, "createdDate": self.created_date}


def set_parts(api: Any, documentation: Mapping[str, Any], *, keeping: bool) -> list[str]:
    """Replace the parts of an API by those of an OpenAPI document, or add them; returns their ids."""
    parts = [
        _part(part["location"], json.dumps(part["properties"]))
        for part in documentation.get("documentationParts") or ()
    ]
    present = api.documentation_parts if keeping else {}
    api.documentation_parts = {**present, **{part.id: part for part in parts}}
    return [part.id for part in parts]


def _part(location: Mapping[str, str], properties: str) -> DocumentationPart:
    path = {} if location["type"] in _OF_THE_WHOLE_API else {"path": "/"}
    return DocumentationPart({**path, **location}, properties)


def _get_part(backend: Any, api_id: str, part_id: str) -> Any:
    api = backend.apis.get(api_id)
    if api is None or part_id not in api.documentation_parts:
        raise NotFoundException("Invalid Documentation part identifier specified")
    return api.documentation_parts[part_id]


def _get_version(backend: Any, api_id: str, version: str) -> Any:
    versions = backend.get_rest_api(api_id).documentation_versions
    if version not in versions:
        raise NotFoundException("Invalid Documentation version identifier specified")
    return versions[version]


APIGatewayBackend.get_documentation_part = _get_part
APIGatewayBackend.get_documentation_version = _get_version


@replaces(APIGatewayResponse)
def _get_documentation_part(response: Any) -> str:
    return json.dumps(_get_part(response.backend, *response.uri_match.values()).to_json())


@replaces(APIGatewayResponse)
def _get_documentation_version(response: Any) -> str:
    return json.dumps(_get_version(response.backend, *response.uri_match.values()).to_json())


@replaces(APIGatewayResponse)
def _get_documentation_parts(response: Any) -> str:
    wanted = {name: response.querystring[name][0] for name in _FILTERS if name in response.querystring}
    parts = [part.to_json() for part in list(_api(response).documentation_parts.values())]
    return json.dumps({"item": [part for part in parts if wanted.items() <= part["location"].items()]})


@replaces(APIGatewayResponse)
def _get_documentation_versions(response: Any) -> str:
    return json.dumps(
        {"item": [version.to_json() for version in list(_api(response).documentation_versions.values())]}
    )


extends(APIGatewayResponse, "get_documentation_parts", "get_documentation_versions")(answer_page)


@replaces(APIGatewayResponse)
def _create_documentation_part(response: Any) -> str:
    api, part = _api(response), _part(response._get_param("location"), response._get_param("properties"))
    api.documentation_parts[part.id] = part
    return json.dumps(part.to_json())


@replaces(APIGatewayResponse)
def _create_documentation_version(response: Any) -> str:
    api, given = _api(response), response._get_param
    version = DocumentationVersion(given("documentationVersion"), given("description"))
    if version.version in api.documentation_versions:
        raise ConflictException("Documentation version already exists")
    if given("stageName"):
        response.backend.get_stage(api.id, given("stageName")).documentation_version = version.version
    api.documentation_versions[version.version] = version
    return json.dumps(version.to_json())


@replaces(APIGatewayResponse)
def _delete_documentation_part(response: Any) -> str:
    part = _get_part(response.backend, _api(response).id, response.uri_match["part_id"])
    del _api(response).documentation_parts[part.id]
    return "{}"


@replaces(APIGatewayResponse)
def _delete_documentation_version(response: Any) -> str:
    version = _get_version(response.backend, *response.uri_match.values())
    del _api(response).documentation_versions[version.version]
    return "{}"


@replaces(APIGatewayResponse)
def _import_documentation_parts(response: Any) -> str:
    api = _api(response)
    try:
        documentation = deserialize_body(response.body)[f"{PREFIX}documentation"]
    except Exception:  # noqa: BLE001 - the parser of YAML has errors of its own
        raise BadRequestException("Unable to build importer with provided input.") from None
    keeping = response._get_param("mode", "merge") == "merge"
    return json.dumps({"ids": set_parts(api, documentation, keeping=keeping)})


def _api(response: Any) -> Any:
    return response.backend.get_rest_api(response.uri_match["restapi_id"])
