"""Headers that frame a response, or name the connection, come from the server alone, also if an API or a function sets them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from local_cloud.gateway.reserved_headers import sendable
from tests.support.cloud_in_thread import CloudInThread, DeployedApi

MakeApi = Callable[..., DeployedApi]

REMAPPED = [
    "Authorization",
    "Connection",
    "Content-Length",
    "Content-MD5",
    "Date",
    "Expect",
    "Host",
    "Max-Forwards",
    "Proxy-Authenticate",
    "Server",
    "Trailer",
    "Upgrade",
    "User-Agent",
    "WWW-Authenticate",
    "x-amzn-RequestId",
]


@pytest.mark.parametrize("name", [*REMAPPED, "content-LENGTH"])
def test_a_reserved_name_is_remapped(name: str) -> None:
    assert sendable(((name, "7"), ("X-A", "1"))) == ((f"x-amzn-Remapped-{name}", "7"), ("X-A", "1"))


@pytest.mark.parametrize(
    "name", ["Transfer-Encoding", "transfer-encoding", "Keep-Alive", "a b", "a\r\nb", ""]
)
def test_a_name_that_cannot_be_sent_is_dropped(name: str) -> None:
    assert sendable(((name, "chunked"),)) == ()


def mock(
    api: DeployedApi, path: str, response: dict[str, Any], *, template: str = '{"statusCode": 200}'
) -> None:
    """Add a MOCK method with one response; its header mappings are declared as well."""
    integration = {"type": "MOCK", "requestTemplates": {"application/json": template}}
    resource = api.method(path, "GET", integration=integration)
    place = {"restApiId": api.api_id, "resourceId": resource, "httpMethod": "GET", "statusCode": "200"}
    declared = dict.fromkeys(response.get("responseParameters", {}), False)
    api.aws.put_method_response(**place, responseParameters=declared)
    api.aws.put_integration_response(**place, **response)


def kept_open(cloud: CloudInThread, api: DeployedApi, path: str) -> list[bytes]:
    """Send two requests on one connection and return the answers: wrong framing would mix them up."""
    target = f"/_aws/execute-api/{api.api_id}/{api.stage}{path}"
    one = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    raw = cloud.raw(f"{one}\r\n{one}Connection: close\r\n\r\n".encode())
    answers = raw.split(b"HTTP/1.1 ")
    assert answers[0] == b""
    return answers[1:]


SMUGGLED = {
    "Content-Length": "0",
    "Transfer-Encoding": "chunked",
    "Connection": "upgrade",
    "X-Plain": "kept",
}


def assert_framed(
    cloud: CloudInThread, api: DeployedApi, path: str, body: bytes, status: bytes = b"200"
) -> None:
    answers = kept_open(cloud, api, path)
    assert [answer[:3] for answer in answers] == [status, status]
    for answer in answers:
        head, _, content = answer.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        assert content == body
        assert f"content-length: {len(body)}".encode() in lines
        assert b"x-amzn-remapped-content-length: 0" in lines
        assert b"x-plain: kept" in lines
        assert not any(line.startswith(b"transfer-encoding") for line in lines)


def test_an_integration_response(cloud: CloudInThread, make_api: MakeApi) -> None:
    api = make_api(lambda _: {})
    parameters = {f"method.response.header.{name}": f"'{value}'" for name, value in SMUGGLED.items()}
    mock(api, "/a", {"responseParameters": parameters, "responseTemplates": {"application/json": "{}"}})
    api.deploy()
    assert_framed(cloud, api, "/a", b"{}")


def test_an_override_of_a_template(cloud: CloudInThread, make_api: MakeApi) -> None:
    api = make_api(lambda _: {})
    sets = "".join(
        f'#set($context.responseOverride.header["{name}"] = "{value}")' for name, value in SMUGGLED.items()
    )
    forged = '#set($context.responseOverride.header["X-A: b\r\nSet-Cookie"] = "c")'
    mock(api, "/a", {"responseTemplates": {"application/json": f"{sets}{forged}ok"}})
    api.deploy()
    assert_framed(cloud, api, "/a", b"ok")
    assert b"Set-Cookie" not in b"".join(kept_open(cloud, api, "/a"))


def test_a_gateway_response(cloud: CloudInThread, make_api: MakeApi) -> None:
    api = make_api(lambda _: {"wrong": 1})
    api.method("/a")
    parameters = {f"gatewayresponse.header.{name}": f"'{value}'" for name, value in SMUGGLED.items()}
    api.aws.put_gateway_response(
        restApiId=api.api_id,
        responseType="DEFAULT_5XX",
        responseParameters={**parameters, "gatewayresponse.header.X-Sent": "method.request.header.X-Sent"},
    )
    api.deploy()
    assert_framed(cloud, api, "/a", b'{"message":"Internal server error"}', b"502")


def test_a_function(cloud: CloudInThread, make_api: MakeApi) -> None:
    api = make_api(lambda _: {"headers": SMUGGLED, "body": "whole"})
    api.method("/a")
    api.deploy()
    assert_framed(cloud, api, "/a", b"whole")


@pytest.mark.parametrize("status", ["100", "101", "199"])
def test_an_interim_status_code_is_a_configuration_error(
    cloud: CloudInThread, make_api: MakeApi, status: str
) -> None:
    """A client that read it would wait for the final response."""
    api = make_api(lambda _: {})
    mock(
        api,
        "/a",
        {"responseTemplates": {"application/json": f"#set($context.responseOverride.status = {status})"}},
    )
    api.deploy()
    assert [answer[:3] for answer in kept_open(cloud, api, "/a")] == [b"500", b"500"]


def test_a_gateway_response_cannot_have_an_interim_status_code(
    cloud: CloudInThread, make_api: MakeApi
) -> None:
    api = make_api(lambda _: {"wrong": 1})
    api.method("/a")
    api.aws.put_gateway_response(restApiId=api.api_id, responseType="DEFAULT_5XX", statusCode="100")
    api.deploy()
    assert [answer[:3] for answer in kept_open(cloud, api, "/a")] == [b"500", b"500"]
