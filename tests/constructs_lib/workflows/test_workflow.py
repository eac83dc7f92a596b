"""A workflow as Terraform resources: its state machine, its role, its log, and the method that it answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cdktf import App
from cdktf_cdktf_provider_aws.sqs_queue import SqsQueue

from constructs_lib import (
    AwsStack,
    Cors,
    Deployment,
    ExistingApiGatewayAccount,
    Function,
    HttpError,
    Input,
    LambdaTask,
    Map,
    Pass,
    PolicyStatement,
    Public,
    RestApi,
    SqsSendMessage,
    Stage,
    Step,
    StepFunctionsIntegration,
    Succeed,
    Variable,
    Workflow,
)
from constructs_lib.kms.encryption_key import EncryptionKey
from handlers.vision.contract import read_text
from tests.support.synthesis import (
    Configuration,
    FakeArchive,
    alias_arn,
    children,
    machine_arn,
    refused,
    statements,
)


@pytest.fixture
def steps(function: Function) -> Step:
    text = LambdaTask(
        "text", function, operation=read_text, input={"image": Input("body.image")}, result="text"
    )
    return text >> Succeed("done", output={"text": Variable("text.text"), "costs": "${5} %{x}"})


@pytest.fixture
def workflow(stack: AwsStack, steps: Step) -> Workflow:
    return Workflow(stack, "scan", definition=steps, timeout_seconds=20)


def policies(configuration: Configuration, *, of: str) -> dict[str, list[dict[str, Any]]]:
    """The statements of the inline policies of the role with this name in its address, by the policies' names."""
    return {
        body["name"]: statements(body["policy"])
        for address, body in configuration.all("iam_role_policy").items()
        if f".{of}_" in address
    }


def test_the_state_machine(stack: AwsStack, workflow: Workflow) -> None:
    configuration = Configuration(stack)
    machine = configuration.only("sfn_state_machine")
    assert machine["name"] == workflow.workflow_name == "shop-scan"
    assert machine["type"] == "EXPRESS"
    assert machine["tracing_configuration"] == {"enabled": True}
    group = next(a for a in configuration.all("cloudwatch_log_group") if "scan" in a)
    assert configuration.all("cloudwatch_log_group")[group]["name"] == "/aws/vendedlogs/states/shop-scan"
    assert machine["logging_configuration"] == {
        "level": "ALL",
        "include_execution_data": False,
        "log_destination": f"${{{group}.arn}}:*",
    }
    assert "encryption_configuration" not in machine
    assert "publish" not in machine
    awaited = {group, *(a for a in configuration.all("iam_role_policy") if ".scan_role_" in a)}
    assert set(machine["depends_on"]) == awaited
    assert len(awaited) == 4


def test_terraform_fills_in_the_alias_and_nothing_else(stack: AwsStack, workflow: Workflow) -> None:
    configuration = Configuration(stack)
    text = configuration.only("sfn_state_machine")["definition"]
    alias = f"${{{configuration.address('lambda_alias')}.arn}}"
    assert text.count("${") - text.count("$${") == text.count(alias) == 1
    asl = json.loads(text)
    assert asl["States"]["text"]["Arguments"]["FunctionName"] == alias
    assert asl["States"]["done"]["Output"]["costs"] == "$${5} %%{x}"
    assert asl["TimeoutSeconds"] == 20


def test_the_role_may_do_what_the_states_need(stack: AwsStack, function: Function) -> None:
    queue = SqsQueue(stack, "queue", name="things")
    Workflow(
        stack,
        "scan",
        definition=LambdaTask("call", function, result="x")
        >> SqsSendMessage("tell", queue, body=Variable("x"), result="y")
        >> SqsSendMessage("tell again", queue, body=Variable("x")),
    )
    configuration = Configuration(stack)
    found = policies(configuration, of="scan_role")
    assert found.keys() == {"log-delivery", "xray", "invoke-shop-chat", "tasks"}
    assert found["invoke-shop-chat"] == [
        {
            "Effect": "Allow",
            "Action": ["lambda:InvokeFunction"],
            "Resource": [alias_arn(configuration, "shop-chat")],
        }
    ]
    assert found["tasks"] == [
        {"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": ["${aws_sqs_queue.queue.arn}"]}
    ]
    everywhere = {
        action
        for several in found.values()
        for one in several
        for action in one["Action"]
        if one["Resource"] == ["*"]
    }
    assert {action.split(":")[0] for action in everywhere} == {"logs", "xray"}


