"""Responses that are streamed: by the gateway, and by Lambda's InvokeWithResponseStream."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.gateway_process import REGION, RUNTIME
from tests.support.streaming import WRAPPER, streaming_archive
from tests.support.waiting import eventually

CODE = """
import json, os, pathlib, time

class Response:
    def __init__(self, status, headers, chunks):
        self.status, self.headers, self.chunks = status, headers, chunks

def steps(order):
    folder = pathlib.Path(order["folder"])
    try:
        for number in range(order["parts"]):
            while not (folder / str(number)).exists():
                time.sleep(0.002)
            yield b"%d;" % number
        if "raise" in order:
            raise RuntimeError("no more")
    finally:
        (folder / "closed").write_text(str(os.getpid()))

def handler(event, context):
    order = json.loads(event["body"])
    headers = {"Content-Type": "text/event-stream", "X-Trace": "mine", **order.get("headers", {})}
    return Response(order.get("status", 200), headers, steps(order))

def count(event, context):
    for number in range(10_000):
        yield b"%9d;" % number

def raw(event, context):
    import http.client
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    head = {"Lambda-Runtime-Function-Response-Mode": "streaming"}
    body = iter([(event["body"] or "").encode()])
    api.request("POST", f"/2018-06-01/runtime/invocation/{context.aws_request_id}/response", body, head)
    api.getresponse().read()
    os._exit(0)
