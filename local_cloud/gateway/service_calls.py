"""Calls of integrations with AWS services: target URI, and request in the service's protocol.

`arn:aws:apigateway:{region}:{service}:action/{Action}` names an operation, `…:path/{path}` an address. How a service is
called follows from botocore's model of it: services with a JSON or a query protocol, and S3.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import parse_qs, parse_qsl, urlencode

from botocore.validate import ParamValidator

from local_cloud.gateway.errors import CONFIGURATION, GatewayError, UnsupportedFeatureError
from local_cloud.messages import Response, first_header
from local_cloud.service_models import missing_members, service_model

Protocol = Literal["json", "query", "rest"]

_URI = re.compile(
    r"arn:aws[\w-]*:apigateway:(?P<region>[a-z0-9-]+):(?:(?P<subdomain>[^:]+)\.)?(?P<service>[a-z0-9-]+):"
    r"(?P<kind>path|action)/(?P<rest>.*)",
    re.DOTALL,
)
_BREAKS = re.compile(r"\s*&\s*")
_FORM = "application/x-www-form-urlencoded"
# Services whose models have another protocol by now: API Gateway sends the query API, unless a mapping says JSON.
_QUERY_VERSIONS = {"sqs": "2012-11-05"}
# SQS takes both names; moto knows one.
_SQS_ATTRIBUTES = re.compile(r"\bMessageAttributes(?=\.\d)")
_SERIALIZATION = "com.amazon.coral.service#SerializationException"
_VALIDATION = "com.amazon.coral.validate#ValidationException"
_UNKNOWN = "com.amazon.coral.service#UnknownOperationException"
_validator = ParamValidator()


@dataclass(frozen=True, slots=True)
class Target:
    """Target of an integration's URI.

    Attributes:
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
    """A request to a service, before it is known what it takes."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return a header, or None; names are compared without regard to case."""
        return first_header(self.headers.items(), name)


@dataclass(frozen=True, slots=True)
class ServiceCall:
    """A request that is complete."""

    request: ServiceRequest
    protocol: Protocol


def parse_target(uri: str) -> Target:
    """Parse the URI of an integration, whose variables and parameters are filled in."""
    match = _URI.fullmatch(uri)
    if match is None:
        raise GatewayError(CONFIGURATION, f"the integration's URI names no AWS service: {uri}")
    service, rest = match["service"], match["rest"]
    action, path = None, rest
    if match["kind"] == "action":
        action, _, path = rest.partition("&")
    if service != "s3" and _protocol(service) is None:
        raise UnsupportedFeatureError(f"AWS integration with {service}")
    return Target(service, match["region"], match["subdomain"], action, path)


def service_call(target: Target, request: ServiceRequest) -> ServiceCall:
    """Complete a request as API Gateway does for a service."""
    if target.service == "s3":
        return _rest_call(target, request)
    content_type = request.header("content-type") or ""
    if _protocol(target.service) == "query" and not content_type.startswith("application/x-amz-json"):
        return _query_call(target, request)
    return _json_call(target, request)


def _protocol(service: str) -> str | None:
    """Return the protocol that API Gateway calls a service with; None for one that it cannot call here."""
    if service in _QUERY_VERSIONS:
        return "query"
    model = service_model(service)
    protocol = None if model is None else model.metadata["protocol"]
    return protocol if protocol in ("json", "query") else None


def _json_call(target: Target, request: ServiceRequest) -> ServiceCall:
    sent = request.header("x-amz-target") or ""
    action = target.action or sent.rpartition(".")[2]
    if not action:
        raise GatewayError(CONFIGURATION, f"the request to {target.service} names no action (X-Amz-Target)")
    model = service_model(target.service)
    prefix, version = model.metadata["targetPrefix"], model.metadata["jsonVersion"]
    headers = _with_header(request.headers, "X-Amz-Target", f"{prefix}.{action}")
    headers = _with_header(headers, "Content-Type", f"application/x-amz-json-{version}")
    path = "/" if target.action else request.path
    completed = replace(request, method="POST", path=path, headers=headers, body=request.body or b"{}")
    return ServiceCall(completed, "json")


def _query_call(target: Target, request: ServiceRequest) -> ServiceCall:
    query = dict(request.query)
    # Templates are written over several lines; a line break in a value is sent as %0A.
    text = _BREAKS.sub("&", request.body.decode("utf-8", "replace").strip())
    form = {key: values[-1] for key, values in parse_qs(text).items()}
    action = target.action or form.get("Action") or query.get("Action")
    if not action:
        raise GatewayError(CONFIGURATION, f"the request to {target.service} names no Action")
    parameters = {**query, **form, "Action": action}
    if target.service == "sqs":
        parameters = {_SQS_ATTRIBUTES.sub("MessageAttribute", key): text for key, text in parameters.items()}
    version = _QUERY_VERSIONS.get(target.service) or service_model(target.service).metadata["apiVersion"]
    parameters.setdefault("Version", version)
    if target.action is None and request.method == "GET":
        return ServiceCall(replace(request, query=tuple(parameters.items())), "query")
    headers = _with_header(request.headers, "Content-Type", _FORM)
    body = urlencode(parameters).encode()
    return ServiceCall(replace(request, method="POST", query=(), headers=headers, body=body), "query")


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
    method = request.method if target.action is None else _S3_METHODS.get(target.action, "")
    if method not in (("GET", "HEAD", "PUT", "DELETE") if key else ("GET", "HEAD")):
        raise UnsupportedFeatureError(f"AWS integration with s3: {target.action or f'{method} /{bucket}'}")
    completed = replace(request, method=method, path=f"/{bucket}/{key}", query=tuple(query.items()))
    return ServiceCall(completed, "rest")


_S3_METHODS = {
    "GetObject": "GET",
    "HeadObject": "HEAD",
    "PutObject": "PUT",
    "DeleteObject": "DELETE",
    "ListObjects": "GET",
    "ListObjectsV2": "GET",
}


def path_and_query(target: Target) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return the path and the query parameters that a URI itself holds."""
    if target.action is not None:
        return "/", tuple(parse_qsl(target.path, keep_blank_values=True))
    path, _, query = target.path.partition("?")
    return f"/{path.lstrip('/')}", tuple(parse_qsl(query, keep_blank_values=True))


def _with_header(headers: Mapping[str, str], name: str, value: str) -> dict[str, str]:
    return {key: old for key, old in headers.items() if key.lower() != name.lower()} | {name: value}


def input_fault(service: str, request: ServiceRequest) -> Response | None:
    """Return the answer of a service with a JSON API to a request that it cannot read; None for one that it can."""
    try:
        content = json.loads(request.body or b"{}")
    except (ValueError, RecursionError):
        return _refused(_SERIALIZATION, "Could not parse request body into json")
    if not isinstance(content, dict):
        return _refused(_SERIALIZATION, "Start of structure or map found where not expected")
    model = service_model(service)
    action = (request.header("x-amz-target") or "").rpartition(".")[2]
    if action not in model.operation_names:
        return _refused(_UNKNOWN, "")
    shape = model.operation_model(action).input_shape
    if shape is None:
        return None
    problems = [problem for problem, _, _ in _validator.validate(content, shape)._errors]
    if any(problem.startswith("invalid type") for problem in problems):
        return _refused(_SERIALIZATION, "A value has another type than the operation takes")
    if missing := missing_members(shape, content):
        return _refused(_VALIDATION, missing)
    return None


def _refused(error_type: str, message: str) -> Response:
    content = {"__type": error_type, "message": message}
    return Response(400, (("Content-Type", "application/x-amz-json-1.0"),), json.dumps(content).encode())
