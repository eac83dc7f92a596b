from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.common.errors import (
    InvalidRequest,
    NotFound,
    PayloadTooLarge,
    UnsupportedMediaType,
)
from handlers.common.proxy_request import ProxyRequest
from tests.support.events import REQUEST_ID, proxy_event


def request(**changes: Any) -> ProxyRequest:
    return ProxyRequest.from_event(proxy_event(**changes))


@pytest.mark.parametrize(
    ("content_type", "media_type"),
    [
        ("application/json", "application/json"),
        ("Application/JSON; Charset=UTF-8", "application/json"),
        ('application/json;charset="utf-8"; version=1', "application/json"),
        ("application/json;", "application/json"),
        ("", "application/json"),
        ("image/png", "image/png"),
        ("application/vnd.api+json", "application/vnd.api+json"),
    ],
)
def test_the_media_type_is_read_without_its_parameters(content_type: str, media_type: str) -> None:
    assert request(headers={"cOnTeNt-TyPe": content_type}).media_type() == media_type


def test_without_a_content_type_a_body_is_json() -> None:
    assert request(headers={}).media_type() == "application/json"


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"Content-Type": "json"}, "Content-Type is not a media type such as application/json."),
        ({"Content-Type": "a/b/c"}, "Content-Type is not a media type such as application/json."),
        ({"Content-Type": "application/json; charset=latin-1"}, "Only charset=utf-8 is supported."),
        ({"Content-Encoding": "gzip"}, "Content-Encoding is not supported. Send the body as it is."),
    ],
)
def test_what_cannot_be_read_is_an_unsupported_media_type(headers: dict[str, str], message: str) -> None:
    with pytest.raises(UnsupportedMediaType) as refused:
        request(headers=headers).media_type()
    assert refused.value.message == message


def test_two_content_types_are_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"^Content-Type was sent more than once\.$"):
        request(multi_headers={"Content-Type": ["application/json", "text/plain"]}).media_type()


def test_a_text_body_is_its_utf_8() -> None:
    assert request(body="né").body_bytes(max_bytes=3) == b"n\xc3\xa9"


def test_a_base64_body_is_decoded() -> None:
    assert request(body="AAEC/w==", base64=True).body_bytes(max_bytes=4) == b"\x00\x01\x02\xff"


def test_no_body_is_no_bytes() -> None:
    assert request(body=None).body_bytes(max_bytes=1) == b""


@pytest.mark.parametrize("body", ["AAE", "AA E=", "AAEC\n", "né==", "====", "A"])
def test_a_body_that_only_says_it_is_base64_is_refused(body: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^The body arrived as base64 that cannot be decoded\.$"):
        request(body=body, base64=True).body_bytes(max_bytes=100)


@pytest.mark.parametrize(
    ("body", "is_base64"),
    [
        ("x" * 1001, False),
        ("é" * 501, False),
        (base64.b64encode(b"x" * 1001).decode(), True),
        ("!" * 9999, True),
    ],
)
def test_a_body_over_the_limit_is_refused(body: str, is_base64: bool) -> None:
    with pytest.raises(PayloadTooLarge) as refused:
        request(body=body, base64=is_base64).body_bytes(max_bytes=1000)
    assert refused.value.message == "The body is larger than 1,000 bytes."


@given(st.binary(max_size=64))
def test_a_body_of_the_limit_itself_is_taken_in_both_forms(data: bytes) -> None:
    encoded = request(body=base64.b64encode(data).decode(), base64=True)
    assert encoded.body_bytes(max_bytes=len(data)) == data


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        ("/probe", "/probe"),
        ("/probe/", "/probe"),
        ("/pro%62e", "/probe"),
        ("/a%20b", "/a b"),
        ("/", "/"),
        ("/caf%C3%A9", "/café"),
    ],
)
def test_a_path_is_decoded_once(path: str, plain: str) -> None:
    assert request(path=path).plain_path() == plain


@pytest.mark.parametrize(
    "path",
    [
        "", "probe", "//probe", "/probe//x", "/../probe", "/x/..%2fprobe", "/x/%2e%2e/probe", "/%252e%252e/probe", "/./probe",
        "/x\\probe", "/%5cprobe", "/probe%00", "/probe%0d%0aX", "/%ff", "/%25", "/probe%", "/a/%2e", "/a/..",
    ],
)  # fmt: skip
def test_a_path_that_no_route_can_have_is_not_found(path: str) -> None:
    with pytest.raises(NotFound, match=r"^There is nothing at this path\.$"):
        request(path=path).plain_path()


@given(st.text("/.%25eEfFcC\\ab\x00é", max_size=30))
def test_no_path_gets_out_of_its_folder(path: str) -> None:
    try:
        plain = request(path=path).plain_path()
    except NotFound:
        return
    assert plain.startswith("/")
    assert not {"..", "."} & set(plain.split("/"))
    assert "%" not in plain


def test_the_address_is_the_gateways_word_and_not_a_headers() -> None:
    spoofed = request(headers={"X-Forwarded-For": "198.51.100.1", "X-Real-IP": "198.51.100.1"})
    assert spoofed.source_ip == "203.0.113.7"


def test_query_values_are_not_decoded_again() -> None:
    assert request(query={"q": ["a%2Bb", "c d"]}).query == {"q": ("a%2Bb", "c d")}


def test_an_event_of_nulls_reads_as_an_empty_request() -> None:
    nulls = dict.fromkeys(proxy_event())
    assert ProxyRequest.from_event({**nulls, "httpMethod": "GET"}) == ProxyRequest(
        method="GET",
        resource="",
        path="",
        headers={},
        query={},
        body=None,
        body_is_base64=False,
        request_id=None,
        source_ip=None,
    )


def test_an_event_with_single_values_only_reads_the_same() -> None:
    event = proxy_event("{}", query={"q": ["1"]})
    del event["multiValueHeaders"], event["multiValueQueryStringParameters"]
    read = ProxyRequest.from_event(event)
    assert (read.headers, read.query) == ({"content-type": ("application/json",)}, {"q": ("1",)})
    assert read.request_id == REQUEST_ID


def test_path_parameters_are_decoded_once() -> None:
    event = proxy_event() | {"pathParameters": {"job": "a%2520b", "other": None}}
    assert ProxyRequest.from_event(event).path_parameters == {"job": "a%20b"}
