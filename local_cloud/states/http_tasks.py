"""Tasks that call over HTTP: `apigateway:invoke`, APIs of this cloud, and `http:invoke`, web servers.

Written against moto 5.2.5, whose `apigateway:invoke` calls LocalStack's paths and cannot name its errors, and which has no
`http:invoke`. Connections of EventBridge authenticate the calls: by a user name, an API key or OAuth client credentials.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from http.client import responses
from typing import Any
from urllib.parse import urlencode

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.stepfunctions.parser.asl.component.state.exec.state_task import state_task_factory

from local_cloud import outbound
from local_cloud.patches import extends, replaces
from local_cloud.states import parser
from local_cloud.states.roles import ROLES
from local_cloud.states.task_errors import TaskError

_SECONDS = 60.0
_FORBIDDEN = frozenset({
    "authorization", "connection", "content-md5", "date", "expect", "host", "max-forwards", "proxy-authenticate", "server", "te", "trailer", "transfer-encoding", "upgrade", "via", "www-authenticate",
})  # fmt: skip
_FORBIDDEN_PREFIXES = ("x-forwarded", "x-amz", "x-amzn")
_PARAMETERS = {
    "apigateway": {
        "AllowNullValues", "ApiEndpoint", "AuthType", "Headers", "Method", "Path", "QueryParameters", "RequestBody", "Stage",
    },
    "http": {
        "ApiEndpoint", "Authentication", "Headers", "InvocationConfig", "Method", "QueryParameters", "RequestBody", "Transform",
    },
}  # fmt: skip

# The errors of calls that nothing has answered.
_NO_ANSWER = {"ApiGateway": "ApiGateway.SdkClientException", "States.Http": "States.Http.Socket"}

own_url = ""
"""Where this local cloud is; set when its state machines are connected."""


class HttpTask(parser.StateTaskServiceCallback):  # type: ignore[misc] # moto ships no types
    """A task `http:invoke`."""

    def __init__(self) -> None:
        super().__init__(supported_integration_patterns=set())

    def _get_supported_parameters(self) -> set[str]:
        return _PARAMETERS["http"]

    def _unchanged(self, *_: Any, **__: Any) -> None:
        """Change nothing: there is no service of boto3's behind it."""

    _normalise_parameters = _normalise_response = _unchanged

    def _eval_service_task(self, env: Any, normalised_parameters: dict[str, Any], **_: Any) -> None:
        env.stack.append(_invoke_url(normalised_parameters))


parser.StateTaskServiceApiGateway._get_supported_parameters = lambda _: _PARAMETERS["apigateway"]


@extends(state_task_factory, "state_task_service_for")
def _task_for(original: Callable[[str], Any], service_name: str) -> Any:
    return HttpTask() if service_name == "http" else original(service_name)


@replaces(parser.StateTaskServiceApiGateway, "_eval_service_task")
def _invoke_api(
    _: Any,
    env: Any,
    resource_runtime_part: Any,
    normalised_parameters: dict[str, Any],
    state_credentials: Any,
) -> None:
    given = normalised_parameters
    path = str(given.get("Path") or "").lstrip("/")
    stage = str(given.get("Stage") or "").strip("/")
    endpoint = str(given.get("ApiEndpoint", "")).rstrip("/")
    endpoint = endpoint if "://" in endpoint else f"https://{endpoint}"
    url = "/".join(part for part in (endpoint, stage, path) if part)
    headers = [*_headers(given.get("Headers"), "ApiGateway"), ("Accept", "application/json")]
    body = _body(given, headers)
    url = _with_query(url, given.get("QueryParameters"))
    signed = given.get("AuthType") in ("IAM_ROLE", "RESOURCE_POLICY")
    region = resource_runtime_part.region
    answer = _call(
        str(given.get("Method", "GET")),
        url,
        headers,
        body,
        service="ApiGateway",
        signer=(state_credentials.role_arn, region) if signed else None,
    )
    env.stack.append(_output(answer, "ApiGateway"))


def _invoke_url(given: dict[str, Any]) -> dict[str, Any]:
    headers = list(_headers(given.get("Headers"), "States.Http"))
    query = dict(given.get("QueryParameters") or {})
    _authenticate(given, headers, query)
    transform = (given.get("Transform") or {}).get("RequestBodyEncoding")
    if transform == "URL_ENCODED":
        fields = given.get("RequestBody") or {}
        body: bytes | None = urlencode(fields, doseq=True).encode()
        headers = [(name, value) for name, value in headers if name.lower() != "content-type"]
        headers.append(("Content-Type", "application/x-www-form-urlencoded"))
    else:
        body = _body(given, headers)
    url = _with_query(str(given.get("ApiEndpoint", "")), query)
    answer = _call(str(given.get("Method", "GET")), url, headers, body, service="States.Http")
    return _output(answer, "States.Http.StatusCode")


def _call(
    method: str,
    url: str,
    headers: list[tuple[str, str]],
    body: bytes | None,
    *,
    service: str,
    signer: tuple[str, str] | None = None,
) -> outbound.Answer:
    try:
        target = outbound.resolve(url, own_url)
        if signer is not None:
            headers = [*headers, *_signature(method, target, body, *signer)]
        return outbound.send(method, target, headers, body, seconds=_SECONDS)
    except (outbound.NotAllowedError, outbound.TooSlowError, outbound.UnreachableError, ValueError) as error:
        raise TaskError(_NO_ANSWER[service], str(error)) from None


