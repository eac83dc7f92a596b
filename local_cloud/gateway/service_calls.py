"""What an integration with an AWS service calls: the URI, the request of the service, and the rights that it takes.

`arn:aws:apigateway:{region}:{service}:action/{Action}` names an operation, `…:path/{path}` an address. Which services
are known here is what `_SERVICES` lists; an integration with another is refused by name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode

from local_cloud.gateway.errors import CONFIGURATION, GatewayError, UnsupportedFeatureError
from local_cloud.gateway.integration_roles import Need

Protocol = Literal["json", "query", "rest"]
Parameters = Mapping[str, Any]

_URI = re.compile(
    r"arn:aws[\w-]*:apigateway:(?P<region>[a-z0-9-]+):(?:(?P<subdomain>[^:]+)\.)?(?P<service>[a-z0-9-]+):"
    r"(?P<kind>path|action)/(?P<rest>.*)",
    re.DOTALL,
)
_BREAKS = re.compile(r"\s*&\s*")
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Target:
    """What an integration's URI names.

    Attributes:
        service: The service, such as `states`.
        region: Its region.
        subdomain: What stands before the service, such as a bucket.
        action: The operation; None for an address.
        path: The address, without a slash in front; for an operation what follows it.
    """

    service: str
    region: str
    subdomain: str | None
    action: str | None
    path: str


@dataclass(frozen=True, slots=True)
class ServiceRequest:
    """A request to a service, before it is known what it takes.

    Attributes:
        method: The HTTP method.
        path: The path, escaped, with a slash in front.
        query: The query parameters.
        headers: The headers, by their names.
        body: The body.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return a header, or None; names are compared without regard to case."""
        lower = name.lower()
        return next((value for key, value in self.headers.items() if key.lower() == lower), None)


@dataclass(frozen=True, slots=True)
class ServiceCall:
    """A request that is complete.

    Attributes:
        request: The request.
        protocol: How the service talks, and writes its errors.
        needs: The rights that it takes.
    """

    request: ServiceRequest
    protocol: Protocol
    needs: tuple[Need, ...]


def parse_target(uri: str) -> Target:
    """Read the URI of an integration, whose variables and parameters are filled in.

    Raises:
        GatewayError: It names no service.
        UnsupportedFeatureError: It names a service that is not known here.
    """
    match = _URI.fullmatch(uri)
    if match is None:
        raise GatewayError(CONFIGURATION, f"the integration's URI names no AWS service: {uri}")
    service, rest = match["service"], match["rest"]
    action, path = None, rest
    if match["kind"] == "action":
        action, _, path = rest.partition("&")
    if service not in _SERVICES:
        raise UnsupportedFeatureError(f"AWS integration with {service}")
    return Target(service, match["region"], match["subdomain"], action, path)


def service_call(target: Target, request: ServiceRequest, account_id: str) -> ServiceCall:
    """Complete a request as API Gateway does for a service, and say which rights it takes.

    Args:
        target: What is called.
        request: The mapped request; its path and query are those of the URI.
        account_id: The account of the API.

    Raises:
        GatewayError: The request names no operation.
        UnsupportedFeatureError: The operation is not known here.
    """
    service = _SERVICES[target.service]
    if service.is_rest:
        return _rest_call(target, request)
    content_type = request.header("content-type") or ""
    is_query = service.version is not None and not content_type.startswith("application/x-amz-json")
    if is_query:
        return _query_call(target, request, account_id)
    return _json_call(target, request, account_id)


@dataclass(frozen=True, slots=True)
class _Service:
    """How a service is called.

    Attributes:
        needs: Says which rights an operation takes.
        prefix: What stands before the operation in `X-Amz-Target`.
        json_version: The version in the content type.
        version: The version of the service's query API; None for a service that has none.
        is_rest: The method and the path name the operation.
    """

    needs: Callable[[_Operation], tuple[Need, ...]]
    prefix: str = ""
    json_version: str = "1.0"
    version: str | None = None
    is_rest: bool = False


@dataclass(frozen=True, slots=True)
class _Operation:
    """An operation with its parameters, and where it is carried out."""

    action: str
    parameters: Parameters
    region: str
    account_id: str
    path: str = ""

    def need(self, service: str, resource: str, action: str | None = None) -> Need:
        return Need(f"{service}:{action or self.action}", resource)

    def text(self, *names: str) -> str:
        """Return the first of some parameters that is a text; nothing where none is."""
        return next((value for name in names if isinstance(value := self.parameters.get(name), str)), "")

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource of this account, which may be given as one already."""
        if resource.startswith("arn:"):
            return resource
        return f"arn:aws:{service}:{self.region}:{self.account_id}:{resource}"


