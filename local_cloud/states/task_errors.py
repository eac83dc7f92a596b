"""Errors of tasks: their names and causes.

Written against moto 5.2.5. Access that is denied is an error that the models of most services do not have. On AWS an
optimised integration then fails with the service's general error, such as `Lambda.AWSLambdaException`, and the cause names
the missing permission; moto makes names such as `StepFunctions.AccessDeniedExceptionException`. The names for Lambda and
DynamoDB are those that AWS is known to give, the others follow their pattern. moto also calls every refusal of Lambda
`Exception` where a function's ARN is the resource, and gives the cause of `EventBridge.FailedEntry` as a Python dictionary.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError
from moto.stepfunctions.exceptions import ActivityDoesNotExist
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_events import (
    SfnFailedEntryCountException,
)
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

from local_cloud.patches import extends, replaces
from local_cloud.service_models import boto3_name, service_model
from local_cloud.states import parser
from local_cloud.states.failures import failure_event, runtime_error

_DENIED = ("AccessDenied", "AccessDeniedException")
_NO_QUEUE = ".NonExistentQueue"  # SQS's older code of QueueDoesNotExist

# The general error of a service, and the name of the service in the cause.
_NAMES = {
    parser.StateTaskServiceDynamoDB: ("DynamoDB.AmazonDynamoDBException", "AmazonDynamoDBv2"),
    parser.StateTaskServiceSfn: ("StepFunctions.AWSStepFunctionsException", "AWSStepFunctions"),
    parser.StateTaskServiceSqs: ("SQS.AmazonSQSException", "AmazonSQS"),
}


class ServiceNotHereError(Exception):
    """A task calls a service that the local cloud does not have."""


def task_failed(task: Any, env: Any, error: str, cause: str) -> Any:
    """Return the failure of a task that calls a service."""
    resource, resource_type = task._get_sfn_resource(), task._get_sfn_resource_type()
    kind = HistoryEventType.TaskFailed
    return failure_event(env, error, cause, kind, resource=resource, resourceType=resource_type)


_Failure = Callable[[Any, Any, Any], Any]


def _failure_of(kind: type[Exception], owner: Any) -> Callable[[_Failure], _Failure]:
    """Let a function return the failure of a task for one kind of error; for None, moto's method does."""

    def install(failure: _Failure) -> _Failure:
        def from_error(original: Any, task: Any, env: Any, ex: Exception) -> Any:
            found = failure(task, env, ex) if isinstance(ex, kind) else None
            return original(task, env, ex) if found is None else found

        extends(owner, "_from_error")(from_error)
        return failure

    return install


def _unnamed(task: Any, env: Any, ex: Any) -> Any:
    code = ex.response["Error"]["Code"]
    shapes = service_model(boto3_name(task.resource.api_name)).error_shapes
    has_class = code.endswith(_NO_QUEUE) or any(code in (shape.name, shape.error_code) for shape in shapes)
    if code not in _DENIED and has_class:
        return None
    error, service = _NAMES[type(task)]
    metadata = ex.response["ResponseMetadata"]
    cause = (
        f"{ex.response['Error']['Message']} (Service: {service}; Status Code: {metadata['HTTPStatusCode']}; "
        f"Error Code: {code}; Request ID: {metadata.get('RequestId')}; Proxy: null)"
    )
    return task_failed(task, env, error, cause)


for _task in _NAMES:
    _failure_of(ClientError, _task)(_unnamed)


@extends(parser.StateTaskServiceLambda, "_error_cause_from_client_error")
def _lambda_error(original: Callable[[Any], tuple[str, str]], client_error: Any) -> tuple[str, str]:
    error, cause = original(client_error)
    denied = client_error.response["Error"]["Code"] in _DENIED
    return ("Lambda.AWSLambdaException" if denied else error), cause


@_failure_of(ClientError, parser.StateTaskLambda)
def _function_refused(_task: Any, env: Any, ex: Any) -> Any:
    error, cause = parser.StateTaskServiceLambda._error_cause_from_client_error(ex)
    return failure_event(env, error, cause, HistoryEventType.LambdaFunctionFailed)


@_failure_of(ServiceNotHereError, parser.StateTaskServiceUnsupported)
def _service_not_here(task: Any, env: Any, ex: Exception) -> Any:
    """Let a service that is not here look like one without permission, so that a fallback can be tried out."""
    return task_failed(task, env, f"{_service_name(task.resource.api_name)}.AccessDeniedException", str(ex))


@_failure_of(ActivityDoesNotExist, parser.StateTaskActivity)
def _no_activity(task: Any, env: Any, _ex: Exception) -> Any:
    cause = f"The activity {task.resource.resource_arn} does not exist."
    return runtime_error(env, cause).failure_event  # type: ignore[attr-defined]


@_failure_of(SfnFailedEntryCountException, parser.StateTaskServiceEvents)
def _entry_failed(task: Any, env: Any, ex: Any) -> Any:
    return task_failed(task, env, "EventBridge.FailedEntry", to_json_str(ex.cause))


@_failure_of(ClientError, parser.StateTaskServiceAwsSdk)
def _with_extended_request_id(task: Any, _env: Any, ex: Any) -> None:
    """Give an error of S3 the second request ID, which S3 sends with every answer and moto does not."""
    if task.resource.api_name.lower() == "s3":
        metadata = ex.response["ResponseMetadata"]
        metadata.setdefault("HostId", metadata["RequestId"])


@replaces(parser.StateTaskServiceAwsSdk, "_normalise_service_error_name")
def _service_name(service: str) -> str:
    """Return the name of a service's client in AWS's SDK for Java, such as `DynamoDb`."""
    model = service_model(boto3_name(service.lower()))
    name = service[:1].upper() + service[1:] if model is None else model.metadata["serviceId"]
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|(?=v\d$)", " ", name.replace("IoT", "Iot")).split()
    return "".join(word[:1].upper() + (word[1:].lower() if word.isupper() else word[1:]) for word in words)
