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
_LOOK_UPS = {
    ("restapis",): "get_rest_api", ("restapis", "stages"): "get_stage", ("apikeys",): "get_api_key",
    ("usageplans",): "get_usage_plan", ("domainnames",): "get_domain_name", ("vpclinks",): "get_vpc_link",
}  # fmt: skip


@replaces(APIGatewayResponse)
def _get_tags(response: Any) -> str:
    return json.dumps({"tags": _tagged(response).tags or {}})


@replaces(APIGatewayResponse)
def _tag_resource(response: Any) -> str:
    resource = _tagged(response)
    resource.tags = {**(resource.tags or {}), **(response._get_param("tags") or {})}
    return "{}"


@replaces(APIGatewayResponse)
def _untag_resource(response: Any) -> str:
    resource = _tagged(response)
    removed = response.querystring.get("tagKeys") or []
    resource.tags = {key: value for key, value in (resource.tags or {}).items() if key not in removed}
    return "{}"


def _tagged(response: Any) -> Any:
    """Return moto's object for the ARN in the path, such as `arn:aws:apigateway:us-east-1::/restapis/abc/stages/prod`."""
    arn = unquote(response.path.split("/tags/", 1)[1])
    kind, *names = arn.partition("::/")[2].split("/")
    look_up = _LOOK_UPS.get((kind, *names[1::2]))
    if look_up is None:
        raise NotFoundException(f"Invalid resource identifier specified: {arn}")
    return getattr(response.backend, look_up)(*names[::2])
