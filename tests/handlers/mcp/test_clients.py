"""The official client against the handler, by the newest protocol and by those with a handshake."""

from __future__ import annotations

import base64
import json
from typing import Any, Literal

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import ImageContent, TextContent

from handlers.common.errors import BackendTimeout
from tests.handlers.mcp.conftest import Backend, McpApi

Mode = Literal["auto", "legacy"]
MODES: tuple[Mode, ...] = ("auto", "legacy")
PICTURE = base64.b64encode(b"not looked at").decode()
both = pytest.mark.parametrize("mode", MODES)


def text_of(result: Any) -> Any:
    (block,) = (one for one in result.content if isinstance(one, TextContent))
    return json.loads(block.text)


@both
def test_the_client_finds_the_version_that_both_speak(api: McpApi, mode: Mode) -> None:
    async def work(client: Client) -> tuple[Any, ...]:
        assert client.server_capabilities.tools is not None
        return client.protocol_version, client.server_info.name

    assert api.with_client(work, mode) == ("2026-07-28" if mode == "auto" else "2025-11-25", "mcp")
    methods = [one.get("rpc", one.get("method")) for one in api.sent]
    assert methods[0] == ("server/discover" if mode == "auto" else "initialize")


@both
def test_tools_have_description_schemas_and_annotations(api: McpApi, mode: Mode) -> None:
    async def work(client: Client) -> Any:
        return (await client.list_tools()).tools

    tools = {tool.name: tool for tool in api.with_client(work, mode)}
    assert list(tools) == ["art_draw", "shop_order", "shop_status", "flow_run"]
    drawn, ordered, read = tools["art_draw"], tools["shop_order"], tools["shop_status"]
    assert drawn.description == "Draw an album of pictures."
    hints = [
        (one.annotations.read_only_hint, one.annotations.idempotent_hint) for one in (drawn, ordered, read)
    ]
    assert hints == [(True, True), (False, True), (True, True)]
    assert set(drawn.input_schema["properties"]) == {"image", "size"}
    assert drawn.input_schema["properties"]["image"]["description"] == "Base64 of image/png."
    assert set(ordered.input_schema["required"]) == {"size", "shop", "idempotency_key"}
    assert set(read.input_schema["properties"]) == {"order", "day"}
    assert read.input_schema["required"] == ["order"]
    assert drawn.output_schema is not None
    assert set(drawn.output_schema["$defs"]["Page"]["properties"]) == {"number"}


@both
def test_images_are_content_blocks(api: McpApi, mode: Mode) -> None:
    async def work(client: Client) -> Any:
        return await client.call_tool("art_draw", {"image": PICTURE})

    result = api.with_client(work, mode)
    assert not result.is_error
    assert result.structured_content == {"pages": [{"number": 1}, {"number": 2}], "tenant": "acme"}
    assert text_of(result) == result.structured_content
    images = [block for block in result.content if isinstance(block, ImageContent)]
    assert [(one.data, one.mime_type) for one in images] == [(PICTURE, "image/png")] * 2


@both
def test_arguments_reach_path_query_header_and_body(api: McpApi, mode: Mode, backend: Backend) -> None:
    async def work(client: Client) -> tuple[Any, Any]:
        started = await client.call_tool("shop_order", {"shop": "a/b", "size": 3, "idempotency_key": "once"})
        return started, await client.call_tool("shop_status", {"order": "7", "day": "today"})

    started, read = api.with_client(work, mode)
    assert started.structured_content == {"id": "a/b", "size": 3, "key": "once"}
    assert read.structured_content == {"id": "7", "size": 1, "key": "today"}
    event = backend.requests[0][1]
    assert (event["path"], event["requestContext"]["path"]) == (
        "/shops/a%2Fb/orders",
        "/prod/shops/a%2Fb/orders",
    )
    assert event["requestContext"]["authorizer"] == api.context["authorizer"]


