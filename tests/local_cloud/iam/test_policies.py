"""IAM policies are evaluated as AWS evaluates them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from local_cloud.iam.conditions import UnknownOperatorError, conditions_hold
from local_cloud.iam.policies import (
    PrincipalNotFoundError,
    PrincipalPolicies,
    is_allowed,
    role_policies,
    role_trust_policy,
    trusts,
    user_policies,
)
from tests.support.cloud_in_thread import ACCOUNT, CloudInThread

TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/jobs"


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource} | more


def deny(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource} | more


@pytest.mark.parametrize(
    ("statements", "decision"),
    [
        ([], "implicitly denied"),
        ([allow()], "allowed"),
        ([allow(), deny()], "denied"),
        ([deny(), allow()], "denied"),
        ([allow("dynamodb:GetItem", TABLE)], "allowed"),
        ([allow("DYNAMODB:getitem", TABLE)], "allowed"),
        ([allow("dynamodb:Get*", TABLE)], "allowed"),
        ([allow("dynamodb:Get????", TABLE)], "allowed"),
        ([allow("dynamodb:PutItem", TABLE)], "implicitly denied"),
        ([allow(["dynamodb:PutItem", "dynamodb:GetItem"], [TABLE, "arn:aws:s3:::b"])], "allowed"),
        ([allow("dynamodb:GetItem", f"{TABLE}/index/*")], "implicitly denied"),
        ([allow("dynamodb:GetItem", "arn:aws:dynamodb:*:*:table/*")], "allowed"),
        ([allow("dynamodb:GetItem", "arn:aws:dynamodb:eu-*:*:table/*")], "implicitly denied"),
        ([allow("dynamodb:GetItem", "arn:aws:dynamodb")], "allowed"),
        ([allow("dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:*")], "allowed"),
        ([allow("dynamodb:GetItem", TABLE.upper())], "implicitly denied"),
        ([allow("dynamodb:GetItem", "")], "implicitly denied"),
        ([{"Effect": "Allow", "NotAction": "dynamodb:GetItem", "Resource": "*"}], "implicitly denied"),
        ([{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}], "allowed"),
        ([{"Effect": "Allow", "Action": "*", "NotResource": TABLE}], "implicitly denied"),
        ([{"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::b"}], "allowed"),
        ([{"Effect": "Allow", "Action": "*"}], "implicitly denied"),
        ([{"Effect": "allow", "Action": "*", "Resource": "*"}], "implicitly denied"),
    ],
)
def test_decisions(statements: list[dict[str, Any]], decision: str) -> None:
    assert is_allowed([policy(*statements)], "dynamodb:GetItem", TABLE) == decision


def test_a_statement_may_stand_alone() -> None:
    assert is_allowed([{"Statement": allow()}], "a:B", "*") == "allowed"
    assert is_allowed([{}], "a:B", "*") == "implicitly denied"


def test_all_policies_count() -> None:
    assert is_allowed([policy(allow()), policy(deny("a:B"))], "a:B", "*") == "denied"
    assert is_allowed([policy(), policy(allow("a:B"))], "a:B", "*") == "allowed"


@pytest.mark.parametrize(
    ("identity", "boundary", "decision"),
    [
        (allow(), allow(), "allowed"),
        (allow(), allow("s3:*"), "implicitly denied"),
        (allow(), deny(), "denied"),
        (allow("s3:*"), allow(), "implicitly denied"),
        (deny(), allow(), "denied"),
    ],
)
def test_a_boundary_must_allow_as_well(
    identity: dict[str, Any], boundary: dict[str, Any], decision: str
) -> None:
    policies = PrincipalPolicies((policy(identity),), policy(boundary))
    assert is_allowed(policies, "dynamodb:GetItem", TABLE) == decision


FACTS = {
    "aws:SourceIp": "10.1.2.3",
    "aws:username": "ada",
    "aws:SourceArn": "arn:aws:execute-api:us-east-1:123456789012:abc/prod/GET/a",
    "aws:SecureTransport": "true",
    "aws:CurrentTime": "2026-01-02T03:04:05Z",
    "aws:EpochTime": "1767323045",
    "aws:TagKeys": ["a", "b"],
    "s3:max-keys": "10",
}


@pytest.mark.parametrize(
    ("operator", "key", "expected", "holds"),
    [
        ("StringEquals", "aws:username", "ada", True),
        ("StringEquals", "AWS:UserName", ["bo", "ada"], True),
        ("StringEquals", "aws:username", "Ada", False),
        ("StringEquals", "aws:username", "a*", False),
        ("StringEquals", "aws:none", "x", False),
        ("StringEquals", "aws:username", "${aws:username}", True),
        ("StringEquals", "aws:username", "${aws:none}", False),
        ("StringEquals", "aws:username", "${aws:none, 'ada'}", True),
        ("StringNotEquals", "aws:username", "ada", False),
        ("StringNotEquals", "aws:username", ["bo", "cy"], True),
        ("StringNotEquals", "aws:none", "x", True),
        ("StringEqualsIgnoreCase", "aws:username", "ADA", True),
        ("StringNotEqualsIgnoreCase", "aws:username", "ADA", False),
        ("StringLike", "aws:username", "a?a", True),
        ("StringLike", "aws:username", "${*}da", False),
        ("StringNotLike", "aws:username", "a*", False),
        ("StringEqualsIfExists", "aws:none", "x", True),
        ("StringEqualsIfExists", "aws:username", "x", False),
        ("ArnLike", "aws:SourceArn", "arn:aws:execute-api:*:123456789012:abc/*", True),
        ("ArnEquals", "aws:SourceArn", "arn:aws:execute-api:*:*:abc/prod/POST/*", False),
        ("ArnNotLike", "aws:SourceArn", "arn:aws:s3:*", True),
        ("ArnLike", "aws:SourceArn", "arn*", False),
        ("Bool", "aws:SecureTransport", True, True),
        ("Bool", "aws:SecureTransport", "false", False),
        ("IpAddress", "aws:SourceIp", "10.0.0.0/8", True),
        ("IpAddress", "aws:SourceIp", ["192.168.0.0/16", "10.1.2.3"], True),
        ("NotIpAddress", "aws:SourceIp", "10.0.0.0/8", False),
        ("IpAddress", "aws:username", "10.0.0.0/8", False),
        ("NumericLessThanEquals", "s3:max-keys", "10", True),
        ("NumericLessThan", "s3:max-keys", 10, False),
        ("NumericNotEquals", "s3:max-keys", "11", True),
        ("NumericGreaterThan", "aws:username", "1", False),
        ("DateGreaterThan", "aws:CurrentTime", "2026-01-01T00:00:00Z", True),
        ("DateLessThan", "aws:CurrentTime", "2026-01-01", False),
        ("DateEquals", "aws:EpochTime", "2026-01-02T03:04:05Z", True),
        ("DateNotEquals", "aws:CurrentTime", "no date", True),
        ("Null", "aws:none", "true", True),
        ("Null", "aws:username", True, False),
        ("Null", "aws:username", False, True),
        ("ForAllValues:StringEquals", "aws:TagKeys", ["a", "b", "c"], True),
        ("ForAllValues:StringEquals", "aws:TagKeys", ["a"], False),
        ("ForAllValues:StringEquals", "aws:none", ["a"], True),
        ("ForAnyValue:StringEquals", "aws:TagKeys", ["b"], True),
        ("ForAnyValue:StringEquals", "aws:TagKeys", ["c"], False),
        ("ForAnyValue:StringNotEquals", "aws:none", ["c"], False),
    ],
)  # fmt: skip
def test_conditions(operator: str, key: str, expected: Any, holds: bool) -> None:
    assert conditions_hold({operator: {key: expected}}, FACTS) is holds


def test_all_conditions_must_hold() -> None:
    name, address = {"aws:username": "ada"}, {"aws:SourceIp": "10.0.0.0/8"}
    assert conditions_hold({"StringEquals": name, "IpAddress": address}, FACTS)
    assert not conditions_hold({"StringEquals": name, "NotIpAddress": address}, FACTS)
    assert not conditions_hold({"StringEquals": name | {"aws:none": "x"}}, FACTS)
    assert conditions_hold({}, {})


@pytest.mark.parametrize("operator", ["Sounds", "NotNull", "ForSomeValues:StringEquals"])
def test_an_unknown_operator_falls_on_the_safe_side(operator: str) -> None:
    with pytest.raises(UnknownOperatorError):
        conditions_hold({operator: {"aws:username": "ada"}}, FACTS)
    condition = {"Condition": {operator: {"aws:username": "ada"}}}
    assert is_allowed([policy(allow(**condition))], "a:B", "*", facts=FACTS) == "implicitly denied"
    assert is_allowed([policy(allow(), deny(**condition))], "a:B", "*", facts=FACTS) == "denied"


def test_variables_in_resources() -> None:
    policies = [policy(allow("s3:GetObject", "arn:aws:s3:::home/${aws:username}/*"))]
    assert is_allowed(policies, "s3:GetObject", "arn:aws:s3:::home/ada/x", facts=FACTS) == "allowed"
    assert is_allowed(policies, "s3:GetObject", "arn:aws:s3:::home/bo/x", facts=FACTS) == "implicitly denied"
    assert is_allowed(policies, "s3:GetObject", "arn:aws:s3:::home/ada/x") == "implicitly denied"
    starred = FACTS | {"aws:username": "*"}
    assert (
        is_allowed(policies, "s3:GetObject", "arn:aws:s3:::home/bo/x", facts=starred) == "implicitly denied"
    )


@pytest.mark.parametrize(
    ("principal", "condition", "expected"),
    [
        ({"Service": "apigateway.amazonaws.com"}, {}, True),
        ({"Service": ["lambda.amazonaws.com", "apigateway.amazonaws.com"]}, {}, True),
        ({"Service": "lambda.amazonaws.com"}, {}, False),
        ({"AWS": "*"}, {}, True),
        ("*", {}, True),
        (None, {}, False),
        ({"Service": "apigateway.amazonaws.com"}, {"StringEquals": {"aws:SourceAccount": ACCOUNT}}, True),
        ({"Service": "apigateway.amazonaws.com"}, {"StringEquals": {"aws:SourceAccount": "1"}}, False),
    ],
)
def test_who_may_assume_a_role(principal: Any, condition: dict[str, Any], expected: bool) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": principal,
        "Action": "sts:AssumeRole",
        "Condition": condition,
    }
    facts = {"aws:SourceAccount": ACCOUNT}
    assert trusts(policy(statement), "apigateway.amazonaws.com", facts=facts) is expected


# --- what moto holds ----------------------------------------------------------------------------------------------

_names = iter(range(10_000))


def managed(cloud: CloudInThread, *statements: dict[str, Any]) -> str:
    created = cloud.client("iam").create_policy(
        PolicyName=f"managed-{next(_names)}", PolicyDocument=json.dumps(policy(*statements))
    )
    return str(created["Policy"]["Arn"])


def decided(policies: Callable[[str], PrincipalPolicies], arn: str, action: str) -> str:
    return is_allowed(policies(arn), action, "*")


def test_the_policies_of_a_role(cloud: CloudInThread) -> None:
    iam = cloud.client("iam")
    role_name = f"policies-role-{next(_names)}"
    trust = policy({"Effect": "Allow", "Principal": {"Service": "x"}, "Action": "sts:AssumeRole"})
    arn = iam.create_role(RoleName=role_name, Path="/a/b/", AssumeRolePolicyDocument=json.dumps(trust))[
        "Role"
    ]["Arn"]
    assert role_trust_policy(arn) == trust
    assert decided(role_policies, arn, "a:Inline") == "implicitly denied"
    iam.put_role_policy(
        RoleName=role_name, PolicyName="p", PolicyDocument=json.dumps(policy(allow("a:Inline")))
    )
    attached = managed(cloud, allow("a:Attached"))
    iam.attach_role_policy(RoleName=role_name, PolicyArn=attached)
    assert [decided(role_policies, arn, f"a:{name}") for name in ("Inline", "Attached", "None")] == [
        "allowed",
        "allowed",
        "implicitly denied",
    ]
    document = json.dumps(policy(allow("a:Second")))
    iam.create_policy_version(PolicyArn=attached, PolicyDocument=document, SetAsDefault=True)
    assert decided(role_policies, arn, "a:Attached") == "implicitly denied"
    assert decided(role_policies, arn, "a:Second") == "allowed"
    iam.put_role_permissions_boundary(
        RoleName=role_name, PermissionsBoundary=managed(cloud, allow("a:Inline"))
    )
    assert decided(role_policies, arn, "a:Inline") == "allowed"
    assert decided(role_policies, arn, "a:Second") == "implicitly denied"


def test_a_policy_of_aws(cloud: CloudInThread) -> None:
    iam = cloud.client("iam")
    role_name = f"policies-role-{next(_names)}"
    arn = iam.create_role(RoleName=role_name, AssumeRolePolicyDocument=json.dumps(policy()))["Role"]["Arn"]
    read_only = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
    iam.attach_role_policy(RoleName=role_name, PolicyArn=read_only)
    assert decided(role_policies, arn, "s3:GetObject") == "allowed"
    assert decided(role_policies, arn, "s3:PutObject") == "implicitly denied"


def test_the_policies_of_a_user_and_its_groups(cloud: CloudInThread) -> None:
    iam = cloud.client("iam")
    user, group = f"user-{next(_names)}", f"group-{next(_names)}"
    arn = iam.create_user(UserName=user)["User"]["Arn"]
    iam.create_group(GroupName=group)
    iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=json.dumps(policy(allow("a:User"))))
    iam.put_group_policy(GroupName=group, PolicyName="p", PolicyDocument=json.dumps(policy(allow("a:Group"))))
    iam.attach_group_policy(GroupName=group, PolicyArn=managed(cloud, deny("a:User")))
    assert decided(user_policies, arn, "a:User") == "allowed"
    assert decided(user_policies, arn, "a:Group") == "implicitly denied"
    iam.add_user_to_group(GroupName=group, UserName=user)
    assert decided(user_policies, arn, "a:User") == "denied"
    assert decided(user_policies, arn, "a:Group") == "allowed"


@pytest.mark.parametrize(
    ("read", "arn", "message"),
    [
        (role_policies, f"arn:aws:iam::{ACCOUNT}:role/none", f"there is no arn:aws:iam::{ACCOUNT}:role/none"),
        (user_policies, f"arn:aws:iam::{ACCOUNT}:user/none", f"there is no arn:aws:iam::{ACCOUNT}:user/none"),
        (role_trust_policy, "role", "role is not an ARN of IAM"),
        (role_policies, "arn:aws:s3:::bucket", "arn:aws:s3:::bucket is not an ARN of IAM"),
    ],
)
def test_who_does_not_exist(cloud: CloudInThread, read: Callable[[str], Any], arn: str, message: str) -> None:
    with pytest.raises(PrincipalNotFoundError) as caught:
        read(arn)
    assert str(caught.value) == message
