"""Answers and failures of functions, and bodies, over real HTTP."""

from __future__ import annotations

import base64
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway_process import ACCOUNT, INTERNAL, REGION, Gateway, proxy

# --- what a function answers ------------------------------------------------------------------------------------


def test_a_boolean_header_is_a_word(gateway: Gateway) -> None:
    answer = gateway.order(
        {"return": {"statusCode": 200, "headers": {"test-header": "value", "header-bool": True}}}
    )
    assert (answer.headers["header-bool"], answer.headers["test-header"], answer.body) == (
        "true",
        "value",
        b"",
    )


def test_an_empty_object_is_an_empty_200_of_json(gateway: Gateway) -> None:
    answer = gateway.order({"return": {}})
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, b"", "application/json")


@pytest.mark.parametrize(
    ("returned", "status", "headers"),
    [
        ({"statusCode": "201"}, 201, {}),
        ({"headers": {"test-header": "value"}}, 200, {"test-header": ["value"]}),
        ({"statusCode": 200, "headers": None}, 200, {}),
        (
            {"multiValueHeaders": {"test-multi": ["value1", "value2"]}},
            200,
            {"test-multi": ["value1", "value2"]},
        ),
        (
            {"multiValueHeaders": {"test-multi": ["value-multi"]}, "headers": {"test-multi": "value-solo"}},
            200,
            {"test-multi": ["value-multi", "value-solo"]},
        ),
        (
            {"multiValueHeaders": {"tesT-Multi": ["value-multi"]}, "headers": {"test-multi": "value-solo"}},
            200,
            {"test-multi": ["value-multi", "value-solo"]},
        ),
    ],
)
def test_recorded_answers(
    gateway: Gateway, returned: Any, status: int, headers: dict[str, list[str]]
) -> None:
    answer = gateway.order({"return": returned})
    assert (answer.status, answer.body) == (status, b"")
    assert {name: answer.headers.get_all(name) for name in headers} == headers


@pytest.mark.parametrize(
    "order",
    [
        {"return": {"statusCode": 200, "wrongValue": "value"}},
        {"return": {"statusCode": "test"}},
        {"return": {"multiValueHeaders": {"test-multi-invalid": "value1"}}},
        {"return": "justAString"},
        {"return": None},
        {"return": {"headers": {"X": "a\r\nSet-Cookie: b"}}},
        {"raise": "the password is secret"},
        {"exit": 1},
        {"set": True},
        {"large": 6_300_000},
    ],
    ids=str,
)
def test_malformed_answers_and_failures_are_502(gateway: Gateway, order: dict[str, Any]) -> None:
    answer = gateway.order(order)
    assert (answer.status, answer.json) == (502, INTERNAL)
    assert answer.headers["x-amzn-ErrorType"] == "InternalServerErrorException"


def test_a_function_timeout_is_502(gateway: Gateway, tmp_path: Path) -> None:
    answer = gateway.order({"sleep": 30, "then_write": str(tmp_path / "never")}, path="/stage/quick")
    assert (answer.status, answer.json) == (502, INTERNAL)
    assert not (tmp_path / "never").exists()


def test_an_integration_timeout_is_504_and_the_function_runs_on(gateway: Gateway, tmp_path: Path) -> None:
    gateway.order({"return": {}}, path="/stage/timeout")  # so that a process is there
    done = tmp_path / "done"
    answer = gateway.order({"sleep": 1, "then_write": str(done)}, path="/stage/timeout")
    assert (answer.status, answer.json) == (504, {"message": "Endpoint request timed out"})
    assert answer.headers["x-amzn-ErrorType"] == "InternalServerErrorException"
    assert not done.exists()
    # the same process answers the next request only when it has finished the one before
    for _ in range(50):
        if done.exists():
            break
        gateway.order({"sleep": 0.1, "then_write": str(tmp_path / "other")})
    assert done.read_text() == "done"


def test_the_next_request_after_a_crash_is_answered(gateway: Gateway) -> None:
    assert gateway.order({"exit": 3}).status == 502
    assert gateway.order({"return": {"statusCode": 204}}).status == 204


@pytest.mark.parametrize("target", ["/stage/not-allowed", "/stage/not-post"])
def test_no_permission_and_an_integration_that_is_not_post_are_500(gateway: Gateway, target: str) -> None:
    answer = gateway.send(target)
    assert (answer.status, answer.json) == (500, INTERNAL)
    assert answer.headers["x-amzn-ErrorType"] == "InternalServerErrorException"


