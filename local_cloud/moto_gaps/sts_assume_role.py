"""The session policies and the duration of AssumeRole.

moto 5.2.5 ignores `PolicyArns`, so that a session could do more than on AWS, and accepts any text as the session policy
and any number as the duration. Here the managed policies join the inline one: a session may do what one of them allows.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from moto.sts.exceptions import STSClientError
from moto.sts.responses import TokenResponse

from local_cloud.iam.documents import Policy, statements_of
from local_cloud.iam.policies import managed_policy
from local_cloud.patches import extends
from local_cloud.service_models import faults_of, service_model, validation_message

_LONGEST_POLICY_CHARACTERS = 2048
_LONGEST_CHAINED_SECONDS = 60 * 60


@extends(TokenResponse)
def _assume_role(original: Callable[[Any], Any], response: Any) -> Any:
    given = response._get_param
    _check_duration(response._get_int_param("DurationSeconds", 3600), response.get_access_key())
    account_id = given("RoleArn").split(":")[4]
    managed = [managed_policy(entry["arn"], account_id=account_id) for entry in given("PolicyArns") or ()]
    policy = _session_policy(given("Policy"), managed)
    result = original(response)
    result.result["Credentials"].policy = policy
    return result


def _check_duration(seconds: int, access_key: str) -> None:
    shape = service_model("sts").shape_for("roleDurationSecondsType")
    if faults := list(faults_of(seconds, shape, "durationSeconds")):
        raise _error("ValidationError", validation_message(faults))
    if access_key.startswith("ASIA") and seconds > _LONGEST_CHAINED_SECONDS:
        raise _error(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        )


def _session_policy(inline: str | None, managed: list[Policy]) -> str | None:
    """Return the policy that limits a session, as JSON; None for no limit."""
    if not inline and not managed:
        return None
    policies = [*([_inline_policy(inline)] if inline else []), *managed]
    statements = [statement for policy in policies for statement in statements_of(policy)]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _inline_policy(document: str) -> Policy:
    if len(document) > _LONGEST_POLICY_CHARACTERS:
        raise _error(
            "ValidationError",
            f"1 validation error detected: Value '{document}' at 'policy' failed to satisfy constraint: Member must have "
            f"length less than or equal to {_LONGEST_POLICY_CHARACTERS}",
        )
    try:
        policy = json.loads(document)
    except ValueError:
        raise _error("MalformedPolicyDocument", "This policy contains invalid Json") from None
    if not isinstance(policy, dict) or not policy.get("Statement"):
        raise _error("MalformedPolicyDocument", "Syntax errors in policy.")
    return policy


def _error(code: str, message: str) -> Exception:
    error: Exception = STSClientError(code, message)
    return error
