"""The resource policies of a function's versions and aliases, which AWS keeps apart.

moto 5.2.5 shares one policy between a function, its versions and its aliases. GetPolicy for an alias shows the statements
of all. RemovePermission removes the first statement with the id, for any qualifier, and an id may be used twice.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from moto.awslambda.exceptions import GenericResourcNotFound, LambdaClientError, UnknownPolicyException
from moto.awslambda.models import LambdaBackend
from moto.awslambda.responses import LambdaResponse

from local_cloud.patches import checks, replaces


@checks(LambdaBackend, "add_permission")
def _check_id(backend: Any, function_name: str, qualifier: str | None, raw: str) -> None:
    policy = backend.get_function(function_name, qualifier).policy
    sid = json.loads(raw).get("StatementId")
    if any(statement.get("Sid") == sid for statement in _statements(policy, qualifier)):
        error = LambdaClientError(
            "ResourceConflictException",
            f"The statement id ({sid}) provided already exists. Please provide a new statement id.",
        )
        error.code = 409
        raise error


@replaces(LambdaBackend)
def _get_policy(backend: Any, function_name: str, qualifier: str | None = None) -> str:
    policy = backend.get_function(function_name, qualifier).policy
    statements = _statements(policy, qualifier)
    if not statements:
        raise GenericResourcNotFound
    document = {"Version": "2012-10-17", "Id": "default", "Statement": statements}
    return json.dumps({"Policy": json.dumps(document), "RevisionId": policy.revision})


@replaces(LambdaResponse)
def _remove_permission(response: Any) -> tuple[int, dict[str, int], str]:
    *_, name, _, sid = (unquote(part) for part in response.path.split("/"))
    qualifier = response.querystring.get("Qualifier", [None])[0]
    policy = response.backend.get_function(name, qualifier).policy
    for statement in _statements(policy, qualifier):
        if statement.get("Sid") == sid:
            policy.statements.remove(statement)
            return 204, {"status": 204}, ""
    raise UnknownPolicyException


def _statements(policy: Any, qualifier: str | None) -> list[dict[str, Any]]:
    """Return the statements whose resource has this qualifier, or none when there is none."""
    wanted = qualifier if qualifier and qualifier != "$LATEST" else None
    return [
        statement for statement in policy.statements if _qualifier(statement.get("Resource", "")) == wanted
    ]


def _qualifier(arn: str) -> str | None:
    parts = arn.split(":")
    return parts[7] if len(parts) > 7 else None