def test_an_alias_needs_the_permission_of_the_alias(gateway: Gateway, aws: Callable[[str], Any]) -> None:
    functions, apis = aws("lambda"), aws("apigateway")
    version = functions.publish_version(FunctionName="echo")["Version"]
    functions.create_alias(FunctionName="echo", Name="live", FunctionVersion=version)
    api = apis.create_rest_api(name="alias")
    ids = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
    apis.put_method(**ids, authorizationType="NONE")
    apis.put_integration(**ids, **proxy(f"{gateway.functions['echo']}:live"))
    apis.create_deployment(restApiId=api["id"], stageName="stage")
    alias = Gateway(gateway.port, api["id"])
    source = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api['id']}/stage/GET/"
    permission = {
        "Action": "lambda:InvokeFunction",
        "Principal": "apigateway.amazonaws.com",
        "SourceArn": source,
    }
    functions.add_permission(FunctionName="echo", StatementId="other", **permission)
    assert (alias.send("/stage").status, alias.send("/stage").json) == (500, INTERNAL)
    functions.add_permission(FunctionName="echo", StatementId="alias", Qualifier="live", **permission)
    assert alias.event("/stage")["resource"] == "/"


# --- bodies -----------------------------------------------------------------------------------------------------

PNG = b"\x89PNG\r\n\x1a\n\x00\xff"


@pytest.mark.parametrize(
    ("accept", "decoded"),
    [
        ("image/png", True),
        ("image/png,image/*,*/*;q=0.8", True),
        ("audio/other", True),
        ("image/webp,image/png,*/*;q=0.8", False),
        ("image/*", False),
        ("*/*", False),
        ("image/jpg", False),
        ("application", False),
        (None, False),
    ],
)
def test_the_first_entry_of_accept_decides_on_binary_answers(
    gateway: Gateway, accept: str | None, decoded: bool
) -> None:
    text = base64.b64encode(PNG).decode()
    order = {"return": {"body": text, "isBase64Encoded": True, "headers": {"Content-Type": "image/png"}}}
    answer = gateway.order(
        order, head="Content-Type: text/plain\r\n" + (f"Accept: {accept}\r\n" if accept else "")
    )
    assert answer.body == (PNG if decoded else text.encode())
    assert answer.headers["Content-Type"] == "image/png"


def test_base64_that_is_none_is_500(gateway: Gateway) -> None:
    order = {"return": {"body": "èé+à)(", "isBase64Encoded": True}}
    answer = gateway.order(order, head="Accept: image/png\r\nContent-Type: text/plain\r\n")
    assert (answer.status, answer.json) == (500, INTERNAL)


@pytest.mark.parametrize(
    ("content_type", "encoded"),
    [("image/png", True), ("image/png; a=b", True), ("audio/ogg", True), ("text/plain", False)],
)
def test_binary_media_types_decide_on_request_bodies(
    gateway: Gateway, content_type: str, encoded: bool
) -> None:
    event = gateway.event(
        "/stage/x", method="POST", head=f"Content-Type: {content_type}\r\n", body=b"\x00\xffa"
    )
    assert event["isBase64Encoded"] is encoded
    assert event["body"] == (base64.b64encode(b"\x00\xffa").decode() if encoded else "\x00�a")


def test_a_body_over_10_mb_is_413(gateway: Gateway) -> None:
    request = (
        f"POST /_aws/execute-api/{gateway.api}/stage/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Content-Length: {10 * 1024 * 1024 + 1}\r\n\r\n"
    )
    # the answer comes before the body is sent, and the body need not be sent for it
    with closing(socket.create_connection(("127.0.0.1", gateway.port), timeout=60)) as connection:
        connection.sendall(request.encode())
        start = connection.recv(65_536)
    assert start.startswith(b"HTTP/1.1 413 ")
    assert b"HTTP content length exceeded 10485760 bytes." in start


def test_an_event_over_6_mb_is_413(gateway: Gateway) -> None:
    answer = gateway.send(
        "/stage/x", method="POST", head="Content-Type: image/png\r\n", body=bytes(5_000_000)
    )
    assert answer.status == 413
