"""Roles of IAM, which Terraform creates and reads on several connections at once."""

from __future__ import annotations

import json

from moto.core import DEFAULT_ACCOUNT_ID
from moto.iam.models import iam_backends

from tests.support.cloud_in_thread import CloudInThread


def test_a_role_can_be_created_while_others_are_read(cloud: CloudInThread) -> None:
    iam = cloud.client("iam")

    def create(name: str) -> None:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": []}))

    create("first")
    create("second")
    reading = iter(iam_backends[DEFAULT_ACCOUNT_ID]["aws"].get_roles())
    names = [next(reading).name]
    create("third")
    names += [role.name for role in reading]
    assert {"first", "second"} <= set(names)
