"""McpServer: the routes of its services are tools, and it may invoke exactly what answers them."""

from __future__ import annotations

import json
from typing import Any

import cdktf
import pytest
from pydantic import BaseModel

from constructs_lib import (
    AiService,
    AwsStack,
    Cors,
    IamAuthorization,
    InvalidArgumentError,
    McpServer,
    Pass,
    Public,
    RestApi,
    WorkflowService,
)
from constructs_lib.errors import ConflictError
from handlers.common.contract import Contract
from handlers.common.error_format import JSON_RPC_ERROR
from handlers.common.models import Base64Png
from tests.support.contracts import Greeting, greeting
from tests.support.synthesis import Configuration, FakeArchive, refused, statements

MCP = Contract("mcp", for_all_callers=True, error_format=JSON_RPC_ERROR)
MCP.post("/mcp", Greeting, None, summary="Exchange a message.", answers_other_methods=True)
FLOWS = Contract("flows", read_only=True)
ONE = FLOWS.post("/flows/one", Greeting, Greeting, name="flows.one", summary="Do one.")


class Picture(BaseModel):
    """A picture."""

    png: Base64Png
    name: str


class Gallery(BaseModel):
    """Pictures."""

    first: Picture | None
    all: list[Picture]


@pytest.fixture
def service(stack: AwsStack, archive: FakeArchive) -> AiService:
    return AiService(stack, greeting(), archive=archive)


def server(stack: AwsStack, archive: FakeArchive, *services: Any, **options: Any) -> McpServer:
    return McpServer(stack, MCP, services=services, archive=archive, **options)


def test_it_may_invoke_what_answers_its_tools_and_nothing_else(
    stack: AwsStack, archive: FakeArchive, service: AiService
) -> None:
    flows = WorkflowService(stack, FLOWS, {ONE: Pass("one", output={"text": "1"})})
    tools_server = server(stack, archive, service, flows)
    assert [tool["name"] for tool in tools_server.tools] == ["greeting_greet", "greeting_last", "flows_one"]
    synthesized = Configuration(stack)
    (function,) = (
        one for one in synthesized.all("lambda_function").values() if one["function_name"] == "shop-mcp"
    )
    variables = {
        name: json.loads(function["environment"]["variables"][name])
        for name in ("AI_SERVICES", "AI_WORKFLOWS")
    }
    assert set(variables["AI_SERVICES"]) == {"greeting"}
    assert set(variables["AI_WORKFLOWS"]) == {"flows.one"}
    granted = {
        policy["name"]: statements(policy["policy"])
        for address, policy in synthesized.all("iam_role_policy").items()
        if address.split(".")[1].startswith("mcp")
    }
    assert [one["Action"] for one in granted["invoke-shop-greeting"]] == [["lambda:InvokeFunction"]]
    assert [one["Action"] for one in granted["start-shop-flows-one"]] == [["states:StartSyncExecution"]]
    assert {name for name in granted if name.startswith(("invoke-", "start-"))} == {
        "invoke-shop-greeting",
        "start-shop-flows-one",
    }


def test_tools_have_what_the_contracts_say(stack: AwsStack, archive: FakeArchive) -> None:
    contract = Contract("art", raw_bodies={"image/png": "text"})
    contract.post(
        "/art/{artist}/{year}",
        Greeting,
        Gallery,
        name="art.draw",
        summary="Draw.",
        request_headers={"Idempotency-Key": True, "X-Style": False},
        idempotent=True,
    )
    contract.get("/art", Greeting, name="art.list", summary="List.", query={"from": "First year."})
    drawn, listed = server(stack, archive, AiService(stack, contract, archive=archive)).tools
    schema = drawn["inputSchema"]
    assert schema["required"] == ["text", "artist", "year", "idempotency_key"]
    assert schema["properties"]["text"]["description"] == "Base64 of image/png."
    assert schema["properties"]["x_style"]["description"] == "Value of the header `X-Style`."
    assert drawn["annotations"] == {"readOnlyHint": False, "idempotentHint": True}
    pictures = drawn["outputSchema"]["$defs"]["Picture"]
    assert (set(pictures["properties"]), pictures["required"]) == ({"name"}, ["name"])
    assert "title" not in json.dumps(drawn)
    assert listed["inputSchema"] == {
        "type": "object",
        "properties": {"from": {"type": "string", "minLength": 1, "description": "First year."}},
        "additionalProperties": False,
    }
    assert listed["annotations"] == {"readOnlyHint": True, "idempotentHint": True}


def test_operations_can_be_excluded(stack: AwsStack, archive: FakeArchive, service: AiService) -> None:
    greet, _ = service.contract.operations
    tools_server = server(stack, archive, service, exclude=[greet])
    assert [tool["name"] for tool in tools_server.tools] == ["greeting_last"]


@pytest.mark.parametrize("excluded", [False, True])
def test_a_tool_whose_route_has_another_authorization_fails_the_synthesis(
    stack: AwsStack, archive: FakeArchive, service: AiService, excluded: bool
) -> None:
    greet, _ = service.contract.operations
    tools_server = server(stack, archive, service, exclude=[greet] if excluded else [])
    api = RestApi(stack, "api", name="shop", default_authorization=Public())
    api.add_services(service, authorization={"/greetings": IamAuthorization()})
    api.add_services(tools_server)
    api.deploy("prod")
    if excluded:
        cdktf.Testing.synth(stack, True)
        return
    problem = (
        "shop/mcp: 'greeting.greet' is a tool, but POST /greetings has another authorization than the server's route; "
        "exclude the operation, or give both the same authorization"
    )
    with pytest.raises(RuntimeError) as failed:
        cdktf.Testing.synth(stack, True)
    assert problem in str(failed.value)


def test_its_errors_may_differ_from_those_of_the_api(
    stack: AwsStack, archive: FakeArchive, service: AiService
) -> None:
    api = RestApi(
        stack, "api", name="shop", default_authorization=Public(), cors=Cors(origins=["https://a.example"])
    )
    methods = api.add_services(service, server(stack, archive, service))
    assert [(one.http_method, one.path) for one in methods][-1] == ("POST", "/mcp")
    operation = api.openapi_document["paths"]["/mcp"]
    assert set(operation) == {"post"}
    assert {("ANY", "/mcp"), ("POST", "/mcp")} <= {
        (route.http_method, route.path) for route in api.definition.routes
    }


def test_wrong_arguments_are_rejected(stack: AwsStack, archive: FakeArchive, service: AiService) -> None:
    assert refused(lambda: server(stack, archive)) == (
        InvalidArgumentError,
        "shop/mcp: services have no operation with a route; pass at least one",
    )
    assert refused(lambda: server(stack, archive, service, service)) == (
        ConflictError,
        "shop/mcp: 'greeting.greet' and 'greeting.greet' are both the tool 'greeting_greet'; rename one, or exclude it",
    )
    contract = Contract("art")
    contract.post("/art/{text}", Greeting, Greeting, summary="Draw.")
    assert refused(lambda: server(stack, archive, AiService(stack, contract, archive=archive))) == (
        ConflictError,
        "shop/mcp: 'text' of 'art' is in the path and elsewhere in the request; rename one of them in the contract",
    )
