"""The trigger of a user pool, under the real Terraform against the local cloud: a second plan is empty."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deploy_tools.cloud import Cloud
from deploy_tools.terraform import Terraform, TerraformError, environment_for, find_engine
from tests.support.terraform import apply_at_once, check_unchanged
from tests.support.zips import archive

try:
    find_engine()
except TerraformError as missing:
    pytest.skip(f"Terraform is needed: {missing}", allow_module_level=True)

pytestmark = pytest.mark.long

FUNCTION = "${aws_lambda_function.claims.arn}"
VERSIONED = {"lambda_arn": FUNCTION, "lambda_version": "V1_0"}


def configuration(lambda_config: dict[str, Any]) -> dict[str, Any]:
    role = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    return {
        "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws"}}},
        "provider": {"aws": {"region": "us-east-1"}},
        "resource": {
            "aws_iam_role": {"claims": {"name": "claims", "assume_role_policy": json.dumps(role)}},
            "aws_lambda_function": {
                "claims": {
                    "function_name": "claims",
                    "role": "${aws_iam_role.claims.arn}",
                    "runtime": "python3.13",
                    "handler": "app.handler",
                    "filename": "claims.zip",
                }
            },
            "aws_lambda_permission": {
                "claims": {
                    "function_name": "claims",
                    "action": "lambda:InvokeFunction",
                    "principal": "cognito-idp.amazonaws.com",
                    "source_arn": "${aws_cognito_user_pool.users.arn}",
                    "depends_on": ["aws_lambda_function.claims"],
                }
            },
            "aws_cognito_user_pool": {
                "users": {
                    "name": "users",
                    "admin_create_user_config": {"allow_admin_create_user_only": True},
                    "lambda_config": lambda_config,
                }
            },
        },
    }


def test_the_trigger_of_a_pool_is_set_and_changed(tmp_path: Path, cloud: Cloud) -> None:
    directory = tmp_path / "stack"
    directory.mkdir()
    (directory / "claims.zip").write_bytes(archive({"app.py": "def handler(event, context): return event"}))
    terraform = Terraform(find_engine(), directory, environment_for(cloud.directory, endpoint_url=cloud.url))
    for lambda_config in (
        {"pre_token_generation": FUNCTION},
        {"pre_token_generation": FUNCTION, "pre_token_generation_config": VERSIONED},
    ):
        (directory / "main.tf.json").write_text(json.dumps(configuration(lambda_config)))
        terraform.init()
        apply_at_once(terraform)
        check_unchanged(terraform)