@both
@pytest.mark.parametrize(
    ("name", "arguments", "status", "code", "message"),
    [
        ("art_draw", {}, 400, "invalid_request", "image is required."),
        ("art_draw", {"image": "?"}, 400, "invalid_request", None),
        ("art_draw", {"image": PICTURE, "size": 65}, 400, "invalid_request", "size should be at most 64."),
        ("shop_order", {"size": 1, "idempotency_key": "x"}, 400, "invalid_request", "shop is required"),
        ("shop_order", {"size": 1, "shop": "a"}, 400, "invalid_request", "idempotency_key is required"),
        ("shop_order", {"size": 1, "shop": 5, "idempotency_key": "x"}, 400, "invalid_request", "shop is"),
        ("shop_status", {"order": "1", "canary": 1}, 400, "invalid_request", "The arguments do not fit"),
        ("flow_run", {"size": "1"}, 400, "invalid_request", "The arguments do not fit"),
        ("flow_run", {"size": 1, "canary": 1}, 400, "invalid_request", "The arguments do not fit"),
    ],
)
def test_errors_are_those_of_the_route(
    api: McpApi, mode: Mode, name: str, arguments: dict[str, Any], status: int, code: str, message: str | None
) -> None:
    async def work(client: Client) -> Any:
        return await client.call_tool(name, arguments)

    result = api.with_client(work, mode)
    assert result.is_error
    assert result.meta["status"] == status
    error = text_of(result)
    assert error["code"] == code
    assert error["message"].startswith(message or "")
    assert "canary" not in json.dumps(error)


def test_a_service_that_fails_is_a_result_and_reported(api: McpApi, backend: Backend) -> None:
    backend.failure = BackendTimeout()

    async def work(client: Client) -> Any:
        return await client.call_tool("art_draw", {"image": PICTURE})

    result = api.with_client(work)
    assert (result.is_error, result.meta["status"]) == (True, 504)
    assert text_of(result)["code"] == "backend_timeout"
    assert api.failures == ["art.draw"]


def test_the_caller_sees_and_calls_what_its_key_allows(api: McpApi, backend: Backend) -> None:
    api.context["authorizer"] = {**api.context["authorizer"], "services": "shop"}

    async def work(client: Client) -> Any:
        names = [tool.name for tool in (await client.list_tools()).tools]
        return names, [
            await client.call_tool("art_draw", {"image": PICTURE}),
            await client.call_tool("flow_run", {"size": 1}),
        ]

    names, results = api.with_client(work)
    assert names == ["shop_order", "shop_status"]
    for result in results:
        assert (result.is_error, result.meta["status"], text_of(result)["code"]) == (True, 403, "forbidden")
    assert backend.requests == []


@both
def test_an_unknown_tool_is_an_error_of_the_protocol(api: McpApi, mode: Mode) -> None:
    async def work(client: Client) -> Any:
        with pytest.raises(MCPError, match="Unknown tool") as refused:
            await client.call_tool("poetry", {})
        return refused.value.error.code

    assert api.with_client(work, mode) == -32602


def test_a_workflow_gets_what_its_route_would_send(api: McpApi, backend: Backend) -> None:
    backend.execution = {"status": "SUCCEEDED", "output": '{"id": "1", "size": 1, "key": ""}'}

    async def work(client: Client) -> Any:
        return await client.call_tool("flow_run", {"size": 1})

    result = api.with_client(work)
    assert result.structured_content == {"id": "1", "size": 1, "key": ""}
    ((_, value),) = backend.requests
    assert value == {
        "body": {"size": 1},
        "path": {},
        "query": {},
        "caller": {
            "kind": "tenant",
            "principal": "acme",
            "sourceIp": "203.0.113.7",
            "tenant": "acme",
            "key": "k1",
            "pseudonym": api.context["authorizer"]["caller"],
            "limits": "[]",
        },
        "requestId": value["requestId"],
    }


@pytest.mark.parametrize(
    ("execution", "status", "code", "retry_after"),
    [
        ({"status": "FAILED", "error": "PayloadTooLarge", "cause": "canary"}, 413, "payload_too_large", None),
        ({"status": "FAILED", "error": "Unforeseen", "cause": "canary"}, 502, "workflow_failed", None),
        ({"status": "FAILED", "error": "BackendUnavailable"}, 503, "backend_unavailable", "5"),
        ({"status": "TIMED_OUT", "error": "States.Timeout"}, 504, "workflow_timeout", None),
        (
            {"status": "FAILED", "error": "BudgetExceeded", "cause": "70 The budget is used up."},
            429,
            "budget_exceeded",
            "70",
        ),
    ],
)
def test_a_workflow_that_fails_answers_as_its_route(
    api: McpApi,
    backend: Backend,
    execution: dict[str, str],
    status: int,
    code: str,
    retry_after: str | None,
) -> None:
    backend.execution = execution

    async def work(client: Client) -> Any:
        return await client.call_tool("flow_run", {"size": 1})

    result = api.with_client(work)
    assert (result.is_error, result.meta["status"], result.meta.get("retry-after")) == (
        True,
        status,
        retry_after,
    )
    assert text_of(result)["code"] == code
    assert "canary" not in str(result)
    if retry_after == "70":
        assert text_of(result)["message"] == "The budget is used up."
