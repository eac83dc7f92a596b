"""Requests and answers of API Gateway as its model has them.

moto 5.2.5 takes values that break the constraints of the model, answers most calls with 200, and writes members that are
null or empty.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from moto.apigateway.responses import APIGatewayResponse
from moto.core.utils import camelcase_to_underscores

from local_cloud.messages import json_object
from local_cloud.patches import extends
from local_cloud.service_models import faults_of, service_model, validation_message

# By shape: the members that AWS writes even if nothing has set them.
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "ApiKey": {"enabled": False, "stageKeys": []},
    "GatewayResponse": {"responseParameters": {}, "responseTemplates": {}},
    "Integration": {"cacheKeyParameters": [], "passthroughBehavior": "WHEN_NO_MATCH", "timeoutInMillis": 29_000},
    "QuotaSettings": {"offset": 0},
    "RequestValidator": {"validateRequestBody": False, "validateRequestParameters": False},
    "Stage": {
        "cacheClusterEnabled": False, "cacheClusterStatus": "NOT_AVAILABLE", "methodSettings": {}, "tracingEnabled": False,
    },
    "Tags": {"tags": {}},
    "TestInvokeMethodResponse": {"body": "", "headers": {}, "multiValueHeaders": {}},
    "UsagePlan": {"apiStages": []},
}  # fmt: skip
# Written if it is there, even if it is empty.
_MAY_BE_EMPTY = {"item", "selectionPattern"}
# Written with their tags, unless they are new or one of a list.
_WITH_TAGS = {"ApiKey", "RestApi", "UsagePlan", "VpcLink"}
# moto answers, with a document that is not that of the API.
_WRONG_IN_MOTO = {"GetExport"}


@extends(APIGatewayResponse)
def _call_action(original: Callable[[Any], Any], response: Any) -> Any:
    action = response._get_action()
    if action is None or action in _WRONG_IN_MOTO or not hasattr(response, camelcase_to_underscores(action)):
        raise NotImplementedError(action or "API Gateway has no such operation")
    model = service_model("apigateway").operation_model(action)
    if faults := list(_faults_of_request(response, model)):
        return response.error("ValidationException", validation_message(faults))
    status, headers, body = original(response)
    if status >= 300:
        return status, headers, body
    shape = model.output_shape
    if shape is None:
        body = ""
    elif "payload" not in shape.serialization:
        written = _written(json.loads(body), shape)
        if shape.name in _WITH_TAGS and not action.startswith(("Create", "Import")):
            written.setdefault("tags", {})
        if action == "UpdateApiKey":
            del written["value"]
        body = json.dumps(written)
    status = model.http.get("responseCode", status)
    headers["status"] = str(status)
    return status, headers, body


def _faults_of_request(response: Any, model: Any) -> Iterator[str]:
    """Find what breaks the constraints of an operation's input: in its body first, then in its path."""
    if model.input_shape is None:
        return
    body = json_object(response.body)
    start = f"{model.name[0].lower()}{model.name[1:]}Input."
    for name, shape in model.input_shape.members.items():
        if "location" not in shape.serialization and body.get(name) is not None:
            yield from faults_of(body[name], shape, start + name)
    for name, shape in model.input_shape.members.items():
        part = response.uri_match.get(shape.serialization.get("name"))
        if shape.serialization.get("location") == "uri" and part is not None:
            yield from faults_of(part, shape, name)


def _written(value: Any, shape: Any) -> Any:
    """Return a value of a shape as AWS writes it."""
    match shape.type_name:
        case "structure":
            return _structure(value, shape)
        case "map":
            return {key: _written(entry, shape.value) for key, entry in value.items()}
        case "list":
            return [_written(entry, shape.member) for entry in value]
    return value


def _structure(value: Mapping[str, Any], shape: Any) -> dict[str, Any]:
    defaults = _DEFAULTS.get(shape.name, {})
    written: dict[str, Any] = {}
    for member, inner in shape.members.items():
        name = inner.serialization.get("name", member)
        entry = value.get(name)
        if entry is None or (entry in ("", [], {}) and name not in _MAY_BE_EMPTY):
            entry = defaults.get(name)
        if entry is not None:
            written[name] = _written(entry, inner)
    return written
