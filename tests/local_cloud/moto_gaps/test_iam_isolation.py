"""IAM under many threads: policies are attached while others are created."""

from __future__ import annotations

import functools
import json
from typing import Any

from tests.support.cloud_in_thread import CloudInThread
from tests.support.threads import at_once

_TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
_POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
    }
)


def role_with_policy(iam: Any, name: str) -> list[str]:
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=_TRUST)
    arn = iam.create_policy(PolicyName=name, PolicyDocument=_POLICY)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    return [policy["PolicyName"] for policy in attached]


def test_policies_are_attached_while_others_are_created(cloud: CloudInThread) -> None:
    iam = cloud.client("iam")
    names = [f"concurrent-{number}" for number in range(80)]
    attached = at_once(functools.partial(role_with_policy, iam, name) for name in names)
    assert attached == [[name] for name in names]
