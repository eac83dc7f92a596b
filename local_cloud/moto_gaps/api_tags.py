"""Tags of everything in API Gateway.

moto 5.2.5 tags stages only: it has no address for the tags of a REST API, an API key, a usage plan or a domain name.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from moto.apigateway.exceptions import NotFoundException
from moto.apigateway.responses import APIGatewayResponse
from moto.apigateway.urls import url_paths

from local_cloud.patches import replaces

url_paths["{0}/tags/(?P<resource_arn>.+)$"] = APIGatewayResponse.dispatch


@replaces(APIGatewayResponse)
def _get_tags(response: Any) -> str:
    return json.dumps({"tags": _tagged(response).tags or {}})


@replaces(APIGatewayResponse)
def _tag_resource(response: Any) -> tuple[int, dict[str, int], str]:
    resource = _tagged(response)
    resource.tags = {**(resource.tags or {}), **(response._get_param("tags") or {})}
    return 204, {"status": 204}, ""


@replaces(APIGatewayResponse)
def _untag_resource(response: Any) -> tuple[int, dict[str, int], str]:
    resource = _tagged(response)
    removed = response.querystring.get("tagKeys") or []
    resource.tags = {key: value for key, value in (resource.tags or {}).items() if key not in removed}
    return 204, {"status": 204}, ""


def _tagged(response: Any) -> Any:
    """Return moto's object for the ARN in the path, such as `arn:aws:apigateway:us-east-1::/restapis/abc/stages/prod`."""
    arn = unquote(response.path.split("/tags/", 1)[1])
    backend = response.backend
    match arn.partition("::/")[2].split("/"):
        case ["restapis", api]:
            return backend.get_rest_api(api)
        case ["restapis", api, "stages", stage]:
            return backend.get_stage(api, stage)
        case ["apikeys", key]:
            return backend.get_api_key(key)
        case ["usageplans", plan]:
            return backend.get_usage_plan(plan)
        case ["domainnames", name]:
            return backend.get_domain_name(name)
        case ["vpclinks", link]:
            return backend.get_vpc_link(link)
    raise NotFoundException(f"Invalid resource identifier specified: {arn}")