def test_only_step_functions_for_this_account_may_be_the_role(stack: AwsStack, workflow: Workflow) -> None:
    roles = Configuration(stack).all("iam_role")
    (role,) = (body for address, body in roles.items() if ".scan_role_" in address)
    (trust,) = statements(role["assume_role_policy"])
    assert trust["Principal"] == {"Service": "states.amazonaws.com"}
    (account,) = trust["Condition"]["StringEquals"].items()
    assert account[0] == "aws:SourceAccount"
    assert account[1].startswith("${data.aws_caller_identity.")


def test_a_key_encrypts_the_state_machine_and_its_log(stack: AwsStack, steps: Step) -> None:
    key = EncryptionKey(stack, "key")
    flow = Workflow(stack, "scan", definition=steps, encryption_key=key, publish=True, tracing=False)
    assert flow.encryption_key is key
    configuration = Configuration(stack)
    machine = configuration.only("sfn_state_machine")
    arn = f"${{{configuration.address('kms_key')}.arn}}"
    assert machine["encryption_configuration"] == {
        "type": "CUSTOMER_MANAGED_KMS_KEY",
        "kms_key_id": arn,
        "kms_data_key_reuse_period_seconds": 300,
    }
    assert machine["publish"] is True
    assert "xray" not in policies(configuration, of="scan_role")
    (group,) = (b for a, b in configuration.all("cloudwatch_log_group").items() if "scan" in a)
    assert group["kms_key_id"] == arn
    mine, logs = policies(configuration, of="scan_role")["key"]
    assert mine["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert mine["Resource"] == logs["Resource"] == [arn]
    ((context, value),) = mine["Condition"]["StringEquals"].items()
    assert context == "kms:EncryptionContext:aws:states:stateMachineArn"
    assert value.endswith(":stateMachine:shop-scan")
    assert logs["Action"] == ["kms:GenerateDataKey"]
    (delivery,) = (one for one in key.policy["Statement"] if one["Sid"] == "WorkflowLogs")
    assert delivery["Principal"] == {"Service": "delivery.logs.amazonaws.com"}
    assert delivery["Action"] == ["kms:Decrypt"]
    assert list(delivery["Condition"]["StringEquals"]) == ["kms:EncryptionContext:SourceArn"]


def test_who_starts_an_encrypted_workflow_may_decrypt_what_is_its_own(
    stack: AwsStack, steps: Step, function: Function
) -> None:
    flow = Workflow(stack, "scan", definition=steps, encryption_key=EncryptionKey(stack, "key"))
    flow.grant_start(function)
    start, decrypt = policies(Configuration(stack), of="chat_role")["start-shop-scan"]
    assert start["Action"] == ["states:StartExecution", "states:StartSyncExecution"]
    assert decrypt["Action"] == ["kms:Decrypt"]
    assert decrypt["Condition"]["StringEquals"].keys() == {"kms:EncryptionContext:aws:states:stateMachineArn"}


def test_who_is_granted_it_may_start_this_one_only(
    stack: AwsStack, function: Function, workflow: Workflow
) -> None:
    workflow.grant_start(function)
    workflow.grant_start(function)
    configuration = Configuration(stack)
    assert policies(configuration, of="chat_role")["start-shop-scan"] == [
        {
            "Effect": "Allow",
            "Action": ["states:StartExecution", "states:StartSyncExecution"],
            "Resource": [machine_arn(configuration, "shop-scan")],
        }
    ]


def test_who_may_wait_for_it_can_be_allowed_to_start_it_without_waiting(
    stack: AwsStack, function: Function, workflow: Workflow
) -> None:
    workflow.grant_start_and_wait(function)
    workflow.grant_start(function)
    workflow.grant_start_and_wait(function)
    found = policies(Configuration(stack), of="chat_role")
    assert found["start-shop-scan"][0]["Action"] == ["states:StartSyncExecution"]
    assert found["start-without-waiting-shop-scan"][0]["Action"] == ["states:StartExecution"]


def test_a_function_that_starts_it_is_created_beside_it_and_opened_after_it(
    stack: AwsStack, archive: FakeArchive, workflow: Workflow
) -> None:
    workflow.grant_start(Function(stack, "front", archive=archive))
    needed = Configuration(stack).references()
    (machine,) = (one for one in needed if one.startswith("aws_sfn_state_machine."))
    (function,) = (one for one in needed if one.startswith("aws_lambda_function.front_"))
    (alias,) = (one for one in needed if one.startswith("aws_lambda_alias.front_"))
    assert machine in needed[alias]
    assert not any(one.startswith(("aws_sfn_", "aws_lambda_")) for one in needed[function])


def test_a_workflow_may_be_started_by_a_function_that_it_invokes(
    stack: AwsStack, function: Function, workflow: Workflow
) -> None:
    workflow.grant_start(function)
    configuration = Configuration(stack)
    assert "start-shop-scan" in policies(configuration, of="chat_role")
    assert "depends_on" not in configuration.only("lambda_alias")


def test_a_standard_workflow_is_started_and_looked_into(stack: AwsStack, function: Function) -> None:
    flow = Workflow(stack, "job", definition=Pass("nothing"), kind="STANDARD")
    flow.grant_start(function)
    flow.grant_read(function)
    found = policies(Configuration(stack), of="chat_role")
    assert found["start-shop-job"][0]["Action"] == ["states:StartExecution"]
    (read,) = found["read-shop-job"]
    assert read["Resource"][0].endswith(":execution:shop-job:*")
    assert read["Action"] == ["states:DescribeExecution", "states:GetExecutionHistory"]


def test_the_definition_and_the_picture_lie_beside_the_configuration(
    app: App, stack: AwsStack, workflow: Workflow
) -> None:
    place = Path(app.outdir) / "stacks" / "shop" / "workflows"
    assert sorted(file.name for file in place.iterdir()) == ["shop-scan.asl.json", "shop-scan.mmd"]
    assert (place / "shop-scan.mmd").read_text(encoding="utf-8") == workflow.mermaid()
    asl = json.loads((place / "shop-scan.asl.json").read_text(encoding="utf-8"))
    assert asl["States"]["done"]["Output"]["costs"] == "${5} %{x}"
    assert "TfToken" not in json.dumps(asl)


def test_hand_written_language_gets_the_same_role_and_checks(stack: AwsStack, function: Function) -> None:
    resource = "arn:aws:states:::aws-sdk:rekognition:detectText"
    asl = {
        "StartAt": "text",
        "States": {
            "text": {"Type": "Task", "Resource": "${Text}", "TimeoutSeconds": 3, "Next": "words"},
            "words": {"Type": "Task", "Resource": resource, "TimeoutSeconds": 4, "End": True},
        },
    }
    words = PolicyStatement(actions=["rekognition:DetectText"], resources=["*"])
    definition = Workflow.from_definition(json.dumps(asl), references={"Text": function}, permissions=[words])
    flow = Workflow(stack, "scan", definition=definition)
    assert flow.longest_seconds == 7
    configuration = Configuration(stack)
    found = json.loads(configuration.only("sfn_state_machine")["definition"])
    assert found["States"]["text"]["Resource"] == f"${{{configuration.address('lambda_alias')}.arn}}"
    assert policies(configuration, of="scan_role").keys() == {
        "log-delivery",
        "xray",
        "invoke-shop-chat",
        "tasks",
    }


def test_a_method_starts_it_and_waits(stack: AwsStack, api: RestApi, workflow: Workflow) -> None:
    integration = StepFunctionsIntegration(workflow)
    api.resource_for("/scan/{id}").add_method("POST", integration, authorization=Public())
    api.resource_for("/again").add_method("POST", integration, authorization=Public())
    Deployment(stack, "deployment", api=api)
    configuration = Configuration(stack)
    for found in configuration.all("api_gateway_integration").values():
        assert found["type"] == "AWS"
        assert found["integration_http_method"] == "POST"
        assert found["uri"] == "arn:aws:apigateway:us-east-1:states:action/StartSyncExecution"
        assert found["passthrough_behavior"] == "NEVER"
        assert found["content_handling"] == "CONVERT_TO_TEXT"
        assert list(found["request_templates"]) == ["application/json"]
        (role,) = (a for a in configuration.all("iam_role") if "api-role" in a)
        assert found["credentials"] == f"${{{role}.arn}}"
    assert policies(configuration, of="scan_api-role") == {
        "start-shop-scan": [
            {
                "Effect": "Allow",
                "Action": ["states:StartSyncExecution"],
                "Resource": [machine_arn(configuration, "shop-scan")],
            }
        ]
    }
    answers = configuration.all("api_gateway_integration_response").values()
    patterns = [one.get("selection_pattern") for one in answers]
    assert sorted(map(str, patterns)) == ["4\\d{2}", "4\\d{2}", "5\\d{2}", "5\\d{2}", "None", "None"]
    assert len(configuration.all("api_gateway_method_response")) == 6


def test_a_deployment_follows_another_role_and_the_stage_waits_for_its_rights(
    stack: AwsStack, api: RestApi, workflow: Workflow
) -> None:
    api.root.add_method("POST", StepFunctionsIntegration(workflow), authorization=Public())
    Stage(
        stack,
        "stage",
        deployment=Deployment(stack, "deployment", api=api),
        stage_name="prod",
        account=ExistingApiGatewayAccount(),
    )
    configuration = Configuration(stack)
    deployment, stage = configuration.only("api_gateway_deployment"), configuration.only("api_gateway_stage")
    (role,) = (a for a in configuration.all("iam_role") if "api-role" in a)
    assert deployment["lifecycle"]["replace_triggered_by"] == [f"{role}.id"]
    for kind, part in (("sfn_state_machine", ""), ("iam_role_policy", "api-role")):
        (address,) = (one for one in configuration.all(kind) if part in one)
        assert address in stage["depends_on"]
        assert address not in deployment["depends_on"]


def test_the_route_says_the_same_in_one_body(stack: AwsStack, workflow: Workflow) -> None:
    api = RestApi(stack, "api", name="shop", definition="openapi")
    api.root.add_method("POST", StepFunctionsIntegration(workflow), authorization=Public())
    configuration = Configuration(stack)
    body = json.loads(configuration.only("api_gateway_rest_api")["body"])
    operation = body["paths"]["/"]["post"]
    integration = operation["x-amazon-apigateway-integration"]
    (role,) = (a for a in configuration.all("iam_role") if "api-role" in a)
    assert integration["credentials"] == f"${{{role}.arn}}"
    assert list(integration["responses"]) == ["4\\d{2}", "5\\d{2}", "default"]
    assert sorted(operation["responses"]) == ["200", "400", "503"]
    assert integration["passthroughBehavior"] == "never"


def test_pages_of_other_origins_can_read_every_answer(stack: AwsStack, workflow: Workflow) -> None:
    api = RestApi(stack, "api", name="shop", cors=Cors(origins=["https://a.example", "https://b.example"]))
    api.root.add_method("POST", StepFunctionsIntegration(workflow), authorization=Public())
    found = [
        body
        for address, body in Configuration(stack).all("api_gateway_integration_response").items()
        if "POST" in address
    ]
    assert len(found) == 3
    for one in found:
        assert (
            one["response_parameters"]["method.response.header.Access-Control-Allow-Origin"]
            == "'https://a.example'"
        )
        assert one["response_templates"]["application/json"].startswith("#set($origin = ")


def test_the_hash_of_an_api_knows_the_workflow_and_its_errors(stack: AwsStack, workflow: Workflow) -> None:
    def digest(name: str, integration: StepFunctionsIntegration) -> str:
        api = RestApi(stack, name, name=name)
        api.root.add_method("POST", integration, authorization=Public())
        return api.definition.digest()

    other = Workflow(stack, "other", definition=Pass("nothing"), timeout_seconds=9)
    sold_out = HttpError(status=409, code="sold_out", message="There is none left.")
    digests = [
        digest("one", StepFunctionsIntegration(workflow)),
        digest("two", StepFunctionsIntegration(other)),
        digest("three", StepFunctionsIntegration(workflow, errors={"OutOfStock": sold_out})),
    ]
    assert len(set(digests)) == 3
    assert digest("four", StepFunctionsIntegration(workflow)) == digests[0]


REFUSED: dict[str, tuple[Callable[[AwsStack, Function], object], str]] = {
    "a workflow longer than API Gateway waits": (
        lambda stack, function: StepFunctionsIntegration(
            Workflow(
                stack, "scan", definition=Map("m", Input("body.items"), each=LambdaTask("call", function))
            )
        ),
        (
            "shop/scan (StepFunctionsIntegration): the workflow may run 300 s by its own timeouts and retries, and API "
            "Gateway waits 29000 ms, so callers get a 504 while it runs on; pass timeout_seconds below 29 to the "
            "workflow, or start it as a job"
        ),
    ),
    "retries that add up": (
        lambda stack, function: StepFunctionsIntegration(
            Workflow(stack, "scan", definition=LambdaTask("call", function))
        ),
        (
            "shop/scan (StepFunctionsIntegration): the workflow may run 56 s by its own timeouts and retries, and API "
            "Gateway waits 29000 ms, so callers get a 504 while it runs on; pass timeout_seconds below 29 to the "
            "workflow, or start it as a job"
        ),
    ),
    "a standard workflow": (
        lambda stack, function: StepFunctionsIntegration(
            Workflow(stack, "scan", definition=Pass("nothing"), kind="STANDARD")
        ),
        (
            "shop/scan (StepFunctionsIntegration): a STANDARD workflow returns before it has a result; use kind='EXPRESS', or start it as a job that the client polls"
        ),
    ),
    "a function in the place of a workflow": (
        lambda stack, function: StepFunctionsIntegration(function),  # type: ignore[arg-type]
        "StepFunctionsIntegration: workflow is of type Function; pass a Workflow",
    ),
    "a name of an error that would be evaluated": (
        lambda stack, function: StepFunctionsIntegration(
            Workflow(stack, "scan", definition=Pass("nothing")),
            errors={'x" || "1': HttpError(status=409, code="x", message="y")},
        ),
        "shop/scan (StepFunctionsIntegration): error 'x\" || \"1' is not valid; use letters, digits and '.'",
    ),
    "an express workflow of an hour": (
        lambda stack, function: Workflow(stack, "scan", definition=Pass("nothing"), timeout_seconds=3600),
        "shop/scan: timeout_seconds is 3600; use 1 to 300",
    ),
    "a graph that is wrong": (
        lambda stack, function: Workflow(stack, "scan", definition=Succeed("a") >> Pass("b")),
        "shop/scan/b: no state leads to it; add a transition to it in shop/scan, or remove it",
    ),
    "hand-written language that is wrong": (
        lambda stack, function: Workflow(
            stack,
            "scan",
            definition=Workflow.from_definition({"StartAt": "a", "States": {"a": {"Type": "Pass"}}}),
        ),
        "shop/scan/a: has neither Next nor End; set Next, or End: true",
    ),
    "looking into an express workflow": (
        lambda stack, function: Workflow(stack, "scan", definition=Pass("nothing")).grant_read(function),
        "shop/scan: an Express workflow keeps no executions; read its log, or use kind='STANDARD'",
    ),
}


@pytest.mark.parametrize(("act", "expected"), REFUSED.values(), ids=REFUSED)
def test_a_mistake_is_named(
    stack: AwsStack, function: Function, act: Callable[[AwsStack, Function], object], expected: str
) -> None:
    assert refused(lambda: act(stack, function))[1] == expected


def test_what_is_refused_makes_nothing(stack: AwsStack, function: Function) -> None:
    before = children(stack)
    refused(lambda: Workflow(stack, "scan", definition=Succeed("a") >> Pass("b")))
    assert children(stack) == before


def test_a_function_of_another_stack_is_refused(app: App, function: Function, tmp_path: Path) -> None:
    other = AwsStack(app, "other", region="us-east-1")
    assert "stack" in refused(lambda: Workflow(other, "scan", definition=LambdaTask("call", function)))[1]
    mine = Function(other, "mine", archive=FakeArchive.make(tmp_path, "mine"))
    assert Workflow(other, "scan", definition=LambdaTask("call", mine)).workflow_name == "other-scan"
