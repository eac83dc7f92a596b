"""Deployer's policies: rights by resource type, on the names of the stack."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from deploy_tools.app import CONFIGURATION, SynthesizedStack
from deploy_tools.deployer_policy import MOST_CHARACTERS, policies, size, write
from deploy_tools.deployer_rights import DATA_RIGHTS, RIGHTS
from deploy_tools.errors import DeploymentError
from tests.support.paths import PROJECT
from tools.golden import golden_file


def stack_of(folder: Path, resources: dict[str, dict[str, Any]], **sections: Any) -> SynthesizedStack:
    configuration = {"resource": resources, **sections}
    (folder / CONFIGURATION).write_text(json.dumps(configuration), encoding="utf-8")
    return SynthesizedStack("shop", folder)


def arns(stack: SynthesizedStack, action: str) -> list[str]:
    return sorted(
        arn
        for document in policies(stack, "prod")
        for statement in document["Statement"]
        for arn in statement["Resource"]
        if action in statement["Action"]
    )


@pytest.fixture(scope="module")
def main(tmp_path_factory: pytest.TempPathFactory) -> SynthesizedStack:
    folder = tmp_path_factory.mktemp("main")
    text = golden_file("ai-orchestrator").read_text(encoding="utf-8")
    (folder / CONFIGURATION).write_text(text, encoding="utf-8")
    return SynthesizedStack("ai-orchestrator", folder)


def test_policies_are_as_large_as_aws_takes(main: SynthesizedStack) -> None:
    documents = policies(main, "prod")
    assert len(documents) == 2
    assert all(size(document) <= MOST_CHARACTERS for document in documents)
    assert "${" not in json.dumps(documents)


def test_rights_of_main_are_on_the_names_of_its_resources(main: SynthesizedStack) -> None:
    assert arns(main, "lambda:CreateFunction") == [
        "arn:aws:lambda:us-east-1:*:function:ai-orchestrator-prod-*"
    ]
    assert arns(main, "iam:PutRolePolicy") == ["arn:aws:iam::*:role/ai-orchestrator-*"]
    assert arns(main, "s3:PutObject") == [
        "arn:aws:s3:::ai-orchestrator-archives-*-us-east-1/ai-orchestrator-prod-*",
        "arn:aws:s3:::company-states/ai-orchestrator-prod.tfstate*",
    ]
    assert arns(main, "iam:PassRole") == ["arn:aws:iam::*:role/ai-orchestrator-*"]


def test_actions_on_every_resource_are_those_that_aws_does_not_limit(main: SynthesizedStack) -> None:
    everywhere = {
        action
        for document in policies(main, "prod")
        for statement in document["Statement"]
        for action in statement["Action"]
        if statement["Resource"] == ["*"]
    }
    assert all(
        re.search(
            r":(Create(Guardrail|UserPool|Key|LogDelivery)|DeleteLogDelivery|Describe|List|PutResourcePolicy|Validate)",
            one,
        )
        for one in everywhere
    ), everywhere


def test_names_of_other_resources_are_followed(tmp_path: Path) -> None:
    stack = stack_of(
        tmp_path,
        {
            "aws_sqs_queue": {"orders": {"name": "orders.fifo"}},
            "aws_sqs_queue_redrive_policy": {"again": {"queue_url": "${aws_sqs_queue.orders.id}"}},
            "aws_lambda_permission": {
                "ours": {"function_name": "arn:aws:lambda:us-east-1:123456789012:function:theirs"},
                "any": {"function_name": "${element(var.names, 1)}"},
            },
        },
        provider={"aws": [{"region": "eu-central-1", "allowed_account_ids": ["210987654321"]}]},
    )
    assert arns(stack, "sqs:SetQueueAttributes") == ["arn:aws:sqs:eu-central-1:210987654321:orders.fifo"]
    assert arns(stack, "lambda:AddPermission") == [
        "arn:aws:lambda:eu-central-1:210987654321:function:*",
        "arn:aws:lambda:us-east-1:123456789012:function:theirs",
        "arn:aws:lambda:us-east-1:123456789012:function:theirs:*",
    ]


def test_a_type_without_known_rights_is_an_error(tmp_path: Path) -> None:
    stack = stack_of(tmp_path, {"aws_instance": {"one": {}}})
    with pytest.raises(DeploymentError) as error:
        policies(stack, "prod")
    assert str(error.value) == (
        "aws_instance: the rights that Terraform needs for this resource are unknown; add them to "
        "deploy_tools/deployer_rights.py"
    )


def test_rights_of_all_types_that_constructs_create_are_known() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (PROJECT / "constructs_lib").rglob("*.py"))
    used = set(re.findall(r"cdktf_cdktf_provider_aws\.(\w+)", sources)) - {"provider"}
    data = {name.removeprefix("data_") for name in used if name.startswith("data_")}
    resources = {f"aws_{name}" for name in used if not name.startswith("data_")}
    assert resources <= RIGHTS.keys()
    assert data <= DATA_RIGHTS.keys()


def test_files_are_written_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "deployer-policy-2.json").write_text("older")
    stack = stack_of(tmp_path, {"aws_sns_topic": {"news": {"name": "news"}}})
    (file,) = write(stack, "prod")
    assert file == tmp_path / "deployer-policy.json"
    assert json.loads(file.read_text()) == policies(stack, "prod")[0]
    assert [path.name for path in tmp_path.glob("*policy*")] == [file.name]
