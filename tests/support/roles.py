"""Roles of the local cloud, and sessions of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.support import aws
from tests.support.cloud_in_thread import ACCOUNT, REGION, CloudInThread

TRUST = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
_names = iter(range(10_000))


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


@dataclass
class Somebody:
    """A session of a role."""

    cloud: CloudInThread
    role: str
    arn: str
    keys: dict[str, str]

    def client(self, service: str) -> Any:
        return aws.client(
            service,
            endpoint_url=self.cloud.cloud.url,
            region_name=REGION,
            aws_access_key_id=self.keys["AccessKeyId"],
            aws_secret_access_key=self.keys["SecretAccessKey"],
            aws_session_token=self.keys["SessionToken"],
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    @property
    def role_arn(self) -> str:
        return f"arn:aws:iam::{ACCOUNT}:role/{self.role}"


MakeRole = Callable[..., Somebody]


@pytest.fixture
def make_role(cloud: CloudInThread) -> MakeRole:
    def make(*statements: dict[str, Any], session_policy: str = "", **options: Any) -> Somebody:
        name, iam = f"enforced-{next(_names)}", cloud.client("iam")
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(TRUST), **options)
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document(*statements))
        limited = {"Policy": session_policy} if session_policy else {}
        assumed = cloud.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{name}", RoleSessionName="me", **limited
        )
        return Somebody(cloud, name, assumed["AssumedRoleUser"]["Arn"], assumed["Credentials"])

    return make


def refused(call: Callable[..., Any], **parameters: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as error:
        call(**parameters)
    response = error.value.response
    return (
        response["ResponseMetadata"]["HTTPStatusCode"],
        response["Error"]["Code"],
        response["Error"]["Message"],
    )
