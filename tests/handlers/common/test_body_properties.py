"""Random bodies: the answer is a 2xx or a JSON problem, and no part of the body is in a problem or in the log."""

from __future__ import annotations

import base64
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from handlers.common.errors import InvalidRequest, PayloadTooLarge
from tests.support.events import ask, call, proxy_event
from tests.support.probe import probe_service

CANARY = "qzcanary7q"
SERVICE = probe_service()
REFUSALS = {400, 404, 405, 413, 415}

fragments = st.sampled_from(
    [
        CANARY, f'"{CANARY}"', f'{{"{CANARY}":', '{"text":', '{"points":[{"x":', '"mode":', '"count":', "{", "}", "[", "]", ",",
        ":", "1e999", "NaN", "-", "0" * 70, "\\u", "\\ud800", "\ufffd", "\ufeff", "\x00", '"', "\\", " ", "true", "null",
    ]
)  # fmt: skip
near_json = st.lists(fragments, max_size=12).map("".join)
any_bytes = st.binary(max_size=80).map(lambda data: data + CANARY.encode())
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.just(CANARY)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([CANARY, "x", "y"]), inner, max_size=3)
    ),
    max_leaves=6,
)
requests = st.dictionaries(
    st.sampled_from([CANARY, "text", "count", "mode", "points", "labels"]), values, max_size=4
)
content_types = st.sampled_from(
    [
        "application/json", "Application/JSON;charset=utf-8", "", "image/png", "text/plain", CANARY, f"a/{CANARY}",
        f"application/json; charset={CANARY}",
    ]
)  # fmt: skip


def check(event: dict[str, Any]) -> None:
    answer = ask(SERVICE, event)
    assert answer.status == 200 or answer.status in REFUSALS
    assert CANARY not in answer.raw + answer.log + json.dumps(answer.headers)


@given(near_json, content_types)
def test_any_text(body: str, content_type: str) -> None:
    check(proxy_event(body, headers={"Content-Type": content_type}))


@given(any_bytes, content_types, st.sampled_from(["/probe", "/probe/picture"]))
def test_any_bytes_as_base64(body: bytes, content_type: str, resource: str) -> None:
    encoded = base64.b64encode(body).decode()
    check(proxy_event(encoded, resource=resource, headers={"Content-Type": content_type}, base64=True))


@given(near_json, st.sampled_from(["/probe", "/probe/picture"]))
def test_any_text_that_says_it_is_base64(body: str, resource: str) -> None:
    check(proxy_event(body, resource=resource, headers={"Content-Type": "image/png"}, base64=True))


@given(requests)
def test_any_object(request: dict[str, Any]) -> None:
    check(proxy_event(json.dumps(request)))


@given(
    st.dictionaries(
        st.sampled_from(["most", "deep", "picture", CANARY]),
        st.lists(st.sampled_from([CANARY, "", "7", "true", "1e999", "9" * 5000]), min_size=1, max_size=2),
    )
)
def test_any_query(query: dict[str, list[str]]) -> None:
    png = {"Content-Type": "image/png"}
    check(proxy_event("AAEC", resource="/probe/picture", headers=png, query=query, base64=True))


@given(st.text(max_size=30).map(lambda path: f"/{CANARY}{path}"), st.sampled_from(["GET", "POST", CANARY]))
def test_any_path_and_method(path: str, method: str) -> None:
    check(proxy_event("{}", resource="/{proxy+}", path=path, method=method))
    check(proxy_event("{}", method=method))


@given(st.dictionaries(st.sampled_from(["resource", "path", "headers", "multiValueHeaders", "queryStringParameters",
    "multiValueQueryStringParameters", "requestContext", "body", "isBase64Encoded"]), values))  # fmt: skip
def test_any_value_anywhere_in_the_event(changes: dict[str, Any]) -> None:
    check({**proxy_event('{"text": "a"}'), **changes})


@given(values | requests)
def test_any_direct_input(value: object) -> None:
    try:
        shown = json.dumps(call(SERVICE, "probe", value))
    except (InvalidRequest, PayloadTooLarge) as refused:
        shown = str(refused)
    assert CANARY not in shown
