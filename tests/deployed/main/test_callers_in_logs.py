"""Callers in the logs of the deployed stack: one hash, by which a use can be found, and a person cannot."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from deploy_tools.callers import CallerKind
from handlers.common.caller_hash import HASH
from tests.support.deployment import Deployed
from tests.support.waiting import eventually
from tools.caller_hash import hash_of
from tools.calls import Call
from tools.demo_calls import request

TEXT = {"text": "Ada was here."}


def claims_of(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def lines(deployed: Deployed) -> Iterator[tuple[str, str]]:
    """The lines of all log groups, each with the name of its group."""
    logs = deployed.callers.client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        for event in logs.filter_log_events(logGroupName=group["logGroupName"])["events"]:
            yield group["logGroupName"], event["message"]


def has(deployed: Deployed, request_id: str, group: str, field: str, value: str) -> bool:
    """Return whether a line of a request has a value in a field."""
    return any(
        f'"{field}":"{value}"' in line.replace('": "', '":"')
        for name, line in lines(deployed)
        if group in name and request_id in line
    )


@pytest.mark.parametrize("kind", ["user", "tenant"])
def test_a_caller_has_the_same_hash_in_the_access_log_and_in_the_functions_log(
    deployed: Deployed, kind: CallerKind
) -> None:
    callers = deployed.callers
    claims = claims_of(callers.user_token)
    expected = hash_of(
        callers, deployed.outputs, f"user:{claims['sub']}" if kind == "user" else "tenant:acme"
    )
    assert HASH.fullmatch(expected)
    sent = Call("", "POST", "/language/analysis", str, body=TEXT, caller=kind)
    status, content, headers, _ = request(deployed.invoke_url, sent, callers)
    assert status == 200, content
    request_id = headers["x-amzn-requestid"]
    key = expected if kind == "user" else callers.tenant_key.split("_")[2]
    for group, field, value in (
        ("/aws/apigateway/", "caller", expected),
        ("/aws/apigateway/", "tenant", "users" if kind == "user" else "acme"),
        ("/aws/apigateway/", "key", key),
        ("tenants-authorizer", "caller", expected),
        ("language", "caller", expected),
    ):
        assert eventually(
            lambda group=group, field=field, value=value: has(deployed, request_id, group, field, value)
        ), (group, field)


def test_a_user_is_found_by_name_and_by_nothing_in_the_logs(deployed: Deployed) -> None:
    callers = deployed.callers
    claims = claims_of(callers.user_token)
    by_name = hash_of(callers, deployed.outputs, str(claims["cognito:username"]))
    assert by_name == hash_of(callers, deployed.outputs, f"user:{claims['sub']}")
    for name, line in lines(deployed):
        assert claims["sub"] not in line, name
        assert claims["cognito:username"] not in line, name
