"""Permissions of functions: whether a method of an API may invoke one.

The policy is read from moto's Lambda backend at each request, so that a permission that Terraform adds or removes takes
effect at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from local_cloud.gateway.definition import ApiDefinition, Method
from local_cloud.iam.documents import Statement
from local_cloud.iam.resource_policies import allows_service

PolicyReader = Callable[[str], Iterable[Statement]]
"""Returns the statements of the policy of a function, by its ARN."""

_PARAMETER = re.compile(r"\{[^}]*\}")


def source_arn(api: ApiDefinition, stage: str, http_method: str, method: Method) -> str:
    """Return the ARN that a request comes from: parameters of the path stand as `*`."""
    path = _PARAMETER.sub("*", method.resource_path)
    return f"arn:aws:execute-api:{api.region}:{api.account_id}:{api.api_id}/{stage}/{http_method}{path}"


class InvokePermissions:
    """Rights of API Gateway to invoke functions; a decision is kept for as long as the policy is the same.

    Args:
        read_policy: Returns the statements of a function's policy.
    """

    def __init__(self, read_policy: PolicyReader) -> None:
        self._read_policy = read_policy
        self._decisions: dict[tuple[str, str], tuple[list[Statement], bool]] = {}

    def allow(self, function_arn: str, *, source: str, account_id: str) -> bool:
        """Return whether API Gateway may invoke a function for a source of an account."""
        statements = list(self._read_policy(function_arn))
        policy, allowed = self._decisions.get((function_arn, source), (None, False))
        if policy != statements:
            allowed = allows_service(
                statements,
                service="apigateway.amazonaws.com",
                action="lambda:InvokeFunction",
                resource=function_arn,
                source=source,
                account_id=account_id,
            )
            self._decisions[function_arn, source] = (statements, allowed)
        return allowed
