"""Settings of a REST API that get lost on their way into moto.

moto 5.2.5 drops `binaryMediaTypes` when an API is made, so that Terraform plans the same change for ever; its update
of an API takes binary media types from the value (clients put them into the path), reads every
`disableExecuteApiEndpoint` as true, and ignores the compression size and the IP address type. AWS also writes the
policy of an API as the inside of a JSON string, quotes escaped, and Terraform reads it so.
"""

from __future__ import annotations

import json
from typing import Any

from local_cloud.moto_gaps.json_patch import Patchable, Scalar, apply_patch, boolean, integer, unescape

_PATCHABLE = Patchable(
    scalars={
        "name": Scalar("name"),
        "description": Scalar("description", default=""),
        "version": Scalar("version"),
        "apiKeySource": Scalar("api_key_source", default="HEADER"),
        "disableExecuteApiEndpoint": Scalar("disableExecuteApiEndpoint", boolean, default=False),
        "minimumCompressionSize": Scalar("minimum_compression_size", integer),
        "policy": Scalar("policy"),
    },
    lists={"binaryMediaTypes": Scalar("binaryMediaTypes")},
)


def apply() -> None:
    """Replace the creation and the update of REST APIs."""
    from moto.apigateway.models import RestAPI
    from moto.apigateway.responses import APIGatewayResponse

    original = APIGatewayResponse.create_rest_api
    original_description = RestAPI.to_dict

    def to_dict(api: Any) -> dict[str, Any]:
        description: dict[str, Any] = original_description(api)
        if api.policy:
            description["policy"] = json.dumps(api.policy)[1:-1]
        return description

    def create_rest_api(self: Any) -> Any:
        status, headers, body = original(self)
        types = self._get_param("binaryMediaTypes")
        if status != 200 or not types:
            return status, headers, body
        api = self.backend.get_rest_api(json.loads(body)["id"])
        api.binaryMediaTypes = list(types)
        return status, headers, json.dumps(api.to_dict())

    APIGatewayResponse.create_rest_api = create_rest_api
    RestAPI.to_dict = to_dict
    RestAPI.apply_patch_operations = _apply_patch_operations


def _apply_patch_operations(api: Any, operations: list[dict[str, Any]]) -> None:
    endpoint = [
        operation for operation in operations if operation["path"].startswith("/endpointConfiguration/")
    ]
    apply_patch(api, _PATCHABLE, [operation for operation in operations if operation not in endpoint])
    for operation in endpoint:
        _patch_endpoint(api, operation)


def _patch_endpoint(api: Any, operation: dict[str, Any]) -> None:
    """Change the endpoint's type (an API has one), its IP address type or its VPC endpoints."""
    configuration = dict(api.endpoint_configuration)
    _, _, key, *member = operation["path"].split("/", 3)
    value = operation.get("value")
    if key == "types":
        configuration[key] = [value]
    elif key == "vpcEndpointIds":
        gone = value or (unescape(member[0]) if member else None)
        kept = [item for item in configuration.get(key) or [] if item != gone]
        configuration[key] = kept if operation["op"] == "remove" else [*kept, value]
    else:
        configuration[key] = value
    api.endpoint_configuration = configuration
