"""Calls of AWS APIs, read from requests: service, operation and parameters.

The credential scope of the signature names the service. How the operation is written depends on the protocol:
a header, a form field, a path, or the method and the path together, which moto's routers know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote

from botocore.exceptions import UnknownServiceError
from moto.core.request import Request as MotoRequest
from moto.core.routing import get_service_router
from werkzeug.exceptions import NotFound

from local_cloud.messages import Request, json_object

Protocol = Literal["json", "cbor", "query", "rest-json", "rest-xml"]

_CREDENTIAL = re.compile(r"X-Amz-Credential=([^&]+)", re.IGNORECASE)
# S3 still takes addresses that were signed by the rules before version 4, and boto3 still makes them.
_OLD_CREDENTIAL = re.compile(r"AWSAccessKeyId=(ASIA\w+)")
_RPC_PATH = re.compile(r"/service/[^/]+/operation/(?P<operation>\w+)")
_OLD_REGION = "us-east-1"
# Services whose requests are signed under a name that is not that of their model.
_MODELS = {
    "bedrock": ("bedrock-runtime", "bedrock-agent-runtime", "bedrock"),
    "execute-api": ("apigatewaymanagementapi",),
    "ses": ("sesv2",),
}


@dataclass(frozen=True, slots=True)
class Credential:
    """Credential scope of a signature: signer and service.

    Attributes:
        service: The service by the name that requests are signed with, such as `states`.
    """

    access_key: str
    region: str
    service: str


@dataclass(frozen=True, slots=True)
class Call:
    """A call of an AWS API.

    Attributes:
        operation: The operation by its name in the API, such as `Invoke`.
        protocol: How the service writes its errors.
    """

    service: str
    region: str
    account_id: str
    operation: str
    parameters: Mapping[str, Any]
    protocol: Protocol
    request: Request

    def text(self, *names: str) -> str:
        """Return the first of some parameters that is a text; nothing where none is."""
        return next((value for name in names if isinstance(value := self.parameters.get(name), str)), "")

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource of the caller's account and region, which may be given as one already."""
        if resource.startswith("arn:"):
            return resource
        return f"arn:aws:{service}:{self.region}:{self.account_id}:{resource}"


def session_credential(request: Request) -> Credential | None:
    """Return the credential of a request that is signed with the key of a session; None for every other request."""
    authorization = request.header("authorization")
    if authorization is not None:
        written = authorization.partition("Credential=")[2].partition(",")[0].strip()
    elif "=ASIA" in request.query:
        if old := _OLD_CREDENTIAL.search(request.query):
            return Credential(old[1], _OLD_REGION, "s3")
        match = _CREDENTIAL.search(request.query)
        written = unquote(match[1]) if match else ""
    else:
        return None
    if not written.startswith("ASIA"):
        return None
    access_key, *scope = written.split("/")
    return Credential(access_key, scope[1], scope[2]) if len(scope) == 4 else None


def read_call(request: Request, credential: Credential, account_id: str) -> Call | None:
    """Read a request. None if its operation cannot be determined.

    S3's operations follow from more than method and path: they are left to `s3_needs`, and have no name here.
    """
    service = credential.service
    operation, parameters, protocol = "", {}, "json"
    if service == "s3":
        protocol = "rest-xml"
    elif target := request.header("x-amz-target"):
        operation, parameters = target.rpartition(".")[2], json_object(request.body)
        if target.startswith("DynamoDBStreams"):
            service = "dynamodbstreams"
    elif match := _RPC_PATH.fullmatch(request.path):
        operation, protocol = match["operation"], "cbor"
    elif form := _form(request):
        operation, parameters, protocol = form["Action"], form, "query"
    elif found := _rest_operation(request, service):
        operation, parameters = found
        protocol = "rest-json"
    else:
        return None
    return Call(service, credential.region, account_id, operation, parameters, protocol, request)  # type: ignore[arg-type]


def _form(request: Request) -> dict[str, str]:
    """Return the parameters of a query API, which names its operation `Action`; nothing for any other request."""
    parameters = dict(parse_qsl(request.query, keep_blank_values=True))
    if (request.header("content-type") or "").startswith("application/x-www-form-urlencoded"):
        parameters |= dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    return parameters if "Action" in parameters else {}


def _rest_operation(request: Request, service: str) -> tuple[str, dict[str, Any]] | None:
    if service == "apigateway":
        return request.method, {}
    url = f"http://localhost{request.path}?{request.query}"
    call = MotoRequest.from_primitives(request.method, url, dict(request.headers))
    for model in _MODELS.get(service, (service,)):
        try:
            operation, parameters = get_service_router(model).match(call)
        except (NotFound, NotImplementedError, UnknownServiceError):
            continue
        return operation.name, {**call.args, **parameters}
    return None
