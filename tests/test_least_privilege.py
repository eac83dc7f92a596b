"""Every permission names its actions and what they are for; what AWS cannot scope is listed here, by name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cdktf import App

from tests.support.main_stack import Directory
from tools.scan_all_on import STACK, AllOn

UNSCOPED = {
    "comprehend:DetectDominantLanguage": "Comprehend's detection has no resources",
    "comprehend:DetectEntities": "Comprehend's detection has no resources",
    "comprehend:DetectKeyPhrases": "Comprehend's detection has no resources",
    "comprehend:DetectSentiment": "Comprehend's detection has no resources",
    "ec2:DescribeNetworkInterfaces": "EC2 scopes nothing that describes",
    "ec2:DescribeSubnets": "EC2 scopes nothing that describes",
    "logs:CreateLogDelivery": "log delivery has no resources",
    "logs:DeleteLogDelivery": "log delivery has no resources",
    "logs:DescribeLogGroups": "log delivery looks for its group in all of them",
    "logs:DescribeResourcePolicies": "log delivery has no resources",
    "logs:GetLogDelivery": "log delivery has no resources",
    "logs:ListLogDeliveries": "log delivery has no resources",
    "logs:PutResourcePolicy": "log delivery has no resources",
    "logs:UpdateLogDelivery": "log delivery has no resources",
    "rekognition:DetectLabels": "Rekognition's detection has no resources",
    "rekognition:DetectText": "Rekognition's detection has no resources",
    "xray:GetSamplingRules": "X-Ray's sampling has no resources",
    "xray:GetSamplingTargets": "X-Ray's sampling has no resources",
    "xray:PutTelemetryRecords": "X-Ray has no resources to write to",
    "xray:PutTraceSegments": "X-Ray has no resources to write to",
}

PARTS_OF = {
    r"\$\{aws_cloudwatch_log_group\.[\w-]+\.arn\}:\*": "the streams of one log group",
    r"\$\{aws_s3_bucket\.[\w-]+\.arn\}/\*": "the objects of one bucket",
    r"\$\{aws_s3_bucket\.[\w-]+\.arn\}/[\w/-]+/\*": "the objects of one folder of a bucket",
    r"arn:(aws|ACCOUNT):s3:::(ACCOUNT|[a-z0-9.-])+(/[\w/-]+)?/\*": "the objects of one bucket or folder that exists",
    r"\$\{aws_dynamodb_table\.[\w-]+\.arn\}/index/\*": "the indexes of one table",
    r"arn:ACCOUNT:ec2:[a-z0-9-]+:ACCOUNT:network-interface/\*": "interfaces have no names before they are made",
    r"arn:ACCOUNT:logs:[a-z0-9-]+:ACCOUNT:\*": "API Gateway's one role in an account and region, for all its APIs",
    r"arn:ACCOUNT:states:[a-z0-9-]+:ACCOUNT:execution:[\w-]+:\*": "the executions of one workflow, named when they start",
}
"""Resources that end in a wildcard, with `ACCOUNT` for what Terraform looks up."""

IN_RESOURCE_POLICIES = {"kms:*": "Allow", "s3:*": "Deny", "sqs:*": "Deny"}
"""Whole services in the policies of resources: the account's right to its own key, and refusals."""


WHOLE_CALLERS = {
    "cognito-idp.amazonaws.com": "aws_cognito_user_pool",
    "events.amazonaws.com": "aws_cloudwatch_event_rule",
}
"""Services that call a function for one resource, and the type of that resource."""


class Permission(NamedTuple):
    """One action on one resource."""

    place: str
    action: str
    resource: str


def all_on(directory: Path) -> Path:
    app = App(outdir=str(directory))
    AllOn(app, directory, jobs=True)
    app.synth()
    return directory / "stacks" / STACK


