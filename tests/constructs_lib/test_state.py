"""AwsStack with its state in S3."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cdktf import App, TerraformOutput

from constructs_lib import AwsStack, ConflictError, InvalidArgumentError, S3State, Table
from tests.support.synthesis import Configuration, refused

KEY = "arn:aws:kms:eu-central-1:123456789012:key/12345678-1234-1234-1234-123456789012"
ROLE = "arn:aws:iam::123456789012:role/terraform-state"
STATE = S3State(bucket="shop-states", key="shop/prod.tfstate", region="eu-central-1")


def test_the_state_is_encrypted_and_locked_by_a_file(app: App) -> None:
    stack = AwsStack(app, "shop", region="us-east-1", state=STATE)
    written = Configuration(stack).json["terraform"]
    assert written["backend"] == {
        "s3": {
            "bucket": "shop-states",
            "encrypt": True,
            "key": "shop/prod.tfstate",
            "region": "eu-central-1",
            "use_lockfile": True,
        }
    }
    assert written["required_version"] == ">= 1.10.0, < 2.0.0"


def test_a_table_locks_it_for_older_releases_and_a_key_encrypts_it(app: App) -> None:
    state = S3State(
        bucket="shop-states",
        key="prod.tfstate",
        region="eu-central-1",
        dynamodb_table="shop-locks",
        kms_key_id=KEY,
    )
    written = Configuration(AwsStack(app, "shop", region="us-east-1", state=state)).json["terraform"]
    assert written["backend"] == {
        "s3": {
            "bucket": "shop-states",
            "dynamodb_table": "shop-locks",
            "encrypt": True,
            "key": "prod.tfstate",
            "kms_key_id": KEY,
            "region": "eu-central-1",
        }
    }
    assert written["required_version"] == ">= 1.5.0, < 2.0.0"


@pytest.mark.parametrize(
    ("options", "version"),
    [
        ({}, ">= 1.10.0, < 2.0.0"),
        ({"dynamodb_table": "shop-locks", "kms_key_id": KEY}, ">= 1.5.0, < 2.0.0"),
        ({"dynamodb_table": "shop-locks", "role_arn": ROLE}, ">= 1.6.0, < 2.0.0"),
        ({"endpoint_url": "http://127.0.0.1:4566", "role_arn": ROLE}, ">= 1.10.0, < 2.0.0"),
    ],
    ids=str,
)
def test_a_stack_that_reads_another_has_all_of_its_backend(
    app: App, options: dict[str, str], version: str
) -> None:
    state = S3State(bucket="shop-states", key="shop.tfstate", region="eu-central-1", **options)
    shop = AwsStack(app, "shop", region="eu-central-1", state=state)
    table = Table(shop, "orders", partition_key="id")
    reader = AwsStack(
        app,
        "desk",
        region="us-east-1",
        state=S3State(bucket="others", key="desk.tfstate", region="us-east-1"),
    )
    TerraformOutput(reader, "table", value=table.arn)
    app.synth()
    written = json.loads((reader.folder / "cdk.tf.json").read_text(encoding="utf-8"))
    (source,) = written["data"]["terraform_remote_state"].values()
    assert source.pop("backend") == "s3"
    assert source.pop("workspace") == "${terraform.workspace}"
    assert source == {
        "config": {name: value for name, value in state.backend().items() if name != "use_lockfile"}
    }
    shop_json = json.loads((shop.folder / "cdk.tf.json").read_text(encoding="utf-8"))["terraform"]
    assert shop_json["backend"] == {"s3": state.backend()}
    assert shop_json["required_version"] == version


def test_one_place_for_the_state(app: App) -> None:
    assert refused(
        lambda: AwsStack(app, "shop", region="us-east-1", state=STATE, state_path="shop.tfstate")
    ) == (
        ConflictError,
        "shop: has both state_path 'shop.tfstate' and a state in S3; pass either state_path or state",
    )
    nothing: Any = "s3://shop-states/prod.tfstate"
    assert refused(lambda: AwsStack(app, "shop", region="us-east-1", state=nothing)) == (
        InvalidArgumentError,
        "shop: state is of type str; pass S3State(...), or leave it out for a local file",
    )


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (
            {"bucket": "s3://shop"},
            "bucket 's3://shop' is not valid; use the bucket's name: 3 to 63 lower case letters, digits, '-' and '.'",
        ),
        (
            {"key": "/prod.tfstate"},
            "key '/prod.tfstate' is not valid; use a path without '/' at its ends, such as 'shop/prod.tfstate'",
        ),
        (
            {"region": "Frankfurt"},
            "region 'Frankfurt' is not valid; use a region's code, such as 'eu-central-1'",
        ),
        ({"dynamodb_table": "a b"}, "dynamodb_table 'a b' is not valid; use the table's name"),
        (
            {"kms_key_id": "alias/shop"},
            "kms_key_id 'alias/shop' is not valid; pass the key's ARN, because deployers may be in another account",
        ),
        (
            {"role_arn": "terraform-state"},
            (
                "role_arn 'terraform-state' is not valid; pass the role's ARN, such as "
                "'arn:aws:iam::123456789012:role/terraform-state'"
            ),
        ),
        (
            {"endpoint_url": "127.0.0.1:4566"},
            "endpoint_url '127.0.0.1:4566' is not valid; use a URL without a path, such as 'http://127.0.0.1:4566'",
        ),
    ],
)
def test_states_that_are_refused(arguments: dict[str, str], problem: str) -> None:
    given = {"bucket": "shop-states", "key": "prod.tfstate", "region": "eu-central-1", **arguments}
    assert refused(lambda: S3State(**given)) == (InvalidArgumentError, f"S3State: {problem}")
