"""MCP clients against the deployed API: the official one by the newest protocol, and LangChain's adapter by an older one."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import secrets
import subprocess
from collections.abc import Awaitable, Callable
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, ImageContent, TextContent, Tool

from constructs_lib.metering.tenant_records import TenantAccess
from constructs_lib.metering.usage_limit import UsageLimit
from tests.support.deployment import Deployed
from tests.support.mcp_adapter import adapter_python
from tests.support.pages import blocks
from tests.support.paths import PROJECT
from tools.calls import SAMPLES, TEXT

RECEIPT = base64.b64encode((SAMPLES / "receipt.png").read_bytes()).decode()
Work = Callable[[Client], Awaitable[Any]]


@pytest.fixture(scope="module", autouse=True)
def warm(deployed: Deployed) -> None:
    """Have the models loaded, as a first call on a busy machine may take longer than a workflow waits."""

    async def work(client: Client) -> None:
        for name, arguments in (
            ("language_analysis", {"text": TEXT}),
            ("embeddings_summary", {"text": TEXT}),
            ("workflows_document", {"image": RECEIPT}),
        ):
            await client.call_tool(name, arguments)

    connected(deployed, deployed.callers.user_token, work)


def connected(deployed: Deployed, key: str, work: Work, mode: Literal["auto", "legacy"] = "auto") -> Any:
    """Do some work with a client that sends a key."""

    async def run() -> Any:
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx2.AsyncClient(headers=headers, timeout=60) as http_client:
            server = streamable_http_client(f"{deployed.invoke_url}/mcp", http_client=http_client)
            async with Client(server, mode=mode) as client:
                return await work(client)

    return asyncio.run(run())


def key_of(deployed: Deployed, access: TenantAccess) -> str:
    with deployed.callers.tenants() as register:
        return str(register.add(f"t{secrets.token_hex(4)}", access).value)


def posted(deployed: Deployed, body: bytes, method: str = "POST", **headers: str) -> tuple[int, bytes]:
    parts = urlsplit(f"{deployed.invoke_url}/mcp")
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    try:
        connection.request(method, parts.path, body, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
def test_the_official_client_lists_and_calls_tools(
    deployed: Deployed, mode: Literal["auto", "legacy"], version: str
) -> None:
    async def work(client: Client) -> None:
        assert client.protocol_version == version
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert {"vision_text", "workflows_document", "jobs_start", "chat_completions", "greeting"} <= set(
            tools
        )
        assert not {"ledger_all_usage", "jobs_approval"} & set(tools)
        read = await client.call_tool("vision_text", {"image": RECEIPT})
        assert "TOTAL" in read.structured_content["text"]
        preview = await client.call_tool("vision_preview", {"image": RECEIPT, "max_side": 64})
        (image,) = [block for block in preview.content if isinstance(block, ImageContent)]
        assert (image.mime_type, base64.b64decode(image.data)[:4]) == ("image/png", b"\x89PNG")
        assert set(preview.structured_content) == {"width", "height"}
        summary = await client.call_tool("workflows_summary", {"text": TEXT, "max_sentences": 1})
        assert "museum" in summary.structured_content["summary"]
        hello = {"role": "user", "content": "Say hello."}
        chat = await client.call_tool(
            "chat_completions", {"model": "fast", "messages": [hello], "max_tokens": 8}
        )
        assert chat.structured_content["choices"][0]["message"]["content"]
        used = await client.call_tool("ledger_usage", {"group_by": "operation"})
        groups = {one["group"] for one in used.structured_content["data"]}
        assert {"vision.text", "workflows.summary", "chat.completions"} <= groups

    connected(deployed, deployed.callers.user_token, work, mode)


def test_a_job_is_started_and_polled(deployed: Deployed) -> None:
    async def work(client: Client) -> None:
        workflows = (await client.call_tool("jobs_workflows", {})).structured_content["workflows"]
        assert "document" in {workflow["name"] for workflow in workflows}
        order = {
            "workflow": "document",
            "input": {"pages": [{"image": RECEIPT}]},
            "idempotency_key": secrets.token_hex(8),
        }
        started = (await client.call_tool("jobs_start", order)).structured_content
        assert (await client.call_tool("jobs_start", order)).structured_content["id"] == started["id"]
        job = started
        async with asyncio.timeout(120):
            while job["status"] == "running":
                await asyncio.sleep(0.3)
                job = (await client.call_tool("jobs_status", {"job": started["id"]})).structured_content
        assert (job["status"], job["error"]) == ("succeeded", None)
        assert "TOTAL" in json.dumps(job["result"])

    connected(deployed, deployed.callers.user_token, work)


def error_of(result: CallToolResult) -> tuple[int, dict[str, Any]]:
    assert result.is_error
    (block,) = result.content
    assert isinstance(block, TextContent)
    assert result.meta is not None
    return result.meta["status"], json.loads(block.text)  # type: ignore[return-value]


def test_rights_and_budgets_of_a_key_hold(deployed: Deployed) -> None:
    limits = [UsageLimit.parse("tenant/day/usd=0.000001999")]
    key = key_of(deployed, TenantAccess(services=["language", "workflows"], limits=limits))

    async def work(client: Client) -> None:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert names == {
            "language_analysis",
            "language_summary",
            "workflows_document",
            "workflows_summary",
            "ledger_usage",
        }
        status, error = error_of(await client.call_tool("vision_text", {"image": RECEIPT}))
        assert (status, error["code"]) == (403, "forbidden")
        assert not (await client.call_tool("language_summary", {"text": TEXT})).is_error
        for tool in ("language_summary", "workflows_summary"):
            refused = await client.call_tool(tool, {"text": TEXT})
            status, error = error_of(refused)
            assert (status, error["code"]) == (429, "budget_exceeded")
            assert int(refused.meta["retry-after"]) > 0
        used = (await client.call_tool("ledger_usage", {"group_by": "operation"})).structured_content
        assert {one["group"]: one["nano_usd"] for one in used["data"]} == {"language.summary": 1_000}

    connected(deployed, key, work)


def test_a_limit_of_requests_counts_messages_and_calls_once(deployed: Deployed) -> None:
    key = key_of(deployed, TenantAccess(limits=[UsageLimit.parse("key/day/requests=3")]))
    listing = b'{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}'
    calling = b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "jobs_workflows"}}'
    headers = {"Authorization": f"Bearer {key}"}
    answers = [posted(deployed, body, **headers) for body in (listing, calling, calling, calling, listing)]
    assert [status for status, _ in answers] == [200, 200, 200, 200, 429]
    refused = [json.loads(content) for _, content in answers]
    assert [one.get("result", {}).get("isError") for one in refused[1:4]] == [False, False, True]
    assert refused[4]["error"]["data"]["code"] == "budget_exceeded"


def test_the_door_is_that_of_the_other_routes(deployed: Deployed) -> None:
    listing = b'{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}'
    user = {"Authorization": f"Bearer {deployed.callers.user_token}"}
    answers = [
        posted(deployed, listing),
        posted(deployed, listing, Authorization="Bearer canary"),
        posted(deployed, listing, **user, Origin="https://evil.example"),
        posted(deployed, b"", method="GET", **user),
        posted(deployed, b"", method="DELETE", **user),
        posted(deployed, listing, **user),
    ]
    assert [status for status, _ in answers] == [401, 401, 403, 405, 405, 200]


def document_of(tools: list[Tool]) -> dict[str, Any]:
    """Return an OpenAPI document with the input of each tool as the body of a path, for schemathesis."""
    paths: dict[str, Any] = {}
    components: dict[str, Any] = {}
    for tool in tools:
        text = json.dumps(tool.input_schema).replace('"#/$defs/', f'"#/components/schemas/{tool.name}.')
        schema = json.loads(text)
        for name, part in schema.pop("$defs", {}).items():
            components[f"{tool.name}.{name}"] = part
        body = {"required": True, "content": {"application/json": {"schema": schema}}}
        responses = {"200": {"description": "The result."}}
        paths[f"/{tool.name}"] = {"post": {"requestBody": body, "responses": responses}}
    info = {"title": "tools", "version": "1"}
    return {"openapi": "3.1.0", "info": info, "paths": paths, "components": {"schemas": components}}


@pytest.mark.parametrize(
    "mode",
    [
        schemathesis.GenerationMode.NEGATIVE,
        # As the routes of test_schemathesis.py, which have the same inputs and the same services behind them.
        pytest.param(schemathesis.GenerationMode.POSITIVE, marks=pytest.mark.long),
    ],
    ids=lambda mode: mode.name.lower(),
)
def test_no_input_of_a_tool_is_answered_with_5xx(
    deployed: Deployed, mode: schemathesis.GenerationMode
) -> None:
    headers = {"Authorization": f"Bearer {deployed.callers.user_token}"}

    async def listed(client: Client) -> list[Tool]:
        return list((await client.list_tools()).tools)

    tools = connected(deployed, deployed.callers.user_token, listed)
    statuses: set[int] = set()
    for found in schemathesis.openapi.from_dict(document_of(tools)).get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=2,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def attack(case: Any) -> None:
            params = {"name": case.operation.path[1:], "arguments": case.body}
            body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
            text = json.dumps(body, default=lambda value: value.decode("latin-1"))
            status, content = posted(deployed, text.encode(), **headers)
            statuses.add(json.loads(content).get("result", {}).get("_meta", {}).get("status", status))
            assert max(statuses) < 500, (text[:300], content)

        attack()
    assert statuses & {200, 400}, "nothing got to a tool"


ADAPTER = """
import asyncio, json, sys
from langchain_mcp_adapters.client import MultiServerMCPClient