def _json_call(target: Target, request: ServiceRequest, account_id: str) -> ServiceCall:
    service = _SERVICES[target.service]
    sent = request.header("x-amz-target") or ""
    action = target.action or sent.rpartition(".")[2]
    if not action:
        raise GatewayError(CONFIGURATION, f"the request to {target.service} names no action (X-Amz-Target)")
    headers = _with_header(request.headers, "X-Amz-Target", f"{service.prefix}.{action}")
    headers = _with_header(headers, "Content-Type", f"application/x-amz-json-{service.json_version}")
    operation = _Operation(action, _json_parameters(request.body), target.region, account_id, request.path)
    path = "/" if target.action else request.path
    completed = replace(request, method="POST", path=path, headers=headers, body=request.body or b"{}")
    return ServiceCall(completed, "json", service.needs(operation))


def _query_call(target: Target, request: ServiceRequest, account_id: str) -> ServiceCall:
    service = _SERVICES[target.service]
    query = dict(request.query)
    # Templates are written over several lines; a line break in a value is sent as %0A.
    text = _BREAKS.sub("&", request.body.decode("utf-8", "replace").strip())
    form = {key: values[-1] for key, values in parse_qs(text).items()}
    action = target.action or form.get("Action") or query.get("Action")
    if not action:
        raise GatewayError(CONFIGURATION, f"the request to {target.service} names no Action")
    parameters = {**query, **form, "Action": action}
    parameters.setdefault("Version", service.version or "")
    if target.action is None and request.method == "GET":
        completed = replace(request, query=tuple(parameters.items()))
    else:
        completed = replace(
            request,
            method="POST",
            query=(),
            headers=_with_header(request.headers, "Content-Type", _FORM),
            body=urlencode(parameters).encode(),
        )
    operation = _Operation(action, parameters, target.region, account_id, request.path)
    return ServiceCall(completed, "query", service.needs(operation))


def _rest_call(target: Target, request: ServiceRequest) -> ServiceCall:
    """Complete a request to S3, whose bucket may stand in the path, before the host name or among the parameters."""
    query = dict(request.query)
    bucket, _, key = request.path.lstrip("/").partition("/")
    if target.action is not None:
        bucket, key = query.pop("Bucket", ""), query.pop("Key", "")
    elif target.subdomain:
        bucket, key = target.subdomain, request.path.lstrip("/")
    if not bucket:
        raise GatewayError(CONFIGURATION, "the request to s3 names no bucket")
    method = _S3_METHODS.get(target.action or "", request.method)
    action = (_S3_OBJECT_ACTIONS if key else _S3_BUCKET_ACTIONS).get(method)
    if action is None or (target.action is not None and target.action not in _S3_METHODS):
        raise UnsupportedFeatureError(f"AWS integration with s3: {target.action or f'{method} /{bucket}'}")
    resource = f"arn:aws:s3:::{bucket}" + (f"/{unquote(key)}" if key else "")
    completed = replace(request, method=method, path=f"/{bucket}/{key}", query=tuple(query.items()))
    return ServiceCall(completed, "rest", (Need(action, resource),))