def _signature(
    method: str, url: str, body: bytes | None, role_arn: str, region: str
) -> list[tuple[str, str]]:
    session = ROLES.session(role_arn, region)
    if session is None:  # a role that this cloud does not know: nothing can be signed with it
        return []
    request = AWSRequest(method=method, url=url, data=body or b"")
    credentials = Credentials(session.access_key, session.secret, session.token)
    SigV4Auth(credentials, "execute-api", region).add_auth(request)
    return list(request.headers.items())


def _headers(given: Any, service: str) -> list[tuple[str, str]]:
    if given is None:
        return []
    headers: list[tuple[str, str]] = []
    for name, value in dict(given).items():
        if name.lower() in _FORBIDDEN or name.lower().startswith(_FORBIDDEN_PREFIXES):
            raise TaskError(
                f"{service}.InvalidHeader", f"The 'Headers' field contains unsupported values: {name}"
            )
        values = value if isinstance(value, list) else [value]
        headers.append((name, ", ".join(map(str, values))))
    return headers


def _body(given: Mapping[str, Any], headers: list[tuple[str, str]]) -> bytes | None:
    """Return the request's body as JSON, and declare that it is."""
    if given.get("RequestBody") is None:
        return None
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/json"))
    return json.dumps(given["RequestBody"], ensure_ascii=False).encode()


def _with_query(url: str, query: Mapping[str, Any] | None) -> str:
    pairs = [
        (name, str(value))
        for name, values in (query or {}).items()
        for value in (values if isinstance(values, list) else [values])
    ]
    return url + ("&" if "?" in url else "?") + urlencode(pairs) if pairs else url


def _authenticate(given: Mapping[str, Any], headers: list[tuple[str, str]], query: dict[str, Any]) -> None:
    """Add what the connection of EventBridge holds."""
    arn = (given.get("Authentication") or given.get("InvocationConfig") or {}).get("ConnectionArn")
    if not arn:
        raise TaskError("States.Http.Connection", "The field 'Authentication' names no ConnectionArn")
    connection = _connection(str(arn))
    parameters = connection.auth_parameters
    if connection.authorization_type == "BASIC":
        basic = parameters["BasicAuthParameters"]
        token = base64.b64encode(f"{basic['Username']}:{basic['Password']}".encode()).decode()
        headers.append(("Authorization", f"Basic {token}"))
    elif connection.authorization_type == "API_KEY":
        key = parameters["ApiKeyAuthParameters"]
        headers.append((key["ApiKeyName"], key["ApiKeyValue"]))
    else:
        headers.append(("Authorization", f"Bearer {_access_token(parameters['OAuthParameters'])}"))
    more = parameters.get("InvocationHttpParameters") or {}
    headers += [(item["Key"], item["Value"]) for item in more.get("HeaderParameters", ())]
    query |= {item["Key"]: item["Value"] for item in more.get("QueryStringParameters", ())}


def _access_token(oauth: Mapping[str, Any]) -> str:
    """Return an access token of the authorization server of a connection, by client credentials."""
    client, more = oauth["ClientParameters"], oauth.get("OAuthHttpParameters") or {}
    form = {
        "grant_type": "client_credentials",
        "client_id": client["ClientID"],
        "client_secret": client["ClientSecret"],
        **{item["Key"]: item["Value"] for item in more.get("BodyParameters", ())},
    }
    headers = [(item["Key"], item["Value"]) for item in more.get("HeaderParameters", ())]
    query = {item["Key"]: item["Value"] for item in more.get("QueryStringParameters", ())}
    method, body = str(oauth["HttpMethod"]), urlencode(form).encode()
    if method == "GET":
        query, body = {**form, **query}, b""
    url = _with_query(str(oauth["AuthorizationEndpoint"]), query)
    headers.append(("Content-Type", "application/x-www-form-urlencoded"))
    answer = _call(method, url, headers, body or None, service="States.Http")
    try:
        return str(json.loads(answer.body)["access_token"])
    except (ValueError, KeyError, TypeError):
        raise TaskError(
            "States.Http.Connection",
            f"The authorization server answered with status {answer.status} and without an access_token",
        ) from None


def _connection(arn: str) -> Any:
    from moto.events.models import events_backends

    parts = arn.split(":")
    if len(parts) > 5 and parts[5].startswith("connection/"):
        for connection in events_backends[parts[4]][parts[3]].connections.values():
            if connection.arn == arn:
                return connection
    raise TaskError("States.Http.Connection", f"The connection {arn} does not exist")


def _output(answer: outbound.Answer, error: str) -> dict[str, Any]:
    text = answer.body.decode("utf-8", "replace")
    if not 200 <= answer.status < 300:
        raise TaskError(f"{error}.{answer.status}", text)
    headers: dict[str, list[str]] = {}
    for name, value in answer.headers:
        headers.setdefault(name, []).append(value)
    try:
        body = json.loads(text)
    except ValueError:
        body = text
    return {
        "Headers": headers,
        "ResponseBody": body,
        "StatusCode": answer.status,
        "StatusText": answer.reason or responses.get(answer.status, ""),
    }
