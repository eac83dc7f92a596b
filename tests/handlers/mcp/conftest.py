"""MCP server with services behind it: real contracts, tools and services, with Lambda and Step Functions replaced."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from pydantic import Field

from constructs_lib.patterns.mcp_tools import describe_tool
from constructs_lib.workflows.http_errors import ERRORS
from handlers.common.contract import Contract
from handlers.common.errors import ServiceError
from handlers.common.functions import Functions
from handlers.common.invocation import Invocation
from handlers.common.metering import per_call
from handlers.common.models import Base64Data, Base64Png, RequestModel, ResponseModel
from handlers.common.responses import Reply
from handlers.common.service import Service
from handlers.mcp.app import create_service
from handlers.mcp.calls import Calls, Workflows
from handlers.mcp.tools import Tools
from tests.support.events import Context, authorized, proxy_event

CONTEXT = {"authorizer": authorized("acme", "acme"), "domainName": "api.example"}


class PictureRequest(RequestModel):
    """A picture."""

    image: Base64Data
    size: Annotated[int, Field(ge=1, le=64)] = 8


class Page(ResponseModel):
    """A page."""

    number: int
    image: Base64Png


class Album(ResponseModel):
    """Pages."""

    pages: list[Page]
    tenant: str


class OrderRequest(RequestModel):
    """An order."""

    size: Annotated[int, Field(ge=1, le=64)]


class Order(ResponseModel):
    """An order."""

    id: str
    size: int
    key: str


art = Contract("art", raw_bodies={"image/png": "image"}, read_only=True)
draw = art.post(
    "/art/album",
    PictureRequest,
    Album,
    name="art.draw",
    summary="Draw an album of pictures.",
    metered_by=per_call("picture", nano_usd=1),
)
shop = Contract("shop")
order = shop.post(
    "/shops/{shop}/orders",
    OrderRequest,
    Order,
    name="shop.order",
    summary="Order something.",
    status=202,
    request_headers={"Idempotency-Key": True},
    idempotent=True,
)
status = shop.get(
    "/orders/{order}", Order, name="shop.status", summary="Return an order.", query={"day": "A day."}
)
flow = Contract("flow", max_body_bytes=100, read_only=True)
run_flow = flow.post("/flow", OrderRequest, Order, name="flow.run", summary="Run a workflow.")
SERVICES = (art, shop, flow)


def art_service() -> Service:
    service = Service(art)

    @service.implements(draw)
    def handle(request: PictureRequest, invocation: Invocation) -> Album:
        assert invocation.caller is not None
        pages = [Page(number=number, image=request.image) for number in (1, 2)]
        return Album(pages=pages, tenant=invocation.caller.tenant)

    return service


def shop_service() -> Service:
    service = Service(shop)

    @service.implements(order)
    def handle_order(request: OrderRequest, invocation: Invocation) -> Reply[Order]:
        assert invocation.http is not None
        shop_name = invocation.http.path_parameters["shop"]
        (key,) = invocation.http.headers["idempotency-key"]
        return Reply(
            Order(id=shop_name, size=request.size, key=key), {"Location": invocation.http.context_path}
        )

    @service.implements(status)
    def handle_status(invocation: Invocation) -> Order:
        assert invocation.http is not None
        http = invocation.http
        return Order(id=http.path_parameters["order"], size=1, key=",".join(http.query.get("day", ())))

    return service


@dataclass
class Backend:
    """Lambda and Step Functions.

    Attributes:
        execution: What Step Functions answers.
        failure: What a call of either raises.
        requests: What was sent: the name and the payload.
    """

    execution: Mapping[str, str] = field(default_factory=lambda: {"status": "SUCCEEDED", "output": "{}"})
    failure: ServiceError | None = None
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def call(self, operation: str, parameters: Mapping[str, Any], **_: object) -> dict[str, Any]:
        key, text = (
            (parameters["FunctionName"], parameters["Payload"])
            if operation == "invoke"
            else (parameters["stateMachineArn"], parameters["input"])
        )
        self.requests.append((key, json.loads(text)))
        if self.failure is not None:
            raise self.failure
        if operation != "invoke":
            return dict(self.execution)
        service = {"art": art_service, "shop": shop_service}[key]()
        answer = service.handle(json.loads(text), Context())
        return {"Payload": json.dumps(answer).encode()}


class McpApi:
    """The server as API Gateway calls it, and a client's transport to it.

    Args:
        backend: What is behind it.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.context: dict[str, Any] = dict(CONTEXT)
        self.failures: list[str] = []
        self.sent: list[dict[str, Any]] = []
        described = []
        for contract in SERVICES:
            for operation in contract:
                tool, route = describe_tool("test", operation)
                errors = {name: [one.status, one.code, one.message] for name, one in ERRORS.items()}
                target = (
                    {"workflow": "flow", "errors": errors}
                    if contract is flow
                    else {"function": contract.name}
                )
                described.append({"tool": tool, "route": {**route, "service": contract.name, **target}})
        arns = {contract.name: contract.name for contract in SERVICES}
        self.service = create_service(
            lambda: Tools(json.loads(json.dumps(described))),
            Calls(
                lambda: Functions(arns, api=backend),  # type: ignore[arg-type]
                lambda: Workflows(arns, api=backend),  # type: ignore[arg-type]
                lambda name, _error: self.failures.append(name),
            ),
        )

    def post(
        self, body: object, *, method: str = "POST", **headers: str
    ) -> tuple[int, dict[str, Any] | None, dict[str, str]]:
        """Send a body; return the status, the answer and the headers."""
        text = body if isinstance(body, str) else json.dumps(body)
        named = {"Content-Type": "application/json"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        event = proxy_event(text, method=method, resource="/mcp", headers=named)
        event["requestContext"] |= {**self.context, "path": "/prod/mcp"}
        with contextlib.redirect_stdout(io.StringIO()):
            response = self.service.handler(event, Context())
        answer = str(response["body"])
        return response["statusCode"], json.loads(answer) if answer else None, response["headers"]  # type: ignore[return-value]

    async def _handle(self, request: httpx2.Request) -> httpx2.Response:
        body = (await request.aread()).decode()
        self.sent.append({"method": request.method, **(json.loads(body) if body else {})})
        headers = {
            name: value for name, value in request.headers.items() if name.startswith(("mcp-", "content-"))
        }
        status, answer, answered = self.post(body, method=request.method, **headers)
        return httpx2.Response(
            status, content=b"" if answer is None else json.dumps(answer).encode(), headers=answered
        )

    def with_client(
        self,
        work: Callable[[Client], Awaitable[Any]],
        mode: Literal["auto", "legacy"] = "auto",
    ) -> Any:
        """Do some work with the official client, connected to the server."""

        async def connected() -> Any:
            transport = httpx2.MockTransport(self._handle)
            async with httpx2.AsyncClient(transport=transport) as http:
                server = streamable_http_client("https://api.example/mcp", http_client=http)
                async with Client(server, mode=mode, read_timeout_seconds=10) as client:
                    return await work(client)

        return asyncio.run(connected())


@pytest.fixture
def backend() -> Backend:
    return Backend()


@pytest.fixture
def api(backend: Backend) -> McpApi:
    return McpApi(backend)
