"""Documentation of REST APIs: its parts, and the versions that stages show.

moto 5.2.5 has none of it. It has no address for other operations that it does not know either, which are answered with their
names.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from types import SimpleNamespace
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

for _resources in ("restapis", "clientcertificates", "sdktypes"):
    url_paths[f"{{0}}/{_resources}$"] = APIGatewayResponse.dispatch
    url_paths[f"{{0}}/{_resources}/(?P<rest>.+)$"] = APIGatewayResponse.dispatch


class _Documentation(SimpleNamespace):
    """A part or a version, with the members that API Gateway describes it by."""

    def to_json(self) -> dict[str, Any]:
        return vars(self)


def set_parts(api: Any, documentation: Mapping[str, Any], *, keeping: bool) -> list[str]:
    """Replace the parts of an API by those of an OpenAPI document, or add them; returns their ids."""
    parts = [
        _part(part["location"], json.dumps(part["properties"]))
        for part in documentation.get("documentationParts") or ()
    ]
    present = api.documentation_parts if keeping else {}
    api.documentation_parts = {**present, **{part.id: part for part in parts}}
    return [part.id for part in parts]


def _part(location: Mapping[str, str], properties: str) -> _Documentation:
    path = {} if location["type"] in _OF_THE_WHOLE_API else {"path": "/"}
    return _Documentation(id=create_id(), location={**path, **location}, properties=properties)


def _api(response: Any) -> Any:
    return response.backend.get_rest_api(response.uri_match["restapi_id"])


def _answer(kind: str) -> None:
    """Add the operations that describe, list and delete the parts, or the versions, of an API."""
    attribute = f"documentation_{kind}s"

    @replaces(APIGatewayBackend, f"get_documentation_{kind}")
    def find(backend: Any, api_id: str, name: str) -> Any:
        found = getattr(backend.apis.get(api_id), attribute, {}).get(name)
        if found is None:
            raise NotFoundException(f"Invalid Documentation {kind} identifier specified")
        return found

    @replaces(APIGatewayResponse, f"get_documentation_{kind}")
    def describe(response: Any) -> str:
        return json.dumps(find(response.backend, *response.uri_match.values()).to_json())

    @replaces(APIGatewayResponse, f"get_{attribute}")
    def describe_all(response: Any) -> str:
        wanted = {name: response.querystring[name][0] for name in _FILTERS if name in response.querystring}
        every = [one.to_json() for one in list(getattr(_api(response), attribute).values())]
        return json.dumps(
            {"item": [one for one in every if wanted.items() <= one.get("location", {}).items()]}
        )

    @replaces(APIGatewayResponse, f"delete_documentation_{kind}")
    def delete(response: Any) -> str:
        present = getattr(_api(response), attribute)
        find(response.backend, *response.uri_match.values())
        del present[[*response.uri_match.values()][-1]]
        return "{}"

    extends(APIGatewayResponse, f"get_{attribute}")(answer_page)


_answer("part")
_answer("version")


@replaces(APIGatewayResponse)
def _create_documentation_part(response: Any) -> str:
    api, part = _api(response), _part(response._get_param("location"), response._get_param("properties"))
    api.documentation_parts[part.id] = part
    return json.dumps(part.to_json())


@replaces(APIGatewayResponse)
def _create_documentation_version(response: Any) -> str:
    api, given = _api(response), response._get_param
    name = given("documentationVersion")
    if name in api.documentation_versions:
        raise ConflictException("Documentation version already exists")
    if given("stageName"):
        response.backend.get_stage(api.id, given("stageName")).documentation_version = name
    version = _Documentation(version=name, description=given("description"), createdDate=int(time.time()))
    api.documentation_versions[name] = version
    return json.dumps(version.to_json())


@replaces(APIGatewayResponse)
def _import_documentation_parts(response: Any) -> str:
    api = _api(response)
    try:
        documentation = deserialize_body(response.body)[f"{PREFIX}documentation"]
    except Exception:  # noqa: BLE001 - the parser of YAML has errors of its own
        raise BadRequestException("Unable to build importer with provided input.") from None
    keeping = response._get_param("mode", "merge") == "merge"
    return json.dumps({"ids": set_parts(api, documentation, keeping=keeping)})
