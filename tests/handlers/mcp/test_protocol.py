"""Rules of the protocol that the official client never breaks, message by message."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp_types import CLIENT_CAPABILITIES_META_KEY, PROTOCOL_VERSION_META_KEY, SERVER_INFO_META_KEY

from tests.handlers.mcp.conftest import Backend, McpApi

MODERN = "2026-07-28"
VERSIONS = [MODERN, "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]
META = {PROTOCOL_VERSION_META_KEY: MODERN, CLIENT_CAPABILITIES_META_KEY: {}}
DISCOVER = {"MCP_Protocol_Version": MODERN, "Mcp_Method": "server/discover"}
CALL = {"MCP_Protocol_Version": MODERN, "Mcp_Method": "tools/call", "Mcp_Name": "shop_status"}


def request(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def modern(method: str, **params: Any) -> dict[str, Any]:
    return request(method, _meta=META, **params)


INITIALIZE = request(
    "initialize",
    protocolVersion="2025-06-18",
    capabilities={},
    clientInfo={"name": "editor", "version": "1"},
)


def code_of(answer: Any) -> int:
    assert set(answer) == {"jsonrpc", "id", "error"}
    code: int = answer["error"]["code"]
    return code


def test_discover_names_the_versions_and_the_server(api: McpApi) -> None:
    status, answer, _ = api.post(modern("server/discover"), **DISCOVER)
    assert status == 200
    assert answer is not None
    result = answer["result"]
    assert result["supportedVersions"] == VERSIONS
    assert result["capabilities"] == {"tools": {}}
    assert result["_meta"][SERVER_INFO_META_KEY]["name"] == "mcp"
    assert (result["resultType"], result["cacheScope"]) == ("complete", "private")


@pytest.mark.parametrize(
    ("wanted", "agreed"),
    [(version, version) for version in VERSIONS[1:]] + [("2019-01-01", VERSIONS[1]), (MODERN, VERSIONS[1])],
)
def test_older_clients_begin_with_initialize(api: McpApi, wanted: str, agreed: str) -> None:
    body = INITIALIZE | {"params": INITIALIZE["params"] | {"protocolVersion": wanted}}
    status, answer, headers = api.post(body)
    assert status == 200
    assert answer is not None
    assert answer["result"]["protocolVersion"] == agreed
    assert answer["result"]["serverInfo"]["version"] == "unpublished"
    assert not any("session" in name.lower() for name in headers)


@pytest.mark.parametrize("version", [None, *VERSIONS[1:]])
def test_older_clients_name_the_version_in_a_header_or_not_at_all(api: McpApi, version: str | None) -> None:
    headers = {} if version is None else {"MCP_Protocol_Version": version}
    status, answer, _ = api.post(request("tools/list"), **headers)
    assert status == 200
    assert answer is not None
    assert answer["result"]["tools"][0]["name"] == "art_draw"
    assert "ttlMs" not in answer["result"]
    assert api.post(request("ping"), **headers)[:2] == (200, {"jsonrpc": "2.0", "id": 1, "result": {}})


@pytest.mark.parametrize("body", [request("notifications/initialized"), modern("notifications/cancelled")])
def test_notifications_are_accepted_without_an_answer(api: McpApi, body: dict[str, Any]) -> None:
    del body["id"]
    assert api.post(body)[:2] == (202, None)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, -32020),
        ({**DISCOVER, "Mcp_Method": "tools/list"}, -32020),
        ({**DISCOVER, "MCP_Protocol_Version": "2025-11-25"}, -32020),
        ({"MCP_Protocol_Version": MODERN}, -32020),
    ],
)
def test_headers_repeat_the_body(api: McpApi, headers: dict[str, str], code: int) -> None:
    status, answer, _ = api.post(modern("server/discover"), **headers)
    assert (status, code_of(answer)) == (400, code)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("shop_status", 200),
        ("=?base64?c2hvcF9zdGF0dXM=?=", 200),
        ("=?base64?!?=", 400),
        ("art_draw", 400),
    ],
)
def test_the_name_of_the_tool_is_in_a_header_too(api: McpApi, name: str, status: int) -> None:
    body = modern("tools/call", name="shop_status", arguments={"order": "1"})
    assert api.post(body, **{**CALL, "Mcp_Name": name})[0] == status


def test_a_version_that_is_not_supported_is_refused_with_those_that_are(api: McpApi) -> None:
    body = request("server/discover", _meta={**META, PROTOCOL_VERSION_META_KEY: "2099-01-01"})
    status, answer, _ = api.post(body, **{**DISCOVER, "MCP_Protocol_Version": "2099-01-01"})
    assert (status, code_of(answer)) == (400, -32022)
    assert answer is not None
    assert answer["error"]["data"] == {"supported": VERSIONS, "requested": "2099-01-01"}


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (modern("prompts/list"), {**DISCOVER, "Mcp_Method": "prompts/list"}, 404, -32601),
        (modern("ping"), {**DISCOVER, "Mcp_Method": "ping"}, 404, -32601),
        (modern("initialize"), {**DISCOVER, "Mcp_Method": "initialize"}, 404, -32601),
        (modern("canary"), {**DISCOVER, "Mcp_Method": "canary"}, 404, -32601),
        (modern("tools/list", cursor="x"), {**DISCOVER, "Mcp_Method": "tools/list"}, 400, -32602),
        (modern("tools/call"), {**DISCOVER, "Mcp_Method": "tools/call"}, 400, -32602),
        (modern("tools/call", name="shop_status", arguments=[1]), CALL, 400, -32602),
        (request("server/discover", _meta={}), DISCOVER, 400, -32602),
        (request("resources/list"), {}, 200, -32601),
        (request("server/discover"), {}, 200, -32601),
        (request("initialize"), {}, 200, -32602),
        (request("tools/call", name=5), {}, 200, -32602),
    ],
)
def test_what_the_protocol_does_not_allow_is_an_error_of_json_rpc(
    api: McpApi, body: dict[str, Any], headers: dict[str, str], status: int, code: int
) -> None:
    answered, answer, _ = api.post(body, **headers)
    assert (answered, code_of(answer)) == (status, code)
    assert "canary" not in json.dumps(answer)
    assert answer is not None
    assert answer["id"] == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", -32700),
        ('{"jsonrpc": ', -32700),
        ("[]", -32600),
        (json.dumps([request("ping")]), -32600),
        ("{}", -32600),
        ('{"jsonrpc": "1.0", "id": 1, "method": "ping"}', -32600),
        ('{"jsonrpc": "2.0", "id": null, "method": "ping"}', -32600),
        ('{"jsonrpc": "2.0", "id": true, "method": "ping"}', -32600),
        ('{"jsonrpc": "2.0", "id": 1, "result": {}}', -32600),
        ('{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}', -32600),
    ],
)
def test_a_body_that_is_no_message_is_an_error_of_json_rpc(api: McpApi, body: str, code: int) -> None:
    status, answer, _ = api.post(body)
    assert (status, code_of(answer)) == (400, code)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_there_is_no_stream_and_no_session(api: McpApi, method: str) -> None:
    status, answer, headers = api.post("", method=method)
    assert (status, headers["Allow"]) == (405, "POST")
    assert code_of(answer) == -32000


def test_web_pages_of_other_origins_are_refused(api: McpApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ALLOWED_ORIGINS", "https://shop.example")
    own = ("https://shop.example", "https://api.example", "http://127.0.0.1:6274", "http://[::1]:80")
    other = ("https://evil.example", "https://localhost.evil.example", "null", "")
    assert {api.post(request("ping"), Origin=origin)[0] for origin in own} == {200}
    assert {api.post(request("ping"), Origin=origin)[0] for origin in other} == {403}


def test_the_input_of_a_workflow_is_limited_as_its_body(api: McpApi, backend: Backend) -> None:
    backend.execution = {"status": "SUCCEEDED", "output": "{}"}
    body = modern("tools/call", name="flow_run", arguments={"size": 1, " " * 100: 1})
    status, answer, _ = api.post(body, **{**CALL, "Mcp_Name": "flow_run"})
    assert status == 200
    assert answer is not None
    assert answer["result"]["isError"] is True
    assert backend.requests == []


@pytest.mark.parametrize(("version", "structured"), [("2025-03-26", False), ("2025-11-25", True)])
def test_a_large_result_is_not_in_the_answer_twice(
    api: McpApi, backend: Backend, version: str, structured: bool
) -> None:
    large = {"id": "x" * 1_000_000, "size": 1, "key": ""}
    backend.execution = {"status": "SUCCEEDED", "output": json.dumps(large)}
    body = request("tools/call", name="flow_run", arguments={"size": 1})
    _, answer, _ = api.post(body, MCP_Protocol_Version=version)
    assert answer is not None
    result = answer["result"]
    assert result.get("structuredContent") == (large if structured else None)
    text = result["content"][0]["text"]
    assert (text == "The result is the structured content.") is structured
    assert structured or json.loads(text) == large


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
TEXTS = st.text(max_size=8) | JSON
ARGUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "image": st.just(base64.b64encode(b"x").decode()) | JSON,
        "size": st.integers(1, 64) | JSON,
        **dict.fromkeys(("shop", "idempotency_key", "order", "day", "other"), TEXTS),
    },
)
TOOLS = st.sampled_from(["art_draw", "shop_order", "shop_status", "flow_run"])


@settings(max_examples=150, deadline=None)
@given(tool=TOOLS, arguments=ARGUMENTS)
def test_no_arguments_fail_a_tool(tool: str, arguments: dict[str, Any]) -> None:
    api = McpApi(Backend({"status": "SUCCEEDED", "output": '{"id": "1", "size": 1, "key": ""}'}))
    status, answer, _ = api.post(request("tools/call", name=tool, arguments=arguments))
    assert status < 500
    assert answer is not None
    assert answer.get("result", {}).get("_meta", {}).get("status", 200) < 500, answer


@settings(max_examples=100, deadline=None)
@given(
    body=st.fixed_dictionaries(
        {
            "jsonrpc": st.just("2.0"),
            "method": st.sampled_from(["initialize", "tools/list", "tools/call"]) | st.text(),
        },
        optional={
            "id": JSON,
            "params": JSON | st.dictionaries(st.sampled_from(["_meta", "name", "cursor"]), JSON),
        },
    )
)
def test_no_message_fails_the_server(body: dict[str, Any]) -> None:
    assert McpApi(Backend()).post(body)[0] < 500
