"""Calls of Lambda functions by tasks: through moto's Lambda backend in this process, which runs them in their workers.

moto goes by HTTP to its own port for that. What the caller sees is the same: Lambda's errors become boto3's
`ClientError`, from which the interpreter makes `Lambda.TooManyRequestsException` and the like.
"""

from __future__ import annotations

import json
from threading import local
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from local_cloud.functions.errors import FunctionServiceError
from local_cloud.states.clients import remember_answer
from local_cloud.states.roles import ROLES

_task = local()
"""`trace_header`: the X-Ray trace header of the task that runs on this thread."""


def trace_with(header: str) -> None:
    """Pass on an X-Ray trace header with the invocations that this thread makes from now on."""
    _task.trace_header = header


def invoke(parameters: dict[str, Any], region: str, state_credentials: Any) -> dict[str, Any]:
    """Invoke a function and return what boto3 would, its payload read."""
    from moto.awslambda.models import lambda_backends

    name = str(parameters.get("FunctionName", ""))
    account = name.split(":")[4] if name.startswith("arn:") else state_credentials.role_arn.split(":")[4]
    region = name.split(":")[3] if name.startswith("arn:") else region
    kind = parameters.get("InvocationType", "RequestResponse")
    ROLES.require_invocation(
        state_credentials.role_arn, _qualified(name, account, region, parameters), region
    )
    headers = {"X-Amz-Invocation-Type": kind}
    for member, header in (("ClientContext", "X-Amz-Client-Context"), ("LogType", "X-Amz-Log-Type")):
        if member in parameters:
            headers[header] = parameters[member]
    if trace_header := getattr(_task, "trace_header", ""):
        headers["X-Amzn-Trace-Id"] = trace_header
    answered: dict[str, str] = {}
    try:
        payload = lambda_backends[account][region].invoke(
            name, parameters.get("Qualifier"), parameters.get("Payload") or b"{}", headers, answered
        )
    except Exception as error:
        raise _client_error(error) from error
    answer = {
        "ExecutedVersion": answered.get("x-amz-executed-version", "$LATEST"),
        "Payload": _parsed(payload),
        "StatusCode": {"Event": 202, "DryRun": 204}.get(kind, 200),
    }
    remember_answer(
        answer["StatusCode"],
        {
            "Content-Type": "application/json",
            "X-Amz-Executed-Version": answer["ExecutedVersion"],
            "x-amzn-RequestId": str(uuid4()),
        },
    )
    for member, header in (("FunctionError", "x-amz-function-error"), ("LogResult", "x-amz-log-result")):
        if header in answered:
            answer[member] = answered[header]
    return answer


def _qualified(name: str, account: str, region: str, parameters: dict[str, Any]) -> str:
    """Return the ARN of what is invoked, with its version or alias if it has one."""
    arn = name
    if not name.startswith("arn:"):
        arn = f"arn:aws:lambda:{region}:{account}:function:{name.rpartition('function:')[2]}"
    qualifier = parameters.get("Qualifier")
    return f"{arn}:{qualifier}" if qualifier and arn.count(":") == 6 else arn


def _client_error(error: Exception) -> Exception:
    """Return moto's or the executor's refusal as boto3 would raise it; anything else as it is."""
    refusal = error.__cause__ if isinstance(error.__cause__, FunctionServiceError) else error
    if isinstance(refusal, FunctionServiceError):
        code, message, status = refusal.code, refusal.message, refusal.status
    elif hasattr(error, "error_type"):
        code, message, status = error.error_type, str(getattr(error, "message", error)), 404
    else:
        return error
    metadata = {"HTTPStatusCode": status, "RequestId": "00000000-0000-0000-0000-000000000000"}
    refused: Exception = ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata}, "Invoke"
    )
    return refused


def _parsed(payload: bytes) -> Any:
    text = payload.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except ValueError:
        return text
