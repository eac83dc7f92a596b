"""Responses from the results of functions, as AWS makes them."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_cloud.gateway.definition import ApiDefinition
from local_cloud.gateway.errors import GatewayError
from local_cloud.gateway.response import LARGEST_FUNCTION_RESPONSE, function_response
from local_cloud.gateway.routing import Router
from local_cloud.messages import Response

JSON_TYPE = ("Content-Type", "application/json")
PIXEL = b"\x89PNG\r\n\x1a\n\xff\x00"


def api(*binary: str) -> ApiDefinition:
    return ApiDefinition(
        "abc", "api", "123456789012", "us-east-1", "d", Router([]), binary_media_types=binary
    )


def respond(answer: Any, *, accept: str | None = None, binary: tuple[str, ...] = ()) -> Response:
    return function_response(json.dumps(answer).encode(), api(*binary), accept)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({}, Response(200, (JSON_TYPE,), b"")),
        ({"statusCode": 201, "body": "x"}, Response(201, (JSON_TYPE,), b"x")),
        ({"statusCode": "201"}, Response(201, (JSON_TYPE,), b"")),
        ({"body": None, "headers": None, "multiValueHeaders": None}, Response(200, (JSON_TYPE,), b"")),
        ({"body": "ä€"}, Response(200, (JSON_TYPE,), "ä€".encode())),
        (
            {"headers": {"content-type": "text/html", "X-B": True, "X-N": 1.5, "X-Null": None}},
            Response(200, (("content-type", "text/html"), ("X-B", "true"), ("X-N", "1.5")), b""),
        ),
        (
            {"headers": {"A": "solo"}, "multiValueHeaders": {"a": ["multi", "solo"], "B": ["1", "2"]}},
            Response(200, (JSON_TYPE, ("a", "multi"), ("a", "solo"), ("B", "1"), ("B", "2")), b""),
        ),
        (
            {"headers": {"test-multi": "solo"}, "multiValueHeaders": {"tesT-Multi": ["multi"]}},
            Response(200, (JSON_TYPE, ("tesT-Multi", "multi"), ("tesT-Multi", "solo")), b""),
        ),
        (
            {
                "headers": {
                    "Server": "s",
                    "date": "d",
                    "WWW-Authenticate": "Basic",
                    "Via": "v",
                    "Content-Length": "9",
                }
            },
            Response(
                200,
                (
                    JSON_TYPE,
                    ("x-amzn-Remapped-Server", "s"),
                    ("x-amzn-Remapped-date", "d"),
                    ("x-amzn-Remapped-WWW-Authenticate", "Basic"),
                    ("x-amzn-Remapped-Content-Length", "9"),
                ),
                b"",
            ),
        ),
    ],
)
def test_answers(answer: Any, expected: Response) -> None:
    assert respond(answer) == expected


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (None, "the answer is not an object"),
        ("text", "the answer is not an object"),
        ([], "the answer is not an object"),
        (
            {"statusCode": 200, "wrong": 1, "also": 2},
            "the answer has members that are not allowed: also, wrong",
        ),
        ({"statusCode": "test"}, "statusCode is 'test'"),
        ({"statusCode": 200.5}, "statusCode is 200.5"),
        ({"statusCode": True}, "statusCode is True"),
        ({"statusCode": 100}, "statusCode is 100"),
        ({"statusCode": 1000}, "statusCode is 1000"),
        ({"body": {"a": 1}}, "body must be a string"),
        ({"body": 7}, "body must be a string"),
        ({"isBase64Encoded": "true"}, "isBase64Encoded must be a boolean"),
        ({"headers": ["a"]}, "headers and multiValueHeaders must be objects"),
        ({"headers": {"a": ["b"]}}, "header 'a' must be a string, a number or a boolean"),
        ({"multiValueHeaders": {"a": "b"}}, "multiValueHeaders['a'] must be a list"),
        ({"headers": {"a": "x\r\nSet-Cookie: y"}}, "header 'a' has characters that no header may have"),
        ({"headers": {"a": "x\x00"}}, "header 'a' has characters that no header may have"),
        ({"headers": {"a b": "x"}}, "header 'a b' has characters that no header may have"),
        ({"headers": {"a:": "x"}}, "header 'a:' has characters that no header may have"),
    ],
)
def test_malformed_answers_are_502(answer: Any, reason: str) -> None:
    with pytest.raises(GatewayError) as caught:
        respond(answer)
    assert (caught.value.fault.status, caught.value.fault.message) == (502, "Internal server error")
    assert caught.value.reason == f"malformed Lambda proxy response: {reason}"


@pytest.mark.parametrize("payload", [b"", b"{", b"\xff"])
def test_what_is_no_json_is_502(payload: bytes) -> None:
    with pytest.raises(GatewayError) as caught:
        function_response(payload, api(), None)
    assert caught.value.fault.status == 502


def test_an_answer_over_6_mb_is_502() -> None:
    with pytest.raises(GatewayError) as caught:
        function_response(b" " * (LARGEST_FUNCTION_RESPONSE + 1), api(), None)
    assert caught.value.reason == (
        "malformed Lambda proxy response: the answer has 6291557 bytes; 6291556 are allowed"
    )


@pytest.mark.parametrize(
    ("binary", "accept", "decoded"),
    [
        ((), "image/png", False),
        (("image/png",), "image/png", True),
        (("image/png",), "IMAGE/PNG;q=1", True),
        (("image/png",), "image/png,image/*,*/*;q=0.8", True),
        (("image/png",), "image/webp,image/png", False),
        (("image/png",), "image/*", False),
        (("image/png",), "*/*", False),
        (("image/png",), "image", False),
        (("image/png",), None, False),
        (("application/*",), "application/other", True),
        (("application/*",), "application/*", True),
        (("*/png",), "image/png", False),
        (("*/*",), "text/html", True),
        (("*/*",), None, True),
    ],
)
def test_the_first_accepted_type_decides_whether_a_body_is_decoded(
    binary: tuple[str, ...], accept: str | None, decoded: bool
) -> None:
    text = base64.b64encode(PIXEL).decode()
    answer = {"body": text, "isBase64Encoded": True, "headers": {"Content-Type": "text/anything"}}
    assert respond(answer, accept=accept, binary=binary).body == (PIXEL if decoded else text.encode())
    assert respond(answer | {"isBase64Encoded": False}, accept=accept, binary=binary).body == text.encode()


def test_a_body_that_is_not_the_base64_it_should_be_is_500() -> None:
    with pytest.raises(GatewayError) as caught:
        respond({"body": "èé+à)(", "isBase64Encoded": True}, accept="image/png", binary=("image/png",))
    assert caught.value.fault.status == 500


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "statusCode": _json,
            "headers": _json,
            "multiValueHeaders": _json,
            "body": _json,
            "isBase64Encoded": _json,
        },
    )
)
def test_any_answer_is_a_response_or_a_gateway_error(answer: dict[str, Any]) -> None:
    with suppress(GatewayError):
        response = respond(answer, accept="image/png", binary=("image/png",))
        assert 200 <= response.status <= 599
        assert not any("\n" in name + value or "\r" in name + value for name, value in response.headers)