@pytest.fixture(scope="module", params=["main.py", "all-on"])
def resources(
    request: pytest.FixtureRequest, main_stack: Directory, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """The resources of a stack, by type and name."""
    stack = main_stack("prod") if request.param == "main.py" else all_on(tmp_path_factory.mktemp("all-on"))
    written = json.loads((stack / "cdk.tf.json").read_text(encoding="utf-8"))
    found: dict[str, dict[str, Any]] = written["resource"]
    return found


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def documents(
    resources: dict[str, dict[str, Any]], kind: str, name: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    for place, body in resources.get(kind, {}).items():
        for statement in json.loads(body[name])["Statement"]:
            yield f"{kind}.{place}", statement


def of_roles(resources: dict[str, dict[str, Any]]) -> Iterator[Permission]:
    for place, statement in documents(resources, "aws_iam_role_policy", "policy"):
        assert statement["Effect"] == "Allow"
        assert not {"NotAction", "NotResource"} & statement.keys()
        for action in listed(statement["Action"]):
            for resource in listed(statement["Resource"]):
                looked_up = re.sub(r"\$\{data\.aws_[\w.-]+\}", "ACCOUNT", resource)
                yield Permission(place, action, looked_up)


def test_roles_have_their_policies_inline_and_nothing_else(resources: dict[str, dict[str, Any]]) -> None:
    assert resources["aws_iam_role_policy"]
    assert not {kind for kind in resources if kind.startswith("aws_iam")} - {
        "aws_iam_role",
        "aws_iam_role_policy",
    }
    assert all("managed_policy_arns" not in role for role in resources["aws_iam_role"].values())


def test_every_action_is_named(resources: dict[str, dict[str, Any]]) -> None:
    for permission in of_roles(resources):
        assert re.fullmatch(r"[a-z0-9-]+:[A-Z][A-Za-z]+", permission.action), permission


def test_every_resource_is_one(resources: dict[str, dict[str, Any]]) -> None:
    for permission in of_roles(resources):
        if permission.resource == "*":
            assert permission.action in UNSCOPED, permission
        elif "*" in permission.resource or "?" in permission.resource:
            assert any(re.fullmatch(part, permission.resource) for part in PARTS_OF), permission
        else:
            assert re.fullmatch(
                r"\$\{aws_[\w.-]+\.(?:guardrail_)?arn\}(/index/\w+)?|arn:[^ ]+", permission.resource
            ), permission


def test_functions_and_workflows_that_are_named_are_the_stacks_own(
    resources: dict[str, dict[str, Any]],
) -> None:
    own = {f"function:{body['function_name']}:live" for body in resources["aws_lambda_function"].values()}
    own |= {f"stateMachine:{body['name']}" for body in resources["aws_sfn_state_machine"].values()}
    calls = {"lambda:InvokeFunction", "states:StartExecution", "states:StartSyncExecution"}
    called = {one.resource.split(":", 5)[5] for one in of_roles(resources) if one.action in calls}
    assert called
    assert called <= own


def test_only_api_gateways_own_role_writes_to_all_log_groups(resources: dict[str, dict[str, Any]]) -> None:
    wide = {one.place for one in of_roles(resources) if one.resource.endswith(":ACCOUNT:*")}
    assert all("account_role" in place for place in wide)
    makes_groups = {one.place for one in of_roles(resources) if one.action == "logs:CreateLogGroup"}
    assert makes_groups <= wide


def test_roles_are_for_services_that_act_for_this_account(resources: dict[str, dict[str, Any]]) -> None:
    for place, statement in documents(resources, "aws_iam_role", "assume_role_policy"):
        assert (statement["Effect"], statement["Action"]) == ("Allow", "sts:AssumeRole")
        assert list(statement["Principal"]) == ["Service"]
        if statement["Principal"]["Service"] == "apigateway.amazonaws.com":
            # It does not say for which account it acts. What its roles may do, the next two tests say.
            assert "Condition" not in statement
            assert re.search(r"account_role|api-role", place), place
        else:
            account = statement["Condition"]["StringEquals"]["aws:SourceAccount"]
            assert account.startswith("${data.aws_caller_identity."), place


def test_what_lets_api_gateway_start_a_workflow_starts_that_one_and_nothing_else(
    resources: dict[str, dict[str, Any]],
) -> None:
    of_role: dict[str, list[dict[str, Any]]] = {}
    for place, body in resources["aws_iam_role_policy"].items():
        if "api-role" in place:
            of_role.setdefault(body["role"], []).extend(json.loads(body["policy"])["Statement"])
    assert of_role
    for role, allowed in of_role.items():
        start, *others = allowed
        assert start["Action"] == ["states:StartSyncExecution"], role
        assert len(start["Resource"]) == 1, role
        # With a customer-managed key, the caller that starts a workflow decrypts its definition, and nothing else.
        assert all(
            one["Action"] == ["kms:Decrypt"]
            and "kms:EncryptionContext:aws:states:stateMachineArn" in one["Condition"]["StringEquals"]
            for one in others
        ), role


def test_workflows_call_their_own_functions_and_queues(resources: dict[str, dict[str, Any]]) -> None:
    roles = {
        f"${{aws_iam_role.{name}.id}}"
        for name, role in resources["aws_iam_role"].items()
        if "states.amazonaws.com" in role["assume_role_policy"]
    }
    assert len(roles) == len(resources["aws_sfn_state_machine"])
    services = {
        action.partition(":")[0]
        for body in resources["aws_iam_role_policy"].values()
        if body["role"] in roles
        for statement in json.loads(body["policy"])["Statement"]
        for action in listed(statement["Action"])
    }
    assert services <= {"dynamodb", "kms", "lambda", "logs", "sqs", "xray"}


def test_workflows_use_the_items_of_their_circuits_and_count_callers_only(
    resources: dict[str, dict[str, Any]],
) -> None:
    found = [
        statement
        for place, statement in documents(resources, "aws_iam_role_policy", "policy")
        if ("_role_tasks_" in place) and "dynamodb:" in json.dumps(statement["Action"])
    ]
    assert found
    for statement in found:
        assert re.fullmatch(r"\$\{aws_dynamodb_table\.[\w-]+\.arn\}", *statement["Resource"])
        if "callers" in json.dumps(statement["Resource"]):
            # The item is that of the caller, whom the role does not know.
            assert listed(statement["Action"]) == ["dynamodb:UpdateItem"]
            continue
        (condition,) = statement["Condition"].values()
        (item,) = condition["dynamodb:LeadingKeys"]
        assert "*" not in item


def test_policies_of_resources_let_in_nobody_else(resources: dict[str, dict[str, Any]]) -> None:
    for kind in ("aws_kms_key", "aws_s3_bucket_policy", "aws_sns_topic_policy", "aws_sqs_queue"):
        for place, statement in documents(resources, kind, "policy"):
            if statement["Effect"] == "Allow":
                assert statement["Principal"] != "*", place
                assert "*" not in json.dumps(statement["Principal"]), place
                to_cloudwatch = statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
                by_topic_policy = kind == "aws_kms_key" and to_cloudwatch
                assert "AWS" in statement["Principal"] or "Condition" in statement or by_topic_policy, place
            for action in listed(statement["Action"]):
                assert "*" not in action or IN_RESOURCE_POLICIES.get(action) == statement["Effect"], place


def test_functions_may_be_called_by_one_method_rule_or_user_pool_each(
    resources: dict[str, dict[str, Any]],
) -> None:
    for place, permission in resources["aws_lambda_permission"].items():
        assert permission["action"] == "lambda:InvokeFunction"
        assert "qualifier" in permission, place
        caller = WHOLE_CALLERS.get(permission["principal"])
        if caller is not None:
            assert re.fullmatch(rf"\$\{{{caller}\.[\w-]+\.arn\}}", permission["source_arn"]), place
            continue
        caller = permission["source_arn"].partition("}")[2]
        # The authorizers of an API in an OpenAPI body have no resource, so their ids are not known.
        assert re.fullmatch(r"/\*/[A-Z*]+/[a-z0-9*/-]+|/authorizers/(\$\{[\w.-]+\}|\*)", caller), permission[
            "source_arn"
        ]


def test_the_list_of_what_cannot_be_scoped_says_why() -> None:
    assert all(len(reason) > 10 for reason in [*UNSCOPED.values(), *PARTS_OF.values()])
