"""API Gateway's patch operations, for the objects whose update moto lacks or gets wrong.

The service's model has the types of the values. Paths that an object does not know are refused, so that no change is ever
dropped in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from moto.apigateway.exceptions import BadRequestException, NotFoundException
from moto.core.utils import camelcase_to_underscores

from local_cloud.moto_backends import boolean
from local_cloud.service_models import service_model

# By shape: the members that can be changed.
_MEMBERS = {
    "ApiKey": ("description", "enabled", "name", "customerId"),
    "Authorizer": (
        "name", "type", "authType", "authorizerUri", "authorizerCredentials", "identitySource", "identityValidationExpression",
        "authorizerResultTtlInSeconds", "providerARNs",
    ),
    "Deployment": ("description",),
    "DocumentationPart": ("properties",),
    "DocumentationVersion": ("description",),
    "DomainName": (
        "certificateArn", "certificateName", "regionalCertificateArn", "regionalCertificateName", "securityPolicy",
        "endpointConfiguration",
    ),
    "GatewayResponse": ("statusCode", "responseParameters", "responseTemplates"),
    "Integration": (
        "uri", "httpMethod", "credentials", "responseTransferMode", "contentHandling", "connectionId", "connectionType",
        "cacheNamespace", "passthroughBehavior", "timeoutInMillis", "requestParameters", "requestTemplates", "tlsConfig",
        "cacheKeyParameters",
    ),
    "IntegrationResponse": ("selectionPattern", "contentHandling", "responseParameters", "responseTemplates"),
    "Method": (
        "authorizationType", "authorizerId", "requestValidatorId", "operationName", "apiKeyRequired", "requestModels",
        "requestParameters", "authorizationScopes",
    ),
    "MethodResponse": ("responseModels", "responseParameters"),
    "Model": ("description", "schema"),
    "RequestValidator": ("name", "validateRequestParameters", "validateRequestBody"),
    "Resource": ("parentId", "pathPart"),
    "RestApi": (
        "name", "version", "policy", "description", "apiKeySource", "disableExecuteApiEndpoint", "minimumCompressionSize",
        "binaryMediaTypes", "endpointConfiguration",
    ),
    "Stage": (
        "deploymentId", "cacheClusterSize", "clientCertificateId", "description", "documentationVersion", "tracingEnabled",
        "cacheClusterEnabled", "variables", "accessLogSettings",
    ),
    "UsagePlan": ("name", "description", "productCode", "quota", "throttle"),
    "VpcLink": ("description", "name"),
}  # fmt: skip
# Attributes of moto's objects that are not the members' names in snake case.
_ATTRIBUTES = {
    "authorizerResultTtlInSeconds": "authorizer_result_ttl",
    "binaryMediaTypes": "binaryMediaTypes",
    "disableExecuteApiEndpoint": "disableExecuteApiEndpoint",
    "passthroughBehavior": "passthrough_behaviour",
    "providerARNs": "provider_arns",
}
# What `remove` leaves; of other members, nothing.
_DEFAULTS = {"apiKeySource": "HEADER", "authorizerResultTtlInSeconds": 300}
# What AWS says where a member is changed or removed that is not there; other maps take it.
_MISSING = {
    "requestParameters": "Invalid parameter name specified",
    "responseParameters": "Invalid parameter name specified",
    "requestModels": "Content-Type specified was not found",
    "responseModels": "Content-Type specified was not found",
}
# AWS names the operation, and not the path, where a value of these is added.
_REPLACED = ("Method", "RestApi")
_COMPOSED = ("list", "map", "structure")


def apply_patch(target: Any, shape_name: str, operations: Iterable[Mapping[str, Any]] | None) -> None:
    """Carry out patch operations on one of moto's objects.

    Raises:
        BadRequestException: moto's error for an operation or a path that the object does not know.
    """
    for operation in operations or ():
        kind, path, value = operation["op"], operation.get("path") or "null", operation.get("value")
        name, _, rest = path.lstrip("/").partition("/")
        if kind not in ("add", "replace", "remove"):
            raise BadRequestException(
                f"Invalid patch operation specified. Must be one of: [add, remove, replace], not {kind}"
            )
        shapes = {member: shape_of(shape_name).members[member] for member in _MEMBERS[shape_name]}
        shape, has_parts = shapes.get(name), any(shape.type_name in _COMPOSED for shape in shapes.values())
        if shape is None or not _is_possible(shape, kind, rest, value, has_parts):
            if kind == "add" and shape is not None and shape_name in _REPLACED:
                raise BadRequestException("Invalid patch operation specified. Must be one of: [replace]")
            raise BadRequestException(_problem(shapes, has_parts, kind, path))
        attribute = _ATTRIBUTES.get(name) or camelcase_to_underscores(name)
        present = getattr(target, attribute)
        if name == "endpointConfiguration":
            changed: Any = _endpoint(present or {}, kind, rest, value)
        elif shape.type_name in _COMPOSED:
            changed = patched(shape, present, kind, rest, value, missing=_MISSING.get(name))
        else:
            changed = read(shape, value) if kind == "replace" else _DEFAULTS.get(name, read(shape, None))
        setattr(target, attribute, changed)


def shape_of(name: str) -> Any:
    """Return a shape of API Gateway's model."""
    return service_model("apigateway").shape_for(name)


