"""The Lambda handler of the MCP server: lists the tools that the caller may use, and calls them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Final

from mcp_types import (
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    CallToolRequestParams,
    DiscoverResult,
    EmptyResult,
    Implementation,
    InitializeResult,
    ListToolsResult,
    Result,
    ServerCapabilities,
    Tool,
    ToolsCapability,
)
from mcp_types.version import KNOWN_PROTOCOL_VERSIONS

from handlers.common.cors import allowed_origins
from handlers.common.errors import Forbidden
from handlers.common.functions import Functions
from handlers.common.invocation import Invocation
from handlers.common.logs import InvocationLog
from handlers.common.metering import FREE
from handlers.common.once import Once
from handlers.common.proxy_request import ProxyRequest
from handlers.common.responses import Reply
from handlers.common.service import Service
from handlers.mcp.calls import Calls, Workflows
from handlers.mcp.contract import exchange, mcp
from handlers.mcp.models import Message
from handlers.mcp.protocol import Exchange, Refusal, negotiated_version, refusal_of
from handlers.mcp.results import result_of
from handlers.mcp.tools import ToolRoute, Tools

LIST_LIVES_MS = 60_000
"""How long a client may keep the list of tools, in milliseconds."""

_LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")
"""Pages on the client's machine: no page of another site can have such an origin."""

_PORT: Final = re.compile(r":[0-9]+$")


class Server:
    """Answers requests.

    Args:
        tools: Returns the tools.
        calls: Calls them.
    """

    def __init__(self, tools: Callable[[], Tools], calls: Calls) -> None:
        self._tools = tools
        self._calls = calls
        self._info = Implementation(
            name=os.environ.get("AWS_LAMBDA_FUNCTION_NAME") or mcp.name,
            title=mcp.summary,
            version=os.environ.get("AWS_LAMBDA_FUNCTION_VERSION") or "unpublished",
        )
        self._capabilities = ServerCapabilities(tools=ToolsCapability())

    def answer(self, message: Message, invocation: Invocation) -> Reply[dict[str, object]]:
        """Answer a message. What the protocol does not allow is answered with an error of JSON-RPC.

        Raises:
            BudgetExceeded: The caller's limit of requests is reached.
        """
        is_modern = True
        try:
            exchanged = Exchange.of(message, invocation.http_request.headers)
            is_modern = exchanged.is_modern
            exchanged.check_params()
            found = self._tool(message)
        except Refusal as refusal:
            _count(invocation)
            body, status = refusal_of(message, refusal, is_modern=is_modern)
            return Reply(body, status=status)
        if found is not None:
            invocation.metered.hand_over()  # its route counts and meters the call
            return Reply(exchanged.answer(self._called(*found, exchanged, invocation), self._info))
        _count(invocation)
        return Reply(exchanged.answer(self._result(message, invocation), self._info))

    def _tool(self, message: Message) -> tuple[Tool, ToolRoute] | None:
        """Return the tool that a message calls; None if it calls none.

        Raises:
            Refusal: There is no such tool, or the server has no such method.
        """
        if message.method not in ("initialize", "ping", "server/discover", "tools/call", "tools/list"):
            raise Refusal(METHOD_NOT_FOUND, "This server has tools only.")
        if message.method == "tools/list" and message.params.get("cursor") is not None:
            raise Refusal(INVALID_PARAMS, "The list of tools has one page; leave cursor out.")
        if message.method != "tools/call":
            return None
        found = self._tools().named(str(message.params["name"]))
        if found is None:
            raise Refusal(INVALID_PARAMS, "Unknown tool. tools/list has the names.")
        return found

    def _called(self, tool: Tool, route: ToolRoute, exchanged: Exchange, invocation: Invocation) -> Result:
        params = CallToolRequestParams.model_validate(exchanged.message.params, by_name=False)
        answer = self._calls.call(
            tool,
            route,
            params.arguments or {},
            invocation.http_request,
            invocation.caller,
            request_id=invocation.request_id,
            deadline=invocation.deadline,
        )
        return result_of(route, answer, has_structured_content=exchanged.has_structured_content)

    def _result(self, message: Message, invocation: Invocation) -> Result:
        if message.method == "initialize":
            return InitializeResult(
                protocol_version=negotiated_version(message.params),
                capabilities=self._capabilities,
                server_info=self._info,
            )
        if message.method == "server/discover":
            return DiscoverResult(
                supported_versions=list(reversed(KNOWN_PROTOCOL_VERSIONS)), capabilities=self._capabilities
            )
        if message.method == "tools/list":
            return ListToolsResult(tools=self._tools().usable_by(invocation.caller), ttl_ms=LIST_LIVES_MS)
        return EmptyResult()


def create_service(tools: Callable[[], Tools], calls: Calls) -> Service:
    """Return the MCP server.

    Args:
        tools: Returns the tools.
        calls: Calls them.
    """
    service, server = Service(mcp), Server(tools, calls)

    @service.implements(exchange)
    def handle_message(message: Message, invocation: Invocation) -> Reply[dict[str, object]]:
        _check_origin(invocation.http_request)
        if message.is_notification:
            _count(invocation)
            return Reply(None, status=202)
        return server.answer(message, invocation)

    return service


def _count(invocation: Invocation) -> None:
    invocation.metered.use_operation(exchange.name, FREE, {})


def _check_origin(http: ProxyRequest) -> None:
    """Check that no web page of another origin sends the request, as the protocol demands.

    Raises:
        Forbidden: The page is neither of this API, nor of an allowed origin, nor of the client's own machine.
    """
    hosts = {http.context.get("domainName"), *_LOOPBACK}
    for origin in http.headers.get("origin", ()):
        if origin not in allowed_origins() and _PORT.sub("", origin.partition("://")[2]) not in hosts:
            raise Forbidden("Web pages of this origin may not use the tools.")


service = create_service(
    Once(Tools.from_file),
    Calls(
        Once(Functions.from_environment),
        Once(Workflows.from_environment),
        InvocationLog(mcp.name).backend_failure,
    ),
)
handler = service.handler