_S3_METHODS = {
    "GetObject": "GET",
    "HeadObject": "HEAD",
    "PutObject": "PUT",
    "DeleteObject": "DELETE",
    "ListObjects": "GET",
    "ListObjectsV2": "GET",
}
_S3_OBJECT_ACTIONS = {
    "GET": "s3:GetObject",
    "HEAD": "s3:GetObject",
    "PUT": "s3:PutObject",
    "DELETE": "s3:DeleteObject",
}
_S3_BUCKET_ACTIONS = {"GET": "s3:ListBucket", "HEAD": "s3:ListBucket"}


def path_and_query(target: Target) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return the path and the query parameters that a URI itself holds."""
    if target.action is not None:
        return "/", tuple(parse_qsl(target.path, keep_blank_values=True))
    path, _, query = target.path.partition("?")
    return f"/{path.lstrip('/')}", tuple(parse_qsl(query, keep_blank_values=True))


def _with_header(headers: Mapping[str, str], name: str, value: str) -> dict[str, str]:
    return {key: old for key, old in headers.items() if key.lower() != name.lower()} | {name: value}


def _json_parameters(body: bytes) -> Parameters:
    """Read a JSON request; what is none has no parameters, and the service says what is wrong with it."""
    try:
        content = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _states(operation: _Operation) -> tuple[Need, ...]:
    resource = operation.text("stateMachineArn", "executionArn", "activityArn", "mapRunArn")
    return (operation.need("states", resource or "*"),)


# The members of a transaction's items, and the action that each takes.
_TRANSACTION = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}


def _dynamodb(operation: _Operation) -> tuple[Need, ...]:
    def table(name: str) -> str:
        return operation.arn("dynamodb", name if name.startswith("arn:") else f"table/{name}")

    items = operation.parameters.get("TransactItems")
    if isinstance(items, list):
        return tuple(
            operation.need("dynamodb", table(str(part.get("TableName", ""))), _TRANSACTION.get(kind, kind))
            for item in items
            if isinstance(item, dict)
            for kind, part in item.items()
            if isinstance(part, dict)
        )
    batch = operation.parameters.get("RequestItems")
    if isinstance(batch, dict):
        return tuple(operation.need("dynamodb", table(name)) for name in batch)
    resource = table(operation.text("TableName"))
    index = operation.text("IndexName")
    return (operation.need("dynamodb", f"{resource}/index/{index}" if index else resource),)


def _sqs(operation: _Operation) -> tuple[Need, ...]:
    address = operation.text("QueueUrl") or operation.path
    account_id, _, queue = unquote(address).rstrip("/").rpartition("/")
    account_id = account_id.rpartition("/")[2] or operation.account_id
    action = operation.action.removesuffix("Batch")
    resource = f"arn:aws:sqs:{operation.region}:{account_id}:{queue}"
    return (operation.need("sqs", resource, action),)


def _sns(operation: _Operation) -> tuple[Need, ...]:
    return (operation.need("sns", operation.text("TopicArn", "TargetArn") or "*"),)


def _events(operation: _Operation) -> tuple[Need, ...]:
    entries = operation.parameters.get("Entries")
    buses = {
        str(entry.get("EventBusName") or "default")
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict)
    }
    return tuple(
        operation.need(
            "events", operation.arn("events", bus if bus.startswith("arn:") else f"event-bus/{bus}")
        )
        for bus in sorted(buses or {"default"})
    )


_SERVICES: dict[str, _Service] = {
    "dynamodb": _Service(_dynamodb, prefix="DynamoDB_20120810"),
    "events": _Service(_events, prefix="AWSEvents", json_version="1.1"),
    "s3": _Service(lambda _operation: (), is_rest=True),
    "sns": _Service(_sns, version="2010-03-31"),
    "sqs": _Service(_sqs, prefix="AmazonSQS", version="2012-11-05"),
    "states": _Service(_states, prefix="AWSStepFunctions"),
}
