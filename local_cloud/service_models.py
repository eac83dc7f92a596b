"""botocore's models of AWS's services: protocols, operations, and the values of enumerations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader
from botocore.model import ServiceModel

# Names in ARNs and signatures that are not those of the models.
_MODELS = {"email": "ses", "monitoring": "cloudwatch", "states": "stepfunctions"}
_LOADER = Loader()


# The order in which AWS lists the values of an enumeration is its own.
_ORDERS = {
    frozenset(values): values
    for values in (
        ("add", "remove", "move", "test", "replace", "copy"),
        ("HTTP", "MOCK", "AWS_PROXY", "HTTP_PROXY", "AWS"),
        ("PRIVATE", "EDGE", "REGIONAL"),
        ("RESPONSE_BODY", "RESPONSE", "METHOD", "MODEL", "AUTHORIZER", "RESPONSE_HEADER", "RESOURCE", "PATH_PARAMETER",
         "REQUEST_BODY", "QUERY_PARAMETER", "API", "REQUEST_HEADER"),
        ("SUCCEEDED", "TIMED_OUT", "PENDING_REDRIVE", "ABORTED", "FAILED", "RUNNING"),
        ("REQUEST_TOO_LARGE", "RESOURCE_NOT_FOUND", "AUTHORIZER_CONFIGURATION_ERROR", "MISSING_AUTHENTICATION_TOKEN",
         "BAD_REQUEST_BODY", "INVALID_SIGNATURE", "INVALID_API_KEY", "BAD_REQUEST_PARAMETERS", "AUTHORIZER_FAILURE",
         "UNAUTHORIZED", "INTEGRATION_TIMEOUT", "ACCESS_DENIED", "DEFAULT_4XX", "DEFAULT_5XX", "WAF_FILTERED",
         "QUOTA_EXCEEDED", "THROTTLED", "API_CONFIGURATION_ERROR", "UNSUPPORTED_MEDIA_TYPE", "INTEGRATION_FAILURE",
         "EXPIRED_TOKEN"),
    )
}  # fmt: skip
# Names of AWS's SDK for Java that are not boto3's without hyphens.
_BOTO3_NAMES = {
    "applicationdiscovery": "discovery", "cloudwatchlogs": "logs", "cognitoidentityprovider": "cognito-idp", "config": "config",
    "costandusagereport": "cur", "costexplorer": "ce", "databasemigration": "dms", "directory": "ds", "directoryservicedata": "ds-data",
    "elasticloadbalancing": "elb", "elasticloadbalancingv2": "elbv2", "elasticsearch": "es", "eventbridge": "events",
    "iotdataplane": "iot-data", "iotjobsdataplane": "iot-jobs-data", "lexmodelbuilding": "lex-models", "lexmodelsv2": "lexv2-models",
    "lexruntime": "lex-runtime", "lexruntimev2": "lexv2-runtime", "marketplaceentitlement": "marketplace-entitlement",
    "marketplacemetering": "meteringmarketplace", "migrationhub": "mgh", "pinpointsmsvoice": "sms-voice",
    "serverlessapplicationrepository": "serverlessrepo", "sfn": "stepfunctions", "simpledb": "sdb", "states": "stepfunctions",
}  # fmt: skip


@lru_cache(maxsize=32)
def service_model(service: str) -> Any:
    """Return the model of a service, by its name in ARNs, in signatures or in boto3; None for an unknown one."""
    name = _MODELS.get(service, service)
    try:
        return ServiceModel(_LOADER.load_service_model(name, "service-2"), name)
    except UnknownServiceError:
        return None


def boto3_name(service: str) -> str:
    """Return boto3's name of a service by that of AWS's SDK for Java, as resources of state machines have it."""
    name = _BOTO3_NAMES.get(service) or _BOTO3_NAMES.get(service.removesuffix("service"))
    return name or _without_hyphens().get(service, service)


@lru_cache(maxsize=1)
def _without_hyphens() -> dict[str, str]:
    return {name.replace("-", ""): name for name in _LOADER.list_available_services("service-2")}


def values_of(service: str, shape: str) -> frozenset[str]:
    """Return the values of an enumeration in the model of a service."""
    return frozenset(service_model(service).shape_for(shape).enum)


def missing_members(shape: Any, content: Mapping[str, Any]) -> str:
    """Return the message of a service about the required members that a request lacks; nothing if it has all."""
    names = [
        name
        for name in shape.required_members
        if content.get(name) is None and not shape.members[name].metadata.get("idempotencyToken")
    ]
    return validation_message([_fault("null", name[0].lower() + name[1:], "not be null") for name in names])


def validation_message(faults: Sequence[str]) -> str:
    """Return the message of a service about a request with faults; nothing for one without."""
    return (
        f"{len(faults)} validation error{'s' * (len(faults) > 1)} detected: {'; '.join(faults)}"
        if faults
        else ""
    )


def faults_of(value: Any, shape: Any, where: str = "") -> Iterator[str]:
    """Find what breaks the constraints of a shape: of enumerations, patterns, lengths and numbers."""
    match shape.type_name, value:
        case "structure", dict():
            for name, inner in shape.members.items():
                if value.get(name) is not None:
                    place = name[0].lower() + name[1:]
                    yield from faults_of(value[name], inner, f"{where}.{place}" if where else place)
        case _ if rule := _broken(value, shape):
            yield _fault(f"'{_shown(value, shape)}'", where, rule)
        case "list", list() if shape.member.type_name == "string":
            if rule := next(filter(None, (_broken(entry, shape.member) for entry in value)), None):
                yield _fault(f"'{_shown(value, shape)}'", where, f"satisfy constraint: [Member must {rule}]")
        case "list", list():
            for number, entry in enumerate(value, 1):
                yield from faults_of(entry, shape.member, f"{where}.{number}.member")


def _broken(value: Any, shape: Any) -> str | None:
    """Return the rule of a text, a number or a list that a value breaks."""
    match shape.type_name, value:
        case "string" | "list", str() | list():
            kind, size = "length", len(value)
        case "integer", int():
            kind, size = "value", value
        case _:
            return None
    limits = shape.metadata
    if values := limits.get("enum"):
        order = _ORDERS.get(frozenset(values), values)
        return None if value in values else f"satisfy enum value set: [{', '.join(order)}]"
    if "pattern" in limits and not re.fullmatch(limits["pattern"], value):
        return f"satisfy regular expression pattern: {limits['pattern']}"
    if limits.get("sensitive") or limits.get("min", size) <= size <= limits.get("max", size):
        return None
    side, limit = ("less", limits["max"]) if size > limits.get("max", size) else ("greater", limits["min"])
    return f"have {kind} {side} than or equal to {limit}"


def _fault(value: str, where: str, rule: str) -> str:
    return f"Value {value} at '{where}' failed to satisfy constraint: Member must {rule}"


def _shown(value: Any, shape: Any) -> str:
    """Write a value as Java does."""
    if shape.type_name == "list":
        return f"[{', '.join(_shown(entry, shape.member) for entry in value)}]"
    if shape.type_name == "structure":
        members = (f"{name}={_shown(value.get(name), inner)}" for name, inner in shape.members.items())
        return f"{shape.name}({', '.join(members)})"
    return str(value)