def read(shape: Any, text: Any) -> Any:
    """Read a value of a shape; None stays None, but for a boolean."""
    if shape.type_name == "boolean":
        return boolean(text)
    reader = _NUMBERS.get(shape.type_name)
    if reader is None:
        return text
    try:
        return None if text in (None, "") else reader(text)
    except ValueError:
        raise BadRequestException(f"Invalid patch value '{text}': it is not a number") from None


_NUMBERS: dict[str, Callable[[Any], float]] = {"double": float, "integer": int}


def unescape(pointer: str) -> str:
    """Read one segment of a JSON pointer."""
    return pointer.replace("~1", "/").replace("~0", "~")


def patched(shape: Any, present: Any, kind: str, rest: str, value: Any, *, missing: str | None = None) -> Any:
    """Return a list, a map or a structure after an operation on the part of it that the rest of a path names.

    It is a new object each time: moto hands the present one to answers that are being written on other threads. If the part
    that is changed or removed is not there, AWS says `missing`. Default: AWS takes it.
    """
    if shape.type_name == "list":
        return _patched_list(list(present or ()), kind, unescape(rest) or value, value)
    if not rest:
        return None
    key, _, below = (rest, "", "") if shape.type_name == "map" else rest.partition("/")
    key, content = unescape(key), present or {}
    inner = shape.value if shape.type_name == "map" else shape.members.get(key)
    if inner is None:
        raise BadRequestException(f"Invalid patch path {rest}")
    if kind != "add" and missing and key not in content:
        raise NotFoundException(missing)
    if inner.type_name in _COMPOSED:
        return {**content, key: patched(inner, content.get(key), kind, below, value)}
    remaining = {name: entry for name, entry in content.items() if name != key}
    return remaining if kind == "remove" else {**remaining, key: read(inner, value)}


def _patched_list(content: list[Any], kind: str, member: Any, value: Any) -> list[Any]:
    others = [item for item in content if item != member]
    if kind == "add":
        return content if member in content else [*content, member]
    if kind == "remove":
        return others
    if value is None:
        return []
    return [value] if member == value else [*others, value]


def _is_possible(shape: Any, kind: str, rest: str, value: Any, has_parts: bool) -> bool:
    """Return whether a member takes an operation; some objects know `replace` only."""
    if shape.type_name == "list":
        return bool(rest or value)
    if shape.type_name in _COMPOSED:
        return bool(rest) or (shape.type_name == "structure" and kind == "remove")
    return not rest and (kind == "replace" or (kind == "remove" and has_parts))


def _problem(members: Iterable[str], has_parts: bool, kind: str, path: str) -> str:
    """Return what AWS says of an operation that an object does not know."""
    if has_parts:
        return f"Invalid patch path {path}"
    supported = f"Must be one of: [{', '.join(f'/{name}' for name in members)}]"
    if kind != "replace":
        supported = "Please choose supported operations"
    return f"Invalid patch path  '{path}' specified for op '{kind}'. {supported}"


def _endpoint(present: Mapping[str, Any], kind: str, rest: str, value: Any) -> dict[str, Any]:
    """Change the type of an endpoint (it has one), its IP address type or its VPC endpoints."""
    key = rest.partition("/")[0]
    if key == "vpcEndpointIds":
        return dict(patched(shape_of("EndpointConfiguration"), present, kind, rest, value))
    is_private = "PRIVATE" in present.get("types", ())
    if key == "ipAddressType":
        if kind != "replace":
            raise BadRequestException("Invalid patch operation specified. Must be one of: [replace]")
        if value not in ("ipv4", "dualstack"):
            raise BadRequestException("ipAddressType must be either ipv4 or dualstack.")
        if value == "ipv4" and is_private:
            raise BadRequestException("Only dualstack ipAddressType is supported for Private APIs.")
        return {**present, key: value}
    if kind == "remove":
        raise BadRequestException("Invalid patch operation specified. Must be 'add'|'remove'|'replace'")
    if value not in ("REGIONAL", "EDGE", "PRIVATE"):
        raise BadRequestException("Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE")
    return {**present, "types": [value], **({"ipAddressType": "dualstack"} if value == "PRIVATE" else {})}
