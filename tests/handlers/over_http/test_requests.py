"""Unexpected paths, queries and headers, over HTTP."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.real_api import SHOP, RealApi, picture, problem_of

CANARY = "qzcanary7q"

escapes = st.sampled_from(
    ["..", "%2e%2e", "%2E.", "%252e%252e", "..%2f", "%5c..", "%00", "%0d%0a", "%ff", "%C3%BC", ";", ":", "@", "a", CANARY]
)  # fmt: skip
paths = st.lists(escapes, min_size=1, max_size=6).map(lambda parts: "/" + "/".join(parts))
any_path = st.text(max_size=20).map(lambda text: f"/{CANARY}/" + quote(text, safe="/%"))


def raw(real: RealApi, target: str, head: str = "", method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    """Send a target and headers as they are; returns status, headers in lower case, and body."""
    api = real.api
    request = (
        f"{method} /_aws/execute-api/{api.api_id}/{api.stage}{target} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"{head}Connection: close\r\n\r\n"
    )
    answer = api.cloud.raw(request.encode("latin-1"))
    start, _, body = answer.partition(b"\r\n\r\n")
    line, *lines = start.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (each.partition(": ") for each in lines)}
    return int(line.split(" ")[1]), headers, body


@given(path=paths | any_path, method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"]))
@example(path="/..%2f..%2fetc%2fpasswd", method="GET")
def test_any_path_that_no_route_has_is_refused_without_an_echo(real: RealApi, path: str, method: str) -> None:
    status, _, body = raw(real, path, method=method)
    assert status in {403, 404}, body
    assert CANARY.encode() not in body
    if body:
        assert set(json.loads(body)) == {"code", "message", "requestId"}


@given(path=paths | any_path)
@example(path="/..%2f..%2fhealth")
@example(path="/%2e%2e/health")
@example(path="/%252e%252e/health")
def test_nothing_behind_a_variable_leads_elsewhere(real: RealApi, path: str) -> None:
    status, _, body = raw(real, f"/behind{path}")
    assert status in {403, 404}, body
    assert CANARY.encode() not in body


def test_a_path_of_ours_that_is_escaped_is_still_ours(real: RealApi) -> None:
    assert raw(real, "/%68ealth")[0] == 200


def test_a_field_of_the_query_is_there_once(real: RealApi) -> None:
    answer = real.post("/vision/labels?max_labels=1&max_labels=9", picture(), content_type="image/png")
    assert answer.status == 400
    assert problem_of(answer)["message"] == "max_labels is in the query string more than once."


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("max_labels=%33", 200),
        ("max_labels=%2533", 400),
        ("max_labels=+3", 200),
        ("max_labels=%2B3", 200),
        ("max_labels=%252B3", 400),
        ("max%5Flabels=3", 200),
    ],
)
def test_the_query_is_decoded_once(real: RealApi, query: str, status: int) -> None:
    answer = real.post(f"/vision/labels?{query}", picture(), content_type="image/png")
    assert answer.status == status, answer.content


@pytest.mark.parametrize(
    "head",
    [
        "X-Forwarded-For: 1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\n",
        "X-HTTP-Method-Override: DELETE\r\n",
        "X-HTTP-Method: POST\r\nX-Method-Override: POST\r\n",
        "Forwarded: for=1.2.3.4;host=evil.example\r\nX-Forwarded-Host: evil.example\r\n",
        "X-Original-URL: /behind/secret\r\nX-Rewrite-URL: /behind/secret\r\n",
    ],
)
def test_headers_that_want_to_be_believed_change_nothing(real: RealApi, head: str) -> None:
    status, _, body = raw(real, "/health", head)
    assert (status, json.loads(body)["status"]) == (200, "ok")
    assert b"1.2.3.4" not in body
    assert b"evil" not in body


@pytest.mark.parametrize(
    "head",
    [
        "X-A: a\rX-B: b\r\n",
        "X-A: a\x00b\r\n",
        "X-A : a\r\n",
        " folded\r\n",
        "X-A\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: xchunked\r\n",
    ],
)
def test_headers_that_are_none_end_at_the_door(real: RealApi, head: str) -> None:
    before = len(real.invoked)
    status, _, body = raw(real, "/health", head, method="POST")
    assert status == 400, body
    assert len(real.invoked) == before


visible = st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f")


@given(
    name=st.sampled_from(["X-A", "Accept", "Content-Type", "Cookie", "User-Agent", "Referer", "Origin", "Idempotency-Key"]),
    value=st.text(visible, max_size=30),
)  # fmt: skip
def test_no_header_breaks_anything_or_comes_back(real: RealApi, name: str, value: str) -> None:
    head = f"{name}: {CANARY}{value}\r\n"
    for path, method, right in (("/health", "GET", {200}), ("/nowhere", "GET", {403, 404})):
        status, headers, body = raw(real, path, head, method)
        assert status in right, body
        assert CANARY not in str(headers)
        assert CANARY.encode() not in body


def test_long_addresses_and_headers_end_at_the_door(real: RealApi) -> None:
    assert raw(real, f"/health?a={'b' * 11_000}")[0] == 414
    assert raw(real, "/health", f"X-A: {'b' * 11_000}\r\n")[0] == 431


@pytest.mark.parametrize("origin", ["null", "https://evil.example", "https://shop.example.evil", "*", ""])
def test_a_page_that_is_not_listed_reads_nothing(real: RealApi, origin: str) -> None:
    answer = real.call("GET", "/health", headers={"Origin": origin})
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] is None
    refused = real.call("GET", "/nowhere", headers={"Origin": origin})
    assert refused.headers["Access-Control-Allow-Origin"] == SHOP


def test_the_page_that_is_listed_reads_answers_and_errors(real: RealApi) -> None:
    page = {"Origin": SHOP}
    answers: list[Any] = [
        real.call("GET", "/health", headers=page),
        real.call("DELETE", "/ai-service", headers=page),
        real.call("GET", "/nowhere", headers=page),
        real.call("GET", "/crashing", headers=page),
        real.call("POST", "/authorized/ai-service", headers=page),
        real.post("/language/analysis", b"{", Origin=SHOP),
    ]
    assert [answer.status for answer in answers] == [200, 405, 403, 502, 401, 400]
    assert {answer.headers["Access-Control-Allow-Origin"] for answer in answers} == {SHOP}
    for answer in answers[1:]:
        problem_of(answer)
