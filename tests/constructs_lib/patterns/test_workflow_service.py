"""WorkflowService: a workflow behind each route of a contract."""

from __future__ import annotations

from constructs_lib import AwsStack, InvalidArgumentError, Pass, Public, RestApi, WorkflowService
from handlers.common.contract import Contract
from tests.support.contracts import Greeting
from tests.support.synthesis import Configuration, children, refused

FLOWS = Contract("flows", summary="Flows.", max_body_bytes=262_144)
ONE = FLOWS.post("/flows/one", Greeting, Greeting, name="flows.one", summary="Do one.")
TWO = FLOWS.post("/flows/two", Greeting, Greeting, name="flows.two", summary="Do two.")


def test_each_operation_has_a_workflow_behind_its_route(stack: AwsStack) -> None:
    service = WorkflowService(
        stack,
        FLOWS,
        {TWO: Pass("two", output={"text": "2"}), ONE: Pass("one", output={"text": "1"})},
    )
    api = RestApi(stack, "api", name="shop", default_authorization=Public())
    methods = api.add_services(service)
    assert [(method.definition.path, method.definition.integration.target) for method in methods] == [
        ("/flows/one", "states:shop-flows-one"),
        ("/flows/two", "states:shop-flows-two"),
    ]
    assert sorted(service.workflows) == ["one", "two"]
    machines = Configuration(stack).all("sfn_state_machine").values()
    assert {machine["type"] for machine in machines} == {"EXPRESS"}


def test_the_definitions_are_those_of_the_contract(stack: AwsStack) -> None:
    before = children(stack)
    steps = Pass("one")
    other = Contract("other").post("/other", Greeting, Greeting, name="other.three", summary="Do three.")
    assert refused(lambda: WorkflowService(stack, FLOWS, {ONE: steps})) == (
        InvalidArgumentError,
        "shop/flows: definitions has no steps for 'flows.two'; pass the steps of flows.one, flows.two",
    )
    assert refused(lambda: WorkflowService(stack, FLOWS, {ONE: steps, TWO: steps, other: steps})) == (
        InvalidArgumentError,
        (
            "shop/flows: definitions has 'other.three', which is not an operation of 'flows'; pass the steps of flows.one, "
            "flows.two"
        ),
    )
    assert children(stack) == before
