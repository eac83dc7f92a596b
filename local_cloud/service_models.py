"""botocore's models of AWS's services: protocols, operations, and the values of enumerations."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader
from botocore.model import ServiceModel

# Names in ARNs and signatures that are not those of the models.
_MODELS = {"email": "ses", "monitoring": "cloudwatch", "states": "stepfunctions"}
_LOADER = Loader()


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
    members = "; ".join(
        f"Value null at '{name[0].lower() + name[1:]}' failed to satisfy constraint: Member must not be null"
        for name in names
    )
    return f"{len(names)} validation error{'s' * (len(names) > 1)} detected: {members}" if names else ""
