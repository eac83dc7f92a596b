"""Role of the local cloud with the deployer's policies, and the actions that it asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3

from deploy_tools.cloud import Cloud
from tests.support.roles import TRUST, document

ROLE = "deployer"
_LINE = re.compile(rf"^\S+ (\d+) .*? B (.+) by role {ROLE}$", re.MULTILINE)


def assume(cloud: Cloud, policies: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Create a role with the policies; return the environment variables of a session of it."""
    session = boto3.Session("local", "local", region_name="us-east-1")
    iam, sts = (session.client(service, endpoint_url=cloud.url) for service in ("iam", "sts"))
    arn = iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=document(TRUST))["Role"]["Arn"]
    for number, policy in enumerate(policies):
        created = iam.create_policy(PolicyName=f"{ROLE}-{number}", PolicyDocument=json.dumps(policy))
        iam.attach_role_policy(RoleName=ROLE, PolicyArn=created["Policy"]["Arn"])
    keys = sts.assume_role(RoleArn=arn, RoleSessionName="terraform")["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["SessionToken"],
    }


def asked(cloud: Cloud) -> set[str]:
    """Return the actions that the role asked for and got, from the log of requests."""
    log = Path(cloud.directory, "logs", "requests.log").read_text(encoding="utf-8")
    return {action for _, actions in _LINE.findall(log) for action in actions.split(", ")}


def allowed(policies: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return the actions that the policies allow."""
    return {
        action for policy in policies for statement in policy["Statement"] for action in statement["Action"]
    }
