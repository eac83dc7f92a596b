"""Contract of the MCP server: one route, at which clients send one message a request."""

from __future__ import annotations

from typing import Final

from handlers.common.contract import LARGEST_BODY_BYTES, Contract
from handlers.common.error_format import JSON_RPC_ERROR
from handlers.common.metering import BY_CALLED
from handlers.mcp.models import Message

VERSION_HEADER: Final = "Mcp-Protocol-Version"
METHOD_HEADER: Final = "Mcp-Method"
NAME_HEADER: Final = "Mcp-Name"

mcp = Contract(
    "mcp",
    summary="Services, workflows and jobs as tools for agents.",
    max_body_bytes=LARGEST_BODY_BYTES,
    # The tools that it calls are checked one by one.
    for_all_callers=True,
    error_format=JSON_RPC_ERROR,
)
exchange = mcp.post(
    "/mcp",
    Message,
    None,
    metered_by=BY_CALLED,
    answers_other_methods=True,
    # Which of them a request has depends on its version of the protocol.
    request_headers=dict.fromkeys((VERSION_HEADER, METHOD_HEADER, NAME_HEADER), False),
    summary="Answer one message of the Model Context Protocol (MCP), whose tools are the operations of the API.",
    request_example={"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
)