async def main(url, key, picture):
    headers = {"Authorization": f"Bearer {key}"}
    client = MultiServerMCPClient({"services": {"transport": "streamable_http", "url": url, "headers": headers}})
    tools = {tool.name: tool for tool in await client.get_tools()}
    text = await tools["vision_text"].ainvoke({"image": picture})
    refused = await tools["language_summary"].ainvoke({"text": ""})
    print(json.dumps({"tools": sorted(tools), "text": text[0]["text"], "refused": str(refused)}))

asyncio.run(main(*json.load(sys.stdin)))
"""


def test_langchains_adapter_uses_the_tools(deployed: Deployed) -> None:
    arguments = [f"{deployed.invoke_url}/mcp", deployed.callers.user_token, RECEIPT]
    done = subprocess.run(
        [adapter_python(), "-c", ADAPTER], input=json.dumps(arguments), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {"vision_text", "workflows_summary", "jobs_status"} <= set(found["tools"])
    assert "TOTAL" in json.loads(found["text"])["text"]
    assert "invalid_request" in found["refused"]


def test_the_program_of_the_guide_calls_a_tool(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MCP_URL", f"{deployed.invoke_url}/mcp")
    monkeypatch.setenv("TOKEN", deployed.callers.user_token)
    (program,) = [
        block for block in blocks(PROJECT / "docs/guides/mcp.md", "python") if "mcp import Client" in block
    ]
    exec(compile(program, "mcp.md", "exec"), {})  # noqa: S102 - the program of the guide
    names, summary = capsys.readouterr().out.splitlines()
    assert "vision_text" in names
    assert "museum" in summary
