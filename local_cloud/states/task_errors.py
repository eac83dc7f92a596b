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
from local_cloud.states import failures, parser

_DENIED = ("AccessDenied", "AccessDeniedException")
_NO_QUEUE = ".NonExistentQueue"  # SQS's older code of QueueDoesNotExist

# The general error of a service, and the name of the service in the cause.
_NAMES = {
    parser.StateTaskServiceDynamoDB: ("DynamoDB.AmazonDynamoDBException", "AmazonDynamoDBv2"),
    parser.StateTaskServiceSfn: ("StepFunctions.AWSStepFunctionsException", "AWSStepFunctions"),
    parser.StateTaskServiceSqs: ("SQS.AmazonSQSException", "AmazonSQS"),
}


class TaskError(Exception):
    """A failure of a task, with its name."""

    def __init__(self, name: str, cause: str) -> None:
        super().__init__(cause)
        self.name = name


def task_failed(task: Any, env: Any, error: str, cause: str) -> Any:
    """Return the failure of a task that calls a service."""
    resource, resource_type = task._get_sfn_resource(), task._get_sfn_resource_type()
    kind = HistoryEventType.TaskFailed
    return failures.failure_event(env, error, cause, kind, resource=resource, resourceType=resource_type)


@extends(failures, "_named")
def _named(original: Callable[..., Any], task: Any, env: Any, error: Exception) -> Any:
    """Name the errors of tasks that moto names otherwise."""
    failure = _failure(task, env, error)
    if failure is None:
        return original(task, env, error)
    return parser.FailureEventException(failure_event=failure)


def _failure(task: Any, env: Any, error: Any) -> Any:
    match task, error:
        case parser.StateTaskActivity(), ActivityDoesNotExist():
            cause = f"The activity {task.resource.resource_arn} does not exist."
            return failures.runtime_error(env, cause).failure_event  # type: ignore[attr-defined]
        case parser.StateTaskLambda(), ClientError():
            name, cause = parser.StateTaskServiceLambda._error_cause_from_client_error(error)
            return failures.failure_event(env, name, cause, HistoryEventType.LambdaFunctionFailed)
        case parser.StateTaskServiceEvents(), SfnFailedEntryCountException():
            return task_failed(task, env, "EventBridge.FailedEntry", to_json_str(error.cause))
        case _, TaskError():
            return task_failed(task, env, error.name, str(error))
        case parser.StateTaskServiceAwsSdk(), ClientError() if task.resource.api_name.lower() == "s3":
            # S3 sends a second request ID with every answer, and moto does not.
            metadata = error.response["ResponseMetadata"]
            metadata.setdefault("HostId", metadata["RequestId"])
        case _, ClientError() if type(task) in _NAMES:
            return _unnamed(task, env, error)
    return None


def _unnamed(task: Any, env: Any, error: Any) -> Any:
    """Return the failure for an error that has no class in AWS's SDK; None for others."""
    code, metadata = error.response["Error"]["Code"], error.response["ResponseMetadata"]
    shapes = service_model(boto3_name(task.resource.api_name)).error_shapes
    has_class = code.endswith(_NO_QUEUE) or any(code in (shape.name, shape.error_code) for shape in shapes)
    if code not in _DENIED and has_class:
        return None
    name, service = _NAMES[type(task)]
    cause = (
        f"{error.response['Error']['Message']} (Service: {service}; Status Code: {metadata['HTTPStatusCode']}; "
        f"Error Code: {code}; Request ID: {metadata.get('RequestId')}; Proxy: null)"
    )
    return task_failed(task, env, name, cause)


@extends(parser.StateTaskServiceLambda, "_error_cause_from_client_error")
def _lambda_error(original: Callable[[Any], tuple[str, str]], client_error: Any) -> tuple[str, str]:
    error, cause = original(client_error)
    denied = client_error.response["Error"]["Code"] in _DENIED
    return ("Lambda.AWSLambdaException" if denied else error), cause


@replaces(parser.StateTaskServiceAwsSdk, "_normalise_service_error_name")
def service_name(service: str) -> str:
    """Return the name of a service's client in AWS's SDK for Java, such as `DynamoDb`."""
    model = service_model(boto3_name(service.lower()))
    name = service[:1].upper() + service[1:] if model is None else model.metadata["serviceId"]
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|(?=v\d$)", " ", name.replace("IoT", "Iot")).split()
    return "".join(word[:1].upper() + (word[1:].lower() if word.isupper() else word[1:]) for word in words)
