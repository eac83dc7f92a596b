"""The plan that `make scan` scans is made by the real Terraform, wherever the stack keeps its state."""

from __future__ import annotations

import json
from pathlib import Path

import boto3
import pytest

from deploy_tools.terraform import TerraformError, find_engine
from tools.planning import local_cloud, planned

try:
    find_engine()
except TerraformError as missing:
    pytest.skip(f"Terraform is needed: {missing}", allow_module_level=True)


EXISTING_BUCKET = {
    "aws_caller_identity": {"current": {}},
    "aws_s3_bucket_policy": {
        "owner": {"bucket": "shop-archives-${data.aws_caller_identity.current.account_id}"}
    },
}


def test_a_stack_with_a_remote_state_and_a_bucket_that_exists_is_planned_and_left_as_it_is(
    tmp_path: Path,
) -> None:
    stack = tmp_path / "stack"
    (stack / "assets").mkdir(parents=True)
    (stack / "assets" / "words.txt").write_text("words", encoding="utf-8")
    written = {
        "terraform": {
            "backend": {"s3": {"bucket": "state", "key": "shop", "region": "eu-central-1"}},
            "required_providers": {"aws": {"source": "hashicorp/aws"}},
        },
        "provider": {"aws": [{"region": "us-east-1"}]},
        "data": EXISTING_BUCKET,
        "resource": {
            "aws_api_gateway_rest_api": {
                "shop": {"name": "shop", "description": '${file("assets/words.txt")}'}
            }
        },
    }
    (stack / "cdk.tf.json").write_text(json.dumps(written), encoding="utf-8")
    work = tmp_path / "work"
    work.mkdir()

    plan = json.loads(planned(stack, work))
    (change,) = plan["resource_changes"]
    assert change["address"] == "aws_api_gateway_rest_api.shop"
    assert change["change"]["actions"] == ["create"]
    assert change["change"]["after"]["description"] == "words"
    assert sorted(path.name for path in stack.rglob("*")) == ["assets", "cdk.tf.json", "words.txt"]


def test_a_bucket_of_another_account_is_refused(tmp_path: Path) -> None:
    stack = tmp_path / "stack"
    stack.mkdir()
    written = {
        "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws"}}},
        "provider": {"aws": [{"region": "us-east-1"}]},
        "data": EXISTING_BUCKET,
    }
    (stack / "cdk.tf.json").write_text(json.dumps(written), encoding="utf-8")
    with local_cloud(tmp_path / "cloud") as cloud:
        other = boto3.client(
            "sts", endpoint_url=cloud.url, region_name="us-east-1",
            aws_access_key_id="local", aws_secret_access_key="local",
        )  # fmt: skip
        keys = other.assume_role(RoleArn="arn:aws:iam::999999999999:role/guest", RoleSessionName="guest")
        s3 = boto3.client(
            "s3", endpoint_url=cloud.url, region_name="us-east-1",
            aws_access_key_id=keys["Credentials"]["AccessKeyId"],
            aws_secret_access_key=keys["Credentials"]["SecretAccessKey"],
            aws_session_token=keys["Credentials"]["SessionToken"],
        )  # fmt: skip
        s3.create_bucket(Bucket="shop-archives-123456789012")
        with pytest.raises(TerraformError, match="MethodNotAllowed"):
            planned(stack, tmp_path / "theirs", cloud=cloud)


def test_what_other_stacks_own_is_there_for_the_plan(tmp_path: Path) -> None:
    stack = tmp_path / "stack"
    stack.mkdir()
    users = "data.terraform_remote_state.users.outputs"
    written = {
        "terraform": {
            "backend": {"local": {"path": "../shop.tfstate"}},
            "required_providers": {"aws": {"source": "hashicorp/aws"}},
        },
        "provider": {"aws": [{"region": "eu-west-1"}]},
        "data": {
            "aws_lambda_function": {"orders": {"function_name": "orders", "qualifier": "live"}},
            "terraform_remote_state": {
                "users": {
                    "backend": "s3",
                    "config": {"bucket": "states", "key": "users", "region": "eu-west-1"},
                }
            },
        },
        "resource": {
            "aws_api_gateway_rest_api": {"shop": {"name": f"${{{users}.pool_name}}"}},
            "aws_api_gateway_authorizer": {
                "users": {
                    "name": "users",
                    "type": "COGNITO_USER_POOLS",
                    "rest_api_id": "${aws_api_gateway_rest_api.shop.id}",
                    "provider_arns": [f"${{{users}.pool_arn}}"],
                }
            },
        },
        "output": {"orders": {"value": "${data.aws_lambda_function.orders.qualified_arn}"}},
    }
    (stack / "cdk.tf.json").write_text(json.dumps(written), encoding="utf-8")
    plan = json.loads(planned(stack, tmp_path / "work"))
    after = {change["address"]: change["change"]["after"] for change in plan["resource_changes"]}
    assert after["aws_api_gateway_rest_api.shop"]["name"] == "placeholder"
    (pool,) = after["aws_api_gateway_authorizer.users"]["provider_arns"]
    assert pool.startswith("arn:aws:")
    orders = plan["planned_values"]["outputs"]["orders"]["value"]
    assert orders.startswith("arn:aws:lambda:eu-west-1:123456789012:function:orders:")
