"""API Gateway may invoke exactly what a function's policy lets it."""

from __future__ import annotations

from typing import Any

import pytest

from local_cloud.gateway.permissions import InvokePermissions
from local_cloud.iam.conditions import arn_like

ACCOUNT = "123456789012"
FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:vision"
API = f"arn:aws:execute-api:us-east-1:{ACCOUNT}:abc"
SOURCE = f"{API}/prod/POST/vision/text"


def statement(**changes: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"Service": "apigateway.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": f"{FUNCTION}:live",
        "Condition": {"ArnLike": {"AWS:SourceArn": f"{API}/*/POST/vision/text"}},
    } | changes


def condition(operator: str, key: str, value: Any) -> dict[str, Any]:
    return {operator: {key: value}}


def allowed(
    *statements: dict[str, Any], function_arn: str = f"{FUNCTION}:live", source: str = SOURCE
) -> bool:
    return InvokePermissions(lambda _: statements).allow(function_arn, source=source, account_id=ACCOUNT)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"Condition": None},
        {"Action": "lambda:*"},
        {"Action": ["lambda:GetFunction", "lambda:invokefunction"]},
        {"Principal": "*"},
        {"Principal": {"Service": ["events.amazonaws.com", "apigateway.amazonaws.com"]}},
        {"Condition": condition("ArnLike", "aws:SourceArn", f"{API}/*")},
        {"Condition": condition("ArnLike", "aws:SourceArn", [f"{API}/x/GET/", f"{API}/prod/*/vision/????"])},
        {"Condition": condition("ArnEquals", "AWS:SourceArn", SOURCE)},
        {"Condition": condition("StringEquals", "AWS:SourceAccount", ACCOUNT)},
        {"Condition": condition("StringNotEquals", "AWS:SourceAccount", "999999999999")},
        {
            "Condition": condition("ArnLike", "AWS:SourceArn", f"{API}/*")
            | condition("StringEquals", "AWS:SourceAccount", ACCOUNT)
        },
    ],
    ids=str,
)
def test_lets_in(changes: dict[str, Any]) -> None:
    assert allowed(statement(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"Principal": {"Service": "events.amazonaws.com"}},
        {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}},
        {"Action": "lambda:GetFunction"},
        {"Resource": FUNCTION},
        {"Resource": f"{FUNCTION}:other"},
        {"Condition": condition("ArnLike", "AWS:SourceArn", f"{API}/*/GET/vision/text")},
        {"Condition": condition("ArnLike", "AWS:SourceArn", f"{API}/*/POST/vision")},
        {"Condition": condition("ArnLike", "AWS:SourceArn", "arn:aws:execute-api:us-east-1:1:other/*")},
        {"Condition": condition("StringEquals", "AWS:SourceAccount", "999999999999")},
        {"Condition": condition("StringEquals", "aws:PrincipalOrgID", "o-1")},
        {"Condition": condition("NoSuchOperator", "AWS:SourceAccount", ACCOUNT)},
        {
            "Condition": condition("ArnLike", "AWS:SourceArn", f"{API}/*")
            | condition("StringEquals", "AWS:SourceAccount", "999999999999")
        },
    ],
    ids=str,
)
def test_keeps_out(changes: dict[str, Any]) -> None:
    assert not allowed(statement(**changes))


def test_no_statement_lets_nobody_in() -> None:
    assert not allowed()


def test_a_denial_wins() -> None:
    assert not allowed(statement(), statement(Effect="Deny"))


def test_a_permission_of_an_alias_is_none_of_the_function() -> None:
    assert not allowed(statement(), function_arn=FUNCTION)
    assert allowed(statement(Resource=FUNCTION), function_arn=FUNCTION)


@pytest.mark.parametrize(
    ("pattern", "arn", "expected"),
    [
        ("arn:aws:s3:::a*", "arn:aws:s3:::abc", True),
        ("arn:aws:*:::abc", "arn:aws:s3:::abc", True),
        ("arn:*", "arn:aws:s3:::abc", False),  # a wildcard stays within its part
        ("arn:aws:s3:::a.c", "arn:aws:s3:::abc", False),
        ("arn:aws:x:::f:*", "arn:aws:x:::f:1:2", True),
        ("no arn", "arn:aws:s3:::abc", False),
    ],
)
def test_arn_like(pattern: str, arn: str, expected: bool) -> None:
    assert arn_like(pattern, arn) is expected
