"""Defaults of every REST API: the models `Empty` and `Error`, and the gateway responses; pages of lists.

moto 5.2.5 has neither, describes a gateway response without the defaults of what it leaves out, and answers with all
items of a list at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import copy
from typing import Any

from moto.apigateway.exceptions import BadRequestException
from moto.apigateway.models import APIGatewayBackend, GatewayResponse, RestAPI
from moto.apigateway.responses import APIGatewayResponse

from local_cloud.gateway import errors
from local_cloud.gateway.body_models import BUILT_IN
from local_cloud.moto_backends import page_of
from local_cloud.moto_gaps.openapi_document import gateway_responses
from local_cloud.patches import extends, replaces

_PAGE = 25
_LARGEST_PAGE = 500
_TEMPLATES = {"application/json": '{"message":$context.error.messageString}'}
_STATUSES = {
    fault.response_type: fault.status for fault in vars(errors).values() if isinstance(fault, errors.Fault)
}
_STATUSES |= {"BAD_REQUEST_PARAMETERS": 400, "RESOURCE_NOT_FOUND": 404}
_OF_EVERY_STATUS = ("DEFAULT_4XX", "DEFAULT_5XX")
_LISTS = (
    "get_api_keys", "get_authorizers", "get_base_path_mappings", "get_deployments", "get_domain_names", "get_gateway_responses", "get_models", "get_request_validators", "get_resources", "get_rest_apis", "get_usage_plan_keys", "get_usage_plans", "get_vpc_links",
)  # fmt: skip
_NEWEST_FIRST = ("get_api_keys", "get_usage_plan_keys")


@extends(APIGatewayBackend)
def _create_rest_api(original: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    api = original(*arguments, **options)
    api.version = None
    api.documentation_parts, api.documentation_versions = {}, {}
    kind = "dualstack" if "PRIVATE" in api.endpoint_configuration["types"] else "ipv4"
    api.endpoint_configuration = {"ipAddressType": kind, **api.endpoint_configuration}
    for name, schema in BUILT_IN.items():
        description = f"This is a default {name.lower()} schema model"
        api.add_model(name=name, description=description, schema=schema, content_type="application/json")
    return api


@extends(GatewayResponse)
def _to_json(original: Callable[[Any], dict[str, Any]], response: Any) -> dict[str, Any]:
    written = original(response)
    kind = response.response_type
    if written.get("statusCode") is None and kind not in _OF_EVERY_STATUS:
        written["statusCode"] = str(_STATUSES[kind])
    written["responseTemplates"] = written.get("responseTemplates") or _TEMPLATES
    written["responseParameters"] = written.get("responseParameters") or {}
    return written


@replaces(RestAPI)
def _get_gateway_response(api: Any, kind: str) -> Any:
    response = api.gateway_responses.get(kind)
    if response is None:
        default = api.gateway_responses.get(
            "DEFAULT_4XX" if _STATUSES.get(kind, 400) < 500 else "DEFAULT_5XX"
        )
        response = copy(default) or GatewayResponse(kind, None, {}, {})
        response.response_type, response.default_response = kind, True
    return response


@replaces(RestAPI)
def _get_gateway_responses(api: Any) -> list[Any]:
    return [api.get_gateway_response(kind) for kind in sorted(gateway_responses())]


@extends(APIGatewayResponse, *_LISTS)
def answer_page(original: Callable[[Any], Any], self: Any) -> Any:
    """Answer with one page of a list."""
    answered = original(self)
    content = json.loads(answered[2] if isinstance(answered, tuple) else answered)
    items = content.get("item", [])
    if original.__name__ in _NEWEST_FIRST:
        items = items[::-1]
    size = min(int(self._get_param("limit") or _PAGE), _LARGEST_PAGE)
    try:
        content["item"], following = page_of(items, size, self._get_param("position"))
    except ValueError:
        raise BadRequestException("Invalid position parameter") from None
    if following is not None and content["item"]:
        content["position"] = following
    page = json.dumps(content)
    return (*answered[:2], page) if isinstance(answered, tuple) else page