"""
BUFFERED = "def handler(event, context):\n    return {'statusCode': 200, 'body': 'whole'}\n"
ROUTES = {"/steps": "handler", "/count": "count", "/raw": "raw", "/buffered": "buffered"}
FORMAT = "$context.status $context.responseLength $context.resourcePath"


@dataclass
class Streams:
    port: int
    api: str
    aws: Callable[[str], Any]
    arns: dict[str, str]

    @contextmanager
    def open(self, path: str, body: bytes) -> Iterator[http.client.HTTPResponse]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("POST", f"/_aws/execute-api/{self.api}/stage{path}", body)
        response = connection.getresponse()
        try:
            yield response
        finally:
            response.close()
            connection.close()

    def order(self, folder: Path, **more: Any) -> Any:
        return self.open("/steps", json.dumps({"folder": str(folder), **more}).encode())

    def log_lines(self) -> list[str]:
        events = self.aws("logs").filter_log_events(logGroupName="/streams")["events"]
        return [event["message"] for event in events]


def integration(arn: str, **changes: Any) -> dict[str, Any]:
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2021-11-15/functions/{arn}/response-streaming-invocations"
    return {"type": "aws_proxy", "httpMethod": "POST", "responseTransferMode": "STREAM", "uri": uri} | changes


def document(paths: dict[str, dict[str, Any]]) -> bytes:
    return json.dumps(
        {
            "openapi": "3.0.1",
            "info": {"title": "streams", "version": "1"},
            "paths": {
                path: {"post": {"responses": {}, "x-amazon-apigateway-integration": how}}
                for path, how in paths.items()
            },
        }
    ).encode()


@pytest.fixture(scope="module")
def streams(aws: Callable[[str], Any]) -> Streams:
    policy = '{"Version":"2012-10-17","Statement":[]}'
    role = aws("iam").create_role(RoleName="streams", AssumeRolePolicyDocument=policy)["Role"]["Arn"]
    arns = {}
    for name in ROUTES.values():
        streaming = name != "buffered"
        arns[name] = aws("lambda").create_function(
            FunctionName=f"stream-{name}",
            Runtime=RUNTIME,
            Handler=f"app.{name if streaming else 'handler'}",
            Role=role,
            Code={"ZipFile": streaming_archive(CODE if streaming else BUFFERED)},
            Environment={"Variables": WRAPPER if streaming else {}},
            Timeout=60,
        )["FunctionArn"]
        aws("lambda").add_permission(
            FunctionName=arns[name],
            StatementId="a",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
        )
    paths = {path: integration(arns[name], timeoutInMillis=900_000) for path, name in ROUTES.items()}
    paths["/web"] = {
        "type": "http_proxy",
        "httpMethod": "POST",
        "responseTransferMode": "STREAM",
        "uri": "http://127.0.0.1:9/",
    }
    paths["/quick"] = integration(arns["handler"], timeoutInMillis=1000)
    api = aws("apigateway").import_rest_api(body=document(paths))["id"]
    deployment = aws("apigateway").create_deployment(restApiId=api)["id"]
    aws("apigateway").create_stage(restApiId=api, stageName="stage", deploymentId=deployment)
    aws("logs").create_log_group(logGroupName="/streams")
    patches = [
        {
            "op": "replace",
            "path": "/accessLogSettings/destinationArn",
            "value": f"arn:aws:logs:{REGION}:123456789012:log-group:/streams",
        },
        {"op": "replace", "path": "/accessLogSettings/format", "value": FORMAT},
    ]
    aws("apigateway").update_stage(restApiId=api, stageName="stage", patchOperations=patches)
    port = int(aws("lambda").meta.endpoint_url.rpartition(":")[2])
    return Streams(port, api, aws, arns)


def test_the_first_part_arrives_before_the_last_is_produced(streams: Streams, tmp_path: Path) -> None:
    (tmp_path / "0").touch()
    with streams.order(tmp_path, parts=2, status=201) as response:
        assert response.status == 201
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.headers["Transfer-Encoding"] == "chunked"
        assert (response.headers["X-Trace"], response.headers["Content-Length"]) == ("mine", None)
        assert response.headers["x-amzn-RequestId"]
        assert response.read1() == b"0;"
        assert "201 4 /steps" not in streams.log_lines()
        (tmp_path / "1").touch()
        assert response.read() == b"1;"
    assert eventually(lambda: "201 4 /steps" in streams.log_lines())


def test_ten_thousand_parts_arrive_whole(streams: Streams) -> None:
    with streams.open("/count", b"") as response:
        assert response.read() == b"".join(b"%9d;" % number for number in range(10_000))


def test_streams_at_once_do_not_wait_for_each_other(streams: Streams, tmp_path: Path) -> None:
    (tmp_path / "0").touch()

    def one(_: int) -> bytes:
        with streams.order(tmp_path, parts=2) as response:
            first = response.read1()
            begun.append(first)
            return first + response.read()

    begun: list[bytes] = []
    with ThreadPoolExecutor(12) as pool:
        bodies = [pool.submit(one, number) for number in range(12)]
        assert eventually(lambda: len(begun) == 12)
        (tmp_path / "1").touch()
        assert {body.result(30) for body in bodies} == {b"0;1;"}


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"no delimiter",
        b'{"statusCode": 200}' + b"\0" * 7,
        b"{" + b" " * 16_400 + b"}" + b"\0" * 8 + b"late",
        b"not JSON" + b"\0" * 8 + b"body",
        b"[]" + b"\0" * 8 + b"body",
        b'{"statusCode": 99}' + b"\0" * 8 + b"body",
        b'{"body": "x"}' + b"\0" * 8 + b"body",
        b'{"headers": {"a": "b\\nc"}}' + b"\0" * 8 + b"body",
        b'{"cookies": "a=b"}' + b"\0" * 8 + b"body",
    ],
    ids=range(10),
)
def test_streams_that_do_not_begin_as_they_must_are_a_502(streams: Streams, sent: bytes) -> None:
    with streams.open("/raw", sent) as response:
        assert (response.status, json.load(response)) == (502, {"message": "Internal server error"})


def test_a_prelude_may_have_cookies_and_no_status(streams: Streams) -> None:
    sent = b'{"cookies": ["a=1", "b=2"]}' + b"\0" * 8 + b"body\0" + b"\0" * 8
    with streams.open("/raw", sent) as response:
        assert (response.status, response.read()) == (200, b"body\0" + b"\0" * 8)
        assert response.headers.get_all("Set-Cookie") == ["a=1", "b=2"]


def test_a_buffered_function_behind_a_streaming_integration_is_a_502(streams: Streams) -> None:
    with streams.open("/buffered", b"") as response:
        assert response.status == 502


def test_streams_of_web_servers_are_not_in_the_local_cloud(streams: Streams) -> None:
    with streams.open("/web", b"") as response:
        assert (response.status, json.load(response)["feature"]) == (
            501,
            "responseTransferMode STREAM of HTTP_PROXY",
        )


def test_a_trial_invocation_returns_the_whole_body(streams: Streams) -> None:
    gateway = streams.aws("apigateway")
    resources = {item["path"]: item["id"] for item in gateway.get_resources(restApiId=streams.api)["items"]}
    answer = gateway.test_invoke_method(
        restApiId=streams.api, resourceId=resources["/count"], httpMethod="POST"
    )
    assert (answer["status"], len(answer["body"])) == (200, 100_000)


def test_a_failure_before_the_first_part_is_a_502_and_a_later_one_cuts_the_body_off(
    streams: Streams, tmp_path: Path
) -> None:
    with streams.order(tmp_path, parts=0, **{"raise": True}) as response:
        assert response.status == 502
    (tmp_path / "0").touch()
    with streams.order(tmp_path, parts=1, **{"raise": True}) as response:
        assert response.status == 200
        with pytest.raises(http.client.IncompleteRead):
            response.read()


def test_the_timeout_of_the_integration_is_a_504_before_the_headers_and_cuts_off_later(
    streams: Streams, tmp_path: Path
) -> None:
    order = json.dumps({"folder": str(tmp_path), "parts": 2}).encode()
    with streams.open("/quick", order) as response:
        assert (response.status, json.load(response)) == (504, {"message": "Endpoint request timed out"})
    (tmp_path / "0").touch()
    with streams.open("/quick", order) as response:
        assert response.read1() == b"0;"
        with pytest.raises(http.client.IncompleteRead):
            response.read()


def test_a_client_that_goes_away_ends_the_function(streams: Streams, tmp_path: Path) -> None:
    (tmp_path / "0").touch()
    with streams.order(tmp_path, parts=1_000_000) as response:
        assert response.read1() == b"0;"
    numbers = iter(range(1, 10_000))
    assert eventually(lambda: ((tmp_path / str(next(numbers))).touch(), (tmp_path / "closed").exists())[1])
    pid = (tmp_path / "closed").read_text()
    (tmp_path / "closed").unlink()
    with streams.order(tmp_path, parts=1) as response:
        assert response.read() == b"0;"
    assert (tmp_path / "closed").read_text() == pid


def test_head_and_http_1_0_are_answered(streams: Streams) -> None:
    request = f"POST /_aws/execute-api/{streams.api}/stage/count HTTP/1.0\r\n\r\n"
    with socket.create_connection(("127.0.0.1", streams.port), timeout=30) as connection:
        connection.sendall(request.encode())
        raw = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = raw.partition(b"\r\n\r\n")
    assert b"Transfer-Encoding" not in head
    assert len(body) == 100_000


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"responseTransferMode": "BUFFERED"}, "BUFFERED does not fit the URI"),
        (
            {"uri": f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/x/invocations"},
            "STREAM does not fit the URI",
        ),
        (
            {"responseTransferMode": "SOMETIMES"},
            r"use BUFFERED or STREAM|enum value set: \[BUFFERED, STREAM\]",
        ),
        ({"timeoutInMillis": 900_001}, "use 50 to 900000"),
        ({"type": "mock"}, "needs a proxy integration"),
    ],
)
def test_integrations_that_api_gateway_rejects(streams: Streams, changes: dict[str, Any], text: str) -> None:
    how = integration(streams.arns["count"], **changes)
    with pytest.raises(ClientError, match=text):
        streams.aws("apigateway").import_rest_api(body=document({"/x": how}))
    api = streams.aws("apigateway").create_rest_api(name="rejected")
    ids = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "POST"}
    streams.aws("apigateway").put_method(**ids, authorizationType="NONE")
    arguments = {**how, "type": how["type"].upper(), "integrationHttpMethod": how.pop("httpMethod")}
    arguments.pop("httpMethod", None)
    with pytest.raises(ClientError, match=text):
        streams.aws("apigateway").put_integration(**ids, **arguments)


def test_invoke_with_response_stream(streams: Streams, tmp_path: Path) -> None:
    client = streams.aws("lambda")
    answer = client.invoke_with_response_stream(FunctionName="stream-count", Payload=b"{}", LogType="Tail")
    events = list(answer["EventStream"])
    body = b"".join(event["PayloadChunk"]["Payload"] for event in events if "PayloadChunk" in event)
    assert body.partition(b"\0" * 8)[2] == b"".join(b"%9d;" % number for number in range(10_000))
    assert set(events[-1]) == {"InvokeComplete"}
    assert set(events[-1]["InvokeComplete"]) == {"LogResult"}
    answer["EventStream"].close()

    (tmp_path / "0").touch()
    order = json.dumps({"body": json.dumps({"folder": str(tmp_path), "parts": 2, "raise": True})}).encode()
    stream = client.invoke_with_response_stream(FunctionName=streams.arns["handler"], Payload=order)[
        "EventStream"
    ]
    parts = iter(stream)
    assert next(parts)["PayloadChunk"]["Payload"].endswith(b"0;")
    (tmp_path / "1").touch()
    assert next(parts)["PayloadChunk"]["Payload"] == b"1;"
    complete = next(parts)["InvokeComplete"]
    assert complete["ErrorCode"] == "Unhandled"
    assert json.loads(complete["ErrorDetails"])["errorMessage"] == "no more"
    stream.close()

    for name, qualifier in (("missing", {}), ("stream-count", {"Qualifier": "missing"})):
        with pytest.raises(ClientError, match="Function not found") as refused:
            client.invoke_with_response_stream(FunctionName=name, Payload=b"{}", **qualifier)
        assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"
    with pytest.raises(ClientError, match="Could not parse request body"):
        client.invoke_with_response_stream(FunctionName="stream-count", Payload=b"{")
