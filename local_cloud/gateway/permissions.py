"""Permissions of functions: whether a method of an API may invoke one.

The policy is read from moto's Lambda backend at each request, so that a permission that Terraform adds or removes takes
effect at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from local_cloud.gateway.definition import ApiDefinition, Method
from local_cloud.iam.resource_policies import allows_service

_PARAMETER = re.compile(r"\{[^}]*\}")


def source_arn(api: ApiDefinition, stage: str, http_method: str, method: Method) -> str:
    """Return the ARN that a request comes from: parameters of the path stand as `*`."""
    path = _PARAMETER.sub("*", method.resource_path)
    return f"arn:aws:execute-api:{api.region}:{api.account_id}:{api.api_id}/{stage}/{http_method}{path}"


def may_invoke(
    statements: Iterable[Mapping[str, Any]], *, function_arn: str, source: str, account_id: str
) -> bool:
    """Return whether a policy allows API Gateway to invoke a function."""
    return allows_service(
        statements,
        service="apigateway.amazonaws.com",
        action="lambda:InvokeFunction",
        resource=function_arn,
        source=source,
        account_id=account_id,
    )
