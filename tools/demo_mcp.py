"""Tools of `make demo`, as an agent uses them: lists them by the Model Context Protocol, and calls one."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

from mcp_types import CLIENT_CAPABILITIES_META_KEY, PROTOCOL_VERSION_META_KEY
from mcp_types.version import LATEST_MODERN_VERSION

from deploy_tools.console import heading
from handlers.mcp.contract import exchange
from tools.calls import RECEIPT_WORDS, SAMPLES, Call, expect
from tools.demo_calls import Demo

_META: Final = {PROTOCOL_VERSION_META_KEY: LATEST_MODERN_VERSION, CLIENT_CAPABILITIES_META_KEY: {}}


def use_tools(demo: Demo) -> None:
    """List the tools, and call one."""
    heading("Use the services as tools of an agent (MCP)")
    for call in tool_calls():
        demo.make(call)


def tool_calls() -> list[Call]:
    """Return the calls."""
    receipt = base64.b64encode((SAMPLES / "receipt.png").read_bytes()).decode()
    return [
        _call("list the tools", _tools, "tools/list", {}),
        _call("a tool that reads a receipt", _text, "tools/call", {"name": "vision_text", "arguments": {"image": receipt}}),
        _call(
            "a tool whose input is wrong",
            _wrong,
            "tools/call",
            {"name": "language_summary", "arguments": {"text": ""}},
        ),
    ]  # fmt: skip


def _call(title: str, check: Any, method: str, params: dict[str, Any]) -> Call:
    headers = {"MCP-Protocol-Version": LATEST_MODERN_VERSION, "Mcp-Method": method}
    if "name" in params:
        headers["Mcp-Name"] = params["name"]
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": _META}}
    shown = " ".join((method, params.get("name", ""))).strip()
    return Call.of(exchange, title, check, body=body, headers=headers, shown=shown)


def _tools(answer: Any) -> str:
    tools = answer["result"]["tools"]
    names = [tool["name"] for tool in tools]
    expect(
        {"vision_text", "workflows_document", "jobs_start", "chat_completions"} <= set(names), "tools", answer
    )
    expect(all(tool["inputSchema"]["type"] == "object" for tool in tools), "an input schema for each", answer)
    return ", ".join(names)


def _text(answer: Any) -> str:
    result = answer["result"]
    expect(not result["isError"], "a result without an error", answer)
    text = result["structuredContent"]["text"]
    expect(all(word in text.upper() for word in RECEIPT_WORDS), "the words of the receipt", answer)
    expect(
        json.loads(result["content"][0]["text"]) == result["structuredContent"], "the same as text", answer
    )
    return f"{len(result['structuredContent']['lines'])} lines"


def _wrong(answer: Any) -> str:
    result = answer["result"]
    error = json.loads(result["content"][0]["text"])
    expect(
        result["isError"] and error["code"] == "invalid_request", "an error that the model can read", answer
    )
    return f"{error['code']}: {error['message']}"
